/* Goal: the end of a run is told to the trigger actor where somebody listens, until it
 * is taken, and nowhere else; what an end led to ends quietly, with all that it starts.
 * Method: every word that the scheduler says is compared. */
#include "base/pack.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdlib.h>

#define SET "steps:\n  - { key: a, kind: set, config: { values: { n: 1 } } }\n"

static void
want(struct story *s, bool wanted)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = ENDS_WANTED, .ends_wanted = { 0, wanted } });
}

/* What the registry says of a version that is known. */
static void
offer_status(struct story *s, uint64_t revision, enum automation_status status)
{
    trace_give(&s->trace, ACTOR_registry, 0,
        (struct message){ .code = PLAN_OFFERED,
            .plan_offered = { .automation = story_automation("flow"),
                .name = text("flow"),
                .version = 1,
                .current = 1,
                .revision = revision,
                .status = status } });
    trace_skip(&s->trace);
}

static void
name_end(struct story *s, unsigned run, uint32_t attempt, const char *name)
{
    struct id id = story_run(run), end = id_derive(&id, attempt);
    trace_name(&s->trace, &end, name);
}

static void
take_end(struct story *s, unsigned run, uint32_t attempt)
{
    struct id id = story_run(run);
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){
            .code = END_TAKEN, .end_taken = { .end = id_derive(&id, attempt) } });
}

START_TEST(an_end_that_nobody_listens_for_is_not_told)
{
    struct story s;
    story_open_with(&s, SET);
    story_start(&s, 1, "");
    story_expect_only(&s, "ended", "");
    want(&s, true);
    want(&s, false);
    want(&s, false);
    story_expect_only(&s, "ends_learned", "0 ends_learned wanted=1\n0 ends_learned\n");
    story_start(&s, 2, "");
    story_expect_only(&s, "ended", "");
    story_close(&s);
}
END_TEST

/* The trigger actor may say so only when a first run is over. */
START_TEST(who_learns_of_a_plan_that_listens_tells_ends_at_once)
{
    struct story s;
    story_open_with(&s, "triggers:\n  - { kind: event, event_type: run.failed }\n" SET);
    name_end(&s, 1, 1, "END");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow version=1 "
        "status=4 attempt=1 stop_reason=completed output=(4 bytes) source=api\n");
    want(&s, false); /* it is paused, as the trigger actor knows */
    story_expect_only(&s, "ends_learned", "0 ends_learned\n");
    offer_status(&s, 1, AUTOMATION_PAUSED);
    story_start(&s, 2, "");
    story_expect_only(&s, "run_ended", "");
    offer_status(&s, 2, AUTOMATION_ACTIVE);
    name_end(&s, 3, 1, "END3");
    story_start(&s, 3, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END3 run=R3 automation=A name=flow version=1 "
        "status=4 attempt=1 stop_reason=completed output=(4 bytes) source=api\n");
    story_close(&s);
}
END_TEST

START_TEST(an_end_is_told_until_it_is_taken)
{
    struct story s;
    story_open_with(&s, SET);
    want(&s, true);
    want(&s, true);
    trace_restart(&s.trace);
    story_expect_only(&s, "ends_learned", "0 ends_learned wanted=1\n");
    name_end(&s, 1, 1, "END");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow version=1 "
        "status=4 attempt=1 stop_reason=completed output=(4 bytes) source=api\n");
    trace_crash(&s.trace);
    trace_hello(&s.trace, ACTOR_trigger, 0, 1);
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow version=1 "
        "status=4 attempt=1 stop_reason=completed output=(4 bytes) source=api\n");
    take_end(&s, 1, 1);
    take_end(&s, 1, 1);
    trace_hello(&s.trace, ACTOR_trigger, 0, 1);
    story_expect(&s, "0 telling_settled peer=254 subject=END kind=6\n"
                     "0 peer_reset actor=3\n");
    story_close(&s);
}
END_TEST

START_TEST(a_run_that_goes_on_has_another_end)
{
    struct story s;
    story_open_with(
        &s, "steps:\n  - { key: a, kind: agent, config: { instructions: i } }\n");
    want(&s, true);
    trace_skip(&s.trace);
    name_end(&s, 1, 1, "END1");
    name_end(&s, 1, 2, "END2");
    story_start(&s, 1, "");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 7, .run = story_run(1) } });
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END1 run=R1 automation=A name=flow version=1 "
        "status=5 attempt=1 stop_reason=step_failed error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\" failed_step=a "
        "source=api\n"
        "0 -> trigger run_ended end=END2 run=R1 automation=A name=flow version=1 "
        "status=5 attempt=2 stop_reason=step_failed error_type=NoAgentRuntime "
        "error_message=\"there is no agent runtime\" failed_step=a "
        "source=api\n");
    take_end(&s, 1, 1);
    trace_hello(&s.trace, ACTOR_trigger, 0, 1);
    ck_assert_ptr_nonnull(trace_sent(&s.trace, RUN_ENDED));
    ck_assert_uint_eq(trace_sent(&s.trace, RUN_ENDED)->run_ended.attempt, 2);
    story_close(&s);
}
END_TEST

