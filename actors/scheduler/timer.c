/* What time brings: attempts and waits end, retries are due, and what was left waiting
 * goes on. */
#include "actors/scheduler/kinds.h"
#include "base/wrong.h"

#include <assert.h>

struct first_row {
    struct arena *arena;
    struct bytes key;
};

static bool
keep_first(void *self, struct bytes key, struct bytes value)
{
    struct first_row *first = self;
    (void)value;
    first->key = arena_copy(first->arena, key);
    return false;
}

/* The first row from `from` on whose key begins with `letter`; without the letter. */
static struct bytes
first_row(const struct scheduler_state *state, struct outbox *out, char letter,
    const struct row_key *from)
{
    struct row_key all = row_key(letter), to = row_key_after(&all);
    struct first_row first = { .arena = out->arena };
    journal_scan(state->journal, row_key_bytes(from), row_key_bytes(&to), false,
        keep_first, &first);
    if (first.key.size == 0)
        WRONG("nothing is due");
    return bytes_of(first.key.data + 1, first.key.size - 1);
}

static void
fire(struct turn *turn, uint32_t step, enum timer_kind kind)
{
    const struct run_row *row = &turn->run.row;
    if (run_closing(&turn->run)) {
        end_run(turn, (enum run_status)row->ending, row->stop_reason);
        return;
    }
    if (kind == TIMER_RUN) {
        end_run(turn, RUN_BROKEN, text("wall_clock_exceeded"));
        return;
    }
    struct plan_step plan = run_plan_step(&turn->run, step);
    const struct kind_rules *rules = kind_rules(plan.kind);
    if (kind == TIMER_RETRY)
        rules->begin(turn, step, &plan);
    else
        rules->due(turn, step, &plan);
}

void
on_timers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    struct bytes left = row_key_bytes(&state->timers.key);
    struct turn turn;

    row_take_u8(&left);
    uint64_t due_ms = row_take_u64(&left);
    assert(due_ms <= now_ms);
    out->project = row_take_id(&left);
    struct id run = row_take_id(&left);
    uint32_t step = row_take_u32(&left);
    if (!turn_open(&turn, state, now_ms, out, &run))
        WRONG("a timer of no run");
    fire(&turn, step, (enum timer_kind)row_take_u8(&left));
    turn_close(&turn);
}

void
on_deferred(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    struct row_key from = row_key('W');
    struct turn turn;

    struct bytes left = first_row(state, out, 'W', &from);
    out->project = row_take_id(&left);
    struct id run = row_take_id(&left);
    if (!turn_open(&turn, state, now_ms, out, &run))
        WRONG("a run that does not exist was left waiting");
    turn.run.row.left = 1; /* rows of an earlier release do not say so */
    if (run_closing(&turn.run))
        end_run(&turn, (enum run_status)turn.run.row.ending, turn.run.row.stop_reason);
    else if (turn.run.row.copying)
        fork_go_on(&turn);
    else
        turn_look_through(&turn);
    turn_close(&turn);
}
