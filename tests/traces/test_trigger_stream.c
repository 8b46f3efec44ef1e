/* Goal: what is no event is refused, what is kept goes when its time or room is over,
 * and a group that is held back fires once, whatever else is due.
 * Method: traces of the trigger actor; trace_close replays each.
 */
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <check.h>
#include <stdio.h>

/* Texts that messages borrow: each test is a process. */
static struct arena kept;

static struct bytes
letters(size_t size)
{
    char *made = arena_take(&kept, size);
    memset(made, 'x', size);
    return bytes_of(made, size);
}

/* {"k": "xxx…"} */
static struct bytes
large_map(size_t size)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "k");
    pack_text(&out, letters(size));
    struct bytes map = arena_copy(&kept, buffer_bytes(&out));
    buffer_free(&out);
    return map;
}

static void
publish(struct trace *t, struct event_publish event)
{
    event.request = 7;
    if (event.type.size == 0)
        event.type = text("a");
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = event });
}

START_TEST(an_event_has_parts_of_some_size_and_form)
{
    struct trace t;
    story_open(&t);
    t.config.payload_max = 1000;
    const struct {
        struct event_publish event;
        const char *detail;
    } wrong[] = {
        { { .id = letters(201) }, "id and source have at most 200 bytes" },
        { { .source = letters(201) }, "id and source have at most 200 bytes" },
        { { .data = large_map(1000) }, "data is larger than payload_max" },
        { { .meta = large_map(65536) }, "meta is larger than 65536 bytes" },
        { { .data = text("\x81\xa1") }, "data must be a map" },
        { { .meta = text("\x91\x01") }, "meta must be a map" },
        { { .meta = text("\x81\xa1") }, "meta must be a map" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        publish(&t, wrong[i].event);
        struct bytes said = trace_sent(&t, REFUSED)->refused.detail;
        ck_assert_msg(bytes_equal(said, text(wrong[i].detail)), "%.*s", (int)said.size,
            (const char *)said.data);
        t.kept_count = 0;
    }
    trace_skip(&t);
    publish(&t, (struct event_publish){ .id = letters(200),
                    .source = letters(200),
                    .meta = story_json("{\"m\": 1}") });
    ck_assert_uint_eq(story_count(&t, DOCUMENT), 1);
    trace_close(&t);
}
END_TEST

static void
list(struct trace *t, struct stream_list asked)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = STREAM_LIST, .stream_list = asked });
}

/* Of the last page. */
static uint64_t
number(const struct trace *t, const char *field)
{
    struct bytes page = trace_sent(t, DOCUMENT)->document.document;
    struct cursor c = cursor_over(pack_find(page, field));
    return cursor_u64(&c);
}

static size_t
items(const struct trace *t)
{
    struct bytes page = trace_sent(t, DOCUMENT)->document.document;
    struct cursor c = cursor_over(pack_find(page, "items"));
    return cursor_array(&c);
}

START_TEST(a_page_of_the_stream_ends_when_it_is_long)
{
    struct trace t;
    story_open(&t);
    for (size_t i = 0; i < 3; i++)
        publish(&t,
            (struct event_publish){ .id = letters(i + 1), .data = large_map(600000) });
    list(&t, (struct stream_list){ .limit = 1000 });
    ck_assert_uint_eq(items(&t), 2);
    ck_assert_uint_eq(number(&t, "next_after"), 2);
    list(&t, (struct stream_list){ .limit = 1000, .after = 2 });
    ck_assert_uint_eq(items(&t), 1);
    list(&t, (struct stream_list){ .limit = 1000, .after = UINT64_MAX });
    ck_assert_uint_eq(items(&t), 0);
    ck_assert_uint_eq(number(&t, "last"), 3);
    trace_close(&t);
}
END_TEST

