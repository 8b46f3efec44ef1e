/* journal.c - what every journal does, whatever keeps its bytes: numbers and the chain
 * of records, the rows in memory, and what is not committed yet. */
#include "store/journal.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/wrong.h"
#include "store/backend.h"
#include "store/cache.h"
#include "store/overlay.h"
#include "store/stored.h"
#include "store/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_BROKEN = 111 };                  /* the supervisor starts us again */
enum { BATCH_MAX = 1024 * 1024 * 1024 };     /* bytes; the loop commits far earlier */
enum { BUFFER_KEPT_MAX = 1024 * 1024 };      /* bytes of memory kept between commits */
enum { EPOCH_FORM = 1, EPOCH_ROW_SIZE = 9 }; /* on disk: form, epoch big-endian */

/* Beside a blob lies how often it was put: its key has one byte more. */
enum { COUNT_KEY_SIZE = HASH_SIZE + 1 };

/* A blob that was put or dropped since the last commit. */
struct blob {
    struct sorted_node node; /* its key is the hash */
    uint8_t count_key[COUNT_KEY_SIZE];
    struct number_key count_row;
    struct bytes bytes; /* to be written; nothing: it is there */
    bool there;         /* on the device */
    bool counted;
    uint64_t count;
};

/* A record that is to say less. */
struct strip {
    struct sorted_node node;
    struct number_key key;
    struct bytes stored;
};

struct journal {
    const struct backend *backend;
    void *self;      /* the backend's */
    bool view;       /* somebody else's */
    bool unsynced;   /* a commit was not durable */
    enum err failed; /* a commit failed: nothing can be said any more */
    uint64_t epoch;  /* ours */
    uint8_t epoch_row[EPOCH_ROW_SIZE];
    uint64_t written;   /* number of the last committed record */
    struct record last; /* its facts are not kept */
    struct cache cache;
    /* Not committed yet */
    struct buffer records;     /* their bytes */
    struct buffer record_ends; /* size_t: where each ends in `records` */
    struct sorted blobs;
    struct sorted strips;
    struct arena arena; /* blobs, strips and the list of changes */
    struct buffer read; /* what journal_read gave last */
};

/* The process cannot answer from a device that fails or lies. */
static _Noreturn void
broken(const char *event, const struct fault *fault)
{
    log_line(
        LOG_BROKEN, event, "err=%s detail=\"%s\"", err_name(fault->err), fault->detail);
    _exit(EXIT_BROKEN);
}

static size_t
pending_count(const struct journal *journal)
{
    return journal->record_ends.size / sizeof(size_t);
}

/* The bytes of the i-th record that is not committed yet. */
static struct bytes
pending_record(const struct journal *journal, size_t i)
{
    size_t begin = 0, end;
    const uint8_t *ends = journal->record_ends.data;
    if (i > 0)
        memcpy(&begin, ends + (i - 1) * sizeof begin, sizeof begin);
    memcpy(&end, ends + i * sizeof end, sizeof end);
    return bytes_of(journal->records.data + begin, end - begin);
}

/* ---- begin and end ---- */

struct last_record {
    struct record record;
    struct fault *fault;
    enum err err;
};

static bool
take_last(void *self, struct bytes key, struct bytes value)
{
    struct last_record *last = self;
    last->err = stored_read(value, number_of_key(key), &last->record, last->fault);
    return false;
}

static enum err
find_last(struct journal *journal, struct fault *fault)
{
    struct last_record last = { .fault = fault };
    struct range all_backward = { .backward = true };
    enum err e = journal->backend->scan(
        journal->self, SHELF_RECORDS, &all_backward, take_last, &last, fault);
    if (e == ERR_NONE)
        e = last.err;
    last.record.facts = (struct bytes){ 0 };
    journal->last = last.record;
    journal->written = last.record.number;
    return e;
}

static struct change
epoch_change(const struct journal *journal)
{
    return (struct change){ SHELF_ROWS, text(""),
        bytes_of(journal->epoch_row, sizeof journal->epoch_row) };
}

