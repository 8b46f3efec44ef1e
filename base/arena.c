#include "base/arena.h"

#include "base/wrong.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t size; /* bytes after this header */
    alignas(max_align_t) uint8_t data[];
};

static struct arena_block *
block_new(size_t size)
{
    struct arena_block *block = malloc(sizeof *block + size);
    if (block == NULL)
        WRONG("out of memory");
    block->older = NULL;
    block->size = size;
    return block;
}

void *
arena_take(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    size = (size + align - 1) / align * align;
    if (a->blocks == NULL || a->blocks->size - a->used < size) {
        struct arena_block *block = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        block->older = a->blocks;
        a->blocks = block;
        a->used = 0;
        a->held += block->size;
    }
    void *at = a->blocks->data + a->used;
    a->used += size;
    return memset(at, 0, size);
}

struct bytes
arena_copy(struct arena *a, struct bytes b)
{
    if (b.size == 0)
        return (struct bytes){ 0 };
    return bytes_of(memcpy(arena_take(a, b.size), b.data, b.size), b.size);
}

void
arena_reset(struct arena *a)
{
    struct arena_block *kept = NULL;
    while (a->blocks != NULL) {
        struct arena_block *block = a->blocks;
        a->blocks = block->older;
        if (kept == NULL && block->size == BLOCK_SIZE)
            kept = block;
        else
            free(block);
    }
    if (kept != NULL)
        kept->older = NULL;
    a->blocks = kept;
    a->used = 0;
    a->held = kept != NULL ? kept->size : 0;
}

void
arena_free(struct arena *a)
{
    arena_reset(a);
    free(a->blocks);
    *a = (struct arena){ 0 };
}
