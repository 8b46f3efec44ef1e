/* Goal: what people do to a run is done once, recorded, or refused with the reason.
 * Method: every word that the scheduler says is compared. */
#include "store/rows.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

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
retry_by(struct story *s, unsigned run, const char *step, const char *by)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_RETRY,
            .run_retry = { .request = 11,
                .run = story_run(run),
                .step = text(step),
                .by = text(by),
                .reason = text("again") } });
}

static void
retry(struct story *s, unsigned run, const char *step)
{
    retry_by(s, run, step, "ann");
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
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: wait_for_event, event_type: order.paid }\n"
        "  - { key: b, kind: set, values: { got: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    signal_step(&s, 1, "nothing", "\x07");
    signal_step(&s, 1, "b", "\x07");
    signal_step(&s, 1, "a", "\x07");
    story_expect(&s,
        "0 -> gateway refused request=10 err=5 detail=\"the run has no such "
        "step\"\n"
        "0 -> gateway refused request=10 err=7 detail=\"the step does not wait for "
        "anything\"\n"
        "0 wait_resumed run=R1 key=a attempt=1 by=signal result=(1 bytes) "
        "principal=ann\n"
        "0 step_completed run=R1 key=a output=(1 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(6 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=4 whole=1 output=(6 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=10 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n"
        "0 -> trigger wait_withdrawn run=R1 attempt=1 order=4\n");
    story_expect_output(&s, "{\"got\":7}");
    signal_step(&s, 1, "a", "\x07");
    signal_step(&s, 1, "a", "\x08");
    story_expect(&s,
        "0 -> gateway run_accepted request=10 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n"
        "0 -> gateway refused request=10 err=9 detail=\"the run is over: retry it, "
        "or fork it\"\n");
    story_close(&s);
}
END_TEST

/* A step between two others that failed once. */
static void
open_failing(struct story *s)
{
    story_open_with(s,
        "steps:\n"
        "  - { key: a, kind: set, values: { n: 1 } }\n"
        "  - { key: b, kind: action, action: x, retry: { max_attempts: 2 } }\n"
        "  - { key: c, kind: set, values: { n: '${{ steps.a.output.n }}' } }\n"
        "cleanup:\n  - { key: d, kind: set, values: {} }\n");
    story_start(s, 1, "");
    story_failed(s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s->trace);
}

