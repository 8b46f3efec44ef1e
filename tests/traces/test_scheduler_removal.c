/* Goal: runs that ended long ago are gone, with all that was said of them, and nothing
 * else is.
 * Method: rows, records and payloads are searched for what belongs to a run; each trace
 * folds what is left at its end and compares the rows. */
#include "actors/record.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

enum { KEPT_MS = 3600 * 1000, SURELY_MS = 2 * KEPT_MS, INLINE_MAX = 64 };

static const char one_step[] = "steps:\n" STEP("a", "");

static void
open_with(struct story *s, const char *plan)
{
    story_make(s);
    s->trace.config.runs_kept_ms = KEPT_MS;
    s->trace.config.inline_max = INLINE_MAX;
    story_open(s);
    trace_wait(&s->trace, 2000); /* runs are of second 1 */
    story_lease_begins(s, 1, 2);
    story_learn(s, 1, plan);
    trace_skip(&s->trace);
}

struct search {
    struct journal *journal;
    struct id run;
    unsigned rows, facts;
};

static bool
has_id(struct bytes in, const struct id *run)
{
    return in.size >= ID_SIZE && memmem(in.data, in.size, run->bytes, ID_SIZE) != NULL;
}

static bool
search_row(void *self, struct bytes key, struct bytes value)
{
    struct search *search = self;
    struct id newest;
    for (int i = 0; i < ID_SIZE; i++)
        newest.bytes[i] = (uint8_t)~search->run.bytes[i];
    search->rows += has_id(key, &search->run) || has_id(key, &newest)
                    || has_id(value, &search->run);
    return true;
}

static bool
search_record(void *self, const struct record *record)
{
    struct search *search = self;
    struct arena arena = { 0 };
    struct record_reader reader;
    struct message fact;
    ck_assert(record_open(&reader, search->journal, &arena, record->facts));
    while (record_next(&reader, &fact))
        search->facts += fact.code != RUNS_REMOVED && has_id(fact.raw, &search->run);
    ck_assert(!reader.bad);
    arena_free(&arena);
    return true;
}

/* So many rows and facts name the run. */
static void
expect_traces(struct story *s, unsigned run, unsigned rows, unsigned facts)
{
    struct search search = { .journal = s->trace.journal, .run = story_run(run) };
    journal_scan(s->trace.journal, (struct bytes){ 0 }, (struct bytes){ 0 }, false,
        search_row, &search);
    journal_replay(s->trace.journal, 1, search_record, &search);
    ck_assert_uint_eq(search.rows, rows);
    ck_assert_uint_eq(search.facts, facts);
}

static unsigned
rows_of(struct story *s, unsigned run)
{
    struct search search = { .journal = s->trace.journal, .run = story_run(run) };
    journal_scan(s->trace.journal, (struct bytes){ 0 }, (struct bytes){ 0 }, false,
        search_row, &search);
    return search.rows;
}

START_TEST(a_run_that_ended_long_ago_is_gone_and_its_key_is_free)
{
    struct story s;
    struct held job = { 1, 0, 1, 1, 1 };
    open_with(&s, one_step);
    story_start(&s, 1, "once");
    story_start(&s, 2, "");
    story_completed(&s, job);
    trace_wait(&s.trace, KEPT_MS);
    trace_skip(&s.trace);
    ck_assert_uint_gt(rows_of(&s, 1), 0);
    trace_wait(&s.trace, KEPT_MS / 16);
    story_expect_only(&s, "runs_removed", "3662000 runs_removed runs=(16 bytes)\n");
    expect_traces(&s, 1, 0, 0);
    ck_assert_uint_gt(rows_of(&s, 2), 0);
    story_start(&s, 3, "once");
    story_expect_only(&s, "run_accepted",
        "3827000 -> gateway run_accepted request=7 run=R3 automation=A name=flow "
        "version=1 status=3 started_ms=3827000\n");
    trace_crash(&s.trace);
    expect_traces(&s, 1, 0, 0);
    story_close(&s);
}
END_TEST

START_TEST(nobody_is_removed_before_peers_had_time_to_say_things_again)
{
    struct story s;
    open_with(&s, one_step);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_crash(&s.trace);
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_gt(rows_of(&s, 1), 0);
    story_lease_begins(&s, 1, 2);
    trace_wait(&s.trace, 59 * 1000);
    ck_assert_uint_gt(rows_of(&s, 1), 0);
    trace_wait(&s.trace, 1000);
    expect_traces(&s, 1, 0, 0);
    story_close(&s);
}
END_TEST

