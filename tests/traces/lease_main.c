#include "tests/traces/suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(lease_suite());
    srunner_add_suite(runner, lease_explain_suite());
    srunner_add_suite(runner, lease_lives_suite());
    srunner_add_suite(runner, lease_idle_suite());
    srunner_add_suite(runner, lease_each_suite());
    srunner_add_suite(runner, lease_claims_suite());
    srunner_add_suite(runner, lease_queues_suite());
    srunner_add_suite(runner, lease_told_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
