/* keys - find a name among many, and names that are there twice. */
#ifndef ACTORS_PLAN_KEYS_H
#define ACTORS_PLAN_KEYS_H
#include "base/arena.h"

struct keyed {
    struct bytes key;
    uint32_t index; /* of the thing that has it */
};

/* In order of the keys; those that are equal stay in the order they were in.  Takes
 * n log n whatever the keys are; scratch space comes from `arena`. */
void keys_sort(struct keyed *keys, size_t count, struct arena *arena);
/* The first with `key` among sorted ones, or NULL. */
const struct keyed *keys_find(const struct keyed *keys, size_t count, struct bytes key);
#endif
