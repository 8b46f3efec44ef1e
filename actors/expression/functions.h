/* functions - what both languages can call: the rows of functions.def. */
#ifndef ACTORS_EXPRESSION_FUNCTIONS_H
#define ACTORS_EXPRESSION_FUNCTIONS_H
#include "actors/expression/value.h"

enum { ARGUMENTS_MAX = 32 };

/* Where `{{ f a b }}` has what the function is about; f(subject, …) has it first.  A
 * pipe puts it there. */
enum subject {
    FIRST, /* get .map "key" */
    LAST,  /* split "," .text */
    PLAIN, /* eq .a .b: the same order in both; a pipe adds the last one */
};

enum manner {
    STRICT,
    LENIENT,   /* a name that is not there is null */
    PREDICATE, /* the second is evaluated for each item: only f(list, .size > 3) */
    DECIDING,  /* and, or: what comes behind the decision is not evaluated */
    LEADING,   /* index: what comes behind the first are names of its path */
};

struct function {
    const char *name, *kind;
    uint8_t least, most; /* arguments */
    enum subject subject;
    enum manner manner;
    const char *takes, *sentence;
    /* Called live only, with an allowed count.  Of a predicate, the second argument is
     * the list of its results. */
    struct bytes (*call)(struct evaluation *e, const struct bytes *args, size_t count);
};

extern const struct function functions[];
extern const size_t function_count;

/* NULL: there is none. */
const struct function *function_find(struct bytes name);
/* There is none: say so, and which was probably meant. */
void function_unknown(struct evaluation *e, struct bytes name, size_t at);
/* Check the count and call it; nothing if read dry. */
struct bytes function_call(struct evaluation *e, const struct function *function,
    const struct bytes *args, size_t count, size_t at);

/* For calls: the argument must be of that type, or it is a fault that names both. */
bool want(struct evaluation *e, struct bytes value, enum pack_type type);
bool want_number(struct evaluation *e, struct bytes value, struct number *number);
/* A whole number from `least` to `most`. */
bool want_whole(struct evaluation *e, struct bytes value, int64_t least, int64_t most,
    int64_t *out);
/* Nothing if it is no text; empty texts have data. */
struct bytes want_text(struct evaluation *e, struct bytes value);
struct bytes call_refuse(struct evaluation *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is at a path such as "user.age" in `value`; nothing if there is none. */
struct bytes value_at(struct evaluation *e, struct bytes value, struct bytes path);

/* Every call is defined with this; few look at the count. */
#define CALL(name)                                                                     \
    struct bytes call_##name(__attribute__((unused)) struct evaluation *e,             \
        __attribute__((unused)) const struct bytes *args,                              \
        __attribute__((unused)) size_t count)

#define FUNCTION(name, ...)                                                            \
    struct bytes call_##name(                                                          \
        struct evaluation *e, const struct bytes *args, size_t count);
#include "actors/expression/functions.def"
#endif
