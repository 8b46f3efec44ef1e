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
    ck_assert(!sound(&d, text("\x94\x02\x00\xc4\x00")));         /* another format */
    ck_assert(!sound(&d, text("\x95\x01\x00\xa0\xa0\x01")));     /* half a fact */
    ck_assert(!sound(&d, text("\x96\x01\x00\xa0\xa0\x7f\x80"))); /* no such code */
    desk_close(&d);
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
    tcase_add_test(tests, what_people_are_shown_has_a_name);
    tcase_add_test(tests, a_turn_without_facts_leaves_no_record);
    tcase_add_test(tests, a_large_payload_lies_beside_the_record);
    tcase_add_test(tests, a_payload_that_is_not_there_makes_the_record_bad);
    tcase_add_test(tests, a_record_that_is_cut_or_foreign_is_bad);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
