/* Goal: every sentence of store/journal.h, on every backend.
 * Method: each test runs once per kind of place (loop index _i). */
#include "base/buffer.h"
#include "tests/contract/place.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static bool
collect(void *self, struct bytes key, struct bytes value)
{
    struct buffer *out = self;
    buffer_print(out, "%.*s=%.*s ", (int)key.size, (const char *)key.data,
        (int)value.size, (const char *)value.data);
    return true;
}

static bool
collect_two(void *self, struct bytes key, struct bytes value)
{
    size_t spaces = 0;
    struct buffer *out = self;
    collect(self, key, value);
    for (size_t i = 0; i < out->size; i++)
        spaces += out->data[i] == ' ';
    return spaces < 2;
}

static void
expect_scan(struct journal *journal, const char *from, const char *to, bool backward,
    const char *expected)
{
    struct buffer out = { 0 };
    journal_scan(journal, text(from), text(to), backward, collect, &out);
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data, expected);
    buffer_free(&out);
}

static void
expect_row(struct journal *journal, const char *key, const char *expected)
{
    struct bytes value = journal_get(journal, text(key));
    if (expected == NULL) {
        ck_assert_ptr_null(value.data);
    } else {
        ck_assert_ptr_nonnull(value.data);
        ck_assert(bytes_equal(value, text(expected)));
    }
}

static void
expect_record(struct journal *journal, uint64_t number, const char *facts)
{
    struct record record;
    ck_assert_int_eq(journal_read(journal, number, &record), ERR_NONE);
    ck_assert_uint_eq(record.number, number);
    ck_assert(bytes_equal(record.facts, text(facts)));
}

START_TEST(a_new_journal_is_empty)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct record record;
    struct arena arena = { 0 };
    struct bytes blob;
    struct hash hash = hash_of(text("nothing"));
    ck_assert_uint_eq(journal_last(j), 0);
    ck_assert_uint_eq(journal_last_ms(j), 0);
    ck_assert(!journal_dirty(j));
    ck_assert_int_eq(journal_read(j, 0, &record), ERR_NOT_FOUND);
    ck_assert_int_eq(journal_read(j, 1, &record), ERR_NOT_FOUND);
    expect_row(j, "key", NULL);
    expect_scan(j, "", "", false, "");
    expect_scan(j, "", "", true, "");
    ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NOT_FOUND);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    journal_close(&j);
    ck_assert_ptr_null(j);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(records_are_numbered_from_1_and_read_back_before_and_after_the_commit)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct record record;
    ck_assert_uint_eq(journal_append(j, 1000, text("one")), 1);
    ck_assert_uint_eq(journal_append(j, 1000, text("")), 2);
    expect_record(j, 1, "one");
    expect_record(j, 2, "");
    ck_assert(journal_dirty(j));
    commit(j);
    ck_assert(!journal_dirty(j));
    ck_assert_uint_eq(journal_append(j, 2000, text("three")), 3);
    expect_record(j, 1, "one");
    expect_record(j, 3, "three");
    commit(j);
    place_reopen(&place, &j);
    ck_assert_uint_eq(journal_last(j), 3);
    ck_assert_uint_eq(journal_last_ms(j), 2000);
    ck_assert_uint_eq(journal_append(j, 2500, text("four")), 4);
    commit(j);
    expect_record(j, 2, "");
    ck_assert_int_eq(journal_read(j, 3, &record), ERR_NONE);
    ck_assert_uint_eq(record.at_ms, 2000);
    ck_assert_uint_eq(record.epoch, 1);
    ck_assert_int_eq(journal_read(j, 4, &record), ERR_NONE);
    ck_assert_uint_eq(record.epoch, 2);
    ck_assert_int_eq(journal_read(j, 5, &record), ERR_NOT_FOUND);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_record_stays_readable_while_others_are_appended)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct record record;
    journal_append(j, 1, text("borrowed"));
    ck_assert_int_eq(journal_read(j, 1, &record), ERR_NONE);
    for (int i = 0; i < 10000; i++)
        journal_append(j, 1, text("some more facts that make the buffer move"));
    for (uint64_t i = 0; i < 100; i++)
        journal_get(j, numbered("row", i));
    ck_assert(bytes_equal(record.facts, text("borrowed")));
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_records_hash_covers_it_and_all_before_it)
{
    /* The same journal gets the same hashes; a change of the first changes the last. */
    struct record ends[3];
    static const char *const firsts[] = { "a", "a", "b" };
    for (int k = 0; k < 3; k++) {
        struct place place = place_make(_i);
        struct journal *j = place_open(&place);
        journal_append(j, 1, text(firsts[k]));
        commit(j);
        journal_append(j, 2, text("x"));
        commit(j);
        ck_assert_int_eq(journal_read(j, 2, &ends[k]), ERR_NONE);
        journal_close(&j);
        place_free(&place);
    }
    ck_assert_mem_eq(ends[0].hash.bytes, ends[1].hash.bytes, HASH_SIZE);
    ck_assert_mem_ne(ends[0].hash.bytes, ends[2].hash.bytes, HASH_SIZE);
}
END_TEST

