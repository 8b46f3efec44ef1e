/* engine_up - start an engine in the background and wait until it is ready. */
#include "base/clock.h"
#include "workers/cli/commands.h"
#include "workers/cli/engine.h"
#include "workers/cli/human.h"
#include "workers/cli/port_user.h"
#include "workers/cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UP_MS = 30000, READY_FD = 3, LINE_MAX_BYTES = 1024, ARGUMENTS_MAX = 160 };

extern char **environ;

/* capstand --ready-fd 3 and what was given to us; it goes into the background itself.
 */
static void
fill_arguments(const struct cli *cli, const char *argv[ARGUMENTS_MAX])
{
    size_t n = 0;
    argv[n++] = "capstand";
    argv[n++] = "--ready-fd";
    argv[n++] = "3";
    argv[n++] = "--data";
    argv[n++] = cli->data;
    if (cli_given(cli, OPTION_config)) {
        argv[n++] = "--config";
        argv[n++] = cli_value(cli, OPTION_config);
    }
    for (size_t i = 0; i < cli->request.set_count; i++) {
        argv[n++] = "--set";
        argv[n++] = cli->request.sets[i];
    }
    argv[n] = NULL;
}

/* What is wrong the engine says on its descriptor; a terminal would read it twice. */
static int
start(const struct cli *cli, const char *path, int say_fd, pid_t *pid)
{
    const char *argv[ARGUMENTS_MAX];
    posix_spawn_file_actions_t actions;
    fill_arguments(cli, argv);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, say_fd, READY_FD);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    /* Nor a lock, a pipe or a terminal of who calls: it would be held for ever. */
    posix_spawn_file_actions_addclosefrom_np(&actions, READY_FD + 1);
    int failed =
        posix_spawn(pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Read one line until `deadline_ms`, monotonic: EXIT_DONE, EXIT_LATE, or EXIT_REFUSED
 * when the other side shut its end first. */
static enum exit_code
hear_line(int fd, uint64_t deadline_ms, char line[LINE_MAX_BYTES])
{
    size_t size = 0;
    while (size < LINE_MAX_BYTES - 1) {
        struct pollfd ear = { .fd = fd, .events = POLLIN };
        uint64_t now_ms = clock_monotonic_ms();
        int left = now_ms < deadline_ms ? cli_poll_ms(deadline_ms - now_ms) : 0;
        if (poll(&ear, 1, left) == 0)
            return EXIT_LATE;
        ssize_t more = read(fd, line + size, LINE_MAX_BYTES - 1 - size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return EXIT_REFUSED;
        size += (size_t)more;
        line[size] = '\0';
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
            return EXIT_DONE;
        }
    }
    return EXIT_REFUSED;
}

/* "gateway.0: iii_port: 49134 on 127.0.0.1 is in use"; false: something else is wrong.
 */
static bool
taken_port(const char *why, unsigned *port)
{
    static const char end[] = " is in use";
    size_t size = strlen(why);
    return size >= sizeof end && strcmp(why + size - (sizeof end - 1), end) == 0
           && sscanf(why, "%*[^:]: %*[^:]: %u on ", port) == 1;
}

static void
name_user(unsigned port)
{
    struct port_user user;
    char who[64] = "another program";
    port_user_find(port, &user);
    if (user.pid != 0)
        snprintf(who, sizeof who, "process %d (%s)", (int)user.pid, user.program);
    if (user.use == PORT_LISTENED)
        cli_complain("%s listens there", who);
    else if (user.use == PORT_CONNECTED && user.pid != 0)
        cli_complain("a connection of %s has the port for its own", who);
    else if (user.use == PORT_CONNECTED)
        cli_complain("a connection that had the port for its own ended less than a "
                     "minute ago, or is another user's: try again, or see "
                     "net.ipv4.ip_local_reserved_ports");
}

/* Of four ports one was taken; the next may be as well. */
static void
hint_ports(const char *why)
{
    unsigned port;
    if (!taken_port(why, &port))
        return;
    name_user(port);
    cli_complain("free ports are taken by: capstan up --set http_port=0 --set "
                 "worker_port=0 --set iii_port=0 --set iii_http_port=0");
}

static enum exit_code
judge(const struct cli *cli, enum exit_code heard, const char *line)
{
    if (heard == EXIT_DONE && strncmp(line, "ready", 5) == 0)
        return EXIT_DONE;
    if (heard == EXIT_DONE && strncmp(line, "failed ", 7) == 0) {
        cli_complain("the engine did not start: %s", line + 7);
        hint_ports(line + 7);
    } else if (heard == EXIT_LATE)
        cli_complain("the engine is not ready yet; see capstan status and "
                     "%s/log/capstan.log",
            cli->data);
    else
        cli_complain(
            "the engine ended without a word; see %s/log/capstan.log", cli->data);
    return heard == EXIT_LATE ? EXIT_LATE : EXIT_REFUSED;
}

static enum exit_code
start_and_wait(struct cli *cli, uint64_t deadline_ms, bool *ran)
{
    char path[CONFIG_TEXT_MAX + 1], line[LINE_MAX_BYTES];
    int fds[2], how;
    pid_t pid;
    if (!program_find("bin", "capstand", path))
        return EXIT_REFUSED;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        cli_complain("no pipe: %s", strerror(errno));
        return EXIT_REFUSED;
    }
    int failed = start(cli, path, fds[1], &pid);
    close(fds[1]);
    if (failed != 0) {
        close(fds[0]);
        cli_complain("%s does not start: %s", path, strerror(failed));
        return EXIT_REFUSED;
    }
    enum exit_code heard = hear_line(fds[0], deadline_ms, line);
    close(fds[0]);
    /* Once it has spoken it is about to leave us for the background. */
    if (heard == EXIT_DONE)
        waitpid(pid, &how, 0);
    /* Somebody else was quicker: theirs will do. */
    *ran = heard == EXIT_DONE && strncmp(line, "failed another engine", 21) == 0;
    uint64_t now_ms = clock_monotonic_ms();
    return *ran && now_ms < deadline_ms ? engine_wait_ready(cli, deadline_ms - now_ms)
                                        : judge(cli, heard, line);
}

enum exit_code
command_up(struct cli *cli)
{
    static struct status status;
    uint64_t ms, begin_ms = clock_monotonic_ms();
    enum exit_code e = cli_time(cli, OPTION_timeout, UP_MS, &ms);
    if (e == EXIT_DONE)
        e = cli_find_data(cli);
    if (e != EXIT_DONE)
        return e;
    bool ran = engine_look(cli, &status) > 0;
    e = ran ? engine_wait_ready(cli, ms) : start_and_wait(cli, begin_ms + ms, &ran);
    if (e == EXIT_DONE)
        e = engine_introduce(cli, ran, clock_monotonic_ms() - begin_ms);
    if (e == EXIT_DONE && ran && cli->request.set_count > 0)
        cli_remark(cli, "it keeps the settings that it was started with; --set holds "
                        "after capstan down");
    return e;
}
