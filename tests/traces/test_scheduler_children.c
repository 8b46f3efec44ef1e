/* Goal: a step starts a run of another automation, waits for it or not, and ends with it.
 * Method: every word that the scheduler says is compared, also over crashes. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static struct id
child_of(struct story *s, unsigned run, uint32_t step, uint32_t attempt, const char *name)
{
    struct id id = story_run(run), of_step = id_derive(&id, step);
    id = id_derive(&of_step, (uint64_t)'c' << 56 | attempt);
    trace_name(&s->trace, &id, name);
    return id;
}

static void
open_with(struct story *s, const char *parent, const char *child)
{
    struct id id = story_automation("child");
    story_make(s);
    story_open(s);
    trace_name(&s->trace, &id, "B");
    story_learn(s, 1, parent);
    story_learn_as(s, "child", 1, child);
    (void)child_of(s, 1, 0, 1, "C1");
    (void)child_of(s, 1, 0, 2, "C2");
    trace_skip(&s->trace);
}

START_TEST(a_child_that_is_waited_for_gives_its_output)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true,\n"
        "      inputs: { n: 2 } }\n"
        "  - { key: b, kind: set, values: { got: '${{ steps.a.output.twice }}' } }\n",
        "steps:\n"
        "  - { key: s, kind: sleep, duration: 5s }\n"
        "  - { key: t, kind: set, values: { twice: '${{ inputs.n * 2 }}' } }\n");
    story_start(&s, 1, "");
    story_expect(&s, "@@c1");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect(&s, "@@c2");
    story_expect_output(&s, "{\"got\":4}");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_is_not_waited_for_goes_on_alone)
{
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: automation, automation: child, wait: false }\n",
        "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_expect(&s, "@@c3");
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "C1", "@@c4");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_fails_fails_its_step_and_a_retry_makes_another)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true,\n"
        "      retry: { max_attempts: 2, delay: 3s } }\n",
        "steps:\n  - { key: s, kind: agent, config: { instructions: i } }\n");
    story_start(&s, 1, "");
    trace_wait(&s.trace, 3000);
    story_expect_only(&s, "run=R1", "@@c5");
    story_close(&s);
}
END_TEST

START_TEST(who_cancels_the_parent_ends_the_child)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n",
        "steps:\n  - { key: s, kind: sleep, duration: 5s }\n"
        "cleanup:\n  - { key: c, kind: sleep, duration: 2s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    trace_crash(&s.trace);
    story_expect(&s, "@@c6");
    trace_wait(&s.trace, 9000);
    story_expect(&s, "@@c7");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_is_refused_fails_its_step)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n",
        "inputs: { n: { type: integer, required: true } }\n"
        "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "R1", "@@c8");
    story_close(&s);
}
END_TEST

START_TEST(generations_are_limited)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n",
        "steps:\n  - { key: s, kind: automation, automation: child, wait: true }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "TooDeep", "@@c9");
    story_close(&s);
}
END_TEST

Suite *
scheduler_children_suite(void)
{
    Suite *suite = suite_create("children");
    TCase *tcase = tcase_create("children");
    tcase_add_test(tcase, a_child_that_is_waited_for_gives_its_output);
    tcase_add_test(tcase, a_child_that_is_not_waited_for_goes_on_alone);
    tcase_add_test(tcase, a_child_that_fails_fails_its_step_and_a_retry_makes_another);
    tcase_add_test(tcase, who_cancels_the_parent_ends_the_child);
    tcase_add_test(tcase, a_child_that_is_refused_fails_its_step);
    tcase_add_test(tcase, generations_are_limited);
    suite_add_tcase(suite, tcase);
    return suite;
}
