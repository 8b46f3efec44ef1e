/* Goal: a step waits for an event and for people, and hears each answer once.
 * Method: every word that the scheduler says is compared; values by what leaves. */
#include "base/json_read.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const char wait_twice[] =
    "default_inputs: { order: 17 }\n"
    "steps:\n"
    "  - { key: a, kind: wait_for_event, event_type: order.paid, source: shop,\n"
    "      match: { order.id: '${{ inputs.order }}' }, condition: event.n > 3 }\n"
    "  - { key: b, kind: wait_for_event, event_type: order.paid, timeout: 5s }\n";

/* {"n": 4} */
static const struct bytes four = { (const uint8_t *)"\x81\xa1n\x04", 4 };

START_TEST(a_wait_is_offered_until_it_is_known)
{
    struct story s;
    story_open_with(&s, wait_twice);
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(8 bytes) "
        "source=api steps=2\n"
        "0 step_started run=R1 key=a kind=wait_for_event\n"
        "0 wait_opened run=R1 key=a attempt=1 wait_kind=event "
        "event_type=order.paid source=shop match=(11 bytes) condition=\"event.n > "
        "3\"\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> trigger wait_offered run=R1 attempt=1 event_type=order.paid "
        "source=shop match=(11 bytes) condition=\"event.n > 3\" order=3\n");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 0);
    trace_hello(&s.trace, ACTOR_trigger, 0, 2);
    story_expect(&s,
        "0 -> trigger wait_offered run=R1 attempt=1 event_type=order.paid "
        "source=shop match=(11 bytes) condition=\"event.n > 3\" order=3\n"
        "0 peer_reset actor=3 life=1\n"
        "0 -> trigger wait_offered run=R1 attempt=1 event_type=order.paid "
        "source=shop match=(11 bytes) condition=\"event.n > 3\" order=3\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    story_expect(&s, "0 wait_settled run=R1 attempt=1 order=3\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    trace_hello(&s.trace, ACTOR_trigger, 0, 2);
    story_expect(&s, "0 peer_reset actor=3 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_event_ends_the_wait_once_and_the_next_one_looks_behind_it)
{
    struct story s;
    story_open_with(&s, wait_twice);
    story_start(&s, 1, "");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    trace_skip(&s.trace);
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 41, four);
    story_expect(&s,
        "0 wait_resumed run=R1 key=a attempt=1 by=event number=41\n"
        "0 step_completed run=R1 key=a output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=wait_for_event\n"
        "0 wait_opened run=R1 step=1 key=b attempt=1 wait_kind=event due_ms=5000 "
        "event_type=order.paid after=41\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "0 -> trigger match_taken run=R1 attempt=1\n"
        "0 -> trigger wait_offered run=R1 step=1 attempt=1 event_type=order.paid "
        "after=41 order=5\n");
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 41, four);
    story_expect(&s, "0 -> trigger match_taken run=R1 attempt=1\n");
    story_matched(&s, (struct held){ 1, 1, 1, 0, 0 }, 42, four);
    story_expect(&s,
        "0 wait_resumed run=R1 step=1 key=b attempt=1 by=event number=42\n"
        "0 step_completed run=R1 step=1 key=b output=(4 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=10 status=4 whole=1 output=(4 "
        "bytes) stop_reason=completed\n"
        "0 -> trigger match_taken run=R1 step=1 attempt=1\n");
    story_expect_output(&s, "{\"n\":4}");
    story_close(&s);
}
END_TEST

START_TEST(a_wait_that_times_out_is_withdrawn_until_that_is_known)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: wait_for_event, event_type: x,\n"
                        "      timeout: { duration: 5s, on_timeout: continue } }\n"
                        "  - { key: b, kind: action, action: x }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect(&s,
        "5000 wait_timed_out run=R1 key=a attempt=1\n"
        "5000 step_completed run=R1 key=a\n"
        "5000 step_started run=R1 step=1 key=b kind=action\n"
        "5000 action_called run=R1 step=1 key=b attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "5000 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "5000 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n"
        "5000 -> trigger wait_withdrawn run=R1 attempt=1 order=4\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    story_expect(&s, "");
    trace_hello(&s.trace, ACTOR_trigger, 0, 3);
    story_expect_only(
        &s, "wait_", "5000 -> trigger wait_withdrawn run=R1 attempt=1 order=4\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, false);
    trace_hello(&s.trace, ACTOR_trigger, 0, 3);
    story_expect_only(&s, "wait_", "5000 wait_settled run=R1 attempt=1 order=4\n");
    story_close(&s);
}
END_TEST

