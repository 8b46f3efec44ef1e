/* Goal: what the registry says about automations and keys, word for word.
 * Method: traces with two schedulers; trace_close replays each. */
#include "actors/registry/registry.h"
#include "tests/support/trace.h"

#include <check.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

static const char greet_yaml[] = "name: greet\n"
                                 "description: Say hello.\n"
                                 "triggers:\n"
                                 "  - {key: hourly, kind: schedule, interval: 1h}\n"
                                 "steps:\n"
                                 "  - {key: first, kind: action, action: print}\n"
                                 "  - {key: then, kind: action, action: print, "
                                 "needs: [first]}\n";

static struct id
made(unsigned n)
{
    uint8_t chance[10] = { (uint8_t)n, (uint8_t)(n >> 8) };
    return id_make(1000 + n, chance, 0);
}

static const char *
print_made(unsigned n, char out[ID_TEXT_MAX])
{
    struct id id = made(n);
    return id_print(&id, "aut_", out);
}

static bool
is_made(const struct id *id, unsigned n)
{
    struct id expected = made(n);
    return id_equal(id, &expected);
}

static void
open_alone(struct trace *t)
{
    static const char *const names[] = { "AUT1", "AUT2", "AUT3" };
    trace_make(t, &registry_actor);
    t->config.schedulers = 2;
    t->without_sizes = true;
    t->now_ms = 1000;
    for (unsigned i = 0; i < COUNT(names); i++) {
        struct id id = made(i + 1);
        trace_name(t, &id, names[i]);
    }
    trace_open(t);
}

static void
greet_all(struct trace *t)
{
    trace_hello(t, ACTOR_scheduler, 0, 2);
    trace_hello(t, ACTOR_scheduler, 1, 2);
    trace_hello(t, ACTOR_trigger, 0, 2);
    trace_hello(t, ACTOR_gateway, 0, 2);
    trace_skip(t);
}

static void
open_greeted(struct trace *t)
{
    open_alone(t);
    greet_all(t);
}

static void
apply(struct trace *t, uint64_t request, const char *definition, unsigned automation)
{
    struct automation_apply command = {
        .request = request,
        .definition = text(definition),
        .automation = made(automation),
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
}

static void
know(struct trace *t, uint32_t partition, unsigned automation, uint32_t version)
{
    struct plan_known known = { made(automation), version, partition };
    trace_give(t, ACTOR_scheduler, partition,
        (struct message){ .code = PLAN_KNOWN, .plan_known = known });
}

static void
know_triggers(struct trace *t, unsigned automation, uint32_t version)
{
    struct triggers_known known = { made(automation), version };
    trace_give(t, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGERS_KNOWN, .triggers_known = known });
}

static void
know_all(struct trace *t, unsigned automation, uint32_t version)
{
    know(t, 0, automation, version);
    know(t, 1, automation, version);
    know_triggers(t, automation, version);
}

static void
get(struct trace *t, uint64_t request, const char *name)
{
    struct automation_get command = { request, text(name), 1 };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_GET, .automation_get = command });
}

static void
list(struct trace *t, uint32_t limit, const char *cursor)
{
    struct automation_list command = { 9, limit, text(cursor) };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_LIST, .automation_list = command });
}

/* A msgpack value as JSON, but for what is not in our documents. */
static void
print_value(struct cursor *c, struct buffer *out)
{
    size_t count;
    switch (cursor_type(c)) {
    case PACK_NIL:
        cursor_nil(c);
        buffer_print(out, "null");
        return;
    case PACK_BOOL: buffer_print(out, cursor_bool(c) ? "true" : "false"); return;
    case PACK_UNSIGNED: buffer_print(out, "%" PRIu64, cursor_u64(c)); return;
    case PACK_TEXT: {
        struct bytes value = cursor_text(c);
        buffer_print(out, "'%.*s'", (int)value.size, (const char *)value.data);
        return;
    }
    case PACK_ARRAY:
        count = cursor_array(c);
        buffer_print(out, "[");
        for (size_t i = 0; i < count; i++) {
            buffer_print(out, "%s", i > 0 ? ", " : "");
            print_value(c, out);
        }
        buffer_print(out, "]");
        return;
    case PACK_MAP:
        count = cursor_map(c);
        buffer_print(out, "{");
        for (size_t i = 0; i < count; i++) {
            struct bytes key = cursor_text(c);
            buffer_print(out, "%s%.*s: ", i > 0 ? ", " : "", (int)key.size,
                (const char *)key.data);
            print_value(c, out);
        }
        buffer_print(out, "}");
        return;
    default: ck_abort_msg("a document holds something else");
    }
}

