/* Goal: a scalar is what the core schema of YAML says, and a moment one that there is.
 */
#include "actors/plan/scalar.h"

#include <check.h>
#include <stdlib.h>

START_TEST(a_moment_is_one_that_there_is)
{
    static const struct {
        const char *moment;
        bool valid;
    } rows[] = {
        { "2027-01-31T09:00:00Z", true },
        { "2027-01-31T23:59:59.5Z", true },
        { "2027-01-31T23:59:59.123456789+23:59", true },
        { "2027-01-31T09:00:00-01:00", true },
        { "2024-02-29T00:00:00Z", true },
        { "2000-02-29T00:00:00Z", true },
        { "1900-02-29T00:00:00Z", false },
        { "2027-02-29T00:00:00Z", false },
        { "2024-04-31T00:00:00Z", false },
        { "2027-00-01T00:00:00Z", false },
        { "2027-13-01T00:00:00Z", false },
        { "2027-01-00T00:00:00Z", false },
        { "2027-01-01T24:00:00Z", false },
        { "2027-01-01T00:60:00Z", false },
        { "2027-01-01T00:00:60Z", false },
        { "2027-01-01T00:00:00.Z", false },
        { "2027-01-01T00:00:00", false },
        { "2027-01-01T00:00:00z", false },
        { "2027-01-01T00:00:00+24:00", false },
        { "2027-01-01T00:00:00+00:60", false },
        { "2027-01-01T00:00:00+00:00 ", false },
        { "2027-01-01", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert_msg(
            moment_valid(text(rows[i].moment)) == rows[i].valid, "%s", rows[i].moment);
}
END_TEST

START_TEST(a_scalar_means_what_yaml_says)
{
    static const struct {
        const char *text;
        enum scalar_type type;
    } rows[] = {
        { "+", SCALAR_TEXT },
        { "-", SCALAR_TEXT },
        { ".", SCALAR_TEXT },
        { "1e+5", SCALAR_REAL },
        { "1e-5", SCALAR_REAL },
        { "1.e5", SCALAR_REAL },
        { "1e", SCALAR_TEXT },
        { "1e+", SCALAR_TEXT },
        { "0o17", SCALAR_WHOLE },
        { "0o18", SCALAR_TEXT },
        { "0x1F", SCALAR_WHOLE },
        { "0x1G", SCALAR_TEXT },
        { "0x1.", SCALAR_TEXT },
        { "1e999", SCALAR_REFUSED },
        { "007", SCALAR_REFUSED },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct node node = { .type = NODE_SCALAR, .text = text(rows[i].text) };
        node.plain = true;
        ck_assert_msg(scalar_read(&node).type == rows[i].type, "%s", rows[i].text);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("scalar");
    TCase *tests = tcase_create("scalar");
    tcase_add_test(tests, a_moment_is_one_that_there_is);
    tcase_add_test(tests, a_scalar_means_what_yaml_says);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
