/* backend - where a journal keeps its bytes: three shelves of keys and values, changed
 * together.
 *
 * A backend knows neither records nor facts nor caches; journal.c does.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H
#include "store/journal.h"

enum shelf {
    SHELF_RECORDS, /* number, big-endian → stored.h */
    SHELF_ROWS,    /* key → value; the empty key is the owner's epoch */
    SHELF_BLOBS,   /* hash → payload */
    SHELF_COUNT
};

struct change {
    enum shelf shelf;
    struct bytes key;
    struct bytes value; /* data NULL: delete */
};

typedef bool each_fn(void *self, struct bytes key, struct bytes value);

struct range {
    struct bytes from; /* inclusive */
    struct bytes to;   /* exclusive; empty: to the end */
    bool backward;
};

/* All fill `fault` when they fail, except with ERR_NOT_FOUND. */
struct backend {
    /* The value is borrowed until the next call.
     *
     * ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO
     */
    enum err (*get)(void *self, enum shelf shelf, struct bytes key, struct bytes *value,
        struct fault *fault);

    /* Call `each` in order until it returns false; keys and values are valid during
     * that call, which may use the backend.  A whole shelf is read past the caches.
     *
     * ERR_CORRUPT, ERR_IO
     */
    enum err (*scan)(void *self, enum shelf shelf, const struct range *range,
        each_fn *each, void *each_self, struct fault *fault);

    /* All or nothing; no changes and `durable`: make durable what was written before.
     *
     * ERR_NO_SPACE, ERR_IO  outcome unknown
     */
    enum err (*write)(void *self, const struct change *changes, size_t count,
        bool durable, struct fault *fault);

    /* Views: see what the owner wrote; `moved` says whether that was anything.
     *
     * ERR_CORRUPT, ERR_IO
     */
    enum err (*catch_up)(void *self, bool *moved, struct fault *fault);

    void (*close)(void *self);
};

/* Make a journal of an open backend and take ownership of it, unless it is a view.
 * Keeps `self`; closes it when it fails.
 *
 * ERR_CONFLICT  a later epoch has written to it
 * ERR_CORRUPT, ERR_NO_SPACE, ERR_IO
 */
MUST_CHECK enum err journal_begin(const struct backend *backend, void *self, bool view,
    const struct journal_options *options, struct journal **journal,
    struct fault *fault);

/* All of a shelf as it is stored, what is not committed left out.
 *
 * ERR_CORRUPT, ERR_IO
 */
MUST_CHECK enum err journal_scan_shelf(struct journal *journal, enum shelf shelf,
    each_fn *each, void *self, struct fault *fault);

/* The backend of a new or old store at `path`, as nobody's journal.  Its writes take
 * anything; `*self` is to be closed by it.
 *
 * As journal_open_rocksdb.
 */
MUST_CHECK enum err
backend_open_rocksdb(const char *path, const struct journal_options *options,
    const struct backend **backend, void **self, struct fault *fault);

/* "rocksdb:", and "rocksdb-view:" or, `still`, "rocksdb-still:" */
MUST_CHECK enum err
journal_open_rocksdb(const char *path, const struct journal_options *options,
    struct journal **journal, struct fault *fault);
MUST_CHECK enum err journal_view_rocksdb(const char *path, bool still,
    const struct journal_options *options, struct journal **journal,
    struct fault *fault);
#endif
