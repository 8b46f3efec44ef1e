/* Goal: whatever workers and schedulers say of leases that are not there, not theirs or
 * not whole changes nothing of those that are.
 * Method: every word that the lease actor says of it is compared. */
#include "base/pack.h"
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

static struct bytes
token_of(struct trace *t, struct lease_name name)
{
    return lease_token(t->secret, &name, &t->kept_arena);
}

/* How many lines have the word. */
static unsigned
count_said(struct trace *t, const char *word)
{
    unsigned count = 0;
    buffer_append(t->said, "", 1);
    for (const char *at = (const char *)t->said->data; (at = strstr(at, word)) != NULL;
         at++)
        count++;
    trace_skip(t);
    return count;
}

START_TEST(a_list_of_leases_that_is_broken_off_counts_as_far_as_it_goes)
{
    struct trace t;
    struct buffer list = { 0 };
    open_held(&t);
    pack_array(&list, 4);
    pack_blob(&list, lease_token_of(&t, 1, 1, 1, 1));
    for (int i = 0; i < 3; i++)
        pack_u64(&list, 7);
    trace_wait(&t, 25000);
    lease_heartbeat(&t, 1, buffer_bytes(&list));
    trace_expect(&t,
        "25000 worker_heard session=S1\n"
        "25000 -> gateway heartbeat_answer session=S1 lost=(3 bytes) request=8 "
        "known=1\n");
    lease_heartbeat(&t, 1, bytes_of("\x92\x07\x07", 3));
    trace_expect(&t,
        "25000 worker_heard session=S1\n"
        "25000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 "
        "session=S1\n"
        "25000 -> gateway heartbeat_answer session=S1 lost=(3 bytes) request=8 "
        "known=1\n");
    buffer_free(&list);
    trace_close(&t);
}
END_TEST

/* Of another attempt, another offer, another step: each time R1 itself is not named. */
START_TEST(who_names_only_leases_like_it_does_not_have_it)
{
    for (int i = 0; i < 4; i++) {
        struct trace t;
        open_held(&t);
        struct lease_name name = { lease_run(1), i == 0, 1 + (i == 1), 1 + (i == 2),
            lease_session(1) };
        trace_wait(&t, 25000);
        lease_heartbeat(&t, 1,
            i < 3 ? lease_held(&t, token_of(&t, name), none)
                  : lease_held(&t, text("token"), none));
        trace_expect_only(&t, "returned",
            "25000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
        trace_close(&t);
    }
}
END_TEST

START_TEST(only_the_lease_that_is_waited_for_is_adopted)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(
        &t, (struct offered){ .run = 1, .attempt = 2, .offer = 2, .leased = 1 });
    lease_offer(
        &t, (struct offered){ .run = 1, .attempt = 2, .offer = 2, .leased = 1 });
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 1,
                           .held = lease_held(&t, lease_token_of(&t, 1, 1, 2, 1),
                               lease_token_of(&t, 1, 2, 1, 1)) });
    trace_expect(&t, "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq\n"
                     "0 -> gateway worker_registered request=7 session=S1 token=… "
                     "lease_ms=30000 heartbeat_ms=10000 lost=(125 bytes)\n");
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 2, 2, 1), none));
    trace_expect_only(
        &t, "adopted", "0 job_adopted run=R1 attempt=2 offer=2 session=S1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_of_a_partition_that_does_not_exist_is_lost)
{
    struct trace t;
    struct id run = lease_run(1);
    open_held(&t);
    struct lease_name name = { id_move(&run, 5), 0, 1, 1, lease_session(1) };
    struct bytes token = token_of(&t, name);
    lease_heartbeat(&t, 1, lease_held(&t, token, lease_token_of(&t, 1, 1, 1, 1)));
    trace_expect(&t,
        "0 worker_heard session=S1\n"
        "0 -> gateway heartbeat_answer session=S1 lost=(63 bytes) request=8 "
        "known=1\n");
    lease_report(&t, 1, token);
    trace_expect(
        &t, "0 -> gateway report_settled session=S1 token=(60 bytes) verdict=2\n");
    trace_close(&t);
}
END_TEST

START_TEST(silence_counts_only_of_a_lease_of_the_session)
{
    struct trace t;
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 2 });
    trace_skip(&t);
    lease_silent(&t, 1, text("token"));
    lease_silent(&t, 2, lease_token_of(&t, 1, 1, 1, 1));
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_HEARTBEAT,
            .worker_heartbeat = {
                .session = lease_session(1), .silent = bytes_of("\x92\x07\x07", 3) } });
    trace_expect_only(&t, "job_", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_worker_that_is_not_known_is_neither_ready_nor_gone)
{
    struct trace t;
    open_held(&t);
    lease_ready(&t, 2, 3);
    lease_gone(&t, 2, true);
    trace_give(&t, ACTOR_gateway, 3,
        (struct message){ .code = WORKER_GONE,
            .worker_gone = { .session = lease_session(1), .goodbye = true } });
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(nobody_has_room_for_more_than_session_jobs_max)
{
    struct trace t;
    lease_story_open(&t);
    t.config.session_jobs_max = 5;
    lease_register(&t, (struct worker){ .session = 1, .capacity = 9 });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S1 instance=w1 capacity=5 dialect=zmq\n");
    lease_ready(&t, 1, 2);
    lease_ready(&t, 1, 7);
    trace_expect(&t, "0 worker_heard session=S1 capacity=3\n"
                     "0 worker_heard session=S1 capacity=6\n");
    trace_close(&t);
}
END_TEST

START_TEST(the_name_of_a_worker_that_lost_its_connection_is_free)
{
    struct trace t;
    open_held(&t);
    lease_gone(&t, 1, false);
    lease_register(&t, (struct worker){ .session = 2, .instance = "w1" });
    lease_register(&t, (struct worker){ .session = 1, .instance = "w2" });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S2 instance=w1 capacity=1 dialect=zmq\n"
        "0 worker_joined session=S1 instance=w2 capacity=1 dialect=zmq\n");
    lease_register(&t, (struct worker){ .session = 3, .instance = "w1" });
    trace_expect(&t,
        "0 -> gateway refused request=7 err=7 detail=\"another live worker "
        "uses this instance id\"\n");
    trace_close(&t);
}
END_TEST

