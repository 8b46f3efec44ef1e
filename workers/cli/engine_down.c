/* engine_down - let the engine finish what it does, then end it. */
#include "base/clock.h"
#include "workers/cli/commands.h"
#include "workers/cli/engine.h"
#include "workers/cli/human.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the engine may take beyond drain_ms, when it kills what still runs. */
enum { DOWN_GRACE_MS = 5000 };

static enum exit_code
stop(const struct cli *cli, pid_t pid, uint64_t ms)
{
    /* A descriptor of the process: its number may soon be another's. */
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = { .fd = fd, .events = POLLIN };
    if (fd >= 0 && folder_owner(cli->data) != pid) {
        close(fd);
        return EXIT_DONE;
    }
    if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) != 0) {
        bool gone = errno == ESRCH;
        if (!gone)
            cli_complain("pid %d: %s", (int)pid, strerror(errno));
        if (fd >= 0)
            close(fd);
        return gone ? EXIT_DONE : EXIT_REFUSED;
    }
    int ended = poll(&end, 1, cli_poll_ms(ms));
    close(fd);
    return ended > 0 ? EXIT_DONE : EXIT_LATE;
}

static enum exit_code
stop_all(const struct cli *cli, pid_t pid, uint64_t ms)
{
    uint64_t deadline_ms = clock_monotonic_ms() + ms;
    enum exit_code e = stop(cli, pid, ms);
    uint64_t now_ms = clock_monotonic_ms();
    int left = now_ms < deadline_ms ? cli_poll_ms(deadline_ms - now_ms) : 1;
    if (e == EXIT_DONE && folder_wait_free(cli->data, (unsigned)left) != ERR_NONE)
        e = EXIT_LATE;
    if (e == EXIT_LATE) {
        char span[HUMAN_MAX];
        cli_complain("the engine, pid %d, still runs after %s; it goes on ending",
            (int)pid, human_span(ms, span));
    }
    return e;
}

enum exit_code
command_down(struct cli *cli)
{
    uint64_t ms, begin_ms = clock_monotonic_ms();
    enum exit_code e = cli_find_data(cli);
    if (e == EXIT_DONE && engine_hidden(cli))
        e = EXIT_REFUSED;
    if (e == EXIT_DONE)
        e = cli_time(
            cli, OPTION_timeout, (uint64_t)cli->config.drain_ms + DOWN_GRACE_MS, &ms);
    if (e != EXIT_DONE)
        return e;
    pid_t pid = folder_owner(cli->data);
    if (pid > 0)
        e = stop_all(cli, pid, ms);
    if (e != EXIT_DONE)
        return e;
    char took[HUMAN_MAX];
    if (cli_given(cli, OPTION_json))
        printf(
            "{\"stopped\": %s, \"pid\": %d}\n", pid > 0 ? "true" : "false", (int)pid);
    else if (pid > 0)
        printf("engine   stopped in %s\n",
            human_span(clock_monotonic_ms() - begin_ms, took));
    else
        printf("engine   does not run on %s\n", cli->data);
    return EXIT_DONE;
}
