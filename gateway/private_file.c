#include "gateway/private_file.h"

#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
write_through(const char *path, unsigned mode, struct bytes content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return false;
    bool right = fchmod(fd, (mode_t)mode) == 0
                 && write(fd, content.data, content.size) == (ssize_t)content.size
                 && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return right;
}

enum err
private_file_write(const char *data, const char *name, unsigned mode,
    struct bytes content, struct fault *fault)
{
    char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 32], fresh[sizeof path + 8];
    folder_path(data, "gateway", folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (!write_through(fresh, mode, content) || rename(fresh, path) != 0) {
        enum err err = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
        return fault_set(fault, err, "cannot write %s: %s", path, strerror(errno));
    }
    return folder_sync(folder, fault);
}
