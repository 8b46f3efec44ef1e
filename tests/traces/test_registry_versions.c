/* Goal: versions are drafted, published, superseded and published again, and an
 * automation is paused, resumed and archived, so that everybody knows before a client
 * hears of it. Method: traces with two schedulers; trace_close replays each. */
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

static const char second_yaml[] = "name: greet\n"
                                  "steps:\n"
                                  "  - {key: first, kind: action, action: print}\n";

/* A peer knows a version as of a revision. */
static void
know(struct trace *t, uint32_t version, uint64_t revision)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct plan_known known = { registry_id(1), version, i, revision };
        trace_give(t, ACTOR_scheduler, i,
            (struct message){ .code = PLAN_KNOWN, .plan_known = known });
    }
    struct triggers_known known = { registry_id(1), version, revision };
    trace_give(t, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGERS_KNOWN, .triggers_known = known });
}

static void
draft(struct trace *t, uint64_t request, const char *definition)
{
    struct automation_apply command = {
        .request = request,
        .definition = text(definition),
        .automation = registry_id(1),
        .draft = 1,
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
}

static void
publish(struct trace *t, uint64_t request, uint32_t version)
{
    struct version_publish command = { request, text("greet"), version };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = VERSION_PUBLISH, .version_publish = command });
}

static void
set(struct trace *t, uint64_t request, enum automation_status status)
{
    struct automation_set command = { request, text("greet"), status, text("why") };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_SET, .automation_set = command });
}

static void
failing(struct trace *t, uint64_t revision)
{
    struct automation_failing said = { registry_id(1), 3, revision, registry_id(9) };
    trace_give(t, ACTOR_scheduler, 0,
        (struct message){ .code = AUTOMATION_FAILING, .automation_failing = said });
}

static void
versions(struct trace *t, uint32_t limit, const char *cursor, uint32_t version)
{
    struct version_list command = { 5, text("greet"), limit, text(cursor), version };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = VERSION_LIST, .version_list = command });
}

/* Version 1 is published and known, and version 2 is a draft that is known. */
static void
open_with_draft(struct trace *t)
{
    registry_open(t);
    registry_apply_text(t, 1, registry_greet_yaml, 1);
    know(t, 1, 1);
    draft(t, 2, second_yaml);
    know(t, 2, 2);
    trace_skip(t);
}

START_TEST(a_draft_is_known_and_not_used)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 1, registry_greet_yaml, 1);
    know(&t, 1, 1);
    trace_skip(&t);
    draft(&t, 2, second_yaml);
    trace_expect(&t,
        "1000 automation_published automation=AUT1 name=greet version=2 "
        "definition=(…) plan=(…) draft=1\n"
        "1000 apply_waits request=2 automation=AUT1 version=2 created=1 "
        "deadline_ms=11000\n"
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=2 "
        "plan=(…) revision=2 current=1 status=1\n"
        "1000 -> scheduler.1 plan_offered automation=AUT1 name=greet version=2 "
        "plan=(…) revision=2 current=1 status=1\n");
    know(&t, 2, 2);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=2 document=(…) created=1\n");
    registry_get(&t, 3, "greet");
    registry_expect_field(registry_document(&t), "version", "1");
    registry_expect_field(registry_document(&t), "latest_version", "2");
    registry_expect_field(registry_document(&t), "published_version", "1");
    trace_close(&t);
}
END_TEST

