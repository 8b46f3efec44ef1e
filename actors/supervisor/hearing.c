#include "actors/supervisor/engine_state.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_MAX = 65536 };

static unsigned
port_in(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    unsigned long port = at == NULL ? 0 : strtoul(at + strlen(name), NULL, 10);
    return port <= 65535 ? (unsigned)port : 0;
}

/* A journal was ahead of wall time: so is the engine's time from here on. */
static void
hear_clock(struct engine *e, const char *detail)
{
    if (strncmp(detail, "clock=", 6) != 0)
        return;
    int64_t clock_ms = strtoll(detail + 6, NULL, 10);
    if (clock_ms > e->clock_ms)
        e->clock_ms = clock_ms;
}

static void
hear_ready(struct engine *e, size_t process, const char *detail)
{
    struct running *r = &e->running[process];
    if (strcmp(r->member->actor, "gateway") == 0) {
        e->config.http_port = port_in(detail, "http=");
        e->config.worker_port = port_in(detail, "worker=");
        e->config.iii_port = port_in(detail, "iii=");
        e->config.iii_http_port = port_in(detail, "iii_http=");
        claim_link_keys(e->claim.data);
    }
    hear_clock(e, detail);
    engine_describe(e, r, detail);
    log_line(LOG_INFO, "process_ready", "name=%s ms=%" PRIu64 " %s", r->member->name,
        clock_monotonic_ms() - e->machine.processes[process].since_ms, detail);
    r->since_ms = clock_unix_ms();
    supervisor_ready(&e->machine, process, clock_monotonic_ms(), &e->orders);
}

/* One line: "ready DETAIL" or "failed SENTENCE". */
static void
hear_said(struct engine *e, size_t process)
{
    struct running *r = &e->running[process];
    r->said[r->said_size] = '\0';
    r->said[strcspn(r->said, "\n")] = '\0';
    close(r->at.ready_fd);
    r->at.ready_fd = -1;
    if (strncmp(r->said, "ready", 5) == 0) {
        hear_ready(e, process, r->said + 5 + (r->said[5] == ' '));
    } else if (strncmp(r->said, "failed ", 7) == 0) {
        engine_describe(e, r, r->said + 7);
        supervisor_refused(&e->machine, process);
    }
}

void
hear_beginning(struct engine *e, size_t process)
{
    struct running *r = &e->running[process];
    while (r->at.ready_fd >= 0) {
        size_t room = sizeof r->said - 1 - r->said_size;
        ssize_t got = read(r->at.ready_fd, r->said + r->said_size, room);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        r->said_size += got > 0 ? (size_t)got : 0;
        if (got <= 0 || (size_t)got == room
            || memchr(r->said, '\n', r->said_size) != NULL)
            hear_said(e, process);
    }
}

void
hear_log(struct engine *e, struct running *r)
{
    static char piece[READ_MAX];
    if (r->at.log_fd < 0)
        return;
    ssize_t got = read(r->at.log_fd, piece, sizeof piece);
    if (got > 0) {
        logbook_take(
            &e->book, &r->stream, clock_unix_ms(), bytes_of(piece, (size_t)got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(r->at.log_fd);
        r->at.log_fd = -1;
    }
}

static void
report_death(struct engine *e, size_t process, pid_t pid, const char *how)
{
    struct running *r = &e->running[process];
    const struct supervised *p = &e->machine.processes[process];
    char detail[STATUS_DETAIL_MAX + 1];
    if (p->state == PROCESS_STOPPING) {
        log_line(LOG_INFO, "process_stopped", "name=%s pid=%d %s", r->member->name, pid,
            how);
        return;
    }
    snprintf(detail, sizeof detail, "%s%s%.160s", how, r->stream.last[0] ? ": " : "",
        r->stream.last);
    if (!p->refused)
        engine_describe(e, r, detail);
    log_line(p->state == PROCESS_READY ? LOG_UNUSUAL : LOG_BROKEN,
        p->was_ready ? "process_died" : "configuration_fault",
        "name=%s pid=%d %s detail=\"%s\"", r->member->name, pid, how, r->detail);
}

static void
bury(struct engine *e, size_t process, const char *how)
{
    struct running *r = &e->running[process];
    pid_t pid = r->at.pid;
    hear_beginning(e, process);
    /* All that a pipe can hold, and no more. */
    for (int i = 0; i < 16 && r->at.log_fd >= 0; i++)
        hear_log(e, r);
    logbook_end(&e->book, &r->stream, clock_unix_ms());
    report_death(e, process, pid, how);
    if (r->at.log_fd >= 0)
        close(r->at.log_fd);
    if (r->at.ready_fd >= 0)
        close(r->at.ready_fd);
    r->at = (struct spawned){ 0, -1, -1 };
    r->since_ms = clock_unix_ms();
    e->changed = true;
    supervisor_died(&e->machine, process, clock_monotonic_ms(), &e->orders);
}

void
hear_deaths(struct engine *e)
{
    char how[32];
    for (pid_t pid; (pid = spawn_reap(how)) != 0;) {
        for (size_t i = 0; i < e->roster.count; i++)
            if (e->running[i].at.pid == pid) {
                bury(e, i, how);
                break;
            }
        engine_obey(e);
    }
}
