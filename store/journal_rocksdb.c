/* journal_rocksdb.c - journals on RocksDB: a column family per shelf, one write-ahead
 * log.  docs/decisions/0002-journal-layout.md says why it is set up like this. */
#include "base/wrong.h"
#include "store/backend.h"
#include "store/mark.h"
#include "store/rocksdb_files.h"
#include "store/rocksdb_options.h"
#include "store/view_folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_KEPT_MAX = 1024 * 1024 }; /* bytes of a write batch kept for the next */
enum { READ_AHEAD = 256 * 1024 };      /* bytes, when a whole shelf is read */

struct store {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[SHELF_COUNT];
    struct rocksdb_setup setup;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write, *write_durable;
    rocksdb_writebatch_t *batch;
    rocksdb_pinnableslice_t *pinned; /* what get gave last */
    int mark;                        /* owner: file descriptor */
    struct view_folder view_folder;  /* view */
    char path[PATH_MAX];
};

/* RocksDB's first words say what kind of failure it is. */
static enum err
failure(char *message, struct fault *fault)
{
    enum err e = ERR_IO;
    if (strncmp(message, "Corruption", 10) == 0)
        e = ERR_CORRUPT;
    else if (strstr(message, "No space left") != NULL)
        e = ERR_NO_SPACE;
    fault_set(fault, e, "%s", message);
    rocksdb_free(message);
    return e;
}

/* While opening, what is missing or makes no sense was there before. */
static enum err
open_failure(char *message, struct fault *fault)
{
    bool locked = strstr(message, "lock") != NULL && strstr(message, "/LOCK") != NULL;
    bool senseless = strstr(message, "No such file") != NULL
                     || strncmp(message, "Invalid argument", 16) == 0;
    enum err e = failure(message, fault);
    if (e == ERR_IO && locked)
        return fault->err = ERR_CONFLICT;
    if (e == ERR_IO && senseless)
        return fault->err = ERR_CORRUPT;
    return e;
}

/* ---- backend ---- */

static enum err
store_get(void *self, enum shelf shelf, struct bytes key, struct bytes *value,
    struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    rocksdb_pinnableslice_destroy(store->pinned);
    store->pinned = rocksdb_get_pinned_cf(store->db, store->read,
        store->families[shelf], (const char *)key.data, key.size, &message);
    if (message != NULL)
        return failure(message, fault);
    if (store->pinned == NULL)
        return ERR_NOT_FOUND;
    value->data =
        (const uint8_t *)rocksdb_pinnableslice_value(store->pinned, &value->size);
    return ERR_NONE;
}

/* Bounds keep RocksDB from searching for a live row beyond them. */
static rocksdb_readoptions_t *
range_options(const struct range *range)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(read, 1);
    if (range->from.size > 0)
        rocksdb_readoptions_set_iterate_lower_bound(
            read, (const char *)range->from.data, range->from.size);
    if (range->to.size > 0)
        rocksdb_readoptions_set_iterate_upper_bound(
            read, (const char *)range->to.data, range->to.size);
    if (range->from.size == 0 && range->to.size == 0 && !range->backward) {
        rocksdb_readoptions_set_fill_cache(read, 0);
        rocksdb_readoptions_set_readahead_size(read, READ_AHEAD);
    }
    return read;
}

static enum err
store_scan(void *self, enum shelf shelf, const struct range *range, each_fn *each,
    void *each_self, struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    rocksdb_readoptions_t *read = range_options(range);
    rocksdb_iterator_t *at =
        rocksdb_create_iterator_cf(store->db, read, store->families[shelf]);
    if (range->backward)
        rocksdb_iter_seek_to_last(at);
    else
        rocksdb_iter_seek_to_first(at);
    while (rocksdb_iter_valid(at)) {
        struct bytes key, value;
        key.data = (const uint8_t *)rocksdb_iter_key(at, &key.size);
        value.data = (const uint8_t *)rocksdb_iter_value(at, &value.size);
        if (!each(each_self, key, value))
            break;
        if (range->backward)
            rocksdb_iter_prev(at);
        else
            rocksdb_iter_next(at);
    }
    rocksdb_iter_get_error(at, &message);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(read);
    return message == NULL ? ERR_NONE : failure(message, fault);
}

static void
fill_batch(struct store *store, const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        const char *key = (const char *)c->key.data;
        if (c->value.data == NULL)
            rocksdb_writebatch_delete_cf(
                store->batch, store->families[c->shelf], key, c->key.size);
        else
            rocksdb_writebatch_put_cf(store->batch, store->families[c->shelf], key,
                c->key.size, (const char *)c->value.data, c->value.size);
    }
}

static void
empty_batch(struct store *store)
{
    size_t size;
    rocksdb_writebatch_data(store->batch, &size);
    if (size > BATCH_KEPT_MAX) {
        rocksdb_writebatch_destroy(store->batch);
        store->batch = rocksdb_writebatch_create();
    } else {
        rocksdb_writebatch_clear(store->batch);
    }
}

static enum err
store_write(void *self, const struct change *changes, size_t count, bool durable,
    struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    if (count == 0) {
        rocksdb_flush_wal(store->db, 1, &message);
    } else {
        fill_batch(store, changes, count);
        rocksdb_write(store->db, durable ? store->write_durable : store->write,
            store->batch, &message);
        empty_batch(store);
    }
    if (message != NULL)
        return failure(message, fault);
    if (!durable)
        return ERR_NONE;
    return mark_write(
        store->mark, rocksdb_get_latest_sequence_number(store->db), fault);
}

