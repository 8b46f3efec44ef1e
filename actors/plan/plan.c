/* How a plan lies on disk.  Numbers are little-endian u32.
 *
 *   0  "plan"                        magic
 *   4  1                             layout
 *   8  steps, 12 triggers            counts
 *  16  bytes of top, 20 of the steps, 24 of the triggers
 *  28  ends[steps + triggers]        of each record, from the start of its kind
 *   …  top, steps, triggers          records
 *
 * A record is a struct below, written by base/field.h: absent is zero, and numbers that
 * a release does not know are passed over.  What an older release must not pass over
 * asks for a new layout. */
#include "actors/plan/plan.h"

#include "actors/plan/keys.h"
#include "actors/plan/plan_kinds.h"
#include "actors/plan/plan_parts.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>

enum { LAYOUT = 1, HEAD_SIZE = 28, RECORDS_MAX = 1 << 24 };

enum { HOUR_MS = 3600 * 1000 };

static const char magic[4] = { 'p', 'l', 'a', 'n' };

/* How each record lies on disk.  The orders are arrays that plan_check has seen and
 * that grow with the steps: a plan is opened for each fact of a run, so they are not
 * checked again. */
#define stored_plan_FIELDS(F, S)                                                       \
    F(S, 1, text, name, "of the automation")                                           \
    F(S, 2, text, handle, "or empty")                                                  \
    F(S, 3, text, description, "or empty")                                             \
    F(S, 4, u32, concurrency, "enum plan_concurrency")                                 \
    F(S, 5, u64, timeout_ms, "of a run")                                               \
    F(S, 6, payload, inputs, "declared")                                               \
    F(S, 7, payload, default_inputs, "map")                                            \
    F(S, 8, payload, tags, "map or array")                                             \
    F(S, 9, u32, runs_max, "active at once")                                           \
    F(S, 10, u32, queued_max, "waiting")                                               \
    F(S, 11, text, concurrency_key, "template")                                        \
    F(S, 12, u32, failures_max, "in a row")                                            \
    F(S, 13, u32, body_steps, "steps that are bodies of each")                         \
    F(S, 14, payload, config, "map")                                                   \
    F(S, 15, payload, output, "with templates")                                        \
    F(S, 16, text, run_name, "template")                                               \
    F(S, 17, blob, by_key, "array: indexes of steps in the order of their keys")       \
    F(S, 18, blob, by_saved, "the same of those whose save_as is not their key")       \
    F(S, 19, u32, triggers_limit, "0 or 1")

/* A step's index is stored plus one: absent is none. */
#define stored_step_FIELDS(F, S)                                                       \
    F(S, 1, text, key, "unique")                                                       \
    F(S, 2, text, name, "for people")                                                  \
    F(S, 3, u32, kind, "enum step_kind")                                               \
    F(S, 4, text, action, "action_name")                                               \
    F(S, 5, text, queue, "of the job")                                                 \
    F(S, 6, text, environment, "of the job")                                           \
    F(S, 7, list, labels, "texts, sorted")                                             \
    F(S, 8, payload, parameters, "map")                                                \
    F(S, 9, u32, attempts_max, "attempts")                                             \
    F(S, 10, u32, backoff, "enum step_backoff")                                        \
    F(S, 11, u64, delay_ms, "before the second attempt")                               \
    F(S, 12, u64, max_delay_ms, "before any attempt")                                  \
    F(S, 13, u64, timeout_ms, "of an attempt")                                         \
    F(S, 14, list, needs, "indexes of steps, ascending")                               \
    F(S, 15, list, feeds, "indexes of steps, ascending")                               \
    F(S, 16, u32, templated, "0 or 1")                                                 \
    F(S, 17, payload, config, "by plan_kinds.h")                                       \
    F(S, 18, text, condition, "if")                                                    \
    F(S, 19, text, save_as, "or empty: the key")                                       \
    F(S, 20, u32, jitter, "percent")                                                   \
    F(S, 21, list, retry_on, "texts")                                                  \
    F(S, 22, u32, on_timeout, "enum step_on_timeout")                                  \
    F(S, 23, u32, on_error, "enum step_on_error")                                      \
    F(S, 24, u32, handler, "step, plus one")                                           \
    F(S, 25, u32, handles, "0 or 1")                                                   \
    F(S, 26, u32, cleanup, "0 or 1")                                                   \
    F(S, 27, u32, parent, "step, plus one")                                            \
    F(S, 28, u32, body_first, "step")                                                  \
    F(S, 29, u32, body_count, "steps")

