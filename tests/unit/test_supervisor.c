/* Goal: the supervisor's rules of order, restart and end.  Method: virtual time; every
 * order is written down as one word and the whole story is compared. */
#include "actors/supervisor/supervisor.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct supervisor s;
static char story[4000];
static uint64_t now;

static void
note(const struct orders *orders)
{
    static const char *const words[] = { [ORDER_START] = "start",
        [ORDER_TERMINATE] = "terminate",
        [ORDER_KILL] = "kill",
        [ORDER_ANNOUNCE] = "announce",
        [ORDER_GIVE_UP] = "give_up",
        [ORDER_EXIT] = "exit" };
    for (size_t i = 0; i < orders->count; i++) {
        size_t end = strlen(story);
        snprintf(story + end, sizeof story - end, "%s%s:%zu", end > 0 ? " " : "",
            words[orders->items[i].type], orders->items[i].process);
    }
}

static void
expect(const char *expected)
{
    ck_assert_str_eq(story, expected);
    story[0] = '\0';
}

static void
begin(size_t count)
{
    struct orders orders = { .count = 0 };
    now = 1000;
    story[0] = '\0';
    supervisor_begin(&s, count, 500, now, &orders);
    note(&orders);
}

static void
ready(size_t process)
{
    struct orders orders = { .count = 0 };
    supervisor_ready(&s, process, now, &orders);
    note(&orders);
}

static void
die(size_t process)
{
    struct orders orders = { .count = 0 };
    supervisor_died(&s, process, now, &orders);
    note(&orders);
}

static void
stop(void)
{
    struct orders orders = { .count = 0 };
    supervisor_stop(&s, now, &orders);
    note(&orders);
}

/* Let `ms` pass, ticking whenever something is due. */
static void
pass(uint64_t ms)
{
    uint64_t end = now + ms;
    for (uint64_t due; (due = supervisor_due(&s)) <= end;) {
        struct orders orders = { .count = 0 };
        now = due > now ? due : now;
        supervisor_tick(&s, now, &orders);
        note(&orders);
    }
    now = end;
}

static void
begin_ready(size_t count)
{
    begin(count);
    for (size_t i = 0; i < count; i++)
        ready(i);
    story[0] = '\0';
}

START_TEST(each_process_starts_when_the_one_before_is_ready)
{
    begin(3);
    expect("start:0");
    pass(100000);
    expect("");
    ready(0);
    expect("start:1");
    ready(1);
    expect("start:2");
    ready(2);
    expect("announce:0");
    ready(2);
    expect("");
}
END_TEST

START_TEST(a_death_restarts_one_process_and_no_other)
{
    begin_ready(3);
    die(1);
    expect("start:1");
    ready(1);
    expect("");
    ck_assert_uint_eq(s.processes[1].restarts, 1);
    ck_assert_int_eq(s.processes[0].state, PROCESS_READY);
}
END_TEST

START_TEST(restarts_wait_longer_and_longer_up_to_five_seconds)
{
    static const uint64_t delays[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
    begin_ready(1);
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        die(0);
        if (delays[i] > 0) {
            pass(delays[i] - 1);
            expect("");
            pass(1);
        }
        expect("start:0");
        ready(0);
    }
}
END_TEST

START_TEST(a_minute_of_health_forgets_setbacks)
{
    begin_ready(1);
    for (int i = 0; i < 6; i++) {
        die(0);
        pass(5000);
        ready(0);
    }
    story[0] = '\0';
    pass(SUPERVISOR_HEALTH_MS - 1);
    die(0);
    pass(3199);
    expect("");
    pass(1);
    expect("start:0");
    ready(0);
    pass(SUPERVISOR_HEALTH_MS);
    die(0);
    expect("start:0");
}
END_TEST

START_TEST(five_deaths_in_a_row_at_the_first_start_end_everything)
{
    begin(2);
    ready(0);
    for (int i = 0; i < 4; i++) {
        die(1);
        pass(1000);
    }
    expect("start:0 start:1 start:1 start:1 start:1 start:1");
    die(1);
    expect("give_up:1 terminate:0");
    die(0);
    expect("exit:0");
    ck_assert_int_eq(s.exit_code, SUPERVISOR_EXIT_GAVE_UP);
}
END_TEST

START_TEST(a_refusal_at_the_first_start_ends_everything_at_once)
{
    begin(3);
    ready(0);
    supervisor_refused(&s, 1);
    die(1);
    expect("start:0 start:1 give_up:1 terminate:0");
    ck_assert_int_eq(s.exit_code, SUPERVISOR_EXIT_FAILED);
}
END_TEST

START_TEST(once_all_were_ready_nothing_ends_the_engine)
{
    begin_ready(2);
    for (int i = 0; i < 40; i++) {
        if (i % 2 == 1)
            supervisor_refused(&s, 1);
        die(1);
        pass(SUPERVISOR_BACKOFF_MAX_MS);
        expect("start:1");
        ck_assert(!s.stopping);
    }
}
END_TEST

START_TEST(stopping_goes_backwards_one_at_a_time)
{
    begin_ready(3);
    stop();
    expect("terminate:2");
    die(2);
    expect("terminate:1");
    die(1);
    expect("terminate:0");
    die(0);
    expect("exit:0");
    ck_assert_int_eq(s.exit_code, 0);
}
END_TEST

