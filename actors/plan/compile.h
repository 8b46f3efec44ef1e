/* compile - from the text of an automation to its plan, or to everything wrong with it.
 *
 * Reads YAML (and JSON, which is YAML) in the dialects of docs/automations.md: `kind`
 * and `config`, `type` with flattened fields, the loops of Mobius, and the `jobs` of
 * workflow-graph.  Pure: bytes in, bytes out.
 */
#ifndef ACTORS_PLAN_COMPILE_H
#define ACTORS_PLAN_COMPILE_H
#include "actors/plan/plan.h"

struct zones;

enum { COMPILE_MISTAKES_MAX = 100 };

struct compile_limits {
    size_t text_max;    /* bytes; a text may hold one value for each 16 of them */
    uint32_t steps_max; /* with those in bodies */
    size_t payload_max; /* bytes of one step's parameters, as msgpack */
};

struct mistake {
    uint32_t line, column; /* from 1 */
    char *path;            /* such as "steps[2].retry.max_attempts"; counts from 0 */
    char *message;         /* what is wrong and what was expected */
};

/* Zero-initialised is empty and valid. */
struct mistakes {
    size_t total; /* found */
    size_t count; /* kept: the first COMPILE_MISTAKES_MAX by position */
    struct mistake list[COMPILE_MISTAKES_MAX];
};

/* Append the plan of `text` to `out`; strings of `mistakes` lie in `arena`.  Nothing is
 * appended when something is wrong, and `mistakes` is then not empty.
 *
 * ERR_TOO_LARGE  longer than limits->text_max
 * ERR_MALFORMED  not YAML: one mistake says where
 * ERR_INVALID    YAML, but not an automation: all mistakes at once, by position.
 *                Reading ends where the text is nested too deep or holds too much.
 */
MUST_CHECK enum err compile(struct bytes text, const struct compile_limits *limits,
    struct arena *arena, struct buffer *out, struct mistakes *mistakes);

/* The same, where names of time zones must be those of `zones`; NULL: any name will do.
 */
MUST_CHECK enum err compile_with_zones(struct bytes text,
    const struct compile_limits *limits, const struct zones *zones, struct arena *arena,
    struct buffer *out, struct mistakes *mistakes);
#endif