/* Say durably that this epoch owns the journal, unless a later one did. */
static enum err
own(struct journal *journal, struct fault *fault)
{
    struct bytes key = text(""), row;
    uint64_t owner = 0;
    enum err e = journal->backend->get(journal->self, SHELF_ROWS, key, &row, fault);
    if (e == ERR_NONE && (row.size != EPOCH_ROW_SIZE || row.data[0] != EPOCH_FORM))
        return fault_set(fault, ERR_CORRUPT, "the owner's epoch has an unknown form");
    if (e == ERR_NONE)
        owner = number_of_key(bytes_of(row.data + 1, NUMBER_SIZE));
    else if (e != ERR_NOT_FOUND)
        return e;
    if (journal->epoch <= owner)
        return fault_set(fault, ERR_CONFLICT,
            "epoch %" PRIu64 " is not later than the owner's, %" PRIu64, journal->epoch,
            owner);
    struct number_key epoch = number_key(journal->epoch);
    journal->epoch_row[0] = EPOCH_FORM;
    memcpy(journal->epoch_row + 1, epoch.bytes, NUMBER_SIZE);
    struct change change = epoch_change(journal);
    return journal->backend->write(journal->self, &change, 1, true, fault);
}

enum err
journal_begin(const struct backend *backend, void *self, bool view,
    const struct journal_options *options, struct journal **journal,
    struct fault *fault)
{
    struct journal *made = calloc(1, sizeof *made);
    if (made == NULL)
        WRONG("out of memory");
    made->backend = backend;
    made->self = self;
    made->view = view;
    made->epoch = options->epoch;
    cache_open(&made->cache, options->state_cache_bytes);
    enum err e = find_last(made, fault);
    if (e == ERR_NONE && !view)
        e = own(made, fault);
    if (e != ERR_NONE)
        journal_close(&made);
    *journal = made;
    return e;
}

void
journal_close(struct journal **journal)
{
    struct journal *closed = *journal;
    if (closed == NULL)
        return;
    closed->backend->close(closed->self);
    cache_close(&closed->cache);
    buffer_free(&closed->records);
    buffer_free(&closed->record_ends);
    buffer_free(&closed->read);
    arena_free(&closed->arena);
    free(closed);
    *journal = NULL;
}

/* ---- records ---- */

uint64_t
journal_last(const struct journal *journal)
{
    return journal->last.number;
}

uint64_t
journal_last_ms(const struct journal *journal)
{
    return journal->last.at_ms;
}

uint64_t
journal_append(struct journal *journal, uint64_t at_ms, struct bytes facts)
{
    assert(!journal->view);
    assert(at_ms >= journal->last.at_ms);
    assert(facts.size <= JOURNAL_VALUE_MAX);
    assert(journal->records.size <= BATCH_MAX);
    struct record record = {
        .number = journal->last.number + 1,
        .at_ms = at_ms,
        .epoch = journal->epoch,
        .facts = facts,
    };
    stored_write(&record, &journal->last.hash, &journal->records);
    buffer_append(
        &journal->record_ends, &journal->records.size, sizeof journal->records.size);
    record.facts = (struct bytes){ 0 };
    journal->last = record;
    return record.number;
}

/* The bytes of the record that has this number. */
static struct bytes
find_stored(struct journal *journal, uint64_t number)
{
    struct fault fault;
    struct bytes stored;
    struct number_key key = number_key(number);
    struct bytes key_bytes = bytes_of(key.bytes, sizeof key.bytes);
    struct sorted_node *strip = sorted_find(&journal->strips, key_bytes);
    if (strip != NULL)
        return LIST_OF(strip, struct strip, node)->stored;
    if (number > journal->written)
        return pending_record(journal, number - journal->written - 1);
    enum err e =
        journal->backend->get(journal->self, SHELF_RECORDS, key_bytes, &stored, &fault);
    if (e == ERR_NOT_FOUND)
        fault_set(&fault, ERR_CORRUPT, "record %" PRIu64 " is missing", number);
    if (e != ERR_NONE)
        broken("journal_read", &fault);
    return stored;
}

enum err
journal_read(struct journal *journal, uint64_t number, struct record *record)
{
    struct fault fault;
    if (number == 0 || number > journal->last.number)
        return ERR_NOT_FOUND;
    struct bytes stored = find_stored(journal, number);
    buffer_clear(&journal->read);
    buffer_append_bytes(&journal->read, stored);
    if (stored_read(buffer_bytes(&journal->read), number, record, &fault) != ERR_NONE)
        broken("journal_read", &fault);
    return ERR_NONE;
}

