/* suites - one per file of a machine's traces, run by the main of that machine. */
#ifndef TESTS_TRACES_SUITES_H
#define TESTS_TRACES_SUITES_H
#include <check.h>

Suite *lease_suite(void);
Suite *lease_explain_suite(void);
Suite *lease_lives_suite(void);
Suite *lease_each_suite(void);
Suite *lease_claims_suite(void);
Suite *lease_queues_suite(void);
Suite *registry_suite(void);
Suite *registry_versions_suite(void);
Suite *registry_queues_suite(void);
Suite *registry_access_suite(void);
Suite *registry_actions_suite(void);
Suite *registry_principals_suite(void);
Suite *registry_limits_suite(void);
Suite *scheduler_suite(void);
Suite *scheduler_ends_suite(void);
Suite *scheduler_listened_suite(void);
Suite *scheduler_inside_suite(void);
Suite *scheduler_kinds_suite(void);
Suite *scheduler_waits_suite(void);
Suite *scheduler_lanes_suite(void);
Suite *scheduler_lease_suite(void);
Suite *scheduler_retry_suite(void);
Suite *scheduler_policies_suite(void);
Suite *scheduler_partitions_suite(void);
Suite *scheduler_children_suite(void);
Suite *scheduler_people_suite(void);
Suite *scheduler_roots_suite(void);
Suite *scheduler_apart_suite(void);
Suite *scheduler_operate_suite(void);
Suite *scheduler_fork_suite(void);
Suite *scheduler_resume_suite(void);
Suite *scheduler_removal_suite(void);
#endif
