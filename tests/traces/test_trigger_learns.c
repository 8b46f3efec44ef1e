/* Goal: a new version of an automation changes of its triggers what it says otherwise,
 * and nothing else; what there is of them is shown as it is.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "actors/trigger/state.h"
#include "base/json_write.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <stdio.h>

enum { MINUTE_MS = 60000 };

static void
give(struct trace *t, struct message m)
{
    t->kept_count = 0;
    trace_give(t, ACTOR_gateway, 0, m);
}

/* The member of the answer, as JSON, is this. */
static void
expect_shown(struct trace *t, const char *member, const char *json)
{
    struct buffer out = { 0 };
    struct bytes document = trace_sent(t, DOCUMENT)->document.document;
    ck_assert_int_eq(msgpack_to_json(pack_find(document, member), &out), ERR_NONE);
    buffer_append(&out, "", 1);
    ck_assert_str_eq((char *)out.data, json);
    buffer_free(&out);
}

static void
list(struct trace *t, const char *name, unsigned automation)
{
    struct trigger_list asked = { .request = 3, .name = text(name) };
    if (automation > 0)
        asked.automation = story_automation(automation);
    give(t, (struct message){ .code = TRIGGER_LIST, .trigger_list = asked });
}

START_TEST(inputs_of_a_trigger_are_given_up_with_it)
{
    struct trace t;
    struct plan_trigger trigger = story_trigger("c", "manual", NULL, NULL);
    static char inputs[5001];
    memset(inputs, 'x', sizeof inputs - 1);
    memcpy(inputs, "{\"a\": \"", 7);
    memcpy(inputs + sizeof inputs - 3, "\"}", 3);
    trigger.inputs = story_json(inputs);
    story_open(&t);
    for (unsigned revision = 1; revision <= 3; revision++) {
        story_offer(&t, 1, revision, AUTOMATION_ACTIVE, &trigger, revision < 3);
        ck_assert_uint_eq(story_puts(&t, trigger.inputs), revision < 3);
    }
    trace_close(&t);
}
END_TEST

START_TEST(every_kind_of_trigger_is_shown)
{
    struct trace t;
    struct plan_event event = { .event_type = text("a.*"), .source = text("s") };
    struct plan_http http = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger triggers[3] = {
        story_trigger("a", "event", &plan_event_shape, &event),
        story_trigger("b", "http", &plan_http_shape, &http),
        story_trigger("c", "manual", NULL, NULL),
    };
    struct plan_trigger other[1] = { triggers[1] };
    triggers[2].enabled = false;
    char id[ID_TEXT_MAX], all[2048];
    struct id automation = story_automation(1);
    static const char rest[] =
        "\"next_at\":null,\"last_fired_at\":null,\"last_run\":null,\"fires\":0,"
        "\"refusals\":0,\"last_refusal\":\"\"";
    snprintf(all, sizeof all,
        "[{\"key\":\"a\",\"kind\":\"event\",\"enabled\":true,\"active\":true,%s,"
        "\"event_type\":\"a.*\",\"source\":\"s\"},"
        "{\"key\":\"b\",\"kind\":\"http\",\"enabled\":true,\"active\":true,%s,"
        "\"url\":\"/capstan/v1/hooks/own\",\"scheme\":\"none\",\"secret\":\"\","
        "\"secret_set\":false},"
        "{\"key\":\"c\",\"kind\":\"manual\",\"enabled\":false,\"active\":false,%s}]",
        rest, rest, rest);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, triggers, 3);
    list(&t, "a", 0), expect_shown(&t, "items", all);
    list(&t, "", 1), expect_shown(&t, "items", all);
    list(&t, id_print(&automation, "aut_", id), 0), expect_shown(&t, "items", all);
    list(&t, "nothing", 0);
    ck_assert_int_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    list(&t, "", 2);
    ck_assert_int_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    /* Another's handle is not its own. */
    story_offer(&t, 2, 1, AUTOMATION_ACTIVE, other, 1);
    snprintf(all, sizeof all,
        "[{\"key\":\"b\",\"kind\":\"http\",\"enabled\":true,\"active\":true,%s,"
        "\"url\":null,\"scheme\":\"none\",\"secret\":\"\",\"secret_set\":false}]",
        rest);
    list(&t, "", 2), expect_shown(&t, "items", all);
    /* It keeps that of the first when it is told again, and when it forgets its own. */
    story_offer(&t, 2, 2, AUTOMATION_ACTIVE, NULL, 0);
    list(&t, "", 2), expect_shown(&t, "items", "[]");
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, NULL, 0);
    story_offer(&t, 2, 3, AUTOMATION_ACTIVE, other, 1);
    list(&t, "", 2);
    struct bytes document = trace_sent(&t, DOCUMENT)->document.document;
    ck_assert_ptr_nonnull(memmem(document.data, document.size, "hooks/own", 9));
    trace_close(&t);
}
END_TEST

