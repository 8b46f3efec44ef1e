/* Goal: a scheduler is told no more fires than it settles in time, projects take turns,
 * what waits is on disk, and who would make others wait for too long is refused before
 * anything is kept.
 *
 * Method: windows and backlogs by themselves; traces with small windows, in which peers
 * die at each point between an event and the end of its fire.
 */
#include "actors/trigger/state.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <check.h>
#include <stdio.h>

/* ---- a window ---- */

static struct id
run(uint32_t n)
{
    struct id id = { { (uint8_t)n, (uint8_t)(n >> 8) } };
    return id;
}

static void
tell(struct window *window, uint32_t first, uint32_t count, uint64_t now_ms)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct id id = run(i);
        window_told(window, &id, now_ms);
    }
}

static void
settle(struct window *window, uint32_t first, uint32_t count, uint64_t now_ms)
{
    for (uint32_t i = first; i < first + count; i++) {
        struct id id = run(i);
        window_settled(window, &id, now_ms, true);
    }
}

START_TEST(a_window_has_room_for_so_many)
{
    struct window window;
    window_open(&window, 4);
    ck_assert_uint_eq(window_late_ms(&window), UINT64_MAX);
    tell(&window, 1, 1, 10);
    ck_assert_uint_eq(window_room(&window), 3);
    ck_assert_uint_eq(window_room_again(&window), 1);
    tell(&window, 2, 3, 20);
    tell(&window, 1, 4, 30); /* all of which are out */
    ck_assert_uint_eq(window_room(&window), 0);
    ck_assert_uint_eq(window_room_again(&window), 0);
    settle(&window, 2, 1, 40);
    ck_assert_uint_eq(window_room(&window), 1);
    ck_assert_uint_eq(window_late_ms(&window), 10 + FIRE_LATE_MS);
    window_pass_late(&window, 19 + FIRE_LATE_MS);
    ck_assert_uint_eq(window_room(&window), 2);
    ck_assert_uint_eq(window_late_ms(&window), 20 + FIRE_LATE_MS);
    window_forget(&window);
    ck_assert_uint_eq(window_room(&window), 4);
}
END_TEST

/* Who settles late is behind; who settles nothing is away, and may be told as before.
 */
START_TEST(a_scheduler_that_settles_late_is_told_fewer)
{
    struct window window;
    window_open(&window, 16);
    tell(&window, 0, 16, 10);
    window_pass_late(&window, 10 + FIRE_LATE_MS);
    ck_assert_uint_eq(window_room(&window), 16);
    settle(&window, 0, 2, 20 + FIRE_LATE_MS);
    ck_assert_uint_eq(window_room(&window), 4);
    settle(&window, 2, 9, 30 + FIRE_LATE_MS);
    ck_assert_uint_eq(window_room(&window), 1);
}
END_TEST

/* So many rounds in which each fire takes so long for each that stands before it. */
static uint32_t
rounds(struct window *window, uint32_t count, uint64_t each_ms, uint64_t *now_ms)
{
    while (count-- > 0) {
        uint32_t room = window_room(window);
        tell(window, 1, room, *now_ms);
        for (uint32_t i = 1; i <= room; i++) {
            *now_ms += each_ms;
            settle(window, i, 1, *now_ms);
        }
    }
    return window_room(window);
}

START_TEST(a_window_follows_how_long_fires_take)
{
    struct window window;
    uint64_t now_ms = 1000;
    window_open(&window, WINDOW_MAX);
    ck_assert_uint_eq(rounds(&window, 30, 0, &now_ms), WINDOW_MAX);
    ck_assert_uint_le(rounds(&window, 60, 10, &now_ms), 4);
    ck_assert_uint_eq(rounds(&window, 60, 0, &now_ms), WINDOW_MAX);
}
END_TEST

START_TEST(a_window_that_nobody_waits_for_stays_as_it_is)
{
    struct window window;
    window_open(&window, WINDOW_MAX);
    uint32_t before = window_room(&window);
    for (uint32_t i = 0; i < 1000; i++) {
        struct id id = run(i);
        window_told(&window, &id, 5);
        window_settled(&window, &id, 5, i % 2 == 0);
    }
    ck_assert_uint_eq(window_room(&window), before);
}
END_TEST

