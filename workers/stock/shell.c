#include "workers/stock/shell.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/outputs.h"
#include "base/pack.h"
#include "workers/stock/variables.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TICK_MS = 100,
    NEARLY_MS = 5,   /* both pipes are closed: it is about to end */
    GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
    READ_SIZE = 16384,
    LAST_LINE_MAX = 2000,
};

/* One of the two pipes. */
struct stream {
    const char *name;
    int fd;                /* -1: at its end */
    struct buffer waiting; /* what has come and is not said yet: part of a line */
};

struct shell {
    struct capstan_job *job;
    struct list link; /* of all that run */
    pid_t pid;        /* and its process group */
    bool ended;
    int status;
    struct stream streams[2];
    struct outputs outputs;
    struct buffer last; /* line of stderr */
    uint64_t kill_ms;   /* monotonic, of SIGKILL; 0: it was not told to stop */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list running = { &running, &running };

void
shell_kill_all(void)
{
    pthread_mutex_lock(&lock);
    for (struct list *at = running.next; at != &running; at = at->next)
        kill(-LIST_OF(at, struct shell, link)->pid, SIGKILL);
    pthread_mutex_unlock(&lock);
}

static void
stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

/* Keep the last line of stderr that says something. */
static void
keep_last(struct shell *shell, struct bytes said)
{
    while (said.size > 0 && said.data[said.size - 1] == '\n')
        said.size--;
    if (said.size == 0)
        return;
    const uint8_t *newline = memrchr(said.data, '\n', said.size);
    size_t from = newline == NULL ? 0 : (size_t)(newline + 1 - said.data);
    if (said.size - from > LAST_LINE_MAX)
        said.size = from + LAST_LINE_MAX;
    buffer_clear(&shell->last);
    buffer_append(&shell->last, said.data + from, said.size - from);
}

/* The part that ends with a whole line, or with a whole character if `all`. */
static size_t
sayable(struct bytes in, bool all)
{
    const uint8_t *newline = in.size == 0 ? NULL : memrchr(in.data, '\n', in.size);
    size_t lines = newline == NULL ? 0 : (size_t)(newline + 1 - in.data),
           size = in.size;
    if (!all && in.size - lines < READ_SIZE)
        return lines;
    for (unsigned back = 0; size > 0 && back < 4; back++) {
        uint8_t b = in.data[size - 1];
        if ((b & 0xc0) == 0x80) {
            size--; /* inside a character */
            continue;
        }
        size_t needs = b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
        return needs <= back + 1 ? in.size : size - 1;
    }
    return in.size;
}

static void
stream_say(struct shell *shell, struct stream *stream, bool all)
{
    struct buffer *waiting = &stream->waiting;
    size_t size = sayable(buffer_bytes(waiting), all);
    struct bytes said = bytes_of(waiting->data, size);
    if (size == 0)
        return;
    if (stream == &shell->streams[0])
        outputs_read(&shell->outputs, said);
    else
        keep_last(shell, said);
    struct buffer line = { 0 };
    buffer_append_bytes(&line, said);
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] == '\0')
            line.data[i] = ' ';
    buffer_append(&line, "", 1);
    capstan_job_log(shell->job, stream->name, (const char *)line.data);
    buffer_free(&line);
    memmove(waiting->data, waiting->data + size, waiting->size - size);
    waiting->size -= size;
}

/* False: there is nothing to be read now. */
static bool
stream_read(struct shell *shell, struct stream *stream)
{
    if (stream->fd < 0)
        return false;
    ssize_t size =
        read(stream->fd, buffer_reserve(&stream->waiting, READ_SIZE), READ_SIZE);
    if (size > 0) {
        stream->waiting.size += (size_t)size;
        stream_say(shell, stream, false);
        return true;
    }
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    stream_close(stream);
    return false;
}

