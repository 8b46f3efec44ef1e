/* Goal: what the registry says about automations and keys, word for word.
 * Method: traces with two schedulers; trace_close replays each. */
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

START_TEST(a_client_hears_of_a_version_when_everybody_knows_it)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 7, registry_greet_yaml, 1);
    trace_expect(&t,
        "1000 automation_published automation=AUT1 name=greet version=1 "
        "definition=(…) plan=(…)\n"
        "1000 apply_waits request=7 automation=AUT1 version=1 created=1 "
        "deadline_ms=11000\n"
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=1 current=1 status=1\n"
        "1000 -> scheduler.1 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=1 current=1 status=1\n");
    registry_know(&t, 1, 1, 1);
    registry_know(&t, 0, 1, 1);
    trace_expect(&t,
        "1000 plan_arrived automation=AUT1 version=1 partition=1 revision=1\n"
        "1000 plan_arrived automation=AUT1 version=1 revision=1\n"
        "1000 -> trigger triggers_offered automation=AUT1 name=greet version=1 "
        "plan=(…) revision=1 current=1 status=1\n");
    registry_know_triggers(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=7 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

/* Its clock was set back since ours began. */
START_TEST(a_gateway_whose_clock_is_behind_is_answered)
{
    struct trace t;
    struct message m = { .code = AUTOMATION_APPLY, .envelope = { .deadline_ms = 1 } };
    registry_open(&t);
    m.automation_apply = (struct automation_apply){ .request = 7,
        .definition = text(registry_greet_yaml),
        .automation = registry_id(1) };
    trace_give(&t, ACTOR_gateway, 0, m);
    registry_know_all(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=7 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_automation_is_shown_as_it_was_published)
{
    struct trace t;
    char id[ID_TEXT_MAX], expected[300];
    registry_open(&t);
    registry_apply_text(&t, 7, registry_greet_yaml, 1);
    registry_know_all(&t, 1, 1);
    registry_expect_field(registry_document(&t), "name", "'greet'");
    registry_expect_field(registry_document(&t), "title", "'greet'");
    registry_expect_field(registry_document(&t), "description", "'Say hello.'");
    registry_expect_field(registry_document(&t), "status", "'active'");
    registry_expect_field(registry_document(&t), "version", "1");
    registry_expect_field(registry_document(&t), "latest_version", "1");
    registry_expect_field(registry_document(&t), "published_version", "1");
    registry_expect_field(registry_document(&t), "concurrency", "'allow'");
    registry_expect_field(
        registry_document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    registry_expect_field(
        registry_document(&t), "updated_at", "'1970-01-01T00:00:01.000Z'");
    registry_expect_field(registry_document(&t), "triggers",
        "[{key: 'hourly', kind: 'schedule', enabled: true}]");
    registry_expect_field(registry_document(&t), "steps",
        "[{key: 'first', name: '', kind: 'action', action: 'print', needs: [], "
        "labels: [], max_attempts: 1}, "
        "{key: 'then', name: '', kind: 'action', action: 'print', needs: ['first'], "
        "labels: [], max_attempts: 1}]");
    registry_id_text(1, id);
    snprintf(expected, sizeof expected, "'%s'", id);
    registry_expect_field(registry_document(&t), "id", expected);
    ck_assert_uint_eq(pack_find(registry_document(&t), "definition").size, 0);
    registry_get(&t, 8, id);
    snprintf(expected, sizeof expected, "'%s'", registry_greet_yaml);
    registry_expect_field(registry_document(&t), "definition", expected);
    registry_get(&t, 8, "greet");
    registry_expect_field(registry_document(&t), "definition", expected);
    trace_close(&t);
}
END_TEST

START_TEST(the_same_text_again_makes_no_version)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 7, registry_greet_yaml, 1);
    trace_skip(&t);
    /* Not everybody knows it yet: this client waits as well. */
    registry_apply_text(&t, 8, registry_greet_yaml, 2);
    trace_expect(&t, "1000 apply_waits request=8 automation=AUT1 version=1 "
                     "deadline_ms=11000\n");
    /* Nobody of another gateway's is meant. */
    trace_hello(&t, ACTOR_gateway, 1, 2);
    trace_skip(&t);
    registry_know_all(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=7 document=(…) created=1\n"
        "1000 -> gateway document request=8 document=(…)\n");
    registry_apply_text(&t, 9, registry_greet_yaml, 3);
    trace_expect_only(
        &t, "-> gateway", "1000 -> gateway document request=9 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(another_text_of_the_same_name_is_the_next_version)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 1, "{name: a, steps: [{kind: action, action: print}]}", 1);
    registry_know_all(&t, 1, 1);
    t.now_ms = 5000;
    registry_apply_text(&t, 2, "{name: a, steps: [{kind: action, action: json}]}", 2);
    registry_know_all(&t, 1, 2);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.created, 1);
    registry_expect_field(registry_document(&t), "version", "2");
    registry_expect_field(
        registry_document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    registry_expect_field(
        registry_document(&t), "updated_at", "'1970-01-01T00:00:05.000Z'");
    /* Back to the first text: that is a change too. */
    registry_apply_text(&t, 3, "{name: a, steps: [{kind: action, action: print}]}", 2);
    registry_know_all(&t, 1, 3);
    registry_expect_field(registry_document(&t), "version", "3");
    trace_close(&t);
}
END_TEST

START_TEST(mistakes_are_told_with_their_places)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(
        &t, 7, "name: a\nsteps:\n  - {kind: action}\n  - {kind: dance}\n", 1);
    const struct refused *refused = &trace_sent(&t, REFUSED)->refused;
    ck_assert_uint_eq(refused->request, 7);
    ck_assert_uint_eq(refused->err, ERR_INVALID);
    struct cursor c = cursor_over(refused->details);
    ck_assert_uint_eq(cursor_array(&c), 2);
    struct bytes first = cursor_skip(&c);
    registry_expect_field(first, "line", "3");
    registry_expect_field(first, "column", "5");
    registry_expect_field(first, "path", "'steps[0].config.action_name'");
    registry_apply_text(&t, 8, "name: [\n", 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_MALFORMED);
    trace_close(&t);
}
END_TEST

START_TEST(a_name_is_a_key_or_short_and_never_an_id)
{
    struct trace t;
    char yaml[400], name[200], id[ID_TEXT_MAX];
    registry_open(&t);
    memset(name, 'n', 129);
    name[129] = '\0';
    snprintf(yaml, sizeof yaml, "{name: %s, steps: [{kind: action, action: p}]}", name);
    registry_apply_text(&t, 1, yaml, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 1);
    snprintf(yaml, sizeof yaml,
        "{name: %s, handle: short, steps: [{kind: action, action: p}]}", name);
    registry_apply_text(&t, 2, yaml, 1);
    registry_know_all(&t, 1, 1);
    registry_expect_field(registry_document(&t), "name", "'short'");
    snprintf(yaml, sizeof yaml, "{name: %s, steps: [{kind: action, action: p}]}",
        registry_id_text(1, id));
    registry_apply_text(&t, 3, yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_INVALID);
    trace_close(&t);
}
END_TEST

static const char a_yaml[] = "{name: a, steps: [{kind: action, action: print}]}";
static const char b_yaml[] = "{name: b, steps: [{kind: action, action: print}]}";

START_TEST(who_greets_is_told_what_it_does_not_know)
{
    struct trace t;
    registry_open_alone(&t);
    registry_apply_text(&t, 1, a_yaml, 1);
    registry_apply_text(&t, 2, b_yaml, 2);
    trace_expect_only(&t, "->", "");
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=a version=1 "
        "plan=(…) revision=1 current=1 status=1\n"
        "1000 -> scheduler.0 plan_offered automation=AUT2 name=b version=1 "
        "plan=(…) revision=1 current=1 status=1\n");
    registry_know(&t, 0, 1, 1);
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT2 name=b version=1 "
        "plan=(…) revision=1 current=1 status=1\n");
    registry_know(&t, 0, 2, 1);
    registry_know(&t, 0, 2, 1);
    trace_expect(&t, "1000 plan_arrived automation=AUT2 version=1 revision=1\n");
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_crash_forgets_who_waits_and_not_who_must_know)
{
    struct trace t;
    registry_open(&t);
    registry_apply_text(&t, 1, a_yaml, 1);
    registry_know(&t, 0, 1, 1);
    trace_crash(&t);
    trace_skip(&t);
    /* What scheduler 0 said was not synced, since nothing left: it is told again. */
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=a version=1 plan=(…) "
        "revision=1 current=1 status=1\n");
    registry_greet(&t);
    registry_know(&t, 1, 1, 1);
    registry_know(&t, 0, 1, 1);
    trace_expect_only(&t, "->",
        "1000 -> trigger triggers_offered automation=AUT1 name=a version=1 "
        "plan=(…) revision=1 current=1 status=1\n");
    registry_know_triggers(&t, 1, 1);
    trace_expect_only(&t, "->", "");
    registry_apply_text(&t, 2, a_yaml, 2);
    trace_expect_only(&t, "->", "1000 -> gateway document request=2 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(many_unknown_versions_are_told_a_window_at_a_time)
{
    enum { MANY = 100 };
    struct trace t;
    char yaml[100];
    registry_open_alone(&t);
    t.config.request_ms = 600000;
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(yaml, sizeof yaml,
            "{name: a%u, steps: [{kind: action, action: print}]}", i);
        registry_apply_text(&t, i, yaml, i);
    }
    t.kept_count = 0;
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert_uint_eq(t.kept_count, 32);
    for (unsigned i = 1; i <= MANY; i++) {
        const struct plan_offered *last = &trace_sent(&t, PLAN_OFFERED)->plan_offered;
        unsigned expected = i + 31 < MANY ? i + 31 : MANY;
        ck_assert(registry_is(&last->automation, expected));
        registry_know(&t, 1, i, 1);
    }
    ck_assert_uint_eq(t.kept_count, MANY);
    trace_close(&t);
}
END_TEST

