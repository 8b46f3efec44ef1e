/* evaluation - one reading of one text: where it is, what it may cost, what went wrong.
 *
 * Texts are evaluated while they are read; there is no tree.  What must not be
 * evaluated (the other branch, the body of an empty range, anything at all in a check)
 * is read `dry`.  Faults stick: after the first, every token is the end, every value is
 * nothing.
 */
#ifndef ACTORS_EXPRESSION_EVALUATION_H
#define ACTORS_EXPRESSION_EVALUATION_H
#include "actors/expression/expression.h"
#include "base/pack.h"

enum { SEGMENTS_MAX = 128, PATH_MAX_NAMES = 32, VARIABLES_MAX = 32 };

enum token_type {
    TOKEN_END, /* of the template, or of a bare text */
    TOKEN_NAME,
    TOKEN_VARIABLE, /* $name, $ */
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_SIGN,
};

struct token {
    enum token_type type;
    bool spaced;       /* there is white space before it */
    size_t at;         /* where it begins */
    struct bytes text; /* as written; of a TOKEN_TEXT what it means */
};

struct segment {
    struct bytes name;
    size_t at;
    bool fixed;    /* known without evaluating */
    bool optional; /* ?. */
};

struct variable {
    struct bytes name; /* with its $ */
    struct bytes value;
};

struct function;

struct evaluation {
    struct bytes text;
    const struct expression_scope *scope; /* NULL: everything is read dry */
    const struct expression_names *names; /* NULL: nobody asks */
    const struct expression_limits *limits;
    struct arena *arena;
    struct expression_fault *fault;

    uint64_t fuel;
    uint32_t depth;
    uint32_t dry;            /* above 0: read, do not evaluate */
    bool metered;            /* false in the first, dry reading */
    uint32_t patterns_tried; /* in that reading */

    size_t at; /* behind the token */
    struct token token;
    uint64_t token_count;
    unsigned braces; /* of maps that are open */
    bool prefix;     /* `{{ }}`: functions stand before what they take */
    bool wrapped;    /* `}}` ends the tokens, not the end of the text */
    bool field;      /* the last token was a dot */
    bool trims;      /* the template ended with -}} */
    size_t opened;   /* where the last template begins */

    struct segment segments[SEGMENTS_MAX]; /* of paths that are being read */
    size_t segment_count;
    struct variable variables[VARIABLES_MAX];
    size_t variable_count;
    struct bytes dot; /* nothing: the root */
    bool inside;      /* dot is an item, of a range or of a predicate */

    struct buffer scratch;       /* a stack of what is being put together */
    struct bytes whole;          /* the value of a template that is the whole text */
    const struct function *call; /* the function that is at work, */
    size_t call_at;              /* and where it was called */
};

static inline bool
failed(const struct evaluation *e)
{
    return e->fault->err != ERR_NONE;
}

static inline bool
live(const struct evaluation *e)
{
    return e->dry == 0 && !failed(e);
}

/* Note the first fault, at byte `at` of the text.  Returns nothing. */
struct bytes fail(struct evaluation *e, enum err err, size_t at, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* One step, and one more for each 16 bytes.  False: there is no fuel left. */
bool charge(struct evaluation *e, size_t bytes);

/* For looking through a value, which is less work than copying it. */
void charge_look(struct evaluation *e, struct bytes value);

/* One level deeper; false: too deep.  Both or neither. */
bool enter(struct evaluation *e);
void leave(struct evaluation *e);

/* What was put on scratch since it was `mark` bytes long, moved to the arena. */
struct bytes taken(struct evaluation *e, size_t mark);
/* The same as the items of a list, or as the pairs of a map. */
struct bytes taken_list(struct evaluation *e, size_t mark, size_t count);
struct bytes taken_map(struct evaluation *e, size_t mark, size_t pairs);
/* The same as one text. */
struct bytes taken_text(struct evaluation *e, size_t mark);

/* Append to scratch, as far as fuel goes. */
void put(struct evaluation *e, struct bytes bytes);
#endif
