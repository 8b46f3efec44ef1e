/* map - find a thing by its key.  No order, so no iteration: keep a list beside it. */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include "base/bytes.h"

struct map_slot {
    struct bytes key; /* data NULL: free */
    void *value;
    uint64_t hash;
};

/* Zero-initialised is empty and valid. */
struct map {
    struct map_slot *slots;
    size_t count, capacity;
};

/* The value, or NULL. */
void *map_get(const struct map *map, struct bytes key);
/* Keeps `key` and `value` by reference: the key must lie in the value, or live as long.
 * An earlier value of the same key is replaced. */
void map_put(struct map *map, struct bytes key, void *value);
/* The value that was removed, or NULL. */
void *map_remove(struct map *map, struct bytes key);
void map_free(struct map *map);
#endif
