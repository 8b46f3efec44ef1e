/* What people and other systems do to a run: signal it, let it go on, skip one of its
 * steps, set an output by hand. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/policy.h"
#include "actors/scheduler/scope.h"

#include <assert.h>

static const struct refusal accepted = { .err = ERR_NONE, .detail = "" };

/* ---- steps by the key that people see ---- */

/* `key` up to its first "[": a step as seen from `from`. */
static bool
find_plan_step(struct run *run, struct place from, struct bytes key, struct place *to)
{
    uint32_t plan = plan_find_step(&run->plan, key);
    return plan != PLAN_NO_STEP && layout_seen(&run->layout, from, plan, to);
}

/* "[3].rest": takes the item, leaves the rest. */
static bool
take_item(struct bytes *rest, uint32_t *item)
{
    uint64_t number = 0;
    size_t at = 1;
    while (at < rest->size && rest->data[at] >= '0' && rest->data[at] <= '9'
           && number < UINT32_MAX)
        number = number * 10 + rest->data[at++] - '0';
    if (at == 1 || at + 2 > rest->size || rest->data[at] != ']'
        || rest->data[at + 1] != '.')
        return false;
    *item = (uint32_t)number;
    *rest = bytes_of(rest->data + at + 2, rest->size - at - 2);
    return true;
}

static bool
find_step(struct run *run, struct bytes key, uint32_t *step)
{
    struct place place = { .step = 0 };
    for (;;) {
        size_t at = 0;
        uint32_t item;
        while (at < key.size && key.data[at] != '[')
            at++;
        if (!find_plan_step(run, place, bytes_of(key.data, at), &place))
            return false;
        *step = place.step;
        if (at == key.size)
            return true;
        const struct step_row *row = run_step(run, place.step);
        key = bytes_of(key.data + at, key.size - at);
        if (run_plan_step(run, place.step).kind != STEP_EACH || !take_item(&key, &item)
            || item >= row->items)
            return false;
        place = layout_place(&run->layout,
            layout_item(layout_expansion(&run->layout, row->first), item));
    }
}

/* ---- */

/* Open a turn about a run that is to be told something. */
static struct refusal
open_run(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *run)
{
    if (!turn_open(turn, state, now_ms, out, run))
        return refuse(ERR_NOT_FOUND, "there is no such run in the project");
    return accepted;
}

static struct refusal
must_be_under_way(const struct run *run)
{
    if (run_over(run))
        return refuse(ERR_FINISHED, "the run is over: retry it, or fork it");
    if (run->row.status == RUN_WAITING)
        return refuse(ERR_CONFLICT, "the run is queued: it has not begun");
    if (run_closing(run))
        return refuse(ERR_CONFLICT, "the run is being ended");
    return accepted;
}

static struct refusal
must_have(struct run *run, struct bytes key, uint32_t *step)
{
    if (key.size == 0 || !find_step(run, key, step))
        return refuse(ERR_NOT_FOUND, "the run has no such step");
    return accepted;
}

static void
answer(struct turn *turn, uint64_t request, struct refusal refusal)
{
    if (refusal.err != ERR_NONE)
        refuse_request(turn->out, request, refusal);
    else
        accept_run(turn, request, true, false);
}

/* Was this said before, and done?  Then whoever asks again hears that it was. */
static bool
has_output(struct turn *turn, uint32_t step, struct bytes output)
{
    struct bytes found;
    return run_step(&turn->run, step)->status == STEP_DONE
           && step_output(turn, step, &found)
           && bytes_equal(found, pack_or_nil(output));
}

static bool
is_payload(struct bytes payload)
{
    return payload.size == 0 || pack_check(payload) == ERR_NONE;
}

/* End what the step has under way, so that something else can be said of it. */
static void
withdraw(struct turn *turn, uint32_t step, const char *reason)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    const struct kind_rules *rules = kind_rules(plan.kind);
    if (run_step(&turn->run, step)->status != STEP_PENDING && rules->withdraw != NULL)
        rules->withdraw(turn, step, reason);
}

/* A step of an item or a parallel that has not begun has no place to end in. */
static bool
has_begun_around(struct run *run, uint32_t step)
{
    struct place place = layout_place(&run->layout, step), parent;
    if (!layout_parent(&run->layout, place, &parent))
        return true;
    const struct step_row *row = run_step(run, parent.step);
    bool begun = run_over(run) ? row->items > 0 : row->status == STEP_INSIDE;
    return begun
           && (place.in == NULL || place.in->row.step != parent.step
               || place.item < row->items_begun);
}

static struct refusal
must_have_begun_around(struct turn *turn, uint32_t step)
{
    if (!has_begun_around(&turn->run, step))
        return refuse(ERR_CONFLICT, "what the step lies in has not begun");
    return accepted;
}

/* May something be said of the step in place of what it would have done? */
static struct refusal
may_be_set(struct turn *turn, uint32_t step)
{
    uint32_t status = run_step(&turn->run, step)->status;
    if (step_status_over(status))
        return refuse(ERR_CONFLICT, "the step is over");
    return must_have_begun_around(turn, step);
}

