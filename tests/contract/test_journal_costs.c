/* Goal: one row costs the same beside many as beside few.
 * Method: RocksDB counts what it reads; the cache is far smaller than what is kept. */
#include "store/rocksdb_options.h"
#include "tests/contract/place.h"

#include <check.h>
#include <stdlib.h>

enum { ROWS = 200000, ROWS_OF_COMMIT = 5000, ASKED = 200, CACHE_BYTES = 256 * 1024 };
enum { READ_BYTES_MAX = 16 * 1024 }; /* for one row: a few blocks */

/* Keys in no order, all over the range of every table. */
static struct bytes
scattered(uint8_t key[8], uint64_t i)
{
    uint64_t mixed = (i + 1) * 0x9e3779b97f4a7c15u;
    for (int at = 0; at < 8; at++)
        key[at] = (uint8_t)(mixed >> (56 - 8 * at) | (at == 0));
    return bytes_of(key, 8);
}

static void
fill_rows(struct journal *journal)
{
    uint8_t key[8];
    for (uint64_t i = 0; i < ROWS; i++) {
        journal_put(journal, scattered(key, i), text("value"));
        if (i % ROWS_OF_COMMIT == ROWS_OF_COMMIT - 1)
            ck_assert_int_eq(journal_commit(journal, false), ERR_NONE);
    }
}

/* Merge all rows into one level of tables, as they become with time; the journal is
 * closed. */
static void
merge_rows(const struct place *place)
{
    char *message = NULL;
    struct rocksdb_setup setup;
    rocksdb_column_family_handle_t *families[SHELF_COUNT];
    rocksdb_setup_make(&setup, &place->options, false);
    rocksdb_t *db = rocksdb_open_column_families(setup.options, place->folder,
        SHELF_COUNT, setup.names, setup.families, families, &message);
    ck_assert_msg(message == NULL, "%s", message);
    rocksdb_compact_range_cf(db, families[SHELF_ROWS], NULL, 0, NULL, 0);
    for (int i = 0; i < SHELF_COUNT; i++)
        rocksdb_column_family_handle_destroy(families[i]);
    rocksdb_close(db);
    rocksdb_setup_free(&setup);
}

START_TEST(a_row_that_is_not_there_is_not_looked_for_in_a_whole_filter)
{
    struct place place = place_make(PLACE_ROCKSDB);
    place.options.block_cache_bytes = CACHE_BYTES;
    place.options.state_cache_bytes = CACHE_BYTES;
    struct journal *journal = place_open(&place);
    fill_rows(journal);
    journal_close(&journal);
    merge_rows(&place);
    journal = place_open(&place);

    rocksdb_set_perf_level(rocksdb_enable_count);
    rocksdb_perfcontext_t *counts = rocksdb_perfcontext_create();
    rocksdb_perfcontext_reset(counts);
    uint8_t key[8];
    for (uint64_t i = 0; i < ASKED; i++)
        ck_assert_ptr_null(journal_get(journal, scattered(key, ROWS + i)).data);
    uint64_t read = rocksdb_perfcontext_metric(counts, rocksdb_block_read_byte);
    ck_assert_uint_gt(read, 0);
    ck_assert_uint_le(read / ASKED, READ_BYTES_MAX);
    rocksdb_perfcontext_destroy(counts);
    journal_close(&journal);
    place_free(&place);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_costs");
    TCase *tc = tcase_create("rows");
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_row_that_is_not_there_is_not_looked_for_in_a_whole_filter);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
