/* Goal: of each kind of job a window lies open with the lease actor; the rest waits in
 * the store, in order, and no kind waits for another.
 * Method: offers are compared. */
#include "actors/plan/plans.h"
#include "actors/scheduler/lanes.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#define QUEUED(key, queue)                                                             \
    "  - { key: " key ", kind: action, config: { action_name: x, queue: " queue " } "  \
    "}\n"

/* A window of two jobs, and runs of one step. */
static void
open_narrow(struct story *s)
{
    story_make(s);
    s->trace.config.lane_jobs_max = 2;
    story_open(s);
    story_learn(s, 1, "steps:\n" STEP("a", ""));
    trace_skip(&s->trace);
}

START_TEST(a_window_of_two_is_kept_and_filled_again_in_order)
{
    struct story s;
    open_narrow(&s);
    for (unsigned run = 1; run <= 4; run++)
        story_start(&s, run, "");
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R2 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R3 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_cancel(&s, 2, "");
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R4 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=6 life=1\n");
    story_completed(&s, (struct held){ 3, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered", "");
    story_close(&s);
}
END_TEST

START_TEST(a_long_backlog_is_read_from_the_store_in_order)
{
    struct story s;
    open_narrow(&s);
    for (unsigned run = 1; run <= 20; run++)
        story_start(&s, run, "");
    trace_skip(&s.trace);
    for (unsigned run = 1; run <= 20; run++) {
        struct id id = story_run(run);
        const struct message *offered = trace_sent(&s.trace, JOB_OFFERED);
        struct id last = story_run(run + 1 > 20 ? 20 : run + 1);
        ck_assert(id_equal(&offered->job_offered.run, &last));
        ck_assert(!id_is_zero(&id));
        story_completed(&s, (struct held){ run, 0, 1, 1, 1 });
    }
    story_expect_only(&s, "job_offered run=R1 ", "");
    ck_assert_uint_eq(s.trace.actor->due(s.trace.state), UINT64_MAX);
    story_close(&s);
}
END_TEST

START_TEST(after_a_crash_the_backlog_is_told_in_the_same_order)
{
    struct story s;
    open_narrow(&s);
    for (unsigned run = 1; run <= 4; run++)
        story_start(&s, run, "");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_crash(&s.trace);
    story_lease_begins(&s, 1, 2);
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=1 session=S1 order=3 life=1\n"
        "0 -> lease job_offered run=R2 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n"
        "0 -> lease job_offered run=R3 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=1 session=S1 order=3 life=1\n"
        "0 -> lease job_offered run=R2 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=4 life=1\n"
        "0 -> lease job_offered run=R3 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=5 life=1\n");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R4 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=6 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_returned_job_finds_its_place_behind_a_full_window)
{
    struct story s;
    open_narrow(&s);
    for (unsigned run = 1; run <= 4; run++)
        story_start(&s, run, "");
    story_leased(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    story_returned(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered", "");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R4 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=6 life=1\n");
    story_completed(&s, (struct held){ 3, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 attempt=1 offer=2 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(two_kinds_of_jobs_do_not_wait_for_each_other)
{
    struct story s;
    story_make(&s);
    s.trace.config.lane_jobs_max = 1;
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n" QUEUED("a", "slow") QUEUED("b", "slow") QUEUED("c", "quick")
            QUEUED("d", "quick") STEP("e", ", needs: [a]"));
    trace_skip(&s.trace);
    story_start(&s, 1, "");
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=slow labels=(1 bytes) parameters=(1 bytes) "
        "order=3 life=1\n"
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L2 key=c "
        "automation=flow action=x queue=quick labels=(1 bytes) parameters=(1 bytes) "
        "order=3 life=1\n");
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 step=3 attempt=1 offer=1 lane=L2 key=d "
        "automation=flow action=x queue=quick labels=(1 bytes) parameters=(1 bytes) "
        "order=3 life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(large_parameters_fill_a_window_by_their_bytes)
{
    struct story s;
    struct buffer plan = { 0 };
    story_make(&s);
    s.trace.config.lane_bytes_max = 1000;
    story_open(&s);
    buffer_print(&plan,
        "steps:\n  - { key: a, kind: action, config: { action_name: x, "
        "parameters: { big: \"%0600d\" } } }\n",
        0);
    buffer_append(&plan, "", 1);
    story_learn(&s, 1, (const char *)plan.data);
    buffer_free(&plan);
    trace_skip(&s.trace);
    for (unsigned run = 1; run <= 3; run++)
        story_start(&s, run, "");
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(608 "
        "bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R2 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(608 "
        "bytes) order=4 life=1\n");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    story_expect_only(&s, "job_offered",
        "0 -> lease job_offered run=R3 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(608 "
        "bytes) order=5 life=1\n");
    story_close(&s);
}
END_TEST

enum { AUTOMATIONS = PLANS_KEPT + 4 };

/* Run `run` is of an automation of its own, with a step of its own key. */
static void
start_of_its_own(struct story *s, unsigned run)
{
    char name[16], about[96];
    snprintf(name, sizeof name, "flow%u", run);
    snprintf(about, sizeof about,
        "steps:\n  - { key: step%u, kind: action, config: { action_name: x } }\n", run);
    story_learn_as(s, name, 1, about);
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7,
                .run = story_run(run),
                .automation = text(name),
                .source = text("api") } });
}

/* Of each run something was said that ends like this. */
static void
ck_said_of_each(struct story *s, const char *what)
{
    char said[96];
    buffer_append(s->trace.said, "", 1);
    for (unsigned run = 1; run <= AUTOMATIONS; run++) {
        snprintf(said, sizeof said, "key=step%u%s", run, what);
        ck_assert_msg(strstr((const char *)s->trace.said->data, said) != NULL,
            "nobody said \"%s\"", said);
    }
    trace_skip(&s->trace);
}

START_TEST(a_turn_may_be_about_more_automations_than_are_kept_in_memory)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    for (unsigned run = 1; run <= AUTOMATIONS; run++)
        start_of_its_own(&s, run);
    trace_skip(&s.trace);
    story_lease_begins(&s, 5, RESYNC_NEW_LIFE);
    ck_said_of_each(&s, " automation=flow");
    for (unsigned run = 1; run <= AUTOMATIONS; run++)
        story_completed(&s, (struct held){ run, 0, 1, 1, 1 });
    ck_said_of_each(&s, "\n");
    story_close(&s);
}
END_TEST

