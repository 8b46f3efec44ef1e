/* Goal: a queue has the limit that was set last, and the lease actor knows it.
 * Method: set, set again, begin anew; every word to the lease actor is compared. */
#include "actors/registry/entries.h"
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static void
set_queue(struct trace *t, struct queue_set set)
{
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = QUEUE_SET, .queue_set = set });
}

START_TEST(a_limit_is_kept_and_told)
{
    struct trace t;
    registry_open(&t);
    set_queue(&t, (struct queue_set){ 5, text("gpu"), 2, 0, { 0 } });
    trace_expect(&t, "1000 queue_changed queue=gpu limit=2\n"
                     "1000 -> lease queue_offered queue=gpu limit=2\n"
                     "1000 -> gateway document request=5 document=(…)\n");
    registry_expect_field(registry_document(&t), "concurrency", "2");
    registry_expect_field(registry_document(&t), "changed", "true");
    set_queue(&t, (struct queue_set){ 6, text("gpu"), 2, 0, { 0 } });
    trace_expect(&t, "1000 -> lease queue_offered queue=gpu limit=2\n"
                     "1000 -> gateway document request=6 document=(…)\n");
    registry_expect_field(registry_document(&t), "changed", "false");
    set_queue(&t, (struct queue_set){ 7, text("gpu"), 0, 0, { 0 } });
    registry_expect_field(registry_document(&t), "concurrency", "null");
    trace_close(&t);
}
END_TEST

START_TEST(settings_and_limit_do_not_touch_each_other)
{
    struct trace t;
    registry_open(&t);
    set_queue(&t, (struct queue_set){ 5, text("gpu"), 2, 0, { 0 } });
    set_queue(&t, (struct queue_set){ 6, text("gpu"), 0, 1,
                      text("\x81\xa1"
                           "a\x01") });
    set_queue(&t, (struct queue_set){ 7, text("gpu"), 3, 0, { 0 } });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = QUEUE_GET, .queue_get = { 8, text("gpu") } });
    registry_expect_field(registry_document(&t), "concurrency", "3");
    registry_expect_field(registry_document(&t), "settings", "{a: 1}");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = QUEUE_GET, .queue_get = { 9, text("cpu") } });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_NOT_FOUND);
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_actor_that_greets_is_told_all_limits_and_their_end)
{
    struct trace t;
    registry_open(&t);
    set_queue(&t, (struct queue_set){ 5, text("gpu"), 2, 0, { 0 } });
    set_queue(&t, (struct queue_set){ 6, text("cpu"), 9, 0, { 0 } });
    t.project = id_of_name(text("another"));
    set_queue(&t, (struct queue_set){ 7, text("gpu"), 4, 0, { 0 } });
    trace_crash(&t);
    trace_skip(&t);
    t.kept_count = 0;
    trace_hello(&t, ACTOR_lease, 0, RESYNC_NEW_LIFE);
    trace_expect_only(&t, "queues_complete", "1000 -> lease queues_complete count=3\n");
    ck_assert_uint_eq(t.kept_count, 4);
    for (size_t i = 0; i < 3; i++) {
        const struct queue_offered *said = &t.kept[i].queue_offered;
        bool theirs = id_equal(&t.kept[i].envelope.project, &t.project);
        bool gpu = bytes_equal(said->queue, text("gpu"));
        ck_assert_int_eq(t.kept[i].code, QUEUE_OFFERED);
        ck_assert_uint_eq(said->limit, theirs ? 4 : gpu ? 2 : 9);
    }
    trace_close(&t);
}
END_TEST

