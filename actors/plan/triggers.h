/* triggers - what starts runs of an automation. */
#ifndef ACTORS_PLAN_TRIGGERS_H
#define ACTORS_PLAN_TRIGGERS_H
#include "actors/plan/mistakes.h"

struct triggers {
    struct plan_trigger list[PLAN_TRIGGERS_MAX];
    uint32_t count;
};

/* Fill `triggers` from the list `node`. */
void
triggers_read(struct reading *r, const struct node *node, struct triggers *triggers);
#endif
