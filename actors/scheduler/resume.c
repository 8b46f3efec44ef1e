/* An ended run goes on: what did not complete is pending again, what did is kept.
 *
 * A parallel or an each that did not complete is opened again with what completed in
 * it; one that lies behind the step from which the run begins again is done anew.
 * Attempts go on counting, so that no job, child or wait is named twice; the policy of
 * retries counts from here. */
#include "actors/scheduler/run.h"

#include <assert.h>

struct resuming {
    struct run *run;
    bool *again; /* by index in the plan: done again although it completed */
};

static bool
went_well(const struct step_row *row)
{
    return row->status == STEP_DONE || (step_status_over(row->status) && row->passed);
}

static bool is_kept(struct run *run, struct place place, const struct plan_step *plan);

/* Is the step kept that this one, a handler, handles? */
static bool
handled_is_kept(struct run *run, struct place place)
{
    uint32_t i = 0;
    while (layout_plan(&run->layout, i)->handler != place.plan)
        i++;
    struct plan_step plan = *layout_plan(&run->layout, i);
    return is_kept(run, layout_place(&run->layout, layout_beside(place, i)), &plan);
}

/* Did the step complete, or its handler in its place?  A handler that was not needed is
 * none the less, if the step that it handles is done again. */
static bool
is_kept(struct run *run, struct place place, const struct plan_step *plan)
{
    const struct step_row *row = run_step(run, place.step);
    if (plan->cleanup
        || (plan->handles && !row->overridden && !handled_is_kept(run, place)))
        return false;
    return went_well(row)
           || (row->status == STEP_BROKEN && plan->on_error == ON_ERROR_STEP
               && went_well(run_step(run, layout_beside(place, plan->handler))));
}

bool
run_kept(struct run *run, uint32_t step)
{
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    return is_kept(run, place, &plan);
}

/* The step counts as over no more. */
static void
take_back(struct run *run, const struct step_row *row, const struct plan_step *plan)
{
    struct run_row *r = &run->row;
    if (!step_status_over(row->status))
        return;
    r->steps_over--;
    r->steps_done -= row->status == STEP_DONE;
    r->steps_failed -= row->status == STEP_BROKEN;
    if (plan->nested)
        return;
    if (plan->cleanup)
        r->cleanups_over--;
    else
        r->mains_over--;
}

typedef void visit_fn(struct resuming *r, struct place place);

/* Every step of the items that have begun. */
static void
each_item(struct resuming *r, uint32_t each, visit_fn *visit)
{
    const struct step_row *row = run_step(r->run, each);
    struct layout *layout = &r->run->layout;
    const struct expansion *in = layout_expansion(layout, row->first);
    for (uint32_t item = 0; item < row->items_begun; item++)
        for (uint32_t i = 0; i < in->row.body_count; i++)
            visit(r, layout_place(layout, layout_item(in, item) + i));
}

static bool
has_items(struct run *run, struct place place, const struct plan_step *plan)
{
    return plan->kind == STEP_EACH && run_step(run, place.step)->items > 0;
}

/* What lay in an each that is done anew is no more. */
static void
forget(struct resuming *r, struct place place)
{
    struct plan_step plan = *layout_plan(&r->run->layout, place.plan);
    if (has_items(r->run, place, &plan))
        each_item(r, place.step, forget);
    take_back(r->run, run_step(r->run, place.step), &plan);
}

/* An attempt that was cancelled has no ending of its own. */
static void
pad_endings(struct run *run, struct step_row *row)
{
    size_t size = (size_t)row->attempt * ENDING_SIZE;
    uint8_t *endings = arena_take(run->arena, size);
    if (row->endings.size > 0)
        memcpy(endings, row->endings.data, row->endings.size);
    row->endings = bytes_of(endings, size);
}

static void
reset(struct resuming *r, struct place place)
{
    struct step_row *row = run_touch(r->run, place.step);
    forget(r, place);
    *row = (struct step_row){ .attempt = row->attempt,
        .attempts_past = row->attempt,
        .endings = row->endings,
        .untold = row->untold,
        .closed = row->closed };
    if (row->endings.size > 0 || run_plan_step(r->run, place.step).kind == STEP_ACTION)
        pad_endings(r->run, row);
}

/* Items that are over, from the steps that are; the others go on in their turn. */
static void
count_items(struct run *run, uint32_t each)
{
    struct step_row *row = run_touch(run, each);
    const struct expansion *in = layout_expansion(&run->layout, row->first);
    uint32_t plan_of_each = layout_place(&run->layout, each).plan;
    row->items_over = row->items_floor = row->items_idle = 0;
    for (uint32_t item = 0; item < row->items_begun; item++) {
        struct step_row *first = run_touch(run, layout_item(in, item));
        first->beside_over = 0;
        for (uint32_t i = 0; i < in->row.body_count; i++) {
            uint32_t step = layout_item(in, item) + i;
            struct place place = layout_place(&run->layout, step);
            struct plan_step plan = *layout_plan(&run->layout, place.plan);
            first->beside_over += plan.parent == plan_of_each
                                  && step_status_over(run_step(run, step)->status);
        }
        bool over = first->beside_over == in->row.direct;
        row->items_over += over;
        row->items_floor += over && row->items_floor == item;
        first->idle = !over;
        if (!over && row->items_idle++ == 0)
            row->items_next = item;
    }
}

