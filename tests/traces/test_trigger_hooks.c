/* Goal: http triggers fire for who knows the secret, once per delivery, and tell
 * nobody else anything.
 * Method: traces of the trigger actor; signatures are made here, by libsodium. */
#include "actors/trigger/state.h"
#include "base/base64.h"
#include "tests/traces/trigger_story.h"
#include "tests/traces/trigger_suites.h"

#include <sodium.h>
#include <stdio.h>

static void
set_secret(struct trace *t, const char *name, const char *value)
{
    struct secret_set set = { 1, text(name), text(value) };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = SECRET_SET, .secret_set = set });
}

static void
open_hook(struct trace *t, const struct plan_http *config)
{
    struct plan_trigger trigger =
        story_trigger("hook", "http", &plan_http_shape, config);
    story_open(t);
    t->now_ms = 1700000000000;
    set_secret(t, "s", "whsec_MDEyMzQ1Njc4OWFiY2RlZg==");
    set_secret(t, "plain", "open sesame");
    story_offer(t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(t);
    t->kept_count = 0;
}

/* Headers in JSON. */
static void
call(struct trace *t, const char *handle, const char *headers, const char *body)
{
    struct hook_call said = {
        .request = 5,
        .handle = text(handle),
        .headers = story_json(headers),
        .body = text(body),
        .data = story_json(body[0] == '{' ? body : NULL),
    };
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = HOOK_CALL, .hook_call = said });
}

static size_t
fires(struct trace *t)
{
    size_t fired = 0, refused = 0;
    for (size_t i = 0; i < t->kept_count; i++) {
        fired += t->kept[i].code == TRIGGER_FIRED;
        refused +=
            t->kept[i].code == REFUSED && t->kept[i].refused.err == ERR_NOT_FOUND;
    }
    ck_assert_uint_eq(fired + refused, 1);
    t->kept_count = 0;
    return fired;
}

static void
mac_of(const char *key, size_t key_size, const char *signed_text,
    uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)key, key_size);
    crypto_auth_hmacsha256_update(
        &state, (const uint8_t *)signed_text, strlen(signed_text));
    crypto_auth_hmacsha256_final(&state, mac);
}

/* Headers as standardwebhooks.com says; `other` stands before the signature. */
static const char *
standard(const char *id, uint64_t at_s, const char *other, const char *body)
{
    static char headers[600];
    char whole[300];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    struct buffer base64 = { 0 };
    snprintf(whole, sizeof whole, "%s.%llu.%s", id, (unsigned long long)at_s, body);
    mac_of("0123456789abcdef", 16, whole, mac);
    base64_write(&base64, bytes_of(mac, sizeof mac));
    snprintf(headers, sizeof headers,
        "{\"webhook-id\": \"%s\", \"webhook-timestamp\": \"%llu\", "
        "\"webhook-signature\": \"%sv1,%.*s\"}",
        id, (unsigned long long)at_s, other, (int)base64.size,
        (const char *)base64.data);
    buffer_free(&base64);
    return headers;
}

START_TEST(standard_webhooks_are_taken_once_and_in_time)
{
    enum { NOW_S = 1700000000 };
    struct trace t;
    struct plan_http config = { .handle = text("own"),
        .scheme = HOOK_STANDARD,
        .secret = text("s"),
        .tolerance_ms = 60000 };
    open_hook(&t, &config);
    call(&t, "own", standard("msg_1", NOW_S, "", "{\"a\": 1}"), "{\"a\": 1}");
    ck_assert_uint_eq(fires(&t), 1);
    trace_crash(&t);
    call(&t, "own", standard("msg_1", NOW_S + 1, "", "{\"a\": 1}"), "{\"a\": 1}");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    call(&t, "own", standard("msg_2", NOW_S, "v1,AAAA v1a,AAAA ", "{\"a\": 1}"),
        "{\"a\": 1}");
    ck_assert_uint_eq(fires(&t), 1);
    call(&t, "own", standard("msg_3", NOW_S, "", "{\"a\": 1}"), "{\"a\": 2}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "own", standard("msg_4", NOW_S - 61, "", "{}"), "{}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "own", standard("msg_5", NOW_S + 61, "", "{}"), "{}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "own", "{}", "{}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "other", standard("msg_6", NOW_S, "", "{}"), "{}");
    ck_assert_uint_eq(fires(&t), 0);
    set_secret(&t, "s", "");
    t.kept_count = 0;
    call(&t, "own", standard("msg_7", NOW_S, "", "{}"), "{}");
    ck_assert_uint_eq(fires(&t), 0);
    trace_close(&t);
}
END_TEST

