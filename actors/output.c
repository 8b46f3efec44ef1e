#include "actors/output.h"

#include "base/pack.h"

bool
output_of_fact(const struct message *fact, uint32_t *step, struct bytes *output)
{
    switch ((int)fact->code) {
    case ACTION_COMPLETED: *output = pack_or_nil(fact->action_completed.output); break;
    case STEP_COMPLETED:
        if (!fact->step_completed.has_output)
            return false;
        *output = pack_or_nil(fact->step_completed.output);
        break;
    case STEP_OVERRIDDEN: *output = pack_or_nil(fact->step_overridden.output); break;
    case STEP_COPIED: *output = pack_or_nil(fact->step_copied.output); break;
    default: return false;
    }
    /* Every fact about a step has the run first and the step second. */
    *step = fact->action_completed.step;
    return true;
}

void
output_note(struct output_source *source, const struct message *fact)
{
    struct bytes output;
    uint32_t step;
    if (!output_of_fact(fact, &step, &output))
        return;
    if (source->kept_count == source->kept_capacity) {
        uint32_t capacity = source->kept_capacity * 2 + 8;
        struct kept_output *grown = arena_take(source->arena, capacity * sizeof *grown);
        if (source->kept_count > 0)
            memcpy(grown, source->kept, source->kept_count * sizeof *grown);
        source->kept = grown;
        source->kept_capacity = capacity;
    }
    source->kept[source->kept_count++] =
        (struct kept_output){ step, arena_copy(source->arena, output) };
}

struct bytes
output_recorded(struct output_source *source, uint64_t record, uint32_t step)
{
    if (source->record != record) {
        source->record = record;
        source->kept_count = source->next = 0;
        source->read(source->self, record, source);
    }
    for (uint32_t i = 0; i < source->kept_count; i++) {
        uint32_t at = (source->next + i) % source->kept_count;
        if (source->kept[at].step != step)
            continue;
        source->next = at + 1;
        return source->kept[at].value;
    }
    return (struct bytes){ 0 };
}

/* Steps that lie in `container` and in nothing else within it. */
static bool
lies_in(const struct output_source *from, uint32_t plan, uint32_t container)
{
    const struct plan_step *step = layout_plan(from->layout, plan);
    return step->parent == container;
}

static bool
pack_parallel(
    struct output_source *from, struct place place, uint32_t steps, struct buffer *out)
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
pack_each(struct output_source *from, struct place place, const struct step_row *row,
    struct buffer *out)
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
output_pack(struct output_source *from, uint32_t step, struct buffer *out)
{
    struct step_row row = *from->step(from->self, step);
    struct place place = layout_place(from->layout, step);
    enum step_kind kind = layout_plan(from->layout, place.plan)->kind;
    bool done = row.status == STEP_DONE, fits = true;
    if (row.output != 0)
        pack_raw(out, output_recorded(from, row.output, step));
    else if (done && kind == STEP_PARALLEL)
        fits = pack_parallel(from, place, row.items, out);
    else if (done && kind == STEP_EACH)
        fits = pack_each(from, place, &row, out);
    else
        pack_nil(out);
    return fits && out->size <= from->bytes_max;
}
