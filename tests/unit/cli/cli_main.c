#include "tests/unit/cli/suites.h"

int
main(void)
{
    SRunner *runner = srunner_create(suite_request());
    srunner_add_suite(runner, suite_answer());
    srunner_add_suite(runner, suite_human());
    srunner_add_suite(runner, suite_event_line());
    srunner_add_suite(runner, suite_stream());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