/* The example of standardwebhooks.com's own libraries. */
START_TEST(the_vector_of_standard_webhooks_holds)
{
    struct hook_request request = {
        .headers =
            story_json("{\"webhook-id\": \"msg_p5jXN8AQM9LWM0D4loKWxJek\", "
                       "\"webhook-timestamp\": \"1614265330\", \"webhook-signature\": "
                       "\"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\"}"),
        .body = text("{\"test\": 2432232314}"),
    };
    struct bytes delivery;
    ck_assert(hook_genuine(HOOK_STANDARD, &request,
        text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), text(""), 0, 1614265330000,
        &delivery));
    ck_assert(bytes_equal(delivery, text("msg_p5jXN8AQM9LWM0D4loKWxJek")));
}
END_TEST

/* The example of GitHub's documentation. */
START_TEST(the_vector_of_github_holds)
{
    struct hook_request request = {
        .headers = story_json(
            "{\"x-hub-signature-256\": \"sha256=757107ea0eb2509fc211221cce984b8a37570b6"
            "d7586c22c46f4379c8b043e17\"}"),
        .body = text("Hello, World!"),
    };
    struct bytes delivery;
    ck_assert(hook_genuine(HOOK_GITHUB, &request, text("It's a Secret to Everybody"),
        text(""), 0, 0, &delivery));
    request.body = text("Hello, World?");
    ck_assert(!hook_genuine(HOOK_GITHUB, &request, text("It's a Secret to Everybody"),
        text(""), 0, 0, &delivery));
}
END_TEST

START_TEST(a_delivery_of_github_is_an_event_of_its_kind)
{
    struct trace t;
    char headers[400];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof mac + 1];
    static const char body[] = "{\"action\": \"opened\"}";
    struct plan_http config = {
        .handle = text("gh"), .scheme = HOOK_GITHUB, .secret = text("plain")
    };
    open_hook(&t, &config);
    mac_of("open sesame", 11, body, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    snprintf(headers, sizeof headers,
        "{\"x-hub-signature-256\": \"sha256=%s\", \"x-github-delivery\": \"d1\", "
        "\"x-github-event\": \"pull_request\"}",
        hex);
    call(&t, "gh", headers, body);
    trace_expect_only(
        &t, "stream_changed", "1700000000000 -> gateway stream_changed number=1\n");
    ck_assert_uint_eq(fires(&t), 1);
    story_wait(&t, 1, "github.pull_request.*", NULL, NULL, 0, 0);
    ck_assert(bytes_equal(trace_sent(&t, WAIT_MATCHED)->wait_matched.type,
        text("github.pull_request.opened")));
    trace_close(&t);
}
END_TEST

