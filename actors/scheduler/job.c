#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"

/* How often silence may cost a step its worker before the step is given up: a job that
 * kills whoever takes it must not go on for ever. */
enum { SILENCES_MAX = 10 };

struct lease {
    struct id run;
    uint32_t step, attempt, offer;
};

static void
settle(struct outbox *out, const struct lease *lease, const struct id *session,
    enum verdict verdict)
{
    say_job_settled(out, (struct job_settled){
                             .run = lease->run,
                             .step = lease->step,
                             .attempt = lease->attempt,
                             .offer = lease->offer,
                             .session = *session,
                             .verdict = verdict,
                         });
}

/* Is the lease the one that counts?  Opens the turn if the run is there at all. */
static bool
current(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct lease *lease)
{
    if (!turn_open(turn, state, now_ms, out, &lease->run))
        return false;
    if (run_over(&turn->run) || run_closing(&turn->run)
        || lease->step >= turn->run.row.step_count)
        return false;
    const struct step_row *step = run_step(&turn->run, lease->step);
    return (step->status == STEP_OPEN || step->status == STEP_LEASED)
           && step->attempt == lease->attempt && step->offer == lease->offer;
}

/* Call the next attempt: its job is open from then on. */
void
attempt_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct bytes parameters = plan->parameters, wrong;
    if (plan->templated
        && !evaluate_payload(
            turn, step, "parameters", plan->parameters, &parameters, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return;
    }
    if (cursor_type(&(struct cursor){
            parameters.data, parameters.data + parameters.size, false })
        != PACK_MAP) {
        fail_template(turn, step, plan, text("parameters: expected a map"));
        return;
    }
    struct action_called called = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = run_step(&turn->run, step)->attempt + 1,
        .action = plan->action,
        .queue = plan->queue,
        .parameters = parameters,
        .deadline_ms = plan->timeout_ms == 0 ? 0 : turn->now_ms + plan->timeout_ms,
        .lane = lane_of(turn, step),
    };
    turn_say(turn, &(struct message){ .code = ACTION_CALLED, .action_called = called });
}

static uint32_t
endings_of(const struct step_row *step, enum ending which)
{
    uint32_t count = 0;
    for (uint32_t attempt = step->attempts_past + 1; attempt <= step->attempt;
         attempt++)
        count += step_ending(step, attempt).ending == which;
    return count;
}

static bool
may_retry(const struct step_row *step, const struct plan_step *plan, enum ending ending,
    struct bytes error_type)
{
    if (ending == ENDING_CANCEL || ending == ENDING_FATAL)
        return false;
    if (ending == ENDING_SILENCE)
        return endings_of(step, ENDING_SILENCE) < SILENCES_MAX;
    return may_retry_type(plan, error_type)
           && endings_of(step, ENDING_REPORT) + endings_of(step, ENDING_TIME)
                  < plan->attempts_max;
}

/* `least_ms`: as who reported asks, as far as the policy lets it. */
static void
retry(struct turn *turn, uint32_t step, const struct plan_step *plan,
    enum ending ending, uint64_t least_ms)
{
    const struct step_row *row = run_step(&turn->run, step);
    uint32_t attempt = row->attempt, past = row->attempts_past;
    uint64_t most_ms = plan_delay_max_ms(plan);
    /* Silence was delay enough, and says nothing about the work. */
    uint64_t delay_ms =
        ending == ENDING_SILENCE ? 0 : retry_delay_ms(turn, step, plan, attempt - past);
    least_ms = least_ms < most_ms ? least_ms : most_ms;
    delay_ms = delay_ms < least_ms ? least_ms : delay_ms;
    struct step_retried retried = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = attempt + 1,
        .max_attempts = plan->attempts_max,
        .due_ms = turn->now_ms + delay_ms,
    };
    turn_say(turn, &(struct message){ .code = STEP_RETRIED, .step_retried = retried });
    if (delay_ms == 0)
        attempt_begin(turn, step, plan);
}