/* What a job prints is said at once, even if a line is not whole yet. */
static void
wait_for_words(struct shell *shell)
{
    struct stream *streams = shell->streams;
    struct pollfd fds[2] = { { streams[0].fd, POLLIN, 0 },
        { streams[1].fd, POLLIN, 0 } };
    bool closed = streams[0].fd < 0 && streams[1].fd < 0;
    if (poll(fds, 2, closed ? NEARLY_MS : TICK_MS) <= 0)
        for (size_t i = 0; i < COUNT(shell->streams); i++)
            stream_say(shell, &streams[i], true);
    for (size_t i = 0; i < COUNT(shell->streams); i++)
        if (fds[i].revents != 0)
            (void)stream_read(shell, &streams[i]);
}

/* First the command is asked, then it is killed; all of its processes. */
static void
stop_if_told(struct shell *shell)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!capstan_job_is_cancelled(shell->job))
        return;
    if (shell->kill_ms == 0) {
        kill(-shell->pid, SIGTERM);
        shell->kill_ms = now_ms + GRACE_MS;
    } else if (shell->kill_ms <= now_ms) {
        kill(-shell->pid, SIGKILL);
    }
}

/* ---- who ends the commands when the worker is killed ---- */

static int guard = -1; /* where it is told of groups; -1: there is none */

static void
tell_guard(pid_t group)
{
    if (guard >= 0)
        (void)!write(guard, &group, sizeof group);
}

/* Hear of groups that begin, and of those that are over as negative, until nobody can
 * say more.  What then still runs would be done twice: another worker gets the jobs. */
static void
keep_guard(int ear)
{
    struct buffer groups = { 0 };
    pid_t told;
    while (read(ear, &told, sizeof told) == (ssize_t)sizeof told) {
        size_t at = 0;
        pid_t group;
        for (; told < 0 && at < groups.size; at += sizeof group) {
            memcpy(&group, groups.data + at, sizeof group);
            if (group == -told)
                break;
        }
        if (told > 0)
            buffer_append(&groups, &told, sizeof told);
        else if (at < groups.size) {
            groups.size -= sizeof group;
            memmove(groups.data + at, groups.data + groups.size, sizeof group);
        }
    }
    for (size_t at = 0; at < groups.size; at += sizeof told) {
        memcpy(&told, groups.data + at, sizeof told);
        kill(-told, SIGKILL);
    }
}

void
shell_guard(void)
{
    enum { EAR = 3 };
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        /* It ends with the worker and holds nothing of it; not by Ctrl-C before. */
        setsid();
        signal(SIGTERM, SIG_IGN);
        dup2(pipe[0], EAR);
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < EAR; fd++)
            dup2(nothing, fd);
        close_range(EAR + 1, ~0U, 0);
        keep_guard(EAR);
        _exit(0);
    }
    /* Never where a stream that is closed had its place: others write there. */
    guard = pid > 0 ? fcntl(pipe[1], F_DUPFD_CLOEXEC, EAR) : -1;
    close(pipe[0]);
    close(pipe[1]);
}

static bool
has_ended(struct shell *shell)
{
    pthread_mutex_lock(&lock);
    if (!shell->ended && waitpid(shell->pid, &shell->status, WNOHANG) == shell->pid) {
        shell->ended = true;
        /* What it left behind goes too, while its group has no other owner. */
        kill(-shell->pid, SIGKILL);
        tell_guard(-shell->pid);
        list_remove(&shell->link);
    }
    pthread_mutex_unlock(&lock);
    return shell->ended;
}

