/* triggers - what starts runs of an automation. */
#ifndef ACTORS_PLAN_TRIGGERS_H
#define ACTORS_PLAN_TRIGGERS_H
#include "actors/plan/form.h"

struct triggers {
    struct plan_trigger list[PLAN_TRIGGERS_MAX];
    uint32_t count;
};

/* The words for enum plan_concurrency. */
extern const struct choice policy_names[];

/* Fill `triggers` from the list `node`. */
void
triggers_read(struct reading *r, const struct node *node, struct triggers *triggers);
#endif
