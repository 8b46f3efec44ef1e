/* trigger - what starts runs and wakes them: schedules, http triggers, the events of
 * projects, event triggers, and steps that wait for events; and the state of projects,
 * whose changes are such events, as are the ends of runs where somebody listens.
 *
 * A fire is a fact that the scheduler of its run hears until it says what became of it.
 * The run's id follows from automation, trigger and slot or event: telling it twice
 * starts one run.  An event gets the next number of its project's stream; what it
 * starts and wakes is said in the same turn, or as far as a turn allows, and the rest
 * in the next ones: how far is a fact, too.  Schedulers are told no more fires than
 * they settle in time; events wait for that in their rows, and projects take turns.
 *
 * Nothing is kept in memory for a trigger or a wait.  Rows of its journal:
 *
 *   P project automation               version, name, revision and status
 *   N project ~name                    the automation of that name
 *   C project automation trigger       what the trigger is
 *   S project automation trigger       what has become of it; of a schedule, its slots
 *   T due project automation trigger   its next slot, unless one is unsettled
 *   F partition run                    a fire that is not settled
 *   Z project                          the stream: first, last and routed numbers
 *   E project number                   an event
 *   I project ~type number             the same, by its type
 *   D project ~id                      the same, by its caller's id, or else by the
 *                                      question that asked for it
 *   X project class ~paths ~values …   a listener; see listeners.h
 *   Y project class ~paths             paths whose values listeners compare
 *   W project run step attempt         a wait
 *   L project run step attempt         a wait for which the stream is still searched
 *   M partition run step attempt       the event of a wait, until it is taken
 *   f record                           how many fires and matches of a record, if it
 *                                      has several, are in rows F and M
 *   H project automation ~trigger ~group      what a trigger holds back of a group
 *   G project automation ~trigger ~group number   an event that is held back
 *   J due project automation ~trigger ~group  when that is over
 *   g project number                   how many groups hold an event, and its record
 *   K ~handle                          the trigger of a URL
 *   B project name                     a secret
 *   U project ~scope key               a value of the project's state
 *   V project scope                    a scope: how many keys, of how many bytes
 *   A project                          the same of all scopes, and the last revision
 *   O request                          a change that may be asked for again
 *   Q place                            the request whose change is kept there
 *   R                                  how many changes there were
 *
 * ~ is a hash.  On disk: letters, orders and field numbers are for ever.
 */
#ifndef ACTORS_TRIGGER_TRIGGER_H
#define ACTORS_TRIGGER_TRIGGER_H
#include "actors/actor.h"

extern const struct actor trigger_actor;
#endif
