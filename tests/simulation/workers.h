/* workers - simulated workers: they register, hold jobs, are heard, report, fall
 * silent, die, leave and come back.
 */
#ifndef TESTS_SIMULATION_WORKERS_H
#define TESTS_SIMULATION_WORKERS_H
#include "tests/simulation/sim.h"

void workers_open(struct sim *sim);
void workers_close(struct sim *sim);
/* From now on all of them behave. */
void workers_heal(struct sim *sim);
/* Let one of them suffer MISHAP_SILENCE, MISHAP_DEATH, MISHAP_RECONNECT or
 * MISHAP_GOODBYE. */
void workers_suffer(struct sim *sim, enum mishap mishap);

/* The connection that the worker has now; what comes on another is lost. */
uint64_t workers_connection(const struct sim *sim, size_t worker);
/* The gateway has died: all connections break, and nobody is told. */
void workers_lose_gateway(struct sim *sim);
/* The gateway says `m`. */
void workers_hear(struct sim *sim, size_t worker, const struct message *m);
const char *workers_title(const struct sim *sim, size_t worker);
#endif
