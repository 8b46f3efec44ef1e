/* plans - the plans that were opened last, each with the steps that were read of it.
 *
 * A version of an automation never changes, so what is kept of it is always right: it
 * is no state, and whoever keeps nothing decides the same.
 */
#ifndef ACTORS_PLAN_PLANS_H
#define ACTORS_PLAN_PLANS_H
#include "actors/plan/plan.h"
#include "base/id.h"

enum { PLANS_KEPT = 8 };

/* Which text it is of. */
struct plan_name {
    struct id project, automation;
    uint32_t version;
};

struct kept_plan {
    struct kept_plan *older; /* used longer ago */
    struct arena arena;      /* has all of it, itself included */
    struct plan_name name;
    struct plan plan;
    const struct plan_step **steps; /* NULL: not read yet */
    uint64_t *lanes; /* of the jobs of each, once they were asked for; else 0 */
};

struct plans;

struct plans *plans_new(void);
void plans_free(struct plans **plans);
/* The plan of this name, if it is kept. */
struct kept_plan *plans_find(struct plans *plans, const struct plan_name *name);
/* Keep a copy of a plan that is not; NULL: it cannot be opened. */
struct kept_plan *
plans_keep(struct plans *plans, const struct plan_name *name, struct bytes plan);
/* Step `index` < step_count, read once. */
const struct plan_step *plans_step(struct kept_plan *kept, uint32_t index);
/* Forget all but PLANS_KEPT of them: what was borrowed of others is void. */
void plans_trim(struct plans *plans);
#endif
