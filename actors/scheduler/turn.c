#include "actors/scheduler/state.h"

bool
turn_open(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *run)
{
    *turn = (struct turn){ .state = state, .now_ms = now_ms, .out = out };
    if (!run_read(&turn->run, state->journal, out->arena, &out->project, run))
        return false;
    turn->run.watch = true;
    turn->run.record = journal_last(state->journal) + 1;
    return true;
}

void
turn_say(struct turn *turn, struct message m)
{
    outbox_put(turn->out, m);
    run_follow(&turn->run, turn->now_ms, &m);
}

static void
skip_step(struct turn *turn, uint32_t step)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    struct step_skipped skipped = {
        .run = turn->run.id,
        .step = step,
        .key = plan.key,
        .reason = text("a step that it needs did not complete"),
    };
    turn_say(turn, (struct message){ .code = STEP_SKIPPED, .step_skipped = skipped });
}

static void
start_step(struct turn *turn, uint32_t step)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    struct step_started started = {
        .run = turn->run.id,
        .step = step,
        .key = plan.key,
        .kind = text("action"),
    };
    turn_say(turn, (struct message){ .code = STEP_STARTED, .step_started = started });
    call_step(turn, step, 1);
}

/* Go on with every step that can, in the order in which they became ready; skipping one
 * may make others ready. */
static void
advance(struct turn *turn)
{
    struct run *run = &turn->run;
    uint32_t at = 0;
    while (at < run->ready_count
           && outbox_has_room(turn->out, STEP_FACTS + TURN_RESERVE)) {
        uint32_t step = run->ready[at++];
        if (run_step(run, step)->doomed)
            skip_step(turn, step);
        else
            start_step(turn, step);
    }
    bool more = at < run->ready_count;
    if (more != turn->deferred) {
        struct run_deferred deferred = { .run = run->id, .more = more };
        turn_say(
            turn, (struct message){ .code = RUN_DEFERRED, .run_deferred = deferred });
    }
}

static void
finish_run(struct turn *turn)
{
    const struct run_row *row = &turn->run.row;
    if (row->steps_failed == 0) {
        struct run_completed completed = { .run = turn->run.id };
        turn_say(turn,
            (struct message){ .code = RUN_COMPLETED, .run_completed = completed });
        return;
    }
    struct run_failed failed = {
        .run = turn->run.id,
        .step = row->failed_step,
        .error_type = row->error_type,
        .error_message = row->error_message,
        .stop_reason = text("step_failed"),
    };
    turn_say(turn, (struct message){ .code = RUN_FAILED, .run_failed = failed });
}

/* What a client that waits for the run wants to know; if the output of the last step
 * was reported in an earlier turn, it asks the view. */
static struct run_changed
outcome_of(const struct turn *turn)
{
    const struct run_row *row = &turn->run.row;
    const struct job_reported *report = turn->report;
    struct arena *arena = turn->out->arena;
    struct run_changed changed = {
        .finished_ms = row->finished_ms,
        .stop_reason = arena_copy(arena, row->stop_reason),
        .whole = row->status != RUN_DONE,
    };
    if (row->status == RUN_BROKEN) {
        changed.error_type = arena_copy(arena, row->error_type);
        changed.error_message = arena_copy(arena, row->error_message);
        changed.failed_step = arena_copy(arena, row->failed_step);
    }
    if (row->status == RUN_DONE && report != NULL
        && report->step + 1 == row->step_count) {
        changed.output = report->output;
        changed.whole = 1;
    }
    return changed;
}

void
turn_close(struct turn *turn)
{
    struct run *run = &turn->run;
    if (!run_over(run) && run->row.ending == 0) {
        advance(turn);
        if (run->row.steps_over == run->row.step_count)
            finish_run(turn);
    }
    struct run_changed changed = { 0 };
    if (run_over(run))
        changed = outcome_of(turn);
    changed.run = run->id;
    changed.sequence = run->row.events;
    changed.status = run->row.status;
    say_run_changed(turn->out, changed);
}