START_TEST(more_than_a_window_holds_are_told)
{
    struct window window;
    window_open(&window, WINDOW_MAX);
    tell(&window, 0, WINDOW_MAX + 1, 7);
    ck_assert_uint_eq(window.count, WINDOW_MAX);
    settle(&window, WINDOW_MAX, 1, 8);
    ck_assert_uint_eq(window.count, WINDOW_MAX - 1);
    settle(&window, 0, 1, 8); /* the oldest is forgotten */
    ck_assert_uint_eq(window.count, WINDOW_MAX - 1);
}
END_TEST

/* ---- a backlog ---- */

static const struct id big = { { 1 } }, small = { { 2 } };

START_TEST(projects_take_turns)
{
    struct backlog backlog;
    backlog_open(&backlog);
    ck_assert_ptr_null(backlog_next(&backlog));
    backlog_join(&backlog, &big, 1);
    backlog_join(&backlog, &big, 2);
    backlog_join(&backlog, &small, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(id_equal(backlog_next(&backlog), &big));
        backlog_move(&backlog, &big, 4, true);
        ck_assert(id_equal(backlog_next(&backlog), &small));
        backlog_move(&backlog, &small, 5, false);
    }
    backlog_leave(&backlog, &big);
    ck_assert(id_equal(backlog_next(&backlog), &small));
    backlog_close(&backlog);
}
END_TEST

START_TEST(a_newcomer_is_told_how_long_it_would_wait)
{
    enum { MANY = 1000 };
    struct backlog backlog;
    backlog_open(&backlog);
    ck_assert_uint_eq(backlog_expect_ms(&backlog, &big, MANY, 5000), 0);
    backlog_join(&backlog, &big, 5000);
    ck_assert_uint_eq(backlog_expect_ms(&backlog, &big, MANY, 5030), 30);
    backlog_move(&backlog, &big, 5030, false);
    backlog_move(&backlog, &big, 5040, true);
    ck_assert_uint_eq(backlog_expect_ms(&backlog, &big, 9, 5040), 400);
    /* What was long ago counts less and less. */
    for (uint64_t i = 1; i <= MANY; i++)
        backlog_move(&backlog, &big, 5040 + i * 100, true);
    uint64_t expected_ms = backlog_expect_ms(&backlog, &big, 9, 5040 + MANY * 100);
    ck_assert_uint_ge(expected_ms, 990);
    ck_assert_uint_le(expected_ms, 1010);
    /* One that stands still is seen to. */
    ck_assert_uint_ge(backlog_expect_ms(&backlog, &big, 9, 5040 + MANY * 200), 10000);
    backlog_close(&backlog);
}
END_TEST

START_TEST(how_long_is_not_known_when_a_life_begins)
{
    struct backlog backlog;
    backlog_open(&backlog);
    backlog_join(&backlog, &big, 0);
    ck_assert_uint_eq(backlog_expect_ms(&backlog, &big, 9, 5000), 0);
    backlog_move(&backlog, &big, 5000, true);
    ck_assert_uint_eq(backlog_expect_ms(&backlog, &big, 9, 5020), 20);
    backlog_close(&backlog);
}
END_TEST

/* ---- traces ---- */

static void
open_narrow(struct trace *t, uint32_t schedulers, uint32_t fires)
{
    story_make(t);
    t->config.schedulers = schedulers;
    t->config.fires_max = fires;
    trace_open(t);
}

static const struct plan_event hears_a = { .event_type = { (const uint8_t *)"a", 1 } };

static void
publish(struct trace *t, unsigned count)
{
    while (count-- > 0)
        story_publish(t, NULL, "a", "{}");
}

