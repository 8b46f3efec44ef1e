/* cache - the rows that were used last, and all that were changed since the commit.
 *
 * Nothing is dropped between two commits, so that borrowed values stay where they are;
 * cache_settle then keeps the newest that fit.  Rows that only scans look at, which are
 * most of those that are written, are not kept at all: nobody has asked for them by
 * their key, and there is nothing in them but the key.
 */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H
#include "base/list.h"
#include "base/map.h"
#include "store/sorted.h"

struct row {
    struct sorted_node node; /* in `changed`, if it is; holds the key */
    struct list use;         /* in `by_use` */
    uint8_t *value;          /* NULL: there is no such row */
    size_t value_size, value_capacity;
    bool changed;
    bool asked; /* somebody wanted it by its key */
    uint8_t key[];
};

struct cache {
    struct map by_key;
    struct list by_use; /* longest unused first */
    struct sorted changed;
    size_t bytes, bytes_max; /* of all rows, with what they cost to keep */
};

void cache_open(struct cache *cache, size_t bytes_max);
void cache_close(struct cache *cache);

/* The row that is kept for `key`, now the last used; NULL if none is. */
struct row *cache_find(struct cache *cache, struct bytes key);
/* Keep what the device has: a value, or (data NULL) that there is none.  `key` is not
 * kept yet. */
struct row *cache_keep(struct cache *cache, struct bytes key, struct bytes value);
/* Change a row, kept or not; value.data NULL deletes it. */
void cache_change(struct cache *cache, struct bytes key, struct bytes value);
/* The changes are on the device: forget that they are, and drop what does not fit. */
void cache_settle(struct cache *cache);
/* Drop everything; there are no changes. */
void cache_forget(struct cache *cache);

static inline struct bytes
row_value(const struct row *row)
{
    return (struct bytes){ row->value, row->value == NULL ? 0 : row->value_size };
}
#endif