START_TEST(each_attempt_of_a_wait_is_withdrawn_by_itself)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: wait_for_event, event_type: x, timeout: 5s,\n"
        "      retry: { max_attempts: 2, delay: 1s } }\n");
    story_start(&s, 1, "");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    trace_skip(&s.trace);
    trace_wait(&s.trace, 6000);
    story_expect(&s,
        "5000 wait_timed_out run=R1 key=a attempt=1\n"
        "5000 step_retried run=R1 key=a attempt=2 max_attempts=2 due_ms=6000\n"
        "5000 -> gateway run_changed run=R1 sequence=5 status=3\n"
        "5000 -> trigger wait_withdrawn run=R1 attempt=1 order=5\n"
        "6000 wait_opened run=R1 key=a attempt=2 wait_kind=event due_ms=11000 "
        "event_type=x\n"
        "6000 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "6000 -> trigger wait_offered run=R1 attempt=2 event_type=x order=6\n");
    trace_hello(&s.trace, ACTOR_trigger, 0, 2);
    story_expect_only(&s, "wait_",
        "6000 -> trigger wait_withdrawn run=R1 attempt=1 order=5\n"
        "6000 -> trigger wait_offered run=R1 attempt=2 event_type=x order=6\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, false);
    story_known(&s, (struct held){ 1, 0, 2, 0, 0 }, true);
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 7, four);
    story_matched(&s, (struct held){ 1, 0, 2, 0, 0 }, 8, four);
    story_expect(&s, "6000 wait_settled run=R1 attempt=1 order=5\n"
                     "6000 wait_settled run=R1 attempt=2 order=6\n"
                     "6000 -> trigger match_taken run=R1 attempt=1\n"
                     "6000 wait_resumed run=R1 key=a attempt=2 by=event number=8\n"
                     "6000 step_completed run=R1 key=a output=(4 bytes) has_output=1\n"
                     "6000 run_completed run=R1\n"
                     "6000 -> gateway run_changed run=R1 sequence=9 status=4 whole=1 "
                     "finished_ms=6000 output=(4 bytes) stop_reason=completed\n"
                     "6000 -> trigger match_taken run=R1 attempt=2\n");
    story_close(&s);
}
END_TEST

START_TEST(a_mapping_says_what_the_output_of_a_wait_is)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: wait_for_event, event_type: x,\n"
                        "      mapping: { twice: event.n * 2 } }\n");
    story_start(&s, 1, "");
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, four);
    story_expect_output(&s, "{\"twice\":8}");
    story_close(&s);
}
END_TEST

START_TEST(a_cancelled_wait_is_withdrawn)
{
    struct story s;
    story_open_with(&s, wait_twice);
    story_start(&s, 1, "");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, true);
    trace_skip(&s.trace);
    story_cancel(&s, 1, "");
    story_expect(&s,
        "0 step_cancelled run=R1 key=a\n"
        "0 run_cancelled run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n"
        "0 -> trigger wait_withdrawn run=R1 attempt=1 order=5\n");
    story_known(&s, (struct held){ 1, 0, 1, 0, 0 }, false);
    story_expect(&s, "0 wait_settled run=R1 attempt=1 order=5\n");
    story_close(&s);
}
END_TEST

START_TEST(one_of_those_who_are_asked_answers_once)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      prompt: 'Is {{ .meta.automation }} good?', targets: [ann, bob],\n"
        "      expires_at: 1h, on_timeout: skip }\n"
        "  - { key: b, kind: set, values: { ok: '${{ steps.a.output.approved }}' } "
        "}\n");
    story_start(&s, 1, "");
    struct id asked = story_interaction(&s, 1, 0, 1);
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=2\n"
        "0 step_started run=R1 key=a kind=interaction\n"
        "0 interaction_requested run=R1 key=a attempt=1 "
        "interaction=0000000003e97c7a803ac7c1c291ad8c protocol=request_approval "
        "title=Ship? prompt=\"Is flow good?\" targets=(9 bytes) due_ms=3600000\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_respond(&s, asked, "eve", "\xc3");
    story_respond(&s, asked, "ann", "\x07");
    story_respond(&s, story_run(4), "ann", "\xc3");
    story_expect(&s,
        "0 -> gateway refused request=9 err=4 detail=\"it asks somebody "
        "else: a key of scope admin may answer for one of its targets, by `as`, or "
        "--as NAME\"\n"
        "0 -> gateway refused request=9 err=2 detail=\"value: expected true or "
        "false\"\n"
        "0 -> gateway refused request=9 err=5 detail=\"nothing such is asked in "
        "the project\"\n");
    trace_crash(&s.trace);
    story_respond(&s, asked, "ann", "\xc3");
    story_expect(&s,
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=ann resolved=1\n"
        "0 step_completed run=R1 key=a output=(76 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(5 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=4 whole=1 output=(5 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_expect_output(&s, "{\"ok\":true}");
    story_respond(&s, asked, "bob", "\xc3");
    story_respond(&s, asked, "ann", "\xc3");
    story_expect(&s,
        "0 -> gateway refused request=9 err=7 detail=\"it was answered already\"\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_close(&s);
}
END_TEST

static void
delete_question(struct story *s, struct id interaction)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_DELETE,
            .interaction_delete = {
                .request = 9, .interaction = interaction, .by = text("ann") } });
}

