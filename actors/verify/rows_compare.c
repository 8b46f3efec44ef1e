#include "actors/verify/rows_compare.h"

#include <ctype.h>

/* Rows that are laid side by side at once; what is shown of a key, in bytes. */
enum { CHUNK_ROWS = 4096, KEY_SHOWN_MAX = 48 };

struct row_copy {
    struct bytes key, value;
};

struct comparison {
    struct rows_compared *compared;
    struct arena arena; /* of the chunk */
    struct row_copy *chunk;
    size_t count, next; /* rows of the chunk; the first that was not met yet */
};

static void
differ(struct rows_compared *compared, struct bytes key, const char *how)
{
    struct buffer *out = &compared->first;
    if (compared->differences++ >= DIFFERENCES_MAX)
        return;
    buffer_print(out, "%srow ", out->size > 0 ? "; " : "");
    if (key.size > 0 && isalpha(key.data[0]))
        buffer_print(out, "%c ", key.data[0]);
    for (size_t i = 1; i < key.size && i <= KEY_SHOWN_MAX; i++)
        buffer_print(out, "%02x", key.data[i]);
    buffer_print(out, "%s %s", key.size > KEY_SHOWN_MAX + 1 ? "…" : "", how);
}

static bool
copy_row(void *self, struct bytes key, struct bytes value)
{
    struct comparison *c = self;
    c->chunk[c->count].key = arena_copy(&c->arena, key);
    c->chunk[c->count].value = arena_copy(&c->arena, value);
    return ++c->count < CHUNK_ROWS;
}

static bool
compare_row(void *self, struct bytes key, struct bytes value)
{
    struct comparison *c = self;
    int order = -1;
    c->compared->rows++;
    while (c->next < c->count && (order = bytes_order(c->chunk[c->next].key, key)) < 0)
        differ(c->compared, c->chunk[c->next++].key, "is missing");
    if (c->next == c->count || order > 0)
        differ(c->compared, key, "should not be there");
    else if (!bytes_equal(c->chunk[c->next++].value, value))
        differ(c->compared, key, "does not follow from the records");
    return true;
}

/* The first key after all of the chunk, or nothing if that is all there is. */
static struct bytes
chunk_end(struct comparison *c, struct arena *keys)
{
    if (c->count < CHUNK_ROWS)
        return (struct bytes){ 0 };
    struct bytes last = c->chunk[c->count - 1].key;
    uint8_t *end = arena_take(keys, last.size + 1);
    memcpy(end, last.data, last.size);
    return bytes_of(end, last.size + 1);
}

void
rows_compare(
    struct journal *stored, struct journal *replayed, struct rows_compared *compared)
{
    struct comparison c = { .compared = compared };
    struct arena keys = { 0 };
    struct bytes from = { 0 }, to;
    *compared = (struct rows_compared){ 0 };
    do {
        arena_reset(&c.arena);
        c.chunk = arena_take(&c.arena, CHUNK_ROWS * sizeof *c.chunk);
        c.count = c.next = 0;
        journal_scan(replayed, from, (struct bytes){ 0 }, false, copy_row, &c);
        to = chunk_end(&c, &keys);
        journal_scan(stored, from, to, false, compare_row, &c);
        while (c.next < c.count)
            differ(compared, c.chunk[c.next++].key, "is missing");
        from = to;
    } while (to.size > 0);
    arena_free(&c.arena);
    arena_free(&keys);
}