/* It says goodbye and goes on talking before its jobs are given back. */
START_TEST(who_is_leaving_is_known_no_more)
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
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_LIST, .worker_list = { .request = 5 } });
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = HELLO, .hello = { .resync = RESYNC_NEW_LIFE } });
    lease_heartbeat(&t, 1, none);
    trace_expect_only(
        &t, "answer", "0 -> gateway heartbeat_answer session=S1 request=8\n");
    struct bytes items =
        pack_find(trace_sent(&t, DOCUMENT)->document.document, "items");
    struct cursor in = cursor_over(items);
    ck_assert_uint_eq(cursor_array(&in), 1);
    struct cursor status = cursor_over(pack_find(cursor_skip(&in), "status"));
    ck_assert(bytes_equal(cursor_text(&status), text("leaving")));
    trace_close(&t);
}
END_TEST

START_TEST(only_the_gateway_that_began_anew_has_no_connections)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .gateway = 1 });
    trace_hello(&t, ACTOR_registry, 0, RESYNC_NEW_LIFE);
    trace_hello(&t, ACTOR_gateway, 0, RESYNC_NEW_LIFE);
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 2);
    trace_expect_only(&t, "job_leased",
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_hello(&t, ACTOR_gateway, 1, RESYNC_NEW_LIFE);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_LIST, .worker_list = { .request = 5 } });
    struct bytes items =
        pack_find(trace_sent(&t, DOCUMENT)->document.document, "items");
    struct cursor in = cursor_over(items);
    (void)cursor_array(&in);
    struct cursor status = cursor_over(pack_find(cursor_skip(&in), "status"));
    ck_assert(bytes_equal(cursor_text(&status), text("disconnected")));
    trace_close(&t);
}
END_TEST

