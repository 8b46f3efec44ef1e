#include "tests/unit/gateway_suites.h"

#include <sodium.h>

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(alarm_suite());
    srunner_add_suite(runner, auth_suite());
    srunner_add_suite(runner, cells_suite());
    srunner_add_suite(runner, exchange_suite());
    srunner_add_suite(runner, holding_suite());
    srunner_add_suite(runner, hooks_suite());
    srunner_add_suite(runner, iii_hub_suite());
    srunner_add_suite(runner, iii_queue_text_suite());
    srunner_add_suite(runner, iii_records_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, line_suite());
    srunner_add_suite(runner, pace_suite());
    srunner_add_suite(runner, placing_suite());
    srunner_add_suite(runner, router_suite());
    srunner_add_suite(runner, said_suite());
    srunner_add_suite(runner, session_suite());
    srunner_add_suite(runner, signing_suite());
    srunner_add_suite(runner, timetable_suite());
    srunner_add_suite(runner, tls_line_suite());
    srunner_add_suite(runner, watch_suite());
    srunner_add_suite(runner, mobius_frame_suite());
    srunner_add_suite(runner, websocket_suite());
    srunner_add_suite(runner, worker_frame_suite());
    srunner_add_suite(runner, workflow_graph_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
