/* Goal: a handler runs in the place of a step that failed, whatever people did before,
 * and no run stands still for one that is over. Method: every word about steps is
 * compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static void
retry(struct story *s)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_RETRY, .run_retry = { .run = story_run(1) } });
}

static void
skip(struct story *s, const char *step)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_SKIP,
            .step_skip = { .run = story_run(1), .step = text(step) } });
}

static void
set_output(struct story *s, const char *step)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = {
                .run = story_run(1), .step = text(step), .output = text("\x07") } });
}

static const char behind[] =
    "inputs: { n: { type: integer, default: 0 } }\n"
    "steps:\n"
    "  - { key: a, kind: action, action: x }\n"
    "  - { key: b, kind: action, action: x, on_error: { step: h } }\n"
    "  - { key: h, kind: set, values: { n: '${{ 1 / inputs.n }}' } }\n"
    "  - { key: c, kind: set, values: {} }\n";

/* b fails, and c is done without the handler. */
static void
expect_no_handler(struct story *s)
{
    trace_skip(&s->trace);
    story_failed(s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(s, " step_",
        "0 step_failed run=R1 step=1 key=b error_type=Oops\n"
        "0 step_started run=R1 step=3 key=c kind=set\n"
        "0 step_completed run=R1 step=3 key=c output=(1 bytes) has_output=1\n");
}

/* It was skipped with its step when that could not begin. */
START_TEST(a_handler_is_there_for_a_step_that_is_done_again)
{
    struct story s;
    story_open_with(&s, behind);
    story_start_with(&s, 1, "", bytes_of((const uint8_t *)"\x81\xa1n\x01", 4));
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    retry(&s);
    story_completed(&s, (struct held){ 1, 0, 2, 1, 1 });
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "run=R1 step=",
        "0 action_failed run=R1 step=1 key=b attempt=1 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "0 step_failed run=R1 step=1 key=b error_type=Oops\n"
        "0 step_started run=R1 step=2 key=h kind=set\n"
        "0 step_completed run=R1 step=2 key=h output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=3 key=c kind=set\n"
        "0 step_completed run=R1 step=3 key=c output=(1 bytes) has_output=1\n"
        "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_handler_that_failed_is_not_waited_for_when_its_step_has_an_output)
{
    struct story s;
    story_open_with(&s, behind);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_failed(&s, (struct held){ 1, 1, 1, 1, 1 });
    set_output(&s, "b");
    trace_skip(&s.trace);
    retry(&s);
    story_expect_only(&s, "run=R1 step=",
        "0 step_skipped run=R1 step=2 key=h reason=\"the step that it handles did "
        "not fail\" passes=1\n"
        "0 step_started run=R1 step=3 key=c kind=set\n"
        "0 step_completed run=R1 step=3 key=c output=(1 bytes) has_output=1\n");
    story_close(&s);
}
END_TEST

/* Whoever skips it, or says what it gives, does so in its place. */
START_TEST(a_handler_that_is_over_before_it_is_called_lets_the_rest_go_on)
{
    for (int given = 0; given < 2; given++) {
        struct story s;
        story_open_with(&s, behind);
        story_start(&s, 1, "");
        story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
        if (given)
            set_output(&s, "h");
        else
            skip(&s, "h");
        expect_no_handler(&s);
        story_close(&s);
    }
}
END_TEST

START_TEST(an_output_given_to_a_handler_is_kept_when_the_run_goes_on)
{
    struct story s;
    story_open_with(&s, behind);
    story_start(&s, 1, "");
    set_output(&s, "h");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    retry(&s);
    story_completed(&s, (struct held){ 1, 0, 2, 1, 1 });
    expect_no_handler(&s);
    story_close(&s);
}
END_TEST

Suite *
scheduler_handlers_suite(void)
{
    Suite *suite = suite_create("handlers");
    TCase *tcase = tcase_create("handlers");
    tcase_add_test(tcase, a_handler_is_there_for_a_step_that_is_done_again);
    tcase_add_test(
        tcase, a_handler_that_failed_is_not_waited_for_when_its_step_has_an_output);
    tcase_add_test(
        tcase, a_handler_that_is_over_before_it_is_called_lets_the_rest_go_on);
    tcase_add_test(tcase, an_output_given_to_a_handler_is_kept_when_the_run_goes_on);
    suite_add_tcase(suite, tcase);
    return suite;
}
