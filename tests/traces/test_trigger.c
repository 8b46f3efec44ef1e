/* Goal: what the trigger actor says and when, word for word.
 * Method: traces with two schedulers and plans compiled from text; trace_close replays
 * each. */
#include "actors/plan/compile.h"
#include "actors/trigger/entries.h"
#include "actors/trigger/trigger.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <check.h>
#include <stdio.h>

enum { BEGIN_MS = 1000000 };

static struct id
automation(unsigned n)
{
    uint8_t chance[10] = { (uint8_t)n };
    return id_make(n, chance, 0);
}

static struct id
run_of(const struct trace *t, unsigned n, const char *trigger, uint64_t slot_ms)
{
    struct trigger_name name = { t->project, automation(n), text(trigger) };
    return slot_run(&name, slot_ms, 0, t->config.schedulers);
}

static void
name_run(struct trace *t, unsigned n, const char *trigger, uint64_t slot_ms,
    const char *name)
{
    struct id run = run_of(t, n, trigger, slot_ms);
    trace_name(t, &run, name);
}

static void
open_trace(struct trace *t)
{
    static const char *const names[] = { "AUT1", "AUT2", "AUT3" };
    trace_make(t, &trigger_actor);
    t->config.schedulers = 2;
    t->without_sizes = true;
    t->now_ms = BEGIN_MS;
    for (unsigned i = 0; i < COUNT(names); i++) {
        struct id id = automation(i + 1);
        trace_name(t, &id, names[i]);
    }
    trace_open(t);
}

/* Offer a version whose triggers are these, written as YAML. */
static void
offer(struct trace *t, unsigned n, uint32_t version, const char *triggers)
{
    static const struct compile_limits limits = {
        .text_max = 65536, .steps_max = 100, .payload_max = 65536
    };
    struct arena arena = { 0 };
    struct buffer plan = { 0 };
    struct mistakes mistakes = { 0 };
    char yaml[1000];
    snprintf(yaml, sizeof yaml,
        "{name: a, triggers: [%s], steps: [{kind: action, action: print}]}", triggers);
    ck_assert_int_eq(compile(text(yaml), &limits, &arena, &plan, &mistakes), ERR_NONE);
    struct triggers_offered offered = {
        .automation = automation(n),
        .name = text("a"),
        .version = version,
        .plan = buffer_bytes(&plan),
    };
    trace_give(t, ACTOR_registry, 0,
        (struct message){ .code = TRIGGERS_OFFERED, .triggers_offered = offered });
    buffer_free(&plan);
    arena_free(&arena);
}

static void
take(struct trace *t, unsigned n, const char *trigger, uint64_t slot_ms)
{
    struct id run = run_of(t, n, trigger, slot_ms);
    struct fire_taken taken = {
        .automation = automation(n),
        .trigger = text(trigger),
        .slot_ms = slot_ms,
        .run = run,
    };
    trace_give(t, ACTOR_scheduler, id_partition(&run),
        (struct message){ .code = FIRE_TAKEN, .fire_taken = taken });
}

#define MINUTELY "{key: m, kind: schedule, interval: 1m}"

START_TEST(a_schedule_fires_at_each_of_its_slots)
{
    struct trace t;
    open_trace(&t);
    name_run(&t, 1, "m", 1060000, "RUN1");
    name_run(&t, 1, "m", 1120000, "RUN2");
    offer(&t, 1, 1, MINUTELY);
    trace_expect(&t,
        "1000000 triggers_learned automation=AUT1 name=a version=1 plan=(…) "
        "found=(…)\n"
        "1000000 -> registry triggers_known automation=AUT1 version=1\n");
    trace_wait(&t, 59999);
    trace_expect(&t, "");
    trace_wait(&t, 1);
    trace_expect(&t,
        "1060000 -> scheduler.1 trigger_fired run=RUN1 automation=AUT1 "
        "trigger=m slot_ms=1060000 meta=(…) source=schedule next_ms=1120000\n");
    take(&t, 1, "m", 1060000);
    take(&t, 1, "m", 1060000);
    trace_expect(
        &t, "1060000 fire_settled automation=AUT1 trigger=m slot_ms=1060000\n");
    trace_wait(&t, 60000);
    trace_expect(&t,
        "1120000 -> scheduler.0 trigger_fired run=RUN2 automation=AUT1 "
        "trigger=m slot_ms=1120000 meta=(…) source=schedule next_ms=1180000\n");
    trace_close(&t);
}
END_TEST

