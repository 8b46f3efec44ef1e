/* Goal: attempts end, and others follow them, by the policy of the step and the clock.
 * Method: every word that the scheduler says is compared. */
#include "actors/plan/plan.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static void
open_with(struct story *s, const char *plan)
{
    story_open_with(s, plan);
    story_start(s, 1, "");
    trace_skip(&s->trace);
}

START_TEST(without_a_policy_one_failure_ends_the_step)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_retry_without_delay_is_called_at_once)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 2, delay: 0s }"));
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1 session=S1\n"
        "0 step_retried run=R1 key=a attempt=2 max_attempts=2\n"
        "0 action_called run=R1 key=a attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 attempt=2 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_failed(&s, (struct held){ 1, 0, 2, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=2 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 attempt=2 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_linear_delay_grows_by_itself_each_time)
{
    struct story s;
    open_with(&s, "steps:\n" STEP(
                      "a", ", retry: { max_attempts: 4, delay: 1s, backoff: linear }"));
    for (uint32_t attempt = 1; attempt <= 4; attempt++) {
        story_failed(&s, (struct held){ 1, 0, attempt, 1, 1 });
        trace_wait(&s.trace, 10000);
    }
    story_expect_only(&s, "attempt",
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_retried run=R1 key=a attempt=2 max_attempts=4 due_ms=1000\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "1000 action_called run=R1 key=a attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "1000 -> lease job_offered run=R1 attempt=2 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n"
        "10000 action_failed run=R1 key=a attempt=2 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "10000 step_retried run=R1 key=a attempt=3 max_attempts=4 due_ms=12000\n"
        "10000 -> lease job_settled run=R1 attempt=2 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "12000 action_called run=R1 key=a attempt=3 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "12000 -> lease job_offered run=R1 attempt=3 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=7 life=1\n"
        "20000 action_failed run=R1 key=a attempt=3 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "20000 step_retried run=R1 key=a attempt=4 max_attempts=4 due_ms=23000\n"
        "20000 -> lease job_settled run=R1 attempt=3 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "23000 action_called run=R1 key=a attempt=4 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "23000 -> lease job_offered run=R1 attempt=4 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=9 life=1\n"
        "30000 action_failed run=R1 key=a attempt=4 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "30000 -> lease job_settled run=R1 attempt=4 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_exponential_delay_doubles_up_to_its_limit)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a",
                      ", retry: { max_attempts: 5, delay: 1s, backoff: exponential, "
                      "max_delay: 3s }"));
    for (uint32_t attempt = 1; attempt <= 4; attempt++) {
        story_failed(&s, (struct held){ 1, 0, attempt, 1, 1 });
        trace_wait(&s.trace, 10000);
    }
    story_expect_only(&s, "step_retried",
        "0 step_retried run=R1 key=a attempt=2 max_attempts=5 due_ms=1000\n"
        "10000 step_retried run=R1 key=a attempt=3 max_attempts=5 due_ms=12000\n"
        "20000 step_retried run=R1 key=a attempt=4 max_attempts=5 due_ms=23000\n"
        "30000 step_retried run=R1 key=a attempt=5 max_attempts=5 due_ms=33000\n");
    story_close(&s);
}
END_TEST

START_TEST(who_reports_a_failure_may_ask_for_a_longer_delay_up_to_the_longest)
{
    static const uint64_t asked_ms[] = { 0, 1500, 500, 4000 };
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 5, delay: 1s, "
                                       "max_delay: 3s }"));
    for (uint32_t i = 0; i < COUNT(asked_ms); i++) {
        struct job_reported reported = { .run = story_run(1),
            .attempt = i + 1,
            .offer = 1,
            .outcome = OUTCOME_FAILED,
            .error_type = text("Oops"),
            .retry_after_ms = asked_ms[i] };
        trace_give(&s.trace, ACTOR_lease, 0,
            (struct message){ .code = JOB_REPORTED, .job_reported = reported });
        trace_wait(&s.trace, 10000);
    }
    story_expect_only(&s, "step_retried",
        "0 step_retried run=R1 key=a attempt=2 max_attempts=5 due_ms=1000\n"
        "10000 step_retried run=R1 key=a attempt=3 max_attempts=5 due_ms=11500\n"
        "20000 step_retried run=R1 key=a attempt=4 max_attempts=5 due_ms=21000\n"
        "30000 step_retried run=R1 key=a attempt=5 max_attempts=5 due_ms=33000\n");
    story_close(&s);
}
END_TEST

