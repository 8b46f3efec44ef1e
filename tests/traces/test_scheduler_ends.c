/* Goal: a run cleans up however it ends, has the output and the name that it declares,
 * and begins with the inputs that it declares.
 * Method: every word that the scheduler says is compared; values by what leaves. */
#include "actors/scheduler/start.h"
#include "base/json_read.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static const char tidy[] = "timeout: 10s\n"
                           "steps:\n"
                           "  - { key: a, kind: action, action: x }\n"
                           "  - { key: b, kind: action, action: x }\n"
                           "cleanup:\n"
                           "  - { key: c, kind: action, action: x,\n"
                           "      with: { run: '${{ run.status }}' } }\n"
                           "  - { key: d, kind: action, action: x }\n";

START_TEST(cleanup_follows_when_all_is_done)
{
    struct story s;
    story_open_with(&s, tidy);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 step=1 key=b attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=1 key=b\n"
        "0 run_deferred run=R1 ending=4 reason=completed\n"
        "0 step_started run=R1 step=2 key=c kind=action\n"
        "0 action_called run=R1 step=2 key=c attempt=1 action=x queue=default "
        "parameters=(15 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=11 status=3\n"
        "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(15 "
        "bytes) order=5 life=1\n");
    story_expect_offered(&s, "{\"run\":\"completed\"}");
    trace_crash(&s.trace);
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 step=3 key=d attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=3 key=d\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=18 status=4 stop_reason=completed\n"
        "0 -> lease job_settled run=R1 step=3 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(who_cancelled_is_known_until_cleanup_is_over)
{
    struct story s;
    story_open_with(&s, tidy);
    story_start(&s, 1, "");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = { .request = 8,
                .run = story_run(1),
                .reason = text("enough"),
                .by = text("ada") } });
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_expect_only(
        &s, "run_cancelled", "0 run_cancelled run=R1 reason=enough by=ada\n");
    story_close(&s);
}
END_TEST

START_TEST(cleanup_follows_a_failure_and_may_fail_itself)
{
    struct story s;
    story_open_with(&s, tidy);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1\n"
        "0 step_failed run=R1 key=a error_type=Oops\n"
        "0 step_skipped run=R1 step=1 key=b reason=\"a step that it needs did not "
        "complete\"\n"
        "0 run_deferred run=R1 ending=5 reason=step_failed\n"
        "0 step_started run=R1 step=2 key=c kind=action\n"
        "0 action_called run=R1 step=2 key=c attempt=1 action=x queue=default "
        "parameters=(12 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(12 "
        "bytes) order=4 life=1\n");
    story_expect_offered(&s, "{\"run\":\"failed\"}");
    story_failed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_failed run=R1 step=2 key=c attempt=1 offer=1 action=x "
        "error_type=Oops ending=1\n"
        "0 step_failed run=R1 step=2 key=c error_type=Oops\n"
        "0 step_skipped run=R1 step=3 key=d reason=\"a step that it needs did not "
        "complete\"\n"
        "0 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=12 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops failed_step=a\n"
        "0 -> lease job_settled run=R1 step=2 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(cleanup_follows_a_cancel_and_can_be_cancelled)
{
    struct story s;
    story_open_with(&s, tidy);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "run=R1",
        "0 -> lease job_withdrawn run=R1 attempt=1 reason=\"the run has ended\"\n"
        "0 step_cancelled run=R1 key=a\n"
        "0 run_deferred run=R1 ending=6 reason=enough\n"
        "0 step_started run=R1 step=2 key=c kind=action\n"
        "0 action_called run=R1 step=2 key=c attempt=1 action=x queue=default "
        "parameters=(15 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(15 "
        "bytes) order=4 life=1\n");
    story_expect_offered(&s, "{\"run\":\"cancelled\"}");
    trace_crash(&s.trace);
    story_cancel(&s, 1, "really");
    story_expect_only(&s, "run=R1",
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(15 "
        "bytes) order=4 life=1\n"
        "0 lane_read lane=L1 record=4 run=R1 step=2\n"
        "0 -> lease job_withdrawn run=R1 step=2 attempt=1 reason=\"the run has "
        "ended\"\n"
        "0 step_cancelled run=R1 step=2 key=c\n"
        "0 run_cancelled run=R1 reason=really\n"
        "0 -> gateway run_changed run=R1 sequence=8 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n");
    story_close(&s);
}
END_TEST