/* No attempt is left. */
static void
give_up(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct failure failure, enum ending ending)
{
    if (ending == ENDING_TIME && plan->on_timeout == ON_TIMEOUT_SKIP)
        skip_step(turn, step, plan, "the attempt took longer than its timeout", false);
    else if (ending == ENDING_TIME && plan->on_timeout == ON_TIMEOUT_CONTINUE)
        complete_step(turn, step, plan, (struct bytes){ 0 });
    else
        fail_step(turn, step, plan, failure);
}

/* The current attempt has failed: another one, or the end of the step. */
static void
fail_attempt(struct turn *turn, uint32_t step, struct failure failure,
    enum ending ending, uint64_t retry_after_ms)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    const struct step_row *row = run_step(&turn->run, step);
    struct action_failed failed = {
        .run = turn->run.id,
        .step = step,
        .key = plan.key,
        .attempt = row->attempt,
        .offer = row->offer,
        .action = plan.action,
        .error_type = failure.type,
        .error_message = failure.message,
        .ending = ending,
        .session = row->session,
        .retry_after_ms = retry_after_ms,
    };
    turn_say(turn, &(struct message){ .code = ACTION_FAILED, .action_failed = failed });
    if (may_retry(row, &plan, ending, failure.type))
        retry(turn, step, &plan, ending, retry_after_ms);
    else
        give_up(turn, step, &plan, failure, ending);
}

/* Nobody wants the job any more: whoever has it should stop. */
void
attempt_withdraw(struct turn *turn, uint32_t step, const char *reason)
{
    const struct step_row *row = run_step(&turn->run, step);
    if (row->status == STEP_OPEN || row->status == STEP_LEASED)
        say_job_withdrawn(turn->out, (struct job_withdrawn){
                                         .run = turn->run.id,
                                         .step = step,
                                         .attempt = row->attempt,
                                         .reason = text(reason),
                                     });
}

void
attempt_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    const char *late = "the attempt took longer than its timeout";
    (void)plan;
    attempt_withdraw(turn, step, late);
    fail_attempt(
        turn, step, (struct failure){ text("Timeout"), text(late) }, ENDING_TIME, 0);
}

void
on_job_leased(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct job_leased *leased = &in->job_leased;
    struct lease lease = { leased->run, leased->step, leased->attempt, leased->offer };
    struct turn turn;

    bool is_current = current(&turn, state, now_ms, out, &lease);
    const struct step_row *step = is_current ? run_step(&turn.run, lease.step) : NULL;
    if (step == NULL
        || (step->status == STEP_LEASED
            && !id_equal(&step->session, &leased->session))) {
        settle(out, &lease, &leased->session, VERDICT_STALE);
        return;
    }
    if (leased->unknown)
        say_lease_known(&turn, leased);
    if (step->status == STEP_OPEN) {
        struct job_leased said = *leased;
        said.unknown = 0;
        say_job_leased(out, said);
    }
}

void
on_job_lost(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct job_lost *lost = &in->job_lost;
    struct lease lease = { lost->run, lost->step, lost->attempt, lost->offer };
    struct turn turn;

    if (current(&turn, state, now_ms, out, &lease)) {
        fail_attempt(&turn, lease.step,
            (struct failure){
                text("LeaseLost"), text("the worker was silent for too long") },
            ENDING_SILENCE, 0);
        turn_close(&turn);
    }
    settle(out, &lease, &lost->session, VERDICT_STALE);
}

void
on_job_returned(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct job_returned *back = &in->job_returned;
    struct lease lease = { back->run, back->step, back->attempt, back->offer };
    struct turn turn;

    if (current(&turn, state, now_ms, out, &lease))
        say_job_reoffered(out, (struct job_reoffered){
                                   .run = lease.run,
                                   .step = lease.step,
                                   .attempt = lease.attempt,
                                   .offer = lease.offer + 1,
                               });
    settle(out, &lease, &back->session, VERDICT_STALE);
}

/* As much of a chunk as there is room for, and that the rest is left out: then more is
 * kept than may be, so this is said once. */
