#include "workers/cli/engine.h"

#include "base/clock.h"
#include "workers/cli/human.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

pid_t
engine_look(const struct cli *cli, struct status *status)
{
    pid_t pid = folder_owner(cli->data);
    if (!folder_owner_lives(pid))
        pid = 0;
    status->row_count = 0;
    /* A status that an earlier life left behind says nothing of this one. */
    if (pid > 0
        && (status_read(cli->data, status) != ERR_NONE || status->row_count == 0
            || status->rows[0].pid != (unsigned)pid))
        status->row_count = 0;
    return pid;
}

bool
engine_hidden(const struct cli *cli)
{
    char path[FOLDER_PATH_MAX];
    if (access(folder_path(cli->data, "lock", path), R_OK) == 0 || errno != EACCES)
        return false;
    cli_complain(
        "%s: %s: ask as the user of its engine, or as root", path, strerror(errno));
    return true;
}

bool
engine_ready(const struct status *status)
{
    for (size_t i = 0; i < status->row_count; i++) {
        if (strcmp(status->rows[i].state, "ready") != 0)
            return false;
    }
    return status->row_count > 0;
}

/* Be told of changes from now on: look after that, or one may be missed.  A young
 * engine has no run folder yet; that it makes one is a change of the data folder. */
static void
watch_run(const struct cli *cli, int fd)
{
    char run[FOLDER_PATH_MAX];
    (void)inotify_add_watch(
        fd, folder_path(cli->data, "run", run), IN_MOVED_TO | IN_DELETE_SELF);
}

static void
hear_change(int fd, uint64_t left)
{
    char events[4096];
    struct pollfd ear = { .fd = fd, .events = POLLIN };
    if (poll(&ear, 1, cli_poll_ms(left)) > 0)
        (void)!read(fd, events, sizeof events);
}

/* EXIT_DONE: ready; EXIT_LATE: not in time; EXIT_REFUSED: it has ended. */
static enum exit_code
watch_until_ready(const struct cli *cli, int fd, uint64_t deadline_ms)
{
    static struct status status;
    for (uint64_t now_ms; (now_ms = clock_monotonic_ms()) < deadline_ms;) {
        watch_run(cli, fd);
        pid_t pid = engine_look(cli, &status);
        if (pid > 0 && engine_ready(&status))
            return EXIT_DONE;
        /* Who has the lock and not yet written its pid is about to. */
        if (pid == 0 && folder_wait_free(cli->data, 1) == ERR_NONE)
            return EXIT_REFUSED;
        hear_change(fd, deadline_ms - now_ms);
    }
    return EXIT_LATE;
}

enum exit_code
engine_wait_ready(const struct cli *cli, uint64_t ms)
{
    int fd = inotify_init1(IN_CLOEXEC);
    if (fd < 0 || inotify_add_watch(fd, cli->data, IN_CREATE | IN_CLOSE_WRITE) < 0) {
        cli_complain("%s cannot be watched: %s", cli->data, strerror(errno));
        if (fd >= 0)
            close(fd);
        return EXIT_REFUSED;
    }
    enum exit_code e = watch_until_ready(cli, fd, clock_monotonic_ms() + ms);
    close(fd);
    if (e == EXIT_LATE)
        cli_complain(
            "an engine runs on %s but is not ready; see capstan status", cli->data);
    else if (e == EXIT_REFUSED)
        cli_complain("the engine on %s has just ended", cli->data);
    return e;
}

bool
engine_text(const struct cli *cli, const char *name, char *out, size_t room)
{
    char path[FOLDER_PATH_MAX];
    int fd = open(folder_path(cli->data, name, path), O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0)
        return false;
    ssize_t size = read(fd, out, room - 1);
    close(fd);
    out[size > 0 ? size : 0] = '\0';
    return true;
}

void
engine_pin(const struct cli *cli, pid_t pid, char out[PIN_MAX])
{
    out[0] = '\0';
    if (pid > 0)
        (void)engine_text(cli, "gateway/tls.pin", out, PIN_MAX);
}

void
engine_http_url(const struct cli *cli, const struct status *status, const char *pin,
    char out[ENGINE_URL_MAX])
{
    config_url(out, pin[0] != '\0' ? "https" : "http", cli->config.http_address,
        status->rows[0].http_port);
}

void
engine_worker_url(
    const struct cli *cli, const struct status *status, char out[ENGINE_URL_MAX])
{
    config_url(out, "tcp", cli->config.worker_address, status->rows[0].worker_port);
}

static enum exit_code
introduce_json(bool ran, pid_t pid, const char *http, const char *worker,
    const struct cli *cli, const char *key_path, const char *log_path)
{
    json_t *all = json_pack("{s:b, s:i, s:s, s:s, s:s, s:o, s:s}", "started", !ran,
        "pid", (int)pid, "http", http, "worker", worker, "data", cli->data, "key_file",
        access(key_path, F_OK) == 0 ? json_string(key_path) : json_null(), "log",
        log_path);
    cli_print_json(all);
    json_decref(all);
    return EXIT_DONE;
}

enum exit_code
engine_introduce(const struct cli *cli, bool ran, uint64_t took_ms)
{
    static struct status status;
    char http[ENGINE_URL_MAX], worker[ENGINE_URL_MAX], took[HUMAN_MAX],
        key[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], pin[PIN_MAX];
    pid_t pid = engine_look(cli, &status);
    if (pid == 0 || status.row_count == 0) {
        cli_complain("the engine on %s has just ended", cli->data);
        return EXIT_REFUSED;
    }
    folder_path(cli->data, "dev.key", key);
    folder_path(cli->data, "log/capstan.log", log);
    engine_pin(cli, pid, pin);
    engine_http_url(cli, &status, pin, http);
    engine_worker_url(cli, &status, worker);
    if (cli_given(cli, OPTION_json))
        return introduce_json(ran, pid, http, worker, cli, key, log);
    if (ran)
        printf("engine   runs already, pid %d\n", (int)pid);
    else
        printf("engine   ready in %s, pid %d\n", human_span(took_ms, took), (int)pid);
    printf("http     %s\n", http);
    printf("workers  %s\n", worker);
    printf("data     %s\n", cli->data);
    if (access(key, F_OK) == 0)
        printf("key      %s (for development, on this machine)\n", key);
    printf("log      %s\n", log);
    return EXIT_DONE;
}
