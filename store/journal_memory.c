#include "store/journal_memory.h"

#include "base/list.h"
#include "base/wrong.h"
#include "store/backend.h"
#include "store/sorted.h"
#include "store/stored.h"

#include <assert.h>
#include <stdlib.h>

/* More commits than these that wait for a sync: the oldest becomes durable by itself,
 * as on any machine that runs long enough. */
enum { UNSYNCED_MAX = 4096 };

struct value {
    size_t size;
    uint8_t bytes[];
};

struct item {
    struct sorted_node node;
    struct value *value;
    uint8_t key[];
};

/* What a change took away. */
struct before {
    struct before *older; /* of the same commit */
    enum shelf shelf;
    struct value *value; /* NULL: there was none */
    size_t key_size;
    uint8_t key[];
};

/* A commit that a power cut may take. */
struct unsynced {
    struct list link;
    struct before *newest;
};

struct memory_disk {
    struct sorted shelves[SHELF_COUNT];
    struct list unsynced; /* struct unsynced, oldest first */
    size_t unsynced_count;
    bool owned;      /* a journal that is no view is open */
    uint64_t life;   /* one more with each crash */
    uint64_t writes; /* commits ever made */
    enum err fail;   /* how the commit after `fail_after` more fails; or ERR_NONE */
    size_t fail_after;
    bool fail_written;
};

/* One journal's hold of a disk. */
struct memory {
    struct memory_disk *disk;
    bool view;
    bool own_disk;   /* it dies with the journal */
    uint64_t life;   /* the disk's when it was opened */
    uint64_t writes; /* the disk's when this view looked last */
};

static void *
room_new(size_t size)
{
    void *room = calloc(1, size);
    if (room == NULL)
        WRONG("out of memory");
    return room;
}

static struct value *
value_new(struct bytes bytes)
{
    if (bytes.data == NULL)
        return NULL;
    struct value *value = room_new(sizeof *value + bytes.size);
    value->size = bytes.size;
    if (bytes.size > 0)
        memcpy(value->bytes, bytes.data, bytes.size);
    return value;
}

/* Put `value` (NULL: none) in its place and return what was there. */
static struct value *
exchange(struct sorted *shelf, struct bytes key, struct value *value)
{
    struct sorted_node *node = sorted_find(shelf, key);
    if (node == NULL) {
        if (value == NULL)
            return NULL;
        struct item *item = room_new(sizeof *item + key.size);
        if (key.size > 0)
            memcpy(item->key, key.data, key.size);
        item->node.key = bytes_of(item->key, key.size);
        item->value = value;
        sorted_insert(shelf, &item->node);
        return NULL;
    }
    struct item *item = LIST_OF(node, struct item, node);
    struct value *old = item->value;
    item->value = value;
    if (value == NULL) {
        sorted_remove(shelf, node);
        free(item);
    }
    return old;
}

/* ---- what is not durable yet ---- */

static void
remember(struct unsynced *commit, const struct change *change, struct value *old)
{
    struct before *before = room_new(sizeof *before + change->key.size);
    before->older = commit->newest;
    before->shelf = change->shelf;
    before->value = old;
    before->key_size = change->key.size;
    if (change->key.size > 0)
        memcpy(before->key, change->key.data, change->key.size);
    commit->newest = before;
}

/* Undo a commit, or accept that it is there. */
static void
end_unsynced(struct memory_disk *disk, struct unsynced *commit, bool undo)
{
    struct before *before = commit->newest;
    while (before != NULL) {
        struct before *older = before->older;
        struct value *dead = before->value;
        if (undo)
            dead = exchange(&disk->shelves[before->shelf],
                bytes_of(before->key, before->key_size), before->value);
        free(dead);
        free(before);
        before = older;
    }
    list_remove(&commit->link);
    free(commit);
    disk->unsynced_count--;
}

static void
all_durable(struct memory_disk *disk)
{
    struct list *oldest;
    while ((oldest = list_first(&disk->unsynced)) != NULL)
        end_unsynced(disk, LIST_OF(oldest, struct unsynced, link), false);
}

/* ---- backend ---- */

static enum err
memory_get(void *self, enum shelf shelf, struct bytes key, struct bytes *value,
    struct fault *fault)
{
    const struct memory *memory = self;
    (void)fault;
    struct sorted_node *node = sorted_find(&memory->disk->shelves[shelf], key);
    if (node == NULL)
        return ERR_NOT_FOUND;
    const struct value *stored = LIST_OF(node, struct item, node)->value;
    *value = bytes_of(stored->bytes, stored->size);
    return ERR_NONE;
}

static struct sorted_node *
first_of(const struct sorted *shelf, const struct range *range)
{
    if (!range->backward)
        return sorted_at_or_after(shelf, range->from);
    return range->to.size == 0 ? sorted_last(shelf) : sorted_before(shelf, range->to);
}

static bool
in_range(const struct range *range, struct bytes key)
{
    if (range->backward)
        return bytes_order(key, range->from) >= 0;
    return range->to.size == 0 || bytes_order(key, range->to) < 0;
}

static enum err
memory_scan(void *self, enum shelf shelf, const struct range *range, each_fn *each,
    void *each_self, struct fault *fault)
{
    const struct memory *memory = self;
    (void)fault;
    struct sorted_node *at = first_of(&memory->disk->shelves[shelf], range);
    while (at != NULL && in_range(range, at->key)) {
        const struct value *value = LIST_OF(at, struct item, node)->value;
        if (!each(each_self, at->key, bytes_of(value->bytes, value->size)))
            break;
        at = sorted_next(at, range->backward);
    }
    return ERR_NONE;
}