START_TEST(a_question_is_forgotten_when_it_is_settled_and_its_run_goes_on)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?' }\n"
        "  - { key: b, kind: interaction, protocol: approval, title: 'Sure?' }\n");
    story_start(&s, 1, "");
    struct id first = story_interaction(&s, 1, 0, 1);
    struct id second = story_interaction(&s, 1, 1, 1);
    trace_skip(&s.trace);
    delete_question(&s, first);
    story_expect(&s,
        "0 -> gateway refused request=9 err=7 detail=\"it is still asked: answer or "
        "withdraw it first\"\n");
    story_respond(&s, first, "ann", "\xc3");
    trace_skip(&s.trace);
    delete_question(&s, first);
    story_expect(&s,
        "0 interaction_deleted run=R1 interaction=I by=ann\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n");
    trace_crash(&s.trace);
    delete_question(&s, first);
    story_respond(&s, first, "ann", "\xc3");
    story_expect(&s,
        "0 -> gateway refused request=9 err=5 detail=\"nothing such is asked in "
        "the project\"\n"
        "0 -> gateway refused request=9 err=5 detail=\"nothing such is asked in "
        "the project\"\n");
    story_respond(&s, second, "bob", "\xc3");
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    delete_question(&s, second);
    story_expect_only(&s, "interaction_deleted",
        "0 interaction_deleted run=R1 interaction=I by=ann\n");
    story_close(&s);
}
END_TEST

/* Start a run with inputs that are JSON here. */
static void
start_given(struct story *s, unsigned run, const char *json)
{
    struct buffer inputs = { 0 };
    struct fault fault;
    ck_assert_int_eq(json_to_msgpack(text(json), &inputs, NULL, &fault), ERR_NONE);
    story_start_with(s, run, "", buffer_bytes(&inputs));
    buffer_free(&inputs);
}

START_TEST(who_is_asked_what_and_until_when_may_be_given)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      targets: [eve, '${{ inputs.whom }}'], spec: '${{ inputs.spec }}',\n"
        "      until: '${{ inputs.until }}' }\n");
    struct id asked = story_interaction(&s, 1, 0, 1);
    start_given(&s, 1,
        "{\"whom\":[\"ann\",\"bob\"],\"spec\":{\"mode\":\"confirm\"},"
        "\"until\":\"1970-01-01T00:00:05Z\"}");
    story_expect_only(&s, "interaction_requested",
        "0 interaction_requested run=R1 key=a attempt=1 interaction=I "
        "protocol=request_approval title=Ship? targets=(13 bytes) spec=(14 bytes) "
        "due_ms=5000\n");
    story_respond(&s, asked, "bob", "\xc3");
    story_expect_only(&s, "interaction_responded",
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=bob resolved=1\n");
    (void)story_interaction(&s, 2, 0, 1);
    start_given(&s, 2, "{\"whom\":[],\"spec\":null,\"until\":null}");
    story_expect_only(&s, "interaction_requested",
        "0 interaction_requested run=R2 key=a attempt=1 interaction=I "
        "protocol=request_approval title=Ship? targets=(5 bytes) spec=(1 bytes)\n");
    start_given(&s, 3, "{\"whom\":[7],\"spec\":null,\"until\":null}");
    story_expect_only(&s, "step_failed run",
        "0 step_failed run=R3 key=a error_type=TemplateError "
        "error_message=\"targets: expected texts, or lists of them\"\n");
    start_given(&s, 4, "{\"whom\":[],\"spec\":[],\"until\":null}");
    story_expect_only(&s, "step_failed run",
        "0 step_failed run=R4 key=a error_type=TemplateError "
        "error_message=\"spec: expected a map\"\n");
    story_close(&s);
}
END_TEST

