#include "actors/supervisor/claim.h"

#include "base/clock.h"
#include "base/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMAINS_MS = 5000 };

static enum err
fail(struct fault *fault, const char *path, const char *what)
{
    enum err err = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    return fault_set(fault, err, "%.250s: %s: %s", path, what, strerror(errno));
}

static bool
make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The folder and those above it. */
static enum err
make_folders(const char *data, struct fault *fault)
{
    char path[FOLDER_PATH_MAX + 1];
    snprintf(path, sizeof path, "%s/", data);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (!make_folder(path))
            return fail(fault, path, "cannot be made");
        *slash = '/';
    }
    return ERR_NONE;
}

/* The gateway's keys: they lie in its own folder, and are looked for beside the lock,
 * where earlier releases had them. */
static const char *const keys[] = { "dev.key", "curve.secret", "curve.public" };

static const char *
key_path(const char *data, size_t i, char out[FOLDER_PATH_MAX])
{
    char below[32];
    snprintf(below, sizeof below, "gateway/%s", keys[i]);
    return folder_path(data, below, out);
}

static enum err
move_keys(const char *data, struct fault *fault)
{
    char here[FOLDER_PATH_MAX], there[FOLDER_PATH_MAX];
    struct stat found;
    for (size_t i = 0; i < COUNT(keys); i++) {
        folder_path(data, keys[i], here);
        key_path(data, i, there);
        if (lstat(here, &found) == 0 && S_ISREG(found.st_mode)
            && rename(here, there) != 0)
            return fail(fault, here, "cannot be moved to gateway/");
    }
    return ERR_NONE;
}

void
claim_link_keys(const char *data)
{
    char here[FOLDER_PATH_MAX], there[FOLDER_PATH_MAX];
    for (size_t i = 0; i < COUNT(keys); i++)
        if (access(key_path(data, i, there), F_OK) == 0)
            (void)!symlink(there + strlen(data) + 1, folder_path(data, keys[i], here));
}

