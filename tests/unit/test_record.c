/* Goal: what a turn decided is read back as it was, and what cannot be read is said to
 * be so. */
#include "actors/history.h"
#include "actors/record.h"
#include "store/journal_memory.h"

#include <check.h>
#include <sodium.h>
#include <stdlib.h>

enum { INLINE_MAX = 64 };

struct desk {
    struct journal *journal;
    struct field_blobs blobs;
    struct arena arena;
    struct buffer record;
    struct message facts[4];
};

static uint8_t large[INLINE_MAX + 1];

static struct journal *
journal_new(void)
{
    const struct journal_options options = { .epoch = 1 };
    struct journal *journal;
    struct fault fault;
    ck_assert_int_eq(journal_open_memory(NULL, &options, &journal, &fault), ERR_NONE);
    return journal;
}

static struct message
fact(enum message_code code)
{
    return (struct message){ .code = code,
        .envelope = { .project = id_of_name(text("project")),
            .trace = id_of_name(text("trace")),
            .cause = 9 } };
}

/* Two facts, of which one is small and one large, and a note between them. */
static size_t
desk_open(struct desk *d)
{
    *d = (struct desk){ .journal = journal_new() };
    d->blobs = record_blobs(d->journal, INLINE_MAX);
    d->facts[0] = fact(RUN_COMPLETED);
    d->facts[0].run_completed.run = id_of_name(text("run"));
    d->facts[1] = fact(RUN_CHANGED);
    d->facts[2] = fact(PLAN_LEARNED);
    d->facts[2].plan_learned.name = text("flow");
    d->facts[2].plan_learned.plan = bytes_of(large, sizeof large);
    d->facts[3] = fact(RUN_ACCEPTED);
    return record_write(&d->blobs, d->facts, COUNT(d->facts), &d->record);
}

static void
desk_close(struct desk *d)
{
    buffer_free(&d->record);
    arena_free(&d->arena);
    journal_close(&d->journal);
}

START_TEST(facts_are_read_back_in_order_and_nothing_else)
{
    struct desk d;
    struct record_reader reader;
    struct message got = { .again = true };
    ck_assert_uint_eq(desk_open(&d), 2);
    ck_assert(record_open(&reader, d.journal, &d.arena, buffer_bytes(&d.record)));
    ck_assert(record_next(&reader, &got));
    ck_assert_int_eq(got.code, RUN_COMPLETED);
    ck_assert(!got.again);
    ck_assert(id_equal(&got.run_completed.run, &d.facts[0].run_completed.run));
    ck_assert(id_equal(&got.envelope.project, &d.facts[0].envelope.project));
    ck_assert(id_equal(&got.envelope.trace, &d.facts[0].envelope.trace));
    ck_assert_uint_eq(got.envelope.cause, 9);
    ck_assert(record_next(&reader, &got));
    ck_assert_int_eq(got.code, PLAN_LEARNED);
    ck_assert(bytes_equal(got.plan_learned.plan, bytes_of(large, sizeof large)));
    ck_assert(!record_next(&reader, &got));
    ck_assert(!reader.bad);
    desk_close(&d);
}
END_TEST

START_TEST(each_fact_knows_the_bytes_of_its_body_in_the_record)
{
    struct desk d;
    struct record_reader reader;
    struct message got;
    desk_open(&d);
    ck_assert(record_open(&reader, d.journal, &d.arena, buffer_bytes(&d.record)));
    for (size_t i = 0; i < COUNT(d.facts); i += 2) {
        ck_assert(record_next(&reader, &got));
        ck_assert_uint_gt(got.raw.size, 0);
        ck_assert_ptr_eq(got.raw.data, d.facts[i].raw.data);
        ck_assert_uint_eq(got.raw.size, d.facts[i].raw.size);
    }
    desk_close(&d);
}
END_TEST

