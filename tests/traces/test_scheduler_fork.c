/* Goal: a run shares the beginning of another and goes on by itself.
 * Method: every word that the scheduler says is compared; values by what leaves. */
#include "base/clock.h"
#include "base/pack.h"
#include "store/rows.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static void
fork_run(struct story *s, unsigned run, struct run_fork more)
{
    more.request = 14;
    more.run = story_run(run);
    more.origin = story_run(1);
    more.by = text("ann");
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK, .run_fork = more });
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
    story_open_with(&s, three);
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=api steps=5 mains=3\n"
        "0 step_started run=R1 key=a kind=set\n"
        "0 step_completed run=R1 key=a output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=parallel\n"
        "0 step_started run=R1 step=2 key=b1 kind=set\n"
        "0 step_completed run=R1 step=2 key=b1 output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=3 key=b2 kind=set\n"
        "0 step_completed run=R1 step=3 key=b2 output=(1 bytes) has_output=1\n"
        "0 step_completed run=R1 step=1 key=b\n"
        "0 step_started run=R1 step=4 key=c kind=set\n"
        "0 step_completed run=R1 step=4 key=c output=(4 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=12 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=4\n");
    fork_run(&s, 2, (struct run_fork){ .event = 9 });
    story_expect(&s,
        "0 run_started run=R2 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=fork steps=5 origin=R1 origin_event=9 mains=3 by=ann\n"
        "0 step_copied run=R2 key=a status=4 output=(4 bytes) attempt=1 passes=1\n"
        "0 step_copied run=R2 step=1 key=b status=4 output=(12 bytes) attempt=1 "
        "passes=1\n"
        "0 step_started run=R2 step=4 key=c kind=set\n"
        "0 step_completed run=R2 step=4 key=c output=(4 bytes) has_output=1\n"
        "0 run_completed run=R2\n"
        "0 -> gateway run_changed run=R2 sequence=6 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=4\n");
    story_expect_output(&s, "{\"n\":3}");
    fork_run(&s, 2, (struct run_fork){ .event = 9 });
    story_expect(&s,
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    trace_crash(&s.trace);
    fork_run(&s, 3, (struct run_fork){ .event = 99 });
    story_expect(&s,
        "0 -> gateway refused request=14 err=2 detail=\"event: the run has 12 "
        "so far\"\n");
    story_close(&s);
}
END_TEST

START_TEST(outputs_and_inputs_can_be_other_ones)
{
    struct story s;
    story_open_with(&s, three);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 0, .inputs = text("\x81\xa1n\x0a") });
    story_expect_output(&s, "{\"n\":12}");
    fork_run(&s, 3,
        (struct run_fork){ .event = 4,
            .outputs = text("\x81\xa1"
                            "a\x81\xa1n\x14") });
    story_expect_output(&s, "{\"n\":22}");
    fork_run(&s, 4,
        (struct run_fork){ .event = 4,
            .outputs = text("\x81\xa2"
                            "b1\x01") });
    story_expect_only(&s, "refused",
        "0 -> gateway refused request=14 err=7 detail=\"the output of b1 cannot be "
        "given: it lies in another step, or cleans up\"\n");
    story_close(&s);
}
END_TEST

