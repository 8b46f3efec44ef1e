/* Goal: what records say can be taken out of them, and payloads given up, while the
 * rest of the journal stays as it was.
 * Method: on every backend; before the commit, after it, and opened again. */
#include "tests/contract/place.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>

enum { RECORDS = 9, STRIPPED = 4, AGAIN_MAX = 3 };

static void
expect_records(struct journal *j)
{
    struct record record;
    for (uint64_t n = 1; n <= RECORDS; n++) {
        ck_assert_int_eq(journal_read(j, n, &record), ERR_NONE);
        ck_assert_uint_eq(record.number, n);
        ck_assert_uint_eq(record.at_ms, 1000 * n);
        ck_assert(bytes_equal(
            record.facts, n == STRIPPED ? text("less") : numbered("said", n)));
    }
}

static bool
count_record(void *self, const struct record *record)
{
    (void)record;
    ++*(uint64_t *)self;
    return true;
}

/* Of the first one: they stay where they are until the next commit. */
static bool
take_facts(void *self, const struct record *record)
{
    *(struct bytes *)self = record->facts;
    return false;
}

START_TEST(a_stripped_record_says_less_and_the_chain_holds)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    for (uint64_t n = 1; n <= RECORDS; n++)
        journal_append(j, 1000 * n, numbered("said", n));
    commit(j);
    journal_strip(j, STRIPPED, text("a little less"));
    journal_strip(j, STRIPPED, text("less"));
    ck_assert(journal_dirty(j));
    for (int again = 0; again < AGAIN_MAX; again++) {
        uint64_t count = 0;
        expect_records(j);
        if (again == 0)
            commit(j);
        journal_replay(j, 1, count_record, &count);
        ck_assert_uint_eq(count, RECORDS);
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        place_reopen(&place, &j);
    }
    ck_assert_uint_eq(
        journal_append(j, 1000 * RECORDS, numbered("said", RECORDS)), RECORDS + 1);
    commit(j);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_blob_is_gone_when_it_was_dropped_as_often_as_it_was_put)
{
    enum { PUTS = 3 };
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct arena arena = { 0 };
    struct bytes blob;
    struct hash hash;
    for (int put = 0; put < PUTS; put++) {
        hash = journal_put_blob(j, text("payload"));
        if (put > 0)
            commit(j);
    }
    for (int drop = 0; drop < PUTS; drop++) {
        place_reopen(&place, &j);
        ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NONE);
        ck_assert(bytes_equal(blob, text("payload")));
        journal_drop_blob(j, &hash);
        commit(j);
    }
    ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NOT_FOUND);
    journal_drop_blob(j, &hash); /* once too often */
    hash = journal_put_blob(j, text("payload"));
    journal_drop_blob(j, &hash);
    journal_put_blob(j, text("payload"));
    commit(j);
    place_reopen(&place, &j);
    ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NONE);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    arena_free(&arena);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_record_is_stripped_in_the_batch_that_writes_it)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    for (uint64_t n = 1; n <= RECORDS; n++) {
        journal_append(j, 1000 * n, numbered("said", n));
        if (n == STRIPPED - 1)
            commit(j);
        if (n == STRIPPED)
            journal_strip(j, n, text("less"));
    }
    for (int again = 0; again < AGAIN_MAX; again++) {
        struct bytes less = { 0 };
        expect_records(j);
        journal_replay(j, STRIPPED, take_facts, &less);
        ck_assert(bytes_equal(less, text("less")));
        if (again == 0)
            commit(j);
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        place_reopen(&place, &j);
    }
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_record_that_is_not_there_cannot_be_stripped)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_strip(j, journal_append(j, 1000, text("said")) + 1, text(""));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_strip");
    TCase *tc = tcase_create("contract");
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_loop_test(
        tc, a_stripped_record_says_less_and_the_chain_holds, 0, PLACE_KINDS);
    tcase_add_loop_test(
        tc, a_blob_is_gone_when_it_was_dropped_as_often_as_it_was_put, 0, PLACE_KINDS);
    tcase_add_loop_test(
        tc, a_record_is_stripped_in_the_batch_that_writes_it, 0, PLACE_KINDS);
    tcase_add_loop_test_raise_signal(
        tc, a_record_that_is_not_there_cannot_be_stripped, SIGABRT, 0, PLACE_KINDS);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
