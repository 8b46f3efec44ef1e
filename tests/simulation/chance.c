#include "tests/simulation/chance.h"

/* splitmix64 */
static uint64_t
mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void
chance_open(struct chance *chance, uint64_t seed, enum chance_stream stream)
{
    chance->state = mix(mix(seed) + (uint64_t)stream);
}

uint64_t
chance_next(struct chance *chance)
{
    return mix(chance->state += 0x9e3779b97f4a7c15u);
}

uint64_t
chance_below(struct chance *chance, uint64_t end)
{
    uint64_t drawn = chance_next(chance);
    return end == 0 ? 0 : drawn % end;
}

uint64_t
chance_between(struct chance *chance, uint64_t least, uint64_t most)
{
    return least + chance_below(chance, most - least + 1);
}

bool
chance_hits(struct chance *chance, uint32_t often)
{
    return chance_below(chance, 10000) < often;
}
