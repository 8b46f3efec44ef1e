/* Which file of a project is its manifest. */
#include "actors/keeper/manifest.h"
#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = { "capstan.worker.yaml", "iii.worker.yaml" };

enum { PATH_SIZE = 4096 + 32 };

static bool
is_there(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* A pipe or device in the place of the file must not hold us. */
static enum err
read_file(const char *path, struct buffer *in, struct fault *fault)
{
    struct stat state;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &state) != 0) {
        fault_set(fault, ERR_IO, "%.250s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    ssize_t size = S_ISREG(state.st_mode) ? read(fd,
                       buffer_reserve(in, MANIFEST_TEXT_MAX + 1), MANIFEST_TEXT_MAX + 1)
                                          : -1;
    close(fd);
    if (size < 0)
        return fault_set(fault, ERR_IO, "%.250s: expected a file", path);
    in->size = (size_t)size;
    return ERR_NONE;
}

enum err
manifest_find(
    const char *folder, struct arena *arena, struct manifest *out, struct fault *fault)
{
    char path[PATH_SIZE];
    struct buffer in = { 0 };
    struct fault inner = { 0 };
    bool ours = is_there(folder, names[0]), theirs = is_there(folder, names[1]);
    if (ours && theirs)
        return fault_set(fault, ERR_CONFLICT,
            "%.200s: both %s and %s are there: expected one", folder, names[0],
            names[1]);
    if (!ours && !theirs)
        return fault_set(fault, ERR_NOT_FOUND,
            "%.200s: no worker project: expected %s or %s in it", folder, names[0],
            names[1]);
    snprintf(path, sizeof path, "%s/%s", folder, names[ours ? 0 : 1]);
    enum err e = read_file(path, &in, fault);
    if (e == ERR_NONE) {
        e = manifest_read(buffer_bytes(&in), arena, out, &inner);
        if (e != ERR_NONE)
            fault_set(fault, e, "%.150s: %.240s", path, inner.detail);
    }
    buffer_free(&in);
    return e;
}