START_TEST(a_page_looks_at_some_thousands_and_says_where_it_stopped)
{
    enum { LOOKED = 5000 };
    struct trace t;
    story_open(&t);
    for (size_t i = 0; i <= LOOKED; i++)
        publish(&t, (struct event_publish){ .type = text("a") });
    list(&t, (struct stream_list){ .limit = 1000, .type = text("b") });
    ck_assert_uint_eq(items(&t), 0);
    ck_assert_uint_eq(number(&t, "next_after"), LOOKED);
    trace_close(&t);
}
END_TEST

START_TEST(a_large_event_takes_the_place_of_some_at_a_time)
{
    enum { SMALL = 12 };
    struct trace t;
    story_open(&t);
    for (size_t i = 0; i < SMALL; i++)
        publish(&t, (struct event_publish){ .data = large_map(1) });
    t.config.events_kept_bytes = 1000;
    trace_skip(&t);
    publish(&t, (struct event_publish){ .data = large_map(900) });
    publish(&t, (struct event_publish){ .data = large_map(1) });
    trace_expect_only(&t, "expired",
        "1000000 events_expired through=8\n1000000 events_expired through=13\n");
    trace_close(&t);
}
END_TEST

START_TEST(the_events_of_each_project_expire_in_their_time)
{
    struct trace t;
    story_open(&t);
    t.config.events_kept_ms = 10000;
    t.config.events_kept_bytes = 300;
    struct id home = t.project;
    publish(&t, (struct event_publish){ .id = text("x") });
    t.project = id_of_name(text("another"));
    trace_wait(&t, 4000);
    publish(&t, (struct event_publish){ .id = text("y") });
    t.project = id_of_name(text("third"));
    publish(&t, (struct event_publish){ .id = text("z") });
    /* The younger one loses an event to size first. */
    for (size_t i = 0; i < 2; i++)
        publish(&t, (struct event_publish){ .data = large_map(100) });
    trace_skip(&t);
    trace_wait(&t, 6000);
    trace_expect(&t, "1010000 events_expired through=1\n");
    trace_wait(&t, 4000);
    trace_expect(&t, "1014000 events_expired through=3\n"
                     "1014000 events_expired through=1\n");
    t.project = home;
    publish(&t, (struct event_publish){ .id = text("x") });
    trace_skip(&t);
    trace_wait(&t, 10000);
    trace_expect(&t, "1024000 events_expired through=2\n");
    trace_close(&t);
}
END_TEST

static bool
blob_there(const struct trace *t, const struct hash *hash)
{
    struct bytes blob;
    return journal_get_blob(t->journal, hash, &kept, &blob) == ERR_NONE;
}

/* Of events whose payload is the same the last one gives it up; a crash takes what was
 * said of the end with what was taken out. */
START_TEST(of_an_event_that_expired_its_number_is_left)
{
    struct trace t;
    struct bytes large = large_map(5000);
    struct hash hash = hash_of(large);
    story_open(&t);
    t.config.events_kept_ms = 10000;
    publish(&t, (struct event_publish){
                    .id = text("secret-id"), .source = text("secret"), .data = large });
    trace_wait(&t, 5000);
    publish(&t, (struct event_publish){ .data = large });
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    trace_skip(&t);
    for (int life = 0; life < 2; life++) {
        trace_wait(&t, life == 0 ? 5000 : 0);
        trace_expect(&t, "1010000 events_expired through=1\n");
        ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
        ck_assert(blob_there(&t, &hash));
        if (life == 0)
            trace_crash(&t);
    }
    publish(&t, (struct event_publish){ .id = text("secret-id"), .data = large });
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.created, 1);
    trace_wait(&t, 10000);
    trace_crash(&t);
    trace_wait(&t, 10000);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
    ck_assert(!blob_there(&t, &hash));
    trace_close(&t);
}
END_TEST

