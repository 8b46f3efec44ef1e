/* keepers - simulated programs that share the state of a project: each appends numbers,
 * none of them twice, to one of few lists, and reads them.
 *
 * A list is then the history of its changes, in the order in which they were made; what
 * was answered must lie in it where the answer said.
 */
#ifndef TESTS_SIMULATION_KEEPERS_H
#define TESTS_SIMULATION_KEEPERS_H
#include "tests/simulation/sim.h"

enum { KEEPER_CALLS = 2000 }; /* calls of keepers begin here */

void keepers_open(struct sim *sim);
void keepers_close(struct sim *sim);
const char *keepers_wait_for(const struct sim *sim);
void keepers_hear(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *answer);

struct machine;
/* Read the log of the trigger actor, when all is over. */
void keepers_check(struct sim *sim, const struct machine *trigger);
#endif
