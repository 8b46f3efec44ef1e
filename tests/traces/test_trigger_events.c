/* Goal: events are kept in order and once, and fire event triggers exactly once.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "base/json_write.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

START_TEST(an_event_gets_a_number_and_the_same_id_twice_is_one)
{
    struct trace t;
    story_open(&t);
    story_publish(&t, "x", "a.b", "{\"n\": 1}");
    trace_expect(&t, "1000000 event_kept number=1 id=x type=a.b data=(…) record=1\n"
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
        &t, "event_kept", "1000000 event_kept number=2 type=a.b data=(…) record=2\n");
    trace_close(&t);
}
END_TEST

static void
ask(struct trace *t, uint64_t request, uint64_t question, const char *id)
{
    struct event_publish publish = {
        .request = request, .question = question, .id = text(id), .type = text("a")
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
}

/* A gateway asks again when we begin anew, and hears what the life before had not
 * said. */
START_TEST(an_event_that_is_asked_for_again_is_kept_once)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    story_open(&t);
    t.config.events_kept_ms = 1000;
    story_subscribe(&t, 1, "m", &config);
    trace_skip(&t);
    ask(&t, 7, 7, "");
    ask(&t, 8, 8, "x");
    trace_crash(&t);
    ask(&t, 9, 7, "");
    ask(&t, 10, 8, "x");
    ask(&t, 11, 11, "x");
    trace_expect_only(&t, " document",
        "1000000 -> gateway document request=7 document=(…) created=1\n"
        "1000000 -> gateway document request=8 document=(…) created=1\n"
        "1000000 -> gateway document request=9 document=(…) created=1\n"
        "1000000 -> gateway document request=10 document=(…) created=1\n"
        "1000000 -> gateway document request=11 document=(…)\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    trace_wait(&t, 1000);
    ask(&t, 12, 7, "");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
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
    trace_expect_only(&t, "event_kept",
        "1010000 event_kept number=3 id=a type=a data=(…) record=4\n");
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

START_TEST(an_expression_sees_the_event_and_its_meta_alone)
{
    static const struct {
        const char *inputs, *refusal;
    } rows[] = {
        { "{\"x\": \"{{ . }}\"}", "inputs: x: everything at once is no value here" },
        { "{\"x\": \"${{ inputs.x }}\"}", "inputs: x: there is no inputs" },
        { "{\"x\": \"${{ event.x }}${{ event.x }}\"}", "inputs: x: " },
    };
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    story_open(&t);
    t.config.payload_max = 40;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct plan_trigger trigger =
            story_trigger("m", "event", &plan_event_shape, &config);
        struct trigger_list asked = { .request = 3, .name = text("a") };
        trigger.inputs = story_json(rows[i].inputs);
        story_offer(&t, 1, 1 + i, AUTOMATION_ACTIVE, &trigger, 1);
        story_publish(&t, NULL, "a", "{\"x\": \"01234567890123456789\"}");
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = TRIGGER_LIST, .trigger_list = asked });
        struct cursor items = cursor_over(
            pack_find(trace_sent(&t, DOCUMENT)->document.document, "items"));
        cursor_array(&items);
        struct cursor why = cursor_over(pack_find(cursor_skip(&items), "last_refusal"));
        struct bytes refusal = cursor_text(&why);
        ck_assert_msg(bytes_begin(refusal, text(rows[i].refusal)), "%.*s",
            (int)refusal.size, (const char *)refusal.data);
    }
    trace_close(&t);
}
END_TEST

/* {"event_type": "x", "n": 1, 5: 6}: nobody says who an event is but the engine. */
START_TEST(of_meta_what_is_ours_and_what_has_no_name_is_left_out)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct event_publish publish = { .request = 7,
        .type = text("a"),
        .meta = text("\x83\xaa"
                     "event_type\xa1x\xa1n\x01\x05\x06") };
    struct buffer out = { 0 };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    ck_assert_int_eq(
        msgpack_to_json(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.meta, &out),
        ERR_NONE);
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data,
        "{\"n\":1,\"event_type\":\"a\",\"event_source\":\"\",\"event_number\":1,"
        "\"source_event_id\":\"\",\"event_at\":\"1970-01-01T00:16:40.000Z\"}");
    buffer_free(&out);
    trace_close(&t);
}
END_TEST

/* It comes while an event before it is still being told, over many turns. */
START_TEST(a_trigger_that_comes_amid_a_long_event_does_not_hear_it)
{
    enum { MANY = 100, LAST = 250 };
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    struct event_publish publish = { .request = 1, .type = text("a") };
    struct id last = story_automation(LAST);
    story_open(&t);
    story_widen(&t);
    for (unsigned i = 1; i <= MANY; i++)
        story_offer(&t, i, 1, AUTOMATION_ACTIVE, &trigger, 1);
    t.kept_count = 0;
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    story_offer(&t, LAST, 1, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), MANY);
    story_publish(&t, NULL, "a", "{}");
    ck_assert(
        id_equal(&trace_sent(&t, TRIGGER_FIRED)->trigger_fired.automation, &last));
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), MANY + 1);
    trace_close(&t);
}
END_TEST

