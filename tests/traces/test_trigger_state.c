/* Goal: what was acknowledged is the state, whatever crashes; a change is one fact, an
 * event only if somebody may want it, and a hint for who listens.
 * Method: traces of the trigger actor; trace_close replays each. */
#include "base/json_write.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <check.h>
#include <stdio.h>

/* No two questions have one number, unless a gateway asks again. */
static uint64_t asked = 100;

static void
set_if(struct trace *t, const char *scope, const char *key, const char *json,
    uint32_t conditional, uint64_t revision)
{
    asked++;
    struct state_set set = { asked, asked, text(scope), text(key), story_json(json),
        conditional, revision };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = STATE_SET, .state_set = set });
}

static void
set(struct trace *t, const char *scope, const char *key, const char *json)
{
    set_if(t, scope, key, json, 0, 0);
}

static void
update(struct trace *t, const char *scope, const char *key, const char *ops)
{
    asked++;
    struct state_update said = { asked, asked, text(scope), text(key), story_json(ops),
        0, 0 };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = STATE_UPDATE, .state_update = said });
}

static void
forget_if(struct trace *t, const char *scope, const char *key, uint32_t conditional,
    uint64_t revision)
{
    asked++;
    struct state_delete said = { asked, asked, text(scope), text(key), conditional,
        revision };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = STATE_DELETE, .state_delete = said });
}

static void
forget(struct trace *t, const char *scope, const char *key)
{
    forget_if(t, scope, key, 0, 0);
}

/* A field of the last answer, as JSON. */
static void
answered(struct trace *t, const char *field, const char *json)
{
    struct buffer out = { 0 };
    struct bytes value = pack_find(trace_sent(t, DOCUMENT)->document.document, field);
    ck_assert_msg(value.size > 0, "no %s", field);
    ck_assert_int_eq(msgpack_to_json(value, &out), ERR_NONE);
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data, json);
    buffer_free(&out);
}

static void
refused(struct trace *t, enum err err, const char *detail)
{
    const struct refused *said = &trace_sent(t, REFUSED)->refused;
    ck_assert_int_eq(said->err, err);
    ck_assert_msg(bytes_equal(said->detail, text(detail)), "%.*s",
        (int)said->detail.size, (const char *)said->detail.data);
}

static void
reads(struct trace *t, const char *scope, const char *key, const char *json)
{
    struct state_get get = { ++asked, text(scope), text(key) };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = STATE_GET, .state_get = get });
    if (json == NULL)
        refused(t, ERR_NOT_FOUND, "there is no such key");
    else
        answered(t, "value", json);
}

static void
list_within(struct trace *t, const char *scope, const char *after, uint32_t limit,
    uint32_t values, uint32_t bytes_max)
{
    struct state_list said = { ++asked, text(scope), text(after), limit, values,
        bytes_max };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = STATE_LIST, .state_list = said });
}

static void
list(struct trace *t, const char *scope, const char *after, uint32_t limit,
    uint32_t values)
{
    list_within(t, scope, after, limit, values, 0);
}

static void
scopes(struct trace *t, const char *after, uint32_t limit)
{
    struct scope_list said = { ++asked, text(after), limit };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = SCOPE_LIST, .scope_list = said });
}

START_TEST(a_change_is_a_fact_and_a_hint_and_survives_a_crash)
{
    struct trace t;
    story_open(&t);
    set(&t, "users", "u1", "{\"name\":\"Ada\"}");
    trace_expect(&t,
        "1000000 state_changed scope=users key=u1 value=(…) revision=1 "
        "question=101 bytes=10\n"
        "1000000 -> gateway state_told scope=users key=u1 new_value=(…)\n"
        "1000000 -> gateway document request=101 document=(…) created=1\n");
    answered(&t, "old_value", "null");
    answered(&t, "value", "{\"name\":\"Ada\"}");
    set(&t, "users", "u1", "2");
    trace_expect(&t,
        "1000000 state_changed scope=users key=u1 value=(…) revision=2 "
        "question=102 bytes=11\n"
        "1000000 -> gateway state_told scope=users key=u1 old_value=(…) new_value=(…)\n"
        "1000000 -> gateway document request=102 document=(…)\n");
    answered(&t, "old_value", "{\"name\":\"Ada\"}");
    trace_crash(&t);
    reads(&t, "users", "u1", "2");
    answered(&t, "revision", "2");
    reads(&t, "users", "u2", NULL);
    reads(&t, "other", "u1", NULL);
    forget(&t, "users", "u1");
    trace_expect_only(&t, "state_",
        "1000000 state_changed scope=users key=u1 deleted=1 revision=3 "
        "question=106 bytes=1\n"
        "1000000 -> gateway state_told scope=users key=u1 old_value=(…)\n");
    answered(&t, "deleted", "true");
    reads(&t, "users", "u1", NULL);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_not_there_is_deleted_without_a_fact_but_who_listens_hears_it)
{
    struct trace t;
    story_open(&t);
    forget(&t, "users", "u1");
    trace_expect(&t, "1000000 -> gateway state_told scope=users key=u1\n"
                     "1000000 -> gateway document request=101 document=(…)\n");
    answered(&t, "deleted", "false");
    answered(&t, "old_value", "null");
    trace_close(&t);
}
END_TEST

