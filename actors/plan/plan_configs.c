/* What the config of each kind of step and trigger must be: see plan_kinds.h. */
#include "actors/plan/plan_kinds.h"
#include "actors/plan/plan_parts.h"
#include "base/pack.h"

#include <assert.h>

static bool
absent_or(struct bytes payload, enum pack_type type)
{
    return payload.size == 0 || plan_payload_is(payload, PACK_NIL)
           || plan_payload_is(payload, type);
}

static bool
sleep_holds(const void *record)
{
    const struct plan_sleep *sleep = record;
    return (sleep->duration_ms > 0) + (sleep->duration.size > 0)
               + (sleep->until.size > 0)
           <= 1;
}

static bool
wait_holds(const void *record)
{
    const struct plan_wait *wait = record;
    return wait->event_type.size > 0 && wait->fresh <= 1
           && absent_or(wait->match, PACK_MAP) && absent_or(wait->mapping, PACK_MAP);
}

static bool
interaction_holds(const void *record)
{
    const struct plan_interaction *ask = record;
    return ask->protocol.size > 0 && absent_or(ask->targets, PACK_ARRAY)
           && ask->all_of <= 1
           && (absent_or(ask->spec, PACK_MAP) || plan_payload_is(ask->spec, PACK_TEXT))
           && absent_or(ask->escalate_to, PACK_ARRAY) && ask->reject_fails <= 1;
}

static bool
child_holds(const void *record)
{
    const struct plan_child *child = record;
    return child->automation.size > 0 && absent_or(child->inputs, PACK_MAP)
           && child->wait <= 1 && child->orphan <= 1;
}

static bool
check_holds(const void *record)
{
    const struct plan_check *check = record;
    return plan_payload_is(check->checks, PACK_ARRAY) && check->on_fail <= 2
           && absent_or(check->targets, PACK_ARRAY);
}

static bool
each_holds(const void *record)
{
    const struct plan_each *each = record;
    return (plan_payload_is(each->items, PACK_ARRAY)
               || plan_payload_is(each->items, PACK_TEXT))
           && each->concurrency >= 1 && each->as.size > 0 && each->go_on <= 1;
}

static bool
set_holds(const void *record)
{
    return plan_payload_is(((const struct plan_set *)record)->values, PACK_MAP);
}

static bool
agent_holds(const void *record)
{
    return plan_payload_is(((const struct plan_agent *)record)->config, PACK_MAP);
}

static bool
schedule_holds(const void *record)
{
    const struct plan_schedule *schedule = record;
    return schedule->dst <= 2 && schedule->misfire <= 2;
}

static bool
http_holds(const void *record)
{
    const struct plan_http *http = record;
    return http->scheme <= 3 && absent_or(http->match, PACK_MAP);
}

static bool
event_holds(const void *record)
{
    const struct plan_event *event = record;
    return event->event_type.size > 0 && absent_or(event->match, PACK_MAP);
}

struct config_kind {
    const struct shape *shape; /* NULL: it has no config */
    bool (*holds)(const void *record);
};

static const struct config_kind of_steps[] = {
    [STEP_SLEEP] = { &plan_sleep_shape, sleep_holds },
    [STEP_WAIT] = { &plan_wait_shape, wait_holds },
    [STEP_INTERACTION] = { &plan_interaction_shape, interaction_holds },
    [STEP_CHILD] = { &plan_child_shape, child_holds },
    [STEP_CHECK] = { &plan_check_shape, check_holds },
    [STEP_EACH] = { &plan_each_shape, each_holds },
    [STEP_SET] = { &plan_set_shape, set_holds },
    [STEP_AGENT] = { &plan_agent_shape, agent_holds },
};

static const struct {
    const char *kind;
    struct config_kind config;
} of_triggers[] = {
    { "schedule", { &plan_schedule_shape, schedule_holds } },
    { "http", { &plan_http_shape, http_holds } },
    { "event", { &plan_event_shape, event_holds } },
};

static bool
config_holds(const struct config_kind *kind, struct bytes config)
{
    union {
        struct plan_sleep sleep;
        struct plan_wait wait;
        struct plan_interaction interaction;
        struct plan_child child;
        struct plan_check check;
        struct plan_each each;
        struct plan_set set;
        struct plan_agent agent;
        struct plan_schedule schedule;
        struct plan_http http;
        struct plan_event event;
    } record;
    return plan_record_read(kind->shape, config, &record) && kind->holds(&record);
}

bool
plan_step_config_holds(const struct plan_step *step)
{
    const struct config_kind *kind = &of_steps[step->kind];
    assert((size_t)step->kind < COUNT(of_steps));
    return kind->shape != NULL ? config_holds(kind, step->config)
                               : step->config.size == 0;
}

/* Schedules of the first releases have no config. */
bool
plan_trigger_config_holds(const struct plan_trigger *trigger)
{
    bool schedule = bytes_equal(trigger->kind, text("schedule"));
    if (schedule && trigger->interval_ms == 0 && trigger->cron.size == 0)
        return false;
    if (schedule && trigger->config.size == 0)
        return true;
    for (size_t i = 0; i < COUNT(of_triggers); i++)
        if (bytes_equal(trigger->kind, text(of_triggers[i].kind)))
            return config_holds(&of_triggers[i].config, trigger->config);
    return trigger->config.size == 0;
}
