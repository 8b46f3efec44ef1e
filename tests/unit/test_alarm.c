/* Goal: alarms ring at their time, in order, and not once they are cleared. */
#include "base/list.h"
#include "gateway/alarm.h"
#include "tests/unit/gateway_suites.h"

enum { BELLS = 500 };

static struct bell {
    struct alarm alarm;
    unsigned rung;
} bells[BELLS];
static struct alarms alarms;
static uint64_t last_ms;

static void
ring(struct alarm *alarm)
{
    struct bell *bell = LIST_OF(alarm, struct bell, alarm);
    ck_assert_uint_eq(alarm->place, 0);
    ck_assert_uint_ge(alarm->at_ms, last_ms);
    last_ms = alarm->at_ms;
    bell->rung++;
}

START_TEST(alarms_ring_in_the_order_of_their_times)
{
    unsigned step = 7;
    for (size_t i = 0; i < BELLS; i++) {
        bells[i].alarm.ring = ring;
        step = step * 1103515245 + 12345;
        alarm_set(&alarms, &bells[i].alarm, step >> 16);
    }
    for (size_t i = 0; i < BELLS; i += 3)
        alarm_clear(&alarms, &bells[i].alarm);
    for (size_t i = 1; i < BELLS; i += 3) {
        step = step * 1103515245 + 12345;
        alarm_set(&alarms, &bells[i].alarm, step >> 16);
    }
    alarm_clear(&alarms, &bells[0].alarm); /* twice is once */
    uint64_t half_ms = alarms_ring(&alarms, 32768);
    ck_assert_uint_gt(half_ms, 32768);
    ck_assert_uint_le(last_ms, 32768);
    ck_assert_uint_eq(alarms_ring(&alarms, UINT64_MAX - 1), UINT64_MAX);
    for (size_t i = 0; i < BELLS; i++)
        ck_assert_uint_eq(bells[i].rung, i % 3 != 0);
    alarms_free(&alarms);
}
END_TEST

START_TEST(loose_alarms_are_late_by_no_more_than_may_be_and_ring_together)
{
    enum { SLACK_MS = 9, NEAR = 25 };
    uint64_t before_ms = 0;
    size_t moments = 0;
    last_ms = 0;
    for (size_t i = 0; i < NEAR; i++) {
        bells[i] = (struct bell){ .alarm.ring = ring };
        alarm_set_loose(&alarms, &bells[i].alarm, 1000 + i, SLACK_MS);
        uint64_t at_ms = bells[i].alarm.at_ms;
        ck_assert_uint_ge(at_ms, 1000 + i);
        ck_assert_uint_le(at_ms, 1000 + i + SLACK_MS);
        moments += at_ms != before_ms;
        before_ms = at_ms;
    }
    ck_assert_uint_eq(moments, 3);
    ck_assert_uint_eq(alarms_ring(&alarms, UINT64_MAX - 1), UINT64_MAX);
    alarms_free(&alarms);
}
END_TEST

Suite *
alarm_suite(void)
{
    Suite *suite = suite_create("alarm");
    TCase *tests = tcase_create("alarm");
    tcase_add_test(tests, alarms_ring_in_the_order_of_their_times);
    tcase_add_test(
        tests, loose_alarms_are_late_by_no_more_than_may_be_and_ring_together);
    suite_add_tcase(suite, tests);
    return suite;
}