START_TEST(an_update_is_one_change_and_says_what_it_passed_over)
{
    struct trace t;
    story_open(&t);
    update(&t, "n", "k",
        "[{\"type\":\"increment\",\"path\":\"a\",\"by\":2},"
        "{\"type\":\"append\",\"path\":\"a\",\"value\":1},"
        "{\"type\":\"set\",\"path\":\"b\",\"value\":true}]");
    trace_expect_only(&t, "state_changed",
        "1000000 state_changed scope=n key=k value=(…) revision=1 "
        "question=101 errors=(…) bytes=129\n");
    answered(&t, "value", "{\"a\":2,\"b\":true}");
    answered(&t, "errors",
        "[{\"op_index\":1,\"code\":\"append.type_mismatch\",\"message\":\"append at a: "
        "a "
        "list, a text or nothing was expected, and there is a number\"}]");
    /* Nothing could be done: nothing has changed. */
    update(&t, "n", "k", "[{\"type\":\"increment\",\"path\":\"b\",\"by\":1}]");
    trace_expect_only(&t, "state_", "");
    answered(&t, "value", "{\"a\":2,\"b\":true}");
    answered(&t, "revision", "1");
    update(&t, "n", "k", "[{\"type\":\"burn\"}]");
    refused(&t, ERR_INVALID,
        "ops[0]: type must be set, merge, increment, decrement, append or remove");
    reads(&t, "n", "k", "{\"a\":2,\"b\":true}");
    trace_close(&t);
}
END_TEST

/* A gateway asks again when we begin anew: then it did not hear the answer. */
START_TEST(a_change_that_is_asked_for_again_is_answered_and_not_made_again)
{
    struct trace t;
    story_open(&t);
    update(&t, "n", "k",
        "[{\"type\":\"increment\",\"path\":\"a\",\"by\":2},"
        "{\"type\":\"append\",\"path\":\"a\",\"value\":1}]");
    trace_skip(&t);
    trace_crash(&t);
    set(&t, "n", "other", "1");
    asked -= 2;
    trace_skip(&t);
    update(&t, "n", "k", "[{\"type\":\"increment\",\"path\":\"a\",\"by\":2}]");
    trace_expect(
        &t, "1000000 -> gateway document request=101 document=(…) created=1\n");
    answered(&t, "value", "{\"a\":2}");
    answered(&t, "old_value", "null");
    answered(&t, "revision", "1");
    ck_assert_uint_gt(
        pack_find(trace_sent(&t, DOCUMENT)->document.document, "errors").size, 1);
    asked = 200;
    forget(&t, "n", "k");
    asked = 200;
    forget(&t, "n", "k");
    answered(&t, "deleted", "true");
    answered(&t, "old_value", "{\"a\":2}");
    trace_close(&t);
}
END_TEST

START_TEST(the_oldest_changes_are_not_remembered_for_ever)
{
    enum { KEPT = 4096 };
    struct trace t;
    story_open(&t);
    for (unsigned i = 0; i <= KEPT; i++) {
        update(&t, "n", "k", "[{\"type\":\"increment\",\"by\":1}]");
        trace_skip(&t);
    }
    answered(&t, "value", "4097");
    asked = 101;
    update(&t, "n", "k", "[{\"type\":\"increment\",\"by\":1}]");
    answered(&t, "value", "2");
    asked = 100;
    update(&t, "n", "k", "[{\"type\":\"increment\",\"by\":1}]");
    answered(&t, "value", "4098");
    trace_close(&t);
}
END_TEST

