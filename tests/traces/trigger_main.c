#include "tests/traces/trigger_suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("trigger");
    suite_add_tcase(suite, trigger_schedules_case());
    suite_add_tcase(suite, trigger_slots_case());
    suite_add_tcase(suite, trigger_events_case());
    suite_add_tcase(suite, trigger_ends_case());
    suite_add_tcase(suite, trigger_fires_case());
    suite_add_tcase(suite, trigger_waits_case());
    suite_add_tcase(suite, trigger_hooks_case());
    suite_add_tcase(suite, trigger_learns_case());
    suite_add_tcase(suite, trigger_state_case());
    suite_add_tcase(suite, trigger_stream_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