START_TEST(a_run_that_is_not_over_is_not_retried)
{
    struct story s;
    open_failing(&s);
    retry(&s, 1, "");
    story_expect(
        &s, "0 -> gateway refused request=11 err=7 detail=\"the run is not over\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_failed_run_ends_and_cleans_up_before_it_is_retried)
{
    struct story s;
    open_failing(&s);
    story_failed(&s, (struct held){ 1, 1, 2, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_failed run=R1 step=1 key=b attempt=2 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "0 step_failed run=R1 step=1 key=b error_type=Oops\n"
        "0 step_skipped run=R1 step=2 key=c reason=\"a step that it needs did not "
        "complete\"\n"
        "0 run_deferred run=R1 ending=5 reason=step_failed\n"
        "0 step_started run=R1 step=3 key=d kind=set\n"
        "0 step_completed run=R1 step=3 key=d output=(1 bytes) has_output=1\n"
        "0 run_failed run=R1 step=b error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=14 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=b\n"
        "0 -> lease job_settled run=R1 step=1 attempt=2 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

/* Who had it resumed asks again, as its answer was lost; what others ask is no such. */
static void
expect_done_once(struct story *s, int status)
{
    char expected[200];
    snprintf(expected, sizeof expected,
        "0 -> gateway run_accepted request=11 run=R1 automation=A name=flow version=1 "
        "status=%d existed=1\n",
        status);
    trace_skip(&s->trace);
    retry(s, 1, "");
    story_expect(s, expected);
    retry_by(s, 1, "", "bob");
    retry(s, 1, "b");
    ck_assert_uint_eq(trace_sent(&s->trace, REFUSED)->refused.request, 11);
    trace_expect_only(&s->trace, "run_resumed", "");
}

START_TEST(a_failed_run_goes_on_from_what_did_not_complete)
{
    struct story s;
    open_failing(&s);
    story_failed(&s, (struct held){ 1, 1, 2, 1, 1 });
    trace_skip(&s.trace);
    trace_crash(&s.trace);
    retry(&s, 1, "");
    story_expect_only(&s, "run=R1",
        "0 run_resumed run=R1 attempt=2 by=ann reason=again\n"
        "0 step_started run=R1 step=1 key=b kind=action\n"
        "0 action_called run=R1 step=1 key=b attempt=3 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=17 status=3\n"
        "0 -> gateway run_accepted request=11 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=3 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=6 life=1\n");
    expect_done_once(&s, 3);
    story_failed(&s, (struct held){ 1, 1, 3, 1, 1 });
    story_completed(&s, (struct held){ 1, 1, 4, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_failed run=R1 step=1 key=b attempt=3 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "0 step_retried run=R1 step=1 key=b attempt=4 max_attempts=2\n"
        "0 action_called run=R1 step=1 key=b attempt=4 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=20 status=3\n"
        "0 -> lease job_settled run=R1 step=1 attempt=3 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=4 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=7 life=1\n"
        "0 action_completed run=R1 step=1 key=b attempt=4 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=1 key=b\n"
        "0 step_started run=R1 step=2 key=c kind=set\n"
        "0 step_completed run=R1 step=2 key=c output=(4 bytes) has_output=1\n"
        "0 run_deferred run=R1 ending=4 reason=completed\n"
        "0 step_started run=R1 step=3 key=d kind=set\n"
        "0 step_completed run=R1 step=3 key=d output=(1 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=27 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> lease job_settled run=R1 step=1 attempt=4 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    expect_done_once(&s, 4);
    retry_by(&s, 1, "", "bob");
    story_expect(&s,
        "0 -> gateway refused request=11 err=9 detail=\"the run has completed: "
        "fork it\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_cancelled_run_goes_on_from_the_step_that_is_named)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: set, values: { n: 1 } }\n"
                        "  - { key: b, kind: set, values: { n: 1 } }\n"
                        "  - { key: c, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "wait");
    trace_skip(&s.trace);
    retry(&s, 1, "x");
    retry(&s, 1, "b");
    story_expect_only(&s, "r",
        "0 -> gateway refused request=11 err=5 detail=\"the run has no such "
        "step\"\n"
        "0 run_resumed run=R1 attempt=2 step=b by=ann reason=again from=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=2 key=c kind=action\n"
        "0 action_called run=R1 step=2 key=c attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=14 status=3\n"
        "0 -> gateway run_accepted request=11 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> lease job_offered run=R1 step=2 attempt=2 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_completed(&s, (struct held){ 1, 2, 2, 1, 1 });
    story_expect_only(&s, " run_",
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=17 status=4 whole=1 output=(3 "
        "bytes) stop_reason=completed\n");
    story_close(&s);
}
END_TEST

START_TEST(items_that_completed_are_not_done_again)
{
    struct story s;
    story_open_with(&s,
        "output: { all: '${{ steps.e.output }}' }\n"
        "steps:\n"
        "  - key: e\n    kind: each\n    items: [1, 2, 3]\n    concurrency: 2\n"
        "    steps:\n"
        "      - { key: x, kind: action, action: x }\n"
        "      - { key: y, kind: set, values: { n: '${{ item }}' } }\n");
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_failed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 5, 1, 1, 1 });
    story_expect_only(&s, " run_failed",
        "0 run_failed run=R1 step=e error_type=Oops error_message=\"e[1].x "
        "failed\" stop_reason=step_failed\n");
    retry(&s, 1, "");
    story_expect_only(&s, "run=R1",
        "0 run_resumed run=R1 attempt=2 by=ann reason=again\n"
        "0 step_started run=R1 step=3 key=e[1].x kind=action\n"
        "0 action_called run=R1 step=3 key=e[1].x attempt=2 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=25 status=3\n"
        "0 -> gateway run_accepted request=11 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> lease job_offered run=R1 step=3 attempt=2 offer=1 lane=L1 key=e[1].x "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=7 life=1\n");
    story_completed(&s, (struct held){ 1, 3, 2, 1, 1 });
    story_completed(&s, (struct held){ 1, 5, 1, 1, 1 });
    story_expect_only(&s, "run_completed",

        "0 run_completed run=R1 output=(18 bytes) has_output=1\n");
    story_expect_output(&s, "{\"all\":[{\"n\":1},{\"n\":2},{\"n\":3}]}");
    story_close(&s);
}
END_TEST

START_TEST(a_step_is_skipped_whatever_it_does)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x }\n"
        "  - { key: b, kind: action, action: x }\n"
        "  - { key: c, kind: set, values: { b: '${{ steps.b.status }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    skip(&s, 1, "b");
    skip(&s, 1, "b");
    skip(&s, 1, "a");
    story_expect(&s,
        "0 step_skipped run=R1 step=1 key=b reason=\"skipped by ann: not today\" "
        "passes=1\n"
        "0 step_started run=R1 step=2 key=c kind=set\n"
        "0 step_completed run=R1 step=2 key=c output=(11 bytes) has_output=1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "0 -> gateway run_accepted request=12 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> gateway run_accepted request=12 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> lease job_withdrawn run=R1 attempt=1 reason=\"skipped by ann: not "
        "today\"\n"
        "0 step_skipped run=R1 key=a reason=\"skipped by ann: not today\" "
        "passes=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=4 "
        "stop_reason=completed\n"
        "0 -> gateway run_accepted request=12 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    skip(&s, 1, "a");
    skip(&s, 1, "c");
    skip(&s, 9, "c");
    story_expect(&s,
        "0 -> gateway run_accepted request=12 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n"
        "0 -> gateway refused request=12 err=9 detail=\"the run is over: retry it, "
        "or fork it\"\n"
        "0 -> gateway refused request=12 err=5 detail=\"there is no such run in "
        "the project\"\n");
    story_close(&s);
}
END_TEST

START_TEST(an_output_is_set_by_hand)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x }\n"
        "  - { key: b, kind: set, values: { a: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    set_output(&s, 1, "a", "\x05");
    story_expect(&s,
        "0 -> lease job_withdrawn run=R1 attempt=1 reason=\"its output was set by "
        "hand\"\n"
        "0 step_overridden run=R1 key=a output=(1 bytes) by=ann reason=\"by "
        "hand\"\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(4 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_expect_output(&s, "{\"a\":5}");
    set_output(&s, 1, "a", "\x05");
    set_output(&s, 1, "a", "\x06");
    story_expect(&s,
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n"
        "0 -> gateway refused request=13 err=9 detail=\"the run has completed: "
        "fork it\"\n");
    story_close(&s);
}
END_TEST

START_TEST(the_output_of_a_failed_step_is_set_and_the_run_goes_on)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: action, action: x }\n"
        "  - { key: b, kind: set, values: { a: '${{ steps.a.output }}' } }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    set_output(&s, 1, "a", "\x05");
    retry(&s, 1, "");
    story_expect(&s,
        "0 step_overridden run=R1 key=a output=(1 bytes) by=ann reason=\"by "
        "hand\"\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow "
        "version=1 status=5 existed=1\n"
        "0 run_resumed run=R1 attempt=2 by=ann reason=again\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(4 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=12 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=11 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_expect_output(&s, "{\"a\":5}");
    story_close(&s);
}
END_TEST

START_TEST(a_resumed_run_needs_a_slot)
{
    struct story s;
    story_open_with(&s, "concurrency: forbid\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    retry(&s, 1, "");
    story_expect(&s, "0 -> gateway refused request=11 err=7 detail=\"no slot is free: "
                     "run_00000000zae018000000000000 is active\"\n");
    trace_wait(&s.trace, 10000);
    retry(&s, 1, "");
    story_start(&s, 3, "");
    story_expect_only(&s, "re",
        "10000 wait_resumed run=R2 key=a attempt=1 by=timer\n"
        "10000 -> gateway run_changed run=R2 sequence=6 status=4 finished_ms=10000 "
        "stop_reason=completed\n"
        "10000 run_resumed run=R1 attempt=2 by=ann reason=again\n"
        "10000 -> gateway run_accepted request=11 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "10000 -> gateway refused request=7 err=7 detail=\"concurrency forbid: "
        "run_00000000z9e00r000000000000 is active\"\n");
    story_close(&s);
}
END_TEST

static void
discard(struct story *s, unsigned run)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = { .request = 14,
                .run = story_run(run),
                .reason = text("discarded"),
                .discard = 1 } });
}

START_TEST(only_a_failed_run_is_discarded_and_nothing_of_it_is_done_again)
{
    struct story s;
    story_open_with(&s, "concurrency: { policy: queue, max: 1 }\n"
                        "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    discard(&s, 1);
    story_expect(&s,
        "0 -> gateway refused request=14 err=7 detail=\"only a run that has "
        "failed can be discarded\"\n");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    /* The other one has the slot by now: it is not needed. */
    discard(&s, 1);
    story_expect(&s,
        "0 run_resumed run=R1 attempt=2 reason=discarded\n"
        "0 run_cancelled run=R1 reason=discarded\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=14 run=R1 automation=A name=flow version=1 "
        "status=6 existed=1\n");
    discard(&s, 1);
    story_expect(&s,
        "0 -> gateway run_accepted request=14 run=R1 automation=A name=flow version=1 "
        "status=6 existed=1\n");
    /* The slot is still that of the other one. */
    story_start(&s, 3, "");
    story_expect_only(&s, "run_queued",
        "0 run_queued run=R3 automation=A name=flow version=1 source=api steps=2 "
        "concurrency=4 runs_max=1 queue_reason=\"concurrency queue: 1 of 1 runs are "
        "active\"\n");
    story_close(&s);
}
END_TEST

START_TEST(what_is_discarded_does_not_clean_up_again)
{
    struct story s;
    story_open_with(&s, "steps:\n" STEP("a", "") "cleanup:\n" STEP("c", ""));
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s.trace);
    discard(&s, 1);
    story_expect(&s,
        "0 run_resumed run=R1 attempt=2 reason=discarded\n"
        "0 run_deferred run=R1 ending=6 reason=discarded\n"
        "0 run_cancelled run=R1 reason=discarded\n"
        "0 -> gateway run_changed run=R1 sequence=12 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=14 run=R1 automation=A name=flow version=1 "
        "status=6 existed=1\n");
    story_close(&s);
}
END_TEST

/* How the only request since the last time was answered: "" if it was accepted. */
static void
expect_answer(struct story *s, const char *why)
{
    const struct message *answer = NULL;
    for (size_t i = 0; i < s->trace.kept_count; i++) {
        const struct message *m = &s->trace.kept[i];
        if (m->code != REFUSED && m->code != RUN_ACCEPTED)
            continue;
        ck_assert_ptr_null(answer);
        answer = m;
    }
    ck_assert_ptr_nonnull(answer);
    struct bytes said = { 0 };
    if (answer->code == REFUSED)
        said = answer->refused.detail;
    ck_assert_msg(bytes_equal(said, text(why)), "\"%.*s\" and not \"%s\"",
        (int)said.size, (const char *)said.data, why);
    s->trace.kept_count = 0;
    trace_skip(&s->trace);
}

START_TEST(what_cannot_be_said_of_a_run_is_refused_with_the_reason)
{
    struct story s;
    story_open_with(&s, "concurrency: { policy: queue, max: 1 }\n"
                        "steps:\n"
                        "  - { key: a, kind: action, action: x }\n"
                        "  - { key: b, kind: action, action: x, needs: [a] }\n"
                        "  - { key: c, kind: action, action: x }\n"
                        "  - { key: d, kind: action, action: x, needs: [c] }\n"
                        "  - { key: f, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    s.trace.kept_count = 0;
    static const char none[] = "there is no such run in the project",
                      step[] = "the run has no such step",
                      queued[] = "the run is queued: it has not begun",
                      over[] = "the step is over";
    retry(&s, 9, ""), expect_answer(&s, none);
    signal_step(&s, 9, "a", "\x01"), expect_answer(&s, none);
    set_output(&s, 9, "a", "\x01"), expect_answer(&s, none);
    skip(&s, 1, ""), expect_answer(&s, step);
    skip(&s, 1, "a[0].b"), expect_answer(&s, step);
    set_output(&s, 1, "nothing", "\x01"), expect_answer(&s, step);
    signal_step(&s, 1, "a", "\xc1"), expect_answer(&s, "result: expected a value");
    set_output(&s, 1, "a", "\xc1"), expect_answer(&s, "output: expected a value");
    skip(&s, 2, "a"), expect_answer(&s, queued);
    set_output(&s, 2, "a", "\x01"), expect_answer(&s, queued);
    skip(&s, 1, "a"), expect_answer(&s, "");
    set_output(&s, 1, "a", "\x01"), expect_answer(&s, over);
    set_output(&s, 1, "b", ""), expect_answer(&s, "");
    set_output(&s, 1, "b", ""), expect_answer(&s, "");
    story_failed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 4, 1, 1, 1 });
    skip(&s, 1, "d"), expect_answer(&s, "the run is over: retry it, or fork it");
    story_close(&s);
}
END_TEST

START_TEST(what_is_over_in_a_run_under_way_is_set_but_not_skipped)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: set, values: { n: 1 } }\n"
                        "  - { key: c, kind: action, action: x, if: 'false' }\n"
                        "  - { key: b, kind: action, action: x }\n");
    story_start(&s, 1, "");
    s.trace.kept_count = 0;
    skip(&s, 1, "a"), expect_answer(&s, "the step is over");
    skip(&s, 1, "c"), expect_answer(&s, "");
    set_output(&s, 1, "a", "\x05");
    story_expect_only(&s, "step_overridden",
        "0 step_overridden run=R1 key=a output=(1 bytes) by=ann reason=\"by hand\"\n");
    expect_answer(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(a_step_of_an_item_has_the_key_that_people_see)
{
    static const char *const wrong[] = { "x", "e[", "e[]", "e[].x", "e[0", "e[0]",
        "e[0]x", "e[0.x", "e[/].x", "e[:].x", "e[3].x", "e[99999999999].x", "e[0].q",
        "e[0].x[0].y", "[0].x" };
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - key: e\n    kind: each\n    items: [1, 2, 3]\n    concurrency: 1\n"
        "    steps:\n"
        "      - { key: x, kind: action, action: x }\n"
        "      - { key: y, kind: set, values: { n: '${{ item }}' } }\n");
    story_start(&s, 1, "");
    s.trace.kept_count = 0;
    for (size_t i = 0; i < COUNT(wrong); i++)
        skip(&s, 1, wrong[i]), expect_answer(&s, "the run has no such step");
    skip(&s, 1, "e[2].x");
    expect_answer(&s, "what the step lies in has not begun");
    set_output(&s, 1, "e[1].y", "\x01");
    expect_answer(&s, "what the step lies in has not begun");
    skip(&s, 1, "e[0].x");
    story_expect_only(&s, "step_skipped",
        "0 step_skipped run=R1 step=1 key=e[0].x reason=\"skipped by ann: not today\" "
        "passes=1\n");
    expect_answer(&s, "");
    set_output(&s, 1, "e[1].x", "\x07"), expect_answer(&s, "");
    /* The last item is under way: it is ended with what it lies in. */
    skip(&s, 1, "e");
    story_expect_only(&s, "job_withdrawn",
        "0 -> lease job_withdrawn run=R1 step=5 attempt=1 reason=\"skipped by ann: not "
        "today\"\n");
    expect_answer(&s, "");
    story_close(&s);
}
END_TEST

/* What its template names is set by hand while it lasts. */
START_TEST(whether_a_sleep_takes_too_long_is_known_when_it_begins)
{
    static const char *const lasts[] = { "5s", "1s" };
    static const char *const then[] = { "\x81\xa1n\xa2"
                                        "1s",
        "\x81\xa1n\xa2"
        "5s" };
    static const char *const over[] = {
        "2000 wait_timed_out run=R1 step=1 key=s attempt=1\n",
        "1000 wait_resumed run=R1 step=1 key=s attempt=1 by=timer\n"
    };
    for (size_t i = 0; i < COUNT(lasts); i++) {
        struct story s;
        char steps[256];
        snprintf(steps, sizeof steps,
            "steps:\n  - { key: a, kind: set, values: { n: '%s' } }\n"
            "  - { key: s, kind: sleep, duration: '${{ steps.a.output.n }}', "
            "timeout: 2s }\n",
            lasts[i]);
        story_open_with(&s, steps);
        story_start(&s, 1, "");
        set_output(&s, 1, "a", then[i]);
        trace_skip(&s.trace);
        trace_wait(&s.trace, 5000);
        story_expect_only(&s, " wait_", over[i]);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_step_in_a_parallel_that_has_not_begun_is_left)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: action, action: x }\n"
                        "  - key: p\n    kind: parallel\n    steps:\n"
                        "      - { key: x, kind: action, action: x }\n"
                        "      - { key: y, kind: action, action: x }\n");
    story_start(&s, 1, "");
    s.trace.kept_count = 0;
    skip(&s, 1, "x"), expect_answer(&s, "what the step lies in has not begun");
    skip(&s, 1, "a"), expect_answer(&s, "");
    skip(&s, 1, "x"), expect_answer(&s, "");
    set_output(&s, 1, "p", "\x05");
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    expect_answer(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(a_run_goes_on_only_from_a_step_of_its_own)
{
    static const char *const inner[] = { "x", "h", "z" };
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: h, kind: action, action: x }\n"
        "  - { key: a, kind: action, action: x, on_error: { step: h } }\n"
        "  - key: p\n    kind: parallel\n    steps:\n"
        "      - { key: x, kind: action, action: x }\n"
        "cleanup:\n  - { key: z, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "wait");
    for (size_t i = 0; i < COUNT(inner); i++) {
        s.trace.kept_count = 0;
        retry(&s, 1, inner[i]);
        expect_answer(&s, "a run can go on only from a step that lies in no other, and "
                          "is no handler and no cleanup");
    }
    story_close(&s);
}
END_TEST

