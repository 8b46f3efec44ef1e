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

#include "actors/plan/plan_parts.h"
#include "base/field.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>

enum { LAYOUT = 1, HEAD_SIZE = 28, RECORDS_MAX = 1 << 24 };

enum { HOUR_MS = 3600 * 1000 };

static const char magic[4] = { 'p', 'l', 'a', 'n' };

/* How each record lies on disk. */
#define stored_plan_FIELDS(F, S)                                                       \
    F(S, 1, text, name, "of the automation")                                           \
    F(S, 2, text, handle, "or empty")                                                  \
    F(S, 3, text, description, "or empty")                                             \
    F(S, 4, u32, concurrency, "enum plan_concurrency")                                 \
    F(S, 5, u64, timeout_ms, "of a run")                                               \
    F(S, 6, payload, inputs, "declared")                                               \
    F(S, 7, payload, default_inputs, "map")                                            \
    F(S, 8, payload, tags, "map or array")

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
    F(S, 15, list, feeds, "indexes of steps, ascending")

#define stored_trigger_FIELDS(F, S)                                                    \
    F(S, 1, text, key, "unique")                                                       \
    F(S, 2, text, name, "for people")                                                  \
    F(S, 3, text, kind, "manual or schedule")                                          \
    F(S, 4, u32, enabled, "0 or 1")                                                    \
    F(S, 5, u64, interval_ms, "of a schedule")                                         \
    F(S, 6, text, cron, "of a schedule")                                               \
    F(S, 7, text, timezone, "of a schedule")

#define STORED(S)                                                                      \
    struct S {                                                                         \
        S##_FIELDS(FIELD_MEMBER, S)                                                    \
    };                                                                                 \
    static const struct field S##_field_rows[] = { S##_FIELDS(FIELD_ROW, S) };         \
    static const struct shape S##_shape = SHAPE(S);

STORED(stored_plan)
STORED(stored_step)
STORED(stored_trigger)

static bool
record_read(const struct shape *shape, struct bytes in, void *stored)
{
    struct cursor c = cursor_over(in);
    return fields_read(&c, shape, NULL, stored) == ERR_NONE && cursor_done(&c);
}

/* The indexes in a msgpack array, and how many; false if it is none of such. */
static bool
indexes_read(
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

static struct bytes
or_nil(struct bytes payload)
{
    static const uint8_t nil[] = { 0xc0 };
    return payload.size > 0 ? payload : bytes_of(nil, sizeof nil);
}

static bool
top_read(struct bytes in, struct plan *plan)
{
    struct stored_plan stored;
    if (!record_read(&stored_plan_shape, in, &stored) || stored.name.size == 0
        || stored.concurrency < PLAN_ALLOW || stored.concurrency > PLAN_QUEUE)
        return false;
    *plan = (struct plan){
        .name = stored.name,
        .handle = stored.handle,
        .description = stored.description,
        .concurrency = (enum plan_concurrency)stored.concurrency,
        .timeout_ms = stored.timeout_ms,
        .inputs = or_nil(stored.inputs),
        .default_inputs = or_nil(stored.default_inputs),
        .tags = or_nil(stored.tags),
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
    if (!record_read(&stored_step_shape, in, &stored))
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
    };
    return indexes_read(stored.needs, arena, &step->needs, &step->needs_count)
           && indexes_read(stored.feeds, arena, &step->feeds, &step->feeds_count);
}

bool
plan_trigger_read(const struct plan *plan, uint32_t index, struct plan_trigger *trigger)
{
    struct stored_trigger stored;
    struct bytes in = record_at(plan, plan->triggers, plan->step_count, index);
    if (!record_read(&stored_trigger_shape, in, &stored))
        return false;
    *trigger = (struct plan_trigger){
        .key = stored.key,
        .name = stored.name,
        .kind = stored.kind,
        .enabled = stored.enabled != 0,
        .interval_ms = stored.interval_ms,
        .cron = stored.cron,
        .timezone = stored.timezone,
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

uint64_t
plan_delay_ms(const struct plan_step *step, uint32_t attempt)
{
    assert(attempt >= 1);
    uint64_t most = step->max_delay_ms;
    if (most == 0)
        most = step->delay_ms > HOUR_MS ? step->delay_ms : HOUR_MS;
    uint64_t times = 1;
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

static void
top_write(const struct plan *plan, struct buffer *out)
{
    struct stored_plan stored = {
        .name = plan->name,
        .handle = plan->handle,
        .description = plan->description,
        .concurrency = plan->concurrency,
        .timeout_ms = plan->timeout_ms,
        .inputs = plan->inputs,
        .default_inputs = plan->default_inputs,
        .tags = plan->tags,
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
    top_write(plan, out);
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
