/* policy - what becomes of a start while other runs of its group are active. */
#ifndef ACTORS_SCHEDULER_POLICY_H
#define ACTORS_SCHEDULER_POLICY_H
#include "actors/scheduler/start.h"

/* Does a start of it see other runs?  Then its partition is that of its automation. */
uint32_t home_of(const struct scheduler_state *state, const struct plan *plan,
    const struct start *start, const struct id *automation);
/* Say RUN_STARTED or RUN_QUEUED as the policy has it, or refuse. */
struct refusal admit(struct turn *turn, const struct plan *plan,
    const struct start *start, struct run_started *started);
/* May a run that is over hold a slot again? */
struct refusal may_hold_again(struct turn *turn);
#endif
