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

/* What happens to a start while other runs of the same automation (and of the same
 * value of the concurrency key) are active.  On disk: never renumber. */
enum plan_concurrency {
    PLAN_ALLOW = 1,
    PLAN_FORBID = 2,  /* the start is refused; "skip" says the same */
    PLAN_REPLACE = 3, /* the older run is cancelled before this one begins */
    PLAN_QUEUE = 4,   /* the run waits for its turn */
};

/* On disk: never renumber. */
enum step_kind {
    STEP_ACTION = 1,
    STEP_SLEEP = 2,
    STEP_WAIT = 3,        /* wait_for_event */
    STEP_INTERACTION = 4, /* asks people */
    STEP_CHILD = 5,       /* automation, loop: starts another run */
    STEP_CHECK = 6,
    STEP_PARALLEL = 7, /* its body side by side */
    STEP_EACH = 8,     /* its body once for each item of a list */
    STEP_SET = 9,
    STEP_AGENT = 10, /* validated; fails: there is no agent runtime */
};
/* "action", "sleep", "wait_for_event", "interaction", "automation", "check",
 * "parallel", "each", "set", "agent". */
const char *step_kind_name(enum step_kind kind);

/* The delay before attempt n + 1 is delay_ms, delay_ms * n or delay_ms * 2^(n-1): see
 * plan_delay_ms.  On disk: never renumber. */
enum step_backoff { BACKOFF_NONE = 1, BACKOFF_LINEAR = 2, BACKOFF_EXPONENTIAL = 3 };

/* What follows when a step has failed for good.  On disk: never renumber. */
enum step_on_error {
    ON_ERROR_FAIL = 0,     /* what needs it is skipped, the run fails */
    ON_ERROR_CONTINUE = 1, /* what needs it goes on, the run does not fail by it */
    ON_ERROR_STEP = 2, /* `handler` runs in its place; what needs it goes on after */
};

/* What follows when a step's time is over.  On disk: never renumber. */
enum step_on_timeout {
    ON_TIMEOUT_FAIL = 0,
    ON_TIMEOUT_SKIP = 1,     /* the step is skipped, what needs it too */
    ON_TIMEOUT_CONTINUE = 2, /* the step completes without an output */
    ON_TIMEOUT_ESCALATE = 3, /* an interaction: ask config.escalate_to, once */
};

enum { PLAN_NO_STEP = UINT32_MAX };

/* A text that may hold templates is stored as written: actors/expression evaluates it.
 *
 *   index    0 … fixed_count-1      steps that every run has, in the order written;
 *                                   the body of a `parallel` follows it at once
 *            fixed_count … count-1  bodies of `each`: patterns of the steps that a run
 *                                   gets for each item; a body is one range, and so is
 *                                   the body of an `each` inside it, behind it
 */
struct plan_step {
    struct bytes key;  /* unique in the plan; 1 to PLAN_KEY_MAX of [A-Za-z0-9._-] */
    struct bytes name; /* for people; may be empty */
    enum step_kind kind;
    struct bytes action;      /* action_name */
    struct bytes queue;       /* "default" unless given */
    struct bytes environment; /* environment id, or empty */
    struct bytes labels;      /* msgpack array of texts, sorted, without repetition */
    struct bytes parameters;  /* msgpack map, as written; empty map if none */
    bool templated;           /* `parameters` holds a template */
    struct bytes config;      /* of kinds other than action: see plan_kinds.h */
    struct bytes condition;   /* `if`: a condition, or empty */
    struct bytes save_as;     /* its name in `context`; its key unless given */
    uint32_t attempts_max;    /* 1 to PLAN_ATTEMPTS_MAX, the first one included */
    uint32_t needs_count;     /* steps that must be over first */
    const uint32_t *needs;    /* indexes, ascending; in the reader's arena */
    uint32_t feeds_count;     /* steps that need this one */
    const uint32_t *feeds;
    enum step_backoff backoff;
    uint64_t delay_ms;     /* before the second attempt */
    uint64_t max_delay_ms; /* 0: not given */
    uint32_t jitter;       /* percent of the delay that chance may take away */
    struct bytes retry_on; /* msgpack array of error types; empty: any */
    uint64_t timeout_ms;   /* of one attempt, from its being called; 0: none */
    enum step_on_timeout on_timeout;
    enum step_on_error on_error;
    uint32_t handler; /* step that runs if this one fails, or PLAN_NO_STEP */
    bool handles;     /* it is such a handler, of one step beside it: it runs for
                       * nothing else, needs nothing, and nothing needs it */
    bool cleanup;     /* it runs when all others are over, however they ended; what is
                       * in the body of such a step says the same */
    bool nested;      /* it is in the body of `parent`, … */
    uint32_t parent;  /* … a `parallel` or `each`; else PLAN_NO_STEP */
    uint32_t body_first; /* of a `parallel` or `each`: the range of its body, … */
    uint32_t body_count; /* … bodies inside it of its own kind of range included */
};