START_TEST(a_version_that_is_known_before_it_is_told_is_not_told)
{
    enum { MANY = 34 };
    struct trace t;
    char yaml[100];
    registry_open_alone(&t);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(yaml, sizeof yaml,
            "{name: a%u, steps: [{kind: action, action: print}]}", i);
        registry_apply_text(&t, i, yaml, i);
    }
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    registry_know(&t, 0, 33, 1);
    t.kept_count = 0;
    registry_know(&t, 0, 1, 1);
    ck_assert_uint_eq(t.kept_count, 1);
    ck_assert(registry_is(&t.kept[0].plan_offered.automation, 34));
    trace_close(&t);
}
END_TEST

START_TEST(a_client_that_gave_up_makes_room_for_others)
{
    struct trace t;
    trace_make(&t, &registry_actor);
    t.config.requests_max = 2;
    trace_open(&t);
    registry_apply_text(&t, 1, a_yaml, 1);
    registry_apply_text(&t, 2, a_yaml, 1);
    registry_apply_text(&t, 3, a_yaml, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_BUSY);
    trace_skip(&t);
    trace_wait(&t, t.config.request_ms);
    registry_apply_text(&t, 4, b_yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    /* A gateway that began anew knows none of its earlier requests. */
    trace_hello(&t, ACTOR_gateway, 0, 2);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_hello(&t, ACTOR_trigger, 0, 2);
    trace_skip(&t);
    registry_know(&t, 0, 2, 1);
    registry_know_triggers(&t, 2, 1);
    trace_expect_only(&t, "-> gateway", "");
    trace_close(&t);
}
END_TEST

START_TEST(there_are_no_more_automations_than_allowed)
{
    struct trace t;
    trace_make(&t, &registry_actor);
    t.config.automations_max = 1;
    trace_open(&t);
    registry_apply_text(&t, 1, a_yaml, 1);
    registry_apply_text(&t, 2, b_yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_BUSY);
    /* A version of one that exists is none more, nor is one of another project. */
    registry_apply_text(&t, 3, "{name: a, steps: [{kind: action, action: json}]}", 2);
    t.project = id_of_name(text("another"));
    registry_apply_text(&t, 4, a_yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    registry_apply_text(&t, 5, b_yaml, 3);
    registry_expect_refused(&t, ERR_BUSY, "the limit automations_max is reached");
    trace_close(&t);
}
END_TEST

START_TEST(automations_are_listed_by_name_in_pages)
{
    struct trace t;
    char expected[100], id[ID_TEXT_MAX];
    registry_open(&t);
    registry_apply_text(&t, 1, b_yaml, 1);
    registry_apply_text(&t, 2, a_yaml, 2);
    registry_apply_text(&t, 3, "{name: ab, steps: [{kind: action, action: print}]}", 3);
    registry_list(&t, 2, "");
    struct cursor c = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 2);
    registry_expect_field(cursor_skip(&c), "name", "'a'");
    registry_expect_field(cursor_skip(&c), "name", "'ab'");
    registry_id_text(3, id);
    snprintf(expected, sizeof expected, "'%s'", id);
    registry_expect_field(registry_document(&t), "next_cursor", expected);
    registry_list(&t, 2, id);
    c = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 1);
    registry_expect_field(cursor_skip(&c), "name", "'b'");
    registry_expect_field(registry_document(&t), "next_cursor", "null");
    registry_list(&t, 2, "nonsense");
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_MALFORMED);
    trace_close(&t);
}
END_TEST

