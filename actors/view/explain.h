/* explain - the one reason why a run does not move, read from its rows.
 *
 * Of all that a run waits for, one thing is named: the first of this order, and of
 * equals the step that comes first.  The others are listed under `also`.
 *
 *   finished      it is over
 *   queued        other runs go first
 *   deferred      there is more to say about it than one turn may: it moves by itself
 *   job_open      a job waits for a worker that takes it
 *   interaction   people are asked
 *   event         an event of that kind has not come
 *   child         another run is to end first
 *   retry         the next attempt has its moment
 *   sleep         the moment has not come
 *   leased        a worker holds the job, and is heard
 *
 * What somebody must do comes before what time brings, and that before what goes on.
 * Costs the same however many runs are open; of a run with very many steps only those
 * that are under way are looked at.
 */
#ifndef ACTORS_VIEW_EXPLAIN_H
#define ACTORS_VIEW_EXPLAIN_H
#include "actors/view/run_rows.h"
#include "base/buffer.h"

enum {
    EXPLAIN_ALSO_MAX = 20,
    EXPLAIN_STEPS_MAX = 4096, /* of items, that are looked at for one answer */
};

/* Write {run_id, status, code, reason, step, since, due_at, hint, detail, also}. */
void explain(struct buffer *out, struct run_rows *run);
#endif