/* Codes of one, two and three bytes. */
START_TEST(a_fact_before_one_with_a_high_code_knows_its_bytes)
{
    static const enum message_code later[] = { KEY_REVOKED, CHILD_ENDED,
        ACTION_DELETED };
    for (size_t i = 0; i < COUNT(later); i++) {
        struct desk d = { .journal = journal_new() };
        struct record_reader reader;
        struct message got;
        d.blobs = record_blobs(d.journal, INLINE_MAX);
        d.facts[0] = fact(KEY_REVOKED);
        d.facts[1] = fact(later[i]);
        ck_assert_uint_eq(record_write(&d.blobs, d.facts, 2, &d.record), 2);
        ck_assert(record_open(&reader, d.journal, &d.arena, buffer_bytes(&d.record)));
        ck_assert(record_next(&reader, &got));
        ck_assert_ptr_eq(got.raw.data, d.facts[0].raw.data);
        ck_assert_uint_eq(got.raw.size, d.facts[0].raw.size);
        desk_close(&d);
    }
}
END_TEST

/* Those of others, and what is no fact, may name the run as well. */
START_TEST(a_fact_is_about_the_run_that_it_makes_what_it_is)
{
    static const struct {
        enum message_code code;
        bool about;
    } rows[] = { { RUN_COMPLETED, true }, { STEP_STARTED, true },
        { CHILD_ENDED, false }, { RUN_CHANGED, false }, { PLAN_LEARNED, false },
        { TELLING_SETTLED, false } };
    struct id run = id_of_name(text("run")), other = id_of_name(text("other"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct message m = fact(rows[i].code);
        memcpy(m.body, run.bytes, ID_SIZE);
        ck_assert_msg(fact_is_about(&m, &run) == rows[i].about, "row %zu", i);
        ck_assert(!fact_is_about(&m, &other));
    }
}
END_TEST

START_TEST(what_people_are_shown_has_a_name)
{
    ck_assert_str_eq(history_name(RUN_STARTED), "run.started");
    ck_assert_ptr_null(history_name(HELLO));
    ck_assert_ptr_null(history_name(MESSAGE_END));
}
END_TEST

START_TEST(a_turn_without_facts_leaves_no_record)
{
    struct journal *journal = journal_new();
    struct field_blobs blobs = record_blobs(journal, INLINE_MAX);
    struct message note = fact(RUN_CHANGED);
    struct buffer out = { 0 };
    ck_assert_uint_eq(record_write(&blobs, &note, 1, &out), 0);
    ck_assert_uint_eq(record_write(&blobs, NULL, 0, &out), 0);
    ck_assert_uint_eq(out.size, 0);
    journal_close(&journal);
}
END_TEST

START_TEST(a_large_payload_lies_beside_the_record)
{
    struct desk d;
    desk_open(&d);
    ck_assert_uint_lt(d.facts[2].raw.size, sizeof large);
    d.facts[2].plan_learned.plan.size = INLINE_MAX;
    buffer_clear(&d.record);
    record_write(&d.blobs, d.facts, COUNT(d.facts), &d.record);
    ck_assert_uint_gt(d.facts[2].raw.size, INLINE_MAX);
    desk_close(&d);
}
END_TEST

START_TEST(a_payload_that_is_not_there_makes_the_record_bad)
{
    struct desk d;
    struct record_reader reader;
    struct message got;
    desk_open(&d);
    struct journal *other = journal_new();
    ck_assert(record_open(&reader, other, &d.arena, buffer_bytes(&d.record)));
    ck_assert(record_next(&reader, &got));
    ck_assert(!record_next(&reader, &got));
    ck_assert(reader.bad);
    journal_close(&other);
    desk_close(&d);
}
END_TEST

/* Read to the end; true if nothing was found wrong. */
static bool
sound(struct desk *d, struct bytes in)
{
    struct record_reader reader;
    struct message got;
    if (!record_open(&reader, d->journal, &d->arena, in))
        return false;
    while (record_next(&reader, &got))
        ;
    return !reader.bad;
}

START_TEST(a_record_that_is_cut_or_foreign_is_bad)
{
    struct desk d;
    desk_open(&d);
    ck_assert(sound(&d, buffer_bytes(&d.record)));
    for (size_t size = 0; size < d.record.size; size++) {
        uint8_t *copy = malloc(size + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, d.record.data, size);
        ck_assert(!sound(&d, bytes_of(copy, size)));
        free(copy);
    }
    desk_close(&d);
}
END_TEST

/* Bytes that may hold NULs. */
#define RAW(bytes) bytes_of(bytes, sizeof(bytes) - 1)

START_TEST(each_part_of_a_record_is_looked_at)
{
    struct desk d;
    struct record_reader reader;
    struct message got;
    desk_open(&d);
    ck_assert(sound(&d, RAW("\x94\x01\x00\xc4\x00\xc4\x00")));
    ck_assert(!sound(&d, RAW("\x94\x02\x00\xc4\x00\xc4\x00"))); /* format */
    ck_assert(!sound(&d, RAW("\x93\x01\x00\xc4\x00")));
    ck_assert(!sound(&d, RAW("\x95\x01\x00\xc4\x00\xc4\x00\x01"))); /* half a fact */
    ck_assert(!sound(&d, RAW("\x94\x01\x00\xc4\x01x\xc4\x00")));    /* ids */
    ck_assert(!sound(&d, RAW("\x94\x01\x00\xc4\x00\xc4\x01x")));
    ck_assert(
        !sound(&d, RAW("\x96\x01\x00\xc4\x00\xc4\x00\xcd\xff\xff\x80"))); /* code */
    struct bytes nameless = RAW("\x98\x01\x00\xc4\x00\xc4\x00\x00\x80\x00\x80");
    ck_assert(record_open(&reader, d.journal, &d.arena, nameless));
    ck_assert(!record_next(&reader, &got));
    ck_assert(reader.bad && reader.left == 1);
    ck_assert(!record_next(&reader, &got)); /* nothing behind it is believed */
    ck_assert_uint_eq(reader.left, 1);
    desk_close(&d);
}
END_TEST

/* ---- taking facts out ---- */

static size_t gone_count;

static void
count_gone(void *self, const struct message *fact)
{
    (void)self;
    ck_assert(fact->code != RUN_STARTED);
    gone_count++;
}

static bool
keep_started(enum message_code code)
{
    return code == RUN_STARTED;
}

/* The codes that are left of `facts` when what they say of `run` goes. */
static void
expect_left(struct desk *d, struct message *facts, size_t count, const char *run,
    bool (*keep)(enum message_code code), const enum message_code *left, size_t stays)
{
    struct record_strip strip = {
        .run = id_of_name(text(run)), .keep = keep, .gone = count_gone
    };
    struct buffer out = { 0 };
    struct record_reader reader;
    struct message got = { 0 };
    buffer_clear(&d->record);
    gone_count = 0;
    ck_assert_uint_eq(record_write(&d->blobs, facts, count, &d->record), count);
    bool changed = record_without(d->journal, buffer_bytes(&d->record), &strip, &out);
    ck_assert_uint_eq(gone_count, count - stays);
    ck_assert(changed || (out.size == 0 && stays == count));
    if (changed) {
        ck_assert(record_open(&reader, d->journal, &d->arena, buffer_bytes(&out)));
        for (size_t i = 0; i < stays; i++) {
            ck_assert(record_next(&reader, &got));
            ck_assert_int_eq(got.code, left[i]);
        }
        ck_assert(!record_next(&reader, &got) && !reader.bad);
    }
    buffer_free(&out);
}

START_TEST(what_is_said_of_a_run_goes_and_nothing_else)
{
    static const enum message_code others[] = { PLAN_LEARNED, EVENTS_EXPIRED,
        RUN_COMPLETED };
    static const enum message_code all[] = { RUN_COMPLETED, PLAN_LEARNED, CHILD_ENDED,
        EVENTS_EXPIRED, RUN_ENDED, RUN_COMPLETED };
    struct desk d;
    struct message facts[COUNT(all)];
    desk_open(&d);
    for (size_t i = 0; i < COUNT(all); i++)
        facts[i] = fact(all[i]);
    facts[0].run_completed.run = id_of_name(text("run"));
    facts[0].run_completed.output = text("\x01");
    facts[2].child_ended.run = id_of_name(text("parent"));
    facts[2].child_ended.child = id_of_name(text("run"));
    facts[4].run_ended.end = id_of_name(text("end"));
    facts[4].run_ended.run = id_of_name(text("run"));
    facts[5].run_completed.run = id_of_name(text("other"));
    expect_left(&d, facts, COUNT(all), "run", NULL, others, COUNT(others));
    expect_left(&d, facts, COUNT(all), "nobody", NULL, all, COUNT(all));
    expect_left(&d, facts, COUNT(all), "parent", NULL, all, COUNT(all));
    expect_left(&d, facts, 1, "run", NULL, NULL, 0);
    desk_close(&d);
}
END_TEST

START_TEST(what_is_kept_loses_its_payloads)
{
    static const enum message_code left[] = { RUN_STARTED };
    struct desk d;
    struct record_reader reader;
    struct message got, facts[] = { fact(RUN_STARTED), fact(RUN_COMPLETED) };
    struct record_strip strip = {
        .run = id_of_name(text("run")), .keep = keep_started, .gone = count_gone
    };
    struct buffer out = { 0 };
    desk_open(&d);
    facts[0].run_started.run = facts[1].run_completed.run = strip.run;
    expect_left(&d, facts, 2, "run", keep_started, left, 1);
    expect_left(&d, facts, 1, "run", keep_started, left, 1); /* it has none */
    facts[0].run_started.inputs = bytes_of(large, sizeof large);
    expect_left(&d, facts, 2, "run", keep_started, left, 1);
    buffer_clear(&d.record);
    record_write(&d.blobs, facts, 1, &d.record);
    ck_assert(record_without(d.journal, buffer_bytes(&d.record), &strip, &out));
    ck_assert(record_open(&reader, d.journal, &d.arena, buffer_bytes(&out)));
    ck_assert(record_next(&reader, &got));
    ck_assert_uint_eq(got.run_started.inputs.size, 0);
    buffer_free(&out);
    desk_close(&d);
}
END_TEST

static bool
leave_number(const void *self, struct message *fact)
{
    const uint64_t *number = self;
    if (fact->code != EVENT_KEPT || fact->event_kept.number != *number)
        return false;
    fact->event_kept.id = fact->event_kept.type = (struct bytes){ 0 };
    fact->event_kept.record = 0;
    return true;
}

/* The payload lies beside, of the event and of another fact. */
START_TEST(of_a_fact_what_stays_is_left)
{
    static const enum message_code left[] = { STATE_CHANGED, EVENT_KEPT, EVENT_ROUTED };
    static const uint64_t number = 7, other = 8;
    struct desk d;
    struct record_reader reader;
    struct bytes blob;
    struct message got,
        facts[] = { fact(STATE_CHANGED), fact(EVENT_KEPT), fact(EVENT_ROUTED) };
    struct buffer out = { 0 };
    desk_open(&d);
    struct bytes payload = bytes_of(large, sizeof large);
    struct hash hash = hash_of(payload);
    facts[0].state_changed.value = payload;
    facts[1].event_kept = (struct event_kept){ .number = number,
        .id = text("id"),
        .type = text("a"),
        .data = payload,
        .record = 1 };
    buffer_clear(&d.record);
    record_write(&d.blobs, facts, COUNT(facts), &d.record);
    struct bytes record = buffer_bytes(&d.record);
    ck_assert(!record_leave(d.journal, record, leave_number, &other, &out));
    ck_assert(record_leave(d.journal, record, leave_number, &number, &out));
    ck_assert(record_open(&reader, d.journal, &d.arena, buffer_bytes(&out)));
    for (size_t i = 0; i < COUNT(left); i++) {
        ck_assert(record_next(&reader, &got));
        ck_assert_int_eq(got.code, left[i]);
        if (i == 0)
            ck_assert(bytes_equal(got.state_changed.value, payload));
        if (i != 1)
            continue;
        ck_assert_uint_eq(got.event_kept.number, 7);
        ck_assert_uint_eq(got.event_kept.record + got.event_kept.id.size
                              + got.event_kept.type.size + got.event_kept.data.size,
            0);
    }
    ck_assert(!record_next(&reader, &got) && !reader.bad);
    journal_drop_blob(d.journal, &hash); /* of the state */
    ck_assert_int_eq(journal_commit(d.journal, false), ERR_NONE);
    ck_assert_int_eq(journal_get_blob(d.journal, &hash, &d.arena, &blob), ERR_NONE);
    journal_drop_blob(d.journal, &hash); /* of the desk */
    ck_assert_int_eq(journal_commit(d.journal, false), ERR_NONE);
    ck_assert_int_eq(
        journal_get_blob(d.journal, &hash, &d.arena, &blob), ERR_NOT_FOUND);
    buffer_free(&out);
    desk_close(&d);
}
END_TEST

static bool
leave_all(const void *self, struct message *fact)
{
    (void)self;
    (void)fact;
    return true;
}

START_TEST(a_fact_that_cannot_be_read_is_left_whole)
{
    struct journal *journal = journal_new();
    struct buffer out = { 0 };
    struct bytes facts = RAW("\x96\x01\x00\xc4\x00\xc4\x00\xcc\xa1\xc0");
    ck_assert(!record_leave(journal, facts, leave_all, NULL, &out));
    ck_assert_uint_eq(out.size, 0);
    journal_close(&journal);
}
END_TEST

/* It cannot be said whose it is: it stays as it is. */
START_TEST(a_fact_that_cannot_be_read_stays)
{
    struct record_strip strip = { .gone = count_gone };
    struct journal *journal = journal_new();
    struct buffer out = { 0 };
    struct bytes facts = RAW("\x96\x01\x00\xc4\x00\xc4\x00\x2e\xc0");
    gone_count = 0;
    ck_assert(!record_without(journal, facts, &strip, &out));
    ck_assert_uint_eq(gone_count + out.size, 0);
    journal_close(&journal);
}
END_TEST

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");
    tcase_add_test(tests, facts_are_read_back_in_order_and_nothing_else);
    tcase_add_test(tests, each_fact_knows_the_bytes_of_its_body_in_the_record);
    tcase_add_test(tests, a_fact_before_one_with_a_high_code_knows_its_bytes);
    tcase_add_test(tests, a_fact_is_about_the_run_that_it_makes_what_it_is);
    tcase_add_test(tests, what_people_are_shown_has_a_name);
    tcase_add_test(tests, a_turn_without_facts_leaves_no_record);
    tcase_add_test(tests, a_large_payload_lies_beside_the_record);
    tcase_add_test(tests, a_payload_that_is_not_there_makes_the_record_bad);
    tcase_add_test(tests, a_record_that_is_cut_or_foreign_is_bad);
    tcase_add_test(tests, each_part_of_a_record_is_looked_at);
    tcase_add_test(tests, what_is_said_of_a_run_goes_and_nothing_else);
    tcase_add_test(tests, what_is_kept_loses_its_payloads);
    tcase_add_test(tests, a_fact_that_cannot_be_read_stays);
    tcase_add_test(tests, of_a_fact_what_stays_is_left);
    tcase_add_test(tests, a_fact_that_cannot_be_read_is_left_whole);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
