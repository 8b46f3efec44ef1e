/* Goal: schedules by cron, what is made up for, pausing, jitter, refusals.
 * Method: traces of the trigger actor; the clock begins at 00:16:40 UTC. */
#include "actors/trigger/window.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <string.h>

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

static struct plan_trigger
hourly(const struct plan_schedule *config)
{
    struct plan_trigger trigger =
        story_trigger("h", "schedule", &plan_schedule_shape, config);
    trigger.cron = text("0 * * * *");
    return trigger;
}

static uint64_t
last_slot(const struct trace *t)
{
    return trace_sent(t, TRIGGER_FIRED)->trigger_fired.slot_ms;
}

START_TEST(a_cron_schedule_fires_at_each_of_its_slots)
{
    struct trace t;
    struct plan_schedule config = { 0 };
    struct plan_trigger trigger = hourly(&config);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_wait(&t, HOUR_MS);
    ck_assert_uint_eq(last_slot(&t), HOUR_MS);
    ck_assert_uint_eq(
        trace_sent(&t, TRIGGER_FIRED)->trigger_fired.next_ms, 2 * HOUR_MS);
    story_take_fire(&t, NULL);
    trace_restart(&t);
    trace_wait(&t, HOUR_MS);
    ck_assert_uint_eq(last_slot(&t), 2 * HOUR_MS);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    trace_close(&t);
}
END_TEST

/* Has another slot fired?  Then the scheduler takes it. */
static bool
take_next(struct trace *t, size_t *seen, uint64_t *slot_ms)
{
    size_t from = *seen;
    *seen = t->kept_count;
    for (size_t i = from; i < *seen; i++)
        if (t->kept[i].code == TRIGGER_FIRED) {
            *slot_ms = t->kept[i].trigger_fired.slot_ms;
            story_take_fire(t, NULL);
            return true;
        }
    return false;
}

START_TEST(what_was_missed_is_made_up_for_as_the_plan_says)
{
    static const struct {
        uint32_t misfire, catch_up_max;
        size_t fires;
        uint64_t first_ms;
    } rows[] = {
        { 0, 0, 1, 5 * HOUR_MS },
        { 1, 0, 0, 0 },
        { 2, 10, 5, 1 * HOUR_MS },
        { 2, 3, 3, 3 * HOUR_MS },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct plan_schedule config = { .misfire = rows[i].misfire,
            .catch_up_max = rows[i].catch_up_max };
        struct plan_trigger trigger = hourly(&config);
        struct trace t;
        size_t fires = 0, seen = 0;
        uint64_t slot_ms = 0;
        story_open(&t);
        story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
        t.now_ms = 5 * HOUR_MS + 30 * MINUTE_MS;
        trace_restart(&t);
        while (take_next(&t, &seen, &slot_ms))
            if (fires++ == 0)
                ck_assert_uint_eq(slot_ms, rows[i].first_ms);
        ck_assert_uint_eq(fires, rows[i].fires);
        trace_wait(&t, 30 * MINUTE_MS);
        ck_assert_uint_eq(last_slot(&t), 6 * HOUR_MS);
        trace_close(&t);
    }
}
END_TEST

START_TEST(a_paused_automation_fires_nothing_and_makes_up_when_resumed)
{
    struct trace t;
    struct plan_schedule config = { 0 };
    struct plan_trigger trigger = hourly(&config);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, &trigger, 1);
    trace_wait(&t, 3 * HOUR_MS);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_offer(&t, 1, 3, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(last_slot(&t), 3 * HOUR_MS);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(jitter_puts_every_slot_off_by_the_same_time)
{
    struct trace t;
    struct plan_schedule config = { .jitter_ms = 10 * MINUTE_MS };
    struct plan_trigger trigger = hourly(&config);
    uint64_t late_ms[2];
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t slot_ms = (i + 1) * (uint64_t)HOUR_MS;
        late_ms[i] = t.actor->due(t.state) - slot_ms;
        trace_wait(&t, slot_ms + late_ms[i] - t.now_ms);
        ck_assert_uint_eq(last_slot(&t), slot_ms);
        story_take_fire(&t, NULL);
    }
    ck_assert_uint_eq(late_ms[0], late_ms[1]);
    ck_assert_uint_gt(late_ms[0], 0);
    ck_assert_uint_le(late_ms[0], 10 * MINUTE_MS);
    trace_close(&t);
}
END_TEST

