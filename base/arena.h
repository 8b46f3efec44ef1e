/* arena - memory for one turn: taken piece by piece, given back at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include "base/bytes.h"

/* Zero-initialised is empty and valid. */
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes of the newest block */
    size_t held;                /* bytes of all blocks */
};

/* `size` bytes, zeroed and aligned for any type, valid until the reset. */
void *arena_take(struct arena *a, size_t size);
struct bytes arena_copy(struct arena *a, struct bytes b);
/* Forget everything; keeps one block so that a steady turn allocates nothing. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);
#endif
