/* layout - which steps a run has: those of its plan that every run has, and behind
 * them, for each `each` that has its items, a copy of its body for every item.
 *
 *   0 … fixed_count-1   as in the plan
 *   first + item * body_count + k   step body_first + k of the plan, for one item
 *
 * The scheduler and the view read the same rows.
 */
#ifndef ACTORS_LAYOUT_H
#define ACTORS_LAYOUT_H
#include "actors/plan/plans.h"
#include "base/arena.h"
#include "store/journal.h"
#include "store/rows.h"

/* What an each became. */
struct expansion {
    struct expansion_row row;
    struct bytes *items; /* all of them, in the turn that made it; NULL: in rows */
    bool fresh;          /* it has no rows yet */
};

enum { PLANS_READ = 16 };

struct layout {
    struct journal *journal;
    struct arena *arena;
    struct id project, run;
    const struct plan *plan;
    struct kept_plan *kept;   /* the same; NULL: steps are read for this layout alone */
    struct expansion **known; /* those met so far */
    uint32_t known_count, known_capacity;
    struct {
        uint32_t index;
        const struct plan_step *step; /* NULL: none */
    } read[PLANS_READ];               /* of the plan, each where its index says */
};

/* Where a step of a run is from. */
struct place {
    uint32_t step;              /* in the run */
    uint32_t plan;              /* in the plan */
    uint32_t item;              /* of `in`, from 0 */
    const struct expansion *in; /* NULL: every run has the step */
};

/* Borrows all; `plan` must stay where it is.  `kept` is it, or NULL. */
void layout_open(struct layout *layout, struct journal *journal, struct arena *arena,
    const struct id *project, const struct id *run, const struct plan *plan,
    struct kept_plan *kept);
/* The each `step` has its items, a msgpack array. */
const struct expansion *layout_expand(struct layout *layout, uint32_t step,
    uint32_t first, uint32_t count, struct bytes items, uint64_t record);

struct place layout_place(struct layout *layout, uint32_t step);
/* The place of step `plan` of the plan, as seen from `from`: of the same item, or of
 * what lies around it.  False: it lies in a body that `from` is not in. */
bool
layout_seen(struct layout *layout, struct place from, uint32_t plan, struct place *to);
/* What the step lies in, a parallel or an each; false: in nothing. */
bool layout_parent(struct layout *layout, struct place place, struct place *parent);
/* A step of the plan, read once for a while. */
const struct plan_step *layout_plan(struct layout *layout, uint32_t index);
/* The step as the plan has it, its key as people see it: pages[3].fetch. */
struct plan_step layout_step(struct layout *layout, struct place place);

/* The first step of an item. */
static inline uint32_t
layout_item(const struct expansion *in, uint32_t item)
{
    return in->row.first + item * in->row.body_count;
}

/* Another step of the same item, or of those that every run has. */
static inline uint32_t
layout_beside(struct place place, uint32_t plan)
{
    return place.step + plan - place.plan;
}

/* The expansion whose first step is `first`. */
const struct expansion *layout_expansion(struct layout *layout, uint32_t first);
/* The value of an item; borrows from the journal until its next commit. */
struct bytes
layout_item_value(struct layout *layout, const struct expansion *in, uint32_t item);

/* The step whose output is that of a run that declares none: the last one that lies in
 * no body and is neither a handler nor a cleanup. */
uint32_t layout_last(struct layout *layout);
#endif
