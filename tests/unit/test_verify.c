/* Goal: verify finds each row that does not follow from the records, and nothing else.
 * Method: journals of an actor that keeps one row per fact, changed behind its back. */
#include "actors/record.h"
#include "actors/verify/journal_check.h"
#include "actors/verify/rows_compare.h"
#include "tests/unit/suites.h"

#include <sodium.h>
#include <stdio.h>

/* ---- two journals side by side ---- */

static struct journal *
memory(void)
{
    struct journal_options options = { .epoch = 1, .state_cache_bytes = 1 << 20 };
    struct journal *journal;
    struct fault fault;
    ck_assert_int_eq(journal_open("memory:", &options, &journal, &fault), ERR_NONE);
    return journal;
}

static void
put(struct journal *journal, const char *key, const char *value)
{
    journal_put(journal, text(key), text(value));
}

static void
expect_compared(struct journal *stored, struct journal *replayed, uint64_t rows,
    uint64_t differences, const char *first)
{
    struct rows_compared compared;
    rows_compare(stored, replayed, &compared);
    buffer_append(&compared.first, "", 1);
    ck_assert_uint_eq(compared.rows, rows);
    ck_assert_uint_eq(compared.differences, differences);
    ck_assert_str_eq((const char *)compared.first.data, first);
    buffer_free(&compared.first);
}

START_TEST(the_same_rows_are_the_same_and_none_are_too)
{
    struct journal *a = memory(), *b = memory();
    expect_compared(a, b, 0, 0, "");
    put(a, "Kx", "1"), put(b, "Kx", "1");
    put(a, "Ky", ""), put(b, "Ky", "");
    expect_compared(a, b, 2, 0, "");
    journal_close(&a);
    journal_close(&b);
}
END_TEST

START_TEST(each_kind_of_difference_is_named_with_its_key)
{
    struct journal *stored = memory(), *replayed = memory();
    put(stored, "Kb", "1"), put(replayed, "Kb", "2");
    put(stored, "Kc", "same"), put(replayed, "Kc", "same");
    put(replayed, "Ka", "lost");
    put(replayed, "Kz", "lost");
    put(stored, "Kd", "more");
    expect_compared(stored, replayed, 3, 4,
        "row K 61 is missing; row K 62 does not follow from the records; "
        "row K 64 should not be there; row K 7a is missing");
    journal_close(&stored);
    journal_close(&replayed);
}
END_TEST

/* One difference at `at` among more rows than are compared at once. */
static void
check_at(unsigned at)
{
    enum { MANY = 9001 };
    struct journal *stored = memory(), *replayed = memory();
    for (unsigned i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "K%06u", i);
        put(replayed, key, "same");
        put(stored, key, i == at ? "other" : "same");
    }
    struct rows_compared compared;
    rows_compare(stored, replayed, &compared);
    ck_assert_uint_eq(compared.rows, MANY);
    ck_assert_uint_eq(compared.differences, at < MANY);
    buffer_free(&compared.first);
    journal_close(&stored);
    journal_close(&replayed);
}

START_TEST(a_difference_is_found_wherever_it_is_among_many_rows)
{
    static const unsigned places[] = { 0, 4095, 4096, 8191, 8192, 9000, 9001 };
    for (size_t i = 0; i < COUNT(places); i++)
        check_at(places[i]);
}
END_TEST

START_TEST(rows_beyond_the_last_one_that_should_be_there_are_found)
{
    struct journal *stored = memory(), *replayed = memory();
    for (unsigned i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "K%06u", i);
        put(stored, key, "");
        if (i < 4096)
            put(replayed, key, "");
    }
    struct rows_compared compared;
    rows_compare(stored, replayed, &compared);
    ck_assert_uint_eq(compared.rows, 5000);
    ck_assert_uint_eq(compared.differences, 5000 - 4096);
    buffer_free(&compared.first);
    journal_close(&stored);
    journal_close(&replayed);
}
END_TEST

/* ---- a journal on the disk ---- */

struct keeper {
    struct journal *journal;
    uint64_t held; /* a row that is written when all of a turn has been applied */
};

static void
keeper_open(void *state, const struct actor_setup *setup)
{
    *(struct keeper *)state = (struct keeper){ .journal = setup->journal };
}

static void
keeper_close(void *state)
{
    (void)state;
}

static void
keeper_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct keeper *keeper = state;
    (void)at_ms;
    ck_assert_uint_eq(m->code, LEASE_SEEN);
    keeper->held = m->lease_seen.epoch;
}

static void
keeper_settle(void *state)
{
    struct keeper *keeper = state;
    char key[24];
    snprintf(key, sizeof key, "K%08llu", (unsigned long long)keeper->held);
    put(keeper->journal, key, "kept");
}

static const struct actor keeper_actor = {
    .name = ACTOR_scheduler,
    .state_size = sizeof(struct keeper),
    .open = keeper_open,
    .close = keeper_close,
    .apply = keeper_apply,
    .settle = keeper_settle,
};