START_TEST(cleanup_follows_the_timeout_of_the_run)
{
    struct story s;
    story_open_with(&s, tidy);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 10000);
    story_expect_only(&s, "run=R1",
        "10000 -> lease job_withdrawn run=R1 attempt=1 reason=\"the run has "
        "ended\"\n"
        "10000 step_cancelled run=R1 key=a\n"
        "10000 run_deferred run=R1 ending=5 reason=wall_clock_exceeded\n"
        "10000 step_started run=R1 step=2 key=c kind=action\n"
        "10000 action_called run=R1 step=2 key=c attempt=1 action=x queue=default "
        "parameters=(12 bytes) lane=L1\n"
        "10000 -> gateway run_changed run=R1 sequence=6 status=3\n"
        "10000 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 key=c "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(12 "
        "bytes) order=4 life=1\n");
    trace_wait(&s.trace, 10000);
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "20000 action_completed run=R1 step=3 key=d attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "20000 step_completed run=R1 step=3 key=d\n"
        "20000 run_failed run=R1 error_type=Timeout error_message=\"the run took "
        "longer than its timeout\" stop_reason=wall_clock_exceeded\n"
        "20000 -> gateway run_changed run=R1 sequence=13 status=5 whole=1 "
        "finished_ms=20000 stop_reason=wall_clock_exceeded error_type=Timeout "
        "error_message=\"the run took longer than its timeout\"\n"
        "20000 -> lease job_settled run=R1 step=3 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_has_the_name_and_the_output_that_it_declares)
{
    struct story s;
    story_open_with(&s,
        "run_name: 'for {{ .inputs.who }}'\n"
        "default_inputs: { who: you }\n"
        "output: { done: '${{ steps.a.output.n + 1 }}', by: '${{ run.name }}' }\n"
        "steps:\n"
        "  - { key: a, kind: set, values: { n: 1 } }\n"
        "  - { key: b, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(9 bytes) "
        "source=api steps=2 title=\"for you\"\n"
        "0 step_started run=R1 key=a kind=set\n"
        "0 step_completed run=R1 key=a output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=1 key=b kind=set\n"
        "0 step_completed run=R1 step=1 key=b output=(1 bytes) has_output=1\n"
        "0 run_completed run=R1 output=(18 bytes) has_output=1\n"
        "0 -> gateway run_changed run=R1 sequence=6 status=4 whole=1 output=(18 "
        "bytes) stop_reason=completed\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=4\n");
    story_expect_output(&s, "{\"done\":2,\"by\":\"for you\"}");
    story_close(&s);
}
END_TEST

START_TEST(an_output_that_cannot_be_evaluated_fails_the_run)
{
    struct story s;
    story_open_with(&s, "output: { done: '${{ steps.a.output.no }}' }\n"
                        "steps:\n"
                        "  - { key: a, kind: set, values: { n: 1 } }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " run_",
        "0 run_started run=R1 automation=A name=flow version=1 source=api steps=1\n"
        "0 run_failed run=R1 error_type=TemplateError error_message=\"output.done: "
        "line 1, column 20: there is no steps.a.output.no\" "
        "stop_reason=output_failed\n"
        "0 -> gateway run_changed run=R1 sequence=4 status=5 whole=1 "
        "stop_reason=output_failed error_type=TemplateError "
        "error_message=\"output.done: line 1, column 20: there is no "
        "steps.a.output.no\"\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=5\n");
    story_close(&s);
}
END_TEST

static void
start_with(struct story *s, unsigned run, struct bytes inputs)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7,
                .run = story_run(run),
                .automation = text("flow"),
                .inputs = inputs,
                .source = text("api") } });
}

