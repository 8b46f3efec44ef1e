/* oracle - what must hold, whatever happens; it hears everything and forgets nothing.
 *
 * Each invariant is a function of its name in oracle.c, which is checked as things
 * happen, or in log_check.c, which reads the whole log when all is over.
 */
#ifndef TESTS_SIMULATION_ORACLE_H
#define TESTS_SIMULATION_ORACLE_H
#include "actors/lease/token.h"
#include "actors/outbox.h"
#include "base/map.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/sim.h"

/* What is known of one grant, by the first bytes of its token: run, step, attempt,
 * offer. */
enum { GRANT_NAME_SIZE = 28 };

struct grant {
    uint8_t name[GRANT_NAME_SIZE];
    uint8_t token[LEASE_TOKEN_SIZE];
    struct id session;
    bool granted;
    uint32_t outcome; /* that was reported; 0: none yet */
    uint32_t verdict; /* that was heard; 0: none yet */
    struct list link;
};

/* A start that was answered. */
struct start {
    uint32_t project;
    enum automation automation;
    uint64_t input;
    const char *key; /* empty: none */
    struct id run;
    uint32_t version;
};

/* What was said about a run outside. */
struct told {
    struct id run;
    uint64_t sequence;
    uint32_t status; /* final, or 0 */
    bool retried;    /* somebody asked for that: it may have several ends */
    struct list link;
};

/* What a client was told: its answer to a question was taken. */
struct answered {
    struct id run, interaction;
    const char *who;
};

/* What somebody did by hand, and was told that it is done. */
struct hand {
    struct id run;
    uint64_t said; /* the number, or hand_of_skip */
};
/* A step may be skipped only once: who asks for it next is told that it is. */
uint64_t hand_of_skip(const char *step);

enum { STARTS_MAX = 128 };

/* What schedulers told the lease actor of their jobs: see lease_check.c. */
struct words {
    struct map by_job;
    struct list all;
    uint64_t resets[MACHINES_MAX]; /* what was said before is void */
};

/* A client that waits for a version to be known. */
struct waiting {
    uint64_t request, life, since_ms; /* of the registry */
};
enum { WAITING_MAX = 64 };

/* A wait that the trigger actor has not heard of yet. */
struct on_its_way {
    struct id run;
    uint32_t step, attempt;
};
enum { WAITS_WATCHED = 16 };

struct oracle {
    struct map grants, told, heard;
    struct list all_grants, all_told, all_heard;
    struct start starts[STARTS_MAX];
    size_t start_count;
    struct words words;
    struct waiting waiting[WAITING_MAX]; /* the last ones, in a ring */
    size_t next_waiting;
    struct on_its_way on_their_way[WAITS_WATCHED]; /* the last ones, in a ring */
    size_t next_way;
    struct answered answers[STARTS_MAX];
    size_t answer_count;
    struct hand hands[STARTS_MAX];
    size_t hand_count;
    struct id refused[STARTS_MAX]; /* runs that nobody will ask for again */
    size_t refused_count;
    struct buffer *events; /* as they were kept, by their record */
    size_t event_count;
    struct map fires; /* as they were told, by their record and run */
    struct list all_fires;
};

struct oracle *oracle_new(struct sim *sim);
void oracle_free(struct oracle *oracle);
/* By the name in `token`, or in what names a grant; NULL if it was never heard of. */
struct grant *oracle_grant(const struct oracle *oracle, const struct id *run,
    uint32_t step, uint32_t attempt, uint32_t offer);
const struct told *oracle_told(const struct oracle *oracle, const struct id *run);

/* An actor decided `out`, on a message or (NULL) because it was time. */
void oracle_hear_decision(const struct machine *machine, uint64_t now_ms,
    const struct message *in, const struct outbox *out);
/* `m` is about to leave. */
void oracle_hear_leave(const struct machine *machine, const struct message *m);
/* A batch is over. */
void oracle_hear_turn(struct machine *machine);
/* A machine with a journal begins a life. */
void oracle_hear_start(struct machine *machine);

/* Clients and workers. */
void oracle_hear_answered(struct sim *sim, const struct id *run,
    const struct id *interaction, const char *who);
void oracle_hear_started(struct sim *sim, const struct start *start, bool existed);
/* status_check.c: somebody was told that an automation is paused, or is not. */
void oracle_hear_set(
    struct sim *sim, uint32_t project, enum automation automation, bool paused);