struct plan_trigger {
    struct bytes key;  /* unique among the triggers */
    struct bytes name; /* for people; may be empty */
    struct bytes kind; /* "manual", "schedule", "http", "event" */
    bool enabled;
    uint64_t interval_ms;  /* of a schedule by interval; 0: none */
    struct bytes cron;     /* of a schedule by cron, as written; or empty */
    struct bytes timezone; /* IANA name; empty: UTC */
    struct bytes config;   /* of other kinds: see plan_kinds.h */
    struct bytes inputs;   /* msgpack map with templates over event and meta, or empty:
                            * then   the inputs are the event's own map */
    enum plan_concurrency concurrency; /* 0: that of the automation */
    uint32_t runs_max;                 /* active runs that it started; 0: no limit */
};

struct plan {
    struct bytes name;   /* of the automation: a line of 1 to PLAN_NAME_MAX bytes */
    struct bytes handle; /* 1 to PLAN_KEY_MAX of [A-Za-z0-9._-], or empty: not given */
    struct bytes description;
    enum plan_concurrency concurrency;
    uint32_t runs_max;            /* of a queue: runs active at once, at least 1 */
    uint32_t queued_max;          /* runs that may wait; 0: runs_queued_max */
    struct bytes concurrency_key; /* a template, or empty: all runs are of one group */
    bool triggers_limit; /* a trigger has a policy other than allow, or runs_max; filled
                          * in by plan_write */
    uint32_t failures_max; /* in a row, before it is paused; 0: never */
    uint64_t timeout_ms;   /* of a whole run; 0: none */
    uint32_t step_count;   /* at least 1 */
    uint32_t fixed_count;
    uint32_t trigger_count;
    struct bytes inputs;         /* msgpack: the declared inputs as written, or nil */
    struct bytes default_inputs; /* msgpack: map as written, or nil */
    struct bytes tags;           /* msgpack: map or array as written, or nil */
    struct bytes config;         /* msgpack: map of defaults for `config.…`, or nil */
    struct bytes output;   /* msgpack with templates: what a run returns, or nil: the
                            * output of its last step */
    struct bytes run_name; /* a template, or empty */
    struct bytes offsets, steps,
        triggers;                  /* plan_step_at, plan_trigger_at read these */
    struct bytes by_key, by_saved; /* plan_find_step, plan_find_saved read these */
};

/* Must all runs of it be in one partition, because they see each other? */
static inline bool
plan_single(const struct plan *plan)
{
    return plan->concurrency != PLAN_ALLOW || plan->failures_max > 0
           || plan->triggers_limit;
}

/* The step with this key, or PLAN_NO_STEP; `save_as` names are looked up by
 * plan_find_saved.  Costs log(steps). */
uint32_t plan_find_step(const struct plan *plan, struct bytes key);
uint32_t plan_find_saved(const struct plan *plan, struct bytes name);

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

/* The longest wait before any attempt: max_delay_ms or, if that was not given, the
 * longer of delay_ms and an hour. */
uint64_t plan_delay_max_ms(const struct plan_step *step);
/* How long to wait before the attempt after `attempt` (the first is 1). */
uint64_t plan_delay_ms(const struct plan_step *step, uint32_t attempt);

/* Append the plan of `steps` and `triggers` to `out`; offsets, steps, triggers, feeds
 * and the counts of `plan` are filled in here.  What breaks plan_check is a bug of the
 * caller and ends the process. */
void
plan_write(const struct plan *plan, const struct plan_step *steps, uint32_t step_count,
    const struct plan_trigger *triggers, uint32_t trigger_count, struct buffer *out);
#endif