#define stored_trigger_FIELDS(F, S)                                                    \
    F(S, 1, text, key, "unique")                                                       \
    F(S, 2, text, name, "for people")                                                  \
    F(S, 3, text, kind, "manual, schedule, http or event")                             \
    F(S, 4, u32, enabled, "0 or 1")                                                    \
    F(S, 5, u64, interval_ms, "of a schedule")                                         \
    F(S, 6, text, cron, "of a schedule")                                               \
    F(S, 7, text, timezone, "of a schedule")                                           \
    F(S, 8, payload, config, "by plan_kinds.h")                                        \
    F(S, 9, payload, inputs, "with templates")                                         \
    F(S, 10, u32, concurrency, "enum plan_concurrency, or 0")                          \
    F(S, 11, u32, runs_max, "active runs that it started")

#define STORED(S)                                                                      \
    struct S {                                                                         \
        S##_FIELDS(FIELD_MEMBER, S)                                                    \
    };                                                                                 \
    static const struct field S##_field_rows[] = { S##_FIELDS(FIELD_ROW, S) };         \
    static const struct shape S##_shape = SHAPE(S);

STORED(stored_plan)
STORED(stored_step)
STORED(stored_trigger)

bool
plan_record_read(const struct shape *shape, struct bytes in, void *stored)
{
    struct cursor c = cursor_over(in);
    return fields_read(&c, shape, NULL, stored) == ERR_NONE && cursor_done(&c);
}

bool
plan_indexes_read(
    struct bytes in, struct arena *arena, const uint32_t **indexes, uint32_t *count)
{
    *indexes = NULL;
    *count = 0;
    if (in.size == 0)
        return true;
    struct cursor c = cursor_over(in);
    size_t size = cursor_array(&c);
    uint32_t *list = arena_take(arena, size * sizeof *list);
    for (size_t i = 0; i < size; i++) {
        uint64_t index = cursor_u64(&c);
        c.bad |= index > RECORDS_MAX;
        list[i] = (uint32_t)index;
    }
    *indexes = list;
    *count = (uint32_t)size;
    return !c.bad && cursor_done(&c);
}

/* Nothing for no index: absent then. */
static struct bytes
indexes_write(const uint32_t *indexes, uint32_t count, struct buffer *out)
{
    buffer_clear(out);
    if (count == 0)
        return (struct bytes){ 0 };
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        pack_u64(out, indexes[i]);
    return buffer_bytes(out);
}

static uint32_t
number_at(struct bytes in, size_t offset)
{
    const uint8_t *at = in.data + offset;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16
           | (uint32_t)at[3] << 24;
}

