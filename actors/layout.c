#include "actors/layout.h"

#include "base/buffer.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>

void
layout_open(struct layout *layout, struct journal *journal, struct arena *arena,
    const struct id *project, const struct id *run, const struct plan *plan,
    struct kept_plan *kept)
{
    *layout = (struct layout){ .journal = journal,
        .arena = arena,
        .project = *project,
        .run = *run,
        .plan = plan,
        .kept = kept };
}

const struct plan_step *
layout_plan(struct layout *layout, uint32_t index)
{
    uint32_t at = index % PLANS_READ;
    if (layout->kept != NULL)
        return plans_step(layout->kept, index);
    if (layout->read[at].step == NULL || layout->read[at].index != index) {
        struct plan_step *step = arena_take(layout->arena, sizeof *step);
        *step = plan_step_at(layout->plan, index, layout->arena);
        layout->read[at].index = index;
        layout->read[at].step = step;
    }
    return layout->read[at].step;
}

static struct expansion *
keep(struct layout *layout, struct expansion expansion)
{
    if (layout->known_count == layout->known_capacity) {
        uint32_t capacity = layout->known_capacity * 2 + 8;
        struct expansion **grown = arena_take(layout->arena, capacity * sizeof *grown);
        if (layout->known_count > 0)
            memcpy(grown, layout->known, layout->known_count * sizeof *grown);
        layout->known = grown;
        layout->known_capacity = capacity;
    }
    struct expansion *kept = arena_take(layout->arena, sizeof *kept);
    *kept = expansion;
    layout->known[layout->known_count++] = kept;
    return kept;
}

/* Steps of the body that lie in nothing else within it. */
static uint32_t
direct_count(struct layout *layout, uint32_t each, const struct plan_step *plan)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->body_count; i++)
        count += layout_plan(layout, plan->body_first + i)->parent == each;
    return count;
}

const struct expansion *
layout_expand(struct layout *layout, uint32_t step, uint32_t first, uint32_t count,
    struct bytes items, uint64_t record)
{
    struct place place = layout_place(layout, step);
    const struct plan_step *plan = layout_plan(layout, place.plan);
    struct expansion expansion = { .fresh = true };
    struct cursor in = cursor_over(items);

    assert(plan->kind == STEP_EACH);
    expansion.row = (struct expansion_row){ .step = step,
        .first = first,
        .count = count,
        .body_first = plan->body_first,
        .body_count = plan->body_count,
        .direct = direct_count(layout, place.plan, plan),
        .record = record };
    expansion.items = arena_take(layout->arena, (count + 1) * sizeof(struct bytes));
    if (cursor_array(&in) != count)
        WRONG("an each with other items than it says");
    for (uint32_t i = 0; i < count; i++)
        expansion.items[i] = cursor_skip(&in);
    return keep(layout, expansion);
}

struct found {
    struct expansion_row row;
    bool any;
};

static bool
read_row(void *self, struct bytes key, struct bytes value)
{
    struct found *found = self;
    struct cursor in = cursor_over(value);
    (void)key;
    if (fields_read(&in, &expansion_row_shape, NULL, &found->row) != ERR_NONE)
        WRONG("a row of an each cannot be read");
    found->any = true;
    return false;
}

static struct row_key
expansion_key(const struct layout *layout, uint32_t first)
{
    struct row_key key = row_key_run('G', &layout->project, &layout->run);
    row_key_u32(&key, first);
    return key;
}

/* The expansion that `step` lies in. */
static const struct expansion *
expansion_of(struct layout *layout, uint32_t step)
{
    for (uint32_t i = layout->known_count; i-- > 0;) {
        const struct expansion_row *row = &layout->known[i]->row;
        if (step >= row->first && step - row->first < row->count * row->body_count)
            return layout->known[i];
    }
    struct row_key from = expansion_key(layout, 0),
                   to = expansion_key(layout, step + 1);
    struct found found = { .any = false };
    journal_scan(layout->journal, row_key_bytes(&from), row_key_bytes(&to), true,
        read_row, &found);
    if (!found.any)
        WRONG("a step of no each");
    return keep(layout, (struct expansion){ .row = found.row });
}

const struct expansion *
layout_expansion(struct layout *layout, uint32_t first)
{
    return expansion_of(layout, first);
}

struct place
layout_place(struct layout *layout, uint32_t step)
{
    if (step < layout->plan->fixed_count)
        return (struct place){ .step = step, .plan = step };
    const struct expansion *in = expansion_of(layout, step);
    uint32_t at = step - in->row.first;
    return (struct place){ .step = step,
        .plan = in->row.body_first + at % in->row.body_count,
        .item = at / in->row.body_count,
        .in = in };
}

/* Is step `plan` of the plan in the same item, or of those that every run has? */
static bool
beside(const struct layout *layout, struct place place, uint32_t plan)
{
    if (place.in == NULL)
        return plan < layout->plan->fixed_count;
    return plan >= place.in->row.body_first
           && plan - place.in->row.body_first < place.in->row.body_count;
}

bool
layout_seen(struct layout *layout, struct place from, uint32_t plan, struct place *to)
{
    while (!beside(layout, from, plan)) {
        if (from.in == NULL)
            return false;
        from = layout_place(layout, from.in->row.step);
    }
    *to = from;
    to->step = layout_beside(from, plan);
    to->plan = plan;
    return true;
}

bool
layout_parent(struct layout *layout, struct place place, struct place *parent)
{
    const struct plan_step *plan = layout_plan(layout, place.plan);
    if (!plan->nested)
        return false;
    if (!layout_seen(layout, place, plan->parent, parent))
        WRONG("a step does not see what it lies in");
    return true;
}

static void
print_around(struct layout *layout, struct place place, struct buffer *out)
{
    if (place.in == NULL)
        return;
    struct place each = layout_place(layout, place.in->row.step);
    print_around(layout, each, out);
    buffer_append_bytes(out, layout_plan(layout, each.plan)->key);
    buffer_print(out, "[%u].", (unsigned)place.item);
}

struct plan_step
layout_step(struct layout *layout, struct place place)
{
    struct plan_step plan = *layout_plan(layout, place.plan);
    if (place.in == NULL)
        return plan;
    struct buffer key = { 0 };
    bool saved_apart = !bytes_equal(plan.save_as, plan.key);
    print_around(layout, place, &key);
    buffer_append_bytes(&key, plan.key);
    plan.key = arena_copy(layout->arena, buffer_bytes(&key));
    if (!saved_apart)
        plan.save_as = plan.key;
    buffer_free(&key);
    return plan;
}

struct bytes
layout_item_value(struct layout *layout, const struct expansion *in, uint32_t item)
{
    assert(item < in->row.count);
    if (in->items != NULL)
        return in->items[item];
    struct row_key key = row_key_run('H', &layout->project, &layout->run);
    row_key_u32(&key, in->row.first);
    row_key_u32(&key, item / ITEMS_PER_PAGE);
    struct cursor page = cursor_over(journal_get(layout->journal, row_key_bytes(&key)));
    size_t count = cursor_array(&page);
    if (item % ITEMS_PER_PAGE >= count)
        WRONG("an item of an each cannot be read");
    for (uint32_t i = 0; i < item % ITEMS_PER_PAGE; i++)
        (void)cursor_skip(&page);
    return cursor_skip(&page);
}

uint32_t
layout_last(struct layout *layout)
{
    for (uint32_t i = layout->plan->fixed_count - 1; i > 0; i--) {
        const struct plan_step *plan = layout_plan(layout, i);
        if (!plan->nested && !plan->cleanup && !plan->handles)
            return i;
    }
    return 0;
}
