/* journal_rocksdb.c - journals on RocksDB: a column family per shelf, one write-ahead
 * log.  docs/decisions/0002-journal-layout.md says why it is set up like this. */
#include "base/folder.h"
#include "base/log.h"
#include "base/wrong.h"
#include "store/mark.h"
#include "store/rocksdb_files.h"
#include "store/rocksdb_store.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_KEPT_MAX = 1024 * 1024 }; /* bytes of a write batch kept for the next */

struct owner {
    struct store store; /* first: the backend's reading calls take it */
    rocksdb_writeoptions_t *write, *write_durable;
    rocksdb_writebatch_t *batch;
    int mark;    /* file descriptor; -1: not open */
    bool whole;  /* opened, and it reaches as far as its mark */
    bool failed; /* RocksDB could not write: it must not be asked again */
};

static void
fill_batch(struct owner *owner, const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        const char *key = (const char *)c->key.data;
        if (c->value.data == NULL)
            rocksdb_writebatch_delete_cf(
                owner->batch, owner->store.families[c->shelf], key, c->key.size);
        else
            rocksdb_writebatch_put_cf(owner->batch, owner->store.families[c->shelf],
                key, c->key.size, (const char *)c->value.data, c->value.size);
    }
}

static void
empty_batch(struct owner *owner)
{
    size_t size;
    rocksdb_writebatch_data(owner->batch, &size);
    if (size > BATCH_KEPT_MAX) {
        rocksdb_writebatch_destroy(owner->batch);
        owner->batch = rocksdb_writebatch_create();
    } else {
        rocksdb_writebatch_clear(owner->batch);
    }
}

static enum err
owner_write(void *self, const struct change *changes, size_t count, bool durable,
    struct fault *fault)
{
    struct owner *owner = self;
    char *message = NULL;
    if (count == 0) {
        rocksdb_flush_wal(owner->store.db, 1, &message);
    } else {
        fill_batch(owner, changes, count);
        rocksdb_write(owner->store.db, durable ? owner->write_durable : owner->write,
            owner->batch, &message);
        empty_batch(owner);
    }
    owner->failed = message != NULL;
    if (message != NULL)
        return store_failure(&owner->store, message, fault);
    if (!durable)
        return ERR_NONE;
    return mark_write(
        owner->mark, rocksdb_get_latest_sequence_number(owner->store.db), fault);
}

/* What was committed becomes durable; nobody is left to tell if that fails.  The mark
 * of a journal that was refused stays, for whoever tries again. */
static void
owner_close(void *self)
{
    struct owner *owner = self;
    struct fault fault;
    if (owner->whole && !owner->failed)
        (void)!owner_write(owner, NULL, 0, true, &fault);
    /* RocksDB's destructors insist on a sync; the process ends now. */
    if (owner->failed)
        owner->store.db = NULL;
    store_free(&owner->store);
    rocksdb_writebatch_destroy(owner->batch);
    rocksdb_writeoptions_destroy(owner->write_durable);
    rocksdb_writeoptions_destroy(owner->write);
    if (owner->mark >= 0)
        close(owner->mark);
    free(owner);
}

static const struct backend owner_backend = {
    .get = store_get,
    .scan = store_scan,
    .write = owner_write,
    .close = owner_close,
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
    return folder_sync(dirname(copy), fault);
}

/* A power cut may leave the end of the log torn, which nobody was told of. */
static enum err
mend_tail(const char *path, uint64_t mark, struct fault *fault)
{
    struct rocksdb_torn torn;
    enum err e = rocksdb_files_check(path, mark, &torn, fault);
    if (e != ERR_NONE || torn.log == 0)
        return e;
    log_line(LOG_UNUSUAL, "torn_tail", "log=\"%s/%06" PRIu64 ".log\" from=%" PRIu64,
        path, torn.log, torn.at);
    return rocksdb_files_cut(path, &torn, fault);
}

static enum err
open_owned(struct owner *owner, struct fault *fault)
{
    char *message = NULL;
    enum err e = make_folder(owner->store.path, fault);
    if (e == ERR_NONE)
        e = mark_open(owner->store.path, &owner->mark, fault);
    if (e != ERR_NONE)
        return e;
    uint64_t mark = mark_read(owner->mark);
    e = mend_tail(owner->store.path, mark, fault);
    if (e != ERR_NONE)
        return e;
    owner->store.db = rocksdb_open_column_families(owner->store.setup.options,
        owner->store.path, SHELF_COUNT, owner->store.setup.names,
        owner->store.setup.families, owner->store.families, &message);
    if (message != NULL)
        return store_open_failure(&owner->store, message, fault);
    uint64_t last = rocksdb_get_latest_sequence_number(owner->store.db);
    if (last < mark)
        return fault_set(fault, ERR_CORRUPT,
            "%s: ends at write %" PRIu64 ", but %" PRIu64 " was durable",
            owner->store.path, last, mark);
    owner->whole = true;
    return ERR_NONE;
}

static struct owner *
owner_new(void)
{
    struct owner *owner = calloc(1, sizeof *owner);
    if (owner == NULL)
        WRONG("out of memory");
    owner->mark = -1;
    owner->write = rocksdb_writeoptions_create();
    owner->write_durable = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(owner->write_durable, 1);
    owner->batch = rocksdb_writebatch_create();
    return owner;
}

enum err
backend_open_rocksdb(const char *path, const struct journal_options *options,
    const struct backend **backend, void **self, struct fault *fault)
{
    struct owner *owner = owner_new();
    enum err e = store_make(&owner->store, path, options, false, fault);
    if (e == ERR_NONE)
        e = open_owned(owner, fault);
    *backend = &owner_backend;
    *self = owner;
    if (e != ERR_NONE)
        owner_close(owner);
    return e;
}

enum err
journal_open_rocksdb(const char *path, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    const struct backend *backend;
    void *self;
    *journal = NULL;
    enum err e = backend_open_rocksdb(path, options, &backend, &self, fault);
    if (e != ERR_NONE)
        return e;
    return journal_begin(backend, self, false, options, journal, fault);
}
