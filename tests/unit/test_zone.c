/* Goal: a file of tzdata is read exactly or refused with the reason, and each moment
 * has its offset, before the first change, after the last, and between them.
 * Method: files with the tables at hand; what they say is told by hand. */
#include "actors/schedule/cron.h"
#include "actors/schedule/zone.h"
#include "base/buffer.h"
#include "base/calendar.h"

#include <check.h>
#include <stdlib.h>

enum { DAY_S = 86400 };

/* What a file says with times of 64 bits; with times of 32 bits it says nothing. */
struct tables {
    char version; /* 0: '2' */
    uint32_t times, types, leaps;
    const int64_t *times_s;
    const uint8_t *kinds;
    const int32_t *offsets_s;
    const char *behind; /* all from the line feed on */
};

static void
put_u32(struct buffer *out, uint32_t value)
{
    const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
        (uint8_t)(value >> 8), (uint8_t)value };
    buffer_append(out, bytes, sizeof bytes);
}

static void
put_header(struct buffer *out, const struct tables *t, bool empty)
{
    static const uint8_t reserved[15] = { 0 };
    char version = t->version == 0 ? '2' : t->version;
    buffer_append(out, "TZif", 4);
    buffer_append(out, &version, 1);
    buffer_append(out, reserved, sizeof reserved);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u32(out, empty ? 0 : t->leaps);
    put_u32(out, empty ? 0 : t->times);
    put_u32(out, empty ? 0 : t->types);
    put_u32(out, 0);
}

static const char *
read_tables(const struct tables *t, struct zone *zone, struct buffer *out)
{
    static const uint8_t leap[12] = { 0 };
    static const uint8_t rest[2] = { 0 }; /* of a type: is it summer; its letters */
    put_header(out, t, true);
    put_header(out, t, false);
    for (uint32_t i = 0; i < t->times; i++) {
        put_u32(out, (uint32_t)((uint64_t)t->times_s[i] >> 32));
        put_u32(out, (uint32_t)t->times_s[i]);
    }
    buffer_append(out, t->kinds, t->times);
    for (uint32_t i = 0; i < t->types; i++) {
        put_u32(out, t->offsets_s == NULL ? 0 : (uint32_t)t->offsets_s[i]);
        buffer_append(out, rest, sizeof rest);
    }
    for (uint32_t i = 0; i < t->leaps; i++)
        buffer_append(out, leap, sizeof leap);
    buffer_print(out, "%s", t->behind);
    return zone_read(buffer_bytes(out), zone);
}

static struct zone
zone_with(struct tables tables, struct buffer *out)
{
    struct zone zone;
    const char *wrong = read_tables(&tables, &zone, out);
    ck_assert_msg(wrong == NULL, "%s", wrong);
    return zone;
}

static void
expect_wrong(struct tables tables, const char *mistake)
{
    struct buffer out = { 0 };
    struct zone zone;
    const char *wrong = read_tables(&tables, &zone, &out);
    ck_assert_msg(wrong != NULL, "nothing is wrong, and not: %s", mistake);
    ck_assert_str_eq(wrong, mistake);
    buffer_free(&out);
}

static const int64_t backwards[] = { 10, 9 }, forwards[] = { 9, 10 };
static const int64_t late[] = { ((int64_t)1 << 40) + 1 };
static const int64_t early[] = { -((int64_t)1 << 59) - 1 };
static const uint8_t kinds[] = { 1, 0 };
static const int32_t hours[] = { 3600, 7200 };
static const int32_t far_east[] = { 26 * 3600 + 1 }, far_west[] = { -26 * 3600 - 1 };

START_TEST(what_is_wrong_with_a_file_is_named)
{
    static const struct tables good = { .times = 2,
        .types = 2,
        .times_s = forwards,
        .kinds = kinds,
        .offsets_s = hours,
        .behind = "\n\n" };
    struct tables t = good;
    struct buffer out = { 0 };
    (void)zone_with(good, &out);
    buffer_free(&out);
    t.version = '1';
    expect_wrong(t, "it is a TZif file of version 1: expected at least 2");
    t = good;
    t.leaps = 1;
    expect_wrong(t, "it counts leap seconds, which unix time does not");
    t = good;
    t.times_s = backwards;
    expect_wrong(t, "its changes are not in order of time");
    t = good;
    t.types = 1; /* the first change is to the second */
    expect_wrong(t, "a change has no type");
    t = good;
    t.times = 1;
    t.times_s = late;
    expect_wrong(t, "its changes are not in order of time");
    t.times_s = early;
    expect_wrong(t, "its changes are not in order of time");
    t = good;
    t.types = 0;
    expect_wrong(t, "it has no type of time");
    t = (struct tables){ .types = 257, .behind = "\n\n" };
    expect_wrong(t, "it has no type of time");
    t = (struct tables){ .types = 1, .offsets_s = far_east, .behind = "\n\n" };
    expect_wrong(t, "a type is more than 26 hours from UTC");
    t.offsets_s = far_west;
    expect_wrong(t, "a type is more than 26 hours from UTC");
}
END_TEST

