#include "tests/unit/cli/suites.h"
#include "workers/cli/event_line.h"

static struct buffer line;

static void
setup(void)
{
    line = (struct buffer){ 0 };
}

static void
teardown(void)
{
    buffer_free(&line);
}

static const char *
line_of(const char *event, void (*print)(const json_t *event, struct buffer *out))
{
    json_t *parsed = json_loads(event, 0, NULL);
    ck_assert_ptr_nonnull(parsed);
    buffer_clear(&line);
    print(parsed, &line);
    buffer_append(&line, "", 1);
    json_decref(parsed);
    return (const char *)line.data;
}

START_TEST(the_log_of_the_first_run_reads_as_promised)
{
    static const struct {
        const char *event, *line;
    } rows[] = {
        { "{\"event_type\":\"run.started\",\"payload\":{\"source\":\"api\"}}",
            "run.started" },
        { "{\"event_type\":\"step.started\",\"step\":\"print\",\"payload\":{\"step\":"
          "\"print\",\"kind\":\"action\"}}",
            "step.started     step=print kind=action" },
        { "{\"event_type\":\"action.called\",\"step\":\"print\",\"payload\":{\"action_"
          "name\":\"print\",\"action\":\"print\",\"step\":\"print\",\"attempt\":1}}",
            "action.called    action_name=print" },
        { "{\"event_type\":\"action.completed\",\"payload\":{\"action_name\":\"print\","
          "\"result\":{\"a\":1}}}",
            "action.completed action_name=print" },
        { "{\"event_type\":\"step.completed\",\"step\":\"print\",\"payload\":{}}",
            "step.completed   step=print" },
        { "{\"event_type\":\"run.completed\",\"payload\":{\"status\":\"completed\"}}",
            "run.completed" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(line_of(rows[i].event, event_line), rows[i].line);
}
END_TEST

START_TEST(a_failure_says_why_in_quotes)
{
    ck_assert_str_eq(line_of("{\"event_type\":\"step.failed\",\"step\":\"a\","
                             "\"payload\":{\"error_type\":\"Timeout\","
                             "\"error\":\"too \\u001b[1m late\"}}",
                         event_line),
        "step.failed      step=a error_type=Timeout error=\"too \\x1b[1m "
        "late\"");
}
END_TEST

START_TEST(an_event_that_is_not_known_shows_its_step)
{
    ck_assert_str_eq(
        line_of("{\"event_type\":\"wait.opened\",\"step\":\"w\",\"payload\":{}}",
            event_line),
        "wait.opened      step=w");
    ck_assert_str_eq(line_of("{}", event_line), "?");
}
END_TEST

START_TEST(the_full_line_has_number_time_and_every_field)
{
    ck_assert_str_eq(
        line_of("{\"sequence\":12,\"event_type\":\"step.started\",\"step\":\"s\","
                "\"at\":\"2026-05-04T12:00:00.123Z\",\"payload\":{\"kind\":\"action\","
                "\"n\":{\"a\":[1,null]}}}",
            event_line_full),
        "    12  2026-05-04T12:00:00.123Z  step.started     step=s kind=action "
        "n={\"a\":[1,null]}");
}
END_TEST

START_TEST(only_the_last_event_of_a_run_ends_it)
{
    static const struct {
        const char *type, *ending;
    } rows[] = { { "run.completed", "completed" }, { "run.failed", "failed" },
        { "run.cancelled", "cancelled" }, { "run.started", NULL },
        { "step.completed", NULL }, { "run.resumed", NULL } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *event = json_pack("{s:s}", "event_type", rows[i].type);
        const char *ending = event_ending(event);
        json_decref(event);
        if (rows[i].ending == NULL)
            ck_assert_ptr_null(ending);
        else
            ck_assert_str_eq(ending, rows[i].ending);
    }
}
END_TEST

Suite *
suite_event_line(void)
{
    Suite *suite = suite_create("event_line");
    TCase *tests = tcase_create("event_line");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_log_of_the_first_run_reads_as_promised);
    tcase_add_test(tests, a_failure_says_why_in_quotes);
    tcase_add_test(tests, an_event_that_is_not_known_shows_its_step);
    tcase_add_test(tests, the_full_line_has_number_time_and_every_field);
    tcase_add_test(tests, only_the_last_event_of_a_run_ends_it);
    suite_add_tcase(suite, tests);
    return suite;
}
