/* steps - the steps of an automation in the order of a plan: what each does, and what
 * it needs. */
#ifndef ACTORS_PLAN_STEPS_H
#define ACTORS_PLAN_STEPS_H
#include "actors/plan/keys.h"
#include "actors/plan/mistakes.h"

/* What the compiler knows of a step beside what the plan keeps. */
struct draft {
    const struct node *node;     /* where it was written */
    const struct node *needs;    /* what it says about its needs; NULL: nothing */
    const struct node *on_error; /* the key of its handler, or NULL */
    const struct node *save_as;  /* or NULL */
    uint32_t list;               /* the list that it was written in */
    uint32_t handled;            /* the step that it handles, or PLAN_NO_STEP */
    struct bytes as;             /* of an `each`: what the body calls an item */
};

/* A list of steps as written: `steps`, `cleanup`, a body, a branch. */
struct step_list {
    bool side_by_side; /* else its steps run in order, … */
    bool graph;        /* … unless one of them says what it needs */
    uint32_t last;     /* step + 1; while needs are put in order */
};

struct steps {
    struct plan_step *list;
    struct draft *drafts;
    struct step_list *lists;
    struct keyed *keys; /* sorted, once all are read; without those unknown */
    uint32_t count, list_count, key_count, fixed_count;
    uint32_t most; /* how many there is room for */
};

/* Where `key` is, or PLAN_NO_STEP. */
uint32_t steps_find(const struct steps *steps, struct bytes key);

/* Room for as many steps as the limits and `wanted` allow; too many are a mistake at
 * `node`. */
void steps_begin(
    struct reading *r, struct steps *steps, const struct node *node, uint32_t wanted);
/* A further list; and a further step of it with what a step has that says nothing.
 * There is room. */
uint32_t steps_list_add(struct steps *steps, bool side_by_side);
struct plan_step *
steps_add(struct steps *steps, const struct node *node, uint32_t list, uint32_t parent);
/* All steps are there: sort their keys, and tell which are there twice. */
void steps_end(struct reading *r, struct steps *steps);

/* Fill `steps` from the lists `node` and `cleanup`, which may be NULL; lies in the
 * arena of `r`. */
void steps_read(struct reading *r, const struct node *node, const struct node *cleanup,
    struct steps *steps);

/* Fill in handlers and the needs of all steps: as written, or each the one before where
 * none of its list says any.  Unknown steps and circles are mistakes. */
void needs_resolve(struct reading *r, struct steps *steps);

/* Tell that there is no step `key`, and which was probably meant. */
void step_unknown(struct reading *r, const struct steps *steps, const struct node *node,
    struct bytes key);
#endif
