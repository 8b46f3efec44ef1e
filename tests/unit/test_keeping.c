/* Goal: a managed worker starts, is started again and ends as keeping.h says.  Method:
 * virtual time; orders and states are written down as words and compared. */
#include "actors/keeper/keeping.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { BACKOFF_MAX_MS = 1000 };

static struct kept k;
static uint64_t now;
static const char *const orders[] = { "-", "start", "terminate" };

static void
expect(enum keep_order order, const char *expected)
{
    char found[64];
    snprintf(found, sizeof found, "%s %s", orders[order], keep_state_name(k.state));
    ck_assert_str_eq(found, expected);
}

static void
set_up(void)
{
    k = (struct kept){ 0 };
    now = 1000;
}

static enum keep_order
end(void)
{
    return kept_ended(&k, false, BACKOFF_MAX_MS, now);
}

/* From nothing to RUNNING. */
static void
run(void)
{
    expect(kept_start(&k, now), "start preparing");
    kept_began(&k, now);
    expect(KEEP_NOTHING, "- starting");
    now = kept_due(&k);
    expect(kept_tick(&k, now), "- running");
}

START_TEST(it_runs_once_it_has_lived_a_while)
{
    expect(kept_start(&k, now), "start preparing");
    ck_assert_uint_eq(kept_due(&k), UINT64_MAX);
    now += 90000; /* an installation takes its time */
    kept_began(&k, now);
    ck_assert_uint_eq(kept_due(&k), now + KEEP_SETTLE_MS);
    expect(kept_tick(&k, now + KEEP_SETTLE_MS - 1), "- starting");
    expect(kept_tick(&k, now + KEEP_SETTLE_MS), "- running");
    expect(kept_start(&k, now), "- running");
}
END_TEST

START_TEST(it_is_started_again_with_growing_delays)
{
    static const uint64_t delays[] = { 100, 200, 400, 800, 1000, 1000 };
    run();
    expect(end(), "start preparing"); /* the first time at once */
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        kept_began(&k, now);
        expect(end(), "- backing_off");
        ck_assert_uint_eq(kept_due(&k), now + delays[i]);
        now = kept_due(&k);
        expect(kept_tick(&k, now), "start preparing");
    }
    ck_assert_uint_eq(k.restarts, 7);
}
END_TEST

START_TEST(a_minute_of_health_forgets)
{
    run();
    expect(end(), "start preparing");
    kept_began(&k, now);
    now = kept_due(&k);
    expect(kept_tick(&k, now), "- running");
    now += KEEP_HEALTH_MS;
    expect(end(), "start preparing");
    kept_began(&k, now);
    expect(end(), "- backing_off");
}
END_TEST

START_TEST(it_ends_when_told_and_stays_so)
{
    run();
    expect(kept_stop(&k, now), "terminate stopping");
    expect(kept_stop(&k, now), "- stopping");
    expect(end(), "- stopped");
    expect(kept_stop(&k, now), "- stopped");
    ck_assert_uint_eq(kept_due(&k), UINT64_MAX);
    ck_assert_uint_eq(k.restarts, 0);
}
END_TEST

START_TEST(it_ends_in_any_state)
{
    expect(kept_start(&k, now), "start preparing");
    expect(kept_stop(&k, now), "terminate stopping");
    kept_began(&k, now); /* it was on its way */
    expect(kept_ended(&k, true, BACKOFF_MAX_MS, now), "- stopped");
    run();
    expect(end(), "start preparing");
    expect(end(), "- backing_off");
    expect(kept_stop(&k, now), "- stopped");
}
END_TEST

START_TEST(restart_is_an_end_and_a_start)
{
    expect(kept_restart(&k, now), "start preparing");
    kept_began(&k, now);
    expect(kept_restart(&k, now), "terminate stopping");
    expect(end(), "start preparing");
    kept_began(&k, now);
    expect(kept_stop(&k, now), "terminate stopping");
    expect(kept_start(&k, now), "- stopping");
    expect(kept_stop(&k, now), "- stopping"); /* the last word holds */
    expect(end(), "- stopped");
}
END_TEST

START_TEST(what_is_refused_waits_for_somebody)
{
    expect(kept_start(&k, now), "start preparing");
    expect(kept_ended(&k, true, BACKOFF_MAX_MS, now), "- failed");
    ck_assert_uint_eq(kept_due(&k), UINT64_MAX);
    expect(kept_start(&k, now), "start preparing");
    expect(kept_ended(&k, true, BACKOFF_MAX_MS, now), "- failed");
    expect(kept_restart(&k, now), "start preparing");
}
END_TEST

int
main(void)
{
    TCase *tests = tcase_create("keeping");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, it_runs_once_it_has_lived_a_while);
    tcase_add_test(tests, it_is_started_again_with_growing_delays);
    tcase_add_test(tests, a_minute_of_health_forgets);
    tcase_add_test(tests, it_ends_when_told_and_stays_so);
    tcase_add_test(tests, it_ends_in_any_state);
    tcase_add_test(tests, restart_is_an_end_and_a_start);
    tcase_add_test(tests, what_is_refused_waits_for_somebody);
    Suite *suite = suite_create("keeping");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
