/* Goal: what iii says of queues and topics becomes a name and a text that mean the
 * same. Method: names there and back; each field of a config right and wrong; the
 * texts. */
#include "base/json_read.h"
#include "gateway/iii/queue_text.h"
#include "tests/unit/gateway_suites.h"

START_TEST(a_name_can_be_taken_apart_again)
{
    static const struct {
        enum iii_source source;
        const char *name, *function, *automation;
    } rows[] = {
        { III_QUEUE, "emails", "mail::send", "iii.queue emails -> mail::send" },
        { III_TOPIC, "a->b", "f->g", "iii.topic a->b -> f->g" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer made = { 0 };
        enum iii_source source;
        struct bytes name, function;
        ck_assert(iii_queue_name(
            rows[i].source, text(rows[i].name), text(rows[i].function), &made));
        ck_assert(bytes_equal(buffer_bytes(&made), text(rows[i].automation)));
        ck_assert(iii_queue_parts(buffer_bytes(&made), &source, &name, &function));
        ck_assert_int_eq(source, rows[i].source);
        ck_assert(bytes_equal(name, text(rows[i].name)));
        ck_assert(bytes_equal(function, text(rows[i].function)));
        buffer_free(&made);
    }
}
END_TEST

START_TEST(what_cannot_be_a_name_is_none)
{
    static const char *const rows[][2] = { { "", "f" }, { "q", "" }, { "a b", "f" },
        { "q", "f\n" }, { "q", "f g" } };
    struct buffer made = { 0 };
    enum iii_source source;
    struct bytes name, function;
    char longest[116];
    for (size_t i = 0; i < COUNT(rows); i++)
        ck_assert(
            !iii_queue_name(III_QUEUE, text(rows[i][0]), text(rows[i][1]), &made));
    memset(longest, 'q', sizeof longest);
    ck_assert(iii_queue_name(III_QUEUE, bytes_of(longest, 113), text("f"), &made));
    ck_assert(!iii_queue_name(III_QUEUE, bytes_of(longest, 114), text("f"), &made));
    ck_assert(!iii_queue_parts(text("nightly"), &source, &name, &function));
    ck_assert(!iii_queue_parts(text("iii.queue q"), &source, &name, &function));
    buffer_free(&made);
}
END_TEST

static struct bytes
from_json(struct buffer *out, const char *json)
{
    struct fault fault;
    buffer_clear(out);
    ck_assert_int_eq(json_to_msgpack(text(json), out, NULL, &fault), ERR_NONE);
    return buffer_bytes(out);
}

START_TEST(a_config_that_cannot_be_names_the_field)
{
    static const struct {
        const char *json, *words;
    } rows[] = {
        { "[]", "the config must be an object" },
        { "{\"max_retries\":0}", "max_retries must be a whole number from 1 to 100" },
        { "{\"concurrency\":1.5}", "concurrency must be a whole number" },
        { "{\"type\":\"lifo\"}", "type must be" },
        { "{\"type\":\"fifo\"}", "needs message_group_field" },
        { "{\"message_group_field\":\"a b\"}", "message_group_field must be a text" },
        { "{\"message_group_field\":\"a\x7f\"}", "message_group_field must be a text" },
        { "{\"message_group_field\":7}", "message_group_field must be a text" },
        { "{\"max_retries\":101}", "max_retries must be a whole number from 1 to 100" },
        { "{\"backoff_ms\":86400001}", "backoff_ms must be a whole number" },
        { "{\"timeout_ms\":0}", "timeout_ms must be a whole number" },
        { "7", "the config must be an object" },
    };
    struct buffer settings = { 0 };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct iii_queue_config config = iii_queue_default;
        struct fault fault = { 0 };
        ck_assert_int_eq(
            iii_queue_config_read(from_json(&settings, rows[i].json), &config, &fault),
            ERR_INVALID);
        ck_assert_msg(strstr(fault.detail, rows[i].words) != NULL, "%s", fault.detail);
    }
    buffer_free(&settings);
}
END_TEST

static void
expect_text(
    const char *automation, const struct iii_queue_config *config, const char *expected)
{
    struct buffer made = { 0 };
    iii_queue_text(&made, text(automation), config);
    buffer_append(&made, "", 1);
    ck_assert_str_eq((const char *)made.data, expected);
    buffer_free(&made);
}