static void
number_put(uint8_t *at, size_t number)
{
    assert(number <= UINT32_MAX);
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

static struct bytes
part(struct bytes in, uint64_t *offset, uint64_t size)
{
    struct bytes part = bytes_of(in.data + *offset, size);
    *offset += size;
    return part;
}

static bool
top_read(struct bytes in, struct plan *plan)
{
    struct stored_plan stored;
    if (!plan_record_read(&stored_plan_shape, in, &stored) || stored.name.size == 0
        || stored.concurrency < PLAN_ALLOW || stored.concurrency > PLAN_QUEUE)
        return false;
    *plan = (struct plan){
        .name = stored.name,
        .handle = stored.handle,
        .description = stored.description,
        .concurrency = (enum plan_concurrency)stored.concurrency,
        .runs_max = stored.runs_max == 0 ? 1 : stored.runs_max,
        .queued_max = stored.queued_max,
        .concurrency_key = stored.concurrency_key,
        .failures_max = stored.failures_max,
        .timeout_ms = stored.timeout_ms,
        .fixed_count = stored.body_steps,
        .inputs = pack_or_nil(stored.inputs),
        .default_inputs = pack_or_nil(stored.default_inputs),
        .tags = pack_or_nil(stored.tags),
        .config = pack_or_nil(stored.config),
        .output = pack_or_nil(stored.output),
        .run_name = stored.run_name,
        .triggers_limit = stored.triggers_limit != 0,
        .by_key = stored.by_key,
        .by_saved = stored.by_saved,
    };
    return true;
}

enum err
plan_open(struct bytes in, struct plan *plan)
{
    *plan = (struct plan){ 0 };
    if (in.size < HEAD_SIZE || memcmp(in.data, magic, sizeof magic) != 0
        || number_at(in, 4) != LAYOUT)
        return ERR_MALFORMED;
    uint32_t steps = number_at(in, 8), triggers = number_at(in, 12);
    uint64_t ends_size = 4 * ((uint64_t)steps + triggers);
    uint64_t top_size = number_at(in, 16), steps_size = number_at(in, 20);
    uint64_t triggers_size = number_at(in, 24);
    if (steps == 0 || steps > RECORDS_MAX || triggers > PLAN_TRIGGERS_MAX
        || HEAD_SIZE + ends_size + top_size + steps_size + triggers_size != in.size)
        return ERR_MALFORMED;
    uint64_t offset = HEAD_SIZE;
    struct bytes offsets = part(in, &offset, ends_size);
    if (!top_read(part(in, &offset, top_size), plan))
        return ERR_MALFORMED;
    if (plan->fixed_count >= steps)
        return ERR_MALFORMED;
    plan->fixed_count = steps - plan->fixed_count;
    plan->offsets = offsets;
    plan->steps = part(in, &offset, steps_size);
    plan->triggers = part(in, &offset, triggers_size);
    plan->step_count = steps;
    plan->trigger_count = triggers;
    return ERR_NONE;
}

/* The record `index` of those whose ends begin at `first`; nothing if it lies outside.
 */
static struct bytes
record_at(const struct plan *plan, struct bytes records, uint32_t first, uint32_t index)
{
    size_t at = 4 * ((size_t)first + index);
    uint32_t from = index == 0 ? 0 : number_at(plan->offsets, at - 4);
    uint32_t to = number_at(plan->offsets, at);
    if (from > to || to > records.size)
        return (struct bytes){ 0 };
    return bytes_of(records.data + from, to - from);
}

bool
plan_step_read(const struct plan *plan, uint32_t index, struct arena *arena,
    struct plan_step *step)
{
    struct stored_step stored;
    struct bytes in = record_at(plan, plan->steps, 0, index);
    if (!plan_record_read(&stored_step_shape, in, &stored))
        return false;
    *step = (struct plan_step){
        .key = stored.key,
        .name = stored.name,
        .kind = (enum step_kind)stored.kind,
        .action = stored.action,
        .queue = stored.queue,
        .environment = stored.environment,
        .labels = stored.labels,
        .parameters = stored.parameters,
        .attempts_max = stored.attempts_max,
        .backoff = (enum step_backoff)stored.backoff,
        .delay_ms = stored.delay_ms,
        .max_delay_ms = stored.max_delay_ms,
        .timeout_ms = stored.timeout_ms,
        .templated = stored.templated != 0,
        .config = stored.config,
        .condition = stored.condition,
        .save_as = stored.save_as.size > 0 ? stored.save_as : stored.key,
        .jitter = stored.jitter,
        .retry_on = stored.retry_on,
        .on_timeout = (enum step_on_timeout)stored.on_timeout,
        .on_error = (enum step_on_error)stored.on_error,
        .handler = stored.handler - 1,
        .handles = stored.handles != 0,
        .cleanup = stored.cleanup != 0,
        .nested = stored.parent != 0,
        .parent = stored.parent - 1,
        .body_first = stored.body_first,
        .body_count = stored.body_count,
    };
    return plan_indexes_read(stored.needs, arena, &step->needs, &step->needs_count)
           && plan_indexes_read(stored.feeds, arena, &step->feeds, &step->feeds_count);
}

bool
plan_trigger_read(const struct plan *plan, uint32_t index, struct plan_trigger *trigger)
{
    struct stored_trigger stored;
    struct bytes in = record_at(plan, plan->triggers, plan->step_count, index);
    if (!plan_record_read(&stored_trigger_shape, in, &stored))
        return false;
    *trigger = (struct plan_trigger){
        .key = stored.key,
        .name = stored.name,
        .kind = stored.kind,
        .enabled = stored.enabled != 0,
        .interval_ms = stored.interval_ms,
        .cron = stored.cron,
        .timezone = stored.timezone,
        .config = stored.config,
        .inputs = stored.inputs,
        .concurrency = (enum plan_concurrency)stored.concurrency,
        .runs_max = stored.runs_max,
    };
    return true;
}

struct plan_step
plan_step_at(const struct plan *plan, uint32_t index, struct arena *arena)
{
    assert(index < plan->step_count);
    struct plan_step step;
    if (!plan_step_read(plan, index, arena, &step))
        WRONG("a step of a plan cannot be read");
    return step;
}

struct plan_trigger
plan_trigger_at(const struct plan *plan, uint32_t index)
{
    assert(index < plan->trigger_count);
    struct plan_trigger trigger;
    if (!plan_trigger_read(plan, index, &trigger))
        WRONG("a trigger of a plan cannot be read");
    return trigger;
}

/* Binary search among `order`, an array of indexes of steps; each is read on the way.
 */
static uint32_t
find(const struct plan *plan, struct bytes order, struct bytes name, bool saved)
{
    struct cursor all = cursor_over(order);
    size_t low = 0, high = order.size == 0 ? 0 : cursor_array(&all);
    struct arena arena = { 0 };
    uint32_t found = PLAN_NO_STEP;
    const uint32_t *indexes;
    uint32_t count;
    if (!plan_indexes_read(order, &arena, &indexes, &count))
        WRONG("the order of a plan's steps cannot be read");
    while (low < high && found == PLAN_NO_STEP) {
        size_t middle = low + (high - low) / 2;
        struct plan_step step = plan_step_at(plan, indexes[middle], &arena);
        int order_of = bytes_order(saved ? step.save_as : step.key, name);
        if (order_of == 0)
            found = indexes[middle];
        else if (order_of < 0)
            low = middle + 1;
        else
            high = middle;
    }
    arena_free(&arena);
    return found;
}

/* Plans of the first releases have no order: all steps are looked at. */
static uint32_t
find_unordered(const struct plan *plan, struct bytes key)
{
    struct arena arena = { 0 };
    uint32_t i = 0;
    while (i < plan->step_count && !bytes_equal(plan_step_at(plan, i, &arena).key, key))
        i++;
    arena_free(&arena);
    return i < plan->step_count ? i : PLAN_NO_STEP;
}

uint32_t
plan_find_step(const struct plan *plan, struct bytes key)
{
    if (plan->by_key.size == 0)
        return find_unordered(plan, key);
    return find(plan, plan->by_key, key, false);
}

uint32_t
plan_find_saved(const struct plan *plan, struct bytes name)
{
    uint32_t found = find(plan, plan->by_saved, name, true);
    if (found != PLAN_NO_STEP)
        return found;
    found = plan_find_step(plan, name);
    if (found == PLAN_NO_STEP)
        return found;
    struct arena arena = { 0 };
    bool own = bytes_equal(plan_step_at(plan, found, &arena).save_as, name);
    arena_free(&arena);
    return own ? found : PLAN_NO_STEP;
}

const char *
step_kind_name(enum step_kind kind)
{
    static const char *const names[] = {
        [STEP_ACTION] = "action",
        [STEP_SLEEP] = "sleep",
        [STEP_WAIT] = "wait_for_event",
        [STEP_INTERACTION] = "interaction",
        [STEP_CHILD] = "automation",
        [STEP_CHECK] = "check",
        [STEP_PARALLEL] = "parallel",
        [STEP_EACH] = "each",
        [STEP_SET] = "set",
        [STEP_AGENT] = "agent",
    };
    unsigned row = (unsigned)kind;
    return row < COUNT(names) && names[row] != NULL ? names[row] : "unknown";
}

#define CONFIG_SHAPE(S)                                                                \
    static const struct field S##_field_rows[] = { S##_FIELDS(FIELD_ROW, S) };         \
    const struct shape S##_shape = SHAPE(S);
CONFIG_SHAPE(plan_sleep)
CONFIG_SHAPE(plan_wait)
CONFIG_SHAPE(plan_interaction)
CONFIG_SHAPE(plan_child)
CONFIG_SHAPE(plan_check)
CONFIG_SHAPE(plan_each)
CONFIG_SHAPE(plan_set)
CONFIG_SHAPE(plan_agent)
CONFIG_SHAPE(plan_schedule)
CONFIG_SHAPE(plan_http)
CONFIG_SHAPE(plan_event)

void
plan_config_read(const struct shape *shape, struct bytes config, void *record)
{
    if (!plan_record_read(shape, config, record))
        WRONG("the config of a step or trigger cannot be read");
}

uint64_t
plan_delay_max_ms(const struct plan_step *step)
{
    if (step->max_delay_ms > 0)
        return step->max_delay_ms;
    return step->delay_ms > HOUR_MS ? step->delay_ms : HOUR_MS;
}

uint64_t
plan_delay_ms(const struct plan_step *step, uint32_t attempt)
{
    assert(attempt >= 1);
    uint64_t most = plan_delay_max_ms(step), times = 1;
    if (step->backoff == BACKOFF_LINEAR)
        times = attempt;
    else if (step->backoff == BACKOFF_EXPONENTIAL)
        times = attempt > 63 ? UINT64_MAX : (uint64_t)1 << (attempt - 1);
    uint64_t delay_ms = 0;
    if (__builtin_mul_overflow(step->delay_ms, times, &delay_ms))
        return most;
    return delay_ms < most ? delay_ms : most;
}

static bool
ends_hold(const struct plan *plan, struct bytes records, uint32_t first, uint32_t count)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = number_at(plan->offsets, 4 * ((size_t)first + i));
        if (end <= before)
            return false;
        before = end;
    }
    return before == records.size;
}