START_TEST(what_is_wrong_behind_the_tables_is_named)
{
    static const struct {
        const char *behind, *mistake;
    } wrongs[] = {
        { "", "it has no footer" },
        { "\n", "it has no footer" },
        { "UTC0\n", "it has no footer" },
        { "\nUTC0", "its footer is cut short" },
        { "\nUTC999\n", "its footer is not a POSIX time zone" },
        { "\nUTC0:60\n", "its footer is not a POSIX time zone" },
        { "\nUTC0CES,M3.5.0,M10.5.0x\n", "its footer is not a POSIX time zone" },
        { "\nUTC0CES,M3.0.0,M10.5.0\n", "its footer is not a POSIX time zone" },
        { "\nUTC0CES;M3.5.0,M10.5.0\n", "its footer is not a POSIX time zone" },
        { "\n[AB]0\n", "its footer is not a POSIX time zone" },
        { "\n<A C>0\n", "its footer is not a POSIX time zone" },
        { "\n<AB\x7f>0\n", "its footer is not a POSIX time zone" },
        { "\nA{}0\n", "its footer is not a POSIX time zone" },
    };
    for (size_t i = 0; i < COUNT(wrongs); i++)
        expect_wrong((struct tables){ .types = 1, .behind = wrongs[i].behind },
            wrongs[i].mistake);
}
END_TEST

START_TEST(another_file_is_no_zone)
{
    static const uint8_t other[64] = "TZjf2";
    struct buffer out = { 0 };
    struct zone zone;
    ck_assert_str_eq(
        zone_read(bytes_of(other, sizeof other), &zone), "it is not a TZif file");
    put_header(&out, &(struct tables){ 0 }, true);
    buffer_append(&out, other, sizeof other);
    ck_assert_str_eq(zone_read(buffer_bytes(&out), &zone), "it is not a TZif file");
    buffer_free(&out);
}
END_TEST

static void
expect_span(const struct zone *zone, int64_t at_s, int64_t begin_s, int64_t end_s,
    int32_t offset_s)
{
    struct zone_span span = zone_span(zone, at_s);
    ck_assert_int_eq(span.begin_s, begin_s);
    ck_assert_int_eq(span.end_s, end_s);
    ck_assert_int_eq(span.offset_s, offset_s);
}

START_TEST(without_a_rule_the_last_type_holds_for_ever)
{
    struct buffer out = { 0 }, bare = { 0 };
    struct zone zone = zone_with((struct tables){ .times = 2,
                                     .types = 2,
                                     .times_s = forwards,
                                     .kinds = kinds,
                                     .offsets_s = hours,
                                     .behind = "\n\n" },
        &out);
    expect_span(&zone, 8, INT64_MIN, 9, 3600);
    expect_span(&zone, 9, 9, 10, 7200);
    expect_span(&zone, 10, 10, INT64_MAX, 3600);
    zone = zone_with(
        (struct tables){ .types = 1, .offsets_s = hours + 1, .behind = "\n\n" }, &bare);
    expect_span(&zone, 0, INT64_MIN, INT64_MAX, 7200);
    buffer_free(&out);
    buffer_free(&bare);
}
END_TEST

static int64_t
day_s(int32_t year, unsigned month, unsigned day)
{
    return calendar_days(year, month, day) * DAY_S;
}

START_TEST(a_rule_holds_from_the_last_change_on)
{
    static const int64_t since[] = { 1782000000 }; /* 2026-06-21T00:00:00Z */
    struct buffer out = { 0 };
    struct zone zone = zone_with((struct tables){ .times = 1,
                                     .types = 2,
                                     .times_s = since,
                                     .kinds = kinds,
                                     .offsets_s = hours,
                                     .behind = "\nCET-1CEST,M3.5.0,M10.5.0/3\n" },
        &out);
    int64_t end_s = day_s(2026, 10, 25) + 3600, begin_s = day_s(2027, 3, 28) + 3600;
    expect_span(&zone, since[0] - 1, INT64_MIN, since[0], 3600);
    expect_span(&zone, since[0], since[0], end_s, 7200);
    expect_span(&zone, end_s, end_s, begin_s, 3600);
    buffer_free(&out);
}
END_TEST

START_TEST(a_rule_without_a_table_holds_within_the_years)
{
    struct buffer out = { 0 };
    struct zone zone = zone_with(
        (struct tables){ .types = 1, .behind = "\nCET-1CEST,M3.5.0,M10.5.0/3\n" },
        &out);
    expect_span(&zone, day_s(1960, 7, 1), day_s(1960, 3, 27) + 3600,
        day_s(1960, 10, 30) + 3600, 7200);
    expect_span(&zone, -1, day_s(1969, 10, 26) + 3600, day_s(1970, 3, 29) + 3600, 3600);
    expect_span(&zone, ((int64_t)1 << 40) + 1, INT64_MIN, INT64_MAX, 3600);
    expect_span(&zone, -((int64_t)1 << 40) - 1, INT64_MIN, INT64_MAX, 3600);
    buffer_free(&out);
}
END_TEST

