/* workers - the ZeroMQ door of the worker protocol: frames in, messages to the lease
 * actor, and back.  docs/protocols/worker.md says what a worker sees.
 */
#ifndef GATEWAY_WORKERS_H
#define GATEWAY_WORKERS_H
#include "gateway/gateway.h"

struct workers;

/* ERR_CONFLICT  the port is in use; ERR_IO  anything else */
MUST_CHECK enum err
workers_open(struct gateway *gateway, struct workers **workers, struct fault *fault);
void workers_close(struct workers **workers);

unsigned workers_port(const struct workers *workers);
/* To be polled; a czmq zsock. */
void *workers_socket(struct workers *workers);
/* Take what has arrived, up to a limit: true if there may be more. */
bool workers_run(struct workers *workers);

/* What the lease actor says to, or of, a session. */
void workers_hear(struct workers *workers, const struct message *in);
/* The lease actor begins anew: say all sessions again. */
void workers_resend(struct workers *workers);
/* A key was revoked: its sessions end. */
void workers_judge(struct workers *workers);
/* Ask all to finish and leave; take no new ones. */
void workers_drain(struct workers *workers);
/* Sessions that hold a lease. */
size_t workers_busy(const struct workers *workers);
#endif
