/* state - what the trigger actor's files share. */
#ifndef ACTORS_TRIGGER_STATE_H
#define ACTORS_TRIGGER_STATE_H
#include "actors/actor.h"
#include "actors/trigger/schedule.h"

enum { SCHEDULERS_MAX = 64 };

/* Slots that a scheduler is told again, because it greeted. */
struct retelling {
    bool active;
    struct id after; /* the run of the last one; zero: none yet */
};

struct trigger_state {
    const struct config *config;
    struct journal *journal;
    uint64_t due_ms; /* no slot comes before; UINT64_MAX: there is none */
    struct retelling retellings[SCHEDULERS_MAX];
};

/* The first unsettled slot of the partition behind that of `after`. */
bool next_fire(struct journal *journal, uint32_t partition, const struct id *after,
    struct id *run);

/* apply.c */
void trigger_apply(void *state, uint64_t at_ms, const struct message *m);
void trigger_find_due(struct trigger_state *state);
#endif
