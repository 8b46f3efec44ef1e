#include "actors/trigger/trigger.h"

#include "actors/trigger/state.h"
#include "base/wrong.h"

#include <assert.h>

static void
trigger_open(void *state, const struct actor_setup *setup)
{
    struct trigger_state *s = state;
    assert(setup->config->schedulers <= SCHEDULERS_MAX);
    s->config = setup->config;
    s->journal = setup->journal;
    s->zones = setup->zones;
    memcpy(s->secret, setup->secret, SECRET_SIZE);
    backlog_open(&s->backlog);
    for (uint32_t i = 0; i < setup->config->schedulers; i++)
        window_open(&s->windows[i], setup->config->fires_max);
    schedules_find(s);
    holds_find(s);
    stream_find(s);
    waits_find(s);
}

static void
trigger_close(void *state)
{
    struct trigger_state *s = state;
    backlog_close(&s->backlog);
}

static void
trigger_settle(void *state)
{
    told_again_settle(state);
}

static void
greet(const struct message *in, struct outbox *out)
{
    say_peer_reset(out, (struct peer_reset){
                            .actor = in->envelope.from,
                            .instance = in->envelope.instance,
                            .life = in->hello.resync == RESYNC_NEW_LIFE,
                        });
}

static void
trigger_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    const struct trigger_state *s = state;
    switch (in->code) {
    case HELLO: greet(in, out); return;
    case TRIGGERS_OFFERED: on_triggers_offered(s, now_ms, in, out); return;
    case FIRE_TAKEN: on_fire_taken(s, &in->fire_taken, out); return;
    case FIRE_REFUSED: on_fire_refused(s, &in->fire_refused, out); return;
    case WAIT_OFFERED: on_wait_offered(s, in, out); return;
    case WAIT_WITHDRAWN: on_wait_withdrawn(s, in, out); return;
    case MATCH_TAKEN: on_match_taken(s, in, out); return;
    case RUN_ENDED: on_run_ended(s, now_ms, in, out); return;
    case EVENT_PUBLISH: on_event_publish(s, now_ms, in, out); return;
    case STREAM_LIST: on_stream_list(s, in, out); return;
    case HOOK_CALL: on_hook_call(s, now_ms, in, out); return;
    case SECRET_SET: on_secret_set(s, in, out); return;
    case SECRET_LIST: on_secret_list(s, in, out); return;
    case STATE_SET: on_state_set(s, now_ms, in, out); return;
    case STATE_UPDATE: on_state_update(s, now_ms, in, out); return;
    case STATE_DELETE: on_state_delete(s, now_ms, in, out); return;
    case STATE_GET: on_state_get(s, in, out); return;
    case STATE_LIST: on_state_list(s, in, out); return;
    case SCOPE_LIST: on_scope_list(s, in, out); return;
    case TRIGGER_LIST: on_trigger_list(s, in, out); return;
    case SCHEDULE_NEXT: on_schedule_next(s, now_ms, in, out); return;
    default: WRONG("the catalogue sends the trigger actor no such message");
    }
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
trigger_due(const void *state)
{
    const struct trigger_state *s = state;
    bool room = fires_room(s) > 0;
    if (retelling(s) || ends_untold(s) || s->looking > 0
        || (room && backlog_next(&s->backlog) != NULL))
        return 0;
    uint64_t due_ms = earlier(stream_expires_ms(s), fires_late_ms(s));
    return room ? earlier(due_ms, earlier(s->slot_ms, s->hold_ms)) : due_ms;
}

/* What time brings. */
static void
fire_due(const struct trigger_state *s, uint64_t now_ms, struct outbox *out)
{
    uint32_t room = fires_room(s);
    if (room == 0)
        return;
    if (s->slot_ms <= now_ms)
        fire_slots(s, now_ms, room, out);
    else if (s->hold_ms <= now_ms)
        fire_holds(s, now_ms, room, out);
}

static void
trigger_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct trigger_state *s = state;
    bool routes = fires_room(s) > 0 && backlog_next(&s->backlog) != NULL;
    if (fires_late_ms(s) <= now_ms)
        pass_late_fires(s, now_ms, out);
    else if (!(routes && s->time_told))
        fire_due(s, now_ms, out);
    if (out->count > 0)
        return;
    if (ends_untold(s))
        tell_ends(s, out);
    else if (retelling(s))
        tell_again(s, out);
    else if (routes)
        route_next(s, out);
    else if (s->looking > 0)
        look_back(s, out);
    else
        expire_events(s, now_ms, out);
}

const struct actor trigger_actor = {
    .name = ACTOR_trigger,
    .state_size = sizeof(struct trigger_state),
    .open = trigger_open,
    .close = trigger_close,
    .decide = trigger_decide,
    .apply = trigger_apply,
    .settle = trigger_settle,
    .due = trigger_due,
    .tick = trigger_tick,
};
