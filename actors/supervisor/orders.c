#include "actors/supervisor/engine_state.h"
#include "actors/supervisor/notify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wrong.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

/* What the process finds on its settings descriptor.  A free port that was found once
 * is kept over restarts: strangers know it by now. */
static void
print_settings(const struct engine *e, struct buffer *out)
{
    char hex[2 * SECRET_SIZE + 1], life[2 * MAC_SIZE + 1], *lines = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&lines, &size);
    if (memory == NULL)
        WRONG("out of memory");
    config_write(&e->config, memory);
    if (fclose(memory) != 0)
        WRONG("out of memory");
    sodium_bin2hex(hex, sizeof hex, e->claim.secret, SECRET_SIZE);
    sodium_bin2hex(life, sizeof life, e->life, MAC_SIZE);
    buffer_print(
        out, "secret=%s\nlife=%s\nclock=%" PRId64 "\n", hex, life, e->clock_ms);
    buffer_append(out, lines, size);
    free(lines);
}

static void
order_start(struct engine *e, size_t process)
{
    struct running *r = &e->running[process];
    r->since_ms = clock_unix_ms();
    struct buffer settings = { 0 };
    struct fault fault = { 0 };
    print_settings(e, &settings);
    struct spawn what = {
        .program = r->member->program,
        .instance = r->member->instance,
        .settings = buffer_bytes(&settings),
        .lock_fd = e->claim.lock_fd,
    };
    r->said_size = r->stream.size = 0;
    r->stream.last[0] = '\0';
    enum err err = spawn(&what, &r->at, &fault);
    buffer_free(&settings);
    if (err == ERR_NONE) {
        log_line(
            LOG_INFO, "process_started", "name=%s pid=%d", r->member->name, r->at.pid);
        return;
    }
    r->at = (struct spawned){ 0, -1, -1 };
    engine_describe(e, r, fault.detail);
    log_line(LOG_BROKEN, "process_not_started", "name=%s err=\"%s\"", r->member->name,
        fault.detail);
    supervisor_died(&e->machine, process, clock_monotonic_ms(), &e->orders);
}

static void
order_announce(struct engine *e)
{
    char sentence[80];
    snprintf(sentence, sizeof sentence, "http=%u worker=%u iii=%u iii_http=%u",
        e->config.http_port, e->config.worker_port, e->config.iii_port,
        e->config.iii_http_port);
    engine_become(e, "ready");
    /* Who hears of it may look at once. */
    engine_publish(e);
    log_line(LOG_INFO, "ready", "%s ms=%" PRIu64, sentence,
        clock_monotonic_ms() - e->begin_ms);
    engine_say(e, "ready", sentence);
    notify("READY=1");
}

static void
order_give_up(struct engine *e, size_t process)
{
    const struct supervised *p = &e->machine.processes[process];
    const struct running *r = &e->running[process];
    char sentence[STATUS_DETAIL_MAX + 128];
    if (e->machine.exit_code == SUPERVISOR_EXIT_FAILED)
        snprintf(sentence, sizeof sentence, "%s: %s", r->member->name, r->detail);
    else
        snprintf(sentence, sizeof sentence,
            "%s died %u times in a row before it was ready: %s", r->member->name,
            p->failures, r->detail);
    snprintf(e->detail, sizeof e->detail, "%.200s", sentence);
    engine_publish(e);
    log_line(LOG_BROKEN, "gave_up", "name=%s detail=\"%s\"", r->member->name, sentence);
    engine_say(e, "failed", sentence);
}

static void
order_kill(struct engine *e, const struct running *r)
{
    bool stopping = e->machine.stopping;
    log_line(LOG_UNUSUAL, "process_killed", "name=%s pid=%d %s=%u", r->member->name,
        r->at.pid, stopping ? "drain_ms" : "not_ready_ms",
        stopping ? e->config.drain_ms : SUPERVISOR_START_MS);
    if (r->at.pid > 0)
        spawn_kill(r->at.pid);
}

static void
order_terminate(struct running *r)
{
    r->since_ms = clock_unix_ms();
    log_line(
        LOG_INFO, "process_stopping", "name=%s pid=%d", r->member->name, r->at.pid);
    if (r->at.pid > 0)
        spawn_terminate(r->at.pid);
}

void
engine_obey(struct engine *e)
{
    /* Obeying may give more orders. */
    for (size_t i = 0; i < e->orders.count; i++) {
        size_t process = e->orders.items[i].process;
        struct running *r = &e->running[process];
        e->changed = true;
        switch (e->orders.items[i].type) {
        case ORDER_START: order_start(e, process); break;
        case ORDER_TERMINATE: order_terminate(r); break;
        case ORDER_KILL: order_kill(e, r); break;
        case ORDER_ANNOUNCE: order_announce(e); break;
        case ORDER_GIVE_UP: order_give_up(e, process); break;
        case ORDER_EXIT: e->done = true; break;
        }
    }
    e->orders.count = 0;
    if (e->machine.stopping && strcmp(e->state, "stopping") != 0) {
        engine_become(e, "stopping");
        notify("STOPPING=1");
    }
}