START_TEST(a_later_offer_replaces_an_earlier_one_whoever_holds_it)
{
    struct trace t;
    open_held(&t);
    lease_offer(&t, (struct offered){ .run = 2, .offer = 2 });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 2, .offer = 1 });
    trace_expect(&t, "");
    lease_offer(&t, (struct offered){ .run = 2, .attempt = 2, .offer = 3 });
    trace_expect(&t,
        "0 job_offered run=R2 attempt=2 offer=3 lane=1 key=a automation=flow "
        "action=x queue=default parameters=(1 bytes)\n");
    lease_offer(
        &t, (struct offered){ .run = 1, .attempt = 1, .offer = 2, .leased = 2 });
    trace_expect(&t,
        "0 -> gateway job_cancel session=S1 token=(60 bytes) reason=\"the job was "
        "given to another\"\n"
        "0 job_offered run=R1 attempt=1 offer=2 lane=1 key=a automation=flow action=x "
        "queue=default parameters=(1 bytes) leased=1 session=S2\n"
        "0 -> gateway job_granted session=S1 run=R2 attempt=2 offer=3 token=(60 bytes) "
        "key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    lease_offer(
        &t, (struct offered){ .run = 1, .attempt = 2, .offer = 2, .leased = 3 });
    lease_register(
        &t, (struct worker){ .session = 3,
                .held = lease_held(&t, lease_token_of(&t, 1, 2, 2, 3), none) });
    trace_skip(&t);
    lease_offer(
        &t, (struct offered){ .run = 1, .attempt = 3, .offer = 2, .leased = 1 });
    trace_expect_only(&t, "job_",
        "0 -> gateway job_cancel session=S3 token=(60 bytes) reason=\"the job "
        "was given to another\"\n"
        "0 job_offered run=R1 attempt=3 offer=2 lane=1 key=a automation=flow "
        "action=x queue=default parameters=(1 bytes) leased=1 session=S1\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_settled_of_an_open_job_releases_it_only_if_it_was_reported)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_skip(&t);
    lease_settle(&t, 1, 2, 1, 1, VERDICT_STALE, false);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    trace_expect(&t, "");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    trace_expect(&t,
        "0 -> gateway report_settled session=S1 token=(60 bytes) verdict=1\n"
        "0 job_released run=R1 attempt=1 offer=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_due_first_is_done_first)
{
    struct trace t;
    open_held(&t);
    trace_wait(&t, 29800);
    lease_offer(&t, (struct offered){ .run = 2, .unsure = true });
    trace_skip(&t);
    trace_wait(&t, 500);
    trace_expect(&t,
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n"
        "30000 worker_left session=S1 gone=1\n"
        "30300 -> scheduler.0 job_returned run=R2 attempt=1 offer=1\n");
    lease_register(&t, (struct worker){ .session = 2 });
    lease_offer(&t, (struct offered){ .run = 3, .unsure = true });
    lease_offer(&t, (struct offered){ .run = 4 });
    trace_wait(&t, 2);
    trace_expect_only(&t, "job_leased",
        "30302 -> scheduler.0 job_leased run=R4 attempt=1 offer=1 session=S2 "
        "worker=w2\n");
    trace_close(&t);
}
END_TEST

/* ---- more than one turn can say ---- */

enum { MANY = 300 };

static struct bytes
tokens_of_many(struct trace *t)
{
    struct buffer list = { 0 };
    pack_array(&list, MANY);
    for (unsigned run = 1; run <= MANY; run++)
        pack_blob(&list, lease_token_of(t, run, 1, 1, 1));
    struct bytes kept = arena_copy(&t->kept_arena, buffer_bytes(&list));
    buffer_free(&list);
    return kept;
}

static void
offer_many(struct trace *t, unsigned leased)
{
    for (unsigned run = 1; run <= MANY; run++)
        lease_offer(t, (struct offered){ .run = run, .leased = leased });
    trace_skip(t);
}

START_TEST(many_leases_are_adopted_over_several_heartbeats)
{
    struct trace t;
    lease_story_open(&t);
    struct bytes all = tokens_of_many(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = MANY, .held = all });
    unsigned first = count_said(&t, "job_adopted");
    ck_assert_uint_lt(first, MANY);
    for (int i = 0; i < 3; i++)
        lease_heartbeat(&t, 1, all);
    ck_assert_uint_eq(count_said(&t, "job_adopted"), MANY - first);
    lease_heartbeat(&t, 1, all);
    ck_assert_uint_eq(count_said(&t, "lost="), 0);
    trace_close(&t);
}
END_TEST

START_TEST(many_leases_are_recalled_over_several_heartbeats)
{
    struct trace t;
    lease_story_open(&t);
    trace_restart(&t);
    offer_many(&t, 1);
    lease_register(
        &t, (struct worker){ .session = 1, .capacity = MANY, .recall = true });
    unsigned first = count_said(&t, "job_adopted");
    ck_assert_uint_lt(first, MANY);
    for (int i = 0; i < 3; i++)
        lease_heartbeat(&t, 1, none);
    ck_assert_uint_eq(count_said(&t, "job_adopted"), MANY - first);
    trace_close(&t);
}
END_TEST

START_TEST(many_leases_are_heard_lost_and_returned_as_far_as_a_turn_goes)
{
    struct trace t;
    lease_story_open(&t);
    struct bytes all = tokens_of_many(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = MANY, .each = true });
    offer_many(&t, 0);
    lease_heartbeat(&t, 1, all);
    unsigned heard = count_said(&t, "job_heard");
    ck_assert_uint_gt(heard, 0);
    ck_assert_uint_lt(heard, MANY);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_HEARTBEAT,
            .worker_heartbeat = { .session = lease_session(1), .silent = all } });
    unsigned lost = count_said(&t, "job_lost");
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_lt(lost, MANY);
    lease_register(&t, (struct worker){ .session = 1, .capacity = MANY });
    unsigned returned = count_said(&t, "job_returned");
    ck_assert_uint_gt(returned, 0);
    lease_register(&t, (struct worker){ .session = 1, .capacity = MANY });
    ck_assert_uint_eq(lost + returned + count_said(&t, "job_returned"), MANY);
    trace_close(&t);
}
END_TEST

