/* What happens to a step whatever its kind. */
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "base/hash.h"

void
complete_step(
    struct turn *turn, uint32_t step, const struct plan_step *plan, struct bytes output)
{
    struct step_completed completed = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .output = output,
        .has_output = output.size > 0,
    };
    turn_say(
        turn, &(struct message){ .code = STEP_COMPLETED, .step_completed = completed });
}

void
skip_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const char *reason, bool passes)
{
    struct step_skipped skipped = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .reason = text(reason),
        .passes = passes,
    };
    turn_say(turn, &(struct message){ .code = STEP_SKIPPED, .step_skipped = skipped });
}

void
fail_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct failure failure)
{
    struct step_failed failed = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .error_type = failure.type,
        .error_message = failure.message,
    };
    turn_say(turn, &(struct message){ .code = STEP_FAILED, .step_failed = failed });
}

void
fail_template(
    struct turn *turn, uint32_t step, const struct plan_step *plan, struct bytes wrong)
{
    fail_step(turn, step, plan, (struct failure){ text("TemplateError"), wrong });
}

bool
may_retry_type(const struct plan_step *plan, struct bytes type)
{
    struct cursor types = cursor_over(plan->retry_on);
    size_t count = plan->retry_on.size == 0 ? 0 : cursor_array(&types);
    bool found = count == 0;
    for (size_t i = 0; i < count; i++)
        found |= bytes_equal(cursor_text(&types), type);
    return found;
}

/* Chance comes from the names of things: replay and simulation repeat exactly. */
uint64_t
retry_delay_ms(const struct turn *turn, uint32_t step, const struct plan_step *plan,
    uint32_t attempt)
{
    uint64_t delay_ms = plan_delay_ms(plan, attempt);
    if (plan->jitter == 0)
        return delay_ms;
    struct id of_step = id_derive(&turn->run.id, step);
    struct id of_attempt = id_derive(&of_step, attempt);
    struct hash hash = hash_of(id_bytes(&of_attempt));
    uint64_t chance = (uint64_t)hash.bytes[0] << 8 | hash.bytes[1];
    uint64_t most_ms =
        delay_ms / 100 * plan->jitter + delay_ms % 100 * plan->jitter / 100;
    return delay_ms - (most_ms >> 16) * chance - ((most_ms & 0xffff) * chance >> 16);
}

/* A retry without a delay waits for a timer too: a turn says no more than it may. */
void
fail_or_retry(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct failure failure)
{
    const struct step_row *row = run_step(&turn->run, step);
    uint32_t attempt = row->attempt;
    if (attempt - row->attempts_past >= plan->attempts_max
        || !may_retry_type(plan, failure.type)) {
        fail_step(turn, step, plan, failure);
        return;
    }
    struct step_retried retried = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = attempt + 1,
        .max_attempts = plan->attempts_max,
        .due_ms = turn->now_ms
                  + retry_delay_ms(turn, step, plan, attempt - row->attempts_past),
    };
    if (retried.due_ms == 0)
        retried.due_ms = 1; /* 0 is never */
    turn_say(turn, &(struct message){ .code = STEP_RETRIED, .step_retried = retried });
}

void
say_timed_out(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct wait_timed_out timed_out = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = run_step(&turn->run, step)->attempt,
    };
    turn_say(
        turn, &(struct message){ .code = WAIT_TIMED_OUT, .wait_timed_out = timed_out });
}

void
time_out_step(
    struct turn *turn, uint32_t step, const struct plan_step *plan, const char *message)
{
    say_timed_out(turn, step, plan);
    switch (plan->on_timeout) {
    case ON_TIMEOUT_SKIP: skip_step(turn, step, plan, message, false); return;
    case ON_TIMEOUT_CONTINUE:
        complete_step(turn, step, plan, (struct bytes){ 0 });
        return;
    case ON_TIMEOUT_FAIL:
    case ON_TIMEOUT_ESCALATE: break;
    }
    fail_or_retry(turn, step, plan, (struct failure){ text("Timeout"), text(message) });
}

void
resume_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const char *by, uint64_t number)
{
    struct wait_resumed resumed = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = run_step(&turn->run, step)->attempt,
        .by = text(by),
        .number = number,
    };
    turn_say(turn, &(struct message){ .code = WAIT_RESUMED, .wait_resumed = resumed });
}

static void
say_started(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    bool holds_others = plan->kind == STEP_PARALLEL || plan->kind == STEP_EACH;
    struct step_started started = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .kind = text(step_kind_name(plan->kind)),
    };
    if (holds_others && plan->timeout_ms > 0)
        started.due_ms = turn->now_ms + plan->timeout_ms;
    turn_say(turn, &(struct message){ .code = STEP_STARTED, .step_started = started });
}

void
begin_step(struct turn *turn, uint32_t step)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    const struct step_row *row = run_step(&turn->run, step);
    struct bytes wrong = { 0 };
    uint64_t fuel = expression_limits_default.fuel;
    bool holds = true;
    if (row->doomed) {
        skip_step(turn, step, &plan,
            plan.handles ? "the step that it handles did not fail"
                         : "a step that it needs did not complete",
            plan.handles);
        return;
    }
    if (plan.condition.size > 0
        && !evaluate_condition(
            turn, step, "if", plan.condition, &fuel, &holds, &wrong)) {
        say_started(turn, step, &plan);
        fail_template(turn, step, &plan, wrong);
        return;
    }
    if (!holds) {
        skip_step(turn, step, &plan, "if was false", true);
        return;
    }
    say_started(turn, step, &plan);
    kind_rules(plan.kind)->begin(turn, step, &plan);
}
