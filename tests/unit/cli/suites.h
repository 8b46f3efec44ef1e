/* suites - one per pure part of the tool. */
#ifndef TESTS_UNIT_CLI_SUITES_H
#define TESTS_UNIT_CLI_SUITES_H
#include <check.h>

Suite *suite_answer(void);
Suite *suite_event_line(void);
Suite *suite_human(void);
Suite *suite_request(void);
Suite *suite_stream(void);
#endif
