/* Goal: runs that ended long ago are gone, with all that was said of them, and nothing
 * else is.
 * Method: rows, records and payloads are searched for what belongs to a run; each trace
 * folds what is left at its end and compares the rows. */
#include "actors/record.h"
#include "base/pack.h"
#include "store/rows.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

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

/* Rows about R1 that the trigger actor has not heard of, and about nobody else. */
START_TEST(who_is_named_beside_one_that_must_be_heard_of_goes)
{
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: wait_for_event, event_type: x }\n");
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    story_learn(&s, 2, one_step);
    story_start(&s, 2, "");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_gt(rows_of(&s, 1), 1);
    expect_traces(&s, 2, 0, 0);
    story_close(&s);
}
END_TEST

static void
open_at(struct story *s, uint32_t instance)
{
    story_make(s);
    s->trace.config.runs_kept_ms = KEPT_MS;
    s->trace.config.schedulers = 2;
    s->trace.instance = instance;
    story_open(s);
    trace_wait(&s->trace, 2000); /* runs are of second 1 */
    story_lease_begins(s, 1, 2);
    story_learn_as(
        s, story_elsewhere(), 1, "concurrency: forbid\nsteps:\n" STEP("a", ""));
    trace_skip(&s->trace);
}

/* The other partition has not said that it heard of it: no row but its value names the
 * run. */
START_TEST(a_run_whose_child_elsewhere_has_not_ended_is_not_removed)
{
    struct story s;
    char steps[200];
    open_at(&s, 0);
    snprintf(steps, sizeof steps,
        "steps:\n  - { key: a, kind: automation, automation: %s, wait: true }\n",
        story_elsewhere());
    story_learn(&s, 1, steps);
    story_start(&s, 1, "");
    struct id child = trace_sent(&s.trace, CHILD_CALLED)->child_called.child;
    story_cancel(&s, 1, "enough");
    trace_wait(&s.trace, SURELY_MS);
    trace_skip(&s.trace);
    story_cancel(&s, 1, "it is there");
    story_expect_only(&s, "run=R1",
        "7202000 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 started_ms=2000 existed=1\n");
    trace_give(&s.trace, ACTOR_scheduler, 1,
        (struct message){ .code = CHILD_ENDED,
            .child_ended = { .run = story_run(1),
                .attempt = 1,
                .child = child,
                .status = RUN_STOPPED } });
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_eq(rows_of(&s, 1), 0);
    story_close(&s);
}
END_TEST

/* One that its parent did not wait for, and that has gone before the parent. */
START_TEST(a_run_whose_child_elsewhere_is_gone_is_removed)
{
    struct story s;
    char steps[200];
    open_at(&s, 0);
    snprintf(steps, sizeof steps,
        "steps:\n  - { key: a, kind: automation, automation: %s }\n"
        "  - { key: b, kind: sleep, duration: 24h }\n",
        story_elsewhere());
    story_learn(&s, 1, steps);
    story_start(&s, 1, "");
    struct id child = trace_sent(&s.trace, CHILD_CALLED)->child_called.child;
    struct message gone = { .code = CHILD_ENDED,
        .child_ended = { .run = story_run(1), .attempt = 1, .child = child } };
    story_cancel(&s, 1, "enough");
    trace_give(&s.trace, ACTOR_scheduler, 1, gone); /* it is not there yet */
    trace_skip(&s.trace);
    trace_hello(&s.trace, ACTOR_scheduler, 1, 2);
    ck_assert(
        id_equal(&trace_sent(&s.trace, CHILD_CANCEL)->child_cancel.child, &child));
    trace_give(&s.trace, ACTOR_scheduler, 1,
        (struct message){ .code = CHILD_TAKEN,
            .child_taken = { .run = story_run(1), .attempt = 1, .child = child } });
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_ne(rows_of(&s, 1), 0);
    trace_give(&s.trace, ACTOR_scheduler, 1, gone);
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_eq(rows_of(&s, 1), 0);
    story_close(&s);
}
END_TEST

