/* start - a run to be, whoever asks for it. */
#ifndef ACTORS_SCHEDULER_START_H
#define ACTORS_SCHEDULER_START_H
#include "actors/scheduler/state.h"

struct start {
    struct id run;
    struct bytes automation; /* name or aut_… id */
    uint32_t version;        /* 0: the current one */
    struct bytes key, inputs, source, trigger;
    struct bytes data, meta, config; /* of the caller, or nothing */
};

/* Why a run is not started. */
struct refusal {
    enum err err; /* ERR_NONE: it is */
    const char *detail;
    struct bytes details; /* msgpack array of maps {path, message}, or nothing */
};

/* Open a turn about a run that begins: RUN_STARTED is said, nothing else yet.
 *
 * ERR_NOT_FOUND  no such automation, or no such version of it
 * ERR_INVALID    inputs, meta or config are no maps, or not the inputs that it declares
 */
struct refusal start_run(struct turn *turn, const struct start *start);

/* inputs.c */
/* The pairs of `over`, and those of `base` that it has not; both maps, or nothing. */
struct bytes lay_over(struct arena *arena, struct bytes base, struct bytes over);
/* Inputs as the automation declares them: defaults filled in, the rest judged.  An
 * automation that declares nothing takes what is given as it is. */
struct refusal
complete_inputs(const struct plan *plan, struct arena *arena, struct bytes *inputs);
#endif
