/* state - what the scheduler's files share. */
#ifndef ACTORS_SCHEDULER_STATE_H
#define ACTORS_SCHEDULER_STATE_H
#include "actors/actor.h"
#include "actors/row_head.h"
#include "actors/scheduler/lanes.h"
#include "actors/scheduler/run.h"

/* How far the trigger actor has been told of the rows 'Y', in their order.  Volatile:
 * after a crash it is told all of them again. */
struct untold_waits {
    uint64_t record; /* the last row told */
    struct id run;
    uint32_t step;
    uint32_t told; /* rows told and not settled; never above a window */
    bool more;     /* there are rows behind it */
};

/* How far a peer that greeted was told again; volatile. */
struct retelling {
    bool active;
    struct row_key last;
};
/* Partitions, the trigger actor and the registry. */
enum { TELLING_PEERS = SCHEDULERS_MAX + 2 };

/* How far it was looked for runs that ended long ago; volatile. */
struct sweep {
    bool begun;
    struct id project, run; /* looked at last */
    uint64_t greeted_ms; /* when a peer last began to say things again; 0: none has */
    uint64_t rest_ms;    /* it is not looked before */
};

struct scheduler_state {
    const struct config *config;
    struct journal *journal;
    uint32_t partition;
    struct lanes lanes;
    struct untold_waits untold;
    struct row_head timers;
    uint64_t timer_ms;         /* when the first is due; UINT64_MAX: there is none */
    struct row_head vacancies; /* groups with a free slot and a run for it */
    bool tell_own;             /* there are rows 'D' about this partition */
    uint32_t listened; /* projects in which somebody listens for the ends of runs */
    struct retelling retellings[TELLING_PEERS];
    uint32_t retold_peers; /* of them, those that are active */
    struct sweep sweep;
    bool deferred;         /* there is a run about which more must be said */
    uint64_t lease_epoch;  /* the last life of the lease actor */
    uint64_t lease_record; /* that said so: offers up to it may have been granted */
    uint64_t lease_ms;     /* when it was seen; 0: before we began */
    struct plans *plans;   /* opened last; no state */
    struct arena arena;    /* of what is applied in one turn */
    struct run run; /* in hand: moved by the facts of this turn, not yet written */
    bool in_hand;
    struct run_written written; /* of that run */
};

/* On disk: never renumber. */
enum timer_kind {
    TIMER_ATTEMPT = 1, /* an attempt, a wait, a parallel or an each is over */
    TIMER_RETRY = 2,
    TIMER_RUN = 3,
};

struct run_scope;

/* A decision about one run: what is said is followed at once on a copy of it, so that
 * the next rule sees its effect. */
struct turn {
    const struct scheduler_state *state;
    uint64_t now_ms;
    struct outbox *out;
    bool was_over;            /* before it */
    bool whole;               /* all that may follow was looked for: run_find_ready */
    struct run_scope *scope;  /* what templates may name; NULL: none was evaluated */
    const struct id *history; /* whose facts records have; NULL: the run's own */
    struct bytes output;      /* that the run declares; nothing before its end */
    struct bytes by;          /* who wants the run's end; nothing: as its row says */
    struct run run;
};

/* Keep room for what ends a turn: a deferral, a final fact, a hint, an answer; and for
 * what one step may say at once. */
enum { TURN_RESERVE = 10, STEP_FACTS = 4 };

/* Of a run that is not there yet. */
void turn_begin(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out);
/* False if the project has no such run. */
bool turn_open(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *run);
/* Say `m`, a fact about the run, and follow it. */
void turn_say(struct turn *turn, const struct message *m);
/* The same of a fact that the scheduler of a partition must hear. */
void turn_say_to(struct turn *turn, uint32_t partition, const struct message *m);
/* Find all that may follow, also what earlier turns left. */
void turn_look_through(struct turn *turn);
/* The words, with a zero behind them, for as long as the turn. */
const char *turn_string(struct turn *turn, struct bytes words);
/* Go on with what can, end what is to end, and give the gateway its hint. */
void turn_close(struct turn *turn);