/* A job of each of so many kinds comes and goes. */
static void
pass_by(struct lanes *lanes, uint64_t first, unsigned kinds)
{
    for (uint64_t n = first; n < first + kinds; n++) {
        struct lane_job job = { .run = story_run((unsigned)n), .record = n };
        lanes_add(lanes, n, &job);
        lanes_told(lanes, n, &job, 1);
        lanes_drop(lanes, n, &job.run, 0);
    }
}

START_TEST(kinds_of_which_there_is_no_job_are_forgotten)
{
    enum { QUEUED_KIND = 1, TOLD_KIND, STORED_KIND, FIRST, MANY = 10 * LANES_FEW };
    struct journal_options options = { .epoch = 1 };
    struct lane_job job = { .run = story_run(1), .record = 1 };
    struct lane_job void_job = { .run = story_run(2), .record = 2 };
    struct fault fault;
    struct journal *journal;
    struct lanes lanes;
    ck_assert_int_eq(journal_open("memory:", &options, &journal, &fault), ERR_NONE);
    lanes_open(&lanes, journal, 2, 1000);
    lanes_add(&lanes, QUEUED_KIND, &job);
    lanes_add(&lanes, QUEUED_KIND, &void_job);
    lanes_drop(&lanes, QUEUED_KIND, &void_job.run, 0);
    lanes_told(&lanes, TOLD_KIND, &job, 1);
    lanes_read(&lanes, STORED_KIND, &job, true);
    pass_by(&lanes, FIRST, MANY);
    ck_assert_uint_le(lanes.lanes.count, LANES_FEW + 1);
    ck_assert_uint_eq(lanes_hungry(&lanes)->number, QUEUED_KIND);
    ck_assert(lanes_has_told(&lanes, &job.run, 0));
    ck_assert_uint_eq(lanes.unread, 1);
    /* As many again as are in use may be idle. */
    for (uint64_t n = MANY; n < MANY + 2 * LANES_FEW; n++)
        lanes_add(&lanes, n, &job);
    pass_by(&lanes, 2 * MANY, MANY);
    ck_assert_uint_ge(lanes.lanes.count, 2 * LANES_FEW);
    ck_assert_uint_le(lanes.lanes.count, 4 * LANES_FEW + 8);
    lanes_close(&lanes);
    journal_close(&journal);
}
END_TEST

Suite *
scheduler_lanes_suite(void)
{
    Suite *suite = suite_create("scheduler lanes");
    TCase *tests = tcase_create("scheduler lanes");
    tcase_add_test(tests, a_window_of_two_is_kept_and_filled_again_in_order);
    tcase_add_test(tests, a_long_backlog_is_read_from_the_store_in_order);
    tcase_add_test(tests, after_a_crash_the_backlog_is_told_in_the_same_order);
    tcase_add_test(tests, a_returned_job_finds_its_place_behind_a_full_window);
    tcase_add_test(tests, two_kinds_of_jobs_do_not_wait_for_each_other);
    tcase_add_test(tests, a_turn_may_be_about_more_automations_than_are_kept_in_memory);
    tcase_add_test(tests, large_parameters_fill_a_window_by_their_bytes);
    tcase_add_test(tests, kinds_of_which_there_is_no_job_are_forgotten);
    suite_add_tcase(suite, tests);
    return suite;
}
