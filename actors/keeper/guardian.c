#include "actors/keeper/guardian.h"

#include "actors/keeper/kin.h"
#include "actors/keeper/worker_log.h"
#include "base/child.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAY_FD = 3, PIECE = 65536, AGAIN_MS = 20 };

struct guard {
    const struct errand *errand;
    pid_t keeper;
    int signal_fd;
    int out_fd; /* what the script prints, or -1 */
    struct worker_log log;
    pid_t script;      /* the leader of its group */
    int status;        /* of the script, once it has ended */
    bool ended;        /* the script has */
    bool finishing;    /* what is left of it has been told to end */
    bool stopped;      /* we have been told to end */
    uint64_t limit_ms; /* when the script must have ended; UINT64_MAX for never */
    uint64_t kill_ms;  /* finishing: when patience ends */
};

__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    /* One line, whatever the worker has printed. */
    size_t size = strcspn(line, "\r\n");
    line[size] = '\n';
    (void)!write(SAY_FD, line, size + 1);
}

static bool
in_group(const void *context, pid_t pid)
{
    const struct guard *g = context;
    return g->script > 0 && getpgid(pid) == g->script;
}

/* Once each: to a worker a second SIGTERM says not to wait for its jobs. */
static void
signal_all(const struct guard *g, int signal)
{
    if (g->script > 0)
        kill(-g->script, signal);
    kin_signal(signal, in_group, g);
}

/* Within `grace_ms`; a shorter patience than before holds. */
static void
finish(struct guard *g, uint64_t grace_ms)
{
    uint64_t kill_ms = clock_monotonic_ms() + grace_ms;
    if (!g->finishing)
        signal_all(g, SIGTERM);
    if (!g->finishing || kill_ms < g->kill_ms)
        g->kill_ms = kill_ms;
    g->finishing = true;
}

/* Is no process of the worker's left? */
static bool
reap(struct guard *g)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == g->script) {
            g->status = status;
            g->ended = true;
        }
    return pid < 0 && errno == ECHILD;
}

static void
hear_signals(struct guard *g)
{
    struct signalfd_siginfo info;
    while (read(g->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGTERM)
            continue;
        bool orphan = getppid() != g->keeper;
        unsigned grace_ms = g->errand->grace_ms;
        if (orphan && grace_ms > GUARDIAN_REMAINS_MS)
            grace_ms = GUARDIAN_REMAINS_MS;
        g->stopped = true;
        finish(g, grace_ms);
    }
}

