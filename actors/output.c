#include "actors/output.h"

#include "base/pack.h"

static struct bytes
or_nil(struct bytes payload)
{
    static const uint8_t nil[1] = { 0xc0 };
    return payload.size > 0 ? payload : bytes_of(nil, sizeof nil);
}

bool
output_of_fact(const struct message *fact, uint32_t step, struct bytes *output)
{
    switch ((int)fact->code) {
    case ACTION_COMPLETED: *output = or_nil(fact->action_completed.output); break;
    case STEP_COMPLETED:
        if (!fact->step_completed.has_output)
            return false;
        *output = or_nil(fact->step_completed.output);
        break;
    case STEP_OVERRIDDEN: *output = or_nil(fact->step_overridden.output); break;
    case STEP_COPIED: *output = or_nil(fact->step_copied.output); break;
    default: return false;
    }
    /* Every fact about a step has the run first and the step second. */
    return fact->action_completed.step == step;
}

/* Steps that lie in `container` and in nothing else within it. */
static bool
lies_in(const struct output_source *from, uint32_t plan, uint32_t container)
{
    const struct plan_step *step = layout_plan(from->layout, plan);
    return step->nested && step->parent == container;
}

static bool
pack_parallel(const struct output_source *from, struct place place, uint32_t steps,
    struct buffer *out)
{
    struct plan_step plan = *layout_plan(from->layout, place.plan);
    pack_map(out, steps);
    for (uint32_t i = plan.body_first; i < plan.body_first + plan.body_count; i++) {
        if (!lies_in(from, i, place.plan))
            continue;
        pack_text(out, layout_plan(from->layout, i)->key);
        if (!output_pack(from, layout_beside(place, i), out))
            return false;
    }
    return true;
}

static bool
pack_each(const struct output_source *from, struct place place,
    const struct step_row *row, struct buffer *out)
{
    struct plan_step plan = *layout_plan(from->layout, place.plan);
    uint32_t last = 0;
    for (uint32_t i = 0; i < plan.body_count; i++)
        if (lies_in(from, plan.body_first + i, place.plan)
            && !layout_plan(from->layout, plan.body_first + i)->handles)
            last = i;
    pack_array(out, row->items);
    for (uint32_t item = 0; item < row->items; item++)
        if (!output_pack(from, row->first + item * plan.body_count + last, out))
            return false;
    return true;
}

bool
output_pack(const struct output_source *from, uint32_t step, struct buffer *out)
{
    struct step_row row = *from->step(from->self, step);
    struct place place = layout_place(from->layout, step);
    enum step_kind kind = layout_plan(from->layout, place.plan)->kind;
    bool done = row.status == STEP_DONE, fits = true;
    if (row.output != 0)
        pack_raw(out, from->recorded(from->self, row.output, step));
    else if (done && kind == STEP_PARALLEL)
        fits = pack_parallel(from, place, row.items, out);
    else if (done && kind == STEP_EACH)
        fits = pack_each(from, place, &row, out);
    else
        pack_nil(out);
    return fits && out->size <= from->bytes_max;
}