/* Whoever looks at the trigger later hears only one sentence. */
START_TEST(a_fire_that_is_refused_for_its_inputs_says_which)
{
    struct story s;
    story_open_with(&s, "inputs: { n: { type: integer, required: true } }\n"
                        "steps:\n  - { key: a, kind: set, values: {} }\n");
    struct message fired = { .code = TRIGGER_FIRED,
        .trigger_fired = { .run = story_run(1),
            .automation = s.automation,
            .trigger = text("t"),
            .slot_ms = 5,
            .inputs = text("\x81\xa1n\xa1x") } }; /* {"n": "x"} */
    trace_give(&s.trace, ACTOR_trigger, 0, fired);
    story_expect_only(&s, "fire_refused",
        "0 -> trigger fire_refused run=R1 automation=A trigger=t slot_ms=5 "
        "refusal=\"the inputs are not as the automation declares them: /n: found "
        "\"x\": expected type integer\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_detail_without_a_place_is_said_without_one)
{
    struct arena arena = { 0 };
    struct buffer details = { 0 };
    ck_assert_int_eq(
        json_to_msgpack(text("[{\"path\": \"\", \"message\": \"too much\"}, {}]"),
            &details, NULL, &(struct fault){ 0 }),
        ERR_NONE);
    struct bytes words = refusal_words(&arena, text("no"), buffer_bytes(&details));
    ck_assert(bytes_equal(words, text("no: too much")));
    buffer_free(&details);
    arena_free(&arena);
}
END_TEST

START_TEST(inputs_are_checked_and_completed_when_a_run_starts)
{
    struct story s;
    story_open_with(&s,
        "inputs:\n"
        "  n: { type: integer, required: true }\n"
        "  who: { type: string, default: you }\n"
        "steps:\n"
        "  - { key: a, kind: set, values: { all: '${{ inputs }}' } }\n");
    start_with(&s, 1, text("\x81\xa1n\xa1x")); /* {"n": "x"} */
    story_expect(&s,
        "0 -> gateway refused request=7 err=2 detail=\"the inputs are not as the "
        "automation declares them\" details=(52 bytes)\n");
    start_with(&s, 1, text("\x81\xa1n\x05")); /* {"n": 5} */
    story_expect_output(&s, "{\"all\":{\"n\":5,\"who\":\"you\"}}");
    story_close(&s);
}
END_TEST

/* Each name is looked for once, however many there are on both sides. */
START_TEST(very_many_inputs_are_laid_over_very_many)
{
    enum { DEFAULTS = 40000, GIVEN = 400000 };
    struct story s;
    struct buffer plan = { 0 }, inputs = { 0 };
    buffer_print(&plan, "default_inputs:\n");
    for (unsigned i = 0; i < DEFAULTS; i++)
        buffer_print(&plan, "  d%u: 1\n", i);
    buffer_print(&plan, "steps:\n  - { key: a, kind: set,\n"
                        "      values: { n: '${{ inputs.d0 + inputs.d1 }}' } }\n");
    buffer_append(&plan, "", 1);
    pack_map(&inputs, GIVEN);
    for (unsigned i = 0; i < GIVEN; i++) {
        char name[16];
        snprintf(name, sizeof name, i == 0 ? "d0" : "g%u", i);
        pack_string(&inputs, name);
        pack_u64(&inputs, 5);
    }
    story_open_with(&s, (const char *)plan.data);
    story_start_with(&s, 1, "", buffer_bytes(&inputs));
    story_expect_output(&s, "{\"n\":6}");
    buffer_free(&plan);
    buffer_free(&inputs);
    story_close(&s);
}
END_TEST

START_TEST(a_run_is_running_while_a_worker_holds_a_job_of_it)
{
    struct story s;
    story_open_with(&s, "steps:\n" STEP("a", ", needs: []") STEP("b", ", needs: []"));
    story_start(&s, 1, "");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_leased(&s, (struct held){ 1, 1, 1, 1, 2 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(
        &s, "run_changed", "0 -> gateway run_changed run=R1 sequence=7 status=2\n");
    story_returned(&s, (struct held){ 1, 1, 1, 1, 2 });
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect_only(&s, "run_accepted",
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n");
    story_close(&s);
}
END_TEST

static void
start_as(struct story *s, unsigned run, struct run_start more)
{
    more.request = 7;
    more.run = story_run(run);
    more.automation = text("flow");
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START, .run_start = more });
}

START_TEST(meta_and_config_of_a_run_are_maps)
{
    struct story s;
    story_open_with(&s, tidy);
    start_as(&s, 1, (struct run_start){ .meta = text("\x90") });
    start_as(&s, 1, (struct run_start){ .config = text("\x90") });
    story_expect(&s,
        "0 -> gateway refused request=7 err=2 detail=\"meta and config must be "
        "maps\"\n"
        "0 -> gateway refused request=7 err=2 detail=\"meta and config must be "
        "maps\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_whose_name_cannot_be_evaluated_is_called_as_written)
{
    struct story s;
    story_open_with(&s, "run_name: 'order ${{ inputs.n }}'\n"
                        "default_inputs: { m: 1, k: 2 }\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 1h }\n");
    story_start(&s, 1, "");
    story_start_with(&s, 2, "", text("\x82\xa1n\x07\xa1m\x05"));
    story_expect_only(&s, "run_started",
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(7 bytes) "
        "source=api steps=1 title=\"order ${{ inputs.n }}\"\n"
        "0 run_started run=R2 automation=A name=flow version=1 inputs=(10 bytes) "
        "source=api steps=1 title=\"order 7\"\n");
    story_close(&s);
}
END_TEST

/* A plan of a later release cannot be opened. */
START_TEST(a_version_that_cannot_be_read_is_not_started)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    trace_give(&s.trace, ACTOR_registry, 0,
        (struct message){ .code = PLAN_OFFERED,
            .plan_offered = { .automation = story_automation("flow"),
                .name = text("flow"),
                .version = 1,
                .plan = text("\x01") } });
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect(&s,
        "0 -> gateway refused request=7 err=5 detail=\"the automation has no such "
        "version\"\n");
    story_close(&s);
}
END_TEST

/* What is offered again says only what the automation is now. */
START_TEST(a_start_uses_the_latest_draft_until_a_version_is_published)
{
    static const char about[] = "steps:\n  - { key: a, kind: sleep, duration: 1h }\n";
    static const struct {
        uint32_t version;
        uint64_t revision;
        uint32_t current;
        enum automation_status status;
        uint32_t starts;
    } rows[] = {
        { 1, 1, 0, AUTOMATION_DRAFT, 1 },  /* no version is published: the latest */
        { 2, 2, 1, AUTOMATION_ACTIVE, 2 }, /* one is, and it is not this */
        { 1, 3, 1, AUTOMATION_ACTIVE, 1 }, /* it is this */
        { 2, 1, 2, AUTOMATION_ACTIVE, 1 }, /* an earlier word */
        { 3, 2, 3, AUTOMATION_ACTIVE, 1 }, /* and of a version that is new here */
    };
    struct story s;
    story_make(&s);
    story_open(&s);
    for (uint32_t version = 1; version <= 2; version++)
        story_learn_as(&s, "other", version, about);
    for (size_t i = 0; i < COUNT(rows); i++) {
        trace_give(&s.trace, ACTOR_registry, 0,
            (struct message){ .code = PLAN_OFFERED,
                .plan_offered = { .automation = story_automation("other"),
                    .name = text("draft"),
                    .version = rows[i].version,
                    .revision = rows[i].revision,
                    .current = rows[i].current,
                    .status = rows[i].status } });
        trace_skip(&s.trace);
        trace_give(&s.trace, ACTOR_gateway, 0,
            (struct message){ .code = RUN_START,
                .run_start = { .request = 7,
                    .run = story_run(1 + (unsigned)i),
                    .automation = text("draft") } });
        ck_assert_uint_eq(
            trace_sent(&s.trace, RUN_ACCEPTED)->run_accepted.version, rows[i].starts);
    }
    story_close(&s);
}
END_TEST

/* Ending the run takes two turns, and in between something is said of it. */
static void
say_while_ending(struct story *s, enum actor_name from, struct message said)
{
    story_open_with(s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..250 }}', concurrency: 250,\n"
        "      steps: [ { key: s, kind: sleep, duration: 1h } ] }\n"
        "  - { key: a, kind: action, action: x, needs: [] }\n"
        "  - { key: w, kind: wait_for_event, event_type: order.paid, needs: [] }\n"
        "  - { key: i, kind: interaction, protocol: approval, title: t, needs: [] }\n"
        "  - { key: c, kind: automation, automation: child, wait: true, needs: [] }\n");
    story_learn_as(
        s, "child", 1, "steps:\n  - { key: s, kind: sleep, duration: 1h }\n");
    story_start(s, 1, "");
    trace_skip(&s->trace);
    struct id of_run = story_run(1), of_step = id_derive(&of_run, 4);
    struct id child = id_derive(&of_step, (uint64_t)'c' << 56 | 1);
    if (said.code == CHILD_ENDED)
        said.child_ended.child = child;
    trace_queue(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = {
                .request = 8, .run = story_run(1), .reason = text("no") } });
    trace_give(&s->trace, from, 0, said);
}

START_TEST(a_run_that_is_being_ended_takes_nothing_else)
{
    struct id run = story_run(1), asked = interaction_id(&run, 3, 1, false);
    const struct {
        enum actor_name from;
        struct message said;
        const char *word, *answer;
    } rows[] = {
        { ACTOR_lease,
            { .code = JOB_REPORTED,
                .job_reported = { .run = run,
                    .step = 1,
                    .attempt = 1,
                    .offer = 1,
                    .outcome = OUTCOME_COMPLETED } },
            "job_settled",
            "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 verdict=2 "
            "reported=1\n" },
        { ACTOR_trigger,
            { .code = WAIT_MATCHED,
                .wait_matched = { .run = run, .step = 2, .attempt = 1, .number = 1 } },
            "match_taken", "0 -> trigger match_taken run=R1 step=2 attempt=1\n" },
        { ACTOR_gateway,
            { .code = INTERACTION_RESPOND,
                .interaction_respond = { .request = 9,
                    .interaction = asked,
                    .value = text("\xc3"),
                    .principal = text("ann") } },
            "request=9",
            "0 -> gateway refused request=9 err=7 detail=\"it is asked no more\"\n" },
        { ACTOR_gateway,
            { .code = RUN_CANCEL,
                .run_cancel = { .request = 9, .run = run, .reason = text("again") } },
            "request=9",
            "0 -> gateway run_accepted request=9 run=R1 automation=A name=flow "
            "version=1 status=3 existed=1\n" },
        { ACTOR_scheduler,
            { .code = CHILD_ENDED,
                .child_ended = { .run = run,
                    .step = 4,
                    .attempt = 1,
                    .status = RUN_DONE } },
            "child_settled",
            "0 -> scheduler.0 child_settled run=R1 "
            "child=0000000003e973e7802b7b7debcc51d0\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        say_while_ending(&s, rows[i].from, rows[i].said);
        char *ended =
            memmem(s.trace.said->data, s.trace.said->size, " step_completed", 15);
        ck_assert_ptr_null(ended);
        story_expect_only(&s, rows[i].word, rows[i].answer);
        story_close(&s);
    }
}
END_TEST

/* No item that waits for its place begins. */
START_TEST(a_large_cleanup_is_cancelled_over_several_turns)
{
    struct story s;
    story_open_with(&s,
        "steps:\n  - { key: a, kind: set, values: {} }\n"
        "cleanup:\n"
        "  - { key: e, kind: each, items: '${{ 1..400 }}', concurrency: 200,\n"
        "      steps: [ { key: c, kind: action, action: x } ] }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, " run_",
        "0 run_deferred run=R1 more=1 ending=6 reason=enough closing=1\n"
        "0 -> gateway run_changed run=R1 sequence=527 status=3\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=3 existed=1\n"
        "0 run_deferred run=R1\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=607 status=6 whole=1 "
        "stop_reason=cancelled\n");
    story_close(&s);
}
END_TEST

/* Who says something of a run that was left waiting leaves it so. */
START_TEST(a_report_while_a_run_waits_for_its_next_turn_leaves_it_waiting)
{
    struct story s;
    struct buffer plan = { 0 };
    buffer_print(&plan, "steps:\n" STEP("a", ""));
    for (unsigned i = 0; i < 300; i++)
        buffer_print(&plan, "  - { key: s%u, kind: set, needs: [], values: {} }\n", i);
    buffer_append(&plan, "", 1);
    story_open_with(&s, (const char *)plan.data);
    buffer_free(&plan);
    trace_queue(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = {
                .request = 7, .run = story_run(1), .automation = text("flow") } });
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, " run_",
        "0 run_started run=R1 automation=A name=flow version=1 steps=301\n"
        "0 run_deferred run=R1 more=1\n"
        "0 -> gateway run_changed run=R1 sequence=243 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=245 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=489 status=3\n"
        "0 run_deferred run=R1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=606 status=4 whole=1 "
        "output=(1 bytes) stop_reason=completed\n");
    story_close(&s);
}
END_TEST

