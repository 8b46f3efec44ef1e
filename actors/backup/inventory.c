#include "actors/backup/inventory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_MAX = 8192, FILES_MAX = 256, NAME_SIZE = 300 };

unsigned
inventory_schedulers(const char *folder)
{
    char path[PATH_MAX + 64];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/partitions", folder);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return 0;
    if (fscanf(in, "%u", &count) != 1 || count > SCHEDULERS_MAX)
        count = 0;
    fclose(in);
    return count;
}

bool
inventory_journal(unsigned schedulers, size_t i, char name[32])
{
    static const char *const single[] = { "registry.0", "trigger.0" };
    if (i < COUNT(single))
        snprintf(name, 32, "%s", single[i]);
    else
        snprintf(name, 32, "scheduler.%u", (unsigned)(i - COUNT(single)));
    return i < COUNT(single) + schedulers;
}

void
inventory_line(const char *name, const struct journal_sum *sum, struct buffer *out)
{
    char facts[HASH_TEXT_SIZE], all[HASH_TEXT_SIZE];
    buffer_print(out,
        "journal name=%s records=%" PRIu64 " rows=%" PRIu64 " blobs=%" PRIu64
        " facts=%s all=%s\n",
        name, sum->records, sum->rows, sum->blobs, hash_print(&sum->facts, facts),
        hash_print(&sum->all, all));
}

static enum err
print_journal(
    const char *folder, const char *name, struct buffer *out, struct fault *fault)
{
    struct journal_options options = { 0 };
    struct journal *journal;
    struct journal_sum sum;
    char url[PATH_MAX + 64];
    snprintf(url, sizeof url, "rocksdb-still:%s/journal/%s", folder, name);
    struct fault why;
    enum err e = journal_open(url, &options, &journal, &why);
    if (e != ERR_NONE)
        return fault_set(fault, e, "journal %s: %s", name, why.detail);
    e = journal_verify(journal, &why);
    if (e == ERR_NONE)
        e = journal_sum(journal, &sum, &why);
    journal_close(&journal);
    if (e != ERR_NONE)
        return fault_set(fault, e, "journal %s: %s", name, why.detail);
    inventory_line(name, &sum, out);
    return ERR_NONE;
}

static enum err
print_file(
    const char *folder, const char *name, struct buffer *out, struct fault *fault)
{
    char path[PATH_MAX + 64];
    uint8_t content[SMALL_MAX];
    char digits[HASH_TEXT_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, content, sizeof content) : -1;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return fault_set(fault, ERR_IO, "%s: %s", path, strerror(why));
    struct hash hash = hash_of(bytes_of(content, (size_t)size));
    buffer_print(
        out, "file name=%s size=%zd hash=%s\n", name, size, hash_print(&hash, digits));
    return ERR_NONE;
}

struct names {
    char names[FILES_MAX][NAME_SIZE];
    size_t count;
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The files of a folder that is small; or, of its folders, the one that is called
 * `each`. */
static enum err
print_files(const char *folder, const char *below, const char *each, struct buffer *out,
    struct fault *fault)
{
    static struct names list;
    char path[PATH_MAX + 64], name[NAME_SIZE];
    struct stat found;
    enum err e = ERR_NONE;
    list.count = 0;
    snprintf(path, sizeof path, "%s/%s", folder, below);
    DIR *all = opendir(path);
    for (struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;) {
        snprintf(name, sizeof name, "%s%s", entry->d_name, each);
        if (list.count < FILES_MAX && fstatat(dirfd(all), name, &found, 0) == 0
            && S_ISREG(found.st_mode))
            snprintf(list.names[list.count++], NAME_SIZE, "%s/%.280s", below, name);
    }
    if (all != NULL)
        closedir(all);
    qsort(list.names, list.count, NAME_SIZE, by_name);
    for (size_t i = 0; e == ERR_NONE && i < list.count; i++)
        e = print_file(folder, list.names[i], out, fault);
    return e;
}

enum err
inventory_print(const char *folder, struct buffer *out, struct fault *fault)
{
    unsigned schedulers = inventory_schedulers(folder);
    char name[32];
    enum err e = ERR_NONE;
    if (schedulers == 0)
        return fault_set(
            fault, ERR_CORRUPT, "%s/partitions: no number of schedulers", folder);
    buffer_print(out, "capstan-backup 1\n");
    for (size_t i = 0; e == ERR_NONE && inventory_journal(schedulers, i, name); i++)
        e = print_journal(folder, name, out, fault);
    if (e == ERR_NONE)
        e = print_file(folder, "secret", out, fault);
    if (e == ERR_NONE)
        e = print_file(folder, "partitions", out, fault);
    if (e == ERR_NONE)
        e = print_files(folder, "gateway", "", out, fault);
    if (e == ERR_NONE)
        e = print_files(folder, "epoch", "", out, fault);
    if (e == ERR_NONE)
        e = print_files(folder, "workers", "/record", out, fault);
    buffer_print(out, "end\n");
    return e;
}
