/* Goal: what was durable is there after any end of the process, and what was damaged is
 * said, never silently shorter.
 * Method: end processes, change and cut RocksDB's files, and compare with a ledger. */
#include "base/buffer.h"
#include "tests/contract/place.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- files ---- */

/* Paths of the files in the journal's folder whose name ends in, or begins with,
 * `part`; in the order of their names. */
struct names {
    char path[64][PATH_MAX];
    size_t count;
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct names *
files_of(const struct place *place, const char *part)
{
    struct names *names = calloc(1, sizeof *names);
    DIR *dir = opendir(place->folder);
    ck_assert_ptr_nonnull(names);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, part) != NULL) {
            ck_assert_uint_lt(names->count, COUNT(names->path));
            snprintf(names->path[names->count++], PATH_MAX, "%s/%s", place->folder,
                entry->d_name);
        }
    closedir(dir);
    qsort(names->path, names->count, sizeof names->path[0], by_name);
    return names;
}

static void
load(const char *path, struct buffer *out)
{
    FILE *in = fopen(path, "rb");
    ck_assert_ptr_nonnull(in);
    buffer_clear(out);
    uint8_t chunk[4096];
    for (size_t size; (size = fread(chunk, 1, sizeof chunk, in)) > 0;)
        buffer_append(out, chunk, size);
    fclose(in);
}

static void
save(const char *path, struct bytes content)
{
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    if (content.size > 0)
        ck_assert_uint_eq(fwrite(content.data, 1, content.size, out), content.size);
    ck_assert_int_eq(fclose(out), 0);
}

/* A folder's files, to be put back after each damage. */
struct copy {
    struct names *names;
    struct buffer *contents;
};

static struct copy
copy_take(const struct place *place)
{
    struct copy copy = { .names = files_of(place, "") };
    copy.contents = calloc(copy.names->count, sizeof *copy.contents);
    ck_assert_ptr_nonnull(copy.contents);
    size_t kept = 0;
    for (size_t i = 0; i < copy.names->count; i++) {
        struct stat found;
        ck_assert_int_eq(stat(copy.names->path[i], &found), 0);
        if (!S_ISREG(found.st_mode))
            continue;
        memmove(copy.names->path[kept], copy.names->path[i], PATH_MAX);
        load(copy.names->path[kept], &copy.contents[kept]);
        kept++;
    }
    copy.names->count = kept;
    return copy;
}

static void
copy_put_back(const struct copy *copy, const struct place *place)
{
    struct names *now = files_of(place, "");
    for (size_t i = 0; i < now->count; i++)
        unlink(now->path[i]);
    free(now);
    for (size_t i = 0; i < copy->names->count; i++)
        save(copy->names->path[i], buffer_bytes(&copy->contents[i]));
}

static struct buffer *
copy_find(const struct copy *copy, const char *path)
{
    for (size_t i = 0; i < copy->names->count; i++)
        if (strcmp(copy->names->path[i], path) == 0)
            return &copy->contents[i];
    ck_abort_msg("no such file");
    return NULL;
}

static void
copy_free(struct copy *copy)
{
    for (size_t i = 0; i < copy->names->count; i++)
        buffer_free(&copy->contents[i]);
    free(copy->contents);
    free(copy->names);
}

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

static void
fill(struct journal *j, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        struct buffer facts = { 0 };
        for (uint64_t k = 0; k <= i % 7 * 40; k++)
            buffer_print(&facts, "fact %" PRIu64 " ", i * k);
        journal_append(j, i, buffer_bytes(&facts));
        journal_put(j, numbered("key", i), numbered("value", i));
        buffer_clear(&facts);
        buffer_print(&facts, "blob %" PRIu64, i);
        journal_put_blob(j, buffer_bytes(&facts));
        commit(j);
        buffer_free(&facts);
    }
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