static enum err
make_layout(const char *data, const struct config *config, struct fault *fault)
{
    static const char *const below[] = { "run", "log", "epoch", "journal",
        "journal/views", "gateway" };
    char path[FOLDER_PATH_MAX];
    for (size_t i = 0; i < COUNT(below); i++)
        if (!make_folder(folder_path(data, below[i], path)))
            return fail(fault, path, "cannot be made");
#define CHILD(name, program, journal, instances, sentence)                             \
    for (unsigned i = 0; (journal) && i < (unsigned)(instances); i++)                  \
        if (!make_folder(folder_journal(data, #name, i, path)))                        \
            return fail(fault, path, "cannot be made");
#include "actors/supervisor/children.def"
    /* Whoever made them, in this life or one that ended at once: a journal whose folder
     * has no durable name is lost whole when the power is cut. */
    enum err e = move_keys(data, fault);
    if (e == ERR_NONE)
        e = folder_sync(data, fault);
    return e == ERR_NONE ? folder_sync(folder_path(data, "journal", path), fault) : e;
}

static enum err
write_owner(int fd, const char *path, struct fault *fault)
{
    char line[32];
    int size = snprintf(line, sizeof line, "%d\n", getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, line, (size_t)size, 0) != size)
        return fail(fault, path, "cannot be written");
    return ERR_NONE;
}

static enum err
take_lock(struct claim *claim, struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    claim->lock_fd = open(
        folder_path(claim->data, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (claim->lock_fd < 0)
        return fail(fault, path, "cannot be opened");
    if (fcntl(claim->lock_fd, F_OFD_SETLK, &lock) == 0)
        return write_owner(claim->lock_fd, path, fault);
    if (errno != EAGAIN && errno != EACCES)
        return fail(fault, path, "cannot be locked");
    /* A dead owner's processes are dying too: they hold the lock until they are gone.
     */
    pid_t owner = folder_owner(claim->data);
    if (!folder_owner_lives(owner)
        && folder_wait_free(claim->data, REMAINS_MS) == ERR_NONE
        && fcntl(claim->lock_fd, F_OFD_SETLK, &lock) == 0)
        return write_owner(claim->lock_fd, path, fault);
    close(claim->lock_fd);
    claim->lock_fd = -1;
    if (owner == 0)
        return fault_set(fault, ERR_CONFLICT,
            "the data folder %s is in use: it is read, as by a backup, or an engine is "
            "about to begin on it: try again",
            claim->data);
    return fault_set(fault, ERR_CONFLICT,
        "another engine (pid %d) runs on the data folder %s", owner, claim->data);
}

/* The file's size, up to `size` and one more; -1 when it is not there. */
static ssize_t
read_whole(const char *data, const char *name, void *out, size_t size)
{
    char path[FOLDER_PATH_MAX];
    int fd = open(folder_path(data, name, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -1 : 0;
    ssize_t got = read(fd, out, size);
    close(fd);
    return got < 0 ? 0 : got;
}

static enum err
take_secret(struct claim *claim, struct fault *fault)
{
    uint8_t read[SECRET_SIZE + 1];
    ssize_t size = read_whole(claim->data, "secret", read, sizeof read);
    if (size < 0) {
        chance_fill(claim->secret, SECRET_SIZE);
        return folder_write(
            claim->data, "secret", bytes_of(claim->secret, SECRET_SIZE), fault);
    }
    if (size != SECRET_SIZE)
        return fault_set(fault, ERR_CORRUPT,
            "%s/secret: not the %d bytes that an engine writes; without them API keys "
            "and leases cannot be told from forged ones",
            claim->data, SECRET_SIZE);
    memcpy(claim->secret, read, SECRET_SIZE);
    return ERR_NONE;
}

static enum err
check_partitions(const struct claim *claim, uint32_t schedulers, struct fault *fault)
{
    char line[16] = "", *end;
    ssize_t size = read_whole(claim->data, "partitions", line, sizeof line - 1);
    if (size < 0) {
        snprintf(line, sizeof line, "%" PRIu32 "\n", schedulers);
        return folder_write(claim->data, "partitions", text(line), fault);
    }
    unsigned long fixed = strtoul(line, &end, 10);
    if (size == 0 || *end != '\n' || fixed == 0)
        return fault_set(
            fault, ERR_CORRUPT, "%s/partitions: not a number", claim->data);
    if (fixed != schedulers)
        return fault_set(fault, ERR_INVALID,
            "schedulers: %" PRIu32 ", but the data in %s was made with %lu, which is "
            "fixed",
            schedulers, claim->data, fixed);
    return ERR_NONE;
}

/* Sockets and counters of a life before would look like those of this one. */
static enum err
empty_run(const char *data, struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    DIR *folder = opendir(folder_path(data, "run", path));
    if (folder == NULL)
        return fail(fault, path, "cannot be read");
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    return ERR_NONE;
}

static enum err
prepare(const struct config *config, struct claim *claim, struct fault *fault)
{
    enum err e = check_partitions(claim, config->schedulers, fault);
    if (e == ERR_NONE)
        e = make_layout(claim->data, config, fault);
    if (e == ERR_NONE)
        e = take_secret(claim, fault);
    if (e == ERR_NONE)
        e = empty_run(claim->data, fault);
    return e;
}

enum err
claim_take(const struct config *config, struct claim *claim, struct fault *fault)
{
    claim->lock_fd = -1;
    enum err e = folder_find(config, claim->data, fault);
    if (e == ERR_NONE)
        e = make_folders(claim->data, fault);
    if (e == ERR_NONE)
        e = privileges_of_owner(claim->data, &claim->owned, fault);
    if (e == ERR_NONE && config->sandbox)
        (void)privileges_drop(true); /* where it cannot be, our processes say so */
    if (e == ERR_NONE)
        e = take_lock(claim, fault);
    if (e == ERR_NONE)
        e = prepare(config, claim, fault);
    return e;
}