START_TEST(another_version_must_have_every_step_that_is_copied)
{
    struct story s;
    story_open_with(&s, three);
    story_start(&s, 1, "");
    story_learn(&s, 2,
        "default_inputs: { n: 1 }\n"
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
    story_expect(&s,
        "0 -> gateway refused request=14 err=7 detail=\"the version has no step "
        "b\"\n");
    story_close(&s);
}
END_TEST

/* Steps that are over at once, one after another, and then a job. */
static void
open_with_many(struct story *s, unsigned count)
{
    struct buffer plan = { 0 };
    buffer_print(&plan, "steps:\n");
    for (unsigned i = 0; i < count; i++)
        buffer_print(&plan, "  - { key: s%u, kind: set, values: { n: %u } }\n", i, i);
    buffer_print(&plan,
        "  - { key: job, kind: action, action: x, with: { first: '${{ "
        "steps.s0.output.n }}', last: '${{ steps.s%u.output.n }}' } }\n",
        count - 1);
    buffer_append(&plan, "", 1);
    story_open_with(s, (const char *)plan.data);
    buffer_free(&plan);
}

START_TEST(more_steps_than_a_turn_can_say_are_copied_in_several)
{
    enum { STEPS = 600, EVENTS = 1 + 2 * STEPS };
    static const char given[] = "\x81\xa4s599\x81\xa1n\x07";
    struct story s;
    open_with_many(&s, STEPS);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, STEPS, 1, 1, 1 });
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = EVENTS, .outputs = text(given) });
    story_expect_only(&s, "run_deferred",
        "0 run_deferred run=R2 more=1 copying=1\n"
        "0 run_deferred run=R2 more=1\n"
        "0 run_deferred run=R2\n");
    story_expect_offered(&s, "{\"first\":0,\"last\":7}");
    trace_skip(&s.trace);
    fork_run(&s, 3, (struct run_fork){ .event = EVENTS });
    story_expect_only(&s, "step_started run=R3",
        "0 step_started run=R3 step=600 key=job kind=action\n");
    trace_crash(&s.trace);
    story_close(&s);
}
END_TEST

START_TEST(a_fork_that_is_cancelled_meanwhile_copies_no_more)
{
    enum { STEPS = 600, EVENTS = 1 + 2 * STEPS };
    struct story s;
    open_with_many(&s, STEPS);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_queue(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK,
            .run_fork = { .request = 14,
                .run = story_run(2),
                .origin = story_run(1),
                .event = EVENTS } });
    story_cancel(&s, 2, "enough");
    story_expect_only(&s, "run_cancelled", "0 run_cancelled run=R2 reason=enough\n");
    story_close(&s);
}
END_TEST

/* One step failed and was let go on, one is skipped, one given by hand, one done
 * again. */
static const char uneven[] =
    "steps:\n"
    "  - { key: a, kind: set, on_error: continue, values: { n: '${{ 1 / 0 }}' } }\n"
    "  - { key: b, kind: set, needs: [], if: 'false', values: {} }\n"
    "  - { key: c, kind: action, action: x, needs: [] }\n"
    "  - { key: d, kind: action, action: x, needs: [c] }\n"
    "cleanup:\n"
    "  - { key: z, kind: set, values: {} }\n";

