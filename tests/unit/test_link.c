/* Goal: whatever a broken connection loses, repeats or delays, each side learns what it
 * missed. */
#include "transport/link.h"

#include <check.h>

static struct message
said(uint64_t epoch, uint64_t sequence)
{
    return (struct message){ .code = RUN_CHANGED,
        .envelope = { .epoch = epoch, .sequence = sequence } };
}

static enum link_verdict
hear(struct link *link, uint64_t epoch, uint64_t sequence)
{
    struct message m = said(epoch, sequence);
    return link_hear(link, &m);
}

START_TEST(messages_in_order_are_taken_and_owe_nothing)
{
    struct link link = { 0 };
    ck_assert_int_eq(hear(&link, 5, 1), LINK_NEW_LIFE);
    for (uint64_t n = 2; n < 100; n++)
        ck_assert_int_eq(hear(&link, 5, n), LINK_NEXT);
    ck_assert(!link.owed);
}
END_TEST

START_TEST(a_message_that_comes_twice_is_dropped)
{
    struct link link = { 0 };
    hear(&link, 5, 1);
    hear(&link, 5, 2);
    ck_assert_int_eq(hear(&link, 5, 2), LINK_REPEATED);
    ck_assert_int_eq(hear(&link, 5, 1), LINK_REPEATED);
    ck_assert_int_eq(hear(&link, 5, 3), LINK_NEXT);
}
END_TEST

START_TEST(a_gap_asks_for_all_again_once)
{
    struct link link = { 0 };
    struct message hello;
    hear(&link, 5, 1);
    ck_assert(link_hello(&link, 1000, &hello));
    ck_assert_uint_eq(hello.hello.resync, 0);
    ck_assert_int_eq(hear(&link, 5, 4), LINK_GAP);
    ck_assert(link_hello(&link, 1001, &hello));
    ck_assert_uint_eq(hello.hello.resync, 1);
    ck_assert_int_eq(hear(&link, 5, 5), LINK_NEXT);
    ck_assert_int_eq(hear(&link, 5, 3), LINK_REPEATED);
    ck_assert(!link_hello(&link, 1002, &hello));
    ck_assert(link_hello(&link, 1001 + HELLO_IDLE_MS, &hello));
    ck_assert_uint_eq(hello.hello.resync, 0);
}
END_TEST

START_TEST(a_new_life_is_greeted_at_once_and_the_old_one_is_not_heard)
{
    struct link link = { 0 };
    struct message hello;
    hear(&link, 5, 1);
    link_hello(&link, 1000, &hello);
    ck_assert_int_eq(hear(&link, 6, 1), LINK_NEW_LIFE);
    ck_assert(link_hello(&link, 1000, &hello));
    ck_assert_int_eq(hear(&link, 5, 2), LINK_STALE);
    ck_assert_int_eq(hear(&link, 6, 2), LINK_NEXT);
}
END_TEST

START_TEST(a_life_whose_beginning_was_missed_is_asked_to_say_it_again)
{
    struct link link = { 0 };
    struct message hello;
    ck_assert_int_eq(hear(&link, 5, 3), LINK_NEW_LIFE);
    ck_assert(link_hello(&link, 0, &hello));
    ck_assert_uint_eq(hello.hello.resync, 1);
}
END_TEST

START_TEST(a_hello_follows_soon_after_words_and_late_after_silence)
{
    struct link link = { 0 };
    struct message hello, m = said(0, 0);
    ck_assert(link_hello(&link, 10, &hello));
    link_speak(&link, 10, &hello);
    ck_assert_uint_eq(hello.envelope.sequence, 1);
    ck_assert(!link_hello(&link, 10 + HELLO_IDLE_MS - 1, &hello));
    link_speak(&link, 100, &m);
    ck_assert_uint_eq(m.envelope.sequence, 2);
    link_speak(&link, 250, &m); /* does not put it off */
    ck_assert_uint_eq(m.envelope.sequence, 3);
    ck_assert(!link_hello(&link, 100 + HELLO_SOON_MS - 1, &hello));
    ck_assert(link_hello(&link, 100 + HELLO_SOON_MS, &hello));
    ck_assert(!link_hello(&link, 100 + HELLO_SOON_MS + HELLO_IDLE_MS - 1, &hello));
    ck_assert(link_hello(&link, 100 + HELLO_SOON_MS + HELLO_IDLE_MS, &hello));
}
END_TEST

START_TEST(a_lost_tail_is_found_by_the_hello_that_follows)
{
    struct link from = { 0 }, to = { 0 };
    struct message first = said(5, 0), lost = said(5, 0), hello;
    link_speak(&from, 0, &first);
    link_hear(&to, &first);
    link_speak(&from, 0, &lost);
    from.hello_ms = 0;
    ck_assert(link_hello(&from, 0, &hello));
    link_speak(&from, 0, &hello);
    hello.envelope.epoch = 5;
    ck_assert_int_eq(link_hear(&to, &hello), LINK_GAP);
    ck_assert(to.owed);
}
END_TEST

START_TEST(the_actor_is_greeted_before_the_first_word_of_a_life_and_after_a_gap)
{
    struct link link = { 0 };
    struct message in = said(5, 1), after = { 0 };
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_GREETED);
    ck_assert_int_eq(in.code, HELLO);
    ck_assert_uint_eq(in.hello.resync, 2);
    ck_assert_uint_eq(in.envelope.epoch, 5);
    ck_assert_int_eq(after.code, RUN_CHANGED);
    in = said(5, 2);
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_TAKEN);
    ck_assert_int_eq(in.code, RUN_CHANGED);
    in = said(5, 2);
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_DROPPED);
    in = said(5, 9);
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_GREETED);
    ck_assert_uint_eq(in.hello.resync, RESYNC_GAP);
    ck_assert_uint_eq(after.envelope.sequence, 9);
    in = said(4, 10);
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_DROPPED);
}
END_TEST

START_TEST(a_hello_reaches_the_actor_only_if_something_must_be_said_again)
{
    struct link link = { 0 };
    struct message in = said(5, 1), after;
    in.code = HELLO;
    in.hello = (struct hello){ 0 };
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_TAKEN);
    ck_assert_uint_eq(in.hello.resync, 2);
    in.envelope.sequence = 2;
    in.hello.resync = 0;
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_DROPPED);
    in.envelope.sequence = 3;
    in.hello.resync = 1;
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_TAKEN);
    ck_assert_uint_eq(in.hello.resync, 1);
    in.envelope.sequence = 5;
    in.hello.resync = 0;
    ck_assert_int_eq(link_take(&link, &in, &after), LINK_TAKEN);
    ck_assert_uint_eq(in.hello.resync, RESYNC_GAP);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("link");
    TCase *tests = tcase_create("link");
    tcase_add_test(tests, messages_in_order_are_taken_and_owe_nothing);
    tcase_add_test(tests, a_message_that_comes_twice_is_dropped);
    tcase_add_test(tests, a_gap_asks_for_all_again_once);
    tcase_add_test(tests, a_new_life_is_greeted_at_once_and_the_old_one_is_not_heard);
    tcase_add_test(tests, a_life_whose_beginning_was_missed_is_asked_to_say_it_again);
    tcase_add_test(tests, a_hello_follows_soon_after_words_and_late_after_silence);
    tcase_add_test(tests, a_lost_tail_is_found_by_the_hello_that_follows);
    tcase_add_test(
        tests, the_actor_is_greeted_before_the_first_word_of_a_life_and_after_a_gap);
    tcase_add_test(
        tests, a_hello_reaches_the_actor_only_if_something_must_be_said_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
