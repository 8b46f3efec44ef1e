/* steps - the steps of an automation: what each does, and what it needs. */
#ifndef ACTORS_PLAN_STEPS_H
#define ACTORS_PLAN_STEPS_H
#include "actors/plan/keys.h"
#include "actors/plan/mistakes.h"

struct steps {
    struct plan_step *list;
    const struct node **nodes; /* where each was written */
    const struct node **needs; /* what each says about its needs; NULL: nothing */
    struct keyed *keys;        /* sorted, once all are read; without those unknown */
    uint32_t count, key_count;
};

/* Fill `steps` from the list `node`; lies in the arena of `r`. */
void steps_read(struct reading *r, const struct node *node, struct steps *steps);

/* Fill in the needs of all steps: as written, or each the one before where none says
 * any.  Unknown steps and circles are mistakes. */
void needs_resolve(struct reading *r, struct steps *steps);
#endif