START_TEST(a_fifo_queue_is_an_automation_whose_runs_queue_by_group)
{
    struct buffer settings = { 0 };
    struct iii_queue_config config = iii_queue_default;
    struct fault fault;
    ck_assert_int_eq(
        iii_queue_config_read(
            from_json(&settings, "{\"type\":\"fifo\",\"message_group_field\":\"user\","
                                 "\"max_retries\":2,\"backoff_ms\":5}"),
            &config, &fault),
        ERR_NONE);
    expect_text("iii.queue q -> f", &config,
        "{\"name\":\"iii.queue q -> "
        "f\",\"concurrency\":{\"policy\":\"queue\",\"max\":1,"
        "\"key\":\"${{ inputs.group }}\"},\"steps\":[{\"key\":\"call\",\"kind\":"
        "\"action\",\"action\":\"f\",\"parameters\":{\"$data\":\"${{ inputs.data }}\"},"
        "\"retry\":{\"max_attempts\":2,\"delay\":\"5ms\",\"backoff\":\"exponential\","
        "\"max_delay\":\"24h\"},\"queue\":\"iii.q\"}]}");
    buffer_free(&settings);
}
END_TEST

#define LETTERS                                                                        \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

START_TEST(a_config_of_a_subscriber_that_cannot_be_names_the_field)
{
    static const struct {
        const char *json, *words;
    } rows[] = {
        { "[]", "the config must be an object" },
        { "{\"max_retries\":0}", "max_retries must be" },
        { "{\"backoff_ms\":-1}", "backoff_ms must be" },
        { "{\"condition_function_id\":\"\"}", "condition_function_id must be a text" },
        { "{\"condition_function_id\":\"" LETTERS LETTERS LETTERS "\"}",
            "condition_function_id must be a text" },
        { "{\"queue_config\":{\"maxRetries\":0}}", "maxRetries must be" },
        { "{\"queue_config\":{\"backoffDelayMs\":-1}}", "backoffDelayMs must be" },
        { "{\"queue_config\":{\"concurrency\":0}}", "concurrency must be" },
        { "{\"queue_config\":{\"type\":\"lifo\"}}", "type must be" },
    };
    struct buffer settings = { 0 };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct iii_queue_config config = iii_topic_default;
        struct fault fault = { 0 };
        ck_assert_int_eq(
            iii_topic_config_read(from_json(&settings, rows[i].json), &config, &fault),
            ERR_INVALID);
        ck_assert_msg(strstr(fault.detail, rows[i].words) != NULL, "%s", fault.detail);
    }
    buffer_free(&settings);
}
END_TEST

/* Whatever is nothing leaves what is usual. */
START_TEST(what_is_nothing_in_a_config_is_as_usual)
{
    static const char *const nothing[] = { "null", "{}",
        "{\"max_retries\":null,\"message_group_field\":null,\"type\":null}",
        "{\"type\":\"standard\"}", "{\"type\":\"concurrent\"}" };
    struct buffer settings = { 0 };
    struct fault fault;
    for (size_t i = 0; i <= COUNT(nothing); i++) {
        struct iii_queue_config config = iii_queue_default;
        struct bytes given = { 0 };
        if (i < COUNT(nothing))
            given = from_json(&settings, nothing[i]);
        ck_assert_int_eq(iii_queue_config_read(given, &config, &fault), ERR_NONE);
        ck_assert_mem_eq(&config, &iii_queue_default, sizeof config);
    }
    buffer_free(&settings);
}
END_TEST

/* What is said of a config is read as that config. */
START_TEST(a_config_comes_back)
{
    static const struct iii_queue_config rows[] = {
        { .attempts = 1 },
        { .attempts = 2, .concurrency = 3, .backoff_ms = 4, .timeout_ms = 5 },
        { .attempts = 2, .fifo = true, .group = { (const uint8_t *)"user", 4 } },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = { 0 };
        struct iii_queue_config read = { 0 };
        struct fault fault;
        iii_queue_config_pack(&out, &rows[i]);
        ck_assert_int_eq(
            iii_queue_config_read(buffer_bytes(&out), &read, &fault), ERR_NONE);
        ck_assert_uint_eq(read.attempts, rows[i].attempts);
        ck_assert_uint_eq(read.concurrency, rows[i].concurrency);
        ck_assert_uint_eq(read.backoff_ms, rows[i].backoff_ms);
        ck_assert_uint_eq(read.timeout_ms, rows[i].timeout_ms);
        ck_assert(read.fifo == rows[i].fifo && bytes_equal(read.group, rows[i].group));
        buffer_free(&out);
    }
}
END_TEST

