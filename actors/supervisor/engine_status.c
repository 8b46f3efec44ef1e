#include "actors/supervisor/engine_state.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

void
engine_say(struct engine *e, const char *word, const char *sentence)
{
    for (size_t i = 0; i < COUNT(e->say_fds); i++) {
        if (e->say_fds[i] < 0)
            continue;
        dprintf(e->say_fds[i], "%s %s\n", word, sentence);
        close(e->say_fds[i]);
        e->say_fds[i] = -1;
    }
}

void
engine_become(struct engine *e, const char *state)
{
    e->state = state;
    e->since_ms = clock_unix_ms();
    e->changed = true;
}

void
engine_describe(struct engine *e, struct running *r, const char *detail)
{
    size_t size = strnlen(detail, STATUS_DETAIL_MAX);
    memcpy(r->detail, detail, size);
    r->detail[size] = '\0';
    e->changed = true;
}

static void
fill_status(const struct engine *e, struct status *status)
{
    struct status_row *own = &status->rows[0];
    snprintf(own->name, sizeof own->name, "capstand");
    snprintf(own->state, sizeof own->state, "%s", e->state);
    memcpy(own->detail, e->detail, sizeof own->detail);
    own->pid = (unsigned)getpid();
    own->since_ms = e->since_ms;
    own->http_port = e->machine.announced ? e->config.http_port : 0;
    own->worker_port = e->machine.announced ? e->config.worker_port : 0;
    own->iii_port = e->machine.announced ? e->config.iii_port : 0;
    own->iii_http_port = e->machine.announced ? e->config.iii_http_port : 0;
    status->row_count = 1;
    for (size_t i = 0; i < e->roster.count; i++) {
        const struct supervised *p = &e->machine.processes[i];
        const struct running *r = &e->running[i];
        struct status_row *row = &status->rows[status->row_count++];
        memcpy(row->name, r->member->name, sizeof row->name);
        memcpy(row->detail, r->detail, sizeof row->detail);
        snprintf(row->state, sizeof row->state, "%s", process_state_name(p->state));
        row->pid = (unsigned)r->at.pid;
        row->restarts = p->restarts;
        row->since_ms = r->since_ms;
    }
}

void
engine_publish(struct engine *e)
{
    char path[FOLDER_PATH_MAX];
    struct status status = { 0 };
    struct fault fault;
    e->changed = false;
    fill_status(e, &status);
    folder_path(e->claim.data, "run/status", path);
    if (status_write(&status, path, &fault) != ERR_NONE)
        log_line(LOG_BROKEN, "status_not_written", "err=\"%s\"", fault.detail);
}
