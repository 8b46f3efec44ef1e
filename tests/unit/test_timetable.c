/* Goal: schedules of iii fire when its own engine would have them fire, and what is
 * none is refused by its field.
 *
 * Method: a table of schedules, moments and the times that follow; each day of two
 * years is also compared with what its date says. */
#include "base/calendar.h"
#include "base/stamp.h"
#include "gateway/iii/timetable.h"
#include "tests/unit/gateway_suites.h"

#include <stdio.h>

static struct timetable times;
static struct fault fault;

static uint64_t
moment(const char *stamp)
{
    int year;
    unsigned month, day, hour, minute, second;
    ck_assert_int_eq(sscanf(stamp, "%d-%u-%uT%u:%u:%uZ", &year, &month, &day, &hour,
                         &minute, &second),
        6);
    return ((uint64_t)calendar_days(year, month, day) * 86400 + hour * 3600
               + minute * 60 + second)
           * 1000;
}

static const struct {
    const char *expression, *after, *next; /* NULL: never */
} rows[] = {
    { "* * * * * *", "2026-11-25T21:33:20Z", "2026-11-25T21:33:21.000Z" },
    { "0 * * * * *", "2026-11-25T21:59:00Z", "2026-11-25T22:00:00.000Z" },
    { "*/20 * * * * *", "2026-11-25T21:59:40Z", "2026-11-25T22:00:00.000Z" },
    { "5/20 * * * * *", "2026-11-25T21:59:05Z", "2026-11-25T21:59:25.000Z" },
    { "0 50 21 * * *", "2026-11-25T21:33:20Z", "2026-11-25T21:50:00.000Z" },
    { "0\t0\t0 1 * *", "2026-11-25T21:33:20Z", "2026-12-01T00:00:00.000Z" },
    { "0 30 9 * * MON-FRI", "2026-11-27T09:30:00Z", "2026-11-30T09:30:00.000Z" },
    { "0 30 9 * * 2-6", "2026-11-27T09:30:00Z", "2026-11-30T09:30:00.000Z" },
    { "0 0 0 * * 1", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00.000Z" },
    { "0 0 0 * * sun", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00.000Z" },
    { "0 0 0 * * 7", "2026-11-25T00:00:00Z", "2026-11-28T00:00:00.000Z" },
    { "0 0 0 13 * FRI", "2026-11-25T00:00:00Z", "2027-08-13T00:00:00.000Z" },
    { "0 0 12 ? JAN,JUL ?", "2026-11-25T00:00:00Z", "2027-01-01T12:00:00.000Z" },
    { "0 0 0 29 2 *", "2026-11-25T00:00:00Z", "2028-02-29T00:00:00.000Z" },
    { "0 0 0 31 12 * 2030", "2026-11-25T00:00:00Z", "2030-12-31T00:00:00.000Z" },
    { "59 59 23 31 12 * 2100", "2026-11-25T00:00:00Z", "2100-12-31T23:59:59.000Z" },
    { "0 0 0 1 1 * 2028-2040/4", "2028-01-01T00:00:00Z", "2032-01-01T00:00:00.000Z" },
    { " 0 \t15  10-12/2 1,15 * * ", "2026-11-15T10:15:00Z",
        "2026-11-15T12:15:00.000Z" },
    { "@hourly", "2026-11-25T21:33:20Z", "2026-11-25T22:00:00.000Z" },
    { "@daily", "2026-12-31T21:33:20Z", "2027-01-01T00:00:00.000Z" },
    { "@weekly", "2026-11-25T21:33:20Z", "2026-11-29T00:00:00.000Z" },
    { "@monthly", "2026-11-25T21:33:20Z", "2026-12-01T00:00:00.000Z" },
    { "@yearly", "2026-11-25T21:33:20Z", "2027-01-01T00:00:00.000Z" },
    { "0 0 0 30 2 *", "2026-11-25T00:00:00Z", NULL },
    { "0 0 0 1 1 * 1999", "2026-11-25T00:00:00Z", NULL },
};

START_TEST(a_schedule_fires_at_its_next_time)
{
    char stamp[STAMP_SIZE];
    ck_assert_msg(timetable_read(text(rows[_i].expression), &times, &fault) == ERR_NONE,
        "%s: %s", rows[_i].expression, fault.detail);
    uint64_t next = timetable_next(&times, moment(rows[_i].after));
    if (rows[_i].next == NULL)
        ck_assert_uint_eq(next, UINT64_MAX);
    else
        ck_assert_str_eq(stamp_print(next, stamp), rows[_i].next);
}
END_TEST

START_TEST(every_day_that_fits_fires_and_no_other)
{
    int64_t day = calendar_days(2027, 1, 1), end = calendar_days(2029, 1, 1);
    ck_assert(
        timetable_read(text("7 6 5 2-30/3 2-12 TUE,SAT"), &times, &fault) == ERR_NONE);
    uint64_t at_ms = (uint64_t)day * 86400000;
    for (; day < end; day++) {
        struct date date = calendar_date(day);
        int64_t weekday = (day - calendar_days(2026, 11, 29)) % 7; /* since a Sunday */
        bool fires = date.day >= 2 && date.day <= 30 && (date.day - 2) % 3 == 0
                     && date.month >= 2 && (weekday == 2 || weekday == 6);
        if (!fires)
            continue;
        at_ms = timetable_next(&times, at_ms);
        ck_assert_uint_eq(
            at_ms, ((uint64_t)day * 86400 + 5 * 3600 + 6 * 60 + 7) * 1000);
    }
    ck_assert_uint_ge(timetable_next(&times, at_ms), (uint64_t)end * 86400000);
}
END_TEST

static const struct {
    const char *expression, *complaint;
} wrong[] = {
    { "", "expected 6 fields" },
    { "* * * * *", "expected 6 fields" },
    { "* * * * * * * *", "expected 6 fields" },
    { "* * * * * * * * *", "expected 6 fields" },
    { "*/1000 * * * * *", "second: \"*/1000\"" },
    { "*/- * * * * *", "second: \"*/-\"" },
    { "*/5a * * * * *", "second: \"*/5a\"" },
    { "60 * * * * *", "second: \"60\"" },
    { "* */0 * * * *", "minute: \"*/0\"" },
    { "* * 24 * * *", "hour: " },
    { "* * * 0 * *", "day of month: " },
    { "* * * * FOO *", "month: \"FOO\"" },
    { "* * * * * 0", "day of week: \"0\"" },
    { "* * * * * 8", "day of week: \"8\"" },
    { "* * * * * MONDAY", "day of week: " },
    { "* * * * * * 1969", "year: " },
    { "* * * * * * 2101", "year: " },
    { "5-3 * * * * *", "second: \"5-3\"" },
    { "1, * * * * *", "second: " },
    { "1-, * * * * *", "second: " },
    { "99999999999 * * * * *", "second: " },
    { "@never", "expected 6 fields" },
};

START_TEST(what_is_no_schedule_is_refused_by_its_field)
{
    ck_assert_int_eq(
        timetable_read(text(wrong[_i].expression), &times, &fault), ERR_MALFORMED);
    ck_assert_msg(
        strstr(fault.detail, wrong[_i].complaint) != NULL, "%s", fault.detail);
}
END_TEST

START_TEST(a_schedule_has_a_limit)
{
    static uint8_t blanks[TIMETABLE_TEXT_MAX + 1];
    memset(blanks, ' ', sizeof blanks);
    memcpy(blanks, "* * * * * *", 11);
    struct bytes in = bytes_of(blanks, TIMETABLE_TEXT_MAX);
    ck_assert_int_eq(timetable_read(in, &times, &fault), ERR_NONE);
    in.size++;
    ck_assert_int_eq(timetable_read(in, &times, &fault), ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(fault.detail, "bytes: expected at most"));
}
END_TEST

Suite *
timetable_suite(void)
{
    Suite *suite = suite_create("timetable");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, a_schedule_fires_at_its_next_time, 0, COUNT(rows));
    tcase_add_test(all, every_day_that_fits_fires_and_no_other);
    tcase_add_test(all, a_schedule_has_a_limit);
    tcase_add_loop_test(
        all, what_is_no_schedule_is_refused_by_its_field, 0, COUNT(wrong));
    suite_add_tcase(suite, all);
    return suite;
}