START_TEST(a_queue_and_a_subscriber_have_what_their_config_says)
{
    struct iii_queue_config config = { .attempts = 1, .timeout_ms = 7 };
    expect_text("iii.queue q -> f", &config,
        "{\"name\":\"iii.queue q -> f\",\"steps\":[{\"key\":\"call\",\"kind\":"
        "\"action\",\"action\":\"f\",\"parameters\":{\"$data\":\"${{ inputs.data }}\"},"
        "\"timeout\":\"7ms\",\"queue\":\"iii.q\"}]}");
    config = (struct iii_queue_config){ .attempts = 1, .fifo = true };
    config.condition = text("may");
    expect_text("iii.topic t -> f", &config,
        "{\"name\":\"iii.topic t -> f\",\"triggers\":[{\"key\":\"topic\",\"kind\":"
        "\"event\",\"config\":{\"event_type\":\"iii.topic\",\"match\":{\"topic\":\"t\"}"
        "}}],\"concurrency\":{\"policy\":\"queue\",\"max\":1},\"steps\":[{\"key\":"
        "\"condition\",\"kind\":\"action\",\"action\":\"may\",\"parameters\":{\"$data\""
        ":\"${{ inputs.data }}\"},\"on_error\":\"continue\"},{\"key\":\"call\","
        "\"kind\":\"action\",\"action\":\"f\",\"parameters\":{\"$data\":"
        "\"${{ inputs.data }}\"},\"if\":\"steps.condition.status == 'completed' && "
        "steps.condition.output != false\"}]}");
    config = (struct iii_queue_config){ .attempts = 1 };
    expect_text("iii.topic t -> f", &config,
        "{\"name\":\"iii.topic t -> f\",\"triggers\":[{\"key\":\"topic\",\"kind\":"
        "\"event\",\"config\":{\"event_type\":\"iii.topic\",\"match\":{\"topic\":\"t\"}"
        "}}],\"steps\":[{\"key\":\"call\",\"kind\":\"action\",\"action\":\"f\","
        "\"parameters\":{\"$data\":\"${{ inputs.data }}\"}}]}");
}
END_TEST

START_TEST(a_subscriber_is_an_automation_that_its_topic_starts)
{
    struct buffer settings = { 0 };
    struct iii_queue_config config = iii_topic_default;
    struct fault fault;
    ck_assert_int_eq(
        iii_topic_config_read(
            from_json(
                &settings, "{\"max_retries\":1,\"queue_config\":{\"concurrency\":4}}"),
            &config, &fault),
        ERR_NONE);
    expect_text("iii.topic t\"s -> f", &config,
        "{\"name\":\"iii.topic t\\\"s -> f\",\"triggers\":[{\"key\":\"topic\",\"kind\":"
        "\"event\",\"config\":{\"event_type\":\"iii.topic\",\"match\":{\"topic\":"
        "\"t\\\"s\"}}}],\"concurrency\":{\"policy\":\"queue\",\"max\":4},\"steps\":[{"
        "\"key\":\"call\",\"kind\":\"action\",\"action\":\"f\",\"parameters\":{\"$"
        "data\":"
        "\"${{ inputs.data }}\"}}]}");
    buffer_free(&settings);
}
END_TEST

Suite *
iii_queue_text_suite(void)
{
    Suite *suite = suite_create("iii queue text");
    TCase *tests = tcase_create("iii queue text");
    tcase_add_test(tests, a_name_can_be_taken_apart_again);
    tcase_add_test(tests, what_cannot_be_a_name_is_none);
    tcase_add_test(tests, a_config_that_cannot_be_names_the_field);
    tcase_add_test(tests, a_fifo_queue_is_an_automation_whose_runs_queue_by_group);
    tcase_add_test(tests, a_config_of_a_subscriber_that_cannot_be_names_the_field);
    tcase_add_test(tests, what_is_nothing_in_a_config_is_as_usual);
    tcase_add_test(tests, a_config_comes_back);
    tcase_add_test(tests, a_queue_and_a_subscriber_have_what_their_config_says);
    tcase_add_test(tests, a_subscriber_is_an_automation_that_its_topic_starts);
    suite_add_tcase(suite, tests);
    return suite;
}