START_TEST(all_of_those_who_are_asked_must_answer)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      targets: [ann, bob], resolution_policy: all_of, on_reject: fail }\n");
    story_start(&s, 1, "");
    struct id asked = story_interaction(&s, 1, 0, 1);
    trace_skip(&s.trace);
    story_respond(&s, asked, "ann", "\xc3");
    story_respond(&s, asked, "ann", "\xc2");
    story_expect(&s,
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=ann\n"
        "0 -> gateway run_changed run=R1 sequence=4 status=3\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> gateway refused request=9 err=7 detail=\"you have answered it "
        "already\"\n");
    story_respond(&s, asked, "bob", "\xc2");
    story_expect_only(&s, "run=R1",
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=bob resolved=1\n"
        "0 step_failed run=R1 key=a error_type=Rejected error_message=\"it was "
        "rejected\"\n"
        "0 run_failed run=R1 step=a error_type=Rejected error_message=\"it was "
        "rejected\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=5 whole=1 "
        "stop_reason=step_failed error_type=Rejected error_message=\"it was "
        "rejected\" failed_step=a\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=5 existed=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_answer_names_its_step_whatever_the_next_one_reads)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { n: 1 }\n"
        "steps:\n"
        "  - { key: a, kind: sleep, duration: 1s }\n"
        "  - { key: asked, kind: interaction, protocol: approval, title: 'Ship?' }\n"
        "  - { key: b, kind: set, values: { n: '${{ inputs.n }}' } }\n");
    story_start(&s, 1, "");
    trace_wait(&s.trace, 1000);
    trace_skip(&s.trace);
    story_respond(&s, story_interaction(&s, 1, 1, 1), "ann", "\xc3");
    story_expect_only(&s, "interaction_responded",
        "1000 interaction_responded run=R1 step=1 key=asked interaction=I "
        "value=(1 bytes) principal=ann resolved=1\n");
    story_expect_output(&s, "{\"n\":1}");
    story_close(&s);
}
END_TEST

START_TEST(a_question_that_nobody_answers_expires_or_goes_to_others)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      targets: [ann], expires_at: 1h, on_timeout: skip }\n"
        "  - { key: b, needs: [], kind: interaction, protocol: review, title: "
        "'Good?',\n"
        "      targets: [ann], expires_at: 1h, on_timeout: escalate,\n"
        "      escalate_to: [boss] }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    struct id asked = story_interaction(&s, 1, 0, 1);
    trace_wait(&s.trace, 3600000);
    story_expect_only(&s, "run=R1",
        "3600000 wait_timed_out run=R1 key=a attempt=1\n"
        "3600000 step_skipped run=R1 key=a reason=\"nobody answered in time\"\n"
        "3600000 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "3600000 wait_timed_out run=R1 step=1 key=b attempt=1\n"
        "3600000 interaction_requested run=R1 step=1 key=b attempt=1 "
        "interaction=0000000003e9753a8003f26975be76f2 protocol=request_review "
        "title=Good? targets=(6 bytes) due_ms=7200000 escalated=1\n"
        "3600000 -> gateway run_changed run=R1 sequence=9 status=3\n");
    story_respond(&s, asked, "ann", "\xc3");
    story_expect(
        &s, "3600000 -> gateway refused request=9 err=7 detail=\"it has expired\"\n");
    trace_wait(&s.trace, 3600000);
    story_expect_only(&s, "run=R1",
        "7200000 wait_timed_out run=R1 step=1 key=b attempt=1\n"
        "7200000 step_failed run=R1 step=1 key=b error_type=Timeout "
        "error_message=\"nobody answered in time\"\n"
        "7200000 run_failed run=R1 step=b error_type=Timeout "
        "error_message=\"nobody answered in time\" stop_reason=step_failed\n"
        "7200000 -> gateway run_changed run=R1 sequence=12 status=5 whole=1 "
        "finished_ms=7200000 stop_reason=step_failed error_type=Timeout "
        "error_message=\"nobody answered in time\" failed_step=b\n");
    story_close(&s);
}
END_TEST

/* Two expire with one moment: the second has not been told so when it is answered. */
START_TEST(what_has_expired_is_not_answered_any_more)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      targets: [ann], expires_at: 1h, on_timeout: skip }\n"
        "  - { key: b, needs: [], kind: interaction, protocol: approval, "
        "title: 'Sure?',\n"
        "      targets: [ann], expires_at: 1h, on_timeout: skip }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_queue(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND,
            .interaction_respond = { .request = 9,
                .interaction = story_interaction(&s, 1, 1, 1),
                .value = text("\xc3"),
                .principal = text("ann") } });
    trace_wait(&s.trace, 3600000);
    story_expect_only(&s, "refused",
        "3600000 -> gateway refused request=9 err=7 detail=\"it has expired\"\n");
    story_close(&s);
}
END_TEST

