#include "actors/replay/decision.h"

#include "actors/scheduler/scheduler.h"
#include "actors/view/run_rows.h"
#include "transport/codec.h"

enum { TICKS_MAX = 1024 };

static bool
is_ours(const struct rebuilt *r, const struct message *m)
{
    return !m->again && fact_is_about(m, &r->file->run);
}

static bool
any_ours(const struct rebuilt *r, const struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++)
        if (is_ours(r, &out->messages[i]))
            return true;
    return false;
}

/* What peers are told is in no record; until they are told, nothing else is looked at.
 */
static void
note(struct rebuilt *r, uint64_t at_ms, struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++)
        if (message_routes[out->messages[i].code].kind == NOTE)
            scheduler_actor.apply(r->state, at_ms, &out->messages[i]);
    scheduler_actor.settle(r->state);
    out->count = 0;
}

static void
tick(struct rebuilt *r, uint64_t at_ms, struct outbox *out)
{
    for (int i = 0; i < TICKS_MAX && scheduler_actor.due(r->state) <= at_ms; i++) {
        scheduler_actor.tick(r->state, at_ms, out);
        if (out->count == 0 || any_ours(r, out))
            return;
        note(r, at_ms, out);
    }
}

static void
decide(struct rebuilt *r, enum message_code code, uint64_t at_ms, struct outbox *out)
{
    *out = (struct outbox){ .project = r->file->project,
        .partition = id_partition(&r->file->run),
        .arena = &r->arena,
        .messages = r->said };
    if (code == HELLO) {
        tick(r, at_ms, out);
        return;
    }
    led_by_message(code, r, r->answer);
    out->in = r->answer;
    scheduler_actor.decide(r->state, at_ms, r->answer, out);
}

/* A few things are decided by who tells of them: they are taken as they were. */
static void
take_from_outside(const struct message *was, struct message *is)
{
    if (was->code != is->code)
        return;
    if (was->code == RUN_STARTED || was->code == RUN_QUEUED) {
        const struct run_started *from = &was->run_started;
        is->run_started.key = from->key;
        is->run_started.source = from->source;
        is->run_started.data = from->data;
        is->run_started.meta = from->meta;
        is->run_started.trigger = from->trigger;
        is->run_started.config = from->config;
        is->run_started.queue_reason = from->queue_reason;
    }
    /* Of which partition it is depends on the other automation. */
    if (was->code == CHILD_CALLED)
        is->child_called.child = was->child_called.child;
}

static bool
same_fact(const struct message *was, const struct message *is)
{
    struct buffer a = { 0 }, b = { 0 };
    codec_write_body(was, NULL, &a);
    codec_write_body(is, NULL, &b);
    bool same =
        was->code == is->code && bytes_equal(buffer_bytes(&a), buffer_bytes(&b));
    buffer_free(&a);
    buffer_free(&b);
    return same;
}

static void
print(struct buffer *why, const char *before, const struct message *m)
{
    buffer_print(why, "%s", before);
    if (m == NULL)
        buffer_print(why, "nothing more");
    else
        codec_print(m, why);
}

/* The event of a wait with a mapping is not kept: what the step made of it is. */
static bool
is_mapped(const struct facts *was, const struct message *is, size_t at)
{
    return was->list[0].code == WAIT_RESUMED && was->list[at].code == STEP_COMPLETED
           && is->code == STEP_COMPLETED
           && was->list[0].wait_resumed.step == is->step_completed.step;
}

static bool
compare(struct rebuilt *r, const struct outbox *out, struct buffer *why)
{
    const struct facts *was = &r->facts;
    size_t at = 0;
    buffer_clear(why);
    for (size_t i = 0; i < out->count; i++) {
        struct message *is = &out->messages[i];
        if (!is_ours(r, is))
            continue;
        const struct message *before = at < was->count ? &was->list[at] : NULL;
        if (before != NULL)
            take_from_outside(before, is);
        if (before != NULL && is_mapped(was, is, at))
            is->step_completed.output = before->step_completed.output;
        if (before == NULL || !same_fact(before, is)) {
            print(why, "it was: ", before);
            print(why, "; it would be: ", is);
            return false;
        }
        at++;
    }
    if (at == was->count)
        return true;
    print(why, "it was: ", &was->list[at]);
    print(why, "; it would be: ", NULL);
    return false;
}

/* The run that the step of the first fact waits for. */
static struct id
child_of(struct rebuilt *r)
{
    struct run_rows run;
    const struct message *first = &r->facts.list[0];
    if (first->code != WAIT_RESUMED
        || run_rows_read(&run, r->journal, &r->arena, &r->file->project, &r->file->run)
               != ERR_NONE)
        return (struct id){ { 0 } };
    return run_rows_step(&run, first->wait_resumed.step)->child;
}

static bool
is_forwarded(const struct outbox *out)
{
    return out->count > 0 && out->messages[0].code == RUN_FORWARDED;
}

/* Where a start is decided depends on the number of partitions, which is in no file:
 * any by which this one decides it will do. */
static bool
decide_and_compare(
    struct rebuilt *r, enum message_code code, uint64_t at_ms, struct buffer *why)
{
    struct outbox out;
    r->config.schedulers = id_partition(&r->file->run);
    do {
        r->config.schedulers++;
        decide(r, code, at_ms, &out);
    } while (is_forwarded(&out) && r->config.schedulers < SCHEDULERS_MAX);
    return compare(r, &out, why);
}

void
decision_ask(
    struct rebuilt *r, const struct export_record *record, struct decision *decision)
{
    struct led_by led = led_by(&r->facts);
    r->child = child_of(r);
    for (size_t i = 0; i < r->facts.count; i++)
        if (r->facts.list[i].code == CHILD_CALLED)
            rebuilt_learn_other(r, r->facts.list[i].child_called.automation);
    struct buffer why = { 0 };
    const struct message *first = &r->facts.list[0];
    if (first->code == RUN_QUEUED)
        rebuilt_hold_slots(r, &first->run_started, record->at_ms, true);
    decision->known = led.count > 0;
    decision->same = false;
    buffer_clear(&decision->why);
    for (size_t i = 0; i < led.count && !decision->same; i++) {
        decision->same = decide_and_compare(r, led.codes[i], record->at_ms, &why);
        if (decision->same || i == 0) {
            decision->led_by = led.codes[i];
            buffer_clear(&decision->why);
            buffer_append_bytes(&decision->why, buffer_bytes(&why));
        }
    }
    if (first->code == RUN_QUEUED)
        rebuilt_hold_slots(r, &first->run_started, record->at_ms, false);
    buffer_free(&why);
}
