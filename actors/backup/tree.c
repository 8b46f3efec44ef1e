#include "actors/backup/tree.h"

#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16, DESCRIPTORS = 16 };

static enum err
failed(const char *path, struct fault *fault)
{
    return fault_set(fault, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
        "%s: %s", path, strerror(errno));
}

static int
remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found, (void)kind, (void)where;
    return remove(path);
}

static void
marker_of(const char *folder, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/unfinished", folder);
}

bool
tree_unfinished(const char *folder)
{
    char marker[PATH_MAX];
    marker_of(folder, marker);
    return access(marker, F_OK) == 0;
}

void
tree_drop(struct tree *tree)
{
    nftw(tree->fresh, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

/* What an attempt of before has left, and nothing else. */
static enum err
drop_remains(struct tree *tree, struct fault *fault)
{
    if (access(tree->fresh, F_OK) != 0)
        return ERR_NONE;
    if (!tree_unfinished(tree->fresh) && rmdir(tree->fresh) != 0)
        return fault_set(fault, ERR_CONFLICT, "%s is in the way", tree->fresh);
    tree_drop(tree);
    return ERR_NONE;
}

static bool
is_free(const char *name)
{
    DIR *folder = opendir(name);
    if (folder == NULL)
        return errno == ENOENT;
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty;
}

enum err
tree_begin(const char *name, struct tree *tree, struct fault *fault)
{
    char marker[PATH_MAX];
    if (snprintf(tree->name, sizeof tree->name, "%s", name) >= (int)sizeof tree->name)
        return fault_set(fault, ERR_TOO_LARGE, "the path is too long");
    snprintf(tree->fresh, sizeof tree->fresh, "%s.new", name);
    if (!is_free(name))
        return fault_set(
            fault, ERR_CONFLICT, "%s: there is something already", tree->name);
    enum err e = drop_remains(tree, fault);
    if (e != ERR_NONE)
        return e;
    if (mkdir(tree->fresh, 0700) != 0)
        return failed(tree->fresh, fault);
    marker_of(tree->fresh, marker);
    int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(marker, fault);
    close(fd);
    return ERR_NONE;
}

enum err
tree_end(struct tree *tree, struct fault *fault)
{
    char marker[PATH_MAX], name[PATH_MAX];
    enum err e = folder_sync(tree->fresh, fault);
    if (e != ERR_NONE)
        return e;
    if (rename(tree->fresh, tree->name) != 0)
        return failed(tree->name, fault);
    snprintf(name, sizeof name, "%s", tree->name);
    e = folder_sync(dirname(name), fault);
    if (e != ERR_NONE)
        return e;
    /* Only now: what has no name yet must be known as an attempt. */
    marker_of(tree->name, marker);
    return unlink(marker) == 0 ? folder_sync(tree->name, fault) : failed(marker, fault);
}

enum err
tree_folder(const struct tree *tree, const char *below, struct fault *fault)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%.40s", tree->fresh, below);
    return mkdir(path, 0700) == 0 || errno == EEXIST ? ERR_NONE : failed(path, fault);
}

static bool
pour(int in, int out)
{
    static uint8_t piece[PIECE];
    ssize_t got;
    while ((got = read(in, piece, sizeof piece)) > 0)
        if (!write_whole(out, bytes_of(piece, (size_t)got)))
            return false;
    return got == 0 && fsync(out) == 0;
}

enum err
tree_file(
    const struct tree *tree, const char *from, const char *below, struct fault *fault)
{
    char here[PATH_MAX + 320], there[PATH_MAX + 320];
    if (snprintf(here, sizeof here, "%s/%s", from, below) >= (int)sizeof here
        || snprintf(there, sizeof there, "%s/%s", tree->fresh, below)
               >= (int)sizeof there)
        return fault_set(fault, ERR_TOO_LARGE, "the path is too long");
    int in = open(here, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return ERR_NOT_FOUND;
    if (in < 0)
        return failed(here, fault);
    int out = open(there, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool copied = out >= 0 && pour(in, out);
    enum err e = copied ? ERR_NONE : failed(there, fault);
    close(in);
    if (out >= 0)
        close(out);
    return e;
}

enum err
tree_files(
    const struct tree *tree, const char *from, const char *below, struct fault *fault)
{
    char path[PATH_MAX + 64], name[320];
    enum err e = tree_folder(tree, below, fault);
    snprintf(path, sizeof path, "%s/%s", from, below);
    DIR *folder = opendir(path);
    if (e == ERR_NONE && folder == NULL)
        e = errno == ENOENT ? ERR_NONE : failed(path, fault);
    for (struct dirent *entry;
         e == ERR_NONE && folder != NULL && (entry = readdir(folder)) != NULL;) {
        struct stat found;
        snprintf(name, sizeof name, "%s/%s", below, entry->d_name);
        if (fstatat(dirfd(folder), entry->d_name, &found, 0) == 0
            && S_ISREG(found.st_mode))
            e = tree_file(tree, from, name, fault);
    }
    if (folder != NULL)
        closedir(folder);
    snprintf(path, sizeof path, "%s/%.40s", tree->fresh, below);
    return e == ERR_NONE ? folder_sync(path, fault) : e;
}

/* What is remembered of one: not what it has printed. */
static enum err
copy_worker(
    const struct tree *tree, const char *from, const char *name, struct fault *fault)
{
    char below[64], record[80], path[PATH_MAX + 96];
    snprintf(below, sizeof below, "workers/%.31s", name);
    snprintf(record, sizeof record, "%s/record", below);
    snprintf(path, sizeof path, "%s/%s", from, record);
    if (access(path, F_OK) != 0)
        return ERR_NONE; /* it was removed */
    enum err e = tree_folder(tree, below, fault);
    if (e == ERR_NONE)
        e = tree_file(tree, from, record, fault);
    snprintf(path, sizeof path, "%s/%s", tree->fresh, below);
    return e == ERR_NONE ? folder_sync(path, fault) : e;
}

/* Which worker projects there are besides those that capstan.yaml names, and which
 * were stopped. */
static enum err
copy_workers(const struct tree *tree, const char *from, struct fault *fault)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/workers", from);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? ERR_NONE : failed(path, fault);
    enum err e = tree_folder(tree, "workers", fault);
    for (struct dirent *entry; e == ERR_NONE && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            e = copy_worker(tree, from, entry->d_name, fault);
    closedir(folder);
    snprintf(path, sizeof path, "%s/workers", tree->fresh);
    return e == ERR_NONE ? folder_sync(path, fault) : e;
}

enum err
tree_beside(const struct tree *tree, const char *from, struct fault *fault)
{
    static const char *const files[] = { "secret", "partitions" };
    static const char *const folders[] = { "gateway", "epoch" };
    enum err e = ERR_NONE;
    for (size_t i = 0; e == ERR_NONE && i < COUNT(files); i++) {
        e = tree_file(tree, from, files[i], fault);
        if (e == ERR_NOT_FOUND)
            e = fault_set(fault, ERR_CORRUPT, "%s/%s is missing", from, files[i]);
    }
    for (size_t i = 0; e == ERR_NONE && i < COUNT(folders); i++)
        e = tree_files(tree, from, folders[i], fault);
    return e == ERR_NONE ? copy_workers(tree, from, fault) : e;
}

bool
tree_absolute(const char *name, char out[PATH_MAX])
{
    char here[PATH_MAX] = "";
    if (name[0] != '/' && getcwd(here, sizeof here) == NULL)
        return false;
    int size =
        snprintf(out, PATH_MAX, "%s%s%s", here, here[0] != '\0' ? "/" : "", name);
    while (size > 1 && size < PATH_MAX && out[size - 1] == '/')
        out[--size] = '\0';
    return size < PATH_MAX - 64;
}