/* Its gateway began anew, and it names one of the two that it has. */
START_TEST(what_it_names_is_not_recalled)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 2, .recall = true });
    lease_offer(&t, (struct offered){ .run = 1 });
    lease_offer(&t, (struct offered){ .run = 2 });
    trace_hello(&t, ACTOR_gateway, 0, RESYNC_NEW_LIFE);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 1,
                           .capacity = 2,
                           .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none),
                           .recall = true });
    struct bytes recalled =
        trace_sent(&t, WORKER_REGISTERED)->worker_registered.recalled;
    struct bytes second = lease_held(&t, lease_token_of(&t, 2, 1, 1, 1), none);
    ck_assert(bytes_equal(recalled, second));
    trace_close(&t);
}
END_TEST

/* More than are kept, so that some lie where others lay. */
START_TEST(a_token_is_the_same_whether_it_is_kept_or_not)
{
    const uint8_t secret[SECRET_SIZE] = { 7 };
    struct arena arena = { 0 };
    struct tokens *tokens = tokens_new(secret);
    struct lease_name read, name = { lease_run(1), 0, 1, 1, lease_session(1) };
    for (uint32_t i = 0; i < 20000; i++) {
        name.step = i % 10000;
        struct bytes token = lease_token(secret, &name, &arena);
        uint8_t forged[LEASE_TOKEN_SIZE];
        memcpy(forged, token.data, sizeof forged);
        forged[i % LEASE_TOKEN_SIZE] ^= 1;
        ck_assert(!tokens_read(tokens, bytes_of(forged, sizeof forged), &read));
        ck_assert(bytes_equal(tokens_make(tokens, &name, &arena), token));
        ck_assert(!tokens_read(tokens, bytes_of(forged, sizeof forged), &read));
        ck_assert(!lease_token_read(secret, bytes_of(forged, sizeof forged), &read));
        ck_assert(tokens_read(tokens, token, &read));
        ck_assert(lease_token_read(secret, token, &read));
        ck_assert_uint_eq(read.step, name.step);
        ck_assert(id_equal(&read.session, &name.session));
        arena_reset(&arena);
    }
    ck_assert(!tokens_read(tokens, text("token"), &read));
    ck_assert(!lease_token_read(secret, text("token"), &read));
    tokens_free(&tokens);
    arena_free(&arena);
}
END_TEST

