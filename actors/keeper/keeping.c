#include "actors/keeper/keeping.h"

#include "base/backoff.h"

#include <assert.h>

static void
become(struct kept *k, enum keep_state state, uint64_t now_ms)
{
    k->state = state;
    k->since_ms = now_ms;
}

bool
kept_lives(const struct kept *k)
{
    return k->state == KEEP_PREPARING || k->state == KEEP_STARTING
           || k->state == KEEP_RUNNING || k->state == KEEP_STOPPING;
}

static enum keep_order
prepare(struct kept *k, uint64_t now_ms)
{
    assert(!kept_lives(k));
    become(k, KEEP_PREPARING, now_ms);
    return KEEP_START;
}

enum keep_order
kept_start(struct kept *k, uint64_t now_ms)
{
    if (k->state == KEEP_STOPPING)
        k->again = true;
    if (kept_lives(k))
        return KEEP_NOTHING;
    k->setbacks = 0;
    return prepare(k, now_ms);
}

enum keep_order
kept_stop(struct kept *k, uint64_t now_ms)
{
    k->again = false;
    if (k->state == KEEP_STOPPING)
        return KEEP_NOTHING;
    bool lives = kept_lives(k);
    become(k, lives ? KEEP_STOPPING : KEEP_STOPPED, now_ms);
    return lives ? KEEP_TERMINATE : KEEP_NOTHING;
}

enum keep_order
kept_restart(struct kept *k, uint64_t now_ms)
{
    if (!kept_lives(k))
        return kept_start(k, now_ms);
    enum keep_order order = kept_stop(k, now_ms);
    k->again = true;
    return order;
}

void
kept_began(struct kept *k, uint64_t now_ms)
{
    if (k->state != KEEP_PREPARING)
        return;
    become(k, KEEP_STARTING, now_ms);
    k->due_ms = now_ms + KEEP_SETTLE_MS;
}

/* It was not asked to. */
static enum keep_order
fell(struct kept *k, uint64_t backoff_max_ms, uint64_t now_ms)
{
    if (k->state == KEEP_RUNNING && now_ms - k->since_ms >= KEEP_HEALTH_MS)
        k->setbacks = 0;
    k->setbacks++;
    k->restarts++;
    become(k, KEEP_BACKING_OFF, now_ms);
    k->due_ms = now_ms + backoff_ms(k->setbacks, backoff_max_ms);
    return kept_tick(k, now_ms);
}

enum keep_order
kept_ended(struct kept *k, bool refused, uint64_t backoff_max_ms, uint64_t now_ms)
{
    assert(kept_lives(k));
    bool stopping = k->state == KEEP_STOPPING, again = k->again;
    k->again = false;
    if (!stopping && !refused)
        return fell(k, backoff_max_ms, now_ms);
    become(k, stopping ? KEEP_STOPPED : KEEP_FAILED, now_ms);
    return stopping && again ? kept_start(k, now_ms) : KEEP_NOTHING;
}

uint64_t
kept_due(const struct kept *k)
{
    return k->state == KEEP_STARTING || k->state == KEEP_BACKING_OFF ? k->due_ms
                                                                     : UINT64_MAX;
}

enum keep_order
kept_tick(struct kept *k, uint64_t now_ms)
{
    if (kept_due(k) > now_ms)
        return KEEP_NOTHING;
    if (k->state == KEEP_BACKING_OFF)
        return prepare(k, now_ms);
    become(k, KEEP_RUNNING, now_ms);
    return KEEP_NOTHING;
}

const char *
keep_state_name(enum keep_state state)
{
    static const char *const names[] = { "stopped", "preparing", "starting", "running",
        "backing_off", "stopping", "failed" };
    return names[state];
}