struct replayed {
    uint64_t next, stop;
};

static bool
expect_next(void *self, const struct record *record)
{
    struct replayed *replayed = self;
    ck_assert_uint_eq(record->number, replayed->next);
    ck_assert(bytes_equal(record->facts, numbered("fact", record->number)));
    return replayed->next++ != replayed->stop;
}

START_TEST(a_replay_gives_the_records_in_order_from_any_number_until_told_to_stop)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    for (uint64_t i = 1; i <= 300; i++) {
        journal_append(j, i, numbered("fact", i));
        if (i % 50 == 0 && i < 300)
            commit(j);
    }
    struct replayed all = { 1, 0 }, some = { 120, 270 }, none = { 301, 0 };
    journal_replay(j, 0, expect_next, &all);
    ck_assert_uint_eq(all.next, 301);
    journal_replay(j, 120, expect_next, &some);
    ck_assert_uint_eq(some.next, 271);
    journal_replay(j, 301, expect_next, &none);
    ck_assert_uint_eq(none.next, 301);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(rows_are_seen_at_once_and_after_opening_again)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_put(j, text("kept"), text("1"));
    journal_put(j, text("changed"), text("2"));
    journal_put(j, text("deleted"), text("3"));
    journal_put(j, text("empty"), text(""));
    journal_put(j, text("nothing"), (struct bytes){ 0 });
    expect_row(j, "kept", "1");
    commit(j);
    journal_put(j, text("changed"), text("a longer one than before, much longer"));
    journal_delete(j, text("deleted"));
    journal_delete(j, text("never there"));
    journal_put(j, text("new"), text("4"));
    journal_delete(j, text("new"));
    expect_row(j, "changed", "a longer one than before, much longer");
    expect_row(j, "deleted", NULL);
    expect_row(j, "new", NULL);
    commit(j);
    for (int k = 0; k < 2; k++) {
        expect_row(j, "kept", "1");
        expect_row(j, "changed", "a longer one than before, much longer");
        expect_row(j, "deleted", NULL);
        expect_row(j, "never there", NULL);
        expect_row(j, "empty", "");
        expect_row(j, "nothing", "");
        expect_row(j, "new", NULL);
        place_reopen(&place, &j);
    }
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(keys_may_hold_any_bytes_and_have_512_of_them)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    uint8_t longest[JOURNAL_KEY_MAX];
    memset(longest, 0xff, sizeof longest);
    struct bytes keys[] = { bytes_of("\0", 1), bytes_of("\0\0", 2), bytes_of("a\0b", 3),
        bytes_of("\xff\xff", 2), bytes_of(longest, sizeof longest) };
    for (size_t i = 0; i < COUNT(keys); i++)
        journal_put(j, keys[i], numbered("value", i));
    commit(j);
    place_reopen(&place, &j);
    for (size_t i = 0; i < COUNT(keys); i++)
        ck_assert(bytes_equal(journal_get(j, keys[i]), numbered("value", i)));
    struct buffer out = { 0 };
    journal_scan(j, text(""), text(""), false, collect, &out);
    size_t rows = 0;
    for (size_t i = 0; i < out.size; i++)
        rows += out.data[i] == ' ';
    ck_assert_uint_eq(rows, COUNT(keys));
    buffer_free(&out);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_value_stays_where_it_is_until_the_commit)
{
    struct place place = place_make(_i);
    place.options.state_cache_bytes = 0;
    struct journal *j = place_open(&place);
    journal_put(j, text("old"), text("from the device"));
    commit(j);
    journal_put(j, text("new"), text("not committed"));
    struct bytes old = journal_get(j, text("old"));
    struct bytes new = journal_get(j, text("new"));
    for (uint64_t i = 0; i < 5000; i++) {
        journal_put(j, numbered("other", i), text("other"));
        journal_get(j, numbered("none", i));
    }
    journal_append(j, 1, text("fact"));
    expect_scan(j, "o", "oth", false, "old=from the device ");
    ck_assert(bytes_equal(old, text("from the device")));
    ck_assert(bytes_equal(new, text("not committed")));
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_row_may_be_put_from_its_own_value)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_put(j, text("row"), text("0123456789"));
    struct bytes value = journal_get(j, text("row"));
    journal_put(j, text("row"), bytes_of(value.data + 2, 5));
    expect_row(j, "row", "23456");
    commit(j);
    value = journal_get(j, text("row"));
    journal_put(j, text("copy"), value);
    place_reopen(&place, &j);
    expect_row(j, "row", "23456");
    expect_row(j, "copy", NULL);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(putting_what_is_known_to_be_there_changes_nothing)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_put(j, text("row"), text("value"));
    commit(j);
    expect_row(j, "row", "value"); /* a row that somebody asks for is kept */
    journal_put(j, text("row"), text("value"));
    ck_assert(!journal_dirty(j));
    journal_put(j, text("row"), text("other"));
    ck_assert(journal_dirty(j));
    journal_put(j, text("row"), text("value"));
    commit(j);
    place_reopen(&place, &j);
    expect_row(j, "row", "value");
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(what_was_not_committed_is_dropped_as_a_whole)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct arena arena = { 0 };
    struct bytes blob;
    journal_append(j, 1, text("kept"));
    journal_put(j, text("row"), text("kept"));
    commit(j);
    journal_append(j, 2, text("lost"));
    journal_put(j, text("row"), text("lost"));
    journal_put(j, text("other"), text("lost"));
    struct hash hash = journal_put_blob(j, text("lost"));
    place_reopen(&place, &j);
    ck_assert_uint_eq(journal_last(j), 1);
    ck_assert_uint_eq(journal_last_ms(j), 1);
    expect_row(j, "row", "kept");
    expect_row(j, "other", NULL);
    ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NOT_FOUND);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_commit_that_is_not_durable_survives_a_close_and_a_later_durable_one)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_append(j, 1, text("one"));
    ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
    ck_assert(!journal_dirty(j));
    place_reopen(&place, &j);
    expect_record(j, 1, "one");
    journal_append(j, 1, text("two"));
    ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
    commit(j); /* nothing new, but what was written becomes durable */
    commit(j);
    place_reopen(&place, &j);
    expect_record(j, 2, "two");
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_scan_is_in_order_and_sees_what_is_not_committed)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    for (const char *c = "bdfhj"; *c != '\0'; c++)
        journal_put(j, bytes_of(c, 1), text("0"));
    commit(j);
    journal_put(j, text("a"), text("1"));
    journal_put(j, text("d"), text("1"));
    journal_put(j, text("e"), text("1"));
    journal_delete(j, text("f"));
    journal_delete(j, text("g"));
    journal_put(j, text("k"), text("1"));
    expect_scan(j, "", "", false, "a=1 b=0 d=1 e=1 h=0 j=0 k=1 ");
    expect_scan(j, "", "", true, "k=1 j=0 h=0 e=1 d=1 b=0 a=1 ");
    expect_scan(j, "b", "e", false, "b=0 d=1 ");
    expect_scan(j, "b", "e", true, "d=1 b=0 ");
    expect_scan(j, "bb", "ee", true, "e=1 d=1 ");
    expect_scan(j, "i", "", false, "j=0 k=1 ");
    expect_scan(j, "i", "", true, "k=1 j=0 ");
    expect_scan(j, "", "b", false, "a=1 ");
    expect_scan(j, "f", "h", false, "");
    expect_scan(j, "f", "h", true, "");
    expect_scan(j, "x", "y", false, "");
    expect_scan(j, "d", "d", false, "");
    expect_scan(j, "e", "b", true, "");
    struct buffer out = { 0 };
    journal_scan(j, text("c"), text(""), false, collect_two, &out);
    ck_assert(bytes_equal(buffer_bytes(&out), text("d=1 e=1 ")));
    buffer_clear(&out);
    journal_scan(j, text(""), text("i"), true, collect_two, &out);
    ck_assert(bytes_equal(buffer_bytes(&out), text("h=0 e=1 ")));
    buffer_free(&out);
    place_reopen(&place, &j);
    expect_scan(j, "", "", false, "b=0 d=0 f=0 h=0 j=0 ");
    journal_close(&j);
    place_free(&place);
}
END_TEST

