/* managed - ask the keeper for the life of a worker, and show it. */
#include "workers/cli/managed.h"

#include "base/stamp.h"
#include "workers/cli/commands.h"
#include "workers/cli/engine.h"
#include "workers/cli/table.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANAGED_MS = 120000, ANSWER_MAX = 512 };

bool
managed_path(const struct cli *cli, const char *name, const char *what,
    char out[FOLDER_PATH_MAX])
{
    char below[64];
    if (name[0] == '.' || strchr(name, '/') != NULL || strlen(name) > 31) {
        cli_complain("'%.80s' is no name of a worker", name);
        return false;
    }
    snprintf(below, sizeof below, "workers/%.31s/%s", name, what);
    folder_path(cli->data, below, out);
    return true;
}

static bool
has_record(const struct cli *cli, const char *name)
{
    char path[FOLDER_PATH_MAX];
    return name[0] != '.' && strlen(name) <= 31
           && managed_path(cli, name, "record", path) && access(path, R_OK) == 0;
}

/* Those that are remembered, by name. */
static void
look_at_records(const struct cli *cli, struct status *status)
{
    char path[FOLDER_PATH_MAX];
    struct dirent **entries;
    int count =
        scandir(folder_path(cli->data, "workers", path), &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (has_record(cli, entries[i]->d_name)
            && status->row_count < STATUS_ROWS_MAX) {
            struct status_row *row = &status->rows[status->row_count++];
            snprintf(row->name, sizeof row->name, "%.31s", entries[i]->d_name);
            snprintf(row->state, sizeof row->state, "engine_down");
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void
managed_look(const struct cli *cli, struct status *status)
{
    memset(status, 0, sizeof *status);
    if (folder_owner(cli->data) == 0)
        look_at_records(cli, status);
    else if (status_read_workers(cli->data, status) != ERR_NONE)
        status->row_count = 0;
}

const struct status_row *
managed_find(const struct status *status, const char *name)
{
    for (size_t i = 0; i < status->row_count; i++)
        if (strcmp(status->rows[i].name, name) == 0)
            return &status->rows[i];
    return NULL;
}

/* Of the project, as the record of the worker has it. */
static const char *
folder_of(const struct cli *cli, const char *name, char out[PATH_MAX])
{
    char path[FOLDER_PATH_MAX], line[PATH_MAX] = "";
    FILE *in = managed_path(cli, name, "record", path) ? fopen(path, "re") : NULL;
    if (in == NULL || fgets(line, sizeof line, in) == NULL
        || strncmp(line, "folder=", 7) != 0)
        line[0] = '\0';
    if (in != NULL)
        fclose(in);
    line[strcspn(line, "\n")] = '\0';
    snprintf(out, PATH_MAX, "%s", line[0] != '\0' ? line + 7 : "");
    return out;
}

static json_t *
row_json(const struct cli *cli, const struct status_row *row)
{
    char folder[PATH_MAX], since[STAMP_SIZE];
    return json_pack("{s:s, s:s, s:i, s:i, s:o, s:s, s:s}", "name", row->name, "state",
        row->state, "pid", (int)row->pid, "restarts", (int)row->restarts, "since",
        row->since_ms == 0 ? json_null()
                           : json_string(stamp_print(row->since_ms, since)),
        "folder", folder_of(cli, row->name, folder), "detail", row->detail);
}

static void
show(const struct cli *cli, const struct status_row *row)
{
    char folder[PATH_MAX], since[STAMP_SIZE], log[FOLDER_PATH_MAX];
    if (cli_given(cli, OPTION_json)) {
        json_t *json = row_json(cli, row);
        cli_print_json(json);
        json_decref(json);
        return;
    }
    printf("name      %s\nstate     %s\n", row->name, row->state);
    if (row->pid > 0)
        printf("pid       %u\n", row->pid);
    if (row->since_ms > 0)
        printf("since     %s\n", stamp_print(row->since_ms, since));
    printf("restarts  %u\nfolder    %s\n", row->restarts,
        folder_of(cli, row->name, folder));
    if (managed_path(cli, row->name, "log", log))
        printf("log       %s\n", log);
    if (row->detail[0] != '\0')
        printf("detail    %s\n", row->detail);
}

static enum exit_code
find_folder(struct cli *cli)
{
    enum exit_code e = cli_find_data(cli);
    return e == EXIT_DONE && engine_hidden(cli) ? EXIT_REFUSED : e;
}

enum exit_code
command_worker_status(struct cli *cli)
{
    static struct status status;
    const char *name = cli->request.words[0];
    enum exit_code e = find_folder(cli);
    if (e != EXIT_DONE)
        return e;
    managed_look(cli, &status);
    const struct status_row *row = managed_find(&status, name);
    if (row == NULL) {
        cli_complain(
            "there is no worker '%.80s': capstan worker list says which there are",
            name);
        return EXIT_REFUSED;
    }
    show(cli, row);
    return strcmp(row->state, "running") == 0 ? EXIT_DONE : EXIT_REFUSED;
}

enum exit_code
command_worker_list(struct cli *cli)
{
    static const char *const heads[] = { "NAME", "STATE", ">PID", "SINCE", ">RESTARTS",
        "FOLDER", "DETAIL", NULL };
    static struct status status;
    char folder[PATH_MAX];
    enum exit_code e = find_folder(cli);
    if (e != EXIT_DONE)
        return e;
    managed_look(cli, &status);
    if (cli_given(cli, OPTION_json)) {
        json_t *items = json_array();
        for (size_t i = 0; i < status.row_count; i++)
            json_array_append_new(items, row_json(cli, &status.rows[i]));
        json_t *all = json_pack("{s:o}", "items", items);
        cli_print_json(all);
        json_decref(all);
        return EXIT_DONE;
    }
    struct table *table = table_new(cli, heads);
    for (size_t i = 0; i < status.row_count; i++) {
        const struct status_row *row = &status.rows[i];
        table_row(table);
        table_text(table, row->name);
        table_text(table, row->state);
        table_number(table, row->pid);
        table_time(table, row->since_ms);
        table_number(table, row->restarts);
        table_text(table, folder_of(cli, row->name, folder));
        table_text(table, row->detail);
    }
    table_print(&table);
    return EXIT_DONE;
}

/* A connection to the keeper, or -1. */
static int
reach(const struct cli *cli)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[FOLDER_PATH_MAX];
    folder_path(cli->data, "run/keeper", path);
    snprintf(at.sun_path, sizeof at.sun_path, "%.107s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    if (folder_owner(cli->data) == 0)
        cli_complain("no engine runs on %s (capstan up)", cli->data);
    else
        cli_complain("%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum exit_code
wait_answer(int fd, const char *verb, uint64_t ms, char answer[ANSWER_MAX])
{
    struct pollfd door = { .fd = fd, .events = POLLIN };
    if (poll(&door, 1, cli_poll_ms(ms)) <= 0) {
        cli_complain("%s: the time is over; it goes on, see capstan worker list", verb);
        return EXIT_LATE;
    }
    ssize_t size = recv(fd, answer, ANSWER_MAX - 1, 0);
    if (size <= 0) {
        cli_complain("%s: the keeper has ended before it could answer", verb);
        return EXIT_AWAY;
    }
    answer[size] = '\0';
    if (strncmp(answer, "ok ", 3) == 0)
        return EXIT_DONE;
    cli_complain("%s", strncmp(answer, "no ", 3) == 0 ? answer + 3 : answer);
    return EXIT_REFUSED;
}

/* Show what became of it; one that was removed is not there any more. */
static void
tell(const struct cli *cli, const char *name)
{
    static struct status status;
    managed_look(cli, &status);
    const struct status_row *row = managed_find(&status, name);
    if (row != NULL)
        show(cli, row);
    else if (cli_given(cli, OPTION_json))
        printf("{\"name\": \"%s\", \"state\": \"removed\"}\n", name);
    else
        printf("name      %s\nstate     removed\n", name);
}

static enum exit_code
ask(struct cli *cli, const char *verb, const char *about)
{
    char packet[CONFIG_TEXT_MAX + 16], answer[ANSWER_MAX];
    uint64_t ms;
    enum exit_code e = find_folder(cli);
    if (e == EXIT_DONE)
        e = cli_time(cli, OPTION_timeout, MANAGED_MS, &ms);
    if (e != EXIT_DONE)
        return e;
    int fd = reach(cli);
    if (fd < 0)
        return EXIT_AWAY;
    int size = snprintf(packet, sizeof packet, "%s %s", verb, about);
    if (size >= (int)sizeof packet
        || send(fd, packet, (size_t)size, MSG_NOSIGNAL) != size) {
        cli_complain("%s: it could not be said to the keeper", verb);
        e = EXIT_REFUSED;
    } else if ((e = wait_answer(fd, verb, ms, answer)) == EXIT_DONE) {
        tell(cli, answer + 3);
    }
    close(fd);
    return e;
}

enum exit_code
command_worker_add(struct cli *cli)
{
    char folder[PATH_MAX];
    if (realpath(cli->request.words[0], folder) != NULL)
        return ask(cli, "add", folder);
    cli_complain("%s: %s", cli->request.words[0], strerror(errno));
    return EXIT_REFUSED;
}

enum exit_code
command_worker_start(struct cli *cli)
{
    return ask(cli, "start", cli->request.words[0]);
}

enum exit_code
command_worker_stop(struct cli *cli)
{
    return ask(cli, "stop", cli->request.words[0]);
}

enum exit_code
command_worker_restart(struct cli *cli)
{
    return ask(cli, "restart", cli->request.words[0]);
}

enum exit_code
command_worker_remove(struct cli *cli)
{
    return ask(cli, "remove", cli->request.words[0]);
}
