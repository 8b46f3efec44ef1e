/* Goal: words of Mobius' workers are read leniently and written strictly.
 * Method: frames of its own contract fixtures, and those of its SDKs' habits. */
#include "base/base64.h"
#include "base/json_read.h"
#include "base/pack.h"
#include "gateway/mobius/frame.h"
#include "tests/unit/gateway_suites.h"

#include <stdio.h>

static struct buffer scratch;
static struct mobius_frame said;
static struct fault fault;

static enum err
take(const char *json)
{
    return mobius_frame_read(text(json), 1024, &scratch, &said, &fault);
}

START_TEST(a_registration_is_read_whole_and_its_smallest_form_too)
{
    ck_assert_int_eq(take("{\"type\":\"worker.register\",\"message_id\":\"m\","
                          "\"worker_instance_id\":\"w\",\"concurrency_limit\":8,"
                          "\"available_slots\":0,\"queues\":[\"a\",\"b\"],"
                          "\"models\":[{\"provider\":\"p\"}],\"new\":1}"),
        ERR_NONE);
    ck_assert_int_eq(said.verb, MOBIUS_SAYS_REGISTER);
    ck_assert_uint_eq(said.concurrency, 8);
    ck_assert(said.slots_said && said.slots == 0);
    struct cursor queues = cursor_over(said.queues);
    ck_assert_uint_eq(cursor_array(&queues), 2);
    ck_assert_int_eq(
        take("{\"type\":\"worker.register\",\"worker_instance_id\":\"w\"}"), ERR_NONE);
    ck_assert(!said.slots_said && said.queues.size == 0);
}
END_TEST

START_TEST(a_report_has_the_outcome_that_its_words_mean)
{
    static const struct {
        const char *words;
        enum outcome outcome;
    } rows[] = {
        { "", OUTCOME_COMPLETED },
        { ",\"status\":\"completed\"", OUTCOME_COMPLETED },
        { ",\"status\":\"failed\"", OUTCOME_FAILED },
        { ",\"status\":\"failed\",\"error_type\":\"Cancelled\"", OUTCOME_FAILED },
        { ",\"status\":\"cancelled\"", OUTCOME_CANCELLED },
        { ",\"status\":\"failed\",\"error_type\":\"WorkerOverCapacity\"",
            OUTCOME_RETURNED },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[300];
        snprintf(json, sizeof json,
            "{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\"%s}",
            rows[i].words);
        ck_assert_int_eq(take(json), ERR_NONE);
        ck_assert_msg(said.outcome == rows[i].outcome, "%s", rows[i].words);
    }
}
END_TEST

START_TEST(what_is_wrong_is_named_and_the_message_can_be_answered)
{
    static const char *const wrong[] = { "", "{", "[]", "{}", "{\"type\":1}",
        "{\"type\":\"job.heartbeat\",\"job_id\":\"j\"}",
        "{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\","
        "\"status\":\"gone\"}",
        "{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\","
        "\"result\":[]}",
        "{\"type\":\"worker.register\"}", "{\"type\":\"jobs.claim\",\"queues\":[1]}",
        "{\"type\":\"jobs.claim\",\"queues\":[1,\"a\"]}",
        "{\"type\":\"jobs.claim\",\"available_slots\":-1}" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_msg(take(wrong[i]) == ERR_MALFORMED, "%s", wrong[i]);
        ck_assert_uint_gt(strlen(fault.detail), 0);
    }
    ck_assert_int_eq(
        take("{\"type\":\"jobs.claim\",\"message_id\":\"m\",\"queues\":1}"),
        ERR_MALFORMED);
    ck_assert(bytes_equal(said.message_id, text("m")));
}
END_TEST

/* `more` with a text of that many letters in it, within a frame. */
static enum err
take_long(const char *before, unsigned letters, const char *behind)
{
    struct buffer json = { 0 };
    buffer_print(&json, "%s%0*d%s", before, (int)letters, 0, behind);
    buffer_append(&json, "", 1);
    enum err err = take((char *)json.data);
    buffer_free(&json);
    return err;
}

