/* Goal: steps that need no worker do what they say, and templates give what they name.
 * Method: every word that the scheduler says is compared; values by what leaves. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

START_TEST(a_set_is_over_in_the_turn_in_which_it_begins)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { n: 3 }\n"
        "steps:\n"
        "  - { key: a, kind: set, values: { twice: '${{ inputs.n * 2 }}' } }\n"
        "  - { key: b, kind: set,\n"
        "      values: { all: '{{ .context.a.twice }} of {{ .meta.automation }}' } "
        "}\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=api steps=2\n"
        "0 step_started run=R1 key=a kind=set\n"
        "0 step_completed run=R1 key=a output=(8 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(15 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4 whole=1 output=(15 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=4\n");
    story_expect_output(&s, "{\"all\":\"6 of flow\"}");
    story_close(&s);
}
END_TEST

START_TEST(a_job_gets_what_its_templates_say)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { who: you }\n"
        "steps:\n"
        "  - { key: a, kind: action, action: x, with: { to: '{{ .inputs.who }}' } }\n"
        "  - { key: b, kind: action, action: x, save_as: kept,\n"
        "      with: { got: '${{ steps.a.output }}', is: '${{ steps.a.status }}' } }\n"
        "  - { key: c, kind: action, action: x,\n"
        "      with: { kept: '${{ context.kept }}', run: '${{ run.status }}' } }\n");
    story_start(&s, 1, "");
    story_expect_offered(&s, "{\"to\":\"you\"}");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_offered(&s, "{\"got\":\"ok\",\"is\":\"completed\"}");
    trace_crash(&s.trace);
    story_lease_begins(&s, 2, 2);
    story_expect_offered(&s, "{\"got\":\"ok\",\"is\":\"completed\"}");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_offered(&s, "{\"kept\":\"ok\",\"run\":\"suspended\"}");
    story_close(&s);
}
END_TEST

START_TEST(parameters_may_be_one_template_that_gives_a_map)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { who: you }\n"
        "steps:\n"
        "  - { key: a, kind: action, action: x, with: '${{ inputs }}' }\n"
        "  - { key: b, kind: action, action: x, with: '${{ inputs.who }}' }\n");
    story_start(&s, 1, "");
    story_expect_offered(&s, "{\"who\":\"you\"}");
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "step_failed run",
        "0 step_failed run=R1 step=1 key=b error_type=TemplateError "
        "error_message=\"parameters: expected a map\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_template_that_cannot_be_evaluated_fails_its_step_and_names_the_place)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: action, action: x,\n"
                        "      with: { list: [ok, '${{ event.no.such }}'] } }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=action\n"
        "0 step_failed run=R1 key=a error_type=TemplateError "
        "error_message=\"parameters.list[1]: line 1, column 11: there is no "
        "event.no\"\n"
        "0 run_failed run=R1 step=a error_type=TemplateError "
        "error_message=\"parameters.list[1]: line 1, column 11: there is no "
        "event.no\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
        "stop_reason=step_failed error_type=TemplateError "
        "error_message=\"parameters.list[1]: line 1, column 11: there is no "
        "event.no\" failed_step=a\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=5\n");
    story_close(&s);
}
END_TEST

/* Each template by itself has room; no one of them is to blame. */
START_TEST(parameters_together_give_no_more_than_a_payload)
{
    struct story s;
    story_make(&s);
    s.trace.config.payload_max = 1024;
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n"
        "  - { key: a, kind: action, action: x,\n"
        "      with: { p: '${{ seq(1, 400) }}', q: '${{ seq(1, 400) }}' } }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " step_failed",
        "0 step_failed run=R1 key=a error_type=TemplateError "
        "error_message=\"parameters: a payload of more than 1024 bytes, or nested "
        "deeper "
        "than 31 levels\"\n");
    story_close(&s);
}
END_TEST