/* A schedule, then a version of half a minute later: does its slot stay? */
static const struct {
    const char *kind, *cron, *timezone;
    uint64_t interval_ms, jitter_ms;
    bool disabled, stays;
} changes[] = {
    { "schedule", NULL, NULL, MINUTE_MS, 0, false, true },
    { "schedule", NULL, NULL, 2 * MINUTE_MS, 0, false, false },
    { "schedule", NULL, NULL, MINUTE_MS, 0, true, false },
    { "schedule", NULL, "UTC", MINUTE_MS, 0, false, false },
    { "schedule", NULL, NULL, MINUTE_MS, 1, false, false },
    { "schedule", "* * * * *", NULL, MINUTE_MS, 0, false, false },
    { "schedule", "* * * * *", "No/Where", 0, 0, false, false },
    { "schedule", "nonsense", NULL, 0, 0, false, false },
    { "manual", NULL, NULL, 0, 0, false, false },
};

static struct plan_trigger
changed(size_t row)
{
    struct plan_schedule config = { .jitter_ms = changes[row].jitter_ms };
    bool schedule = strcmp(changes[row].kind, "schedule") == 0;
    struct plan_trigger trigger = story_trigger(
        "s", changes[row].kind, &plan_schedule_shape, schedule ? &config : NULL);
    trigger.interval_ms = changes[row].interval_ms;
    trigger.enabled = !changes[row].disabled;
    if (changes[row].cron != NULL)
        trigger.cron = text(changes[row].cron);
    if (changes[row].timezone != NULL)
        trigger.timezone = text(changes[row].timezone);
    return trigger;
}

START_TEST(a_schedule_goes_on_if_nothing_of_it_changed)
{
    struct trace t;
    struct plan_trigger before = changed(0), now = changed((size_t)_i);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &before, 1);
    trace_wait(&t, MINUTE_MS / 2);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, &now, 1);
    t.kept_count = 0;
    trace_wait(&t, MINUTE_MS / 2);
    size_t fired = 0;
    for (size_t i = 0; i < t.kept_count; i++)
        fired += t.kept[i].code == TRIGGER_FIRED
                 && t.kept[i].trigger_fired.slot_ms == STORY_BEGIN_MS + MINUTE_MS;
    ck_assert_uint_eq(fired, changes[_i].stays);
    trace_close(&t);
}
END_TEST

/* Which version is learned, of those that are told in that order: one digit each. */
START_TEST(of_the_versions_that_are_told_the_current_one_counts)
{
    static const struct {
        uint32_t version, current;
        uint64_t revision;
        bool learned;
    } told[] = {
        { 2, 0, 5, true },
        { 2, 0, 5, false }, /* again */
        { 1, 0, 4, false }, /* late */
        { 1, 2, 6, false }, /* not the one that holds */
        { 2, 2, 6, true },  /* its status changed */
        { 2, 3, 7, true },  /* the one that is known, before the next */
        { 3, 3, 8, true },  /* the next */
        { 1, 1, 0, false }, /* of the first release, whose versions are revisions */
        { 9, 9, 0, true },
    };
    struct trace t;
    story_open(&t);
    for (size_t i = 0; i < COUNT(told); i++) {
        struct triggers_offered offered = {
            .automation = story_automation(1),
            .name = text("a"),
            .version = told[i].version,
            .current = told[i].current,
            .revision = told[i].revision,
            .plan = text("of a later release"),
        };
        uint64_t before = journal_last(t.journal);
        trace_give(&t, ACTOR_registry, 0,
            (struct message){ .code = TRIGGERS_OFFERED, .triggers_offered = offered });
        ck_assert_msg((journal_last(t.journal) > before) == told[i].learned, "%zu", i);
    }
    trace_close(&t);
}
END_TEST

