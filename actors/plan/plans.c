#include "actors/plan/plans.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

struct plans {
    struct kept_plan *newest;
};

static bool
is_named(const struct kept_plan *kept, const struct plan_name *name)
{
    return kept->name.version == name->version
           && id_equal(&kept->name.automation, &name->automation)
           && id_equal(&kept->name.project, &name->project);
}

struct kept_plan *
plans_find(struct plans *plans, const struct plan_name *name)
{
    struct kept_plan **link = &plans->newest, *found;
    while (*link != NULL && !is_named(*link, name))
        link = &(*link)->older;
    found = *link;
    if (found == NULL || found == plans->newest)
        return found;
    *link = found->older;
    found->older = plans->newest;
    plans->newest = found;
    return found;
}

struct kept_plan *
plans_keep(struct plans *plans, const struct plan_name *name, struct bytes plan)
{
    struct arena arena = { 0 };
    struct kept_plan *kept = arena_take(&arena, sizeof *kept);
    kept->name = *name;
    if (plan_open(arena_copy(&arena, plan), &kept->plan) != ERR_NONE) {
        arena_free(&arena);
        return NULL;
    }
    kept->steps = arena_take(&arena, kept->plan.step_count * sizeof *kept->steps);
    kept->lanes = arena_take(&arena, kept->plan.step_count * sizeof *kept->lanes);
    kept->arena = arena;
    kept->older = plans->newest;
    plans->newest = kept;
    return kept;
}

const struct plan_step *
plans_step(struct kept_plan *kept, uint32_t index)
{
    assert(index < kept->plan.step_count);
    if (kept->steps[index] == NULL) {
        struct plan_step *step = arena_take(&kept->arena, sizeof *step);
        *step = plan_step_at(&kept->plan, index, &kept->arena);
        kept->steps[index] = step;
    }
    return kept->steps[index];
}

static void
forget(struct kept_plan *kept)
{
    struct arena arena = kept->arena;
    arena_free(&arena);
}

static void
trim(struct plans *plans, unsigned kept)
{
    struct kept_plan **link = &plans->newest;
    while (*link != NULL && kept > 0) {
        link = &(*link)->older;
        kept--;
    }
    while (*link != NULL) {
        struct kept_plan *oldest = *link;
        *link = oldest->older;
        forget(oldest);
    }
}

void
plans_trim(struct plans *plans)
{
    trim(plans, PLANS_KEPT);
}

struct plans *
plans_new(void)
{
    struct plans *plans = calloc(1, sizeof *plans);
    if (plans == NULL)
        WRONG("out of memory");
    return plans;
}

void
plans_free(struct plans **plans)
{
    if (*plans != NULL)
        trim(*plans, 0);
    free(*plans);
    *plans = NULL;
}