START_TEST(events_wait_for_fires_to_be_settled)
{
    struct trace t;
    open_narrow(&t, 1, 2);
    story_subscribe(&t, 1, "m", &hears_a);
    t.kept_count = 0;
    publish(&t, 5);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    for (uint64_t event = 3; event <= 5; event++) {
        story_settle(&t, event - 2);
        ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, event);
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    }
    /* Settled twice is settled once. */
    story_settle(&t, 4);
    story_settle(&t, 4);
    publish(&t, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

/* Events 2 and 3 wait when the trigger is changed, and hear of what it is then. */
START_TEST(what_waits_is_heard_by_the_trigger_as_it_is_then)
{
    struct trace t;
    struct plan_event config = hears_a;
    open_narrow(&t, 1, 1);
    story_subscribe(&t, 1, "m", &hears_a);
    publish(&t, 3);
    config.condition = text("meta.event_number != 2");
    struct plan_trigger changed =
        story_trigger("m", "event", &plan_event_shape, &config);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, &changed, 1);
    t.kept_count = 0;
    story_settle(&t, 1);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 3);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    /* One that was not there yet when they came does not hear them: nor does it after
     * it was changed. */
    publish(&t, 1);
    story_offer(&t, 2, 1, AUTOMATION_ACTIVE, &changed, 1);
    config.condition = text("true");
    changed = story_trigger("m", "event", &plan_event_shape, &config);
    story_offer(&t, 2, 2, AUTOMATION_ACTIVE, &changed, 1);
    story_settle(&t, 3);
    story_settle(&t, 4);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(projects_take_turns_with_their_events)
{
    struct trace t;
    open_narrow(&t, 1, 1);
    struct id home = t.project, other = id_of_name(text("another"));
    story_subscribe(&t, 1, "m", &hears_a);
    t.project = other;
    story_subscribe(&t, 1, "m", &hears_a);
    t.project = home;
    publish(&t, 20);
    t.project = other;
    publish(&t, 2);
    t.kept_count = 0;
    t.project = home;
    story_settle(&t, 1);
    struct id last = home;
    for (size_t i = 0; i < 4; i++) {
        const struct message *fired = trace_sent(&t, TRIGGER_FIRED);
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
        ck_assert(i == 0 || !id_equal(&fired->envelope.project, &last));
        last = t.project = fired->envelope.project;
        story_settle(&t, fired->trigger_fired.event);
    }
    trace_close(&t);
}
END_TEST

START_TEST(an_event_fires_as_many_as_there_is_room_for)
{
    enum { TRIGGERS = 10, ROOM = 3 };
    struct trace t;
    open_narrow(&t, 1, ROOM);
    for (unsigned i = 1; i <= TRIGGERS; i++)
        story_subscribe(&t, i, "m", &hears_a);
    t.kept_count = 0;
    publish(&t, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), ROOM);
    for (unsigned told = ROOM; told < TRIGGERS; told++) {
        ck_assert(story_settle(&t, 0));
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    }
    story_settle_all(&t);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(a_scheduler_that_is_away_holds_nothing_up_for_long)
{
    struct trace t;
    open_narrow(&t, 1, 1);
    story_subscribe(&t, 1, "m", &hears_a);
    t.kept_count = 0;
    publish(&t, 3);
    trace_wait(&t, FIRE_LATE_MS - 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_wait(&t, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    /* It comes back: the fires that it knows nothing of are told in turn with others.
     */
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    story_settle(&t, 1);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 2);
    story_settle(&t, 2);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 3);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_told_again_leaves_half_of_the_window)
{
    struct trace t;
    open_narrow(&t, 1, 4);
    story_subscribe(&t, 1, "m", &hears_a);
    publish(&t, 4);
    trace_wait(&t, FIRE_LATE_MS);
    t.kept_count = 0;
    publish(&t, 4);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 4);
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    ck_assert_uint_le(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 4);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    publish(&t, 3);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 10);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    /* What is late makes room for the rest, too. */
    trace_wait(&t, 10 * FIRE_LATE_MS);
    ck_assert_uint_ge(story_count(&t, TRIGGER_FIRED), 7);
    trace_close(&t);
}
END_TEST

/* Each point between an event and the end of its fire, and who dies there. */
START_TEST(an_event_fires_once_whoever_dies)
{
    for (unsigned point = 0; point < 3; point++)
        for (unsigned who = 0; who < 3; who++) {
            struct trace t;
            open_narrow(&t, 1, 1);
            story_subscribe(&t, 1, "m", &hears_a);
            publish(&t, 1);
            if (point >= 1)
                publish(&t, 1); /* waits */
            if (point >= 2)
                story_settle(&t, 1); /* the second one is told */
            t.kept_count = 0;
            if (who != 1)
                trace_crash(&t);
            if (who != 0 || point != 0)
                trace_hello(&t, ACTOR_scheduler, 0, 2);
            for (uint64_t event = 1; event <= 2; event++)
                story_settle(&t, event);
            publish(&t, 2);
            trace_hello(&t, ACTOR_scheduler, 0, 1);
            for (uint64_t event = 1; event <= 4; event++)
                story_settle(&t, event);
            trace_skip(&t);
            t.kept_count = 0;
            trace_hello(&t, ACTOR_scheduler, 0, 1);
            trace_wait(&t, 10 * FIRE_LATE_MS);
            trace_expect_only(&t, "fire", "");
            trace_close(&t);
        }
}
END_TEST