bool
plan_whole(const struct plan *plan)
{
    return ends_hold(plan, plan->steps, 0, plan->step_count)
           && ends_hold(plan, plan->triggers, plan->step_count, plan->trigger_count);
}

struct feeds
plan_feeds(const struct plan_step *steps, uint32_t count, struct arena *arena)
{
    struct feeds f = { .ends =
                           arena_take(arena, ((size_t)count + 2) * sizeof *f.ends) };
    uint32_t *next = f.ends + 1; /* shifted by one while it is being filled */
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < steps[i].needs_count; j++, total++)
            next[steps[i].needs[j] + 1]++;
    for (uint32_t i = 0; i < count; i++)
        next[i + 1] += next[i];
    f.indexes = arena_take(arena, ((size_t)total + 1) * sizeof *f.indexes);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < steps[i].needs_count; j++)
            f.indexes[next[steps[i].needs[j]]++] = i;
    return f;
}

/* Whose key or saved name is it?  The order of `names`, which are the same for both. */
static struct bytes
order_write(struct keyed *names, size_t count, struct arena *arena, struct buffer *out)
{
    buffer_clear(out);
    if (count == 0)
        return (struct bytes){ 0 };
    keys_sort(names, count, arena);
    pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        pack_u64(out, names[i].index);
    return arena_copy(arena, buffer_bytes(out));
}