/* Everything in tables: closed after the memtables were flushed. */
static void
flush_all(const struct place *place)
{
    char *message = NULL;
    static const char *const names[] = { "default", "rows", "blobs" };
    rocksdb_options_t *options = rocksdb_options_create();
    const rocksdb_options_t *const all[] = { options, options, options };
    rocksdb_column_family_handle_t *families[3];
    rocksdb_t *db = rocksdb_open_column_families(
        options, place->folder, 3, names, all, families, &message);
    ck_assert_msg(message == NULL, "%s", message);
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    for (int i = 0; i < 3; i++) {
        rocksdb_flush_cf(db, flush, families[i], &message);
        ck_assert_ptr_null(message);
        rocksdb_column_family_handle_destroy(families[i]);
    }
    rocksdb_flushoptions_destroy(flush);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
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

START_TEST(a_power_cut_may_take_commits_that_were_not_durable_but_only_from_the_end)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct journal *j = place_open(&place);
    fill(j, 1, KNOWN);
    /* What a power cut leaves: the file as it is now, cut somewhere after the last
     * sync. */
    struct names *names = files_of(&place, ".log");
    struct buffer durable = { 0 }, all = { 0 };
    load(names->path[0], &durable);
    for (uint64_t i = KNOWN + 1; i <= KNOWN + 20; i++) {
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("last"), numbered("value", i));
        ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
    }
    struct copy copy = copy_take(&place); /* with the mark of the last durable commit */
    journal_close(&j);
    load(names->path[0], &all);
    ck_assert_uint_gt(all.size, durable.size);
    uint64_t before = KNOWN;
    for (size_t size = durable.size; size <= all.size; size += 41) {
        struct bytes last;
        copy_put_back(&copy, &place);
        save(names->path[0], bytes_of(all.data, size));
        j = place_open(&place);
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        ck_assert_uint_ge(journal_last(j), before);
        before = journal_last(j);
        last = journal_get(j, text("last"));
        if (before > KNOWN)
            ck_assert(bytes_equal(last, numbered("value", before)));
        else
            ck_assert_ptr_null(last.data);
        journal_close(&j);
    }
    ck_assert_uint_ge(before, KNOWN + 19);
    buffer_free(&durable);
    buffer_free(&all);
    free(names);
    copy_free(&copy);
    place_free(&place);
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

/* ---- processes that end ---- */

/* Run `child` in a process of its own and return how that ended; what it wrote to its
 * standard error is in `said`. */
static int
in_child(void (*child)(struct place *place), struct place *place, struct buffer *said)
{
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        child(place);
        _exit(0);
    }
    close(ends[1]);
    char chunk[512];
    for (ssize_t size; (size = read(ends[0], chunk, sizeof chunk)) > 0;)
        buffer_append(said, chunk, (size_t)size);
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

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

static int report_to; /* where the child says what is durable */

/* Each commit: one record and the row that counts them, so that half a batch shows. */
static void
write_for_ever(struct place *place)
{
    struct journal *j = place_open(place);
    for (uint64_t i = journal_last(j) + 1;; i++) {
        bool durable = i % 3 != 0;
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("count"), numbered("", i));
        journal_put(j, numbered("key", i), numbered("value", i));
        if (journal_commit(j, durable) != ERR_NONE)
            _exit(1);
        if (write(report_to, &i, sizeof i) != sizeof i)
            _exit(2);
    }
}

/* Let a child write until it has reported `reports` commits, then kill it.  The last
 * number it reported. */
static uint64_t
write_and_kill(struct place *place, int reports)
{
    int ends[2];
    uint64_t last = 0, number;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        report_to = ends[1];
        write_for_ever(place);
    }
    close(ends[1]);
    while (reports-- > 0 && read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    kill(pid, SIGKILL);
    while (read(ends[0], &number, sizeof number) == sizeof number)
        last = number;
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return last;
}

START_TEST(a_killed_process_loses_nothing_it_committed_and_leaves_no_half_batch)
{
    struct place place = place_make(PLACE_ROCKSDB);
    uint64_t expected = 0;
    for (int round = 0; round < 12; round++) {
        uint64_t last = write_and_kill(&place, round * 37 % 400 + 1);
        ck_assert_uint_gt(last, expected);
        place.options.epoch++; /* the child's was of its own copy */
        struct journal *j = place_open(&place);
        ck_assert_uint_ge(journal_last(j), last);
        expected = journal_last(j);
        ck_assert_uint_le(expected, last + 1);
        ck_assert(bytes_equal(journal_get(j, text("count")), numbered("", expected)));
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        for (uint64_t i = 1; i <= expected + 1; i++)
            ck_assert_int_eq(
                journal_get(j, numbered("key", i)).data != NULL, i <= expected);
        journal_close(&j);
    }
    place_free(&place);
}
END_TEST

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
    snprintf(beside, sizeof beside, "%s.view-1", place.folder);
    view = place_view(&place);
    ck_assert_int_eq(access(beside, F_OK), 0);
    journal_close(&view);
    ck_assert_int_ne(access(beside, F_OK), 0);
    journal_close(&j);
    place_free(&place);
}
END_TEST