/* ---- what is settled ---- */

/* {"g": 1, "k": "secretxxx…"} */
static const char *
large(size_t size)
{
    static const char head[] = "{\"g\": 1, \"k\": \"secret", tail[] = "\"}";
    static char json[6000];
    memset(json, 'x', size);
    memcpy(json, head, sizeof head - 1);
    memcpy(json + size, tail, sizeof tail);
    return json;
}

/* Three fires and two matches of one event, which lies beside its record; it is gone
 * when the last of them is over. */
START_TEST(the_log_has_no_more_of_what_is_settled)
{
    for (unsigned over = 0; over <= 5; over++) {
        struct trace t;
        open_narrow(&t, 2, 8);
        t.config.events_kept_ms = 10000;
        for (unsigned i = 1; i <= 3; i++)
            story_subscribe(&t, i, "m", &hears_a);
        for (unsigned i = 1; i <= 2; i++)
            story_wait(&t, i, "a", NULL, NULL, 0, 0);
        story_publish(&t, NULL, "a", large(5000));
        story_publish(&t, NULL, "b", large(1000)); /* nobody is told of it */
        trace_wait(&t, 20000);
        ck_assert_uint_eq(story_blobs(&t), 1);
        for (unsigned i = 1; i <= over; i++) {
            if (i == 2 || i == 4)
                story_take_match(&t, i / 2);
            else
                ck_assert(story_settle(&t, 1));
            trace_restart(&t);
        }
        ck_assert_uint_eq(story_blobs(&t), over < 5);
        ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
        trace_close(&t);
    }
}
END_TEST

START_TEST(what_is_told_again_is_not_in_the_log_again)
{
    struct trace t;
    open_narrow(&t, 2, 8);
    t.config.events_kept_ms = 10000;
    story_subscribe(&t, 1, "m", &hears_a);
    story_subscribe(&t, 2, "m", &hears_a);
    story_wait(&t, 1, "a", NULL, NULL, 0, 0);
    story_publish(&t, NULL, "a", large(1000));
    story_publish(&t, NULL, "a", "{}");
    trace_wait(&t, 20000);
    t.kept_count = 0;
    for (unsigned i = 0; i < 2; i++) {
        trace_restart(&t);
        trace_hello(&t, ACTOR_scheduler, 0, 1);
        trace_hello(&t, ACTOR_scheduler, 1, 1);
        ck_assert_uint_eq(trace_sent(&t, WAIT_MATCHED)->wait_matched.number, 1);
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 4);
        ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    }
    story_settle_all(&t);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    story_take_match(&t, 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
    trace_close(&t);
}
END_TEST

/* The inputs of one are worth it, the rest of the record is not. */
START_TEST(what_is_little_stays_in_its_record)
{
    struct trace t;
    struct plan_trigger trigger =
        story_trigger("m", "event", &plan_event_shape, &hears_a);
    open_narrow(&t, 2, 8);
    t.config.events_kept_ms = 10000;
    trigger.inputs = story_json(large(1000));
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    story_subscribe(&t, 2, "m", &hears_a);
    story_wait(&t, 1, "a", NULL, NULL, 0, 0);
    story_publish(&t, NULL, "a", "{\"k\": \"little\"}");
    trace_wait(&t, 20000);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 2); /* and the plan */
    story_settle_all(&t);
    story_take_match(&t, 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    ck_assert_uint_eq(story_records_with(&t, "little"), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_fire_that_is_settled_still_moves_its_group)
{
    struct trace t;
    struct plan_event calm = hears_a, two = hears_a;
    calm.throttle_ms = 60000;
    two.batch_max = 2;
    calm.group = two.group = text("${{ event.g }}");
    open_narrow(&t, 1, 8);
    t.config.events_kept_ms = 10000;
    story_subscribe(&t, 1, "m", &calm);
    story_subscribe(&t, 2, "m", &two);
    t.kept_count = 0;
    for (unsigned i = 0; i < 3; i++)
        story_publish(&t, NULL, "a", large(1000));
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2);
    story_settle_all(&t);
    trace_wait(&t, 20000);
    trace_restart(&t);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1); /* which is held */
    story_publish(&t, NULL, "a", large(1000));
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    story_settle_all(&t);
    trace_close(&t);
}
END_TEST