static void
expect_value(struct bytes value, const char *expected)
{
    struct cursor c = cursor_over(value);
    struct buffer out = { 0 };
    print_value(&c, &out);
    ck_assert(!c.bad);
    ck_assert(cursor_done(&c));
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data, expected);
    buffer_free(&out);
}

static struct bytes
document(const struct trace *t)
{
    return trace_sent(t, DOCUMENT)->document.document;
}

static void
expect_field(struct bytes map, const char *field, const char *expected)
{
    expect_value(pack_find(map, field), expected);
}

START_TEST(a_client_hears_of_a_version_when_everybody_knows_it)
{
    struct trace t;
    open_greeted(&t);
    apply(&t, 7, greet_yaml, 1);
    trace_expect(&t,
        "1000 automation_published automation=AUT1 name=greet version=1 "
        "definition=(…) plan=(…)\n"
        "1000 apply_waits request=7 automation=AUT1 version=1 created=1 "
        "deadline_ms=11000\n"
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…)\n"
        "1000 -> scheduler.1 plan_offered automation=AUT1 name=greet version=1 "
        "plan=(…)\n");
    know(&t, 1, 1, 1);
    know(&t, 0, 1, 1);
    trace_expect(&t,
        "1000 plan_arrived automation=AUT1 version=1 partition=1\n"
        "1000 plan_arrived automation=AUT1 version=1\n"
        "1000 -> trigger triggers_offered automation=AUT1 name=greet version=1 "
        "plan=(…)\n");
    know_triggers(&t, 1, 1);
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
    open_greeted(&t);
    m.automation_apply = (struct automation_apply){
        .request = 7, .definition = text(greet_yaml), .automation = made(1)
    };
    trace_give(&t, ACTOR_gateway, 0, m);
    know_all(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=7 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_automation_is_shown_as_it_was_published)
{
    struct trace t;
    char id[ID_TEXT_MAX], expected[300];
    open_greeted(&t);
    apply(&t, 7, greet_yaml, 1);
    know_all(&t, 1, 1);
    expect_field(document(&t), "name", "'greet'");
    expect_field(document(&t), "title", "'greet'");
    expect_field(document(&t), "description", "'Say hello.'");
    expect_field(document(&t), "status", "'active'");
    expect_field(document(&t), "version", "1");
    expect_field(document(&t), "latest_version", "1");
    expect_field(document(&t), "published_version", "1");
    expect_field(document(&t), "concurrency", "'allow'");
    expect_field(document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    expect_field(document(&t), "updated_at", "'1970-01-01T00:00:01.000Z'");
    expect_field(
        document(&t), "triggers", "[{key: 'hourly', kind: 'schedule', enabled: true}]");
    expect_field(document(&t), "steps",
        "[{key: 'first', name: '', kind: 'action', action: 'print', needs: []}, "
        "{key: 'then', name: '', kind: 'action', action: 'print', needs: ['first']}]");
    print_made(1, id);
    snprintf(expected, sizeof expected, "'%s'", id);
    expect_field(document(&t), "id", expected);
    ck_assert_uint_eq(pack_find(document(&t), "definition").size, 0);
    get(&t, 8, id);
    snprintf(expected, sizeof expected, "'%s'", greet_yaml);
    expect_field(document(&t), "definition", expected);
    get(&t, 8, "greet");
    expect_field(document(&t), "definition", expected);
    trace_close(&t);
}
END_TEST

START_TEST(the_same_text_again_makes_no_version)
{
    struct trace t;
    open_greeted(&t);
    apply(&t, 7, greet_yaml, 1);
    trace_skip(&t);
    /* Not everybody knows it yet: this client waits as well. */
    apply(&t, 8, greet_yaml, 2);
    trace_expect(&t, "1000 apply_waits request=8 automation=AUT1 version=1 "
                     "deadline_ms=11000\n");
    /* Nobody of another gateway's is meant. */
    trace_hello(&t, ACTOR_gateway, 1, 2);
    trace_skip(&t);
    know_all(&t, 1, 1);
    trace_expect_only(&t, "-> gateway",
        "1000 -> gateway document request=7 document=(…) created=1\n"
        "1000 -> gateway document request=8 document=(…)\n");
    apply(&t, 9, greet_yaml, 3);
    trace_expect(&t, "1000 -> gateway document request=9 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(another_text_of_the_same_name_is_the_next_version)
{
    struct trace t;
    open_greeted(&t);
    apply(&t, 1, "{name: a, steps: [{kind: action, action: print}]}", 1);
    know_all(&t, 1, 1);
    t.now_ms = 5000;
    apply(&t, 2, "{name: a, steps: [{kind: action, action: json}]}", 2);
    know_all(&t, 1, 2);
    ck_assert_uint_eq(trace_sent(&t, DOCUMENT)->document.created, 1);
    expect_field(document(&t), "version", "2");
    expect_field(document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    expect_field(document(&t), "updated_at", "'1970-01-01T00:00:05.000Z'");
    /* Back to the first text: that is a change too. */
    apply(&t, 3, "{name: a, steps: [{kind: action, action: print}]}", 2);
    know_all(&t, 1, 3);
    expect_field(document(&t), "version", "3");
    trace_close(&t);
}
END_TEST

START_TEST(mistakes_are_told_with_their_places)
{
    struct trace t;
    open_greeted(&t);
    apply(&t, 7, "name: a\nsteps:\n  - {kind: action}\n  - {kind: dance}\n", 1);
    const struct refused *refused = &trace_sent(&t, REFUSED)->refused;
    ck_assert_uint_eq(refused->request, 7);
    ck_assert_uint_eq(refused->err, ERR_INVALID);
    struct cursor c = cursor_over(refused->details);
    ck_assert_uint_eq(cursor_array(&c), 2);
    struct bytes first = cursor_skip(&c);
    expect_field(first, "line", "3");
    expect_field(first, "column", "5");
    expect_field(first, "path", "'steps[0].config.action_name'");
    apply(&t, 8, "name: [\n", 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_MALFORMED);
    trace_close(&t);
}
END_TEST

START_TEST(a_name_is_a_key_or_short_and_never_an_id)
{
    struct trace t;
    char yaml[400], name[200], id[ID_TEXT_MAX];
    open_greeted(&t);
    memset(name, 'n', 129);
    name[129] = '\0';
    snprintf(yaml, sizeof yaml, "{name: %s, steps: [{kind: action, action: p}]}", name);
    apply(&t, 1, yaml, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 1);
    snprintf(yaml, sizeof yaml,
        "{name: %s, handle: short, steps: [{kind: action, action: p}]}", name);
    apply(&t, 2, yaml, 1);
    know_all(&t, 1, 1);
    expect_field(document(&t), "name", "'short'");
    snprintf(yaml, sizeof yaml, "{name: %s, steps: [{kind: action, action: p}]}",
        print_made(1, id));
    apply(&t, 3, yaml, 2);
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
    open_alone(&t);
    apply(&t, 1, a_yaml, 1);
    apply(&t, 2, b_yaml, 2);
    trace_expect_only(&t, "->", "");
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=a version=1 "
        "plan=(…)\n"
        "1000 -> scheduler.0 plan_offered automation=AUT2 name=b version=1 "
        "plan=(…)\n");
    know(&t, 0, 1, 1);
    trace_hello(&t, ACTOR_scheduler, 0, 1);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT2 name=b version=1 "
        "plan=(…)\n");
    know(&t, 0, 2, 1);
    know(&t, 0, 2, 1);
    trace_expect(&t, "1000 plan_arrived automation=AUT2 version=1\n");
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_crash_forgets_who_waits_and_not_who_must_know)
{
    struct trace t;
    open_greeted(&t);
    apply(&t, 1, a_yaml, 1);
    know(&t, 0, 1, 1);
    trace_crash(&t);
    trace_skip(&t);
    /* What scheduler 0 said was not synced, since nothing left: it is told again. */
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect_only(&t, "->",
        "1000 -> scheduler.0 plan_offered automation=AUT1 name=a version=1 plan=(…)\n");
    greet_all(&t);
    know(&t, 1, 1, 1);
    know(&t, 0, 1, 1);
    trace_expect_only(&t, "->",
        "1000 -> trigger triggers_offered automation=AUT1 name=a version=1 "
        "plan=(…)\n");
    know_triggers(&t, 1, 1);
    trace_expect_only(&t, "->", "");
    apply(&t, 2, a_yaml, 2);
    trace_expect(&t, "1000 -> gateway document request=2 document=(…)\n");
    trace_close(&t);
}
END_TEST

START_TEST(many_unknown_versions_are_told_a_window_at_a_time)
{
    enum { MANY = 100 };
    struct trace t;
    char yaml[100];
    open_alone(&t);
    t.config.request_ms = 600000;
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(yaml, sizeof yaml,
            "{name: a%u, steps: [{kind: action, action: print}]}", i);
        apply(&t, i, yaml, i);
    }
    t.kept_count = 0;
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    ck_assert_uint_eq(t.kept_count, 32);
    for (unsigned i = 1; i <= MANY; i++) {
        const struct plan_offered *last = &trace_sent(&t, PLAN_OFFERED)->plan_offered;
        unsigned expected = i + 31 < MANY ? i + 31 : MANY;
        ck_assert(is_made(&last->automation, expected));
        know(&t, 1, i, 1);
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
    open_alone(&t);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(yaml, sizeof yaml,
            "{name: a%u, steps: [{kind: action, action: print}]}", i);
        apply(&t, i, yaml, i);
    }
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    know(&t, 0, 33, 1);
    t.kept_count = 0;
    know(&t, 0, 1, 1);
    ck_assert_uint_eq(t.kept_count, 1);
    ck_assert(is_made(&t.kept[0].plan_offered.automation, 34));
    trace_close(&t);
}
END_TEST

START_TEST(a_client_that_gave_up_makes_room_for_others)
{
    struct trace t;
    trace_make(&t, &registry_actor);
    t.config.requests_max = 2;
    trace_open(&t);
    apply(&t, 1, a_yaml, 1);
    apply(&t, 2, a_yaml, 1);
    apply(&t, 3, a_yaml, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_BUSY);
    trace_skip(&t);
    trace_wait(&t, t.config.request_ms);
    apply(&t, 4, b_yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    /* A gateway that began anew knows none of its earlier requests. */
    trace_hello(&t, ACTOR_gateway, 0, 2);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_hello(&t, ACTOR_trigger, 0, 2);
    trace_skip(&t);
    know(&t, 0, 2, 1);
    know_triggers(&t, 2, 1);
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
    apply(&t, 1, a_yaml, 1);
    apply(&t, 2, b_yaml, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_BUSY);
    /* A version of one that exists is none more. */
    apply(&t, 3, "{name: a, steps: [{kind: action, action: json}]}", 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    trace_close(&t);
}
END_TEST

START_TEST(automations_are_listed_by_name_in_pages)
{
    struct trace t;
    char expected[100], id[ID_TEXT_MAX];
    open_greeted(&t);
    apply(&t, 1, b_yaml, 1);
    apply(&t, 2, a_yaml, 2);
    apply(&t, 3, "{name: ab, steps: [{kind: action, action: print}]}", 3);
    list(&t, 2, "");
    struct cursor c = cursor_over(pack_find(document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 2);
    expect_field(cursor_skip(&c), "name", "'a'");
    expect_field(cursor_skip(&c), "name", "'ab'");
    print_made(3, id);
    snprintf(expected, sizeof expected, "'%s'", id);
    expect_field(document(&t), "next_cursor", expected);
    list(&t, 2, id);
    c = cursor_over(pack_find(document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 1);
    expect_field(cursor_skip(&c), "name", "'b'");
    expect_field(document(&t), "next_cursor", "null");
    list(&t, 2, "nonsense");
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_INVALID);
    trace_close(&t);
}
END_TEST

START_TEST(a_project_sees_only_what_is_its_own)
{
    struct trace t;
    char id[ID_TEXT_MAX];
    open_greeted(&t);
    apply(&t, 1, a_yaml, 1);
    t.project = id_of_name(text("another"));
    get(&t, 2, "a");
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    get(&t, 3, print_made(1, id));
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 3);
    list(&t, 10, "");
    expect_field(document(&t), "items", "[]");
    /* The same name is another automation here. */
    apply(&t, 4, a_yaml, 2);
    trace_skip(&t);
    get(&t, 5, "a");
    expect_field(document(&t), "version", "1");
    trace_close(&t);
}
END_TEST

static const uint8_t secret_hash[HASH_SIZE] = { 1, 2, 3 };

static void
create_key(struct trace *t, uint64_t request, unsigned key, const char *name)
{
    struct key_create create = {
        .request = request,
        .key = made(key),
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
    struct key_revoke revoke = { request, made(key) };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = KEY_REVOKE, .key_revoke = revoke });
}

START_TEST(the_gateway_knows_a_key_before_its_owner)
{
    struct trace t;
    open_greeted(&t);
    create_key(&t, 5, 1, "ci");
    trace_expect(&t,
        "1000 key_created key=AUT1 name=ci hash=… scopes=5 prefix=cap_00000000\n"
        "1000 -> gateway key_offered key=AUT1 hash=… scopes=5 name=ci\n"
        "1000 -> gateway document request=5 document=(…) created=1\n");
    expect_field(document(&t), "scopes", "['read', 'work']");
    expect_field(document(&t), "created_at", "'1970-01-01T00:00:01.000Z'");
    expect_field(document(&t), "revoked", "false");
    expect_field(document(&t), "revoked_at", "null");
    /* Asked again: the same key. */
    create_key(&t, 6, 1, "ci");
    trace_expect(&t, "1000 -> gateway key_offered key=AUT1 hash=… scopes=5 name=ci\n"
                     "1000 -> gateway document request=6 document=(…)\n");
    t.now_ms = 3000;
    for (uint64_t request = 7; request < 9; request++) {
        revoke_key(&t, request, 1);
        expect_field(document(&t), "revoked_at", "'1970-01-01T00:00:03.000Z'");
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
    open_greeted(&t);
    create_key(&t, 1, 1, "ci");
    t.project = id_of_name(text("another"));
    revoke_key(&t, 2, 1);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    create_key(&t, 3, 2, "theirs");
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = KEY_LIST, .key_list = { 4 } });
    struct cursor c = cursor_over(pack_find(document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&c), 1);
    expect_field(cursor_skip(&c), "name", "'theirs'");
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
    open_greeted(&t);
    for (unsigned i = 1; i <= MANY; i++)
        create_key(&t, i, i, "many");
    revoke_key(&t, 1000, 2);
    trace_restart(&t);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, 2);
    ck_assert_uint_eq(t.kept_count, MANY + 1);
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_int_eq(t.kept[i].code, KEY_OFFERED);
        ck_assert(is_made(&t.kept[i].key_offered.key, i + 1));
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
    open_greeted(&t);
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
            if (t.kept[i].code == KEY_OFFERED && is_made(&t.kept[i].key_offered.key, n))
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
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 2);
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_BUSY);
    trace_close(&t);
}
END_TEST

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
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
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
