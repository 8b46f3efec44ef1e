/* Goal: one report is taken per attempt, leases that are not current change nothing,
 * and cancelling ends all that is under way.
 * Method: every word that the scheduler says is compared. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

static const struct held first = { 1, 0, 1, 1, 1 };

static void
open_with(struct story *s, const char *plan)
{
    story_open_with(s, plan);
    story_start(s, 1, "");
    trace_skip(&s->trace);
}

START_TEST(a_report_said_again_is_accepted_again_and_changes_nothing)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_completed(&s, first);
    trace_skip(&s.trace);
    story_completed(&s, first);
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, first);
    trace_restart(&s.trace);
    story_completed(&s, first);
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(reports_that_do_not_count_are_stale)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });  /* no such run */
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });  /* not started */
    story_completed(&s, (struct held){ 1, 1, 0, 0, 1 });  /* no attempt */
    story_completed(&s, (struct held){ 1, 99, 1, 1, 1 }); /* no such step */
    story_completed(&s, (struct held){ 1, 0, 2, 1, 1 });  /* an attempt to come */
    story_completed(&s, (struct held){ 1, 0, 1, 2, 1 });  /* an offer to come */
    story_expect(&s,
        "0 -> lease job_settled run=R2 attempt=1 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n"
        "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 session=S1 "
        "verdict=2 gateway=3 reported=1\n"
        "0 -> lease job_settled run=R1 step=1 session=S1 verdict=2 gateway=3 "
        "reported=1\n"
        "0 -> lease job_settled run=R1 step=99 attempt=1 offer=1 session=S1 "
        "verdict=2 gateway=3 reported=1\n"
        "0 -> lease job_settled run=R1 attempt=2 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=2 session=S1 verdict=2 "
        "gateway=3 reported=1\n");
    story_lost(&s, first);
    trace_skip(&s.trace);
    story_completed(&s, first);
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_that_is_not_known_is_told_by_its_report)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_told(&s, first, false);
    story_expect(&s, "0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=worker\n"
                     "0 action_completed run=R1 key=a attempt=1 offer=1 action=x "
                     "output=(3 bytes) session=S1\n"
                     "0 step_completed run=R1 key=a\n"
                     "0 step_started run=R1 step=1 key=b kind=action\n"
                     "0 action_called run=R1 step=1 key=b attempt=1 action=x "
                     "queue=default parameters=(1 bytes) lane=L1\n"
                     "0 -> gateway run_changed run=R1 sequence=7 status=3\n"
                     "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 "
                     "verdict=1 gateway=3 reported=1\n"
                     "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 "
                     "key=b automation=flow action=x queue=default labels=(1 bytes) "
                     "parameters=(1 bytes) order=4 life=1\n");
    story_told(&s, first, false);
    story_expect(&s, "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 "
                     "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_that_is_known_is_not_told_again_by_its_report)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_leased(&s, first);
    trace_skip(&s.trace);
    story_told(&s, first, false);
    trace_expect_only(&s.trace, "job_leased", "");
    story_close(&s);
}
END_TEST

