/* templates - which texts of an automation hold templates or are conditions, and
 * whether what they speak of is there.
 *
 * While an automation is read, each such text is noted; when all of it is known, all
 * are checked: how they are written, and that each name leads to something that is
 * certain to be there when the text is evaluated.
 */
#ifndef ACTORS_PLAN_TEMPLATES_H
#define ACTORS_PLAN_TEMPLATES_H
#include "actors/expression/expression.h"
#include "actors/plan/mistakes.h"

/* Of what may a text speak?  Beside these, NAMES_STEP has `item` and `index` in the
 * body of an `each`. */
enum names {
    NAMES_NONE,  /* no template may stand here */
    NAMES_STEP,  /* inputs event meta config context steps run automation */
    NAMES_EVENT, /* event meta */
    NAMES_START, /* inputs event meta config automation */
    NAMES_END,   /* as NAMES_STEP, when all steps are over */
    NAMES_NOTED, /* all that is wrong with the text was told or noted already */
};

struct site {
    struct site *next;
    const struct node *node; /* a scalar */
    enum expression_form form;
    enum names names;
    uint32_t step; /* of NAMES_STEP */
};

struct steps;

/* The declared names of inputs and config; NULL: whatever is given is there. */
struct declared {
    const struct node *inputs, *default_inputs;
    const struct node *config, *default_config;
};

/* A template of step r->step, if NAMES_STEP.  `node` is a scalar. */
void template_note(struct reading *r, const struct node *node,
    enum expression_form form, enum names names);

/* Check all that were noted.  Needs are resolved. */
void templates_check(
    struct reading *r, const struct declared *declared, const struct steps *steps);
#endif
