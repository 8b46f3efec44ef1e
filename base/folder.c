#include "base/folder.h"

#include "base/wrong.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

const char *
folder_path(const char *data, const char *below, char out[FOLDER_PATH_MAX])
{
    int size = snprintf(out, FOLDER_PATH_MAX, "%s/%s", data, below);
    if (size < 0 || size >= FOLDER_PATH_MAX)
        WRONG("a path below the data folder is too long");
    return out;
}

const char *
folder_journal(
    const char *data, const char *actor, unsigned instance, char out[FOLDER_PATH_MAX])
{
    int size =
        snprintf(out, FOLDER_PATH_MAX, "%s/journal/%s.%u", data, actor, instance);
    if (size < 0 || size >= FOLDER_PATH_MAX)
        WRONG("a path below the data folder is too long");
    return out;
}

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
print_wanted(const struct config *config, char *out, size_t size)
{
    const char *found = environment("CAPSTAN_DATA");
    if (config->data[0] != '\0')
        return snprintf(out, size, "%s", config->data);
    if (found != NULL)
        return snprintf(out, size, "%s", found);
    if ((found = environment("XDG_DATA_HOME")) != NULL)
        return snprintf(out, size, "%s/capstan", found);
    if ((found = environment("HOME")) != NULL)
        return snprintf(out, size, "%s/.local/share/capstan", found);
    return 0;
}

enum err
folder_find(const struct config *config, char out[FOLDER_PATH_MAX], struct fault *fault)
{
    char wanted[CONFIG_TEXT_MAX + 64], here[CONFIG_TEXT_MAX] = "";
    char path[sizeof wanted + sizeof here + 1];
    int size = print_wanted(config, wanted, sizeof wanted);
    if (size <= 0 || size >= (int)sizeof wanted)
        return fault_set(fault, ERR_MALFORMED,
            "data: no folder is named and there is no home folder");
    const char *below = wanted;
    while (strncmp(below, "./", 2) == 0)
        below += 2 + strspn(below + 2, "/");
    if (wanted[0] != '/' && getcwd(here, sizeof here) == NULL)
        return fault_set(fault, ERR_IO, "data: the current folder is not readable");
    size =
        snprintf(path, sizeof path, "%s%s%s", here, wanted[0] != '/' ? "/" : "", below);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    if (size > FOLDER_DATA_MAX)
        return fault_set(fault, ERR_TOO_LARGE,
            "data: the path '%.200s' has %d bytes; sockets in it leave room for %d",
            path, size, FOLDER_DATA_MAX);
    memcpy(out, path, (size_t)size + 1);
    return ERR_NONE;
}

enum err
folder_sync(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return synced ? ERR_NONE : fault_set(fault, ERR_IO, "%s: %s", path, strerror(why));
}

bool
write_whole(int fd, struct bytes content)
{
    size_t done = 0;
    while (done < content.size) {
        ssize_t wrote = write(fd, content.data + done, content.size - done);
        if (wrote < 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

static enum err
not_written(struct fault *fault, const char *path)
{
    enum err err = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    return fault_set(
        fault, err, "%.250s: cannot be written: %s", path, strerror(errno));
}

enum err
folder_write(
    const char *data, const char *below, struct bytes content, struct fault *fault)
{
    char path[FOLDER_PATH_MAX], fresh[FOLDER_PATH_MAX + 8];
    snprintf(fresh, sizeof fresh, "%s.new", folder_path(data, below, path));
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return not_written(fault, fresh);
    bool written =
        write_whole(fd, content) && fsync(fd) == 0 && rename(fresh, path) == 0;
    int why = errno;
    close(fd);
    errno = why;
    if (!written)
        return not_written(fault, path);
    *strrchr(path, '/') = '\0';
    return folder_sync(path, fault);
}

static int
open_lock(const char *data)
{
    char path[FOLDER_PATH_MAX];
    return open(folder_path(data, "lock", path), O_RDONLY | O_CLOEXEC);
}

static bool
is_held(int fd)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

pid_t
folder_owner(const char *data)
{
    char line[32] = "";
    int fd = open_lock(data);
    if (fd < 0)
        return 0;
    bool held = is_held(fd);
    ssize_t size = held ? read(fd, line, sizeof line - 1) : 0;
    close(fd);
    return size > 0 ? (pid_t)strtol(line, NULL, 10) : 0;
}

/* A killed process that nobody has waited for yet holds nothing. */
bool
folder_owner_lives(pid_t pid)
{
    char path[64], line[512] = "";
    if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH))
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT;
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    const char *name_end = strrchr(line, ')');
    return size <= 0 || name_end == NULL || strncmp(name_end, ") Z", 3) != 0;
}

int
folder_hold(const char *data)
{
    char path[FOLDER_PATH_MAX];
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    int fd =
        open(folder_path(data, "lock", path), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void
interrupt(int signal)
{
    (void)signal;
}

enum err
folder_wait_free(const char *data, unsigned ms)
{
    /* A repeating alarm: one that came before the call would be the last. */
    struct sigaction action = { .sa_handler = interrupt }, before;
    struct itimerval bell = { .it_value = { ms / 1000, ms % 1000 * 1000 + 1 },
        .it_interval = { 0, 10000 } };
    struct itimerval silence = { 0 };
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    int fd = open_lock(data);
    if (fd < 0)
        return ERR_NONE;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &bell, NULL);
    int held = fcntl(fd, F_OFD_SETLKW, &lock);
    setitimer(ITIMER_REAL, &silence, NULL);
    sigaction(SIGALRM, &before, NULL);
    close(fd);
    return held == 0 ? ERR_NONE : ERR_TIMEOUT;
}
