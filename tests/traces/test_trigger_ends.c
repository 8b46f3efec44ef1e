/* Goal: schedulers know in which projects somebody listens for the ends of runs; an end
 * is an event once, however often it is told, and starts what listens for it.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "base/json_write.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

static void
tell_end(struct trace *t, unsigned run, enum run_status status)
{
    struct id id = story_run(run);
    struct run_ended ended = {
        .end = id_derive(&id, 1),
        .run = id,
        .automation = story_automation(2),
        .name = text("a"),
        .version = 1,
        .status = status,
        .attempt = 1,
        .output = story_json("{\"n\": 1}"),
    };
    trace_give(t, ACTOR_scheduler, run % 2,
        (struct message){ .code = RUN_ENDED, .run_ended = ended });
}

static const struct plan_event completed = {
    .event_type = { (const uint8_t *)"run.completed", 13 }
};

START_TEST(each_scheduler_is_told_where_somebody_listens)
{
    struct trace t;
    struct plan_event more = { .event_type = text("run.*") };
    story_open(&t);
    story_subscribe(&t, 1, "one", &completed);
    trace_expect_only(&t, "ends_wanted",
        "1000000 -> scheduler.0 ends_wanted wanted=1\n"
        "1000000 -> scheduler.1 ends_wanted partition=1 wanted=1\n");
    story_subscribe(&t, 2, "two", &more);
    trace_expect_only(&t, "ends_wanted", "");
    trace_crash(&t);
    trace_hello(&t, ACTOR_scheduler, 1, 1);
    trace_expect_only(
        &t, "ends_wanted", "1000000 -> scheduler.1 ends_wanted partition=1 wanted=1\n");
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, NULL, 0);
    trace_expect_only(&t, "ends_wanted", "");
    story_offer(&t, 2, 2, AUTOMATION_ARCHIVED, NULL, 0);
    /* Who does not know yet hears it when he tells one. */
    tell_end(&t, 1, RUN_DONE);
    trace_expect_only(
        &t, "ends_wanted", "1000000 -> scheduler.1 ends_wanted partition=1\n");
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    trace_expect_only(&t, "ends_wanted", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_step_that_waits_listens_too)
{
    struct trace t;
    story_open(&t);
    story_wait(&t, 1, "run.failed", NULL, NULL, 0, 0);
    trace_expect_only(&t, "ends_wanted",
        "1000000 -> scheduler.0 ends_wanted wanted=1\n"
        "1000000 -> scheduler.1 ends_wanted partition=1 wanted=1\n");
    tell_end(&t, 2, RUN_BROKEN);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 1);
    story_withdraw(&t, 1);
    tell_end(&t, 4, RUN_BROKEN);
    trace_expect_only(&t, "ends_wanted", "1000000 -> scheduler.0 ends_wanted\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_end_is_one_event_and_fires_once)
{
    struct trace t;
    story_open(&t);
    story_subscribe(&t, 1, "one", &completed);
    trace_skip(&t);
    story_count(&t, TRIGGER_FIRED);
    tell_end(&t, 1, RUN_DONE);
    struct id run = story_run(1), end = id_derive(&run, 1);
    trace_name(&t, &end, "END1");
    trace_expect_only(&t, "event_kept",
        "1000000 event_kept number=1 id=end_00000000fmf3g80wt99yaf0j30 "
        "type=run.completed source=engine data=(…) record=2\n");
    trace_crash(&t);
    tell_end(&t, 1, RUN_DONE);
    trace_expect(&t, "1000000 -> scheduler.1 end_taken end=END1\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    tell_end(&t, 2, RUN_BROKEN);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(what_an_end_fires_is_an_echo_also_when_it_is_told_again)
{
    struct trace t;
    struct plan_event any = { .event_type = text("*") };
    story_open(&t);
    story_subscribe(&t, 1, "one", &completed);
    story_subscribe(&t, 2, "any", &any);
    story_count(&t, TRIGGER_FIRED);
    tell_end(&t, 1, RUN_DONE);
    /* Who names anything does not hear it. */
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_crash(&t);
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    trace_hello(&t, ACTOR_scheduler, 1, 1);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.echo, 1);
    story_take_fire(&t, NULL);
    story_publish(&t, NULL, "order.paid", "{}");
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.echo, 0);
    trace_close(&t);
}
END_TEST

START_TEST(nobody_else_publishes_an_end_and_none_is_kept_for_nobody)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, NULL, "run.completed", "{}");
    ck_assert_uint_eq(story_count(&t, REFUSED), 1);
    story_publish(&t, NULL, "run.seen", "{}");
    ck_assert_uint_eq(story_count(&t, REFUSED), 0);
    trace_skip(&t);
    tell_end(&t, 1, RUN_STOPPED);
    trace_expect_only(&t, "event_kept", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_project_without_such_listeners_is_not_told_of)
{
    struct trace t;
    struct plan_event other = { .event_type = text("a") };
    story_open(&t);
    struct id first = t.project;
    story_subscribe(&t, 1, "one", &completed);
    for (unsigned i = 2; i < 6; i++) {
        uint8_t name[1] = { (uint8_t)('0' + i) };
        t.project = id_of_name(bytes_of(name, 1));
        story_subscribe(&t, i, "other", &other);
    }
    trace_crash(&t);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    trace_hello(&t, ACTOR_scheduler, 1, 1);
    ck_assert(id_equal(&trace_sent(&t, ENDS_WANTED)->envelope.project, &first));
    ck_assert_uint_eq(story_count(&t, ENDS_WANTED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_name_that_begins_like_an_end_is_no_echo)
{
    struct trace t;
    struct plan_event seen = { .event_type = text("run.seen") };
    story_open(&t);
    story_subscribe(&t, 1, "one", &seen);
    story_publish(&t, NULL, "run.seen", "{}");
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.echo, 0);
    trace_close(&t);
}
END_TEST

/* Somebody else hears the end, so it is told. */
START_TEST(a_wait_for_anything_does_not_hear_an_end)
{
    struct trace t;
    story_open(&t);
    story_subscribe(&t, 1, "one", &completed);
    story_wait(&t, 1, "*", NULL, NULL, 0, 0);
    tell_end(&t, 2, RUN_DONE);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    story_wait(&t, 3, "*", NULL, NULL, 0, 0);
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(an_end_tells_what_failed_and_whose_child_it_was)
{
    static const struct {
        const char *step, *output, *shown;
        bool child;
    } rows[] = {
        { "", NULL,
            "\"parent_run_id\":null,\"started_at\":null,\"finished_at\":null,"
            "\"stop_reason\":\"\",\"error\":{\"type\":\"T\",\"message\":\"m\","
            "\"step\":null},\"output\":null}",
            false },
        { "s", "1",
            "\"parent_run_id\":\"run_00000000fme0080g000c000000\",\"started_at\":null,"
            "\"finished_at\":null,\"stop_reason\":\"\",\"error\":{\"type\":\"T\","
            "\"message\":\"m\",\"step\":\"s\"},\"output\":1}",
            true },
    };
    struct trace t;
    struct plan_event failed = { .event_type = text("run.failed") };
    story_open(&t);
    story_subscribe(&t, 1, "one", &failed);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct buffer out = { 0 };
        struct run_ended ended = { .end = story_run(4 + i),
            .run = story_run(4 + i),
            .status = RUN_BROKEN,
            .error_type = text("T"),
            .error_message = text("m"),
            .failed_step = text(rows[i].step),
            .output = story_json(rows[i].output) };
        if (rows[i].child)
            ended.parent = story_run(3);
        trace_give(&t, ACTOR_scheduler, 0,
            (struct message){ .code = RUN_ENDED, .run_ended = ended });
        struct bytes data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
        ck_assert_int_eq(msgpack_to_json(data, &out), ERR_NONE);
        buffer_append(&out, "", 1);
        const char *from = strstr((const char *)out.data, "\"parent_run_id\"");
        ck_assert_str_eq(from, rows[i].shown);
        buffer_free(&out);
    }
    trace_close(&t);
}
END_TEST

TCase *
trigger_ends_case(void)
{
    TCase *tcase = tcase_create("ends");
    tcase_add_test(tcase, each_scheduler_is_told_where_somebody_listens);
    tcase_add_test(tcase, a_step_that_waits_listens_too);
    tcase_add_test(tcase, an_end_is_one_event_and_fires_once);
    tcase_add_test(tcase, what_an_end_fires_is_an_echo_also_when_it_is_told_again);
    tcase_add_test(tcase, nobody_else_publishes_an_end_and_none_is_kept_for_nobody);
    tcase_add_test(tcase, a_project_without_such_listeners_is_not_told_of);
    tcase_add_test(tcase, a_name_that_begins_like_an_end_is_no_echo);
    tcase_add_test(tcase, a_wait_for_anything_does_not_hear_an_end);
    tcase_add_test(tcase, an_end_tells_what_failed_and_whose_child_it_was);
    return tcase;
}