START_TEST(all_assertions_are_evaluated)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { n: 1 }\n"
        "steps:\n"
        "  - { key: a, kind: check, on_fail: continue,\n"
        "      checks: [{ name: big, expr: inputs.n > 3 },\n"
        "               { name: there, expr: event.x }, { expr: inputs.n == 1 }] }\n"
        "  - { key: b, kind: set, values: { a: '${{ steps.a.output }}' } }\n"
        "  - { key: c, kind: check, checks: [{ expr: inputs.n == 1 }] }\n"
        "  - { key: d, kind: check, retry: { max_attempts: 2, delay: 0s },\n"
        "      checks: [{ expr: inputs.n == 2 }, { name: lost, expr: event.x }] }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=api steps=4\n"
        "0 step_started run=R1 key=a kind=check\n"
        "0 check_failed run=R1 key=a detail=(118 bytes)\n"
        "0 step_completed run=R1 key=a output=(139 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(142 bytes) has_output=1\n"
        "0 step_started run=R1 step=2 key=c kind=check\n"
        "0 check_passed run=R1 step=2 key=c detail=(29 bytes)\n"
        "0 step_completed run=R1 step=2 key=c output=(50 bytes) has_output=1\n"
        "0 step_started run=R1 step=3 key=d kind=check\n"
        "0 check_failed run=R1 step=3 key=d detail=(99 bytes)\n"
        "0 step_retried run=R1 step=3 key=d attempt=2 max_attempts=2 due_ms=1\n"
        "0 -> gateway run_changed run=R1 sequence=12 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    trace_wait(&s.trace, 1);
    story_expect(&s, "1 check_failed run=R1 step=3 key=d detail=(99 bytes)\n"
                     "1 step_failed run=R1 step=3 key=d error_type=CheckFailed "
                     "error_message=\"inputs.n == 2, lost\"\n"
                     "1 run_failed run=R1 step=d error_type=CheckFailed "
                     "error_message=\"inputs.n == 2, lost\" stop_reason=step_failed\n"
                     "1 -> gateway run_changed run=R1 sequence=15 status=5 whole=1 "
                     "finished_ms=1 stop_reason=step_failed error_type=CheckFailed "
                     "error_message=\"inputs.n == 2, lost\" failed_step=d\n");
    story_close(&s);
}
END_TEST

START_TEST(a_gate_asks_whether_to_go_on)
{
    struct story s;
    story_open_with(&s,
        "default_inputs: { n: 1 }\n"
        "steps:\n"
        "  - { key: a, kind: check, on_fail: gate, gate: { targets: [ann] },\n"
        "      checks: [{ name: big, expr: inputs.n > 3 }] }\n");
    story_start(&s, 1, "");
    struct id asked = story_interaction(&s, 1, 0, 1);
    story_expect_only(&s, "run=R1",
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(4 bytes) "
        "source=api steps=1\n"
        "0 step_started run=R1 key=a kind=check\n"
        "0 check_failed run=R1 key=a detail=(19 bytes)\n"
        "0 interaction_requested run=R1 key=a attempt=1 "
        "interaction=0000000003e97c7a803ac7c1c291ad8c protocol=request_approval "
        "prompt=\"these checks failed: big\" targets=(5 bytes)\n"
        "0 -> gateway run_changed run=R1 sequence=4 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_respond(&s, asked, "ann", "\xc3");
    story_expect_only(&s, "run=R1",
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=ann resolved=1\n"
        "0 step_completed run=R1 key=a output=(44 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=4 whole=1 output=(44 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_expect_output(&s,
        "{\"verdict\":\"approved\",\"checks\":[{\"name\":\"big\",\"passed\":false}]}");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    asked = story_interaction(&s, 2, 0, 1);
    story_respond(&s, asked, "ann", "\xc2");
    story_expect_only(&s, "run=R2",
        "0 interaction_responded run=R2 key=a interaction=I value=(1 bytes) "
        "principal=ann resolved=1\n"
        "0 step_failed run=R2 key=a error_type=CheckFailed error_message=\"checks "
        "failed, and going on was not approved\"\n"
        "0 run_failed run=R2 step=a error_type=CheckFailed error_message=\"checks "
        "failed, and going on was not approved\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R2 sequence=7 status=5 whole=1 "
        "stop_reason=step_failed error_type=CheckFailed error_message=\"checks "
        "failed, and going on was not approved\" failed_step=a\n"
        "0 -> gateway run_accepted request=9 run=R2 automation=A name=flow "
        "version=1 status=5 existed=1\n");
    story_close(&s);
}
END_TEST

/* What could not be evaluated is only named there. */
START_TEST(a_gate_shows_a_condition_in_braces_as_it_is_written)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: a, kind: check, on_fail: gate, gate: { targets: [ann] },\n"
        "      checks: [{ expr: '${{ inputs.n > 3 }}' }] }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "run=R1 key=a attempt",
        "0 interaction_requested run=R1 key=a attempt=1 "
        "interaction=0000000003e97c7a803ac7c1c291ad8c protocol=request_approval "
        "prompt=\"these checks failed: ${{ inputs.n > 3 }}\" targets=(5 bytes)\n");
    story_close(&s);
}
END_TEST

