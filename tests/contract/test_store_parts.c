/* Goal: the parts that a journal is made of keep their promises by themselves. */
#include "store/cache.h"
#include "store/crc32c.h"
#include "store/mark.h"
#include "store/sorted.h"
#include "tests/contract/place.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
give(struct cache *cache, struct bytes key, struct bytes value)
{
    ck_assert_ptr_null(cache_find(cache, key));
    cache_keep(cache, key, value);
}

START_TEST(a_cache_keeps_what_was_used_last_within_its_bytes)
{
    enum { MAX = 16 * 1024 };
    struct cache cache;
    cache_open(&cache, MAX);
    for (uint64_t i = 0; i < 1000; i++) {
        if (i > 500)
            cache_find(&cache, numbered("row", 3)); /* in use all the time */
        give(&cache, numbered("row", i), numbered("value", i));
        if (i % 100 == 99)
            cache_settle(&cache);
        else
            ck_assert_ptr_nonnull(cache_find(&cache, numbered("row", i / 100 * 100)));
        if (i == 500)
            give(&cache, text("probe"), text("x"));
    }
    ck_assert_uint_le(cache.bytes, MAX);
    ck_assert_uint_gt(cache.bytes, MAX / 2);
    ck_assert_ptr_nonnull(cache_find(&cache, numbered("row", 999)));
    ck_assert_ptr_null(cache_find(&cache, numbered("row", 600)));
    cache_close(&cache);
}
END_TEST

START_TEST(a_row_in_use_is_not_the_one_that_is_dropped)
{
    struct cache cache;
    cache_open(&cache, 4 * 1024);
    give(&cache, text("hot"), text("value"));
    for (uint64_t i = 0; i < 500; i++) {
        give(&cache, numbered("cold", i), text("value"));
        ck_assert_ptr_nonnull(cache_find(&cache, text("hot")));
        cache_settle(&cache);
    }
    ck_assert_ptr_nonnull(cache_find(&cache, text("hot")));
    cache_close(&cache);
}
END_TEST

START_TEST(a_cache_without_bytes_drops_all_at_each_commit_but_nothing_before)
{
    struct cache cache;
    cache_open(&cache, 0);
    for (uint64_t i = 0; i < 100; i++)
        cache_change(&cache, numbered("row", i), numbered("value", i));
    for (uint64_t i = 0; i < 100; i++) {
        const struct row *row = cache_find(&cache, numbered("row", i));
        ck_assert_ptr_nonnull(row);
        ck_assert(bytes_equal(row_value(row), numbered("value", i)));
    }
    ck_assert_uint_eq(cache.changed.count, 100);
    cache_settle(&cache);
    ck_assert_uint_eq(cache.changed.count, 0);
    ck_assert_uint_eq(cache.bytes, 0);
    ck_assert_ptr_null(cache_find(&cache, numbered("row", 1)));
    cache_close(&cache);
}
END_TEST

START_TEST(a_row_that_is_only_scanned_is_not_kept)
{
    struct cache cache;
    uint8_t large[100] = { 0 };
    cache_open(&cache, 1 << 20);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 100; i++)
            cache_change(&cache, numbered("row", i), text("0"));
        cache_change(&cache, text("asked"), text("0"));
        cache_change(&cache, text("large"), bytes_of(large, sizeof large));
        cache_change(&cache, text("gone"), (struct bytes){ 0 });
        ck_assert_ptr_nonnull(cache_find(&cache, text("asked")));
        cache_settle(&cache);
        ck_assert_ptr_null(cache_find(&cache, numbered("row", 50)));
        ck_assert_ptr_null(cache_find(&cache, text("gone")));
        ck_assert_ptr_nonnull(cache_find(&cache, text("asked")));
        ck_assert_ptr_nonnull(cache_find(&cache, text("large")));
        ck_assert_uint_eq(cache.by_key.count, 2);
    }
    cache_close(&cache);
}
END_TEST

START_TEST(the_bytes_of_a_row_follow_its_value)
{
    struct cache cache;
    uint8_t large[5000] = { 0 };
    cache_open(&cache, 1 << 20);
    cache_change(&cache, text("row"), text("1"));
    size_t small = cache.bytes;
    cache_change(&cache, text("row"), bytes_of(large, sizeof large));
    ck_assert_uint_ge(cache.bytes, small + sizeof large - 16);
    cache_change(&cache, text("row"), (struct bytes){ 0 });
    ck_assert_uint_lt(cache.bytes, small);
    ck_assert_ptr_null(row_value(cache_find(&cache, text("row"))).data);
    cache_settle(&cache);
    ck_assert_ptr_nonnull(cache_find(&cache, text("row")));
    cache_forget(&cache);
    ck_assert_uint_eq(cache.bytes, 0);
    cache_close(&cache);
}
END_TEST

/* ---- sorted ---- */

enum { THINGS = 2000 };

struct thing {
    struct sorted_node node;
    uint8_t key[4];
    bool in;
};

