#include "actors/supervisor/supervisor.h"

#include "base/backoff.h"

#include <assert.h>

static void
give(struct orders *orders, enum order_type type, size_t process)
{
    assert(orders->count < sizeof orders->items / sizeof orders->items[0]);
    orders->items[orders->count++] = (struct order){ type, process };
}

static void
become(struct supervised *p, enum process_state state, uint64_t now_ms)
{
    p->state = state;
    p->since_ms = now_ms;
}

static bool
lives(const struct supervised *p)
{
    return p->state == PROCESS_STARTING || p->state == PROCESS_READY
           || p->state == PROCESS_STOPPING;
}

static void
start(struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders)
{
    struct supervised *p = &s->processes[process];
    assert(!lives(p));
    assert(!s->stopping);
    p->refused = false;
    become(p, PROCESS_STARTING, now_ms);
    p->due_ms = now_ms + SUPERVISOR_START_MS;
    give(orders, ORDER_START, process);
}

/* In reverse order of their start, one after the other: the gateway first, so that
 * strangers are sent away while everything behind it still answers. */
static void
stop_next(struct supervisor *s, uint64_t now_ms, struct orders *orders)
{
    for (size_t i = s->process_count; i-- > 0;) {
        struct supervised *p = &s->processes[i];
        if (p->state == PROCESS_STOPPING)
            return;
        if (lives(p)) {
            become(p, PROCESS_STOPPING, now_ms);
            give(orders, ORDER_TERMINATE, i);
            return;
        }
    }
    give(orders, ORDER_EXIT, 0);
}

static void
stop_all(struct supervisor *s, int exit_code, uint64_t now_ms, struct orders *orders)
{
    s->stopping = true;
    s->exit_code = exit_code;
    s->kill_ms = now_ms + s->drain_ms;
    for (size_t i = 0; i < s->process_count; i++)
        if (s->processes[i].state == PROCESS_BACKING_OFF)
            become(&s->processes[i], PROCESS_STOPPED, now_ms);
    stop_next(s, now_ms, orders);
}

static void
give_up(struct supervisor *s, size_t process, int exit_code, uint64_t now_ms,
    struct orders *orders)
{
    become(&s->processes[process], PROCESS_STOPPED, now_ms);
    give(orders, ORDER_GIVE_UP, process);
    stop_all(s, exit_code, now_ms, orders);
}

static void
restart(struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders)
{
    struct supervised *p = &s->processes[process];
    uint64_t delay = backoff_ms(++p->setbacks, s->backoff_max_ms);
    p->restarts++;
    become(p, PROCESS_BACKING_OFF, now_ms);
    p->due_ms = now_ms + delay;
    if (delay == 0)
        start(s, process, now_ms, orders);
}

void
supervisor_begin(struct supervisor *s, size_t process_count, unsigned drain_ms,
    uint64_t now_ms, struct orders *orders)
{
    assert(process_count > 0);
    assert(process_count <= SUPERVISED_MAX);
    *s = (struct supervisor){
        .process_count = process_count,
        .drain_ms = drain_ms,
        .backoff_max_ms = SUPERVISOR_BACKOFF_MAX_MS,
    };
    for (size_t i = 0; i < process_count; i++)
        s->processes[i].since_ms = now_ms;
    start(s, 0, now_ms, orders);
}

void
supervisor_ready(
    struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders)
{
    struct supervised *p = &s->processes[process];
    bool first = !p->was_ready;
    assert(process < s->process_count);
    if (p->state != PROCESS_STARTING)
        return;
    become(p, PROCESS_READY, now_ms);
    p->was_ready = true;
    p->failures = 0;
    if (!first || s->stopping)
        return;
    if (process + 1 < s->process_count) {
        start(s, process + 1, now_ms, orders);
    } else {
        s->announced = true;
        give(orders, ORDER_ANNOUNCE, 0);
    }
}

void
supervisor_refused(struct supervisor *s, size_t process)
{
    assert(process < s->process_count);
    s->processes[process].refused = true;
}

void
supervisor_died(
    struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders)
{
    struct supervised *p = &s->processes[process];
    assert(process < s->process_count);
    assert(lives(p));
    if (s->stopping) {
        become(p, PROCESS_STOPPED, now_ms);
        stop_next(s, now_ms, orders);
        return;
    }
    if (p->state == PROCESS_READY && now_ms - p->since_ms >= SUPERVISOR_HEALTH_MS)
        p->setbacks = 0;
    if (p->state == PROCESS_STARTING)
        p->failures++;
    if (s->announced)
        restart(s, process, now_ms, orders);
    else if (p->refused)
        give_up(s, process, SUPERVISOR_EXIT_FAILED, now_ms, orders);
    else if (p->failures >= SUPERVISOR_FAILURES_MAX)
        give_up(s, process, SUPERVISOR_EXIT_GAVE_UP, now_ms, orders);
    else
        restart(s, process, now_ms, orders);
}

void
supervisor_stop(struct supervisor *s, uint64_t now_ms, struct orders *orders)
{
    if (s->stopping)
        s->kill_ms = now_ms;
    else
        stop_all(s, 0, now_ms, orders);
}

static bool
waits(const struct supervised *p)
{
    return p->state == PROCESS_BACKING_OFF || p->state == PROCESS_STARTING;
}

uint64_t
supervisor_due(const struct supervisor *s)
{
    uint64_t due = s->stopping ? s->kill_ms : UINT64_MAX;
    for (size_t i = 0; i < s->process_count; i++)
        if (waits(&s->processes[i]) && s->processes[i].due_ms < due)
            due = s->processes[i].due_ms;
    return due;
}

/* Its time has come: to be started, or to be ready, which it is not. */
static void
act(struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders)
{
    struct supervised *p = &s->processes[process];
    if (p->state == PROCESS_BACKING_OFF) {
        start(s, process, now_ms, orders);
        return;
    }
    p->due_ms = UINT64_MAX; /* its death follows */
    give(orders, ORDER_KILL, process);
}

void
supervisor_tick(struct supervisor *s, uint64_t now_ms, struct orders *orders)
{
    if (s->stopping && s->kill_ms <= now_ms) {
        s->kill_ms = UINT64_MAX;
        for (size_t i = 0; i < s->process_count; i++)
            if (lives(&s->processes[i]))
                give(orders, ORDER_KILL, i);
    }
    for (size_t i = 0; i < s->process_count; i++)
        if (waits(&s->processes[i]) && s->processes[i].due_ms <= now_ms)
            act(s, i, now_ms, orders);
}

const char *
process_state_name(enum process_state state)
{
    switch (state) {
    case PROCESS_STOPPED: return "stopped";
    case PROCESS_STARTING: return "starting";
    case PROCESS_READY: return "ready";
    case PROCESS_BACKING_OFF: return "backing_off";
    case PROCESS_STOPPING: return "stopping";
    }
    return "stopped";
}
