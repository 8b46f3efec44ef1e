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
    char *dumped = json_dumps(read, JSON_COMPACT | JSON_ENCODE_ANY);
    if (wanted == NULL)
        ck_assert_ptr_null(read);
    else
        ck_assert_str_eq(dumped != NULL ? dumped : "", wanted);
    free(dumped);
    json_decref(read);
    free(copy);
}

START_TEST(test_numbers_that_fit_stay_what_they_are)
{
    expect("[9223372036854775807,-9223372036854775807,18446744073709551616]",
        "[9223372036854775807,-9223372036854775807,1.8446744073709552e19]");
    expect("[1,9223372036854775808]", "[1,9.2233720368547758e18]");
    expect("18446744073709551615", "1.8446744073709552e19");
    expect("[-99999999999999999999, 1.99999999999999999999, 99999999999999999999e1]",
        "[-1e20,2.0,1e21]");
}
END_TEST

START_TEST(test_strings_are_not_touched)
{
    expect("{\"18446744073709551615\":\"\\\\\\\"18446744073709551615\",\"\":"
           "99999999999999999999}",
        "{\"18446744073709551615\":\"\\\\\\\"18446744073709551615\",\"\":1e20}");
}
END_TEST

START_TEST(test_what_is_not_json_is_nothing)
{
    expect("[99999999999999999999", NULL);
    expect("[99999999999999999999,\"", NULL);
    expect("[99999999999999999999,\"\\", NULL);
    expect("1e999", NULL);
    expect("-", NULL);
    expect("", NULL);
}
END_TEST

Suite *
suite_answer(void)
{
    TCase *t = tcase_create("answer");
    tcase_add_test(t, test_numbers_that_fit_stay_what_they_are);
    tcase_add_test(t, test_strings_are_not_touched);
    tcase_add_test(t, test_what_is_not_json_is_nothing);
    Suite *s = suite_create("answer");
    suite_add_tcase(s, t);
    return s;
}