START_TEST(an_event_of_a_release_before_stays_in_its_record)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .batch_max = 2 };
    story_open(&t);
    t.config.events_kept_ms = 10000;
    story_subscribe(&t, 1, "m", &config);
    trace_recorded(&t, (struct message){ .code = EVENT_KEPT,
                           .event_kept = { .number = 1,
                               .type = text("a"),
                               .data = text("\x80"),
                               .source = text("secret") } });
    trace_wait(&t, 10000);
    publish(&t, (struct event_publish){ .source = text("s") });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    ck_assert_uint_eq(
        story_records_with(&t, "secret"), 2); /* the fire says it as well */
    trace_close(&t);
}
END_TEST

/* trace_close folds the records: what is held must come out as it is. */
START_TEST(an_event_that_is_held_is_in_its_record_until_it_is_not)
{
    struct trace t;
    struct plan_event two = { .event_type = text("a"), .batch_max = 2 };
    struct plan_event three = { .event_type = text("a"), .batch_max = 3 };
    struct plan_event more = { .event_type = text("a"), .batch_max = 9 };
    struct bytes large = large_map(5000);
    struct hash hash = hash_of(large);
    story_open(&t);
    t.config.events_kept_ms = 10000;
    story_subscribe(&t, 1, "m", &two);
    story_subscribe(&t, 2, "m", &three);
    publish(&t, (struct event_publish){ .source = text("secret"), .data = large });
    trace_wait(&t, 10000);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    publish(&t, (struct event_publish){ .data = large_map(1) });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    trace_crash(&t);
    publish(&t, (struct event_publish){ .data = large_map(1) });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
    ck_assert(!blob_there(&t, &hash));
    story_subscribe(&t, 3, "m", &more);
    publish(&t, (struct event_publish){ .source = text("secret"), .data = large });
    trace_wait(&t, 10000);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    trace_close(&t);
}
END_TEST

START_TEST(an_event_waits_for_those_before_it)
{
    enum { MANY = 100 };
    struct trace t;
    struct plan_event config = { .event_type = text("a") };
    struct event_publish event = { .request = 7, .type = text("a") };
    story_open(&t);
    story_widen(&t);
    for (unsigned i = 1; i <= MANY; i++)
        story_subscribe(&t, i, "m", &config);
    t.kept_count = 0;
    for (size_t i = 0; i < 3; i++)
        trace_queue(&t, ACTOR_gateway, 0,
            (struct message){ .code = EVENT_PUBLISH, .event_publish = event });
    publish(&t, event);
    uint64_t last = 0;
    size_t fired = 0;
    for (size_t i = 0; i < t.kept_count; i++)
        if (t.kept[i].code == TRIGGER_FIRED) {
            ck_assert_uint_ge(t.kept[i].trigger_fired.event, last);
            last = t.kept[i].trigger_fired.event;
            fired++;
        }
    ck_assert_uint_eq(fired, 4 * MANY);
    trace_close(&t);
}
END_TEST

/* An event of a group. */
static void
publish_group(struct trace *t, unsigned group)
{
    char data[40];
    snprintf(data, sizeof data, "{\"g\": %u}", group);
    story_publish(t, NULL, "a", data);
}

/* More groups than a turn fires are due: those that hear something first fire first. */
static void
all_fire_once(struct trace *t, const struct plan_event *config)
{
    enum { GROUPS = 300 };
    story_open(t);
    story_widen(t);
    story_subscribe(t, 1, "m", config);
    for (unsigned group = 1; group <= GROUPS; group++)
        publish_group(t, group);
    t->kept_count = 0;
    t->now_ms += 1000;
    for (unsigned group = GROUPS; group > 0; group--)
        publish_group(t, group);
    ck_assert_uint_eq(story_count(t, TRIGGER_FIRED), GROUPS);
}

START_TEST(a_group_whose_time_is_over_fires_before_it_is_held_again)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .debounce_ms = 1000, .group = text("${{ event.g }}")
    };
    all_fire_once(&t, &config);
    trace_wait(&t, 1000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 300);
    trace_close(&t);
}
END_TEST

