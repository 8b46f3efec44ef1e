/* lease_id - the id of a lease as its worker knows it: all that the next life of the
 * gateway needs to go on with it, as one text without meaning to others.
 *
 * The tokens in it prove themselves to the lease actor; the rest is believed.  Pure.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_LEASE_ID_H
#define GATEWAY_WORKFLOW_GRAPH_LEASE_ID_H
#include "base/arena.h"
#include "base/buffer.h"
#include "base/id.h"

enum { TTL_MAX_S = 86400, TTL_DEFAULT_S = 30, WORKER_ID_MAX = 200 };

struct lease_id {
    uint32_t ttl_s;
    struct bytes session;               /* token of the worker session */
    struct bytes token;                 /* of the lease */
    struct bytes worker, workflow, job; /* ids */
    struct id run;
    uint32_t attempt;
};

/* Append it: letters, digits, - and _. */
void lease_id_write(struct buffer *out, const struct lease_id *id);
/* False: it is none of ours.  Keeps what it means in `arena`. */
bool lease_id_read(struct bytes in, struct arena *arena, struct lease_id *id);
#endif
