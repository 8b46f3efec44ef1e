/* trigger - when to start a run: the schedules of all automations.
 *
 * Each schedule has one slot that comes next.  When it has come, that is a fact, and
 * the scheduler hears it until it says that the run exists; only then the next slot may
 * come.  A schedule that was late, because nobody was there or the scheduler did not
 * answer, fires once for the latest slot it missed.  The run's id follows from
 * automation, trigger and slot: telling a slot twice starts one run.
 *
 * Rows of its journal:
 *
 *   P project automation            the version whose triggers hold
 *   S project automation trigger    a schedule
 *   T due project automation trigger   its next slot, unless one is unsettled
 *   F partition run                 a slot that has come and is not settled
 *
 * On disk: letters, orders and field numbers are for ever.
 */
#ifndef ACTORS_TRIGGER_TRIGGER_H
#define ACTORS_TRIGGER_TRIGGER_H
#include "actors/actor.h"

extern const struct actor trigger_actor;
#endif
