/* clients - simulated clients: they start runs, with and without idempotency keys, ask
 * again when they hear nothing, and cancel some.
 */
#ifndef TESTS_SIMULATION_CLIENTS_H
#define TESTS_SIMULATION_CLIENTS_H
#include "tests/simulation/sim.h"

void clients_open(struct sim *sim);
void clients_close(struct sim *sim);
/* A scheduler begins a life that is not its first. */
void clients_see_life(struct sim *sim);
/* What a client still waits for, or NULL. */
const char *clients_wait_for(const struct sim *sim);

/* The answer to a call, or NULL: the connection broke. */
void clients_hear(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *answer);
#endif
