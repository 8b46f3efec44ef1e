/* run - one run in memory: read from its rows, moved by facts, written back.
 *
 * Both halves of the machine use it.  `decide` moves a copy by the facts it is about to
 * say, to see what follows from them; `apply` moves the rows by the same function.
 * What a turn does not look at is not read, however many steps the run has.
 */
#ifndef ACTORS_SCHEDULER_RUN_H
#define ACTORS_SCHEDULER_RUN_H
#include "actors/layout.h"
#include "base/arena.h"
#include "store/journal.h"
#include "store/position.h"
#include "store/rows.h"
#include "transport/messages.h"

/* Steps are looked into one by one: most of a page is only carried along. */
struct step_page {
    struct step_page *next, *next_read; /* of its bucket; of all that were read */
    uint32_t number;
    struct bytes stored[STEPS_PER_PAGE];
    struct step_row *steps[STEPS_PER_PAGE]; /* NULL: this one was not looked into */
    struct bytes packed;                    /* to be put */
    bool touched;                           /* to be packed */
};

enum { PAGE_BUCKETS = 64 };

/* Steps in order; those before `next` were looked at. */
struct step_list {
    uint32_t *steps;
    uint32_t count, capacity, next;
};

/* What is written of a run, one after the other; the memory stays. */
struct run_written {
    struct buffer facts; /* those followed, for the chain */
    struct buffer row, step;
};

struct run {
    struct journal *journal;
    struct arena *arena;
    struct id project, id;
    uint64_t record; /* that the facts to follow are in */
    uint64_t noted;  /* the last of its positions, once it was looked at */
    struct run_row row;
    struct plan plan;
    struct layout layout;
    struct step_page *buckets[PAGE_BUCKETS], *pages_read;
    struct run_written *written; /* NULL on a copy */

    /* What follows, found since the run was read; kept only if `watch` is set. */
    bool watch;
    struct step_list ready;  /* steps that may be started or must be skipped now */
    struct step_list moving; /* parallels and eaches in which something has changed */
};

/* Read a run.  Borrows from the journal until its next commit, and from `plans`, which
 * may be NULL.  False if the project has no such run. */
bool run_read(struct run *run, struct journal *journal, struct plans *plans,
    struct arena *arena, const struct id *project, const struct id *id);
/* The plan of this name, kept from then on; NULL: it is not known. */
struct kept_plan *run_find_plan(
    struct plans *plans, struct journal *journal, const struct plan_name *name);
/* A run that does not exist yet; RUN_STARTED must follow. */
void run_begin(struct run *run, struct journal *journal, struct plans *plans,
    struct arena *arena, const struct id *project, const struct run_started *started);

/* follow.c: move by one fact about this run.  Bodies are borrowed until run_write(). */
void run_follow(struct run *run, uint64_t at_ms, const struct message *fact);
/* resume.c */
/* Did the step complete, or its handler in its place, so that it need not again? */
bool run_kept(struct run *run, uint32_t step);
void run_resume(struct run *run, uint64_t at_ms, const struct run_resumed *fact);
void run_write(struct run *run);

/* A step's state; borrowed from the run. */
const struct step_row *run_step(struct run *run, uint32_t step);
/* The same, to be changed and written. */
struct step_row *run_touch(struct run *run, uint32_t step);
/* The step as the plan has it, but with the key that it has in the run; what it names
 * by index, such as its needs, is in the plan. */
struct plan_step run_plan_step(struct run *run, uint32_t step);

/* The number of the last event that its waits for this type had, as rows say; and the
 * key of that row. */
uint64_t run_last_event(struct run *run, struct bytes event_type);
struct row_key run_event_key(const struct run *run, struct bytes event_type);
/* What was asked of people; false: there is no such thing.  Borrows from the journal.
 */
bool interaction_read(struct journal *journal, const struct id *project,
    const struct id *interaction, struct interaction_row *row);

/* ready.c: note what follows. */
void run_note_ready(struct run *run, uint32_t step);
void run_note_moving(struct run *run, uint32_t step);
/* May it begin, or must it be skipped? */
bool run_is_ready(struct run *run, uint32_t step);
/* Note those of the steps of an item, of a parallel, or of what every run has. */
void run_note_item(struct run *run, const struct expansion *in, uint32_t item);
void run_note_body(struct run *run, uint32_t parallel);
/* Look for all that follows; for a run that was read when some had been left waiting,
 * and for one that begins or begins to clean up. */
void run_find_ready(struct run *run);

static inline bool
run_over(const struct run *run)
{
    return run_status_final((enum run_status)run->row.status);
}

/* Is the run only being cancelled, over several turns?  Then nothing else happens. */
static inline bool
run_closing(const struct run *run)
{
    return run->row.ending != 0 && (!run->row.cleaning || run->row.closing);
}

/* How an earlier attempt of a step ended; 0 if it has not. */
struct attempt_ending {
    uint32_t offer;
    enum ending ending;
};
struct attempt_ending step_ending(const struct step_row *step, uint32_t attempt);
/* Of one attempt, in a row. */
enum { ENDING_SIZE = 5, CLOSED_SIZE = 12 };
/* The record in which the wait of an attempt was over without its event; 0: in none. */
uint64_t step_closed(const struct step_row *step, uint32_t attempt);
#endif
