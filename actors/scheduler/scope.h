/* scope - what templates may name in a run, and evaluating them.
 *
 * Outputs are read from the records when they are asked for, and once a turn.  Only
 * `decide` evaluates: facts carry what came of it.
 */
#ifndef ACTORS_SCHEDULER_SCOPE_H
#define ACTORS_SCHEDULER_SCOPE_H
#include "actors/expression/expression.h"
#include "actors/scheduler/state.h"

/* Names as `step` sees them; PLAN_NO_STEP: as the run does. */
struct expression_scope scope_of(struct turn *turn, uint32_t step);

/* The run is about to be started by this fact. */
void scope_begin(struct turn *turn, const struct run_started *started);

/* Each evaluates in the scope of `step`.  False: `wrong` says where, beginning with
 * `what`, and why.  Results lie in the turn's arena or in what was given. */
bool evaluate_payload(struct turn *turn, uint32_t step, const char *what,
    struct bytes payload, struct bytes *value, struct bytes *wrong);
bool evaluate_text(struct turn *turn, uint32_t step, const char *what,
    struct bytes source, struct bytes *value, struct bytes *wrong);
/* The same, as a text: what it gives must be one, or a number. */
bool evaluate_words(struct turn *turn, uint32_t step, const char *what,
    struct bytes source, struct bytes *words, struct bytes *wrong);
/* `fuel` is what is left for it and those behind it. */
bool evaluate_condition(struct turn *turn, uint32_t step, const char *what,
    struct bytes source, uint64_t *fuel, bool *holds, struct bytes *wrong);
/* Unix ms of a msgpack text in RFC 3339. */
bool evaluate_moment(struct turn *turn, const char *what, struct bytes value,
    uint64_t *unix_ms, struct bytes *wrong);
/* A map of names to bare expressions over `event` and `meta` alone. */
bool evaluate_mapping(struct turn *turn, const char *what, struct bytes mapping,
    struct bytes event, struct bytes meta, struct bytes *value, struct bytes *wrong);

/* The output of a step, nil if it has none.  False: it is more than payload_max. */
bool step_output(struct turn *turn, uint32_t step, struct bytes *output);
/* That of the run when all is done: as declared, or of its last step. */
bool run_output(struct turn *turn, struct bytes *output, struct bytes *wrong);
#endif
