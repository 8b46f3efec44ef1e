/* Goal: runs of one group see each other as their automation says.
 * Method: every word that the scheduler says is compared; steps sleep, so that nothing
 * else is said. */
#include "actors/plan/plan.h"
#include "base/pack.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

START_TEST(forbid_refuses_and_names_the_run_that_is_active)
{
    struct story s;
    story_open_with(&s, "concurrency: forbid\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=2 runs_max=1\n"
        "0 step_started run=R1 key=a kind=sleep\n"
        "0 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=10000\n"
        "0 -> gateway run_changed run=R1 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> gateway refused request=7 err=7 detail=\"concurrency forbid: "
        "run_00000000z9e00r000000000000 is active\"\n");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 10000);
    story_start(&s, 3, "");
    story_expect_only(&s, " run_",
        "10000 run_completed run=R1\n"
        "10000 -> gateway run_changed run=R1 sequence=6 status=4 finished_ms=10000 "
        "stop_reason=completed\n"
        "10000 run_started run=R3 automation=A name=flow version=1 source=api "
        "steps=1 concurrency=2 runs_max=1\n"
        "10000 -> gateway run_changed run=R3 sequence=3 status=3\n"
        "10000 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3 started_ms=10000\n");
    story_close(&s);
}
END_TEST

static void
fire(struct story *s, unsigned run)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(run),
                .automation = s->automation,
                .trigger = text("t"),
                .slot_ms = 5 } });
}

