/* expression - what a text with `{{ … }}` or `${{ … }}` in it means.
 *
 * Two languages, one evaluator.  `{{ … }}` is the useful part of Go's text/template:
 * .inputs.name, pipes, functions in prefix form, if, range and with.  `${{ … }}`, and a
 * bare condition, is in the manner of expr-lang: steps.fetch.output.count > 3.  Both
 * may stand in one text.  docs/expressions.md is their manual.
 *
 * Values are msgpack throughout.  An answer depends on the text and on what the scope
 * says: there is no clock, no chance, no locale.  Work, nesting and output are bounded,
 * so a text of a stranger can be evaluated.
 */
#ifndef ACTORS_EXPRESSION_EXPRESSION_H
#define ACTORS_EXPRESSION_EXPRESSION_H
#include "base/arena.h"
#include "base/err.h"

enum { EXPRESSION_MESSAGE_SIZE = 160, EXPRESSION_WHERE_SIZE = 96 };

struct expression_limits {
    size_t text_max;   /* bytes of the text */
    size_t output_max; /* bytes of the msgpack result */
    uint32_t fuel;     /* steps of work; 16 bytes of memory are one, too */
    uint32_t depth;    /* of parentheses, operators and blocks in each other */
};

/* 256 KiB of text, 1 MiB of output, a million steps, 64 levels. */
extern const struct expression_limits expression_limits_default;

static const size_t EXPRESSION_TOO_LARGE = SIZE_MAX;

/* Who knows the names.  `path` is the leading chain of names, list indexes as decimal
 * text: steps, fetch, output, user.  `find` gives the msgpack value of the longest
 * prefix that it knows and how many names that took; the rest is looked up in the
 * value.  False: it knows none, and `used` is how many names from the left were right,
 * or EXPRESSION_TOO_LARGE: they were, and the value is larger than a result may be.
 * `count` is 0 where a template asks for everything (`{{ . }}`).  The value must live
 * as long as the evaluation. */
struct expression_scope {
    void *self;
    bool (*find)(void *self, const struct bytes *path, size_t count, size_t *used,
        struct bytes *value);
};

/* Asked about the fixed part of every path that starts at the root, without evaluating;
 * `count` is 0 for the root itself.
 * False refuses it; `message` says why: there is no step "fecth": did you mean "fetch"?
 */
struct expression_names {
    void *self;
    bool (*allow)(void *self, const struct bytes *path, size_t count,
        char message[EXPRESSION_MESSAGE_SIZE]);
};

/* ERR_MALFORMED    the text cannot be read: the same whatever the scope says
 * ERR_INVALID      it can, and its values do not fit: a text times two
 * ERR_NOT_FOUND    a name that is not there
 * ERR_TOO_LARGE    a limit is reached */
struct expression_fault {
    enum err err;
    uint32_t line, column; /* in the text, from 1, in characters; 0: of none */
    char where[EXPRESSION_WHERE_SIZE]; /* of a payload: parameters.to[0]; else empty */
    char message[EXPRESSION_MESSAGE_SIZE];
};

enum expression_form {
    EXPRESSION_TEMPLATE,  /* text with templates in it */
    EXPRESSION_CONDITION, /* one expression, bare or in `${{ }}` or `{{ }}` */
    EXPRESSION_VALUE,     /* one bare expression */
};

/* Has `text` a template at all?  If not, it is its own value. */
bool expression_in(struct bytes text);

/* Read `text` without evaluating it.  `names` may be NULL.  Fixed patterns of `matches`
 * are read too. */
MUST_CHECK enum err expression_check(struct bytes text, enum expression_form form,
    const struct expression_names *names, const struct expression_limits *limits,
    struct arena *arena, struct expression_fault *fault);

/* The value of a text with templates, as msgpack: in the arena, or where `find` gave
 * it.  A template that is the whole text keeps its type; in a longer text values are
 * rendered: null as nothing, lists and maps as compact JSON. */
MUST_CHECK enum err expression_template(struct bytes text,
    const struct expression_scope *scope, const struct expression_limits *limits,
    struct arena *arena, struct bytes *value, struct expression_fault *fault);

/* Is the condition true?  What is neither true nor false is ERR_INVALID. */
MUST_CHECK enum err expression_condition(struct bytes text,
    const struct expression_scope *scope, const struct expression_limits *limits,
    struct arena *arena, bool *holds, struct expression_fault *fault);

/* The value of a bare expression, likewise. */
MUST_CHECK enum err expression_value(struct bytes text,
    const struct expression_scope *scope, const struct expression_limits *limits,
    struct arena *arena, struct bytes *value, struct expression_fault *fault);

/* `payload`, well-formed msgpack, with every text in it (keys excepted) rendered as a
 * template; `out` is `payload` itself if it has none.  Fuel and output are for all of
 * it together. */
MUST_CHECK enum err expression_payload(struct bytes payload,
    const struct expression_scope *scope, const struct expression_limits *limits,
    struct arena *arena, struct bytes *out, struct expression_fault *fault);

/* Like expression_check for every text in a payload that has a template. */
MUST_CHECK enum err expression_payload_check(struct bytes payload,
    const struct expression_names *names, const struct expression_limits *limits,
    struct arena *arena, struct expression_fault *fault);
#endif