/* facts.c: show the facts of the run that a record has until `look` says that it has
 * found what it looks for; turn_look: that it does not is a bug.  A fact borrows from
 * the turn's arena. */
typedef bool look_fn(void *self, const struct message *fact);
bool turn_facts(struct turn *turn, uint64_t record, look_fn *look, void *self);
void turn_look(struct turn *turn, uint64_t record, look_fn *look, void *self);

static inline bool
turn_has_room(const struct turn *turn)
{
    return outbox_has_room(turn->out, STEP_FACTS + TURN_RESERVE);
}

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
/* end.c */
void on_run_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* Cancel what is under way, then clean up, then the run has this status.  `reason` is
 * its stop reason, or why it was cancelled. */
void end_run(struct turn *turn, enum run_status status, struct bytes reason);
/* Cancel what is under way in a parallel or an each.  False: there was no room for all
 * of it. */
bool cancel_inside(struct turn *turn, uint32_t step, const char *reason);
/* Say that the run is over. */
void say_end(struct turn *turn, enum run_status status, struct bytes reason);
void
say_deferred(struct turn *turn, bool more, enum run_status ending, struct bytes reason);
/* timer.c */
void
on_timers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
void
on_deferred(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
/* offer.c: telling the lease actor */
void
offer_jobs(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
/* The lease actor goes on with a lease of which it knows the token alone. */
void say_lease_known(struct turn *turn, const struct job_leased *leased);
/* The lane of the jobs of a step: all that ask the same of a worker. */
uint64_t lane_of(struct turn *turn, uint32_t step);
/* wait.c: what the trigger actor says, and telling it */
void on_wait_known(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_wait_matched(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void tell_waits(const struct scheduler_state *state, struct outbox *out);
/* untold.c: how far it was told */
bool untold_hungry(const struct untold_waits *waits);
/* So many rows more may be told. */
uint32_t untold_room(const struct untold_waits *waits);
void untold_reset(struct scheduler_state *state);
void untold_note(struct scheduler_state *state, uint64_t record, const struct id *run,
    uint32_t step);
/* The row is settled, or void. */
void untold_drop(struct scheduler_state *state, uint64_t record, const struct id *run,
    uint32_t step);
struct row_key untold_key(uint64_t record, const struct id *run, uint32_t step);
/* interaction.c */
void on_interaction_delete(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_interaction_respond(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* operate.c, fork.c */
void on_run_signal(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_step_skip(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_step_override(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_run_retry(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_run_fork(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* Copy more steps of the origin. */
void fork_go_on(struct turn *turn);
/* removal.c: runs that ended long ago */
uint64_t removal_due(const struct scheduler_state *state);
void
remove_runs(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
void apply_runs_removed(struct scheduler_state *state, const struct message *fact);
void apply_runs_swept(
    struct scheduler_state *state, uint64_t at_ms, const struct message *note);
/* apply.c */
void scheduler_apply(void *state, uint64_t at_ms, const struct message *m);
/* Write the run that is in hand. */
void scheduler_put_down(struct scheduler_state *state);
void scheduler_settle(void *state);
void scheduler_find_timer(struct scheduler_state *state);
void scheduler_find_deferred(struct scheduler_state *state);
/* Is there a row from `from` on, and before `to`? */
bool scheduler_has_rows(const struct scheduler_state *state, const struct row_key *from,
    const struct row_key *to);
void scheduler_put(
    struct scheduler_state *state, const struct row_key *key, struct bytes value);
void scheduler_drop(struct scheduler_state *state, const struct row_key *key);
/* All rows whose keys begin with `key`. */
void scheduler_drop_all(struct scheduler_state *state, const struct row_key *key);
/* index.c: the rows beside the run's own that follow from a fact about one step */
struct fact_about_step {
    const struct run *run;
    const struct message *fact;
    uint64_t at_ms;
    uint32_t step;
    struct step_row before, after;
};
void index_wait(struct scheduler_state *state, const struct fact_about_step *moved);
void
index_interaction(struct scheduler_state *state, const struct fact_about_step *moved);
#endif
