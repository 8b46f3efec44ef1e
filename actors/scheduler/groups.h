/* groups - runs that see each other: those of one automation, of one value of its
 * concurrency key, and, where a trigger has a policy of its own, of that trigger.
 *
 *            run_queued            run_started, run_resumed          the end
 *   nothing -----------> queued ------------------------> active -----------> over
 *
 * Slots are not handed out and back: who holds one follows from the facts of runs, in
 * apply.  A group with a free slot and a run for it has a row 'Z' until the run begins.
 */
#ifndef ACTORS_SCHEDULER_GROUPS_H
#define ACTORS_SCHEDULER_GROUPS_H
#include "actors/scheduler/state.h"

struct group {
    struct id project, automation, id;
};

struct group group_of_run(const struct run *run);
/* What a start says about its group; zero: it is in none. */
struct id group_id(const struct run_started *started);
/* All zero if the group has no runs. */
struct group_row group_read(struct journal *journal, const struct group *group);

/* Its runs that hold a slot, the one that was made first first; its queued ones in the
 * order in which they were accepted.  `each` says whether to go on. */
typedef bool group_fn(void *self, const struct id *run);
void group_active(
    struct journal *journal, const struct group *group, group_fn *each, void *self);
void group_queued(
    struct journal *journal, const struct group *group, group_fn *each, void *self);

/* Which fact moved a run between the states above; called when it has been followed. */
void group_follow(struct scheduler_state *state, const struct run *run,
    const struct message *fact, bool was_over, uint64_t was_queued);
void groups_find_vacancy(struct scheduler_state *state);
/* Begin the run that is first in the queue of the first group with a free slot. */
void
on_vacancy(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
#endif