START_TEST(only_enabled_schedules_fire)
{
    struct trace t;
    open_trace(&t);
    offer(&t, 1, 1,
        "{key: hand, kind: manual}, "
        "{key: off, kind: schedule, interval: 1m, enabled: false}, "
        "{key: on, kind: schedule, interval: 2m}");
    trace_skip(&t);
    trace_wait(&t, 120000);
    ck_assert_uint_eq(t.kept_count, 2);
    ck_assert(
        bytes_equal(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.trigger, text("on")));
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_is_told_until_the_scheduler_has_taken_it)
{
    struct trace t;
    open_trace(&t);
    name_run(&t, 1, "m", 1060000, "RUN1");
    offer(&t, 1, 1, MINUTELY);
    trace_wait(&t, 60000);
    trace_skip(&t);
    static const char fired[] = "1060000 -> scheduler.1 trigger_fired run=RUN1 "
                                "automation=AUT1 trigger=m slot_ms=1060000 "
                                "meta=(…) source=schedule\n";
    trace_hello(&t, ACTOR_scheduler, 1, 1);
    trace_expect_only(&t, "->", fired);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->", "");
    trace_crash(&t);
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    trace_expect_only(&t, "->", fired);
    take(&t, 1, "m", 1060000);
    trace_hello(&t, ACTOR_scheduler, 1, 1);
    trace_expect_only(&t, "->", "");
    trace_close(&t);
}
END_TEST

START_TEST(the_next_slot_waits_for_the_one_before)
{
    struct trace t;
    open_trace(&t);
    name_run(&t, 1, "m", 1300000, "RUN5");
    offer(&t, 1, 1, MINUTELY);
    trace_wait(&t, 60000);
    trace_skip(&t);
    trace_wait(&t, 100000);
    offer(&t, 1, 2, MINUTELY);
    trace_skip(&t);
    trace_wait(&t, 150000);
    trace_expect(&t, "");
    take(&t, 1, "m", 1060000);
    trace_expect_only(&t, "->",
        "1310000 -> scheduler.0 trigger_fired run=RUN5 automation=AUT1 trigger=m "
        "slot_ms=1300000 meta=(…) source=schedule next_ms=1360000\n");
    trace_close(&t);
}
END_TEST

START_TEST(of_the_slots_missed_while_down_the_latest_one_fires)
{
    struct trace t;
    open_trace(&t);
    name_run(&t, 1, "m", 1300000, "RUN5");
    name_run(&t, 1, "m", 1360000, "RUN6");
    offer(&t, 1, 1, MINUTELY);
    trace_skip(&t);
    t.now_ms += 310000;
    trace_restart(&t);
    trace_expect(&t, "1310000 -> scheduler.0 trigger_fired run=RUN5 automation=AUT1 "
                     "trigger=m slot_ms=1300000 meta=(…) source=schedule "
                     "next_ms=1360000\n");
    take(&t, 1, "m", 1300000);
    trace_skip(&t);
    trace_wait(&t, 50000);
    trace_expect(&t, "1360000 -> scheduler.0 trigger_fired run=RUN6 automation=AUT1 "
                     "trigger=m slot_ms=1360000 meta=(…) source=schedule "
                     "next_ms=1420000\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_new_version_replaces_the_schedules_that_it_changes)
{
    struct trace t;
    open_trace(&t);
    offer(&t, 1, 1,
        "{key: kept, kind: schedule, interval: 1m}, "
        "{key: changed, kind: schedule, interval: 1m}, "
        "{key: dropped, kind: schedule, interval: 1m}");
    trace_wait(&t, 30000);
    trace_skip(&t);
    offer(&t, 1, 2,
        "{key: kept, kind: schedule, interval: 1m}, "
        "{key: changed, kind: schedule, interval: 2m}");
    trace_skip(&t);
    trace_wait(&t, 30000);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.slot_ms, 1060000);
    take(&t, 1, "kept", 1060000);
    take(&t, 1, "changed", 1060000);
    trace_expect_only(&t, "fire_settled",
        "1060000 fire_settled automation=AUT1 trigger=kept slot_ms=1060000\n");
    trace_wait(&t, 60000);
    take(&t, 1, "kept", 1120000);
    trace_skip(&t);
    trace_wait(&t, 30000);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.slot_ms, 1150000);
    trace_close(&t);
}
END_TEST

