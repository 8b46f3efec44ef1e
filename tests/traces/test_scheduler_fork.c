/* Goal: a run shares the beginning of another and goes on by itself.
 * Method: every word that the scheduler says is compared; values by what leaves. */
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
fork_run(struct story *s, unsigned run, struct run_fork more)
{
    more.request = 14;
    more.run = story_run(run);
    more.origin = story_run(1);
    more.by = text("ann");
    trace_give(
        &s->trace, ACTOR_gateway, 0, (struct message){ .code = RUN_FORK, .run_fork = more });
}

static const char three[] =
    "default_inputs: { n: 1 }\n"
    "steps:\n"
    "  - { key: a, kind: set, values: { n: '${{ inputs.n }}' } }\n"
    "  - { key: b, kind: parallel, steps: [\n"
    "      { key: b1, kind: set, values: { n: '${{ steps.a.output.n + 1 }}' } },\n"
    "      { key: b2, kind: set, values: {} } ] }\n"
    "  - { key: c, kind: set, values: { n: '${{ steps.b.output.b1.n + 1 }}' } }\n";

START_TEST(what_was_over_by_an_event_is_copied)
{
    struct story s;
    open_with(&s, three);
    story_start(&s, 1, "");
    story_expect(&s, "@@f1");
    fork_run(&s, 2, (struct run_fork){ .event = 9 });
    story_expect(&s, "@@f2");
    story_expect_output(&s, "{\"n\":3}");
    fork_run(&s, 2, (struct run_fork){ .event = 9 });
    story_expect(&s, "@@f3");
    trace_crash(&s.trace);
    fork_run(&s, 3, (struct run_fork){ .event = 99 });
    story_expect(&s, "@@f4");
    story_close(&s);
}
END_TEST

START_TEST(outputs_and_inputs_can_be_other_ones)
{
    struct story s;
    open_with(&s, three);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    fork_run(&s, 2,
        (struct run_fork){ .event = 0, .inputs = text("\x81\xa1n\x0a") });
    story_expect_output(&s, "{\"n\":12}");
    fork_run(&s, 3,
        (struct run_fork){
            .event = 4, .outputs = text("\x81\xa1" "a\x81\xa1n\x14") });
    story_expect_output(&s, "{\"n\":22}");
    fork_run(&s, 4,
        (struct run_fork){ .event = 4, .outputs = text("\x81\xa2" "b1\x01") });
    story_expect_only(&s, "refused", "@@f5");
    story_close(&s);
}
END_TEST

START_TEST(another_version_must_have_every_step_that_is_copied)
{
    struct story s;
    open_with(&s, three);
    story_start(&s, 1, "");
    story_learn(&s, 2, "default_inputs: { n: 1 }\n"
                       "steps:\n"
                       "  - { key: z, kind: set, needs: [], values: {} }\n"
                       "  - { key: a, kind: set, needs: [], values: { n: 50 } }\n"
                       "  - { key: c, kind: set, needs: [a, z],\n"
                       "      values: { n: '${{ steps.a.output.n }}' } }\n");
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 4, .version = 2 });
    story_expect_output(&s, "{\"n\":1}");
    trace_skip(&s.trace);
    fork_run(&s, 3, (struct run_fork){ .event = 9, .version = 2 });
    story_expect(&s, "@@f6");
    story_close(&s);
}
END_TEST

Suite *
scheduler_fork_suite(void)
{
    Suite *suite = suite_create("fork");
    TCase *tcase = tcase_create("fork");
    tcase_add_test(tcase, what_was_over_by_an_event_is_copied);
    tcase_add_test(tcase, outputs_and_inputs_can_be_other_ones);
    tcase_add_test(tcase, another_version_must_have_every_step_that_is_copied);
    suite_add_tcase(suite, tcase);
    return suite;
}
