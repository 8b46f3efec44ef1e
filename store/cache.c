#include "store/cache.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

/* What a row costs beside its bytes: itself, its slot in the map, two allocations. */
enum { ROW_COST = sizeof(struct row) + 2 * sizeof(struct map_slot) + 32 };
enum { VALUE_MIN = 16, SCANNED_MAX = 16 }; /* bytes */

static size_t
row_bytes(const struct row *row)
{
    return ROW_COST + row->node.key.size + row->value_capacity;
}

static struct row *
row_new(struct bytes key)
{
    struct row *row = calloc(1, sizeof *row + key.size);
    if (row == NULL)
        WRONG("out of memory");
    memcpy(row->key, key.data, key.size);
    row->node.key = bytes_of(row->key, key.size);
    return row;
}

static uint8_t *
value_new(size_t size)
{
    uint8_t *value = malloc(size);
    if (value == NULL)
        WRONG("out of memory");
    return value;
}

/* `value` may lie in the one that it replaces. */
static void
row_set(struct row *row, struct bytes value)
{
    if (row->value == NULL || row->value_capacity < value.size) {
        size_t capacity = value.size < VALUE_MIN ? VALUE_MIN : value.size;
        uint8_t *bigger = value_new(capacity);
        if (value.size > 0)
            memcpy(bigger, value.data, value.size);
        free(row->value);
        row->value = bigger;
        row->value_capacity = capacity;
    } else if (value.size > 0) {
        memmove(row->value, value.data, value.size);
    }
    row->value_size = value.size;
}

static void
row_clear(struct row *row)
{
    free(row->value);
    row->value = NULL;
    row->value_size = row->value_capacity = 0;
}

static void
drop(struct cache *cache, struct row *row)
{
    assert(!row->changed);
    cache->bytes -= row_bytes(row);
    list_remove(&row->use);
    map_remove(&cache->by_key, row->node.key);
    free(row->value);
    free(row);
}

static struct row *
add(struct cache *cache, struct bytes key)
{
    struct row *row = row_new(key);
    map_put(&cache->by_key, row->node.key, row);
    list_append(&cache->by_use, &row->use);
    cache->bytes += row_bytes(row);
    return row;
}

/* Set or clear the value and count its bytes. */
static void
give(struct cache *cache, struct row *row, struct bytes value)
{
    cache->bytes -= row_bytes(row);
    if (value.data == NULL)
        row_clear(row);
    else
        row_set(row, value);
    cache->bytes += row_bytes(row);
}

static void
drop_to(struct cache *cache, size_t bytes_max)
{
    struct list *oldest;
    while (cache->bytes > bytes_max && (oldest = list_first(&cache->by_use)) != NULL)
        drop(cache, LIST_OF(oldest, struct row, use));
}

static bool
only_scanned(const struct row *row)
{
    return !row->asked && row->value_size <= SCANNED_MAX;
}

static void
all_unchanged(struct cache *cache)
{
    struct list scanned, *at_row;
    struct sorted_node *at = sorted_at_or_after(&cache->changed, text(""));
    list_open(&scanned);
    for (; at != NULL; at = sorted_next(at, false)) {
        struct row *row = LIST_OF(at, struct row, node);
        row->changed = false;
        if (!only_scanned(row))
            continue;
        list_remove(&row->use);
        list_append(&scanned, &row->use);
    }
    cache->changed = (struct sorted){ 0 };
    while ((at_row = list_first(&scanned)) != NULL)
        drop(cache, LIST_OF(at_row, struct row, use));
}

void
cache_open(struct cache *cache, size_t bytes_max)
{
    *cache = (struct cache){ .bytes_max = bytes_max };
    list_open(&cache->by_use);
}

void
cache_close(struct cache *cache)
{
    all_unchanged(cache);
    drop_to(cache, 0);
    map_free(&cache->by_key);
}

static struct row *
find(struct cache *cache, struct bytes key)
{
    struct row *row = map_get(&cache->by_key, key);
    if (row != NULL) {
        list_remove(&row->use);
        list_append(&cache->by_use, &row->use);
    }
    return row;
}

struct row *
cache_find(struct cache *cache, struct bytes key)
{
    struct row *row = find(cache, key);
    if (row != NULL)
        row->asked = true;
    return row;
}

struct row *
cache_keep(struct cache *cache, struct bytes key, struct bytes value)
{
    struct row *row = add(cache, key);
    row->asked = true;
    give(cache, row, value);
    return row;
}

void
cache_change(struct cache *cache, struct bytes key, struct bytes value)
{
    struct row *row = find(cache, key);
    if (row == NULL)
        row = add(cache, key);
    else if (!row->changed && (row->value == NULL) == (value.data == NULL)
             && bytes_equal(row_value(row), value))
        return; /* the device says so already */
    give(cache, row, value);
    if (!row->changed)
        sorted_insert(&cache->changed, &row->node);
    row->changed = true;
}

void
cache_settle(struct cache *cache)
{
    all_unchanged(cache);
    drop_to(cache, cache->bytes_max);
}

void
cache_forget(struct cache *cache)
{
    assert(cache->changed.count == 0);
    drop_to(cache, 0);
}