START_TEST(a_sleep_is_as_long_as_its_template_says)
{
    static const struct {
        const char *config, *said;
    } rows[] = {
        { "duration: '${{ inputs.text }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=90000\n" },
        { "duration: '${{ inputs.whole }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=2000\n" },
        { "duration: '${{ inputs.half }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=500\n" },
        { "duration: '${{ inputs.less }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"duration: expected one such as 1h30m, or a number of "
            "seconds\"\n" },
        { "duration: '${{ inputs.less / 2 }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"duration: expected one such as 1h30m, or a number of "
            "seconds\"\n" },
        { "duration: '${{ inputs.huge }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"duration: expected one such as 1h30m, or a number of "
            "seconds\"\n" },
        { "duration: '${{ inputs.list }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"duration: expected one such as 1h30m, or a number of "
            "seconds\"\n" },
        { "duration: '${{ 1 / 0 }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"duration: line 1, column 7: a division by zero\"\n" },
        { "until: '${{ 1 / 0 }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"until: line 1, column 7: a division by zero\"\n" },
        { "until: '${{ inputs.list }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"until: line 1, column 1: toUnixMs wants a time, not a "
            "list\"\n" },
        { "until: '${{ inputs.past }}'",
            "0 step_started run=R1 key=a kind=sleep\n"
            "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=1\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[400];
        snprintf(about, sizeof about,
            "default_inputs: { text: 1m30s, whole: 2, half: 0.5, less: -1, huge: "
            "2.0e12, list: [], past: '1960-01-01T00:00:00Z' }\n"
            "steps:\n  - { key: a, kind: sleep, %s }\n",
            rows[i].config);
        story_open_with(&s, about);
        story_start(&s, 1, "");
        story_expect_only(&s, " key=a ", rows[i].said);
        story_close(&s);
    }
}
END_TEST

START_TEST(what_a_wait_is_for_is_evaluated_or_fails_its_step)
{
    static const struct {
        const char *config, *said;
    } rows[] = {
        { "match: { n: '${{ 1 / 0 }}' }",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"match.n: line 1, column 7: a division by zero\"\n" },
        { "source: '${{ 1 / 0 }}'",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"source: line 1, column 7: a division by zero\"\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[400];
        snprintf(about, sizeof about,
            "steps:\n  - { key: a, kind: wait_for_event, event_type: x, %s }\n",
            rows[i].config);
        story_open_with(&s, about);
        story_start(&s, 1, "");
        story_expect_only(&s, " step_failed", rows[i].said);
        story_close(&s);
    }
}
END_TEST

START_TEST(an_event_that_cannot_be_mapped_fails_its_step)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: wait_for_event, event_type: x,\n"
                        "      mapping: { twice: event.n / 0 } }\n");
    story_start(&s, 1, "");
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, four);
    story_expect_only(&s, " step_failed",
        "0 step_failed run=R1 key=a error_type=TemplateError "
        "error_message=\"mapping: line 1, column 9: a division by zero\"\n");
    story_close(&s);
}
END_TEST

/* The trigger actor says again what it has not been told was heard. */
START_TEST(what_is_said_of_no_wait_changes_nothing)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: a, kind: wait_for_event, event_type: x }\n"
                        "  - { key: b, kind: sleep, needs: [], duration: 1h }\n"
                        "cleanup:\n"
                        "  - { key: c, kind: sleep, duration: 2s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_matched(&s, (struct held){ 4, 0, 1, 0, 0 }, 1, four);
    story_matched(&s, (struct held){ 1, 9, 1, 0, 0 }, 1, four);
    story_matched(&s, (struct held){ 1, 1, 1, 0, 0 }, 1, four);
    story_expect(&s, "0 -> trigger match_taken run=R4 attempt=1\n"
                     "0 -> trigger match_taken run=R1 step=9 attempt=1\n"
                     "0 -> trigger match_taken run=R1 step=1 attempt=1\n");
    story_known(&s, (struct held){ 4, 0, 1, 0, 0 }, true);
    story_known(&s, (struct held){ 1, 9, 1, 0, 0 }, true);
    story_known(&s, (struct held){ 1, 0, 2, 0, 0 }, true);
    story_expect(&s, "");
    story_cancel(&s, 1, "enough");
    trace_skip(&s.trace);
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, four);
    trace_wait(&s.trace, 2000);
    story_matched(&s, (struct held){ 1, 0, 1, 0, 0 }, 1, four);
    story_expect_only(&s, "match_taken",
        "0 -> trigger match_taken run=R1 attempt=1\n"
        "2000 -> trigger match_taken run=R1 attempt=1\n");
    story_close(&s);
}
END_TEST

