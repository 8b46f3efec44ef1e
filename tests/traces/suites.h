/* suites - one per file of a machine's traces, run by the main of that machine. */
#ifndef TESTS_TRACES_SUITES_H
#define TESTS_TRACES_SUITES_H
#include <check.h>

Suite *lease_suite(void);
Suite *lease_lives_suite(void);
Suite *lease_each_suite(void);
Suite *registry_suite(void);
Suite *registry_versions_suite(void);
Suite *scheduler_suite(void);
Suite *scheduler_lanes_suite(void);
Suite *scheduler_lease_suite(void);
Suite *scheduler_retry_suite(void);
#endif
