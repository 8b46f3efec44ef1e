#include "tests/traces/suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(scheduler_suite());
    srunner_add_suite(runner, scheduler_retry_suite());
    srunner_add_suite(runner, scheduler_lease_suite());
    srunner_add_suite(runner, scheduler_lanes_suite());
    srunner_add_suite(runner, scheduler_kinds_suite());
    srunner_add_suite(runner, scheduler_inside_suite());
    srunner_add_suite(runner, scheduler_waits_suite());
    srunner_add_suite(runner, scheduler_ends_suite());
    srunner_add_suite(runner, scheduler_listened_suite());
    srunner_add_suite(runner, scheduler_policies_suite());
    srunner_add_suite(runner, scheduler_partitions_suite());
    srunner_add_suite(runner, scheduler_children_suite());
    srunner_add_suite(runner, scheduler_people_suite());
    srunner_add_suite(runner, scheduler_roots_suite());
    srunner_add_suite(runner, scheduler_apart_suite());
    srunner_add_suite(runner, scheduler_operate_suite());
    srunner_add_suite(runner, scheduler_withdrawn_suite());
    srunner_add_suite(runner, scheduler_handlers_suite());
    srunner_add_suite(runner, scheduler_fork_suite());
    srunner_add_suite(runner, scheduler_resume_suite());
    srunner_add_suite(runner, scheduler_removal_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