/* Two waits for one type, another for another, one that looks at what comes from now
 * on. */
START_TEST(a_wait_looks_behind_the_last_event_that_its_run_had_of_the_type)
{
    struct story s;
    story_open_with(&s,
        "concurrency: queue\n"
        "steps:\n"
        "  - { key: a, kind: wait_for_event, event_type: order.paid }\n"
        "  - { key: b, kind: wait_for_event, event_type: order.paid, needs: [] }\n"
        "  - { key: c, kind: wait_for_event, event_type: order.paid, needs: [a] }\n"
        "  - { key: d, kind: wait_for_event, event_type: order.sent, needs: [a] }\n"
        "  - { key: e, kind: wait_for_event, event_type: order.paid, needs: [b],\n"
        "      lookback: none }\n"
        "  - { key: f, kind: wait_for_event, event_type: order.paid, needs: [d] }\n");
    story_start(&s, 2, "");
    trace_wait(&s.trace, 1000);
    story_start(&s, 1, "");
    trace_wait(&s.trace, 1000);
    trace_skip(&s.trace);
    story_cancel(&s, 2, "enough");
    story_expect_only(&s, "wait_opened run=R1",
        "2000 wait_opened run=R1 key=a attempt=1 wait_kind=event "
        "event_type=order.paid since_ms=1000\n"
        "2000 wait_opened run=R1 step=1 key=b attempt=1 wait_kind=event "
        "event_type=order.paid since_ms=1000\n");
    story_matched(&s, (struct held){ 1, 0, 1, 1, 1 }, 9, text("\x80"));
    story_expect_only(&s, "wait_opened",
        "2000 wait_opened run=R1 step=2 key=c attempt=1 wait_kind=event "
        "event_type=order.paid since_ms=1000 after=9\n"
        "2000 wait_opened run=R1 step=3 key=d attempt=1 wait_kind=event "
        "event_type=order.sent since_ms=1000\n");
    story_matched(&s, (struct held){ 1, 1, 1, 1, 1 }, 5, text("\x80"));
    story_expect_only(&s, "wait_opened",
        "2000 wait_opened run=R1 step=4 key=e attempt=1 wait_kind=event "
        "event_type=order.paid since_ms=2000 after=9\n");
    story_matched(&s, (struct held){ 1, 3, 1, 1, 1 }, 10, text("\x80"));
    story_expect_only(&s, "wait_opened",
        "2000 wait_opened run=R1 step=5 key=f attempt=1 wait_kind=event "
        "event_type=order.paid since_ms=1000 after=9\n");
    story_close(&s);
}
END_TEST

/* The trigger actor is away, and no attempt is known to be over. */
START_TEST(each_attempt_of_a_wait_that_is_over_is_known_by_itself)
{
    struct story s;
    story_open_with(&s,
        "steps:\n  - { key: a, kind: wait_for_event, event_type: x, timeout: 1s,\n"
        "      retry: { max_attempts: 3, delay: 1s } }\n");
    story_start(&s, 1, "");
    trace_wait(&s.trace, 10 * 1000);
    trace_skip(&s.trace);
    story_known(&s, (struct held){ 1, 0, 2, 1, 1 }, false);
    story_expect(&s, "10000 wait_settled run=R1 attempt=2 order=6\n");
    story_known(&s, (struct held){ 1, 0, 9, 1, 1 }, false);
    story_expect(&s, "");
    trace_hello(&s.trace, ACTOR_trigger, 0, 2);
    story_expect_only(&s, "wait_withdrawn",
        "10000 -> trigger wait_withdrawn run=R1 attempt=1 order=4\n"
        "10000 -> trigger wait_withdrawn run=R1 attempt=3 order=8\n");
    story_close(&s);
}
END_TEST

