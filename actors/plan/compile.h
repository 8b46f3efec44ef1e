/* compile - from the text of an automation to its plan, or to everything wrong with it.
 *
 * Reads YAML (and JSON, which is YAML) in the dialects of docs/automations.md: `kind`
 * and `config`, or `type` with flattened fields.  Pure: bytes in, bytes out.
 */
#ifndef ACTORS_PLAN_COMPILE_H
#define ACTORS_PLAN_COMPILE_H
#include "actors/plan/plan.h"

enum { COMPILE_MISTAKES_MAX = 100 };

struct compile_limits {
    size_t text_max;  /* bytes */
    uint32_t steps_max;
    size_t payload_max; /* bytes of one step's parameters, as msgpack */
};

struct mistake {
    uint32_t line, column; /* from 1 */
    const char *path;      /* such as "steps[2].retry.max_attempts" */
    const char *message;   /* what is wrong and what was expected */
};

struct mistakes {
    size_t count; /* at most COMPILE_MISTAKES_MAX are kept */
    struct mistake list[COMPILE_MISTAKES_MAX];
};

/* Append the plan of `text` to `out`; strings of `mistakes` lie in `arena`.
 *
 * ERR_TOO_LARGE  longer than limits->text_max
 * ERR_MALFORMED  not YAML: one mistake says where
 * ERR_INVALID    YAML, but not an automation: all mistakes at once, by position
 */
MUST_CHECK enum err compile(struct bytes text, const struct compile_limits *limits,
    struct arena *arena, struct buffer *out, struct mistakes *mistakes);
#endif
