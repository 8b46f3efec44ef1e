/* Goal: a worker that speaks of each of its jobs by itself loses those of which it says
 * nothing, keeps the others, and can give back what it has not begun.
 * Method: as in test_lease.c. */
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

static const struct bytes none = { 0 };

/* A worker S1 that holds R1 and R2, and says so job by job. */
static void
open_each(struct trace *t)
{
    lease_story_open(t);
    lease_register(t, (struct worker){ .session = 1, .capacity = 2, .each = true });
    lease_offer(t, (struct offered){ .run = 1 });
    lease_offer(t, (struct offered){ .run = 2 });
    trace_skip(t);
}

START_TEST(a_job_of_which_nothing_is_heard_is_lost_though_its_worker_lives)
{
    struct trace t;
    open_each(&t);
    struct bytes second = lease_token_of(&t, 2, 1, 1, 1);
    trace_wait(&t, 20000);
    lease_heartbeat(&t, 1, lease_held(&t, second, none));
    trace_expect(&t,
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "2 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 session=S1 worker=w1\n"
        "20000 worker_heard session=S1\n"
        "20000 job_heard run=R2\n"
        "20000 -> gateway heartbeat_answer session=S1 request=8 known=1\n");
    trace_wait(&t, 10000);
    trace_expect(&t, "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 "
                     "session=S1\n");
    lease_heartbeat(&t, 1, lease_held(&t, second, none));
    trace_wait(&t, 29999);
    trace_expect_only(&t, "lost", "");
    trace_close(&t);
}
END_TEST

START_TEST(what_such_a_worker_does_not_name_is_not_returned)
{
    struct trace t;
    open_each(&t);
    struct bytes token = lease_token_of(&t, 1, 1, 1, 1);
    trace_wait(&t, 25000);
    lease_heartbeat(&t, 1, none);
    lease_heartbeat(&t, 1, lease_held(&t, token, none));
    trace_expect_only(&t, "returned", "");
    lease_gone(&t, 1, false);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 2, .each = true });
    trace_expect_only(&t, "returned", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_job_that_was_not_begun_is_returned_at_once)
{
    struct trace t;
    open_each(&t);
    lease_return(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(&t,
        "0 -> gateway report_settled session=S1 token=(60 bytes) verdict=1\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "0 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    lease_return(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(
        &t, "0 -> gateway report_settled session=S1 token=(60 bytes) verdict=2\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_job_that_is_adopted_is_lost_by_itself_too)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .each = true });
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    trace_skip(&t);
    trace_wait(&t, 20000);
    lease_heartbeat(&t, 1, none);
    trace_wait(&t, 10000);
    trace_expect_only(&t, "lost",
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

Suite *
lease_each_suite(void)
{
    Suite *suite = suite_create("lease_each");
    TCase *tests = tcase_create("each");
    tcase_set_timeout(tests, 60);
    tcase_add_test(
        tests, a_job_of_which_nothing_is_heard_is_lost_though_its_worker_lives);
    tcase_add_test(tests, what_such_a_worker_does_not_name_is_not_returned);
    tcase_add_test(tests, a_job_that_was_not_begun_is_returned_at_once);
    tcase_add_test(tests, a_job_that_is_adopted_is_lost_by_itself_too);
    suite_add_tcase(suite, tests);
    return suite;
}