struct place {
    char folder[128], url[160];
    uint64_t epoch;
    struct config config;
};

static void
place_make(struct place *p)
{
    *p = (struct place){ 0 };
    config_default(&p->config);
    folder_fresh(p->folder);
    snprintf(p->url, sizeof p->url, "rocksdb:%s/journal", p->folder);
}

static struct journal *
place_open(struct place *p)
{
    struct journal_options options = { .epoch = ++p->epoch };
    struct journal *journal;
    struct fault fault;
    ck_assert_msg(journal_open(p->url, &options, &journal, &fault) == ERR_NONE, "%s",
        fault.detail);
    return journal;
}

static void
place_write(struct place *p, unsigned records)
{
    struct journal *journal = place_open(p);
    struct keeper keeper = { .journal = journal };
    struct field_blobs blobs = record_blobs(journal, 4096);
    for (unsigned i = 1; i <= records; i++) {
        struct message m = { .code = LEASE_SEEN, .lease_seen = { .epoch = i } };
        struct buffer record = { 0 };
        ck_assert_uint_eq(record_write(&blobs, &m, 1, &record), 1);
        journal_append(journal, i, buffer_bytes(&record));
        keeper_apply(&keeper, i, &m);
        keeper_settle(&keeper);
        buffer_free(&record);
    }
    ck_assert_int_eq(journal_commit(journal, true), ERR_NONE);
    journal_close(&journal);
}

/* Put a row that no fact led to, or delete one that a fact did. */
static void
place_change(struct place *p, const char *key, const char *value)
{
    struct journal *journal = place_open(p);
    if (value == NULL)
        journal_delete(journal, text(key));
    else
        put(journal, key, value);
    ck_assert_int_eq(journal_commit(journal, true), ERR_NONE);
    journal_close(&journal);
}

static void
place_check(const struct place *p, struct findings *findings)
{
    char folder[160];
    snprintf(folder, sizeof folder, "%s/journal", p->folder);
    struct subject subject = {
        .actor = &keeper_actor, .folder = folder, .config = &p->config, .stopped = true
    };
    journal_check(&subject, findings);
}

START_TEST(a_journal_whose_rows_follow_from_its_records_is_right)
{
    struct place p;
    struct findings findings;
    place_make(&p);
    place_write(&p, 100);
    place_check(&p, &findings);
    ck_assert_msg(findings.ok, "%s", findings.wrong);
    ck_assert_uint_eq(findings.records, 100);
    ck_assert_uint_eq(findings.facts, 100);
    ck_assert_uint_eq(findings.rows, 100);
    folder_drop(p.folder);
}
END_TEST

START_TEST(rows_that_do_not_follow_from_the_records_are_found)
{
    static const struct {
        const char *key, *value, *wrong;
    } changes[] = {
        { "K00000050", "changed",
            "row K 3030303030303530 does not follow from the records" },
        { "K00000050", NULL, "row K 3030303030303530 is missing" },
        { "K00000050x", "", "row K 303030303030353078 should not be there" },
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct place p;
        struct findings findings;
        place_make(&p);
        place_write(&p, 100);
        place_change(&p, changes[i].key, changes[i].value);
        place_check(&p, &findings);
        ck_assert(!findings.ok);
        ck_assert_str_eq(findings.wrong, changes[i].wrong);
        folder_drop(p.folder);
    }
}
END_TEST

START_TEST(a_journal_that_nobody_wrote_to_is_right_and_one_that_is_gone_is_not)
{
    struct place p;
    struct findings findings;
    place_make(&p);
    struct subject subject = {
        .actor = &keeper_actor, .folder = p.folder, .config = &p.config, .stopped = true
    };
    journal_check(&subject, &findings);
    ck_assert_msg(findings.ok, "%s", findings.wrong);
    ck_assert_uint_eq(findings.records, 0);
    place_check(&p, &findings);
    ck_assert(!findings.ok);
    ck_assert_ptr_nonnull(strstr(findings.wrong, "is not there"));
    folder_drop(p.folder);
}
END_TEST

static Suite *
verify_suite(void)
{
    Suite *suite = suite_create("verify");
    TCase *all = tcase_create("verify");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, the_same_rows_are_the_same_and_none_are_too);
    tcase_add_test(all, each_kind_of_difference_is_named_with_its_key);
    tcase_add_test(all, a_difference_is_found_wherever_it_is_among_many_rows);
    tcase_add_test(all, rows_beyond_the_last_one_that_should_be_there_are_found);
    tcase_add_test(all, a_journal_whose_rows_follow_from_its_records_is_right);
    tcase_add_test(all, rows_that_do_not_follow_from_the_records_are_found);
    tcase_add_test(
        all, a_journal_that_nobody_wrote_to_is_right_and_one_that_is_gone_is_not);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(verify_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
