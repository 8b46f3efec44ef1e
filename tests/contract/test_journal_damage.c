/* Goal: what was damaged is said, never silently shorter.
 * Method: change and cut RocksDB's files and the records, and compare what was kept. */
#include "base/buffer.h"
#include "tests/contract/child.h"
#include "tests/contract/folder_copy.h"

#include <check.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a store with known content ---- */

enum { KNOWN = 60 };

static bool
count_row(void *self, struct bytes key, struct bytes value)
{
    size_t *rows = self;
    ck_assert_uint_eq(key.size, 9);
    ck_assert(bytes_begin(value, text("value")));
    ++*rows;
    return true;
}

/* All that fill wrote is there. */
static bool
is_whole(struct journal *j, uint64_t last)
{
    struct arena arena = { 0 };
    size_t rows = 0;
    bool whole = journal_last(j) == last;
    journal_scan(j, text(""), text(""), false, count_row, &rows);
    whole &= rows == last;
    for (uint64_t i = 1; i <= last && whole; i++) {
        char name[32];
        struct bytes blob;
        snprintf(name, sizeof name, "blob %" PRIu64, i);
        struct hash hash = hash_of(text(name));
        whole = journal_get_blob(j, &hash, &arena, &blob) == ERR_NONE;
    }
    arena_free(&arena);
    return whole;
}

enum report { NO_HARM, REFUSED, FOUND };

/* Open what was damaged.  Damage must have done no harm, or the journal is refused, or
 * found to be damaged when verified. */
static enum report
reported(struct place *place, uint64_t last, const char *what)
{
    struct journal *j;
    enum report report = REFUSED;
    place->options.epoch++;
    place->fault.detail[0] = '\0';
    enum err e = place_try(place, &j);
    if (e == ERR_NONE) {
        report = FOUND;
        e = journal_verify(j, &place->fault);
    }
    if (e == ERR_NONE)
        ck_assert_msg(is_whole(j, last), "%s: silently shorter", what);
    else
        ck_assert_msg(e == ERR_CORRUPT && place->fault.detail[0] != '\0', "%s: %s: %s",
            what, err_name(e), place->fault.detail);
    journal_close(&j);
    return e == ERR_NONE ? NO_HARM : report;
}

/* Flip a bit at each `step`-th byte of `path`; how many were reported? */
static size_t
flip_all(struct place *place, const struct copy *copy, const char *path, size_t step,
    size_t *tried)
{
    size_t found = 0;
    struct buffer *content = copy_find(copy, path);
    for (size_t at = 0; at < content->size; at += step, ++*tried) {
        char what[PATH_MAX + 64];
        uint8_t bit = (uint8_t)(1u << at % 8);
        snprintf(what, sizeof what, "%s, byte %zu, bit %02x", path, at, bit);
        copy_put_back(copy, place);
        content->data[at] ^= bit;
        save(path, buffer_bytes(content));
        content->data[at] ^= bit;
        enum report report = reported(place, KNOWN, what);
        found += report != NO_HARM;
        if (report == REFUSED) { /* then nothing was changed: it can be repaired */
            save(path, buffer_bytes(content));
            ck_assert_msg(reported(place, KNOWN, what) == NO_HARM, "%s: %s", what,
                place->fault.detail);
        }
    }
    return found;
}

static size_t
flip_kind(struct place *place, const struct copy *copy, const char *part, size_t count,
    size_t *tried)
{
    size_t found = 0;
    copy_put_back(copy, place);
    struct names *names = files_of(place, part);
    ck_assert_uint_gt(names->count, 0);
    *tried = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t size = copy_find(copy, names->path[i])->size;
        found += flip_all(
            place, copy, names->path[i], size / (count / names->count) + 1, tried);
    }
    free(names);
    return found;
}

/* The end of a log, byte by byte: there a changed length looks like a torn tail. */
static void
flip_tail(struct place *place, const struct copy *copy, const char *part, size_t bytes)
{
    copy_put_back(copy, place);
    struct names *names = files_of(place, part);
    const char *path = names->path[names->count - 1];
    struct buffer *content = copy_find(copy, path);
    for (size_t back = 1; back <= bytes && back <= content->size; back++) {
        char what[64];
        snprintf(what, sizeof what, "%s, %zu bytes from its end", part, back);
        copy_put_back(copy, place);
        content->data[content->size - back] ^= 0x80;
        save(path, buffer_bytes(content));
        content->data[content->size - back] ^= 0x80;
        ck_assert_msg(reported(place, KNOWN, what) == REFUSED, "%s", what);
        save(path, buffer_bytes(content));
        ck_assert_msg(reported(place, KNOWN, what) == NO_HARM, "%s", what);
    }
    free(names);
}

