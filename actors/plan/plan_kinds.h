/* plan_kinds - what a plan keeps of a step or trigger beside what all of them have.
 *
 * Each is a record of the plan's `config`, read by plan_config_read().  Texts and
 * payloads may hold templates unless told otherwise.  On disk: numbers are for ever.
 */
#ifndef ACTORS_PLAN_PLAN_KINDS_H
#define ACTORS_PLAN_PLAN_KINDS_H
#include "actors/plan/plan.h"
#include "base/field.h"

/* What becomes of a step of which a check does not hold; of the slots of a schedule
 * that were missed, where MISFIRE_ALL is up to catch_up_max; how a request proves where
 * it comes from.  On disk: never renumber. */
enum on_fail { ON_FAIL_FAIL = 0, ON_FAIL_CONTINUE = 1, ON_FAIL_GATE = 2 };
enum misfire { MISFIRE_ONCE = 0, MISFIRE_SKIP = 1, MISFIRE_ALL = 2 };
enum hook_scheme { HOOK_OPEN = 0, HOOK_STANDARD = 1, HOOK_GITHUB = 2, HOOK_SHARED = 3 };

/* clang-format off */
#define plan_sleep_FIELDS(F, S)                                                          \
    F(S, 1, u64,  duration_ms, "0: see `duration` or `until`")                           \
    F(S, 2, text, duration,    "a template that gives a duration or seconds, or empty")  \
    F(S, 3, text, until,       "RFC 3339, may be a template, or empty")

#define plan_wait_FIELDS(F, S)                                                           \
    F(S, 1, text,    event_type, "such as github.push or github.*; no template")         \
    F(S, 2, text,    source,     "the event's source must be this, or empty")            \
    F(S, 3, payload, match,      "map: path in the event, such as issue.id, to a value") \
    F(S, 4, text,    condition,  "over event and meta, or empty; no other roots")        \
    F(S, 5, u32,     fresh,      "1: only events after the wait began; 0: look back")    \
    F(S, 6, u64,     lookback_ms, "how far before the run's start to look")              \
    F(S, 7, payload, mapping,    "map: name of output to an expression over event and meta, or nil")

#define plan_interaction_FIELDS(F, S)                                                    \
    F(S, 1, text,    protocol,   "request_approval, request_information or request_review") \
    F(S, 2, text,    prompt,     "what is asked")                                        \
    F(S, 3, payload, targets,    "array of texts: who may answer; empty: anybody with the scope") \
    F(S, 4, u32,     all_of,     "1: every target must answer; 0: the first answer counts") \
    F(S, 5, payload, spec,       "map: mode, options, …; shown as it is; or a text that gives one") \
    F(S, 6, u64,     expires_ms, "from its being asked; 0: never; the step itself has no timeout")                       \
    F(S, 7, payload, escalate_to, "array of texts")                                      \
    F(S, 8, text,    title,      "a line")                                               \
    F(S, 9, u32,     reject_fails, "1: a rejected approval fails the step")              \
    F(S, 10, text,   until,      "RFC 3339, may be a template: when it expires instead; or empty")

#define plan_child_FIELDS(F, S)                                                          \
    F(S, 1, text,    automation, "name or aut_… id; may be a template")                  \
    F(S, 2, payload, inputs,     "map, or nil")                                          \
    F(S, 3, u32,     wait,       "1: the step is over when the child is")                \
    F(S, 4, u32,     orphan,     "when the parent is cancelled 0: the child is too; 1: it goes on")

#define plan_check_FIELDS(F, S)                                                          \
    F(S, 1, payload, checks,  "array of maps {name, expr}; expr is a condition")         \
    F(S, 2, u32,     on_fail, "enum on_fail: the step fails; it completes with verdict fail; ask a person") \
    F(S, 3, payload, targets, "of the gate: array of texts")                             \
    F(S, 4, text,    prompt,  "of the gate")

#define plan_each_FIELDS(F, S)                                                           \
    F(S, 1, payload, items,       "array, or a text that gives one")                     \
    F(S, 2, u32,     concurrency, "items under way at once, at least 1")                 \
    F(S, 3, text,    as,          "the root that names the item in the body: item")      \
    F(S, 4, u32,     go_on,       "1: a failed item stops nothing: its output is nil")

#define plan_set_FIELDS(F, S)                                                            \
    F(S, 1, payload, values, "map: the output, after its templates")

#define plan_agent_FIELDS(F, S)                                                          \
    F(S, 1, payload, config, "map: instructions, agent_id, tool_names, …")

/* Of triggers. */
#define plan_schedule_FIELDS(F, S)                                                       \
    F(S, 1, u32, dst,         "enum cron_dst of actors/schedule")                        \
    F(S, 2, u32, misfire,     "enum misfire: what was missed fires once, not at all, or each") \
    F(S, 3, u32, catch_up_max, "slots")                                                  \
    F(S, 4, u64, jitter_ms,   "each slot fires up to this much later, always by the same amount")

#define plan_http_FIELDS(F, S)                                                           \
    F(S, 1, text, handle,       "last part of its URL; empty: made from automation and trigger") \
    F(S, 2, u32,  scheme,       "enum hook_scheme")                                      \
    F(S, 3, text, secret,       "name of a secret of the project")                       \
    F(S, 4, text, header,       "of HOOK_SHARED: the header that carries it")            \
    F(S, 5, u64,  tolerance_ms, "how old a signed delivery may be")                      \
    F(S, 6, u64,  wait_ms,      "answer with the run's outcome within; 0: at once")      \
    F(S, 7, payload, match,     "map of path to value, or nil")                          \
    F(S, 8, text, condition,    "over event and meta, or empty")

#define plan_event_FIELDS(F, S)                                                          \
    F(S, 1, text,    event_type,  "such as github.push or github.*")                     \
    F(S, 2, text,    source,      "or empty")                                            \
    F(S, 3, payload, match,       "map of path to value, or nil")                        \
    F(S, 4, text,    condition,   "over event and meta, or empty")                       \
    F(S, 5, u64,     debounce_ms, "fire when nothing came for so long, with the last event; 0: no") \
    F(S, 6, u64,     throttle_ms, "fire at most once in so long; 0: no")                 \
    F(S, 7, u32,     batch_max,   "fire with up to so many events at once; 0: each by itself") \
    F(S, 8, u64,     batch_ms,    "or after so long, whichever comes first")             \
    F(S, 9, text,    group,       "a template over event and meta: debounce, throttle and batch per value")
/* clang-format on */

#define PLAN_CONFIG(name)                                                              \
    struct name {                                                                      \
        name##_FIELDS(FIELD_MEMBER, name)                                              \
    };                                                                                 \
    extern const struct shape name##_shape;
PLAN_CONFIG(plan_sleep)
PLAN_CONFIG(plan_wait)
PLAN_CONFIG(plan_interaction)
PLAN_CONFIG(plan_child)
PLAN_CONFIG(plan_check)
PLAN_CONFIG(plan_each)
PLAN_CONFIG(plan_set)
PLAN_CONFIG(plan_agent)
PLAN_CONFIG(plan_schedule)
PLAN_CONFIG(plan_http)
PLAN_CONFIG(plan_event)
#undef PLAN_CONFIG

/* Read `config` by the shape of its kind; borrows.  What was written by the compiler
 * can be read: anything else is a bug and ends the process. */
void plan_config_read(const struct shape *shape, struct bytes config, void *record);
#endif