static struct bytes
last_chunk(struct arena *arena, struct bytes chunk, uint64_t room)
{
    struct bytes end =
        text("\n[more than log_bytes_max: what else this run prints is left out]\n");
    size_t kept = (size_t)room; /* less than the chunk has */
    while (kept > 0 && (chunk.data[kept] & 0xc0) == 0x80)
        kept--; /* inside a character */
    uint8_t *whole = arena_take(arena, kept + end.size);
    if (kept > 0)
        memcpy(whole, chunk.data, kept);
    memcpy(whole + kept, end.data, end.size);
    return bytes_of(whole, kept + end.size);
}

void
on_job_printed(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct job_printed *printed = &in->job_printed;
    struct turn turn;

    if (!turn_open(&turn, state, now_ms, out, &printed->run) || run_over(&turn.run)
        || printed->step >= turn.run.row.step_count
        || run_step(&turn.run, printed->step)->attempt != printed->attempt)
        return;
    uint64_t kept = turn.run.row.log_bytes, max = state->config->log_bytes_max;
    if (kept > max)
        return;
    struct job_printed said = *printed;
    if (said.chunk.size > max - kept)
        said.chunk = last_chunk(out->arena, said.chunk, max - kept);
    say_job_printed(out, said);
}

static void
complete_attempt(struct turn *turn, const struct job_reported *report)
{
    struct plan_step plan = run_plan_step(&turn->run, report->step);
    struct action_completed action = {
        .run = turn->run.id,
        .step = report->step,
        .key = plan.key,
        .attempt = report->attempt,
        .offer = report->offer,
        .action = plan.action,
        .output = report->output,
        .session = report->session,
    };
    turn_say(turn,
        &(struct message){ .code = ACTION_COMPLETED, .action_completed = action });
    complete_step(turn, report->step, &plan, (struct bytes){ 0 });
}

static void
take_report(struct turn *turn, const struct job_reported *report)
{
    enum ending failed = report->outcome == OUTCOME_CANCELLED ? ENDING_CANCEL
                         : report->outcome == OUTCOME_FATAL   ? ENDING_FATAL
                                                              : ENDING_REPORT;
    if (report->outcome == OUTCOME_COMPLETED)
        complete_attempt(turn, report);
    else
        fail_attempt(turn, report->step,
            (struct failure){ report->error_type, report->error_message }, failed,
            report->retry_after_ms);
    turn_close(turn);
}

/* A lease that did not last is told by its report. */
static void
say_lease(struct turn *turn, const struct job_reported *report)
{
    if (report->worker.size == 0
        || run_step(&turn->run, report->step)->status != STEP_OPEN)
        return;
    struct job_leased leased = {
        .run = turn->run.id,
        .step = report->step,
        .attempt = report->attempt,
        .offer = report->offer,
        .session = report->session,
        .worker = report->worker,
    };
    turn_say(turn, &(struct message){ .code = JOB_LEASED, .job_leased = leased });
}

/* Was it accepted before?  Then whoever asks again hears the same. */
static bool
accepted_before(struct turn *turn, const struct job_reported *report)
{
    if (report->step >= turn->run.row.step_count)
        return false;
    struct attempt_ending before =
        step_ending(run_step(&turn->run, report->step), report->attempt);
    return before.offer == report->offer
           && (before.ending == ENDING_REPORT || before.ending == ENDING_CANCEL
               || before.ending == ENDING_FATAL);
}

void
on_job_reported(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct job_reported *report = &in->job_reported;
    struct lease lease = { report->run, report->step, report->attempt, report->offer };
    enum verdict verdict = VERDICT_STALE;
    struct turn turn;

    if (current(&turn, state, now_ms, out, &lease)) {
        say_lease(&turn, report);
        take_report(&turn, report);
        verdict = VERDICT_ACCEPTED;
    } else if (accepted_before(&turn, report)) {
        verdict = VERDICT_ACCEPTED;
    }
    say_job_settled(out, (struct job_settled){
                             .run = lease.run,
                             .step = lease.step,
                             .attempt = lease.attempt,
                             .offer = lease.offer,
                             .session = report->session,
                             .verdict = verdict,
                             .gateway = report->gateway,
                             .reported = 1,
                         });
}
