/* publishers - simulated programs that publish events, each until it is told that the
 * event is kept; some do so twice.
 *
 * A ping starts a run of `heard`, if its kind is 1; runs of `asks` wait for pongs.
 */
#ifndef TESTS_SIMULATION_PUBLISHERS_H
#define TESTS_SIMULATION_PUBLISHERS_H
#include "tests/simulation/sim.h"

enum { PUBLISHER_CALLS = 1000 }; /* calls of publishers begin here */

void publishers_open(struct sim *sim);
void publishers_close(struct sim *sim);
const char *publishers_wait_for(const struct sim *sim);
void publishers_hear(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *answer);
/* The number that the event of this id was acknowledged with; 0: it was not. */
uint64_t publishers_told(const struct sim *sim, struct bytes id);

struct machine;
/* events_check.c: read the log of the trigger actor. */
void events_check(struct sim *sim, const struct machine *trigger);
#endif
