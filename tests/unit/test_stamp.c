/* Goal: stamps are what the C library's calendar says, from 1970 to 9999.
 * Method: a step that visits every day of the week, month and leap year. */
#include "base/calendar.h"
#include "base/stamp.h"
#include "tests/unit/suites.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t end_s = 253402300800; /* 10000-01-01 */

START_TEST(a_stamp_is_the_moment_in_the_calendar)
{
    char stamp[STAMP_SIZE], expected[64];
    for (uint64_t s = 0; s < end_s; s += 86400 * 37 + 4321) {
        time_t time = (time_t)s;
        struct tm day;
        ck_assert_ptr_nonnull(gmtime_r(&time, &day));
        size_t size = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &day);
        snprintf(expected + size, sizeof expected - size, ".%03" PRIu64 "Z", s % 1000);
        ck_assert_str_eq(stamp_print(s * 1000 + s % 1000, stamp), expected);
    }
}
END_TEST

START_TEST(a_date_is_its_day)
{
    struct date before = calendar_date(-800000);
    int64_t wrong = 0;
    for (int64_t day = -799999; day < 3000000; day++) {
        struct date date = calendar_date(day);
        wrong += calendar_days(date.year, date.month, date.day) != day
                 || (date.day != before.day + 1 && date.day != 1);
        before = date;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(the_first_and_the_last_moment_can_be_printed)
{
    char stamp[STAMP_SIZE];
    ck_assert_str_eq(stamp_print(0, stamp), "1970-01-01T00:00:00.000Z");
    ck_assert_str_eq(stamp_print(951782399999, stamp), "2000-02-28T23:59:59.999Z");
    ck_assert_str_eq(stamp_print(951782400000, stamp), "2000-02-29T00:00:00.000Z");
    ck_assert_str_eq(stamp_print(4107542400000, stamp), "2100-03-01T00:00:00.000Z");
    ck_assert_str_eq(stamp_print(end_s * 1000 - 1, stamp), "9999-12-31T23:59:59.999Z");
    ck_assert_str_eq(stamp_print(end_s * 1000, stamp), "9999-12-31T23:59:59.999Z");
    ck_assert_str_eq(stamp_print(UINT64_MAX, stamp), "9999-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(a_local_stamp_says_how_far_from_utc_its_clock_is)
{
    char stamp[STAMP_LOCAL_SIZE];
    static const struct {
        int32_t offset_s;
        const char *shown;
    } rows[] = {
        { 0, "2000-02-28T23:59:59.999+00:00" },
        { 3600, "2000-02-29T00:59:59.999+01:00" },
        { 20700, "2000-02-29T05:44:59.999+05:45" },
        { -16200, "2000-02-28T19:29:59.999-04:30" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(
            stamp_print_local(951782399999, rows[i].offset_s, stamp), rows[i].shown);
}
END_TEST

Suite *
stamp_suite(void)
{
    Suite *suite = suite_create("stamp");
    TCase *c = tcase_create("stamp");
    tcase_add_test(c, a_stamp_is_the_moment_in_the_calendar);
    tcase_add_test(c, a_local_stamp_says_how_far_from_utc_its_clock_is);
    tcase_add_test(c, a_date_is_its_day);
    tcase_add_test(c, the_first_and_the_last_moment_can_be_printed);
    suite_add_tcase(suite, c);
    return suite;
}
