/* Goal: however much there is, a turn says no more than fits, and the next goes on.
 * Method: a little more of everything than one turn, page or document takes. */
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static size_t
count(const struct trace *t, enum message_code code)
{
    size_t found = 0;
    ck_assert_uint_le(t->kept_count, TRACE_KEPT_MAX);
    for (size_t i = 0; i < t->kept_count; i++)
        found += t->kept[i].code == code;
    return found;
}

/* So many keys and queues. */
static void
make_many(struct trace *t, unsigned keys, unsigned queues)
{
    static const uint8_t hash[HASH_SIZE] = { 1 };
    char name[16];
    for (unsigned n = 1; n <= keys; n++)
        trace_give(t, ACTOR_gateway, 0,
            (struct message){ .code = KEY_CREATE,
                .key_create = { .request = 3,
                    .key = registry_id(n),
                    .name = text("ci"),
                    .hash = bytes_of(hash, HASH_SIZE),
                    .scopes = SCOPE_READ } });
    for (unsigned n = 1; n <= queues; n++) {
        snprintf(name, sizeof name, "q%u", n);
        trace_give(t, ACTOR_gateway, 0,
            (struct message){
                .code = QUEUE_SET, .queue_set = { 5, text(name), 2, 0, { 0 } } });
    }
}

static const struct message missed = { .code = HELLO,
    .hello = { .resync = RESYNC_ASKED } };

START_TEST(keys_and_queues_are_told_though_a_turn_is_too_short_for_both)
{
    enum { KEYS = 300, QUEUES = 200 };
    struct trace t;
    registry_open(&t);
    make_many(&t, KEYS, QUEUES);
    t.kept_count = 0;
    trace_queue(&t, ACTOR_gateway, 0, missed);
    trace_give(&t, ACTOR_lease, 0, missed);
    ck_assert_uint_eq(count(&t, KEY_OFFERED), KEYS);
    ck_assert_uint_eq(count(&t, QUEUE_OFFERED), QUEUES);
    ck_assert_uint_eq(count(&t, KEYS_COMPLETE), 1);
    ck_assert_uint_eq(count(&t, QUEUES_COMPLETE), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_key_that_is_valid_is_listed_however_many_were_revoked)
{
    enum { LISTED = 2000 };
    struct trace t;
    registry_open(&t);
    make_many(&t, LISTED + 1, 0);
    for (unsigned n = 2; n <= LISTED + 1; n++)
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){
                .code = KEY_REVOKE, .key_revoke = { 4, registry_id(n) } });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_LIST, .key_list = { .request = 5 } });
    struct cursor items = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&items), 1);
    registry_expect_field(cursor_skip(&items), "revoked", "false");
    trace_close(&t);
}
END_TEST

START_TEST(keys_are_told_while_many_give_up)
{
    enum { KEYS = 200, CLIENTS = 300 };
    struct trace t;
    registry_open(&t);
    make_many(&t, KEYS, 0);
    for (unsigned request = 1; request <= CLIENTS; request++)
        registry_apply_text(&t, request, registry_greet_yaml, 1);
    t.now_ms += t.config.request_ms;
    t.kept_count = 0;
    trace_give(&t, ACTOR_gateway, 0, missed);
    ck_assert_uint_eq(count(&t, KEY_OFFERED), KEYS);
    ck_assert_uint_eq(count(&t, KEYS_COMPLETE), 1);
    registry_know_all(&t, 1, 1);
    ck_assert_uint_eq(count(&t, DOCUMENT), 0);
    trace_close(&t);
}
END_TEST

START_TEST(all_who_wait_for_one_version_are_answered)
{
    enum { CLIENTS = 17 };
    struct trace t;
    registry_open(&t);
    for (unsigned request = 1; request <= CLIENTS; request++)
        registry_apply_text(&t, request, registry_greet_yaml, 1);
    t.kept_count = 0;
    registry_know_all(&t, 1, 1);
    ck_assert_uint_eq(count(&t, DOCUMENT), CLIENTS);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, CLIENTS);
    trace_close(&t);
}
END_TEST