void
journal_strip(struct journal *journal, uint64_t number, struct bytes facts)
{
    struct buffer stripped = { 0 };
    struct number_key key = number_key(number);
    assert(!journal->view);
    assert(number > 0);
    assert(number <= journal->last.number);
    stored_strip(find_stored(journal, number), facts, &stripped);
    struct sorted_node *node =
        sorted_find(&journal->strips, bytes_of(key.bytes, NUMBER_SIZE));
    struct strip *strip = node == NULL ? arena_take(&journal->arena, sizeof *strip)
                                       : LIST_OF(node, struct strip, node);
    strip->stored = arena_copy(&journal->arena, buffer_bytes(&stripped));
    buffer_free(&stripped);
    if (node != NULL)
        return;
    strip->key = key;
    strip->node.key = bytes_of(strip->key.bytes, NUMBER_SIZE);
    sorted_insert(&journal->strips, &strip->node);
}

struct replay {
    bool (*each)(void *self, const struct record *record);
    void *self;
    uint64_t next;
    bool stopped;
};

static bool
replay_one(void *self, struct bytes key, struct bytes value)
{
    struct replay *replay = self;
    struct record record;
    struct fault fault;
    if (number_of_key(key) != replay->next) {
        fault_set(&fault, ERR_CORRUPT, "record %" PRIu64 " is missing", replay->next);
        broken("journal_replay", &fault);
    }
    if (stored_read(value, replay->next, &record, &fault) != ERR_NONE)
        broken("journal_replay", &fault);
    replay->next++;
    replay->stopped = !replay->each(replay->self, &record);
    return !replay->stopped;
}

void
journal_replay(struct journal *journal, uint64_t from,
    bool (*each)(void *self, const struct record *record), void *self)
{
    struct fault fault;
    struct replay replay = { each, self, from > 0 ? from : 1, false };
    struct number_key key = number_key(replay.next);
    struct range range = { .from = bytes_of(key.bytes, sizeof key.bytes) };
    if (journal->backend->scan(
            journal->self, SHELF_RECORDS, &range, replay_one, &replay, &fault)
        != ERR_NONE)
        broken("journal_replay", &fault);
    while (!replay.stopped && replay.next <= journal->last.number) {
        key = number_key(replay.next);
        if (replay.next <= journal->written) {
            fault_set(
                &fault, ERR_CORRUPT, "record %" PRIu64 " is missing", replay.next);
            broken("journal_replay", &fault);
        }
        replay_one(&replay, bytes_of(key.bytes, sizeof key.bytes),
            find_stored(journal, replay.next));
    }
}

/* ---- rows ---- */

static void
check_key(struct bytes key)
{
    assert(key.size > 0);
    assert(key.size <= JOURNAL_KEY_MAX);
}

struct bytes
journal_get(struct journal *journal, struct bytes key)
{
    struct fault fault;
    struct bytes value = { 0 };
    check_key(key);
    struct row *row = cache_find(&journal->cache, key);
    if (row != NULL)
        return row_value(row);
    enum err e = journal->backend->get(journal->self, SHELF_ROWS, key, &value, &fault);
    if (e != ERR_NONE && e != ERR_NOT_FOUND)
        broken("journal_get", &fault);
    return row_value(cache_keep(&journal->cache, key, value));
}

void
journal_put(struct journal *journal, struct bytes key, struct bytes value)
{
    assert(!journal->view);
    assert(value.size <= JOURNAL_VALUE_MAX);
    check_key(key);
    cache_change(&journal->cache, key, value.data == NULL ? text("") : value);
}

void
journal_delete(struct journal *journal, struct bytes key)
{
    assert(!journal->view);
    check_key(key);
    cache_change(&journal->cache, key, (struct bytes){ 0 });
}