/* Asks for a change whose value has so many bytes.  True: it was made before. */
static bool
asks_again(struct trace *t, uint64_t question, size_t bytes)
{
    static const uint8_t word[128 * 1024];
    struct buffer value = { 0 };
    pack_blob(&value, bytes_of(word, bytes - 5)); /* and its head */
    t->kept_count = 0;
    struct state_set set = { 1, question, text("s"), text("k"), buffer_bytes(&value), 0,
        0 };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = STATE_SET, .state_set = set });
    struct cursor revision =
        cursor_over(pack_find(trace_sent(t, DOCUMENT)->document.document, "revision"));
    trace_skip(t);
    buffer_free(&value);
    return cursor_u64(&revision) == question;
}

/* Changes of questions 1 to `count`, each of twice as many bytes. */
static void
change_much(struct trace *t, uint64_t count, size_t bytes)
{
    story_open(t);
    for (uint64_t question = 1; question <= count; question++)
        ck_assert(asks_again(t, question, bytes));
    trace_crash(t);
}

START_TEST(of_large_changes_fewer_are_remembered_but_always_those_of_a_batch)
{
    enum { KIB = 1024, KEPT = 4096, LEAST = 512, MANY = 1500 };
    struct trace t;
    change_much(&t, MANY, 64 * KIB + 64);
    ck_assert(!asks_again(&t, MANY - LEAST, 64 * KIB + 64));
    ck_assert(asks_again(&t, MANY - LEAST + 2, 64 * KIB + 64));
    trace_close(&t);
    change_much(&t, MANY, 32 * KIB);
    ck_assert(asks_again(&t, MANY - 1023, 32 * KIB));
    ck_assert(!asks_again(&t, MANY - 1024, 32 * KIB));
    /* From then on it is their number that counts again. */
    for (unsigned i = 1; i < KEPT; i++)
        asks_again(&t, MANY + 1 + i, 8);
    ck_assert(asks_again(&t, MANY + 2, 8));
    trace_close(&t);
}
END_TEST

/* A text that begins with `word` and lies beside the journal. */
static const char *
large(const char *word, unsigned n)
{
    static char json[5001];
    memset(json, 'x', sizeof json - 1);
    json[snprintf(json, sizeof json, "\"%s%u", word, n)] = ' ';
    json[sizeof json - 2] = '"';
    return json;
}

/* One that lies in its record. */
static const char *
middling(const char *word)
{
    static char json[300];
    snprintf(json, sizeof json, "\"%s%0250d\"", word, 7);
    return json;
}

/* What a release before has said stays, and so does what is little. */
START_TEST(a_value_that_nobody_has_any_more_is_given_up)
{
    enum { KEPT = 4096, MANY = 300 };
    struct plan_event config = { .event_type = text("state.*"),
        .match = story_json("{\"scope\":\"heard\"}") };
    struct trace t;
    story_open(&t);
    story_subscribe(&t, 1, "m", &config);
    trace_recorded(&t, (struct message){ .code = STATE_CHANGED,
                           .state_changed = { .scope = text("s"),
                               .key = text("k"),
                               .value = story_json(middling("former")),
                               .revision = 1,
                               .question = 1 } });
    for (unsigned i = 0; i < MANY; i++)
        set(&t, "s", "k", large("", i));
    set(&t, "s", "same", large("", 0));
    set(&t, "s", "gone", large("", MANY));
    forget(&t, "s", "gone");
    set(&t, "s", "middling", middling("secret"));
    set(&t, "s", "middling", middling("public"));
    set(&t, "heard", "k", middling("first of two"));
    set(&t, "heard", "k", middling("second of two"));
    ck_assert_uint_eq(story_blobs(&t), MANY + 1);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 1);
    for (unsigned i = 0; i < KEPT; i++) {
        set(&t, "s", "little", "1");
        trace_skip(&t);
    }
    ck_assert_uint_eq(story_blobs(&t), 2);
    ck_assert_uint_eq(story_records_with(&t, "secret"), 0);
    ck_assert_uint_eq(story_records_with(&t, "public"), 1);
    ck_assert_uint_eq(story_records_with(&t, "former"), 1);
    trace_crash(&t);
    reads(&t, "s", "k", large("", MANY - 1));
    reads(&t, "s", "same", large("", 0));
    reads(&t, "s", "gone", NULL);
    ck_assert_uint_eq(story_puts(&t, story_json(large("", 0))), 2);
    trace_close(&t);
}
END_TEST

