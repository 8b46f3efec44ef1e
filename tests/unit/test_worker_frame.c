/* Goal: a worker's frame is read whole or refused with the first mistake in it. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "gateway/worker_frame.h"
#include "tests/unit/gateway_suites.h"

#include <stdio.h>

static const struct worker_limits limits = { 100, 50 };
static struct buffer frame;
static struct worker_frame said;
static struct fault fault;

/* A frame written as JSON, with a token where `held` and `token` have one. */
static enum err
take(const char *json)
{
    struct json_place place;
    buffer_clear(&frame);
    ck_assert_msg(
        json_to_msgpack(text(json), &frame, &place, &fault) == ERR_NONE, "%s", json);
    return worker_frame_read(buffer_bytes(&frame), &limits, &said, &fault);
}

#define TOKEN "\"012345678901234567890123456789012345678901234567890123456789\""

START_TEST(a_whole_registration_is_read)
{
    ck_assert_int_eq(
        take("{\"type\":\"register\",\"v\":1,\"key\":\"cap_x\",\"instance\":\"i\","
             "\"name\":\"n\",\"version\":\"2\",\"queues\":[\"a\",\"b\"],"
             "\"actions\":[],\"labels\":null,\"environment\":\"e\",\"concurrency\":50,"
             "\"held\":[" TOKEN "],\"session\":\"s\",\"novelty\":{\"a\":[1]}}"),
        ERR_NONE);
    ck_assert_int_eq(said.verb, WORKER_SAYS_REGISTER);
    ck_assert(bytes_equal(said.instance, text("i")));
    ck_assert(bytes_equal(said.session, text("s")));
    ck_assert_uint_eq(said.concurrency, 50);
    ck_assert_uint_eq(said.labels.size, 0);
    struct cursor queues = cursor_over(said.queues);
    ck_assert_uint_eq(cursor_array(&queues), 2);
}
END_TEST

START_TEST(an_outcome_has_its_number)
{
    static const char *const names[] = { "completed", "failed", "cancelled", "returned",
        "fatal" };
    char json[256];
    for (unsigned i = 0; i < COUNT(names); i++) {
        snprintf(json, sizeof json,
            "{\"type\":\"report\",\"token\":%s,\"outcome\":\"%s\"}", TOKEN, names[i]);
        ck_assert_int_eq(take(json), ERR_NONE);
        ck_assert_int_eq(said.outcome, OUTCOME_COMPLETED + (int)i);
    }
}
END_TEST

