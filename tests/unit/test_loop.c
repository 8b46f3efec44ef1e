/* Goal: nothing leaves before what it says is durable, everything is applied once and
 * in order, and neither the clock nor messages starve the other.
 * Method: a small actor over a disk in memory; the world counts. */
#include "actors/loop.h"
#include "store/journal_memory.h"

#include <check.h>
#include <inttypes.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Keeps a fact for each KEY_LIST; request 1 is answered as well, request 2 only noted.
 * Request 4 asks for a row that is not there, request 5 takes much memory.  Ticks as
 * often as it was told to. */
struct toy {
    struct journal *journal;
    unsigned facts, notes, settled;
    unsigned ticks_left;
};

struct desk {
    struct memory_disk *disk;
    struct journal *journal;
    struct toy toy;
    struct world world;
    struct loop loop;
    uint64_t now_ms, until_ms;
    uint64_t requests[1000]; /* to come */
    size_t request_count, heard;
    uint64_t sent[1000]; /* ids */
    size_t sent_count, flushed;
    char order[1000]; /* m: a message was decided; t: a tick */
    size_t order_count;
};

static struct desk *desk; /* of the test that runs: decide may not change the toy */

static void
toy_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    const struct toy *toy = state;
    char row[32];
    (void)now_ms;
    desk->order[desk->order_count++] = 'm';
    if (in->key_list.request == 5)
        arena_take(out->arena, BATCH_HELD_MAX + 1);
    if (in->key_list.request == 2) {
        say_keys_complete(out, (struct keys_complete){ .count = 1 });
        return;
    }
    if (in->key_list.request == 4) {
        snprintf(row, sizeof row, "absent %" PRIu64, in->envelope.id);
        ck_assert_ptr_null(journal_get(toy->journal, text(row)).data);
        return;
    }
    say_key_revoked(out, (struct key_revoked){ .key = id_of_name(text("key")) });
    if (in->key_list.request == 1)
        say_document(out, (struct document){ .request = 1 });
}

static void
toy_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct toy *toy = state;
    char row[16];
    (void)at_ms;
    toy->notes += m->code == KEYS_COMPLETE;
    toy->ticks_left -= m->code == PEER_RESET;
    if (m->code != KEY_REVOKED)
        return;
    snprintf(row, sizeof row, "%u", ++toy->facts);
    if (toy->journal != NULL)
        journal_put(toy->journal, text("facts"), text(row));
}

static void
toy_settle(void *state)
{
    struct toy *toy = state;
    toy->settled++;
}

static uint64_t
toy_due(const void *state)
{
    const struct toy *toy = state;
    return toy->ticks_left > 0 ? 0 : UINT64_MAX;
}

static void
toy_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    (void)state;
    (void)now_ms;
    desk->order[desk->order_count++] = 't';
    say_peer_reset(out, (struct peer_reset){ .actor = ACTOR_gateway });
}

static const struct actor toy_actor = {
    .name = ACTOR_registry,
    .state_size = sizeof(struct toy),
    .decide = toy_decide,
    .apply = toy_apply,
    .settle = toy_settle,
    .due = toy_due,
    .tick = toy_tick,
};

static uint64_t
world_now(void *self)
{
    const struct desk *d = self;
    return d->now_ms;
}

static bool
world_receive(void *self, uint64_t until_ms, struct message *in)
{
    struct desk *d = self;
    d->until_ms = until_ms;
    if (d->heard == d->request_count)
        return false;
    *in = (struct message){ .code = KEY_LIST,
        .envelope = { .from = ACTOR_gateway, .id = d->heard + 1 },
        .key_list = { .request = d->requests[d->heard] } };
    d->heard++;
    return true;
}

/* What leaves is durable. */
static void
world_send(void *self, const struct message *m)
{
    struct desk *d = self;
    if (d->disk != NULL)
        ck_assert_uint_eq(memory_disk_unsynced(d->disk), 0);
    d->sent[d->sent_count++] = m->envelope.id;
}