START_TEST(a_condition_on_the_revision_is_kept_also_by_who_comes_after_a_deletion)
{
    struct trace t;
    story_open(&t);
    set_if(&t, "s", "k", "1", 1, 0);
    answered(&t, "revision", "1");
    set_if(&t, "s", "k", "2", 1, 0);
    refused(&t, ERR_CONFLICT, "the key has revision 1");
    set_if(&t, "s", "k", "2", 1, 1);
    answered(&t, "revision", "2");
    forget_if(&t, "s", "k", 1, 1);
    refused(&t, ERR_CONFLICT, "the key has revision 2");
    forget_if(&t, "s", "k", 1, 2);
    set(&t, "s", "k", "3");
    /* It is not the key that had revision 1. */
    set_if(&t, "s", "k", "4", 1, 1);
    refused(&t, ERR_CONFLICT, "the key has revision 4");
    set_if(&t, "s", "other", "4", 1, 4);
    refused(&t, ERR_CONFLICT, "there is no such key");
    trace_close(&t);
}
END_TEST

START_TEST(a_change_is_an_event_for_who_listens_and_only_then)
{
    struct trace t;
    struct plan_event config = { .event_type = text("state.*"),
        .match = story_json("{\"scope\":\"orders\"}") };
    story_open(&t);
    set(&t, "orders", "1", "1");
    trace_expect_only(&t, "event_kept", "");
    story_subscribe(&t, 1, "changed", &config);
    trace_skip(&t);
    set(&t, "users", "1", "1");
    trace_expect_only(&t, "event_kept", "");
    set(&t, "orders", "1", "2");
    trace_expect_only(&t, "event_kept",
        "1000000 event_kept number=1 type=state.updated source=state data=(…) "
        "record=4\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    forget(&t, "orders", "1");
    trace_expect_only(&t, "event_kept",
        "1000000 event_kept number=2 type=state.deleted source=state data=(…) "
        "record=5\n");
    struct bytes data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
    struct buffer out = { 0 };
    ck_assert_int_eq(msgpack_to_json(data, &out), ERR_NONE);
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data,
        "{\"scope\":\"orders\",\"key\":\"1\",\"old_value\":2,\"new_value\":null}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    buffer_free(&out);
    trace_close(&t);
}
END_TEST

START_TEST(pages_are_in_the_order_of_the_keys_and_bounded)
{
    struct trace t;
    char key[8];
    story_open(&t);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "k%u", 4 - i);
        set(&t, "s", key, "[1]");
    }
    set(&t, "a", "k", "0");
    list(&t, "s", "", 2, 1);
    answered(&t, "keys", "5");
    answered(&t, "has_more", "true");
    answered(&t, "next_cursor", "\"k1\"");
    list(&t, "s", "k1", 10, 0);
    answered(&t, "items",
        "[{\"key\":\"k2\",\"revision\":3,\"updated_at\":\"1970-01-01T00:16:40.000Z\","
        "\"bytes\":69},"
        "{\"key\":\"k3\",\"revision\":2,\"updated_at\":\"1970-01-01T00:16:40.000Z\","
        "\"bytes\":69},"
        "{\"key\":\"k4\",\"revision\":1,\"updated_at\":\"1970-01-01T00:16:40.000Z\","
        "\"bytes\":69}]");
    answered(&t, "has_more", "false");
    answered(&t, "next_cursor", "null");
    list(&t, "none", "", 10, 0);
    answered(&t, "items", "[]");
    scopes(&t, "", 1);
    answered(&t, "items", "[{\"scope\":\"a\",\"keys\":1,\"bytes\":67}]");
    answered(&t, "has_more", "true");
    scopes(&t, "a", 10);
    answered(&t, "items", "[{\"scope\":\"s\",\"keys\":5,\"bytes\":345}]");
    /* A scope without keys is none. */
    forget(&t, "a", "k");
    scopes(&t, "", 10);
    answered(&t, "items", "[{\"scope\":\"s\",\"keys\":5,\"bytes\":345}]");
    trace_close(&t);
}
END_TEST

START_TEST(limits_refuse_and_change_nothing)
{
    static char long_name[130];
    struct trace t;
    memset(long_name, 'n', 129);
    story_open(&t);
    t.config.state_value_max = 64;
    t.config.state_kept_bytes = 200;
    set(&t, long_name, "k", "1");
    refused(&t, ERR_INVALID, "scope and key must be texts of 1 to 128 bytes");
    set(&t, "s", "", "1");
    refused(&t, ERR_INVALID, "scope and key must be texts of 1 to 128 bytes");
    set(&t, "s", long_name + 1, "1");
    set(&t, "s", "k",
        "\"0123456789012345678901234567890123456789012345678901234567890123456789\"");
    refused(&t, ERR_TOO_LARGE, "the value is larger than state_value_max");
    set(&t, "s", "k2", "1");
    refused(
        &t, ERR_TOO_LARGE, "the project's state would be larger than state_kept_bytes");
    /* What there is may shrink, and go. */
    set(&t, "s", long_name + 1, "2");
    forget(&t, "s", long_name + 1);
    set(&t, "s", "k2", "1");
    reads(&t, "s", "k2", "1");
    trace_close(&t);
}
END_TEST