static void
next(struct trace *t, const char *name, uint64_t after_ms, uint32_t count)
{
    struct schedule_next asked = {
        .request = 3, .name = text(name), .after_ms = after_ms, .count = count
    };
    give(t, (struct message){ .code = SCHEDULE_NEXT, .schedule_next = asked });
}

START_TEST(only_schedules_that_will_come_are_told)
{
    struct trace t;
    struct plan_trigger triggers[4] = { changed(0), changed(7), changed(2),
        changed(8) };
    triggers[1].key = text("t");
    triggers[2].key = text("u");
    triggers[3].key = text("v");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, triggers, 4);
    next(&t, "a", 0, 2);
    expect_shown(&t, "items",
        "[{\"trigger\":\"s\",\"at\":\"1970-01-01T00:17:40.000Z\"},"
        "{\"trigger\":\"s\",\"at\":\"1970-01-01T00:18:40.000Z\"}]");
    next(&t, "a", STORY_BEGIN_MS + 10 * MINUTE_MS, 1);
    expect_shown(
        &t, "items", "[{\"trigger\":\"s\",\"at\":\"1970-01-01T00:27:40.000Z\"}]");
    next(&t, "nothing", 0, 1);
    ck_assert_int_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, triggers + 1, 3);
    next(&t, "a", 0, 2);
    expect_shown(&t, "items", "[]");
    trace_close(&t);
}
END_TEST

static uint64_t
next_slot(const struct trace *t)
{
    return t->actor->due(t->state);
}

/* The fact as the first release said it: nothing was found out. */
static void
learned_first(
    struct trace *t, unsigned n, const struct plan_trigger *triggers, uint32_t count)
{
    struct plan plan = { .name = text("a"), .concurrency = PLAN_ALLOW };
    struct plan_step step = { .key = text("z"),
        .kind = STEP_SLEEP,
        .config = story_trigger(
            "z", "", &plan_sleep_shape, &(struct plan_sleep){ .duration_ms = 1 })
                      .config,
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
        .handler = PLAN_NO_STEP,
        .parent = PLAN_NO_STEP };
    struct buffer out = { 0 };
    plan_write(&plan, &step, 1, triggers, count, &out);
    struct triggers_learned learned = {
        .automation = story_automation(n), .version = 1, .plan = buffer_bytes(&out)
    };
    trace_recorded(
        t, (struct message){ .code = TRIGGERS_LEARNED, .triggers_learned = learned });
    buffer_free(&out);
}

static struct plan_trigger
minutely(void)
{
    struct plan_trigger trigger = story_trigger("s", "schedule", NULL, NULL);
    trigger.interval_ms = MINUTE_MS;
    return trigger;
}

START_TEST(an_interval_of_the_first_release_begins_when_it_is_learned)
{
    struct trace t;
    struct plan_http http = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger triggers[3] = { minutely(), minutely(),
        story_trigger("h", "http", &plan_http_shape, &http) };
    triggers[1].key = text("t");
    triggers[1].interval_ms = 0;
    triggers[1].cron = text("* * * * *");
    story_open(&t);
    learned_first(&t, 1, triggers, 3);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    ck_assert_uint_eq(next_slot(&t), STORY_BEGIN_MS + MINUTE_MS);
    list(&t, "", 1);
    struct bytes document = trace_sent(&t, DOCUMENT)->document.document;
    ck_assert_ptr_null(memmem(document.data, document.size, "own", 3));
    trace_wait(&t, MINUTE_MS);
    ck_assert(
        bytes_equal(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.trigger, text("s")));
    story_take_fire(&t, NULL);
    ck_assert_uint_eq(next_slot(&t), STORY_BEGIN_MS + 2 * MINUTE_MS);
    trace_close(&t);
}
END_TEST

