/* Goal: what people do to a run is done once, recorded, or refused with the reason.
 * Method: every word that the scheduler says is compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static void
open_with(struct story *s, const char *plan)
{
    story_make(s);
    story_open(s);
    story_learn(s, 1, plan);
    trace_skip(&s->trace);
}

static void
signal_step(struct story *s, unsigned run, const char *step, const char *result)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_SIGNAL,
            .run_signal = { .request = 10,
                .run = story_run(run),
                .step = text(step),
                .result = text(result),
                .by = text("ann") } });
}

static void
retry(struct story *s, unsigned run, const char *step)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_RETRY,
            .run_retry = { .request = 11,
                .run = story_run(run),
                .step = text(step),
                .by = text("ann"),
                .reason = text("again") } });
}

static void
skip(struct story *s, unsigned run, const char *step)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_SKIP,
            .step_skip = { .request = 12,
                .run = story_run(run),
                .step = text(step),
                .by = text("ann"),
                .reason = text("not today") } });
}

static void
set_output(struct story *s, unsigned run, const char *step, const char *output)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = { .request = 13,
                .run = story_run(run),
                .step = text(step),
                .output = text(output),
                .by = text("ann"),
                .reason = text("by hand") } });
}

START_TEST(a_signal_resumes_a_step_that_waits)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: wait_for_event, event: order.paid }\n"
                  "  - { key: b, kind: set, values: { got: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    signal_step(&s, 1, "nothing", "\x07");
    signal_step(&s, 1, "b", "\x07");
    signal_step(&s, 1, "a", "\x07");
    story_expect(&s, "@@o1");
    story_expect_output(&s, "{\"got\":7}");
    signal_step(&s, 1, "a", "\x07");
    signal_step(&s, 1, "a", "\x08");
    story_expect(&s, "@@o2");
    story_close(&s);
}
END_TEST

START_TEST(a_failed_run_goes_on_from_what_did_not_complete)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: set, values: { n: 1 } }\n"
                  "  - { key: b, kind: action, action: x, retry: { max_attempts: 2 } }\n"
                  "  - { key: c, kind: set, values: { n: '${{ steps.a.output.n }}' } }\n"
                  "cleanup:\n  - { key: d, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 1, 1, 1, 1 });
    retry(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 1, 2, 1, 1 });
    story_expect_only(&s, "run=R1", "@@o3");
    trace_crash(&s.trace);
    retry(&s, 1, "");
    retry(&s, 1, "");
    story_expect_only(&s, "run=R1", "@@o4");
    story_failed(&s, (struct held){ 1, 1, 3, 1, 1 });
    story_completed(&s, (struct held){ 1, 1, 4, 1, 1 });
    story_expect_only(&s, "run=R1", "@@o5");
    retry(&s, 1, "");
    story_expect(&s, "@@o6");
    story_close(&s);
}
END_TEST

START_TEST(a_cancelled_run_goes_on_from_the_step_that_is_named)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: set, values: { n: 1 } }\n"
                  "  - { key: b, kind: set, values: { n: 1 } }\n"
                  "  - { key: c, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "wait");
    trace_skip(&s.trace);
    retry(&s, 1, "x");
    retry(&s, 1, "b");
    story_expect_only(&s, "r", "@@o7");
    story_completed(&s, (struct held){ 1, 2, 2, 1, 1 });
    story_expect_only(&s, " run_", "@@o8");
    story_close(&s);
}
END_TEST

START_TEST(items_that_completed_are_not_done_again)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - key: e\n    kind: each\n    items: [1, 2, 3]\n    concurrency: 2\n"
                  "    steps:\n"
                  "      - { key: x, kind: action, action: x }\n"
                  "      - { key: y, kind: set, values: { n: '${{ item }}' } }\n");
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_failed(&s, (struct held){ 1, 5, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 7, 1, 1, 1 });
    story_expect_only(&s, " run_failed", "@@o9");
    retry(&s, 1, "");
    story_expect_only(&s, "run=R1", "@@o10");
    story_completed(&s, (struct held){ 1, 5, 2, 1, 1 });
    story_expect_only(&s, "run_completed", "@@o11");
    story_expect_output(&s, "[{\"n\":1},{\"n\":2},{\"n\":3}]");
    story_close(&s);
}
END_TEST

START_TEST(a_step_is_skipped_whatever_it_does)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: action, action: x }\n"
                  "  - { key: b, kind: action, action: x }\n"
                  "  - { key: c, kind: set, values: { b: '${{ steps.b.status }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    skip(&s, 1, "b");
    skip(&s, 1, "b");
    skip(&s, 1, "a");
    story_expect(&s, "@@o12");
    story_expect_output(&s, "{\"b\":\"skipped\"}");
    skip(&s, 1, "a");
    skip(&s, 1, "c");
    skip(&s, 9, "c");
    story_expect(&s, "@@o13");
    story_close(&s);
}
END_TEST

START_TEST(an_output_is_set_by_hand)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: action, action: x }\n"
                  "  - { key: b, kind: set, values: { a: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    set_output(&s, 1, "a", "\x05");
    story_expect(&s, "@@o14");
    story_expect_output(&s, "{\"a\":5}");
    set_output(&s, 1, "a", "\x05");
    set_output(&s, 1, "a", "\x06");
    story_expect(&s, "@@o15");
    story_close(&s);
}
END_TEST

START_TEST(the_output_of_a_failed_step_is_set_and_the_run_goes_on)
{
    struct story s;
    open_with(&s, "steps:\n"
                  "  - { key: a, kind: action, action: x }\n"
                  "  - { key: b, kind: set, values: { a: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    set_output(&s, 1, "a", "\x05");
    retry(&s, 1, "");
    story_expect(&s, "@@o16");
    story_expect_output(&s, "{\"a\":5}");
    story_close(&s);
}
END_TEST

START_TEST(a_resumed_run_needs_a_slot)
{
    struct story s;
    open_with(&s, "concurrency: forbid\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    retry(&s, 1, "");
    story_expect(&s, "@@o17");
    trace_wait(&s.trace, 10000);
    retry(&s, 1, "");
    story_start(&s, 3, "");
    story_expect_only(&s, "re", "@@o18");
    story_close(&s);
}
END_TEST

Suite *
scheduler_operate_suite(void)
{
    Suite *suite = suite_create("operate");
    TCase *tcase = tcase_create("operate");
    tcase_add_test(tcase, a_signal_resumes_a_step_that_waits);
    tcase_add_test(tcase, a_failed_run_goes_on_from_what_did_not_complete);
    tcase_add_test(tcase, a_cancelled_run_goes_on_from_the_step_that_is_named);
    tcase_add_test(tcase, items_that_completed_are_not_done_again);
    tcase_add_test(tcase, a_step_is_skipped_whatever_it_does);
    tcase_add_test(tcase, an_output_is_set_by_hand);
    tcase_add_test(tcase, the_output_of_a_failed_step_is_set_and_the_run_goes_on);
    tcase_add_test(tcase, a_resumed_run_needs_a_slot);
    suite_add_tcase(suite, tcase);
    return suite;
}