/* A record is about one project. */
START_TEST(runs_of_two_projects_go_in_two_records)
{
    struct story s;
    open_with(&s, one_step);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    s.trace.project = id_of_name(text("another"));
    story_learn(&s, 1, one_step);
    story_start(&s, 2, "");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_wait(&s.trace, SURELY_MS);
    story_expect_only(&s, "runs_removed",
        "3662000 runs_removed runs=(16 bytes)\n"
        "3662000 runs_removed runs=(16 bytes)\n");
    expect_traces(&s, 1, 0, 0);
    expect_traces(&s, 2, 0, 0);
    story_close(&s);
}
END_TEST

/* Runs of steps that are over at once. */
START_TEST(so_many_runs_go_in_one_turn)
{
    enum { RUNS = 40 };
    struct story s;
    open_with(&s, "steps:\n  - { key: a, kind: set, values: {} }\n");
    for (unsigned run = 1; run <= RUNS; run++)
        story_start(&s, run, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, SURELY_MS);
    story_expect_only(&s, "runs_removed",
        "3662000 runs_removed runs=(512 bytes)\n"
        "3662000 runs_removed runs=(128 bytes)\n");
    for (unsigned run = 1; run <= RUNS; run++)
        expect_traces(&s, run, 0, 0);
    story_close(&s);
}
END_TEST

/* The first of all runs are still under way. */
START_TEST(so_many_runs_are_looked_at_in_one_turn)
{
    enum { RUNS = 300 };
    struct story s;
    open_with(&s, one_step);
    for (unsigned run = 1; run <= RUNS; run++)
        story_start(&s, run, "");
    story_completed(&s, (struct held){ RUNS, 0, 1, 1, 1 });
    trace_skip(&s.trace);
    trace_wait(&s.trace, KEPT_MS + KEPT_MS / 16);
    story_expect_only(&s, "3662000 runs_",
        "3662000 runs_swept project=bd7a0a4b552d716509077fa95c28ab45 "
        "run=0000000004e871008000000000000000 more=1\n"
        "3662000 runs_removed runs=(16 bytes)\n"
        "3662000 runs_swept project=bd7a0a4b552d716509077fa95c28ab45 "
        "run=000000000514712c8000000000000000\n");
    expect_traces(&s, RUNS, 0, 0);
    story_close(&s);
}
END_TEST

static void
print_lines(struct story *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        trace_give(&s->trace, ACTOR_lease, 0,
            (struct message){ .code = JOB_PRINTED,
                .job_printed = {
                    .run = story_run(1), .attempt = 1, .chunk = text("\n") } });
}

/* Two runs that have ended, the first in so many records and more. */
static void
end_two(struct story *s, unsigned records)
{
    open_with(s, one_step);
    story_start(s, 1, "");
    story_start(s, 2, "");
    print_lines(s, records);
    story_completed(s, (struct held){ 1, 0, 1, 1, 1 });
    story_completed(s, (struct held){ 2, 0, 1, 1, 1 });
    trace_skip(&s->trace);
    trace_wait(&s->trace, SURELY_MS);
}

START_TEST(a_run_of_many_records_fills_a_turn)
{
    struct story s;
    end_two(&s, 600);
    story_expect_only(&s, "runs_removed",
        "3662000 runs_removed runs=(16 bytes)\n"
        "3662000 runs_removed runs=(16 bytes)\n");
    expect_traces(&s, 1, 0, 0);
    expect_traces(&s, 2, 0, 0);
    story_close(&s);
}
END_TEST

START_TEST(a_run_of_too_many_records_keeps_its_facts)
{
    enum { RECORDS = 8192 };
    struct story s;
    end_two(&s, RECORDS);
    ck_assert_uint_eq(rows_of(&s, 1), 0);
    expect_traces(&s, 1, 0, RECORDS + 6);
    expect_traces(&s, 2, 0, 0);
    story_close(&s);
}
END_TEST

/* Waits of R1 that the trigger actor has not heard of. */
START_TEST(while_the_trigger_actor_has_much_to_hear_nobody_goes)
{
    struct story s;
    struct buffer items = { 0 };
    open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ inputs.list }}', concurrency: 300,\n"
        "      steps: [ { key: a, kind: wait_for_event, event_type: x } ] }\n");
    pack_map(&items, 1);
    pack_string(&items, "list");
    pack_array(&items, 300);
    for (unsigned i = 0; i < 300; i++)
        pack_u64(&items, i);
    story_start_with(&s, 1, "", buffer_bytes(&items));
    buffer_free(&items);
    story_learn(&s, 2, one_step);
    story_start(&s, 2, "");
    story_completed(&s, (struct held){ 2, 0, 1, 1, 1 });
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_gt(rows_of(&s, 2), 1);
    for (unsigned i = 0; i < 100; i++)
        story_known(&s, (struct held){ 1, 1 + i, 1, 1, 1 }, true);
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 2, 0, 0);
    story_close(&s);
}
END_TEST

