#include "tests/power/trace.h"

#include "tests/power/calls.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { HIGH_FD = 700, SMALL = 64, LINE_MAX_BYTES = 2 * PATH_MAX + 256 };

static int fd = -1;
static char grave[PATH_MAX];

void
trace_open(const char *folder)
{
    char path[PATH_MAX + 8];
    if (folder == NULL)
        return;
    snprintf(path, sizeof path, "%s/trace", folder);
    int low = calls()->open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (low < 0)
        return;
    /* Out of the way of the numbers that the supervisor gives. */
    fd = fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
    close(low);
    snprintf(grave, sizeof grave, "%s/grave", folder);
}

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (fd < 0)
        return;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size > 0 && size < (int)sizeof line)
        (void)!calls()->write(fd, line, (size_t)size);
}

void
trace_created(const char *path, int created)
{
    struct stat state = { 0 };
    if (created >= 0 && fstat(created, &state) != 0)
        return;
    note("create %s %lu\n", path, (unsigned long)state.st_ino);
}

/* A second name keeps it, and keeps its number from being given again. */
static bool
bury(const char *path)
{
    struct stat found;
    char kept[PATH_MAX + 32];
    if (fd < 0 || lstat(path, &found) != 0 || !S_ISREG(found.st_mode))
        return false;
    snprintf(kept, sizeof kept, "%s/%lu", grave, (unsigned long)found.st_ino);
    (void)!link(path, kept);
    return true;
}

void
trace_renaming(const char *from, const char *to)
{
    bury(to);
    note("rename %s\t%s\n", from, to);
}

void
trace_unlinking(const char *path)
{
    if (bury(path))
        note("unlink %s\n", path);
}

void
trace_syncing(int synced, struct trace_sync *sync)
{
    struct stat state = { 0 }, trace = { 0 };
    uint8_t bytes[SMALL];
    *sync = (struct trace_sync){ 0 };
    if (fd < 0 || fstat(synced, &state) != 0 || fstat(fd, &trace) != 0)
        return;
    sync->size = state.st_size;
    sync->at = trace.st_size;
    if (!S_ISREG(state.st_mode) || state.st_size > SMALL)
        return;
    ssize_t got = pread(synced, bytes, sizeof bytes, 0);
    for (ssize_t i = 0; i < got; i++)
        snprintf(sync->small + 2 * i, 3, "%02x", bytes[i]);
}

void
trace_synced(int synced, const char *path, const struct trace_sync *sync)
{
    struct stat state;
    if (fd < 0 || fstat(synced, &state) != 0)
        return;
    if (S_ISDIR(state.st_mode))
        note("folder %lld %s\n", (long long)sync->at, path);
    else if (S_ISREG(state.st_mode))
        note("file %lu %lld %s\n", (unsigned long)state.st_ino, (long long)sync->size,
            sync->small);
}