START_TEST(a_delay_goes_on_over_a_crash)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 2, delay: 5s }"));
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_wait(&s.trace, 3000);
    trace_crash(&s.trace);
    trace_wait(&s.trace, 1999);
    story_expect(&s, "");
    trace_wait(&s.trace, 1);
    story_expect(&s,
        "5000 action_called run=R1 key=a attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "5000 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "5000 -> lease job_offered run=R1 attempt=2 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_success_after_a_failure_completes_the_run)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 2, delay: 0s }"));
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 0, 2, 1, 2 });
    story_expect(&s,
        "0 action_completed run=R1 key=a attempt=2 offer=1 action=x output=(3 "
        "bytes) session=S2\n"
        "0 step_completed run=R1 key=a\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=4 whole=1 output=(3 bytes) "
        "stop_reason=completed\n"
        "0 -> lease job_settled run=R1 attempt=2 offer=1 session=S2 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_job_that_its_worker_cancelled_is_not_tried_again)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 3, delay: 1s }"));
    story_stopped(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=4\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_stopped(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_failure_that_is_said_to_be_fatal_is_not_tried_again)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 3, delay: 1s }"));
    story_fatal(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=5\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_fatal(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_attempt_that_takes_too_long_is_withdrawn_and_tried_again)
{
    struct story s;
    open_with(&s,
        "steps:\n" STEP("a", ", timeout: 10s, retry: { max_attempts: 2, delay: 1s }"));
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_wait(&s.trace, 9999);
    story_expect(&s, "");
    trace_wait(&s.trace, 1);
    story_expect(&s,
        "10000 -> lease job_withdrawn run=R1 attempt=1 reason=\"the attempt took "
        "longer than its timeout\"\n"
        "10000 action_failed run=R1 key=a attempt=1 offer=1 action=x "
        "error_type=Timeout error_message=\"the attempt took longer than its "
        "timeout\" ending=3 session=S1\n"
        "10000 step_retried run=R1 key=a attempt=2 max_attempts=2 due_ms=11000\n"
        "10000 -> gateway run_changed run=R1 sequence=5 status=3\n");
    trace_wait(&s.trace, 1000);
    story_expect(&s,
        "11000 action_called run=R1 key=a attempt=2 action=x queue=default "
        "parameters=(1 bytes) deadline_ms=21000 lane=L1\n"
        "11000 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "11000 -> lease job_offered run=R1 attempt=2 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) deadline_ms=21000 order=6 life=1\n");
    trace_wait(&s.trace, 60000);
    story_expect(&s,
        "21000 -> lease job_withdrawn run=R1 attempt=2 reason=\"the attempt took "
        "longer than its timeout\"\n"
        "21000 action_failed run=R1 key=a attempt=2 offer=1 action=x "
        "error_type=Timeout error_message=\"the attempt took longer than its "
        "timeout\" ending=3\n"
        "21000 step_failed run=R1 key=a error_type=Timeout error_message=\"the "
        "attempt took longer than its timeout\"\n"
        "21000 run_failed run=R1 step=a error_type=Timeout error_message=\"the "
        "attempt took longer than its timeout\" stop_reason=step_failed\n"
        "21000 -> gateway run_changed run=R1 sequence=9 status=5 whole=1 "
        "finished_ms=21000 stop_reason=step_failed error_type=Timeout "
        "error_message=\"the attempt took longer than its timeout\" failed_step=a\n");
    story_close(&s);
}
END_TEST

START_TEST(an_attempt_in_time_leaves_no_timer_behind)
{
    struct story s;
    open_with(&s, "timeout: 1h\nsteps:\n" STEP("a", ", timeout: 10s") STEP("b", ""));
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    ck_assert_uint_eq(s.trace.actor->due(s.trace.state), UINT64_MAX);
    trace_wait(&s.trace, 7200000);
    story_expect(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(a_run_that_takes_too_long_fails_and_stops_what_is_under_way)
{
    struct story s;
    open_with(&s, "timeout: 30s\nsteps:\n" STEP("a", "") STEP("b", ", timeout: 20s")
                      STEP("c", ", needs: [a]"));
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_wait(&s.trace, 29999);
    story_expect_only(&s, "step_",
        "20000 step_failed run=R1 step=1 key=b error_type=Timeout "
        "error_message=\"the attempt took longer than its timeout\"\n");
    trace_wait(&s.trace, 1);
    story_expect(&s,
        "30000 -> lease job_withdrawn run=R1 attempt=1 reason=\"the run has "
        "ended\"\n"
        "30000 step_cancelled run=R1 key=a\n"
        "30000 run_failed run=R1 error_type=Timeout error_message=\"the run took "
        "longer than its timeout\" stop_reason=wall_clock_exceeded\n"
        "30000 -> gateway run_changed run=R1 sequence=9 status=5 whole=1 "
        "finished_ms=30000 stop_reason=wall_clock_exceeded error_type=Timeout "
        "error_message=\"the run took longer than its timeout\" failed_step=b\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "30000 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lost_lease_costs_no_attempt_of_the_policy_and_no_delay)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 2, delay: 1m }"));
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_lost(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x "
        "error_type=LeaseLost error_message=\"the worker was silent for too long\" "
        "ending=2 session=S1\n"
        "0 step_retried run=R1 key=a attempt=2 max_attempts=2\n"
        "0 action_called run=R1 key=a attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n"
        "0 -> lease job_offered run=R1 attempt=2 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_failed(&s, (struct held){ 1, 0, 2, 1, 2 });
    story_expect_only(&s, "step_",
        "0 step_retried run=R1 key=a attempt=3 max_attempts=2 due_ms=60000\n");
    story_close(&s);
}
END_TEST

START_TEST(a_job_that_silences_ten_workers_is_given_up)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    for (uint32_t attempt = 1; attempt <= 10; attempt++) {
        trace_skip(&s.trace);
        story_leased(&s, (struct held){ 1, 0, attempt, 1, 1 });
        story_lost(&s, (struct held){ 1, 0, attempt, 1, 1 });
    }
    story_expect(&s,
        "0 job_leased run=R1 attempt=10 offer=1 session=S1 worker=worker\n"
        "0 action_failed run=R1 key=a attempt=10 offer=1 action=x "
        "error_type=LeaseLost error_message=\"the worker was silent for too long\" "
        "ending=2 session=S1\n"
        "0 step_failed run=R1 key=a error_type=LeaseLost error_message=\"the worker "
        "was silent for too long\"\n"
        "0 run_failed run=R1 step=a error_type=LeaseLost error_message=\"the worker "
        "was silent for too long\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=33 status=5 whole=1 "
        "stop_reason=step_failed error_type=LeaseLost error_message=\"the worker was "
        "silent for too long\" failed_step=a\n"
        "0 -> lease job_settled run=R1 attempt=10 offer=1 session=S1 verdict=2\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lost_lease_costs_no_attempt_of_the_longest_policy_either)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ", retry: { max_attempts: 100, delay: 0s }"));
    story_start(&s, 1, "");
    story_lost(&s, (struct held){ 1, 0, 1, 1, 1 });
    for (uint32_t attempt = 2; attempt <= PLAN_ATTEMPTS_MAX; attempt++) {
        trace_wait(&s.trace, 1);
        story_failed(&s, (struct held){ 1, 0, attempt, 1, 1 });
    }
    trace_wait(&s.trace, 1);
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, PLAN_ATTEMPTS_MAX + 1, 1, 1 });
    story_expect_only(&s, " step_", "100 step_failed run=R1 key=a error_type=Oops\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_retry_suite(void)
{
    Suite *suite = suite_create("scheduler retry");
    TCase *tests = tcase_create("scheduler retry");
    tcase_add_test(tests, without_a_policy_one_failure_ends_the_step);
    tcase_add_test(tests, a_retry_without_delay_is_called_at_once);
    tcase_add_test(tests, a_linear_delay_grows_by_itself_each_time);
    tcase_add_test(tests, an_exponential_delay_doubles_up_to_its_limit);
    tcase_add_test(
        tests, who_reports_a_failure_may_ask_for_a_longer_delay_up_to_the_longest);
    tcase_add_test(tests, a_delay_goes_on_over_a_crash);
    tcase_add_test(tests, a_success_after_a_failure_completes_the_run);
    tcase_add_test(tests, a_job_that_its_worker_cancelled_is_not_tried_again);
    tcase_add_test(tests, a_failure_that_is_said_to_be_fatal_is_not_tried_again);
    tcase_add_test(tests, an_attempt_that_takes_too_long_is_withdrawn_and_tried_again);
    tcase_add_test(tests, an_attempt_in_time_leaves_no_timer_behind);
    tcase_add_test(tests, a_run_that_takes_too_long_fails_and_stops_what_is_under_way);
    tcase_add_test(tests, a_lost_lease_costs_no_attempt_of_the_policy_and_no_delay);
    tcase_add_test(tests, a_job_that_silences_ten_workers_is_given_up);
    tcase_add_test(tests, a_lost_lease_costs_no_attempt_of_the_longest_policy_either);
    suite_add_tcase(suite, tests);
    return suite;
}
