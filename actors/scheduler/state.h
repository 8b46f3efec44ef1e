/* state - what the scheduler's files share. */
#ifndef ACTORS_SCHEDULER_STATE_H
#define ACTORS_SCHEDULER_STATE_H
#include "actors/actor.h"
#include "actors/scheduler/lanes.h"
#include "actors/scheduler/run.h"

struct scheduler_state {
    const struct config *config;
    struct journal *journal;
    uint32_t partition;
    struct lanes lanes;
    uint64_t timer_ms;     /* no timer is due before; UINT64_MAX: there is none */
    bool deferred;         /* there is a run about which more must be said */
    uint64_t lease_epoch;  /* the last life of the lease actor */
    uint64_t lease_record; /* that said so: offers up to it may have been granted */
    struct arena arena;    /* of what is applied in one turn */
    struct run run; /* in hand: moved by the facts of this turn, not yet written */
    bool in_hand;
    struct buffer facts; /* of that run, for its chain */
};

/* A decision about one run: what is said is followed at once on a copy of it, so that
 * the next rule sees its effect. */
struct turn {
    const struct scheduler_state *state;
    uint64_t now_ms;
    struct outbox *out;
    bool deferred;                     /* the run had been left with more to say */
    const struct job_reported *report; /* what completed a step in this turn, or NULL */
    struct run run;
};

/* Keep room for what ends a turn: a deferral, a final fact, a hint, an answer. */
enum { TURN_RESERVE = 8, STEP_FACTS = 4 };

/* False if the project has no such run. */
bool turn_open(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *run);
/* Say `m`, a fact about the run, and follow it. */
void turn_say(struct turn *turn, struct message m);
/* Start or skip what is ready, end what is to end, and give the gateway its hint. */
void turn_close(struct turn *turn);

/* start.c */
/* An automation by its name or aut_… id; `name` borrows from the journal. */
bool find_name(const struct scheduler_state *state, const struct id *project,
    struct bytes given, struct bytes *name, struct name_row *found);
void on_run_start(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_trigger_fired(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* job.c: what the lease actor says */
void on_job_leased(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_job_lost(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_job_returned(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_job_reported(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_job_printed(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* The current attempt has failed: another one, or the end of the step. */
void fail_attempt(struct turn *turn, uint32_t step, struct bytes error_type,
    struct bytes error_message, enum ending ending);
/* end.c */
void on_run_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void end_run(struct turn *turn, enum run_status status, struct bytes reason);
void
on_timers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
void
on_deferred(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
/* offer.c: telling the lease actor */
void offer_jobs(const struct scheduler_state *state, struct outbox *out);
uint64_t lane_number(
    const struct id *project, const struct plan_step *step, struct arena *arena);
/* Call the attempt of a step: its job is open from then on. */
void call_step(struct turn *turn, uint32_t step, uint32_t attempt);
/* apply.c */
void scheduler_apply(void *state, uint64_t at_ms, const struct message *m);
void scheduler_settle(void *state);
void scheduler_find_timer(struct scheduler_state *state);
void scheduler_find_deferred(struct scheduler_state *state);
#endif