static struct place
known_place(bool in_tables, struct copy *copy)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct journal *j = place_open(&place);
    fill(j, 1, KNOWN);
    journal_close(&j);
    if (in_tables)
        flush_all(&place);
    *copy = copy_take(&place);
    return place;
}

START_TEST(no_changed_byte_in_the_log_is_overlooked)
{
    struct copy copy;
    size_t tried;
    struct place place = known_place(false, &copy);
    size_t found = flip_kind(&place, &copy, ".log", 160, &tried);
    ck_assert_uint_gt(tried, 100);
    ck_assert_uint_eq(found, tried);
    flip_tail(&place, &copy, ".log", 300);
    copy_put_back(&copy, &place);
    ck_assert(!reported(&place, KNOWN, "as it was"));
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(no_changed_byte_in_a_table_is_overlooked)
{
    struct copy copy;
    size_t tried;
    struct place place = known_place(true, &copy);
    size_t found = flip_kind(&place, &copy, ".sst", 160, &tried);
    ck_assert_uint_gt(tried, 100);
    ck_assert_uint_gt(found, tried / 2); /* properties are not all checked */
    copy_put_back(&copy, &place);
    ck_assert(!reported(&place, KNOWN, "as it was"));
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(no_changed_byte_in_the_list_of_files_is_overlooked)
{
    struct copy copy;
    size_t tried;
    struct place place = known_place(true, &copy);
    size_t found = flip_kind(&place, &copy, "MANIFEST", 160, &tried);
    ck_assert_uint_gt(tried, 100);
    ck_assert_uint_eq(found, tried);
    flip_tail(&place, &copy, "MANIFEST", 150);
    found = flip_kind(&place, &copy, "CURRENT", 100, &tried);
    ck_assert_uint_eq(found, tried);
    copy_put_back(&copy, &place);
    ck_assert(!reported(&place, KNOWN, "as it was"));
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(a_changed_mark_does_no_harm)
{
    struct copy copy;
    size_t tried;
    struct place place = known_place(false, &copy);
    ck_assert_uint_eq(flip_kind(&place, &copy, "mark", 40, &tried), 0);
    ck_assert_uint_ge(tried, 20);
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(a_log_cut_short_anywhere_is_reported)
{
    struct copy copy;
    struct place place = known_place(false, &copy);
    struct names *names = files_of(&place, ".log");
    ck_assert_uint_eq(names->count, 1);
    const struct buffer *content = copy_find(&copy, names->path[0]);
    for (size_t size = 0; size < content->size; size += content->size / 60 + 1) {
        copy_put_back(&copy, &place);
        save(names->path[0], bytes_of(content->data, size));
        ck_assert_msg(reported(&place, KNOWN, "cut") == REFUSED, "cut at %zu", size);
        save(names->path[0], buffer_bytes(content));
        if (size >= 512) /* else nothing of it is left to warn RocksDB */
            ck_assert(reported(&place, KNOWN, "put back") == NO_HARM);
    }
    copy_put_back(&copy, &place);
    unlink(names->path[0]);
    ck_assert(reported(&place, KNOWN, "the log is gone"));
    free(names);
    copy_free(&copy);
    place_free(&place);
}
END_TEST

/* Where no log is left to be compared with the mark, RocksDB opens what is shorter:
 * that is refused as often as it is tried. */
START_TEST(a_journal_without_its_log_stays_refused)
{
    struct copy copy;
    struct place place = known_place(false, &copy);
    struct names *names = files_of(&place, ".log");
    for (int emptied = 0; emptied < 2; emptied++) {
        copy_put_back(&copy, &place);
        if (emptied)
            save(names->path[0], text(""));
        else
            unlink(names->path[0]);
        for (int tries = 0; tries < 2; tries++)
            ck_assert(reported(&place, KNOWN, "without its log") == REFUSED);
    }
    free(names);
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(zeros_in_the_log_are_reported)
{
    struct copy copy;
    struct place place = known_place(false, &copy);
    struct names *names = files_of(&place, ".log");
    struct buffer *content = copy_find(&copy, names->path[0]), zeroed = { 0 };
    for (size_t at = 0; at + 512 <= content->size; at += 512) {
        copy_put_back(&copy, &place);
        buffer_clear(&zeroed);
        buffer_append_bytes(&zeroed, buffer_bytes(content));
        memset(zeroed.data + at, 0, 512);
        save(names->path[0], buffer_bytes(&zeroed));
        ck_assert_msg(reported(&place, KNOWN, "zeros"), "zeros at %zu", at);
    }
    buffer_free(&zeroed);
    free(names);
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(a_missing_file_is_reported)
{
    struct copy copy;
    struct place place = known_place(true, &copy);
    for (size_t i = 0; i < copy.names->count; i++) {
        const char *path = copy.names->path[i];
        bool needed = strstr(path, ".sst") != NULL || strstr(path, "MANIFEST") != NULL
                      || strstr(path, "CURRENT") != NULL;
        copy_put_back(&copy, &place);
        unlink(path);
        ck_assert_msg((reported(&place, KNOWN, path) != NO_HARM) == needed, "%s", path);
    }
    copy_free(&copy);
    place_free(&place);
}
END_TEST

START_TEST(a_refused_journal_is_left_as_it_was)
{
    struct copy copy;
    struct place place = known_place(false, &copy);
    struct names *names = files_of(&place, ".log");
    struct buffer *content = copy_find(&copy, names->path[0]);
    content->data[content->size / 2] ^= 1;
    save(names->path[0], buffer_bytes(content));
    ck_assert(reported(&place, KNOWN, "damaged"));
    ck_assert_msg(strstr(place.fault.detail, ".log") != NULL, "%s", place.fault.detail);
    content->data[content->size / 2] ^= 1;
    save(names->path[0], buffer_bytes(content));
    ck_assert(!reported(&place, KNOWN, "repaired"));
    free(names);
    copy_free(&copy);
    place_free(&place);
}
END_TEST

/* A journal whose log goes on after the last sync. */
struct unsynced {
    struct place place;
    struct copy copy; /* with the mark of the last durable commit */
    struct names *names;
    struct buffer log;
    size_t durable; /* bytes of it */
};

static struct unsynced
unsynced_make(void)
{
    struct unsynced u = { .place = place_make(PLACE_ROCKSDB) };
    struct journal *j = place_open(&u.place);
    fill(j, 1, KNOWN);
    u.names = files_of(&u.place, ".log");
    load(u.names->path[0], &u.log);
    u.durable = u.log.size;
    for (uint64_t i = KNOWN + 1; i <= KNOWN + 20; i++) {
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("last"), numbered("value", i));
        ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
    }
    u.copy = copy_take(&u.place);
    journal_close(&j);
    load(u.names->path[0], &u.log);
    ck_assert_uint_gt(u.log.size, u.durable);
    return u;
}

static void
unsynced_free(struct unsynced *u)
{
    buffer_free(&u->log);
    free(u->names);
    copy_free(&u->copy);
    place_free(&u->place);
}

/* With the first `size` bytes of the log, what is left is a beginning; its length. */
static uint64_t
beginning_of(struct unsynced *u, size_t size)
{
    copy_put_back(&u->copy, &u->place);
    save(u->names->path[0], bytes_of(u->log.data, size));
    struct journal *j = place_open(&u->place);
    ck_assert_int_eq(journal_verify(j, &u->place.fault), ERR_NONE);
    uint64_t last = journal_last(j);
    struct bytes row = journal_get(j, text("last"));
    ck_assert_uint_ge(last, KNOWN);
    if (last > KNOWN)
        ck_assert(bytes_equal(row, numbered("value", last)));
    else
        ck_assert_ptr_null(row.data);
    journal_close(&j);
    return last;
}

START_TEST(a_power_cut_may_take_commits_that_were_not_durable_but_only_from_the_end)
{
    struct unsynced u = unsynced_make();
    uint64_t before = KNOWN;
    for (size_t size = u.durable; size <= u.log.size; size += 41) {
        uint64_t last = beginning_of(&u, size);
        ck_assert_uint_ge(last, before);
        before = last;
    }
    ck_assert_uint_ge(before, KNOWN + 19);
    unsynced_free(&u);
}
END_TEST

START_TEST(what_a_power_cut_tore_is_left_out_and_kept_beside)
{
    struct unsynced u = unsynced_make();
    for (size_t at = u.durable; at < u.log.size; at += 7) {
        u.log.data[at] ^= (uint8_t)(1u << at % 8);
        ck_assert_uint_lt(beginning_of(&u, u.log.size), KNOWN + 20);
        struct names *torn = files_of(&u.place, ".log.torn");
        ck_assert_uint_le(torn->count, 1); /* a last length too large is a cut */
        for (size_t i = 0; i < torn->count; i++) {
            struct buffer kept = { 0 };
            load(torn->path[i], &kept);
            ck_assert(bytes_equal(buffer_bytes(&kept), buffer_bytes(&u.log)));
            buffer_free(&kept);
        }
        free(torn);
        u.log.data[at] ^= (uint8_t)(1u << at % 8);
    }
    unsynced_free(&u);
}
END_TEST

/* ---- records changed behind RocksDB's back, with right checksums of its own ---- */

struct raw {
    rocksdb_options_t *options;
    rocksdb_column_family_handle_t *families[3];
    rocksdb_t *db;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
};

static struct raw
raw_open(const struct place *place)
{
    struct raw raw = { .options = rocksdb_options_create() };
    char *message = NULL;
    static const char *const names[] = { "default", "rows", "blobs" };
    const rocksdb_options_t *const all[] = { raw.options, raw.options, raw.options };
    raw.db = rocksdb_open_column_families(
        raw.options, place->folder, 3, names, all, raw.families, &message);
    ck_assert_msg(message == NULL, "%s", message);
    raw.write = rocksdb_writeoptions_create();
    raw.read = rocksdb_readoptions_create();
    return raw;
}

static void
raw_close(struct raw *raw)
{
    for (int i = 0; i < 3; i++)
        rocksdb_column_family_handle_destroy(raw->families[i]);
    rocksdb_close(raw->db);
    rocksdb_writeoptions_destroy(raw->write);
    rocksdb_readoptions_destroy(raw->read);
    rocksdb_options_destroy(raw->options);
}

static const char *
raw_key(uint64_t number)
{
    static char key[8];
    for (int i = 0; i < 8; i++)
        key[i] = (char)(number >> 8 * (7 - i));
    return key;
}

static struct bytes
raw_get(struct raw *raw, uint64_t number)
{
    char *message = NULL;
    struct bytes value;
    value.data = (uint8_t *)rocksdb_get_cf(raw->db, raw->read, raw->families[0],
        raw_key(number), 8, &value.size, &message);
    ck_assert_ptr_null(message);
    return value;
}

static void
raw_put(struct raw *raw, uint64_t number, struct bytes value)
{
    char *message = NULL;
    if (value.data == NULL)
        rocksdb_delete_cf(
            raw->db, raw->write, raw->families[0], raw_key(number), 8, &message);
    else
        rocksdb_put_cf(raw->db, raw->write, raw->families[0], raw_key(number), 8,
            (const char *)value.data, value.size, &message);
    ck_assert_ptr_null(message);
}

/* The record as another journal of the same numbers and times would have it. */
static void
forge(struct raw *raw, uint64_t number)
{
    struct place other = place_make(PLACE_MEMORY);
    struct journal *j = place_open(&other);
    size_t size;
    for (uint64_t i = 1; i <= number; i++)
        journal_append(j, i, text(i == number ? "forged" : "other"));
    commit(j);
    const uint8_t *forged = memory_disk_record(other.disk, number, &size);
    raw_put(raw, number, bytes_of(forged, size));
    journal_close(&j);
    place_free(&other);
}

static void
tamper(struct raw *raw, int how)
{
    struct bytes one = raw_get(raw, 20), two = raw_get(raw, 21);
    uint8_t *changed = malloc(one.size);
    ck_assert_ptr_nonnull(changed);
    memcpy(changed, one.data, one.size);
    changed[one.size - 1] ^= 1;
    switch (how) {
    case 0: raw_put(raw, 20, bytes_of(changed, one.size)); break;
    case 1: raw_put(raw, 20, (struct bytes){ 0 }); break;
    case 2: raw_put(raw, 20, two); break;
    case 3:
        raw_put(raw, 20, two);
        raw_put(raw, 21, one);
        break;
    case 4: raw_put(raw, 20, bytes_of(one.data, 10)); break;
    default: forge(raw, 20); break;
    }
    free(changed);
    rocksdb_free((void *)(uintptr_t)one.data);
    rocksdb_free((void *)(uintptr_t)two.data);
}

START_TEST(a_changed_removed_or_swapped_record_is_found_and_named)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct journal *j = place_open(&place);
    fill(j, 1, KNOWN);
    journal_close(&j);
    struct raw raw = raw_open(&place);
    tamper(&raw, _i);
    raw_close(&raw);
    j = place_open(&place);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_CORRUPT);
    ck_assert_msg(
        strstr(place.fault.detail, "record 20") != NULL, "%s", place.fault.detail);
    journal_close(&j);
    place_free(&place);
}
END_TEST

START_TEST(a_changed_or_removed_record_in_memory_is_found_and_named)
{
    struct place place = place_make(PLACE_MEMORY);
    struct journal *j = place_open(&place);
    size_t size;
    fill(j, 1, KNOWN);
    uint8_t *record = memory_disk_record(place.disk, 20, &size);
    for (size_t i = 0; i < size; i++) {
        record[i] ^= 0x10;
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(place.fault.detail, "record 20"));
        record[i] ^= 0x10;
    }
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
    memory_disk_lose_record(place.disk, KNOWN);
    ck_assert_int_eq(journal_verify(j, &place.fault), ERR_CORRUPT);
    ck_assert_str_eq(place.fault.detail, "record 60 is missing");
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- reading ---- */

static void
read_damaged(struct place *place)
{
    struct journal *j = place_open(place);
    ck_assert_ptr_nonnull(journal_get(j, text("a")).data);
    journal_get(j, text("z"));
}

START_TEST(reading_a_damaged_row_ends_the_process)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct buffer said = { 0 }, content = { 0 };
    uint8_t filler[3000];
    struct journal *j = place_open(&place);
    for (uint64_t i = 0; i < 100; i++) { /* many blocks; the damage is in the last */
        for (size_t k = 0; k < sizeof filler; k++)
            filler[k] = (uint8_t)((i + 1) * (k + 1) * 2654435761u >> 15);
        journal_put(j, numbered("m", i), bytes_of(filler, sizeof filler));
    }
    journal_put(j, text("a"), text("unharmed"));
    journal_put(j, text("z"), text("damaged"));
    commit(j);
    journal_close(&j);
    flush_all(&place);
    struct names *tables = files_of(&place, ".sst");
    ck_assert_uint_eq(tables->count, 1);
    load(tables->path[0], &content);
    uint8_t *row = memmem(content.data, content.size, "damaged", 7);
    ck_assert_ptr_nonnull(row);
    *row ^= 1;
    save(tables->path[0], buffer_bytes(&content));
    int status = in_child(read_damaged, &place, &said);
    buffer_append(&said, "", 1);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 111);
    ck_assert_ptr_nonnull(strstr((const char *)said.data, "broken"));
    ck_assert_ptr_nonnull(strstr((const char *)said.data, "err=corrupt"));
    buffer_free(&said);
    buffer_free(&content);
    free(tables);
    place_free(&place);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_damage");
    TCase *tc = tcase_create("journal_damage");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_test(tc, no_changed_byte_in_the_log_is_overlooked);
    tcase_add_test(tc, no_changed_byte_in_a_table_is_overlooked);
    tcase_add_test(tc, no_changed_byte_in_the_list_of_files_is_overlooked);
    tcase_add_test(tc, a_changed_mark_does_no_harm);
    tcase_add_test(tc, a_log_cut_short_anywhere_is_reported);
    tcase_add_test(tc, a_journal_without_its_log_stays_refused);
    tcase_add_test(tc, zeros_in_the_log_are_reported);
    tcase_add_test(tc, a_missing_file_is_reported);
    tcase_add_test(tc, a_refused_journal_is_left_as_it_was);
    tcase_add_test(
        tc, a_power_cut_may_take_commits_that_were_not_durable_but_only_from_the_end);
    tcase_add_test(tc, what_a_power_cut_tore_is_left_out_and_kept_beside);
    tcase_add_loop_test(
        tc, a_changed_removed_or_swapped_record_is_found_and_named, 0, 6);
    tcase_add_test(tc, a_changed_or_removed_record_in_memory_is_found_and_named);
    tcase_add_test(tc, reading_a_damaged_row_ends_the_process);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