START_TEST(a_name_or_a_limit_that_is_none_is_refused)
{
    struct trace t;
    registry_open(&t);
    set_queue(&t, (struct queue_set){ 5, text(""), 2, 0, { 0 } });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.err, ERR_INVALID);
    set_queue(&t, (struct queue_set){ 6, text("gpu"), 1000001, 0, { 0 } });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 6);
    struct bytes longest = registry_long_text(129);
    longest = bytes_of(longest.data + 2, 129);
    set_queue(&t, (struct queue_set){ 7, longest, 2, 0, { 0 } });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 7);
    static const char *const odd[] = { " ", "g pu", "gpu\n", "gpu\x7f" };
    for (size_t i = 0; i < COUNT(odd); i++) {
        set_queue(&t, (struct queue_set){ 5, text(odd[i]), 2, 0, { 0 } });
        registry_expect_refused(&t, ERR_INVALID,
            "a queue needs a name of 1 to 128 bytes, without spaces and control "
            "characters, and a limit up to 1000000");
    }
    set_queue(&t, (struct queue_set){ 8, text("gpu"), 2, 0, registry_long_map(4096) });
    ck_assert_uint_eq(trace_sent(&t, REFUSED)->refused.request, 8);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = QUEUE_GET, .queue_get = { 9, longest } });
    registry_expect_refused(
        &t, ERR_NOT_FOUND, "no queue of this name has been set in the project");
    trace_close(&t);
}
END_TEST

START_TEST(there_are_no_more_queues_than_allowed)
{
    struct row_key key = key_of_counts();
    struct count_entry full = { .queues = 10000 }, none = { 0 };
    struct trace t;
    registry_open(&t);
    set_queue(&t, (struct queue_set){ 5, text("gpu"), 2, 0, { 0 } });
    entry_write(t.journal, &key, &count_entry_shape, &full);
    set_queue(&t, (struct queue_set){ 6, text("cpu"), 2, 0, { 0 } });
    registry_expect_refused(&t, ERR_BUSY, "10000 queues have been set");
    set_queue(&t, (struct queue_set){ 7, text("gpu"), 3, 0, { 0 } });
    registry_expect_field(registry_document(&t), "concurrency", "3");
    none.queues = 1;
    entry_write(t.journal, &key, &count_entry_shape, &none);
    trace_close(&t);
}
END_TEST

START_TEST(many_limits_are_told_some_at_a_time)
{
    enum { QUEUES = 130 };
    char name[16];
    struct trace t;
    registry_open(&t);
    for (unsigned n = 0; n < QUEUES; n++) {
        snprintf(name, sizeof name, "q%u", n);
        set_queue(&t, (struct queue_set){ 5, text(name), n + 1, 0, { 0 } });
    }
    t.kept_count = 0;
    trace_queue(&t, ACTOR_lease, 0,
        (struct message){ .code = HELLO, .hello = { .resync = RESYNC_NEW_LIFE } });
    /* Out of turn, and in its turn again. */
    set_queue(&t, (struct queue_set){ 6, text("q7"), 1000, 0, { 0 } });
    size_t told = 0, again = 0;
    for (size_t i = 0; i < t.kept_count; i++) {
        told += t.kept[i].code == QUEUE_OFFERED;
        again += t.kept[i].code == QUEUE_OFFERED
                 && bytes_equal(t.kept[i].queue_offered.queue, text("q7"));
    }
    ck_assert_uint_eq(told, QUEUES + 1);
    ck_assert_uint_eq(again, 2);
    ck_assert_ptr_nonnull(trace_sent(&t, QUEUES_COMPLETE));
    trace_close(&t);
}
END_TEST

Suite *
registry_queues_suite(void)
{
    Suite *suite = suite_create("registry queues");
    TCase *tests = tcase_create("registry queues");
    tcase_add_test(tests, a_limit_is_kept_and_told);
    tcase_add_test(tests, settings_and_limit_do_not_touch_each_other);
    tcase_add_test(tests, a_lease_actor_that_greets_is_told_all_limits_and_their_end);
    tcase_add_test(tests, a_name_or_a_limit_that_is_none_is_refused);
    tcase_add_test(tests, there_are_no_more_queues_than_allowed);
    tcase_add_test(tests, many_limits_are_told_some_at_a_time);
    suite_add_tcase(suite, tests);
    return suite;
}
