/* Goal: at most as many jobs of a queue are out as its limit says, whatever lane they
 * are of, and whichever life of the lease actor granted them.
 * Method: every grant is compared; the limit and the leases come in either order. */
#include "actors/lease/state.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const struct bytes none = { 0 };

/* Nothing is known of before: this life has yet to hear of limits and leases. */
static void
begin_anew(struct trace *t)
{
    trace_restart(t);
    lease_limit(t, "gpu", 1);
    trace_skip(t);
}

static void
know_limits(struct trace *t)
{
    trace_give(t, ACTOR_registry, 0, (struct message){ .code = QUEUES_COMPLETE });
}

static void
know_leases(struct trace *t, uint64_t life)
{
    trace_give(t, ACTOR_scheduler, 0,
        (struct message){ .code = LEASES_TOLD, .leases_told = { 0, life } });
}

/* A lease that lasts is told. */
static void
expect_granted(struct trace *t, const char *said)
{
    trace_wait(t, 2);
    trace_expect_only(t, "job_leased", said);
}

/* Two lanes of queue gpu, each with two jobs, and a worker with room for all. */
static void
open_limited(struct trace *t, uint32_t limit)
{
    lease_story_open(t);
    lease_limit(t, "gpu", limit);
    lease_register(t, (struct worker){ .session = 1, .queue = "gpu", .capacity = 4 });
    trace_skip(t);
    for (unsigned run = 1; run <= 4; run++)
        lease_offer(t, (struct offered){ .run = run,
                           .lane = 1 + run / 3,
                           .queue = "gpu",
                           .action = run < 3 ? "train" : "render",
                           .order = run });
}

static void
settle(struct trace *t, unsigned run)
{
    lease_settle(t, run, 1, 1, 1, VERDICT_ACCEPTED, true);
}

