/* Goal: JSON becomes msgpack and back without a change of value, and nothing that is
 * not strictly JSON becomes anything. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "tests/unit/gateway_suites.h"

static struct buffer packed, printed;
static struct json_place place;
static struct fault fault;

static enum err
take(const char *json)
{
    buffer_clear(&packed);
    return json_to_msgpack(text(json), &packed, &place, &fault);
}

static const char *
show(void)
{
    buffer_clear(&printed);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &printed), ERR_NONE);
    buffer_append(&printed, "", 1);
    return (const char *)printed.data;
}

/* JSON is read as YAML as well, by readers of which some end a line there. */
START_TEST(what_may_end_a_line_is_escaped)
{
    static const char said[] =
        "\"\xc2\x85\xe2\x80\xa8 \xe2\x80\xa9\xe2\x80\xa6\xc2\xa9\"";
    ck_assert_int_eq(take(said), ERR_NONE);
    ck_assert_str_eq(show(), "\"\\u0085\\u2028 \\u2029\xe2\x80\xa6\xc2\xa9\"");
    ck_assert_int_eq(take(show()), ERR_NONE);
    ck_assert(bytes_equal(buffer_bytes(&packed),
        text("\xae\xc2\x85\xe2\x80\xa8 \xe2\x80\xa9\xe2\x80\xa6\xc2\xa9")));
}
END_TEST

START_TEST(values_come_back_as_they_were)
{
    static const char *const same[] = { "null", "true", "false", "0", "-1", "127",
        "128", "9223372036854775807", "-9223372036854775808", "0.1",
        "2251799813685249.5", "0.6348606582851885", "1.0", "-0.0", "1e+300", "5e-324",
        "1.7976931348623157e+308", "\"\"", "\"\\\"\\\\\\n\\u0000\\u0001\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"", "[]", "{}", "[[],{},[1,[2,[3]]]]",
        "{\"b\":1,\"a\":{\"\":[null]}}" };
    for (size_t i = 0; i < COUNT(same); i++) {
        ck_assert_msg(take(same[i]) == ERR_NONE, "%s: %s", same[i], fault.detail);
        ck_assert_str_eq(show(), same[i]);
    }
}
END_TEST

START_TEST(what_is_not_strictly_json_is_refused)
{
    static const char *const wrong[] = { "", " ", "nul", "NaN", "Infinity", "'a'", "1,",
        "[1,]", "{a:1}", "{\"a\":1,\"a\":1}", "[1] 2", "01", "+1", ".5", "1.", "1e999",
        "18446744073709551616", "\"\\x\"", "\"\n\"", "\"\\ud800\"", "\"\xff\"",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "// a", "[1", "\"a", "\xef\xbb\xbf{}" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_msg(take(wrong[i]) == ERR_MALFORMED, "%s", wrong[i]);
        ck_assert_uint_eq(packed.size, 0);
        ck_assert_uint_gt(strlen(fault.detail), 0);
    }
}
END_TEST

START_TEST(a_mistake_has_a_place)
{
    ck_assert_int_eq(take("{\n  \"a\": ,\n}"), ERR_MALFORMED);
    ck_assert_uint_eq(place.line, 2);
    ck_assert_uint_ge(place.column, 8);
}
END_TEST

START_TEST(depth_is_bounded_and_brackets_in_texts_do_not_count)
{
    char json[256];
    for (int depth = 30; depth <= 34; depth++) {
        memset(json, '[', (size_t)depth);
        memset(json + depth, ']', (size_t)depth);
        json[2 * depth] = '\0';
        ck_assert_int_eq(
            take(json), depth <= PACK_DEPTH_MAX ? ERR_NONE : ERR_MALFORMED);
    }
    ck_assert_uint_eq(place.line, 1);
    ck_assert_uint_eq(place.column, PACK_DEPTH_MAX + 1);
    memset(json, '[', 100);
    json[0] = json[99] = '"';
    json[50] = '\\';
    json[51] = '"';
    json[100] = '\0';
    ck_assert_int_eq(take(json), ERR_NONE);
}
END_TEST

static void
put_nested(unsigned depth)
{
    buffer_clear(&packed);
    for (unsigned i = 0; i < depth; i++)
        pack_array(&packed, 1);
    pack_nil(&packed);
}

START_TEST(documents_may_wrap_the_deepest_payload)
{
    buffer_clear(&printed);
    put_nested(PACK_DEPTH_MAX + 8);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &printed), ERR_NONE);
    buffer_clear(&printed);
    put_nested(10000);
    ck_assert_int_eq(msgpack_to_json(buffer_bytes(&packed), &printed), ERR_MALFORMED);
    ck_assert_uint_eq(printed.size, 0);
}
END_TEST

START_TEST(what_json_lacks_is_shown_as_something_it_has)
{
    static const uint8_t extension[] = { 0xd4, 1, 2 }, half[] = { 0xa1, 0xff };
    buffer_clear(&packed);
    pack_array(&packed, 7);
    pack_blob(&packed, text("\xff!"));
    pack_double(&packed, 1.0 / 0.0);
    pack_u64(&packed, UINT64_MAX);
    buffer_append(&packed, extension, sizeof extension);
    buffer_append(&packed, half, sizeof half);
    pack_blob(&packed, text(""));
    pack_map(&packed, 3);
    pack_u64(&packed, 7);
    pack_nil(&packed);
    pack_bool(&packed, true);
    pack_nil(&packed);
    pack_array(&packed, 0);
    pack_nil(&packed);
    ck_assert_str_eq(show(), "[\"/yE=\",null,18446744073709551615,null,\"/w==\",\"\","
                             "{\"7\":null,\"true\":null,\"\":null}]");
}
END_TEST

START_TEST(every_truncation_is_malformed)
{
    ck_assert_int_eq(
        take("{\"a\":[1,300,-5,0.1,\"text\",{\"b\":null}],\"c\":true}"), ERR_NONE);
    for (size_t size = 0; size < packed.size; size++) {
        buffer_clear(&printed);
        ck_assert_int_eq(
            msgpack_to_json(bytes_of(packed.data, size), &printed), ERR_MALFORMED);
        ck_assert_uint_eq(printed.size, 0);
    }
}
END_TEST

START_TEST(doubles_are_as_short_as_they_may_be)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = { { 0.1, "0.1" }, { 0.1 + 0.2, "0.30000000000000004" },
        { 100.0, "100.0" }, { 1e21, "1e+21" }, { 1.0 / 3.0, "0.3333333333333333" },
        { 2.5, "2.5" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        buffer_clear(&packed);
        pack_double(&packed, rows[i].value);
        ck_assert_str_eq(show(), rows[i].text);
    }
}
END_TEST

Suite *
json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    tcase_add_test(tests, values_come_back_as_they_were);
    tcase_add_test(tests, what_may_end_a_line_is_escaped);
    tcase_add_test(tests, what_is_not_strictly_json_is_refused);
    tcase_add_test(tests, a_mistake_has_a_place);
    tcase_add_test(tests, depth_is_bounded_and_brackets_in_texts_do_not_count);
    tcase_add_test(tests, documents_may_wrap_the_deepest_payload);
    tcase_add_test(tests, what_json_lacks_is_shown_as_something_it_has);
    tcase_add_test(tests, every_truncation_is_malformed);
    tcase_add_test(tests, doubles_are_as_short_as_they_may_be);
    suite_add_tcase(suite, tests);
    return suite;
}