START_TEST(a_shared_secret_is_compared_whole_and_not_shown)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"),
        .scheme = HOOK_SHARED,
        .secret = text("plain"),
        .header = text("X-Token") };
    open_hook(&t, &config);
    call(&t, "own", "{\"x-token\": \"open sesam\"}", "{}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "own", "{\"x-token\": \"open sesame\", \"x-other\": \"1\"}", "hello");
    const struct trigger_fired *fired = &trace_sent(&t, TRIGGER_FIRED)->trigger_fired;
    struct bytes headers = pack_find(fired->meta, "headers");
    ck_assert_uint_eq(pack_find(headers, "x-token").size, 0);
    ck_assert_uint_gt(pack_find(headers, "x-other").size, 0);
    ck_assert(bytes_equal(fired->data, story_json("{\"body\": \"hello\"}")));
    ck_assert_uint_eq(fires(&t), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_hook_has_an_url_that_cannot_be_guessed_unless_it_says_its_own)
{
    struct trace t;
    struct plan_http config = { .scheme = HOOK_OPEN };
    struct trigger_list asked = { .request = 3, .name = text("a") };
    char handle[64];
    open_hook(&t, &config);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = TRIGGER_LIST, .trigger_list = asked });
    struct cursor items =
        cursor_over(pack_find(trace_sent(&t, DOCUMENT)->document.document, "items"));
    cursor_array(&items);
    struct cursor url = cursor_over(pack_find(cursor_skip(&items), "url"));
    struct bytes path = cursor_text(&url), prefix = text("/capstan/v1/hooks/");
    ck_assert(bytes_begin(path, prefix));
    ck_assert_uint_eq(path.size, prefix.size + 32);
    snprintf(handle, sizeof handle, "%.*s", 32, (const char *)path.data + prefix.size);
    t.kept_count = 0;
    call(&t, handle, "{}", "{}");
    ck_assert_uint_eq(fires(&t), 1);
    trace_close(&t);
}
END_TEST

/* It names no delivery, but its gateway has not heard of it yet. */
START_TEST(a_call_that_is_asked_again_is_one_event)
{
    struct trace t;
    struct plan_http config = { .handle = text("own") };
    struct hook_call said = { .request = 5, .question = 5, .handle = text("own") };
    open_hook(&t, &config);
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = HOOK_CALL, .hook_call = said });
    said.request = 6;
    trace_crash(&t);
    trace_give(
        &t, ACTOR_gateway, 0, (struct message){ .code = HOOK_CALL, .hook_call = said });
    trace_expect_only(&t, " document",
        "1700000000000 -> gateway document request=5 document=(…) created=1\n"
        "1700000000000 -> gateway document request=6 document=(…) created=1\n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_hook_of_a_paused_automation_is_not_runnable)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger trigger =
        story_trigger("hook", "http", &plan_http_shape, &config);
    open_hook(&t, &config);
    story_offer(&t, 1, 2, AUTOMATION_PAUSED, &trigger, 1);
    call(&t, "own", "{}", "{}");
    ck_assert_int_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_RUNNABLE);
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    trace_close(&t);
}
END_TEST

START_TEST(two_triggers_cannot_have_one_handle)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger trigger =
        story_trigger("hook", "http", &plan_http_shape, &config);
    struct id first = story_automation(1);
    open_hook(&t, &config);
    story_offer(&t, 2, 1, AUTOMATION_ACTIVE, &trigger, 1);
    call(&t, "own", "{}", "{}");
    ck_assert(
        id_equal(&trace_sent(&t, TRIGGER_FIRED)->trigger_fired.automation, &first));
    trace_close(&t);
}
END_TEST

START_TEST(secrets_are_listed_by_name_only)
{
    struct trace t;
    struct secret_list asked = { .request = 3 };
    story_open(&t);
    set_secret(&t, "b", "hidden");
    set_secret(&t, "a", "hidden");
    trace_expect_only(&t, "secret_kept",
        "1000000 secret_kept name=b value=… sealed=1\n"
        "1000000 secret_kept name=a value=… sealed=1\n");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = SECRET_LIST, .secret_list = asked });
    struct bytes document = trace_sent(&t, DOCUMENT)->document.document;
    struct cursor items = cursor_over(pack_find(document, "items"));
    ck_assert_uint_eq(cursor_array(&items), 2);
    ck_assert(memmem(document.data, document.size, "hidden", 6) == NULL);
    trace_close(&t);
}
END_TEST

/* Why the last call starts nothing, as its caller hears it. */
static void
story_refusal(struct trace *t, const char *refusal)
{
    struct bytes document = trace_sent(t, DOCUMENT)->document.document;
    struct cursor said = cursor_over(pack_find(document, "refusal"));
    ck_assert(bytes_equal(cursor_text(&said), text(refusal)));
}

