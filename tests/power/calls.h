/* calls - the C library's own functions, past the shim that stands before them. */
#ifndef TESTS_POWER_CALLS_H
#define TESTS_POWER_CALLS_H
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct calls {
    int (*open)(const char *path, int flags, ...);
    int (*openat)(int folder, const char *path, int flags, ...);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*posix_fallocate)(int fd, off_t offset, off_t size);
    int (*fallocate)(int fd, int mode, off_t offset, off_t size);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    ssize_t (*pwrite)(int fd, const void *bytes, size_t size, off_t offset);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    ssize_t (*send)(int fd, const void *bytes, size_t size, int flags);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    int (*clock_gettime)(clockid_t clock, struct timespec *now);
    ssize_t (*recv)(int fd, void *bytes, size_t size, int flags);
};

const struct calls *calls(void);
#endif
