#include "base/epoch.h"

#include "base/clock.h"
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

static enum err
failed(const char *path, struct fault *fault)
{
    return fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
        strerror(errno));
}

enum err
epoch_next(const char *data, const char *process, uint64_t *epoch, struct fault *fault)
{
    char path[PATH_SIZE];
    uint64_t last = 0, next = clock_unix_ms() * 1000;

    snprintf(path, sizeof path, "%s/epoch", data);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return failed(path, fault);
    snprintf(path, sizeof path, "%s/epoch/%s", data, process);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(path, fault);
    bool is_new = pread(fd, &last, sizeof last, 0) != sizeof last;
    if (!is_new && last >= next)
        next = last + 1;
    enum err err = ERR_NONE;
    if (pwrite(fd, &next, sizeof next, 0) != sizeof next || fdatasync(fd) < 0)
        err = failed(path, fault);
    close(fd);
    snprintf(path, sizeof path, "%s/epoch", data);
    if (err == ERR_NONE && is_new)
        err = folder_sync(path, fault);
    *epoch = next;
    return err;
}
