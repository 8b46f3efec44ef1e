#include "tests/unit/cli/suites.h"
#include "workers/cli/answer.h"

#include <stdlib.h>

/* From a copy of that size, so that a look behind its end is seen. */
static void
expect(const char *from, const char *wanted)
{
    size_t size = strlen(from);
    uint8_t *copy = malloc(size);
    memcpy(copy, from, size);
    json_t *read = answer_read((struct bytes){ copy, size });
    struct buffer written = { 0 };
    bool was = answer_write(read, JSON_COMPACT, &written);
    buffer_append(&written, "", 1);
    ck_assert(was == (wanted != NULL));
    ck_assert_str_eq((const char *)written.data, wanted != NULL ? wanted : "");
    buffer_free(&written);
    json_decref(read);
    free(copy);
}

START_TEST(test_numbers_keep_their_digits)
{
    static const char same[] = "[9223372036854775807,-9223372036854775807,"
                               "18446744073709551616,-9223372036854775809]";
    expect(same, same);
    expect("18446744073709551615", "18446744073709551615");
    expect("[1, 9223372036854775808, 9007199254740993, {\"a\": 99999999999999999999}]",
        "[1,9223372036854775808,9007199254740993,{\"a\":99999999999999999999}]");
    expect("[99999999999999999999, 1.99999999999999999999, 99999999999999999999e1]",
        "[99999999999999999999,1.99999999999999999999,99999999999999999999e1]");
    expect("[0.1, -0.10, 1e3, 1E-7, 0.5e+1, -0.0, {\"0.1\": \"0.1\"}]",
        "[0.1,-0.10,1e3,1E-7,0.5e+1,-0.0,{\"0.1\":\"0.1\"}]");
}
END_TEST

START_TEST(test_strings_are_not_touched)
{
    expect("{\"18446744073709551615\":\"\\\\\\\"18446744073709551615\",\"\":"
           "99999999999999999999}",
        "{\"18446744073709551615\":\"\\\\\\\"18446744073709551615\",\"\":"
        "99999999999999999999}");
    /* Not even those that begin as ours do. */
    expect("[99999999999999999999,\"\xef\xbf\xbf\",\"\xef\xbf\xbf"
           "1\",\"\xef\xbf\xbf"
           "99999999999999999999,[\"]",
        "[99999999999999999999,\"\xef\xbf\xbf\",\"\xef\xbf\xbf"
        "1\",\"\xef\xbf\xbf"
        "99999999999999999999,[\"]");
    expect("[0.1,\"\xef\xbf\xbf"
           "1.\",\"\xef\xbf\xbf"
           "1.5e\",\"\xef\xbf\xbf"
           "1.5e3.\",\"\xef\xbf\xbf"
           "-.5\"]",
        "[0.1,\"\xef\xbf\xbf"
        "1.\",\"\xef\xbf\xbf"
        "1.5e\",\"\xef\xbf\xbf"
        "1.5e3.\",\"\xef\xbf\xbf"
        "-.5\"]");
}
END_TEST

START_TEST(test_a_number_is_no_text)
{
    json_t *read = answer_read(text("[99999999999999999999,\"a\",1]"));
    ck_assert(!answer_plain(json_array_get(read, 0)));
    ck_assert(answer_plain(json_array_get(read, 1)));
    ck_assert(!answer_plain(json_array_get(read, 2)));
    json_decref(read);
}
END_TEST

START_TEST(test_what_is_not_json_is_nothing)
{
    expect("[99999999999999999999", NULL);
    expect("[99999999999999999999,\"", NULL);
    expect("[99999999999999999999,\"\\", NULL);
    expect("1e999", NULL);
    expect("[99999999999999999999,1.]", NULL);
    expect("[99999999999999999999,1e]", NULL);
    expect("[99999999999999999999,1e999]", NULL);
    expect("-", NULL);
    expect("", NULL);
}
END_TEST

Suite *
suite_answer(void)
{
    TCase *t = tcase_create("answer");
    tcase_add_test(t, test_numbers_keep_their_digits);
    tcase_add_test(t, test_a_number_is_no_text);
    tcase_add_test(t, test_strings_are_not_touched);
    tcase_add_test(t, test_what_is_not_json_is_nothing);
    Suite *s = suite_create("answer");
    suite_add_tcase(s, t);
    return s;
}