/* Days of rules: which of them in a leap year and in one that is none. */
static const struct {
    const char *footer;
    int32_t year;
    unsigned month, day; /* when summer begins, at 00:00 UTC */
} days[] = {
    { "\nAAA0BBB,J59/0,J300\n", 2027, 2, 28 },
    { "\nAAA0BBB,J59/0,J300\n", 2028, 2, 28 },
    { "\nAAA0BBB,J60/0,J300\n", 2027, 3, 1 },
    { "\nAAA0BBB,J60/0,J300\n", 2028, 3, 1 }, /* 29 February is not counted */
    { "\nAAA0BBB,59/0,300\n", 2027, 3, 1 },
    { "\nAAA0BBB,59/0,300\n", 2028, 2, 29 }, /* it is */
    { "\nAAA0BBB,M12.5.0/0,J300\n", 2027, 12, 26 },
    { "\nAAA0BBB,M12.5.5/0,J300\n", 2027, 12, 31 },
    { "\nAAA0BBB,M2.5.2/0,J300\n", 2028, 2, 29 },
    { "\nAAA0BBB,M2.5.1/0,J300\n", 2027, 2, 22 }, /* the fourth is the last */
    { "\nAAA0bbb,M3.1.0/0:00:00,J300\n", 2027, 3, 7 },
};

START_TEST(rules_name_a_day)
{
    struct buffer out = { 0 };
    struct zone zone =
        zone_with((struct tables){ .types = 1, .behind = days[_i].footer }, &out);
    int64_t begin_s = day_s(days[_i].year, days[_i].month, days[_i].day);
    ck_assert_int_eq(zone_span(&zone, begin_s - 1).offset_s, 0);
    ck_assert_int_eq(zone_span(&zone, begin_s).offset_s, 3600);
    ck_assert_int_eq(zone_span(&zone, begin_s).begin_s, begin_s);
    buffer_free(&out);
}
END_TEST

START_TEST(offsets_have_minutes_and_seconds)
{
    struct buffer out = { 0 };
    struct zone zone =
        zone_with((struct tables){ .types = 1, .behind = "\nLMT-1:02:03\n" }, &out);
    ck_assert_int_eq(zone_span(&zone, 0).offset_s, 3600 + 2 * 60 + 3);
    buffer_free(&out);
}
END_TEST

/* The clock goes an hour forward and back every half an hour. */
START_TEST(of_a_restless_zone_not_all_changes_are_looked_at)
{
    enum { CHANGES = 200, HALF_S = 1800 };
    static int64_t times_s[CHANGES];
    static uint8_t turns[CHANGES];
    static const int32_t turn_s[] = { 0, HALF_S };
    struct buffer out = { 0 };
    int64_t moments_s[2];
    char mistake[CRON_MISTAKE_SIZE];
    struct cron cron;
    for (int i = 0; i < CHANGES; i++) {
        times_s[i] = (int64_t)i * HALF_S;
        turns[i] = (uint8_t)(i % 2);
    }
    struct zone zone = zone_with((struct tables){ .times = CHANGES,
                                     .types = 2,
                                     .times_s = times_s,
                                     .kinds = turns,
                                     .offsets_s = turn_s,
                                     .behind = "\n\n" },
        &out);
    ck_assert_uint_eq(zone_moments(&zone, 2 * HALF_S, moments_s), 2);
    ck_assert_int_eq(moments_s[0], HALF_S);
    ck_assert_int_eq(moments_s[1], 2 * HALF_S);
    ck_assert_uint_eq(zone_moments(&zone, 3 * HALF_S, moments_s), 0);
    ck_assert_uint_eq(zone_moments(&zone, 100 * HALF_S, moments_s), 0);
    ck_assert(cron_read(text("0 5 * * *"), &cron, mistake));
    ck_assert_uint_eq(
        cron_next(&cron, &zone, CRON_FIRST, 0), (5 * 3600 - HALF_S) * 1000);
    buffer_free(&out);
}
END_TEST

static Suite *
zone_suite(void)
{
    Suite *suite = suite_create("zone");
    TCase *all = tcase_create("zone");
    tcase_add_test(all, what_is_wrong_with_a_file_is_named);
    tcase_add_test(all, what_is_wrong_behind_the_tables_is_named);
    tcase_add_test(all, another_file_is_no_zone);
    tcase_add_test(all, without_a_rule_the_last_type_holds_for_ever);
    tcase_add_test(all, a_rule_holds_from_the_last_change_on);
    tcase_add_test(all, a_rule_without_a_table_holds_within_the_years);
    tcase_add_loop_test(all, rules_name_a_day, 0, (int)COUNT(days));
    tcase_add_test(all, offsets_have_minutes_and_seconds);
    tcase_add_test(all, of_a_restless_zone_not_all_changes_are_looked_at);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(zone_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
