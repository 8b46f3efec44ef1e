#include "store/rocksdb_store.h"

#include <malloc.h>
#include <stdio.h>

enum { READ_AHEAD = 256 * 1024 }; /* bytes, when a whole shelf is read */
enum { MAPPED_MIN = 256 * 1024, HEAPS_MAX = 2 };

/* Of this process: blocks of memtables go back to the system when they have become a
 * table.  Left to itself, glibc soon takes them from heaps that small things keep. */
static void
bound_heaps(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
    mallopt(M_TRIM_THRESHOLD, MAPPED_MIN);
    mallopt(M_ARENA_MAX, HEAPS_MAX);
}

/* RocksDB's first words say what kind of failure it is. */
enum err
store_failure(const struct store *store, char *message, struct fault *fault)
{
    enum err e = ERR_IO;
    if (strncmp(message, "Corruption", 10) == 0)
        e = ERR_CORRUPT;
    else if (strstr(message, "No space left") != NULL)
        e = ERR_NO_SPACE;
    if (strstr(message, store->path) != NULL)
        fault_set(fault, e, "%s", message);
    else
        fault_set(fault, e, "%s: %s", store->path, message);
    rocksdb_free(message);
    return e;
}

enum err
store_open_failure(const struct store *store, char *message, struct fault *fault)
{
    bool locked = strstr(message, "lock") != NULL && strstr(message, "/LOCK") != NULL;
    bool senseless = strstr(message, "No such file") != NULL
                     || strncmp(message, "Invalid argument", 16) == 0;
    enum err e = store_failure(store, message, fault);
    if (e == ERR_IO && locked)
        return fault->err = ERR_CONFLICT;
    if (e == ERR_IO && senseless)
        return fault->err = ERR_CORRUPT;
    return e;
}

enum err
store_make(struct store *store, const char *path, const struct journal_options *options,
    bool view, struct fault *fault)
{
    *store = (struct store){ 0 };
    if (path[0] == '\0' || strlen(path) >= sizeof store->path)
        return fault_set(fault, ERR_INVALID, "not a path: \"%s\"", path);
    snprintf(store->path, sizeof store->path, "%s", path);
    bound_heaps();
    rocksdb_set_perf_level(rocksdb_disable); /* of this thread: a sixth of each write */
    rocksdb_setup_make(&store->setup, options, view);
    store->read = rocksdb_readoptions_create();
    return ERR_NONE;
}

void
store_shut(struct store *store)
{
    rocksdb_pinnableslice_destroy(store->pinned);
    store->pinned = NULL;
    if (store->db == NULL)
        return;
    for (size_t i = 0; i < SHELF_COUNT; i++)
        rocksdb_column_family_handle_destroy(store->families[i]);
    rocksdb_close(store->db);
    store->db = NULL;
}

void
store_free(struct store *store)
{
    store_shut(store);
    if (store->read == NULL)
        return;
    rocksdb_readoptions_destroy(store->read);
    rocksdb_setup_free(&store->setup);
}

/* Bounds keep RocksDB from searching for a live row beyond them. */
static rocksdb_readoptions_t *
range_options(const struct range *range)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(read, 1);
    if (range->from.size > 0)
        rocksdb_readoptions_set_iterate_lower_bound(
            read, (const char *)range->from.data, range->from.size);
    if (range->to.size > 0)
        rocksdb_readoptions_set_iterate_upper_bound(
            read, (const char *)range->to.data, range->to.size);
    if (range->from.size == 0 && range->to.size == 0 && !range->backward) {
        rocksdb_readoptions_set_fill_cache(read, 0);
        rocksdb_readoptions_set_readahead_size(read, READ_AHEAD);
    }
    return read;
}

enum err
store_get(void *self, enum shelf shelf, struct bytes key, struct bytes *value,
    struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    if (store->db == NULL)
        return fault_set(fault, ERR_IO, "%s is not open any more", store->path);
    rocksdb_pinnableslice_destroy(store->pinned);
    store->pinned = rocksdb_get_pinned_cf(store->db, store->read,
        store->families[shelf], (const char *)key.data, key.size, &message);
    if (message != NULL)
        return store_failure(store, message, fault);
    if (store->pinned == NULL)
        return ERR_NOT_FOUND;
    value->data =
        (const uint8_t *)rocksdb_pinnableslice_value(store->pinned, &value->size);
    return ERR_NONE;
}

enum err
store_scan(void *self, enum shelf shelf, const struct range *range, each_fn *each,
    void *each_self, struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    if (store->db == NULL)
        return fault_set(fault, ERR_IO, "%s is not open any more", store->path);
    rocksdb_readoptions_t *read = range_options(range);
    rocksdb_iterator_t *at =
        rocksdb_create_iterator_cf(store->db, read, store->families[shelf]);
    if (range->backward)
        rocksdb_iter_seek_to_last(at);
    else
        rocksdb_iter_seek_to_first(at);
    while (rocksdb_iter_valid(at)) {
        struct bytes key, value;
        key.data = (const uint8_t *)rocksdb_iter_key(at, &key.size);
        value.data = (const uint8_t *)rocksdb_iter_value(at, &value.size);
        if (!each(each_self, key, value))
            break;
        if (range->backward)
            rocksdb_iter_prev(at);
        else
            rocksdb_iter_next(at);
    }
    rocksdb_iter_get_error(at, &message);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(read);
    return message == NULL ? ERR_NONE : store_failure(store, message, fault);
}
