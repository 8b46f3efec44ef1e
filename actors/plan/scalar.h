/* scalar - what a scalar means: the core schema of YAML 1.2, so on, yes and no are
 * text.
 *
 * Whatever two YAML readers could disagree about, or what JSON and msgpack could not
 * carry exactly, is refused: numbers of more than 64 bits, with leading zeros, infinite
 * or not a number.
 */
#ifndef ACTORS_PLAN_SCALAR_H
#define ACTORS_PLAN_SCALAR_H
#include "actors/plan/tree.h"

enum scalar_type {
    SCALAR_NULL,
    SCALAR_FLAG,
    SCALAR_WHOLE,
    SCALAR_REAL,
    SCALAR_TEXT,
    SCALAR_REFUSED,
};

struct scalar {
    enum scalar_type type;
    bool flag;
    bool negative; /* -whole */
    uint64_t whole;
    double real;
    const char *refusal; /* why, and what to write instead */
};

/* `node` is a scalar. */
struct scalar scalar_read(const struct node *node);
/* A moment of RFC 3339, such as 2027-01-31T09:00:00.5+01:00? */
bool moment_valid(struct bytes text);
#endif