void
journal_scan(struct journal *journal, struct bytes from, struct bytes to, bool backward,
    each_fn *each, void *self)
{
    static const uint8_t after_epoch[1] = { 0 }; /* the first key that users may have */
    struct fault fault;
    struct range range = { from, to, backward };
    if (from.size == 0)
        range.from = bytes_of(after_epoch, sizeof after_epoch);
    if (overlay_scan(&journal->cache.changed, journal->backend, journal->self, &range,
            each, self, &fault)
        != ERR_NONE)
        broken("journal_scan", &fault);
}

/* ---- blobs ---- */

static bool
find_blob(struct journal *journal, struct bytes key, struct bytes *value)
{
    struct fault fault;
    enum err e = journal->backend->get(journal->self, SHELF_BLOBS, key, value, &fault);
    if (e != ERR_NONE && e != ERR_NOT_FOUND)
        broken("journal_blob", &fault);
    return e == ERR_NONE;
}

/* As it is on the device, and what has become of it since. */
static struct blob *
take_blob(struct journal *journal, const struct hash *hash)
{
    struct bytes found;
    struct sorted_node *node =
        sorted_find(&journal->blobs, bytes_of(hash->bytes, HASH_SIZE));
    if (node != NULL)
        return LIST_OF(node, struct blob, node);
    struct blob *blob = arena_take(&journal->arena, sizeof *blob);
    *blob = (struct blob){ .there = false };
    memcpy(blob->count_key, hash->bytes, HASH_SIZE);
    blob->node.key = bytes_of(blob->count_key, HASH_SIZE);
    blob->there = find_blob(journal, blob->node.key, &found);
    blob->counted =
        !blob->there
        || find_blob(journal, bytes_of(blob->count_key, COUNT_KEY_SIZE), &found);
    if (blob->there && blob->counted)
        blob->count = number_of_key(found);
    sorted_insert(&journal->blobs, &blob->node);
    return blob;
}

struct hash
journal_put_blob(struct journal *journal, struct bytes bytes)
{
    assert(!journal->view);
    assert(bytes.size <= JOURNAL_VALUE_MAX);
    struct hash hash = hash_of(bytes);
    struct blob *blob = take_blob(journal, &hash);
    blob->count++;
    if (!blob->there && blob->bytes.data == NULL)
        blob->bytes = bytes.size == 0 ? text("") : arena_copy(&journal->arena, bytes);
    return hash;
}

void
journal_drop_blob(struct journal *journal, const struct hash *hash)
{
    assert(!journal->view);
    struct blob *blob = take_blob(journal, hash);
    if (blob->counted && blob->count > 0)
        blob->count--;
}

enum err
journal_get_blob(struct journal *journal, const struct hash *hash, struct arena *arena,
    struct bytes *blob)
{
    struct fault fault;
    struct bytes key = bytes_of(hash->bytes, HASH_SIZE);
    struct sorted_node *pending = sorted_find(&journal->blobs, key);
    struct bytes stored = { 0 };
    if (pending != NULL)
        stored = LIST_OF(pending, struct blob, node)->bytes;
    if (stored.data == NULL) {
        enum err e =
            journal->backend->get(journal->self, SHELF_BLOBS, key, &stored, &fault);
        if (e == ERR_NOT_FOUND)
            return e;
        if (e != ERR_NONE)
            broken("journal_get_blob", &fault);
    }
    *blob = stored.size == 0 ? text("") : arena_copy(arena, stored);
    return ERR_NONE;
}

/* ---- commit ---- */

bool
journal_dirty(const struct journal *journal)
{
    return pending_count(journal) > 0 || journal->cache.changed.count > 0
           || journal->blobs.count > 0 || journal->strips.count > 0;
}

/* Returns the end of the list. */
static struct change *
list_blob(struct blob *blob, struct change *at)
{
    struct bytes count_key = bytes_of(blob->count_key, COUNT_KEY_SIZE);
    if (!blob->counted || (blob->count == 0 && !blob->there))
        return at;
    if (blob->count == 0) {
        *at++ = (struct change){ SHELF_BLOBS, blob->node.key, { 0 } };
        *at++ = (struct change){ SHELF_BLOBS, count_key, { 0 } };
        return at;
    }
    if (!blob->there)
        *at++ = (struct change){ SHELF_BLOBS, blob->node.key, blob->bytes };
    blob->count_row = number_key(blob->count);
    *at++ = (struct change){ SHELF_BLOBS, count_key,
        bytes_of(blob->count_row.bytes, NUMBER_SIZE) };
    return at;
}

