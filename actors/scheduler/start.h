/* start - a run to be, whoever asks for it. */
#ifndef ACTORS_SCHEDULER_START_H
#define ACTORS_SCHEDULER_START_H
#include "actors/scheduler/state.h"

struct start {
    struct id run;
    struct bytes automation; /* name or aut_… id */
    uint32_t version;        /* 0: the current one */
    struct bytes key, inputs, source, trigger;
    struct bytes data, meta, config;   /* of the caller, or nothing */
    enum plan_concurrency concurrency; /* of the trigger; 0: that of the automation */
    uint32_t runs_max;                 /* of the trigger; 0: none */
    bool at_once;                      /* refuse it rather than let it wait */
    struct id parent, origin;          /* or zero */
    uint32_t parent_step, parent_attempt, depth;
    bool awaited, echo;
    uint64_t origin_event;
    struct bytes by; /* who forks it */
};

/* Why a run is not started, or what was asked of one is not done. */
struct refusal {
    enum err err; /* ERR_NONE: it is */
    const char *detail;
    struct bytes details; /* msgpack array of maps {path, message}, or nothing */
};
static inline struct refusal
refuse(enum err err, const char *detail)
{
    return (struct refusal){ .err = err, .detail = detail };
}

/* What a start names. */
struct start_of {
    struct bytes name;
    struct name_row row;
    uint32_t version;
    struct kept_plan *kept; /* what it starts */
};
struct refusal start_find(const struct scheduler_state *state, struct outbox *out,
    const struct start *start, struct start_of *found);

/* Open a turn about a run that begins: RUN_STARTED or, by its policy, RUN_QUEUED is
 * said, nothing else yet; what it replaces may have ended before.
 *
 * ERR_NOT_FOUND  no such automation, or no such version of it
 * ERR_INVALID    inputs, meta or config are no maps, or not the inputs that it declares
 * ERR_CONFLICT   it is archived, or its policy refuses the run: `detail` names the one
 *                that is active
 */
struct refusal start_run(struct turn *turn, const struct start *start);

/* Of the row that says which run an idempotency key named. */
struct row_key start_key(const struct id *project, struct bytes key);

/* What is said to who asked for a run, or about one. */
void accept_run(struct turn *turn, uint64_t request, bool existed, bool patient);
void refuse_request(struct outbox *out, uint64_t request, struct refusal refusal);

/* inputs.c */
/* The pairs of `over`, and those of `base` that it has not; both maps, or nothing. */
struct bytes lay_over(struct arena *arena, struct bytes base, struct bytes over);
/* Inputs as the automation declares them: defaults filled in, the rest judged.  An
 * automation that declares nothing takes what is given as it is. */
struct refusal
complete_inputs(const struct plan *plan, struct arena *arena, struct bytes *inputs);
/* A refusal in one sentence, with the first of its details if it has any: for whom they
 * do not reach. */
struct bytes
refusal_words(struct arena *arena, struct bytes detail, struct bytes details);
#endif