/* ---- devices that fail ---- */

/* Commit until it fails; say the last number that did not. */
static void
write_until_failure(struct place *place)
{
    /* So large that nothing is flushed: Debian's RocksDB asserts when that fails too.
     */
    place->options.memtable_bytes = 16 * 1024 * 1024;
    struct journal *j = place_open(place);
    uint8_t facts[4096] = { 0 };
    for (uint64_t i = 1; i < 100000; i++) {
        for (size_t k = 0; k < sizeof facts; k++)
            facts[k] = (uint8_t)(i * (k + 1) * 2654435761u >> 17);
        journal_append(j, i, bytes_of(facts, sizeof facts));
        enum err e = journal_commit(j, true);
        if (e == ERR_NONE)
            continue;
        if (journal_commit(j, true) != e) /* and from then on */
            _exit(1);
        dprintf(report_to, "%s %" PRIu64, err_name(e), i - 1);
        journal_close(&j);
        _exit(0);
    }
    _exit(2);
}

static void
write_with_a_limit_of_file_size(struct place *place)
{
    struct rlimit limit = { 700 * 1024, 700 * 1024 };
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(3);
    write_until_failure(place);
}

static void
expect_after_failure(struct place *place, const char *report, const char *name)
{
    char err[32];
    uint64_t last;
    ck_assert_int_eq(sscanf(report, "%31s %" SCNu64, err, &last), 2);
    ck_assert_str_eq(err, name);
    ck_assert_uint_gt(last, 10);
    place->options.epoch += 10;
    struct journal *j = place_open(place);
    ck_assert_uint_ge(journal_last(j), last);
    ck_assert_uint_le(journal_last(j), last + 1);
    ck_assert_int_eq(journal_verify(j, &place->fault), ERR_NONE);
    journal_close(&j);
}

START_TEST(a_failed_write_fails_the_commit_and_what_was_durable_is_there)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct buffer said = { 0 };
    int ends[2];
    char report[64] = { 0 };
    ck_assert_int_eq(pipe(ends), 0);
    report_to = ends[1];
    int status = in_child(write_with_a_limit_of_file_size, &place, &said);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%.*s", (int)said.size,
        (const char *)said.data);
    close(ends[1]);
    ck_assert_int_gt(read(ends[0], report, sizeof report - 1), 0);
    close(ends[0]);
    expect_after_failure(&place, report, "io");
    buffer_free(&said);
    place_free(&place);
}
END_TEST

static bool small_device; /* could it be made? */

/* On a file system of 2 MiB of its own, which the machine must allow. */
static void
write_on_a_small_device(struct place *place)
{
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", place->folder);
    *strrchr(above, '/') = '\0';
    if (unshare(CLONE_NEWNS) != 0
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("small", above, "tmpfs", 0, "size=2m") != 0) {
        dprintf(report_to, "unable");
        _exit(0);
    }
    pid_t pid = fork();
    if (pid == 0)
        write_until_failure(place);
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)
        || WEXITSTATUS(status) != 0)
        _exit(4);
}

START_TEST(a_full_device_is_said_to_be_full)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct buffer said = { 0 };
    int ends[2];
    char report[64] = { 0 };
    ck_assert_int_eq(pipe(ends), 0);
    report_to = ends[1];
    int status = in_child(write_on_a_small_device, &place, &said);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%.*s", (int)said.size,
        (const char *)said.data);
    close(ends[1]);
    ck_assert_int_gt(read(ends[0], report, sizeof report - 1), 0);
    close(ends[0]);
    small_device = strcmp(report, "unable") != 0;
    if (small_device)
        ck_assert_msg(strncmp(report, "no_space ", 9) == 0, "%s", report);
    buffer_free(&said);
    place_free(&place);
}
END_TEST

/* ---- the disk in memory ---- */

