/* rocksdb_options - how our databases are set up. */
#ifndef STORE_ROCKSDB_OPTIONS_H
#define STORE_ROCKSDB_OPTIONS_H
#include "store/backend.h"

#include <rocksdb/c.h>

struct rocksdb_setup {
    const char *names[SHELF_COUNT]; /* of the column families */
    rocksdb_options_t *options;
    const rocksdb_options_t *families[SHELF_COUNT];
    rocksdb_options_t *owned[SHELF_COUNT];
    rocksdb_block_based_table_options_t *tables[SHELF_COUNT];
    rocksdb_cache_t *cache; /* one for all */
};

void rocksdb_setup_make(
    struct rocksdb_setup *setup, const struct journal_options *options, bool view);
void rocksdb_setup_free(struct rocksdb_setup *setup);
#endif
