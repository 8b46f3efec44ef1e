/* Goal: runs of one group see each other as their automation says.
 * Method: every word that the scheduler says is compared; steps sleep, so that nothing
 * else is said. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static void
open_with(struct story *s, const char *plan)
{
    story_make(s);
    story_open(s);
    story_learn(s, 1, plan);
    trace_skip(&s->trace);
}

START_TEST(forbid_refuses_and_names_the_run_that_is_active)
{
    struct story s;
    open_with(&s, "concurrency: forbid\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_expect(&s, "@@p1");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 10000);
    story_start(&s, 3, "");
    story_expect_only(&s, " run_", "@@p2");
    story_close(&s);
}
END_TEST

START_TEST(a_slot_that_fires_while_a_run_is_active_is_skipped)
{
    struct story s;
    open_with(&s, "concurrency: skip\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(2),
                .automation = s.automation,
                .trigger = text("t"),
                .slot_ms = 5 } });
    story_expect(&s, "@@p3");
    story_close(&s);
}
END_TEST

START_TEST(a_trigger_with_a_limit_counts_only_its_own_runs)
{
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
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
    story_expect_only(&s, "e", "@@p4");
    story_close(&s);
}
END_TEST

START_TEST(replace_ends_the_older_run_before_the_newer_begins)
{
    struct story s;
    open_with(&s, "concurrency: replace\n"
                  "steps:\n  - { key: a, kind: action, action: x }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_start(&s, 2, "");
    story_expect(&s, "@@p5");
    story_close(&s);
}
END_TEST

START_TEST(replace_waits_for_the_cleanup_of_the_older_run)
{
    struct story s;
    open_with(&s, "concurrency: replace\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 1h }\n"
                  "cleanup:\n  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_start(&s, 2, "");
    story_expect(&s, "@@p6");
    story_start(&s, 3, "");
    story_expect(&s, "@@p7");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 5000);
    story_expect(&s, "@@p8");
    story_close(&s);
}
END_TEST

START_TEST(a_queue_is_served_in_the_order_of_acceptance)
{
    struct story s;
    open_with(&s, "concurrency: { policy: queue, max: 1, max_queued: 2 }\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start(&s, 3, "");
    story_start(&s, 2, "");
    story_start(&s, 1, "k");
    story_start(&s, 4, "");
    story_start(&s, 4, "k");
    story_expect(&s, "@@p9");
    trace_crash(&s.trace);
    trace_wait(&s.trace, 25000);
    story_expect(&s, "@@p10");
    story_close(&s);
}
END_TEST

START_TEST(a_queued_run_is_cancelled_without_having_begun)
{
    struct story s;
    open_with(&s, "concurrency: queue\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n"
                  "cleanup:\n  - { key: c, kind: sleep, duration: 5s }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_start(&s, 3, "");
    trace_skip(&s.trace);
    story_cancel(&s, 2, "never mind");
    story_expect(&s, "@@p11");
    trace_wait(&s.trace, 15000);
    story_expect_only(&s, " run_", "@@p12");
    story_close(&s);
}
END_TEST

START_TEST(each_value_of_the_key_has_a_group_of_its_own)
{
    struct story s;
    open_with(&s, "concurrency: { policy: forbid, key: '{{ .inputs.who }}' }\n"
                  "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    story_start_with(&s, 1, "", text("\x81\xa3who\xa1x"));
    story_start_with(&s, 2, "", text("\x81\xa3who\xa1y"));
    story_start_with(&s, 3, "", text("\x81\xa3who\xa1x"));
    story_start_with(&s, 4, "", text("\x80"));
    story_expect_only(&s, "re", "@@p13");
    story_close(&s);
}
END_TEST

START_TEST(too_many_failures_in_a_row_are_told_until_they_are_known)
{
    struct story s;
    open_with(&s, "pause_after_consecutive_failures: 2\n"
                  "steps:\n  - { key: a, kind: agent, config: { instructions: i } }\n");
    story_start(&s, 1, "");
    story_start(&s, 2, "");
    story_start(&s, 3, "");
    story_expect_only(&s, "failing", "@@p14");
    trace_hello(&s.trace, ACTOR_registry, 0, 1);
    story_expect_only(&s, "failing", "@@p15");
    trace_give(&s.trace, ACTOR_registry, 0,
        (struct message){ .code = FAILING_KNOWN,
            .failing_known = { .automation = s.automation } });
    trace_hello(&s.trace, ACTOR_registry, 0, 1);
    story_expect(&s, "@@p16");
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
    tcase_add_test(tcase, a_trigger_with_a_limit_counts_only_its_own_runs);
    tcase_add_test(tcase, replace_ends_the_older_run_before_the_newer_begins);
    tcase_add_test(tcase, replace_waits_for_the_cleanup_of_the_older_run);
    tcase_add_test(tcase, a_queue_is_served_in_the_order_of_acceptance);
    tcase_add_test(tcase, a_queued_run_is_cancelled_without_having_begun);
    tcase_add_test(tcase, each_value_of_the_key_has_a_group_of_its_own);
    tcase_add_test(tcase, too_many_failures_in_a_row_are_told_until_they_are_known);
    suite_add_tcase(suite, tcase);
    return suite;
}