START_TEST(while_a_partition_has_much_to_hear_nobody_goes)
{
    enum { FORWARDED = 256 };
    struct story s;
    open_at(&s, 0);
    for (unsigned run = 5; run < 5 + FORWARDED; run++)
        trace_give(&s.trace, ACTOR_gateway, 0,
            (struct message){ .code = RUN_START,
                .run_start = { .request = run,
                    .run = story_run(run),
                    .automation = text(story_elsewhere()) } });
    story_learn(&s, 1, one_step);
    story_start(&s, 1, "");
    story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
    trace_wait(&s.trace, SURELY_MS);
    ck_assert_uint_gt(rows_of(&s, 1), 1);
    struct id run = story_run(5);
    trace_give(&s.trace, ACTOR_scheduler, 1,
        (struct message){
            .code = FORWARD_TAKEN, .forward_taken = { .run = id_move(&run, 1) } });
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 1, 0, 0);
    story_close(&s);
}
END_TEST

/* Not more often than once a minute, and at least once an hour. */
START_TEST(runs_are_looked_for_as_often_as_fits_how_long_they_are_kept)
{
    static const struct {
        uint64_t kept_ms, wait_ms;
        const char *said;
    } rows[] = {
        { 1000, 3 * 60 * 1000,
            "62000 runs_swept\n"
            "122000 runs_swept\n"
            "182000 runs_swept\n" },
        { (uint64_t)30 * 24 * 3600 * 1000, 3 * 3600 * 1000,
            "62000 runs_swept\n"
            "3662000 runs_swept\n"
            "7262000 runs_swept\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        story_make(&s);
        s.trace.config.runs_kept_ms = rows[i].kept_ms;
        story_open(&s);
        trace_wait(&s.trace, 2000);
        story_lease_begins(&s, 1, 2);
        trace_skip(&s.trace);
        trace_wait(&s.trace, rows[i].wait_ms);
        story_expect_only(&s, "runs_swept", rows[i].said);
        story_close(&s);
    }
}
END_TEST

/* Another run was started under the key meanwhile. */
START_TEST(a_key_that_names_another_run_stays)
{
    struct story s;
    open_at(&s, 1);
    struct id first = story_run(1), second = story_run(2);
    first = id_move(&first, 1);
    second = id_move(&second, 1);
    trace_name(&s.trace, &second, "M2");
    const struct id runs[] = { first, second };
    for (size_t i = 0; i < COUNT(runs); i++) {
        trace_give(&s.trace, ACTOR_scheduler, 0,
            (struct message){ .code = RUN_FORWARDED,
                .run_forwarded = { .run = runs[i],
                    .automation = text(story_elsewhere()),
                    .key = text("k") } });
        trace_give(&s.trace, ACTOR_gateway, 0,
            (struct message){ .code = RUN_CANCEL,
                .run_cancel = { .request = 8, .run = runs[i], .reason = text("no") } });
        trace_wait(&s.trace, KEPT_MS / 2);
    }
    trace_wait(&s.trace, KEPT_MS / 4);
    trace_skip(&s.trace);
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 9,
                .run = story_run(3),
                .key = text("k"),
                .automation = text(story_elsewhere()) } });
    story_expect_only(&s, "run",
        "4502000 -> gateway run_accepted request=9 "
        "run=M2 "
        "automation=305939d2c59922be7a365b041e1913c9 name=far5 version=1 status=6 "
        "started_ms=1802000 existed=1\n");
    story_close(&s);
}
END_TEST

/* It began, was cancelled, went on and was cancelled again. */
START_TEST(a_run_of_a_group_that_went_on_leaves_what_moved_the_group)
{
    struct story s;
    open_with(&s, "concurrency: { policy: queue, max: 2 }\nsteps:\n" STEP("a", ""));
    story_start(&s, 1, "");
    story_cancel(&s, 1, "enough");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){
            .code = RUN_RETRY, .run_retry = { .request = 8, .run = story_run(1) } });
    story_cancel(&s, 1, "enough");
    story_start(&s, 2, "");
    trace_wait(&s.trace, SURELY_MS);
    expect_traces(&s, 1, 0, 4);
    ck_assert_uint_gt(rows_of(&s, 2), 0);
    story_close(&s);
}
END_TEST

