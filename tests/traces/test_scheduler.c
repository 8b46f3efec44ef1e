/* Goal: a run starts once, goes through its steps in the order of their needs, and
 * ends. Method: every word that the scheduler says is compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const char one_step[] = "steps:\n" STEP("a", "");

START_TEST(a_run_of_one_step_starts_and_completes)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1, one_step);
    story_expect(&s, "0 plan_learned automation=A name=flow version=1 plan=(76 bytes)\n"
                     "0 -> registry plan_known automation=A version=1\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 step_started run=R1 key=a kind=action\n"
        "0 action_called run=R1 key=a attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(
        &s, "0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=worker\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_completed run=R1 key=a attempt=1 offer=1 action=x output=(3 "
        "bytes) session=S1\n"
        "0 step_completed run=R1 key=a\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4 whole=1 output=(3 bytes) "
        "stop_reason=completed\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_plan_offered_again_is_kept_once_and_known_again)
{
    struct story s;
    story_open_with(&s, one_step);
    story_learn(&s, 1, one_step);
    story_expect(&s, "0 -> registry plan_known automation=A version=1\n");
    story_close(&s);
}
END_TEST

static void
offer_revision(struct story *s, uint64_t revision, uint32_t version, uint32_t current,
    enum automation_status status)
{
    struct plan_offered offered = { .automation = s->automation,
        .name = text("flow"),
        .version = version,
        .revision = revision,
        .current = current,
        .status = status };
    trace_give(&s->trace, ACTOR_registry, 0,
        (struct message){ .code = PLAN_OFFERED, .plan_offered = offered });
}

static void
start_version(struct story *s, unsigned run, uint32_t version)
{
    struct run_start start = { .request = 7,
        .run = story_run(run),
        .automation = text("flow"),
        .version = version };
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START, .run_start = start });
}

static void
expect_refused(struct story *s, enum err err)
{
    ck_assert_uint_eq(trace_sent(&s->trace, REFUSED)->refused.err, err);
    trace_skip(&s->trace);
}

START_TEST(the_later_revision_says_which_version_starts_use)
{
    struct story s;
    story_open_with(&s, one_step);
    story_learn(&s, 2, "steps:\n" STEP("a", "") STEP("b", ""));
    offer_revision(&s, 5, 1, 1, AUTOMATION_ACTIVE);
    story_expect_only(&s, "plan_learned",
        "0 plan_learned automation=A name=flow version=2 plan=(121 bytes)\n"
        "0 plan_learned automation=A name=flow version=1 revision=5 current=1 "
        "status=1\n");
    offer_revision(&s, 4, 2, 2, AUTOMATION_ACTIVE); /* it came late */
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect_only(&s, "run_started",
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n");
    start_version(&s, 2, 2);
    story_expect_only(&s, "run_started",
        "0 run_started run=R2 automation=A name=flow version=2 steps=2\n");
    start_version(&s, 3, 9);
    expect_refused(&s, ERR_NOT_FOUND);
    story_close(&s);
}
END_TEST

