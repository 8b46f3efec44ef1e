#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "base/duration.h"

/* A duration as a text such as 1h30m, or a number of seconds. */
static bool
read_span(struct bytes value, uint64_t *ms)
{
    struct cursor in = cursor_over(value);
    enum pack_type type = cursor_type(&in);
    if (type == PACK_TEXT)
        return duration_read(cursor_text(&in), ms);
    if (type != PACK_UNSIGNED && type != PACK_DOUBLE)
        return false;
    double seconds = cursor_double(&in);
    if (!(seconds >= 0 && seconds <= 1e12))
        return false;
    *ms = (uint64_t)(seconds * 1000);
    return true;
}

/* When a sleep that begins now is over. */
static bool
find_end(struct turn *turn, uint32_t step, const struct plan_step *plan,
    uint64_t *end_ms, struct bytes *wrong)
{
    struct plan_sleep sleep;
    struct bytes value;
    plan_config_read(&plan_sleep_shape, plan->config, &sleep);
    uint64_t span_ms = sleep.duration_ms;
    if (sleep.until.size > 0)
        return evaluate_text(turn, step, "until", sleep.until, &value, wrong)
               && evaluate_moment(turn, "until", value, end_ms, wrong);
    if (sleep.duration.size > 0) {
        if (!evaluate_text(turn, step, "duration", sleep.duration, &value, wrong))
            return false;
        if (!read_span(value, &span_ms)) {
            *wrong =
                text("duration: expected one such as 1h30m, or a number of seconds");
            return false;
        }
    }
    *end_ms = turn->now_ms + span_ms;
    return true;
}

void
sleep_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct bytes wrong = { 0 };
    uint64_t due_ms = 0;
    if (!find_end(turn, step, plan, &due_ms, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return;
    }
    bool late = plan->timeout_ms > 0 && due_ms > turn->now_ms + plan->timeout_ms;
    if (late)
        due_ms = turn->now_ms + plan->timeout_ms;
    struct wait_opened opened = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = run_step(&turn->run, step)->attempt,
        .wait_kind = text("sleep"),
        /* A moment that has passed is due at once. */
        .due_ms = due_ms < turn->now_ms ? turn->now_ms : due_ms,
        .late = late,
    };
    if (opened.due_ms == 0)
        opened.due_ms = 1; /* 0 is never */
    turn_say(turn, &(struct message){ .code = WAIT_OPENED, .wait_opened = opened });
}

/* Is it its timeout that has come?  That was found when it began: what its templates
 * name may have changed since. */
static bool
is_late(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct wait_opened opened = { .step = step };
    if (plan->timeout_ms == 0)
        return false;
    turn_look(turn, run_step(&turn->run, step)->called, look_for_wait, &opened);
    return opened.late != 0;
}

void
sleep_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    if (is_late(turn, step, plan)) {
        time_out_step(turn, step, plan, "the sleep took longer than its timeout");
        return;
    }
    resume_step(turn, step, plan, "timer", 0);
    complete_step(turn, step, plan, (struct bytes){ 0 });
}
