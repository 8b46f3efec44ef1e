#include "actors/backup/stillness.h"

#include "base/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 128, STOP_MS = 500, PATH_SIZE = 300 };

struct children {
    pid_t pids[PROCESSES_MAX];
    size_t count;
};

/* The state and parent of a process or thread; false when it is gone. */
static bool
look(const char *path, char *state, int *parent)
{
    char line[512];
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return false;
    size_t size = fread(line, 1, sizeof line - 1, in);
    fclose(in);
    line[size] = '\0';
    const char *end = strrchr(line, ')');
    return end != NULL && sscanf(end, ") %c %d", state, parent) == 2;
}

/* Those that `engine` has started and that are not dead. */
static void
list(pid_t engine, struct children *children)
{
    char path[PATH_SIZE], state;
    int parent;
    DIR *all = opendir("/proc");
    children->count = 0;
    for (struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        if (look(path, &state, &parent) && parent == engine && state != 'Z'
            && children->count < PROCESSES_MAX)
            children->pids[children->count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (all != NULL)
        closedir(all);
}

static void
tell(const struct children *children, int signal)
{
    for (size_t i = 0; i < children->count; i++)
        kill(children->pids[i], signal);
}

/* Does every thread of `pid` stand still, or is it gone? */
static bool
stands(pid_t pid)
{
    char path[PATH_SIZE], state;
    int parent;
    bool still = true;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", pid, entry->d_name);
        if (entry->d_name[0] != '.' && look(path, &state, &parent))
            still &= state == 'T' || state == 't' || state == 'Z';
    }
    if (threads != NULL)
        closedir(threads);
    return still;
}

static bool
all_stand(const struct children *children)
{
    for (size_t i = 0; i < children->count; i++)
        if (!stands(children->pids[i]))
            return false;
    return true;
}

/* Stop all; false when that takes too long, or nobody at `end` waits for it. */
static bool
stop(pid_t engine, int end, struct children *children)
{
    uint64_t until_ms = clock_monotonic_ms() + STOP_MS;
    struct pollfd ear = { .fd = end, .events = POLLIN };
    list(engine, children);
    tell(children, SIGSTOP);
    while (!all_stand(children)) {
        if (clock_monotonic_ms() > until_ms || poll(&ear, 1, 1) != 0)
            return false;
    }
    return true;
}

/* Nobody was started or has gone on meanwhile. */
static bool
was_kept(pid_t engine, const struct children *stopped)
{
    struct children now;
    list(engine, &now);
    return now.count <= stopped->count && all_stand(&now);
}

/* The other process: says "s" when all stand still, hears when it is enough, or that
 * nobody is left to say so, and answers "k" if it was still all the time. */
_Noreturn static void
guard(pid_t engine, int end)
{
    struct children children;
    struct pollfd ear = { .fd = end, .events = POLLIN };
    sigset_t all;
    setsid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    bool kept = stop(engine, end, &children);
    (void)!write(end, kept ? "s" : "f", 1);
    kept = kept && poll(&ear, 1, STILL_MS) == 1 && was_kept(engine, &children);
    tell(&children, SIGCONT);
    (void)!write(end, kept ? "k" : "l", 1);
    _exit(0);
}

enum err
stillness_begin(pid_t engine, struct stillness *stillness, struct fault *fault)
{
    int ends[2];
    char said = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fault_set(fault, ERR_IO, "no socket: %s", strerror(errno));
    fflush(NULL);
    stillness->begin_ms = clock_monotonic_ms();
    stillness->engine = engine;
    stillness->guard = fork();
    if (stillness->guard == 0) {
        signal(SIGPIPE, SIG_IGN);
        close(ends[0]);
        guard(engine, ends[1]);
    }
    close(ends[1]);
    stillness->end = ends[0];
    if (stillness->guard > 0 && read(stillness->end, &said, 1) == 1 && said == 's')
        return ERR_NONE;
    uint64_t ms;
    (void)stillness_end(stillness, &ms);
    return said == 'f' ? fault_set(fault, ERR_TIMEOUT,
               "a process of the engine did not stand still within %d ms", STOP_MS)
                       : fault_set(fault, ERR_IO, "the engine cannot be stopped");
}

bool
stillness_end(struct stillness *stillness, uint64_t *ms)
{
    char said = 0;
    struct children children;
    bool kept = send(stillness->end, "x", 1, MSG_NOSIGNAL) == 1
                && read(stillness->end, &said, 1) == 1 && said == 'k';
    if (said == 0) { /* somebody has killed the guard */
        list(stillness->engine, &children);
        tell(&children, SIGCONT);
    }
    close(stillness->end);
    if (stillness->guard > 0)
        waitpid(stillness->guard, NULL, 0);
    *ms = clock_monotonic_ms() - stillness->begin_ms;
    return kept;
}