static void
hear_output(struct guard *g)
{
    static char piece[PIECE];
    if (g->out_fd < 0)
        return;
    ssize_t got = read(g->out_fd, piece, sizeof piece);
    if (got > 0) {
        worker_log_take(&g->log, bytes_of(piece, (size_t)got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(g->out_fd);
        g->out_fd = -1;
    }
}

static void
turn(struct guard *g)
{
    struct pollfd doors[2] = {
        { .fd = g->signal_fd, .events = POLLIN },
        { .fd = g->out_fd, .events = POLLIN },
    };
    (void)poll(
        doors, COUNT(doors), clock_patience(g->finishing ? g->kill_ms : g->limit_ms));
    if (doors[1].revents != 0)
        hear_output(g);
    if (doors[0].revents != 0)
        hear_signals(g);
    uint64_t now_ms = clock_monotonic_ms();
    if (!g->finishing && g->limit_ms <= now_ms) {
        worker_log_note(
            &g->log, "killed: it took longer than %d s", GUARDIAN_INSTALL_MS / 1000);
        finish(g, GUARDIAN_REMAINS_MS);
    }
    if (g->finishing && g->kill_ms <= now_ms) {
        signal_all(g, SIGKILL);
        g->kill_ms = now_ms + AGAIN_MS;
    }
}

/* The worker's side. */
_Noreturn static void
become(const struct guard *g, const char *line, int out, pid_t parent)
{
    sigset_t none;
    char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
        (char *)(uintptr_t)line, NULL };
    setpgid(0, 0);
    /* Whoever kills us is not there to kill what we started. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent
        || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
        _exit(126);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    umask(022);
    if (chdir(g->errand->project) == 0)
        execve("/bin/sh", argv, g->errand->environment);
    dprintf(STDERR_FILENO, "%s: %s\n", g->errand->project, strerror(errno));
    _exit(127);
}

static bool
begin(struct guard *g, const char *line, uint64_t limit_ms)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        become(g, line, ends[1], parent);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    /* On both sides: whoever is first. */
    setpgid(pid, pid);
    g->script = pid;
    g->out_fd = ends[0];
    g->ended = g->finishing = false;
    g->limit_ms = limit_ms;
    return true;
}

/* Until nobody is left. */
static void
attend(struct guard *g)
{
    while (!reap(g)) {
        if (g->ended && !g->finishing)
            finish(g, GUARDIAN_REMAINS_MS);
        turn(g);
    }
    /* All that a pipe can hold, and no more. */
    for (int i = 0; i < 16 && g->out_fd >= 0; i++)
        hear_output(g);
    if (g->out_fd >= 0)
        close(g->out_fd);
    worker_log_end(&g->log);
}

/* Such as "exit=3: its last words". */
static const char *
how(const struct guard *g, char out[256])
{
    bool exited = WIFEXITED(g->status);
    snprintf(out, 256, "%s=%d%s%s", exited ? "exit" : "signal",
        exited ? WEXITSTATUS(g->status) : WTERMSIG(g->status),
        g->log.last[0] != '\0' ? ": " : "", g->log.last);
    return out;
}

/* One that comes before the start script. */
static void
prepare(struct guard *g, const char *name, const char *line)
{
    char ended[256];
    if (line == NULL)
        return;
    worker_log_note(&g->log, "%s: %s", name, line);
    g->log.last[0] = '\0';
    if (!begin(g, line, clock_monotonic_ms() + GUARDIAN_INSTALL_MS)) {
        say("refused scripts.%s: no process: %s", name, strerror(errno));
        _exit(1);
    }
    attend(g);
    if (g->stopped)
        _exit(0);
    if (g->ended && WIFEXITED(g->status) && WEXITSTATUS(g->status) == 0)
        return;
    how(g, ended);
    worker_log_note(&g->log, "%s failed: %s", name, ended);
    say("refused scripts.%s: %s", name, ended);
    _exit(1);
}

static void
start(struct guard *g)
{
    char ended[256];
    const char *line = g->errand->manifest->start;
    worker_log_note(&g->log, "start: %s", line);
    g->log.last[0] = '\0';
    if (!begin(g, line, UINT64_MAX)) {
        say("ended no process: %s", strerror(errno));
        return;
    }
    say("began %d", (int)g->script);
    attend(g);
    worker_log_note(&g->log, "%s %s", g->stopped ? "stopped" : "ended", how(g, ended));
    if (!g->stopped)
        say("ended %s", ended);
}

/* A guardian of before may still be at work. */
static void
take_lock(const char *path)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && fcntl(fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
        continue;
}

static void
open_signals(struct guard *g)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn static void
guard(const struct errand *errand, int say_fd, pid_t keeper)
{
    static struct guard g;
    struct fault fault;
    g.errand = errand;
    g.keeper = keeper;
    g.out_fd = -1;
    setpgid(0, 0);
    /* Of the keeper's descriptors only these. */
    if (say_fd != SAY_FD && dup3(say_fd, SAY_FD, O_CLOEXEC) < 0)
        _exit(1);
    close_range(SAY_FD + 1, CHILD_LOCK_FD - 1, 0);
    close_range(CHILD_LOCK_FD + 1, ~0u, 0);
    open_signals(&g);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0
        || getppid() != keeper)
        _exit(1);
    take_lock(errand->lock);
    hear_signals(&g);
    if (g.stopped)
        _exit(0);
    if (worker_log_open(&g.log, errand->log, &fault) != ERR_NONE) {
        say("refused %s", fault.detail);
        _exit(1);
    }
    if (errand->install) {
        prepare(&g, "setup", errand->manifest->setup);
        prepare(&g, "install", errand->manifest->install);
        say("installed");
    }
    start(&g);
    _exit(0);
}

enum err
guardian_start(
    const struct errand *errand, pid_t *pid, int *say_fd, struct fault *fault)
{
    int ends[2];
    pid_t keeper = getpid();
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return fault_set(fault, ERR_IO, "pipe: %s", strerror(errno));
    *pid = fork();
    if (*pid == 0)
        guard(errand, ends[1], keeper);
    close(ends[1]);
    if (*pid > 0) {
        *say_fd = ends[0];
        return ERR_NONE;
    }
    close(ends[0]);
    return fault_set(fault, ERR_IO, "cannot start a process: %s", strerror(errno));
}