START_TEST(a_refusal_settles_the_slot_and_is_counted)
{
    struct trace t;
    struct plan_schedule config = { 0 };
    struct plan_trigger trigger = hourly(&config);
    struct trigger_list asked = { .request = 3, .name = text("a") };
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_wait(&t, HOUR_MS);
    trace_skip(&t);
    story_take_fire(&t, "another run is active");
    trace_expect(&t, "4600000 fire_settled automation=AUT1 trigger=h slot_ms=3600000 "
                     "refusal=\"another run is active\"\n"
                     "4600000 -> scheduler.1 refusal_known "
                     "run=00000036ee8079a9807848b724f1e8a1\n");
    story_take_fire(&t, "another run is active");
    trace_expect_only(&t, "fire_settled", "");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = TRIGGER_LIST, .trigger_list = asked });
    struct cursor items =
        cursor_over(pack_find(trace_sent(&t, DOCUMENT)->document.document, "items"));
    ck_assert_uint_eq(cursor_array(&items), 1);
    struct bytes item = cursor_skip(&items);
    struct cursor refusals = cursor_over(pack_find(item, "refusals"));
    struct cursor next = cursor_over(pack_find(item, "next_at"));
    ck_assert_uint_eq(cursor_u64(&refusals), 1);
    ck_assert(bytes_equal(cursor_text(&next), text("1970-01-01T02:00:00.000Z")));
    trace_wait(&t, HOUR_MS);
    ck_assert_uint_eq(last_slot(&t), 2 * HOUR_MS);
    trace_close(&t);
}
END_TEST

START_TEST(the_next_slots_are_told_in_order)
{
    struct trace t;
    struct plan_schedule config = { 0 };
    struct plan_trigger triggers[2] = { hourly(&config),
        story_trigger("i", "schedule", &plan_schedule_shape, &config) };
    struct schedule_next asked = { .request = 3, .name = text("a"), .count = 4 };
    static const char *const moments[] = { "1970-01-01T00:46:40.000Z",
        "1970-01-01T01:00:00.000Z", "1970-01-01T01:16:40.000Z",
        "1970-01-01T01:46:40.000Z" };
    triggers[1].interval_ms = 30 * MINUTE_MS;
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, triggers, 2);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = SCHEDULE_NEXT, .schedule_next = asked });
    struct cursor items =
        cursor_over(pack_find(trace_sent(&t, DOCUMENT)->document.document, "items"));
    ck_assert_uint_eq(cursor_array(&items), COUNT(moments));
    for (size_t i = 0; i < COUNT(moments); i++) {
        struct bytes item = cursor_skip(&items);
        struct cursor at = cursor_over(pack_find(item, "at"));
        ck_assert(bytes_equal(cursor_text(&at), text(moments[i])));
        ck_assert_uint_eq(pack_find(item, "local").size, 0);
    }
    trace_close(&t);
}
END_TEST

START_TEST(no_more_than_a_hundred_slots_are_made_up_for)
{
    struct trace t;
    struct plan_schedule config = { .misfire = MISFIRE_ALL, .catch_up_max = 200 };
    struct plan_trigger trigger = hourly(&config);
    size_t fires = 1, seen = 0;
    uint64_t slot_ms = 0;
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    t.now_ms = 150 * (uint64_t)HOUR_MS;
    trace_restart(&t);
    ck_assert(take_next(&t, &seen, &slot_ms));
    ck_assert_uint_eq(slot_ms, 51 * (uint64_t)HOUR_MS);
    while (take_next(&t, &seen, &slot_ms))
        fires++;
    ck_assert_uint_eq(fires, 100);
    trace_close(&t);
}
END_TEST