START_TEST(all_who_gave_up_at_once_make_room)
{
    enum { CLIENTS = 130 };
    struct trace t;
    registry_open_alone(&t);
    t.config.requests_max = CLIENTS;
    trace_restart(&t);
    registry_greet(&t);
    for (unsigned request = 1; request <= CLIENTS; request++)
        registry_apply_text(&t, request, registry_greet_yaml, 1);
    trace_wait(&t, t.config.request_ms);
    t.kept_count = 0;
    for (unsigned request = 1; request <= CLIENTS; request++)
        registry_apply_text(&t, request, registry_greet_yaml, 1);
    ck_assert_uint_eq(t.kept_count, 0);
    registry_apply_text(&t, CLIENTS + 1, registry_greet_yaml, 1);
    registry_expect_refused(&t, ERR_BUSY, "too many clients are waiting");
    trace_close(&t);
}
END_TEST

/* A step with a parameter of so many bytes, in a text of its own. */
static void
apply_large(struct trace *t, const char *name, unsigned n, int size, int steps)
{
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "{\"name\": \"%s\", \"steps\": [", name);
    for (int i = 0; i < steps; i++)
        buffer_print(&yaml,
            "%s{\"kind\": \"action\", \"action\": \"print\", \"key\": \"s%d\", "
            "\"parameters\": {\"message\": \"%0*d\"}}",
            i > 0 ? ", " : "", i, size, 0);
    buffer_print(&yaml, "]}");
    buffer_append(&yaml, "", 1);
    registry_apply_text(t, n, (const char *)yaml.data, n);
    buffer_free(&yaml);
}

START_TEST(large_plans_are_told_in_turns_of_their_own)
{
    enum { PLANS = 4, SIZE = 400000 };
    struct trace t;
    char name[16];
    registry_open_alone(&t);
    for (unsigned n = 1; n <= PLANS; n++) {
        snprintf(name, sizeof name, "large%u", n);
        apply_large(&t, name, n, SIZE, 1);
    }
    t.kept_count = 0;
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_NEW_LIFE);
    ck_assert_uint_eq(count(&t, PLAN_OFFERED), PLANS);
    for (unsigned n = 1; n <= PLANS; n++)
        ck_assert(registry_is(&t.kept[n - 1].plan_offered.automation, n));
    trace_close(&t);
}
END_TEST

START_TEST(parameters_that_are_too_many_to_show_are_left_out)
{
    enum { STEPS = 3, SIZE = 400000 };
    struct trace t;
    registry_open_alone(&t);
    t.config.automation_max = 4 << 20;
    apply_large(&t, "large", 1, SIZE, STEPS);
    registry_get(&t, 2, "large");
    struct cursor steps = cursor_over(pack_find(registry_document(&t), "steps"));
    ck_assert_uint_eq(cursor_array(&steps), STEPS);
    for (unsigned i = 0; i < STEPS; i++) {
        struct bytes shown = pack_find(cursor_skip(&steps), "parameters");
        if (i < STEPS - 1)
            ck_assert_uint_gt(shown.size, SIZE);
        else
            registry_expect_value(shown, "null");
    }
    struct automation_get brief = { 3, text("large"), 0 };
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_GET, .automation_get = brief });
    ck_assert_uint_eq(pack_find(registry_document(&t), "definition").size, 0);
    ck_assert_uint_gt(pack_find(registry_document(&t), "steps").size, 0);
    trace_close(&t);
}
END_TEST