START_TEST(what_an_end_led_to_ends_quietly_and_so_do_its_children)
{
    struct story s;
    story_open_with(&s, "steps:\n  - { key: a, kind: automation, config: "
                        "{ automation: child } }\n");
    story_learn_as(&s, "child", 1, SET);
    want(&s, true);
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(1),
                .automation = s.automation,
                .trigger = text("t"),
                .event = 1,
                .echo = 1 } });
    story_expect_only(&s, "run_ended", "");
    story_start(&s, 2, "");
    ck_assert_ptr_nonnull(trace_sent(&s.trace, RUN_ENDED));
    story_close(&s);
}
END_TEST

START_TEST(an_end_is_told_only_in_a_project_where_somebody_listens)
{
    struct story s;
    struct id project;
    story_open_with(&s, SET);
    want(&s, true);
    trace_skip(&s.trace);
    /* A plan that listens too says nothing new, and one that does not, nothing. */
    story_learn(&s, 2, "triggers:\n  - { kind: event, event_type: run.failed }\n" SET);
    story_expect_only(&s, "ends_learned", "");
    project = s.trace.project;
    s.trace.project = id_of_name(text("another"));
    story_learn(&s, 1, "triggers:\n  - { kind: manual }\n" SET);
    story_start(&s, 1, "");
    story_expect_only(&s, "run_ended", "");
    s.trace.project = project;
    name_end(&s, 2, 1, "END");
    story_start(&s, 2, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R2 automation=A name=flow "
        "version=2 status=4 attempt=1 stop_reason=completed output=(4 bytes) "
        "source=api\n");
    story_close(&s);
}
END_TEST

START_TEST(an_output_that_is_too_large_is_not_told)
{
    static const uint32_t sizes[] = { 60 * 1024, 70 * 1024 };
    static const char *const said[] = {
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow "
        "version=1 status=4 attempt=1 stop_reason=completed output=(61443 "
        "bytes) source=api\n",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow "
        "version=1 status=4 attempt=1 stop_reason=completed source=api\n"
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct story s;
        struct buffer output = { 0 };
        struct bytes nothing = { calloc(1, sizes[i]), sizes[i] };
        story_make(&s);
        story_open(&s);
        story_learn(&s, 1, "steps:\n" STEP("a", "") STEP("b", ", needs: []"));
        want(&s, true);
        name_end(&s, 1, 1, "END");
        story_start(&s, 1, "");
        pack_text(&output, nothing);
        story_reported(&s, (struct held){ 1, 1, 1, 1, 1 }, buffer_bytes(&output));
        story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
        story_expect_only(&s, "run_ended", said[i]);
        buffer_free(&output);
        free((void *)(uintptr_t)nothing.data);
        story_close(&s);
    }
}
END_TEST

/* It declares none, and that of its last step is too large. */
START_TEST(an_output_that_cannot_be_put_together_is_not_told)
{
    struct story s;
    story_make(&s);
    s.trace.config.payload_max = 60;
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n  - { key: b, kind: parallel, steps: [\n"
        "      { key: c, kind: set, values: { n: '0123456789012345678901234567890' } "
        "},\n"
        "      { key: d, kind: set, values: { n: '0123456789012345678901234567890' } } "
        "] }\n");
    want(&s, true);
    name_end(&s, 1, 1, "END");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow "
        "version=1 status=4 attempt=1 stop_reason=completed source=api\n");
    story_close(&s);
}
END_TEST

START_TEST(an_end_has_the_output_that_the_automation_declares)
{
    struct story s;
    story_open_with(&s, "output: { twice: '${{ steps.a.output.n * 2 }}' }\n" SET);
    want(&s, true);
    name_end(&s, 1, 1, "END");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_ended",
        "0 -> trigger run_ended end=END run=R1 automation=A name=flow "
        "version=1 status=4 attempt=1 stop_reason=completed output=(8 bytes) "
        "source=api\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_listened_suite(void)
{
    Suite *suite = suite_create("listened");
    TCase *tcase = tcase_create("listened");
    tcase_add_test(tcase, an_end_that_nobody_listens_for_is_not_told);
    tcase_add_test(tcase, who_learns_of_a_plan_that_listens_tells_ends_at_once);
    tcase_add_test(tcase, an_end_is_told_until_it_is_taken);
    tcase_add_test(tcase, a_run_that_goes_on_has_another_end);
    tcase_add_test(tcase, what_an_end_led_to_ends_quietly_and_so_do_its_children);
    tcase_add_test(tcase, an_end_is_told_only_in_a_project_where_somebody_listens);
    tcase_add_test(tcase, an_output_that_is_too_large_is_not_told);
    tcase_add_test(tcase, an_output_that_cannot_be_put_together_is_not_told);
    tcase_add_test(tcase, an_end_has_the_output_that_the_automation_declares);
    suite_add_tcase(suite, tcase);
    return suite;
}
