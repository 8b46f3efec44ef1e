/* Goal: a run and the run that it started, in two partitions, begin and end together,
 * whatever is said twice, late, or of what is gone.
 * Method: the scheduler of one of them; what the other says is given by hand. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

enum { PARENT = 0, CHILD = 1 };

static struct id
child_of(unsigned run, uint32_t step, uint32_t attempt)
{
    struct id id = story_run(run), of_step = id_derive(&id, step);
    id = id_derive(&of_step, (uint64_t)'c' << 56 | attempt);
    return id_move(&id, CHILD);
}

static void
open_at(struct story *s, uint32_t instance)
{
    struct id far = story_automation(story_elsewhere());
    struct id first = child_of(1, 0, 1), second = child_of(1, 0, 2);
    story_make(s);
    s->trace.config.schedulers = 2;
    s->trace.instance = instance;
    story_open(s);
    trace_name(&s->trace, &far, "F");
    trace_name(&s->trace, &first, "C1");
    trace_name(&s->trace, &second, "C2");
}

static void
learn_child(struct story *s, const char *steps)
{
    char about[300];
    snprintf(about, sizeof about, "concurrency: forbid\nsteps:\n%s", steps);
    story_learn_as(s, story_elsewhere(), 1, about);
    trace_skip(&s->trace);
}

/* A run whose first step starts another, with `more` in that step. */
static void
open_parent(struct story *s, const char *more)
{
    char steps[300];
    open_at(s, PARENT);
    learn_child(s, "  - { key: s, kind: sleep, duration: 5s }\n");
    snprintf(steps, sizeof steps,
        "steps:\n  - { key: a, kind: automation, automation: %s%s }\n"
        "  - { key: b, kind: sleep, duration: 1h }\n",
        story_elsewhere(), more);
    story_learn(s, 1, steps);
    story_start(s, 1, "");
}

static void
taken(struct story *s, struct held held, enum err err)
{
    trace_give(&s->trace, ACTOR_scheduler, CHILD,
        (struct message){ .code = CHILD_TAKEN,
            .child_taken = { .run = story_run(held.run),
                .step = held.step,
                .attempt = held.attempt,
                .child = child_of(1, 0, held.attempt),
                .err = err,
                .detail = text(err == ERR_NONE ? "" : "no") } });
}

static void
ended(struct story *s, uint32_t attempt, enum run_status status, const char *output)
{
    trace_give(&s->trace, ACTOR_scheduler, CHILD,
        (struct message){ .code = CHILD_ENDED,
            .child_ended = { .run = story_run(1),
                .attempt = attempt,
                .child = child_of(1, 0, attempt),
                .status = status,
                .output = text(output) } });
}

static const struct held of_first = { .run = 1, .attempt = 1 };