static void
world_flush(void *self)
{
    struct desk *d = self;
    d->flushed++;
}

static struct journal *
journal_on(struct memory_disk *disk, uint64_t epoch)
{
    const struct journal_options options = { .epoch = epoch };
    struct journal *journal;
    struct fault fault;
    ck_assert_int_eq(journal_open_memory(disk, &options, &journal, &fault), ERR_NONE);
    return journal;
}

static void
desk_open(struct desk *d, bool with_journal)
{
    const struct loop_options options = { .epoch = 1000, .inline_max = 64 };
    *d = (struct desk){ .now_ms = 5 };
    desk = d;
    if (with_journal) {
        d->disk = memory_disk_new();
        d->journal = journal_on(d->disk, 1);
    }
    d->toy.journal = d->journal;
    d->world = (struct world){ d, world_now, world_receive, world_send, world_flush };
    loop_open(&d->loop, &toy_actor, &d->toy, d->journal, &d->world, &options);
}

static void
desk_close(struct desk *d)
{
    loop_close(&d->loop);
    journal_close(&d->journal);
    memory_disk_free(&d->disk);
}

static void
ask(struct desk *d, uint64_t request)
{
    d->requests[d->request_count++] = request;
}

START_TEST(what_leaves_is_durable_and_numbered_on)
{
    struct desk d;
    desk_open(&d, true);
    ask(&d, 1);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.sent_count, 3);
    for (size_t i = 0; i < d.sent_count; i++)
        ck_assert_uint_eq(d.sent[i], 1001 + i);
    ck_assert_uint_eq(d.toy.facts, 3);
    ck_assert_uint_eq(d.toy.settled, 3);
    ck_assert_uint_eq(journal_last(d.journal), 3);
    desk_close(&d);
}
END_TEST

START_TEST(a_commit_that_fails_lets_nothing_leave)
{
    struct desk d;
    desk_open(&d, true);
    memory_disk_fail(d.disk, ERR_NO_SPACE, 0, true);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NO_SPACE);
    ck_assert_uint_eq(d.sent_count, 0);
    desk_close(&d);
}
END_TEST

START_TEST(facts_that_nobody_hears_of_are_written_but_need_not_be_durable)
{
    struct desk d;
    desk_open(&d, true);
    ask(&d, 3);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(memory_disk_unsynced(d.disk), 1);
    ck_assert_uint_eq(d.toy.facts, 1);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(memory_disk_unsynced(d.disk), 0);
    desk_close(&d);
}
END_TEST

START_TEST(notes_are_applied_and_leave_but_are_not_written)
{
    struct desk d;
    desk_open(&d, true);
    ask(&d, 2);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.toy.notes, 1);
    ck_assert_uint_eq(d.sent_count, 1);
    ck_assert_uint_eq(journal_last(d.journal), 0);
    desk_close(&d);
}
END_TEST

START_TEST(an_actor_without_a_journal_applies_and_speaks)
{
    struct desk d;
    desk_open(&d, false);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.toy.facts, 1);
    ck_assert_uint_eq(d.sent_count, 1);
    desk_close(&d);
}
END_TEST

START_TEST(the_clock_and_messages_take_turns)
{
    struct desk d;
    desk_open(&d, false);
    d.toy.ticks_left = 4;
    for (int i = 0; i < 6; i++)
        ask(&d, 2);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    d.order[d.order_count] = '\0';
    ck_assert_str_eq(d.order, "tmtmtmtmmm");
    desk_close(&d);
}
END_TEST

START_TEST(a_batch_has_an_end)
{
    struct desk d;
    desk_open(&d, true);
    for (int i = 0; i < 2 * BATCH_MAX + 1; i++)
        ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.sent_count, BATCH_MAX);
    ck_assert_uint_eq(d.flushed, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.sent_count, 2 * BATCH_MAX + 1);
    desk_close(&d);
}
END_TEST

