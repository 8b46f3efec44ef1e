/* Goal: a template sees what its run, the step's place and the steps before have.
 * Method: a job is offered what the template gave, or its step says what is wrong. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

/* Steps: a is over, b has failed, both is an each, job has the template. */
static const char plan[] =
    "steps:\n"
    "  - { key: a, kind: set, save_as: kept, values: { n: 1 } }\n"
    "  - { key: b, kind: set, needs: [], on_error: continue, values: { n: '${{ 1 / 0 "
    "}}' } }\n"
    "  - { key: both, kind: each, needs: [], items: [5, 6], as: one, steps: [\n"
    "      { key: inner, kind: each, items: [7, 8], steps: [\n"
    "        { key: c, kind: set, values: { v: '${{ one * 10 + item }}', at: '${{ "
    "index }}' } } ] } ] }\n"
    "  - { key: job, kind: action, action: x, needs: [a, both], with: { v: '%s' } }\n";

static void
begin(struct story *s, const char *template)
{
    char about[1200];
    story_make(s);
    story_open(s);
    snprintf(about, sizeof about, plan, template);
    story_learn(s, 1, about);
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7,
                .run = story_run(1),
                .automation = text("flow"),
                .inputs = text("\x81\xa1i\x03"),
                .meta = text("\x82\xa6run_id\xa2no\xa3who\xa3you"),
                .config = text("\x81\xa1k\x09"),
                .source = text("api") } });
}

START_TEST(a_template_gets_what_its_roots_have)
{
    static const struct {
        const char *template, *json;
    } rows[] = {
        { "${{ meta.who }}", "{\"v\":\"you\"}" },
        { "{{ .meta.who }}/{{ .meta.source }}", "{\"v\":\"you/api\"}" },
        { "${{ meta.run_id }}", "{\"v\":\"run_00000000z9e00r000000000000\"}" },
        { "${{ meta }}",
            "{\"v\":{\"run_id\":\"run_00000000z9e00r000000000000\",\"automation\":"
            "\"flow\",\"automation_id\":\"aut_78y07w6cr62562kraqqnjhe9k4\",\"version\":"
            "1,\"source\":\"api\",\"trigger\":\"\",\"started_at\":\"1970-01-01T00:00:"
            "00.000Z\",\"who\":\"you\"}}" },
        { "${{ config.k }}", "{\"v\":9}" },
        { "${{ event.i }}/${{ inputs.i }}", "{\"v\":\"3/3\"}" },
        { "${{ automation }}",
            "{\"v\":{\"id\":\"aut_78y07w6cr62562kraqqnjhe9k4\",\"name\":\"flow\","
            "\"version\":1}}" },
        { "${{ context.kept.n }}", "{\"v\":1}" },
        { "${{ steps.a }}",
            "{\"v\":{\"output\":{\"n\":1},\"status\":\"completed\",\"error\":null}}" },
        { "${{ steps.a.error }}", "{\"v\":null}" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        begin(&s, rows[i].template);
        story_expect_offered(&s, rows[i].json);
        story_close(&s);
    }
}
END_TEST

START_TEST(an_event_is_what_the_trigger_was_told_and_not_what_it_made_of_it)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n"
        "  - { key: job, kind: action, action: x, with: { v: '${{ event.i }}' } }\n");
    trace_give(&s.trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(1),
                .automation = s.automation,
                .trigger = text("paid"),
                .slot_ms = 1,
                .inputs = text("\x81\xa1i\x03"),
                .data = text("\x81\xa1i\x04") } });
    story_expect_offered(&s, "{\"v\":4}");
    story_close(&s);
}
END_TEST

START_TEST(what_no_root_has_fails_the_step)
{
    struct story s;
    begin(&s, "${{ meta.nothing }}");
    story_expect_only(&s, " step_failed run=R1 step=3",
        "0 step_failed run=R1 step=3 key=job error_type=TemplateError "
        "error_message=\"parameters.v: line 1, column 10: there is no "
        "meta.nothing\"\n");
    story_close(&s);
}
END_TEST

START_TEST(the_error_of_a_step_that_failed_can_be_read)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n"
        "  - { key: b, kind: set, values: { n: '${{ 1 / 0 }}' } }\n"
        "cleanup:\n"
        "  - { key: job, kind: action, action: x,\n"
        "      with: { type: '${{ steps.b.error.type }}', all: '${{ steps.b }}' } }\n");
    story_start(&s, 1, "");
    story_expect_offered(&s,
        "{\"type\":\"TemplateError\",\"all\":{\"output\":null,\"status\":\"failed\","
        "\"error\":{\"type\":\"TemplateError\",\"message\":\"set.n: line 1, "
        "column 7: a division by zero\"}}}");
    story_close(&s);
}
END_TEST

/* The record that has its start says before that another run ends. */
START_TEST(a_run_that_replaced_another_or_waited_has_its_inputs)
{
    static const char *const policies[] = { "replace", "queue" };
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct story s;
        char about[300];
        story_make(&s);
        story_open(&s);
        snprintf(about, sizeof about,
            "concurrency: %s\n"
            "steps:\n"
            "  - { key: a, kind: sleep, duration: 5s }\n"
            "  - { key: job, kind: action, action: x, with: { n: '${{ inputs.n }}' } "
            "}\n",
            policies[i]);
        story_learn(&s, 1, about);
        story_start_with(&s, 1, "", text("\x81\xa1n\x01"));
        story_start_with(&s, 2, "", text("\x81\xa1n\x02"));
        trace_wait(&s.trace, 5000);
        if (i == 1)
            story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
        trace_wait(&s.trace, 5000);
        story_expect_offered(&s, "{\"n\":2}");
        story_close(&s);
    }
}
END_TEST