/* Of those whose time is over before, that of the step is said. */
START_TEST(a_sleep_is_over_when_the_time_of_its_step_is)
{
    static const struct {
        const char *sleep, *said;
    } rows[] = {
        { "duration: 3s, timeout: 2s",
            "2000 wait_timed_out run=R1 key=a attempt=1\n"
            "2000 step_failed run=R1 key=a error_type=Timeout error_message=\"the "
            "sleep took longer than its timeout\"\n" },
        { "until: '1970-01-01T00:00:03Z', timeout: 2s",
            "2000 wait_timed_out run=R1 key=a attempt=1\n"
            "2000 step_failed run=R1 key=a error_type=Timeout error_message=\"the "
            "sleep took longer than its timeout\"\n" },
        { "duration: 2s, timeout: 2s",
            "2000 wait_resumed run=R1 key=a attempt=1 by=timer\n"
            "2000 step_completed run=R1 key=a\n" },
        { "duration: 2s, timeout: 1h",
            "2000 wait_resumed run=R1 key=a attempt=1 by=timer\n"
            "2000 step_completed run=R1 key=a\n" },
        { "until: '1970-01-01T00:00:02Z', timeout: 3s",
            "2000 wait_resumed run=R1 key=a attempt=1 by=timer\n"
            "2000 step_completed run=R1 key=a\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[200];
        snprintf(about, sizeof about,
            "steps:\n  - { key: a, kind: sleep, %s }\n"
            "  - { key: b, kind: action, action: x }\n",
            rows[i].sleep);
        story_make(&s);
        story_open(&s);
        story_learn(&s, 1, about);
        story_start(&s, 1, "");
        trace_skip(&s.trace);
        trace_wait(&s.trace, 2000);
        story_expect_only(&s, "run=R1 key=a", rows[i].said);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_step_whose_if_is_false_is_skipped_and_what_needs_it_goes_on)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: set, values: { n: 1 } }\n"
        "  - { key: b, kind: action, action: x, if: steps.a.output.n > 1 }\n"
        "  - { key: c, kind: set,\n"
        "      values: { b: '${{ steps.b.output }}', is: '${{ steps.b.status "
        "}}' } }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=3\n"
        "0 step_started run=R1 key=a kind=set\n"
        "0 step_completed run=R1 key=a output=(4 bytes) has_output=1\n"
        "0 step_skipped run=R1 step=1 key=b reason=\"if was false\" passes=1\n"
        "0 step_started run=R1 step=2 key=c kind=set\n"
        "0 step_completed run=R1 step=2 key=c output=(15 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=4 whole=1 output=(15 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=4\n");
    story_expect_output(&s, "{\"b\":null,\"is\":\"skipped\"}");
    story_close(&s);
}
END_TEST

START_TEST(an_if_that_cannot_be_evaluated_fails_the_step)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: set, values: {}, if: 'event.n > 1' }\n"
                        "  - { key: b, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " step_",
        "0 step_started run=R1 key=a kind=set\n"
        "0 step_failed run=R1 key=a error_type=TemplateError error_message=\"if: "
        "line 1, column 7: there is no event.n\"\n"
        "0 step_skipped run=R1 step=1 key=b reason=\"a step that it needs did not "
        "complete\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_sleep_waits_for_its_moment_also_over_a_crash)
{
    struct story s;
    story_open_with(&s, "default_inputs: { wait: 1.5 }\n"
                        "steps:\n"
                        "  - { key: a, kind: sleep, duration: 2s }\n"
                        "  - { key: b, kind: sleep, duration: '${{ inputs.wait }}' }\n"
                        "  - { key: c, kind: sleep, until: '1970-01-01T00:00:10Z' }\n"
                        "  - { key: d, kind: sleep, until: '1970-01-01T00:00:01Z' }\n");
    story_start(&s, 1, "");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 20000);
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(15 bytes) "
        "source=api steps=4\n"
        "0 step_started run=R1 key=a kind=sleep\n"
        "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=2000\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "2000 wait_resumed run=R1 key=a attempt=1 by=timer\n"
        "2000 step_completed run=R1 key=a\n"
        "2000 step_started run=R1 step=1 key=b kind=sleep\n"
        "2000 wait_opened run=R1 step=1 key=b attempt=1 wait_kind=sleep "
        "due_ms=3500\n"
        "2000 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "3500 wait_resumed run=R1 step=1 key=b attempt=1 by=timer\n"
        "3500 step_completed run=R1 step=1 key=b\n"
        "3500 step_started run=R1 step=2 key=c kind=sleep\n"
        "3500 wait_opened run=R1 step=2 key=c attempt=1 wait_kind=sleep "
        "due_ms=10000\n"
        "3500 -> gateway run_changed run=R1 sequence=11 status=3\n"
        "10000 wait_resumed run=R1 step=2 key=c attempt=1 by=timer\n"
        "10000 step_completed run=R1 step=2 key=c\n"
        "10000 step_started run=R1 step=3 key=d kind=sleep\n"
        "10000 wait_opened run=R1 step=3 key=d attempt=1 wait_kind=sleep "
        "due_ms=10000\n"
        "10000 -> gateway run_changed run=R1 sequence=15 status=3\n"
        "10000 wait_resumed run=R1 step=3 key=d attempt=1 by=timer\n"
        "10000 step_completed run=R1 step=3 key=d\n"
        "10000 run_completed run=R1\n"
        "10000 -> gateway run_changed run=R1 sequence=18 status=4 "
        "finished_ms=10000 stop_reason=completed\n");
    story_close(&s);
}
END_TEST

