/* Waiting for an event: the scheduler owns the wait, the trigger actor finds the event.
 * A row says what the trigger actor may not know; it is told until it says that it
 * does. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "base/wrong.h"

#include <assert.h>

/* Waits told in one turn. */
enum { TELL_MAX = 64 };

/* The last event that a wait of the run for such a type had, in this turn or before. */
static uint64_t
last_event(struct turn *turn, struct bytes event_type)
{
    uint64_t number = run_last_event(&turn->run, event_type);
    for (size_t i = 0; i < turn->out->count; i++) {
        const struct message *m = &turn->out->messages[i];
        if (m->code != WAIT_RESUMED || m->wait_resumed.number <= number)
            continue;
        assert(id_equal(&m->wait_resumed.run, &turn->run.id)); /* one event a turn */
        struct plan_step plan = run_plan_step(&turn->run, m->wait_resumed.step);
        struct plan_wait wait;
        plan_config_read(&plan_wait_shape, plan.config, &wait);
        if (bytes_equal(wait.event_type, event_type))
            number = m->wait_resumed.number;
    }
    return number;
}

static uint64_t
since_ms(const struct turn *turn, const struct plan_wait *wait)
{
    const struct run_row *row = &turn->run.row;
    uint64_t started_ms = row->queued_ms > 0 ? row->queued_ms : row->started_ms;
    if (wait->fresh)
        return turn->now_ms;
    return wait->lookback_ms < started_ms ? started_ms - wait->lookback_ms : 0;
}

void
wait_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct plan_wait wait;
    struct bytes match = { 0 }, source = { 0 }, wrong;
    plan_config_read(&plan_wait_shape, plan->config, &wait);
    if ((wait.match.size > 0
            && !evaluate_payload(turn, step, "match", wait.match, &match, &wrong))
        || !evaluate_words(turn, step, "source", wait.source, &source, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return;
    }
    struct wait_opened opened = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = run_step(&turn->run, step)->attempt,
        .wait_kind = text("event"),
        .due_ms = plan->timeout_ms == 0 ? 0 : turn->now_ms + plan->timeout_ms,
        .event_type = wait.event_type,
        .source = source,
        .match = match,
        .condition = wait.condition,
        .since_ms = since_ms(turn, &wait),
        .after = last_event(turn, wait.event_type),
    };
    turn_say(turn, &(struct message){ .code = WAIT_OPENED, .wait_opened = opened });
}

void
wait_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    time_out_step(turn, step, plan, "no such event came in time");
}

static void
take(struct turn *turn, const struct wait_matched *matched)
{
    struct plan_step plan = run_plan_step(&turn->run, matched->step);
    struct plan_wait wait;
    struct bytes output = pack_or_map(matched->data), wrong;
    plan_config_read(&plan_wait_shape, plan.config, &wait);
    struct cursor mapping = cursor_over(wait.mapping);
    bool mapped = cursor_type(&mapping) == PACK_MAP;
    resume_step(turn, matched->step, &plan, "event", matched->number);
    if (!mapped
        || evaluate_mapping(turn, "mapping", wait.mapping, output,
            pack_or_map(matched->meta), &output, &wrong))
        complete_step(turn, matched->step, &plan, output);
    else
        fail_template(turn, matched->step, &plan, wrong);
}

/* Does the step wait for an event, in this attempt? */
static bool
waits(struct turn *turn, uint32_t step, uint32_t attempt)
{
    if (run_over(&turn->run) || run_closing(&turn->run)
        || step >= turn->run.row.step_count)
        return false;
    const struct step_row *row = run_step(&turn->run, step);
    return row->status == STEP_WAITING && row->attempt == attempt
           && run_plan_step(&turn->run, step).kind == STEP_WAIT;
}

