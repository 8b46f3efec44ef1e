/* Goal: an actor gets as many questions as it answers in time: more while it is quick,
 * fewer when they stand in line, and a slow device is not taken for a line.
 *
 * Method: a made-up actor that takes `alone_us` for the first of a group and `each_us`
 * for every other, which is asked whole windows at once.
 */
#include "base/pace.h"
#include "tests/unit/gateway_suites.h"

enum { MOST = 4096 };

/* So many rounds of a busy client.  Returns the window. */
static uint32_t
rounds(struct pace *pace, unsigned count, uint64_t alone_us, uint64_t each_us)
{
    while (count-- > 0) {
        uint64_t took_us = alone_us + (pace->window - 1) * each_us;
        pace_short(pace);
        for (uint32_t left = pace->window; left > 0; left--)
            pace_answered(pace, took_us);
    }
    return pace->window;
}

START_TEST(a_quick_actor_gets_more_and_more)
{
    struct pace pace;
    pace_open(&pace, MOST);
    ck_assert_uint_eq(rounds(&pace, 30, 500, 0), MOST);
}
END_TEST

START_TEST(who_needs_long_for_each_gets_few_and_one_at_least)
{
    struct pace pace;
    pace_open(&pace, MOST);
    uint32_t window = rounds(&pace, 100, 5000, 5000);
    ck_assert_uint_ge(window, 1);
    ck_assert_uint_le(window, 8);
    ck_assert_uint_ge(rounds(&pace, 100, 90000000, 90000000), 1);
}
END_TEST

START_TEST(a_slow_device_is_not_taken_for_a_line)
{
    struct pace pace;
    pace_open(&pace, MOST);
    ck_assert_uint_ge(rounds(&pace, 60, 40000, 10), 1024);
}
END_TEST

START_TEST(who_answers_late_gets_fewer_at_once)
{
    struct pace pace;
    pace_open(&pace, MOST);
    rounds(&pace, 30, 500, 0);
    pace_answered(&pace, 500);
    pace_late(&pace);
    ck_assert_uint_eq(pace.window, MOST / 2);
    ck_assert_uint_eq(pace.answers, 0);
    for (size_t i = 0; i < 20; i++)
        pace_late(&pace);
    ck_assert_uint_eq(pace.window, 1);
    pace_answered(&pace, 500);
    pace_late(&pace);
    ck_assert_uint_eq(rounds(&pace, 30, 500, 0), MOST);
}
END_TEST

START_TEST(what_becomes_slow_is_learned_and_forgotten)
{
    struct pace pace;
    pace_open(&pace, MOST);
    rounds(&pace, 30, 500, 1);
    ck_assert_uint_le(rounds(&pace, 30, 30000, 20000), 8);
    ck_assert_uint_ge(rounds(&pace, 30, 500, 1), 1024);
}
END_TEST

START_TEST(who_asks_little_does_not_widen_it)
{
    struct pace pace;
    pace_open(&pace, MOST);
    uint32_t first = pace.window;
    for (unsigned i = 0; i < 10000; i++)
        pace_answered(&pace, 500);
    ck_assert_uint_eq(pace.window, first);
}
END_TEST

START_TEST(the_fastest_answer_of_a_round_is_the_one_that_did_not_wait)
{
    struct pace pace;
    pace_open(&pace, 3);
    pace_answered(&pace, 900);
    pace_answered(&pace, 500);
    ck_assert_uint_eq(pace.best_us, 500);
    pace_answered(&pace, 700);
    ck_assert_uint_eq(pace.best_us, 0);
}
END_TEST

Suite *
pace_suite(void)
{
    Suite *suite = suite_create("pace");
    TCase *tests = tcase_create("pace");
    tcase_add_test(tests, a_quick_actor_gets_more_and_more);
    tcase_add_test(tests, who_needs_long_for_each_gets_few_and_one_at_least);
    tcase_add_test(tests, a_slow_device_is_not_taken_for_a_line);
    tcase_add_test(tests, who_answers_late_gets_fewer_at_once);
    tcase_add_test(tests, what_becomes_slow_is_learned_and_forgotten);
    tcase_add_test(tests, who_asks_little_does_not_widen_it);
    tcase_add_test(tests, the_fastest_answer_of_a_round_is_the_one_that_did_not_wait);
    suite_add_tcase(suite, tests);
    return suite;
}