START_TEST(what_failed_or_was_skipped_or_given_is_copied_as_it_was)
{
    struct story s;
    story_open_with(&s, uneven);
    story_start(&s, 1, "");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = { .request = 8,
                .run = story_run(1),
                .step = text("c"),
                .output = text("\xa2ok") } });
    story_failed(&s, (struct held){ 1, 3, 1, 1, 1 });
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 8, .run = story_run(1) } });
    story_completed(&s, (struct held){ 1, 3, 2, 2, 1 });
    story_completed(&s, (struct held){ 1, 3, 2, 1, 1 });
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK,
            .run_fork = { .request = 14,
                .run = story_run(2),
                .origin = story_run(1),
                .event = 12 } });
    story_expect_only(&s, "run=R2",
        "0 run_started run=R2 automation=A name=flow version=1 source=fork "
        "steps=5 origin=R1 origin_event=12 mains=4 cleanups=1\n"
        "0 step_copied run=R2 key=a status=5 attempt=1 passes=1\n"
        "0 step_copied run=R2 step=1 key=b status=6 passes=1\n"
        "0 step_copied run=R2 step=2 key=c status=4 output=(3 bytes) attempt=1 "
        "passes=1\n"
        "0 step_started run=R2 step=3 key=d kind=action\n"
        "0 action_called run=R2 step=3 key=d attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R2 sequence=6 status=3\n"
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R2 step=3 attempt=1 offer=1 lane=L1 key=d "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=8 life=1\n");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK,
            .run_fork = { .request = 15,
                .run = story_run(3),
                .origin = story_run(2),
                .event = 4 } });
    story_expect_only(&s, "run=R3",
        "0 run_started run=R3 automation=A name=flow version=1 source=fork "
        "steps=5 origin=R2 origin_event=4 mains=4 cleanups=1\n"
        "0 step_copied run=R3 key=a status=5 attempt=1 passes=1\n"
        "0 step_copied run=R3 step=1 key=b status=6 passes=1\n"
        "0 step_copied run=R3 step=2 key=c status=4 output=(3 bytes) attempt=1 "
        "passes=1\n"
        "0 step_started run=R3 step=3 key=d kind=action\n"
        "0 action_called run=R3 step=3 key=d attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R3 sequence=6 status=3\n"
        "0 -> gateway run_accepted request=15 run=R3 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R3 step=3 attempt=1 offer=1 lane=L1 key=d "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=9 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(what_cannot_be_forked_is_refused)
{
    struct story s;
    story_open_with(&s, uneven);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 1, .outputs = text("\x90") });
    story_expect(&s,
        "0 -> gateway refused request=14 err=2 detail=\"outputs: expected a "
        "map of step keys\"\n");
    fork_run(&s, 2, (struct run_fork){ .event = 1, .outputs = text("\x81\xa1") });
    story_expect(&s,
        "0 -> gateway refused request=14 err=2 detail=\"outputs: expected a "
        "map of step keys\"\n");
    fork_run(&s, 2, (struct run_fork){ .event = 1, .outputs = text("\x81\xa1z\x01") });
    story_expect(&s,
        "0 -> gateway refused request=14 err=7 detail=\"the output of z cannot "
        "be given: it lies in another step, or cleans up\"\n");
    fork_run(&s, 2, (struct run_fork){ .event = 1, .version = 7 });
    story_expect(&s,
        "0 -> gateway refused request=14 err=5 detail=\"the automation has no "
        "such version\"\n");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK,
            .run_fork = {
                .request = 14, .run = story_run(2), .origin = story_run(4) } });
    story_expect(&s,
        "0 -> gateway refused request=14 err=5 detail=\"there is no such run "
        "in the project\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_that_waited_for_another_can_be_forked)
{
    struct story s;
    story_open_with(&s, "concurrency: queue\n"
                        "steps:\n"
                        "  - { key: a, kind: set, values: { n: '${{ inputs.n }}' } }\n"
                        "  - { key: b, kind: sleep, duration: 5s }\n");
    story_start_with(&s, 3, "", text("\x81\xa1n\x01"));
    story_start_with(&s, 1, "", text("\x81\xa1n\x02"));
    trace_wait(&s.trace, 10000);
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 4 });
    story_expect_only(&s, "run=R2",
        "10000 run_started run=R2 automation=A name=flow version=1 inputs=(4 "
        "bytes) source=fork steps=2 origin=R1 origin_event=4 concurrency=4 "
        "runs_max=1 by=ann\n"
        "10000 step_copied run=R2 key=a status=4 output=(4 bytes) attempt=1 "
        "passes=1\n"
        "10000 step_started run=R2 step=1 key=b kind=sleep\n"
        "10000 wait_opened run=R2 step=1 key=b attempt=1 wait_kind=sleep "
        "due_ms=15000\n"
        "10000 -> gateway run_changed run=R2 sequence=4 status=3\n"
        "10000 -> gateway run_accepted request=14 run=R2 automation=A "
        "name=flow version=1 status=3 started_ms=10000\n");
    story_close(&s);
}
END_TEST

