/* Goal: words of Mobius' workers are read leniently and written strictly.
 * Method: frames of its own contract fixtures, and those of its SDKs' habits. */
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
    tcase_add_test(tests, what_we_do_not_know_is_passed_over);
    tcase_add_test(tests, answers_have_the_fields_of_their_schema_and_no_others);
    suite_add_tcase(suite, tests);
    return suite;
}