START_TEST(a_mistake_is_named)
{
    static const struct {
        const char *json;
        enum err err;
        const char *detail;
    } rows[] = {
        { "[]", ERR_MALFORMED, "not a map" },
        { "{}", ERR_MALFORMED, "type must be a text" },
        { "{\"type\":null}", ERR_MALFORMED, "type must be a text" },
        { "{\"type\":1}", ERR_MALFORMED, "type must be a text" },
        { "{\"type\":\"job\"}", ERR_UNSUPPORTED, "there is no type 'job'" },
        { "{\"type\":\"ready\"}", ERR_MALFORMED, "ready without concurrency" },
        { "{\"type\":\"ready\",\"concurrency\":null}", ERR_MALFORMED,
            "ready without concurrency" },
        { "{\"type\":\"ready\",\"concurrency\":-1}", ERR_MALFORMED,
            "concurrency must be a number" },
        { "{\"type\":\"ready\",\"concurrency\":51}", ERR_TOO_LARGE,
            "concurrency is above 50" },
        { "{\"type\":\"register\",\"v\":2,\"instance\":\"i\",\"concurrency\":1}",
            ERR_UNSUPPORTED, "this engine speaks version 1" },
        { "{\"type\":\"register\",\"instance\":\"i\",\"concurrency\":1,\"queues\":[1]}",
            ERR_MALFORMED, "queues must be an array of texts" },
        { "{\"type\":\"heartbeat\",\"held\":[\"short\"]}", ERR_MALFORMED,
            "held must be an array of tokens" },
        { "{\"type\":\"heartbeat\",\"held\":{}}", ERR_MALFORMED,
            "held must be an array of tokens" },
        { "{\"type\":\"report\",\"token\":" TOKEN "}", ERR_MALFORMED,
            "report without outcome" },
        { "{\"type\":\"report\",\"token\":" TOKEN ",\"outcome\":\"\"}", ERR_MALFORMED,
            "outcome must be completed, failed, cancelled, returned or fatal" },
        { "{\"type\":\"report\",\"token\":" TOKEN ",\"outcome\":\"failed\","
          "\"retry_after_ms\":86400001}",
            ERR_TOO_LARGE, "retry_after_ms is above 86400000" },
        { "{\"type\":\"log\",\"token\":\"x\",\"chunk\":\"\"}", ERR_MALFORMED,
            "token must be a token of 60 bytes" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ck_assert_msg(take(rows[i].json) == rows[i].err, "%s", rows[i].json);
        ck_assert_str_eq(fault.detail, rows[i].detail);
    }
}
END_TEST

START_TEST(a_report_that_is_too_large_names_its_token)
{
    char json[512];
    snprintf(json, sizeof json,
        "{\"output\":\"%0*d\",\"type\":\"report\",\"outcome\":\"completed\",\"token\":%"
        "s}",
        120, 0, TOKEN);
    ck_assert_int_eq(take(json), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "output is above 100");
    ck_assert_uint_eq(said.token.size, TOKEN_SIZE);
    ck_assert(bytes_equal(said.type, text("report")));
}
END_TEST

START_TEST(a_name_twice_is_malformed)
{
    buffer_clear(&frame);
    pack_map(&frame, 3);
    pack_string(&frame, "type");
    pack_string(&frame, "ready");
    for (int i = 0; i < 2; i++) {
        pack_string(&frame, "concurrency");
        pack_u64(&frame, 1);
    }
    ck_assert_int_eq(
        worker_frame_read(buffer_bytes(&frame), &limits, &said, &fault), ERR_MALFORMED);
    ck_assert_str_eq(fault.detail, "concurrency is there twice");
}
END_TEST

START_TEST(texts_and_lists_have_their_bounds)
{
    struct buffer json = { 0 };
    buffer_print(&json,
        "{\"type\":\"register\",\"instance\":\"%01000u\","
        "\"concurrency\":1}",
        0);
    buffer_append(&json, "", 1);
    ck_assert_int_eq(take((char *)json.data), ERR_TOO_LARGE);
    ck_assert_msg(
        strstr(fault.detail, "instance is above") != NULL, "%s", fault.detail);
    buffer_clear(&json);
    buffer_print(&json, "{\"type\":\"register\",\"queues\":[\"%01000u\"]}", 0);
    buffer_append(&json, "", 1);
    ck_assert_int_eq(take((char *)json.data), ERR_TOO_LARGE);
    ck_assert_msg(strstr(fault.detail, "queues is above") != NULL, "%s", fault.detail);
    buffer_clear(&json);
    buffer_print(&json, "{\"type\":\"register\",\"queues\":[");
    for (unsigned i = 0; i < 5000; i++)
        buffer_print(&json, "%s\"q\"", i > 0 ? "," : "");
    buffer_print(&json, "]}");
    buffer_append(&json, "", 1);
    ck_assert_int_eq(take((char *)json.data), ERR_TOO_LARGE);
    ck_assert_msg(strstr(fault.detail, "queues is above") != NULL, "%s", fault.detail);
    ck_assert_int_eq(
        take("{\"type\":\"a_type_that_is_much_longer_than_forty_letters\"}"),
        ERR_UNSUPPORTED);
    ck_assert_str_eq(
        fault.detail, "there is no type 'a_type_that_is_much_longer_than_forty_le'");
    buffer_free(&json);
    /* A key that is no text says nothing. */
    buffer_clear(&frame);
    pack_map(&frame, 2);
    pack_u64(&frame, 5);
    pack_u64(&frame, 6);
    pack_string(&frame, "type");
    pack_string(&frame, "drained");
    ck_assert_int_eq(worker_frame_read(buffer_bytes(&frame), &limits, &said, &fault),
        ERR_UNSUPPORTED);
}
END_TEST

START_TEST(every_truncation_is_malformed)
{
    ck_assert_int_eq(take("{\"type\":\"report\",\"outcome\":\"failed\",\"token\":" TOKEN
                          ",\"error_type\":\"T\",\"error_message\":\"why\","
                          "\"output\":{\"a\":[1,2.5,null]}}"),
        ERR_NONE);
    for (size_t size = 0; size < frame.size; size++)
        ck_assert_int_eq(
            worker_frame_read(bytes_of(frame.data, size), &limits, &said, &fault),
            ERR_MALFORMED);
}
END_TEST

START_TEST(what_the_gateway_says_is_well_formed)
{
    struct buffer out = { 0 };
    struct job_granted job = { .token = text("t"), .key = text("k"), .deadline_ms = 5 };
    struct worker_registered registered = { .token = text("t") };
    struct report_settled settled = { .token = text("t"), .verdict = VERDICT_STALE };
    struct job_cancel cancel = { .token = text("t"), .reason = text("r") };
    struct job_granted none = { .token = text("t"),
        .parameters = text("\x81\x01\x02") };
    pack_array(&out, 13);
    worker_write_job(&out, &job);
    worker_write_registered(&out, &registered, 60, 7);
    worker_write_ack(&out, &settled);
    worker_write_cancel(&out, &cancel);
    worker_write_heartbeat(&out, (struct bytes){ 0 }, (struct bytes){ 0 });
    worker_write_word(&out, "drain");
    worker_write_error(&out, ERR_BUSY, text("m"), text("report"), text("t"));
    worker_write_error(
        &out, ERR_BUSY, text("m"), (struct bytes){ 0 }, (struct bytes){ 0 });
    size_t more = out.size;
    worker_write_job(&out, &none);
    settled.verdict = VERDICT_ACCEPTED;
    worker_write_ack(&out, &settled);
    worker_write_heartbeat(&out, text("\x91\x01"), (struct bytes){ 0 });
    worker_write_published(&out, text("e"), 7);
    worker_write_unpublished(&out, ERR_BUSY, text("m"), text("e"));
    ck_assert_int_eq(pack_check(buffer_bytes(&out)), ERR_NONE);
    struct cursor d = cursor_over(bytes_of(out.data + more, out.size - more));
    struct bytes job_said = cursor_skip(&d), ack = cursor_skip(&d);
    ck_assert_uint_eq(pack_find(job_said, "parameters").size, 3);
    ck_assert_uint_eq(pack_find(job_said, "deadline_ms").size, 0);
    ck_assert(bytes_equal(pack_find(ack, "verdict"), text("\xa8"
                                                          "accepted")));
    ck_assert_uint_eq(*pack_find(cursor_skip(&d), "lost").data, 0x91);
    ck_assert_uint_eq(*pack_find(cursor_skip(&d), "number").data, 7);
    ck_assert(bytes_equal(pack_find(cursor_skip(&d), "about"), text("\xa7publish")));
    struct cursor c = cursor_over(buffer_bytes(&out));
    cursor_array(&c);
    struct bytes first = cursor_skip(&c);
    ck_assert_uint_eq(*pack_find(first, "parameters").data, 0x80);
    ck_assert_uint_eq(*pack_find(first, "deadline_ms").data, 5);
    buffer_free(&out);
}
END_TEST

Suite *
worker_frame_suite(void)
{
    Suite *suite = suite_create("worker_frame");
    TCase *tests = tcase_create("worker_frame");
    tcase_add_test(tests, a_whole_registration_is_read);
    tcase_add_test(tests, an_outcome_has_its_number);
    tcase_add_test(tests, a_mistake_is_named);
    tcase_add_test(tests, a_report_that_is_too_large_names_its_token);
    tcase_add_test(tests, a_name_twice_is_malformed);
    tcase_add_test(tests, texts_and_lists_have_their_bounds);
    tcase_add_test(tests, every_truncation_is_malformed);
    tcase_add_test(tests, what_the_gateway_says_is_well_formed);
    suite_add_tcase(suite, tests);
    return suite;
}