START_TEST(a_project_sees_only_what_is_its_own)
{
    struct trace t;
    char id[ID_TEXT_MAX];
    registry_open(&t);
    registry_apply_text(&t, 1, a_yaml, 1);
    t.project = id_of_name(text("another"));
    registry_get(&t, 2, "a");
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    registry_get(&t, 3, registry_id_text(1, id));
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    registry_list(&t, 10, "");
    registry_expect_field(registry_document(&t), "items", "[]");
    /* The same name is another automation here. */
    registry_apply_text(&t, 4, a_yaml, 2);
    trace_skip(&t);
    registry_get(&t, 5, "a");
    registry_expect_field(registry_document(&t), "version", "1");
    trace_close(&t);
}
END_TEST

static const uint8_t secret_hash[HASH_SIZE] = { 1, 2, 3 };

static void
create_for(struct trace *t, unsigned n, struct id asker)
{
    struct key_create create = {
        .request = n,
        .key = registry_id(n),
        .name = text("theirs"),
        .hash = bytes_of(secret_hash, HASH_SIZE),
        .scopes = SCOPE_READ,
        .asker = asker,
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE, .key_create = create });
}

static void
create_key(struct trace *t, uint64_t request, unsigned key, const char *name)
{
    struct key_create create = {
        .request = request,
        .key = registry_id(key),
        .name = text(name),
        .hash = bytes_of(secret_hash, HASH_SIZE),
        .scopes = SCOPE_READ | SCOPE_WORK,
        .prefix = text("cap_00000000"),
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_CREATE, .key_create = create });
}

