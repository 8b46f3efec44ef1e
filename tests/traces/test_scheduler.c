/* Goal: a run starts once, goes through its steps in the order of their needs, and
 * ends. Method: every word that the scheduler says is compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static const char one_step[] =
    "steps:\n"
    "  - { key: a, kind: action, config: { action_name: x } }\n";

START_TEST(a_run_of_one_step_starts_and_completes)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1, one_step);
    story_expect(&s, "0 plan_learned automation=A name=flow version=1 plan=(71 bytes)\n"
                     "0 -> registry plan_known automation=A version=1\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=action\n"
        "0 action_called run=R1 key=a attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3\n");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s, "0 job_leased run=R1 attempt=1 offer=1 session=S1 "
                     "worker=worker\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_completed run=R1 key=a attempt=1 offer=1 action=x output=(3 "
        "bytes) session=S1\n"
        "0 step_completed run=R1 key=a\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_suite(void)
{
    Suite *suite = suite_create("scheduler");
    TCase *tests = tcase_create("scheduler");
    tcase_add_test(tests, a_run_of_one_step_starts_and_completes);
    suite_add_tcase(suite, tests);
    return suite;
}
