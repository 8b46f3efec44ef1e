/* run_rows - one run, as its rows and records tell it; nothing is ever changed.
 *
 * What is not there, or not yet, is as if it had not happened.
 */
#ifndef ACTORS_VIEW_RUN_ROWS_H
#define ACTORS_VIEW_RUN_ROWS_H
#include "actors/output.h"
#include "actors/record.h"
#include "store/journal.h"
#include "store/rows.h"

struct run_rows {
    struct journal *journal;
    struct arena *arena;
    struct id project, id;
    struct run_row row;
    struct plan plan;
    struct layout layout;
    struct output_source outputs;
    bool planned;       /* the plan is there */
    uint32_t page_read; /* number of `page` plus 1; 0: none is read */
    struct step_row page[STEPS_PER_PAGE];
};

/* Borrows from the journal until its next catch-up; `run` must stay where it is.
 *
 * ERR_NOT_FOUND  the project has no such run
 * ERR_CORRUPT    its row cannot be read
 */
MUST_CHECK enum err run_rows_read(struct run_rows *run, struct journal *journal,
    struct arena *arena, const struct id *project, const struct id *id);

/* A step's state; overwritten by the next call for a step of another page. */
const struct step_row *run_rows_step(struct run_rows *run, uint32_t step);
/* The step as the plan has it, with the key that it has in the run; empty if the plan
 * is not there. */
struct plan_step run_rows_plan_step(struct run_rows *run, uint32_t step);

/* The facts of this run in one record, in order. */
struct run_facts {
    struct record_reader reader;
    struct id run;
    uint64_t at_ms;
};
/* Borrows the record until another one is read.  False if there is none. */
bool run_facts_open(struct run_rows *run, uint64_t record, struct run_facts *facts);
bool run_facts_next(struct run_facts *facts, struct message *fact);

/* The first fact of this run in `record` with that code, and about `step` unless that
 * is PLAN_NO_STEP.  False: there is none. */
bool run_rows_fact(struct run_rows *run, uint64_t record, enum message_code code,
    uint32_t step, struct message *fact);

/* The payloads that only the record has; nothing (data NULL) if it is not there.
 * Inputs are valid until another record is read. */
struct bytes run_rows_inputs(struct run_rows *run);
struct bytes run_rows_output(struct run_rows *run, uint32_t step);
/* What the run returns: as it declares, or the output of its last step; if that must be
 * put together, of at most `bytes_max`.  Nothing if it is larger, or not there. */
struct bytes run_rows_result(struct run_rows *run, size_t bytes_max);
#endif