START_TEST(a_child_elsewhere_is_called_and_gives_its_output)
{
    struct story s;
    open_parent(&s, ", wait: true");
    story_expect_only(&s, "C1",
        "0 -> scheduler.1 child_called run=R1 key=a attempt=1 child=C1 "
        "automation=far5 wait=1 depth=1\n");
    taken(&s, of_first, ERR_NONE);
    story_expect(&s, "0 telling_settled peer=1 subject=C1 kind=2\n");
    ended(&s, 1, RUN_DONE, "\xa2ok");
    story_expect_only(&s, "0 ",
        "0 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "0 step_completed run=R1 key=a output=(3 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=sleep\n"
        "0 wait_opened run=R1 step=1 key=b attempt=1 wait_kind=sleep "
        "due_ms=3600000\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "0 -> scheduler.1 child_settled run=R1 child=C1\n");
    story_close(&s);
}
END_TEST

START_TEST(what_is_said_of_a_child_twice_is_taken_once)
{
    struct story s;
    open_parent(&s, ", wait: true");
    ended(&s, 1, RUN_DONE, "");
    story_expect_only(&s, "step_completed",
        "0 step_completed run=R1 key=a output=(1 bytes) has_output=1\n");
    ended(&s, 1, RUN_DONE, "\xa2ok");
    story_expect(&s, "0 -> scheduler.1 child_settled run=R1 child=C1\n");
    taken(&s, of_first, ERR_CONFLICT);
    story_expect(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(what_is_said_of_no_step_changes_nothing)
{
    struct story s;
    open_parent(&s, ", wait: true");
    trace_skip(&s.trace);
    taken(&s, (struct held){ .run = 2, .attempt = 2 }, ERR_NONE);
    taken(&s, (struct held){ .run = 1, .step = 9, .attempt = 2 }, ERR_NONE);
    story_expect(&s, "");
    trace_give(&s.trace, ACTOR_scheduler, CHILD,
        (struct message){ .code = CHILD_ENDED,
            .child_ended = { .run = story_run(2),
                .child = child_of(1, 0, 2),
                .status = RUN_DONE } });
    trace_give(&s.trace, ACTOR_scheduler, CHILD,
        (struct message){ .code = CHILD_ENDED,
            .child_ended = { .run = story_run(1),
                .step = 9,
                .child = child_of(1, 0, 2),
                .status = RUN_DONE } });
    story_expect(&s, "0 -> scheduler.1 child_settled run=R2 child=C2\n"
                     "0 -> scheduler.1 child_settled run=R1 child=C2\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_is_refused_elsewhere_fails_its_step)
{
    struct story s;
    open_parent(&s, ", wait: true");
    trace_skip(&s.trace);
    taken(&s, of_first, ERR_CONFLICT);
    story_expect(&s,
        "0 telling_settled peer=1 subject=C1 kind=2\n"
        "0 wait_resumed run=R1 key=a attempt=1 by=automation\n"
        "0 step_failed run=R1 key=a error_type=ChildRefused error_message=no\n"
        "0 step_skipped run=R1 step=1 key=b reason=\"a step that it needs did "
        "not complete\"\n"
        "0 run_failed run=R1 step=a error_type=ChildRefused error_message=no "
        "stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=5 whole=1 "
        "stop_reason=step_failed error_type=ChildRefused error_message=no "
        "failed_step=a\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_was_cancelled_fails_its_step)
{
    struct story s;
    open_parent(&s, ", wait: true");
    taken(&s, of_first, ERR_NONE);
    trace_skip(&s.trace);
    ended(&s, 1, RUN_STOPPED, "");
    story_expect_only(&s, "step_",
        "0 step_failed run=R1 key=a error_type=ChildCancelled "
        "error_message=\"the run that it waited for was cancelled\"\n"
        "0 step_skipped run=R1 step=1 key=b reason=\"a step that it needs did "
        "not complete\"\n"
        "0 run_failed run=R1 step=a error_type=ChildCancelled "
        "error_message=\"the run that it waited for was cancelled\" "
        "stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=5 whole=1 "
        "stop_reason=step_failed error_type=ChildCancelled error_message=\"the "
        "run that it waited for was cancelled\" failed_step=a\n");
    story_close(&s);
}
END_TEST

/* It was told to end before it was there, and began after that. */
START_TEST(a_child_that_begins_too_late_is_told_again_to_end)
{
    struct story s;
    open_parent(&s, ", wait: true");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "C1",
        "0 -> scheduler.1 child_called run=R1 key=a attempt=1 child=C1 "
        "automation=far5 wait=1 depth=1\n"
        "0 -> scheduler.1 child_cancel run=R1 child=C1 reason=\"nobody waits "
        "for it any more\"\n");
    taken(&s, of_first, ERR_NONE);
    story_expect(&s,
        "0 telling_settled peer=1 subject=C1 kind=2\n"
        "0 -> scheduler.1 child_cancel run=R1 child=C1 reason=\"nobody waits "
        "for it any more\"\n");
    ended(&s, 1, RUN_STOPPED, "");
    story_expect(&s, "0 telling_settled peer=1 subject=C1 kind=3\n"
                     "0 -> scheduler.1 child_settled run=R1 child=C1\n");
    taken(&s, of_first, ERR_NONE);
    story_expect(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_never_begins_need_not_end)
{
    struct story s;
    open_parent(&s, ", wait: true");
    story_cancel(&s, 1, "enough");
    trace_skip(&s.trace);
    taken(&s, of_first, ERR_CONFLICT);
    story_expect(&s, "0 telling_settled peer=1 subject=C1 kind=2\n"
                     "0 telling_settled peer=1 subject=C1 kind=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_takes_too_long_is_ended_and_another_begins)
{
    struct story s;
    open_parent(&s, ", wait: true, timeout: 5s, retry: { max_attempts: 2, delay: 1s }");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 6000);
    story_expect(&s,
        "5000 wait_timed_out run=R1 key=a attempt=1\n"
        "5000 step_retried run=R1 key=a attempt=2 max_attempts=2 due_ms=6000\n"
        "5000 -> gateway run_changed run=R1 sequence=5 status=3\n"
        "5000 -> scheduler.1 child_called run=R1 key=a attempt=1 child=C1 "
        "automation=far5 wait=1 depth=1\n"
        "5000 -> scheduler.1 child_cancel run=R1 child=C1 reason=\"nobody "
        "waits for it any more\"\n"
        "5000 told_again peer=1 last=(27 bytes)\n"
        "6000 -> scheduler.1 child_called run=R1 key=a attempt=2 child=C2 "
        "automation=far5 wait=1 depth=1\n"
        "6000 -> gateway run_changed run=R1 sequence=6 status=3\n");
    taken(&s, of_first, ERR_NONE);
    story_expect(&s, "6000 telling_settled peer=1 subject=C1 kind=2\n"
                     "6000 -> scheduler.1 child_cancel run=R1 child=C1 reason=\"nobody "
                     "waits for it any more\"\n");
    trace_wait(&s.trace, 6000);
    story_expect_only(&s, "failed",
        "11000 step_failed run=R1 key=a error_type=Timeout error_message=\"the "
        "run that it waits for took longer than its timeout\"\n"
        "11000 run_failed run=R1 step=a error_type=Timeout error_message=\"the "
        "run that it waits for took longer than its timeout\" "
        "stop_reason=step_failed\n"
        "11000 -> gateway run_changed run=R1 sequence=10 status=5 whole=1 "
        "finished_ms=11000 stop_reason=step_failed error_type=Timeout "
        "error_message=\"the run that it waits for took longer than its "
        "timeout\" failed_step=a\n");
    ended(&s, 1, RUN_STOPPED, "");
    story_expect(&s, "12000 telling_settled peer=1 subject=C1 kind=3\n"
                     "12000 -> scheduler.1 child_settled run=R1 child=C1\n");
    taken(&s, (struct held){ .run = 1, .attempt = 2 }, ERR_NONE);
    story_expect(&s,
        "12000 telling_settled peer=1 subject=C2 kind=2\n"
        "12000 -> scheduler.1 child_cancel run=R1 child=C2 reason=\"nobody "
        "waits for it any more\"\n");
    story_close(&s);
}
END_TEST

START_TEST(who_cleans_up_hears_of_no_child)
{
    struct story s;
    open_at(&s, PARENT);
    story_learn(&s, 1,
        "steps:\n  - { key: a, kind: automation, automation: child, wait: true }\n"
        "cleanup:\n  - { key: c, kind: sleep, duration: 2s }\n");
    story_learn_as(
        &s, "child", 1, "steps:\n  - { key: s, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    trace_skip(&s.trace);
    ended(&s, 1, RUN_DONE, "\xa2ok");
    story_expect(&s, "0 -> scheduler.1 child_settled run=R1 child=C1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_that_may_go_on_alone_outlives_its_parent)
{
    struct story s;
    open_parent(&s, ", wait: false, on_cancel: abandon");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "C1", "");
    taken(&s, of_first, ERR_NONE);
    story_expect(&s, "0 telling_settled peer=1 subject=C1 kind=2\n");
    story_close(&s);
}
END_TEST

/* Of those whose step is over, it ends those that it did not wait for. */
START_TEST(who_is_cancelled_ends_no_child_that_may_go_on)
{
    struct story s;
    open_parent(&s, ", wait: false, on_cancel: abandon");
    taken(&s, of_first, ERR_NONE);
    story_expect_only(&s, "step_completed",
        "0 step_completed run=R1 key=a output=(39 bytes) has_output=1\n");
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "C1", "");
    story_close(&s);
    open_parent(&s, ", wait: true");
    ended(&s, 1, RUN_DONE, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "C1", "");
    story_close(&s);
}
END_TEST

START_TEST(what_cannot_be_told_to_a_child_fails_its_step)
{
    static const struct {
        const char *step, *said;
    } rows[] = {
        { "automation: '${{ inputs.n.x.y + 1 }}'",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"automation: line 1, column 12: there is no "
            "inputs.n\"\n"
            "0 run_failed run=R1 step=a error_type=TemplateError "
            "error_message=\"automation: line 1, column 12: there is no inputs.n\" "
            "stop_reason=step_failed\n"
            "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
            "stop_reason=step_failed error_type=TemplateError "
            "error_message=\"automation: line 1, column 12: there is no inputs.n\" "
            "failed_step=a\n" },
        { "automation: other, inputs: { n: '${{ 1 / 0 }}' }",
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"inputs.n: line 1, column 7: a division by zero\"\n"
            "0 run_failed run=R1 step=a error_type=TemplateError "
            "error_message=\"inputs.n: line 1, column 7: a division by zero\" "
            "stop_reason=step_failed\n"
            "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
            "stop_reason=step_failed error_type=TemplateError "
            "error_message=\"inputs.n: line 1, column 7: a division by zero\" "
            "failed_step=a\n" },
        { "automation: nobody, inputs: null",
            "0 step_failed run=R1 key=a error_type=ChildRefused "
            "error_message=\"there is no automation of this name or id in the "
            "project\"\n"
            "0 run_failed run=R1 step=a error_type=ChildRefused "
            "error_message=\"there is no automation of this name or id in the "
            "project\" stop_reason=step_failed\n"
            "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
            "stop_reason=step_failed error_type=ChildRefused error_message=\"there "
            "is no automation of this name or id in the project\" failed_step=a\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char steps[200];
        open_at(&s, PARENT);
        snprintf(steps, sizeof steps, "steps:\n  - { key: a, kind: automation, %s }\n",
            rows[i].step);
        story_learn(&s, 1, steps);
        story_start(&s, 1, "");
        story_expect_only(&s, "step_failed", rows[i].said);
        story_close(&s);
    }
}
END_TEST

/* ---- where the child is ---- */

static void
call(struct story *s, const char *automation, bool wait)
{
    trace_give(&s->trace, ACTOR_scheduler, PARENT,
        (struct message){ .code = CHILD_CALLED,
            .child_called = { .run = story_run(1),
                .key = text("a"),
                .attempt = 1,
                .child = child_of(1, 0, 1),
                .automation = text(automation),
                .wait = wait,
                .depth = 1 } });
}

static void
end_child(struct story *s)
{
    trace_give(&s->trace, ACTOR_scheduler, PARENT,
        (struct message){ .code = CHILD_CANCEL,
            .child_cancel = { .run = story_run(1),
                .child = child_of(1, 0, 1),
                .reason = text("nobody waits") } });
}

START_TEST(a_child_of_elsewhere_is_begun_once)
{
    struct story s;
    open_at(&s, CHILD);
    learn_child(&s, "  - { key: s, kind: sleep, duration: 5s }\n");
    call(&s, "nobody", true);
    story_expect(&s,
        "0 -> scheduler.0 child_taken run=R1 attempt=1 child=C1 err=5 "
        "detail=\"there is no automation of this name or id in the project\"\n");
    call(&s, story_elsewhere(), true);
    story_expect_only(&s, "C1",
        "0 run_started run=C1 automation=F name=far5 version=1 "
        "source=automation steps=1 parent=R1 awaited=1 concurrency=2 "
        "runs_max=1 parent_attempt=1 depth=1\n"
        "0 step_started run=C1 key=s kind=sleep\n"
        "0 wait_opened run=C1 key=s attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=C1 sequence=3 status=3\n"
        "0 -> scheduler.0 child_taken run=R1 attempt=1 child=C1\n");
    call(&s, story_elsewhere(), true);
    story_expect(&s, "0 -> scheduler.0 child_taken run=R1 attempt=1 child=C1\n");
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "child_ended",
        "5000 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=4 "
        "output=(1 bytes)\n");
    trace_hello(&s.trace, ACTOR_scheduler, PARENT, 2);
    story_expect_only(&s, "child_ended",
        "5000 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=4 "
        "output=(1 bytes)\n");
    trace_give(&s.trace, ACTOR_scheduler, PARENT,
        (struct message){ .code = CHILD_SETTLED,
            .child_settled = { story_run(1), child_of(1, 0, 1) } });
    story_expect(&s, "5000 telling_settled subject=C1 kind=4\n");
    trace_hello(&s.trace, ACTOR_scheduler, PARENT, 2);
    story_expect_only(&s, "child_ended", "");
    story_close(&s);
}
END_TEST

START_TEST(a_child_is_told_to_end_as_often_as_its_parent_has_not_heard)
{
    struct story s;
    open_at(&s, CHILD);
    learn_child(&s, "  - { key: s, kind: sleep, duration: 5s }\n"
                    "cleanup:\n  - { key: c, kind: sleep, duration: 2s }\n");
    end_child(&s);
    story_expect(&s, "0 -> scheduler.0 child_ended run=R1 child=C1\n");
    call(&s, story_elsewhere(), true);
    trace_skip(&s.trace);
    end_child(&s);
    story_expect_only(&s, "C1",
        "0 step_cancelled run=C1 key=s\n"
        "0 run_deferred run=C1 ending=6 reason=\"nobody waits\"\n"
        "0 step_started run=C1 step=1 key=c kind=sleep\n"
        "0 wait_opened run=C1 step=1 key=c attempt=1 wait_kind=sleep "
        "due_ms=2000\n"
        "0 -> gateway run_changed run=C1 sequence=6 status=3\n");
    end_child(&s);
    story_expect(&s, "");
    trace_wait(&s.trace, 2000);
    story_expect_only(&s, "ended",
        "2000 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=6\n");
    end_child(&s);
    story_expect(
        &s, "2000 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=6\n");
    story_close(&s);
}
END_TEST

START_TEST(a_child_gives_the_output_that_its_automation_names)
{
    static const struct {
        const char *outputs, *said;
    } rows[] = { { "'${{ steps.s.output.n }}'",
                     "0 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=4 "
                     "output=(1 bytes)\n" },
        { "'${{ 1 / 0 }}'",
            "0 -> scheduler.0 child_ended run=R1 attempt=1 child=C1 status=5 "
            "error_type=TemplateError error_message=\"output: line 1, column 7: a "
            "division by zero\"\n" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        char steps[200];
        open_at(&s, CHILD);
        snprintf(steps, sizeof steps,
            "  - { key: s, kind: set, values: { n: 1 } }\noutput: %s\n",
            rows[i].outputs);
        learn_child(&s, steps);
        call(&s, story_elsewhere(), true);
        story_expect_only(&s, "child_ended", rows[i].said);
        story_close(&s);
    }
}
END_TEST

Suite *
scheduler_apart_suite(void)
{
    Suite *suite = suite_create("apart");
    TCase *tcase = tcase_create("apart");
    tcase_add_test(tcase, a_child_elsewhere_is_called_and_gives_its_output);
    tcase_add_test(tcase, what_is_said_of_a_child_twice_is_taken_once);
    tcase_add_test(tcase, what_is_said_of_no_step_changes_nothing);
    tcase_add_test(tcase, a_child_that_is_refused_elsewhere_fails_its_step);
    tcase_add_test(tcase, a_child_that_was_cancelled_fails_its_step);
    tcase_add_test(tcase, a_child_that_begins_too_late_is_told_again_to_end);
    tcase_add_test(tcase, a_child_that_never_begins_need_not_end);
    tcase_add_test(tcase, a_child_that_takes_too_long_is_ended_and_another_begins);
    tcase_add_test(tcase, who_cleans_up_hears_of_no_child);
    tcase_add_test(tcase, a_child_that_may_go_on_alone_outlives_its_parent);
    tcase_add_test(tcase, who_is_cancelled_ends_no_child_that_may_go_on);
    tcase_add_test(tcase, what_cannot_be_told_to_a_child_fails_its_step);
    tcase_add_test(tcase, a_child_of_elsewhere_is_begun_once);
    tcase_add_test(tcase, a_child_is_told_to_end_as_often_as_its_parent_has_not_heard);
    tcase_add_test(tcase, a_child_gives_the_output_that_its_automation_names);
    suite_add_tcase(suite, tcase);
    return suite;
}