START_TEST(a_crash_in_memory_takes_commits_from_the_end_and_never_a_durable_one)
{
    for (size_t keep = 0; keep <= 5; keep++) {
        struct place place = place_make(PLACE_MEMORY);
        struct journal *j = place_open(&place);
        fill(j, 1, 10);
        for (uint64_t i = 1; i <= 4; i++) {
            journal_append(j, 10 + i, text("late"));
            journal_put(j, text("row"), numbered("late", i));
            journal_delete(j, numbered("key", i));
            ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
            ck_assert_uint_eq(memory_disk_unsynced(place.disk), i);
        }
        memory_disk_crash(place.disk, keep);
        journal_append(j, 20, text("of a dead process"));
        ck_assert_int_eq(journal_commit(j, true), ERR_IO);
        place_reopen(&place, &j);
        size_t kept = keep > 4 ? 4 : keep;
        ck_assert_uint_eq(journal_last(j), 10 + kept);
        struct bytes row = journal_get(j, text("row"));
        ck_assert(
            kept == 0 ? row.data == NULL : bytes_equal(row, numbered("late", kept)));
        for (uint64_t i = 1; i <= 10; i++)
            ck_assert_int_eq(
                journal_get(j, numbered("key", i)).data == NULL, i <= kept);
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        journal_close(&j);
        place_free(&place);
    }
}
END_TEST

START_TEST(a_failed_commit_in_memory_is_there_or_not_as_was_told)
{
    for (int written = 0; written <= 1; written++) {
        struct place place = place_make(PLACE_MEMORY);
        struct journal *j = place_open(&place);
        memory_disk_fail(place.disk, ERR_NO_SPACE, 2, written);
        for (uint64_t i = 1; i <= 5; i++) {
            journal_append(j, i, text("fact"));
            ck_assert_int_eq(journal_commit(j, true), i <= 2 ? ERR_NONE : ERR_NO_SPACE);
        }
        place_reopen(&place, &j);
        ck_assert_uint_eq(journal_last(j), written ? 3 : 2);
        memory_disk_fail(place.disk, ERR_IO, 0, false);
        journal_close(&j);
        place.options.epoch++;
        ck_assert_int_eq(place_try(&place, &j), ERR_IO); /* opening writes */
        journal_close(&j);
        place_free(&place);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_damage");
    TCase *tc = tcase_create("damage");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_test(
        tc, a_crash_in_memory_takes_commits_from_the_end_and_never_a_durable_one);
    tcase_add_test(tc, a_failed_commit_in_memory_is_there_or_not_as_was_told);
    tcase_add_test(tc, a_changed_or_removed_record_in_memory_is_found_and_named);
    tcase_add_loop_test(
        tc, a_changed_removed_or_swapped_record_is_found_and_named, 0, 6);
    tcase_add_test(tc, no_changed_byte_in_the_log_is_overlooked);
    tcase_add_test(tc, no_changed_byte_in_a_table_is_overlooked);
    tcase_add_test(tc, no_changed_byte_in_the_list_of_files_is_overlooked);
    tcase_add_test(tc, a_changed_mark_does_no_harm);
    tcase_add_test(tc, a_log_cut_short_anywhere_is_reported);
    tcase_add_test(tc, zeros_in_the_log_are_reported);
    tcase_add_test(tc, a_missing_file_is_reported);
    tcase_add_test(tc, a_refused_journal_is_left_as_it_was);
    tcase_add_test(
        tc, a_power_cut_may_take_commits_that_were_not_durable_but_only_from_the_end);
    tcase_add_test(tc, reading_a_damaged_row_ends_the_process);
    tcase_add_test(
        tc, a_killed_process_loses_nothing_it_committed_and_leaves_no_half_batch);
    tcase_add_test(tc, a_view_of_another_process_sees_what_that_said_it_committed);
    tcase_add_test(
        tc, a_view_follows_through_flushes_compactions_and_new_lives_of_the_owner);
    tcase_add_test(tc,
        a_view_that_lags_behind_flushes_compactions_and_restarts_is_right_in_each_row);
    tcase_add_test(tc, a_view_leaves_nothing_behind_and_needs_something_to_look_at);
    tcase_add_test(tc, a_failed_write_fails_the_commit_and_what_was_durable_is_there);
    tcase_add_test(tc, a_full_device_is_said_to_be_full);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