/* Of what is said in vain nothing would be known but that the worker fell silent. */
START_TEST(a_result_that_is_too_large_fails_its_job_and_no_other_outcome_has_one)
{
    static const struct {
        const char *status;
        unsigned letters;
        enum outcome outcome;
        const char *error;
    } rows[] = {
        { "completed", 1024 - 6, OUTCOME_COMPLETED, "" }, /* 1024 bytes of msgpack */
        { "completed", 1025 - 6, OUTCOME_FAILED, "OutputTooLarge" },
        { "failed", 1025 - 6, OUTCOME_FAILED, "" },
        { "cancelled", 1025 - 6, OUTCOME_CANCELLED, "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char head[200];
        snprintf(head, sizeof head,
            "{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\","
            "\"status\":\"%s\",\"result\":{\"a\":\"",
            rows[i].status);
        ck_assert_int_eq(take_long(head, rows[i].letters, "\"}}"), ERR_NONE);
        ck_assert_msg(said.outcome == rows[i].outcome, "%zu", i);
        ck_assert(bytes_equal(said.error_type, text(rows[i].error)));
        ck_assert_uint_eq(said.result.size, i == 0 ? 1024 : 0);
    }
}
END_TEST

/* Clients let through what is no JSON; their jobs are over all the same. */
START_TEST(a_report_that_cannot_be_read_fails_its_job)
{
    static const char *const wrong[] = { "NaN", "\"\\ud83d\"", "18446744073709551616",
        "{\"a\":1,\"a\":2}", "[},{]" };
    static const struct {
        const char *words, *error;
        enum outcome outcome;
    } rows[] = {
        { "", "OutputUnreadable", OUTCOME_FAILED },
        { ", \"error_type\":\"WorkerOverCapacity\",\"status\":\"failed\"",
            "WorkerOverCapacity", OUTCOME_RETURNED },
        { ",\"status\":\"failed\",\"error_type\":\"\\ud83d\"", "", OUTCOME_FAILED },
        { ",\"status\":\"cancelled\"", "", OUTCOME_CANCELLED },
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        for (size_t j = 0; j < COUNT(rows); j++) {
            char json[400];
            snprintf(json, sizeof json,
                " {\"result\": {\"a\":[\",}\\\"\",%s]},\"message_id\":\"m\" , "
                "\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\"%s}",
                wrong[i], rows[j].words);
            ck_assert_msg(take(json) == ERR_NONE, "%s: %s", json, fault.detail);
            ck_assert_msg(said.outcome == rows[j].outcome, "%s", json);
            ck_assert(bytes_equal(said.error_type, text(rows[j].error)));
            ck_assert(bytes_equal(said.message_id, text("m")));
            ck_assert(bytes_equal(said.job, text("j")));
            ck_assert_uint_eq(said.result.size, 0);
            if (j == 0)
                ck_assert(bytes_begin(said.error_message, text("not JSON: ")));
        }
}
END_TEST

START_TEST(what_else_cannot_be_read_can_be_answered)
{
    static const struct {
        const char *json, *message_id;
    } rows[] = {
        { "{\"type\":\"jobs.claim\",\"queues\":NaN,\"message_id\":\"m\"}", "m" },
        { "{\"type\":\"job.report\",\"result\":NaN,\"message_id\":\"m\"}", "m" },
        { "{\"message_id\":\"m\",\"type\":NaN}", "" },
        { "{\"type\":\"a\",\"message_id\":\"\\ud83d\"}", "" },
        { "{\"type\":\"a\",\"type\":\"a\",\"message_id\":\"m\"}", "m" },
        { "[\"message_id\":\"m\"]", "" },
        { "{\"message_id\":\"m", "" },
        { "{\"message_id\":\"\\", "" },
        { "{\"message_id\":[", "" },
        { "{", "" },
        { " ", "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ck_assert_msg(take(rows[i].json) == ERR_MALFORMED, "%s", rows[i].json);
        ck_assert_msg(
            bytes_equal(said.message_id, text(rows[i].message_id)), "%s", rows[i].json);
        ck_assert(bytes_begin(text(fault.detail), text("not JSON: ")));
    }
}
END_TEST

START_TEST(words_have_their_bounds)
{
    struct buffer queues = { 0 };
    ck_assert_int_eq(take_long("{\"type\":\"jobs.claim\",\"queues\":[\"", 1000, "\"]}"),
        ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "a text of queues is too long");
    for (unsigned i = 0; i < 5000; i++)
        buffer_print(&queues, "%s\"q\"", i > 0 ? "," : "{\"type\":\"x\",\"queues\":[");
    buffer_append(&queues, "]}", 3);
    ck_assert_int_eq(take((char *)queues.data), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "queues has too many items");
    buffer_free(&queues);
    ck_assert_int_eq(
        take_long("{\"type\":\"x\",\"job_id\":\"", 1000, "\"}"), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "job_id is too long");
    ck_assert_int_eq(
        take("{\"type\":\"x\",\"job_id\":1,\"lease_token\":2}"), ERR_MALFORMED);
    ck_assert_str_eq(fault.detail, "job_id must be a text");
    ck_assert_int_eq(
        take("{\"type\":\"x\",\"available_slots\":99999999999}"), ERR_MALFORMED);
    ck_assert_int_eq(take("{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":"
                          "\"t\",\"result\":{\"a\":1}}"),
        ERR_NONE);
    ck_assert_int_eq(
        take("{\"type\":\"job.heartbeat\",\"lease_token\":\"t\"}"), ERR_MALFORMED);
    ck_assert_str_eq(fault.detail, "job_id must be there");
    ck_assert_int_eq(take("{\"type\":\"\"}"), ERR_MALFORMED);
    ck_assert_int_eq(
        take("{\"type\":\"keepalive\",\"available_slots\":null}"), ERR_NONE);
    ck_assert(!said.slots_said);
}
END_TEST

/* What is only shown is cut between letters. */
START_TEST(an_error_is_cut_and_not_refused)
{
    struct buffer json = { 0 };
    buffer_print(&json,
        "{\"type\":\"job.report\",\"job_id\":\"j\",\"lease_token\":\"t\","
        "\"status\":\"failed\",\"error_message\":\"a");
    for (unsigned i = 0; i < 5000; i++)
        buffer_print(&json, "\xc3\xa9");
    buffer_append(&json, "\"}", 3);
    ck_assert_int_eq(take((char *)json.data), ERR_NONE);
    ck_assert_uint_gt(said.error_message.size, 1000);
    ck_assert_uint_lt(said.error_message.size, 10000);
    ck_assert(utf8_valid(said.error_message));
    buffer_free(&json);
}
END_TEST

START_TEST(a_token_is_its_bytes_in_base64)
{
    uint8_t token[TOKEN_SIZE], read[TOKEN_SIZE];
    struct buffer out = { 0 };
    for (size_t i = 0; i < TOKEN_SIZE; i++)
        token[i] = (uint8_t)(7 * i);
    base64_write(&out, bytes_of(token, TOKEN_SIZE));
    ck_assert(mobius_token_read(buffer_bytes(&out), read));
    ck_assert_mem_eq(token, read, TOKEN_SIZE);
    ck_assert(!mobius_token_read(bytes_of(out.data, out.size - 1), read));
    uint8_t kept = out.data[3];
    out.data[3] = '*';
    ck_assert(!mobius_token_read(buffer_bytes(&out), read));
    out.data[3] = kept;
    out.data[out.size - 1] = '=';
    ck_assert(!mobius_token_read(buffer_bytes(&out), read));
    /* A byte less, in as many letters. */
    buffer_clear(&out);
    base64_write(&out, bytes_of(token, TOKEN_SIZE - 1));
    ck_assert_uint_eq(out.size % 4, 0);
    ck_assert(!mobius_token_read(buffer_bytes(&out), read));
    buffer_free(&out);
}
END_TEST

START_TEST(jobs_are_written_as_objects)
{
    static const char *const parameters[] = { "", "\xc0", "\x81\x01", "\x81\xa1x\x01" };
    struct job_granted job = { .token = text("t"),
        .queue = text("q"),
        .action = text("a"),
        .run = { { 1 } },
        .step = 2,
        .attempt = 3 };
    struct buffer out = { 0 }, packed = { 0 };
    char name[ID_TEXT_MAX];
    mobius_job_name(&job.run, job.step, name);
    for (size_t i = 0; i < COUNT(parameters); i++) {
        buffer_clear(&out);
        buffer_clear(&packed);
        job.parameters = text(parameters[i]);
        mobius_write_job(&out, &job, 30000, 10000);
        struct bytes jobs[2] = { buffer_bytes(&out), buffer_bytes(&out) };
        struct buffer claimed = { 0 };
        mobius_write_claimed(&claimed, text("m"), jobs, 2);
        ck_assert_int_eq(
            json_to_msgpack(buffer_bytes(&claimed), &packed, NULL, &fault), ERR_NONE);
        struct cursor c = cursor_over(pack_find(buffer_bytes(&packed), "jobs"));
        ck_assert_uint_eq(cursor_array(&c), 2);
        struct bytes first = cursor_skip(&c);
        struct cursor id = cursor_over(pack_find(first, "id"));
        ck_assert(bytes_equal(cursor_text(&id), text(name)));
        struct bytes spec = pack_find(pack_find(first, "spec"), "parameters");
        ck_assert_uint_eq(spec.data[0], i == 3 ? 0x81 : 0x80);
        buffer_free(&claimed);
    }
    buffer_free(&out);
    buffer_free(&packed);
}
END_TEST

START_TEST(a_cancel_says_why_if_there_is_a_reason)
{
    struct buffer out = { 0 };
    mobius_write_cancel(&out, text("j"), text("late"), 0);
    ck_assert(bytes_equal(buffer_bytes(&out),
        text("{\"type\":\"job.cancel\",\"job_id\":\"j\",\"reason\":\"late\","
             "\"requested_at\":\"1970-01-01T00:00:00.000Z\"}")));
    buffer_clear(&out);
    mobius_write_cancel(&out, text("j"), (struct bytes){ 0 }, 0);
    ck_assert(bytes_equal(
        buffer_bytes(&out), text("{\"type\":\"job.cancel\",\"job_id\":\"j\","
                                 "\"requested_at\":\"1970-01-01T00:00:00.000Z\"}")));
    buffer_clear(&out);
    mobius_write_report_ack(&out, text("m"), text("j"), true);
    mobius_write_delta_ack(&out, text("m"), text("j"), 7);
    ck_assert(bytes_equal(buffer_bytes(&out),
        text("{\"type\":\"job.report.ack\",\"message_id\":\"m\",\"job_id\":\"j\","
             "\"duplicate\":true}{\"type\":\"generation.delta.ack\",\"message_id\":"
             "\"m\",\"job_id\":\"j\",\"received_sequence\":7}")));
    buffer_free(&out);
}
END_TEST

START_TEST(what_we_do_not_know_is_passed_over)
{
    ck_assert_int_eq(take("{\"type\":\"worker.ready\",\"available_slots\":2}"), 0);
    ck_assert_int_eq(said.verb, MOBIUS_SAYS_NOTHING);
    ck_assert_int_eq(take("{\"type\":\"from.tomorrow\"}"), ERR_NONE);
    ck_assert_int_eq(said.verb, MOBIUS_SAYS_NOTHING);
}
END_TEST

static void
expect(struct buffer *out, const char *json)
{
    buffer_append(out, "", 1);
    ck_assert_str_eq((const char *)out->data, json);
    buffer_clear(out);
}

START_TEST(answers_have_the_fields_of_their_schema_and_no_others)
{
    struct buffer out = { 0 };
    uint8_t token[32] = { 0 };
    struct worker_registered registered = {
        .token = bytes_of(token, 3), .lease_ms = 60000, .heartbeat_ms = 500
    };
    mobius_write_registered(&out, text("m"), &registered);
    expect(&out, "{\"type\":\"worker.registered\",\"message_id\":\"m\","
                 "\"worker_session_token\":\"AAAA\",\"lease\":{ "
                 "\"lease_duration_seconds\":60,\"heartbeat_cadence_seconds\":1}}");
    mobius_write_word(&out, "work.available", (struct bytes){ 0 });
    expect(&out, "{\"type\":\"work.available\"}");
    mobius_write_report_ack(&out, text("m"), text("j"), false);
    expect(&out, "{\"type\":\"job.report.ack\",\"message_id\":\"m\",\"job_id\":\"j\","
                 "\"duplicate\":false}");
    mobius_write_report_ack(&out, text("m"), text("j"), true);
    expect(&out, "{\"type\":\"job.report.ack\",\"message_id\":\"m\",\"job_id\":\"j\","
                 "\"duplicate\":true}");
    mobius_write_heartbeat_ack(&out, text("m"), text("j"), text("why"), 0);
    expect(&out,
        "{\"type\":\"job.heartbeat.ack\",\"message_id\":\"m\",\"job_id\":\"j\","
        "\"cancel\":{ \"job_id\":\"j\",\"reason\":\"why\","
        "\"requested_at\":\"1970-01-01T00:00:00.000Z\"}}");
    mobius_write_heartbeat_ack(&out, text("m"), text("j"), (struct bytes){ 0 }, 0);
    expect(
        &out, "{\"type\":\"job.heartbeat.ack\",\"message_id\":\"m\",\"job_id\":\"j\"}");
    mobius_write_claimed(&out, text("m"), NULL, 0);
    expect(&out, "{\"type\":\"jobs.claimed\",\"message_id\":\"m\",\"jobs\":[]}");
    mobius_write_error(&out, text("m"), "bad_request", text("\"no\""));
    expect(&out, "{\"type\":\"error\",\"message_id\":\"m\",\"error\":"
                 "{\"code\":\"bad_request\",\"message\":\"\\\"no\\\"\"}}");
    buffer_free(&out);
}
END_TEST

Suite *
mobius_frame_suite(void)
{
    Suite *suite = suite_create("mobius_frame");
    TCase *tests = tcase_create("frame");
    tcase_add_test(tests, a_registration_is_read_whole_and_its_smallest_form_too);
    tcase_add_test(tests, a_report_has_the_outcome_that_its_words_mean);
    tcase_add_test(tests, what_is_wrong_is_named_and_the_message_can_be_answered);
    tcase_add_test(
        tests, a_result_that_is_too_large_fails_its_job_and_no_other_outcome_has_one);
    tcase_add_test(tests, a_report_that_cannot_be_read_fails_its_job);
    tcase_add_test(tests, what_else_cannot_be_read_can_be_answered);
    tcase_add_test(tests, words_have_their_bounds);
    tcase_add_test(tests, an_error_is_cut_and_not_refused);
    tcase_add_test(tests, a_token_is_its_bytes_in_base64);
    tcase_add_test(tests, jobs_are_written_as_objects);
    tcase_add_test(tests, a_cancel_says_why_if_there_is_a_reason);
    tcase_add_test(tests, what_we_do_not_know_is_passed_over);
    tcase_add_test(tests, answers_have_the_fields_of_their_schema_and_no_others);
    suite_add_tcase(suite, tests);
    return suite;
}
