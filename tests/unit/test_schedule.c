/* Goal: schedules and zones are read exactly, mistakes name the field, and the next
 * time is found with bounded work.  zone_changes.py compares with an oracle; here are
 * the texts, the errors and the edges. */
#include "actors/schedule/cron.h"
#include "actors/zones_load.h"
#include "base/buffer.h"
#include "base/stamp.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct zones zones;

static struct zone
zone_of(const char *name)
{
    struct zone zone;
    ck_assert_msg(zones_find(&zones, text(name), &zone), "%s", name);
    return zone;
}

static struct cron
cron_of(const char *in)
{
    char mistake[CRON_MISTAKE_SIZE];
    struct cron cron;
    ck_assert_msg(cron_read(text(in), &cron, mistake), "%s: %s", in, mistake);
    return cron;
}

/* 2026-01-01T00:00:00Z, a Thursday */
static const uint64_t begin_ms = 1767225600000;

static const struct {
    const char *cron, *next[3];
} fires[] = {
    { "@hourly", { "2026-01-01T01:00:00.000Z", "2026-01-01T02:00:00.000Z" } },
    { "@daily", { "2026-01-02T00:00:00.000Z" } },
    { "@midnight", { "2026-01-02T00:00:00.000Z" } },
    { "@weekly", { "2026-01-04T00:00:00.000Z", "2026-01-11T00:00:00.000Z" } },
    { "@monthly", { "2026-02-01T00:00:00.000Z" } },
    { "@yearly", { "2027-01-01T00:00:00.000Z" } },
    { "@annually", { "2027-01-01T00:00:00.000Z" } },
    { "@every 1h30m", { "2026-01-01T01:30:00.000Z", "2026-01-01T03:00:00.000Z" } },
    { "  30\t9 * * mon-Fri ", { "2026-01-01T09:30:00.000Z", "2026-01-02T09:30:00.000Z",
                                  "2026-01-05T09:30:00.000Z" } },
    { "*/20 * * * * *", { "2026-01-01T00:00:20.000Z", "2026-01-01T00:00:40.000Z",
                            "2026-01-01T00:01:00.000Z" } },
    { "59 59 23 31 DEC ?", { "2026-12-31T23:59:59.000Z" } },
    { "10-20/5,50 6 * * *", { "2026-01-01T06:10:00.000Z", "2026-01-01T06:15:00.000Z",
                                "2026-01-01T06:20:00.000Z" } },
    { "50/5 6 * * *", { "2026-01-01T06:50:00.000Z", "2026-01-01T06:55:00.000Z",
                          "2026-01-02T06:50:00.000Z" } },
    { "0 0 29 2 *", { "2028-02-29T00:00:00.000Z", "2032-02-29T00:00:00.000Z" } },
    { "0 0 L * *", { "2026-01-31T00:00:00.000Z", "2026-02-28T00:00:00.000Z" } },
    { "0 0 L-2 2 *", { "2026-02-26T00:00:00.000Z", "2027-02-26T00:00:00.000Z",
                         "2028-02-27T00:00:00.000Z" } },
    { "0 0 1,L 2 *", { "2026-02-01T00:00:00.000Z", "2026-02-28T00:00:00.000Z" } },
    { "0 0 * * FRIL", { "2026-01-30T00:00:00.000Z", "2026-02-27T00:00:00.000Z" } },
    { "0 0 l 2 ?", { "2026-02-28T00:00:00.000Z", "2027-02-28T00:00:00.000Z" } },
    { "0 0 ? 2 fril", { "2026-02-27T00:00:00.000Z", "2027-02-26T00:00:00.000Z" } },
    { "@hourly  ", { "2026-01-01T01:00:00.000Z" } },
    { "0 0 ? * 5#2", { "2026-01-09T00:00:00.000Z", "2026-02-13T00:00:00.000Z" } },
    { "0 0 ? 2 SUN#5", { "2032-02-29T00:00:00.000Z", "2060-02-29T00:00:00.000Z" } },
    { "0 0 * * 7", { "2026-01-04T00:00:00.000Z" } },
    { "0 0 * * 5-7", { "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z",
                         "2026-01-04T00:00:00.000Z" } },
    /* both days restricted: either; one of them begins with *: both */
    { "0 0 13 * FRI", { "2026-01-02T00:00:00.000Z", "2026-01-09T00:00:00.000Z",
                          "2026-01-13T00:00:00.000Z" } },
    { "0 0 */2 * MON", { "2026-01-05T00:00:00.000Z", "2026-01-19T00:00:00.000Z" } },
    { "0 0 13 * *", { "2026-01-13T00:00:00.000Z", "2026-02-13T00:00:00.000Z" } },
};