static bool
saved_apart(const struct plan_step *step)
{
    return step->save_as.size > 0 && !bytes_equal(step->save_as, step->key);
}

static bool
triggers_limit(const struct plan_trigger *triggers, uint32_t count)
{
    bool limit = false;
    for (uint32_t i = 0; i < count; i++)
        limit |= triggers[i].concurrency > PLAN_ALLOW || triggers[i].runs_max > 0;
    return limit;
}

static void
top_write(const struct plan *plan, const struct plan_step *steps, uint32_t count,
    struct arena *arena, struct buffer *out)
{
    struct keyed *names = arena_take(arena, ((size_t)count + 1) * sizeof *names);
    struct buffer scratch = { 0 };
    size_t saved = 0;
    for (uint32_t i = 0; i < count; i++)
        names[i] = (struct keyed){ steps[i].key, i };
    struct bytes by_key = order_write(names, count, arena, &scratch);
    for (uint32_t i = 0; i < count; i++)
        if (saved_apart(&steps[i]))
            names[saved++] = (struct keyed){ steps[i].save_as, i };
    struct bytes by_saved = order_write(names, saved, arena, &scratch);
    buffer_free(&scratch);
    assert(plan->fixed_count <= count);
    struct stored_plan stored = {
        .name = plan->name,
        .handle = plan->handle,
        .description = plan->description,
        .concurrency = plan->concurrency,
        .timeout_ms = plan->timeout_ms,
        .inputs = plan->inputs,
        .default_inputs = plan->default_inputs,
        .tags = plan->tags,
        .runs_max = plan->runs_max,
        .queued_max = plan->queued_max,
        .concurrency_key = plan->concurrency_key,
        .failures_max = plan->failures_max,
        .body_steps = plan->fixed_count == 0 ? 0 : count - plan->fixed_count,
        .config = plan->config,
        .output = plan->output,
        .run_name = plan->run_name,
        .by_key = by_key,
        .by_saved = by_saved,
        .triggers_limit = plan->triggers_limit,
    };
    fields_write(&stored_plan_shape, &stored, NULL, out);
}

