/* Goal: others read what a process counted, whole, and never another format. */
#include "base/bytes.h"
#include "base/counters.h"
#include "tests/unit/suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char folder[128];
static uint64_t values[COUNTER_COUNT];

static void
set_up(void)
{
    folder_fresh(folder);
}

static void
tear_down(void)
{
    folder_drop(folder);
}

START_TEST(counting_needs_no_file)
{
    count(COUNTER_turns, 2);
    count(COUNTER_turns, 3);
    gauge(COUNTER_sessions, 7);
    gauge(COUNTER_sessions, 6);
    ck_assert_uint_eq(counters_table[COUNTER_turns], 5);
    ck_assert_uint_eq(counters_table[COUNTER_sessions], 6);
}
END_TEST

START_TEST(what_is_counted_can_be_read_by_others)
{
    count(COUNTER_turns, 5);
    ck_assert_int_eq(counters_open(folder, "lease.0"), ERR_NONE);
    count(COUNTER_turns, 1);
    count(COUNTER_streams, 9);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_NONE);
    ck_assert_uint_eq(values[COUNTER_turns], 6);
    ck_assert_uint_eq(values[COUNTER_streams], 9);
    ck_assert_uint_eq(values[COUNTER_facts], 0);
    count(COUNTER_turns, 1);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_NONE);
    ck_assert_uint_eq(values[COUNTER_turns], 7);
}
END_TEST

START_TEST(nobody_counts_where_there_is_no_file)
{
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_NOT_FOUND);
    ck_assert_int_eq(counters_read("/nonexistent", "lease.0", values), ERR_NOT_FOUND);
    ck_assert_int_eq(counters_open("/nonexistent", "lease.0"), ERR_IO);
    count(COUNTER_turns, 1);
    ck_assert_uint_eq(counters_table[COUNTER_turns], 1);
}
END_TEST

START_TEST(another_format_is_malformed)
{
    char path[160];
    ck_assert_int_eq(counters_open(folder, "lease.0"), ERR_NONE);
    snprintf(path, sizeof path, "%s/lease.0.counters", folder);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pwrite(fd, "2", 1, 17), 1);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_MALFORMED);
    ck_assert_int_eq(pwrite(fd, "1", 1, 17), 1);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_NONE);
    ck_assert_int_eq(ftruncate(fd, 100), 0);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_MALFORMED);
    close(fd);
}
END_TEST

START_TEST(the_next_life_begins_at_zero_and_leaves_readers_whole)
{
    ck_assert_int_eq(counters_open(folder, "lease.0"), ERR_NONE);
    count(COUNTER_turns, 1);
    uint64_t fresh[COUNTER_COUNT] = { 0 };
    counters_table = fresh;
    ck_assert_int_eq(counters_open(folder, "lease.0"), ERR_NONE);
    ck_assert_int_eq(counters_read(folder, "lease.0", values), ERR_NONE);
    ck_assert_uint_eq(values[COUNTER_turns], 0);
}
END_TEST

START_TEST(every_counter_has_a_name_and_a_sentence)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        ck_assert_uint_gt(strlen(counter_name((enum counter)i)), 0);
        ck_assert_uint_gt(strlen(counter_sentence((enum counter)i)), 0);
    }
    ck_assert_int_eq(counter_is_gauge(COUNTER_streams), 1);
    ck_assert_int_eq(counter_is_gauge(COUNTER_turns), 0);
}
END_TEST

Suite *
counters_suite(void)
{
    Suite *suite = suite_create("counters");
    TCase *tests = tcase_create("counters");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, counting_needs_no_file);
    tcase_add_test(tests, what_is_counted_can_be_read_by_others);
    tcase_add_test(tests, nobody_counts_where_there_is_no_file);
    tcase_add_test(tests, another_format_is_malformed);
    tcase_add_test(tests, the_next_life_begins_at_zero_and_leaves_readers_whole);
    tcase_add_test(tests, every_counter_has_a_name_and_a_sentence);
    suite_add_tcase(suite, tests);
    return suite;
}
