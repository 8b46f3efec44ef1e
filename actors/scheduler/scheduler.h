/* scheduler - what comes next: runs, their steps, their jobs and timers.
 *
 * Owns the run log.  A run belongs to the partition that its id names; every decision
 * about it is taken here, recorded here, and only then heard of outside.  Knows plans
 * and no dialect; knows that workers exist, but not which.
 */
#ifndef ACTORS_SCHEDULER_SCHEDULER_H
#define ACTORS_SCHEDULER_SCHEDULER_H
#include "actors/actor.h"

extern const struct actor scheduler_actor;
#endif
