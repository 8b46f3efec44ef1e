#include "actors/supervisor/engine.h"

#include "actors/supervisor/engine_state.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wrong.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOORS_MAX = 1 + 2 * SUPERVISED_MAX };

static void
keep_own_line(void *taker, const char *line, size_t size)
{
    struct engine *e = taker;
    logbook_take(&e->book, &e->own_stream, clock_unix_ms(), bytes_of(line, size));
}

static void
take_signals(struct engine *e)
{
    struct signalfd_siginfo info;
    while (read(e->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        log_line(LOG_INFO, "stopping", "signal=%u from_pid=%u drain_ms=%u",
            info.ssi_signo, info.ssi_pid, e->config.drain_ms);
        engine_say(e, "failed", "it was told to stop before it was ready");
        supervisor_stop(&e->machine, clock_monotonic_ms(), &e->orders);
        engine_obey(e);
    }
    hear_deaths(e);
}

static void
turn(struct engine *e)
{
    struct pollfd doors[DOORS_MAX];
    nfds_t count = 0;
    doors[count++] = (struct pollfd){ .fd = e->signal_fd, .events = POLLIN };
    for (size_t i = 0; i < e->roster.count; i++) {
        struct spawned *at = &e->running[i].at;
        doors[count++] = (struct pollfd){ .fd = at->log_fd, .events = POLLIN };
        doors[count++] = (struct pollfd){ .fd = at->ready_fd, .events = POLLIN };
    }
    if (poll(doors, count, clock_patience(supervisor_due(&e->machine))) < 0
        && errno != EINTR)
        WRONG("poll failed");
    for (size_t i = 0; i < e->roster.count; i++) {
        if (doors[1 + 2 * i].revents != 0)
            hear_log(e, &e->running[i]);
        if (doors[2 + 2 * i].revents != 0)
            hear_beginning(e, i);
        engine_obey(e);
    }
    if (doors[0].revents != 0)
        take_signals(e);
    supervisor_tick(&e->machine, clock_monotonic_ms(), &e->orders);
    engine_obey(e);
    if (e->changed)
        engine_publish(e);
}

static enum err
open_signals(struct engine *e, struct fault *fault)
{
    static const int heard[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(heard); i++) {
        sigaddset(&set, heard[i]);
        /* Who started us may have ignored it, and then it would not be heard. */
        signal(heard[i], SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (e->signal_fd < 0)
        return fault_set(fault, ERR_IO, "signalfd: %s", strerror(errno));
    return ERR_NONE;
}

/* In the background nothing of the terminal is kept. */
static void
leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        close(null);
    }
}

static enum err
open_all(struct engine *e, bool foreground, struct fault *fault)
{
    enum err err = roster_new(&e->config, &e->roster, fault);
    if (err == ERR_NONE)
        err = claim_take(&e->config, &e->claim, fault);
    if (err == ERR_NONE)
        err = logbook_open(&e->book, e->claim.data, foreground, fault);
    if (err == ERR_NONE)
        err = open_signals(e, fault);
    if (err != ERR_NONE)
        return err;
    if (!foreground)
        leave_terminal();
    snprintf(e->config.data, sizeof e->config.data, "%s", e->claim.data);
    e->own_stream.name = "capstand";
    log_open("capstand", log_level_named(e->config.log_level));
    log_divert(keep_own_line, e);
    for (size_t i = 0; i < e->roster.count; i++) {
        struct running *r = &e->running[i];
        r->member = &e->roster.members[i];
        r->stream.name = r->member->name;
        r->at = (struct spawned){ 0, -1, -1 };
        r->since_ms = clock_unix_ms();
    }
    return ERR_NONE;
}

static void
warn_insecure(const struct config *config)
{
    const struct {
        const char *name, *address;
    } doors[] = { { "http_address", config->http_address },
        { "iii_address", config->iii_address },
        { "iii_http_address", config->iii_http_address } };
    for (size_t i = 0; i < COUNT(doors) && !config_tls(config); i++)
        if (!config_loopback(doors[i].address))
            log_line(LOG_UNUSUAL, "insecure", "%s=%s tls=no", doors[i].name,
                doors[i].address);
    if (!config_loopback(config->worker_address))
        log_line(LOG_UNUSUAL, "insecure", "worker_address=%s curve=%s",
            config->worker_address, config->worker_curve ? "yes" : "no");
}

static int
run(struct engine *e)
{
    log_line(LOG_INFO, "starting", "data=\"%s\" schedulers=%u", e->claim.data,
        e->config.schedulers);
    if (e->claim.owned)
        log_line(LOG_INFO, "user", "uid=%u why=\"owner of the data folder\"",
            (unsigned)getuid());
    warn_insecure(&e->config);
    engine_become(e, "starting");
    chance_fill(e->life, sizeof e->life);
    e->begin_ms = clock_monotonic_ms();
    e->clock_ms = (int64_t)clock_unix_ms() - (int64_t)e->begin_ms;
    supervisor_begin(
        &e->machine, e->roster.count, e->config.drain_ms, e->begin_ms, &e->orders);
    e->machine.backoff_max_ms = e->config.restart_max_ms;
    engine_obey(e);
    engine_publish(e);
    while (!e->done)
        turn(e);
    engine_become(e, "stopped");
    engine_publish(e);
    log_line(LOG_INFO, "stopped", "exit=%d", e->machine.exit_code);
    return e->machine.exit_code;
}

int
engine_run(const struct engine_wish *wish)
{
    struct fault fault = { 0 };
    struct engine *e = calloc(1, sizeof *e);
    int code = ENGINE_EXIT_REFUSED;
    if (e == NULL || sodium_init() < 0)
        WRONG("no memory or no libsodium");
    e->config = wish->config;
    memcpy(e->say_fds, wish->say_fds, sizeof e->say_fds);
    e->book.file.fd = e->claim.lock_fd = -1;
    umask(077);
    enum err err = open_all(e, wish->foreground, &fault);
    if (err == ERR_NONE) {
        code = run(e);
    } else {
        if (wish->foreground)
            fprintf(stderr, "capstand: %s\n", fault.detail);
        engine_say(e, "failed", fault.detail);
    }
    log_divert(NULL, NULL);
    roster_free(&e->roster);
    buffer_free(&e->book.page);
    free(e);
    return code;
}
