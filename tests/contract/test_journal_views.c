/* Goal: a view sees what the owner committed, whatever the owner and its files do.
 * Method: views beside an owner that flushes, compacts, is killed and comes back. */
#include "tests/contract/child.h"
#include "tests/contract/folder_copy.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(a_view_of_another_process_sees_what_that_said_it_committed)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct journal *j = place_open(&place), *view = NULL;
    journal_close(&j);
    for (int round = 0; round < 3; round++) { /* the owner is killed and comes back */
        int ends[2];
        uint64_t number;
        ck_assert_int_eq(pipe(ends), 0);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            close(ends[0]);
            report_to = ends[1];
            place.options.epoch += 10 * (unsigned)round;
            write_for_ever(&place);
        }
        close(ends[1]);
        for (int i = 0; i < 300; i++) {
            ck_assert_int_eq(read(ends[0], &number, sizeof number), sizeof number);
            if (view == NULL)
                view = place_view(&place);
            ck_assert_int_eq(journal_catch_up(view, &place.fault), ERR_NONE);
            ck_assert_uint_ge(journal_last(view), number);
            number = journal_last(view);
            ck_assert(
                bytes_equal(journal_get(view, text("count")), numbered("", number)));
        }
        kill(pid, SIGKILL);
        close(ends[0]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    }
    journal_close(&view);
    place_free(&place);
}
END_TEST

START_TEST(a_view_follows_through_flushes_compactions_and_new_lives_of_the_owner)
{
    enum { ROUNDS = 60, PER_ROUND = 40, SIZE = 4000 };
    struct place place = place_make(PLACE_ROCKSDB);
    place.options.memtable_bytes = 256 * 1024;
    struct journal *j = place_open(&place);
    struct journal *view = place_view(&place);
    struct arena arena = { 0 };
    uint8_t *value = calloc(1, SIZE);
    ck_assert_ptr_nonnull(value);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < PER_ROUND; i++) {
            for (size_t k = 0; k < SIZE; k++)
                value[k] = (uint8_t)((round * PER_ROUND + i) * k * 2654435761u >> 13);
            journal_append(j, round, bytes_of(value, 200));
            journal_put(j, numbered("row", i * 7919 % 97), bytes_of(value, SIZE));
            journal_put(j, text("round"), numbered("", round));
        }
        struct hash hash = journal_put_blob(j, bytes_of(value, SIZE));
        commit(j);
        if (round % 20 == 19)
            place_reopen(&place, &j);
        struct bytes blob;
        enum err e = journal_catch_up(view, &place.fault);
        ck_assert_msg(e == ERR_NONE, "%s", place.fault.detail);
        ck_assert_uint_eq(journal_last(view), journal_last(j));
        ck_assert(bytes_equal(journal_get(view, text("round")), numbered("", round)));
        ck_assert_int_eq(journal_get_blob(view, &hash, &arena, &blob), ERR_NONE);
        ck_assert(bytes_equal(blob, bytes_of(value, SIZE)));
        arena_reset(&arena);
    }
    ck_assert_int_eq(journal_verify(view, &place.fault), ERR_NONE);
    struct names *tables = files_of(&place, ".sst");
    ck_assert_uint_gt(tables->count, 0); /* there were flushes */
    free(tables);
    free(value);
    arena_free(&arena);
    journal_close(&view);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* The i-th batch puts or deletes three of the counted rows; in quiet times it only adds
 * a record, so that a table of rows is the last to know about them. */
enum { COUNTED = 40, BATCHES = 20000 };

static uint64_t
mixed(uint64_t i, uint64_t k)
{
    uint64_t x = (i * 3 + k) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

static void
count_batch(struct journal *j, uint64_t i)
{
    static uint8_t filler[1500];
    for (size_t k = 0; k < sizeof filler; k++)
        filler[k] = (uint8_t)mixed(i, k);
    journal_append(j, i, bytes_of(filler, mixed(i, 77) % sizeof filler));
    for (uint64_t k = 0; k < 3 && i % 900 < 300; k++) {
        if (mixed(i, k) % 11 == 0)
            journal_delete(j, numbered("row", mixed(i, k) % COUNTED));
        else
            journal_put(j, numbered("row", mixed(i, k) % COUNTED), numbered("", i));
        journal_put(j, numbered("filler", mixed(i, k) % 500),
            bytes_of(filler, mixed(i, k) % sizeof filler));
    }
}

static void
count_expected(uint64_t *rows, uint64_t from, uint64_t to)
{
    for (uint64_t i = from + 1; i <= to; i++)
        for (uint64_t k = 0; k < 3 && i % 900 < 300; k++)
            rows[mixed(i, k) % COUNTED] = mixed(i, k) % 11 == 0 ? 0 : i;
}

START_TEST(
    a_view_that_lags_behind_flushes_compactions_and_restarts_is_right_in_each_row)
{
    struct place place = place_make(PLACE_ROCKSDB);
    place.options.memtable_bytes = 64 * 1024;
    struct journal *j = place_open(&place);
    struct journal *view = place_view(&place);
    uint64_t rows[COUNTED] = { 0 }, seen = 0;
    for (uint64_t i = 1; i <= BATCHES; i++) {
        count_batch(j, i);
        ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
        if (mixed(i, 5) % 4000 == 0)
            place_reopen(&place, &j);
        if (mixed(i, 6) % 300 != 0)
            continue;
        enum err e = journal_catch_up(view, &place.fault);
        ck_assert_msg(e == ERR_NONE, "%s", place.fault.detail);
        ck_assert_uint_eq(journal_last(view), i);
        count_expected(rows, seen, i);
        seen = i;
        for (uint64_t k = 0; k < COUNTED; k++) {
            struct bytes row = journal_get(view, numbered("row", k));
            ck_assert_msg(rows[k] == 0 ? row.data == NULL
                                       : bytes_equal(row, numbered("", rows[k])),
                "after %" PRIu64 ": row %" PRIu64 " is %.*s, not %" PRIu64, i, k,
                (int)row.size, (const char *)row.data, rows[k]);
        }
    }
    ck_assert_uint_gt(seen, BATCHES / 2);
    ck_assert_int_eq(journal_verify(view, &place.fault), ERR_NONE);
    journal_close(&view);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_view_leaves_nothing_behind_and_needs_something_to_look_at)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct journal *view;
    char beside[PATH_MAX];
    ck_assert_int_eq(place_try_view(&place, &view), ERR_NOT_FOUND);
    ck_assert_ptr_null(view);
    ck_assert_int_ne(access(place.folder, F_OK), 0);
    struct journal *j = place_open(&place);
    const char *name = strrchr(place.folder, '/') + 1;
    snprintf(beside, sizeof beside, "%.*sviews/%s.view-1", (int)(name - place.folder),
        place.folder, name);
    view = place_view(&place);
    ck_assert_int_eq(access(beside, F_OK), 0);
    journal_close(&view);
    ck_assert_int_ne(access(beside, F_OK), 0);
    journal_close(&j);
    place_free(&place);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_views");
    TCase *tc = tcase_create("journal_views");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_test(tc, a_view_of_another_process_sees_what_that_said_it_committed);
    tcase_add_test(
        tc, a_view_follows_through_flushes_compactions_and_new_lives_of_the_owner);
    tcase_add_test(tc,
        a_view_that_lags_behind_flushes_compactions_and_restarts_is_right_in_each_row);
    tcase_add_test(tc, a_view_leaves_nothing_behind_and_needs_something_to_look_at);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