/* All but the last: that one never arrived.  Each is looked for once. */
START_TEST(a_session_may_speak_of_very_many_jobs)
{
    enum { JOBS = 20000 };
    struct trace t;
    struct buffer held = { 0 };
    lease_story_open(&t);
    t.config.session_jobs_max = JOBS;
    lease_register(&t, (struct worker){ .session = 1, .capacity = JOBS });
    pack_array(&held, JOBS - 1);
    for (unsigned run = 1; run <= JOBS; run++) {
        lease_offer(&t, (struct offered){ .run = run });
        if (run < JOBS)
            pack_blob(&held, lease_token_of(&t, run, 1, 1, 1));
    }
    trace_wait(&t, 20000);
    trace_skip(&t);
    lease_heartbeat(&t, 1, buffer_bytes(&held));
    buffer_free(&held);
    trace_skip(&t);
    struct id last = lease_run(JOBS);
    ck_assert(id_equal(&trace_sent(&t, JOB_RETURNED)->job_returned.run, &last));
    ck_assert_uint_eq(trace_sent(&t, HEARTBEAT_ANSWER)->heartbeat_answer.lost.size, 0);
    trace_close(&t);
}
END_TEST

START_TEST(of_very_many_jobs_a_list_has_those_that_are_held_longest)
{
    enum { JOBS = 3000, LISTED = 2048 };
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = JOBS });
    for (unsigned run = 1; run <= JOBS; run++)
        lease_offer(&t, (struct offered){ .run = run });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_LIST, .worker_list = { .request = 9 } });
    struct bytes document = trace_sent(&t, DOCUMENT)->document.document;
    struct cursor items = cursor_over(pack_find(document, "items"));
    ck_assert_uint_eq(cursor_array(&items), 1);
    struct bytes session = cursor_skip(&items);
    struct cursor jobs = cursor_over(pack_find(session, "jobs"));
    struct cursor busy = cursor_over(pack_find(session, "busy"));
    ck_assert_uint_eq(cursor_array(&jobs), LISTED);
    ck_assert_uint_eq(cursor_u64(&busy), JOBS);
    trace_close(&t);
}
END_TEST

Suite *
lease_claims_suite(void)
{
    Suite *suite = suite_create("lease claims");
    TCase *tests = tcase_create("lease claims");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_list_of_leases_that_is_broken_off_counts_as_far_as_it_goes);
    tcase_add_test(tests, who_names_only_leases_like_it_does_not_have_it);
    tcase_add_test(tests, only_the_lease_that_is_waited_for_is_adopted);
    tcase_add_test(tests, a_lease_of_a_partition_that_does_not_exist_is_lost);
    tcase_add_test(tests, silence_counts_only_of_a_lease_of_the_session);
    tcase_add_test(tests, a_worker_that_is_not_known_is_neither_ready_nor_gone);
    tcase_add_test(tests, nobody_has_room_for_more_than_session_jobs_max);
    tcase_add_test(tests, the_name_of_a_worker_that_lost_its_connection_is_free);
    tcase_add_test(tests, who_is_leaving_is_known_no_more);
    tcase_add_test(tests, only_the_gateway_that_began_anew_has_no_connections);
    tcase_add_test(tests, a_later_offer_replaces_an_earlier_one_whoever_holds_it);
    tcase_add_test(
        tests, what_is_settled_of_an_open_job_releases_it_only_if_it_was_reported);
    tcase_add_test(tests, what_is_due_first_is_done_first);
    tcase_add_test(tests, many_leases_are_adopted_over_several_heartbeats);
    tcase_add_test(tests, many_leases_are_recalled_over_several_heartbeats);
    tcase_add_test(
        tests, many_leases_are_heard_lost_and_returned_as_far_as_a_turn_goes);
    tcase_add_test(tests, what_it_names_is_not_recalled);
    tcase_add_test(tests, a_token_is_the_same_whether_it_is_kept_or_not);
    tcase_add_test(tests, a_session_may_speak_of_very_many_jobs);
    tcase_add_test(tests, of_very_many_jobs_a_list_has_those_that_are_held_longest);
    suite_add_tcase(suite, tests);
    return suite;
}
