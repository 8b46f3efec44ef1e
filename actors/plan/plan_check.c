#include "actors/plan/keys.h"
#include "actors/plan/plan_parts.h"
#include "base/pack.h"

/* What plan_check has read. */
struct checking {
    const struct plan *plan;
    struct plan_step *steps;
    struct arena *arena;
};

/* What is read as a text is UTF-8, and as a payload one value of msgpack. */
static bool
key_holds(struct bytes key)
{
    return key.size >= 1 && key.size <= PLAN_KEY_MAX;
}

static bool
labels_hold(struct bytes labels)
{
    struct cursor c = cursor_over(labels);
    size_t count = cursor_array(&c);
    struct bytes before = { 0 };
    for (size_t i = 0; i < count; i++) {
        struct bytes label = cursor_text(&c);
        if (!key_holds(label) || bytes_order(before, label) >= 0)
            return false;
        before = label;
    }
    return !c.bad && count <= PLAN_LABELS_MAX;
}

bool
plan_payload_is(struct bytes payload, enum pack_type type)
{
    struct cursor c = cursor_over(payload);
    return cursor_type(&c) == type && pack_check(payload) == ERR_NONE;
}

static bool
nil_or(struct bytes payload, enum pack_type type)
{
    return plan_payload_is(payload, PACK_NIL) || plan_payload_is(payload, type);
}

static bool
texts_hold(struct bytes texts)
{
    if (texts.size == 0)
        return true;
    struct cursor c = cursor_over(texts);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++)
        cursor_text(&c);
    return !c.bad;
}

static bool
job_holds(const struct plan_step *s)
{
    return key_holds(s->action) && key_holds(s->queue)
           && s->environment.size <= PLAN_KEY_MAX && labels_hold(s->labels)
           && (plan_payload_is(s->parameters, PACK_MAP)
               || (s->templated && plan_payload_is(s->parameters, PACK_TEXT)));
}

static bool
policies_hold(const struct plan_step *s)
{
    return s->attempts_max >= 1 && s->attempts_max <= PLAN_ATTEMPTS_MAX
           && s->backoff >= BACKOFF_NONE && s->backoff <= BACKOFF_EXPONENTIAL
           && s->jitter <= 100 && texts_hold(s->retry_on)
           && s->on_timeout <= ON_TIMEOUT_ESCALATE && s->on_error <= ON_ERROR_STEP;
}

static bool
step_holds(const struct plan_step *s)
{
    return key_holds(s->key) && s->name.size <= PLAN_NAME_MAX
           && s->save_as.size <= PLAN_KEY_MAX && s->kind >= STEP_ACTION
           && s->kind <= STEP_AGENT && (s->kind != STEP_ACTION || job_holds(s))
           && policies_hold(s) && plan_step_config_holds(s);
}

static bool
indexes_hold(const uint32_t *indexes, uint32_t count, uint32_t below)
{
    for (uint32_t i = 0; i < count; i++)
        if (indexes[i] >= below || (i > 0 && indexes[i - 1] >= indexes[i]))
            return false;
    return true;
}

/* Are the keys of `count` things all different? */
static bool
keys_differ(struct keyed *keys, size_t count, struct arena *arena)
{
    keys_sort(keys, count, arena);
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(keys[i - 1].key, keys[i].key))
            return false;
    return true;
}

/* Do the indexes in `order` name `count` different steps in the order of `keys`, which
 * are sorted? */
static bool
order_holds(
    struct bytes order, const struct keyed *keys, size_t count, struct arena *arena)
{
    const uint32_t *indexes;
    uint32_t given;
    if (!plan_indexes_read(order, arena, &indexes, &given) || given != count)
        return false;
    for (uint32_t i = 0; i < given; i++)
        if (indexes[i] != keys[i].index)
            return false;
    return true;
}