START_TEST(a_page_of_automations_ends_when_it_is_long)
{
    enum { DESCRIBED = 4000, AUTOMATIONS = 140 };
    char yaml[DESCRIBED + 200];
    struct trace t;
    registry_open_alone(&t);
    for (unsigned n = 1; n <= AUTOMATIONS; n++) {
        snprintf(yaml, sizeof yaml,
            "{name: a%u, description: 'x%0*d', steps: [{kind: action, action: print}]}",
            n, DESCRIBED, 0);
        registry_apply_text(&t, n, yaml, n);
    }
    registry_list(&t, 5000, "");
    struct cursor page = cursor_over(pack_find(registry_document(&t), "items"));
    size_t shown = cursor_array(&page);
    ck_assert_uint_gt(shown, 100);
    ck_assert_uint_lt(shown, AUTOMATIONS);
    struct cursor next = cursor_over(pack_find(registry_document(&t), "next_cursor"));
    ck_assert_int_eq(cursor_type(&next), PACK_TEXT);
    registry_list(&t, 0, "");
    page = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&page), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_refused_as_a_whole)
{
    struct trace t;
    registry_open(&t);
    t.config.automation_max = 40;
    registry_apply_text(&t, 1, registry_greet_yaml, 1);
    registry_expect_refused(&t, ERR_TOO_LARGE,
        "1 mistake, the first in line 1, column 1: 208 bytes: expected at most 40");
    trace_close(&t);
}
END_TEST

START_TEST(an_automation_shows_what_becomes_of_starts_while_it_runs)
{
    static const char *const ways[] = { "allow", "forbid", "replace", "queue" };
    struct trace t;
    char yaml[100], expected[16];
    registry_open_alone(&t);
    for (unsigned i = 0; i < COUNT(ways); i++) {
        snprintf(yaml, sizeof yaml,
            "{name: %s, concurrency: %s, steps: [{kind: action, action: print}]}",
            ways[i], ways[i]);
        registry_apply_text(&t, i + 1, yaml, i + 1);
        registry_get(&t, 9, ways[i]);
        snprintf(expected, sizeof expected, "'%s'", ways[i]);
        registry_expect_field(registry_document(&t), "concurrency", expected);
    }
    trace_close(&t);
}
END_TEST

START_TEST(who_is_no_peer_is_told_nothing_and_believed_nothing)
{
    char id[ID_TEXT_MAX];
    struct trace t;
    registry_open_alone(&t);
    registry_apply_text(&t, 1, registry_greet_yaml, 1);
    t.kept_count = 0;
    trace_skip(&t);
    trace_hello(&t, ACTOR_scheduler, 7, RESYNC_NEW_LIFE);
    registry_know(&t, 7, 1, 1);
    trace_hello(&t, ACTOR_view, 0, RESYNC_NEW_LIFE);
    ck_assert_uint_eq(t.kept_count, 0);
    trace_expect_only(&t, "plan_arrived", "");
    registry_list(&t, 1, registry_id_text(2, id));
    registry_expect_refused(&t, ERR_MALFORMED, "cursor: not one that a page gave");
    trace_close(&t);
}
END_TEST

START_TEST(a_gateway_that_missed_something_still_waits_for_answers)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 1, registry_greet_yaml, 1);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, RESYNC_ASKED);
    ck_assert_uint_eq(count(&t, KEYS_COMPLETE), 1);
    registry_know_all(&t, 1, 1);
    ck_assert_uint_eq(count(&t, DOCUMENT), 1);
    trace_close(&t);
}
END_TEST

Suite *
registry_limits_suite(void)
{
    Suite *suite = suite_create("registry limits");
    TCase *rules = tcase_create("rules");
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, keys_and_queues_are_told_though_a_turn_is_too_short_for_both);
    tcase_add_test(rules, a_key_that_is_valid_is_listed_however_many_were_revoked);
    tcase_add_test(rules, keys_are_told_while_many_give_up);
    tcase_add_test(rules, all_who_wait_for_one_version_are_answered);
    tcase_add_test(rules, all_who_gave_up_at_once_make_room);
    tcase_add_test(rules, large_plans_are_told_in_turns_of_their_own);
    tcase_add_test(rules, parameters_that_are_too_many_to_show_are_left_out);
    tcase_add_test(rules, a_page_of_automations_ends_when_it_is_long);
    tcase_add_test(rules, a_text_that_is_too_long_is_refused_as_a_whole);
    tcase_add_test(rules, an_automation_shows_what_becomes_of_starts_while_it_runs);
    tcase_add_test(rules, who_is_no_peer_is_told_nothing_and_believed_nothing);
    tcase_add_test(rules, a_gateway_that_missed_something_still_waits_for_answers);
    suite_add_tcase(suite, rules);
    return suite;
}
