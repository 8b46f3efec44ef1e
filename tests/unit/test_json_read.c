/* Goal: JSON is read strictly, whole numbers exactly; base64 both ways. */
#include "base/base64.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "tests/unit/suites.h"

static struct buffer packed, json;
static struct fault fault;

static void
tear_down(void)
{
    buffer_free(&packed);
    buffer_free(&json);
}

static const char *const good[] = {
    "null",
    "[true,false]",
    "{\"a\":[],\"b\":{}}",
    "18446744073709551615",
    "-9223372036854775808",
    "[0.1,1e+300,5e-324,-1.5]",
    "\"\\\"\\\\\\n\\u0001\xc3\xa9\xf0\x9f\x98\x80\"",
    "{\"\":0,\"a\":1,\"aa\":2,\"b\":3}",
};

START_TEST(what_is_written_compactly_comes_back)
{
    ck_assert_int_eq(json_to_msgpack(text(good[_i]), &packed, NULL, &fault), ERR_NONE);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &json), ERR_NONE);
    buffer_append(&json, "", 1);
    ck_assert_str_eq((char *)json.data, good[_i]);
}
END_TEST

START_TEST(space_and_escapes_mean_what_they_mean)
{
    static const char in[] = " { \"\\u0061\" :\n[ \"\\ud83d\\ude00\\/\" , -0 ]\t} \r\n";
    ck_assert_int_eq(json_to_msgpack(text(in), &packed, NULL, &fault), ERR_NONE);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &json), ERR_NONE);
    buffer_append(&json, "", 1);
    ck_assert_str_eq((char *)json.data, "{\"a\":[\"\xf0\x9f\x98\x80/\",0]}");
}
END_TEST

/* What is refused, and at which byte. */
static const struct {
    const char *text, *why;
} wrong[] = {
    { "", "" },
    { "[1,]", "" },
    { "1 2", "something follows the value" },
    { "{\"a\":1,\"a\":2}", "a key that was there before" },
    { "{\"a\":1,\"a\":2} 3", "a key that was there before" },
    { "{1:2}", "" },
    { "{\"a\\u0000b\":2}", "" },
    { "{\"a\\x\":2}", "" },
    { "\"\\u00g0\"", "" },
    { "\"\\u00@0\"", "" },
    { "\"\\u00`0\"", "" },
    { "\"\\u00Z0\"", "" },
    { "\"\\u00/0\"", "" },
    { "\"\\u00\"", "" },
    { "\"\\ud83d\"", "" },
    { "\"\\ud83d\\n\"", "" },
    { "\"\\ud83d\\u0041\"", "" },
    { "\"\\ud83d\\ue000\"", "" },
    { "\"\\ud83d\\uzzzz\"", "" },
    { "\"\\ude00\"", "" },
    { "\"\\ud83d\\", "" },
    { "\"a\nb\"", "" },
    { "\"\\", "no such escape" },
    { "\"\xff\"", "" },
    { "1e", "" },
    { "1.", "" },
    { "-", "" },
    { "01", "" },
    { "tru", "" },
    { "falsy", "" },
    { "nul", "" },
    { "1e999", "" },
};

START_TEST(what_is_no_json_is_refused)
{
    ck_assert_msg(
        json_to_msgpack(text(wrong[_i].text), &packed, NULL, &fault) == ERR_MALFORMED,
        "%s", wrong[_i].text);
    ck_assert_msg(strstr(fault.detail, wrong[_i].why) != NULL, "%s", fault.detail);
}
END_TEST

START_TEST(escapes_and_exponents_are_read_in_either_case)
{
    static const char in[] =
        "[1E2,1e+2,\"\\u00e9\\u00E9\\uD83D\\uDE00\\ud83d\\ude00\\uffff\\ue000\"]";
    ck_assert_int_eq(json_to_msgpack(text(in), &packed, NULL, &fault), ERR_NONE);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &json), ERR_NONE);
    buffer_append(&json, "", 1);
    ck_assert_str_eq((char *)json.data,
        "[100.0,100.0,\"\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
        "\xef\xbf\xbf\xee\x80\x80\"]");
}
END_TEST

START_TEST(base64_goes_both_ways)
{
    static const struct {
        const char *plain, *encoded;
    } pairs[] = { { "", "" }, { "a", "YQ==" }, { "ab", "YWI=" }, { "?\?>", "Pz8+" } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        buffer_clear(&packed);
        buffer_clear(&json);
        base64_write(&packed, text(pairs[i].plain));
        ck_assert(bytes_equal(buffer_bytes(&packed), text(pairs[i].encoded)));
        ck_assert(base64_read(&json, text(pairs[i].encoded)));
        ck_assert(bytes_equal(buffer_bytes(&json), text(pairs[i].plain)));
    }
    buffer_clear(&json);
    ck_assert(base64_read(&json, text("Pz8-")) && base64_read(&json, text("YQ")));
    ck_assert(bytes_equal(buffer_bytes(&json), text("?\?>a")));
    ck_assert(!base64_read(&json, text("Y")) && !base64_read(&json, text("Y*==")));
    ck_assert_uint_eq(json.size, 4);
}
END_TEST

Suite *
json_read_suite(void)
{
    Suite *suite = suite_create("json_read");
    TCase *tests = tcase_create("json_read");
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_loop_test(tests, what_is_written_compactly_comes_back, 0, COUNT(good));
    tcase_add_loop_test(tests, what_is_no_json_is_refused, 0, COUNT(wrong));
    tcase_add_test(tests, escapes_and_exponents_are_read_in_either_case);
    tcase_add_test(tests, space_and_escapes_mean_what_they_mean);
    tcase_add_test(tests, base64_goes_both_ways);
    suite_add_tcase(suite, tests);
    return suite;
}