static void go_back(struct resuming *r, struct place place);

/* It has no time of its own any more: the run has. */
static void
reopen(struct resuming *r, struct place place, const struct plan_step *plan)
{
    struct step_row *row = run_touch(r->run, place.step);
    take_back(r->run, row, plan);
    row->status = STEP_INSIDE;
    row->finished_ms = row->due_ms = row->withdrawn = 0;
    row->failed = 0;
    row->error_type = row->error_message = (struct bytes){ 0 };
    r->run->row.steps_open++;
    if (plan->kind == STEP_EACH) {
        each_item(r, place.step, go_back);
        count_items(r->run, place.step);
    }
}

static void
go_back(struct resuming *r, struct place place)
{
    struct run *run = r->run;
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    const struct step_row *row = run_step(run, place.step);
    struct place parent;
    uint32_t around = STEP_INSIDE;
    if (layout_parent(&run->layout, place, &parent))
        around = run_step(run, parent.step)->status;
    if (row->status == STEP_PENDING || step_status_over(around))
        return;
    if (around == STEP_PENDING || r->again[place.plan])
        reset(r, place);
    else if (is_kept(run, place, &plan))
        return;
    else if (!plan.cleanup && row->items > 0)
        reopen(r, place, &plan);
    else
        reset(r, place);
}

/* ---- what is pending waits for what it needs, as if the rest had just completed ----
 */

static void
count_needs(struct resuming *r, struct place place)
{
    struct run *run = r->run;
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    const struct step_row *row = run_step(run, place.step);
    if (row->status == STEP_INSIDE && plan.kind == STEP_EACH)
        each_item(r, place.step, count_needs);
    if (row->status != STEP_PENDING)
        return;
    struct step_row *waiting = run_touch(run, place.step);
    waiting->needs_met = waiting->handled = 0;
    waiting->doomed = plan.handles && handled_is_kept(run, place);
    for (uint32_t i = 0; i < plan.needs_count; i++) {
        struct place need =
            layout_place(&run->layout, layout_beside(place, plan.needs[i]));
        struct plan_step needed = *layout_plan(&run->layout, need.plan);
        waiting->needs_met += is_kept(run, need, &needed);
    }
}

static void
count_parallel(struct run *run, uint32_t parallel, const struct plan_step *plan)
{
    struct step_row *row = run_touch(run, parallel);
    row->items_over = 0;
    for (uint32_t i = 0; i < plan->body_count; i++) {
        uint32_t step = plan->body_first + i;
        struct plan_step in = *layout_plan(&run->layout, step);
        struct place place = layout_place(&run->layout, parallel);
        row->items_over +=
            in.parent == place.plan
            && step_status_over(run_step(run, layout_beside(place, step))->status);
    }
}

static void
count_inside(struct resuming *r, struct place place)
{
    struct run *run = r->run;
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    if (run_step(run, place.step)->status != STEP_INSIDE)
        return;
    if (plan.kind == STEP_PARALLEL)
        count_parallel(run, place.step, &plan);
    else
        each_item(r, place.step, count_inside);
}

/* What needs the step, its handler, and what lies in any of these. */
static void
mark_behind(struct resuming *r, uint32_t from)
{
    const struct plan *plan = &r->run->plan;
    bool more = true;
    r->again[from] = true;
    while (more) {
        more = false;
        for (uint32_t i = 0; i < plan->step_count; i++) {
            struct plan_step step = plan_step_at(plan, i, r->run->arena);
            bool again = step.nested && r->again[step.parent];
            for (uint32_t n = 0; n < step.needs_count; n++)
                again |= r->again[step.needs[n]];
            if (step.on_error == ON_ERROR_STEP && r->again[i]
                && !r->again[step.handler])
                more = r->again[step.handler] = true;
            more |= again && !r->again[i];
            r->again[i] |= again;
        }
    }
}

static void
each_fixed(struct resuming *r, visit_fn *visit)
{
    for (uint32_t i = 0; i < r->run->plan.fixed_count; i++)
        visit(r, layout_place(&r->run->layout, i));
}

void
run_resume(struct run *run, uint64_t at_ms, const struct run_resumed *fact)
{
    struct resuming r = { .run = run };
    struct run_row *row = &run->row;
    r.again = arena_take(run->arena, run->plan.step_count * sizeof *r.again);
    if (fact->step.size > 0)
        mark_behind(&r, fact->from);
    row->status = RUN_SUSPENDED;
    row->finished_ms = row->finish = 0;
    row->deadline_ms = run->plan.timeout_ms == 0 ? 0 : at_ms + run->plan.timeout_ms;
    row->stop_reason = row->failed_step = (struct bytes){ 0 };
    row->error_type = row->error_message = (struct bytes){ 0 };
    row->cancelled_by = row->cancel_reason = (struct bytes){ 0 };
    row->ending = row->cleaning = row->mains_failed = 0;
    row->attempt = fact->attempt;
    row->resumed_by = fact->by;
    row->resumed_from = fact->step;
    each_fixed(&r, go_back);
    each_fixed(&r, count_inside);
    each_fixed(&r, count_needs);
    if (run->watch)
        run_find_ready(run);
}