/* However late each of its slots would be. */
START_TEST(a_schedule_without_slots_never_fires)
{
    struct trace t;
    struct plan_schedule config = { .jitter_ms = HOUR_MS };
    struct plan_trigger trigger = hourly(&config);
    trigger.cron = text("nonsense");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(t.actor->due(t.state), UINT64_MAX);
    trace_wait(&t, 1000 * (uint64_t)HOUR_MS);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

/* A zone without a change, as UTC is. */
static const uint8_t still_zone[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\1\0\0\0\0"
                                    "\0\0\0\0\0\0\nUTC0\n";

START_TEST(a_schedule_whose_zone_is_away_comes_back_with_it)
{
    struct trace t;
    char name[] = "Old/Name";
    struct zone_entry entry = { name, bytes_of(still_zone, sizeof still_zone - 1) };
    struct zones zones = { &entry, 1 };
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    trigger.timezone = text(name);
    story_make(&t);
    t.zones = &zones;
    trace_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    t.zones = NULL;
    trace_restart(&t);
    trace_skip(&t);
    trace_wait(&t, HOUR_MS - STORY_BEGIN_MS);
    trace_expect(&t,
        "3600000 slot_skipped automation=AUT1 trigger=h slot_ms=3600000 "
        "next_ms=7200500\n"
        "3600000 fire_settled automation=AUT1 trigger=h slot_ms=3600000 refusal=\"its "
        "timezone is not there any more, or its cron cannot be read: the schedule is "
        "looked at again in an hour\"\n");
    t.zones = &zones;
    trace_restart(&t);
    trace_wait(&t, 2 * HOUR_MS);
    ck_assert_uint_eq(last_slot(&t), 3 * HOUR_MS);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(the_next_slot_stays_when_a_later_one_goes)
{
    struct trace t;
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    struct plan_trigger later = trigger;
    later.cron = text("30 * * * *");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &later, 1);
    story_offer(&t, 2, 1, AUTOMATION_ACTIVE, &trigger, 1);
    story_offer(&t, 2, 2, AUTOMATION_ACTIVE, NULL, 0);
    ck_assert_uint_eq(t.actor->due(t.state), 30 * MINUTE_MS);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, NULL, 0);
    ck_assert_uint_eq(t.actor->due(t.state), UINT64_MAX);
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_whose_inputs_cannot_be_told_is_skipped_and_said)
{
    struct trace t;
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    trigger.inputs = story_json("{\"who\": \"${{ event.user }}\"}");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(&t);
    trace_wait(&t, 2 * HOUR_MS - t.now_ms);
    trace_expect(&t, "3600000 slot_skipped automation=AUT1 trigger=h slot_ms=3600000 "
                     "next_ms=7200000\n"
                     "3600000 fire_settled automation=AUT1 trigger=h slot_ms=3600000 "
                     "refusal=\"inputs: who: there is no event.user\"\n"
                     "7200000 slot_skipped automation=AUT1 trigger=h slot_ms=7200000 "
                     "next_ms=10800000\n"
                     "7200000 fire_settled automation=AUT1 trigger=h slot_ms=7200000 "
                     "refusal=\"inputs: who: there is no event.user\"\n");
    trace_close(&t);
}
END_TEST

static struct bytes
next_slots(struct trace *t, uint32_t count)
{
    struct schedule_next asked = { .request = 3, .name = text("a"), .count = count };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = SCHEDULE_NEXT, .schedule_next = asked });
    return pack_find(trace_sent(t, DOCUMENT)->document.document, "items");
}