START_TEST(an_output_that_cannot_be_put_together_is_not_the_one_that_is_set)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - key: p\n    kind: parallel\n    steps:\n"
                        "      - { key: x, kind: set, values: { n: 12345678901 } }\n"
                        "      - { key: y, kind: set, values: { n: 12345678901 } }\n"
                        "  - { key: b, kind: action, action: x }\n");
    story_start(&s, 1, "");
    s.trace.config.payload_max = 20;
    s.trace.kept_count = 0;
    set_output(&s, 1, "p", "\x05");
    story_expect_only(&s, "step_overridden",
        "0 step_overridden run=R1 key=p output=(1 bytes) by=ann reason=\"by "
        "hand\"\n");
    expect_answer(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(a_step_in_a_parallel_of_an_item_is_skipped)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - key: e\n    kind: each\n    items: [1, 2]\n    steps:\n"
                        "      - key: p\n        kind: parallel\n        steps:\n"
                        "          - { key: x, kind: action, action: x }\n"
                        "          - { key: y, kind: action, action: x }\n");
    story_start(&s, 1, "");
    s.trace.kept_count = 0;
    skip(&s, 1, "e[1].x"), expect_answer(&s, "what the step lies in has not begun");
    skip(&s, 1, "e[0].x");
    story_expect_only(&s, "step_skipped",
        "0 step_skipped run=R1 step=2 key=e[0].x reason=\"skipped by ann: not "
        "today\" passes=1\n");
    expect_answer(&s, "");
    story_close(&s);
}
END_TEST

