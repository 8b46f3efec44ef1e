/* Goal: a scheduler hears of each lease that lasts, and of each other one with what
 * became of it; never of one that nobody wants any more.
 * Method: every word about leases is compared. */
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

static const struct bytes none = { 0 };

#define LEASED                                                                         \
    "-> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
#define RETURNED "-> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n"
#define REPORTED                                                                       \
    "-> scheduler.0 job_reported run=R1 attempt=1 offer=1 session=S1 outcome=1"

/* R1 was granted to S1 just now. */
static void
open_granted(struct trace *t)
{
    lease_story_open(t);
    lease_register(t, (struct worker){ .session = 1 });
    lease_offer(t, (struct offered){ .run = 1 });
    trace_skip(t);
}

static struct bytes
token(struct trace *t)
{
    return lease_token_of(t, 1, 1, 1, 1);
}

static void
expect_nothing_later(struct trace *t)
{
    trace_wait(t, 100);
    trace_expect_only(t, "job_", "");
    trace_close(t);
}

START_TEST(a_lease_that_lasts_is_told_once)
{
    struct trace t;
    open_granted(&t);
    trace_wait(&t, 1);
    trace_expect(&t, "");
    trace_wait(&t, 1);
    trace_expect(&t, "2 " LEASED);
    expect_nothing_later(&t);
}
END_TEST

START_TEST(leases_are_told_in_the_order_of_their_grants)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 3 });
    lease_offer(&t, (struct offered){ .run = 2 });
    trace_wait(&t, 1);
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_skip(&t);
    trace_wait(&t, 1);
    trace_expect(&t, "2 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 session=S1 "
                     "worker=w1\n");
    trace_wait(&t, 1);
    trace_expect(&t, "3 " LEASED);
    expect_nothing_later(&t);
}
END_TEST

START_TEST(a_lease_that_is_over_before_is_told_by_its_report)
{
    struct trace t;
    open_granted(&t);
    trace_wait(&t, 1);
    lease_report(&t, 1, token(&t));
    trace_expect(&t, "1 " REPORTED " worker=w1\n");
    expect_nothing_later(&t);
}
END_TEST

START_TEST(a_report_that_is_lost_is_not_the_last_word_about_its_lease)
{
    struct trace t;
    open_granted(&t);
    lease_report(&t, 1, token(&t));
    lease_report(&t, 1, token(&t));
    trace_expect(&t, "0 " REPORTED " worker=w1\n0 " REPORTED " worker=w1\n");
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_GAP);
    trace_expect_only(&t, "job_", "0 " LEASED);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    trace_skip(&t);
    lease_report(&t, 1, token(&t));
    trace_expect(&t, "0 " REPORTED "\n");
    expect_nothing_later(&t);
}
END_TEST

START_TEST(a_report_under_another_lease_does_not_tell_this_one)
{
    struct trace t;
    open_granted(&t);
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 2, 1));
    lease_report(&t, 2, lease_token_of(&t, 1, 1, 1, 2));
    lease_report(&t, 1, lease_token_of(&t, 2, 1, 1, 1));
    trace_expect(&t,
        "0 -> scheduler.0 job_reported run=R1 attempt=1 offer=2 session=S1 "
        "outcome=1\n"
        "0 -> scheduler.0 job_reported run=R1 attempt=1 offer=1 session=S2 "
        "outcome=1\n"
        "0 -> scheduler.0 job_reported run=R2 attempt=1 offer=1 session=S1 "
        "outcome=1\n");
    trace_wait(&t, 2);
    trace_expect(&t, "2 " LEASED);
    trace_close(&t);
}
END_TEST

START_TEST(a_scheduler_that_greets_hears_of_it_at_once)
{
    struct trace t;
    open_granted(&t);
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_NEW_LIFE);
    trace_expect_only(&t, "job_", "0 " LEASED);
    expect_nothing_later(&t);
}
END_TEST

START_TEST(who_gives_its_job_back_had_it)
{
    struct trace t;
    open_granted(&t);
    lease_return(&t, 1, token(&t));
    trace_expect_only(&t, "scheduler", "0 " LEASED "0 " RETURNED);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    trace_skip(&t);
    expect_nothing_later(&t);
}
END_TEST

START_TEST(who_says_goodbye_had_it)
{
    struct trace t;
    open_granted(&t);
    lease_gone(&t, 1, true);
    trace_expect_only(&t, "scheduler", "0 " LEASED "0 " RETURNED);
    expect_nothing_later(&t);
}
END_TEST

START_TEST(who_is_silent_from_then_on_had_it)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_wait(&t, 29999);
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_skip(&t);
    trace_wait(&t, 1);
    trace_expect_only(&t, "job_",
        "30000 " LEASED
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n");
    expect_nothing_later(&t);
}
END_TEST

START_TEST(who_prints_has_it)
{
    struct trace t;
    open_granted(&t);
    for (int i = 0; i < 2; i++)
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = JOB_LOG,
                .job_log = { .session = lease_session(1),
                    .token = token(&t),
                    .stream = text("stdout"),
                    .chunk = text("hi") } });
    trace_expect(&t,
        "0 " LEASED
        "0 -> scheduler.0 job_printed run=R1 attempt=1 stream=stdout chunk=hi\n"
        "0 -> scheduler.0 job_printed run=R1 attempt=1 stream=stdout chunk=hi\n");
    expect_nothing_later(&t);
}
END_TEST

START_TEST(a_lease_that_nobody_wants_is_not_told)
{
    struct trace t;
    open_granted(&t);
    lease_withdraw(&t, 1, 1);
    trace_expect_only(&t, "scheduler", "");
    trace_wait(&t, 100);
    trace_expect(&t, "");
    lease_heartbeat(&t, 1, lease_held(&t, token(&t), none));
    trace_expect_only(&t, "answer",
        "100 -> gateway heartbeat_answer session=S1 cancel=(63 bytes) request=8 "
        "known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_that_a_new_attempt_ends_is_not_told)
{
    struct trace t;
    open_granted(&t);
    lease_offer(&t, (struct offered){ .run = 1, .attempt = 2 });
    trace_wait(&t, 100);
    trace_expect_only(&t, "scheduler",
        "2 -> scheduler.0 job_leased run=R1 attempt=2 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

Suite *
lease_told_suite(void)
{
    Suite *suite = suite_create("lease_told");
    TCase *tests = tcase_create("told");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_lease_that_lasts_is_told_once);
    tcase_add_test(tests, leases_are_told_in_the_order_of_their_grants);
    tcase_add_test(tests, a_lease_that_is_over_before_is_told_by_its_report);
    tcase_add_test(tests, a_report_that_is_lost_is_not_the_last_word_about_its_lease);
    tcase_add_test(tests, a_report_under_another_lease_does_not_tell_this_one);
    tcase_add_test(tests, a_scheduler_that_greets_hears_of_it_at_once);
    tcase_add_test(tests, who_gives_its_job_back_had_it);
    tcase_add_test(tests, who_says_goodbye_had_it);
    tcase_add_test(tests, who_is_silent_from_then_on_had_it);
    tcase_add_test(tests, who_prints_has_it);
    tcase_add_test(tests, a_lease_that_nobody_wants_is_not_told);
    tcase_add_test(tests, a_lease_that_a_new_attempt_ends_is_not_told);
    suite_add_tcase(suite, tests);
    return suite;
}
