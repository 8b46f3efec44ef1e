/* Goal: events are kept in order and once, and fire event triggers exactly once.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

START_TEST(an_event_gets_a_number_and_the_same_id_twice_is_one)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, "x", "a.b", "{\"n\": 1}");
    trace_expect(&t, "1000000 event_kept number=1 id=x type=a.b data=(…)\n"
                     "1000000 -> gateway stream_changed number=1\n"
                     "1000000 -> gateway document request=7 document=(…) created=1\n"
                     "1000000 event_routed number=1 whole=1\n");
    trace_crash(&t);
    story_publish(&t, "x", "a.b", "{\"n\": 1}");
    trace_expect(&t, "1000000 -> gateway document request=7 document=(…)\n");
    struct bytes number =
        pack_find(trace_sent(&t, DOCUMENT)->document.document, "number");
    ck_assert_uint_eq(number.data[0], 1);
    story_publish(&t, NULL, "a.b", "{}");
    trace_expect_only(
        &t, "event_kept", "1000000 event_kept number=2 type=a.b data=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_no_event_is_refused)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, NULL, "a b", "{}");
    story_publish(&t, NULL, "a", "[]");
    trace_expect_only(&t, "event_kept", "");
    ck_assert_uint_eq(story_count(&t, REFUSED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(events_expire_by_time_and_by_size)
{
    struct trace t;
    story_open(&t);
    t.config.events_kept_ms = 10000;
    t.config.events_kept_bytes = 3 * 150;
    story_publish(&t, "a", "a", "{}");
    trace_wait(&t, 5000);
    story_publish(&t, "b", "a", "{}");
    trace_skip(&t);
    trace_wait(&t, 5000);
    trace_expect(&t, "1010000 events_expired through=1\n");
    /* Its id may be used again. */
    story_publish(&t, "a", "a", "{}");
    trace_expect_only(
        &t, "event_kept", "1010000 event_kept number=3 id=a type=a data=(…)\n");
    for (unsigned i = 0; i < 3; i++)
        story_publish(&t, NULL, "a", "{}");
    trace_expect_only(&t, "expired",
        "1010000 events_expired through=2\n"
        "1010000 events_expired through=3\n");
    trace_crash(&t);
    trace_skip(&t);
    trace_wait(&t, 10000);
    trace_expect(&t, "1020000 events_expired through=6\n");
    trace_wait(&t, 100000);
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(an_event_fires_the_triggers_that_it_fits)
{
    struct trace t;
    struct plan_event one = { .event_type = text("github.*"),
        .match = story_json("{\"repo.name\": \"capstan\"}"),
        .condition = text("event.stars > 5") };
    struct plan_event other = { .event_type = text("github.push"),
        .source = text("elsewhere") };
    story_open(&t);
    story_subscribe(&t, 1, "one", &one);
    story_subscribe(&t, 2, "other", &other);
    trace_skip(&t);
    story_publish(
        &t, NULL, "github.push", "{\"repo\": {\"name\": \"capstan\"}, \"stars\": 5}");
    story_publish(
        &t, NULL, "github.push", "{\"repo\": {\"name\": \"other\"}, \"stars\": 9}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_skip(&t);
    story_publish(
        &t, NULL, "github.push", "{\"repo\": {\"name\": \"capstan\"}, \"stars\": 6}");
    const struct trigger_fired *fired = &trace_sent(&t, TRIGGER_FIRED)->trigger_fired;
    trace_name(&t, &fired->run, "FIRED");
    ck_assert_uint_eq(fired->event, 3);
    ck_assert(bytes_equal(fired->inputs, fired->data));
    story_take_fire(&t, NULL);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_expect_only(&t, "fire_settled",
        "1000000 fire_settled automation=AUT1 trigger=one slot_ms=1000000 event=3\n");
    trace_close(&t);
}
END_TEST

START_TEST(inputs_are_mapped_and_what_cannot_be_is_said)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    trigger.inputs = story_json(
        "{\"who\": \"${{ event.user.name }}\", \"n\": \"{{ .meta.event_number }}\"}");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    story_publish(&t, NULL, "a", "{\"user\": {\"name\": \"ann\"}}");
    struct bytes inputs = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.inputs;
    ck_assert(bytes_equal(inputs, story_json("{\"who\": \"ann\", \"n\": 1}")));
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_expect_only(&t, "fire_settled",
        "1000000 fire_settled automation=AUT1 trigger=m slot_ms=1000000 event=2 "
        "refusal=\"inputs: who: there is no event.user\"\n");
    trace_close(&t);
}
END_TEST

