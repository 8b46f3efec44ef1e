/* gateway_suites - one per pure part of the gateway, run by gateway_main.c. */
#ifndef TESTS_UNIT_GATEWAY_SUITES_H
#define TESTS_UNIT_GATEWAY_SUITES_H
#include <check.h>

Suite *alarm_suite(void);
Suite *auth_suite(void);
Suite *cells_suite(void);
Suite *exchange_suite(void);
Suite *holding_suite(void);
Suite *hooks_suite(void);
Suite *iii_hub_suite(void);
Suite *iii_queue_text_suite(void);
Suite *iii_records_suite(void);
Suite *json_suite(void);
Suite *line_suite(void);
Suite *pace_suite(void);
Suite *placing_suite(void);
Suite *router_suite(void);
Suite *said_suite(void);
Suite *session_suite(void);
Suite *signing_suite(void);
Suite *timetable_suite(void);
Suite *tls_line_suite(void);
Suite *watch_suite(void);
Suite *mobius_frame_suite(void);
Suite *websocket_suite(void);
Suite *worker_frame_suite(void);
Suite *workflow_graph_suite(void);
#endif