/* An item with its value is 69 bytes here. */
START_TEST(a_page_ends_before_it_has_too_many_bytes_but_has_one_item)
{
    static const struct {
        uint32_t bytes_max;
        const char *last; /* key; nothing: there are no more */
    } rows[] = {
        { 1, "\"k0\"" },
        { 69, "\"k0\"" },
        { 137, "\"k0\"" },
        { 138, "\"k1\"" },
        { 206, "\"k1\"" },
        { 207, "null" },
        { 2 << 20, "null" },
    };
    struct trace t;
    story_open(&t);
    set(&t, "s", "k0", "[1]");
    set(&t, "s", "k1", "[1]");
    set(&t, "s", "k2", "[1]");
    list(&t, "s", "", 10, 1);
    struct bytes all = pack_find(trace_sent(&t, DOCUMENT)->document.document, "items");
    ck_assert_uint_eq(all.size, 1 + 3 * 69);
    for (size_t i = 0; i < COUNT(rows); i++) {
        list_within(&t, "s", "", 10, 1, rows[i].bytes_max);
        answered(&t, "next_cursor", rows[i].last);
    }
    trace_close(&t);
}
END_TEST

START_TEST(a_page_of_scopes_has_a_bounded_size)
{
    enum { MANY = 7100, PAGE_BYTES = 1 << 20 };
    struct trace t;
    char scope[129];
    struct state_set said = { .key = text("k"), .value = text("\x01") };
    story_open(&t);
    t.config.state_kept_bytes = 1 << 30;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(scope, sizeof scope, "%0128u", i);
        said.request = said.question = ++asked;
        said.scope = text(scope);
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = STATE_SET, .state_set = said });
        buffer_clear(t.said);
    }
    scopes(&t, "", MANY);
    answered(&t, "has_more", "true");
    struct bytes page = trace_sent(&t, DOCUMENT)->document.document;
    ck_assert_uint_ge(page.size, PAGE_BYTES);
    ck_assert_uint_lt(page.size, PAGE_BYTES + 512);
    trace_close(&t);
}
END_TEST

START_TEST(names_that_are_none_are_refused_in_questions_too)
{
    static const char of_names[] = "scope and key must be texts of 1 to 128 bytes",
                      of_pages[] = "scope must be a text of 1 to 128 bytes, and cursor "
                                   "one of at most 128",
                      of_scopes[] = "cursor must be a text of at most 128 bytes";
    static char longer[130];
    struct trace t;
    memset(longer, 'n', 129);
    story_open(&t);
    for (unsigned i = 0; i < 4; i++) {
        struct state_get get = { ++asked, text("s"), text("k") };
        *(i < 2 ? &get.scope : &get.key) = text(i % 2 == 0 ? "" : longer);
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = STATE_GET, .state_get = get });
        refused(&t, ERR_INVALID, of_names);
    }
    list(&t, "", "", 10, 0);
    refused(&t, ERR_INVALID, of_pages);
    list(&t, longer, "", 10, 0);
    refused(&t, ERR_INVALID, of_pages);
    list(&t, "s", longer, 10, 0);
    refused(&t, ERR_INVALID, of_pages);
    list(&t, longer + 1, longer + 1, 10, 0);
    answered(&t, "items", "[]");
    scopes(&t, longer, 10);
    refused(&t, ERR_INVALID, of_scopes);
    scopes(&t, longer + 1, 10);
    answered(&t, "items", "[]");
    trace_close(&t);
}
END_TEST