START_TEST(a_call_whose_inputs_cannot_be_made_is_kept_and_starts_nothing)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger trigger = story_trigger("h", "http", &plan_http_shape, &config);
    trigger.inputs = story_json("{\"n\": \"${{ event.n }}\"}");
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(&t);
    call(&t, "own", "{}", "{}");
    trace_expect_only(&t, "fire_settled",
        "1000000 fire_settled automation=AUT1 trigger=h slot_ms=1000000 event=1 "
        "refusal=\"inputs: n: there is no event.n\"\n");
    story_refusal(&t, "inputs: n: there is no event.n");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 0);
    call(&t, "own", "{\"idempotency-key\": \"k\"}", "{\"m\": 1}");
    call(&t, "own", "{\"idempotency-key\": \"k\"}", "{\"m\": 1}");
    story_refusal(&t, "inputs: n: there is no event.n");
    call(&t, "own", "{}", "{\"n\": 1}");
    story_refusal(&t, "");
    ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    trace_close(&t);
}
END_TEST

START_TEST(a_call_that_the_trigger_does_not_want_is_kept_and_starts_nothing)
{
    static const char unwanted[] = "the match or the condition of the trigger says no";
    static const struct {
        const char *body, *refusal;
    } rows[] = {
        { "{\"kind\": \"b\", \"n\": 2}", unwanted },
        { "{\"kind\": \"a\", \"n\": 1}", unwanted },
        { "{\"kind\": \"a\"}", "condition: there is no event.n" },
        { "{\"kind\": \"a\", \"n\": 2}", "" },
    };
    struct trace t;
    struct plan_http config = { .handle = text("own"),
        .scheme = HOOK_OPEN,
        .match = story_json("{\"kind\": \"a\"}"),
        .condition = text("event.n > 1") };
    open_hook(&t, &config);
    for (size_t i = 0; i < COUNT(rows); i++) {
        t.kept_count = 0;
        call(&t, "own", "{}", rows[i].body);
        story_refusal(&t, rows[i].refusal);
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), rows[i].refusal[0] == '\0');
    }
    trace_expect_only(&t, "fire_settled",
        "1700000000000 fire_settled automation=AUT1 trigger=hook "
        "slot_ms=1700000000000 event=3 refusal=\"condition: there is no event.n\"\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_call_of_a_trigger_whose_key_is_no_name_is_an_http_request)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    struct plan_trigger trigger =
        story_trigger("a.", "http", &plan_http_shape, &config);
    story_open(&t);
    story_offer(&t, 1, 1, AUTOMATION_ACTIVE, &trigger, 1);
    trace_skip(&t);
    call(&t, "own", "{}", "{}");
    trace_expect_only(&t, "event_kept",
        "1000000 event_kept number=1 type=http.request source=a data=(…) meta=(…) "
        "automation=AUT1 trigger=a. record=2\n");
    trace_close(&t);
}
END_TEST

/* So it cannot be told from another of the same id. */
START_TEST(a_delivery_whose_id_is_no_text_has_none)
{
    struct trace t;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof mac + 1];
    struct buffer headers = { 0 };
    struct plan_http config = {
        .handle = text("gh"), .scheme = HOOK_GITHUB, .secret = text("plain")
    };
    open_hook(&t, &config);
    mac_of("open sesame", 11, "{}", mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    for (unsigned i = 0; i < 2; i++) {
        buffer_clear(&headers);
        pack_map(&headers, 2);
        pack_string(&headers, "x-hub-signature-256");
        struct buffer value = { 0 };
        buffer_print(&value, "sha256=%s", hex);
        pack_text(&headers, buffer_bytes(&value));
        buffer_free(&value);
        pack_string(&headers, "x-github-delivery");
        pack_text(&headers, text("\xff"));
        struct hook_call said = { .request = 5,
            .handle = text("gh"),
            .headers = buffer_bytes(&headers),
            .body = text("{}") };
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = HOOK_CALL, .hook_call = said });
        ck_assert_uint_eq(story_count(&t, TRIGGER_FIRED), 1);
    }
    buffer_free(&headers);
    trace_close(&t);
}
END_TEST

/* What the last question was refused for. */
static void
refused(struct trace *t, enum err err)
{
    ck_assert_uint_eq(trace_sent(t, REFUSED)->refused.err, err);
    t->kept_count = 0;
}

