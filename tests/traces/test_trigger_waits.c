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

/* Its fact has it once; its row, which is written again when it listens, no more. */
START_TEST(what_a_wait_compares_is_given_up_with_it)
{
    struct trace t;
    static char match[5001];
    memset(match, 'x', sizeof match - 1);
    memcpy(match, "{\"a\": \"", 7);
    memcpy(match + sizeof match - 3, "\"}", 3);
    story_open(&t);
    story_wait(&t, 1, "a", match, NULL, 0, 0);
    ck_assert_uint_eq(story_puts(&t, story_json(match)), 2);
    story_withdraw(&t, 1);
    ck_assert_uint_eq(story_puts(&t, story_json(match)), 1);
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

START_TEST(matches_of_each_project_are_told_again)
{
    struct trace t;
    story_open(&t);
    for (unsigned i = 1; i < 6; i += 2) {
        uint8_t name[1] = { (uint8_t)i };
        t.project = id_of_name(bytes_of(name, 1));
        story_wait(&t, i, "a", NULL, NULL, 0, 0);
        story_publish(&t, NULL, "a", "{}");
    }
    trace_crash(&t);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert(id_equal(&trace_sent(&t, WAIT_MATCHED)->envelope.project, &t.project));
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 3);
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

/* A wait of RUN1, whatever else it says. */
static void
offer_wait(struct trace *t, struct wait_offered offered)
{
    offered.run = story_run(1);
    offered.step = 3;
    offered.attempt = 1;
    trace_give(t, ACTOR_scheduler, 1,
        (struct message){ .code = WAIT_OFFERED, .wait_offered = offered });
}

START_TEST(a_wait_hears_only_its_source_and_type)
{
    struct trace t;
    struct event_publish publish = { .request = 1, .type = text("a.b.c") };
    struct wait_offered offered = { .event_type = text("a.*.c"), .source = text("s") };
    story_open(&t);
    offer_wait(&t, offered);
    story_publish(&t, NULL, "a.b", "{}");
    story_publish(&t, NULL, "a.b.c", "{}");
    publish.source = text("r");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    publish.source = text("s");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 4);
    /* And in what came before, too. */
    story_withdraw(&t, 1);
    offer_wait(&t, offered);
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 4);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_wait_hears_nothing_up_to_a_number_and_before_a_moment)
{
    struct trace t;
    story_open(&t);
    story_wait(&t, 1, "a", NULL, NULL, STORY_BEGIN_MS + 10, 0);
    story_wait(&t, 2, "a", NULL, NULL, 0, 2);
    for (unsigned i = 0; i < 2; i++)
        story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    story_publish(&t, NULL, "a", "{}");
    struct id run = story_run(2);
    ck_assert(id_equal(&trace_sent(&t, WAIT_MATCHED)->wait_matched.run, &run));
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 1);
    trace_wait(&t, 10);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 4);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_of_another_type_is_looked_at_once)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, NULL, "a", "{}");
    story_publish(&t, NULL, "b", "{}");
    trace_skip(&t);
    story_wait(&t, 1, "a", "{\"x\": 1}", NULL, 0, 0);
    story_wait(&t, 2, "c*", NULL, NULL, 0, 0);
    trace_expect_only(&t, "wait_looked",
        "1000000 wait_looked run=RUN1 step=3 attempt=1 number=2 whole=1\n"
        "1000000 wait_looked run=RUN2 step=3 attempt=1 number=2 whole=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_look_back_that_was_left_amid_is_gone_on_with)
{
    struct trace t;
    struct wait_learned learned = {
        .run = story_run(1), .step = 3, .attempt = 1, .event_type = text("a")
    };
    struct wait_looked looked = { .run = learned.run, .step = 3, .attempt = 1 };
    story_open(&t);
    story_publish(&t, NULL, "a", "{}");
    trace_recorded(
        &t, (struct message){ .code = WAIT_LEARNED, .wait_learned = learned });
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    trace_recorded(&t, (struct message){ .code = WAIT_LOOKED, .wait_looked = looked });
    ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 1);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 1);
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

