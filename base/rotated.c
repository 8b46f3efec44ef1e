#include "base/rotated.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
open_file(struct rotated *r)
{
    struct stat state;
    int fd = open(r->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    r->fd = fd;
    r->size = fstat(fd, &state) == 0 ? (uint64_t)state.st_size : 0;
    return true;
}

enum err
rotated_open(
    struct rotated *r, const char *path, uint64_t size_max, struct fault *fault)
{
    *r = (struct rotated){ .fd = -1, .size_max = size_max };
    snprintf(r->path, sizeof r->path, "%s", path);
    if (!open_file(r))
        return fault_set(fault, ERR_IO, "%.250s: %s", r->path, strerror(errno));
    return ERR_NONE;
}

/* The file may be gone: somebody took it away, or it was renamed before and no new one
 * could be opened. */
static bool
turn(struct rotated *r)
{
    char older[FOLDER_PATH_MAX + 8];
    int full = r->fd;
    snprintf(older, sizeof older, "%s.1", r->path);
    if ((rename(r->path, older) != 0 && errno != ENOENT) || !open_file(r))
        return false;
    close(full);
    return true;
}

bool
rotated_append(struct rotated *r, struct bytes in)
{
    bool turned = r->size + in.size > r->size_max && turn(r);
    ssize_t written = write(r->fd, in.data, in.size);
    if (written > 0)
        r->size += (uint64_t)written;
    return turned;
}