START_TEST(a_secret_has_a_name_and_a_value_of_some_size)
{
    static const char *const wrong[] = { "", "a b", "a/b", "a:b", "@", "[", "`", "{" };
    char longest[130], value[4098];
    struct trace t;
    story_open(&t);
    memset(longest, 'x', sizeof longest);
    memset(value, 'x', sizeof value);
    longest[129] = value[4097] = '\0';
    for (size_t i = 0; i < COUNT(wrong); i++) {
        set_secret(&t, wrong[i], "v");
        refused(&t, ERR_INVALID);
    }
    set_secret(&t, longest, "v");
    refused(&t, ERR_INVALID);
    set_secret(&t, "s", value);
    refused(&t, ERR_TOO_LARGE);
    set_secret(&t, "s", "");
    refused(&t, ERR_NOT_FOUND);
    trace_skip(&t);
    set_secret(&t, "az.AZ_09-", value + 1);
    trace_expect_only(
        &t, "secret_kept", "1000000 secret_kept name=az.AZ_09- value=… sealed=1\n");
    set_secret(&t, longest + 1, "v");
    trace_expect_only(&t, "-> gateway",
        "1000000 -> gateway document request=1 document=(…) created=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_secret_in_clear_is_read_and_one_in_the_place_of_another_is_not)
{
    static const char right[] = "{\"x-token\": \"open sesame\"}";
    struct trace t;
    struct plan_http config = { .handle = text("own"),
        .scheme = HOOK_SHARED,
        .secret = text("plain"),
        .header = text("X-Token") };
    struct secret_entry sealed, other;
    open_hook(&t, &config);
    struct row_key key = key_of_secret(&t.project, text("plain"));
    struct row_key of_other = key_of_secret(&t.project, text("s"));
    struct arena arena = { 0 };
    ck_assert(kept_read(t.journal, &key, &secret_entry_shape, &arena, &sealed));
    sealed.value = arena_copy(&arena, sealed.value);
    ck_assert(kept_read(t.journal, &of_other, &secret_entry_shape, &arena, &other));
    other.value = arena_copy(&arena, other.value);
    kept_write(t.journal, &key, &secret_entry_shape, &other);
    call(&t, "own", right, "{}");
    ck_assert_uint_eq(fires(&t), 0);
    call(&t, "own", "{\"x-token\": \"\"}", "{}");
    ck_assert_uint_eq(fires(&t), 0);
    struct secret_entry clear = { .value = text("open sesame") };
    kept_write(t.journal, &key, &secret_entry_shape, &clear);
    call(&t, "own", right, "{}");
    ck_assert_uint_eq(fires(&t), 1);
    kept_write(t.journal, &key, &secret_entry_shape, &sealed);
    call(&t, "own", right, "{}");
    ck_assert_uint_eq(fires(&t), 1);
    arena_free(&arena);
    trace_close(&t);
}
END_TEST

static bool
genuine(
    enum hook_scheme scheme, struct bytes headers, const char *secret, const char *name)
{
    struct hook_request request = { .headers = headers, .body = text("{}") };
    struct bytes delivery;
    return hook_genuine(
        scheme, &request, text(secret), text(name), 0, 1700000000000, &delivery);
}

START_TEST(headers_that_are_none_prove_nothing)
{
    const struct bytes none[] = { text(""), text("\x91\xa1x"),
        text("\x82\x01\x02\xa1x\xa1s"), text("\x82\xa1y\x01\xa1x\xa1s"),
        text("\x81\xa1y\xa1s") };
    for (size_t i = 0; i < COUNT(none); i++)
        ck_assert(!genuine(HOOK_SHARED, none[i], "s", "x"));
    ck_assert(genuine(HOOK_SHARED, text("\x82\xa1y\xa1t\xa1x\xa1s"), "s", "x"));
    ck_assert(!genuine(HOOK_SHARED, text("\x81\xa0\xa1s"), "s", ""));
}
END_TEST

START_TEST(a_signature_of_another_form_is_none)
{
    enum { NOW_S = 1700000000 };
    static const char key[] = "0123456789abcdef",
                      encoded[] = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==";
    static const char *const stamps[] = { "1234567890123456", "17000000/0",
        "17000000:0", "" };
    char many[16 * 8 + 1] = "", headers[300], longest[130];
    struct bytes right = story_json(standard("m", NOW_S, "", "{}"));
    ck_assert(genuine(HOOK_STANDARD, right, encoded, ""));
    ck_assert(genuine(HOOK_STANDARD, right, key, ""));
    ck_assert(!genuine(HOOK_STANDARD, right, "whsec_~", ""));
    ck_assert(!genuine(HOOK_STANDARD, right, "", ""));
    /* Signed with an empty key. */
    struct bytes by_anybody = story_json(
        "{\"webhook-id\": \"m\", \"webhook-timestamp\": \"1700000000\", "
        "\"webhook-signature\": \"v1,pI6MvQqRvoGnMpjWN/lhCL3fhabbsUshOGwZYufX7A0=\"}");
    ck_assert(!genuine(HOOK_STANDARD, by_anybody, "whsec_", ""));
    for (int zeros = 63; zeros < 65; zeros++) {
        snprintf(headers, sizeof headers, "{\"x-hub-signature-256\": \"sha512=%0*d\"}",
            zeros, 0);
        ck_assert(!genuine(HOOK_GITHUB, story_json(headers), key, ""));
    }
    for (size_t i = 0; i < COUNT(stamps); i++) {
        snprintf(headers, sizeof headers,
            "{\"webhook-id\": \"m\", \"webhook-timestamp\": \"%s\"}", stamps[i]);
        ck_assert(!genuine(HOOK_STANDARD, story_json(headers), key, ""));
    }
    /* Nothing is delivered under no id. */
    right = story_json(standard("", NOW_S, "", "{}"));
    ck_assert(!genuine(HOOK_STANDARD, right, key, ""));
    memset(longest, 'x', sizeof longest);
    longest[129] = '\0';
    right = story_json(standard(longest, NOW_S, "", "{}"));
    ck_assert(!genuine(HOOK_STANDARD, right, key, ""));
    right = story_json(standard(longest + 1, NOW_S, "", "{}"));
    ck_assert(genuine(HOOK_STANDARD, right, key, ""));
    /* The seventeenth is not looked at; what is no base64 is passed over. */
    for (size_t i = 0; i < 15; i++)
        strcat(many, "v1,~~~~ ");
    right = story_json(standard("m", NOW_S, many, "{}"));
    ck_assert(genuine(HOOK_STANDARD, right, key, ""));
    strcat(many, "v1,~~~~ ");
    right = story_json(standard("m", NOW_S, many, "{}"));
    ck_assert(!genuine(HOOK_STANDARD, right, key, ""));
}
END_TEST

/* The data and meta of the run that a call of any form fires. */
static const struct trigger_fired *
fired_by(struct trace *t, struct hook_call said)
{
    said.request = 5;
    said.handle = text("own");
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = HOOK_CALL, .hook_call = said });
    return &trace_sent(t, TRIGGER_FIRED)->trigger_fired;
}

