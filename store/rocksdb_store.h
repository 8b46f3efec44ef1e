/* rocksdb_store - an open RocksDB, read by its owner or by a view. */
#ifndef STORE_ROCKSDB_STORE_H
#define STORE_ROCKSDB_STORE_H
#include "store/rocksdb_options.h"

#include <limits.h>

struct store {
    rocksdb_t *db; /* NULL: not open */
    rocksdb_column_family_handle_t *families[SHELF_COUNT];
    struct rocksdb_setup setup;
    rocksdb_readoptions_t *read;
    rocksdb_pinnableslice_t *pinned; /* what store_get gave last */
    char path[PATH_MAX - 64];        /* room for the names in it */
};

/* Not open yet.
 *
 * ERR_INVALID  no path, or one that is too long
 */
MUST_CHECK enum err store_make(struct store *store, const char *path,
    const struct journal_options *options, bool view, struct fault *fault);
/* Close it, if it is open; it may be opened again. */
void store_shut(struct store *store);
/* Shut it and free what it owns. */
void store_free(struct store *store);

/* Backend calls on a struct store. */
enum err store_get(void *self, enum shelf shelf, struct bytes key, struct bytes *value,
    struct fault *fault);
enum err store_scan(void *self, enum shelf shelf, const struct range *range,
    each_fn *each, void *each_self, struct fault *fault);

/* What RocksDB says went wrong in `store`, and where; takes and frees `message`.  While
 * opening, what is missing or makes no sense is ERR_CORRUPT. */
enum err store_failure(const struct store *store, char *message, struct fault *fault);
enum err
store_open_failure(const struct store *store, char *message, struct fault *fault);
#endif