START_TEST(a_slot_that_fires_while_a_run_is_active_is_skipped)
{
    struct story s;
    story_open_with(&s, "concurrency: skip\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    fire(&s, 2);
    story_expect(&s,
        "0 -> trigger fire_refused run=R2 automation=A trigger=t slot_ms=5 "
        "refusal=\"concurrency forbid: run_00000000z9e00r000000000000 is active\"\n");
    story_close(&s);
}
END_TEST

/* It may be told again when there is room: the trigger actor may know already that it
 * was refused. */
START_TEST(a_slot_that_was_refused_stays_refused_until_that_is_known)
{
    static const char no[] =
        "-> trigger fire_refused run=R2 automation=A trigger=t slot_ms=5 "
        "refusal=\"concurrency forbid: run_00000000z9e00r000000000000 is active\"\n";
    char again[400];
    struct story s;
    story_open_with(&s, "concurrency: skip\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    fire(&s, 2);
    trace_wait(&s.trace, 10000);
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    snprintf(again, sizeof again, "10000 %s", no);
    fire(&s, 2);
    story_expect(&s, again);
    trace_hello(&s.trace, ACTOR_trigger, 0, 2);
    story_expect_only(&s, "fire_refused", again);
    for (int i = 0; i < 2; i++)
        trace_give(&s.trace, ACTOR_trigger, 0,
            (struct message){
                .code = REFUSAL_KNOWN, .refusal_known = { .run = story_run(2) } });
    story_expect(&s, "10000 telling_settled peer=254 subject=R2 kind=7\n");
    trace_hello(&s.trace, ACTOR_trigger, 0, 3);
    story_expect_only(&s, "fire_refused", "");
    /* It is not told again; if it were, it would be new. */
    fire(&s, 2);
    story_expect_only(&s, "run_started",
        "10000 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=2 runs_max=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_trigger_with_a_limit_counts_only_its_own_runs)
{
    struct story s;
    story_open_with(&s, "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    for (unsigned i = 2; i <= 4; i++)
        trace_give(&s.trace, ACTOR_trigger, 0,
            (struct message){ .code = TRIGGER_FIRED,
                .trigger_fired = { .run = story_run(i),
                    .automation = s.automation,
                    .trigger = text("t"),
                    .runs_max = 2,
                    .slot_ms = i } });
    story_expect_only(&s, "e",
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=2 runs_max=2 scoped=1\n"
        "0 step_started run=R2 key=a kind=sleep\n"
        "0 wait_opened run=R2 key=a attempt=1 wait_kind=sleep due_ms=10000\n"
        "0 -> gateway run_changed run=R2 sequence=3 status=3\n"
        "0 -> trigger fire_taken automation=A trigger=t slot_ms=2 run=R2\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=2 runs_max=2 scoped=1\n"
        "0 step_started run=R3 key=a kind=sleep\n"
        "0 wait_opened run=R3 key=a attempt=1 wait_kind=sleep due_ms=10000\n"
        "0 -> gateway run_changed run=R3 sequence=3 status=3\n"
        "0 -> trigger fire_taken automation=A trigger=t slot_ms=3 run=R3\n"
        "0 -> trigger fire_refused run=R4 automation=A trigger=t slot_ms=4 "
        "refusal=\"concurrency forbid: run_00000000zae018000000000000 is active\"\n");
    story_close(&s);
}
END_TEST

START_TEST(replace_ends_the_older_run_before_the_newer_begins)
{
    struct story s;
    story_open_with(&s, "concurrency: replace\n"
                        "steps:\n  - { key: a, kind: action, action: x }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_start(&s, 2, "");
    story_expect(&s,
        "0 -> lease job_withdrawn run=R1 attempt=1 reason=\"the run has ended\"\n"
        "0 step_cancelled run=R1 key=a\n"
        "0 run_cancelled run=R1 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=3 runs_max=1\n"
        "0 step_started run=R2 key=a kind=action\n"
        "0 action_called run=R2 key=a attempt=1 action=x queue=default "
        "parameters=(1 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R2 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R2 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R2 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(who_cancels_with_that_reason_is_not_taken_for_the_policy)
{
    struct story s;
    story_open_with(&s, "steps:\n  - { key: a, kind: sleep, duration: 1h }\n"
                        "cleanup:\n  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = { .request = 8,
                .run = story_run(1),
                .reason = text("replaced"),
                .by = text("ann") } });
    trace_skip(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "run_c",
        "5000 run_cancelled run=R1 reason=replaced by=ann\n"
        "5000 -> gateway run_changed run=R1 sequence=9 status=6 whole=1 "
        "finished_ms=5000 stop_reason=cancelled\n");
    story_close(&s);
}
END_TEST

START_TEST(replace_waits_for_the_cleanup_of_the_older_run)
{
    struct story s;
    story_open_with(&s, "concurrency: replace\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 1h }\n"
                        "cleanup:\n  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_start(&s, 2, "");
    story_expect(&s,
        "0 step_cancelled run=R1 key=a\n"
        "0 run_deferred run=R1 ending=6 reason=replaced\n"
        "0 step_started run=R1 step=1 key=c kind=sleep\n"
        "0 wait_opened run=R1 step=1 key=c attempt=1 wait_kind=sleep due_ms=5000\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "0 run_queued run=R2 automation=A name=flow version=1 source=api steps=2 "
        "mains=1 cleanups=1 concurrency=3 runs_max=1 queue_reason=\"concurrency "
        "replace: 1 of 1 runs are active\"\n"
        "0 -> gateway run_changed run=R2 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R2 automation=A name=flow "
        "version=1 status=1\n");
    story_start(&s, 3, "");
    story_expect(&s,
        "0 run_cancelled run=R2 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R2 sequence=2 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_queued run=R3 automation=A name=flow version=1 source=api steps=2 "
        "mains=1 cleanups=1 concurrency=3 runs_max=1 queue_reason=\"concurrency "
        "replace: 1 of 1 runs are active\"\n"
        "0 -> gateway run_changed run=R3 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=1\n");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect(&s,
        "5000 wait_resumed run=R1 step=1 key=c attempt=1 by=timer\n"
        "5000 step_completed run=R1 step=1 key=c\n"
        "5000 run_cancelled run=R1 reason=replaced stop_reason=replaced\n"
        "5000 -> gateway run_changed run=R1 sequence=9 status=6 whole=1 "
        "finished_ms=5000 stop_reason=replaced\n"
        "5000 run_started run=R3 automation=A name=flow version=1 source=api "
        "steps=2 queued=1\n"
        "5000 step_started run=R3 key=a kind=sleep\n"
        "5000 wait_opened run=R3 key=a attempt=1 wait_kind=sleep due_ms=3605000\n"
        "5000 -> gateway run_changed run=R3 sequence=4 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_queue_is_served_in_the_order_of_acceptance)
{
    struct story s;
    story_open_with(&s, "concurrency: { policy: queue, max: 1, queue_max: 2 }\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 3, "");
    story_start(&s, 2, "");
    story_start(&s, 1, "k");
    story_start(&s, 4, "");
    story_start(&s, 4, "k");
    story_expect(&s,
        "0 run_started run=R3 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=4 runs_max=1\n"
        "0 step_started run=R3 key=a kind=sleep\n"
        "0 wait_opened run=R3 key=a attempt=1 wait_kind=sleep due_ms=10000\n"
        "0 -> gateway run_changed run=R3 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_queued run=R2 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=4 runs_max=1 queue_reason=\"concurrency queue: 1 of 1 runs "
        "are active\"\n"
        "0 -> gateway run_changed run=R2 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R2 automation=A name=flow "
        "version=1 status=1\n"
        "0 run_queued run=R1 automation=A name=flow version=1 key=k source=api "
        "steps=1 concurrency=4 runs_max=1 queue_reason=\"concurrency queue: 1 of 1 "
        "runs are active\"\n"
        "0 -> gateway run_changed run=R1 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=1\n"
        "0 -> gateway refused request=7 err=7 detail=\"concurrency queue: the "
        "queue is full: run_00000000zbe01r000000000000 is active\"\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=1 existed=1\n");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 25000);
    story_expect(&s,
        "10000 wait_resumed run=R3 key=a attempt=1 by=timer\n"
        "10000 step_completed run=R3 key=a\n"
        "10000 run_completed run=R3\n"
        "10000 -> gateway run_changed run=R3 sequence=6 status=4 finished_ms=10000 "
        "stop_reason=completed\n"
        "10000 run_started run=R2 automation=A name=flow version=1 source=api "
        "steps=1 queued=1\n"
        "10000 step_started run=R2 key=a kind=sleep\n"
        "10000 wait_opened run=R2 key=a attempt=1 wait_kind=sleep due_ms=20000\n"
        "10000 -> gateway run_changed run=R2 sequence=4 status=3\n"
        "20000 wait_resumed run=R2 key=a attempt=1 by=timer\n"
        "20000 step_completed run=R2 key=a\n"
        "20000 run_completed run=R2\n"
        "20000 -> gateway run_changed run=R2 sequence=7 status=4 finished_ms=20000 "
        "stop_reason=completed\n"
        "20000 run_started run=R1 automation=A name=flow version=1 source=api "
        "steps=1 queued=1\n"
        "20000 step_started run=R1 key=a kind=sleep\n"
        "20000 wait_opened run=R1 key=a attempt=1 wait_kind=sleep due_ms=30000\n"
        "20000 -> gateway run_changed run=R1 sequence=4 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(who_comes_when_a_slot_is_free_waits_behind_who_is_queued)
{
    struct story s;
    story_open_with(&s, "concurrency: queue\n"
                        "steps:\n  - { key: a, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    trace_queue(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_CANCEL, .run_cancel = { .request = 8, .run = story_run(1) } });
    story_start(&s, 3, "");
    story_expect_only(&s, " run_",
        "0 run_cancelled run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n"
        "0 run_queued run=R3 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=4 runs_max=1 queue_reason=\"concurrency queue: 0 of 1 runs "
        "are active\"\n"
        "0 -> gateway run_changed run=R3 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=api steps=1 "
        "queued=1\n"
        "0 -> gateway run_changed run=R2 sequence=4 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_queued_run_is_cancelled_without_having_begun)
{
    struct story s;
    story_open_with(&s, "concurrency: queue\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n"
                        "cleanup:\n  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_start(&s, 3, "");
    trace_skip(&s.trace);
    story_cancel(&s, 2, "never mind");
    story_expect(&s,
        "0 run_cancelled run=R2 reason=\"never mind\"\n"
        "0 -> gateway run_changed run=R2 sequence=2 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R2 automation=A name=flow "
        "version=1 status=6 existed=1\n");
    trace_wait(&s.trace, 15000);
    story_expect_only(&s, " run_",
        "10000 run_deferred run=R1 ending=4 reason=completed\n"
        "10000 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "15000 run_completed run=R1\n"
        "15000 -> gateway run_changed run=R1 sequence=10 status=4 "
        "finished_ms=15000 stop_reason=completed\n"
        "15000 run_started run=R3 automation=A name=flow version=1 source=api "
        "steps=2 queued=1\n"
        "15000 -> gateway run_changed run=R3 sequence=4 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(each_value_of_the_key_has_a_group_of_its_own)
{
    struct story s;
    story_open_with(&s, "concurrency: { policy: forbid, key: '{{ .inputs.who }}' }\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start_with(&s, 1, "", text("\x81\xa3who\xa1x"));
    story_start_with(&s, 2, "", text("\x81\xa3who\xa1y"));
    story_start_with(&s, 3, "", text("\x81\xa3who\xa1x"));
    story_start_with(&s, 4, "", text("\x80"));
    story_expect_only(&s, "re",
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(7 bytes) "
        "source=api steps=1 group=x concurrency=2 runs_max=1\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_started run=R2 automation=A name=flow version=1 inputs=(7 bytes) "
        "source=api steps=1 group=y concurrency=2 runs_max=1\n"
        "0 -> gateway run_accepted request=7 run=R2 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> gateway refused request=7 err=7 detail=\"concurrency forbid: "
        "run_00000000z9e00r000000000000 is active\"\n"
        "0 -> gateway refused request=7 err=2 detail=\"concurrency key: line 1, "
        "column 12: there is no inputs.who\"\n");
    story_close(&s);
}
END_TEST

START_TEST(too_many_failures_in_a_row_are_told_until_they_are_known)
{
    struct story s;
    story_open_with(&s,
        "limits: { pause_after_consecutive_failures: 2 }\n"
        "steps:\n  - { key: a, kind: agent, config: { instructions: i } }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_start(&s, 3, "");
    story_expect_only(&s, "failing",
        "0 -> registry automation_failing automation=A failures=2 run=R2\n");
    trace_hello(&s.trace, ACTOR_registry, 0, 1);
    story_expect_only(&s, "failing",
        "0 -> registry automation_failing automation=A failures=2 run=R2\n");
    trace_give(&s.trace, ACTOR_registry, 0,
        (struct message){
            .code = FAILING_KNOWN, .failing_known = { .automation = s.automation } });
    trace_hello(&s.trace, ACTOR_registry, 0, 1);
    story_expect(&s, "0 telling_settled peer=255 subject=A kind=5\n"
                     "0 peer_reset actor=2\n");
    story_close(&s);
}
END_TEST

static const char sleeps[] = "steps:\n  - { key: a, kind: sleep, duration: 10s }\n";

static void
fire_with(
    struct story *s, unsigned run, enum plan_concurrency concurrency, uint32_t runs_max)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(run),
                .automation = s->automation,
                .trigger = text("t"),
                .concurrency = concurrency,
                .runs_max = runs_max } });
}

/* What a trigger does not say its automation does. */
static const struct {
    const char *policy;
    enum plan_concurrency concurrency;
    uint32_t runs_max;
    const char *said;
} policies_of_triggers[] = {
    { "", PLAN_QUEUE, 0,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=1 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_queued run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=1 scoped=1 "
        "queue_reason=\"concurrency queue: 1 of 1 runs are active\"\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 run_queued run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=1 scoped=1 "
        "queue_reason=\"concurrency queue: 1 of 1 runs are active\"\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R3\n"
        "0 run_queued run=R4 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=1 scoped=1 "
        "queue_reason=\"concurrency queue: 1 of 1 runs are active\"\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R4\n" },
    { "", PLAN_FORBID, 2,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=2 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=2 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 -> trigger fire_refused run=R3 automation=A trigger=t "
        "refusal=\"concurrency forbid: run_00000000z9e00r000000000000 is active\"\n"
        "0 -> trigger fire_refused run=R4 automation=A trigger=t "
        "refusal=\"concurrency forbid: run_00000000z9e00r000000000000 is "
        "active\"\n" },
    { "", PLAN_ALLOW, 2,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=1 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=1 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 -> trigger fire_refused run=R3 automation=A trigger=t refusal=\"no slot "
        "is free: run_00000000z9e00r000000000000 is active\"\n"
        "0 -> trigger fire_refused run=R4 automation=A trigger=t refusal=\"no slot "
        "is free: run_00000000z9e00r000000000000 is active\"\n" },
    { "", PLAN_ALLOW, 0,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R3\n"
        "0 run_started run=R4 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R4\n" },
    { "concurrency: queue\n", 0, 2,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 run_queued run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=2 scoped=1 "
        "queue_reason=\"concurrency queue: 2 of 2 runs are active\"\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R3\n"
        "0 run_queued run=R4 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=4 runs_max=2 scoped=1 "
        "queue_reason=\"concurrency queue: 2 of 2 runs are active\"\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R4\n" },
    { "concurrency: forbid\n", PLAN_ALLOW, 0,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R3\n"
        "0 run_started run=R4 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R4\n" },
    { "", PLAN_REPLACE, 2,
        "0 run_started run=R1 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=3 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=3 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R2\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=3 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R3\n"
        "0 run_started run=R4 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t concurrency=3 runs_max=2 scoped=1\n"
        "0 -> trigger fire_taken automation=A trigger=t run=R4\n" },
};

START_TEST(a_trigger_may_have_a_policy_a_limit_or_both)
{
    for (size_t i = 0; i < COUNT(policies_of_triggers); i++) {
        struct story s;
        char about[200];
        snprintf(about, sizeof about, "%s%s", policies_of_triggers[i].policy, sleeps);
        story_open_with(&s, about);
        for (unsigned run = 1; run <= 4; run++)
            fire_with(&s, run, policies_of_triggers[i].concurrency,
                policies_of_triggers[i].runs_max);
        story_expect_only(&s, "trigger=t", policies_of_triggers[i].said);
        story_close(&s);
    }
}
END_TEST

/* So many steps that ending them leaves no room to begin another run. */
static const char crowd[] =
    "steps:\n"
    "  - { key: e, kind: each, items: '${{ inputs.list }}', concurrency: 200,\n"
    "      steps: [ { key: a, kind: sleep, duration: 1h } ] }\n";

static void
fire_crowd(
    struct story *s, unsigned run, enum plan_concurrency concurrency, uint32_t runs_max)
{
    struct buffer list = { 0 };
    pack_map(&list, 1);
    pack_string(&list, "list");
    pack_array(&list, 200);
    for (unsigned i = 0; i < 200; i++)
        pack_u64(&list, i);
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(run),
                .automation = s->automation,
                .trigger = text("t"),
                .inputs = buffer_bytes(&list),
                .concurrency = concurrency,
                .runs_max = runs_max } });
    buffer_free(&list);
}

START_TEST(who_replaces_a_large_run_begins_a_turn_later)
{
    struct story s;
    story_open_with(&s, crowd);
    fire_crowd(&s, 1, PLAN_REPLACE, 1);
    trace_skip(&s.trace);
    fire_crowd(&s, 2, PLAN_REPLACE, 1);
    story_expect_only(&s, " run_",
        "0 run_cancelled run=R1 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R1 sequence=605 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_queued run=R2 automation=A name=flow version=1 inputs=(281 bytes) "
        "source=trigger steps=1 trigger=t concurrency=3 runs_max=1 scoped=1 "
        "queue_reason=\"concurrency replace: 1 of 1 runs are active\"\n"
        "0 -> gateway run_changed run=R2 sequence=1 status=1\n"
        "0 run_started run=R2 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t queued=1\n"
        "0 run_deferred run=R2 more=1\n"
        "0 -> gateway run_changed run=R2 sequence=244 status=3\n"
        "0 run_deferred run=R2\n"
        "0 -> gateway run_changed run=R2 sequence=404 status=3\n");
    story_close(&s);
}
END_TEST

START_TEST(who_replaces_several_large_runs_ends_them_over_several_turns)
{
    struct story s;
    story_open_with(&s, crowd);
    fire_crowd(&s, 1, PLAN_REPLACE, 2);
    fire_crowd(&s, 2, PLAN_REPLACE, 2);
    trace_skip(&s.trace);
    fire_crowd(&s, 3, PLAN_REPLACE, 1);
    story_expect_only(&s, " run_",
        "0 run_cancelled run=R1 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R1 sequence=605 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_deferred run=R2 more=1 ending=6 reason=replaced\n"
        "0 -> gateway run_changed run=R2 sequence=443 status=3\n"
        "0 run_queued run=R3 automation=A name=flow version=1 inputs=(281 bytes) "
        "source=trigger steps=1 trigger=t concurrency=3 runs_max=1 scoped=1 "
        "queue_reason=\"concurrency replace: 2 of 1 runs are active\"\n"
        "0 -> gateway run_changed run=R3 sequence=1 status=1\n"
        "0 run_deferred run=R2\n"
        "0 run_cancelled run=R2 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R2 sequence=605 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=trigger "
        "steps=1 trigger=t queued=1\n"
        "0 run_deferred run=R3 more=1\n"
        "0 -> gateway run_changed run=R3 sequence=244 status=3\n"
        "0 run_deferred run=R3\n"
        "0 -> gateway run_changed run=R3 sequence=404 status=3\n");
    story_close(&s);
}
END_TEST

/* The run that held the slot has ended, and the one that is queued has not yet begun.
 */
START_TEST(who_comes_before_a_queued_run_has_begun_replaces_it)
{
    struct story s;
    story_open_with(&s, "concurrency: replace\n"
                        "steps:\n  - { key: a, kind: action, action: x }\n"
                        "cleanup:\n  - { key: c, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    trace_queue(&s.trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_REPORTED,
            .job_reported = { .run = story_run(1),
                .step = 1,
                .attempt = 1,
                .offer = 1,
                .session = story_session(1),
                .outcome = OUTCOME_COMPLETED } });
    story_start(&s, 3, "");
    story_expect_only(&s, " run_",
        "0 run_cancelled run=R1 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_cancelled run=R2 reason=replaced stop_reason=replaced\n"
        "0 -> gateway run_changed run=R2 sequence=2 status=6 whole=1 "
        "stop_reason=replaced\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=api steps=2 "
        "mains=1 cleanups=1 concurrency=3 runs_max=1\n"
        "0 -> gateway run_changed run=R3 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

/* A policy that was to queue is now to replace. */
START_TEST(who_replaces_a_long_queue_begins_when_several_turns_have_ended_it)
{
    enum { RUNS = 200 };
    struct story s;
    story_open_with(
        &s, "concurrency: queue\nsteps:\n  - { key: a, kind: sleep, duration: 1s }\n");
    for (unsigned run = 1; run <= RUNS; run++)
        story_start(&s, run, "");
    story_learn(&s, 2,
        "concurrency: replace\nsteps:\n  - { key: a, kind: sleep, duration: 1s }\n");
    struct id last = story_run(RUNS + 1);
    trace_name(&s.trace, &last, "LAST");
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7, .run = last, .automation = text("flow") } });
    story_expect_only(&s, "run=LAST",
        "0 run_queued run=LAST automation=A name=flow version=2 steps=1 "
        "concurrency=3 runs_max=1 queue_reason=\"concurrency replace: 1 of 1 runs "
        "are active\"\n"
        "0 -> gateway run_changed run=LAST sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=LAST automation=A name=flow "
        "version=2 status=1\n"
        "0 run_started run=LAST automation=A name=flow version=2 steps=1 queued=1\n"
        "0 step_started run=LAST key=a kind=sleep\n"
        "0 wait_opened run=LAST key=a attempt=1 wait_kind=sleep due_ms=1000\n"
        "0 -> gateway run_changed run=LAST sequence=4 status=3\n");
    trace_wait(&s.trace, RUNS * 1000);
    story_expect_only(&s, "run_started", "");
    story_close(&s);
}
END_TEST

START_TEST(a_fork_does_not_wait_for_a_slot)
{
    static const char *const policies[] = { "replace", "queue", "forbid" };
    static const char *const said[] = {
        "0 -> gateway refused request=14 err=7 detail=\"no slot is free: "
        "run_00000000zbe01r000000000000 is active\"\n",
        "0 -> gateway refused request=14 err=7 detail=\"no slot is free: "
        "run_00000000zbe01r000000000000 is active\"\n",
        "0 -> gateway refused request=14 err=7 detail=\"concurrency forbid: "
        "run_00000000zbe01r000000000000 is active\"\n",
    };
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct story s;
        char about[200];
        snprintf(about, sizeof about, "concurrency: %s\n%s", policies[i], sleeps);
        story_open_with(&s, about);
        story_start(&s, 1, "");
        story_cancel(&s, 1, "enough");
        story_start(&s, 3, "");
        trace_skip(&s.trace);
        trace_give(&s.trace, ACTOR_gateway, 0,
            (struct message){ .code = RUN_FORK,
                .run_fork = {
                    .request = 14, .run = story_run(2), .origin = story_run(1) } });
        story_expect(&s, said[i]);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_run_goes_on_beside_another_if_a_slot_is_free)
{
    struct story s;
    story_open_with(&s, "concurrency: { policy: queue, max: 2 }\n"
                        "steps:\n  - { key: a, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_start(&s, 2, "");
    /* What is said of a run that is over moves no group. */
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = { .request = 8,
                .run = story_run(1),
                .step = text("a"),
                .output = text("\xa2ok") } });
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 9, .run = story_run(1) } });
    story_start(&s, 3, "");
    story_start(&s, 4, "");
    story_expect_only(&s, " run_",
        "0 run_resumed run=R1 attempt=2\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=9 status=4 "
        "stop_reason=completed\n"
        "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n"
        "0 run_started run=R3 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=4 runs_max=2\n"
        "0 -> gateway run_changed run=R3 sequence=3 status=3\n"
        "0 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3\n"
        "0 run_queued run=R4 automation=A name=flow version=1 source=api steps=1 "
        "concurrency=4 runs_max=2 queue_reason=\"concurrency queue: 2 of 2 runs "
        "are active\"\n"
        "0 -> gateway run_changed run=R4 sequence=1 status=1\n"
        "0 -> gateway run_accepted request=7 run=R4 automation=A name=flow "
        "version=1 status=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_that_completed_or_was_cancelled_is_no_failure)
{
    struct story s;
    story_open_with(&s, "limits: { pause_after_consecutive_failures: 2 }\n"
                        "steps:\n  - { key: a, kind: action, action: x }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_start(&s, 2, "");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    story_start(&s, 3, "");
    story_failed(&s, (struct held){ 3, 0, 1, 1, 1 });
    story_start(&s, 4, "");
    story_cancel(&s, 4, "enough");
    story_expect_only(&s, "failing", "");
    struct id last = story_run(5);
    trace_name(&s.trace, &last, "R5");
    trace_give(&s.trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(5),
                .automation = s.automation,
                .trigger = text("t"),
                .source = text("http") } });
    story_expect_only(&s, "run_started",
        "0 run_started run=R5 automation=A name=flow version=1 source=http "
        "steps=1 trigger=t\n");
    story_failed(&s, (struct held){ 5, 0, 1, 1, 1 });
    story_expect_only(&s, "failing",
        "0 -> registry automation_failing automation=A failures=2 run=R5\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_policies_suite(void)
{
    Suite *suite = suite_create("policies");
    TCase *tcase = tcase_create("policies");
    tcase_add_test(tcase, forbid_refuses_and_names_the_run_that_is_active);
    tcase_add_test(tcase, a_slot_that_fires_while_a_run_is_active_is_skipped);
    tcase_add_test(tcase, a_slot_that_was_refused_stays_refused_until_that_is_known);
    tcase_add_test(tcase, a_trigger_with_a_limit_counts_only_its_own_runs);
    tcase_add_test(tcase, replace_ends_the_older_run_before_the_newer_begins);
    tcase_add_test(tcase, replace_waits_for_the_cleanup_of_the_older_run);
    tcase_add_test(tcase, who_cancels_with_that_reason_is_not_taken_for_the_policy);
    tcase_add_test(tcase, a_queue_is_served_in_the_order_of_acceptance);
    tcase_add_test(tcase, who_comes_when_a_slot_is_free_waits_behind_who_is_queued);
    tcase_add_test(tcase, a_queued_run_is_cancelled_without_having_begun);
    tcase_add_test(tcase, each_value_of_the_key_has_a_group_of_its_own);
    tcase_add_test(tcase, too_many_failures_in_a_row_are_told_until_they_are_known);
    tcase_add_test(tcase, a_trigger_may_have_a_policy_a_limit_or_both);
    tcase_add_test(tcase, who_replaces_a_large_run_begins_a_turn_later);
    tcase_add_test(tcase, who_replaces_several_large_runs_ends_them_over_several_turns);
    tcase_add_test(tcase, who_comes_before_a_queued_run_has_begun_replaces_it);
    tcase_add_test(
        tcase, who_replaces_a_long_queue_begins_when_several_turns_have_ended_it);
    tcase_add_test(tcase, a_fork_does_not_wait_for_a_slot);
    tcase_add_test(tcase, a_run_goes_on_beside_another_if_a_slot_is_free);
    tcase_add_test(tcase, a_run_that_completed_or_was_cancelled_is_no_failure);
    suite_add_tcase(suite, tcase);
    return suite;
}
