/* worker_door - the ZeroMQ door of the worker protocol: frames in and out.
 * docs/protocols/worker.md says what a worker sees.
 */
#ifndef GATEWAY_NATIVE_WORKER_DOOR_H
#define GATEWAY_NATIVE_WORKER_DOOR_H
#include "gateway/gateway.h"

struct worker_door;

/* ERR_CONFLICT  the port is in use; ERR_IO  anything else */
MUST_CHECK enum err worker_door_open(
    struct gateway *gateway, struct worker_door **door, struct fault *fault);
/* After workers_free: sessions of the door use it to their end. */
void worker_door_close(struct worker_door **door);

unsigned worker_door_port(const struct worker_door *door);
/* Readable when a worker has said something, unless a frame to one has taken the signal
 * meanwhile, or some of what was signalled was left: */
int worker_door_fd(const struct worker_door *door);
/* may that be, and is there something? */
bool worker_door_hears(struct worker_door *door);
/* Readable when a connection has come or is over: */
int worker_door_partings_fd(const struct worker_door *door);
/* whose session then ends soon, when what it said last has been heard. */
void worker_door_partings(struct worker_door *door);
/* Take what has arrived, up to a limit. */
void worker_door_run(struct worker_door *door);
#endif