START_TEST(texts_fire_as_they_say)
{
    const struct zone utc = { 0 };
    struct cron cron = cron_of(fires[_i].cron);
    uint64_t at_ms = begin_ms;
    for (size_t i = 0; i < COUNT(fires[_i].next) && fires[_i].next[i] != NULL; i++) {
        char stamp[STAMP_SIZE];
        at_ms = cron_next(&cron, &utc, CRON_FIRST, at_ms);
        ck_assert_msg(strcmp(stamp_print(at_ms, stamp), fires[_i].next[i]) == 0,
            "%s: %s and not %s", fires[_i].cron, stamp, fires[_i].next[i]);
    }
}
END_TEST

static const struct {
    const char *cron, *mistake;
} wrongs[] = {
    { "", "\"\" has 0 fields: expected 5 (minute, hour, day of month, month, day of "
          "week), or 6 with the second first" },
    { "* * * *", "\"* * * *\" has 4 fields: expected 5 (minute, hour, day of month, "
                 "month, day of week), or 6 with the second first" },
    { "0 0 0 1 1 ? 2026 2027 2028",
        "\"0 0 0 1 1 ? 2026 2027 2028\" has 9 fields: expected 5 (minute, hour, day of "
        "month, month, day of week), or 6 with the second first" },
    { "61 * * * *", "minute: \"61\" is out of range: expected 0-59" },
    { "0 24 * * *", "hour: \"24\" is out of range: expected 0-23" },
    { "99 0 0 * * *", "second: \"99\" is out of range: expected 0-59" },
    { "0 0 0 * *", "day of month: \"0\" is out of range: expected 1-31, ?, L or L-3" },
    { "0 0 1 13 *", "month: \"13\" is out of range: expected 1-12 or JAN-DEC" },
    { "0 0 1 JUNE *",
        "month: \"JUNE\" cannot be read to its end: expected 1-12 or JAN-DEC" },
    { "0 0 * * FRU",
        "day of week: \"FRU\" is no value: expected 0-7 or SUN-SAT, ?, FRIL or FRI#2" },
    { "0 0 * * 8", "day of week: \"8\" is out of range: expected 0-7 or SUN-SAT, ?, "
                   "FRIL or FRI#2" },
    { "0 0 * * MON#6",
        "day of week: \"MON#6\" is out of range: a month has a first to a fifth: "
        "expected 0-7 or SUN-SAT, ?, FRIL or FRI#2" },
    { "0 0 L-31 * *",
        "day of month: \"L-31\" is out of range: expected 1-31, ?, L or L-3" },
    { "0 0 LW * *",
        "day of month: \"LW\" goes on after L: expected 1-31, ?, L or L-3" },
    { "0 0 1,15W * *",
        "day of month: \"15W\" cannot be read to its end: expected 1-31, "
        "?, L or L-3" },
    { "0 22-4 * * *", "hour: \"22-4\" runs backwards: expected 0-23" },
    { "*/0 * * * *", "minute: \"*/0\" has no such step: expected 0-59" },
    { "*/99 * * * *", "minute: \"*/99\" has no such step: expected 0-59" },
    { "1,,2 * * * *", "minute: \"\" is no value: expected 0-59" },
    { "1- * * * *", "minute: \"1-\" is no value: expected 0-59" },
    { "? * * * *", "minute: \"?\" is no value: expected 0-59" },
    { "-1 * * * *", "minute: \"-1\" is no value: expected 0-59" },
    { "99999999999999999999 * * * *",
        "minute: \"99999999999999999999\" is out of range: expected 0-59" },
    { "\xff\x80\x80* * * * *",
        "minute: \"\\xff\\x80\\x80*\" is no value: expected 0-59" },
    { "\xc3\x9c* * * * *", "minute: \"\xc3\x9c*\" is no value: expected 0-59" },
    { "0 0 L- * *",
        "day of month: \"L-\" is out of range: expected 1-31, ?, L or L-3" },
    { "0 0 * * MON#", "day of week: \"MON#\" is out of range: a month has a first to a "
                      "fifth: expected 0-7 or SUN-SAT, ?, FRIL or FRI#2" },
    { "0 0 * * MON#0", "day of week: \"MON#0\" is out of range: a month has a first to "
                       "a fifth: expected 0-7 or SUN-SAT, ?, FRIL or FRI#2" },
    { "0 0 * * MON#1x", "day of week: \"MON#1x\" goes on after L or #: expected 0-7 or "
                        "SUN-SAT, ?, FRIL or FRI#2" },
    { "0 0 * * MONLx", "day of week: \"MONLx\" goes on after L or #: expected 0-7 or "
                       "SUN-SAT, ?, FRIL or FRI#2" },
    { "*/ * * * *", "minute: \"*/\" has no such step: expected 0-59" },
    { "@every soon",
        "@every \"soon\": expected a duration from 1s to 8760h, such as 1h30m" },
    { "@every 8761h",
        "@every \"8761h\": expected a duration from 1s to 8760h, such as 1h30m" },
    { "@daily 5", "\"@daily 5\" is no schedule: expected @hourly, @daily, @midnight, "
                  "@weekly, @monthly, @yearly, @annually, or @every and a duration" },
    { "@reboot", "\"@reboot\" is no schedule: expected @hourly, @daily, @midnight, "
                 "@weekly, @monthly, @yearly, @annually, or @every and a duration" },
    { "@every 10ms", "@every \"10ms\": expected a duration from 1s to 8760h, such as "
                     "1h30m" },
    { "@every", "\"@every\" is no schedule: expected @hourly, @daily, @midnight, "
                "@weekly, @monthly, @yearly, @annually, or @every and a duration" },
};