/* Rows as the first release left them: a version, a schedule, and no definition. */
static void
leave_rows_of_the_first_release(struct trace *t)
{
    struct id automation = story_automation(1);
    struct trigger_name name = { t->project, automation, text("s") };
    struct row_key of_automation = key_of_triggers(&t->project, &automation);
    struct row_key of_definition = key_of_definition(&name);
    kept_drop(t->journal, &of_definition);
    journal_put(t->journal, row_key_bytes(&of_automation), bytes_of("\0\0\0\1", 4));
    ck_assert_int_eq(journal_commit(t->journal, true), ERR_NONE);
    trace_restart(t);
}

START_TEST(what_the_first_release_left_goes_on)
{
    struct trace t;
    struct plan_trigger trigger = minutely();
    story_open(&t);
    learned_first(&t, 1, &trigger, 1);
    leave_rows_of_the_first_release(&t);
    trace_wait(&t, MINUTE_MS);
    ck_assert_uint_eq(trace_sent(&t, TRIGGER_FIRED)->trigger_fired.slot_ms,
        STORY_BEGIN_MS + MINUTE_MS);
    story_take_fire(&t, NULL);
    ck_assert_uint_eq(next_slot(&t), STORY_BEGIN_MS + 2 * MINUTE_MS);
    struct schedule_next asked = {
        .request = 3, .automation = story_automation(1), .count = 3
    };
    give(&t, (struct message){ .code = SCHEDULE_NEXT, .schedule_next = asked });
    expect_shown(&t, "status", "\"active\"");
    /* The same again keeps its slot, also half a minute later. */
    trace_wait(&t, MINUTE_MS / 2);
    story_offer(&t, 1, 2, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(next_slot(&t), STORY_BEGIN_MS + 2 * MINUTE_MS);
    trigger.interval_ms = 2 * MINUTE_MS;
    story_offer(&t, 1, 3, AUTOMATION_ACTIVE, &trigger, 1);
    ck_assert_uint_eq(next_slot(&t), t.now_ms + 2 * MINUTE_MS);
    trace_close(&t);
}
END_TEST

START_TEST(a_schedule_that_is_paused_has_no_next_slot)
{
    struct trace t;
    struct plan_trigger trigger = minutely();
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    list(&t, "a", 0);
    struct bytes document = trace_sent(&t, DOCUMENT)->document.document;
    ck_assert_ptr_nonnull(memmem(document.data, document.size, "1970-01-01T", 11));
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, &trigger, 1);
    list(&t, "a", 0);
    document = trace_sent(&t, DOCUMENT)->document.document;
    ck_assert_ptr_null(memmem(document.data, document.size, "1970-01-01T", 11));
    trace_close(&t);
}
END_TEST

TCase *
trigger_learns_case(void)
{
    TCase *c = tcase_create("learns");
    tcase_add_test(c, inputs_of_a_trigger_are_given_up_with_it);
    tcase_add_test(c, every_kind_of_trigger_is_shown);
    tcase_add_loop_test(
        c, a_schedule_goes_on_if_nothing_of_it_changed, 0, COUNT(changes));
    tcase_add_test(c, of_the_versions_that_are_told_the_current_one_counts);
    tcase_add_test(c, only_schedules_that_will_come_are_told);
    tcase_add_test(c, an_interval_of_the_first_release_begins_when_it_is_learned);
    tcase_add_test(c, what_the_first_release_left_goes_on);
    tcase_add_test(c, a_schedule_that_is_paused_has_no_next_slot);
    return c;
}
