/* backup - a copy of all that an engine has stored, whether it runs or not. */
#include "actors/backup/inventory.h"
#include "actors/backup/stillness.h"
#include "actors/backup/tree.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/printed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { JOURNALS_MAX = 66, TRIES_MAX = 5, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: backup FOLDER\n"
    "Writes all that the engine on the data folder has stored to a new FOLDER: its\n"
    "journals as they were at one moment, at which the engine stood still, its "
    "secret,\n"
    "its keys, and which worker projects were added or stopped. FOLDER is there when "
    "all\n"
    "is, and was read again. It is a data folder that `capstan verify` checks and\n"
    "`capstan restore` copies.\n"
    "Exit: 0 done, 1 not, and there is no FOLDER, or it could not be told, 2 wrong "
    "usage.\n";

struct backup {
    char data[FOLDER_PATH_MAX];
    struct tree tree;
    unsigned schedulers;
    struct journal *views[JOURNALS_MAX];
    struct buffer read;    /* the lines of the journals that were read */
    struct buffer written; /* the inventory of what was written */
    uint64_t still_ms;
};

static enum err
open_views(struct backup *b, struct fault *fault)
{
    struct journal_options options = { 0 };
    char name[32], url[PATH_MAX + 64];
    for (size_t i = 0; inventory_journal(b->schedulers, i, name); i++) {
        snprintf(url, sizeof url, "rocksdb-view:%s/journal/%s", b->data, name);
        enum err e = journal_open(url, &options, &b->views[i], fault);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

static enum err
catch_up(struct backup *b, struct fault *fault)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; e == ERR_NONE && b->views[i] != NULL; i++)
        e = journal_catch_up(b->views[i], fault);
    return e;
}

/* See all journals as they were at one moment. */
static enum err
take_moment(struct backup *b, struct fault *fault)
{
    int lock = folder_hold(b->data);
    if (lock >= 0) { /* no engine runs, and none begins while we read */
        enum err e = catch_up(b, fault);
        close(lock);
        return e;
    }
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        struct stillness stillness;
        /* Most is read before, so that it is short. */
        enum err e = catch_up(b, fault);
        if (e == ERR_NONE)
            e = stillness_begin(folder_owner(b->data), &stillness, fault);
        if (e == ERR_TIMEOUT)
            continue;
        if (e != ERR_NONE)
            return e;
        e = catch_up(b, fault);
        if (stillness_end(&stillness, &b->still_ms))
            return e;
    }
    return fault_set(fault, ERR_BUSY,
        "the engine's processes did not stand still in %d tries", TRIES_MAX);
}

static enum err
copy_journals(struct backup *b, struct fault *fault)
{
    char name[32], path[PATH_MAX + 64];
    struct journal_sum sum;
    enum err e = tree_folder(&b->tree, "journal", fault);
    for (size_t i = 0; e == ERR_NONE && inventory_journal(b->schedulers, i, name);
         i++) {
        snprintf(path, sizeof path, "%s/journal/%s", b->tree.fresh, name);
        e = journal_copy(b->views[i], path, &sum, fault);
        if (e == ERR_NONE)
            inventory_line(name, &sum, &b->read);
        if (e == ERR_NONE)
            e = folder_sync(path, fault);
        journal_close(&b->views[i]);
    }
    snprintf(path, sizeof path, "%s/journal", b->tree.fresh);
    return e == ERR_NONE ? folder_sync(path, fault) : e;
}

/* What was written is read again; it must be what was read first. */
static enum err
check(struct backup *b, struct fault *fault)
{
    enum err e = inventory_print(b->tree.fresh, &b->written, fault);
    if (e != ERR_NONE)
        return e;
    buffer_append(&b->read, "", 1);
    buffer_append(&b->written, "", 1);
    if (strstr((const char *)b->written.data, (const char *)b->read.data) == NULL)
        return fault_set(fault, ERR_CORRUPT,
            "%s: what was written is not what was read", b->tree.fresh);
    b->written.size--;
    return ERR_NONE;
}

static enum err
write_inventory(struct backup *b, struct fault *fault)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/backup", b->tree.fresh);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written =
        fd >= 0 && write_whole(fd, buffer_bytes(&b->written)) && fsync(fd) == 0;
    enum err e = ERR_NONE;
    if (!written)
        e = fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
            strerror(errno));
    if (fd >= 0)
        close(fd);
    return e;
}

static enum err
back_up(struct backup *b, const char *name, struct fault *fault)
{
    enum err e = tree_begin(name, &b->tree, fault);
    if (e != ERR_NONE)
        return e;
    e = open_views(b, fault);
    if (e == ERR_NONE)
        e = take_moment(b, fault);
    if (e == ERR_NONE)
        e = copy_journals(b, fault);
    if (e == ERR_NONE)
        e = tree_beside(&b->tree, b->data, fault);
    if (e == ERR_NONE)
        e = check(b, fault);
    if (e == ERR_NONE)
        e = write_inventory(b, fault);
    if (e == ERR_NONE)
        e = tree_end(&b->tree, fault);
    for (size_t i = 0; i < JOURNALS_MAX; i++)
        journal_close(&b->views[i]);
    if (e != ERR_NONE)
        tree_drop(&b->tree);
    return e;
}

static int
complain(const char *what)
{
    fprintf(stderr, "backup: %s\n", what);
    return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    static struct backup backup;
    struct fault fault = { 0 };
    char name[PATH_MAX];
    if (argc != 2 || argv[1][0] == '-') {
        fputs(usage, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return argc == 2 && strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : EXIT_USAGE;
    }
    log_open("backup", LOG_UNUSUAL);
    static struct config config; /* the tool says which folder: $CAPSTAN_DATA */
    if (folder_find(&config, backup.data, &fault) != ERR_NONE)
        return complain(fault.detail);
    backup.schedulers = inventory_schedulers(backup.data);
    if (backup.schedulers == 0) {
        fprintf(
            stderr, "backup: %s: no engine has stored anything here\n", backup.data);
        return EXIT_FAILURE;
    }
    if (!tree_absolute(argv[1], name))
        return complain("the path is too long");
    if (back_up(&backup, name, &fault) != ERR_NONE)
        return complain(fault.detail);
    printf("%.*s", (int)backup.read.size, (const char *)backup.read.data);
    printf("stood_still_ms=%" PRIu64 "\n", backup.still_ms);
    buffer_free(&backup.read);
    buffer_free(&backup.written);
    return printed("backup: it is whole, but") ? EXIT_SUCCESS : EXIT_FAILURE;
}