START_TEST(no_more_than_a_thousand_slots_are_told_and_none_without_a_schedule)
{
    struct trace t;
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    trigger.timezone = text("UTC");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    struct cursor items = cursor_over(next_slots(&t, 2000));
    ck_assert_uint_eq(cursor_array(&items), 1000);
    struct bytes first = cursor_skip(&items);
    struct cursor at = cursor_over(pack_find(first, "at"));
    struct cursor local = cursor_over(pack_find(first, "local"));
    ck_assert(bytes_equal(cursor_text(&at), text("1970-01-01T01:00:00.000Z")));
    ck_assert(bytes_equal(cursor_text(&local), text("1970-01-01T01:00:00.000+00:00")));
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, NULL, 0);
    items = cursor_over(next_slots(&t, 2000));
    ck_assert_uint_eq(cursor_array(&items), 0);
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_of_a_trigger_that_went_is_settled_and_leads_to_no_other)
{
    struct trace t;
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_wait(&t, HOUR_MS);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, NULL, 0);
    trace_skip(&t);
    story_take_fire(&t, NULL);
    story_take_fire(&t, NULL);
    trace_expect(
        &t, "4600000 fire_settled automation=AUT1 trigger=h slot_ms=3600000\n");
    ck_assert_uint_eq(t.actor->due(t.state), UINT64_MAX);
    trace_close(&t);
}
END_TEST

/* The first release named no slot that comes next: an interval later. */
START_TEST(a_fire_of_the_first_release_is_followed_after_an_interval)
{
    struct trace t;
    struct plan_trigger trigger = story_trigger("m", "schedule", NULL, NULL);
    struct trigger_name name = { .automation = story_automation(1), .key = text("m") };
    uint64_t slot_ms = STORY_BEGIN_MS + MINUTE_MS;
    trigger.interval_ms = MINUTE_MS;
    story_open(&t);
    name.project = t.project;
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    struct trigger_fired fired = { .run = slot_run(&name, slot_ms, 0, 2),
        .automation = name.automation,
        .trigger = name.key,
        .slot_ms = slot_ms };
    trace_recorded(
        &t, (struct message){ .code = TRIGGER_FIRED, .trigger_fired = fired });
    trace_hello(&t, ACTOR_scheduler, id_partition(&fired.run), 2);
    story_take_fire(&t, NULL);
    ck_assert_uint_eq(t.actor->due(t.state), slot_ms + MINUTE_MS);
    trace_close(&t);
}
END_TEST

enum { MANY = 300, MORE = 10 };

/* How often the scheduler was told of this run. */
static size_t
times_told(const struct trace *t, const struct id *run)
{
    size_t times = 0;
    for (size_t i = 0; i < t->kept_count; i++)
        times += t->kept[i].code == TRIGGER_FIRED
                 && id_equal(&t->kept[i].trigger_fired.run, run);
    return times;
}

/* How many of these were told, none of them twice. */
static size_t
told_once(const struct trace *t, const struct id *runs, size_t count)
{
    size_t told = 0;
    ck_assert_uint_le(t->kept_count, TRACE_KEPT_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t times = times_told(t, &runs[i]);
        ck_assert_uint_le(times, 1);
        told += times;
    }
    return told;
}

/* Every automation has a slot: the runs of those that scheduler 1 was told, at the
 * end the one that it is told again last, which it takes with `taken`. */
static size_t
fire_many(struct trace *t, struct id runs[MANY], struct message *taken)
{
    struct plan_trigger trigger = hourly(&(struct plan_schedule){ 0 });
    size_t count = 0;
    story_widen(t);
    for (unsigned i = 1; i <= MANY; i++)
        story_offer(t, i, 1, AUTOMATION_ACTIVE, &trigger, 1);
    t->kept_count = 0;
    trace_wait(t, HOUR_MS);
    for (size_t i = 0; i < t->kept_count; i++) {
        const struct trigger_fired *fired = &t->kept[i].trigger_fired;
        if (t->kept[i].code != TRIGGER_FIRED || t->kept[i].to_instance != 1)
            continue;
        runs[count] = fired->run;
        if (count++ > 0 && memcmp(&runs[count - 2], &fired->run, ID_SIZE) > 0) {
            runs[count - 1] = runs[count - 2];
            runs[count - 2] = fired->run;
            continue;
        }
        *taken = (struct message){ .code = FIRE_TAKEN,
            .fire_taken = { .automation = fired->automation,
                .trigger = fired->trigger,
                .slot_ms = fired->slot_ms,
                .run = fired->run } };
    }
    t->kept_count = 0;
    return count;
}