static void
revoke_key(struct trace *t, uint64_t request, unsigned key)
{
    struct key_revoke revoke = { request, registry_id(key) };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_REVOKE, .key_revoke = revoke });
}

START_TEST(the_gateway_knows_a_key_before_its_owner)
{
    struct trace t;
    registry_open(&t);
    create_key(&t, 5, 1, "ci");
    trace_expect(&t,
        "1000 key_created key=AUT1 name=ci hash=… scopes=5 prefix=cap_00000000\n"
        "1000 -> gateway key_offered key=AUT1 hash=… scopes=5 name=ci\n"
        "1000 -> gateway document request=5 document=(…) created=1\n");
    registry_expect_field(registry_document(&t), "scopes", "['read', 'work']");
    registry_expect_field(
        registry_document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    registry_expect_field(registry_document(&t), "revoked", "false");
    registry_expect_field(registry_document(&t), "revoked_at", "null");
    /* Asked again: the same key. */
    create_key(&t, 6, 1, "ci");
    trace_expect(&t, "1000 -> gateway key_offered key=AUT1 hash=… scopes=5 name=ci\n"
                     "1000 -> gateway document request=6 document=(…)\n");
    t.now_ms = 3000;
    for (uint64_t request = 7; request < 9; request++) {
        revoke_key(&t, request, 1);
        registry_expect_field(
            registry_document(&t), "revoked_at", "'1970-01-01T00:00:03.000Z'");
        t.now_ms += 1000;
    }
    trace_expect(&t,
        "3000 key_revoked key=AUT1\n"
        "3000 -> gateway key_offered key=AUT1 hash=… scopes=5 revoked=1 name=ci\n"
        "3000 -> gateway document request=7 document=(…)\n"
        "4000 -> gateway key_offered key=AUT1 hash=… scopes=5 revoked=1 name=ci\n"
        "4000 -> gateway document request=8 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(keys_of_another_project_are_out_of_reach)
{
    struct trace t;
    struct id home = id_of_name(text("default"));
    registry_open(&t);
    create_key(&t, 1, 1, "ci");
    t.project = id_of_name(text("another"));
    revoke_key(&t, 2, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    create_key(&t, 3, 2, "theirs");
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = KEY_LIST, .key_list = { 4 } });
    struct cursor c = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 1);
    registry_expect_field(cursor_skip(&c), "name", "'theirs'");
    /* Each is offered as its own project's. */
    ck_assert(id_equal(&trace_sent(&t, KEY_OFFERED)->envelope.project, &t.project));
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, 2);
    ck_assert_int_eq(t.kept[0].code, KEY_OFFERED);
    ck_assert(id_equal(&t.kept[0].envelope.project, &home));
    ck_assert(id_equal(&t.kept[1].envelope.project, &t.project));
    trace_close(&t);
}
END_TEST