/* With parallels in an each and in a parallel, and a time of its own. */
START_TEST(a_run_that_goes_on_counts_what_was_over_where_it_lies)
{
    struct story s;
    story_open_with(&s, "timeout: 1h\n"
                        "steps:\n"
                        "  - key: e\n    kind: each\n    items: [1]\n    steps:\n"
                        "      - key: p\n        kind: parallel\n        steps:\n"
                        "          - { key: x, kind: set, values: {} }\n"
                        "          - { key: y, kind: action, action: x }\n"
                        "  - key: q\n    kind: parallel\n    needs: []\n    steps:\n"
                        "      - key: r\n        kind: parallel\n        steps:\n"
                        "          - { key: t, kind: set, values: {} }\n"
                        "          - { key: u, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "wait");
    trace_wait(&s.trace, 1000);
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 11, .run = story_run(1) } });
    story_expect_only(&s, " step_",
        "1000 step_started run=R1 step=4 key=u kind=action\n"
        "1000 step_started run=R1 step=7 key=e[0].y kind=action\n");
    trace_wait(&s.trace, 3600 * 1000);
    story_expect_only(&s, "run_failed",
        "3601000 run_failed run=R1 error_type=Timeout error_message=\"the run "
        "took longer than its timeout\" stop_reason=wall_clock_exceeded\n");
    story_close(&s);
}
END_TEST