struct inner {
    struct journal *journal;
    size_t seen;
};

static bool
read_inside(void *self, struct bytes key, struct bytes value)
{
    struct inner *inner = self;
    struct buffer out = { 0 };
    ck_assert(bytes_equal(journal_get(inner->journal, key), value));
    journal_scan(inner->journal, key, text(""), true, collect_two, &out);
    ck_assert_uint_gt(out.size, 0);
    buffer_free(&out);
    ck_assert(bytes_equal(journal_get(inner->journal, key), value));
    inner->seen++;
    return true;
}

START_TEST(the_callee_of_a_scan_may_read)
{
    struct place place = place_make(_i);
    place.options.state_cache_bytes = 0;
    struct journal *j = place_open(&place);
    for (uint64_t i = 0; i < 50; i++)
        journal_put(j, numbered("row", i), numbered("value", i));
    commit(j);
    for (uint64_t i = 25; i < 75; i++)
        journal_put(j, numbered("row", i), numbered("changed", i));
    struct inner inner = { j, 0 };
    journal_scan(j, text(""), text(""), false, read_inside, &inner);
    ck_assert_uint_eq(inner.seen, 75);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- a model: what the rows must be ---- */

enum { MODEL_KEYS = 64, MODEL_STEPS = 4000 };

struct model {
    int value[MODEL_KEYS]; /* -1: none */
    int committed[MODEL_KEYS];
    uint32_t chance;
};

static unsigned
model_chance(struct model *model, unsigned below)
{
    model->chance = model->chance * 1664525u + 1013904223u;
    return (model->chance >> 8) % below;
}

static void
model_scan(struct model *model, struct journal *j)
{
    struct buffer expected = { 0 }, found = { 0 };
    unsigned from = model_chance(model, MODEL_KEYS),
             to = model_chance(model, MODEL_KEYS);
    bool backward = model_chance(model, 2);
    for (unsigned n = 0; n < MODEL_KEYS; n++) {
        unsigned i = backward ? MODEL_KEYS - 1 - n : n;
        if (i >= from && i < to && model->value[i] >= 0)
            buffer_print(&expected, "key%06u=%d ", i, model->value[i]);
    }
    journal_scan(
        j, numbered("key", from), numbered("key", to), backward, collect, &found);
    ck_assert(bytes_equal(buffer_bytes(&expected), buffer_bytes(&found)));
    buffer_free(&expected);
    buffer_free(&found);
}

static void
model_change(struct model *model, struct journal *j, int step)
{
    unsigned i = model_chance(model, MODEL_KEYS);
    char value[16];
    if (model_chance(model, 3) == 0) {
        journal_delete(j, numbered("key", i));
        model->value[i] = -1;
        return;
    }
    snprintf(value, sizeof value, "%d", step);
    journal_put(j, numbered("key", i), text(value));
    model->value[i] = step;
}

static void
model_get(struct model *model, struct journal *j)
{
    char value[16];
    unsigned i = model_chance(model, MODEL_KEYS);
    snprintf(value, sizeof value, "%d", model->value[i]);
    struct bytes found = journal_get(j, numbered("key", i));
    ck_assert_int_eq(found.data == NULL, model->value[i] < 0);
    ck_assert(found.data == NULL || bytes_equal(found, text(value)));
}

START_TEST(random_changes_give_what_a_model_gives)
{
    struct model model = { .chance = 7 };
    for (int i = 0; i < MODEL_KEYS; i++)
        model.value[i] = model.committed[i] = -1;
    struct place place = place_make(_i);
    place.options.state_cache_bytes = 2000; /* most rows are dropped at each commit */
    struct journal *j = place_open(&place);
    for (int step = 0; step < MODEL_STEPS; step++) {
        unsigned what = model_chance(&model, 100);
        if (what < 50)
            model_change(&model, j, step);
        else if (what < 80)
            model_get(&model, j);
        else if (what < 90)
            model_scan(&model, j);
        else if (what < 99 || step % 8 != 0) {
            ck_assert_int_eq(journal_commit(j, what < 92), ERR_NONE);
            memcpy(model.committed, model.value, sizeof model.value);
        } else {
            place_reopen(&place, &j);
            memcpy(model.value, model.committed, sizeof model.value);
        }
    }
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- blobs, sizes, memory ---- */

START_TEST(blobs_are_found_by_their_hash_and_stored_once)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct arena arena = { 0 };
    struct bytes blob;
    struct hash one = journal_put_blob(j, text("payload"));
    struct hash two = journal_put_blob(j, text("payload"));
    struct hash empty = journal_put_blob(j, (struct bytes){ 0 });
    struct hash expected = hash_of(text("payload"));
    ck_assert_mem_eq(one.bytes, expected.bytes, HASH_SIZE);
    ck_assert_mem_eq(two.bytes, expected.bytes, HASH_SIZE);
    for (int k = 0; k < 3; k++) { /* before the commit, after it, opened again */
        ck_assert_int_eq(journal_get_blob(j, &one, &arena, &blob), ERR_NONE);
        ck_assert(bytes_equal(blob, text("payload")));
        ck_assert_int_eq(journal_get_blob(j, &empty, &arena, &blob), ERR_NONE);
        ck_assert_uint_eq(blob.size, 0);
        if (k == 0)
            commit(j);
        else
            place_reopen(&place, &j);
    }
    arena_free(&arena);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(large_values_facts_and_blobs_come_back_whole)
{
    enum { LARGE = 8 * 1024 * 1024 };
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct arena arena = { 0 };
    struct bytes blob;
    struct record record;
    uint8_t *large = malloc(LARGE);
    ck_assert_ptr_nonnull(large);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i * 2654435761u >> 24);
    struct bytes all = bytes_of(large, LARGE);
    journal_append(j, 1, all);
    journal_put(j, text("row"), all);
    struct hash hash = journal_put_blob(j, all);
    commit(j);
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(journal_read(j, 1, &record), ERR_NONE);
        ck_assert(bytes_equal(record.facts, all));
        ck_assert(bytes_equal(journal_get(j, text("row")), all));
        ck_assert_int_eq(journal_get_blob(j, &hash, &arena, &blob), ERR_NONE);
        ck_assert(bytes_equal(blob, all));
        place_reopen(&place, &j);
    }
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    free(large);
    arena_free(&arena);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- owners ---- */

START_TEST(an_epoch_that_is_not_later_is_refused_and_changes_nothing)
{
    struct place place = place_make(_i);
    place.options.epoch = 10;
    struct journal *j = place_open(&place); /* epoch 11 */
    journal_append(j, 1, text("fact"));
    commit(j);
    journal_close(&j);
    for (uint64_t epoch = 0; epoch <= 11; epoch++) {
        place.options.epoch = epoch;
        ck_assert_int_eq(place_try(&place, &j), ERR_CONFLICT);
        ck_assert_ptr_null(j);
        ck_assert_uint_gt(strlen(place.fault.detail), 0);
    }
    place.options.epoch = 12;
    ck_assert_int_eq(place_try(&place, &j), ERR_NONE);
    expect_record(j, 1, "fact");
    expect_scan(j, "", "", false, ""); /* the epoch is no row */
    expect_scan(j, "", "", true, "");
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_second_owner_is_refused_while_the_first_is_there)
{
    struct place place = place_make(_i);
    struct journal *first = place_open(&place), *second;
    place.options.epoch = 100;
    ck_assert_int_eq(place_try(&place, &second), ERR_CONFLICT);
    journal_put(first, text("row"), text("of the first"));
    commit(first);
    journal_close(&first);
    ck_assert_int_eq(place_try(&place, &second), ERR_NONE);
    expect_row(second, "row", "of the first");
    journal_close(&second);
    place_free(&place);
}
END_TEST

START_TEST(an_unknown_kind_of_url_is_refused)
{
    struct place place = place_make(_i);
    struct journal *j;
    static const char *const urls[] = { "", "memory", "postgres:x",
        "rocksdb:", "rocksdb-view:", "/tmp/x" };
    for (size_t i = 0; i < COUNT(urls); i++) {
        ck_assert_int_eq(
            journal_open(urls[i], &place.options, &j, &place.fault), ERR_INVALID);
        ck_assert_ptr_null(j);
    }
    place.options.epoch = 1;
    ck_assert_int_eq(
        journal_open("memory:", &place.options, &j, &place.fault), ERR_NONE);
    journal_put(j, text("row"), text("1"));
    commit(j);
    journal_close(&j);
    ck_assert_int_eq(
        journal_open("memory:", &place.options, &j, &place.fault), ERR_NONE);
    expect_row(j, "row", NULL);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- views ---- */

START_TEST(a_view_sees_a_commit_right_after_catching_up)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    struct arena arena = { 0 };
    struct bytes blob;
    journal_append(j, 1, numbered("fact", 1));
    commit(j);
    struct journal *view = place_view(&place);
    ck_assert_uint_eq(journal_last(view), 1);
    for (uint64_t i = 2; i < 200; i++) {
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("row"), numbered("value", i));
        journal_put(j, numbered("key", i), text("1"));
        journal_delete(j, numbered("key", i - 2));
        struct hash hash = journal_put_blob(j, numbered("blob", i));
        ck_assert_int_eq(journal_commit(j, i % 2), ERR_NONE);
        ck_assert_uint_eq(journal_last(view), i - 1);
        ck_assert_int_eq(journal_catch_up(view, &place.fault), ERR_NONE);
        ck_assert_uint_eq(journal_last(view), i);
        ck_assert_uint_eq(journal_last_ms(view), i);
        struct record record;
        ck_assert_int_eq(journal_read(view, i, &record), ERR_NONE);
        ck_assert(bytes_equal(record.facts, numbered("fact", i)));
        ck_assert(bytes_equal(journal_get(view, text("row")), numbered("value", i)));
        ck_assert_ptr_null(journal_get(view, numbered("key", i - 2)).data);
        ck_assert_int_eq(journal_get_blob(view, &hash, &arena, &blob), ERR_NONE);
        ck_assert(bytes_equal(blob, numbered("blob", i)));
    }
    struct buffer of_owner = { 0 }, of_view = { 0 };
    journal_scan(j, text(""), text(""), false, collect, &of_owner);
    journal_scan(view, text(""), text(""), false, collect, &of_view);
    ck_assert(bytes_equal(buffer_bytes(&of_owner), buffer_bytes(&of_view)));
    ck_assert_int_eq(journal_verify(view, &place.fault), ERR_NONE);
    journal_close(&view);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    buffer_free(&of_owner);
    buffer_free(&of_view);
    arena_free(&arena);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_view_does_not_need_the_owner_nor_hinder_it)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_put(j, text("row"), text("1"));
    commit(j);
    struct journal *view = place_view(&place), *other = place_view(&place);
    journal_close(&j);
    expect_row(view, "row", "1");
    j = place_open(&place);
    journal_put(j, text("row"), text("2"));
    commit(j);
    ck_assert_int_eq(journal_catch_up(view, &place.fault), ERR_NONE);
    ck_assert_int_eq(journal_catch_up(other, &place.fault), ERR_NONE);
    expect_row(view, "row", "2");
    expect_row(other, "row", "2");
    journal_close(&view);
    journal_close(&other);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- bugs of the caller ---- */

