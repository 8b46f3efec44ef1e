/* Goal: an id says when and where it was made, sorts so, and reads back exactly. */
#include "base/clock.h"
#include "base/id.h"
#include "tests/unit/suites.h"

static const uint8_t chance[10] = { 0xff, 1, 2, 0xff, 4, 5, 6, 7, 8, 9 };

START_TEST(an_id_tells_its_time_and_partition)
{
    for (unsigned partition = 0; partition < PARTITIONS_MAX; partition++) {
        struct id id = id_make(1700000000123, chance, partition);
        ck_assert_uint_eq(id_unix_ms(&id), 1700000000123);
        ck_assert_uint_eq(id_partition(&id), partition);
        ck_assert_uint_eq(id.bytes[6] >> 4, 7);
        ck_assert_uint_eq(id.bytes[8] >> 6, 2);
    }
}
END_TEST

START_TEST(text_reads_back_and_sorts_as_the_bytes_do)
{
    char before[ID_TEXT_MAX] = "", now[ID_TEXT_MAX];
    struct id read;
    for (uint64_t ms = 1; ms < (uint64_t)1 << 47; ms *= 3) {
        struct id id = id_make(ms, chance, 5);
        id_print(&id, "run_", now);
        ck_assert_uint_eq(strlen(now), 30);
        ck_assert_str_lt(before, now);
        ck_assert_int_eq(id_read(text(now), "run_", &read), ERR_NONE);
        ck_assert(id_equal(&id, &read));
        memcpy(before, now, sizeof now);
    }
}
END_TEST

START_TEST(only_what_was_printed_is_read)
{
    char good[ID_TEXT_MAX], bad[ID_TEXT_MAX];
    struct id id = id_make(1, chance, 1), read;
    struct id kept = id;
    id_print(&id, "run_", good);
    read = kept;
    ck_assert_int_eq(id_read(text(good), "job_", &read), ERR_MALFORMED);
    ck_assert_int_eq(id_read(text(""), "run_", &read), ERR_MALFORMED);
    ck_assert_int_eq(
        id_read(text("run_00000000000000000000000000"), "run_", &read), ERR_MALFORMED);
    for (size_t i = 4; i < 30; i++) {
        memcpy(bad, good, sizeof bad);
        bad[i] = 'u'; /* not in the alphabet */
        ck_assert_int_eq(id_read(text(bad), "run_", &read), ERR_MALFORMED);
        ck_assert_int_eq(id_read(bytes_of(good, i), "run_", &read), ERR_MALFORMED);
    }
    memcpy(bad, good, sizeof bad);
    bad[4] = 'z'; /* more than 128 bits */
    ck_assert_int_eq(id_read(text(bad), "run_", &read), ERR_MALFORMED);
    memcpy(bad, good, sizeof bad);
    bad[10] = '\0';
    ck_assert_int_eq(id_read(bytes_of(bad, 30), "run_", &read), ERR_MALFORMED);
    ck_assert(id_equal(&read, &kept));
}
END_TEST

START_TEST(a_derived_id_is_always_the_same_and_stays_with_its_parent)
{
    struct id parent = id_make(77, chance, 200);
    struct id a = id_derive(&parent, 1), again = id_derive(&parent, 1);
    struct id b = id_derive(&parent, 2);
    ck_assert(id_equal(&a, &again));
    ck_assert(!id_equal(&a, &b));
    ck_assert(!id_equal(&a, &parent));
    ck_assert_uint_eq(id_partition(&a), 200);
    ck_assert_uint_eq(id_unix_ms(&a), 77);
}
END_TEST

START_TEST(fresh_ids_of_one_process_ascend)
{
    struct id before = { { 0 } };
    ck_assert(id_is_zero(&before));
    for (int i = 0; i < 20000; i++) {
        struct id id = id_fresh(3);
        ck_assert_int_gt(bytes_order(id_bytes(&id), id_bytes(&before)), 0);
        ck_assert_uint_eq(id_partition(&id), 3);
        before = id;
    }
}
END_TEST

START_TEST(a_long_prefix_does_not_overflow)
{
    char out[ID_TEXT_MAX];
    struct id id = id_make(1, chance, 1);
    id_print(&id, "a prefix that is longer than any prefix may be, by far", out);
    ck_assert_uint_lt(strlen(out), ID_TEXT_MAX);
}
END_TEST

Suite *
id_suite(void)
{
    Suite *suite = suite_create("id");
    TCase *tests = tcase_create("id");
    tcase_add_test(tests, an_id_tells_its_time_and_partition);
    tcase_add_test(tests, text_reads_back_and_sorts_as_the_bytes_do);
    tcase_add_test(tests, only_what_was_printed_is_read);
    tcase_add_test(tests, a_derived_id_is_always_the_same_and_stays_with_its_parent);
    tcase_add_test(tests, fresh_ids_of_one_process_ascend);
    tcase_add_test(tests, a_long_prefix_does_not_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
