/* Goal: whatever the gateway and the network do, libcapstan keeps the leases it holds,
 * lets go of those it has lost, and says each outcome until it is heard.
 * Method: a gateway that loses, repeats and withholds words. */
#include "base/clock.h"
#include "tests/unit/test_capstan_worker.h"
#include "tests/unit/test_capstan_worker_gate.h"
#include "tests/unit/test_capstan_worker_gateway.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;
static struct gateway *const g = &rig.gateway;
static struct gate gate;

static int
echo(struct capstan_job *job, void *context)
{
    size_t size;
    const void *all = capstan_job_raw(job, NULL, &size);
    (void)context;
    return capstan_job_complete_raw(job, all, size);
}

static void
setup(void)
{
    rig_open(&rig);
    gate = (struct gate){ 0 };
}

/* With these actions: echo, quick (the same), stop (at the gate), sleep. */
static void
begin(void)
{
    rig_worker(&rig);
    capstan_worker_action(rig.worker, "echo", echo, NULL);
    capstan_worker_quick(rig.worker, "quick", echo, NULL);
    capstan_worker_action(rig.worker, "stop", gate_stop, &gate);
    capstan_worker_action(rig.worker, "sleep", gate_sleep, &gate);
    rig_join_in(&rig);
}

START_TEST(a_job_is_done_and_reported)
{
    begin();
    gateway_job(g, 1, "echo");
    gateway_hear_report(g, 1, "completed");
    gateway_job(g, 2, "quick");
    gateway_hear_report(g, 2, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_report_is_said_again_until_it_is_acknowledged)
{
    rig.options.resend_ms = 50;
    begin();
    gateway_job(g, 1, "echo");
    for (int i = 0; i < 3; i++) {
        gateway_hear(g, "report");
        ck_assert_str_eq(gateway_text(g, "token"), "token-1");
    }
    gateway_hear_report(g, 1, "completed");
    /* What was on its way when we acknowledged may still come: a job comes after it. */
    gateway_job(g, 2, "stop");
    gate_wait_came(&gate, 1);
    gate_open(&gate);
    while (gateway_hear(g, "report"), strcmp(gateway_text(g, "token"), "token-1") == 0)
        ;
    gateway_ack(g, 2);
    gateway_hear_nothing(g, 400);
    rig_close(&rig);
}
END_TEST

START_TEST(a_lease_counts_as_held_until_its_report_is_acknowledged)
{
    begin();
    gateway_job(g, 1, "echo");
    gateway_hear(g, "report");
    gateway_hear(g, "heartbeat");
    ck_assert(gateway_held(g, 1));
    gateway_answer_beat(g, 0, 0);
    gateway_ack(g, 1);
    gateway_hear(g, "heartbeat");
    gateway_answer_beat(g, 0, 0);
    gateway_hear(g, "heartbeat");
    ck_assert_uint_eq(gateway_held_count(g), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_new_gateway_hears_the_session_and_the_leases)
{
    rig.options.resend_ms = 60000; /* not because of the time */
    begin();
    gateway_job(g, 1, "stop");
    gateway_job(g, 2, "echo");
    gateway_hear(g, "report");
    gate_wait_came(&gate, 1);
    gateway_restart(g);
    gateway_hear(g, "register");
    ck_assert_str_eq(gateway_text(g, "session"), "session-1");
    ck_assert(gateway_held(g, 1));
    ck_assert(gateway_held(g, 2));
    gateway_registered(g, 0);
    gateway_hear_report(g, 2, "completed");
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(an_outcome_of_the_time_without_a_gateway_is_reported_to_the_next)
{
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_restart(g);
    gate_open(&gate);
    gateway_let_in(g);
    ck_assert(gateway_held(g, 1));
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_lease_lost_at_registration_is_let_go)
{
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    gateway_restart(g);
    gateway_hear(g, "register");
    gateway_registered(g, 1);
    gate_wait_cancelled(&gate, 1);
    rig_close(&rig);
}
END_TEST

START_TEST(heartbeats_come_while_an_action_blocks_three_leases_long)
{
    g->lease_ms = 1200;
    g->heartbeat_ms = 300;
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    uint64_t began_ms = clock_monotonic_ms();
    while (clock_monotonic_ms() - began_ms < 3600) {
        gateway_hear(g, "heartbeat");
        ck_assert(gateway_held(g, 1));
        gateway_answer_beat(g, 0, 0);
    }
    ck_assert_uint_ge(g->beats, 12);
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(an_action_that_does_not_look_is_not_hurt_by_a_cancel)
{
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_say(g, "cancel", 1, "reason", "test");
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_pushed_cancel_ends_an_action)
{
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    gateway_say(g, "cancel", 1, "reason", "test");
    gateway_hear_report(g, 1, "cancelled");
    rig_close(&rig);
}
END_TEST

START_TEST(a_cancel_in_the_answer_to_a_heartbeat_ends_an_action)
{
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    gateway_hear(g, "heartbeat");
    gateway_answer_beat(g, 0, 1);
    gateway_hear_report(g, 1, "cancelled");
    rig_close(&rig);
}
END_TEST

START_TEST(a_lost_lease_ends_the_action_and_drops_its_report)
{
    begin();
    gateway_job(g, 1, "sleep");
    gateway_job(g, 2, "stop");
    gate_wait_came(&gate, 2);
    gateway_hear(g, "heartbeat");
    gateway_answer_beat(g, 2, 0); /* job 2 does not notice */
    gateway_hear(g, "ready");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 3);
    gateway_hear(g, "heartbeat");
    ck_assert(gateway_held(g, 1));
    ck_assert(!gateway_held(g, 2));
    gateway_answer_beat(g, 1, 0); /* job 1 does */
    gate_wait_cancelled(&gate, 1);
    gate_open(&gate);
    do
        gateway_hear(g, "ready");
    while (gateway_number(g, "concurrency") != 4);
    gateway_hear_nothing(g, 300);
    rig_close(&rig);
}
END_TEST

START_TEST(a_stale_verdict_ends_the_matter)
{
    rig.options.resend_ms = 50;
    begin();
    gateway_job(g, 1, "echo");
    gateway_hear(g, "report");
    gateway_say(g, "ack", 1, "verdict", "stale");
    gateway_job(g, 2, "stop");
    gate_wait_came(&gate, 1);
    gate_open(&gate);
    while (gateway_hear(g, "report"), strcmp(gateway_text(g, "token"), "token-1") == 0)
        ;
    gateway_ack(g, 2);
    gateway_hear_nothing(g, 300);
    rig_close(&rig);
}
END_TEST

START_TEST(a_job_that_comes_twice_is_done_once)
{
    begin();
    gateway_job(g, 1, "stop");
    gateway_job(g, 1, "stop");
    gateway_job(g, 2, "echo");
    gateway_hear_report(g, 2, "completed");
    ck_assert_uint_le(gate_came(&gate), 1);
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    gateway_hear_nothing(g, 200);
    ck_assert_uint_eq(gate_came(&gate), 1);
    rig_close(&rig);
}
END_TEST

START_TEST(more_jobs_than_agreed_are_not_taken)
{
    rig.options.concurrency = 2;
    begin();
    for (unsigned n = 1; n <= 3; n++)
        gateway_job(g, n, "stop");
    gate_wait_came(&gate, 2);
    gateway_hear(g, "heartbeat");
    ck_assert_uint_eq(gateway_held_count(g), 2);
    ck_assert(!gateway_held(g, 3));
    gate_open(&gate);
    gateway_hear(g, "report"); /* of either first */
    gateway_hear(g, "report");
    gateway_ack(g, 1);
    gateway_ack(g, 2);
    rig_close(&rig);
}
END_TEST

START_TEST(sixty_four_jobs_run_side_by_side)
{
    bool heard[65] = { false };
    unsigned n;
    rig.options.concurrency = 64;
    begin();
    for (n = 1; n <= 64; n++)
        gateway_job(g, n, "stop");
    gate_wait_came(&gate, 64);
    gate_open(&gate);
    for (int i = 0; i < 64; i++) {
        gateway_hear(g, "report");
        ck_assert_int_eq(sscanf(gateway_text(g, "token"), "token-%u", &n), 1);
        ck_assert(!heard[n]);
        heard[n] = true;
        gateway_ack(g, n);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_that_hears_nothing_gives_up_its_unfinished_jobs)
{
    /* So short that it gives up its leases before it calls again. */
    g->lease_ms = 700;
    g->heartbeat_ms = 300;
    begin();
    gateway_job(g, 1, "sleep");
    gateway_job(g, 2, "echo");
    gateway_hear(g, "report");
    gate_wait_came(&gate, 1);
    g->mute = true;
    gate_wait_cancelled(&gate, 1);
    /* What was done is kept, for the engine to judge. */
    while (gateway_hear_any(g), strcmp(gateway_text(g, "type"), "register") != 0)
        ;
    ck_assert(!gateway_held(g, 1));
    ck_assert(gateway_held(g, 2));
    g->mute = false;
    gateway_registered(g, 0);
    gateway_hear_report(g, 2, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_job_behind_a_lost_one_is_cancelled_without_having_begun)
{
    rig.options.concurrency = 1;
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_hear(g, "heartbeat");
    gateway_answer_beat(g, 1, 0);
    gateway_hear(g, "ready");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 0);
    gateway_job(g, 2, "stop"); /* it was on its way */
    gateway_say(g, "cancel", 2, "reason", "test");
    gateway_hear_report(g, 2, "cancelled");
    gate_open(&gate);
    gateway_hear(g, "ready");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 1);
    ck_assert_uint_eq(gate_came(&gate), 1);
    rig_close(&rig);
}
END_TEST

START_TEST(a_report_that_the_gateway_cannot_take_is_replaced_once)
{
    begin();
    gateway_job(g, 1, "echo");
    gateway_hear(g, "report");
    gateway_error(g, "too_large", "report", 1);
    gateway_hear(g, "report");
    ck_assert_str_eq(gateway_text(g, "outcome"), "failed");
    ck_assert_str_eq(gateway_text(g, "error_type"), "ReportRefused");
    gateway_error(g, "too_large", "report", 1);
    gateway_hear_nothing(g, 300);
    rig_close(&rig);
}
END_TEST

START_TEST(a_report_that_comes_at_a_bad_moment_is_said_again)
{
    rig.options.resend_ms = 50;
    begin();
    gateway_job(g, 1, "echo");
    gateway_hear(g, "report");
    gateway_error(g, "unavailable", "report", 1);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

TCase *
worker_leases(void)
{
    TCase *t = tcase_create("leases");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_job_is_done_and_reported);
    tcase_add_test(t, a_report_is_said_again_until_it_is_acknowledged);
    tcase_add_test(t, a_lease_counts_as_held_until_its_report_is_acknowledged);
    tcase_add_test(t, a_new_gateway_hears_the_session_and_the_leases);
    tcase_add_test(t, an_outcome_of_the_time_without_a_gateway_is_reported_to_the_next);
    tcase_add_test(t, a_lease_lost_at_registration_is_let_go);
    tcase_add_test(t, heartbeats_come_while_an_action_blocks_three_leases_long);
    tcase_add_test(t, an_action_that_does_not_look_is_not_hurt_by_a_cancel);
    tcase_add_test(t, a_pushed_cancel_ends_an_action);
    tcase_add_test(t, a_cancel_in_the_answer_to_a_heartbeat_ends_an_action);
    tcase_add_test(t, a_lost_lease_ends_the_action_and_drops_its_report);
    tcase_add_test(t, a_stale_verdict_ends_the_matter);
    tcase_add_test(t, a_job_that_comes_twice_is_done_once);
    tcase_add_test(t, more_jobs_than_agreed_are_not_taken);
    tcase_add_test(t, sixty_four_jobs_run_side_by_side);
    tcase_add_test(t, a_worker_that_hears_nothing_gives_up_its_unfinished_jobs);
    tcase_add_test(t, a_job_behind_a_lost_one_is_cancelled_without_having_begun);
    tcase_add_test(t, a_report_that_the_gateway_cannot_take_is_replaced_once);
    tcase_add_test(t, a_report_that_comes_at_a_bad_moment_is_said_again);
    return t;
}
