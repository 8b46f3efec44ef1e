/* Goal: sessions that hold nothing are told of together, and are neither forgotten nor
 * taken for others; what was granted to one unheard comes back.
 * Method: as in test_lease.c. */
#include "base/buffer.h"
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

typedef void
say_fn(struct trace *t, enum actor_name from, uint32_t instance, struct message m);

/* Its gateway says that S1 to Sn are there. */
static void
say_idle(struct trace *t, unsigned heard, unsigned kept, say_fn *say)
{
    struct buffer lists[2] = { { 0 } };
    for (unsigned i = 0; i < 2; i++)
        for (unsigned n = 1; n <= (i == 0 ? heard : kept); n++) {
            struct id id = lease_session(n);
            buffer_append_bytes(&lists[i], id_bytes(&id));
        }
    say(t, ACTOR_gateway, 0,
        (struct message){ .code = WORKERS_IDLE,
            .workers_idle = {
                .heard = buffer_bytes(&lists[0]), .kept = buffer_bytes(&lists[1]) } });
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
}

static void
idle(struct trace *t, unsigned heard, unsigned kept)
{
    say_idle(t, heard, kept, trace_give);
}

START_TEST(one_word_keeps_all_sessions_that_hold_nothing)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    lease_register(&t, (struct worker){ .session = 2 });
    trace_wait(&t, 20000);
    trace_skip(&t);
    idle(&t, 1, 0);
    trace_expect(&t, "20000 workers_idle heard=(16 bytes)\n");
    trace_wait(&t, 10000);
    trace_expect(&t, "30000 worker_left session=S2 gone=1\n");
    trace_wait(&t, 20000);
    trace_expect(&t, "50000 worker_left session=S1 gone=1\n");
    trace_close(&t);
}
END_TEST

/* Whoever is silent rightly is there; whoever else comes under its name is it again. */
START_TEST(a_session_that_is_kept_stays_and_its_name_is_free)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_wait(&t, 25000);
    idle(&t, 0, 1);
    trace_wait(&t, 10000);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 2, .instance = "w1" });
    trace_expect_only(&t, "joined",
        "35000 worker_joined session=S2 instance=w1 capacity=1 dialect=zmq\n");
    idle(&t, 2, 0);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 3, .instance = "w1" });
    trace_expect_only(&t, "refused",
        "35000 -> gateway refused request=7 err=7 detail=\"another live worker "
        "uses this instance id\"\n");
    trace_close(&t);
}
END_TEST

START_TEST(sessions_that_are_not_known_are_told_to_register)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_skip(&t);
    idle(&t, 2, 0);
    trace_expect(&t, "0 -> gateway heartbeat_answer session=S2\n"
                     "0 workers_idle heard=(32 bytes)\n");
    idle(&t, 300, 0);
    ck_assert_uint_eq(trace_sent(&t, HEARTBEAT_ANSWER)->heartbeat_answer.known, 0);
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_of_which_its_gateway_knows_nothing_is_returned)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 19999);
    idle(&t, 1, 0);
    trace_expect_only(&t, "job_returned", "");
    trace_wait(&t, 1);
    idle(&t, 1, 0);
    trace_expect_only(&t, "job_returned",
        "20000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

/* Of those that speak of each job, only silence about the job counts. */
START_TEST(a_session_that_speaks_of_each_job_keeps_what_was_granted)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .each = true });
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 20000);
    idle(&t, 1, 0);
    trace_wait(&t, 9999);
    trace_expect_only(&t, "lost", "");
    trace_wait(&t, 1);
    trace_expect_only(&t, "job_lost",
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

/* A worker whose host died in silence: its job is lost a lease after it was last
 * vouched for, not after the pulse of one that is idle. */
START_TEST(a_job_that_is_granted_to_a_silent_session_waits_for_one_lease)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    for (unsigned i = 0; i < 10; i++) {
        trace_wait(&t, 10000);
        idle(&t, 0, 1);
    }
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 29999);
    trace_expect_only(&t, "job_lost", "");
    trace_wait(&t, 1);
    trace_expect_only(&t, "job_lost",
        "130000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

/* It beats when it holds nothing, and holds something when its gateway says who does
 * not: the lease actor hears of it by its reports alone. */
START_TEST(a_session_with_short_jobs_is_heard_by_its_reports)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    for (unsigned run = 1; run <= 5; run++) {
        trace_wait(&t, 10000);
        lease_offer(&t, (struct offered){ .run = run });
        lease_report(&t, 1, lease_token_of(&t, run, 1, 1, 1));
        lease_settle(&t, run, 1, 1, 1, VERDICT_ACCEPTED, true);
    }
    trace_wait(&t, 29999);
    trace_expect_only(&t, "worker_left", "");
    trace_wait(&t, 1);
    trace_expect_only(&t, "worker_left", "80000 worker_left session=S1 gone=1\n");
    trace_close(&t);
}
END_TEST

