/* Runs that go on after their end, and runs that share the beginning of others.  Those
 * that clients retry and fork have no steps in steps, and no handlers: what is kept is
 * what completed. */
#include "actors/scheduler/run.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>

static void
only_what_ended_badly_goes_on(struct reading *r, struct tale *t)
{
    TALE_HOLDS(r, t, t->over && t->status != RUN_DONE, "status %" PRIu32, t->status);
}

/* From a step on: it, and all that needs it.  Needs stand before who needs them. */
static void
mark_behind(struct reading *r, const struct tale *t, const struct run_resumed *resumed,
    bool *again)
{
    for (uint32_t i = 0; i < t->step_count; i++) {
        struct plan_step plan = tale_plan_step(r, t, i);
        again[i] = bytes_equal(plan.key, resumed->step);
        for (uint32_t n = 0; n < plan.needs_count; n++)
            again[i] |= again[plan.needs[n]];
    }
    sim_probe(PROBE_RESUMED_FROM);
}

/* Attempts go on counting; what completed is not done again. */
void
run_goes_on(struct reading *r, struct tale *t, const struct run_resumed *resumed)
{
    bool *again = arena_take(&r->arena, t->step_count * sizeof *again);
    only_what_ended_badly_goes_on(r, t);
    if (resumed->step.size > 0)
        mark_behind(r, t, resumed, again);
    t->over = t->cleaning = false;
    t->status = t->ending = 0;
    t->deadline_ms = t->plan.timeout_ms == 0 ? 0 : r->at_ms + t->plan.timeout_ms;
    t->resumed++;
    for (uint32_t i = 0; i < t->step_count; i++) {
        struct step_tale *s = &t->steps[i];
        if (s->over && s->passes && !again[i] && !tale_plan_step(r, t, i).cleanup)
            continue;
        *s = (struct step_tale){ .attempt = { .number = s->attempt.number,
                                     .ended = true },
            .past = s->attempt.number,
            .retry_ms = 1 };
    }
    sim_probe(PROBE_RESUMED);
}

static bool
was_over(const struct tale *t, uint32_t step)
{
    const struct step_tale *s = &t->origin->steps[step];
    return s->over && s->passes && s->over_event <= t->origin_event;
}

static void
a_copied_step_was_over_then(
    struct reading *r, struct tale *t, const struct step_copied *copied)
{
    TALE_HOLDS(r, t,
        t->origin != NULL && (t->origin->resumed > 0 || was_over(t, copied->step)),
        "step %" PRIu32, copied->step);
}

void
step_copied(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_copied *copied)
{
    a_copied_step_was_over_then(r, t, copied);
    *s = (struct step_tale){ .over = true,
        .over_event = t->events,
        .completed = copied->status == STEP_DONE,
        .failed = copied->status == STEP_BROKEN,
        .passes = copied->passes != 0,
        .attempt = { .number = copied->attempt, .ended = true },
        .past = copied->attempt };
    sim_probe(PROBE_FORKED);
}

/* What was over is not done again: it was copied, or the origin had cleaned up by it.
 */
void
all_is_copied_that_was_over(struct reading *r, struct tale *t)
{
    if (t->origin == NULL || t->origin->resumed > 0 || t->resumed > 0)
        return;
    for (uint32_t i = 0; i < t->step_count; i++)
        TALE_HOLDS(r, t,
            tale_plan_step(r, t, i).cleanup || !was_over(t, i) || !t->steps[i].started,
            "step %" PRIu32, i);
}