/* However many they are, nobody else has to wait for that answer. */
START_TEST(more_outputs_than_a_turn_can_say_cannot_be_given)
{
    enum { STEPS = 300 };
    static const unsigned given[] = { 250, STEPS, 50000 };
    struct story s;
    struct buffer outputs = { 0 };
    char key[16];
    open_with_many(&s, STEPS);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    pack_map(&outputs, given[_i]);
    for (unsigned i = 0; i < given[_i]; i++) {
        snprintf(key, sizeof key, "s%u", i);
        pack_string(&outputs, key);
        pack_u64(&outputs, i);
    }
    uint64_t begin_ms = clock_monotonic_ms();
    fork_run(&s, 2, (struct run_fork){ .event = 1, .outputs = buffer_bytes(&outputs) });
    ck_assert_uint_lt(clock_monotonic_ms() - begin_ms, 1000);
    story_expect(&s, "0 -> gateway refused request=14 err=11 detail=\"more outputs are "
                     "given than one turn can say\"\n");
    buffer_free(&outputs);
    story_close(&s);
}
END_TEST

START_TEST(what_is_said_of_others_in_the_records_of_the_origin_is_left_out)
{
    struct story s;
    story_open_with(&s,
        "concurrency: replace\n"
        "steps:\n"
        "  - { key: a, kind: set, values: { n: '${{ inputs.n }}' } }\n"
        "  - { key: b, kind: sleep, duration: 5s }\n"
        "  - { key: c, kind: set, values: { n: '${{ steps.a.output.n }}' } }\n");
    story_start_with(&s, 3, "", text("\x81\xa1n\x01"));
    story_start_with(&s, 1, "", text("\x81\xa1n\x02"));
    trace_wait(&s.trace, 5000);
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 10 });
    story_expect_only(&s, "run=R2",
        "5000 run_started run=R2 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=fork steps=3 origin=R1 origin_event=10 concurrency=3 runs_max=1 "
        "by=ann\n"
        "5000 step_copied run=R2 key=a status=4 output=(4 bytes) attempt=1 "
        "passes=1\n"
        "5000 step_copied run=R2 step=1 key=b status=4 output=(1 bytes) attempt=1 "
        "passes=1\n"
        "5000 step_copied run=R2 step=2 key=c status=4 output=(4 bytes) attempt=1 "
        "passes=1\n"
        "5000 run_completed run=R2\n"
        "5000 -> gateway run_changed run=R2 sequence=5 status=4 whole=1 "
        "finished_ms=5000 output=(4 bytes) stop_reason=completed\n"
        "5000 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=4 started_ms=5000\n");
    story_close(&s);
}
END_TEST

/* Both end in one turn, as the later version has fewer slots: in that record lies the
 * end of the child, which names who waited for it. */
START_TEST(an_origin_that_ended_with_its_child_is_forked)
{
    static const char calls[] =
        "concurrency: %s\n"
        "default_inputs: { n: 0 }\n"
        "steps:\n"
        "  - { key: a, kind: automation, automation: flow, wait: true,\n"
        "      if: '${{ inputs.n == 0 }}', inputs: { n: 1 } }\n"
        "  - { key: b, kind: sleep, duration: 1h, needs: [] }\n";
    struct story s;
    char plan[sizeof calls + 32];
    snprintf(plan, sizeof plan, calls, "{ policy: queue, max: 2 }");
    story_open_with(&s, plan);
    story_start(&s, 1, "");
    snprintf(plan, sizeof plan, calls, "replace");
    story_learn(&s, 2, plan);
    story_start_with(&s, 3, "", text("\x81\xa1n\x01"));
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 8 });
    story_expect_only(&s, "run_started run=R2",
        "0 run_started run=R2 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=fork steps=2 origin=R1 origin_event=8 concurrency=4 runs_max=2 "
        "by=ann\n");
    story_close(&s);
}
END_TEST

static void
print_lines(struct story *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        trace_give(&s->trace, ACTOR_lease, 0,
            (struct message){ .code = JOB_PRINTED,
                .job_printed = { .run = story_run(1),
                    .step = 1,
                    .attempt = 1,
                    .stream = text("stdout"),
                    .chunk = text("line") } });
}

