/* Goal: what one actor says another hears, once and in order, however it is packed and
 * however little is taken at a time; what may wait does not wait for ever.
 * Method: a lease actor and a scheduler, with real sockets in a folder of the test's.
 */
#include "base/clock.h"
#include "base/config.h"
#include "transport/mailbox.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1 << 20, DEADLINE_MS = 20000 };

static char folder[] = "/tmp/capstan-mailbox-XXXXXX";
static struct mailbox *lease, *scheduler;
static size_t message_max = MESSAGE_MAX;

static struct mailbox *
open_as(enum actor_name self)
{
    struct mailbox_options options = { .self = self,
        .epoch = 1,
        .schedulers = 1,
        .folder = folder,
        .message_max = message_max };
    struct mailbox *mailbox = NULL;
    struct fault fault = { 0 };
    ck_assert_msg(
        mailbox_open(&options, &mailbox, &fault) == ERR_NONE, "%s", fault.detail);
    return mailbox;
}

static void
set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    scheduler = open_as(ACTOR_scheduler);
    lease = open_as(ACTOR_lease);
}

static void
take_down(void)
{
    char path[sizeof folder + 32];
    mailbox_close(&lease);
    mailbox_close(&scheduler);
    snprintf(path, sizeof path, "%s/lease.0", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/scheduler.0", folder);
    unlink(path);
    rmdir(folder);
    snprintf(folder, sizeof folder, "/tmp/capstan-mailbox-XXXXXX");
}

static void
say(enum message_code code, uint32_t step)
{
    struct message m = { .code = code, .to = ACTOR_scheduler };
    if (code == JOB_LEASED)
        m.job_leased.step = step;
    else
        m.job_reported.step = step;
    mailbox_send(lease, &m);
}

/* The next message that is no HELLO.  The lease actor goes on waiting meanwhile. */
static uint32_t
heard(void)
{
    struct message in;
    for (int ms = 0; ms < DEADLINE_MS; ms++) {
        mailbox_tick(lease);
        while (mailbox_receive(scheduler, &in))
            if (in.code != HELLO)
                return in.code == JOB_LEASED ? in.job_leased.step
                                             : in.job_reported.step;
        mailbox_wait(scheduler, 1, -1);
    }
    ck_abort_msg("nothing was heard in time");
}

START_TEST(a_packet_may_be_taken_in_pieces)
{
    mailbox_tick(lease); /* its HELLO */
    for (uint32_t step = 1; step <= 5000; step++)
        say(JOB_REPORTED, step);
    mailbox_flush(lease);
    for (uint32_t step = 1; step <= 5000; step++) {
        ck_assert_uint_eq(heard(), step);
        mailbox_release(scheduler);
    }
    ck_assert(!mailbox_pending(scheduler));
}
END_TEST

START_TEST(what_may_wait_leaves_before_what_follows_it)
{
    say(JOB_LEASED, 1);
    mailbox_flush(lease);
    say(JOB_REPORTED, 2);
    mailbox_flush(lease);
    ck_assert_uint_eq(heard(), 1);
    ck_assert_uint_eq(heard(), 2);
}
END_TEST

/* It is due within 2 ms, or those had passed already; not with the next HELLO. */
/* Written when it leaves: what was said in a turn leaves after the sync. */
START_TEST(an_offer_says_when_it_left)
{
    struct message m = { .code = JOB_OFFERED, .to = ACTOR_lease }, in = { 0 };
    uint64_t before_us = clock_monotonic_us();
    mailbox_send(scheduler, &m);
    mailbox_flush(scheduler);
    for (int ms = 0; ms < DEADLINE_MS && in.code != JOB_OFFERED; ms++) {
        mailbox_tick(scheduler);
        mailbox_wait(lease, 1, -1);
        while (in.code != JOB_OFFERED && mailbox_receive(lease, &in))
            ;
    }
    ck_assert_int_eq(in.code, JOB_OFFERED);
    ck_assert_uint_ge(in.job_offered.ready_us, before_us);
    ck_assert_uint_le(in.job_offered.ready_us, clock_monotonic_us());
}
END_TEST

START_TEST(what_may_wait_does_not_wait_for_ever)
{
    say(JOB_REPORTED, 1);
    mailbox_flush(lease);
    ck_assert_uint_eq(heard(), 1);
    uint64_t begin_ms = clock_monotonic_ms();
    say(JOB_LEASED, 2);
    mailbox_flush(lease);
    uint64_t due_ms = mailbox_tick(lease);
    ck_assert(due_ms <= 2 || clock_monotonic_ms() - begin_ms >= 2);
    ck_assert_uint_eq(heard(), 2);
}
END_TEST

/* Two packets leave for who hurries, one for who is patient: the socket of the other
 * end is drained when the first of them was taken. */
START_TEST(an_answer_waits_for_more_if_who_asked_is_patient)
{
    for (uint32_t patient = 0; patient <= 1; patient++) {
        struct message m = { .code = RUN_ACCEPTED, .to = ACTOR_scheduler };
        m.run_accepted.patient = patient;
        mailbox_tick(lease); /* no HELLO is due in what follows */
        uint64_t begin_ms = clock_monotonic_ms();
        mailbox_send(lease, &m);
        mailbox_flush(lease);
        say(JOB_REPORTED, 1);
        mailbox_flush(lease);
        bool late = clock_monotonic_ms() - begin_ms >= 2;
        while (heard() != 1)
            ck_assert(late || mailbox_pending(scheduler) == (patient == 1));
        mailbox_release(scheduler);
    }
}
END_TEST

START_TEST(who_never_waits_greets_as_well)
{
    struct message in;
    bool greeted = false;
    for (int ms = 0; ms < DEADLINE_MS / 10 && !greeted; ms++) {
        mailbox_flush(lease);
        mailbox_wait(scheduler, 1, -1);
        while (mailbox_receive(scheduler, &in))
            greeted |= in.code == HELLO && in.envelope.from == ACTOR_lease;
    }
    ck_assert(greeted);
}
END_TEST

START_TEST(a_message_of_the_largest_size_arrives)
{
    static uint8_t output[MESSAGE_MAX - 1024];
    struct message m = { .code = JOB_REPORTED, .to = ACTOR_scheduler };
    say(JOB_REPORTED, 1);
    m.job_reported.step = 2;
    m.job_reported.output = bytes_of(output, sizeof output);
    mailbox_send(lease, &m);
    mailbox_flush(lease);
    ck_assert_uint_eq(heard(), 1);
    ck_assert_uint_eq(heard(), 2);
}
END_TEST

/* A client may give each of them its full size, whatever that is set to. */
START_TEST(a_start_with_inputs_meta_and_config_arrives)
{
    static uint8_t payload[4 << 20];
    static struct config config;
    struct message m = { .code = RUN_START, .to = ACTOR_scheduler }, in = { 0 };
    config_default(&config);
    config.payload_max = sizeof payload;
    message_max = config_message_max(&config);
    take_down();
    set_up();
    m.run_start.inputs = m.run_start.meta = m.run_start.config =
        bytes_of(payload, sizeof payload);
    mailbox_send(lease, &m);
    mailbox_flush(lease);
    for (int ms = 0; ms < DEADLINE_MS && in.code != RUN_START; ms++) {
        mailbox_tick(lease);
        mailbox_wait(scheduler, 1, -1);
        while (in.code != RUN_START && mailbox_receive(scheduler, &in))
            ;
    }
    ck_assert_int_eq(in.code, RUN_START);
    ck_assert_uint_eq(in.run_start.config.size, sizeof payload);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("mailbox");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, take_down);
    tcase_add_test(tests, a_packet_may_be_taken_in_pieces);
    tcase_add_test(tests, what_may_wait_leaves_before_what_follows_it);
    tcase_add_test(tests, what_may_wait_does_not_wait_for_ever);
    tcase_add_test(tests, an_offer_says_when_it_left);
    tcase_add_test(tests, an_answer_waits_for_more_if_who_asked_is_patient);
    tcase_add_test(tests, who_never_waits_greets_as_well);
    tcase_add_test(tests, a_message_of_the_largest_size_arrives);
    tcase_add_test(tests, a_start_with_inputs_meta_and_config_arrives);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
