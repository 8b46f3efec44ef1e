#include "base/map.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

/* The slot of `key`, or the free one where it would go. */
static size_t
slot_of(const struct map *map, struct bytes key, uint64_t hash)
{
    size_t i = hash & (map->capacity - 1);
    while (map->slots[i].key.data != NULL
           && (map->slots[i].hash != hash
               || !bytes_equal(map->slots[i].key, key))) /* never: 64 bits alike */
        i = (i + 1) & (map->capacity - 1);
    return i;
}

static void
grow(struct map *map)
{
    struct map bigger = { .capacity =
                              map->capacity ? map->capacity * 2 : CAPACITY_MIN };
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        WRONG("out of memory");
    bigger.count = map->count;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->key.data != NULL)
            bigger.slots[slot_of(&bigger, slot->key, slot->hash)] = *slot;
    }
    free(map->slots);
    *map = bigger;
}

void *
map_get(const struct map *map, struct bytes key)
{
    assert(key.data != NULL);
    if (map->count == 0)
        return NULL;
    return map->slots[slot_of(map, key, hash_table(key))].value;
}

void
map_put(struct map *map, struct bytes key, void *value)
{
    assert(key.data != NULL);
    assert(value != NULL);
    if (map->count * 4 >= map->capacity * 3)
        grow(map);
    uint64_t hash = hash_table(key);
    struct map_slot *slot = &map->slots[slot_of(map, key, hash)];
    map->count += slot->key.data == NULL;
    *slot = (struct map_slot){ key, value, hash };
}

void *
map_remove(struct map *map, struct bytes key)
{
    assert(key.data != NULL);
    if (map->count == 0)
        return NULL;
    size_t mask = map->capacity - 1, hole = slot_of(map, key, hash_table(key));
    void *value = map->slots[hole].value;
    if (map->slots[hole].key.data == NULL)
        return NULL;
    /* Close the hole: whatever may sit there without being lost moves back. */
    for (size_t i = (hole + 1) & mask; map->slots[i].key.data != NULL;
         i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){ 0 };
    map->count--;
    return value;
}

void
map_free(struct map *map)
{
    free(map->slots);
    *map = (struct map){ 0 };
}
