/* journal_copy.c - a journal written somewhere else as it is, and what it holds in few
 * words. */
#include "store/backend.h"
#include "store/stored.h"

#include <string.h>

enum { CHANGES_MAX = 512, BYTES_MAX = 4 << 20 }; /* of one write */

struct summing {
    struct journal_sum *sum;
    uint64_t *count; /* of the shelf */
};

static void
add(struct summing *s, struct bytes key, struct bytes value)
{
    struct journal_sum *sum = s->sum;
    sum->all = hash_chain_numbered(&sum->all, key.size, key);
    sum->all = hash_chain_numbered(&sum->all, value.size, value);
    ++*s->count;
}

static struct summing
summing_of(struct journal_sum *sum, enum shelf shelf)
{
    switch (shelf) {
    case SHELF_RECORDS: return (struct summing){ sum, &sum->records };
    case SHELF_ROWS: return (struct summing){ sum, &sum->rows };
    case SHELF_BLOBS:
    case SHELF_COUNT: break;
    }
    return (struct summing){ sum, &sum->blobs };
}

/* The facts of a journal are as the hash of its last record. */
static enum err
finish(struct journal *journal, struct journal_sum *sum, struct fault *fault)
{
    struct record last;
    if (journal_last(journal) != sum->records)
        return fault_set(fault, ERR_CORRUPT, "a record is missing");
    if (sum->records > 0 && journal_read(journal, sum->records, &last) == ERR_NONE)
        sum->facts = last.hash;
    return ERR_NONE;
}

static bool
sum_one(void *self, struct bytes key, struct bytes value)
{
    add(self, key, value);
    return true;
}

enum err
journal_sum(struct journal *journal, struct journal_sum *sum, struct fault *fault)
{
    enum err e = ERR_NONE;
    *sum = (struct journal_sum){ 0 };
    for (int shelf = 0; e == ERR_NONE && shelf < SHELF_COUNT; shelf++) {
        struct summing s = summing_of(sum, (enum shelf)shelf);
        e = journal_scan_shelf(journal, (enum shelf)shelf, sum_one, &s, fault);
    }
    return e == ERR_NONE ? finish(journal, sum, fault) : e;
}

struct copying {
    const struct backend *to;
    void *self;
    enum shelf shelf;
    struct summing summing;
    struct change changes[CHANGES_MAX]; /* not written yet; their bytes: in `arena` */
    size_t count, bytes;
    struct arena arena;
    enum err err;
    struct fault *fault;
};

static void
flush(struct copying *c)
{
    if (c->count > 0 && c->err == ERR_NONE)
        c->err = c->to->write(c->self, c->changes, c->count, false, c->fault);
    c->count = c->bytes = 0;
    arena_reset(&c->arena);
}

static bool
copy_one(void *self, struct bytes key, struct bytes value)
{
    struct copying *c = self;
    add(&c->summing, key, value);
    c->changes[c->count++] = (struct change){
        .shelf = c->shelf,
        .key = key.size > 0 ? arena_copy(&c->arena, key) : text(""),
        .value = value.size > 0 ? arena_copy(&c->arena, value) : text(""),
    };
    c->bytes += key.size + value.size;
    if (c->count == CHANGES_MAX || c->bytes > BYTES_MAX)
        flush(c);
    return c->err == ERR_NONE;
}

static enum err
copy_shelves(struct copying *c, struct journal *from, struct journal_sum *sum)
{
    for (int shelf = 0; c->err == ERR_NONE && shelf < SHELF_COUNT; shelf++) {
        c->shelf = (enum shelf)shelf;
        c->summing = summing_of(sum, c->shelf);
        enum err e = journal_scan_shelf(from, c->shelf, copy_one, c, c->fault);
        if (e != ERR_NONE)
            return e;
        flush(c);
    }
    return c->err;
}

enum err
journal_copy(struct journal *journal, const char *path, struct journal_sum *sum,
    struct fault *fault)
{
    struct journal_options options = { 0 };
    struct bytes key = text(""), owner;
    struct copying c = { .fault = fault };
    *sum = (struct journal_sum){ 0 };
    enum err e = backend_open_rocksdb(path, &options, &c.to, &c.self, fault);
    if (e != ERR_NONE)
        return e;
    if (c.to->get(c.self, SHELF_ROWS, key, &owner, fault) != ERR_NOT_FOUND)
        e = fault_set(fault, ERR_CONFLICT, "%s: there is a journal already", path);
    if (e == ERR_NONE)
        e = copy_shelves(&c, journal, sum);
    if (e == ERR_NONE)
        e = c.to->write(c.self, NULL, 0, true, fault);
    if (e == ERR_NONE)
        e = finish(journal, sum, fault);
    c.to->close(c.self);
    arena_free(&c.arena);
    return e;
}