/* Scratch space for the indexes of one step. */
struct writing {
    struct feeds feeds;
    struct buffer needs, fed;
};

static void
step_write(
    const struct plan_step *step, uint32_t index, struct writing *w, struct buffer *out)
{
    uint32_t from = w->feeds.ends[index], to = w->feeds.ends[index + 1];
    struct stored_step stored = {
        .key = step->key,
        .name = step->name,
        .kind = step->kind,
        .action = step->action,
        .queue = step->queue,
        .environment = step->environment,
        .labels = step->labels,
        .parameters = step->parameters,
        .attempts_max = step->attempts_max,
        .backoff = step->backoff,
        .delay_ms = step->delay_ms,
        .max_delay_ms = step->max_delay_ms,
        .timeout_ms = step->timeout_ms,
        .needs = indexes_write(step->needs, step->needs_count, &w->needs),
        .feeds = indexes_write(w->feeds.indexes + from, to - from, &w->fed),
        .templated = step->templated,
        .config = step->config,
        .condition = step->condition,
        .save_as = saved_apart(step) ? step->save_as : (struct bytes){ 0 },
        .jitter = step->jitter,
        .retry_on = step->retry_on,
        .on_timeout = step->on_timeout,
        .on_error = step->on_error,
        .handler = step->on_error == ON_ERROR_STEP ? step->handler + 1 : 0,
        .handles = step->handles,
        .cleanup = step->cleanup,
        .parent = step->nested ? step->parent + 1 : 0,
        .body_first = step->body_first,
        .body_count = step->body_count,
    };
    fields_write(&stored_step_shape, &stored, NULL, out);
}

static void
trigger_write(const struct plan_trigger *trigger, struct buffer *out)
{
    struct stored_trigger stored = {
        .key = trigger->key,
        .name = trigger->name,
        .kind = trigger->kind,
        .enabled = trigger->enabled,
        .interval_ms = trigger->interval_ms,
        .cron = trigger->cron,
        .timezone = trigger->timezone,
        .config = trigger->config,
        .inputs = trigger->inputs,
        .concurrency = trigger->concurrency,
        .runs_max = trigger->runs_max,
    };
    fields_write(&stored_trigger_shape, &stored, NULL, out);
}

void
plan_write(const struct plan *plan, const struct plan_step *steps, uint32_t step_count,
    const struct plan_trigger *triggers, uint32_t trigger_count, struct buffer *out)
{
    size_t start = out->size, ends = start + HEAD_SIZE;
    size_t ends_size = 4 * ((size_t)step_count + trigger_count);
    struct arena arena = { 0 };
    for (uint32_t i = 0; i < step_count; i++)
        for (uint32_t j = 0; j < steps[i].needs_count; j++)
            assert(steps[i].needs[j] < step_count);
    struct writing w = { .feeds = plan_feeds(steps, step_count, &arena) };
    memset(buffer_reserve(out, HEAD_SIZE + ends_size), 0, HEAD_SIZE + ends_size);
    out->size += HEAD_SIZE + ends_size;
    struct plan top = *plan;
    top.triggers_limit = triggers_limit(triggers, trigger_count);
    top_write(&top, steps, step_count, &arena, out);
    size_t from = out->size;
    for (uint32_t i = 0; i < step_count; i++) {
        step_write(&steps[i], i, &w, out);
        number_put(out->data + ends + 4 * (size_t)i, out->size - from);
    }
    size_t steps_end = out->size;
    for (uint32_t i = 0; i < trigger_count; i++) {
        trigger_write(&triggers[i], out);
        number_put(
            out->data + ends + 4 * ((size_t)step_count + i), out->size - steps_end);
    }
    uint8_t *head = out->data + start;
    memcpy(head, magic, sizeof magic);
    number_put(head + 4, LAYOUT);
    number_put(head + 8, step_count);
    number_put(head + 12, trigger_count);
    number_put(head + 16, from - ends - ends_size);
    number_put(head + 20, steps_end - from);
    number_put(head + 24, out->size - steps_end);
    buffer_free(&w.needs);
    buffer_free(&w.fed);
    arena_free(&arena);
    if (plan_check(bytes_of(out->data + start, out->size - start)) != ERR_NONE)
        WRONG("the plan that was written does not hold");
}