/* Its positions lie in rows beside its own. */
START_TEST(an_origin_of_many_records_is_followed_as_far_as_the_event)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: set, values: { n: 1 } }\n" STEP("b", "")
            STEP("c", "") "  - { key: d, kind: set, values: { n: 2 } }\n");
    story_start(&s, 1, "");
    print_lines(&s, 2 * POSITIONS_PER_PAGE);
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 3 });
    story_expect_only(&s, "step_copied",
        "0 step_copied run=R2 key=a status=4 output=(4 bytes) attempt=1 passes=1\n");
    fork_run(&s, 3, (struct run_fork){ .event = 7 });
    story_expect_only(&s, "step_copied",
        "0 step_copied run=R3 key=a status=4 output=(4 bytes) attempt=1 passes=1\n"
        "0 step_copied run=R3 step=1 key=b status=4 output=(3 bytes) attempt=1 "
        "passes=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_step_that_was_over_twice_is_copied_once_as_it_was_last)
{
    struct story s;
    story_open_with(
        &s, "steps:\n" STEP("a", "") "  - { key: b, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 8, .run = story_run(1) } });
    story_completed(&s, (struct held){ 1, 0, 2, 2, 1 });
    story_completed(&s, (struct held){ 1, 0, 2, 1, 1 });
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 12 });
    story_expect_only(&s, "run=R2",
        "0 run_started run=R2 automation=A name=flow version=1 source=fork steps=2 "
        "origin=R1 origin_event=12 by=ann\n"
        "0 step_copied run=R2 key=a status=4 output=(3 bytes) attempt=2 passes=1\n"
        "0 step_started run=R2 step=1 key=b kind=sleep\n"
        "0 wait_opened run=R2 step=1 key=b attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=R2 sequence=4 status=3\n"
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_step_whose_handler_stood_in_for_it_is_copied_as_failed)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x, on_error: { step: h } }\n"
        "  - { key: h, kind: set, values: { n: 1 } }\n"
        "  - { key: b, kind: sleep, needs: [a], duration: 5s }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 7 });
    story_expect_only(&s, "run=R2",
        "0 run_started run=R2 automation=A name=flow version=1 source=fork steps=3 "
        "origin=R1 origin_event=7 by=ann\n"
        "0 step_copied run=R2 key=a status=5 attempt=1\n"
        "0 step_copied run=R2 step=1 key=h status=4 output=(4 bytes) attempt=1 "
        "passes=1\n"
        "0 step_started run=R2 step=2 key=b kind=sleep\n"
        "0 wait_opened run=R2 step=2 key=b attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=R2 sequence=5 status=3\n"
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

/* It was skipped with its step, which the fork has to do. */
START_TEST(a_handler_is_not_copied_without_the_step_that_it_handles)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x }\n"
        "  - { key: b, kind: action, action: x, on_error: { step: h } }\n"
        "  - { key: h, kind: set, values: {} }\n"
        "  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    fork_run(&s, 2, (struct run_fork){ .event = 7 });
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 2, 1, 1, 1, 1 });
    story_expect_only(&s, " step_",
        "0 step_failed run=R2 step=1 key=b error_type=Oops\n"
        "0 step_started run=R2 step=2 key=h kind=set\n"
        "0 step_completed run=R2 step=2 key=h output=(1 bytes) has_output=1\n"
        "0 step_started run=R2 step=3 key=c kind=sleep\n");
    story_close(&s);
}
END_TEST

static const char wide[] =
    "steps:\n"
    "  - { key: b, kind: parallel, steps: [\n"
    "      { key: b1, kind: set, values: { n: '0123456789012345678901234567890' } },\n"
    "      { key: b2, kind: set, values: { n: '0123456789012345678901234567890' } } ] "
    "}\n"
    "  - { key: c, kind: set, values: {} }\n";

START_TEST(a_fork_that_would_copy_too_large_an_output_is_refused)
{
    struct story s;
    story_open_with(&s, wide);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    s.trace.config.payload_max = 60;
    fork_run(&s, 2, (struct run_fork){ .event = 8 });
    story_expect(&s,
        "0 -> gateway refused request=14 err=11 detail=\"an output is larger than "
        "payload_max\"\n");
    story_close(&s);
}
END_TEST

/* The limit falls between two turns of a fork, as if the engine had begun anew. */
static bool (*receive)(void *self, uint64_t until_ms, struct message *in);

