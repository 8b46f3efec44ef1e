/* Goal: patterns match what PCRE2 says, and take no more work than they are given. */
#include "base/pattern.h"
#include "tests/unit/suites.h"

static struct pattern *pattern;
static struct fault fault;

static void
tear_down(void)
{
    pattern_free(&pattern);
}

static bool
matches(const char *source, const char *in)
{
    uint32_t work = PATTERN_WORK_MAX;
    bool found = false;
    ck_assert_int_eq(pattern_new(text(source), &pattern, &fault), ERR_NONE);
    ck_assert_int_eq(pattern_match(pattern, text(in), &work, &found), ERR_NONE);
    pattern_free(&pattern);
    return found;
}

START_TEST(a_pattern_matches_anywhere_and_by_characters)
{
    ck_assert(matches("b", "abc"));
    ck_assert(matches("^a.c$", "a\xc3\xa9"
                               "c"));
    ck_assert(matches("", ""));
    ck_assert(!matches("^b", "abc"));
    ck_assert(!matches("c$", "abc\n"));
    ck_assert(matches("(?<=a)b(?=c)|\\p{Lu}", "xXx"));
}
END_TEST

START_TEST(what_is_no_pattern_is_refused_at_its_place)
{
    ck_assert_int_eq(pattern_new(text("\xc3\xa9("), &pattern, &fault), ERR_INVALID);
    ck_assert_str_eq(
        fault.detail, "not a pattern: missing closing parenthesis, at character 3");
    ck_assert_ptr_null(pattern);
    ck_assert_int_eq(pattern_new(text("\xff"), &pattern, &fault), ERR_INVALID);
    ck_assert_int_eq(pattern_new(text("\\C"), &pattern, &fault), ERR_INVALID);
    ck_assert_int_eq(
        pattern_new(text("((a{999}){999}){999}"), &pattern, &fault), ERR_TOO_LARGE);
}
END_TEST

START_TEST(the_work_of_a_match_is_counted_and_bounded)
{
    static const char *const costly[] = { "^(a+)+$", "(a|aa)+$", "(.*)*[xy]\\1",
        "[ab]*[cd]", "(?:a?){50}a{50}" };
    static char in[20000];
    memset(in, 'a', sizeof in - 1);
    in[sizeof in - 2] = '!';
    for (size_t i = 0; i < COUNT(costly); i++) {
        uint32_t work = 20000;
        bool found = true;
        ck_assert_int_eq(pattern_new(text(costly[i]), &pattern, &fault), ERR_NONE);
        ck_assert_int_eq(pattern_match(pattern,
                             bytes_of(in, i == 4 ? 60 : sizeof in - 1), &work, &found),
            ERR_TOO_LARGE);
        ck_assert(!found);
        ck_assert_uint_eq(work, 0);
        pattern_free(&pattern);
    }
}
END_TEST

START_TEST(what_was_not_needed_is_left)
{
    uint32_t work = 100;
    bool found;
    ck_assert_int_eq(pattern_new(text("^(a+)+$"), &pattern, &fault), ERR_NONE);
    ck_assert_int_eq(pattern_match(pattern, text("aa"), &work, &found), ERR_NONE);
    ck_assert(found && work > 0 && work < 100);
    ck_assert_int_eq(
        pattern_match(pattern, text("\xff"), &work, &found), ERR_MALFORMED);
}
END_TEST

Suite *
pattern_suite(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tests = tcase_create("pattern");
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, a_pattern_matches_anywhere_and_by_characters);
    tcase_add_test(tests, what_is_no_pattern_is_refused_at_its_place);
    tcase_add_test(tests, the_work_of_a_match_is_counted_and_bounded);
    tcase_add_test(tests, what_was_not_needed_is_left);
    suite_add_tcase(suite, tests);
    return suite;
}
