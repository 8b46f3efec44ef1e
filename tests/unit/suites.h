/* suites - one per file of base, run by base_main.c. */
#ifndef TESTS_UNIT_SUITES_H
#define TESTS_UNIT_SUITES_H
#include <check.h>

Suite *buffer_suite(void);
Suite *config_suite(void);
Suite *counters_suite(void);
Suite *folder_suite(void);
Suite *hash_suite(void);
Suite *id_suite(void);
Suite *json_read_suite(void);
Suite *log_suite(void);
Suite *map_suite(void);
Suite *pack_suite(void);
Suite *pattern_suite(void);
Suite *seal_suite(void);
Suite *stamp_suite(void);
Suite *status_suite(void);
Suite *texts_suite(void);

/* A new folder, removed with all that is in it when the test ends well. */
const char *folder_fresh(char out[128]);
void folder_drop(const char *path);
#endif
