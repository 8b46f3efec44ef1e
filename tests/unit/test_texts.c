/* Goal: what people write and what is shown to them: durations, quotations, JSON of any
 * value, the word that was meant, flags of a program and what it prints. */
#include "base/duration.h"
#include "base/flags.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/nearest.h"
#include "base/pack.h"
#include "base/printed.h"
#include "base/quoted.h"
#include "base/url.h"
#include "tests/unit/suites.h"

#include <stdio.h>

START_TEST(a_duration_is_bounded_as_a_whole)
{
    uint64_t ms = 7;
    ck_assert(duration_read(text("2501999792h59m"), &ms));
    ck_assert(!duration_read(text("2501999792h60m"), &ms));
    ck_assert(!duration_read(text("2501999793h"), &ms));
    char longer[66];
    memset(longer, '0', sizeof longer);
    longer[63] = 's';
    ck_assert(duration_read(bytes_of(longer, 64), &ms));
    longer[63] = '0';
    longer[64] = 's';
    ck_assert(!duration_read(bytes_of(longer, 65), &ms));
    ck_assert_uint_eq(ms, 0);
}
END_TEST

START_TEST(what_cannot_be_shown_is_escaped)
{
    static const char *const shown[][2] = {
        { "a\x7f\n", "\"a\\x7f\\x0a\"" },
        { "\xc3\xa9", "\"\xc3\xa9\"" },
        { "\xc3", "\"\\xc3\"" },
        { "\xf0\x9f\x98", "\"\\xf0\\x9f\\x98\"" },
        { "\xe2(\xa1", "\"\\xe2(\\xa1\"" },
    };
    for (size_t i = 0; i < COUNT(shown); i++)
        ck_assert_str_eq(quoted(text(shown[i][0])).text, shown[i][1]);
    char longer[61];
    memset(longer, 'a', sizeof longer);
    struct quoted cut = quoted(bytes_of(longer, sizeof longer));
    ck_assert_ptr_nonnull(strstr(cut.text, "aa…\""));
}
END_TEST

START_TEST(a_hash_is_shown_as_hex)
{
    char out[HASH_TEXT_SIZE];
    struct hash h = hash_of((struct bytes){ 0 });
    ck_assert_str_eq(hash_print(&h, out),
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}
END_TEST

START_TEST(a_candidate_that_is_too_long_is_not_near)
{
    struct nearest nearest = { 0 };
    char longer[42] = "abc";
    memset(longer + 3, 'x', 38);
    nearest_try(&nearest, text("abc"), longer);
    ck_assert_ptr_null(nearest.word);
    nearest_try(&nearest, text("abc"), "abd");
    ck_assert_str_eq(nearest.word, "abd");
}
END_TEST

START_TEST(a_url_has_a_scheme_and_no_character_that_must_be_escaped)
{
    static const char *const right[] = { "http://a", "https://a.example:8443/b?c=%7B#d",
        "http://[::1]/~e" };
    static const char *const wrong[] = { "", "http://", "https://", "ftp://a", "a",
        "HTTP://a", "http://a b", "http://a\n", "http://\x7f", "http://\xc3\xa9",
        "http://a/{id}", "http://a/\"", "http://a\\b", " http://a" };
    for (size_t i = 0; i < COUNT(right); i++)
        ck_assert_msg(url_valid(text(right[i])), "%s", right[i]);
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!url_valid(text(wrong[i])), "%s", wrong[i]);
    ck_assert(!url_valid(bytes_of("http://a\0b", 10)));
}
END_TEST

/* Keys that are no texts are shown as one; more than one value is none. */
START_TEST(any_value_has_its_json)
{
    static const struct {
        const char *packed;
        size_t size;
        const char *json;
    } rows[] = {
        { "\x81\x05\x06", 3, "{\"5\":6}" },
        { "\x81\xc4\x01"
          "a\x06",
            5, "{\"YQ==\":6}" },
        { "\x81\x91\x05\x06", 4, "{\"\":6}" },
        { "\x81\x80\x06", 3, "{\"\":6}" },
        { "\xa2"
          "a\x7f",
            3, "\"a\\u007f\"" },
        { "\xcb\x43\x40\x00\x00\x00\x00\x00\x00", 9, "9007199254740992.0" },
        { "\x05\x06", 2, NULL },
        { "\x92\x05", 2, NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = { 0 };
        struct bytes in = bytes_of(rows[i].packed, rows[i].size);
        enum err e = msgpack_to_json(in, &out);
        ck_assert_int_eq(e, rows[i].json == NULL ? ERR_MALFORMED : ERR_NONE);
        struct bytes json = buffer_bytes(&out);
        ck_assert_msg(bytes_equal(json, rows[i].json == NULL ? (struct bytes){ 0 }
                                                             : text(rows[i].json)),
            "%.*s", (int)json.size, (const char *)json.data);
        buffer_free(&out);
    }
}
END_TEST

/* What it gives for one word, or for two. */
static int
flag_of(const char *word, const char *next)
{
    static const struct option options[] = { { "data", required_argument, NULL, 'd' },
        { "json", no_argument, NULL, 'j' }, { 0 } };
    static char program[] = "test", first[16], second[16];
    char *argv[] = { program, first, second, NULL };
    snprintf(first, sizeof first, "%s", word);
    snprintf(second, sizeof second, "%s", next);
    optind = 0;
    return flags_next(next[0] == '\0' ? 2 : 3, argv, options);
}

START_TEST(a_flag_is_its_whole_name)
{
    ck_assert_int_eq(flag_of("--json", ""), 'j');
    ck_assert_int_eq(flag_of("--data", "--json"), 'd');
    ck_assert_str_eq(optarg, "--json");
    ck_assert_int_eq(flag_of("--data=a=b", ""), 'd');
    ck_assert_str_eq(optarg, "a=b");
    ck_assert_int_eq(flag_of("--js", ""), '?');
    ck_assert_int_eq(flag_of("--dat", "x"), '?');
    ck_assert_int_eq(flag_of("--d=x", ""), '?');
    ck_assert_int_eq(flag_of("--data", ""), '?');
    ck_assert_int_eq(flag_of("--other", ""), '?');
    ck_assert_int_eq(flag_of("word", ""), -1);
}
END_TEST

START_TEST(what_nobody_could_read_was_not_printed)
{
    ck_assert(printed("test:"));
    ck_assert_ptr_nonnull(freopen("/dev/full", "w", stdout));
    puts("more than nothing");
    ck_assert(!printed("test:"));
    ck_assert_ptr_nonnull(freopen("/dev/full", "w", stdout));
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("what was lost before the last moment");
    ck_assert(!printed("test:"));
}
END_TEST

Suite *
texts_suite(void)
{
    Suite *suite = suite_create("texts");
    TCase *tests = tcase_create("texts");
    tcase_add_test(tests, a_duration_is_bounded_as_a_whole);
    tcase_add_test(tests, what_cannot_be_shown_is_escaped);
    tcase_add_test(tests, a_hash_is_shown_as_hex);
    tcase_add_test(tests, a_candidate_that_is_too_long_is_not_near);
    tcase_add_test(tests, a_url_has_a_scheme_and_no_character_that_must_be_escaped);
    tcase_add_test(tests, any_value_has_its_json);
    tcase_add_test(tests, a_flag_is_its_whole_name);
    tcase_add_test(tests, what_nobody_could_read_was_not_printed);
    suite_add_tcase(suite, tests);
    return suite;
}