/* Plans of the first releases have no orders. */
static bool
orders_hold(struct checking *c)
{
    uint32_t count = c->plan->step_count;
    size_t saved = 0;
    struct keyed *keys = arena_take(c->arena, count * sizeof *keys);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct keyed){ c->steps[i].save_as, i };
    if (!keys_differ(keys, count, c->arena))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!bytes_equal(c->steps[keys[i].index].key, keys[i].key))
            keys[saved++] = keys[i];
    if (!order_holds(c->plan->by_saved, keys, saved, c->arena))
        return false;
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct keyed){ c->steps[i].key, i };
    return keys_differ(keys, count, c->arena)
           && (c->plan->by_key.size == 0
               || order_holds(c->plan->by_key, keys, count, c->arena));
}

static bool
steps_hold(struct checking *c)
{
    uint32_t count = c->plan->step_count;
    c->steps = arena_take(c->arena, count * sizeof *c->steps);
    for (uint32_t i = 0; i < count; i++) {
        struct plan_step *s = &c->steps[i];
        if (!plan_step_read(c->plan, i, c->arena, s) || !step_holds(s)
            || !indexes_hold(s->needs, s->needs_count, count)
            || !indexes_hold(s->feeds, s->feeds_count, count))
            return false;
    }
    return orders_hold(c);
}

static bool
feeds_hold(struct checking *c)
{
    uint32_t count = c->plan->step_count;
    struct feeds f = plan_feeds(c->steps, count, c->arena);
    for (uint32_t i = 0; i < count; i++) {
        const struct plan_step *s = &c->steps[i];
        if (s->feeds_count != f.ends[i + 1] - f.ends[i]
            || (s->feeds_count > 0
                && memcmp(s->feeds, f.indexes + f.ends[i], 4 * (size_t)s->feeds_count)
                       != 0))
            return false;
    }
    return true;
}

/* Can every step be reached by completing what it needs? */
static bool
circle_free(struct checking *c)
{
    uint32_t count = c->plan->step_count, ready = 0, done = 0;
    uint32_t *open = arena_take(c->arena, count * sizeof *open);
    uint32_t *queue = arena_take(c->arena, count * sizeof *queue);
    for (uint32_t i = 0; i < count; i++) {
        open[i] = c->steps[i].needs_count;
        if (open[i] == 0)
            queue[ready++] = i;
    }
    while (done < ready) {
        const struct plan_step *s = &c->steps[queue[done++]];
        for (uint32_t i = 0; i < s->feeds_count; i++)
            if (--open[s->feeds[i]] == 0)
                queue[ready++] = s->feeds[i];
    }
    return done == count;
}

static bool
triggers_hold(struct checking *c)
{
    uint32_t count = c->plan->trigger_count;
    struct keyed keys[PLAN_TRIGGERS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct plan_trigger t;
        if (!plan_trigger_read(c->plan, i, &t) || !key_holds(t.key)
            || !key_holds(t.kind) || t.name.size > PLAN_NAME_MAX
            || t.concurrency > PLAN_QUEUE
            || (t.inputs.size > 0 && !nil_or(t.inputs, PACK_MAP))
            || !plan_trigger_config_holds(&t))
            return false;
        keys[i] = (struct keyed){ t.key, i };
    }
    return keys_differ(keys, count, c->arena);
}

static bool
top_holds(const struct plan *plan)
{
    return plan->name.size <= PLAN_NAME_MAX && plan->handle.size <= PLAN_KEY_MAX
           && nil_or(plan->inputs, PACK_MAP) && nil_or(plan->config, PACK_MAP)
           && nil_or(plan->default_inputs, PACK_MAP)
           && pack_check(plan->tags) == ERR_NONE
           && pack_check(plan->output) == ERR_NONE;
}

enum err
plan_check(struct bytes in)
{
    struct plan plan;
    if (plan_open(in, &plan) != ERR_NONE || !top_holds(&plan) || !plan_whole(&plan))
        return ERR_MALFORMED;
    struct arena arena = { 0 };
    struct checking c = { .plan = &plan, .arena = &arena };
    bool holds = steps_hold(&c) && plan_bodies_hold(&plan, c.steps, &arena)
                 && feeds_hold(&c) && circle_free(&c) && triggers_hold(&c);
    arena_free(&arena);
    return holds ? ERR_NONE : ERR_MALFORMED;
}