START_TEST(an_automation_of_drafts_is_a_draft_until_one_is_published)
{
    struct trace t;
    registry_open(&t);
    draft(&t, 1, registry_greet_yaml);
    trace_expect_only(&t, "-> scheduler.0",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=1 status=2\n");
    know(&t, 1, 1);
    registry_expect_field(registry_document(&t), "status", "'draft'");
    registry_expect_field(registry_document(&t), "published_version", "null");
    publish(&t, 2, 1);
    trace_expect_only(&t, "-> scheduler.0",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=2 current=1 status=1\n");
    know(&t, 1, 2);
    registry_expect_field(registry_document(&t), "status", "'active'");
    registry_expect_field(registry_document(&t), "published_version", "1");
    trace_close(&t);
}
END_TEST

START_TEST(publishing_supersedes_and_can_go_back)
{
    struct trace t;
    open_with_draft(&t);
    publish(&t, 3, 2);
    trace_expect(&t,
        "1000 version_promoted automation=AUT1 version=2 revision=3\n"
        "1000 apply_waits request=3 automation=AUT1 version=2 "
        "deadline_ms=11000\n"
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=2 "
        "plan=(…) revision=3 current=2 status=1\n"
        "1000 -> scheduler.1 plan_offered automation=AUT1 name=greet version=2 "
        "plan=(…) revision=3 current=2 status=1\n");
    know(&t, 2, 3);
    publish(&t, 4, 1);
    know(&t, 1, 4);
    versions(&t, 10, "", 0);
    registry_expect_value(registry_document(&t),
        "{items: [{version: 2, status: 'superseded', created_at: "
        "'1970-01-01T00:00:01.000Z', published_at: '1970-01-01T00:00:01.000Z'}, "
        "{version: 1, status: 'published', created_at: '1970-01-01T00:00:01.000Z', "
        "published_at: '1970-01-01T00:00:01.000Z'}], next_cursor: null}");
    trace_close(&t);
}
END_TEST

START_TEST(what_a_peer_says_of_an_earlier_revision_does_not_count)
{
    struct trace t;
    open_with_draft(&t);
    publish(&t, 3, 2);
    trace_skip(&t);
    know(&t, 2, 2);
    trace_expect(&t, "");
    know(&t, 2, 3);
    trace_expect_only(
        &t, "-> gateway", "1000 -> gateway document request=3 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_peer_that_missed_revisions_is_told_the_last)
{
    struct trace t;
    open_with_draft(&t);
    publish(&t, 3, 2);
    set(&t, 4, AUTOMATION_PAUSED);
    trace_skip(&t);
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    trace_expect_only(&t, "-> scheduler",
        "1000 -> scheduler.1 plan_offered automation=AUT1 name=greet version=2 "
        "plan=(…) revision=4 current=2 status=3\n");
    know(&t, 2, 4);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=3 document=(…)\n"
        "1000 -> gateway document request=4 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(the_text_of_a_draft_applied_again_is_published)
{
    struct trace t;
    open_with_draft(&t);
    registry_apply_text(&t, 3, second_yaml, 2);
    trace_expect_only(&t, "version_promoted",
        "1000 version_promoted automation=AUT1 version=2 revision=3\n");
    draft(&t, 4, second_yaml);
    trace_expect_only(&t, "automation_published", "");
    trace_close(&t);
}
END_TEST

START_TEST(status_is_told_with_the_current_version)
{
    struct trace t;
    open_with_draft(&t);
    set(&t, 3, AUTOMATION_PAUSED);
    trace_expect_only(&t, "scheduler.0",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=3 current=1 status=3\n");
    know(&t, 1, 3);
    registry_expect_field(registry_document(&t), "status", "'paused'");
    registry_expect_field(registry_document(&t), "status_reason", "'why'");
    trace_skip(&t);
    set(&t, 4, AUTOMATION_PAUSED);
    trace_expect_only(&t, "automation_changed", "");
    set(&t, 5, AUTOMATION_ACTIVE);
    know(&t, 1, 4);
    registry_expect_field(registry_document(&t), "status", "'active'");
    trace_close(&t);
}
END_TEST

START_TEST(an_archived_automation_takes_no_version)
{
    struct trace t;
    open_with_draft(&t);
    set(&t, 3, AUTOMATION_ARCHIVED);
    know(&t, 1, 3);
    registry_apply_text(
        &t, 4, "name: greet\nsteps:\n  - {kind: action, action: fail}\n", 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 4);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_CONFLICT);
    publish(&t, 5, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 5);
    set(&t, 6, AUTOMATION_DRAFT);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_INVALID);
    trace_close(&t);
}
END_TEST

START_TEST(failures_pause_what_has_not_changed_since)
{
    struct trace t;
    open_with_draft(&t);
    failing(&t, 1);
    trace_expect(&t, "1000 -> scheduler.0 failing_known automation=AUT1 revision=1\n");
    failing(&t, 2);
    trace_expect_only(&t, "automation_changed",
        "1000 automation_changed automation=AUT1 status=3 reason=\"3 runs in a row "
        "failed, the last run_00000000zhf408000000000000\" revision=3\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_text_is_checked_and_not_kept)
{
    struct trace t;
    registry_open(&t);
    struct automation_apply command = {
        .request = 1,
        .definition = text(registry_greet_yaml),
        .automation = registry_id(1),
        .check = 1,
    };
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
    trace_expect(&t, "1000 -> gateway document request=1 document=(…)\n");
    registry_expect_value(registry_document(&t), "{name: 'greet', valid: true}");
    registry_get(&t, 2, "greet");
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    trace_close(&t);
}
END_TEST

START_TEST(a_version_can_be_given_to_an_automation_by_name)
{
    struct trace t;
    open_with_draft(&t);
    struct automation_apply command = {
        .request = 7,
        .definition =
            text("name: Another title\nsteps:\n  - {kind: action, action: json}\n"),
        .automation = registry_id(2),
        .name = text("greet"),
        .draft = 1,
    };
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
    trace_expect_only(&t, "automation_published",
        "1000 automation_published automation=AUT1 name=greet version=3 definition=(…) "
        "plan=(…) draft=1\n");
    command.name = text("nobody");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    trace_close(&t);
}
END_TEST

/* Of two who read the same and change it, the second reads again. */
START_TEST(a_text_made_from_what_was_changed_meanwhile_is_refused)
{
    static const char overtaken[] =
        "the automation was changed meanwhile: read it again";
    struct trace t;
    open_with_draft(&t); /* 2 is the latest, 1 is published */
    struct automation_apply command = {
        .request = 7,
        .definition = text("name: greet\nsteps:\n  - {kind: action, action: json}\n"),
        .name = text("greet"),
        .latest = 1,
        .published = 1,
    };
    struct message m = { .code = AUTOMATION_APPLY, .automation_apply = command };
    trace_give(&t, ACTOR_gateway, 0, m);
    registry_expect_refused(&t, ERR_CONFLICT, overtaken);
    m.automation_apply.latest = 2;
    m.automation_apply.published = 0;
    trace_give(&t, ACTOR_gateway, 0, m);
    registry_expect_refused(&t, ERR_CONFLICT, overtaken);
    /* The draft's own text would publish it. */
    m.automation_apply.definition = text(second_yaml);
    trace_give(&t, ACTOR_gateway, 0, m);
    registry_expect_refused(&t, ERR_CONFLICT, overtaken);
    /* But whoever asks again for what is so already has it. */
    m.automation_apply.draft = 1;
    trace_skip(&t);
    trace_give(&t, ACTOR_gateway, 0, m);
    trace_expect_only(
        &t, "-> gateway", "1000 -> gateway document request=7 document=(…)\n");
    m.automation_apply = command;
    m.automation_apply.latest = 2;
    trace_give(&t, ACTOR_gateway, 0, m);
    trace_expect_only(&t, "automation_published",
        "1000 automation_published automation=AUT1 name=greet version=3 definition=(…) "
        "plan=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(versions_are_listed_in_pages_and_shown_by_number)
{
    struct trace t;
    open_with_draft(&t);
    versions(&t, 1, "", 0);
    registry_expect_field(registry_document(&t), "next_cursor", "'2'");
    versions(&t, 1, "2", 0);
    registry_expect_field(registry_document(&t), "next_cursor", "null");
    versions(&t, 1, "9", 0);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_MALFORMED);
    versions(&t, 1, "", 2);
    registry_expect_field(registry_document(&t), "version", "2");
    versions(&t, 1, "", 3);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    trace_close(&t);
}
END_TEST

START_TEST(a_page_of_versions_begins_where_a_page_ended)
{
    static const char *const cursors[] = { "/", ":", "99999999999", "0", "4" };
    struct trace t;
    open_with_draft(&t);
    for (size_t i = 0; i < COUNT(cursors); i++) {
        versions(&t, 1, cursors[i], 0);
        registry_expect_refused(&t, ERR_MALFORMED, "cursor: not one that a page gave");
    }
    versions(&t, 0, "", 0);
    registry_expect_field(registry_document(&t), "next_cursor", "'2'");
    versions(&t, 1001, "", 0);
    registry_expect_field(registry_document(&t), "next_cursor", "null");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_not_there_is_neither_published_nor_set_nor_shown)
{
    static const char unknown[] =
        "there is no automation of this name or id in the project";
    struct trace t;
    registry_open(&t);
    publish(&t, 1, 1);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    set(&t, 2, AUTOMATION_PAUSED);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    versions(&t, 1, "", 0);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    registry_get(&t, 3, "");
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    trace_skip(&t);
    failing(&t, 1);
    know(&t, 1, 1);
    trace_expect(&t, "1000 -> scheduler.0 failing_known automation=AUT1 revision=1\n");
    registry_apply_text(&t, 4, registry_greet_yaml, 1);
    publish(&t, 5, 2);
    registry_expect_refused(&t, ERR_NOT_FOUND, "the automation has no such version");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_paused_is_not_paused_by_failures)
{
    struct trace t;
    open_with_draft(&t);
    set(&t, 3, AUTOMATION_PAUSED);
    trace_skip(&t);
    failing(&t, 3);
    trace_expect(&t, "1000 -> scheduler.0 failing_known automation=AUT1 revision=3\n");
    trace_close(&t);
}
END_TEST

START_TEST(publishing_what_is_published_changes_nothing)
{
    struct trace t;
    open_with_draft(&t);
    publish(&t, 3, 1);
    trace_expect_only(&t, "version_promoted", "");
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 3);
    trace_close(&t);
}
END_TEST

START_TEST(who_would_wait_beyond_the_limit_is_told_so)
{
    static const char busy[] = "too many clients are waiting";
    struct trace t;
    registry_open_alone(&t);
    t.config.requests_max = 1;
    trace_restart(&t);
    registry_greet(&t);
    registry_apply_text(&t, 1, registry_greet_yaml, 1);
    set(&t, 2, AUTOMATION_PAUSED);
    registry_expect_refused(&t, ERR_BUSY, busy);
    publish(&t, 3, 1);
    registry_expect_refused(&t, ERR_BUSY, busy);
    know(&t, 1, 1);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, 1);
    trace_close(&t);
}
END_TEST

START_TEST(an_automation_of_drafts_can_be_archived)
{
    struct trace t;
    registry_open(&t);
    draft(&t, 1, registry_greet_yaml);
    know(&t, 1, 1);
    set(&t, 2, AUTOMATION_ARCHIVED);
    know(&t, 1, 2);
    registry_expect_field(registry_document(&t), "status", "'archived'");
    set(&t, 3, AUTOMATION_ACTIVE);
    know(&t, 1, 3);
    registry_expect_field(registry_document(&t), "status", "'draft'");
    registry_expect_field(registry_document(&t), "published_version", "null");
    trace_close(&t);
}
END_TEST

static void
apply_as(struct trace *t, const char *name, unsigned automation, bool make)
{
    struct automation_apply command = {
        .request = 7,
        .definition = text(second_yaml),
        .automation = automation > 0 ? registry_id(automation) : (struct id){ { 0 } },
        .name = text(name),
        .make = make,
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
}

START_TEST(an_automation_is_made_under_the_name_that_is_asked_for)
{
    static const char unknown[] =
        "there is no automation of this name or id in the project";
    char longest[130], id[ID_TEXT_MAX];
    memset(longest, 'x', sizeof longest);
    longest[129] = '\0';
    struct trace t;
    registry_open(&t);
    apply_as(&t, longest, 1, true);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    apply_as(&t, registry_id_text(2, id), 1, true);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    trace_skip(&t);
    apply_as(&t, "hello", 1, true);
    trace_expect_only(&t, "automation_published",
        "1000 automation_published automation=AUT1 name=hello version=1 "
        "definition=(…) plan=(…)\n");
    apply_as(&t, "other", 1, true);
    registry_expect_refused(&t, ERR_CONFLICT, "another automation has this id");
    apply_as(&t, "other", 0, true);
    registry_expect_refused(&t, ERR_CONFLICT, "another automation has this id");
    trace_close(&t);
}
END_TEST

START_TEST(a_client_waits_for_its_own_version)
{
    struct trace t;
    struct id home;
    registry_open(&t);
    home = t.project;
    registry_apply_text(&t, 1, registry_greet_yaml, 2);
    registry_apply_text(&t, 2, "{name: b, steps: [{kind: action, action: print}]}", 1);
    t.project = id_of_name(text("another"));
    registry_apply_text(&t, 3, registry_greet_yaml, 1);
    t.project = home;
    trace_skip(&t);
    registry_apply_text(&t, 4, "{name: b, steps: [{kind: action, action: json}]}", 1);
    know(&t, 2, 2);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=4 document=(…) created=1\n");
    know(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=2 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

/* A tick ends with a large plan, so whoever greets last is told of that one first, and
 * all of the small ones are left when nobody greets any more. */
START_TEST(a_tick_tells_no_more_than_it_may_say)
{
    enum { SCHEDULERS = 10, SMALL = 40, WINDOW = 32, LARGE = 1100000 };
    struct trace t;
    struct buffer large = { 0 };
    char small[100];
    size_t told = 0;
    trace_make(&t, &registry_actor);
    t.config.schedulers = SCHEDULERS;
    t.config.automation_max = t.config.payload_max = 2 * LARGE;
    trace_open(&t);
    buffer_print(&large, "name: large\nsteps:\n"
                         "  - {key: a, kind: action, action: x, with: {a: ");
    memset(buffer_reserve(&large, LARGE), 'x', LARGE);
    large.size += LARGE;
    buffer_append(&large, "}}\n", 4);
    registry_apply_text(&t, 1, (const char *)large.data, 1);
    buffer_free(&large);
    for (unsigned i = 0; i < SMALL; i++) {
        snprintf(small, sizeof small,
            "name: small%u\nsteps: [{key: a, kind: action, action: x}]\n", i);
        registry_apply_text(&t, 2 + i, small, 2 + i);
    }
    for (uint32_t i = SCHEDULERS; --i > 0;)
        trace_queue(&t, ACTOR_scheduler, i,
            (struct message){ .code = HELLO, .hello = { .resync = RESYNC_NEW_LIFE } });
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_NEW_LIFE);
    for (size_t i = 0; i < t.kept_count; i++)
        told += t.kept[i].code == PLAN_OFFERED;
    ck_assert_uint_eq(told, SCHEDULERS * WINDOW);
    trace_close(&t);
}
END_TEST

Suite *
registry_versions_suite(void)
{
    Suite *suite = suite_create("registry versions");
    TCase *c = tcase_create("versions");
    tcase_add_test(c, a_draft_is_known_and_not_used);
    tcase_add_test(c, an_automation_of_drafts_is_a_draft_until_one_is_published);
    tcase_add_test(c, publishing_supersedes_and_can_go_back);
    tcase_add_test(c, what_a_peer_says_of_an_earlier_revision_does_not_count);
    tcase_add_test(c, a_peer_that_missed_revisions_is_told_the_last);
    tcase_add_test(c, the_text_of_a_draft_applied_again_is_published);
    tcase_add_test(c, status_is_told_with_the_current_version);
    tcase_add_test(c, an_archived_automation_takes_no_version);
    tcase_add_test(c, failures_pause_what_has_not_changed_since);
    tcase_add_test(c, a_text_is_checked_and_not_kept);
    tcase_add_test(c, a_version_can_be_given_to_an_automation_by_name);
    tcase_add_test(c, a_text_made_from_what_was_changed_meanwhile_is_refused);
    tcase_add_test(c, versions_are_listed_in_pages_and_shown_by_number);
    tcase_add_test(c, a_page_of_versions_begins_where_a_page_ended);
    tcase_add_test(c, what_is_not_there_is_neither_published_nor_set_nor_shown);
    tcase_add_test(c, what_is_paused_is_not_paused_by_failures);
    tcase_add_test(c, publishing_what_is_published_changes_nothing);
    tcase_add_test(c, who_would_wait_beyond_the_limit_is_told_so);
    tcase_add_test(c, an_automation_of_drafts_can_be_archived);
    tcase_add_test(c, an_automation_is_made_under_the_name_that_is_asked_for);
    tcase_add_test(c, a_client_waits_for_its_own_version);
    tcase_add_test(c, a_tick_tells_no_more_than_it_may_say);
    suite_add_tcase(suite, c);
    return suite;
}