START_TEST(an_output_that_is_too_large_is_not_read)
{
    static const struct {
        const char *template, *said;
    } rows[] = {
        { "${{ steps.e.output }}",
            "0 step_failed run=R1 step=1 key=job error_type=TemplateError "
            "error_message=\"parameters.v: line 1, column 5: steps.e.output is larger "
            "than 1024 bytes\"\n" },
        { "${{ steps.e.output ?? [] }}",
            "0 step_failed run=R1 step=1 key=job error_type=TemplateError "
            "error_message=\"parameters.v: line 1, column 5: steps.e.output is larger "
            "than 1024 bytes\"\n" },
        { "${{ steps.e }}",
            "0 step_failed run=R1 step=1 key=job error_type=TemplateError "
            "error_message=\"parameters.v: line 1, column 5: steps.e is larger than "
            "1024 bytes\"\n" },
        { "${{ context.kept }}",
            "0 step_failed run=R1 step=1 key=job error_type=TemplateError "
            "error_message=\"parameters.v: line 1, column 5: context.kept is larger "
            "than 1024 bytes\"\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[400];
        story_make(&s);
        s.trace.config.payload_max = 1024;
        story_open(&s);
        snprintf(about, sizeof about,
            "steps:\n"
            "  - { key: e, kind: each, items: [1, 2, 3, 4], save_as: kept, steps: [\n"
            "      { key: c, kind: action, action: x } ] }\n"
            "  - { key: job, kind: action, action: x, with: { v: '%s' } }\n",
            rows[i].template);
        story_learn(&s, 1, about);
        story_start(&s, 1, "");
        uint8_t big[403] = { 0xda, 400 >> 8, 400 & 0xff };
        memset(big + 3, 'x', 400);
        for (uint32_t step = 2; step < 6; step++)
            story_reported(
                &s, (struct held){ 1, step, 1, 1, 1 }, bytes_of(big, sizeof big));
        story_expect_only(&s, " step_failed", rows[i].said);
        story_close(&s);
    }
}
END_TEST

/* Steps: a has no body, e is an each with i in it, job asks. */
static const char asks[] =
    "steps:\n"
    "  - { key: aa, kind: set, values: { n: 1 } }\n"
    "  - { key: e, kind: each, items: [5], steps: [\n"
    "      { key: ii, kind: set, values: { v: '${{ item }}' } } ] }\n"
    "  - { key: job, kind: action, action: x, with: { v: '${{ %s }}' } }\n";

/* The compiler refuses such names; a plan may be from another release. */
START_TEST(a_name_that_nothing_has_fails_the_step)
{
    static const struct {
        const char *written, *meant, *why;
    } rows[] = {
        { "steps.aa.output", "steps.zz.output", "column 11: there is no steps.zz" },
        { "steps.aa.output", "steps.ii.output", "column 11: there is no steps.ii" },
        { "steps.aa.output", "steps.aa.outpux",
            "column 14: there is no steps.aa.outpux" },
        { "steps.aa", "steps   ", "column 5: there is no steps" },
        { "context.aa", "context.zz", "column 13: there is no context.zz" },
        { "context.aa", "context.ii", "column 13: there is no context.ii" },
        { "context.aa", "context   ", "column 5: there is no context" },
        { "inputs", "inputz", "column 5: there is no inputz" },
        { "inputs", "index ", "column 5: there is no index" },
        { ".inputs ", ".       ", "column 5: everything at once is no value here" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[600];
        story_make(&s);
        story_open(&s);
        snprintf(about, sizeof about, asks, rows[i].written);
        story_learn_other(&s, about, rows[i].written, rows[i].meant);
        story_start(&s, 1, "");
        snprintf(about, sizeof about,
            "0 step_failed run=R1 step=2 key=job error_type=TemplateError "
            "error_message=\"parameters.v: line 1, %s\"\n",
            rows[i].why);
        story_expect_only(&s, " step_failed", about);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_step_that_never_began_has_no_output)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n"
        "  - { key: a, kind: sleep, duration: 1h }\n"
        "  - { key: b, kind: set, values: {} }\n"
        "cleanup:\n"
        "  - { key: job, kind: action, action: x,\n"
        "      with: { b: '${{ steps.b }}', again: '${{ steps.b.output }}' } }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    story_expect_offered(&s,
        "{\"b\":{\"output\":null,\"status\":\"pending\",\"error\":null},"
        "\"again\":null}");
    story_close(&s);
}
END_TEST

Suite *
scheduler_roots_suite(void)
{
    Suite *suite = suite_create("roots");
    TCase *tcase = tcase_create("roots");
    tcase_add_test(tcase, a_template_gets_what_its_roots_have);
    tcase_add_test(
        tcase, an_event_is_what_the_trigger_was_told_and_not_what_it_made_of_it);
    tcase_add_test(tcase, what_no_root_has_fails_the_step);
    tcase_add_test(tcase, the_error_of_a_step_that_failed_can_be_read);
    tcase_add_test(tcase, a_run_that_replaced_another_or_waited_has_its_inputs);
    tcase_add_test(tcase, an_output_that_is_too_large_is_not_read);
    tcase_add_test(tcase, a_name_that_nothing_has_fails_the_step);
    tcase_add_test(tcase, a_step_that_never_began_has_no_output);
    suite_add_tcase(suite, tcase);
    return suite;
}
