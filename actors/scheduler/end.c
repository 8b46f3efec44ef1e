/* How a run ends: by itself, by somebody's wish, by its timeout; cleanup comes before
 * the last word. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "actors/scheduler/start.h"

static void
cancel_step(struct turn *turn, uint32_t step, const char *reason)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    const struct kind_rules *rules = kind_rules(plan.kind);
    struct step_cancelled cancelled = {
        .run = turn->run.id,
        .step = step,
        .key = plan.key,
    };
    if (rules->withdraw != NULL)
        rules->withdraw(turn, step, reason);
    turn_say(
        turn, &(struct message){ .code = STEP_CANCELLED, .step_cancelled = cancelled });
}

static bool
cancel_range(struct turn *turn, uint32_t first, uint32_t count, const char *reason);

/* Items that have not begun, and those that are over, are not looked at. */
bool
cancel_inside(struct turn *turn, uint32_t step, const char *reason)
{
    struct run *run = &turn->run;
    const struct step_row *row = run_step(run, step);
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    if (plan.kind == STEP_PARALLEL)
        return cancel_range(
            turn, layout_beside(place, plan.body_first), plan.body_count, reason);
    return cancel_range(turn, row->first + row->items_floor * plan.body_count,
        (row->items_begun - row->items_floor) * plan.body_count, reason);
}

/* Cancel what is under way among so many steps; a step after what lies in it. */
static bool
cancel_range(struct turn *turn, uint32_t first, uint32_t count, const char *reason)
{
    struct run *run = &turn->run;
    for (uint32_t i = first; i < first + count && run->row.steps_open > 0; i++) {
        uint32_t status = run_step(run, i)->status;
        if (status == STEP_PENDING || step_status_over(status))
            continue;
        if (status == STEP_INSIDE && !cancel_inside(turn, i, reason))
            return false;
        if (!turn_has_room(turn))
            return false;
        cancel_step(turn, i, reason);
    }
    return true;
}

/* Who wants its end: who says so now, else who said so before its cleanup. */
static struct bytes
wanted_by(const struct turn *turn)
{
    return turn->by.size > 0 ? turn->by : turn->run.row.cancelled_by;
}

static void
defer(struct turn *turn, struct run_deferred deferred)
{
    deferred.run = turn->run.id;
    deferred.by = wanted_by(turn);
    turn_say(turn, &(struct message){ .code = RUN_DEFERRED, .run_deferred = deferred });
}

void
say_deferred(struct turn *turn, bool more, enum run_status ending, struct bytes reason)
{
    defer(turn,
        (struct run_deferred){ .more = more, .ending = ending, .reason = reason });
}

/* More is under way than this turn can cancel: until all is, nothing else happens. */
static void
say_closing(struct turn *turn, enum run_status status, struct bytes reason)
{
    defer(turn, (struct run_deferred){
                    .more = true,
                    .ending = status,
                    .reason = reason,
                    .closing = turn->run.row.cleaning,
                });
}

static void
say_failed(struct turn *turn, struct run_failed failed)
{
    failed.run = turn->run.id;
    turn_say(turn, &(struct message){ .code = RUN_FAILED, .run_failed = failed });
}

static void
say_completed(struct turn *turn)
{
    struct bytes wrong = { 0 };
    struct run_completed completed = { .run = turn->run.id };
    struct cursor declared = cursor_over(turn->run.plan.output);
    completed.has_output = cursor_type(&declared) != PACK_NIL;
    if (completed.has_output && !run_output(turn, &turn->output, &wrong)) {
        say_failed(turn, (struct run_failed){
                             .error_type = text("TemplateError"),
                             .error_message = wrong,
                             .stop_reason = text("output_failed"),
                         });
        return;
    }
    completed.output = turn->output;
    turn_say(
        turn, &(struct message){ .code = RUN_COMPLETED, .run_completed = completed });
}

void
say_end(struct turn *turn, enum run_status status, struct bytes reason)
{
    const struct run_row *row = &turn->run.row;
    if (status == RUN_DONE) {
        say_completed(turn);
    } else if (status == RUN_STOPPED) {
        struct run_cancelled cancelled = {
            .run = turn->run.id, .reason = reason, .by = wanted_by(turn)
        };
        /* The policy is nobody; whoever else wants an end has a name. */
        if (cancelled.by.size == 0 && bytes_equal(reason, text("replaced")))
            cancelled.stop_reason = reason;
        turn_say(turn,
            &(struct message){ .code = RUN_CANCELLED, .run_cancelled = cancelled });
    } else if (bytes_equal(reason, text("step_failed"))) {
        say_failed(turn, (struct run_failed){
                             .step = row->failed_step,
                             .error_type = row->error_type,
                             .error_message = row->error_message,
                             .stop_reason = reason,
                         });
    } else {
        say_failed(
            turn, (struct run_failed){
                      .error_type = text("Timeout"),
                      .error_message = text("the run took longer than its timeout"),
                      .stop_reason = text("wall_clock_exceeded"),
                  });
    }
}

void
end_run(struct turn *turn, enum run_status status, struct bytes reason)
{
    struct run *run = &turn->run;
    if (run->row.status == RUN_WAITING) {
        say_end(turn, status, reason); /* nothing has begun, so nothing is cleaned up */
        return;
    }
    if (!cancel_range(turn, 0, run->plan.fixed_count, "the run has ended")) {
        if (!run_closing(run))
            say_closing(turn, status, reason);
        return;
    }
    if (run->row.cleanups == 0 || run->row.cleaning) {
        if (run->row.left)
            say_deferred(turn, false, 0, text(""));
        say_end(turn, status, reason);
        return;
    }
    say_deferred(turn, false, status, reason);
    turn_look_through(turn);
}

static const struct refusal accepted = { .err = ERR_NONE, .detail = "" };

/* Nothing is to come of what has failed: it goes on, to be cancelled at once, and has
 * cleaned up before.  Whoever waited for it has heard of its end. */
static struct refusal
discard(struct turn *turn, struct bytes reason)
{
    struct run *run = &turn->run;
    struct run_resumed resumed = {
        .run = run->id,
        .attempt = run->row.attempt == 0 ? 2 : run->row.attempt + 1,
        .reason = reason,
    };
    if (run_over(run) && run->row.status == RUN_STOPPED)
        return accepted;
    if (!run_over(run) || run->row.status != RUN_BROKEN)
        return refuse(ERR_CONFLICT, "only a run that has failed can be discarded");
    turn_say(turn, &(struct message){ .code = RUN_RESUMED, .run_resumed = resumed });
    if (run->row.cleanups > 0)
        say_deferred(turn, false, RUN_STOPPED, reason);
    end_run(turn, RUN_STOPPED, reason);
    turn_close(turn);
    return accepted;
}

/* Who cancels a run that cleans up ends that, too. */
void
on_run_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_cancel *asked = &in->run_cancel;
    struct turn turn;

    if (!turn_open(&turn, state, now_ms, out, &asked->run)) {
        refuse_request(out, asked->request,
            refuse(ERR_NOT_FOUND, "there is no such run in the project"));
        return;
    }
    struct run *run = &turn.run;
    turn.by = asked->by;
    if (asked->discard) {
        struct refusal refusal = discard(&turn, asked->reason);
        if (refusal.err != ERR_NONE) {
            refuse_request(out, asked->request, refusal);
            return;
        }
    } else if (!run_over(run) && !run_closing(run)) {
        end_run(&turn, RUN_STOPPED, asked->reason);
        turn_close(&turn);
    }
    accept_run(&turn, asked->request, true, false);
}