START_TEST(nothing_is_restarted_while_stopping)
{
    begin_ready(3);
    die(0);
    die(0);
    expect("start:0");
    stop();
    expect("terminate:2");
    die(1);
    expect("");
    pass(100);
    expect("");
    die(2);
    expect("exit:0");
}
END_TEST

START_TEST(patience_ends_after_the_drain_time)
{
    begin_ready(2);
    stop();
    pass(499);
    expect("terminate:1");
    pass(1);
    expect("kill:0 kill:1");
    pass(100000);
    expect("");
    die(0);
    expect("");
    die(1);
    expect("exit:0");
}
END_TEST

START_TEST(a_second_stop_does_not_wait)
{
    begin_ready(2);
    stop();
    stop();
    pass(0);
    expect("terminate:1 kill:0 kill:1");
}
END_TEST

START_TEST(a_stop_during_the_start_stops_what_there_is)
{
    begin(3);
    ready(0);
    stop();
    expect("start:0 start:1 terminate:1");
    ready(1);
    expect("");
    die(1);
    die(0);
    expect("terminate:0 exit:0");
}
END_TEST

START_TEST(orders_always_fit)
{
    begin_ready(SUPERVISED_MAX);
    for (size_t i = 0; i < SUPERVISED_MAX; i++) {
        die(i);
        ready(i);
        die(i);
    }
    story[0] = '\0';
    pass(100);
    stop();
    stop();
    pass(0);
    for (size_t i = 0; i < SUPERVISED_MAX; i++)
        die(i);
    ck_assert_ptr_nonnull(strstr(story, "kill:69"));
    ck_assert_ptr_nonnull(strstr(story, "exit:0"));
}
END_TEST

START_TEST(what_becomes_ready_while_stopping_starts_nothing)
{
    begin(3);
    ready(0);
    expect("start:0 start:1");
    stop();
    expect("terminate:1");
    s.processes[1].state = PROCESS_STARTING; /* it had not heard of its end yet */
    ready(1);
    expect("");
}
END_TEST

static void
tick(uint64_t ms)
{
    struct orders orders = { .count = 0 };
    now += ms;
    supervisor_tick(&s, now, &orders);
    note(&orders);
}

START_TEST(a_tick_before_its_time_does_nothing)
{
    begin_ready(3);
    die(1);
    expect("start:1");
    die(1);
    tick(0);
    expect("");
    pass(SUPERVISOR_HEALTH_MS);
    expect("start:1");
    stop();
    expect("terminate:2");
    die(2);
    expect("terminate:1");
    tick(0);
    expect("");
    tick(500 + SUPERVISOR_HEALTH_MS);
    expect("kill:0 kill:1"); /* and not what is dead */
}
END_TEST

START_TEST(one_that_is_never_ready_is_killed_and_started_again)
{
    begin(2);
    ready(0);
    expect("start:0 start:1");
    pass(SUPERVISOR_START_MS - 1);
    expect("");
    pass(1);
    expect("kill:1");
    pass(SUPERVISOR_START_MS); /* once is enough */
    expect("");
    die(1);
    expect("start:1");
    ready(1);
    expect("announce:0");
    pass(SUPERVISOR_START_MS); /* which is for those that start */
    expect("");
    die(1);
    pass(SUPERVISOR_START_MS);
    expect("start:1 kill:1");
}
END_TEST

START_TEST(states_have_names)
{
    ck_assert_str_eq(process_state_name(PROCESS_STARTING), "starting");
    ck_assert_str_eq(process_state_name(PROCESS_READY), "ready");
    ck_assert_str_eq(process_state_name(PROCESS_STOPPING), "stopping");
    ck_assert_str_eq(process_state_name(PROCESS_BACKING_OFF), "backing_off");
    ck_assert_str_eq(process_state_name(PROCESS_STOPPED), "stopped");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("supervisor");
    TCase *tests = tcase_create("rules");
    tcase_add_test(tests, each_process_starts_when_the_one_before_is_ready);
    tcase_add_test(tests, a_death_restarts_one_process_and_no_other);
    tcase_add_test(tests, restarts_wait_longer_and_longer_up_to_five_seconds);
    tcase_add_test(tests, a_minute_of_health_forgets_setbacks);
    tcase_add_test(tests, five_deaths_in_a_row_at_the_first_start_end_everything);
    tcase_add_test(tests, a_refusal_at_the_first_start_ends_everything_at_once);
    tcase_add_test(tests, once_all_were_ready_nothing_ends_the_engine);
    tcase_add_test(tests, stopping_goes_backwards_one_at_a_time);
    tcase_add_test(tests, nothing_is_restarted_while_stopping);
    tcase_add_test(tests, patience_ends_after_the_drain_time);
    tcase_add_test(tests, a_second_stop_does_not_wait);
    tcase_add_test(tests, a_stop_during_the_start_stops_what_there_is);
    tcase_add_test(tests, orders_always_fit);
    tcase_add_test(tests, what_becomes_ready_while_stopping_starts_nothing);
    tcase_add_test(tests, a_tick_before_its_time_does_nothing);
    tcase_add_test(tests, one_that_is_never_ready_is_killed_and_started_again);
    tcase_add_test(tests, states_have_names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