START_TEST(there_is_no_agent_runtime)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: agent, config: { instructions: think } }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=agent\n"
        "0 step_failed run=R1 key=a error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\"\n"
        "0 run_failed run=R1 step=a error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
        "stop_reason=step_failed error_type=NoAgentRuntime error_message=\"there "
        "is no agent runtime\" failed_step=a\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=5\n");
    story_close(&s);
}
END_TEST

START_TEST(a_failure_that_is_to_be_continued_does_not_fail_the_run)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x, on_error: continue }\n"
        "  - { key: b, kind: set, values: { a: '${{ steps.a.error.type }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(8 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=4 whole=1 output=(8 "
        "bytes) stop_reason=completed\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_expect_output(&s, "{\"a\":\"Oops\"}");
    story_close(&s);
}
END_TEST

static const char handled[] =
    "steps:\n"
    "  - { key: a, kind: action, action: x, on_error: { step: h } }\n"
    "  - { key: h, kind: set, values: { why: '${{ steps.a.error.type }}' } }\n"
    "  - { key: b, kind: set, values: { h: '${{ steps.h.output }}' } }\n";

START_TEST(a_handler_runs_in_the_place_of_a_step_that_failed)
{
    struct story s;
    story_open_with(&s, handled);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 step_started run=R1 step=1 key=h kind=set\n"
        "0 step_completed run=R1 step=1 key=h output=(10 bytes) has_output=1\n"
        "0 step_started run=R1 step=2 key=b kind=set\n"
        "0 step_completed run=R1 step=2 key=b output=(13 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=10 status=4 whole=1 output=(13 "
        "bytes) stop_reason=completed\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_expect_output(&s, "{\"h\":{\"why\":\"Oops\"}}");
    story_close(&s);
}
END_TEST

START_TEST(a_handler_is_skipped_when_its_step_does_not_fail)
{
    struct story s;
    story_open_with(&s, handled);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 key=a attempt=1 offer=1 action=x output=(3 "
        "bytes) session=S1\n"
        "0 step_completed run=R1 key=a\n"
        "0 step_skipped run=R1 step=1 key=h reason=\"the step that it handles did "
        "not fail\" passes=1\n"
        "0 step_started run=R1 step=2 key=b kind=set\n"
        "0 step_completed run=R1 step=2 key=b output=(4 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(only_the_errors_that_are_named_are_tried_again)
{
    struct story s;
    story_open_with(
        &s, "steps:\n" STEP(
                "a", ", retry: { max_attempts: 3, delay: 1s, retry_on: [Other] }"));
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, " step_", "0 step_failed run=R1 key=a error_type=Oops\n");
    story_close(&s);
}
END_TEST

START_TEST(jitter_takes_a_part_of_the_delay_always_the_same)
{
    for (int i = 0; i < 2; i++) {
        struct story s;
        story_open_with(
            &s, "steps:\n" STEP(
                    "a", ", retry: { max_attempts: 3, delay: 10s, jitter: 50% }"));
        story_start(&s, 1, "");
        trace_skip(&s.trace);
        story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
        story_expect_only(&s, "step_retried",
            "0 step_retried run=R1 key=a attempt=2 max_attempts=3 due_ms=5483\n");
        story_close(&s);
    }
}
END_TEST

START_TEST(an_attempt_without_time_left_may_end_the_step_without_a_failure)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: action, action: x,\n"
                        "      timeout: { duration: 1s, on_timeout: continue } }\n"
                        "  - { key: b, kind: action, action: x,\n"
                        "      timeout: { duration: 1s, on_timeout: skip } }\n"
                        "  - { key: c, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "run=R1",
        "1000 -> lease job_withdrawn run=R1 attempt=1 reason=\"the attempt took "
        "longer than its timeout\"\n"
        "1000 action_failed run=R1 key=a attempt=1 offer=1 action=x "
        "error_type=Timeout error_message=\"the attempt took longer than its "
        "timeout\" ending=3\n"
        "1000 step_completed run=R1 key=a\n"
        "1000 step_started run=R1 step=1 key=b kind=action\n"
        "1000 action_called run=R1 step=1 key=b attempt=1 action=x queue=default "
        "parameters=(1 bytes) deadline_ms=2000 lane=L1\n"
        "1000 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "1000 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) deadline_ms=2000 order=4 life=1\n"
        "2000 -> lease job_withdrawn run=R1 step=1 attempt=1 reason=\"the attempt "
        "took longer than its timeout\"\n"
        "2000 action_failed run=R1 step=1 key=b attempt=1 offer=1 action=x "
        "error_type=Timeout error_message=\"the attempt took longer than its "
        "timeout\" ending=3\n"
        "2000 step_skipped run=R1 step=1 key=b reason=\"the attempt took longer "
        "than its timeout\"\n"
        "2000 step_skipped run=R1 step=2 key=c reason=\"a step that it needs did "
        "not complete\"\n"
        "2000 run_completed run=R1\n"
        "2000 -> gateway run_changed run=R1 sequence=11 status=4 finished_ms=2000 "
        "stop_reason=completed\n");
    story_close(&s);
}
END_TEST