static struct bytes
key_of(struct turn *turn, uint32_t step)
{
    return run_plan_step(&turn->run, step).key;
}

/* ---- signal ---- */

static struct refusal
signal_step(struct turn *turn, const struct run_signal *said)
{
    uint32_t step;
    struct refusal refusal = must_have(&turn->run, said->step, &step);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (!is_payload(said->result))
        return refuse(ERR_INVALID, "result: expected a value");
    if (has_output(turn, step, said->result))
        return accepted;
    refusal = must_be_under_way(&turn->run);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (run_step(&turn->run, step)->status != STEP_WAITING)
        return refuse(ERR_CONFLICT, "the step does not wait for anything");
    struct plan_step plan = run_plan_step(&turn->run, step);
    struct wait_resumed resumed = {
        .run = turn->run.id,
        .step = step,
        .key = plan.key,
        .attempt = run_step(&turn->run, step)->attempt,
        .by = text("signal"),
        .result = said->result,
        .principal = said->by,
    };
    withdraw(turn, step, "it was signalled");
    turn_say(turn, &(struct message){ .code = WAIT_RESUMED, .wait_resumed = resumed });
    complete_step(turn, step, &plan, said->result);
    turn_close(turn);
    return accepted;
}

void
on_run_signal(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_signal *said = &in->run_signal;
    struct turn turn;
    struct refusal refusal = open_run(&turn, state, now_ms, out, &said->run);
    if (refusal.err == ERR_NONE)
        refusal = signal_step(&turn, said);
    answer(&turn, said->request, refusal);
}

/* ---- steps that others lie in ---- */

static bool
look_for_withdrawn(void *self, const struct message *fact)
{
    /* It is said before all that follows from it. */
    assert(fact->code == STEP_WITHDRAWN);
    *(struct step_withdrawn *)self = fact->step_withdrawn;
    return true;
}

static struct step_withdrawn
withdrawn_of(struct turn *turn, uint32_t step)
{
    struct step_withdrawn withdrawn = { 0 };
    turn_look(
        turn, run_step(&turn->run, step)->withdrawn, look_for_withdrawn, &withdrawn);
    return withdrawn;
}

/* From now on nothing more begins in it; what is under way is cancelled, over several
 * turns if one cannot say it. */
static struct refusal
withdraw_inside(struct turn *turn, struct step_withdrawn asked)
{
    if (run_step(&turn->run, asked.step)->withdrawn != 0) {
        struct step_withdrawn before = withdrawn_of(turn, asked.step);
        if (before.skips == asked.skips && bytes_equal(before.output, asked.output))
            return accepted;
        return refuse(ERR_CONFLICT, "the step is being ended");
    }
    asked.run = turn->run.id;
    asked.key = key_of(turn, asked.step);
    turn_say(
        turn, &(struct message){ .code = STEP_WITHDRAWN, .step_withdrawn = asked });
    turn_close(turn);
    return accepted;
}

void
end_withdrawn(struct turn *turn, uint32_t step)
{
    struct step_withdrawn said = withdrawn_of(turn, step);
    const char *why = "its output was set by hand";
    if (!cancel_inside(turn, step, said.skips ? turn_string(turn, said.reason) : why)) {
        run_note_moving(&turn->run, step);
        return;
    }
    struct step_skipped skipped = { said.run, step, said.key, said.reason, 1 };
    struct step_overridden set = { said.run, step, said.key, said.output, said.by,
        said.reason };
    if (said.skips)
        turn_say(
            turn, &(struct message){ .code = STEP_SKIPPED, .step_skipped = skipped });
    else
        turn_say(
            turn, &(struct message){ .code = STEP_OVERRIDDEN, .step_overridden = set });
}

/* ---- skip ---- */