START_TEST(a_group_that_has_rested_fires_though_nobody_has_looked)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .throttle_ms = 1000, .group = text("${{ event.g }}")
    };
    all_fire_once(&t, &config);
    trace_close(&t);
}
END_TEST

START_TEST(groups_are_due_one_after_the_other_and_in_each_project)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .debounce_ms = 1000, .group = text("${{ event.g }}")
    };
    story_open(&t);
    struct id home = t.project;
    story_subscribe(&t, 1, "m", &config);
    t.project = id_of_name(text("another"));
    story_subscribe(&t, 1, "m", &config);
    publish_group(&t, 1);
    t.project = home;
    publish_group(&t, 1);
    trace_wait(&t, 500);
    publish_group(&t, 2);
    trace_wait(&t, 100);
    publish_group(&t, 2); /* which is not the first one due */
    t.kept_count = 0;
    trace_wait(&t, 400);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    trace_wait(&t, 599);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_wait(&t, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_batch_ends_when_it_is_large)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .batch_max = 2000 };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
        story_publish(&t, NULL, "a", "{}");
    }
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    publish(&t,
        (struct event_publish){ .data = large_map(t.config.payload_max / 2 - 100) });
    trace_wait(&t, 1000000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    publish(&t, (struct event_publish){ .data = large_map(100) });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_trigger_that_changed_or_went_drops_what_it_held)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .batch_max = 3, .batch_ms = 1000
    };
    struct plan_trigger other = { .key = text("m"), .kind = text("manual") };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    story_publish(&t, NULL, "a", "{}");
    story_publish(&t, NULL, "a", "{}");
    config.batch_max = 2;
    struct plan_trigger changed =
        story_trigger("m", "event", &plan_event_shape, &config);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, &changed, 1);
    t.kept_count = 0;
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    for (uint64_t revision = 3; revision < 7; revision += 2) {
        story_offer(&t, 1, revision, AUTOMATION_ACTIVE, &changed, 1);
        story_publish(&t, NULL, "a", "{}");
        story_offer(
            &t, 1, revision + 1, AUTOMATION_ACTIVE, &other, revision == 3 ? 0 : 1);
        trace_skip(&t);
        t.kept_count = 0;
        trace_wait(&t, 1000);
        trace_expect_only(&t, "hold_ended",
            revision == 3 ? "1001000 hold_ended automation=AUT1 trigger=m\n"
                          : "1002000 hold_ended automation=AUT1 trigger=m\n");
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    }
    trace_close(&t);
}
END_TEST

/* What tells events apart takes room, too. */
START_TEST(a_batch_of_many_small_events_is_no_larger_than_a_payload)
{
    enum { MANY = 100 };
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .batch_max = MANY };
    uint64_t events = 0;
    story_open(&t);
    story_widen(&t);
    t.config.payload_max = 4096;
    story_subscribe(&t, 1, "m", &config);
    t.kept_count = 0;
    for (size_t i = 0; i < 2 * MANY; i++)
        story_publish(&t, NULL, "a", "{}");
    for (size_t i = 0; i < t.kept_count; i++) {
        const struct message *m = &t.kept[i];
        if (m->code != TRIGGER_FIRED)
            continue;
        struct cursor count = cursor_over(pack_find(m->trigger_fired.data, "count"));
        ck_assert_uint_le(m->trigger_fired.data.size, t.config.payload_max);
        ck_assert_uint_le(m->trigger_fired.inputs.size, t.config.payload_max);
        events += cursor_u64(&count);
    }
    ck_assert_uint_gt(events, MANY);
    trace_close(&t);
}
END_TEST