START_TEST(a_body_of_any_form_is_shown)
{
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    open_hook(&t, &config);
    const struct trigger_fired *fired =
        fired_by(&t, (struct hook_call){ .data = text("\x91\x01") });
    ck_assert(bytes_equal(fired->data, story_json("{\"body\": [1]}")));
    ck_assert(bytes_equal(pack_find(fired->meta, "headers"), text("\x80")));
    fired = fired_by(
        &t, (struct hook_call){ .body = text("\xff"), .headers = text("\x91\x01") });
    ck_assert(bytes_equal(fired->data, text("\x81\xa4"
                                            "body\xc4\x01\xff")));
    ck_assert(bytes_equal(pack_find(fired->meta, "headers"), text("\x80")));
    /* What follows a header that is none is not read. */
    fired = fired_by(
        &t, (struct hook_call){ .headers = text("\x83\xa1x\xa1y\xa1z\x01\xa1w\xa1v") });
    ck_assert(
        bytes_equal(pack_find(fired->meta, "headers"), story_json("{\"x\": \"y\"}")));
    trace_close(&t);
}
END_TEST

START_TEST(an_event_of_github_has_a_type_whatever_it_is_called)
{
    static const struct {
        const char *word, *body, *type;
    } cases[] = {
        { "push", "{}", "github.push" },
        { "push", "{\"action\": 1}", "github.push" },
        { "push", "{\"action\": \"made\"}", "github.push.made" },
        { "a b", "{}", "http.hook" },
        { "", "{}", "http.hook" },
    };
    struct trace t;
    struct plan_http config = {
        .handle = text("gh"), .scheme = HOOK_GITHUB, .secret = text("plain")
    };
    open_hook(&t, &config);
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t mac[crypto_auth_hmacsha256_BYTES];
        char hex[2 * sizeof mac + 1], headers[300];
        mac_of("open sesame", 11, cases[i].body, mac);
        sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
        snprintf(headers, sizeof headers,
            "{\"x-hub-signature-256\": \"sha256=%s\", \"x-github-event\": \"%s\"}", hex,
            cases[i].word);
        call(&t, "gh", headers, cases[i].body);
        snprintf(headers, sizeof headers, "event_kept number=%zu type=%s ", i + 1,
            cases[i].type);
        buffer_append(t.said, "", 1);
        ck_assert_msg(strstr((const char *)t.said->data, headers) != NULL, "%s",
            (const char *)t.said->data);
        trace_skip(&t);
    }
    trace_close(&t);
}
END_TEST