START_TEST(mistakes_name_the_field)
{
    char mistake[CRON_MISTAKE_SIZE];
    struct cron cron;
    ck_assert(!cron_read(text(wrongs[_i].cron), &cron, mistake));
    ck_assert_str_eq(mistake, wrongs[_i].mistake);
}
END_TEST

START_TEST(a_text_has_a_limit)
{
    char long_text[CRON_TEXT_MAX + 2], mistake[CRON_MISTAKE_SIZE];
    struct cron cron;
    memset(long_text, '1', sizeof long_text);
    ck_assert(!cron_read(bytes_of(long_text, sizeof long_text), &cron, mistake));
    ck_assert_str_eq(mistake, "it has 258 bytes: expected at most 256");
}
END_TEST

START_TEST(what_never_comes_is_never)
{
    static const char *const texts[] = { "0 0 30 2 *", "0 0 31 4,6,9,11 *",
        "* * * 30-31 2 ?", "0 0 L-29 2 *" };
    struct zone berlin = zone_of("Europe/Berlin");
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct cron cron = cron_of(texts[i]);
        ck_assert_uint_eq(cron_next(&cron, &berlin, CRON_FIRST, begin_ms), UINT64_MAX);
    }
    struct cron yearly = cron_of("@yearly"), every = cron_of("@every 1s");
    ck_assert_uint_eq(cron_next(&yearly, &berlin, CRON_FIRST, UINT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(cron_next(&every, &berlin, CRON_FIRST, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(after_means_after)
{
    const struct zone utc = { 0 };
    struct cron cron = cron_of("* * * * * *");
    ck_assert_uint_eq(cron_next(&cron, &utc, CRON_FIRST, 0), 1000);
    ck_assert_uint_eq(cron_next(&cron, &utc, CRON_FIRST, 999), 1000);
    ck_assert_uint_eq(cron_next(&cron, &utc, CRON_FIRST, 1000), 2000);
}
END_TEST

START_TEST(a_wall_clock_behind_utc_begins_before_1970)
{
    struct zone new_york = zone_of("America/New_York");
    struct cron cron = cron_of("30 19 31 12 *");
    ck_assert_uint_eq(cron_next(&cron, &new_york, CRON_FIRST, 0), 30 * 60 * 1000);
}
END_TEST

/* Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.  25 October: 03:00 becomes
 * 02:00 at 01:00 UTC. */
static const struct {
    const char *cron;
    enum cron_dst dst;
    const char *after, *next;
} policies[] = {
    { "30 2 * * *", CRON_FIRST, "03-29T00", "2026-03-29T01:00:00.000Z" },
    { "30 2 * * *", CRON_SKIP, "03-29T00", "2026-03-30T00:30:00.000Z" },
    { "30 2 * * *", CRON_BOTH, "03-29T00", "2026-03-29T01:00:00.000Z" },
    { "30 2 * * *", CRON_FIRST, "10-25T00", "2026-10-25T00:30:00.000Z" },
    { "30 2 * * *", CRON_FIRST, "10-25T01", "2026-10-26T01:30:00.000Z" },
    { "30 2 * * *", CRON_SKIP, "10-25T01", "2026-10-26T01:30:00.000Z" },
    { "30 2 * * *", CRON_BOTH, "10-25T01", "2026-10-25T01:30:00.000Z" },
    { "*/30 * * * *", CRON_SKIP, "10-25T01", "2026-10-25T01:30:00.000Z" },
};

static uint64_t
in_2026(const char *moment)
{
    uint64_t days = moment[1] == '3' ? 87 : 297;
    return begin_ms + days * 86400000 + (uint64_t)(moment[7] - '0') * 3600000;
}

START_TEST(policies_decide_about_fixed_times)
{
    char stamp[STAMP_SIZE];
    struct zone berlin = zone_of("Europe/Berlin");
    struct cron cron = cron_of(policies[_i].cron);
    uint64_t next_ms =
        cron_next(&cron, &berlin, policies[_i].dst, in_2026(policies[_i].after));
    ck_assert_str_eq(stamp_print(next_ms, stamp), policies[_i].next);
}
END_TEST

START_TEST(policies_have_names)
{
    enum cron_dst dst;
    ck_assert(cron_dst_read(text("first"), &dst) && dst == CRON_FIRST);
    ck_assert(cron_dst_read(text("skip"), &dst) && dst == CRON_SKIP);
    ck_assert(cron_dst_read(text("both"), &dst) && dst == CRON_BOTH);
    ck_assert(!cron_dst_read(text("second"), &dst));
}
END_TEST

START_TEST(a_wall_time_has_no_moment_or_one_or_two)
{
    int64_t at_s[2], leapt = (int64_t)(in_2026("03-29T02") / 1000) + 1800;
    int64_t twice = (int64_t)(in_2026("10-25T02") / 1000) + 1800;
    struct zone berlin = zone_of("Europe/Berlin");
    ck_assert_uint_eq(zone_moments(&berlin, leapt, at_s), 0);
    ck_assert_uint_eq(zone_moments(&berlin, twice, at_s), 2);
    ck_assert_int_eq(at_s[0], twice - 7200);
    ck_assert_int_eq(at_s[1], twice - 3600);
    ck_assert_uint_eq(zone_moments(&berlin, twice + 3600, at_s), 1);
    ck_assert_int_eq(at_s[0], twice);
}
END_TEST

START_TEST(unknown_zones_are_named)
{
    static const struct {
        const char *name, *mistake;
    } names[] = {
        { "Europe/Berln", "unknown time zone \"Europe/Berln\": did you mean "
                          "Europe/Berlin?" },
        { "europe/berlin", "unknown time zone \"europe/berlin\": did you mean "
                           "Europe/Berlin?" },
        { "Berlin", "unknown time zone \"Berlin\": did you mean Europe/Berlin?" },
        { "new york", "unknown time zone \"new york\": did you mean "
                      "America/New_York?" },
        { "Mars/Olympus", "unknown time zone \"Mars/Olympus\": expected a name such as "
                          "Europe/Berlin or UTC" },
        { "", "unknown time zone \"\": expected a name such as Europe/Berlin or UTC" },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char mistake[ZONES_MISTAKE_SIZE];
        struct zone zone;
        ck_assert(!zones_find(&zones, text(names[i].name), &zone));
        zones_unknown(&zones, text(names[i].name), mistake);
        ck_assert_str_eq(mistake, names[i].mistake);
    }
}
END_TEST

START_TEST(without_a_table_there_is_utc)
{
    char mistake[ZONES_MISTAKE_SIZE];
    struct zone zone;
    ck_assert(zones_find(NULL, text("UTC"), &zone));
    ck_assert_int_eq(zone_span(&zone, 0).offset_s, 0);
    ck_assert(!zones_find(NULL, text("Europe/Berlin"), &zone));
    zones_unknown(NULL, text("Europe/Berlin"), mistake);
}
END_TEST

static void
write_file(const char *folder, const char *name, struct bytes content)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fwrite(content.data, 1, content.size, out);
    fclose(out);
}

/* The bytes of a zone of the table. */
static struct bytes
tzif_of(const char *name)
{
    for (size_t i = 0; i < zones.count; i++)
        if (strcmp(zones.list[i].name, name) == 0)
            return zones.list[i].tzif;
    ck_abort_msg("%s is not there", name);
}

START_TEST(a_folder_without_zones_is_refused)
{
    char folder[128], expected[512];
    struct zones loaded;
    struct fault fault;
    folder_fresh(folder);
    write_file(folder, "zone.tab", text("no zone"));
    ck_assert_int_eq(zones_load(folder, &loaded, &fault), ERR_NOT_FOUND);
    snprintf(expected, sizeof expected,
        "zoneinfo: %s has no time zone: expected that of the package tzdata", folder);
    ck_assert_str_eq(fault.detail, expected);
    folder_drop(folder);
    ck_assert_int_eq(zones_load(folder, &loaded, &fault), ERR_NOT_FOUND);
    snprintf(expected, sizeof expected,
        "zoneinfo: %s: No such file or directory: expected the folder of the package "
        "tzdata",
        folder);
    ck_assert_str_eq(fault.detail, expected);
}
END_TEST

START_TEST(a_damaged_zone_is_named)
{
    char folder[128], below[160], expected[512];
    struct bytes whole = tzif_of("Europe/Berlin");
    struct zones loaded;
    struct fault fault;
    folder_fresh(folder);
    snprintf(below, sizeof below, "%s/Europe", folder);
    ck_assert_int_eq(mkdir(below, 0700), 0);
    write_file(below, "Berlin", whole);
    ck_assert_int_eq(zones_load(folder, &loaded, &fault), ERR_NONE);
    ck_assert_uint_eq(loaded.count, 1);
    ck_assert_str_eq(loaded.list[0].name, "Europe/Berlin");
    zones_free(&loaded);
    write_file(below, "Paris", bytes_of(whole.data, whole.size / 2));
    ck_assert_int_eq(zones_load(folder, &loaded, &fault), ERR_MALFORMED);
    snprintf(expected, sizeof expected, "zoneinfo: %s/Europe/Paris: it is cut short",
        folder);
    ck_assert_str_eq(fault.detail, expected);
    folder_drop(folder);
}
END_TEST

START_TEST(every_cut_of_a_zone_is_refused)
{
    struct bytes whole = tzif_of("America/New_York");
    for (size_t size = 0; size < whole.size; size++) {
        struct zone zone;
        uint8_t *copy = malloc(size + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, whole.data, size);
        ck_assert_ptr_nonnull(zone_read(bytes_of(copy, size), &zone));
        free(copy);
    }
}
END_TEST

/* A zone without a table: its footer alone. */
static const char *
read_footer(const char *footer, struct zone *zone, struct buffer *file)
{
    static const uint8_t header[44] = { 'T', 'Z', 'i', 'f', '3', [39] = 1, [43] = 4 };
    static const uint8_t type[10] = { 0, 0, 0, 0, 0, 0, 'U', 'T', 'C', 0 };
    for (int i = 0; i < 2; i++) {
        buffer_append(file, header, sizeof header);
        buffer_append(file, type, sizeof type);
    }
    buffer_print(file, "\n%s\n", footer);
    return zone_read(buffer_bytes(file), zone);
}

static const struct {
    const char *footer;
    int32_t winter_s, summer_s; /* on 1 January and 1 July 2026, 12:00 UTC */
} footers[] = {
    { "UTC0", 0, 0 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200 },
    { "EST5EDT,M3.2.0,M11.1.0", -18000, -14400 },
    { "IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600 },
    { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600 },
    { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, 37800 },
    { "AAA3BBB,J60/0,J300", -10800, -7200 },
    { "AAA3BBB,59,300/167", -10800, -7200 },
    { "EST5EDT,0/0,J365/25", -14400, -14400 },
};

START_TEST(footers_are_rules_for_ever)
{
    int64_t winter = (int64_t)(begin_ms / 1000) + 43200, summer = winter + 181 * 86400;
    struct buffer file = { 0 };
    struct zone zone;
    const char *wrong = read_footer(footers[_i].footer, &zone, &file);
    ck_assert_msg(wrong == NULL, "%s: %s", footers[_i].footer, wrong);
    ck_assert_int_eq(zone_span(&zone, winter).offset_s, footers[_i].winter_s);
    ck_assert_int_eq(zone_span(&zone, summer).offset_s, footers[_i].summer_s);
    buffer_free(&file);
}
END_TEST

START_TEST(footers_that_are_none_are_refused)
{
    static const char *const footers_wrong[] = { "X", "UTC", "UTC0x", "AAA25",
        "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5",
        "CET-1CEST,366,5", "CET-1CEST,M3.5.0/168,M10.5.0", "<AB>0", "<ABC0" };
    for (size_t i = 0; i < COUNT(footers_wrong); i++) {
        struct buffer file = { 0 };
        struct zone zone;
        const char *wrong = read_footer(footers_wrong[i], &zone, &file);
        ck_assert_msg(wrong != NULL, "%s", footers_wrong[i]);
        ck_assert_str_eq(wrong, "its footer is not a POSIX time zone");
        buffer_free(&file);
    }
}
END_TEST

int
main(void)
{
    struct fault fault;
    Suite *suite = suite_create("schedule");
    TCase *tcase = tcase_create("schedule");
    if (zones_load("/usr/share/zoneinfo", &zones, &fault) != ERR_NONE) {
        fprintf(stderr, "%s\n", fault.detail);
        return EXIT_FAILURE;
    }
    tcase_add_loop_test(tcase, texts_fire_as_they_say, 0, (int)COUNT(fires));
    tcase_add_loop_test(tcase, mistakes_name_the_field, 0, (int)COUNT(wrongs));
    tcase_add_test(tcase, a_text_has_a_limit);
    tcase_add_test(tcase, what_never_comes_is_never);
    tcase_add_test(tcase, after_means_after);
    tcase_add_test(tcase, a_wall_clock_behind_utc_begins_before_1970);
    tcase_add_loop_test(
        tcase, policies_decide_about_fixed_times, 0, (int)COUNT(policies));
    tcase_add_test(tcase, policies_have_names);
    tcase_add_test(tcase, a_wall_time_has_no_moment_or_one_or_two);
    tcase_add_test(tcase, unknown_zones_are_named);
    tcase_add_test(tcase, without_a_table_there_is_utc);
    tcase_add_test(tcase, a_folder_without_zones_is_refused);
    tcase_add_test(tcase, a_damaged_zone_is_named);
    tcase_add_test(tcase, every_cut_of_a_zone_is_refused);
    tcase_add_loop_test(tcase, footers_are_rules_for_ever, 0, (int)COUNT(footers));
    tcase_add_test(tcase, footers_that_are_none_are_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    zones_free(&zones);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