START_TEST(a_fire_and_a_match_of_a_release_before_stay_in_their_records)
{
    struct trace t;
    struct trigger_name name = { .automation = story_automation(1), .key = text("m") };
    open_narrow(&t, 2, 8);
    name.project = t.project;
    struct trigger_fired fired = { .run = slot_run(&name, t.now_ms, 1, 2),
        .automation = name.automation,
        .trigger = name.key,
        .slot_ms = t.now_ms,
        .event = 1,
        .data = story_json(large(1000)) };
    struct wait_matched matched = {
        .run = story_run(1), .step = 3, .attempt = 1, .number = 1, .data = fired.data
    };
    trace_recorded(
        &t, (struct message){ .code = TRIGGER_FIRED, .trigger_fired = fired });
    trace_recorded(
        &t, (struct message){ .code = WAIT_MATCHED, .wait_matched = matched });
    ck_assert(story_settle(&t, 1));
    story_take_match(&t, 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 2);
    trace_close(&t);
}
END_TEST

/* ---- refusals ---- */

START_TEST(an_event_that_would_wait_for_too_long_is_refused)
{
    struct trace t;
    open_narrow(&t, 1, 1);
    struct id home = t.project;
    story_subscribe(&t, 1, "m", &hears_a);
    publish(&t, 3);
    trace_wait(&t, 900);
    story_settle(&t, 1);
    t.kept_count = 0;
    publish(&t, 1); /* as one took 900 ms, in 1800 ms */
    ck_assert_uint_eq(story_count(&t, DOCUMENT), 1);
    trace_skip(&t);
    publish(&t, 1);
    ck_assert_int_eq(trace_sent(&t, REFUSED)->refused.err, ERR_OVERLOADED);
    trace_expect_only(&t, "event_kept", "");
    /* What nobody listens for, and others, are taken. */
    t.kept_count = 0;
    story_publish(&t, NULL, "b", "{}");
    t.project = id_of_name(text("another"));
    story_publish(&t, NULL, "a", "{}");
    ck_assert_uint_eq(story_count(&t, DOCUMENT), 2);
    t.project = home;
    for (uint64_t event = 2; event < 5; event++)
        story_settle(&t, event);
    t.kept_count = 0;
    publish(&t, 1);
    ck_assert_uint_eq(story_count(&t, DOCUMENT), 1);
    trace_close(&t);
}
END_TEST

/* One that hears events "a", one that fires each minute. */
static void
event_and_slot(struct plan_trigger triggers[2])
{
    triggers[0] = story_trigger("m", "event", &plan_event_shape, &hears_a);
    triggers[1] = story_trigger("s", "schedule", NULL, NULL);
    triggers[1].interval_ms = 60000;
}

START_TEST(slots_are_late_and_take_turns_with_events)
{
    struct trace t;
    struct plan_trigger triggers[2];
    event_and_slot(triggers);
    open_narrow(&t, 1, 1);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, triggers, 2);
    story_offer(&t, 2, 1, AUTOMATION_ACTIVE, triggers + 1, 1);
    trace_wait(&t, 59900);
    publish(&t, 3);
    t.kept_count = 0;
    trace_wait(&t, 200);
    /* Other things are told meanwhile. */
    struct plan_event ends = { .event_type = text("run.*") };
    story_subscribe(&t, 3, "m", &ends);
    ck_assert_uint_eq(trace_sent(&t, ENDS_WANTED)->ends_wanted.wanted, 1);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    static const bool slot[] = { true, false, true, false };
    t.kept_count = 0;
    story_settle(&t, 1);
    for (size_t i = 0; i < COUNT(slot); i++) {
        ck_assert_uint_eq(
            trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event == 0, slot[i]);
        story_take_fire(&t, NULL);
    }
    trace_close(&t);
}
END_TEST

/* Automation 1 fires with each "a", automation 2 when no "b" has come for a while. */
static void
open_calm(struct trace *t)
{
    struct plan_event calm = {
        .event_type = text("b"), .debounce_ms = 500, .group = text("${{ event.g }}")
    };
    open_narrow(t, 1, 1);
    story_subscribe(t, 1, "m", &hears_a);
    story_subscribe(t, 2, "m", &calm);
}