START_TEST(an_archived_automation_starts_nothing_and_a_paused_one_by_hand)
{
    struct story s;
    story_open_with(&s, one_step);
    offer_revision(&s, 2, 1, 1, AUTOMATION_ARCHIVED);
    story_start(&s, 1, "");
    expect_refused(&s, ERR_NOT_RUNNABLE);
    offer_revision(&s, 3, 1, 1, AUTOMATION_PAUSED); /* people may still start it */
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect_only(&s, "run_started",
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_keeps_the_version_that_was_current_when_it_began)
{
    struct story s;
    story_open_with(&s, one_step);
    story_start(&s, 1, "");
    story_learn(&s, 2, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    trace_skip(&s.trace);
    story_start(&s, 2, "");
    story_expect_only(&s, "run_started",
        "0 run_started run=R2 automation=A name=flow version=2 source=api steps=2\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_older_version_that_comes_late_does_not_become_current)
{
    struct story s;
    story_open_with(&s, one_step);
    story_learn(&s, 3, one_step);
    story_learn(&s, 2, one_step);
    story_expect_only(&s, "plan_known",
        "0 -> registry plan_known automation=A version=3\n"
        "0 -> registry plan_known automation=A version=2\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_started",
        "0 run_started run=R1 automation=A name=flow version=3 source=api steps=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_may_be_started_by_the_id_of_its_automation)
{
    struct story s;
    char id[ID_TEXT_MAX];
    story_open_with(&s, one_step);
    trace_give(&s.trace, ACTOR_gateway, 2,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 9,
                .run = story_run(1),
                .automation = text(id_print(&s.automation, "aut_", id)) } });
    story_expect_only(&s, "run_accepted",
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

static void
start_named(struct story *s, const char *name, struct bytes inputs)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 9,
                .run = story_run(1),
                .automation = text(name),
                .inputs = inputs } });
}

START_TEST(a_start_of_an_unknown_name_is_refused_and_changes_nothing)
{
    struct story s;
    char long_name[200];
    story_open_with(&s, one_step);
    start_named(&s, "other", (struct bytes){ 0 });
    story_expect(&s,
        "0 -> gateway refused request=9 err=5 detail=\"there is no automation of "
        "this name or id in the project\"\n");
    memset(long_name, 'f', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    start_named(&s, long_name, (struct bytes){ 0 });
    story_expect_only(&s, "run_started", "");
    start_named(&s, "", (struct bytes){ 0 });
    start_named(&s, "aut_00000000000000000000000001", (struct bytes){ 0 });
    story_expect_only(&s, "run_started", "");
    s.trace.project = id_of_name(text("elsewhere"));
    start_named(&s, "flow", (struct bytes){ 0 });
    story_expect(&s,
        "0 -> gateway refused request=9 err=5 detail=\"there is no automation of "
        "this name or id in the project\"\n");
    story_close(&s);
}
END_TEST

START_TEST(inputs_that_are_no_map_are_refused)
{
    struct story s;
    story_open_with(&s, one_step);
    start_named(&s, "flow", text("\xa3not"));
    story_expect(
        &s, "0 -> gateway refused request=9 err=2 detail=\"inputs must be a map\"\n");
    start_named(&s, "flow", text("\x82\xa1k"));
    story_expect(
        &s, "0 -> gateway refused request=9 err=2 detail=\"inputs must be a map\"\n");
    start_named(&s, "flow", text("\x81\xa1k\x01"));
    story_expect_only(&s, "run_started",
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(4 bytes) "
        "steps=1\n");
    story_close(&s);
}
END_TEST

START_TEST(who_waits_for_the_end_of_a_run_is_not_told_in_a_hurry_that_it_began)
{
    struct story s;
    story_open_with(&s, one_step);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 9,
                .run = story_run(1),
                .automation = text("flow"),
                .patient = 1 } });
    story_expect_only(&s, "run_accepted",
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=3 patient=1\n");
    story_close(&s);
}
END_TEST

/* That a run's id is fresh does not make its key so. */
START_TEST(a_fresh_start_with_a_key_that_is_known_names_its_run)
{
    struct story s;
    story_open_with(&s, one_step);
    for (unsigned run = 1; run <= 2; run++)
        trace_give(&s.trace, ACTOR_gateway, 0,
            (struct message){ .code = RUN_START,
                .run_start = { .request = 7,
                    .question = 7,
                    .run = story_run(run),
                    .automation = text("flow"),
                    .key = text("key-1") } });
    story_expect_only(&s, "run_accepted",
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n");
    story_close(&s);
}
END_TEST

START_TEST(the_same_key_names_the_same_run_also_after_a_restart)
{
    struct story s;
    story_open_with(&s, one_step);
    story_start(&s, 1, "key-1");
    story_expect_only(&s, "run_",
        "0 run_started run=R1 automation=A name=flow version=1 key=key-1 source=api "
        "steps=1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_start(&s, 2, "key-1");
    story_expect(&s,
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n");
    trace_restart(&s.trace);
    trace_skip(&s.trace);
    story_start(&s, 3, "key-1");
    story_expect(&s,
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n");
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    story_start(&s, 3, "key-1");
    story_expect(&s,
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n");
    story_start(&s, 3, "key-2");
    story_expect_only(&s, "run_accepted",
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_start_sent_again_starts_nothing_again)
{
    struct story s;
    story_open_with(&s, one_step);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect(&s,
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_start(&s, 2, "key");
    trace_skip(&s.trace);
    story_start(&s, 2, "key");
    story_expect(&s,
        "0 -> gateway run_accepted request=7 run=R2 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_slot_starts_its_run_once)
{
    struct story s;
    struct message fired = { .code = TRIGGER_FIRED };
    story_open_with(&s, one_step);
    fired.trigger_fired = (struct trigger_fired){ .run = story_run(1),
        .automation = s.automation,
        .trigger = text("nightly"),
        .slot_ms = 60000 };
    trace_give(&s.trace, ACTOR_trigger, 0, fired);
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=nightly\n"
        "0 step_started run=R1 key=a kind=action\n"
        "0 action_called run=R1 key=a attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> trigger fire_taken automation=A trigger=nightly slot_ms=60000 run=R1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n");
    trace_give(&s.trace, ACTOR_trigger, 0, fired);
    story_expect(&s,
        "0 -> trigger fire_taken automation=A trigger=nightly slot_ms=60000 run=R1\n");
    trace_restart(&s.trace);
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_trigger, 0, fired);
    story_expect(&s,
        "0 -> trigger fire_taken automation=A trigger=nightly slot_ms=60000 run=R1\n");
    fired.trigger_fired.run = story_run(2);
    fired.trigger_fired.automation = id_of_name(text("nobody's"));
    trace_give(&s.trace, ACTOR_trigger, 0, fired);
    story_expect(&s,
        "0 -> trigger fire_refused run=R2 automation=7358d8209300b7e7d8c87b01fbf76779 "
        "trigger=nightly slot_ms=60000 refusal=\"there is no automation of this name "
        "or id in the project\"\n");
    story_close(&s);
}
END_TEST

START_TEST(steps_in_a_line_follow_each_other)
{
    struct story s;
    story_open_with(&s,
        "steps:\n" STEP("a", "") STEP("b", ", needs: [a]") STEP("c", ", needs: [b]"));
    story_start(&s, 1, "");
    story_expect_only(&s, "step_", "0 step_started run=R1 key=a kind=action\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_completed run=R1 key=a attempt=1 offer=1 action=x output=(3 "
        "bytes) session=S1\n"
        "0 step_completed run=R1 key=a\n"
        "0 step_started run=R1 step=1 key=b kind=action\n"
        "0 action_called run=R1 step=1 key=b attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "step_",
        "0 step_completed run=R1 step=1 key=b\n"
        "0 step_started run=R1 step=2 key=c kind=action\n");
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect(&s,
        "0 action_completed run=R1 step=2 key=c attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=2 key=c\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=14 status=4 whole=1 output=(3 bytes) "
        "stop_reason=completed\n"
        "0 -> lease job_settled run=R1 step=2 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(steps_that_name_no_needs_at_all_are_in_a_line)
{
    struct story s;
    story_open_with(&s, "steps:\n" STEP("a", "") STEP("b", ""));
    story_start(&s, 1, "");
    story_expect_only(&s, "step_", "0 step_started run=R1 key=a kind=action\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "step_",
        "0 step_completed run=R1 key=a\n"
        "0 step_started run=R1 step=1 key=b kind=action\n");
    story_close(&s);
}
END_TEST

START_TEST(a_diamond_waits_for_both_sides)
{
    struct story s;
    story_open_with(&s,
        "steps:\n" STEP("top", "") STEP("left", ", needs: [top]")
            STEP("right", ", needs: [top]") STEP("end", ", needs: [left, right]"));
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "step_",
        "0 step_started run=R1 key=top kind=action\n"
        "0 step_completed run=R1 key=top\n"
        "0 step_started run=R1 step=1 key=left kind=action\n"
        "0 step_started run=R1 step=2 key=right kind=action\n");
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, "step_", "0 step_completed run=R1 step=2 key=right\n");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "step_",
        "0 step_completed run=R1 step=1 key=left\n"
        "0 step_started run=R1 step=3 key=end kind=action\n");
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_expect_only(&s, "_completed",
        "0 action_completed run=R1 step=3 key=end attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=3 key=end\n"
        "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_failed_step_dooms_what_needs_it_while_the_others_go_on)
{
    struct story s;
    story_open_with(&s, "steps:\n" STEP("a", "") STEP("b", "") STEP("c", ", needs: [a]")
                            STEP("d", ", needs: [c, b]") STEP("e", ", needs: [b]"));
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect(&s,
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 step_skipped run=R1 step=2 key=c reason=\"a step that it needs did not "
        "complete\"\n"
        "0 step_skipped run=R1 step=3 key=d reason=\"a step that it needs did not "
        "complete\"\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "step_",
        "0 step_completed run=R1 step=1 key=b\n"
        "0 step_started run=R1 step=4 key=e kind=action\n");
    story_completed(&s, (struct held){ 1, 4, 1, 1, 1 });
    story_expect(&s,
        "0 action_completed run=R1 step=4 key=e attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=4 key=e\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=16 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 step=4 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(the_first_step_that_failed_names_the_error_of_the_run)
{
    struct story s;
    story_open_with(
        &s, "steps:\n" STEP("a", "") STEP("b", "") STEP("c", ", needs: [a]"));
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "run_",
        "0 run_failed run=R1 step=b error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=11 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=b\n");
    story_close(&s);
}
END_TEST

/* A plan of `count` steps that need nothing, and one that needs all if `last`. */
static void
open_wide(struct story *s, const char *top, unsigned count, bool last)
{
    struct buffer plan = { 0 };
    story_make(s);
    s->trace.config.lane_jobs_max = 2;
    story_open(s);
    buffer_print(&plan, "%ssteps:\n", top);
    for (unsigned i = 0; i < count; i++)
        buffer_print(
            &plan, "  - { key: s%u, kind: action, config: { action_name: x } }\n", i);
    if (last) {
        buffer_print(&plan, "  - { key: end, kind: action, config: { action_name: x }, "
                            "needs: [s0");
        for (unsigned i = 1; i < count; i++)
            buffer_print(&plan, ", s%u", i);
        buffer_print(&plan, "] }\n");
    }
    buffer_append(&plan, "", 1);
    story_learn(s, 1, (const char *)plan.data);
    buffer_free(&plan);
    trace_skip(&s->trace);
}

static size_t
said(const struct story *s, const char *word)
{
    size_t times = 0;
    const struct buffer *b = s->trace.said;
    for (size_t i = 0; i + strlen(word) <= b->size; i++)
        times += memcmp(b->data + i, word, strlen(word)) == 0;
    return times;
}

START_TEST(three_hundred_roots_take_several_turns_and_none_is_left_out)
{
    struct story s;
    open_wide(&s, "", 300, true);
    story_start(&s, 1, "");
    ck_assert_uint_eq(said(&s, " step_started"), 300);
    ck_assert_uint_eq(said(&s, " action_called"), 300);
    story_expect_only(&s, "run_deferred",
        "0 run_deferred run=R1 more=1\n"
        "0 run_deferred run=R1\n");
    for (uint32_t step = 0; step < 300; step++)
        story_completed(&s, (struct held){ 1, step, 1, 1, 1 });
    story_expect_only(&s, "key=end",
        "0 step_started run=R1 step=300 key=end kind=action\n"
        "0 action_called run=R1 step=300 key=end attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> lease job_offered run=R1 step=300 attempt=1 offer=1 lane=L1 key=end "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=305 life=1\n");
    story_completed(&s, (struct held){ 1, 300, 1, 1, 1 });
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

START_TEST(three_hundred_roots_are_cancelled_in_several_turns)
{
    struct story s;
    open_wide(&s, "", 300, true);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    ck_assert_uint_eq(said(&s, " step_cancelled"), 300);
    story_expect_only(&s, " run_",
        "0 run_deferred run=R1 more=1 ending=6 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=723 status=3\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> gateway run_changed run=R1 sequence=845 status=3\n"
        "0 run_deferred run=R1\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=902 status=6 whole=1 "
        "stop_reason=cancelled\n");
    story_close(&s);
}
END_TEST

/* Every look at the clock finds it further on. */
static uint64_t
creeping_now(void *self)
{
    struct trace *t = self;
    return t->now_ms += 300;
}

START_TEST(a_run_whose_time_ends_while_more_is_to_be_said_comes_to_rest)
{
    struct story s;
    open_wide(&s, "timeout: 1s\n", 900, true);
    s.trace.world.now_ms = creeping_now;
    story_start(&s, 1, "");
    story_expect_only(&s, " run_",
        "600 run_started run=R1 automation=A name=flow version=1 source=api "
        "steps=901 timeout_ms=1000\n"
        "600 run_deferred run=R1 more=1\n"
        "600 -> gateway run_changed run=R1 sequence=243 status=3\n"
        "600 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3 started_ms=600\n"
        "1200 -> gateway run_changed run=R1 sequence=487 status=3\n"
        "1500 -> gateway run_changed run=R1 sequence=731 status=3\n"
        "1800 run_deferred run=R1 more=1 ending=5 "
        "reason=wall_clock_exceeded\n"
        "1800 -> gateway run_changed run=R1 sequence=853 status=3\n"
        "2100 -> gateway run_changed run=R1 sequence=975 status=3\n"
        "2400 run_deferred run=R1\n"
        "2400 run_failed run=R1 error_type=Timeout error_message=\"the run took "
        "longer than its timeout\" stop_reason=wall_clock_exceeded\n"
        "2400 -> gateway run_changed run=R1 sequence=1097 status=5 whole=1 "
        "finished_ms=2400 stop_reason=wall_clock_exceeded error_type=Timeout "
        "error_message=\"the run took longer than its timeout\"\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_suite(void)
{
    Suite *suite = suite_create("scheduler");
    TCase *tests = tcase_create("scheduler");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_run_of_one_step_starts_and_completes);
    tcase_add_test(tests, a_plan_offered_again_is_kept_once_and_known_again);
    tcase_add_test(tests, a_run_keeps_the_version_that_was_current_when_it_began);
    tcase_add_test(tests, an_older_version_that_comes_late_does_not_become_current);
    tcase_add_test(tests, a_run_may_be_started_by_the_id_of_its_automation);
    tcase_add_test(tests, a_start_of_an_unknown_name_is_refused_and_changes_nothing);
    tcase_add_test(tests, inputs_that_are_no_map_are_refused);
    tcase_add_test(
        tests, who_waits_for_the_end_of_a_run_is_not_told_in_a_hurry_that_it_began);
    tcase_add_test(tests, a_fresh_start_with_a_key_that_is_known_names_its_run);
    tcase_add_test(tests, the_same_key_names_the_same_run_also_after_a_restart);
    tcase_add_test(tests, a_start_sent_again_starts_nothing_again);
    tcase_add_test(tests, a_slot_starts_its_run_once);
    tcase_add_test(tests, the_later_revision_says_which_version_starts_use);
    tcase_add_test(
        tests, an_archived_automation_starts_nothing_and_a_paused_one_by_hand);
    tcase_add_test(tests, steps_in_a_line_follow_each_other);
    tcase_add_test(tests, steps_that_name_no_needs_at_all_are_in_a_line);
    tcase_add_test(tests, a_diamond_waits_for_both_sides);
    tcase_add_test(tests, a_failed_step_dooms_what_needs_it_while_the_others_go_on);
    tcase_add_test(tests, the_first_step_that_failed_names_the_error_of_the_run);
    tcase_add_test(tests, three_hundred_roots_take_several_turns_and_none_is_left_out);
    tcase_add_test(tests, three_hundred_roots_are_cancelled_in_several_turns);
    tcase_add_test(tests, a_run_whose_time_ends_while_more_is_to_be_said_comes_to_rest);
    suite_add_tcase(suite, tests);
    return suite;
}