START_TEST(a_check_is_tried_again_only_for_the_errors_that_are_named)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { n: 1 }\n"
        "steps:\n  - { key: a, kind: check, checks: [{ expr: inputs.n == 2 }],\n"
        "      retry: { max_attempts: 2, retry_on: [Timeout] } }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "run=R1 key=a",
        "0 step_started run=R1 key=a kind=check\n"
        "0 check_failed run=R1 key=a detail=(29 bytes)\n"
        "0 step_failed run=R1 key=a error_type=CheckFailed "
        "error_message=\"inputs.n == 2\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_name_may_begin_with_a_template_that_trims)
{
    static const struct {
        const char *name, *inputs, *said;
    } rows[] = {
        { "'{{- .inputs.n }}'", "\x81\xa1n\xa3you", "title=you" },
        { "'  {{- .inputs.n }}'", "\x81\xa1n\xa3you", "title=you" },
        { "'a {{- .inputs.n }}'", "\x81\xa1n\xa3you", "title=ayou" },
        { "'{{- .inputs.n -}}'", "\x81\xa1n\xa0", "" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char plan[200], said[200];
        snprintf(plan, sizeof plan,
            "run_name: %s\nsteps:\n  - { key: a, kind: set, values: {} }\n",
            rows[i].name);
        story_open_with(&s, plan);
        story_start_with(&s, 1, "", text(rows[i].inputs));
        snprintf(said, sizeof said,
            "0 run_started run=R1 automation=A name=flow version=1 inputs=(%zu bytes) "
            "source=api steps=1%s%s\n",
            strlen(rows[i].inputs), rows[i].said[0] != '\0' ? " " : "", rows[i].said);
        story_expect_only(&s, "run_started", said);
        story_close(&s);
    }
}
END_TEST

/* Once it is empty none can be evaluated any more. */
START_TEST(the_checks_of_a_step_share_one_tank_of_fuel)
{
    struct story s;
    struct buffer plan = { 0 };
    buffer_print(&plan, "steps:\n  - { key: a, kind: check, checks: [");
    for (unsigned i = 0; i < 12; i++)
        buffer_print(&plan, "{ name: c%u, expr: 'len(seq(1, 100000)) > 1' }, ", i);
    buffer_print(&plan, "{ name: last, expr: 1 == 1 }] }\n");
    buffer_append(&plan, "", 1);
    story_open_with(&s, (const char *)plan.data);
    story_start(&s, 1, "");
    story_expect_only(&s, " step_failed ",
        "0 step_failed run=R1 key=a error_type=CheckFailed "
        "error_message=\"c7, c8, c9, c10, c11, last\"\n");
    buffer_free(&plan);
    story_close(&s);
}
END_TEST

/* Neither in bytes nor in levels. */
START_TEST(a_mapping_gives_no_more_than_a_payload)
{
    static const char said[] =
        "0 step_failed run=R1 key=a error_type=TemplateError "
        "error_message=\"mapping: a payload of more than 1024 bytes, or nested deeper "
        "than 31 levels\"\n";
    struct buffer large = { 0 }, deep = { 0 };
    uint8_t letters[600] = { 0 };
    pack_map(&large, 1);
    pack_string(&large, "n");
    pack_blob(&large, bytes_of(letters, sizeof letters));
    for (unsigned depth = 1; depth < PACK_DEPTH_MAX; depth++) {
        pack_map(&deep, 1);
        pack_string(&deep, "n");
    }
    pack_map(&deep, 0);
    const struct bytes events[] = { buffer_bytes(&large), buffer_bytes(&deep) };
    for (size_t i = 0; i < COUNT(events); i++) {
        struct story s;
        story_make(&s);
        s.trace.config.payload_max = 1024;
        story_open(&s);
        story_learn(&s, 1,
            "steps:\n"
            "  - { key: a, kind: wait_for_event, event_type: x,\n"
            "      mapping: { p: event, q: event, r: event } }\n");
        story_start(&s, 1, "");
        story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, events[i]);
        story_expect_only(&s, " step_failed", said);
        story_close(&s);
    }
    buffer_free(&large);
    buffer_free(&deep);
}
END_TEST

