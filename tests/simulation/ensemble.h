/* ensemble - many seeds, in several processes; what happened in none of them. */
#ifndef TESTS_SIMULATION_ENSEMBLE_H
#define TESTS_SIMULATION_ENSEMBLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns if the seed lives; a seed that does not ends the process. */
typedef void live_fn(uint64_t seed);

struct ensemble {
    uint64_t first, count;
    size_t processes; /* 0: one for each processor */
    bool apart;       /* each seed in a process of its own */
    bool keep_going;  /* the same, and those that fail are counted */
    bool probes;      /* each must have happened */
    live_fn *live;
};

/* True if all is well. */
bool ensemble_run(const struct ensemble *ensemble);
/* One of them has failed, when so much had happened: let no other begin a seed.  For
 * signal handlers, too. */
void ensemble_stop(uint64_t steps);

struct failure {
    const char *reason; /* what it says, without figures; "": it does not fail */
    uint64_t steps;     /* how much had happened by then */
};
/* Of a seed, in a process of its own.  Borrowed until the next call. */
struct failure ensemble_failure(uint64_t seed, live_fn *live);
#endif
