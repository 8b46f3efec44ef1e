/* shim.c - stands between a process of the engine and the C library (LD_PRELOAD): it
 * strikes where the plan says, notes what is durable, and tells another wall time.
 *
 *   POWER_PLAN    file of struct plan; none: nothing is struck
 *   POWER_FOLDER  folder of the trace; none: nothing is noted
 *   POWER_DATA    the engine's data folder, absolute: only its files are meant
 */
#include "tests/power/calls.h"
#include "tests/power/plan.h"
#include "tests/power/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

static struct calls real;
static char data[PATH_MAX];

static void *
next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

/* Found when first needed: libraries open files before our constructor runs. */
const struct calls *
calls(void)
{
    if (real.recv != NULL)
        return &real;
    *(void **)&real.open = next("open");
    *(void **)&real.openat = next("openat");
    *(void **)&real.mkdir = next("mkdir");
    *(void **)&real.rename = next("rename");
    *(void **)&real.unlink = next("unlink");
    *(void **)&real.posix_fallocate = next("posix_fallocate");
    *(void **)&real.fallocate = next("fallocate");
    *(void **)&real.write = next("write");
    *(void **)&real.pwrite = next("pwrite");
    *(void **)&real.fsync = next("fsync");
    *(void **)&real.fdatasync = next("fdatasync");
    *(void **)&real.send = next("send");
    *(void **)&real.sendmsg = next("sendmsg");
    *(void **)&real.clock_gettime = next("clock_gettime");
    *(void **)&real.recv = next("recv");
    return &real;
}

__attribute__((constructor)) static void
begin(int argc, char **argv)
{
    char name[64];
    const char *folder = getenv("POWER_DATA"), *plan = getenv("POWER_PLAN");
    const char *program = argc > 0 ? strrchr(argv[0], '/') : NULL;
    program = program != NULL ? program + 1 : "";
    if (strcmp(program, "capstand") == 0 || argc < 2)
        snprintf(name, sizeof name, "%s", program);
    else
        snprintf(name, sizeof name, "%s.%s", program, argv[1]);
    snprintf(data, sizeof data, "%s/", folder != NULL ? folder : "");
    trace_open(getenv("POWER_FOLDER"));
    if (plan != NULL)
        plan_open(plan, name);
}

/* ---- which point is it? ---- */

static const char *
below_data(const char *path)
{
    size_t size = strlen(data);
    if (size > 1 && strncmp(path, data, size) == 0)
        return path + size;
    return size > 1 && strncmp(path, data, size - 1) == 0 && path[size - 1] == '\0'
               ? path + size - 1
               : NULL;
}

static bool
begins(const char *path, const char *with)
{
    return strncmp(path, with, strlen(with)) == 0;
}

static bool
ends(const char *path, const char *with)
{
    size_t size = strlen(path), tail = strlen(with);
    return size >= tail && strcmp(path + size - tail, with) == 0;
}

/* What is kept for ever, and of no journal's view. */
static bool
lasts(const char *path)
{
    const char *below = below_data(path);
    return below != NULL && !begins(below, "run/") && !begins(below, "log/")
           && strstr(below, ".view-") == NULL;
}

static bool
path_of(int fd, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0 || path[0] != '/')
        return false;
    path[size] = '\0';
    return true;
}

static enum point
point_of_write(const char *path)
{
    const char *below = below_data(path);
    if (below == NULL)
        return POINT_COUNT;
    if (!lasts(path))
        return POINT_scratch;
    if (!begins(below, "journal/"))
        return POINT_state;
    if (ends(path, "/mark"))
        return POINT_mark;
    return ends(path, ".log") ? POINT_append : POINT_table;
}

static enum point
point_of_sync(const char *path)
{
    switch (point_of_write(path)) {
    case POINT_append: return POINT_sync;
    case POINT_table:
    case POINT_mark: return POINT_table_sync;
    case POINT_state: return POINT_state_sync;
    default: return POINT_COUNT;
    }
}

static enum point
point_of_file(int fd, char path[PATH_MAX])
{
    struct stat state;
    if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode) || !path_of(fd, path))
        return POINT_COUNT;
    return point_of_write(path);
}

static enum point
point_of_socket(int fd, enum point inner, enum point outer)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return POINT_COUNT;
    return name.ss_family == AF_UNIX ? inner : outer;
}

static void
after(enum verdict verdict)
{
    if (verdict == VERDICT_CALL_AND_DIE)
        plan_die();
}

/* ---- names ---- */

static int
make_file(int folder, const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) == 0 || below_data(path) == NULL
        || faccessat(folder, path, F_OK, 0) == 0)
        return calls()->openat(folder, path, flags, mode);
    enum verdict verdict = plan_ask(POINT_create);
    if (verdict == VERDICT_FAIL)
        return -1;
    int fd = calls()->openat(folder, path, flags, mode);
    if (fd >= 0 && lasts(path))
        trace_created(path, fd);
    after(verdict);
    return fd;
}

#define MODE_OF(flags)                                                                 \
    mode_t mode = 0;                                                                   \
    va_list args;                                                                      \
    va_start(args, flags);                                                             \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0)                                        \
        mode = va_arg(args, mode_t);                                                   \
    va_end(args)