START_TEST(a_version_that_comes_late_changes_nothing)
{
    struct trace t;
    open_trace(&t);
    offer(&t, 1, 2, "{key: hand, kind: manual}");
    trace_skip(&t);
    offer(&t, 1, 1, MINUTELY);
    trace_expect(&t, "1000000 -> registry triggers_known automation=AUT1 version=1\n");
    trace_wait(&t, 3600000);
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_of_a_version_before_is_still_settled)
{
    struct trace t;
    open_trace(&t);
    offer(&t, 1, 1, MINUTELY);
    trace_wait(&t, 60000);
    offer(&t, 1, 2, "{key: m, kind: schedule, interval: 5m}");
    trace_skip(&t);
    take(&t, 1, "m", 1060000);
    trace_expect(
        &t, "1060000 fire_settled automation=AUT1 trigger=m slot_ms=1060000\n");
    trace_wait(&t, 299999);
    trace_expect(&t, "");
    trace_wait(&t, 1);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.slot_ms, 1360000);
    trace_close(&t);
}
END_TEST

START_TEST(a_slot_of_a_version_before_settles_no_other)
{
    struct trace t;
    open_trace(&t);
    offer(&t, 1, 1, MINUTELY);
    trace_wait(&t, 60000);
    offer(&t, 1, 2, "{key: m, kind: schedule, interval: 5m}");
    trace_wait(&t, 300000);
    take(&t, 1, "m", 1060000);
    trace_skip(&t);
    trace_wait(&t, 300000);
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(a_turn_tells_a_bounded_number_and_each_project_apart)
{
    enum { MANY = 150 };
    struct trace t;
    struct id first;
    open_trace(&t);
    story_widen(&t);
    first = t.project;
    for (unsigned i = 1; i <= MANY; i++) {
        if (i == MANY / 2)
            t.project = id_of_name(text("another"));
        offer(&t, i, 1, MINUTELY);
    }
    t.kept_count = 0;
    uint64_t before = journal_last(t.journal);
    trace_wait(&t, 60000);
    ck_assert_uint_eq(t.kept_count, MANY);
    /* 74 of one project and 76 of the other, at most 64 in a turn. */
    ck_assert_uint_eq(journal_last(t.journal) - before, 4);
    /* Whoever greets hears its own, and all of them. */
    size_t mine[2] = { 0, 0 }, theirs = 0;
    for (size_t i = 0; i < MANY; i++) {
        mine[t.kept[i].to_instance]++;
        theirs += !id_equal(&t.kept[i].envelope.project, &first);
    }
    ck_assert_uint_eq(theirs, MANY - MANY / 2 + 1);
    for (uint32_t partition = 0; partition < 2; partition++) {
        t.kept_count = 0;
        trace_hello(&t, ACTOR_scheduler, partition, 2);
        ck_assert_uint_gt(mine[partition], MANY / 4);
        ck_assert_uint_eq(t.kept_count, mine[partition]);
    }
    trace_close(&t);
}
END_TEST

TCase *
trigger_schedules_case(void)
{
    TCase *c = tcase_create("schedules");
    tcase_add_test(c, a_schedule_fires_at_each_of_its_slots);
    tcase_add_test(c, only_enabled_schedules_fire);
    tcase_add_test(c, a_slot_is_told_until_the_scheduler_has_taken_it);
    tcase_add_test(c, the_next_slot_waits_for_the_one_before);
    tcase_add_test(c, of_the_slots_missed_while_down_the_latest_one_fires);
    tcase_add_test(c, a_new_version_replaces_the_schedules_that_it_changes);
    tcase_add_test(c, a_version_that_comes_late_changes_nothing);
    tcase_add_test(c, a_slot_of_a_version_before_is_still_settled);
    tcase_add_test(c, a_slot_of_a_version_before_settles_no_other);
    tcase_add_test(c, a_turn_tells_a_bounded_number_and_each_project_apart);
    return c;
}
