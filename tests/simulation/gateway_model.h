/* gateway_model - a gateway that is played: it keeps sessions of workers and questions
 * of clients as the real one does, without sockets.
 *
 * Workers and clients speak to it with the engine's own messages; a frame that travels
 * on a connection which has broken is lost.
 */
#ifndef TESTS_SIMULATION_GATEWAY_MODEL_H
#define TESTS_SIMULATION_GATEWAY_MODEL_H
#include "tests/simulation/sim.h"

void gateway_open(struct sim *sim);
void gateway_close(struct sim *sim);

/* A worker says `m` on its connection; m->envelope.project is its key's.  HELLO the
 * other way means: register. */
void gateway_take_frame(
    struct sim *sim, size_t worker, uint64_t connection, const struct message *m);
/* A client asks; the answer comes to clients_hear with the same `call` and `attempt`.
 * False: there is nobody. */
bool gateway_take_question(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *m);
#endif
