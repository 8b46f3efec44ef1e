#include "tests/contract/place.h"

#include "base/buffer.h"

#include <check.h>
#include <ftw.h>
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[PATH_MAX / 4];

void
places_make(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(
        root, sizeof root, "%s/capstan-journal-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(root) == NULL) {
        perror(root);
        exit(99);
    }
}

static int
remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found, (void)kind, (void)where;
    return remove(path);
}

void
places_remove(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct place
place_make(int kind)
{
    struct place place = { .kind = (enum place_kind)kind };
    place.options = (struct journal_options){
        .memtable_bytes = 1024 * 1024,
        .block_cache_bytes = 1024 * 1024,
        .state_cache_bytes = 64 * 1024,
    };
    if (kind == PLACE_MEMORY) {
        place.disk = memory_disk_new();
    } else {
        char above[PATH_MAX / 3];
        snprintf(above, sizeof above, "%s/place-XXXXXX", root);
        ck_assert_ptr_nonnull(mkdtemp(above));
        snprintf(place.folder, sizeof place.folder, "%s/journal", above);
    }
    return place;
}

void
place_free(struct place *place)
{
    memory_disk_free(&place->disk);
}

static enum err
open_as(struct place *place, const char *kind, struct journal **journal)
{
    char url[PATH_MAX];
    snprintf(url, sizeof url, "%s:%s", kind, place->folder);
    return journal_open(url, &place->options, journal, &place->fault);
}

enum err
place_try(struct place *place, struct journal **journal)
{
    if (place->kind == PLACE_MEMORY)
        return journal_open_memory(
            place->disk, &place->options, journal, &place->fault);
    return open_as(place, "rocksdb", journal);
}

enum err
place_try_view(struct place *place, struct journal **journal)
{
    if (place->kind == PLACE_MEMORY)
        return journal_view_memory(
            place->disk, &place->options, journal, &place->fault);
    return open_as(place, "rocksdb-view", journal);
}

struct journal *
place_open(struct place *place)
{
    struct journal *journal;
    place->options.epoch++;
    enum err e = place_try(place, &journal);
    ck_assert_msg(e == ERR_NONE, "%s: %s", err_name(e), place->fault.detail);
    return journal;
}

struct journal *
place_view(struct place *place)
{
    struct journal *journal;
    enum err e = place_try_view(place, &journal);
    ck_assert_msg(e == ERR_NONE, "%s: %s", err_name(e), place->fault.detail);
    return journal;
}

void
place_reopen(struct place *place, struct journal **journal)
{
    journal_close(journal);
    *journal = place_open(place);
}

void
commit(struct journal *journal)
{
    ck_assert_int_eq(journal_commit(journal, true), ERR_NONE);
}

struct bytes
numbered(const char *prefix, uint64_t i)
{
    static char names[8][64];
    static unsigned next;
    char *name = names[next++ % COUNT(names)];
    snprintf(name, sizeof names[0], "%s%06" PRIu64, prefix, i);
    return text(name);
}

void
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

void
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
