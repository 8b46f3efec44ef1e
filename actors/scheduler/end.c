#include "actors/scheduler/state.h"
#include "base/wrong.h"

enum timer_kind { TIMER_ATTEMPT = 1, TIMER_RETRY = 2, TIMER_RUN = 3 };

/* Nobody wants the job any more: whoever has it should stop. */
static void
withdraw(struct turn *turn, uint32_t step, const char *reason)
{
    say_job_withdrawn(turn->out, (struct job_withdrawn){
                                     .run = turn->run.id,
                                     .step = step,
                                     .attempt = run_step(&turn->run, step)->attempt,
                                     .reason = text(reason),
                                 });
}

static void
cancel_step(struct turn *turn, uint32_t step)
{
    enum step_status status = (enum step_status)run_step(&turn->run, step)->status;
    struct step_cancelled cancelled = {
        .run = turn->run.id,
        .step = step,
        .key = run_plan_step(&turn->run, step).key,
    };
    if (status == STEP_OPEN || status == STEP_LEASED)
        withdraw(turn, step, "the run has ended");
    turn_say(
        turn, (struct message){ .code = STEP_CANCELLED, .step_cancelled = cancelled });
}

static void
defer(struct turn *turn, bool more, enum run_status ending, struct bytes reason)
{
    struct run_deferred deferred = {
        .run = turn->run.id,
        .more = more,
        .ending = more ? ending : 0,
        .reason = reason,
    };
    turn_say(turn, (struct message){ .code = RUN_DEFERRED, .run_deferred = deferred });
}

/* Had the run been left with more to say? */
static bool
left_waiting(const struct turn *turn)
{
    struct row_key key = row_key_run('W', &turn->run.project, &turn->run.id);
    return journal_get(turn->state->journal, row_key_bytes(&key)).data != NULL;
}

static void
say_end(struct turn *turn, enum run_status status, struct bytes reason)
{
    if (status == RUN_STOPPED) {
        struct run_cancelled cancelled = { .run = turn->run.id, .reason = reason };
        turn_say(turn,
            (struct message){ .code = RUN_CANCELLED, .run_cancelled = cancelled });
        return;
    }
    struct run_failed failed = {
        .run = turn->run.id,
        .error_type = text("Timeout"),
        .error_message = text("the run took longer than its timeout"),
        .stop_reason = text("wall_clock_exceeded"),
    };
    turn_say(turn, (struct message){ .code = RUN_FAILED, .run_failed = failed });
}

void
end_run(struct turn *turn, enum run_status status, struct bytes reason)
{
    struct run *run = &turn->run;
    for (uint32_t i = 0; i < run->row.step_count && run->row.steps_open > 0; i++) {
        uint32_t step_status = run_step(run, i)->status;
        if (step_status == STEP_PENDING || step_status_over(step_status))
            continue;
        if (!outbox_has_room(turn->out, TURN_RESERVE + STEP_FACTS)) {
            if (run->row.ending == 0)
                defer(turn, true, status, reason);
            return;
        }
        cancel_step(turn, i);
    }
    if (turn->deferred)
        defer(turn, false, RUN_SUSPENDED, text(""));
    say_end(turn, status, reason);
}

void
on_run_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_cancel *asked = &in->run_cancel;
    struct turn turn;

    if (!turn_open(&turn, state, now_ms, out, &asked->run)) {
        say_refused(out, (struct refused){
                             .request = asked->request,
                             .err = ERR_NOT_FOUND,
                             .detail = text("there is no such run in the project"),
                         });
        return;
    }
    struct run *run = &turn.run;
    if (!run_over(run) && run->row.ending == 0) {
        turn.deferred = left_waiting(&turn);
        end_run(&turn, RUN_STOPPED, asked->reason);
        turn_close(&turn);
    }
    say_run_accepted(out, (struct run_accepted){
                              .request = asked->request,
                              .run = run->id,
                              .automation = run->row.automation,
                              .name = arena_copy(out->arena, run->row.name),
                              .version = run->row.version,
                              .status = run->row.status,
                              .started_ms = run->row.started_ms,
                              .existed = 1,
                          });
}

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
        return first.key;
    return bytes_of(first.key.data + 1, first.key.size - 1);
}

static void
fire(struct turn *turn, uint32_t step, enum timer_kind kind)
{
    switch (kind) {
    case TIMER_ATTEMPT:
        withdraw(turn, step, "the attempt took longer than its timeout");
        fail_attempt(turn, step, text("Timeout"),
            text("the attempt took longer than its timeout"), ENDING_TIME);
        return;
    case TIMER_RETRY:
        call_step(turn, step, run_step(&turn->run, step)->attempt + 1);
        return;
    case TIMER_RUN:
        turn->deferred = left_waiting(turn);
        end_run(turn, RUN_BROKEN, text(""));
        return;
    }
    WRONG("a timer of no kind");
}

void
on_timers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    struct row_key from = row_key('T');
    struct turn turn;

    row_key_u64(&from, state->timer_ms);
    struct bytes left = first_row(state, out, 'T', &from);
    if (left.size == 0 || row_take_u64(&left) > now_ms)
        return;
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
    if (left.size == 0)
        WRONG("no run was left waiting");
    out->project = row_take_id(&left);
    struct id run = row_take_id(&left);
    if (!turn_open(&turn, state, now_ms, out, &run))
        WRONG("a run that does not exist was left waiting");
    turn.deferred = true;
    if (turn.run.row.ending != 0)
        end_run(&turn, (enum run_status)turn.run.row.ending, turn.run.row.stop_reason);
    else
        run_find_ready(&turn.run);
    turn_close(&turn);
}
