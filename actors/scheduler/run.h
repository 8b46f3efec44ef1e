/* run - one run in memory: read from its rows, moved by facts, written back.
 *
 * Both halves of the machine use it.  `decide` moves a copy by the facts it is about to
 * say, to see what follows from them; `apply` moves the rows by the same function.
 */
#ifndef ACTORS_SCHEDULER_RUN_H
#define ACTORS_SCHEDULER_RUN_H
#include "actors/plan/plan.h"
#include "base/arena.h"
#include "store/journal.h"
#include "store/rows.h"
#include "transport/messages.h"

/* Steps are looked into one by one: most of a page is only carried along. */
struct step_page {
    struct bytes *stored;    /* STEPS_PER_PAGE of them; NULL: the page was not read */
    struct step_row **steps; /* NULL: this one was not looked into */
    bool touched;            /* to be written */
};

struct run {
    struct journal *journal;
    struct arena *arena;
    struct id project, id;
    uint64_t record; /* that the facts to follow are in */
    struct run_row row;
    struct plan plan;
    struct step_page *pages;
    uint32_t page_count;
    struct buffer *facts; /* those followed, for the chain; NULL on a copy */

    /* Steps that may be started or must be skipped now, found since the run was read;
     * kept only if `watch` is set. */
    bool watch;
    uint32_t *ready;
    uint32_t ready_count, ready_capacity;
};

/* Read a run.  Borrows from the journal until its next commit.  False if the project
 * has no such run. */
bool run_read(struct run *run, struct journal *journal, struct arena *arena,
    const struct id *project, const struct id *id);
/* A run that does not exist yet; RUN_STARTED must follow. */
void run_begin(struct run *run, struct journal *journal, struct arena *arena,
    const struct id *project, const struct run_started *started);

/* Move by one fact about this run.  Bodies are borrowed until run_write(). */
void run_follow(struct run *run, uint64_t at_ms, const struct message *fact);
void run_write(struct run *run);

/* A step's state; borrowed from the run. */
const struct step_row *run_step(struct run *run, uint32_t step);
struct plan_step run_plan_step(struct run *run, uint32_t step);
/* Look for all ready steps; for a run that was read when some had been left waiting. */
void run_find_ready(struct run *run);

static inline bool
run_over(const struct run *run)
{
    return run_status_final((enum run_status)run->row.status);
}

/* How an earlier attempt of a step ended; 0 if it has not. */
struct attempt_ending {
    uint32_t offer;
    enum ending ending;
};
struct attempt_ending step_ending(const struct step_row *step, uint32_t attempt);
#endif
