/* jobs - functions as actions: a worker of iii is a session of the lease actor, whose
 * actions are its functions.  A job is an invocation; its result is the report.
 */
#ifndef GATEWAY_III_JOBS_H
#define GATEWAY_III_JOBS_H
#include "gateway/iii/hub.h"

/* Its functions are others than they were. */
void iii_jobs_offer(struct iii_worker *worker);
/* It lives, and does what it was given. */
void iii_jobs_beat(struct iii_worker *worker);
/* It has done one: `frame` is its result. */
void iii_job_done(struct iii_call *call, struct bytes frame);
/* What `from` was given is `to`'s now: the same worker over another connection. */
void iii_jobs_move(struct iii_worker *from, struct iii_worker *to);
/* It is gone for good. */
void iii_jobs_end(struct iii_worker *worker);
#endif
