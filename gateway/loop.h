/* loop - the one place where the gateway waits: for actors, for strangers, for time. */
#ifndef GATEWAY_LOOP_H
#define GATEWAY_LOOP_H
#include "gateway/gateway.h"

/* Serve until SIGTERM came and what was under way is answered, or half of drain_ms is
 * over.  Says ready when all actors are heard and callers can be judged. */
void gateway_loop(struct gateway *gateway);
#endif