/* `data` and `match` as msgpack: what JSON cannot say, too. */
static const struct {
    const char *match, *data;
    bool holds;
} matches[] = {
    { "{}", "{\"a\": 1}", true },
    { "[]", "{\"a\": 1}", true },
    { "{\"a\": 1}", "{}", false },
    { "{\"a\": 1}", "[]", false },
    { "{\"a\": 1}", "7", false },
    { "{\"a\": -5}", "{\"a\": -5.0}", true },
    { "{\"a\": -5}", "{\"a\": 5}", false },
    { "{\"a\": 1.5}", "{\"a\": 1.5}", true },
    { "{\"a\": 1e300}", "{\"a\": 1e300}", true },
    { "{\"a\": -1e300}", "{\"a\": 1e300}", false },
    { "{\"a\": null, \"b\": true}", "{\"b\": true, \"a\": null}", true },
    { "{\"a\": {\"x\": 1, \"y\": [2, {}]}}", "{\"a\": {\"y\": [2.0, {}], \"x\": 1.0}}",
        true },
    { "{\"a\": {\"x\": 1, \"y\": 2}}", "{\"a\": {\"x\": 2, \"y\": 1}}", false },
    { "{\"a\": [1, 2]}", "{\"a\": [2, 1]}", false },
    { "{\"a.1.b\": 3}", "{\"a\": [0, {\"b\": 3}]}", true },
    { "{\"a.0.b\": 3}", "{\"a\": [0, {\"b\": 3}]}", false },
    { "{\"a.2\": 3}", "{\"a\": [0, 3]}", false },
    { "{\"a.x\": 3}", "{\"a\": [3]}", false },
    { "{\"a./\": 3}", "{\"a\": [3]}", false },
    { "{\"a.\": 3}", "{\"a\": [3]}", false },
    { "{\"a.0000001\": 3}", "{\"a\": [0, 3]}", false },
    { "{\"a.b\": 3}", "{\"a\": 7}", false },
    { "{\"a.\": 3}", "{\"a\": {\"\": 3}}", true },
    { "{\"\": 3}", "{\"\": 3}", true },
};

