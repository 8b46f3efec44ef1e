/* iii - the dialect of iii's clients: workers that call each other's functions over one
 * WebSocket each, by JSON frames.
 *
 *      iii.c ── worker.c ─┬─ invoke.c ─┬─ functions.c, discovery.c: what we offer
 *      (routes)  (a life) │            └─ the other workers
 *                         ├─ trigger.c    who hears of what
 *                         ├─ state.c      state::*, and its trigger type
 *                         └─ jobs.c       functions as actions of automations
 *
 * docs/decisions/0008 says what of it is the engine's and what is translation.
 */
#ifndef GATEWAY_III_III_H
#define GATEWAY_III_III_H
#include "gateway/iii/hub.h"

struct iii;

struct iii *iii_open(struct gateway *gateway);
/* Its connections are closed already. */
void iii_close(struct iii **iii);
/* Invocations that are under way. */
size_t iii_busy(const struct iii *iii);
struct hub *iii_hub(struct iii *iii, const struct id *project);
/* NULL: nobody of that project was ever here. */
struct hub *iii_hub_known(struct iii *iii, const struct id *project);

/* state.c: a key has changed (STATE_TOLD): call who listens. */
void iii_state_told(struct iii *iii, const struct message *m);

/* A connection asks to be a worker's. */
void iii_worker_socket(struct request *r);
#endif