/* The index holds some of the pairs; all must be there. */
START_TEST(a_trigger_with_a_large_match_wants_all_of_it)
{
    enum { PAIRS = 80 };
    struct trace t;
    struct buffer json = { 0 };
    struct plan_event config = { .event_type = text("a") };
    story_open(&t);
    for (unsigned last = 1; last < 4; last++) {
        buffer_clear(&json);
        for (unsigned i = 0; i < PAIRS; i++)
            buffer_print(&json, "%s\"p%02u\": %u", i > 0 ? ", " : "{", i,
                i == PAIRS - 1 ? last % 2 : i);
        buffer_append(&json, "}", 2);
        if (last == 1) {
            config.match = story_json((const char *)json.data);
            story_subscribe(&t, 1, "m", &config);
        }
        story_publish(&t, NULL, "a", (const char *)json.data);
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), last % 2);
    }
    buffer_free(&json);
    trace_close(&t);
}
END_TEST

START_TEST(a_large_event_is_said_once_in_a_turn)
{
    enum { MANY = 4 };
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct buffer data = { 0 };
    struct arena arena = { 0 };
    story_open(&t);
    t.config.payload_max = 4 << 20;
    for (unsigned i = 1; i <= MANY; i++)
        story_subscribe(&t, i, "m", &config);
    pack_map(&data, 1);
    pack_string(&data, "k");
    pack_text(&data, bytes_of(arena_take(&arena, 3 << 20), 3 << 20));
    struct event_publish publish = {
        .request = 7, .type = text("a"), .data = buffer_bytes(&data)
    };
    uint64_t before = journal_last(t.journal);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), MANY);
    ck_assert_uint_ge(journal_last(t.journal) - before, MANY);
    /* Told again, too. */
    trace_crash(&t);
    before = journal_last(t.journal);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), MANY);
    ck_assert_uint_ge(journal_last(t.journal) - before, MANY);
    buffer_free(&data);
    arena_free(&arena);
    trace_close(&t);
}
END_TEST

/* Who hears it and says nothing is work, too; the project before has none. */
START_TEST(a_turn_asks_a_bounded_number_of_listeners)
{
    enum { MANY = 300 };
    struct trace t;
    struct id first;
    story_open(&t);
    first = t.project;
    struct id other = id_of_name(text("another"));
    bool behind = memcmp(other.bytes, first.bytes, ID_SIZE) > 0;
    t.project = behind ? first : other;
    story_publish(&t, NULL, "b", "{}");
    t.project = behind ? other : first;
    for (unsigned i = 1; i <= MANY; i++)
        story_wait(&t, i, "a", NULL, "event.n > 1", 0, 0);
    story_count(&t, WAIT_MATCHED);
    uint64_t before = journal_last(t.journal);
    story_publish(&t, NULL, "a", "{\"n\": 1}");
    ck_assert_uint_eq(story_count(&t, WAIT_MATCHED), 0);
    ck_assert_uint_eq(journal_last(t.journal) - before, 2);
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

/* Whoever hears of a fire takes no more than two payloads: its data and its inputs. */
START_TEST(a_batch_fires_before_it_is_larger_than_a_payload)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .batch_max = 10 };
    char data[1000];
    story_open(&t);
    t.config.payload_max = 1024;
    story_subscribe(&t, 1, "m", &config);
    snprintf(data, sizeof data, "{\"x\":\"%0400d\"}", 0);
    story_publish(&t, NULL, "a", data);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    snprintf(data, sizeof data, "{\"x\":\"%0900d\"}", 0);
    story_publish(&t, NULL, "a", data);
    const struct trigger_fired *last = &trace_sent(&t, TRIGGER_FIRED)->trigger_fired;
    struct cursor count = cursor_over(pack_find(last->data, "count"));
    ck_assert_uint_eq(cursor_u64(&count), 1);
    ck_assert_uint_eq(last->event, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
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
    tcase_add_test(c, an_event_that_is_asked_for_again_is_kept_once);
    tcase_add_test(c, what_is_no_event_is_refused);
    tcase_add_test(c, events_expire_by_time_and_by_size);
    tcase_add_test(c, an_event_fires_the_triggers_that_it_fits);
    tcase_add_test(c, inputs_are_mapped_and_what_cannot_be_is_said);
    tcase_add_test(c, a_condition_that_cannot_be_evaluated_is_said_once_in_a_row);
    tcase_add_test(c, a_trigger_hears_what_comes_after_it_and_while_it_is_active);
    tcase_add_test(c, debounce_fires_with_the_last_event_of_a_quiet_group);
    tcase_add_test(c, throttle_fires_with_the_first_event_and_rests);
    tcase_add_test(c, a_batch_fires_when_it_is_full_or_old);
    tcase_add_test(c, a_batch_fires_before_it_is_larger_than_a_payload);
    tcase_add_test(c, what_is_held_for_a_trigger_that_changed_is_dropped);
    tcase_add_test(c, an_event_that_fires_many_fires_each_once);
    tcase_add_test(c, an_expression_sees_the_event_and_its_meta_alone);
    tcase_add_test(c, of_meta_what_is_ours_and_what_has_no_name_is_left_out);
    tcase_add_test(c, a_trigger_that_comes_amid_a_long_event_does_not_hear_it);
    tcase_add_test(c, a_trigger_with_a_large_match_wants_all_of_it);
    tcase_add_test(c, a_large_event_is_said_once_in_a_turn);
    tcase_add_test(c, a_turn_asks_a_bounded_number_of_listeners);
    tcase_add_test(c, pages_of_the_stream_hold_what_the_pattern_fits);
    return c;
}
