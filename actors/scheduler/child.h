/* child - runs of runs: a step starts a run of an automation, and may wait for it.
 *
 *   parent's scheduler    CHILD_CALLED  until CHILD_TAKEN
 *                         CHILD_CANCEL  until CHILD_ENDED, when nobody waits any more
 *   child's scheduler     CHILD_ENDED   until CHILD_SETTLED
 */
#ifndef ACTORS_SCHEDULER_CHILD_H
#define ACTORS_SCHEDULER_CHILD_H
#include "actors/scheduler/tellings.h"

enum { CHILD_DEPTH_MAX = 16 }; /* generations */

void on_child_called(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_child_taken(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_child_ended(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_child_settled(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);
void on_child_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);

/* The same within one partition, from its rows. */
void take_up_call(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out);
void take_up_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out);
void take_up_end(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out);

/* The run has ended in this turn: its parent must hear. */
void tell_parent(struct turn *turn);
/* apply */
void index_child(struct scheduler_state *state, const struct fact_about_step *moved);
void cancel_children(struct scheduler_state *state, struct run *run);
void apply_child_ended(struct scheduler_state *state, const struct message *fact);

/* failing.c: automations of which too many runs in a row have failed */
void watch_failures(struct turn *turn);
void failures_follow(struct scheduler_state *state, const struct run *run);
void failures_forget(struct scheduler_state *state, const struct id *project,
    const struct id *automation);
void apply_failing(struct scheduler_state *state, const struct message *fact);
void on_failing_known(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);

/* ends.c: ends of runs that are events, where somebody listens */
/* The run has ended in this turn: the trigger actor must hear, if anybody listens. */
void tell_end(struct turn *turn);
void on_ends_wanted(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);
void on_end_taken(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);
void ends_find(struct scheduler_state *state);
void apply_ends_learned(struct scheduler_state *state, const struct message *fact);
/* This plan is the one that starts use. */
void ends_foresee(
    struct scheduler_state *state, const struct id *project, struct bytes plan);
void apply_run_ended(struct scheduler_state *state, const struct message *fact);
#endif