static bool
receive_and_lower(void *self, uint64_t until_ms, struct message *in)
{
    struct trace *t = self;
    bool heard = receive(self, until_ms, in);
    if (!heard)
        t->config.payload_max = 2;
    return heard;
}

START_TEST(a_fork_whose_copies_have_become_too_large_ends)
{
    enum { STEPS = 600, EVENTS = 1 + 2 * STEPS };
    struct story s;
    open_with_many(&s, STEPS);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    receive = s.trace.world.receive;
    s.trace.world.receive = receive_and_lower;
    fork_run(&s, 2, (struct run_fork){ .event = EVENTS });
    story_expect_only(&s, "run_",
        "0 run_started run=R2 automation=A name=flow version=1 source=fork "
        "steps=601 origin=R1 origin_event=1201 by=ann\n"
        "0 run_deferred run=R2 more=1 copying=1\n"
        "0 -> gateway run_changed run=R2 sequence=217 status=3\n"
        "0 -> gateway run_accepted request=14 run=R2 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_deferred run=R2\n"
        "0 run_cancelled run=R2 reason=\"an output is larger than payload_max\"\n"
        "0 -> gateway run_changed run=R2 sequence=218 status=6 whole=1 "
        "stop_reason=cancelled\n");
    story_close(&s);
}
END_TEST

/* What every partition decides for itself is now decided in one that is not this. */
START_TEST(a_version_whose_runs_see_each_other_elsewhere_cannot_be_forked_here)
{
    static const char one[] = "steps:\n  - { key: a, kind: set, values: {} }\n";
    struct story s;
    story_make(&s);
    s.trace.config.schedulers = 2;
    story_open(&s);
    story_learn_as(&s, story_elsewhere(), 1, one);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7,
                .run = story_run(1),
                .automation = text(story_elsewhere()),
                .source = text("api") } });
    char single[200];
    snprintf(single, sizeof single, "concurrency: forbid\n%s", one);
    story_learn_as(&s, story_elsewhere(), 2, single);
    trace_skip(&s.trace);
    fork_run(&s, 2, (struct run_fork){ .event = 1, .version = 2 });
    story_expect(&s,
        "0 -> gateway refused request=14 err=7 detail=\"runs of that version see "
        "each other, and those of its origin did not\"\n");
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
    tcase_add_test(tcase, more_steps_than_a_turn_can_say_are_copied_in_several);
    tcase_add_test(tcase, a_fork_that_is_cancelled_meanwhile_copies_no_more);
    tcase_add_test(tcase, another_version_must_have_every_step_that_is_copied);
    tcase_add_test(tcase, what_failed_or_was_skipped_or_given_is_copied_as_it_was);
    tcase_add_test(tcase, what_cannot_be_forked_is_refused);
    tcase_add_test(tcase, a_run_that_waited_for_another_can_be_forked);
    tcase_add_loop_test(tcase, more_outputs_than_a_turn_can_say_cannot_be_given, 0, 3);
    tcase_add_test(
        tcase, what_is_said_of_others_in_the_records_of_the_origin_is_left_out);
    tcase_add_test(tcase, an_origin_that_ended_with_its_child_is_forked);
    tcase_add_test(tcase, an_origin_of_many_records_is_followed_as_far_as_the_event);
    tcase_add_test(tcase, a_step_that_was_over_twice_is_copied_once_as_it_was_last);
    tcase_add_test(tcase, a_step_whose_handler_stood_in_for_it_is_copied_as_failed);
    tcase_add_test(tcase, a_handler_is_not_copied_without_the_step_that_it_handles);
    tcase_add_test(tcase, a_fork_that_would_copy_too_large_an_output_is_refused);
    tcase_add_test(tcase, a_fork_whose_copies_have_become_too_large_ends);
    tcase_add_test(
        tcase, a_version_whose_runs_see_each_other_elsewhere_cannot_be_forked_here);
    suite_add_tcase(suite, tcase);
    return suite;
}
