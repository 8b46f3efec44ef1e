/* Goal: each offer is granted once, to who asked for such work and lives; whoever is
 * silent loses it.
 * Method: every word that the lease actor says is compared. */
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

static const struct bytes none = { 0 };

/* A worker S1 that holds R1. */
static void
open_held(struct trace *t)
{
    lease_story_open(t);
    lease_register(t, (struct worker){ .session = 1 });
    lease_offer(t, (struct offered){ .run = 1 });
    lease_told(t);
    trace_skip(t);
}

START_TEST(an_offer_is_granted_to_a_worker_that_is_there)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000\n");
    lease_offer(&t, (struct offered){ .run = 1, .order = 3 });
    trace_expect(&t,
        "0 job_offered run=R1 attempt=1 offer=1 lane=1 key=a automation=flow action=x "
        "queue=default parameters=(1 bytes) order=3\n"
        "0 -> gateway job_granted session=S1 run=R1 attempt=1 offer=1 token=(60 bytes) "
        "key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_offer_waits_for_a_worker_and_the_older_goes_first)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1, .order = 9 });
    lease_offer(&t, (struct offered){ .run = 2, .order = 4 });
    trace_expect_only(&t, "granted", "");
    lease_register(&t, (struct worker){ .session = 1, .capacity = 2 });
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n"
        "0 -> gateway job_granted session=S1 run=R1 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_offer_said_again_is_granted_only_once)
{
    struct trace t;
    open_held(&t);
    lease_ready(&t, 1, 5);
    lease_offer(&t, (struct offered){ .run = 1 });
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_expect(&t, "0 worker_heard session=S1 capacity=6\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_worker_gets_only_what_it_asked_for)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 9 });
    lease_register(&t, (struct worker){ .session = 2,
                           .capacity = 9,
                           .queue = "q",
                           .action = "y",
                           .label = "gpu",
                           .environment = "prod" });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .lane = 1, .queue = "q" });
    lease_offer(&t, (struct offered){ .run = 2, .lane = 2, .labels = "gpu" });
    lease_offer(&t, (struct offered){ .run = 3, .lane = 3, .environment = "prod" });
    lease_offer(&t,
        (struct offered){ .run = 4, .lane = 4, .queue = "q", .environment = "prod" });
    trace_expect_only(&t, "granted", "");
    lease_offer(&t, (struct offered){ .run = 5, .lane = 5, .action = "z" });
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R5 "
        "attempt=1 offer=1 token=(60 bytes) key=a automation=flow action=z "
        "queue=default parameters=(1 bytes)\n");
    lease_offer(&t, (struct offered){ .run = 6,
                        .lane = 6,
                        .queue = "q",
                        .action = "y",
                        .labels = "gpu",
                        .environment = "prod" });
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S2 run=R6 "
        "attempt=1 offer=1 token=(60 bytes) key=a automation=flow action=y queue=q "
        "parameters=(1 bytes) labels=(5 bytes)\n");
    lease_register(
        &t, (struct worker){
                .session = 3, .capacity = 9, .label = "gpu", .environment = "" });
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S3 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes) "
        "labels=(5 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_worker_of_another_project_gets_nothing)
{
    struct trace t;
    struct id here;
    lease_story_open(&t);
    here = t.project;
    t.project = id_of_name(text("elsewhere"));
    lease_register(&t, (struct worker){ .session = 1 });
    t.project = here;
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_expect_only(&t, "granted", "");
    trace_close(&t);
}
END_TEST

START_TEST(workers_take_turns)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 3 });
    lease_register(&t, (struct worker){ .session = 2, .capacity = 3 });
    trace_skip(&t);
    for (unsigned run = 1; run <= 4; run++)
        lease_offer(&t, (struct offered){ .run = run });
    trace_wait(&t, 2);
    trace_expect_only(&t, "job_leased",
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "2 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 session=S2 worker=w2\n"
        "2 -> scheduler.0 job_leased run=R3 attempt=1 offer=1 session=S1 worker=w1\n"
        "2 -> scheduler.0 job_leased run=R4 attempt=1 offer=1 session=S2 worker=w2\n");
    trace_close(&t);
}
END_TEST

