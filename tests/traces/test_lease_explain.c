/* Goal: of an open job it is said how near a session comes to taking it.
 * Method: one session more at a time, each a step nearer. */
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const char labels[] = "\x92\xa3"
                             "big\xa3gpu";

static struct bytes
word_in(const struct message *answer, const char *key)
{
    struct cursor in = cursor_over(pack_find(answer->document.document, key));
    return cursor_text(&in);
}

/* Such a job as nobody takes yet: film in media with two labels, in env_1. */
static void
expect(struct trace *t, const char *code, const char *reason)
{
    struct lane_explain asked = { 7, text("media"), text("film"), text(labels),
        text("env_1") };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = LANE_EXPLAIN, .lane_explain = asked });
    const struct message *answer = trace_sent(t, DOCUMENT);
    struct bytes said = word_in(answer, "code"), why = word_in(answer, "reason");
    ck_assert_uint_eq(answer->document.request, 7);
    ck_assert_msg(bytes_equal(said, text(code)), "%.*s", (int)said.size, said.data);
    ck_assert_msg(bytes_equal(why, text(reason)), "%.*s", (int)why.size, why.data);
}

static uint64_t
number_in(const struct trace *t, const char *key)
{
    const struct message *answer = trace_sent(t, DOCUMENT);
    struct cursor in = cursor_over(pack_find(answer->document.document, key));
    return cursor_u64(&in);
}

START_TEST(each_session_that_comes_nearer_changes_the_reason)
{
    struct trace t;
    lease_story_open(&t);
    expect(&t, "no_worker", "no worker is connected");
    lease_register(&t, (struct worker){ .session = 1, .action = "print" });
    expect(&t, "no_action", "no worker has action film");
    lease_register(
        &t, (struct worker){ .session = 2, .action = "film", .queue = "other" });
    expect(&t, "no_queue", "no worker with that action has queue media");
    lease_register(&t, (struct worker){ .session = 3, .queue = "media" });
    expect(&t, "no_label", "no such worker has label big");
    lease_register(
        &t, (struct worker){ .session = 4, .queue = "media", .label = "big" });
    expect(&t, "no_label", "no such worker has label gpu");
    lease_register(
        &t, (struct worker){ .session = 5, .queue = "media", .label = "gpu" });
    expect(&t, "no_label", "no such worker has all of the labels");
    ck_assert_uint_eq(number_in(&t, "sessions"), 5);
    ck_assert_uint_eq(number_in(&t, "could"), 0);
    trace_close(&t);
}
END_TEST

/* A simple job in the usual queue. */
static void
expect_simple(struct trace *t, const char *code, const char *reason)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = LANE_EXPLAIN,
            .lane_explain = {
                .request = 7, .queue = text("default"), .action = text("print") } });
    const struct message *answer = trace_sent(t, DOCUMENT);
    struct bytes said = word_in(answer, "code"), why = word_in(answer, "reason");
    ck_assert_msg(bytes_equal(said, text(code)), "%.*s", (int)said.size, said.data);
    ck_assert_msg(bytes_equal(why, text(reason)), "%.*s", (int)why.size, why.data);
}

START_TEST(who_takes_such_jobs_may_still_not_take_this_one)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .environment = "env_2" });
    expect_simple(&t, "no_environment", "such workers are of other environments only");
    lease_register(&t, (struct worker){ .session = 2 });
    expect_simple(&t, "about_to_be_taken", "a worker is about to take it");
    lease_offer(&t, (struct offered){ .run = 1, .action = "print" });
    expect_simple(&t, "workers_full", "the only worker that takes it is full");
    lease_ready(&t, 2, 0);
    expect_simple(&t, "workers_draining", "the only worker that takes it is draining");
    lease_register(&t, (struct worker){ .session = 3 });
    lease_gone(&t, 3, false);
    lease_gone(&t, 2, false);
    expect_simple(
        &t, "workers_silent", "all workers that take it have lost their connection");
    ck_assert_uint_eq(number_in(&t, "could"), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_queue_at_its_limit_says_who_holds_its_jobs)
{
    struct trace t;
    char why[200], id[2][ID_TEXT_MAX];
    struct id first = lease_run(1), second = lease_run(2);
    lease_story_open(&t);
    lease_limit(&t, "default", 2);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 3 });
    for (unsigned run = 1; run <= 3; run++)
        lease_offer(&t, (struct offered){ .run = run, .action = "print" });
    snprintf(why, sizeof why,
        "queue default is at its limit of 2: held by run %s, run %s",
        id_print(&first, "run_", id[0]), id_print(&second, "run_", id[1]));
    expect_simple(&t, "queue_full", why);
    lease_limit(&t, "default", 4);
    expect_simple(&t, "workers_full", "the only worker that takes it is full");
    trace_restart(&t);
    lease_limit(&t, "default", 2);
    trace_give(&t, ACTOR_registry, 0, (struct message){ .code = QUEUES_COMPLETE });
    lease_register(&t, (struct worker){ .session = 1, .capacity = 3 });
    expect_simple(&t, "queue_uncounted",
        "queue default has a limit, and who holds its jobs is not known again yet");
    trace_close(&t);
}
END_TEST