START_TEST(a_record_of_an_earlier_time_is_a_bug)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_append(j, 2, text("fact"));
    journal_append(j, 1, text("fact"));
}
END_TEST

START_TEST(changing_a_view_is_a_bug)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    commit(j);
    struct journal *view = place_view(&place);
    journal_put(view, text("row"), text("value"));
}
END_TEST

START_TEST(an_empty_key_is_a_bug)
{
    struct place place = place_make(_i);
    struct journal *j = place_open(&place);
    journal_put(j, text(""), text("value"));
}
END_TEST

static void
add_all(TCase *tc)
{
#define EACH(test) tcase_add_loop_test(tc, test, 0, PLACE_KINDS)
    EACH(a_new_journal_is_empty);
    EACH(records_are_numbered_from_1_and_read_back_before_and_after_the_commit);
    EACH(a_record_stays_readable_while_others_are_appended);
    EACH(a_records_hash_covers_it_and_all_before_it);
    EACH(a_replay_gives_the_records_in_order_from_any_number_until_told_to_stop);
    EACH(rows_are_seen_at_once_and_after_opening_again);
    EACH(keys_may_hold_any_bytes_and_have_512_of_them);
    EACH(a_value_stays_where_it_is_until_the_commit);
    EACH(a_row_may_be_put_from_its_own_value);
    EACH(putting_what_is_known_to_be_there_changes_nothing);
    EACH(what_was_not_committed_is_dropped_as_a_whole);
    EACH(a_commit_that_is_not_durable_survives_a_close_and_a_later_durable_one);
    EACH(a_scan_is_in_order_and_sees_what_is_not_committed);
    EACH(the_callee_of_a_scan_may_read);
    EACH(random_changes_give_what_a_model_gives);
    EACH(blobs_are_found_by_their_hash_and_stored_once);
    EACH(large_values_facts_and_blobs_come_back_whole);
    EACH(an_epoch_that_is_not_later_is_refused_and_changes_nothing);
    EACH(a_second_owner_is_refused_while_the_first_is_there);
    EACH(an_unknown_kind_of_url_is_refused);
    EACH(a_view_sees_a_commit_right_after_catching_up);
    EACH(a_view_does_not_need_the_owner_nor_hinder_it);
#undef EACH
#define BUG(test) tcase_add_loop_test_raise_signal(tc, test, SIGABRT, 0, PLACE_KINDS)
    BUG(a_record_of_an_earlier_time_is_a_bug);
    BUG(changing_a_view_is_a_bug);
    BUG(an_empty_key_is_a_bug);
#undef BUG
}

int
main(void)
{
    Suite *suite = suite_create("journal");
    TCase *tc = tcase_create("contract");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    add_all(tc);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