START_TEST(what_is_held_back_waits_for_room)
{
    struct trace t;
    open_calm(&t);
    story_publish(&t, NULL, "b", "{\"g\": 1}");
    publish(&t, 1);
    t.kept_count = 0;
    trace_wait(&t, 600);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_publish(&t, NULL, "b", "{\"g\": 1}"); /* too late for its time */
    story_settle(&t, 2);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 1);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_held_back_waits_for_events_that_came_before_its_time)
{
    enum { GROUPS = LOOKED_MAX + 1 };
    struct trace t;
    char data[40];
    open_calm(&t);
    for (unsigned group = 0; group < GROUPS; group++) {
        snprintf(data, sizeof data, "{\"g\": %u}", group);
        story_publish(&t, NULL, "b", data);
    }
    publish(&t, 1);
    t.kept_count = 0;
    trace_wait(&t, 100);
    story_publish(&t, NULL, "b", "{\"g\": 7}");
    trace_wait(&t, 450);
    story_settle(&t, GROUPS + 1);
    for (unsigned fired = 1; fired < GROUPS; fired++)
        ck_assert(story_settle(&t, 0));
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), GROUPS - 1);
    ck_assert(!story_settle(&t, 0));
    trace_wait(&t, 50);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, GROUPS + 2);
    trace_close(&t);
}
END_TEST

/* ---- http triggers, and what else is an event ---- */

static void
call(struct trace *t)
{
    struct hook_call said = { .request = 5, .handle = text("own"), .body = text("{}") };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = HOOK_CALL, .hook_call = said });
}

static void
set_state(struct trace *t, uint64_t question)
{
    struct state_set set = { .request = question,
        .question = question,
        .scope = text("s"),
        .key = text("k"),
        .value = story_json("{\"a\": 1}") };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = STATE_SET, .state_set = set });
}

/* Automation 1 has a hook, and others listen for its calls. */
static void
open_hook(struct trace *t, uint32_t fires, uint32_t schedulers, unsigned listeners)
{
    struct plan_http http = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_event calls = { .event_type = text("http.m") };
    struct plan_trigger hook = story_trigger("m", "http", &plan_http_shape, &http);
    open_narrow(t, schedulers, fires);
    story_offer(t, 1, 1, AUTOMATION_ACTIVE, &hook, 1);
    for (unsigned n = 2; n < 2 + listeners; n++)
        story_subscribe(t, n, "m", &calls);
    trace_skip(t);
    t->kept_count = 0;
}

START_TEST(a_hook_fires_once_and_then_those_who_listen)
{
    struct trace t;
    open_hook(&t, 2, 1, 5);
    call(&t);
    call(&t);
    story_settle_all(&t);
    trace_expect_only(&t, "refusal", "");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 2 * 6);
    trace_close(&t);
}
END_TEST

START_TEST(a_hook_that_is_paused_or_gone_by_then_does_not_fire)
{
    struct plan_trigger other = { .key = text("m"), .kind = text("manual") };
    struct plan_event heard = { .event_type = text("e"), .match = text("\x80") };
    struct plan_trigger event = story_trigger("m", "event", &plan_event_shape, &heard);
    struct plan_http http = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger hook = story_trigger("m", "http", &plan_http_shape, &http);
    for (unsigned gone = 0; gone < 3; gone++) {
        struct trace t;
        open_hook(&t, 1, 1, 0);
        call(&t);
        call(&t);
        if (gone > 0)
            story_offer(
                &t, 1, 2, AUTOMATION_ACTIVE, gone > 1 ? &event : &other, gone > 1);
        else
            story_offer(&t, 1, 2, AUTOMATION_PAUSED, &hook, 1);
        t.kept_count = 0;
        trace_skip(&t);
        story_settle_all(&t);
        trace_expect_only(&t, "refusal",
            "1000000 fire_settled automation=AUT1 trigger=m slot_ms=1000000 event=2 "
            "refusal=\"the trigger is not enabled, or its automation is not "
            "active\"\n");
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
        trace_close(&t);
    }
}
END_TEST