START_TEST(a_stale_report_tells_no_lease)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", ", needs: [a]"));
    story_told(&s, (struct held){ 1, 0, 1, 2, 1 }, false);
    story_told(&s, (struct held){ 1, 0, 2, 1, 1 }, false);
    story_told(&s, (struct held){ 1, 1, 1, 1, 1 }, false);
    story_told(&s, (struct held){ 2, 0, 1, 1, 1 }, false);
    trace_expect_only(&s.trace, "job_leased", "");
    story_cancel(&s, 1, "enough");
    story_told(&s, first, false);
    trace_expect_only(&s.trace, "job_leased", "");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_that_failed_at_once_is_told_by_its_report)
{
    struct story s;
    open_with(
        &s, "steps:\n" STEP("a", ", retry: { max_attempts: 2, delay: 1s, jitter: 0 }"));
    story_told(&s, first, true);
    story_expect(&s,
        "0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=worker\n"
        "0 action_failed run=R1 key=a attempt=1 offer=1 action=x error_type=Oops "
        "ending=1 session=S1\n"
        "0 step_retried run=R1 key=a attempt=2 max_attempts=2 due_ms=1000\n"
        "0 -> gateway run_changed run=R1 sequence=5 status=3\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    trace_wait(&s.trace, 1000);
    trace_skip(&s.trace);
    story_told(&s, (struct held){ 1, 0, 2, 1, 2 }, true);
    story_expect(&s,
        "1000 job_leased run=R1 attempt=2 offer=1 session=S2 worker=worker\n"
        "1000 action_failed run=R1 key=a attempt=2 offer=1 action=x error_type=Oops "
        "ending=1 session=S2\n"
        "1000 step_failed run=R1 key=a error_type=Oops\n"
        "1000 run_failed run=R1 step=a error_type=Oops stop_reason=step_failed\n"
        "1000 -> gateway run_changed run=R1 sequence=9 status=5 whole=1 "
        "finished_ms=1000 stop_reason=step_failed error_type=Oops failed_step=a\n"
        "1000 -> lease job_settled run=R1 attempt=2 offer=1 session=S2 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_under_a_void_offer_is_settled_as_stale)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_returned(&s, first);
    trace_skip(&s.trace);
    story_leased(&s, first);
    story_expect(
        &s, "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n");
    story_leased(&s, (struct held){ 1, 0, 1, 2, 2 });
    story_expect(
        &s, "0 job_leased run=R1 attempt=1 offer=2 session=S2 worker=worker\n");
    story_leased(&s, (struct held){ 1, 0, 1, 2, 2 });
    story_expect(&s, "");
    story_leased(&s, (struct held){ 1, 0, 1, 2, 3 });
    story_expect(
        &s, "0 -> lease job_settled run=R1 attempt=1 offer=2 session=S3 verdict=2\n");
    story_close(&s);
}
END_TEST

START_TEST(a_returned_job_is_offered_again_as_the_same_attempt)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_leased(&s, first);
    trace_skip(&s.trace);
    story_returned(&s, first);
    story_expect(&s,
        "0 job_reoffered run=R1 attempt=1 offer=2\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=2 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n");
    story_returned(&s, first);
    story_expect(
        &s, "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n");
    story_completed(&s, first);
    story_expect(&s,
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(losing_a_lease_that_is_not_current_changes_nothing)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_returned(&s, first);
    trace_skip(&s.trace);
    story_lost(&s, first);
    story_expect(
        &s, "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n");
    story_completed(&s, (struct held){ 1, 0, 1, 2, 1 });
    trace_skip(&s.trace);
    story_lost(&s, (struct held){ 1, 0, 1, 2, 1 });
    story_expect(
        &s, "0 -> lease job_settled run=R1 attempt=1 offer=2 session=S1 verdict=2\n");
    story_close(&s);
}
END_TEST

START_TEST(cancelling_ends_open_leased_and_delayed_steps)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("open", "") STEP("leased", "")
                      STEP("delayed", ", retry: { max_attempts: 2, delay: 1h }")
                          STEP("pending", ", needs: [open]") STEP("done", ""));
    story_leased(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_failed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 4, 1, 1, 1 });
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect(&s,
        "0 -> lease job_withdrawn run=R1 attempt=1 reason=\"the run has ended\"\n"
        "0 step_cancelled run=R1 key=open\n"
        "0 -> lease job_withdrawn run=R1 step=1 attempt=1 reason=\"the run has "
        "ended\"\n"
        "0 step_cancelled run=R1 step=1 key=leased\n"
        "0 step_cancelled run=R1 step=2 key=delayed\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=17 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n");
    story_cancel(&s, 1, "again");
    story_expect(&s,
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n");
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect(&s,
        "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 session=S1 "
        "verdict=2 gateway=3 reported=1\n");
    trace_wait(&s.trace, 7200000);
    story_expect(&s, "");
    story_close(&s);
}
END_TEST