/* What it was asked has a row that only its facts name, whether they go or stay. */
START_TEST(who_answers_what_a_run_asked_that_is_gone_hears_that_nothing_is_asked)
{
    static const unsigned records[] = { 1, 8192 };
    for (size_t i = 0; i < COUNT(records); i++) {
        struct story s;
        open_with(&s, "steps:\n" STEP("a", "") "  - { key: i, kind: interaction, "
                                               "protocol: approval, title: t, "
                                               "needs: [] }\n");
        story_start(&s, 1, "");
        struct id asked = story_interaction(&s, 1, 1, 1);
        story_respond(&s, asked, "ann", "\xc3");
        struct row_key key = row_key_run('Q', &s.trace.project, &asked);
        struct arena kept = { 0 };
        struct bytes row =
            arena_copy(&kept, journal_get(s.trace.journal, row_key_bytes(&key)));
        print_lines(&s, records[i]);
        story_completed(&s, (struct held){ 1, 0, 1, 1, 1 });
        trace_wait(&s.trace, SURELY_MS);
        ck_assert_uint_eq(rows_of(&s, 1), 0);
        trace_skip(&s.trace);
        story_respond(&s, asked, "bob", "\xc3");
        journal_put(s.trace.journal, row_key_bytes(&key), row); /* once it stayed */
        story_respond(&s, asked, "bob", "\xc3");
        journal_delete(s.trace.journal, row_key_bytes(&key));
        story_expect_only(&s, "refused",
            "7202000 -> gateway refused request=9 err=5 detail=\"nothing such is "
            "asked in the project\"\n"
            "7202000 -> gateway refused request=9 err=5 detail=\"nothing such is "
            "asked in the project\"\n");
        story_close(&s);
        arena_free(&kept);
    }
}
END_TEST

Suite *
scheduler_removal_suite(void)
{
    Suite *suite = suite_create("scheduler_removal");
    TCase *tc = tcase_create("traces");
    tcase_set_timeout(tc, 60); /* some have many records */
    tcase_add_test(tc, a_run_that_ended_long_ago_is_gone_and_its_key_is_free);
    tcase_add_test(tc, nobody_is_removed_before_peers_had_time_to_say_things_again);
    tcase_add_test(tc, a_run_of_which_a_peer_must_hear_is_not_removed);
    tcase_add_test(tc, large_payloads_go_with_the_last_run_that_has_them);
    tcase_add_test(tc, a_group_stays_as_it_is_when_runs_that_moved_it_go);
    tcase_add_test(tc, what_people_were_asked_goes_with_the_run);
    tcase_add_test(tc, runs_that_failed_in_a_row_are_still_counted);
    tcase_add_test(tc, who_is_named_beside_one_that_must_be_heard_of_goes);
    tcase_add_test(tc, a_run_whose_child_elsewhere_has_not_ended_is_not_removed);
    tcase_add_test(tc, a_run_whose_child_elsewhere_is_gone_is_removed);
    tcase_add_test(tc, runs_of_two_projects_go_in_two_records);
    tcase_add_test(tc, so_many_runs_go_in_one_turn);
    tcase_add_test(tc, so_many_runs_are_looked_at_in_one_turn);
    tcase_add_test(tc, a_run_of_many_records_fills_a_turn);
    tcase_add_test(tc, a_run_of_too_many_records_keeps_its_facts);
    tcase_add_test(tc, while_the_trigger_actor_has_much_to_hear_nobody_goes);
    tcase_add_test(tc, while_a_partition_has_much_to_hear_nobody_goes);
    tcase_add_test(tc, runs_are_looked_for_as_often_as_fits_how_long_they_are_kept);
    tcase_add_test(tc, a_key_that_names_another_run_stays);
    tcase_add_test(tc, a_run_of_a_group_that_went_on_leaves_what_moved_the_group);
    tcase_add_test(
        tc, who_answers_what_a_run_asked_that_is_gone_hears_that_nothing_is_asked);
    suite_add_tcase(suite, tc);
    return suite;
}