/* However many events it passes over. */
START_TEST(a_condition_that_cannot_be_evaluated_is_said_once_in_a_row)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"),
        .condition = text("event.n > 1") };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    trace_skip(&t);
    for (unsigned i = 0; i < 3; i++)
        story_publish(&t, NULL, "a", "{}");
    trace_expect_only(&t, "fire_settled",
        "1000000 fire_settled automation=AUT1 trigger=m slot_ms=1000000 event=1 "
        "refusal=\"condition: there is no event.n\"\n");
    story_publish(&t, NULL, "a", "{\"n\": 1}");
    trace_expect_only(&t, "fire_settled", "");
    trace_crash(&t);
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{}");
    trace_expect_only(&t, "fire_settled", "");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "a", "{\"n\": 2}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_trigger_hears_what_comes_after_it_and_while_it_is_active)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    story_open(&t);
    story_publish(&t, NULL, "a", "{}");
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, &trigger, 1);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_offer(&t, 1, 3, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    story_offer(&t, 1, 4, AUTOMATION_ACTIVE, NULL, 0);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(debounce_fires_with_the_last_event_of_a_quiet_group)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .debounce_ms = 1000, .group = text("${{ event.g }}")
    };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{\"g\": 1, \"n\": 1}");
    trace_expect_only(&t, "held",
        "1000000 event_held automation=AUT1 trigger=m number=1 group=(…) "
        "due_ms=1001000 "
        "alone=1\n");
    trace_wait(&t, 600);
    story_publish(&t, NULL, "a", "{\"g\": 1, \"n\": 2}");
    story_publish(&t, NULL, "a", "{\"g\": 2, \"n\": 3}");
    trace_crash(&t);
    trace_wait(&t, 999);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_wait(&t, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    ck_assert_uint_eq(t.now_ms, 1001600);
    trace_wait(&t, 100000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(throttle_fires_with_the_first_event_and_rests)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .throttle_ms = 1000 };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_crash(&t);
    trace_wait(&t, 999);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_skip(&t);
    trace_wait(&t, 1);
    trace_expect(&t, "1001000 hold_ended automation=AUT1 trigger=m\n");
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_batch_fires_when_it_is_full_or_old)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .batch_max = 3, .batch_ms = 5000
    };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    for (unsigned i = 0; i < 2; i++)
        story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "a", "{}");
    struct bytes data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
    struct cursor count = cursor_over(pack_find(data, "count"));
    ck_assert_uint_eq(cursor_u64(&count), 3);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_wait(&t, 10000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "a", "{}");
    trace_wait(&t, 1000);
    story_publish(&t, NULL, "a", "{}");
    trace_crash(&t);
    trace_wait(&t, 3999);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_wait(&t, 1);
    data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
    count = cursor_over(pack_find(data, "count"));
    ck_assert_uint_eq(cursor_u64(&count), 2);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 5);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_held_for_a_trigger_that_changed_is_dropped)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .debounce_ms = 1000 };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    story_publish(&t, NULL, "a", "{}");
    config.debounce_ms = 2000;
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(&t);
    trace_wait(&t, 5000);
    trace_expect(&t, "1001000 hold_ended automation=AUT1 trigger=m\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

/* 100 automations listen; each fires once, though it takes more than a turn. */
START_TEST(an_event_that_fires_many_fires_each_once)
{
    enum { MANY = 100 };
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    size_t fired[MANY + 1] = { 0 };
    story_open(&t);
    story_widen(&t);
    for (unsigned i = 1; i <= MANY; i++)
        story_offer(&t, i, 1, AUTOMATION_ACTIVE, &trigger, 1);
    t.kept_count = 0;
    story_publish(&t, NULL, "a", "{}");
    story_publish(&t, NULL, "a", "{}");
    for (size_t i = 0; i < t.kept_count; i++)
        for (unsigned n = 1; n <= MANY && t.kept[i].code == TRIGGER_FIRED; n++) {
            struct id id = story_automation(n);
            fired[n] += id_equal(&id, &t.kept[i].trigger_fired.automation);
        }
    for (unsigned n = 1; n <= MANY; n++)
        ck_assert_uint_eq(fired[n], 2);
    trace_close(&t);
}
END_TEST

START_TEST(pages_of_the_stream_hold_what_the_pattern_fits)
{
    struct trace t;
    struct stream_list asked = {
        .request = 9, .limit = 2, .type = text("a.*"), .after = 1
    };
    story_open(&t);
    for (unsigned i = 0; i < 4; i++) {
        story_publish(&t, NULL, "a.b", "{}");
        story_publish(&t, NULL, "b", "{}");
    }
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = STREAM_LIST, .stream_list = asked });
    struct bytes page = trace_sent(&t, DOCUMENT)->document.document;
    struct cursor items = cursor_over(pack_find(page, "items"));
    struct cursor next = cursor_over(pack_find(page, "next_after"));
    struct cursor more = cursor_over(pack_find(page, "has_more"));
    ck_assert_uint_eq(cursor_array(&items), 2);
    ck_assert_uint_eq(cursor_u64(&next), 5);
    ck_assert(cursor_bool(&more));
    trace_close(&t);
}
END_TEST

TCase *
trigger_events_case(void)
{
    TCase *c = tcase_create("events");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_event_gets_a_number_and_the_same_id_twice_is_one);
    tcase_add_test(c, what_is_no_event_is_refused);
    tcase_add_test(c, events_expire_by_time_and_by_size);
    tcase_add_test(c, an_event_fires_the_triggers_that_it_fits);
    tcase_add_test(c, inputs_are_mapped_and_what_cannot_be_is_said);
    tcase_add_test(c, a_condition_that_cannot_be_evaluated_is_said_once_in_a_row);
    tcase_add_test(c, a_trigger_hears_what_comes_after_it_and_while_it_is_active);
    tcase_add_test(c, debounce_fires_with_the_last_event_of_a_quiet_group);
    tcase_add_test(c, throttle_fires_with_the_first_event_and_rests);
    tcase_add_test(c, a_batch_fires_when_it_is_full_or_old);
    tcase_add_test(c, what_is_held_for_a_trigger_that_changed_is_dropped);
    tcase_add_test(c, an_event_that_fires_many_fires_each_once);
    tcase_add_test(c, pages_of_the_stream_hold_what_the_pattern_fits);
    return c;
}