/* The time of the first is over before the run is cancelled, that of the others while
 * it is being. */
START_TEST(no_attempt_begins_while_a_run_is_cancelled_over_several_turns)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..400 }}', concurrency: 400,\n"
        "      steps: [ { key: a, kind: action, action: x, timeout: 2s,\n"
        "          retry: { max_attempts: 2 } } ] }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    s.trace.now_ms = 2000;
    story_cancel(&s, 1, "enough");
    story_expect_only(&s, "error_type=Timeout",
        "2000 action_failed run=R1 step=1 key=e[0].a attempt=1 offer=1 action=x "
        "error_type=Timeout error_message=\"the attempt took longer than its "
        "timeout\" ending=3\n");
    story_close(&s);
}
END_TEST

START_TEST(only_a_run_that_failed_is_discarded)
{
    struct story s;
    story_open_with(&s, "steps:\n  - { key: a, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = { .request = 8, .run = story_run(1), .discard = 1 } });
    story_expect(&s,
        "0 -> gateway refused request=8 err=7 detail=\"only a run that has "
        "failed can be discarded\"\n");
    story_close(&s);
}
END_TEST

/* The older run ends in the same turn, and its cleanup has the number of the step whose
 * output is that of the newer. */
START_TEST(who_waits_for_a_run_hears_its_own_output)
{
    struct story s;
    story_open_with(&s, "concurrency: replace\n"
                        "steps:\n  - { key: a, kind: sleep, duration: 1h }\n"
                        "cleanup:\n  - { key: c, kind: set, values: { n: 1 } }\n");
    story_start(&s, 1, "");
    story_learn(&s, 2,
        "concurrency: replace\n"
        "steps:\n  - { key: a, kind: set, values: {} }\n"
        "  - { key: b, kind: set, values: { n: 2 } }\n");
    story_start(&s, 2, "");
    story_expect_output(&s, "{\"n\":2}");
    story_close(&s);
}
END_TEST

Suite *
scheduler_ends_suite(void)
{
    Suite *suite = suite_create("scheduler ends");
    TCase *tests = tcase_create("ends");
    tcase_set_timeout(tests, 60); /* some have many records */
    tcase_add_test(tests, cleanup_follows_when_all_is_done);
    tcase_add_test(tests, cleanup_follows_a_failure_and_may_fail_itself);
    tcase_add_test(tests, cleanup_follows_a_cancel_and_can_be_cancelled);
    tcase_add_test(tests, who_cancelled_is_known_until_cleanup_is_over);
    tcase_add_test(tests, cleanup_follows_the_timeout_of_the_run);
    tcase_add_test(tests, a_run_has_the_name_and_the_output_that_it_declares);
    tcase_add_test(tests, an_output_that_cannot_be_evaluated_fails_the_run);
    tcase_add_test(tests, inputs_are_checked_and_completed_when_a_run_starts);
    tcase_add_test(tests, a_fire_that_is_refused_for_its_inputs_says_which);
    tcase_add_test(tests, a_detail_without_a_place_is_said_without_one);
    tcase_add_test(tests, very_many_inputs_are_laid_over_very_many);
    tcase_add_test(tests, a_run_is_running_while_a_worker_holds_a_job_of_it);
    tcase_add_test(tests, meta_and_config_of_a_run_are_maps);
    tcase_add_test(tests, a_run_whose_name_cannot_be_evaluated_is_called_as_written);
    tcase_add_test(tests, a_version_that_cannot_be_read_is_not_started);
    tcase_add_test(tests, a_start_uses_the_latest_draft_until_a_version_is_published);
    tcase_add_test(tests, a_run_that_is_being_ended_takes_nothing_else);
    tcase_add_test(
        tests, a_report_while_a_run_waits_for_its_next_turn_leaves_it_waiting);
    tcase_add_test(tests, a_large_cleanup_is_cancelled_over_several_turns);
    tcase_add_test(
        tests, no_attempt_begins_while_a_run_is_cancelled_over_several_turns);
    tcase_add_test(tests, only_a_run_that_failed_is_discarded);
    tcase_add_test(tests, who_waits_for_a_run_hears_its_own_output);
    suite_add_tcase(suite, tests);
    return suite;
}
