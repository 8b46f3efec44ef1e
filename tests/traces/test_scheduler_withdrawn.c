/* Goal: a step that others lie in is ended by hand whole, however much is under way in
 * it. Method: an each of which one turn cannot cancel all; what is said of it is
 * compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static void
open_large(struct story *s)
{
    story_open_with(s,
        "steps:\n"
        "  - key: e\n    kind: each\n    items: '${{ 1..900 }}'\n"
        "    concurrency: 400\n    timeout: 1h\n    steps:\n"
        "      - { key: x, kind: action, action: x }\n"
        "      - { key: y, kind: action, action: x }\n"
        "  - { key: c, kind: set, values: { n: '${{ steps.e.output }}' }, "
        "needs: [e] }\n"
        "  - { key: b, kind: action, action: x, needs: [] }\n");
    story_start(s, 1, "");
    trace_skip(&s->trace);
}

static void
queue(struct story *s, struct message m)
{
    trace_queue(&s->trace, ACTOR_gateway, 0, m);
}

static struct message
skip(const char *step)
{
    return (struct message){ .code = STEP_SKIP,
        .step_skip = { 12, story_run(1), text(step), text("ann"), text("not today") } };
}

static struct message
output(const char *value)
{
    return (struct message){ .code = STEP_OVERRIDE,
        .step_override = {
            13, story_run(1), text("e"), text(value), text("ann"), text("by hand") } };
}

START_TEST(nothing_more_begins_in_a_large_step_while_it_is_skipped)
{
    struct story s;
    open_large(&s);
    trace_give(&s.trace, ACTOR_gateway, 0, skip("e"));
    story_expect_only(&s, " step_s",
        "0 step_skipped run=R1 key=e reason=\"skipped by ann: not today\" passes=1\n"
        "0 step_started run=R1 step=1 key=c kind=set\n");
    trace_wait(&s.trace, 3600000);
    story_expect_only(&s, "timed_out", "");
    story_close(&s);
}
END_TEST

START_TEST(an_output_of_a_large_step_is_set_when_all_in_it_is_cancelled)
{
    struct story s;
    open_large(&s);
    queue(&s, output("\x05"));
    queue(&s, output("\x06"));
    queue(&s, output("\x05"));
    trace_give(&s.trace, ACTOR_gateway, 0, skip("e"));
    story_expect_only(&s, "request=",
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow version=1 "
        "status=3 existed=1\n"
        "0 -> gateway refused request=13 err=7 detail=\"the step is being ended\"\n"
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow version=1 "
        "status=3 existed=1\n"
        "0 -> gateway refused request=12 err=7 detail=\"the step is being ended\"\n");
    /* It has it already. */
    trace_give(&s.trace, ACTOR_gateway, 0, output("\x05"));
    story_expect(&s,
        "0 -> gateway run_accepted request=13 run=R1 automation=A name=flow version=1 "
        "status=3 existed=1\n");
    story_close(&s);
}
END_TEST

/* The word of whoever cancels the run is the last one. */
START_TEST(a_large_step_that_is_ended_when_its_run_is_goes_on_with_it)
{
    struct story s;
    open_large(&s);
    queue(&s, output("\x05"));
    queue(&s, (struct message){ .code = RUN_CANCEL,
                  .run_cancel = { .run = story_run(1), .reason = text("enough") } });
    trace_give(&s.trace, ACTOR_gateway, 0, skip("b"));
    story_expect_only(&s, "refused",
        "0 -> gateway refused request=12 err=7 detail=\"the run is being ended\"\n");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 11, .run = story_run(1) } });
    story_expect_only(&s, " key=e[0].x kind",
        "0 step_started run=R1 step=3 key=e[0].x kind=action\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_withdrawn_suite(void)
{
    Suite *suite = suite_create("withdrawn");
    TCase *tcase = tcase_create("withdrawn");
    tcase_add_test(tcase, nothing_more_begins_in_a_large_step_while_it_is_skipped);
    tcase_add_test(tcase, an_output_of_a_large_step_is_set_when_all_in_it_is_cancelled);
    tcase_add_test(tcase, a_large_step_that_is_ended_when_its_run_is_goes_on_with_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
