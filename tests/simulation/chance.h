/* chance - all the chance there is in a simulated world: numbers that follow from a
 * seed.
 *
 * Each stream is drawn from by one part of the world, so that one more draw in one part
 * does not change what happens in the others.
 */
#ifndef TESTS_SIMULATION_CHANCE_H
#define TESTS_SIMULATION_CHANCE_H
#include <stdbool.h>
#include <stdint.h>

enum chance_stream {
    STREAM_DIALS,
    STREAM_NETWORK,
    STREAM_DISK,
    STREAM_MISHAPS,
    STREAM_TURNS,
    STREAM_CLIENTS,
    STREAM_WORKERS,
    STREAM_GATEWAY,
    STREAM_PUBLISHERS,
    STREAM_KEEPERS,
    STREAM_COUNT
};

struct chance {
    uint64_t state;
};

void chance_open(struct chance *chance, uint64_t seed, enum chance_stream stream);
uint64_t chance_next(struct chance *chance);
/* 0 to end - 1; 0 if `end` is 0. */
uint64_t chance_below(struct chance *chance, uint64_t end);
/* `least` to `most`, both included. */
uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most);
/* True in `often` of 10,000 cases. */
bool chance_hits(struct chance *chance, uint32_t often);
#endif