/* The trigger actor is not there: it must still hear that nobody waits any more. */
START_TEST(a_run_of_which_a_peer_must_hear_is_not_removed)
{
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: wait_for_event, event_type: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_gt(rows_of(&s, 1), 1);
    story_known(&s, (struct held){ 1, 0, 1, 1, 1 }, false);
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 1, 0, 1); /* that the trigger actor has heard of it */
    story_close(&s);
}
END_TEST

START_TEST(large_payloads_go_with_the_last_run_that_has_them)
{
    struct story s;
    struct arena arena = { 0 };
    struct bytes blob;
    uint8_t output[2 + 200] = { 0xd9, 200 };
    memset(output + 2, 'x', 200);
    struct hash hash = hash_of(bytes_of(output, sizeof output));
    open_with(&s, one_step);
    for (unsigned run = 1; run <= 2; run++) {
        story_start(&s, run, "");
        story_reported(
            &s, (struct held){ run, 0, 1, 1, 1 }, bytes_of(output, sizeof output));
        if (run == 1)
            trace_wait(&s.trace, KEPT_MS / 2);
    }
    struct journal **journal = &s.trace.journal;
    trace_wait(&s.trace, KEPT_MS / 2 + KEPT_MS / 4);
    expect_traces(&s, 1, 0, 0);
    ck_assert_uint_gt(rows_of(&s, 2), 0);
    ck_assert_int_eq(journal_get_blob(*journal, &hash, &arena, &blob), ERR_NONE);
    trace_wait(&s.trace, KEPT_MS);
    expect_traces(&s, 2, 0, 0);
    ck_assert_int_eq(journal_get_blob(*journal, &hash, &arena, &blob), ERR_NOT_FOUND);
    arena_free(&arena);
    story_close(&s);
}
END_TEST

static const char secret[] = "\x81\xa6secret\xa6secret";

static bool
search_secret(void *self, const struct record *record)
{
    (void)self;
    ck_assert_ptr_null(memmem(record->facts.data, record->facts.size, "secret", 6));
    return true;
}

/* trace_close folds what is left: the group must come out as it is. */
START_TEST(a_group_stays_as_it_is_when_runs_that_moved_it_go)
{
    struct story s;
    open_with(&s, "concurrency: { policy: queue, max: 2 }\nsteps:\n" STEP("a", ""));
    for (unsigned run = 1; run <= 3; run++)
        story_start_with(&s, run, "", text(secret));
    story_start(&s, 4, "");
    for (unsigned run = 1; run <= 3; run++)
        story_completed(&s, (struct held){ run, 0, 1, 1, 1 });
    trace_wait(&s.trace, SURELY_MS);
    /* its beginning and its end; a queued run begins twice */
    expect_traces(&s, 1, 0, 2);
    expect_traces(&s, 3, 0, 3);
    journal_replay(s.trace.journal, 1, search_secret, NULL);
    ck_assert_uint_gt(rows_of(&s, 4), 0);
    story_close(&s);
}
END_TEST

START_TEST(what_people_were_asked_goes_with_the_run)
{
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: interaction, protocol: approval, "
                  "title: 'Ship?', targets: [ann] }\n");
    story_start(&s, 1, "");
    story_respond(&s, story_interaction(&s, 1, 0, 1), "ann", "\xc3");
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 1, 0, 0);
    story_close(&s);
}
END_TEST

START_TEST(runs_that_failed_in_a_row_are_still_counted)
{
    struct story s;
    open_with(
        &s, "limits: { pause_after_consecutive_failures: 3 }\nsteps:\n" STEP("a", ""));
    for (unsigned run = 1; run <= 2; run++) {
        story_start(&s, run, "");
        story_failed(&s, (struct held){ run, 0, 1, 1, 1 });
    }
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 1, 0, 2);
    trace_skip(&s.trace);
    story_start(&s, 3, "");
    story_failed(&s, (struct held){ 3, 0, 1, 1, 1 });
    story_expect_only(&s, "automation_failing",
        "7202000 -> registry automation_failing automation=A failures=3 "
        "run=R3\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_removal_suite(void)
{
    Suite *suite = suite_create("scheduler_removal");
    TCase *tc = tcase_create("traces");
    tcase_add_test(tc, a_run_that_ended_long_ago_is_gone_and_its_key_is_free);
    tcase_add_test(tc, nobody_is_removed_before_peers_had_time_to_say_things_again);
    tcase_add_test(tc, a_run_of_which_a_peer_must_hear_is_not_removed);
    tcase_add_test(tc, large_payloads_go_with_the_last_run_that_has_them);
    tcase_add_test(tc, a_group_stays_as_it_is_when_runs_that_moved_it_go);
    tcase_add_test(tc, what_people_were_asked_goes_with_the_run);
    tcase_add_test(tc, runs_that_failed_in_a_row_are_still_counted);
    suite_add_tcase(suite, tc);
    return suite;
}
