/* Goal: projects take turns whatever they ask for, and a newcomer is told how long it
 * would wait.
 *
 * Method: waiters with numbers, taken out one after the other.
 */
#include "gateway/line.h"
#include "tests/unit/gateway_suites.h"

enum { MANY = 100 };

static const struct id big = { { 1 } }, small = { { 2 } };

static size_t
number_of(const struct waiter *all, const struct waiter *waiter)
{
    ck_assert_ptr_nonnull(waiter);
    ck_assert_ptr_null(waiter->project);
    return (size_t)(waiter - all);
}

START_TEST(a_project_that_asks_for_much_waits_for_itself)
{
    struct line line;
    struct waiter many[MANY], few[2];
    line_open(&line);
    for (size_t i = 0; i < MANY; i++)
        line_join(&line, &big, &many[i], 0);
    for (size_t i = 0; i < 2; i++)
        line_join(&line, &small, &few[i], 0);
    ck_assert_uint_eq(number_of(many, line_next(&line, 1)), 0);
    ck_assert_uint_eq(number_of(few, line_next(&line, 2)), 0);
    ck_assert_uint_eq(number_of(many, line_next(&line, 3)), 1);
    ck_assert_uint_eq(number_of(few, line_next(&line, 4)), 1);
    for (size_t i = 2; i < MANY; i++)
        ck_assert_uint_eq(number_of(many, line_next(&line, 5)), i);
    ck_assert_ptr_null(line_next(&line, 6));
    ck_assert(line_empty(&line));
    line_close(&line);
}
END_TEST

START_TEST(a_newcomer_is_told_how_long_it_would_wait_of_its_own_project)
{
    struct line line;
    struct waiter many[MANY], one;
    line_open(&line);
    ck_assert_uint_eq(line_expect_us(&line, &big), 0);
    for (size_t i = 0; i < MANY; i++)
        line_join(&line, &big, &many[i], 1000);
    ck_assert_uint_eq(line_expect_us(&line, &big), 0);
    line_next(&line, 1500);
    line_next(&line, 2000); /* the second, after 1,000 us */
    ck_assert_uint_eq(line_expect_us(&line, &big), (MANY - 2 + 1) * 500);
    ck_assert_uint_eq(line_expect_us(&line, &small), 0);
    line_join(&line, &small, &one, 2000);
    line_leave(&line, &one);
    line_leave(&line, &one); /* once is enough */
    while (line_next(&line, 3000) != NULL)
        ;
    ck_assert_uint_eq(line_expect_us(&line, &big), 0);
    line_close(&line);
}
END_TEST

START_TEST(who_leaves_is_not_called)
{
    struct line line;
    struct waiter three[3];
    line_open(&line);
    for (size_t i = 0; i < 3; i++)
        line_join(&line, &big, &three[i], 0);
    line_leave(&line, &three[1]);
    ck_assert_uint_eq(number_of(three, line_next(&line, 1)), 0);
    ck_assert_uint_eq(number_of(three, line_next(&line, 1)), 2);
    ck_assert(line_empty(&line));
    line_close(&line);
}
END_TEST

Suite *
line_suite(void)
{
    Suite *suite = suite_create("line");
    TCase *tests = tcase_create("line");
    tcase_add_test(tests, a_project_that_asks_for_much_waits_for_itself);
    tcase_add_test(tests, a_newcomer_is_told_how_long_it_would_wait_of_its_own_project);
    tcase_add_test(tests, who_leaves_is_not_called);
    suite_add_tcase(suite, tests);
    return suite;
}
