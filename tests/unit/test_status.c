/* Goal: what the supervisor writes of its processes, others read. */
#include "base/status.h"
#include "tests/unit/suites.h"

#include <stdio.h>

static struct status written, read_back;

START_TEST(what_is_printed_is_parsed)
{
    struct buffer out = { 0 }, again = { 0 };
    written.row_count = 2;
    written.rows[0] = (struct status_row){ .name = "capstand",
        .state = "ready",
        .pid = 7,
        .since_ms = 1700000000000,
        .http_port = 3000,
        .worker_port = 5170 };
    written.rows[1] = (struct status_row){ .name = "scheduler.12",
        .state = "backing_off",
        .restarts = 3,
        .detail = "exit=3: a = b, and more" };
    status_print(&written, &out);
    ck_assert_int_eq(status_parse(buffer_bytes(&out), &read_back), ERR_NONE);
    ck_assert_uint_eq(read_back.row_count, 2);
    ck_assert_str_eq(read_back.rows[0].name, "capstand");
    ck_assert_uint_eq(read_back.rows[0].since_ms, 1700000000000);
    ck_assert_str_eq(read_back.rows[1].detail, "exit=3: a = b, and more");
    status_print(&read_back, &again);
    ck_assert(bytes_equal(buffer_bytes(&again), buffer_bytes(&out)));
    buffer_free(&again);
    buffer_free(&out);
}
END_TEST

START_TEST(a_detail_cannot_leave_its_quotes)
{
    struct buffer out = { 0 };
    written.row_count = 1;
    written.rows[0] = (struct status_row){
        .name = "a.0", .state = "x", .detail = "\" pid=9\nname=b"
    };
    status_print(&written, &out);
    ck_assert_int_eq(status_parse(buffer_bytes(&out), &read_back), ERR_NONE);
    ck_assert_uint_eq(read_back.row_count, 1);
    ck_assert_uint_eq(read_back.rows[0].pid, 0);
    ck_assert_str_eq(read_back.rows[0].detail, "' pid=9?name=b");
    buffer_free(&out);
}
END_TEST

START_TEST(what_is_new_is_passed_over)
{
    ck_assert_int_eq(
        status_parse(text("name=a.0 mood=\"fine, thanks\" pid=4 x=\n"), &read_back),
        ERR_NONE);
    ck_assert_uint_eq(read_back.rows[0].pid, 4);
}
END_TEST

START_TEST(what_is_no_status_is_malformed)
{
    static const char *const wrong[] = { "name=a.0", "\n", "words\n", "pid=3\n",
        "name=a.0 detail=\"open\n" };
    struct buffer many = { 0 };
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(
            status_parse(text(wrong[i]), &read_back) == ERR_MALFORMED, "%s", wrong[i]);
    for (int i = 0; i <= STATUS_ROWS_MAX; i++)
        buffer_print(&many, "name=a.%d\n", i);
    ck_assert_int_eq(status_parse(buffer_bytes(&many), &read_back), ERR_MALFORMED);
    buffer_free(&many);
}
END_TEST

START_TEST(where_nothing_ran_there_is_no_status)
{
    char folder[128];
    ck_assert_int_eq(status_read(folder_fresh(folder), &read_back), ERR_NOT_FOUND);
    folder_drop(folder);
}
END_TEST

Suite *
status_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, what_is_printed_is_parsed);
    tcase_add_test(tests, a_detail_cannot_leave_its_quotes);
    tcase_add_test(tests, what_is_new_is_passed_over);
    tcase_add_test(tests, what_is_no_status_is_malformed);
    tcase_add_test(tests, where_nothing_ran_there_is_no_status);
    suite_add_tcase(suite, tests);
    return suite;
}
