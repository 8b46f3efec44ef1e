#include "store/rocksdb_options.h"

#include "base/wrong.h"

/* Settings for callers that give 0. */
enum { MEMTABLE_BYTES = 16 * 1024 * 1024, BLOCK_CACHE_BYTES = 8 * 1024 * 1024 };

enum {
    BACKGROUND_JOBS = 2,
    CACHE_SHARD_BITS = 2,        /* few threads read */
    TABLES_OPEN_MAX = 512,       /* file descriptors of an owner */
    MEMTABLES_OF_FAMILY_MAX = 3, /* one is written, others wait for their flush */
    MEMTABLES_MAX = 2,           /* memory of all families, in memtables */
    LOGS_MAX = 4,                /* unflushed log, in memtables: bounds recovery */
    MANIFEST_BYTES = 4 << 20,
    SYNC_BYTES = 1 << 20, /* tables are synced as they are written */
    BLOOM_BITS = 10,
    LOG_FATAL_ONLY = 4,
};

/* What the C API has no function for: no thread that wakes to persist statistics, none
 * that goes on after an error.  And rows of one letter are written next to each other,
 * because they are ordered by time: a memtable begins its search where it ended. */
static const char more[] = "stats_persist_period_sec=0;max_bgerror_resume_count=0;"
                           "memtable_insert_with_hint_prefix_extractor=fixed:1";

static const struct {
    const char *name;
    size_t block_size;
    bool bloom; /* keys are asked for that are not there */
} families[SHELF_COUNT] = {
    [SHELF_RECORDS] = { "default", 16 * 1024, false },
    [SHELF_ROWS] = { "rows", 4 * 1024, true },
    [SHELF_BLOBS] = { "blobs", 16 * 1024, true },
};

static rocksdb_options_t *
with_more(rocksdb_options_t *options)
{
    char *message = NULL;
    rocksdb_options_t *all = rocksdb_options_create();
    rocksdb_get_options_from_string(options, more, all, &message);
    if (message != NULL)
        WRONG("RocksDB does not know a setting");
    rocksdb_options_destroy(options);
    return all;
}

/* reliability: nothing is skipped that is damaged, in logs or tables */
static void
set_strict(rocksdb_options_t *o)
{
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_wal_recovery_mode(
        o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_recycle_log_file_num(o, 0);
    /* After a write that failed for want of space a thread of RocksDB makes tables of
     * what was before, without it, and gives up their log.  Killed between two families
     * it would leave rows without their records. */
    rocksdb_options_set_atomic_flush(o, 1);
}

/* small: few threads, few open files, a short log of RocksDB's own */
static void
set_small(rocksdb_options_t *o, bool view)
{
    rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_keep_log_file_num(o, 1);
    /* what matters comes back as an error; on a full device a second line would abort
     */
    rocksdb_options_set_info_log_level(o, LOG_FATAL_ONLY);
    rocksdb_options_set_max_manifest_file_size(o, MANIFEST_BYTES);
    /* a view needs its tables open: the owner may remove them */
    rocksdb_options_set_max_open_files(o, view ? -1 : TABLES_OPEN_MAX);
}

static void
set_writes(rocksdb_options_t *o, size_t memtable)
{
    rocksdb_options_set_write_buffer_size(o, memtable);
    rocksdb_options_set_max_write_buffer_number(o, MEMTABLES_OF_FAMILY_MAX);
    rocksdb_options_set_db_write_buffer_size(o, MEMTABLES_MAX * memtable);
    rocksdb_options_set_max_total_wal_size(o, LOGS_MAX * memtable);
    rocksdb_options_set_bytes_per_sync(o, SYNC_BYTES);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
}

static rocksdb_options_t *
options_make(const struct journal_options *options, bool view)
{
    rocksdb_options_t *o = rocksdb_options_create();
    size_t memtable = options->memtable_bytes;
    rocksdb_options_set_create_if_missing(o, !view);
    rocksdb_options_set_create_missing_column_families(o, !view);
    set_strict(o);
    set_small(o, view);
    set_writes(o, memtable > 0 ? memtable : MEMTABLE_BYTES);
    return with_more(o);
}

static rocksdb_block_based_table_options_t *
table_make(enum shelf shelf, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    /* In parts of a few KiB: a table's whole filter would not fit into a small cache,
     * and be read and checked anew for each key that is looked up. */
    rocksdb_block_based_options_set_index_type(
        t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(t, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(
        t, 1);
    rocksdb_block_based_options_set_block_size(t, families[shelf].block_size);
    if (families[shelf].bloom)
        rocksdb_block_based_options_set_filter_policy(
            t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    return t;
}

static rocksdb_cache_t *
cache_make(size_t bytes)
{
    rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(
        options, bytes > 0 ? bytes : BLOCK_CACHE_BYTES);
    rocksdb_lru_cache_options_set_num_shard_bits(options, CACHE_SHARD_BITS);
    rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
    rocksdb_lru_cache_options_destroy(options);
    return cache;
}

void
rocksdb_setup_make(
    struct rocksdb_setup *setup, const struct journal_options *options, bool view)
{
    setup->options = options_make(options, view);
    setup->cache = cache_make(options->block_cache_bytes);
    for (int i = 0; i < SHELF_COUNT; i++) {
        setup->names[i] = families[i].name;
        setup->owned[i] = options_make(options, view);
        setup->tables[i] = table_make((enum shelf)i, setup->cache);
        rocksdb_options_set_block_based_table_factory(
            setup->owned[i], setup->tables[i]);
        setup->families[i] = setup->owned[i];
    }
}

void
rocksdb_setup_free(struct rocksdb_setup *setup)
{
    for (int i = 0; i < SHELF_COUNT; i++) {
        rocksdb_options_destroy(setup->owned[i]);
        rocksdb_block_based_options_destroy(setup->tables[i]);
    }
    rocksdb_options_destroy(setup->options);
    rocksdb_cache_destroy(setup->cache);
}