/* All that is not committed, in the arena.  Every batch says whose it is: views of
 * RocksDB depend on a row in each (view_rocksdb.c). */
static struct change *
list_changes(struct journal *journal, size_t *count)
{
    size_t records = pending_count(journal);
    size_t most = 1 + records + journal->cache.changed.count + journal->strips.count
                  + 2 * journal->blobs.count;
    struct change *changes = arena_take(&journal->arena, most * sizeof *changes);
    struct change *at = changes;
    *at++ = epoch_change(journal);
    struct number_key *keys = arena_take(&journal->arena, records * sizeof *keys);
    for (size_t i = 0; i < records; i++) {
        keys[i] = number_key(journal->written + 1 + i);
        *at++ = (struct change){ SHELF_RECORDS, bytes_of(&keys[i], NUMBER_SIZE),
            pending_record(journal, i) };
    }
    struct sorted_node *node = sorted_at_or_after(&journal->cache.changed, text(""));
    for (; node != NULL; node = sorted_next(node, false)) {
        const struct row *row = LIST_OF(node, struct row, node);
        *at++ = (struct change){ SHELF_ROWS, node->key, row_value(row) };
    }
    /* Behind the records: one may be stripped in the batch that writes it. */
    node = sorted_at_or_after(&journal->strips, text(""));
    for (; node != NULL; node = sorted_next(node, false))
        *at++ = (struct change){ SHELF_RECORDS, node->key,
            LIST_OF(node, struct strip, node)->stored };
    node = sorted_at_or_after(&journal->blobs, text(""));
    for (; node != NULL; node = sorted_next(node, false))
        at = list_blob(LIST_OF(node, struct blob, node), at);
    *count = (size_t)(at - changes);
    assert(*count <= most);
    return changes;
}

/* Everything is on the device. */
static void
settle(struct journal *journal, bool durable)
{
    journal->unsynced = !durable && (journal->unsynced || journal_dirty(journal));
    journal->written = journal->last.number;
    cache_settle(&journal->cache);
    buffer_clear(&journal->records);
    buffer_clear(&journal->record_ends);
    if (journal->records.capacity > BUFFER_KEPT_MAX)
        buffer_free(&journal->records);
    if (journal->read.capacity > BUFFER_KEPT_MAX)
        buffer_free(&journal->read);
    journal->blobs = journal->strips = (struct sorted){ 0 };
    arena_reset(&journal->arena);
}

enum err
journal_commit(struct journal *journal, bool durable)
{
    struct fault fault;
    assert(!journal->view);
    if (journal->failed != ERR_NONE)
        return journal->failed;
    if (journal_dirty(journal) || (durable && journal->unsynced)) {
        size_t count = 0;
        const struct change *changes =
            journal_dirty(journal) ? list_changes(journal, &count) : NULL;
        journal->failed =
            journal->backend->write(journal->self, changes, count, durable, &fault);
        if (journal->failed != ERR_NONE) {
            log_line(LOG_BROKEN, "journal_commit", "err=%s detail=\"%s\"",
                err_name(journal->failed), fault.detail);
            return journal->failed;
        }
    }
    settle(journal, durable);
    return ERR_NONE;
}

enum err
journal_catch_up(struct journal *journal, struct fault *fault)
{
    bool moved = false;
    assert(journal->view);
    enum err e = journal->backend->catch_up(journal->self, &moved, fault);
    if (e != ERR_NONE)
        return e;
    if (!moved) {
        cache_settle(&journal->cache);
        return ERR_NONE;
    }
    cache_forget(&journal->cache);
    return find_last(journal, fault);
}

enum err
journal_scan_shelf(struct journal *journal, enum shelf shelf, each_fn *each, void *self,
    struct fault *fault)
{
    struct range all = { 0 };
    return journal->backend->scan(journal->self, shelf, &all, each, self, fault);
}

enum err
journal_verify(struct journal *journal, struct fault *fault)
{
    return verify(journal->backend, journal->self, journal->written, fault);
}
