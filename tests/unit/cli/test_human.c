#include "base/stamp.h"
#include "tests/unit/cli/suites.h"
#include "workers/cli/human.h"

static char out[HUMAN_MAX];
static struct buffer buffer;

static void
setup(void)
{
    buffer = (struct buffer){ 0 };
}

static void
teardown(void)
{
    buffer_free(&buffer);
}

static const char *
made(void)
{
    buffer_append(&buffer, "", 1);
    return (const char *)buffer.data;
}

START_TEST(spans_keep_two_figures_that_matter)
{
    ck_assert_str_eq(human_span(12, out), "12 ms");
    ck_assert_str_eq(human_span(1250, out), "1.25 s");
    ck_assert_str_eq(human_span(59999, out), "59 s");
    ck_assert_str_eq(human_span(125000, out), "2 min 5 s");
    ck_assert_str_eq(human_span(11040000, out), "3 h 4 min");
    ck_assert_str_eq(human_span(439200000, out), "5 d 2 h");
}
END_TEST

START_TEST(ages_name_the_largest_unit)
{
    ck_assert_str_eq(human_ago(1000, 999, out), "just now");
    ck_assert_str_eq(human_ago(70000, 0, out), "1 min ago");
    ck_assert_str_eq(human_ago(0, 7200000, out), "in 2 h");
}
END_TEST

START_TEST(dates_are_read_as_they_are_written)
{
    uint64_t ms;
    char stamp[STAMP_SIZE];
    ck_assert(human_read_time(stamp_print(1777896000123, stamp), &ms));
    ck_assert_uint_eq(ms, 1777896000123);
    ck_assert(human_read_time("2026-05-04T14:00:00+02:00", &ms));
    ck_assert_uint_eq(ms, 1777896000000);
    ck_assert(human_read_time("2026-05-04T12:00:00.123456Z", &ms));
    ck_assert_uint_eq(ms, 1777896000123);
    ck_assert(!human_read_time("2026-05-04", &ms));
    ck_assert(!human_read_time("2026-05-04T12:00:00", &ms));
    ck_assert(!human_read_time("2026-05-04T12:00:00+0x", &ms));
    ck_assert(!human_read_time("2026-05-04T12:00:00X", &ms));
}
END_TEST

START_TEST(sizes_have_one_decimal)
{
    ck_assert_str_eq(human_bytes(512, out), "512 B");
    ck_assert_str_eq(human_bytes(1024, out), "1.0 KiB");
    ck_assert_str_eq(human_bytes(12900000, out), "12.3 MiB");
}
END_TEST

START_TEST(control_characters_never_reach_a_terminal)
{
    human_clean(&buffer, text("a\033[2Jb\nc\td\x7f\xc2\x9b"
                              "e\xc3\xa9"));
    ck_assert_str_eq(made(), "a\\x1b[2Jb\\nc\\td\\x7f\\x9be\xc3\xa9");
}
END_TEST

START_TEST(words_are_quoted_only_when_they_must_be)
{
    human_word(&buffer, text("print"));
    buffer_append(&buffer, "|", 1);
    human_word(&buffer, text("two words"));
    buffer_append(&buffer, "|", 1);
    human_word(&buffer, text("say \"hi\""));
    buffer_append(&buffer, "|", 1);
    human_word(&buffer, text(""));
    ck_assert_str_eq(made(), "print|\"two words\"|\"say \\\"hi\\\"\"|\"\"");
}
END_TEST

Suite *
suite_human(void)
{
    Suite *suite = suite_create("human");
    TCase *tests = tcase_create("human");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, spans_keep_two_figures_that_matter);
    tcase_add_test(tests, ages_name_the_largest_unit);
    tcase_add_test(tests, dates_are_read_as_they_are_written);
    tcase_add_test(tests, sizes_have_one_decimal);
    tcase_add_test(tests, control_characters_never_reach_a_terminal);
    tcase_add_test(tests, words_are_quoted_only_when_they_must_be);
    suite_add_tcase(suite, tests);
    return suite;
}