static enum err
store_catch_up(void *self, bool *moved, struct fault *fault)
{
    struct store *store = self;
    char *message = NULL;
    uint64_t before = rocksdb_get_latest_sequence_number(store->db);
    rocksdb_try_catch_up_with_primary(store->db, &message);
    if (message != NULL)
        return failure(message, fault);
    *moved = rocksdb_get_latest_sequence_number(store->db) != before;
    return ERR_NONE;
}

/* ---- open and close ---- */

static struct store *
store_new(const char *path, const struct journal_options *options, bool view)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        WRONG("out of memory");
    snprintf(store->path, sizeof store->path, "%s", path);
    store->mark = -1;
    store->view_folder.lock = -1;
    rocksdb_setup_make(&store->setup, options, view);
    store->read = rocksdb_readoptions_create();
    store->write = rocksdb_writeoptions_create();
    store->write_durable = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->write_durable, 1);
    store->batch = rocksdb_writebatch_create();
    return store;
}

/* What was committed becomes durable; nobody is left to tell if that fails. */
static void
sync_last(struct store *store)
{
    struct fault fault;
    if (store->mark >= 0)
        (void)!store_write(store, NULL, 0, true, &fault);
}

static void
store_close(void *self)
{
    struct store *store = self;
    rocksdb_pinnableslice_destroy(store->pinned);
    if (store->db != NULL) {
        sync_last(store);
        for (size_t i = 0; i < SHELF_COUNT; i++)
            rocksdb_column_family_handle_destroy(store->families[i]);
        rocksdb_close(store->db);
    }
    rocksdb_writebatch_destroy(store->batch);
    rocksdb_writeoptions_destroy(store->write_durable);
    rocksdb_writeoptions_destroy(store->write);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_setup_free(&store->setup);
    view_folder_close(&store->view_folder);
    if (store->mark >= 0)
        close(store->mark);
    free(store);
}

static const struct backend rocksdb_backend = {
    .get = store_get,
    .scan = store_scan,
    .write = store_write,
    .catch_up = store_catch_up,
    .close = store_close,
};

/* Make the folder and its entry in the folder above durable. */
static enum err
make_folder(const char *path, struct fault *fault)
{
    char copy[PATH_MAX];
    if (mkdir(path, 0700) != 0) {
        if (errno == EEXIST)
            return ERR_NONE;
        return fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
            strerror(errno));
    }
    snprintf(copy, sizeof copy, "%s", path);
    int above = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = above >= 0 && fsync(above) == 0;
    int why = errno;
    if (above >= 0)
        close(above);
    return synced ? ERR_NONE : fault_set(fault, ERR_IO, "%s: %s", copy, strerror(why));
}

static enum err
open_owned(struct store *store, struct fault *fault)
{
    char *message = NULL;
    enum err e = make_folder(store->path, fault);
    if (e == ERR_NONE)
        e = mark_open(store->path, &store->mark, fault);
    if (e != ERR_NONE)
        return e;
    uint64_t mark = mark_read(store->mark);
    e = rocksdb_files_check(store->path, mark, fault);
    if (e != ERR_NONE)
        return e;
    store->db =
        rocksdb_open_column_families(store->setup.options, store->path, SHELF_COUNT,
            store->setup.names, store->setup.families, store->families, &message);
    if (message != NULL)
        return open_failure(message, fault);
    uint64_t last = rocksdb_get_latest_sequence_number(store->db);
    if (last < mark)
        return fault_set(fault, ERR_CORRUPT,
            "%s: ends at write %" PRIu64 ", but %" PRIu64 " was durable", store->path,
            last, mark);
    return ERR_NONE;
}

static enum err
open_view(struct store *store, struct fault *fault)
{
    char current[PATH_MAX + 16];
    char *message = NULL;
    snprintf(current, sizeof current, "%s/CURRENT", store->path);
    if (access(current, R_OK) != 0)
        return fault_set(
            fault, ERR_NOT_FOUND, "%s: there is no journal to view", store->path);
    enum err e = view_folder_open(store->path, &store->view_folder, fault);
    if (e != ERR_NONE)
        return e;
    store->db = rocksdb_open_as_secondary_column_families(store->setup.options,
        store->path, store->view_folder.path, SHELF_COUNT, store->setup.names,
        store->setup.families, store->families, &message);
    return message == NULL ? ERR_NONE : open_failure(message, fault);
}

static enum err
open_store(const char *path, const struct journal_options *options, bool view,
    struct journal **journal, struct fault *fault)
{
    *journal = NULL;
    if (path[0] == '\0' || strlen(path) > PATH_MAX - 128)
        return fault_set(fault, ERR_INVALID, "not a path: \"%s\"", path);
    struct store *store = store_new(path, options, view);
    enum err e = view ? open_view(store, fault) : open_owned(store, fault);
    if (e != ERR_NONE) {
        store_close(store);
        return e;
    }
    return journal_begin(&rocksdb_backend, store, view, options, journal, fault);
}

enum err
journal_open_rocksdb(const char *path, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    return open_store(path, options, false, journal, fault);
}

enum err
journal_view_rocksdb(const char *path, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    return open_store(path, options, true, journal, fault);
}