START_TEST(an_output_given_to_a_step_of_a_cancelled_run_leaves_it_cancelled)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: action, action: x }\n"
                        "  - { key: b, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    set_output(&s, 1, "b", "\x07");
    trace_skip(&s.trace);
    retry(&s, 1, "");
    story_expect_only(
        &s, "run_resumed", "0 run_resumed run=R1 attempt=2 by=ann reason=again\n");
    story_completed(&s, (struct held){ 1, 0, 2, 1, 1 });
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

/* It would count there as over, and be done again. */
START_TEST(no_output_is_given_to_a_step_of_a_cancelled_run_that_had_no_place_yet)
{
    static const char early[] = "what the step lies in has not begun";
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: e, kind: each, items: [1, 2], steps: [\n"
                        "      { key: i, kind: action, action: x } ] }\n"
                        "  - { key: p, kind: parallel, steps: [\n"
                        "      { key: x, kind: action, action: x },\n"
                        "      { key: y, kind: action, action: x } ] }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    s.trace.kept_count = 0;
    set_output(&s, 1, "x", "\x07"), expect_answer(&s, early);
    set_output(&s, 1, "e[1].i", "\x07"), expect_answer(&s, early);
    set_output(&s, 1, "e[0].i", "\x07"), expect_answer(&s, "");
    retry(&s, 1, "");
    story_completed(&s, (struct held){ 1, 5, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, " step_completed", "0 step_completed run=R1 step=2 key=x\n");
    story_close(&s);
}
END_TEST

/* An earlier release did not count open runs. */
START_TEST(a_run_that_was_not_counted_when_it_began_ends)
{
    struct story s;
    struct id run = story_run(1);
    struct row_key key = row_key('o');
    story_open_with(&s, "steps:\n  - { key: a, kind: action, action: x }\n");
    row_key_id(&key, &s.trace.project);
    row_key_u64(&key, row_slice(&run));
    story_start(&s, 1, "");
    ck_assert_ptr_nonnull(journal_get(s.trace.journal, row_key_bytes(&key)).data);
    journal_delete(s.trace.journal, row_key_bytes(&key));
    story_cancel(&s, 1, "enough");
    ck_assert_ptr_null(journal_get(s.trace.journal, row_key_bytes(&key)).data);
    story_close(&s);
}
END_TEST

Suite *
scheduler_operate_suite(void)
{
    Suite *suite = suite_create("operate");
    TCase *tcase = tcase_create("operate");
    tcase_add_test(tcase, a_signal_resumes_a_step_that_waits);
    tcase_add_test(tcase, a_run_that_is_not_over_is_not_retried);
    tcase_add_test(tcase, a_failed_run_ends_and_cleans_up_before_it_is_retried);
    tcase_add_test(tcase, a_failed_run_goes_on_from_what_did_not_complete);
    tcase_add_test(tcase, a_cancelled_run_goes_on_from_the_step_that_is_named);
    tcase_add_test(tcase, items_that_completed_are_not_done_again);
    tcase_add_test(tcase, a_step_is_skipped_whatever_it_does);
    tcase_add_test(tcase, an_output_is_set_by_hand);
    tcase_add_test(tcase, the_output_of_a_failed_step_is_set_and_the_run_goes_on);
    tcase_add_test(tcase, a_resumed_run_needs_a_slot);
    tcase_add_test(tcase, what_cannot_be_said_of_a_run_is_refused_with_the_reason);
    tcase_add_test(tcase, what_is_over_in_a_run_under_way_is_set_but_not_skipped);
    tcase_add_test(tcase, a_step_of_an_item_has_the_key_that_people_see);
    tcase_add_test(tcase, whether_a_sleep_takes_too_long_is_known_when_it_begins);
    tcase_add_test(tcase, a_step_in_a_parallel_that_has_not_begun_is_left);
    tcase_add_test(tcase, a_run_goes_on_only_from_a_step_of_its_own);
    tcase_add_test(
        tcase, only_a_failed_run_is_discarded_and_nothing_of_it_is_done_again);
    tcase_add_test(tcase, what_is_discarded_does_not_clean_up_again);
    tcase_add_test(
        tcase, an_output_that_cannot_be_put_together_is_not_the_one_that_is_set);
    tcase_add_test(tcase, a_step_in_a_parallel_of_an_item_is_skipped);
    tcase_add_test(tcase, a_run_that_goes_on_counts_what_was_over_where_it_lies);
    tcase_add_test(
        tcase, an_output_given_to_a_step_of_a_cancelled_run_leaves_it_cancelled);
    tcase_add_test(
        tcase, no_output_is_given_to_a_step_of_a_cancelled_run_that_had_no_place_yet);
    tcase_add_test(tcase, a_run_that_was_not_counted_when_it_began_ends);
    suite_add_tcase(suite, tcase);
    return suite;
}