/* What it said last over a connection that broke is no word of its next one. */
START_TEST(a_session_that_has_left_is_not_heard_by_a_report)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 10000);
    lease_gone(&t, 1, false);
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    trace_wait(&t, 20000);
    trace_expect_only(&t, "gone=1", "30000 worker_left session=S1 gone=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_an_idle_session_held_before_a_restart_is_told_to_it)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    idle(&t, 1, 0);
    trace_expect_only(&t, "answer", "");
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    idle(&t, 1, 0);
    trace_expect_only(&t, "answer",
        "0 -> gateway heartbeat_answer session=S1 known=1 recalled=(63 bytes)\n");
    idle(&t, 1, 0);
    trace_expect_only(&t, "answer", "");
    trace_close(&t);
}
END_TEST

/* What was said of it is sent only when it has another name, and the memory of the old
 * one, which is no small piece, has been used again. */
START_TEST(a_session_that_is_renamed_at_once_took_its_job_under_the_name_of_before)
{
    static char label[4096];
    struct trace t;
    memset(label, 'x', sizeof label - 1);
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .label = label, .recall = true });
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    say_idle(&t, 1, 0, trace_queue);
    lease_register(
        &t, (struct worker){ .session = 1, .label = label, .instance = "ab" });
    ck_assert(bytes_equal(trace_sent(&t, JOB_LEASED)->job_leased.worker, text("w1")));
    trace_close(&t);
}
END_TEST

START_TEST(what_another_session_held_is_not_told_to_an_idle_one)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    lease_register(&t, (struct worker){ .session = 2, .recall = true });
    lease_offer(&t, (struct offered){ .run = 1, .leased = 2 });
    trace_skip(&t);
    idle(&t, 1, 0);
    trace_expect(&t, "0 workers_idle heard=(16 bytes)\n");
    trace_close(&t);
}
END_TEST

/* It says goodbye, and its gateway speaks of it before its jobs are given back. */
START_TEST(who_is_leaving_or_never_came_is_not_kept)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 5 });
    for (unsigned run = 1; run <= 5; run++)
        lease_offer(&t, (struct offered){ .run = run });
    trace_skip(&t);
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_GONE,
            .worker_gone = { .session = lease_session(1), .goodbye = true } });
    idle(&t, 0, 2);
    trace_expect_only(&t, "answer",
        "0 -> gateway heartbeat_answer session=S1\n"
        "0 -> gateway heartbeat_answer session=S2\n");
    trace_close(&t);
}
END_TEST

Suite *
lease_idle_suite(void)
{
    Suite *suite = suite_create("lease idle");
    TCase *tests = tcase_create("idle");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, one_word_keeps_all_sessions_that_hold_nothing);
    tcase_add_test(tests, a_session_that_is_kept_stays_and_its_name_is_free);
    tcase_add_test(tests, sessions_that_are_not_known_are_told_to_register);
    tcase_add_test(tests, a_grant_of_which_its_gateway_knows_nothing_is_returned);
    tcase_add_test(tests, a_session_that_speaks_of_each_job_keeps_what_was_granted);
    tcase_add_test(
        tests, a_job_that_is_granted_to_a_silent_session_waits_for_one_lease);
    tcase_add_test(tests, a_session_with_short_jobs_is_heard_by_its_reports);
    tcase_add_test(tests, a_session_that_has_left_is_not_heard_by_a_report);
    tcase_add_test(tests, what_an_idle_session_held_before_a_restart_is_told_to_it);
    tcase_add_test(
        tests, a_session_that_is_renamed_at_once_took_its_job_under_the_name_of_before);
    tcase_add_test(tests, what_another_session_held_is_not_told_to_an_idle_one);
    tcase_add_test(tests, who_is_leaving_or_never_came_is_not_kept);
    suite_add_tcase(suite, tests);
    return suite;
}
