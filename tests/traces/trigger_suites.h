/* trigger_suites - the parts of test_trigger. */
#ifndef TESTS_TRACES_TRIGGER_SUITES_H
#define TESTS_TRACES_TRIGGER_SUITES_H
#include <check.h>

TCase *trigger_schedules_case(void);
TCase *trigger_slots_case(void);
TCase *trigger_events_case(void);
TCase *trigger_ends_case(void);
TCase *trigger_fires_case(void);
TCase *trigger_waits_case(void);
TCase *trigger_hooks_case(void);
TCase *trigger_learns_case(void);
TCase *trigger_state_case(void);
TCase *trigger_stream_case(void);
#endif
