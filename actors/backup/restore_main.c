/* restore - a data folder from a backup, checked before it has its name. */
#include "actors/backup/inventory.h"
#include "actors/backup/tree.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/quoted.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, INVENTORY_MAX = 1 << 20 };

extern char **environ;

static const char usage[] =
    "usage: restore BACKUP\n"
    "Copies a backup to the data folder, which must be empty or not there. What was\n"
    "copied is read, must be what the backup says it holds, and is checked as "
    "`capstan\n"
    "verify` does, before the folder has its name.\n"
    "Exit: 0 done, 1 not, and nothing was changed, or it could not be told, 2 wrong "
    "usage.\n";

/* The file that is written last. */
static enum err
read_inventory(const char *backup, struct buffer *out, struct fault *fault)
{
    char path[PATH_MAX + 8];
    if (tree_unfinished(backup))
        return fault_set(
            fault, ERR_INVALID, "%s: no whole backup: it was not finished", backup);
    snprintf(path, sizeof path, "%s/backup", backup);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, ERR_INVALID, "%s: no whole backup: %s", backup,
            errno == ENOENT ? "the file `backup` is not there" : strerror(errno));
    ssize_t size = read(fd, buffer_reserve(out, INVENTORY_MAX), INVENTORY_MAX);
    close(fd);
    out->size = size > 0 ? (size_t)size : 0;
    static const char first[] = "capstan-backup 1\n", last[] = "\nend\n";
    struct bytes all = buffer_bytes(out);
    if (!bytes_begin(all, text(first)) || all.size < sizeof last
        || memcmp(all.data + all.size - strlen(last), last, strlen(last)) != 0)
        return fault_set(
            fault, ERR_CORRUPT, "%s: not what a backup says of itself", path);
    return ERR_NONE;
}

static enum err
copy_all(const char *backup, const struct tree *tree, struct fault *fault)
{
    char below[64] = "journal/", path[PATH_MAX + 64];
    enum err e = tree_beside(tree, backup, fault);
    if (e == ERR_NONE)
        e = tree_folder(tree, "journal", fault);
    unsigned schedulers = inventory_schedulers(backup);
    for (size_t i = 0;
         e == ERR_NONE && inventory_journal(schedulers, i, below + strlen("journal/"));
         i++)
        e = tree_files(tree, backup, below, fault);
    snprintf(path, sizeof path, "%s/journal", tree->fresh);
    return e == ERR_NONE ? folder_sync(path, fault) : e;
}

/* The first line in which they differ is what is wrong. */
static enum err
compare(struct bytes said, struct bytes found, struct fault *fault)
{
    size_t at = 0, line = 0;
    while (at < said.size && at < found.size && said.data[at] == found.data[at])
        if (said.data[at++] == '\n')
            line = at;
    if (at == said.size && at == found.size)
        return ERR_NONE;
    const char *wrong = (const char *)said.data + line;
    return fault_set(fault, ERR_CORRUPT, "the backup is damaged: it should hold %s",
        quoted(bytes_of(wrong, strcspn(wrong, "\n"))).text);
}

static enum err
check_inventory(const struct tree *tree, struct buffer *said, struct fault *fault)
{
    struct buffer found = { 0 };
    buffer_append(said, "", 1);
    enum err e = inventory_print(tree->fresh, &found, fault);
    if (e == ERR_NONE)
        e = compare(bytes_of(said->data, said->size - 1), buffer_bytes(&found), fault);
    buffer_free(&found);
    return e;
}

/* The program beside us does what `capstan verify` does. */
static enum err
verify_all(const struct tree *tree, struct fault *fault)
{
    char path[PATH_MAX + 64], data[PATH_MAX];
    int status = -1;
    pid_t pid;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 16);
    path[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return fault_set(fault, ERR_IO, "the program verify is not found");
    memcpy(slash + 1, "verify", sizeof "verify");
    snprintf(data, sizeof data, "%s", tree->fresh);
    char word[] = "--data", *argv[] = { path, word, data, NULL };
    fflush(stdout);
    if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0
        || waitpid(pid, &status, 0) != pid)
        return fault_set(fault, ERR_IO, "%s does not start", path);
    return status == 0 ? ERR_NONE
                       : fault_set(fault, ERR_CORRUPT, "the backup does not verify");
}

static enum err
restore(const char *backup, const char *data, struct fault *fault)
{
    struct tree tree;
    struct buffer said = { 0 };
    if (folder_owner(data) != 0)
        return fault_set(fault, ERR_CONFLICT, "an engine runs on %s", data);
    enum err e = read_inventory(backup, &said, fault);
    if (e == ERR_NONE)
        e = tree_begin(data, &tree, fault);
    if (e == ERR_NONE) {
        e = copy_all(backup, &tree, fault);
        if (e == ERR_NONE)
            e = check_inventory(&tree, &said, fault);
        if (e == ERR_NONE)
            e = verify_all(&tree, fault);
        if (e == ERR_NONE)
            e = tree_end(&tree, fault);
        if (e != ERR_NONE)
            tree_drop(&tree);
    }
    buffer_free(&said);
    return e;
}

int
main(int argc, char **argv)
{
    struct fault fault = { 0 };
    char data[FOLDER_PATH_MAX], backup[PATH_MAX];
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 2 || argv[1][0] == '-') {
        fputs(usage, help ? stdout : stderr);
        return help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    log_open("restore", LOG_UNUSUAL);
    static struct config config; /* the tool says which folder: $CAPSTAN_DATA */
    enum err e = folder_find(&config, data, &fault);
    if (e == ERR_NONE && !tree_absolute(argv[1], backup))
        e = fault_set(&fault, ERR_TOO_LARGE, "the path is too long");
    if (e == ERR_NONE)
        e = restore(backup, data, &fault);
    if (e != ERR_NONE) {
        fprintf(stderr, "restore: %s\n", fault.detail);
        return EXIT_FAILURE;
    }
    printf("restored %s\n", data);
    return printed("restore: it is done, but") ? EXIT_SUCCESS : EXIT_FAILURE;
}
