/* reading - one text or several, by the same rules and with one tank of fuel. */
#ifndef ACTORS_EXPRESSION_READING_H
#define ACTORS_EXPRESSION_READING_H
#include "actors/expression/expression.h"

struct reading {
    const struct expression_scope *scope; /* NULL: nothing is evaluated */
    const struct expression_names *names; /* or NULL */
    const struct expression_limits *limits;
    uint64_t fuel; /* what is left of it */
    struct arena *arena;
    struct expression_fault *fault;
};

/* The value of `text`; nothing if there is no scope. */
MUST_CHECK enum err reading_value(struct reading *reading, struct bytes text,
    enum expression_form form, struct bytes *value);
/* Is the condition true?  What is neither true nor false is ERR_INVALID. */
MUST_CHECK enum err
reading_condition(struct reading *reading, struct bytes text, bool *holds);
#endif
