/* kinds - what a step of each kind may say, and what the plan keeps of it. */
#ifndef ACTORS_PLAN_KINDS_H
#define ACTORS_PLAN_KINDS_H
#include "actors/plan/form.h"
#include "actors/plan/plan_kinds.h"

/* What a step may say, whatever its kind; then by kind. */
enum step_slot {
    STEP_KEY,
    STEP_NAME,
    STEP_DISCRIMINATOR,
    STEP_CONFIG,
    STEP_NEEDS,
    STEP_IF,
    STEP_SAVE_AS,
    STEP_ON_ERROR,
    STEP_RETRY,
    STEP_ATTEMPTS,
    STEP_DELAY,
    STEP_BACKOFF,
    STEP_MAX_DELAY,
    STEP_JITTER,
    STEP_RETRY_ON,
    STEP_TIMEOUT,
    STEP_ON_TIMEOUT,
    STEP_COMMON_SLOTS,

    ACTION_NAME = STEP_COMMON_SLOTS,
    ACTION_PARAMETERS,
    ACTION_QUEUE,
    ACTION_LABELS,
    ACTION_ENVIRONMENT,
    ACTION_LOCATION,

    SLEEP_DURATION = STEP_COMMON_SLOTS,
    SLEEP_UNTIL,

    WAIT_EVENT_TYPE = STEP_COMMON_SLOTS,
    WAIT_SOURCE,
    WAIT_MATCH,
    WAIT_CONDITION,
    WAIT_LOOKBACK,
    WAIT_MAPPING,

    ASK_PROTOCOL = STEP_COMMON_SLOTS,
    ASK_TITLE,
    ASK_PROMPT,
    ASK_TARGETS,
    ASK_RESOLUTION,
    ASK_SPEC,
    ASK_ESCALATE_TO,
    ASK_ON_REJECT,
    ASK_UNTIL,

    CHILD_AUTOMATION = STEP_COMMON_SLOTS,
    CHILD_INPUTS,
    CHILD_WAIT,
    CHILD_ON_CANCEL,

    CHECK_CHECKS = STEP_COMMON_SLOTS,
    CHECK_ON_FAIL,
    CHECK_GATE,
    CHECK_TARGETS,
    CHECK_PROMPT,

    BODY_STEPS = STEP_COMMON_SLOTS,
    BODY_BRANCHES,
    EACH_ITEMS,
    EACH_CONCURRENCY,
    EACH_AS,
    EACH_ON_ITEM_ERROR,

    SET_VALUES = STEP_COMMON_SLOTS,

    AGENT_INSTRUCTIONS = STEP_COMMON_SLOTS,
    AGENT_ID,
    AGENT_TOOL_NAMES,
    AGENT_DISABLE_TOOLS,
    AGENT_OUTPUT_SCHEMA,
    AGENT_MAX_TURNS,
    AGENT_MODEL_ROUTE,
    AGENT_SESSION,
    AGENT_MEMORY_TABLES,
    AGENT_SLOTS,

    STEP_SLOTS = AGENT_SLOTS
};

#define DAY_MS  ((uint64_t)24 * 3600 * 1000)
#define YEAR_MS (365 * DAY_MS)

/* One step while it is being read. */
struct filling {
    struct reading *r;
    const struct node *node;
    struct answer *a; /* [STEP_SLOTS] */
    struct plan_step *step;
};

struct kind {
    enum step_kind kind;
    const struct form *form;
    void (*fill)(struct filling *f); /* its own part of the step; NULL: none */
};

/* The kind of the step `node`; NULL: it was told why there is none. */
const struct kind *kind_of(struct reading *r, const struct node *node);
/* Of a step whose kind is not known: what is its own is passed over. */
extern const struct form step_other_form;
extern const struct form step_common_form;

/* The parts of what fills: one for each kind. */
void action_begin(struct plan_step *step); /* what an action has that says nothing */
void action_fill(struct filling *f);
void agent_fill(struct filling *f);
void check_fill(struct filling *f);
void child_fill(struct filling *f);
void each_fill(struct filling *f);
void interaction_fill(struct filling *f);
void set_fill(struct filling *f);
void sleep_fill(struct filling *f);
void wait_fill(struct filling *f);

/* Was `slot` given?  If not, it is a mistake, unless `config` was one already; the key
 * is named as the dialect of the step has it. */
bool
fill_required(struct filling *f, unsigned slot, const char *key, const char *expected);
/* A list of labels, sorted, as msgpack in the arena. */
struct bytes labels_pack(struct reading *r, const struct node *list);
/* What is kept of a kind, in the arena. */
struct bytes
config_pack(struct reading *r, const struct shape *shape, const void *record);

/* The list of steps of a `parallel` or `each`, or NULL; `branches` of a `parallel` is a
 * map of lists. */
const struct node *body_of(const struct node *node, const char *key);
#endif