void
on_wait_matched(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct wait_matched *matched = &in->wait_matched;
    struct turn turn;

    if (turn_open(&turn, state, now_ms, out, &matched->run)
        && waits(&turn, matched->step, matched->attempt)) {
        take(&turn, matched);
        turn_close(&turn);
    }
    say_match_taken(out, (struct match_taken){
                             .run = matched->run,
                             .step = matched->step,
                             .attempt = matched->attempt,
                         });
}

/* What a row of an untold wait says. */
struct untold {
    uint64_t record;
    struct id run, project;
    uint32_t step, attempt;
    bool open;
};

static void
untold_value(struct untold *untold, struct bytes value)
{
    untold->project = row_take_id(&value);
    untold->attempt = row_take_u32(&value);
    untold->open = row_take_u8(&value);
}

void
on_wait_known(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct wait_known *known = &in->wait_known;
    struct untold untold;
    struct turn turn;

    if (!turn_open(&turn, state, now_ms, out, &known->run)
        || known->step >= turn.run.row.step_count)
        return;
    const struct step_row *row = run_step(&turn.run, known->step);
    uint64_t record = known->open ? row->untold : step_closed(row, known->attempt);
    struct row_key key = untold_key(record, &known->run, known->step);
    struct bytes value = journal_get(state->journal, row_key_bytes(&key));
    if (value.data == NULL)
        return;
    untold_value(&untold, value);
    /* never: no turn both opens and closes a wait of a step */
    if (untold.attempt == known->attempt && untold.open == (known->open != 0))
        say_wait_settled(out, (struct wait_settled){
                                  .run = known->run,
                                  .step = known->step,
                                  .attempt = known->attempt,
                                  .order = record,
                              });
}

bool
look_for_wait(void *self, const struct message *fact)
{
    struct wait_opened *opened = self;
    if (fact->code != WAIT_OPENED || fact->wait_opened.step != opened->step)
        return false;
    *opened = fact->wait_opened;
    return true;
}

static void
offer(const struct scheduler_state *state, const struct untold *untold,
    struct outbox *out)
{
    struct wait_opened opened = { .step = untold->step };
    struct turn turn;
    if (!turn_open(&turn, state, 0, out, &untold->run))
        WRONG("a wait of no run");
    turn_look(&turn, untold->record, look_for_wait, &opened);
    say_wait_offered(out, (struct wait_offered){
                              .run = untold->run,
                              .step = untold->step,
                              .attempt = untold->attempt,
                              .event_type = opened.event_type,
                              .source = opened.source,
                              .match = opened.match,
                              .condition = opened.condition,
                              .since_ms = opened.since_ms,
                              .after = opened.after,
                              .order = untold->record,
                          });
}

struct batch {
    struct untold *list;
    uint32_t count, max;
};

static bool
keep_untold(void *self, struct bytes key, struct bytes value)
{
    struct batch *batch = self;
    struct untold *untold = &batch->list[batch->count++];
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    untold->record = row_take_u64(&left);
    untold->run = row_take_id(&left);
    untold->step = row_take_u32(&left);
    untold_value(untold, value);
    return batch->count < batch->max;
}

void
tell_waits(const struct scheduler_state *state, struct outbox *out)
{
    const struct untold_waits *w = &state->untold;
    struct row_key from = untold_key(w->record, &w->run, w->step), all = row_key('Y');
    struct row_key to = row_key_after(&all);
    uint32_t room = untold_room(w);
    struct batch batch = { .max = room < TELL_MAX ? room : TELL_MAX };
    batch.list = arena_take(out->arena, batch.max * sizeof *batch.list);
    row_key_u8(&from, 0); /* behind it */
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        keep_untold, &batch);
    for (uint32_t i = 0; i < batch.count; i++) {
        const struct untold *untold = &batch.list[i];
        out->project = untold->project;
        if (untold->open)
            offer(state, untold, out);
        else
            say_wait_withdrawn(out, (struct wait_withdrawn){
                                        .run = untold->run,
                                        .step = untold->step,
                                        .attempt = untold->attempt,
                                        .order = untold->record,
                                    });
    }
}