int
open(const char *path, int flags, ...)
{
    MODE_OF(flags);
    return make_file(AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    MODE_OF(flags);
    return make_file(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int
mkdir(const char *path, mode_t mode)
{
    bool meant = below_data(path) != NULL && access(path, F_OK) != 0;
    enum verdict verdict = plan_ask(meant ? POINT_create : POINT_COUNT);
    if (verdict == VERDICT_FAIL)
        return -1;
    int result = calls()->mkdir(path, mode);
    if (meant && result == 0 && lasts(path))
        trace_created(path, -1);
    after(verdict);
    return result;
}

int
rename(const char *from, const char *to)
{
    enum verdict verdict = plan_ask(lasts(to) ? POINT_rename : POINT_COUNT);
    if (verdict == VERDICT_FAIL)
        return -1;
    if (lasts(to))
        trace_renaming(from, to);
    int result = calls()->rename(from, to);
    after(verdict);
    return result;
}

int
unlink(const char *path)
{
    enum verdict verdict = plan_ask(lasts(path) ? POINT_unlink : POINT_COUNT);
    if (verdict == VERDICT_FAIL)
        return -1;
    if (lasts(path))
        trace_unlinking(path);
    int result = calls()->unlink(path);
    after(verdict);
    return result;
}

/* ---- bytes ---- */

/* Room that was promised is never missing later, so it is as good as a new file. */
int
posix_fallocate(int fd, off_t offset, off_t size)
{
    char path[PATH_MAX];
    bool meant = point_of_file(fd, path) != POINT_COUNT;
    if (plan_ask(meant ? POINT_create : POINT_COUNT) == VERDICT_FAIL)
        return errno;
    return calls()->posix_fallocate(fd, offset, size);
}

int
fallocate(int fd, int mode, off_t offset, off_t size)
{
    char path[PATH_MAX];
    bool meant = point_of_file(fd, path) != POINT_COUNT;
    if (plan_ask(meant ? POINT_create : POINT_COUNT) == VERDICT_FAIL)
        return -1;
    return calls()->fallocate(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off_t offset, off_t size);

int
fallocate64(int fd, int mode, off_t offset, off_t size)
{
    return fallocate(fd, mode, offset, size);
}

/* A device that fills up takes a part of the bytes. */
static ssize_t
write_a_part(int fd, const void *bytes, size_t size)
{
    int why = errno;
    if (why == ENOSPC && size > 1)
        (void)!calls()->write(fd, bytes, size / 2);
    errno = why;
    return -1;
}

ssize_t
write(int fd, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    enum verdict verdict = plan_ask(point_of_file(fd, path));
    if (verdict == VERDICT_FAIL)
        return write_a_part(fd, bytes, size);
    if (verdict == VERDICT_DROP)
        return (ssize_t)size;
    ssize_t result = calls()->write(fd, bytes, size);
    after(verdict);
    return result;
}

ssize_t
pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    char path[PATH_MAX];
    enum verdict verdict = plan_ask(point_of_file(fd, path));
    if (verdict == VERDICT_FAIL)
        return -1;
    if (verdict == VERDICT_DROP)
        return (ssize_t)size;
    ssize_t result = calls()->pwrite(fd, bytes, size, offset);
    after(verdict);
    return result;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset);

ssize_t
pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite(fd, bytes, size, offset);
}

static int
sync_file(int fd, int (*call)(int fd))
{
    char path[PATH_MAX];
    enum point point = path_of(fd, path) ? point_of_sync(path) : POINT_COUNT;
    enum verdict verdict = plan_ask(point);
    struct trace_sync sync;
    if (verdict == VERDICT_FAIL)
        return -1;
    if (verdict == VERDICT_DROP)
        return 0;
    trace_syncing(fd, &sync);
    int result = call(fd);
    if (result == 0 && point != POINT_COUNT)
        trace_synced(fd, path, &sync);
    after(verdict);
    return result;
}

int
fsync(int fd)
{
    return sync_file(fd, calls()->fsync);
}

int
fdatasync(int fd)
{
    return sync_file(fd, calls()->fdatasync);
}

/* ---- messages ---- */

ssize_t
send(int fd, const void *bytes, size_t size, int flags)
{
    enum verdict verdict = plan_ask(point_of_socket(fd, POINT_send, POINT_send_out));
    if (verdict == VERDICT_FAIL)
        return -1;
    ssize_t result = calls()->send(fd, bytes, size, flags);
    after(verdict);
    return result;
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    enum verdict verdict = plan_ask(point_of_socket(fd, POINT_send, POINT_send_out));
    if (verdict == VERDICT_FAIL)
        return -1;
    ssize_t result = calls()->sendmsg(fd, message, flags);
    after(verdict);
    return result;
}

ssize_t
recv(int fd, void *bytes, size_t size, int flags)
{
    enum verdict verdict =
        plan_ask(point_of_socket(fd, POINT_receive, POINT_receive_out));
    if (verdict == VERDICT_FAIL)
        return -1;
    ssize_t result = calls()->recv(fd, bytes, size, flags);
    after(verdict);
    return result;
}

/* ---- wall time: three questions that programs and libraries ask ---- */

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = calls()->clock_gettime(clock, now);
    if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return result;
    int64_t us =
        (int64_t)now->tv_sec * US_PER_S + now->tv_nsec / NS_PER_US + plan_jump();
    now->tv_sec = us / US_PER_S;
    now->tv_nsec = us % US_PER_S * NS_PER_US;
    return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    *now = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / NS_PER_US };
    return 0;
}

time_t
time(time_t *now)
{
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    if (now != NULL)
        *now = t.tv_sec;
    return t.tv_sec;
}
