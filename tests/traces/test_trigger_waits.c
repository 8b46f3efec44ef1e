/* Goal: a step that waits for an event gets it exactly once, whenever it comes.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "actors/trigger/listeners.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <stdio.h>

START_TEST(an_event_before_the_wait_is_found_by_looking_back)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, "a", "order.paid", "{\"order\": 1}");
    story_publish(&t, "b", "order.paid", "{\"order\": 2}");
    trace_skip(&t);
    story_wait(&t, 1, "order.paid", "{\"order\": 2}", NULL, 0, 0);
    trace_expect(&t,
        "1000000 wait_learned run=RUN1 step=3 attempt=1 event_type=order.paid "
        "match=(…)\n"
        "1000000 -> scheduler.1 wait_known run=RUN1 step=3 attempt=1 open=1\n"
        "1000000 -> scheduler.1 wait_matched run=RUN1 step=3 attempt=1 number=2 "
        "type=order.paid data=(…) meta=(…)\n");
    story_take_match(&t, 1);
    trace_expect(&t, "1000000 wait_forgotten run=RUN1 step=3 attempt=1\n");
    story_publish(&t, "c", "order.paid", "{\"order\": 2}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(an_event_after_the_wait_finds_it)
{
    struct trace t;
    story_open(&t);
    story_wait(&t, 1, "order.*", "{\"order.id\": 2}", "event.sum > 3", 0, 0);
    trace_expect_only(
        &t, "wait_looked", "1000000 wait_looked run=RUN1 step=3 attempt=1 whole=1\n");
    story_publish(&t, NULL, "order.paid", "{\"order\": {\"id\": 3}, \"sum\": 9}");
    story_publish(&t, NULL, "order.paid", "{\"order\": {\"id\": 2}, \"sum\": 3}");
    story_publish(&t, NULL, "order", "{\"order\": {\"id\": 2}, \"sum\": 9}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    story_publish(
        &t, NULL, "order.sent.late", "{\"order\": {\"id\": 2.0}, \"sum\": 4}");
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 4);
    story_publish(&t, NULL, "order.paid", "{\"order\": {\"id\": 2}, \"sum\": 4}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_wait_looks_back_no_further_than_its_moment_and_number)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, NULL, "a", "{}");
    trace_wait(&t, 1000);
    story_publish(&t, NULL, "a", "{}");
    story_publish(&t, NULL, "a", "{}");
    story_wait(&t, 1, "a", NULL, NULL, STORY_BEGIN_MS + 1, 0);
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 2);
    story_wait(&t, 2, "*", NULL, NULL, 0, 2);
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 3);
    story_count(&t, WAIT_MATCHED);
    story_wait(&t, 3, "a", NULL, NULL, t.now_ms + 1, 0);
    story_wait(&t, 4, "a", NULL, NULL, 0, 3);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    trace_wait(&t, 1);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_match_is_told_until_it_is_taken)
{
    struct trace t;
    static const char matched[] =
        "1000000 -> scheduler.1 wait_matched run=RUN1 step=3 attempt=1 number=1 type=a "
        "data=(…) meta=(…)\n";
    story_open(&t);
    story_wait(&t, 1, "a", NULL, NULL, 0, 0);
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{\"x\": 1}");
    trace_expect_only(&t, "wait_matched", matched);
    trace_crash(&t);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->", "");
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    trace_expect_only(&t, "->", matched);
    story_wait(&t, 1, "a", NULL, NULL, 0, 0);
    trace_expect(
        &t, "1000000 -> scheduler.1 wait_known run=RUN1 step=3 attempt=1 open=1\n");
    story_take_match(&t, 1);
    story_take_match(&t, 1);
    trace_expect(&t, "1000000 wait_forgotten run=RUN1 step=3 attempt=1\n");
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    trace_expect_only(&t, "->", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_wait_that_is_withdrawn_gets_nothing)
{
    struct trace t;
    story_open(&t);
    story_wait(&t, 1, "a", NULL, NULL, 0, 0);
    trace_skip(&t);
    story_withdraw(&t, 1);
    story_withdraw(&t, 1);
    trace_expect(&t, "1000000 wait_forgotten run=RUN1 step=3 attempt=1\n"
                     "1000000 -> scheduler.1 wait_known run=RUN1 step=3 attempt=1\n"
                     "1000000 -> scheduler.1 wait_known run=RUN1 step=3 attempt=1\n");
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    trace_close(&t);
}
END_TEST

/* More than a turn may say, from one event; crashes in between. */
START_TEST(an_event_that_many_wait_for_reaches_each_once)
{
    enum { MANY = 200 };
    struct trace t;
    size_t told[MANY + 1] = { 0 };
    story_open(&t);
    for (unsigned i = 1; i <= MANY; i++)
        story_wait(&t, i, i % 3 == 0 ? "a.*" : "a.b", i % 5 == 0 ? "{\"x\": 1}" : NULL,
            NULL, 0, 0);
    story_count(&t, WAIT_MATCHED);
    uint64_t before = journal_last(t.journal);
    story_publish(&t, NULL, "a.b", "{\"x\": 1}");
    ck_assert_uint_ge(journal_last(t.journal) - before, 4);
    for (size_t i = 0; i < t.kept_count; i++)
        for (unsigned run = 1; run <= MANY && t.kept[i].code == WAIT_MATCHED; run++) {
            struct id id = story_run(run);
            told[run] += id_equal(&id, &t.kept[i].wait_matched.run);
        }
    for (unsigned run = 1; run <= MANY; run++)
        ck_assert_uint_eq(told[run], 1);
    trace_close(&t);
}
END_TEST