START_TEST(sessions_of_other_projects_do_not_count)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    t.project = id_of_name(text("elsewhere"));
    expect_simple(&t, "no_worker", "no worker is connected");
    trace_close(&t);
}
END_TEST

START_TEST(all_workers_or_the_only_one_are_in_the_way)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    lease_gone(&t, 1, false);
    expect_simple(
        &t, "workers_silent", "the only worker that takes it has lost its connection");
    lease_register(&t, (struct worker){ .session = 1 });
    lease_register(&t, (struct worker){ .session = 2 });
    for (unsigned run = 1; run <= 2; run++)
        lease_offer(&t, (struct offered){ .run = run });
    expect_simple(&t, "workers_full", "all workers that take it are full");
    lease_ready(&t, 1, 0);
    lease_ready(&t, 2, 0);
    expect_simple(&t, "workers_draining", "all workers that take it are draining");
    lease_register(&t, (struct worker){ .session = 3 });
    lease_offer(&t, (struct offered){ .run = 3 });
    expect_simple(&t, "workers_full",
        "of 3 workers that take it 1 is full, the rest draining or without a "
        "connection");
    lease_gone(&t, 3, false);
    expect_simple(&t, "workers_draining",
        "of 3 workers that take it 2 are draining, the rest without a connection");
    trace_close(&t);
}
END_TEST

/* A job without labels is refused for labels by nobody. */
START_TEST(an_environment_that_no_worker_has_is_named)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = LANE_EXPLAIN,
            .lane_explain = { .request = 7,
                .queue = text("default"),
                .action = text("print"),
                .environment = text("env_1") } });
    struct bytes why = word_in(trace_sent(&t, DOCUMENT), "reason");
    ck_assert(bytes_equal(why, text("no such worker is of environment env_1")));
    trace_close(&t);
}
END_TEST

START_TEST(a_label_of_a_worker_of_another_project_does_not_count)
{
    struct trace t;
    lease_story_open(&t);
    struct id here = t.project;
    t.project = id_of_name(text("elsewhere"));
    lease_register(
        &t, (struct worker){ .session = 1, .queue = "media", .label = "big" });
    t.project = here;
    lease_register(&t, (struct worker){ .session = 2, .queue = "media" });
    expect(&t, "no_label", "no such worker has label big");
    trace_close(&t);
}
END_TEST

START_TEST(of_many_who_hold_the_jobs_of_a_queue_three_are_named)
{
    struct trace t;
    lease_story_open(&t);
    lease_limit(&t, "default", 5);
    lease_register(&t, (struct worker){ .session = 1, .capacity = 5 });
    for (unsigned run = 1; run <= 5; run++)
        lease_offer(&t, (struct offered){ .run = run });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = LANE_EXPLAIN,
            .lane_explain = {
                .request = 7, .queue = text("default"), .action = text("print") } });
    struct bytes why = word_in(trace_sent(&t, DOCUMENT), "reason");
    static const char end[] = " and 2 more";
    ck_assert_uint_gt(why.size, sizeof end);
    ck_assert(bytes_equal(
        text(end), bytes_of(why.data + why.size - (sizeof end - 1), sizeof end - 1)));
    trace_close(&t);
}
END_TEST

/* Longer than any queue's name may be. */
START_TEST(a_queue_that_cannot_be_is_at_no_limit)
{
    struct trace t;
    char name[300];
    memset(name, 'q', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1, .queue = "q*" });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = LANE_EXPLAIN,
            .lane_explain = {
                .request = 7, .queue = text(name), .action = text("print") } });
    struct bytes code = word_in(trace_sent(&t, DOCUMENT), "code");
    ck_assert(bytes_equal(code, text("about_to_be_taken")));
    trace_close(&t);
}
END_TEST

Suite *
lease_explain_suite(void)
{
    Suite *suite = suite_create("lease explain");
    TCase *tests = tcase_create("lease explain");
    tcase_add_test(tests, each_session_that_comes_nearer_changes_the_reason);
    tcase_add_test(tests, who_takes_such_jobs_may_still_not_take_this_one);
    tcase_add_test(tests, a_queue_at_its_limit_says_who_holds_its_jobs);
    tcase_add_test(tests, sessions_of_other_projects_do_not_count);
    tcase_add_test(tests, all_workers_or_the_only_one_are_in_the_way);
    tcase_add_test(tests, an_environment_that_no_worker_has_is_named);
    tcase_add_test(tests, a_label_of_a_worker_of_another_project_does_not_count);
    tcase_add_test(tests, of_many_who_hold_the_jobs_of_a_queue_three_are_named);
    tcase_add_test(tests, a_queue_that_cannot_be_is_at_no_limit);
    suite_add_tcase(suite, tests);
    return suite;
}