static int
start(
    struct shell *shell, const char *command, char *const *variables, int out, int err)
{
    char sh[] = "sh", flag[] = "-c";
    char *const argv[] = { sh, flag, (char *)(uintptr_t)command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    pthread_mutex_lock(&lock);
    int e = posix_spawn(&shell->pid, "/bin/sh", &actions, &attributes, argv, variables);
    if (e == 0) {
        tell_guard(shell->pid);
        list_append(&running, &shell->link);
    }
    pthread_mutex_unlock(&lock);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

/* The errno of what does not work. */
static int
open_shell(struct shell *shell, const char *command, char *const *variables)
{
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(err, O_CLOEXEC) != 0) {
        int e = errno;
        close(out[0]);
        close(out[1]);
        return e;
    }
    shell->streams[0] = (struct stream){ .name = "stdout", .fd = out[0] };
    shell->streams[1] = (struct stream){ .name = "stderr", .fd = err[0] };
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    int e = start(shell, command, variables, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    return e;
}

static int
report(struct shell *shell)
{
    char why[LAST_LINE_MAX + 1];
    struct buffer map = { 0 };
    int status = shell->status;
    outputs_end(&shell->outputs);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        outputs_write(&shell->outputs, &map);
        int e = capstan_job_complete_raw(shell->job, map.data, map.size);
        buffer_free(&map);
        return e;
    }
    if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "killed by signal %d", WTERMSIG(status));
    else if (shell->last.size > 0)
        snprintf(why, sizeof why, "%.*s", (int)shell->last.size,
            (const char *)shell->last.data);
    else
        snprintf(why, sizeof why, "exit code %d", WEXITSTATUS(status));
    return capstan_job_fail(shell->job, "ExitCode", why);
}

/* What the system gives a program has limits, the same for each of its texts. */
static int
refuse(struct capstan_job *job, int error)
{
    if (error == E2BIG)
        return capstan_job_fail(job, "InvalidInput",
            "`command` and each variable of `env` have at most 131071 bytes");
    return capstan_job_fail(job, "ActionError", strerror(error));
}

/* Run it to its end, whoever ends it. */
static int
run(struct capstan_job *job, const char *command, char *const *variables)
{
    struct shell shell = { .job = job, .streams = { { .fd = -1 }, { .fd = -1 } } };
    list_open(&shell.link);
    int e = open_shell(&shell, command, variables);
    while (e == 0 && !has_ended(&shell)) {
        wait_for_words(&shell);
        stop_if_told(&shell);
    }
    for (size_t i = 0; i < COUNT(shell.streams) && e == 0; i++) {
        while (stream_read(&shell, &shell.streams[i]))
            continue;
        stream_say(&shell, &shell.streams[i], true);
    }
    int result = e == 0 ? report(&shell) : refuse(job, e);
    for (size_t i = 0; i < COUNT(shell.streams); i++) {
        stream_close(&shell.streams[i]);
        buffer_free(&shell.streams[i].waiting);
    }
    outputs_free(&shell.outputs);
    buffer_free(&shell.last);
    return result;
}

/* NULL: there is none that a program can be given whole. */
static const char *
find_command(struct capstan_job *job)
{
    size_t size = 0;
    const void *packed = capstan_job_raw(job, "command", &size);
    struct cursor in = cursor_over(bytes_of(packed, size));
    struct bytes command = { 0 };
    if (cursor_type(&in) == PACK_TEXT)
        command = cursor_text(&in);
    bool cut = command.size > 0 && memchr(command.data, 0, command.size) != NULL;
    return cut ? NULL : capstan_job_text(job, "command");
}

int
shell_run(struct capstan_job *job, void *context)
{
    const char *command = find_command(job);
    struct arena arena = { 0 };
    size_t size = 0;
    const void *env = capstan_job_raw(job, "env", &size);
    int e;
    (void)context;
    if (command == NULL)
        return capstan_job_fail(
            job, "InvalidInput", "`command` must be a text without a zero byte");
    char **variables =
        variables_read(env == NULL ? (struct bytes){ 0 } : bytes_of(env, size), &arena);
    if (variables == NULL)
        e = capstan_job_fail(job, "InvalidInput",
            "`env` is a map of at most 64 names of variables to values without a zero "
            "byte");
    else
        e = run(job, command, variables);
    arena_free(&arena);
    return e;
}
