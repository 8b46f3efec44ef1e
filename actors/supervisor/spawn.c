#include "actors/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTINGS_FD = 3, READY_FD = 4, LOCK_FD = 5, FIRST_FREE_FD = 6, HIGH_FD = 16 };

/* What the child's side needs; all of it is copied by fork. */
struct ends {
    int null, settings, ready, log;
};

static void
shut(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void
shut_ends(const struct ends *ends)
{
    shut(ends->null);
    shut(ends->settings);
    shut(ends->ready);
    shut(ends->log);
}

/* A file in memory takes settings of any length without anybody reading yet. */
static int
settings_open(struct bytes settings)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (write(fd, settings.data, settings.size) != (ssize_t)settings.size
        || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Neither side of the log blocks: a line is lost rather than the engine's time. */
static bool
ends_open(struct ends *ends, struct spawned *out, struct bytes settings)
{
    int log[2] = { -1, -1 }, ready[2] = { -1, -1 };
    bool piped = pipe2(log, O_CLOEXEC | O_NONBLOCK) == 0
                 && pipe2(ready, O_CLOEXEC | O_NONBLOCK) == 0;
    *ends = (struct ends){
        .null = open("/dev/null", O_RDWR | O_CLOEXEC),
        .settings = settings_open(settings),
        .ready = ready[1],
        .log = log[1],
    };
    out->log_fd = log[0];
    out->ready_fd = ready[0];
    return piped && ends->null >= 0 && ends->settings >= 0;
}

/* Out of the way of the numbers to be given. */
static int
high(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
}

static void
arrange_files(const struct ends *ends, int lock_fd)
{
    int null = high(ends->null), log = high(ends->log), ready = high(ends->ready);
    int settings = high(ends->settings), lock = high(lock_fd);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0
        || dup2(log, STDERR_FILENO) < 0 || dup2(settings, SETTINGS_FD) < 0
        || dup2(ready, READY_FD) < 0 || dup2(lock, LOCK_FD) < 0)
        _exit(126);
    close_range(FIRST_FREE_FD, ~0u, 0);
}

_Noreturn static void
become(const struct spawn *what, const struct ends *ends, pid_t parent)
{
    char instance[16], *argv[3], program[4096];
    sigset_t none;
    arrange_files(ends, what->lock_fd);
    setpgid(0, 0);
    /* Between fork and here the parent may have died: then nobody will kill us. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(126);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    snprintf(instance, sizeof instance, "%u", what->instance);
    snprintf(program, sizeof program, "%s", what->program);
    argv[0] = program;
    argv[1] = instance;
    argv[2] = NULL;
    execv(program, argv);
    dprintf(READY_FD, "failed cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

enum err
spawn(const struct spawn *what, struct spawned *out, struct fault *fault)
{
    struct ends ends;
    pid_t parent = getpid();
    out->pid = -1;
    if (ends_open(&ends, out, what->settings))
        out->pid = fork();
    if (out->pid == 0)
        become(what, &ends, parent);
    int why = errno;
    shut_ends(&ends);
    if (out->pid > 0)
        return ERR_NONE;
    shut(out->log_fd);
    shut(out->ready_fd);
    out->log_fd = out->ready_fd = -1;
    return fault_set(fault, ERR_IO, "cannot start a process: %s", strerror(why));
}

pid_t
spawn_reap(char how[32])
{
    siginfo_t info = { 0 };
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return 0;
    pid_t pid = info.si_pid;
    if (info.si_code == CLD_EXITED)
        snprintf(how, 32, "exit=%d", info.si_status);
    else
        snprintf(how, 32, "signal=%d", info.si_status);
    /* Before the number can belong to anybody else. */
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return pid;
}

void
spawn_terminate(pid_t pid)
{
    kill(pid, SIGTERM);
}

void
spawn_kill(pid_t pid)
{
    /* Its group may not exist yet. */
    kill(pid, SIGKILL);
    kill(-pid, SIGKILL);
}

_Noreturn static void
relay(int fd, pid_t pid)
{
    char line[1024];
    size_t size = 0;
    ssize_t got;
    while (size < sizeof line - 1
           && (got = read(fd, line + size, sizeof line - 1 - size)) > 0)
        size += (size_t)got;
    line[size] = '\0';
    if (strncmp(line, "ready", 5) == 0) {
        fputs(line, stdout);
        exit(0);
    }
    /* It ends by itself; its code says which kind of failure it was. */
    int status = 0;
    if (size > 0)
        fprintf(stderr, "capstand: %s", strncmp(line, "failed ", 7) ? line : line + 7);
    else
        fputs("capstand: died without a word\n", stderr);
    bool ended = waitpid(pid, &status, 0) == pid && WIFEXITED(status);
    exit(ended && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

enum err
spawn_background(int *say_fd, struct fault *fault)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fault_set(fault, ERR_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        return fault_set(fault, ERR_IO, "fork: %s", strerror(errno));
    if (pid > 0) {
        close(ends[1]);
        relay(ends[0], pid);
    }
    close(ends[0]);
    setsid();
    *say_fd = ends[1];
    return ERR_NONE;
}