/* The index finds the wait exactly if the match holds. */
START_TEST(a_match_holds_if_all_its_values_are_there)
{
    struct trace t;
    size_t met = 0;
    story_open(&t);
    struct bytes match = story_json(matches[_i].match);
    struct listener listener = { LISTENER_WAIT, story_run(1), 0, 1, { 0 } };
    struct walk walk = {
        .journal = t.journal,
        .project = t.project,
        .type = text("order.paid"),
        .data = story_json(matches[_i].data),
        .self = &met,
        .each = count_listener,
    };
    ck_assert(match_holds(match, walk.data) == matches[_i].holds);
    listener_add(t.journal, &t.project, text("order.*"), match, &listener);
    listener_add(t.journal, &t.project, text("order.*"), match, &listener);
    ck_assert(listeners_walk(&walk));
    ck_assert_uint_eq(met, matches[_i].holds);
    listener_drop(t.journal, &t.project, text("order.*"), match, &listener);
    listener_drop(t.journal, &t.project, text("order.*"), match, &listener);
    walk.at_size = 0;
    ck_assert(listeners_walk(&walk));
    ck_assert_uint_eq(met, matches[_i].holds);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_no_match_or_no_data_holds_for_nobody)
{
    static const struct {
        const char *match, *data;
        size_t match_size, data_size;
        bool holds;
    } rows[] = {
        { "", "\x80", 0, 1, true },
        /* Bytes; keys that are no texts; data that is cut. */
        { "\x81\xa1"
          "a\xc4\x01x",
            "\x81\xa1"
            "a\xc4\x01x",
            6, 6, true },
        { "\x81\xa1"
          "a\xc4\x01x",
            "\x81\xa1"
            "a\xc4\x01y",
            6, 6, false },
        { "\x81\xa1"
          "5\x01",
            "\x82\x05\x01\xa1"
            "5\x01",
            4, 6, true },
        { "\x81\xa1"
          "5\x01",
            "\x81\x05\x01", 4, 3, false },
        { "\x81\x05\x01", "\x81\x05\x01", 3, 3, false },
        { "\x82\xa1"
          "a\x01\xa1",
            "\x81\xa1"
            "a\x01",
            5, 4, false },
        { "\x81\xa1"
          "a\x01",
            "\x82\xa1", 4, 2, false },
        { "\x81\xa3"
          "a.1\x01",
            "\x81\xa1"
            "a\x92\xa2",
            6, 5, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert_msg(match_holds(bytes_of(rows[i].match, rows[i].match_size),
                          bytes_of(rows[i].data, rows[i].data_size))
                          == rows[i].holds,
            "row %zu", i);
}
END_TEST

/* Only some pairs are in the index; maps beyond some size are compared in their order.
 */
START_TEST(a_large_match_is_compared_whole)
{
    struct buffer json = { 0 }, other = { 0 };
    buffer_print(&json, "{\"a\": {");
    for (unsigned i = 0; i < 70; i++)
        buffer_print(&json, "%s\"k%u\": %u", i > 0 ? ", " : "", i, i);
    buffer_append_bytes(&other, buffer_bytes(&json));
    buffer_print(&json, "}");
    buffer_print(&other, ", \"more\": 1}");
    for (unsigned i = 0; i < 80; i++) {
        buffer_print(&json, ", \"p%u\": %u", i, i);
        buffer_print(&other, ", \"p%u\": %u", i, i);
    }
    buffer_append(&json, "}", 2);
    buffer_append(&other, "}", 2);
    struct bytes match = story_json((char *)json.data);
    struct bytes data = story_json((char *)other.data);
    struct trace t;
    size_t met = 0;
    story_open(&t);
    struct listener listener = { LISTENER_WAIT, story_run(1), 0, 1, { 0 } };
    struct walk walk = { .journal = t.journal,
        .project = t.project,
        .type = text("a"),
        .data = match,
        .self = &met,
        .each = count_listener };
    listener_add(t.journal, &t.project, text("a"), match, &listener);
    ck_assert(match_holds(match, match) && !match_holds(match, data));
    ck_assert(listeners_walk(&walk));
    ck_assert_uint_eq(met, 1);
    listener_drop(t.journal, &t.project, text("a"), match, &listener);
    trace_close(&t);
    buffer_free(&json);
    buffer_free(&other);
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
        { "a*", "a", true },
        { "a**", "a", true },
        { "a*b", "a", false },
        { "ab", "a", false },
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
    ck_assert(event_type_right(text("azAZ09_-:.b")));
    static const char outside[] = "/;@[`{ \x80";
    for (size_t i = 0; i < sizeof outside; i++)
        ck_assert(!event_type_right(bytes_of(&outside[i], 1)));
    char longer[EVENT_TYPE_MAX + 1];
    memset(longer, 'a', sizeof longer);
    ck_assert(event_type_right(bytes_of(longer, EVENT_TYPE_MAX)));
    ck_assert(!event_type_right(bytes_of(longer, EVENT_TYPE_MAX + 1)));
    ck_assert(pattern_is_literal(text("")) && pattern_is_literal(text("a.b")));
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
    tcase_add_test(c, what_a_wait_compares_is_given_up_with_it);
    tcase_add_test(c, a_wait_looks_back_no_further_than_its_moment_and_number);
    tcase_add_test(c, a_match_is_told_until_it_is_taken);
    tcase_add_test(c, matches_of_each_project_are_told_again);
    tcase_add_test(c, a_wait_that_is_withdrawn_gets_nothing);
    tcase_add_test(c, an_event_that_many_wait_for_reaches_each_once);
    tcase_add_test(c, a_wait_that_comes_amid_a_long_event_misses_nothing);
    tcase_add_test(c, a_long_look_back_goes_on_over_many_turns);
    tcase_add_test(c, a_wait_hears_only_its_source_and_type);
    tcase_add_test(c, a_wait_hears_nothing_up_to_a_number_and_before_a_moment);
    tcase_add_test(c, what_is_of_another_type_is_looked_at_once);
    tcase_add_test(c, a_look_back_that_was_left_amid_is_gone_on_with);
    tcase_add_test(c, an_event_meets_only_those_who_want_its_values);
    tcase_add_loop_test(
        c, a_match_holds_if_all_its_values_are_there, 0, COUNT(matches));
    tcase_add_test(c, what_is_no_match_or_no_data_holds_for_nobody);
    tcase_add_test(c, a_large_match_is_compared_whole);
    tcase_add_test(c, patterns_fit_what_they_say);
    return c;
}
