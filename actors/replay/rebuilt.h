/* rebuilt - a run made again from its facts, by the scheduler's own code, in memory.
 *
 * The machine learns the plan and then follows the records one by one.  Nothing leaves:
 * what it says when it is asked to decide anew is looked at and dropped.
 */
#ifndef ACTORS_REPLAY_REBUILT_H
#define ACTORS_REPLAY_REBUILT_H
#include "actors/actor.h"
#include "actors/replay/export_file.h"

/* The facts of one record, in order. */
struct facts {
    struct message *list; /* at most OUTBOX_MAX */
    bool *apart;          /* another run's lay before it */
    size_t count;
};

struct rebuilt {
    const struct export_file *file;
    struct config config;
    struct journal *journal;
    void *state;
    struct arena arena;     /* of one record */
    struct buffer record;   /* that is being followed */
    struct facts facts;     /* of it */
    struct id child;        /* that the step of the first fact waits for, or zero */
    struct message *said;   /* OUTBOX_MAX: when it is asked to decide */
    struct message *answer; /* what it may have been told */
};

void rebuilt_open(struct rebuilt *r, const struct export_file *file);
void rebuilt_close(struct rebuilt *r);

/* Read a record: its facts are there, and have not happened yet.
 *
 * ERR_MALFORMED  a fact that cannot be read, or that is none of the run
 */
MUST_CHECK enum err rebuilt_read(
    struct rebuilt *r, const struct export_record *record, struct fault *fault);
/* Another automation is there: which steps it has does not matter, only that a run of
 * it may be started. */
void rebuilt_learn_other(struct rebuilt *r, struct bytes name);
/* A run is queued because of others, which are not here.  As many as its group may have
 * are there, and about to end; or they are gone. */
void rebuilt_hold_slots(
    struct rebuilt *r, const struct run_started *queued, uint64_t at_ms, bool held);
/* They happen. */
void rebuilt_follow(struct rebuilt *r, const struct export_record *record);

/* Every fact about one step has the run first and the step second; false: it is about
 * no step, and `step` is 0. */
bool fact_step(const struct message *fact, uint32_t *step);
#endif