START_TEST(a_value_is_no_larger_than_a_payload_and_is_one_value)
{
    static const char too_large[] = "the value is larger than state_value_max";
    struct trace t;
    struct state_set said = { 99, 99, text("s"), text("k"), bytes_of("\x92\x01", 2), 0,
        0 };
    story_open(&t);
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = STATE_SET, .state_set = said });
    refused(&t, ERR_INVALID, "the value must be one value, nested at most 32 deep");
    t.config.payload_max = 4;
    t.config.state_value_max = 8;
    set(&t, "s", "k", "\"1234\"");
    refused(&t, ERR_TOO_LARGE, too_large);
    set(&t, "s", "k", "\"123\"");
    t.config.payload_max = 8;
    t.config.state_value_max = 3;
    set(&t, "s", "k", "\"123\"");
    refused(&t, ERR_TOO_LARGE, too_large);
    set(&t, "s", "k", "\"12\"");
    trace_close(&t);
}
END_TEST

START_TEST(what_is_too_much_already_may_shrink_and_not_grow)
{
    static const char full[] =
        "the project's state would be larger than state_kept_bytes";
    struct trace t;
    story_open(&t);
    set(&t, "s", "k", "\"123\"");
    t.config.state_kept_bytes = 10;
    update(&t, "s", "k", "[{\"type\":\"append\",\"value\":\"4\"}]");
    refused(&t, ERR_TOO_LARGE, full);
    set(&t, "s", "k", "\"1234\"");
    refused(&t, ERR_TOO_LARGE, full);
    set(&t, "s", "k", "\"12\"");
    reads(&t, "s", "k", "\"12\"");
    set(&t, "s", "k", "\"ab\"");
    reads(&t, "s", "k", "\"ab\"");
    trace_close(&t);
}
END_TEST

START_TEST(an_update_of_nothing_that_does_nothing_creates_nothing)
{
    struct trace t;
    story_open(&t);
    update(&t, "s", "k", "[{\"type\":\"merge\",\"value\":1}]");
    trace_expect(&t, "1000000 -> gateway document request=101 document=(…)\n");
    answered(&t, "value", "null");
    answered(&t, "revision", "0");
    reads(&t, "s", "k", NULL);
    trace_close(&t);
}
END_TEST

START_TEST(values_that_are_too_large_for_an_event_are_left_out_of_it)
{
    struct trace t;
    struct plan_event config = { .event_type = text("state.*") };
    story_open(&t);
    story_subscribe(&t, 1, "changed", &config);
    t.config.payload_max = 100;
    for (unsigned i = 0; i < 2; i++) {
        set(&t, "s", "k", "\"0123456789012345678\"");
        struct bytes data = trace_sent(&t, TRIGGER_FIRED)->trigger_fired.data;
        ck_assert_int_eq(pack_check(data), ERR_NONE);
        ck_assert(pack_find(data, "values_left_out").size == (i == 0 ? 0 : 1));
        ck_assert(pack_find(data, "new_value").size == (i == 0 ? 20 : 0));
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    }
    trace_close(&t);
}
END_TEST

TCase *
trigger_state_case(void)
{
    TCase *tcase = tcase_create("state");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_change_is_a_fact_and_a_hint_and_survives_a_crash);
    tcase_add_test(
        tcase, what_is_not_there_is_deleted_without_a_fact_but_who_listens_hears_it);
    tcase_add_test(tcase, an_update_is_one_change_and_says_what_it_passed_over);
    tcase_add_test(
        tcase, a_change_that_is_asked_for_again_is_answered_and_not_made_again);
    tcase_add_test(tcase, the_oldest_changes_are_not_remembered_for_ever);
    tcase_add_test(
        tcase, of_large_changes_fewer_are_remembered_but_always_those_of_a_batch);
    tcase_add_test(tcase, a_value_that_nobody_has_any_more_is_given_up);
    tcase_add_test(
        tcase, a_condition_on_the_revision_is_kept_also_by_who_comes_after_a_deletion);
    tcase_add_test(tcase, a_change_is_an_event_for_who_listens_and_only_then);
    tcase_add_test(tcase, pages_are_in_the_order_of_the_keys_and_bounded);
    tcase_add_test(tcase, limits_refuse_and_change_nothing);
    tcase_add_test(tcase, a_page_ends_before_it_has_too_many_bytes_but_has_one_item);
    tcase_add_test(tcase, a_page_of_scopes_has_a_bounded_size);
    tcase_add_test(tcase, names_that_are_none_are_refused_in_questions_too);
    tcase_add_test(tcase, a_value_is_no_larger_than_a_payload_and_is_one_value);
    tcase_add_test(tcase, what_is_too_much_already_may_shrink_and_not_grow);
    tcase_add_test(tcase, an_update_of_nothing_that_does_nothing_creates_nothing);
    tcase_add_test(tcase, values_that_are_too_large_for_an_event_are_left_out_of_it);
    return tcase;
}
