/* view_rocksdb.c - a journal as another process sees it: a RocksDB secondary. */
#include "base/hash.h"
#include "base/wrong.h"
#include "store/mark.h"
#include "store/rocksdb_store.h"
#include "store/view_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES_MAX = 64 }; /* in a row, while the owner makes and removes files */

/* What RocksDB's list of files was at some time. */
struct file_list {
    ino_t current; /* CURRENT is replaced when it names another MANIFEST */
    struct timespec current_at;
    off_t size;    /* of that MANIFEST, which only grows */
    uint64_t logs; /* stands for the set of logs */
};

struct view {
    struct store store;    /* first: the backend's reading calls take it */
    struct file_list seen; /* before the store was last read */
    struct view_folder folder;
    bool
        still; /* nobody owns it meanwhile: all must be in order, or it is not opened */
};

static uint64_t
logs_of(const struct view *view)
{
    uint64_t sum = 0;
    DIR *dir = opendir(view->store.path);
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".log") != NULL)
            sum += hash_table(text(entry->d_name));
    closedir(dir);
    return sum;
}

static struct file_list
file_list_of(const struct view *view)
{
    char path[PATH_MAX + 64], name[64];
    struct stat found;
    struct file_list list = { .logs = logs_of(view) };
    snprintf(path, sizeof path, "%s/CURRENT", view->store.path);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return list;
    if (fstat(fileno(in), &found) == 0) {
        list.current = found.st_ino;
        list.current_at = found.st_mtim;
    }
    bool named = fscanf(in, "%63s", name) == 1;
    fclose(in);
    snprintf(path, sizeof path, "%s/%s", view->store.path, named ? name : "");
    if (named && stat(path, &found) == 0)
        list.size = found.st_size;
    return list;
}

static bool
same_manifest(const struct file_list *a, const struct file_list *b)
{
    return a->current == b->current && a->current_at.tv_sec == b->current_at.tv_sec
           && a->current_at.tv_nsec == b->current_at.tv_nsec;
}

static bool
same_files(const struct file_list *a, const struct file_list *b)
{
    return same_manifest(a, b) && a->size == b->size && a->logs == b->logs;
}

/* A secondary passes over tables that are damaged, as if they were not written yet;
 * this one names them. */
static enum err
open_still(struct view *view, struct fault *fault)
{
    struct store *store = &view->store;
    char *message = NULL;
    rocksdb_options_set_db_log_dir(store->setup.options, view->folder.path);
    store->db = rocksdb_open_for_read_only_column_families(store->setup.options,
        store->path, SHELF_COUNT, store->setup.names, store->setup.families,
        store->families, 0, &message);
    return message == NULL ? ERR_NONE : store_open_failure(store, message, fault);
}

static enum err
open_secondary(struct view *view, struct fault *fault)
{
    struct store *store = &view->store;
    char *message = NULL;
    store_shut(store);
    store->db = rocksdb_open_as_secondary_column_families(store->setup.options,
        store->path, view->folder.path, SHELF_COUNT, store->setup.names,
        store->setup.families, store->families, &message);
    return message == NULL ? ERR_NONE : store_open_failure(store, message, fault);
}

/* After a new life of its owner RocksDB may go on to read rows from memory that tables
 * have in a later form: begin anew.  In one life, the owner's epoch in each batch makes
 * RocksDB drop that memory in time. */
static enum err
read_once(struct view *view, const struct file_list *now, struct fault *fault)
{
    char *message = NULL;
    if (view->still)
        return view->store.db == NULL ? open_still(view, fault) : ERR_NONE;
    if (view->store.db == NULL || !same_manifest(now, &view->seen))
        return open_secondary(view, fault);
    rocksdb_try_catch_up_with_primary(view->store.db, &message);
    return message == NULL ? ERR_NONE : store_failure(&view->store, message, fault);
}

static uint64_t
last_write(const struct view *view)
{
    rocksdb_t *db = view->store.db;
    return db == NULL ? 0 : rocksdb_get_latest_sequence_number(db);
}

/* The last write that its owner knows to be durable; 0: not known. */
static uint64_t
last_durable(const struct view *view)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/mark", view->store.path);
    int mark = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t sequence = mark < 0 ? 0 : mark_read(mark);
    if (mark >= 0)
        close(mark);
    return sequence;
}

static enum err
check_durable(struct view *view, uint64_t durable, struct fault *fault)
{
    uint64_t last = last_write(view);
    if (last >= durable)
        return ERR_NONE;
    store_shut(&view->store);
    return fault_set(fault, ERR_CORRUPT,
        "%s: what can be read ends at write %" PRIu64 ", but %" PRIu64 " was durable",
        view->store.path, last, durable);
}

/* RocksDB reads the list of files and then the logs that are there.  If meanwhile the
 * owner turns a log into a table and removes it, its writes are in neither; if it only
 * removes one, RocksDB reads none; and a table may be gone before it is opened.  So
 * read again until nothing of that happened. */
static enum err
read_all(struct view *view, struct fault *fault)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        struct file_list now = file_list_of(view);
        uint64_t durable = last_durable(view);
        enum err e = read_once(view, &now, fault);
        if (e == ERR_NONE)
            e = check_durable(view, durable, fault);
        if (e != ERR_NONE)
            store_shut(&view->store);
        view->seen = now;
        struct file_list after = file_list_of(view);
        if (same_files(&now, &after))
            return e;
    }
    return fault_set(fault, ERR_IO, "%s: its files change faster than they can be read",
        view->store.path);
}

static enum err
view_catch_up(void *self, bool *moved, struct fault *fault)
{
    struct view *view = self;
    struct file_list before = view->seen;
    uint64_t last = last_write(view);
    enum err e = read_all(view, fault);
    if (e != ERR_NONE)
        return e;
    *moved = !same_files(&before, &view->seen) || last_write(view) != last;
    return ERR_NONE;
}

static void
view_close(void *self)
{
    struct view *view = self;
    store_free(&view->store);
    view_folder_close(&view->folder);
    free(view);
}

static const struct backend view_backend = {
    .get = store_get,
    .scan = store_scan,
    .catch_up = view_catch_up,
    .close = view_close,
};

static enum err
open_view(struct view *view, struct fault *fault)
{
    if (file_list_of(view).size == 0)
        return fault_set(
            fault, ERR_NOT_FOUND, "%s: there is no journal to view", view->store.path);
    enum err e = view_folder_open(view->store.path, &view->folder, fault);
    return e == ERR_NONE ? read_all(view, fault) : e;
}

enum err
journal_view_rocksdb(const char *path, bool still,
    const struct journal_options *options, struct journal **journal,
    struct fault *fault)
{
    *journal = NULL;
    struct view *view = calloc(1, sizeof *view);
    if (view == NULL)
        WRONG("out of memory");
    view->folder.lock = -1;
    view->still = still;
    enum err e = store_make(&view->store, path, options, true, fault);
    if (e == ERR_NONE)
        e = open_view(view, fault);
    if (e == ERR_NONE)
        return journal_begin(&view_backend, view, true, options, journal, fault);
    view_close(view);
    return e;
}