START_TEST(a_gateway_that_greets_is_told_all_keys_and_their_end)
{
    enum { MANY = 300 };
    struct trace t;
    registry_open(&t);
    for (unsigned i = 1; i <= MANY; i++)
        create_key(&t, i, i, "many");
    revoke_key(&t, 1000, 2);
    trace_restart(&t);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, 2);
    ck_assert_uint_eq(t.kept_count, MANY + 1);
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_int_eq(t.kept[i].code, KEY_OFFERED);
        ck_assert(registry_is(&t.kept[i].key_offered.key, i + 1));
        ck_assert_uint_eq(t.kept[i].key_offered.revoked, i == 1);
    }
    ck_assert_int_eq(t.kept[MANY].code, KEYS_COMPLETE);
    ck_assert_uint_eq(t.kept[MANY].keys_complete.count, MANY);
    trace_close(&t);
}
END_TEST

START_TEST(a_key_made_while_others_are_told_leaves_none_out)
{
    enum { MANY = 300 };
    struct trace t;
    struct message hello = { .code = HELLO, .hello = { .resync = 2 } };
    bool heard[MANY + 2] = { false };
    size_t at = 0, all = 0;
    registry_open(&t);
    for (unsigned i = 1; i <= MANY; i++)
        create_key(&t, i, i, "many");
    t.kept_count = 0;
    /* Messages and ticks take turns: the key comes between two parts of the list. */
    trace_queue(&t, ACTOR_gateway, 0, hello);
    create_key(&t, MANY + 1, MANY + 1, "meanwhile");
    while (t.kept[at].code != DOCUMENT)
        at++;
    ck_assert_uint_lt(at, MANY);
    for (size_t i = 0; i < t.kept_count; i++)
        for (unsigned n = 1; n <= MANY + 1; n++)
            if (t.kept[i].code == KEY_OFFERED
                && registry_is(&t.kept[i].key_offered.key, n))
                heard[n] = true;
    for (unsigned n = 1; n <= MANY + 1; n++)
        all += heard[n];
    ck_assert_uint_eq(all, MANY + 1);
    ck_assert_uint_eq(trace_sent(&t, KEYS_COMPLETE)->keys_complete.count, MANY + 1);
    trace_close(&t);
}
END_TEST

