/* plan - what every automation compiles to: steps, what each needs, and what starts it.
 *
 * A plan is one run of bytes with a table of offsets, so that opening it and reading
 * one step cost the same for 1 step and for 1,000.  The scheduler executes plans and
 * knows no dialect.  On disk: versions of the layout are read for ever.
 */
#ifndef ACTORS_PLAN_PLAN_H
#define ACTORS_PLAN_PLAN_H
#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"

enum {
    PLAN_KEY_MAX = 128,  /* bytes of a key, of an action, a queue, a label … */
    PLAN_NAME_MAX = 256, /* bytes */
    PLAN_LABELS_MAX = 16,
    PLAN_TRIGGERS_MAX = 64,
    PLAN_ATTEMPTS_MAX = 100,
};

/* On disk: never renumber. */
enum plan_concurrency {
    PLAN_ALLOW = 1,
    PLAN_FORBID = 2,
    PLAN_REPLACE = 3,
    PLAN_QUEUE = 4,
};

/* On disk: never renumber. */
enum step_kind { STEP_ACTION = 1 };

/* The delay before attempt n + 1 is delay_ms, delay_ms * n or delay_ms * 2^(n-1): see
 * plan_delay_ms.  On disk: never renumber. */
enum step_backoff { BACKOFF_NONE = 1, BACKOFF_LINEAR = 2, BACKOFF_EXPONENTIAL = 3 };

struct plan_step {
    struct bytes key;  /* unique in the plan; 1 to PLAN_KEY_MAX of [A-Za-z0-9._-] */
    struct bytes name; /* for people; may be empty */
    enum step_kind kind;
    struct bytes action;      /* action_name */
    struct bytes queue;       /* "default" unless given */
    struct bytes environment; /* environment id, or empty */
    struct bytes labels;      /* msgpack array of texts, sorted, without repetition */
    struct bytes parameters;  /* msgpack map, as written; empty map if none */
    uint32_t attempts_max;    /* 1 to PLAN_ATTEMPTS_MAX, the first one included */
    uint32_t needs_count;     /* steps that must complete first */
    const uint32_t *needs;    /* indexes, ascending; in the reader's arena */
    uint32_t feeds_count;     /* steps that need this one */
    const uint32_t *feeds;
    enum step_backoff backoff;
    uint64_t delay_ms;     /* before the second attempt */
    uint64_t max_delay_ms; /* 0: not given */
    uint64_t timeout_ms;   /* of one attempt, from its being called; 0: none */
};

struct plan_trigger {
    struct bytes key;  /* unique among the triggers */
    struct bytes name; /* for people; may be empty */
    struct bytes kind; /* "manual", "schedule", … */
    bool enabled;
    uint64_t interval_ms; /* of a schedule by interval; 0: none */
    struct bytes cron;    /* of a schedule by cron, as written; or empty */
    struct bytes timezone;
};

struct plan {
    struct bytes name;   /* of the automation: a line of 1 to PLAN_NAME_MAX bytes */
    struct bytes handle; /* 1 to PLAN_KEY_MAX of [A-Za-z0-9._-], or empty: not given */
    struct bytes description;
    enum plan_concurrency concurrency;
    uint64_t timeout_ms; /* of a whole run; 0: none */
    uint32_t step_count; /* at least 1 */
    uint32_t trigger_count;
    struct bytes inputs;         /* msgpack: the declared inputs as written, or nil */
    struct bytes default_inputs; /* msgpack: map as written, or nil */
    struct bytes tags;           /* msgpack: map or array as written, or nil */
    struct bytes offsets, steps,
        triggers; /* plan_step_at, plan_trigger_at read these */
};

/* Borrows `in`; costs the same for any number of steps.
 *
 * ERR_MALFORMED  not a plan, or of a layout that this release does not know
 */
MUST_CHECK enum err plan_open(struct bytes in, struct plan *plan);

/* Open and look at everything: each step and trigger, and that needs and feeds agree
 * and run in no circle.
 *
 * ERR_MALFORMED  something does not hold
 */
MUST_CHECK enum err plan_check(struct bytes in);

/* Read step `index` < step_count.  Borrows from the plan and `arena`; a plan that was
 * opened without error has no malformed step: it was checked when it was written. */
struct plan_step
plan_step_at(const struct plan *plan, uint32_t index, struct arena *arena);
struct plan_trigger plan_trigger_at(const struct plan *plan, uint32_t index);

/* How long to wait before the attempt after `attempt` (the first is 1): at most
 * max_delay_ms or, if that was not given, the longer of delay_ms and an hour. */
uint64_t plan_delay_ms(const struct plan_step *step, uint32_t attempt);

/* Append the plan of `steps` and `triggers` to `out`; offsets, steps, triggers, feeds
 * and the counts of `plan` are filled in here.  What breaks plan_check is a bug of the
 * caller and ends the process. */
void
plan_write(const struct plan *plan, const struct plan_step *steps, uint32_t step_count,
    const struct plan_trigger *triggers, uint32_t trigger_count, struct buffer *out);
#endif