static void
apply(
    struct memory_disk *disk, const struct change *changes, size_t count, bool durable)
{
    struct unsynced *commit = NULL;
    if (!durable) {
        commit = room_new(sizeof *commit);
        list_append(&disk->unsynced, &commit->link);
        disk->unsynced_count++;
    }
    for (size_t i = 0; i < count; i++) {
        const struct change *change = &changes[i];
        struct value *old = exchange(
            &disk->shelves[change->shelf], change->key, value_new(change->value));
        if (commit != NULL)
            remember(commit, change, old);
        else
            free(old);
    }
    if (durable)
        all_durable(disk);
    else if (disk->unsynced_count > UNSYNCED_MAX)
        end_unsynced(
            disk, LIST_OF(list_first(&disk->unsynced), struct unsynced, link), false);
    disk->writes++;
}

static enum err
memory_write(void *self, const struct change *changes, size_t count, bool durable,
    struct fault *fault)
{
    struct memory *memory = self;
    struct memory_disk *disk = memory->disk;
    enum err e = ERR_NONE;
    if (memory->life != disk->life)
        return fault_set(fault, ERR_IO, "the power was cut");
    if (disk->fail != ERR_NONE && disk->fail_after-- == 0) {
        e = fault_set(fault, disk->fail, "the disk was told to fail");
        disk->fail = ERR_NONE;
    }
    if (e == ERR_NONE || disk->fail_written)
        apply(disk, changes, count, durable);
    return e;
}

static enum err
memory_catch_up(void *self, bool *moved, struct fault *fault)
{
    struct memory *memory = self;
    (void)fault;
    uint64_t seen = memory->writes + memory->life;
    memory->writes = memory->disk->writes;
    memory->life = memory->disk->life;
    *moved = seen != memory->writes + memory->life;
    return ERR_NONE;
}

static void
memory_close(void *self)
{
    struct memory *memory = self;
    if (!memory->view && memory->life == memory->disk->life) {
        all_durable(memory->disk);
        memory->disk->owned = false;
    }
    if (memory->own_disk)
        memory_disk_free(&memory->disk);
    free(memory);
}

static const struct backend memory_backend = {
    .get = memory_get,
    .scan = memory_scan,
    .write = memory_write,
    .catch_up = memory_catch_up,
    .close = memory_close,
};

/* ---- disks ---- */

struct memory_disk *
memory_disk_new(void)
{
    struct memory_disk *disk = room_new(sizeof *disk);
    list_open(&disk->unsynced);
    return disk;
}

void
memory_disk_free(struct memory_disk **disk)
{
    struct memory_disk *freed = *disk;
    if (freed == NULL)
        return;
    assert(!freed->owned);
    all_durable(freed);
    for (size_t i = 0; i < SHELF_COUNT; i++)
        while (freed->shelves[i].root != NULL)
            free(exchange(&freed->shelves[i], freed->shelves[i].root->key, NULL));
    free(freed);
    *disk = NULL;
}

size_t
memory_disk_unsynced(const struct memory_disk *disk)
{
    return disk->unsynced_count;
}

void
memory_disk_crash(struct memory_disk *disk, size_t keep)
{
    while (disk->unsynced_count > keep)
        end_unsynced(disk, LIST_OF(disk->unsynced.prev, struct unsynced, link), true);
    all_durable(disk);
    disk->life++;
    disk->owned = false;
    disk->fail = ERR_NONE;
}

void
memory_disk_fail(struct memory_disk *disk, enum err err, size_t after, bool written)
{
    assert(err != ERR_NONE);
    disk->fail = err;
    disk->fail_after = after;
    disk->fail_written = written;
}

static struct sorted_node *
record_node(const struct memory_disk *disk, uint64_t number)
{
    struct number_key key = number_key(number);
    return sorted_find(&disk->shelves[SHELF_RECORDS], bytes_of(key.bytes, NUMBER_SIZE));
}

uint8_t *
memory_disk_record(struct memory_disk *disk, uint64_t number, size_t *size)
{
    struct sorted_node *node = record_node(disk, number);
    if (node == NULL)
        return NULL;
    struct value *value = LIST_OF(node, struct item, node)->value;
    *size = value->size;
    return value->bytes;
}

void
memory_disk_lose_record(struct memory_disk *disk, uint64_t number)
{
    struct number_key key = number_key(number);
    free(exchange(
        &disk->shelves[SHELF_RECORDS], bytes_of(key.bytes, NUMBER_SIZE), NULL));
}

/* ---- journals ---- */

static struct memory *
memory_new(struct memory_disk *disk, bool view)
{
    struct memory *memory = room_new(sizeof *memory);
    memory->disk = disk;
    memory->view = view;
    memory->life = disk->life;
    memory->writes = disk->writes;
    return memory;
}

enum err
journal_open_memory(struct memory_disk *disk, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    *journal = NULL;
    if (disk != NULL && disk->owned)
        return fault_set(fault, ERR_CONFLICT, "a journal is open on this disk");
    struct memory *memory = memory_new(disk != NULL ? disk : memory_disk_new(), false);
    memory->own_disk = disk == NULL;
    memory->disk->owned = true;
    return journal_begin(&memory_backend, memory, false, options, journal, fault);
}

enum err
journal_view_memory(struct memory_disk *disk, const struct journal_options *options,
    struct journal **journal, struct fault *fault)
{
    return journal_begin(
        &memory_backend, memory_new(disk, true), true, options, journal, fault);
}