START_TEST(a_call_that_is_too_large_or_to_nobody_is_refused)
{
    char handle[130];
    memset(handle, 'x', sizeof handle);
    handle[129] = '\0';
    struct trace t;
    struct plan_http config = { .handle = text("own"), .scheme = HOOK_OPEN };
    open_hook(&t, &config);
    call(&t, handle, "{}", "{}");
    refused(&t, ERR_NOT_FOUND);
    t.config.payload_max = 5;
    call(&t, "own", "{}", "{\"a\": \"bcd\"}");
    refused(&t, ERR_TOO_LARGE);
    trace_expect_only(&t, "event_kept", "");
    trace_close(&t);
}
END_TEST

TCase *
trigger_hooks_case(void)
{
    TCase *c = tcase_create("hooks");
    tcase_add_test(c, standard_webhooks_are_taken_once_and_in_time);
    tcase_add_test(c, the_vector_of_standard_webhooks_holds);
    tcase_add_test(c, the_vector_of_github_holds);
    tcase_add_test(c, a_delivery_of_github_is_an_event_of_its_kind);
    tcase_add_test(c, a_shared_secret_is_compared_whole_and_not_shown);
    tcase_add_test(c, a_hook_has_an_url_that_cannot_be_guessed_unless_it_says_its_own);
    tcase_add_test(c, a_call_that_is_asked_again_is_one_event);
    tcase_add_test(c, a_hook_of_a_paused_automation_is_not_runnable);
    tcase_add_test(c, two_triggers_cannot_have_one_handle);
    tcase_add_test(c, a_call_whose_inputs_cannot_be_made_is_kept_and_starts_nothing);
    tcase_add_test(c, a_call_that_the_trigger_does_not_want_is_kept_and_starts_nothing);
    tcase_add_test(c, a_call_of_a_trigger_whose_key_is_no_name_is_an_http_request);
    tcase_add_test(c, a_delivery_whose_id_is_no_text_has_none);
    tcase_add_test(c, secrets_are_listed_by_name_only);
    tcase_add_test(c, a_secret_has_a_name_and_a_value_of_some_size);
    tcase_add_test(c, a_secret_in_clear_is_read_and_one_in_the_place_of_another_is_not);
    tcase_add_test(c, headers_that_are_none_prove_nothing);
    tcase_add_test(c, a_signature_of_another_form_is_none);
    tcase_add_test(c, a_body_of_any_form_is_shown);
    tcase_add_test(c, an_event_of_github_has_a_type_whatever_it_is_called);
    tcase_add_test(c, a_call_that_is_too_large_or_to_nobody_is_refused);
    return c;
}