START_TEST(only_a_run_of_the_project_can_be_cancelled)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_cancel(&s, 2, "");
    story_expect(&s,
        "0 -> gateway refused request=8 err=5 detail=\"there is no such run in the "
        "project\"\n");
    s.trace.project = id_of_name(text("elsewhere"));
    story_cancel(&s, 1, "");
    story_expect(&s,
        "0 -> gateway refused request=8 err=5 detail=\"there is no such run in the "
        "project\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_finished_run_cannot_be_cancelled_any_more)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_completed(&s, first);
    trace_skip(&s.trace);
    story_cancel(&s, 1, "");
    story_expect(&s,
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=4 existed=1\n");
    story_close(&s);
}
END_TEST

/* Of two jobs one was leased, and of the other it is not known. */
static void
open_unsure(struct story *s)
{
    open_with(s, "steps:\n" STEP("a", "") STEP("b", "") STEP("c", ", needs: [a]"));
    story_leased(s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s->trace);
    story_lease_begins(s, 2, 2);
}

START_TEST(an_offer_that_a_dead_lease_actor_may_have_granted_can_be_claimed)
{
    struct story s;
    open_unsure(&s);
    story_expect(&s,
        "0 lease_seen epoch=2\n"
        "0 peer_reset actor=5 life=1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=2 order=3 life=2\n"
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=1 session=S1 order=3 life=2\n"
        "0 lane_read lane=L1 record=3 run=R1 step=1\n"
        "0 -> lease leases_told life=2\n");
    story_leased(&s, first);
    story_expect(
        &s, "0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=worker\n");
    story_completed(&s, first);
    story_expect_only(&s, "settled",
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=1 "
        "gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_offer_that_nobody_claims_becomes_void)
{
    struct story s;
    open_unsure(&s);
    trace_skip(&s.trace);
    story_returned(&s, first);
    story_expect_only(&s, "job_",
        "0 job_reoffered run=R1 attempt=1 offer=2\n"
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=2 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=2\n");
    story_completed(&s, first);
    story_expect_only(&s, "settled",
        "0 -> lease job_settled run=R1 attempt=1 offer=1 session=S1 verdict=2 "
        "gateway=3 reported=1\n");
    story_completed(&s, (struct held){ 1, 0, 1, 2, 1 });
    story_expect_only(&s, "completed",
        "0 action_completed run=R1 key=a attempt=1 offer=2 action=x output=(3 "
        "bytes) session=S1\n"
        "0 step_completed run=R1 key=a\n");
    story_close(&s);
}
END_TEST

/* Who holds it has been heard by then. */
START_TEST(an_offer_that_is_told_later_is_void_at_once)
{
    struct story s;
    open_unsure(&s);
    trace_wait(&s.trace, 500);
    trace_skip(&s.trace);
    story_lease_begins(&s, 2, 1);
    story_expect_only(&s, "reoffered", "500 job_reoffered run=R1 attempt=1 offer=2\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_actor_that_missed_something_hears_the_same_offers_again)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", "") STEP("c", ", needs: [a]"));
    story_leased(&s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s.trace);
    story_lease_begins(&s, 1, 1);
    story_expect(&s,
        "0 peer_reset actor=5\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=1 session=S1 order=3 life=1\n"
        "0 lane_read lane=L1 record=3 run=R1 step=1\n"
        "0 -> lease leases_told life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_scheduler_that_begins_anew_tells_everything_again)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", "") STEP("b", "") STEP("c", ", needs: [a]"));
    story_leased(&s, (struct held){ 1, 1, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_crash(&s.trace);
    story_expect(&s,
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 lane_read lane=L1 record=3 run=R1 step=1\n");
    story_lease_begins(&s, 1, 2);
    story_expect(&s,
        "0 peer_reset actor=5 life=1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=b "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 lane_read lane=L1 record=3 run=R1 step=1\n"
        "0 -> lease leases_told life=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_lease_actor_that_began_while_the_scheduler_was_down_is_seen)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    story_lease_begins(&s, 2, 2);
    story_expect(&s,
        "0 lease_seen epoch=2\n"
        "0 peer_reset actor=5 life=1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=2 order=3 life=2\n"
        "0 lane_read lane=L1 record=3 run=R1\n"
        "0 -> lease leases_told life=2\n");
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    story_lease_begins(&s, 2, 2);
    story_expect(&s,
        "0 peer_reset actor=5 life=1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) leased=2 order=3 life=2\n"
        "0 lane_read lane=L1 record=3 run=R1\n"
        "0 -> lease leases_told life=2\n");
    story_close(&s);
}
END_TEST

static void
print(struct story *s, struct held held, struct bytes chunk)
{
    trace_give(&s->trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_PRINTED,
            .job_printed = { .run = story_run(held.run),
                .step = held.step,
                .attempt = held.attempt,
                .stream = text("stdout"),
                .chunk = chunk } });
}

#define LEFT_OUT                                                                       \
    "\n[more than log_bytes_max: what else this run prints is left out]\n\"\n"

/* A run with one job, whose logs may have so many bytes. */
static void
begin_printing(struct story *s, uint32_t log_bytes_max)
{
    story_make(s);
    s->trace.config.log_bytes_max = log_bytes_max;
    story_open(s);
    story_learn(s, 1, "steps:\n" STEP("a", ""));
    story_start(s, 1, "");
    trace_skip(&s->trace);
}

START_TEST(a_chunk_that_is_too_much_is_kept_in_part_and_the_rest_is_said_to_be_left_out)
{
    struct story s;
    begin_printing(&s, 4);
    print(&s, first, text("123\xc3\xa4")); /* the limit is inside a character */
    print(&s, first, text("1"));
    story_expect(
        &s, "0 job_printed run=R1 attempt=1 stream=stdout chunk=\"123" LEFT_OUT);
    story_close(&s);
}
END_TEST

START_TEST(what_jobs_print_is_kept_up_to_a_limit)
{
    struct story s;
    begin_printing(&s, 10);
    print(&s, first, text("12345"));
    print(&s, first, text("678\xc3\xa4"));
    print(&s, first, text("")); /* full, but nothing is left out */
    print(&s, first, text("1"));
    print(&s, first, text("2"));
    print(&s, (struct held){ 1, 0, 2, 1, 1 }, text(""));
    print(&s, (struct held){ 1, 7, 1, 1, 1 }, text(""));
    print(&s, (struct held){ 2, 0, 1, 1, 1 }, text(""));
    story_expect(&s,
        "0 job_printed run=R1 attempt=1 stream=stdout chunk=12345\n"
        "0 job_printed run=R1 attempt=1 stream=stdout chunk=\"678\xc3\xa4\"\n"
        "0 job_printed run=R1 attempt=1 stream=stdout\n"
        "0 job_printed run=R1 attempt=1 stream=stdout chunk=\"" LEFT_OUT);
    story_completed(&s, first);
    trace_skip(&s.trace);
    print(&s, first, text(""));
    story_expect(&s, "");
    story_close(&s);
}
END_TEST

/* A lease actor that began anew has the token of a lease, and asks what it is of. */
START_TEST(who_knows_only_the_token_of_a_lease_is_told_its_job)
{
    struct story s;
    open_with(&s, "steps:\n" STEP("a", ""));
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    for (int i = 0; i < 2; i++)
        trace_give(&s.trace, ACTOR_lease, 0,
            (struct message){ .code = JOB_LEASED,
                .job_leased = { .run = story_run(1),
                    .attempt = 1,
                    .offer = 1,
                    .session = story_session(1),
                    .unknown = 1 } });
    story_expect(&s,
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 queue=default "
        "leased=1 session=S1 order=3 life=1\n"
        "0 job_leased run=R1 attempt=1 offer=1 session=S1\n"
        "0 -> lease job_offered run=R1 attempt=1 offer=1 lane=L1 queue=default "
        "leased=1 session=S1 order=3 life=1\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_lease_suite(void)
{
    Suite *suite = suite_create("scheduler lease");
    TCase *tests = tcase_create("scheduler lease");
    tcase_add_test(tests, a_report_said_again_is_accepted_again_and_changes_nothing);
    tcase_add_test(tests, reports_that_do_not_count_are_stale);
    tcase_add_test(tests, a_lease_that_is_not_known_is_told_by_its_report);
    tcase_add_test(tests, a_lease_that_is_known_is_not_told_again_by_its_report);
    tcase_add_test(tests, a_stale_report_tells_no_lease);
    tcase_add_test(tests, a_lease_that_failed_at_once_is_told_by_its_report);
    tcase_add_test(tests, a_lease_under_a_void_offer_is_settled_as_stale);
    tcase_add_test(tests, a_returned_job_is_offered_again_as_the_same_attempt);
    tcase_add_test(tests, losing_a_lease_that_is_not_current_changes_nothing);
    tcase_add_test(tests, cancelling_ends_open_leased_and_delayed_steps);
    tcase_add_test(tests, only_a_run_of_the_project_can_be_cancelled);
    tcase_add_test(tests, a_finished_run_cannot_be_cancelled_any_more);
    tcase_add_test(
        tests, an_offer_that_a_dead_lease_actor_may_have_granted_can_be_claimed);
    tcase_add_test(tests, an_offer_that_nobody_claims_becomes_void);
    tcase_add_test(tests, an_offer_that_is_told_later_is_void_at_once);
    tcase_add_test(
        tests, a_lease_actor_that_missed_something_hears_the_same_offers_again);
    tcase_add_test(tests, a_scheduler_that_begins_anew_tells_everything_again);
    tcase_add_test(
        tests, a_lease_actor_that_began_while_the_scheduler_was_down_is_seen);
    tcase_add_test(tests, what_jobs_print_is_kept_up_to_a_limit);
    tcase_add_test(tests,
        a_chunk_that_is_too_much_is_kept_in_part_and_the_rest_is_said_to_be_left_out);
    tcase_add_test(tests, who_knows_only_the_token_of_a_lease_is_told_its_job);
    suite_add_tcase(suite, tests);
    return suite;
}
