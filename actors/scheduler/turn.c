#include "actors/output.h"
#include "actors/scheduler/child.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"

void
turn_begin(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out)
{
    *turn = (struct turn){ .state = state, .now_ms = now_ms, .out = out };
}

bool
turn_open(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *run)
{
    turn_begin(turn, state, now_ms, out);
    if (!run_read(
            &turn->run, state->journal, state->plans, out->arena, &out->project, run))
        return false;
    turn->was_over = run_over(&turn->run);
    turn->run.watch = true;
    turn->run.record = journal_last(state->journal) + 1;
    return true;
}

void
turn_say(struct turn *turn, const struct message *m)
{
    outbox_put(turn->out, m);
    run_follow(&turn->run, turn->now_ms, m);
}

void
turn_say_to(struct turn *turn, uint32_t partition, const struct message *said)
{
    struct message m = addressed(turn->state, *said, partition);
    outbox_put_to(turn->out, m.to, m.to_instance, &m);
    run_follow(&turn->run, turn->now_ms, &m);
}

void
turn_look_through(struct turn *turn)
{
    run_find_ready(&turn->run);
    turn->whole = true;
}

const char *
turn_string(struct turn *turn, struct bytes words)
{
    char *copy = arena_take(turn->out->arena, words.size + 1);
    memcpy(copy, words.data, words.size);
    return copy;
}

/* Is there anything of the list that was not yet looked at? */
static bool
left(const struct step_list *list)
{
    return list->next < list->count;
}

/* Go on with every step that can, in the order in which they became ready; skipping one
 * may make others ready, and end what they lie in. */
static void
advance(struct turn *turn)
{
    struct run *run = &turn->run;
    while ((left(&run->ready) || left(&run->moving)) && turn_has_room(turn)) {
        if (!left(&run->ready)) {
            move_inside(turn, run->moving.steps[run->moving.next++]);
            continue;
        }
        uint32_t step = run->ready.steps[run->ready.next++];
        if (run_is_ready(run, step))
            begin_step(turn, step);
    }
    bool more =
        left(&run->ready) || left(&run->moving) || (run->row.left && !turn->whole);
    if (more != (run->row.left != 0))
        say_deferred(
            turn, more, (enum run_status)run->row.ending, run->row.stop_reason);
}

/* All steps are over: first those that clean up, then the run. */
static void
finish_run(struct turn *turn)
{
    struct run_row *row = &turn->run.row;
    bool failed = row->mains_failed > 0;
    enum run_status status = failed ? RUN_BROKEN : RUN_DONE;
    struct bytes reason = failed ? text("step_failed") : text("completed");
    if (!row->cleaning && row->cleanups > 0) {
        say_deferred(turn, false, status, reason);
        turn_look_through(turn);
        advance(turn);
    }
    if (row->cleanups_over < row->cleanups)
        return;
    if (row->cleaning) {
        status = (enum run_status)row->ending;
        reason = row->stop_reason;
    }
    if (row->left)
        say_deferred(turn, false, (enum run_status)row->ending, row->stop_reason);
    say_end(turn, status, reason);
}

/* The output of the last step, if it was said in this turn; what leaves must not borrow
 * from the journal. */
static bool
last_output(struct turn *turn, struct bytes *output)
{
    const struct outbox *out = turn->out;
    const struct id *id = &turn->run.id;
    uint32_t last = layout_last(&turn->run.layout), step;
    struct bytes found;
    for (size_t i = 0; i < out->count; i++) {
        const struct message *m = &out->messages[i];
        if (!output_of_fact(m, &step, &found) || step != last
            || memcmp(m->body, id, ID_SIZE) != 0)
            continue;
        *output = m->code == ACTION_COMPLETED ? found : arena_copy(out->arena, found);
        return true;
    }
    return false;
}

/* What a client that waits for the run wants to know; if the output of the last step
 * was said in an earlier turn, it asks the view. */
static struct run_changed
outcome_of(struct turn *turn)
{
    const struct run_row *row = &turn->run.row;
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
    if (row->status == RUN_DONE && row->finish != 0) {
        changed.output = arena_copy(arena, turn->output);
        changed.whole = 1;
    } else if (row->status == RUN_DONE) {
        changed.whole = last_output(turn, &changed.output);
    }
    return changed;
}

void
turn_close(struct turn *turn)
{
    struct run *run = &turn->run;
    if (!run_over(run) && !run_closing(run) && !run->row.copying) {
        advance(turn);
        if (run->row.cleaning || run->row.mains_over == run->row.mains)
            finish_run(turn);
    }
    struct run_changed changed = { 0 };
    if (run_over(run))
        changed = outcome_of(turn);
    if (run_over(run) && !turn->was_over) {
        tell_parent(turn);
        watch_failures(turn);
        tell_end(turn);
    }
    changed.run = run->id;
    changed.sequence = run->row.events;
    changed.status = run->row.status;
    say_run_changed(turn->out, changed);
}