START_TEST(whatever_would_be_an_event_too_many_is_refused)
{
    struct trace t;
    struct plan_event changes = { .event_type = text("state.*") };
    open_hook(&t, 1, 1, 0);
    story_subscribe(&t, 2, "m", &changes);
    call(&t);
    call(&t);
    call(&t);
    trace_wait(&t, 900);
    story_settle(&t, 1);
    call(&t);
    trace_skip(&t);
    t.kept_count = 0;
    call(&t);
    set_state(&t, 1);
    ck_assert_uint_eq(t.kept_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(t.kept[i].code, REFUSED);
        ck_assert_int_eq(t.kept[i].refused.err, ERR_OVERLOADED);
    }
    trace_expect_only(&t, "event_kept", "");
    story_settle_all(&t);
    t.kept_count = 0;
    set_state(&t, 2);
    ck_assert_uint_eq(story_count(&t, DOCUMENT), 1);
    trace_close(&t);
}
END_TEST

/* Whose fire it will be is not known before: each must have room. */
START_TEST(one_scheduler_that_is_slow_holds_up_the_events_of_others_for_a_second)
{
    struct trace t;
    open_narrow(&t, 2, 1);
    story_subscribe(&t, 1, "m", &hears_a);
    t.kept_count = 0;
    publish(&t, 1);
    uint32_t first = id_partition(&trace_sent(&t, TRIGGER_FIRED)->trigger_fired.run);
    publish(&t, 8);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_hello(&t, ACTOR_scheduler, 1 - first, 2);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_wait(&t, FIRE_LATE_MS);
    ck_assert_uint_ge(story_count(&t, TRIGGER_FIRED), 1);
    story_settle_all(&t);
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_waits_for_room)
{
    struct trace t;
    struct plan_trigger triggers[2];
    event_and_slot(triggers);
    open_narrow(&t, 1, 1);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, triggers, 2);
    trace_wait(&t, 59900);
    publish(&t, 1);
    t.kept_count = 0;
    trace_wait(&t, 200);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    story_settle(&t, 1);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.event, 0);
    trace_close(&t);
}
END_TEST

TCase *
trigger_fires_case(void)
{
    TCase *c = tcase_create("fires");
    tcase_add_test(c, a_window_has_room_for_so_many);
    tcase_add_test(c, a_scheduler_that_settles_late_is_told_fewer);
    tcase_add_test(c, a_window_follows_how_long_fires_take);
    tcase_add_test(c, a_window_that_nobody_waits_for_stays_as_it_is);
    tcase_add_test(c, more_than_a_window_holds_are_told);
    tcase_add_test(c, projects_take_turns);
    tcase_add_test(c, a_newcomer_is_told_how_long_it_would_wait);
    tcase_add_test(c, how_long_is_not_known_when_a_life_begins);
    tcase_add_test(c, events_wait_for_fires_to_be_settled);
    tcase_add_test(c, what_waits_is_heard_by_the_trigger_as_it_is_then);
    tcase_add_test(c, projects_take_turns_with_their_events);
    tcase_add_test(c, an_event_fires_as_many_as_there_is_room_for);
    tcase_add_test(c, a_scheduler_that_is_away_holds_nothing_up_for_long);
    tcase_add_test(c, what_is_told_again_leaves_half_of_the_window);
    tcase_add_test(c, an_event_fires_once_whoever_dies);
    tcase_add_test(c, the_log_has_no_more_of_what_is_settled);
    tcase_add_test(c, what_is_told_again_is_not_in_the_log_again);
    tcase_add_test(c, what_is_little_stays_in_its_record);
    tcase_add_test(c, a_fire_that_is_settled_still_moves_its_group);
    tcase_add_test(c, a_fire_and_a_match_of_a_release_before_stay_in_their_records);
    tcase_add_test(c, an_event_that_would_wait_for_too_long_is_refused);
    tcase_add_test(c, slots_are_late_and_take_turns_with_events);
    tcase_add_test(c, a_slot_waits_for_room);
    tcase_add_test(c, what_is_held_back_waits_for_room);
    tcase_add_test(c, what_is_held_back_waits_for_events_that_came_before_its_time);
    tcase_add_test(c, a_hook_fires_once_and_then_those_who_listen);
    tcase_add_test(c, a_hook_that_is_paused_or_gone_by_then_does_not_fire);
    tcase_add_test(c, whatever_would_be_an_event_too_many_is_refused);
    tcase_add_test(
        c, one_scheduler_that_is_slow_holds_up_the_events_of_others_for_a_second);
    return c;
}