START_TEST(a_mapping_names_the_event_and_what_came_with_it)
{
    static const struct {
        const char *mapping, *written, *meant, *said;
    } rows[] = {
        { "{ b: meta.who, a: event.id }", "event.id", "event.id",
            "0 step_completed run=R1 key=a output=(10 bytes) has_output=1\n" },
        { "{ a: event.id, b: meta.who }", "meta.who", "mexa.who",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"mapping: line 1, column 1: there is no mexa\"\n" },
        { "{ a: event.id, b: meta.who }", "event.id", "event.no",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"mapping: line 1, column 7: there is no event.no\"\n" },
        { "{ a: .event.id }", ".event.id", ".        ",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"mapping: line 1, column 1: everything at once is no value "
            "here\"\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char about[300];
        story_make(&s);
        story_open(&s);
        snprintf(about, sizeof about,
            "steps:\n  - { key: a, kind: wait_for_event, event_type: order.paid,\n"
            "      mapping: %s }\n",
            rows[i].mapping);
        story_learn_other(&s, about, rows[i].written, rows[i].meant);
        story_start(&s, 1, "");
        trace_skip(&s.trace);
        trace_give(&s.trace, ACTOR_trigger, 0,
            (struct message){ .code = WAIT_MATCHED,
                .wait_matched = { .run = story_run(1),
                    .attempt = 1,
                    .number = 3,
                    .type = text("order.paid"),
                    .data = text("\x81\xa2id\x07"),
                    .meta = text("\x81\xa3who\xa3you") } });
        story_expect_only(&s, " step_", rows[i].said);
        story_close(&s);
    }
}
END_TEST

/* So many rows are told before any is known. */
START_TEST(no_more_waits_are_told_than_the_link_takes)
{
    enum { TOLD = 256 };
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..300 }}', concurrency: 300,\n"
        "      steps: [ { key: a, kind: wait_for_event, event_type: x } ] }\n");
    story_start(&s, 1, "");
    ck_assert_uint_eq(trace_sent(&s.trace, WAIT_OFFERED)->wait_offered.step, TOLD);
    story_known(&s, (struct held){ 1, 1, 1, 1, 1 }, true);
    ck_assert_uint_eq(trace_sent(&s.trace, WAIT_OFFERED)->wait_offered.step, TOLD + 1);
    story_close(&s);
}
END_TEST

Suite *
scheduler_waits_suite(void)
{
    Suite *suite = suite_create("scheduler waits");
    TCase *tests = tcase_create("waits");
    tcase_add_test(tests, a_wait_is_offered_until_it_is_known);
    tcase_add_test(tests, an_event_ends_the_wait_once_and_the_next_one_looks_behind_it);
    tcase_add_test(tests, a_wait_that_times_out_is_withdrawn_until_that_is_known);
    tcase_add_test(tests, each_attempt_of_a_wait_is_withdrawn_by_itself);
    tcase_add_test(tests, a_mapping_says_what_the_output_of_a_wait_is);
    tcase_add_test(tests, a_cancelled_wait_is_withdrawn);
    tcase_add_test(tests, one_of_those_who_are_asked_answers_once);
    tcase_add_test(tests, who_is_asked_what_and_until_when_may_be_given);
    tcase_add_test(
        tests, a_question_is_forgotten_when_it_is_settled_and_its_run_goes_on);
    tcase_add_test(tests, all_of_those_who_are_asked_must_answer);
    tcase_add_test(tests, an_answer_names_its_step_whatever_the_next_one_reads);
    tcase_add_test(tests, a_question_that_nobody_answers_expires_or_goes_to_others);
    tcase_add_test(tests, what_has_expired_is_not_answered_any_more);
    tcase_add_test(tests, all_assertions_are_evaluated);
    tcase_add_test(tests, a_gate_asks_whether_to_go_on);
    tcase_add_test(tests, a_gate_shows_a_condition_in_braces_as_it_is_written);
    tcase_add_test(tests, a_sleep_is_as_long_as_its_template_says);
    tcase_add_test(tests, what_a_wait_is_for_is_evaluated_or_fails_its_step);
    tcase_add_test(tests, an_event_that_cannot_be_mapped_fails_its_step);
    tcase_add_test(tests, what_is_said_of_no_wait_changes_nothing);
    tcase_add_test(
        tests, a_wait_looks_behind_the_last_event_that_its_run_had_of_the_type);
    tcase_add_test(tests, each_attempt_of_a_wait_that_is_over_is_known_by_itself);
    tcase_add_test(tests, a_mapping_names_the_event_and_what_came_with_it);
    tcase_add_test(tests, no_more_waits_are_told_than_the_link_takes);
    suite_add_tcase(suite, tests);
    return suite;
}
