/* path - names in a row, looked up as late as possible: whoever reads on decides
 * whether a name that is not there is a fault. */
#ifndef ACTORS_EXPRESSION_PATH_H
#define ACTORS_EXPRESSION_PATH_H
#include "actors/expression/value.h"

/* A value and the names that lead on from it.  The names are on e->segments until the
 * path is walked, so operands are walked in the reverse order of their making. */
struct operand {
    bool rooted;        /* from the scope; else from `value` */
    struct bytes value; /* nothing when read dry */
    size_t from, count; /* of e->segments */
    size_t at;          /* where it begins */
};

struct operand operand_of(const struct evaluation *e, struct bytes value, size_t at);
struct operand operand_rooted(const struct evaluation *e, size_t at);
void operand_add(struct evaluation *e, struct operand *o, struct segment segment);
/* The name or index that `value` is, as one more segment. */
void operand_index(struct evaluation *e, struct operand *o, struct bytes value,
    struct segment segment);

/* Readers of what both languages have: a literal, whose value is known already; $name
 * or
 * $; . or .name; the name behind a dot. */
struct operand operand_constant(struct evaluation *e, struct bytes value);
struct operand operand_variable(struct evaluation *e);
struct operand operand_dot(struct evaluation *e);
void operand_field(struct evaluation *e, struct operand *o, bool optional);

/* Walk to the value.  What is not there is null if `optional`, and else a fault. */
struct bytes operand_value(struct evaluation *e, struct operand *o, bool optional);
#endif