/* As much work as one text may be, all of it together. */
START_TEST(a_mapping_has_one_tank_of_fuel)
{
    struct story s;
    struct buffer plan = { 0 };
    buffer_print(&plan, "steps:\n"
                        "  - { key: a, kind: wait_for_event, event_type: x,\n"
                        "      mapping: { n: event.n");
    for (unsigned i = 0; i < 20; i++)
        buffer_print(&plan, ", p%u: 'len(seq(1, 100000))'", i);
    buffer_print(&plan, " } }\n");
    buffer_append(&plan, "", 1);
    story_open_with(&s, (const char *)plan.data);
    story_start(&s, 1, "");
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, text("\x81\xa1n\x04"));
    story_expect_only(&s, " step_failed",
        "0 step_failed run=R1 key=a error_type=TemplateError "
        "error_message=\"mapping: line 1, column 19: this takes more than 1000000 "
        "steps of work\"\n");
    buffer_free(&plan);
    story_close(&s);
}
END_TEST

/* It is still asked. */
START_TEST(what_is_printed_of_a_step_that_asks_changes_nothing)
{
    struct story s;
    story_open_with(&s,
        "steps:\n  - { key: a, kind: interaction, protocol: approval, title: t }\n");
    story_start(&s, 1, "");
    trace_give(&s.trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_PRINTED,
            .job_printed = { .run = story_run(1), .attempt = 1, .chunk = text("x") } });
    trace_skip(&s.trace);
    story_respond(&s, story_interaction(&s, 1, 0, 1), "ann", "\xc3");
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_kinds_suite(void)
{
    Suite *suite = suite_create("scheduler kinds");
    TCase *tests = tcase_create("kinds");
    tcase_add_test(tests, a_set_is_over_in_the_turn_in_which_it_begins);
    tcase_add_test(tests, a_job_gets_what_its_templates_say);
    tcase_add_test(tests, a_name_may_begin_with_a_template_that_trims);
    tcase_add_test(tests, the_checks_of_a_step_share_one_tank_of_fuel);
    tcase_add_test(tests, a_mapping_gives_no_more_than_a_payload);
    tcase_add_test(tests, a_mapping_has_one_tank_of_fuel);
    tcase_add_test(tests, parameters_may_be_one_template_that_gives_a_map);
    tcase_add_test(
        tests, a_template_that_cannot_be_evaluated_fails_its_step_and_names_the_place);
    tcase_add_test(tests, parameters_together_give_no_more_than_a_payload);
    tcase_add_test(
        tests, a_step_whose_if_is_false_is_skipped_and_what_needs_it_goes_on);
    tcase_add_test(tests, an_if_that_cannot_be_evaluated_fails_the_step);
    tcase_add_test(tests, a_sleep_waits_for_its_moment_also_over_a_crash);
    tcase_add_test(tests, a_sleep_is_over_when_the_time_of_its_step_is);
    tcase_add_test(tests, there_is_no_agent_runtime);
    tcase_add_test(tests, a_failure_that_is_to_be_continued_does_not_fail_the_run);
    tcase_add_test(tests, a_handler_runs_in_the_place_of_a_step_that_failed);
    tcase_add_test(tests, a_handler_is_skipped_when_its_step_does_not_fail);
    tcase_add_test(tests, only_the_errors_that_are_named_are_tried_again);
    tcase_add_test(tests, jitter_takes_a_part_of_the_delay_always_the_same);
    tcase_add_test(
        tests, an_attempt_without_time_left_may_end_the_step_without_a_failure);
    tcase_add_test(tests, a_check_is_tried_again_only_for_the_errors_that_are_named);
    tcase_add_test(tests, what_is_printed_of_a_step_that_asks_changes_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
