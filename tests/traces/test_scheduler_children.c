/* Goal: a step starts a run of another automation, waits for it or not, and ends with
 * it. Method: every word that the scheduler says is compared, also over crashes. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static struct id
child_of(
    struct story *s, unsigned run, uint32_t step, uint32_t attempt, const char *name)
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
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=2\n"
        "0 step_started run=R1 key=a kind=automation\n"
        "0 child_called run=R1 key=a attempt=1 child=C1 automation=child inputs=(4 "
        "bytes) wait=1 depth=1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_started run=C1 automation=B name=child version=1 inputs=(4 bytes) "
        "source=automation steps=2 parent=R1 awaited=1 parent_attempt=1 depth=1\n"
        "0 step_started run=C1 key=s kind=sleep\n"
        "0 wait_opened run=C1 key=s attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=C1 sequence=3 status=3\n"
        "0 telling_settled subject=C1 kind=2\n");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect(&s,
        "5000 wait_resumed run=C1 key=s attempt=1 by=timer\n"
        "5000 step_completed run=C1 key=s\n"
        "5000 step_started run=C1 step=1 key=t kind=set\n"
        "5000 step_completed run=C1 step=1 key=t output=(8 bytes) has_output=1\n"
        "5000 run_completed run=C1\n"
        "5000 child_ended run=R1 attempt=1 child=C1 status=4 output=(8 bytes)\n"
        "5000 -> gateway run_changed run=C1 sequence=8 status=4 whole=1 "
        "finished_ms=5000 output=(8 bytes) stop_reason=completed\n"
        "5000 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "5000 step_completed run=R1 key=a output=(8 bytes) has_output=1\n"
        "5000 step_started run=R1 step=1 key=b kind=set\n"
        "5000 step_completed run=R1 step=1 key=b output=(6 bytes) has_output=1\n"
        "5000 run_completed run=R1\n"
        "5000 -> gateway run_changed run=R1 sequence=8 status=4 whole=1 "
        "finished_ms=5000 output=(6 bytes) stop_reason=completed\n"
        "5000 telling_settled subject=C1 kind=4\n");
    story_expect_output(&s, "{\"got\":4}");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_is_not_waited_for_goes_on_alone)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: false,\n"
        "      on_cancel: abandon }\n",
        "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=automation\n"
        "0 child_called run=R1 key=a attempt=1 child=C1 automation=child depth=1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_started run=C1 automation=B name=child version=1 source=automation "
        "steps=1 parent=R1 parent_attempt=1 depth=1\n"
        "0 step_started run=C1 key=s kind=sleep\n"
        "0 wait_opened run=C1 key=s attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=C1 sequence=3 status=3\n"
        "0 telling_settled subject=C1 kind=2\n"
        "0 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "0 step_completed run=R1 key=a output=(39 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4 whole=1 output=(39 "
        "bytes) stop_reason=completed\n");
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "C1",
        "5000 wait_resumed run=C1 key=s attempt=1 by=timer\n"
        "5000 step_completed run=C1 key=s\n"
        "5000 run_completed run=C1\n"
        "5000 -> gateway run_changed run=C1 sequence=6 status=4 finished_ms=5000 "
        "stop_reason=completed\n");
    story_close(&s);
}
END_TEST

START_TEST(who_cancels_the_parent_ends_children_that_it_does_not_wait_for)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child }\n"
        "  - { key: b, kind: sleep, duration: 1h }\n",
        "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect(&s,
        "0 step_cancelled run=R1 step=1 key=b\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n"
        "0 step_cancelled run=C1 key=s\n"
        "0 run_cancelled run=C1 reason=\"nobody waits for it any more\"\n"
        "0 child_ended run=R1 attempt=1 child=C1 status=6\n"
        "0 -> gateway run_changed run=C1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 telling_settled subject=C1 kind=3\n"
        "0 telling_settled subject=C1 kind=4\n");
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
    story_expect_only(&s, "run=R1",
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=automation\n"
        "0 child_called run=R1 key=a attempt=1 child=C1 automation=child wait=1 "
        "depth=1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 child_ended run=R1 attempt=1 child=C1 status=5 "
        "error_type=NoAgentRuntime error_message=\"there is no agent runtime\"\n"
        "0 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "0 step_retried run=R1 key=a attempt=2 max_attempts=2 due_ms=3000\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=3\n"
        "3000 child_called run=R1 key=a attempt=2 child=C2 automation=child wait=1 "
        "depth=1\n"
        "3000 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "3000 child_ended run=R1 attempt=2 child=C2 status=5 "
        "error_type=NoAgentRuntime error_message=\"there is no agent runtime\"\n"
        "3000 wait_resumed run=R1 key=a attempt=2 by=automation\n"
        "3000 step_failed run=R1 key=a error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\"\n"
        "3000 run_failed run=R1 step=a error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\" stop_reason=step_failed\n"
        "3000 -> gateway run_changed run=R1 sequence=9 status=5 whole=1 "
        "finished_ms=3000 stop_reason=step_failed error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\" failed_step=a\n");
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
    story_expect(&s,
        "0 step_cancelled run=R1 key=a\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n"
        "0 step_cancelled run=C1 key=s\n"
        "0 run_deferred run=C1 ending=6 reason=\"nobody waits for it any more\"\n"
        "0 step_started run=C1 step=1 key=c kind=sleep\n"
        "0 wait_opened run=C1 step=1 key=c attempt=1 wait_kind=sleep due_ms=2000\n"
        "0 -> gateway run_changed run=C1 sequence=6 status=3\n"
        "0 telling_settled subject=C1 kind=3\n");
    trace_wait(&s.trace, 9000);
    story_expect(&s,
        "2000 wait_resumed run=C1 step=1 key=c attempt=1 by=timer\n"
        "2000 step_completed run=C1 step=1 key=c\n"
        "2000 run_cancelled run=C1 reason=\"nobody waits for it any more\"\n"
        "2000 child_ended run=R1 attempt=1 child=C1 status=6\n"
        "2000 -> gateway run_changed run=C1 sequence=9 status=6 whole=1 "
        "finished_ms=2000 stop_reason=cancelled\n"
        "2000 telling_settled subject=C1 kind=4\n");
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
    story_expect_only(&s, "R1",
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=automation\n"
        "0 child_called run=R1 key=a attempt=1 child=C1 automation=child wait=1 "
        "depth=1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "0 step_failed run=R1 key=a error_type=ChildRefused error_message=\"the "
        "inputs are not as the automation declares them: /n: it is missing: it is "
        "required\"\n"
        "0 run_failed run=R1 step=a error_type=ChildRefused error_message=\"the "
        "inputs are not as the automation declares them: /n: it is missing: it is "
        "required\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=5 whole=1 "
        "stop_reason=step_failed error_type=ChildRefused error_message=\"the "
        "inputs are not as the automation declares them: /n: it is missing: it is "
        "required\" failed_step=a\n");
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
    story_expect_only(&s, " run_failed run=R1",
        "0 run_failed run=R1 step=a error_type=TooDeep error_message=\"more than "
        "16 generations of runs: does it start itself?\" stop_reason=step_failed\n");
    story_close(&s);
}
END_TEST

static const char waiting[] =
    "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n";

START_TEST(who_signals_a_step_that_waits_for_a_child_ends_the_child)
{
    struct story s;
    open_with(&s, waiting, "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_SIGNAL,
            .run_signal = { .request = 10,
                .run = story_run(1),
                .step = text("a"),
                .result = text("\x07") } });
    story_expect_only(&s, " run_c",
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4 whole=1 output=(1 "
        "bytes) stop_reason=completed\n"
        "0 run_cancelled run=C1 reason=\"nobody waits for it any more\"\n"
        "0 -> gateway run_changed run=C1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_whose_output_is_too_large_gives_none)
{
    struct story s;
    open_with(&s,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n"
        "  - { key: b, kind: set, values: { got: '${{ steps.a.output }}' } }\n",
        "steps:\n  - { key: p, kind: parallel, steps: [\n"
        "      { key: c, kind: set, values: { n: 12345678901 } },\n"
        "      { key: d, kind: set, values: { n: 12345678901 } } ] }\n");
    s.trace.config.payload_max = 20;
    story_start(&s, 1, "");
    story_expect_output(&s, "{\"got\":null}");
    story_close(&s);
}
END_TEST

/* The child begins, for it was called, and ends at once. */
START_TEST(a_parent_that_ends_before_its_child_has_begun_ends_it)
{
    struct story s;
    open_with(&s, waiting, "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    trace_queue(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = {
                .request = 7, .run = story_run(1), .automation = text("flow") } });
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, " run_c",
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_changed run=C1 sequence=3 status=3\n"
        "0 run_cancelled run=C1 reason=\"nobody waits for it any more\"\n"
        "0 -> gateway run_changed run=C1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n");
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
    tcase_add_test(
        tcase, who_cancels_the_parent_ends_children_that_it_does_not_wait_for);
    tcase_add_test(tcase, a_child_that_is_refused_fails_its_step);
    tcase_add_test(tcase, generations_are_limited);
    tcase_add_test(tcase, who_signals_a_step_that_waits_for_a_child_ends_the_child);
    tcase_add_test(tcase, a_child_whose_output_is_too_large_gives_none);
    tcase_add_test(tcase, a_parent_that_ends_before_its_child_has_begun_ends_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