/* Of all schedulers and the registry. */
void status_judge(struct sim *sim);
void oracle_hear_hand(struct sim *sim, const struct id *run, uint64_t said);
/* A start without a key: its run must not be, anywhere. */
void oracle_hear_refused(struct sim *sim, const struct id *run);
void oracle_hear_cancelled(struct sim *sim, const struct run_accepted *accepted);
void oracle_hear_retry(struct sim *sim, const struct id *run);
void oracle_hear_hint(struct sim *sim, const struct run_changed *hint);
void oracle_hear_report(struct sim *sim, const uint8_t *token, uint32_t outcome);
/* Was it given to that session, as it is? */
bool
oracle_genuine(const struct sim *sim, struct bytes token, const struct id *session);
void oracle_hear_verdict(struct sim *sim, struct bytes token, enum verdict verdict);

/* What is not at its end yet, or NULL. */
const char *oracle_waits_for(const struct sim *sim);
/* All is over: look at everything once more. */
void oracle_judge(struct sim *sim);

/* When the session was last heard by the lease actor, by its clock; 0: not in this
 * life.
 */
uint64_t oracle_heard_ms(const struct machine *lease, const struct id *session);

/* lease_check.c: what the lease actor has just decided, and not yet applied. */
void words_open(struct words *words);
void words_free(struct words *words);
void lease_check(
    const struct machine *lease, const struct message *in, const struct outbox *out);
/* It dies. */
void lease_check_end(const struct machine *lease);
/* registry_check.c: the same of the registry. */
void registry_check(const struct machine *registry, const struct outbox *out);
/* lanes_check.c, table_check.c: what actors keep in memory. */
void lanes_check(const struct machine *scheduler);
void table_check(const struct machine *lease);
bool table_holds(const struct machine *lease, const struct id *run, uint32_t step);
bool table_empty(const struct machine *lease);
/* replay_check.c: facts replayed give the rows. */
void replay_gives_the_same_rows(struct machine *machine);
/* What was folded is not in the log any more; accepts NULL. */
struct shadow;
void shadow_free(struct shadow **shadow);
/* groups_check.c: runs that see each other, by their rows and by the log. */
void groups_check(const struct machine *scheduler);
void groups_judge(struct sim *sim, const struct machine *scheduler);
/* Every fact of a log, in order. */
typedef void log_fn(void *self, uint64_t at_ms, const struct message *fact);
void log_each(const struct machine *machine, log_fn *each, void *self);
/* events_check.c: the whole fact of an event, of which the record may have no more than
 * its number. */
void events_hear(struct sim *sim, const struct message *kept);
void an_event_that_is_gone_keeps_its_number(
    const struct sim *sim, uint64_t record, struct message *kept);
void events_forget(struct oracle *oracle);
/* holds_check.c: the same of a fire, of which the record may have no more than whose it
 * is. */
void fires_hear(struct sim *sim, const struct message *fired);
void a_fire_that_is_settled_keeps_its_name(
    const struct sim *sim, uint64_t record, struct message *fired);
void fires_forget(struct oracle *oracle);
/* ends_check.c: ends of runs that are events. */
void ends_judge(struct sim *sim);
/* removal_check.c: runs that ended long ago. */
void removal_judge(struct sim *sim);
/* Its chain holds, and its facts, from the first, give its rows. */
void oracle_replay(struct machine *machine);
/* children_check.c: runs of runs. */
void children_judge(struct sim *sim);
/* log_check.c: read the log of one scheduler from its beginning. */
void log_check(struct sim *sim, const struct machine *scheduler);
/* trigger_check.c: the same of the trigger actor. */
void trigger_check(struct sim *sim, const struct machine *trigger);
/* The same file: what it keeps in memory of the fires that schedulers were told. */
void windows_check(const struct machine *trigger);
void no_more_fires_are_told_than_there_is_room_for(
    const struct machine *trigger, const struct outbox *out);
/* holds_check.c: of events that triggers hold back. */
void holds_check(struct sim *sim, const struct machine *trigger);
/* A slot has come since the trigger actor's clock said `from_ms`. */
void schedules_go_on(struct sim *sim, uint64_t from_ms);
#endif