START_TEST(there_are_no_more_keys_than_allowed)
{
    struct trace t;
    trace_make(&t, &registry_actor);
    t.config.keys_max = 1;
    trace_open(&t);
    create_key(&t, 1, 1, "one");
    create_key(&t, 2, 2, "two");
    registry_expect_refused(&t, ERR_BUSY, "the limit keys_max is reached");
    trace_close(&t);
}
END_TEST

START_TEST(who_has_as_many_as_it_may_keeps_no_other_project_out)
{
    enum { PROJECTS = 100 }; /* that may have all that they may */
    char name[16];
    struct trace t;
    trace_make(&t, &registry_actor);
    t.config.keys_max = 1;
    trace_open(&t);
    for (unsigned n = 1; n <= PROJECTS + 1; n++) {
        snprintf(name, sizeof name, "project%u", n);
        t.project = id_of_name(text(name));
        create_key(&t, n, n, "one");
        if (n <= PROJECTS)
            ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, n);
    }
    registry_expect_refused(
        &t, ERR_BUSY, "all projects together have as many keys as the engine takes");
    trace_close(&t);
}
END_TEST

START_TEST(keys_of_other_projects_are_made_from_the_first)
{
    const char *const askers[] = { "default", "other", "" };
    struct trace t;
    registry_open(&t);
    t.project = id_of_name(text("other"));
    for (unsigned i = 0; i < COUNT(askers); i++) {
        struct id nobody = { { 0 } };
        create_for(&t, i + 1, i < 2 ? id_of_name(text(askers[i])) : nobody);
        ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.request, i + 1);
        ck_assert(id_equal(&trace_sent(&t, KEY_OFFERED)->envelope.project, &t.project));
    }
    trace_skip(&t);
    create_for(&t, 9, id_of_name(text("strangers")));
    registry_expect_refused(&t, ERR_FORBIDDEN,
        "the key belongs to another project than that: only who administers the "
        "project default may make keys of others");
    trace_close(&t);
}
END_TEST

Suite *
registry_suite(void)
{
    Suite *suite = suite_create("registry");
    TCase *c = tcase_create("automations");
    tcase_add_test(c, a_client_hears_of_a_version_when_everybody_knows_it);
    tcase_add_test(c, a_gateway_whose_clock_is_behind_is_answered);
    tcase_add_test(c, an_automation_is_shown_as_it_was_published);
    tcase_add_test(c, the_same_text_again_makes_no_version);
    tcase_add_test(c, another_text_of_the_same_name_is_the_next_version);
    tcase_add_test(c, mistakes_are_told_with_their_places);
    tcase_add_test(c, a_name_is_a_key_or_short_and_never_an_id);
    tcase_add_test(c, who_greets_is_told_what_it_does_not_know);
    tcase_add_test(c, a_crash_forgets_who_waits_and_not_who_must_know);
    tcase_add_test(c, many_unknown_versions_are_told_a_window_at_a_time);
    tcase_add_test(c, a_version_that_is_known_before_it_is_told_is_not_told);
    tcase_add_test(c, a_client_that_gave_up_makes_room_for_others);
    tcase_add_test(c, there_are_no_more_automations_than_allowed);
    tcase_add_test(c, automations_are_listed_by_name_in_pages);
    tcase_add_test(c, a_project_sees_only_what_is_its_own);
    suite_add_tcase(suite, c);
    c = tcase_create("keys");
    tcase_add_test(c, the_gateway_knows_a_key_before_its_owner);
    tcase_add_test(c, keys_of_another_project_are_out_of_reach);
    tcase_add_test(c, a_gateway_that_greets_is_told_all_keys_and_their_end);
    tcase_add_test(c, a_key_made_while_others_are_told_leaves_none_out);
    tcase_add_test(c, there_are_no_more_keys_than_allowed);
    tcase_add_test(c, keys_of_other_projects_are_made_from_the_first);
    tcase_add_test(c, who_has_as_many_as_it_may_keeps_no_other_project_out);
    suite_add_tcase(suite, c);
    return suite;
}
