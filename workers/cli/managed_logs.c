/* managed_logs - what a managed worker has printed, and what it prints. */
#include "base/clock.h"
#include "workers/cli/commands.h"
#include "workers/cli/managed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static void
print_rest(int fd)
{
    char piece[65536];
    for (ssize_t got; (got = read(fd, piece, sizeof piece)) > 0;)
        fwrite(piece, 1, (size_t)got, stdout);
    cli_flush();
}

static bool
print_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    print_rest(fd);
    close(fd);
    return true;
}

/* Does another file than ours have the name by now? */
static bool
turned(int fd, const char *path)
{
    struct stat ours, now;
    return fstat(fd, &ours) == 0 && stat(path, &now) == 0 && ours.st_ino != now.st_ino;
}

/* What is appended, also to the files that follow. */
static enum exit_code
follow(const char *path, int ear, uint64_t until_ms)
{
    char events[4096];
    struct pollfd door = { .fd = ear, .events = POLLIN };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        print_rest(fd);
        if (fd < 0 || turned(fd, path)) {
            if (fd >= 0)
                close(fd);
            fd = open(path, O_RDONLY | O_CLOEXEC);
            print_rest(fd);
        }
        if (now_ms >= until_ms)
            break;
        if (poll(&door, 1, clock_patience(until_ms)) > 0)
            (void)!read(ear, events, sizeof events);
    }
    if (fd >= 0)
        close(fd);
    return EXIT_LATE;
}

static enum exit_code
follow_in(const char *folder, const char *path, uint64_t until_ms)
{
    int ear = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (ear < 0 || inotify_add_watch(ear, folder, IN_MODIFY | IN_CREATE) < 0) {
        cli_complain("%s cannot be watched: %s", folder, strerror(errno));
        if (ear >= 0)
            close(ear);
        return EXIT_REFUSED;
    }
    enum exit_code e = follow(path, ear, until_ms);
    close(ear);
    return e;
}

enum exit_code
command_worker_logs(struct cli *cli)
{
    const char *name = cli->request.words[0];
    char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX], older[FOLDER_PATH_MAX];
    uint64_t ms;
    enum exit_code e = cli_find_data(cli);
    if (e == EXIT_DONE)
        e = cli_time(cli, OPTION_timeout, UINT64_MAX / 2, &ms);
    if (e != EXIT_DONE)
        return e;
    if (!managed_path(cli, name, "", folder) || !managed_path(cli, name, "log", path)
        || !managed_path(cli, name, "log.1", older))
        return EXIT_REFUSED;
    if (access(folder, X_OK) != 0) {
        cli_complain(
            "there is no worker '%.80s': capstan worker list says which there are",
            name);
        return EXIT_REFUSED;
    }
    (void)print_file(older);
    if (cli_given(cli, OPTION_follow))
        return follow_in(folder, path, clock_monotonic_ms() + ms);
    if (!print_file(path))
        cli_remark(cli, "%s has not been started yet", name);
    return EXIT_DONE;
}
