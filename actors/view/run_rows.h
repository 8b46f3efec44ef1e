/* run_rows - one run, as its rows and records tell it; nothing is ever changed.
 *
 * What is not there, or not yet, is as if it had not happened.
 */
#ifndef ACTORS_VIEW_RUN_ROWS_H
#define ACTORS_VIEW_RUN_ROWS_H
#include "actors/layout.h"
#include "actors/plan/plan.h"
#include "actors/record.h"
#include "store/journal.h"
#include "store/rows.h"

struct run_rows {
    struct journal *journal;
    struct arena *arena;
    struct id project, id;
    struct run_row row;
    struct plan plan;
    bool planned; /* the plan is there */
    struct layout layout;
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
/* The step as the plan has it, its key as people see it; empty if the plan is not there.
 */
struct plan_step run_rows_plan_step(struct run_rows *run, uint32_t step);

/* Every fact about a run names it first. */
bool run_rows_is_about(const struct message *fact, const struct id *run);

/* The facts of this run in one record, in order. */
struct run_facts {
    struct record_reader reader;
    struct id run;
    uint64_t at_ms;
};
/* Borrows the record until another one is read.  False if there is none. */
bool run_facts_open(struct run_rows *run, uint64_t record, struct run_facts *facts);
bool run_facts_next(struct run_facts *facts, struct message *fact);

/* The first fact of this run in `record` with that code, and about `step` unless that is
 * PLAN_NO_STEP.  False: there is none. */
bool run_rows_fact(struct run_rows *run, uint64_t record, enum message_code code,
    uint32_t step, struct message *fact);

/* The payloads that only records have; nothing (data NULL) if they are not there.
 * Valid until another record is read. */
struct bytes run_rows_inputs(struct run_rows *run);
struct bytes run_rows_output(struct run_rows *run, uint32_t step);

/* Append the output of a step: that of a parallel is a map of those in it, that of an
 * each the list of its items'.  False: it is above `bytes_max`, and a part of it is
 * there. */
bool run_rows_pack_output(
    struct run_rows *run, uint32_t step, size_t bytes_max, struct buffer *out);
#endif
