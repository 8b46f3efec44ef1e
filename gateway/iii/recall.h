/* recall - jobs that a worker has in hand when the gateway, or the whole engine, begins
 * anew.
 *
 * The protocol has no word for them, and needs none.  The id of a job's invocation
 * follows from its lease, so the next life of the engine knows it again; a worker that
 * says the same of itself is the same session; and the lease actor says what that one
 * holds.  What the worker answers before we know that is kept for a while.
 */
#ifndef GATEWAY_III_RECALL_H
#define GATEWAY_III_RECALL_H
#include "gateway/iii/hub.h"

enum {
    III_EARLY_MAX = 1024, /* results kept for one project */
    III_EARLY_BYTES_MAX = 16 << 20,
};

/* The invocation id of the job with this lease; who knows it was given the job. */
void iii_job_id(struct bytes lease, char id[III_UUID_SIZE + 1]);

/* The session of a worker that says such things of itself, in every life of the engine.
 * False: it says nothing by which it could be known again. */
MUST_CHECK bool iii_session_of(const struct iii_worker *worker, struct id *session);

/* A result of no invocation that we know.  Copies `frame`. */
void iii_early_keep(struct hub *hub, struct bytes invocation, struct bytes frame);
/* The result of this one that came early; false if none did.  Moves it to `frame`. */
MUST_CHECK bool
iii_early_take(struct hub *hub, struct bytes invocation, struct buffer *frame);
/* Forget what came before then, monotonic. */
void iii_early_forget(struct hub *hub, uint64_t before_ms);
#endif
