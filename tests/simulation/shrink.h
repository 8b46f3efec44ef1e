/* shrink - the smallest part of a world that fails as the whole does.
 *
 * Trims leave things out of a world: kinds of mishap, starts, and the time after which
 * it heals.  What follows is another world, and it may fail or not; only those that
 * fail in the same way, and when no more has happened, are gone on with.
 */
#ifndef TESTS_SIMULATION_SHRINK_H
#define TESTS_SIMULATION_SHRINK_H
#include "tests/simulation/ensemble.h"
#include "tests/simulation/sim.h"

enum { TRIMS_TEXT_MAX = 512 };

/* As -t takes them: "heal=1200,without=crash+late,starts=3+5".  False: it says
 * something else. */
bool trims_read(const char *said, struct trims *trims);
const char *trims_print(const struct trims *trims, char said[TRIMS_TEXT_MAX]);

/* How a seed fails with these options; borrowed until the next call. */
typedef struct failure fails_fn(uint64_t seed, const struct sim_options *options);

/* Trim what `options` says as far as the seed goes on failing as it does.  False: it
 * does not fail. */
bool shrink(uint64_t seed, struct sim_options *options, fails_fn *fails);
#endif