/* Those of one scheduler and project, more than a turn tells and more than half of the
 * window has places for; one is taken amid, and another fires. */
START_TEST(what_is_told_again_over_many_turns_is_told_once)
{
    struct trace t;
    struct id runs[MANY];
    struct message taken, greeted = { .code = HELLO, .hello = { .resync = 2 } };
    story_open(&t);
    size_t others = fire_many(&t, runs, &taken) - 1;
    ck_assert_uint_gt(others, WINDOW_MAX / 2);
    for (unsigned i = MANY + 1; i <= MANY + MORE; i++)
        story_subscribe(&t, i, "a", &(struct plan_event){ .event_type = text("a") });

    trace_give(&t, ACTOR_scheduler, 1, greeted);
    ck_assert_uint_eq(told_once(&t, runs, others), WINDOW_MAX / 2);
    ck_assert_uint_eq(times_told(&t, &runs[others]), 0);
    trace_give(&t, ACTOR_scheduler, 1, taken);

    t.kept_count = 0;
    trace_queue(&t, ACTOR_scheduler, 1, greeted);
    story_publish(&t, NULL, "a", "{}");
    size_t told = told_once(&t, runs, others);
    ck_assert_uint_gt(told, 0);
    ck_assert_uint_lt(told, others);
    story_settle_all(&t);
    ck_assert_uint_eq(told_once(&t, runs, others), others);
    ck_assert_uint_eq(times_told(&t, &runs[others]), 0);
    ck_assert_uint_ge(story_count(&t, TRIGGER_FIRED), others + MORE);
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(who_is_no_scheduler_of_ours_is_told_nothing_again)
{
    struct trace t;
    struct id runs[MANY];
    struct message taken;
    story_open(&t);
    ck_assert_uint_gt(fire_many(&t, runs, &taken), 0);
    trace_hello(&t, ACTOR_registry, 0, 2);
    trace_hello(&t, ACTOR_scheduler, 2, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert_uint_gt(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

TCase *
trigger_slots_case(void)
{
    TCase *c = tcase_create("slots");
    tcase_add_test(c, a_cron_schedule_fires_at_each_of_its_slots);
    tcase_add_test(c, what_was_missed_is_made_up_for_as_the_plan_says);
    tcase_add_test(c, a_paused_automation_fires_nothing_and_makes_up_when_resumed);
    tcase_add_test(c, jitter_puts_every_slot_off_by_the_same_time);
    tcase_add_test(c, a_refusal_settles_the_slot_and_is_counted);
    tcase_add_test(c, the_next_slots_are_told_in_order);
    tcase_add_test(c, no_more_than_a_hundred_slots_are_made_up_for);
    tcase_add_test(c, a_slot_of_a_trigger_that_went_is_settled_and_leads_to_no_other);
    tcase_add_test(c, a_fire_of_the_first_release_is_followed_after_an_interval);
    tcase_add_test(c, what_is_told_again_over_many_turns_is_told_once);
    tcase_add_test(c, who_is_no_scheduler_of_ours_is_told_nothing_again);
    tcase_add_test(c, a_schedule_without_slots_never_fires);
    tcase_add_test(c, a_schedule_whose_zone_is_away_comes_back_with_it);
    tcase_add_test(c, the_next_slot_stays_when_a_later_one_goes);
    tcase_add_test(c, a_slot_whose_inputs_cannot_be_told_is_skipped_and_said);
    tcase_add_test(
        c, no_more_than_a_thousand_slots_are_told_and_none_without_a_schedule);
    return c;
}