/* A large event fires at once, with nothing of what was dropped. */
START_TEST(what_was_dropped_is_in_no_batch)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .batch_max = 10, .batch_ms = 1000
    };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    story_publish(&t, NULL, "a", "{}");
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, &trigger, 1);
    story_offer(&t, 1, 3, AUTOMATION_ACTIVE, &trigger, 1);
    publish(&t, (struct event_publish){ .data = large_map(t.config.payload_max / 2) });
    struct bytes data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
    struct cursor count = cursor_over(pack_find(data, "count"));
    ck_assert_uint_eq(cursor_u64(&count), 1);
    trace_wait(&t, 1000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_trigger_hears_only_its_source)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .source = text("s") };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    publish(&t, (struct event_publish){ .source = text("r") });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    publish(&t, (struct event_publish){ .source = text("s") });
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_group_that_cannot_be_told_is_a_failed_fire)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .debounce_ms = 1000, .group = text("${{ event.g }}")
    };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{}");
    trace_expect_only(&t, "trigger=m",
        "1000000 fire_settled automation=AUT1 trigger=m slot_ms=1000000 event=1 "
        "refusal=\"group: there is no event.g\"\n");
    trace_close(&t);
}
END_TEST

START_TEST(groups_of_long_names_are_apart)
{
    struct trace t;
    struct plan_event config = {
        .event_type = text("a"), .debounce_ms = 1000, .group = text("${{ event.k }}")
    };
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    for (size_t i = 0; i < 4; i++)
        publish(&t, (struct event_publish){ .data = large_map(300 + i / 2) });
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.created, 1);
    trace_skip(&t);
    t.kept_count = 0;
    trace_wait(&t, 1000);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_batch_whose_inputs_cannot_be_made_is_dropped)
{
    struct trace t;
    struct plan_event config = { .event_type = text("a"), .batch_max = 2 };
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &config);
    trigger.inputs = story_json("{\"who\": \"${{ event.user }}\"}");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(&t);
    story_publish(&t, NULL, "a", "{}");
    story_publish(&t, NULL, "a", "{}");
    trace_expect_only(&t, "trigger=m",
        "1000000 event_held automation=AUT1 trigger=m number=1\n"
        "1000000 fire_settled automation=AUT1 trigger=m slot_ms=1000000 event=2 "
        "refusal=\"inputs: who: there is no event.user\"\n"
        "1000000 hold_ended automation=AUT1 trigger=m\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

TCase *
trigger_stream_case(void)
{
    TCase *c = tcase_create("stream");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_event_has_parts_of_some_size_and_form);
    tcase_add_test(c, a_page_of_the_stream_ends_when_it_is_long);
    tcase_add_test(c, a_page_looks_at_some_thousands_and_says_where_it_stopped);
    tcase_add_test(c, a_large_event_takes_the_place_of_some_at_a_time);
    tcase_add_test(c, the_events_of_each_project_expire_in_their_time);
    tcase_add_test(c, of_an_event_that_expired_its_number_is_left);
    tcase_add_test(c, an_event_of_a_release_before_stays_in_its_record);
    tcase_add_test(c, an_event_that_is_held_is_in_its_record_until_it_is_not);
    tcase_add_test(c, an_event_waits_for_those_before_it);
    tcase_add_test(c, a_group_whose_time_is_over_fires_before_it_is_held_again);
    tcase_add_test(c, a_group_that_has_rested_fires_though_nobody_has_looked);
    tcase_add_test(c, groups_are_due_one_after_the_other_and_in_each_project);
    tcase_add_test(c, a_batch_ends_when_it_is_large);
    tcase_add_test(c, a_trigger_that_changed_or_went_drops_what_it_held);
    tcase_add_test(c, a_batch_of_many_small_events_is_no_larger_than_a_payload);
    tcase_add_test(c, what_was_dropped_is_in_no_batch);
    tcase_add_test(c, a_trigger_hears_only_its_source);
    tcase_add_test(c, a_group_that_cannot_be_told_is_a_failed_fire);
    tcase_add_test(c, a_batch_whose_inputs_cannot_be_made_is_dropped);
    tcase_add_test(c, groups_of_long_names_are_apart);
    return c;
}
