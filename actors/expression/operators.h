/* operators - what stands between two values in `${{ }}`. */
#ifndef ACTORS_EXPRESSION_OPERATORS_H
#define ACTORS_EXPRESSION_OPERATORS_H
#include "actors/expression/value.h"

struct operator_row {
    const char *sign;
    unsigned level; /* higher binds tighter */
    struct bytes (*apply)(
        struct evaluation *e, size_t at, struct bytes a, struct bytes b);
};

/* The operator that the token is, or NULL. */
const struct operator_row *operator_next(const struct evaluation *e);

struct bytes operate_negate(struct evaluation *e, struct bytes a);
struct bytes
operate_add(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
struct bytes
operate_subtract(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
struct bytes
operate_multiply(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
struct bytes
operate_divide(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
struct bytes
operate_remainder(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
/* The whole numbers from `from` to `to`, by `step`; at most 100,000. */
struct bytes
operate_range(struct evaluation *e, size_t at, wide from, wide to, wide step);
struct bytes
operate_contains(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
struct bytes
operate_matches(struct evaluation *e, size_t at, struct bytes a, struct bytes b);
/* Of a list or a text (by characters); NULL: from the begin, up to the end. */
struct bytes operate_slice(struct evaluation *e, size_t at, struct bytes value,
    const struct bytes *from, const struct bytes *to);
#endif
