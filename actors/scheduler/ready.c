/* What of a run may go on.  Facts that are followed note it as they go; a run that was
 * left with more to say is looked through: what every run has, and of each item that
 * has begun and is not over.  Items not begun, or not since the run was resumed, are
 * not looked at. */
#include "actors/scheduler/run.h"

static void
add(struct run *run, struct step_list *list, uint32_t step)
{
    if (!run->watch
        || (list->next < list->count && list->steps[list->count - 1] == step))
        return;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity * 2 + 16;
        uint32_t *grown = arena_take(run->arena, capacity * sizeof *grown);
        if (list->count > 0)
            memcpy(grown, list->steps, list->count * sizeof *grown);
        list->steps = grown;
        list->capacity = capacity;
    }
    list->steps[list->count++] = step;
}

void
run_note_ready(struct run *run, uint32_t step)
{
    add(run, &run->ready, step);
}

void
run_note_moving(struct run *run, uint32_t step)
{
    add(run, &run->moving, step);
}

/* Has what the step lies in begun?  In no body: is it the time of mains, of cleanup? */
static bool
may_begin(struct run *run, struct place place, const struct plan_step *plan)
{
    struct place parent;
    if (!layout_parent(&run->layout, place, &parent))
        return plan->cleanup == (run->row.cleaning != 0);
    const struct step_row *around = run_step(run, parent.step);
    return around->status == STEP_INSIDE && around->withdrawn == 0;
}

bool
run_is_ready(struct run *run, uint32_t step)
{
    const struct step_row *row = run_step(run, step);
    if (row->status != STEP_PENDING)
        return false;
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    if (!may_begin(run, place, &plan))
        return false;
    if (row->doomed)
        return true;
    return plan.handles ? row->handled != 0 : row->needs_met == plan.needs_count;
}

static void note_inside(struct run *run, uint32_t step);

static void
look(struct run *run, uint32_t step)
{
    if (run_step(run, step)->status == STEP_INSIDE)
        note_inside(run, step);
    else if (run_is_ready(run, step))
        run_note_ready(run, step);
}

void
run_note_item(struct run *run, const struct expansion *in, uint32_t item)
{
    for (uint32_t i = 0; i < in->row.body_count; i++)
        look(run, layout_item(in, item) + i);
}

void
run_note_body(struct run *run, uint32_t parallel)
{
    struct place place = layout_place(&run->layout, parallel);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    for (uint32_t i = 0; i < plan.body_count; i++) {
        uint32_t step = layout_beside(place, plan.body_first + i);
        if (run_is_ready(run, step))
            run_note_ready(run, step);
    }
}

/* A parallel's body is beside it and is looked at there. */
static void
note_inside(struct run *run, uint32_t step)
{
    const struct step_row *row = run_step(run, step);
    run_note_moving(run, step);
    if (run_plan_step(run, step).kind != STEP_EACH)
        return;
    const struct expansion *in = layout_expansion(&run->layout, row->first);
    for (uint32_t item = row->items_floor; item < row->items_begun; item++)
        if (!run_step(run, layout_item(in, item))->idle)
            run_note_item(run, in, item);
}

void
run_find_ready(struct run *run)
{
    for (uint32_t i = 0; i < run->plan.fixed_count; i++)
        look(run, i);
}