static const char *
skip_reason(struct turn *turn, const struct step_skip *said)
{
    struct buffer words = { 0 };
    buffer_print(&words, "skipped by %.*s%s%.*s", (int)said->by.size,
        (const char *)said->by.data, said->reason.size > 0 ? ": " : "",
        (int)said->reason.size, (const char *)said->reason.data);
    buffer_append(&words, "", 1);
    struct bytes kept = arena_copy(turn->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    return (const char *)kept.data;
}

static struct refusal
skip(struct turn *turn, const struct step_skip *said)
{
    uint32_t step;
    struct refusal refusal = must_have(&turn->run, said->step, &step);
    if (refusal.err != ERR_NONE)
        return refusal;
    const struct step_row *row = run_step(&turn->run, step);
    if (row->status == STEP_SKIPPED_OVER && row->passed)
        return accepted;
    refusal = must_be_under_way(&turn->run);
    if (refusal.err == ERR_NONE)
        refusal = may_be_set(turn, step);
    if (refusal.err != ERR_NONE)
        return refusal;
    const char *reason = skip_reason(turn, said);
    if (row->status == STEP_INSIDE)
        return withdraw_inside(
            turn, (struct step_withdrawn){
                      .step = step, .skips = 1, .reason = text(reason) });
    struct plan_step plan = run_plan_step(&turn->run, step);
    withdraw(turn, step, reason);
    skip_step(turn, step, &plan, reason, true);
    turn_close(turn);
    return accepted;
}

void
on_step_skip(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct step_skip *said = &in->step_skip;
    struct turn turn;
    struct refusal refusal = open_run(&turn, state, now_ms, out, &said->run);
    if (refusal.err == ERR_NONE)
        refusal = skip(&turn, said);
    answer(&turn, said->request, refusal);
}

/* ---- outputs by hand ---- */

/* The output of a run that has failed may be set, and then the run retried. */
static struct refusal
may_be_overridden(struct turn *turn, uint32_t step)
{
    const struct run *run = &turn->run;
    const struct step_row *row = run_step(&turn->run, step);
    if (run_over(run) && run->row.status == RUN_DONE)
        return refuse(ERR_FINISHED, "the run has completed: fork it");
    if (run_over(run))
        return must_have_begun_around(turn, step);
    struct refusal refusal = must_be_under_way(run);
    if (refusal.err != ERR_NONE || row->status == STEP_DONE)
        return refusal;
    return may_be_set(turn, step);
}

static struct refusal
set_output(struct turn *turn, const struct step_override *said)
{
    uint32_t step;
    struct refusal refusal = must_have(&turn->run, said->step, &step);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (!is_payload(said->output))
        return refuse(ERR_INVALID, "output: expected a value");
    if (has_output(turn, step, said->output))
        return accepted;
    refusal = may_be_overridden(turn, step);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (run_step(&turn->run, step)->status == STEP_INSIDE)
        return withdraw_inside(turn, (struct step_withdrawn){ .step = step,
                                         .output = said->output,
                                         .by = said->by,
                                         .reason = said->reason });
    if (!step_status_over(run_step(&turn->run, step)->status))
        withdraw(turn, step, "its output was set by hand");
    struct step_overridden overridden = {
        .run = turn->run.id,
        .step = step,
        .key = key_of(turn, step),
        .output = said->output,
        .by = said->by,
        .reason = said->reason,
    };
    turn_say(turn,
        &(struct message){ .code = STEP_OVERRIDDEN, .step_overridden = overridden });
    turn_close(turn);
    return accepted;
}

void
on_step_override(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct step_override *said = &in->step_override;
    struct turn turn;
    struct refusal refusal = open_run(&turn, state, now_ms, out, &said->run);
    if (refusal.err == ERR_NONE)
        refusal = set_output(&turn, said);
    answer(&turn, said->request, refusal);
}

/* ---- retry ---- */

static struct refusal
find_begin(struct run *run, struct bytes key, uint32_t *from)
{
    struct refusal refusal = accepted;
    if (key.size > 0)
        refusal = must_have(run, key, from);
    if (refusal.err != ERR_NONE || key.size == 0)
        return refusal;
    struct plan_step plan = run_plan_step(run, *from);
    if (plan.nested || plan.cleanup || plan.handles)
        return refuse(ERR_INVALID, "a run can go on only from a step that lies in no "
                                   "other, and is no handler and no cleanup");
    return accepted;
}

/* Asked again, as after a lost answer: it goes on already, or has since. */
static bool
has_resumed(const struct run_row *row, const struct run_retry *said)
{
    return (!run_status_final((enum run_status)row->status) || row->status == RUN_DONE)
           && row->resumed_by.size > 0 && bytes_equal(row->resumed_by, said->by)
           && bytes_equal(row->resumed_from, said->step);
}

static struct refusal
retry_run(struct turn *turn, const struct run_retry *said)
{
    struct run *run = &turn->run;
    uint32_t from = 0;
    if (has_resumed(&run->row, said))
        return accepted;
    if (!run_over(run))
        return refuse(ERR_CONFLICT, "the run is not over");
    if (run->row.status == RUN_DONE)
        return refuse(ERR_FINISHED, "the run has completed: fork it");
    struct refusal refusal = find_begin(run, said->step, &from);
    if (refusal.err == ERR_NONE)
        refusal = may_hold_again(turn);
    if (refusal.err != ERR_NONE)
        return refusal;
    struct run_resumed resumed = {
        .run = run->id,
        .attempt = run->row.attempt == 0 ? 2 : run->row.attempt + 1,
        .step = said->step,
        .by = said->by,
        .reason = said->reason,
        .from = from,
    };
    turn_say(turn, &(struct message){ .code = RUN_RESUMED, .run_resumed = resumed });
    turn->was_over = false;
    turn_close(turn);
    return accepted;
}

void
on_run_retry(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_retry *said = &in->run_retry;
    struct turn turn;
    struct refusal refusal = open_run(&turn, state, now_ms, out, &said->run);
    if (refusal.err == ERR_NONE)
        refusal = retry_run(&turn, said);
    answer(&turn, said->request, refusal);
}