static void
check_order(const struct sorted *sorted, const struct thing *things)
{
    size_t count = 0;
    struct sorted_node *at = sorted_at_or_after(sorted, text(""));
    for (size_t i = 0; i < THINGS; i++) {
        if (!things[i].in)
            continue;
        ck_assert_ptr_eq(at, &things[i].node);
        at = sorted_next(at, false);
        count++;
    }
    ck_assert_ptr_null(at);
    ck_assert_uint_eq(count, sorted->count);
    at = sorted_last(sorted);
    for (size_t i = THINGS; i-- > 0;) {
        if (!things[i].in)
            continue;
        ck_assert_ptr_eq(at, &things[i].node);
        at = sorted_next(at, true);
    }
    ck_assert_ptr_null(at);
}

static size_t
depth_of(const struct sorted_node *node)
{
    if (node == NULL)
        return 0;
    size_t left = depth_of(node->child[0]), right = depth_of(node->child[1]);
    return 1 + (left > right ? left : right);
}

START_TEST(sorted_things_stay_in_order_and_shallow)
{
    static struct thing things[THINGS];
    struct sorted sorted = { 0 };
    uint32_t chance = 3;
    for (uint32_t i = 0; i < THINGS; i++) {
        uint8_t key[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
            (uint8_t)i };
        memcpy(things[i].key, key, sizeof key);
        things[i].node.key = bytes_of(things[i].key, sizeof key);
    }
    for (uint32_t step = 0; step < 20000; step++) {
        chance = chance * 1664525u + 1013904223u;
        struct thing *thing = &things[(chance >> 8) % THINGS];
        ck_assert_int_eq(sorted_find(&sorted, thing->node.key) != NULL, thing->in);
        if (thing->in)
            sorted_remove(&sorted, &thing->node);
        else
            sorted_insert(&sorted, &thing->node);
        thing->in = !thing->in;
        if (step % 1000 == 0)
            check_order(&sorted, things);
    }
    for (size_t i = 0; i < THINGS; i++)
        if (!things[i].in) {
            sorted_insert(&sorted, &things[i].node);
            things[i].in = true;
        }
    check_order(&sorted, things);
    ck_assert_uint_lt(depth_of(sorted.root), 40); /* 11 at best, 2000 at worst */
    for (size_t i = 1; i < THINGS; i++)
        ck_assert_ptr_eq(
            sorted_before(&sorted, things[i].node.key), &things[i - 1].node);
    ck_assert_ptr_null(sorted_before(&sorted, things[0].node.key));
    ck_assert_ptr_null(sorted_at_or_after(&sorted, text("\xff")));
}
END_TEST

/* ---- checksums and marks ---- */

START_TEST(the_checksum_is_crc32c_in_any_pieces_on_any_processor)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    ck_assert_uint_eq(crc32c(0, text("123456789")), 0xe3069283u);
    ck_assert_uint_eq(crc32c_by_table(0, text("123456789")), 0xe3069283u);
    uint32_t whole = crc32c(0, bytes_of(bytes, sizeof bytes));
    ck_assert_uint_eq(crc32c_by_table(0, bytes_of(bytes, sizeof bytes)), whole);
    for (size_t i = 0; i <= sizeof bytes; i++) {
        uint32_t part = crc32c(0, bytes_of(bytes, i));
        ck_assert_uint_eq(crc32c_by_table(0, bytes_of(bytes, i)), part);
        ck_assert_uint_eq(crc32c(part, bytes_of(bytes + i, sizeof bytes - i)), whole);
    }
}
END_TEST

START_TEST(a_mark_is_read_back_and_has_one_owner)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct fault fault;
    char *folder = place.folder;
    int mark, other;
    *strrchr(folder, '/') = '\0';
    ck_assert_int_eq(mark_open(folder, &mark, &fault), ERR_NONE);
    ck_assert_uint_eq(mark_read(mark), 0);
    ck_assert_int_eq(mark_write(mark, UINT64_MAX - 5, &fault), ERR_NONE);
    ck_assert_uint_eq(mark_read(mark), UINT64_MAX - 5);
    ck_assert_int_eq(mark_open(folder, &other, &fault), ERR_CONFLICT);
    ck_assert_int_eq(other, -1);
    close(mark);
    ck_assert_int_eq(mark_open(folder, &mark, &fault), ERR_NONE);
    ck_assert_int_eq(pwrite(mark, "x", 1, 9), 1);
    ck_assert_uint_eq(mark_read(mark), 0);
    close(mark);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store_parts");
    TCase *tc = tcase_create("parts");
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_test(tc, a_cache_keeps_what_was_used_last_within_its_bytes);
    tcase_add_test(tc, a_row_in_use_is_not_the_one_that_is_dropped);
    tcase_add_test(
        tc, a_cache_without_bytes_drops_all_at_each_commit_but_nothing_before);
    tcase_add_test(tc, a_row_that_is_only_scanned_is_not_kept);
    tcase_add_test(tc, the_bytes_of_a_row_follow_its_value);
    tcase_add_test(tc, sorted_things_stay_in_order_and_shallow);
    tcase_add_test(tc, the_checksum_is_crc32c_in_any_pieces_on_any_processor);
    tcase_add_test(tc, a_mark_is_read_back_and_has_one_owner);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