START_TEST(nobody_holds_more_than_its_capacity)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 1 });
    for (unsigned run = 1; run <= 3; run++)
        lease_offer(&t, (struct offered){ .run = run, .order = run });
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R1 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    lease_ready(&t, 1, 2);
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    lease_ready(&t, 1, 0);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    lease_settle(&t, 2, 1, 1, 1, VERDICT_ACCEPTED, true);
    trace_expect_only(&t, "granted", "");
    lease_ready(&t, 1, 1);
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R3 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_report_goes_to_the_scheduler_and_its_verdict_to_the_worker)
{
    struct trace t;
    open_held(&t);
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(&t, "0 -> scheduler.0 job_reported run=R1 attempt=1 offer=1 "
                     "session=S1 outcome=1 worker=w1\n");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    trace_expect(&t,
        "0 -> gateway report_settled session=S1 token=(60 bytes) verdict=1\n"
        "0 job_released run=R1 attempt=1 offer=1\n");
    lease_heartbeat(&t, 1, none);
    trace_expect(&t, "0 worker_heard session=S1\n"
                     "0 -> gateway heartbeat_answer session=S1 request=8 known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_that_nobody_spoke_for_is_lost_though_its_session_lives)
{
    struct trace t;
    open_held(&t);
    lease_silent(&t, 1, lease_token_of(&t, 1, 1, 2, 1));
    trace_expect(&t, "0 worker_heard session=S1\n"
                     "0 -> gateway heartbeat_answer session=S1 request=8 known=1\n");
    lease_silent(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(&t, "0 worker_heard session=S1\n"
                     "0 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n"
                     "0 -> gateway heartbeat_answer session=S1 request=8 known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_silent_worker_loses_its_job_and_its_late_report_is_stale)
{
    struct trace t;
    open_held(&t);
    trace_wait(&t, 29999);
    trace_expect(&t, "");
    trace_wait(&t, 1);
    trace_expect(&t,
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n"
        "30000 worker_left session=S1 gone=1\n");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    trace_expect(&t, "30000 job_released run=R1 attempt=1 offer=1\n");
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(&t,
        "30000 -> scheduler.0 job_reported run=R1 attempt=1 offer=1 session=S1 "
        "outcome=1\n");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, true);
    trace_expect(
        &t, "30000 -> gateway report_settled session=S1 token=(60 bytes) verdict=2\n");
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    trace_expect(&t, "30000 -> gateway heartbeat_answer session=S1 request=8\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_says_since_when_the_job_was_ready)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1, .ready_us = 77 });
    trace_wait(&t, 10000);
    lease_register(&t, (struct worker){ .session = 1 });
    ck_assert_uint_eq(trace_sent(&t, JOB_GRANTED)->job_granted.ready_us, 77);
    trace_close(&t);
}
END_TEST

START_TEST(a_worker_that_is_heard_keeps_its_job)
{
    struct trace t;
    open_held(&t);
    for (unsigned i = 0; i < 20; i++) {
        trace_wait(&t, 10000);
        lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    }
    trace_expect_only(&t, "job_", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_heartbeat_hears_what_is_lost_and_what_to_cancel)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 3 });
    lease_offer(&t, (struct offered){ .run = 1 });
    lease_offer(&t, (struct offered){ .run = 2 });
    lease_withdraw(&t, 2, 1);
    trace_skip(&t);
    lease_heartbeat(&t, 1,
        lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), lease_token_of(&t, 2, 1, 1, 1)));
    trace_expect(&t,
        "0 worker_heard session=S1\n"
        "0 -> gateway heartbeat_answer session=S1 cancel=(63 bytes) request=8 "
        "known=1\n");
    const struct message *answer = trace_sent(&t, HEARTBEAT_ANSWER);
    struct bytes two = lease_held(&t, lease_token_of(&t, 2, 1, 1, 1), none);
    ck_assert(bytes_equal(answer->heartbeat_answer.cancel, two));
    lease_offer(&t, (struct offered){ .run = 1, .offer = 2 });
    trace_skip(&t);
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    trace_expect_only(&t, "answer",
        "0 -> gateway heartbeat_answer session=S1 lost=(63 bytes) request=8 "
        "known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_session_that_is_not_known_is_told_to_register)
{
    struct trace t;
    open_held(&t);
    lease_heartbeat(&t, 2, none);
    trace_expect(&t, "0 -> gateway heartbeat_answer session=S2 request=8\n");
    t.project = id_of_name(text("elsewhere"));
    lease_heartbeat(&t, 1, none);
    trace_expect(&t, "0 -> gateway heartbeat_answer session=S1 request=8\n");
    trace_close(&t);
}
END_TEST

START_TEST(who_registers_again_may_not_have_heard_of_a_grant)
{
    struct trace t;
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 1, .again = true });
    trace_expect_only(&t, "job_", "");
    trace_wait(&t, 20000);
    lease_register(&t, (struct worker){ .session = 1, .again = true });
    trace_expect_only(&t, "job_",
        "20000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_that_never_arrived_is_returned_after_two_heartbeats)
{
    struct trace t;
    open_held(&t);
    trace_wait(&t, 19999);
    lease_heartbeat(&t, 1, none);
    trace_expect_only(&t, "job_", "");
    trace_wait(&t, 1);
    lease_heartbeat(&t, 1, none);
    trace_expect_only(&t, "job_",
        "20000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_goodbye_returns_what_is_held)
{
    struct trace t;
    open_held(&t);
    lease_gone(&t, 1, true);
    trace_expect(&t,
        "0 worker_left session=S1 leaving=1\n"
        "0 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n"
        "0 worker_left session=S1 gone=1\n");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    lease_heartbeat(&t, 1, none);
    trace_expect(&t, "0 job_released run=R1 attempt=1 offer=1\n"
                     "0 -> gateway heartbeat_answer session=S1 request=8\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_broken_connection_costs_nothing_until_the_silence_is_long)
{
    struct trace t;
    open_held(&t);
    lease_gone(&t, 1, false);
    lease_offer(&t, (struct offered){ .run = 2 });
    trace_expect(&t,
        "0 worker_left session=S1\n"
        "0 job_offered run=R2 attempt=1 offer=1 lane=1 key=a automation=flow "
        "action=x queue=default parameters=(1 bytes)\n");
    trace_wait(&t, 30000);
    trace_expect(&t,
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n"
        "30000 worker_left session=S1 gone=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_withdrawn_job_is_not_granted_and_its_holder_is_told)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1 });
    lease_withdraw(&t, 1, 1);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_expect_only(&t, "job_", "");
    lease_offer(&t, (struct offered){ .run = 2, .attempt = 2 });
    trace_skip(&t);
    lease_withdraw(&t, 2, 1); /* of an earlier attempt */
    lease_withdraw(&t, 3, 1); /* of a job that is not known */
    trace_expect(&t, "");
    lease_withdraw(&t, 2, 2);
    trace_expect(&t, "0 -> gateway job_cancel session=S1 token=(60 bytes) reason=over\n"
                     "0 job_withdrawn run=R2 attempt=2 reason=over\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_new_attempt_takes_the_job_from_who_holds_the_old_one)
{
    struct trace t;
    open_held(&t);
    lease_offer(&t, (struct offered){ .run = 1, .attempt = 2 });
    trace_expect(&t,
        "0 -> gateway job_cancel session=S1 token=(60 bytes) reason=\"the job was "
        "given to another\"\n"
        "0 job_offered run=R1 attempt=2 offer=1 lane=1 key=a automation=flow action=x "
        "queue=default parameters=(1 bytes)\n"
        "0 -> gateway job_granted session=S1 run=R1 attempt=2 offer=1 token=(60 bytes) "
        "key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    lease_offer(&t, (struct offered){ .run = 1, .attempt = 1, .offer = 7 });
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_that_the_scheduler_calls_stale_is_cancelled)
{
    struct trace t;
    open_held(&t);
    lease_settle(&t, 1, 1, 2, 1, VERDICT_STALE, false); /* another offer */
    trace_expect(&t, "");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    trace_expect(&t,
        "0 -> gateway job_cancel session=S1 token=(60 bytes) reason=\"the lease is "
        "not current\"\n"
        "0 job_released run=R1 attempt=1 offer=1\n");
    trace_close(&t);
}
END_TEST

static void
print(struct trace *t, unsigned session, struct bytes token)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = JOB_LOG,
            .job_log = { .session = lease_session(session),
                .token = token,
                .stream = text("stdout"),
                .chunk = text("hello") } });
}

START_TEST(only_the_holder_may_print)
{
    struct trace t;
    open_held(&t);
    print(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect(&t,
        "0 -> scheduler.0 job_printed run=R1 attempt=1 stream=stdout chunk=hello\n");
    print(&t, 1, lease_token_of(&t, 1, 1, 2, 1));
    print(&t, 2, lease_token_of(&t, 1, 1, 1, 1));
    print(&t, 2, lease_token_of(&t, 1, 1, 1, 2));
    print(&t, 1, text("token"));
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(a_token_that_is_not_genuine_is_answered_stale_at_once)
{
    struct trace t;
    open_held(&t);
    struct bytes token = lease_token_of(&t, 1, 1, 1, 1);
    uint8_t forged[LEASE_TOKEN_SIZE];
    for (size_t bit = 0; bit < 8 * sizeof forged; bit++) {
        memcpy(forged, token.data, sizeof forged);
        forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        lease_report(&t, 1, bytes_of(forged, sizeof forged));
    }
    for (size_t size = 0; size < token.size; size++)
        lease_report(&t, 1, bytes_of(token.data, size));
    lease_report(&t, 2, token);
    trace_expect_only(&t, "job_reported", "");
    lease_report(&t, 2, token);
    trace_expect(
        &t, "0 -> gateway report_settled session=S2 token=(60 bytes) verdict=2\n");
    lease_heartbeat(&t, 1, lease_held(&t, bytes_of(forged, sizeof forged), token));
    trace_expect_only(&t, "answer",
        "0 -> gateway heartbeat_answer session=S1 lost=(63 bytes) request=8 "
        "known=1\n");
    trace_close(&t);
}
END_TEST

Suite *
lease_suite(void)
{
    Suite *suite = suite_create("lease");
    TCase *tests = tcase_create("lease");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_offer_is_granted_to_a_worker_that_is_there);
    tcase_add_test(tests, an_offer_waits_for_a_worker_and_the_older_goes_first);
    tcase_add_test(tests, an_offer_said_again_is_granted_only_once);
    tcase_add_test(tests, a_worker_gets_only_what_it_asked_for);
    tcase_add_test(tests, a_worker_of_another_project_gets_nothing);
    tcase_add_test(tests, workers_take_turns);
    tcase_add_test(tests, nobody_holds_more_than_its_capacity);
    tcase_add_test(tests, a_report_goes_to_the_scheduler_and_its_verdict_to_the_worker);
    tcase_add_test(
        tests, a_lease_that_nobody_spoke_for_is_lost_though_its_session_lives);
    tcase_add_test(tests, a_silent_worker_loses_its_job_and_its_late_report_is_stale);
    tcase_add_test(tests, a_grant_says_since_when_the_job_was_ready);
    tcase_add_test(tests, a_worker_that_is_heard_keeps_its_job);
    tcase_add_test(tests, a_heartbeat_hears_what_is_lost_and_what_to_cancel);
    tcase_add_test(tests, a_session_that_is_not_known_is_told_to_register);
    tcase_add_test(tests, who_registers_again_may_not_have_heard_of_a_grant);
    tcase_add_test(tests, a_grant_that_never_arrived_is_returned_after_two_heartbeats);
    tcase_add_test(tests, a_goodbye_returns_what_is_held);
    tcase_add_test(tests, a_broken_connection_costs_nothing_until_the_silence_is_long);
    tcase_add_test(tests, a_withdrawn_job_is_not_granted_and_its_holder_is_told);
    tcase_add_test(tests, a_new_attempt_takes_the_job_from_who_holds_the_old_one);
    tcase_add_test(tests, a_lease_that_the_scheduler_calls_stale_is_cancelled);
    tcase_add_test(tests, only_the_holder_may_print);
    tcase_add_test(tests, a_token_that_is_not_genuine_is_answered_stale_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
