#include "tests/traces/suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(registry_suite());
    srunner_add_suite(runner, registry_versions_suite());
    srunner_add_suite(runner, registry_queues_suite());
    srunner_add_suite(runner, registry_access_suite());
    srunner_add_suite(runner, registry_actions_suite());
    srunner_add_suite(runner, registry_principals_suite());
    srunner_add_suite(runner, registry_limits_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