/* While the consequences of an event are said over many turns, a wait comes. */
START_TEST(a_wait_that_comes_amid_a_long_event_misses_nothing)
{
    enum { MANY = 150 };
    struct trace t;
    story_open(&t);
    for (unsigned i = 1; i <= MANY; i++)
        story_wait(&t, i, "a", NULL, NULL, 0, 0);
    story_count(&t, WAIT_MATCHED);
    struct event_publish publish = { .request = 1, .type = text("a") };
    struct wait_offered offered = {
        .run = story_run(512), /* before those that have heard it already */
        .step = 3,
        .attempt = 1,
        .event_type = text("a"),
    };
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    trace_give(&t, ACTOR_scheduler, 0,
        (struct message){ .code = WAIT_OFFERED, .wait_offered = offered });
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), MANY + 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_long_look_back_goes_on_over_many_turns)
{
    enum { MANY = 600 };
    struct trace t;
    story_open(&t);
    for (unsigned i = 1; i <= MANY; i++) {
        story_publish(&t, NULL, "noise", "{}");
        t.kept_count = 0;
    }
    story_publish(&t, NULL, "noise", "{\"x\": 1}");
    t.kept_count = 0;
    trace_skip(&t);
    story_wait(&t, 1, "n*", "{\"x\": 1}", NULL, 0, 0);
    trace_expect_only(&t, "wait_",
        "1000000 wait_learned run=RUN1 step=3 attempt=1 event_type=n* match=(…)\n"
        "1000000 -> scheduler.1 wait_known run=RUN1 step=3 attempt=1 open=1\n"
        "1000000 wait_looked run=RUN1 step=3 attempt=1 number=256\n"
        "1000000 wait_looked run=RUN1 step=3 attempt=1 number=512\n"
        "1000000 -> scheduler.1 wait_matched run=RUN1 step=3 attempt=1 number=601 "
        "type=noise data=(…) meta=(…)\n");
    trace_close(&t);
}
END_TEST

static bool
count_listener(void *self, const struct listener *listener)
{
    ++*(size_t *)self;
    return listener->kind == LISTENER_WAIT;
}

/* 20,000 waits on one type: an event meets the one that wants its value. */
START_TEST(an_event_meets_only_those_who_want_its_values)
{
    enum { MANY = 20000 };
    struct trace t;
    char json[64];
    size_t met = 0;
    story_open(&t);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(json, sizeof json, "{\"order.id\": %u, \"kind\": \"x\"}", i);
        struct bytes match = story_json(json);
        struct listener listener = { LISTENER_WAIT, story_run(i), 0, 1, { 0 } };
        listener_add(t.journal, &t.project, text("order.paid"), match, &listener);
    }
    struct walk walk = {
        .journal = t.journal,
        .project = t.project,
        .type = text("order.paid"),
        .data = story_json("{\"kind\": \"x\", \"order\": {\"id\": 77}}"),
        .self = &met,
        .each = count_listener,
    };
    ck_assert(listeners_walk(&walk));
    ck_assert_uint_eq(met, 1);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(json, sizeof json, "{\"order.id\": %u, \"kind\": \"x\"}", i);
        struct bytes match = story_json(json);
        struct listener listener = { LISTENER_WAIT, story_run(i), 0, 1, { 0 } };
        listener_drop(t.journal, &t.project, text("order.paid"), match, &listener);
    }
    met = 0;
    walk.at_size = 0;
    ck_assert(listeners_walk(&walk));
    ck_assert_uint_eq(met, 0);
    trace_close(&t);
}
END_TEST

START_TEST(patterns_fit_what_they_say)
{
    static const struct {
        const char *pattern, *type;
        bool fits;
    } rows[] = {
        { "github.push", "github.push", true },
        { "github.*", "github.push", true },
        { "github.*", "github.pull_request.opened", true },
        { "github.*", "github", false },
        { "github.*", "gitlab.push", false },
        { "*", "anything.at.all", true },
        { "*.opened", "github.pull_request.opened", true },
        { "*.opened", "github.pull_request.closed", false },
        { "a.*.c", "a.b.b.c", true },
        { "a.*.c", "a.c", false },
        { "a*", "ab.c", true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert_msg(
            type_fits(text(rows[i].pattern), text(rows[i].type)) == rows[i].fits,
            "%s %s", rows[i].pattern, rows[i].type);
    ck_assert(event_type_right(text("github.pull_request.opened")));
    ck_assert(!event_type_right(text("github..opened")));
    ck_assert(!event_type_right(text(".a")));
    ck_assert(!event_type_right(text("a.")));
    ck_assert(!event_type_right(text("a.*")));
    ck_assert(!event_type_right(text("")));
}
END_TEST

TCase *
trigger_waits_case(void)
{
    TCase *c = tcase_create("waits");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_event_before_the_wait_is_found_by_looking_back);
    tcase_add_test(c, an_event_after_the_wait_finds_it);
    tcase_add_test(c, a_wait_looks_back_no_further_than_its_moment_and_number);
    tcase_add_test(c, a_match_is_told_until_it_is_taken);
    tcase_add_test(c, a_wait_that_is_withdrawn_gets_nothing);
    tcase_add_test(c, an_event_that_many_wait_for_reaches_each_once);
    tcase_add_test(c, a_wait_that_comes_amid_a_long_event_misses_nothing);
    tcase_add_test(c, a_long_look_back_goes_on_over_many_turns);
    tcase_add_test(c, an_event_meets_only_those_who_want_its_values);
    tcase_add_test(c, patterns_fit_what_they_say);
    return c;
}