START_TEST(no_more_jobs_of_a_queue_are_out_than_its_limit_says)
{
    struct trace t;
    open_limited(&t, 2);
    expect_granted(&t,
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "2 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 session=S1 worker=w1\n");
    settle(&t, 2);
    expect_granted(&t,
        "4 -> scheduler.0 job_leased run=R3 attempt=1 offer=1 session=S1 worker=w1\n");
    lease_return(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    expect_granted(&t,
        "6 -> scheduler.0 job_leased run=R4 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_queue_without_a_limit_is_not_held_up)
{
    struct trace t;
    open_limited(&t, 1);
    trace_wait(&t, 2);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 2 });
    lease_offer(&t, (struct offered){ .run = 5, .lane = 3 });
    expect_granted(&t,
        "4 -> scheduler.0 job_leased run=R5 attempt=1 offer=1 session=S2 worker=w2\n");
    /* The same name in another project is another queue. */
    t.project = id_of_name(text("elsewhere"));
    lease_register(&t, (struct worker){ .session = 3, .queue = "gpu" });
    lease_offer(&t, (struct offered){ .run = 6, .lane = 4, .queue = "gpu" });
    expect_granted(&t,
        "6 -> scheduler.0 job_leased run=R6 attempt=1 offer=1 session=S3 worker=w3\n");
    trace_close(&t);
}
END_TEST

START_TEST(another_limit_holds_at_once_and_takes_nothing_back)
{
    struct trace t;
    open_limited(&t, 3);
    trace_wait(&t, 2);
    trace_skip(&t);
    lease_limit(&t, "gpu", 1);
    settle(&t, 1);
    settle(&t, 2);
    expect_granted(&t, "");
    settle(&t, 3);
    expect_granted(&t,
        "6 -> scheduler.0 job_leased run=R4 attempt=1 offer=1 session=S1 worker=w1\n");
    lease_offer(&t, (struct offered){ .run = 5, .queue = "gpu", .action = "train" });
    expect_granted(&t, "");
    lease_limit(&t, "gpu", 0);
    expect_granted(&t,
        "10 -> scheduler.0 job_leased run=R5 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(nothing_is_granted_before_the_limits_are_known)
{
    struct trace t;
    lease_story_open(&t);
    trace_restart(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    lease_offer(&t, (struct offered){ .run = 1 });
    expect_granted(&t, "");
    know_limits(&t);
    expect_granted(&t,
        "4 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(leases_of_an_earlier_life_count)
{
    struct trace t;
    lease_story_open(&t);
    begin_anew(&t);
    know_limits(&t);
    lease_register(&t, (struct worker){ .session = 1, .queue = "gpu", .capacity = 4 });
    lease_offer(&t, (struct offered){ .run = 1, .queue = "gpu", .order = 1 });
    /* Who says so said it to an earlier life. */
    know_leases(&t, 7);
    expect_granted(&t, "");
    lease_offer(&t, (struct offered){ .run = 2, .queue = "gpu", .leased = 2 });
    know_leases(&t, 0);
    expect_granted(&t, "");
    /* Nobody claims that one. */
    trace_wait(&t, 29000);
    lease_heartbeat(&t, 1, none);
    trace_skip(&t);
    trace_wait(&t, 1000);
    expect_granted(&t, "30004 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 "
                       "session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_of_which_only_the_token_is_known_counts_when_its_queue_is)
{
    struct trace t;
    lease_story_open(&t);
    begin_anew(&t);
    know_limits(&t);
    lease_register(
        &t, (struct worker){ .session = 1,
                .queue = "gpu",
                .capacity = 4,
                .held = lease_held(&t, lease_token_of(&t, 2, 1, 1, 1), none) });
    expect_granted(&t, "0 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 "
                       "session=S1 worker=w1 unknown=1\n");
    lease_offer(&t, (struct offered){ .run = 2, .queue = "gpu", .leased = 1 });
    lease_offer(&t, (struct offered){ .run = 1, .queue = "gpu", .order = 1 });
    know_leases(&t, 0);
    expect_granted(&t, "");
    settle(&t, 2);
    expect_granted(&t,
        "6 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(leases_that_were_not_said_are_waited_for_as_long_as_one_lasts)
{
    struct trace t;
    lease_story_open(&t);
    begin_anew(&t);
    know_limits(&t);
    lease_register(&t, (struct worker){ .session = 1, .queue = "gpu" });
    lease_offer(&t, (struct offered){ .run = 1, .queue = "gpu" });
    trace_wait(&t, 29000);
    lease_heartbeat(&t, 1, none);
    expect_granted(&t, "");
    trace_wait(&t, 1000);
    expect_granted(&t, "30002 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 "
                       "session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_star_stands_for_the_rest_of_a_queues_name)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(
        &t, (struct worker){ .session = 1, .queue = "mail.*", .capacity = 9 });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .queue = "mail" });
    lease_offer(&t, (struct offered){ .run = 2, .lane = 2, .queue = "email.now" });
    expect_granted(&t, "");
    lease_offer(&t, (struct offered){ .run = 3, .lane = 3, .queue = "mail.now" });
    expect_granted(&t,
        "4 -> scheduler.0 job_leased run=R3 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

static const struct message *
list(struct trace *t, enum message_code code)
{
    struct message asked = { .code = code };
    if (code == QUEUE_LIST)
        asked.queue_list.request = 5;
    else
        asked.worker_list.request = 5;
    trace_give(t, ACTOR_gateway, 0, asked);
    return trace_sent(t, DOCUMENT);
}

static size_t
count_items(const struct message *answer)
{
    struct cursor in = cursor_over(pack_find(answer->document.document, "items"));
    return cursor_array(&in);
}

static void
expect_totals(struct trace *t, const char *expected)
{
    struct buffer json = { 0 };
    struct bytes document = list(t, WORKER_LIST)->document.document;
    ck_assert_int_eq(msgpack_to_json(pack_find(document, "totals"), &json), ERR_NONE);
    buffer_append(&json, "", 1);
    ck_assert_str_eq((const char *)json.data, expected);
    buffer_free(&json);
}

START_TEST(the_list_of_queues_says_how_many_jobs_are_out)
{
    struct trace t;
    struct buffer json = { 0 };
    open_limited(&t, 2);
    lease_limit(&t, "", 1);
    lease_offer(&t, (struct offered){ .run = 5, .lane = 4 });
    ck_assert_int_eq(
        msgpack_to_json(list(&t, QUEUE_LIST)->document.document, &json), ERR_NONE);
    buffer_append(&json, "", 1);
    ck_assert_str_eq((const char *)json.data,
        "{\"items\":[{\"name\":\"gpu\",\"concurrency\":2,\"out\":2},"
        "{\"name\":\"\",\"concurrency\":1,\"out\":0},"
        "{\"name\":\"default\",\"concurrency\":null,\"out\":0}]}");
    buffer_free(&json);
    t.project = id_of_name(text("elsewhere"));
    ck_assert_uint_eq(count_items(list(&t, QUEUE_LIST)), 0);
    trace_restart(&t);
    trace_skip(&t);
    (void)list(&t, QUEUE_LIST);
    trace_expect(&t, "0 -> gateway refused request=5 err=15 detail=\"the limits of "
                     "queues are not known yet\"\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_list_has_a_thousand_items_at_most)
{
    struct trace t;
    char name[16], label[4001] = { 0 };
    lease_story_open(&t);
    for (unsigned i = 0; i < 1001; i++) {
        snprintf(name, sizeof name, "q%u", i);
        lease_limit(&t, name, 1);
        lease_register(&t, (struct worker){ .session = i });
    }
    ck_assert_uint_eq(count_items(list(&t, QUEUE_LIST)), 1000);
    ck_assert_uint_eq(count_items(list(&t, WORKER_LIST)), 1000);
    lease_offer(&t, (struct offered){ .run = 9, .lane = 9 });
    expect_totals(&t, "{\"sessions\":1001,\"connected\":1001,\"concurrency\":1001,"
                      "\"busy\":1}");
    lease_gone(&t, 0, false);
    expect_totals(&t, "{\"sessions\":1001,\"connected\":1000,\"concurrency\":1000,"
                      "\"busy\":1}");
    memset(label, 'l', sizeof label - 1);
    for (unsigned i = 0; i < 200; i++)
        lease_register(&t, (struct worker){ .session = i, .label = label });
    ck_assert_uint_lt(list(&t, WORKER_LIST)->document.document.size, 1024 * 1024);
    ck_assert_uint_lt(count_items(list(&t, WORKER_LIST)), 1000);
    trace_close(&t);
}
END_TEST

START_TEST(limits_are_known_once_and_leases_of_each_scheduler)
{
    struct trace t;
    trace_make(&t, &lease_actor);
    t.without_journal = true;
    t.config.schedulers = 2;
    trace_open(&t);
    know_limits(&t);
    lease_limit(&t, "gpu", 1);
    lease_limit(&t, "free", 0);
    lease_register(&t, (struct worker){ .session = 1, .queue = "gpu" });
    lease_offer(&t, (struct offered){ .run = 1, .queue = "gpu" });
    know_leases(&t, 0);
    trace_give(&t, ACTOR_scheduler, 1,
        (struct message){ .code = LEASES_TOLD, .leases_told = { 2, 0 } });
    trace_wait(&t, 29000);
    know_limits(&t);
    lease_heartbeat(&t, 1, none);
    expect_granted(&t, "");
    trace_wait(&t, 1000);
    ck_assert_uint_eq(trace_sent(&t, JOB_GRANTED)->job_granted.attempt, 1);
    trace_close(&t);
}
END_TEST

/* A worker's lists are its own words. */
START_TEST(of_a_list_that_is_not_one_of_texts_the_texts_count)
{
    struct trace t;
    lease_story_open(&t);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_REGISTER,
            .worker_register = { .request = 7,
                .session = lease_session(1),
                .instance = text("w"),
                .capacity = 9,
                .queues = text("\x94\xa0\xa3gpu\x07\x07"),
                .actions = text("\x92\x07\xa1x") } });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .queue = "gpu" });
    expect_granted(&t,
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w\n");
    lease_offer(
        &t, (struct offered){ .run = 2, .lane = 2, .queue = "gpu", .action = "y" });
    lease_offer(&t, (struct offered){ .run = 3, .lane = 3, .queue = "cpu" });
    expect_granted(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(who_is_full_is_passed_over)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 1 });
    lease_register(&t, (struct worker){ .session = 2, .capacity = 3 });
    for (unsigned run = 1; run <= 4; run++)
        lease_offer(&t, (struct offered){ .run = run, .order = run });
    expect_granted(&t,
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "2 -> scheduler.0 job_leased run=R2 attempt=1 offer=1 session=S2 worker=w2\n"
        "2 -> scheduler.0 job_leased run=R3 attempt=1 offer=1 session=S2 worker=w2\n"
        "2 -> scheduler.0 job_leased run=R4 attempt=1 offer=1 session=S2 worker=w2\n");
    trace_close(&t);
}
END_TEST

/* A job of each of so many kinds and queues comes and is over. */
static void
pass_by(struct trace *t, unsigned first, unsigned kinds)
{
    char queue[16];
    for (unsigned n = first; n < first + kinds; n++) {
        snprintf(queue, sizeof queue, "q%u", n);
        lease_offer(t, (struct offered){ .run = n, .lane = n, .queue = queue });
        lease_withdraw(t, n, 1);
    }
}

START_TEST(kinds_and_queues_of_which_there_is_no_job_are_forgotten)
{
    enum { MANY = 2000 };
    struct trace t;
    lease_story_open(&t);
    const struct lease_state *s = t.state;
    lease_register(&t, (struct worker){ .session = 1, .queue = "q*" });
    lease_offer(&t, (struct offered){ .run = 1, .queue = "q1", .lane = 1 });
    lease_offer(&t, (struct offered){ .run = 2, .queue = "q2", .lane = 2 });
    lease_limit(&t, "q3", 1);
    pass_by(&t, 10, MANY);
    ck_assert_uint_le(s->table.lanes.count, TABLE_FEW + 2);
    ck_assert_uint_le(s->table.queues.by_key.count, TABLE_FEW + QUEUES_FEW + 4);
    /* What is open is granted, what is out counts, and what is limited stays so. */
    ck_assert_ptr_nonnull(queues_find(&s->table.queues, &t.project, text("q3")));
    ck_assert_uint_eq(queues_find(&s->table.queues, &t.project, text("q1"))->out, 1);
    trace_skip(&t);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_ACCEPTED, true);
    ck_assert_uint_eq(trace_sent(&t, JOB_GRANTED)->job_granted.step, 0);
    /* As many again as are in use may be idle. */
    for (unsigned n = MANY; n < MANY + TABLE_FEW; n++)
        lease_offer(&t, (struct offered){ .run = n, .lane = n, .action = "other" });
    pass_by(&t, 2 * MANY, MANY);
    ck_assert_uint_ge(s->table.lanes.count, TABLE_FEW);
    ck_assert_uint_le(s->table.lanes.count, 2 * TABLE_FEW + 8);
    trace_close(&t);
}
END_TEST

Suite *
lease_queues_suite(void)
{
    Suite *suite = suite_create("lease queues");
    TCase *tests = tcase_create("lease queues");
    tcase_add_test(tests, no_more_jobs_of_a_queue_are_out_than_its_limit_says);
    tcase_add_test(tests, a_queue_without_a_limit_is_not_held_up);
    tcase_add_test(tests, another_limit_holds_at_once_and_takes_nothing_back);
    tcase_add_test(tests, nothing_is_granted_before_the_limits_are_known);
    tcase_add_test(tests, leases_of_an_earlier_life_count);
    tcase_add_test(
        tests, a_lease_of_which_only_the_token_is_known_counts_when_its_queue_is);
    tcase_add_test(
        tests, leases_that_were_not_said_are_waited_for_as_long_as_one_lasts);
    tcase_add_test(tests, a_star_stands_for_the_rest_of_a_queues_name);
    tcase_add_test(tests, the_list_of_queues_says_how_many_jobs_are_out);
    tcase_add_test(tests, a_list_has_a_thousand_items_at_most);
    tcase_add_test(tests, limits_are_known_once_and_leases_of_each_scheduler);
    tcase_add_test(tests, of_a_list_that_is_not_one_of_texts_the_texts_count);
    tcase_add_test(tests, who_is_full_is_passed_over);
    tcase_add_test(tests, kinds_and_queues_of_which_there_is_no_job_are_forgotten);
    suite_add_tcase(suite, tests);
    return suite;
}