START_TEST(a_batch_ends_when_it_holds_much)
{
    struct desk d;
    desk_open(&d, true);
    for (int i = 0; i < 5; i++)
        ask(&d, 5);
    for (size_t batch = 1; batch <= 2; batch++) {
        ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
        ck_assert_uint_eq(d.heard, 2 * batch);
        ck_assert_uint_eq(d.flushed, batch);
    }
    desk_close(&d);
}
END_TEST

START_TEST(only_the_first_turn_of_a_batch_waits)
{
    struct desk d;
    desk_open(&d, false);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.until_ms, UINT64_MAX);
    ask(&d, 2);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    ck_assert_uint_eq(d.until_ms, 0);
    desk_close(&d);
}
END_TEST

/* The journal may keep no rows over a commit. */
START_TEST(rows_that_were_only_read_are_not_kept_for_ever)
{
    struct desk d;
    size_t before = 0;
    desk_open(&d, true);
    for (size_t batch = 0; batch < 4; batch++) {
        for (size_t i = 0; i < 200; i++)
            ask(&d, 4);
        ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
        before = batch == 0 ? mallinfo2().uordblks : before;
    }
    ck_assert_uint_le(mallinfo2().uordblks, before + 16 * 1024);
    desk_close(&d);
}
END_TEST

START_TEST(a_replay_gives_the_same_rows)
{
    struct desk d;
    struct fault fault;
    desk_open(&d, true);
    for (int i = 0; i < 5; i++)
        ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    struct memory_disk *other = memory_disk_new();
    struct toy toy = { .journal = journal_on(other, 1) };
    ck_assert_int_eq(
        loop_replay(&toy_actor, &toy, toy.journal, d.journal, &fault), ERR_NONE);
    ck_assert_uint_eq(toy.facts, 5);
    ck_assert(bytes_equal(journal_get(toy.journal, text("facts")), text("5")));
    journal_close(&toy.journal);
    memory_disk_free(&other);
    desk_close(&d);
}
END_TEST

START_TEST(a_record_that_is_no_record_of_facts_ends_a_replay)
{
    struct desk d;
    struct fault fault;
    desk_open(&d, true);
    ask(&d, 1);
    ck_assert_int_eq(loop_turn(&d.loop), ERR_NONE);
    journal_append(d.journal, 6, text("no facts"));
    ck_assert_int_eq(journal_commit(d.journal, true), ERR_NONE);
    struct memory_disk *other = memory_disk_new();
    struct toy toy = { .journal = journal_on(other, 1) };
    ck_assert_int_eq(
        loop_replay(&toy_actor, &toy, toy.journal, d.journal, &fault), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.detail, "record 2"));
    journal_close(&toy.journal);
    memory_disk_free(&other);
    desk_close(&d);
}
END_TEST

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("loop");
    TCase *tests = tcase_create("loop");
    tcase_add_test(tests, what_leaves_is_durable_and_numbered_on);
    tcase_add_test(tests, a_commit_that_fails_lets_nothing_leave);
    tcase_add_test(
        tests, facts_that_nobody_hears_of_are_written_but_need_not_be_durable);
    tcase_add_test(tests, notes_are_applied_and_leave_but_are_not_written);
    tcase_add_test(tests, an_actor_without_a_journal_applies_and_speaks);
    tcase_add_test(tests, the_clock_and_messages_take_turns);
    tcase_add_test(tests, a_batch_has_an_end);
    tcase_add_test(tests, a_batch_ends_when_it_holds_much);
    tcase_add_test(tests, only_the_first_turn_of_a_batch_waits);
    tcase_add_test(tests, rows_that_were_only_read_are_not_kept_for_ever);
    tcase_add_test(tests, a_replay_gives_the_same_rows);
    tcase_add_test(tests, a_record_that_is_no_record_of_facts_ends_a_replay);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
