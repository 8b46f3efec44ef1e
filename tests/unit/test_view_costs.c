/* Goal: open runs are found behind many that have just finished as soon as without.
 * Method: the facts of a real scheduler are told again to a journal on RocksDB, which
 * counts the deleted rows that it passes. */
#include "actors/scheduler/scheduler.h"
#include "tests/unit/view_engine.h"

#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>

enum { FINISHED = 3000, PASSED_MAX = FINISHED / 4 };

/* `path` is empty; the journal of the first partition, again. */
static struct journal *
on_rocksdb(struct engine *e, const char *path)
{
    struct trace *t = &e->traces[0];
    struct journal_options options = { .epoch = 1, .state_cache_bytes = 1 << 20 };
    struct journal *journal;
    struct fault fault;
    char url[64];
    snprintf(url, sizeof url, "rocksdb:%s", path);
    ck_assert_int_eq(journal_open(url, &options, &journal, &fault), ERR_NONE);
    struct actor_setup setup = { .config = &t->config, .journal = journal };
    void *state = calloc(1, t->actor->state_size);
    t->actor->open(state, &setup);
    ck_assert_int_eq(
        loop_replay(t->actor, state, journal, t->journal, &fault), ERR_NONE);
    t->actor->close(state);
    free(state);
    return journal;
}

static void
remove_folder(const char *path)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", path);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(an_open_run_is_found_without_passing_those_that_have_just_finished)
{
    struct engine e;
    char path[] = "/tmp/capstan-costs-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(path));
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("print", ""));
    for (unsigned n = 1; n <= FINISHED + 2; n++) {
        engine_start(&e, n, "flow");
        if (n > 1 && n < FINISHED + 2)
            engine_completed(&e, (struct job){ n, 0, 1, 1 }, (struct bytes){ 0 });
    }
    struct journal *own = e.traces[0].journal;
    e.traces[0].journal = on_rocksdb(&e, path);

    rocksdb_set_perf_level(rocksdb_enable_count);
    rocksdb_perfcontext_t *counts = rocksdb_perfcontext_create();
    rocksdb_perfcontext_reset(counts);
    struct run_list asked = { .request = 7, .status = text("open"), .limit = 50 };
    const char *page =
        engine_ask(&e, (struct message){ .code = RUN_LIST, .run_list = asked });
    uint64_t passed =
        rocksdb_perfcontext_metric(counts, rocksdb_internal_delete_skipped_count);
    rocksdb_perfcontext_destroy(counts);
    ck_assert_uint_gt(passed, 0);
    ck_assert_uint_le(passed, PASSED_MAX);
    for (unsigned n = 1; n <= FINISHED + 2; n += FINISHED + 1) {
        struct id run = engine_run(&e, n);
        char printed[ID_TEXT_MAX];
        ck_assert_ptr_nonnull(strstr(page, id_print(&run, "run_", printed)));
    }

    journal_close(&e.traces[0].journal);
    e.traces[0].journal = own;
    engine_close(&e);
    remove_folder(path);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("view_costs");
    TCase *tc = tcase_create("lists");
    tcase_set_timeout(tc, 120);
    tcase_add_test(
        tc, an_open_run_is_found_without_passing_those_that_have_just_finished);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
