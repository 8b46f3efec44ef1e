/* engine_status - each process of the engine, and what its links have carried. */
#include "base/clock.h"
#include "base/counters.h"
#include "base/stamp.h"
#include "workers/cli/commands.h"
#include "workers/cli/engine.h"
#include "workers/cli/human.h"
#include "workers/cli/table.h"

#include <sys/statvfs.h>
#include <unistd.h>

enum { EXPIRES_SOON_S = 14 * 86400 };

/* Resident bytes, 0 when there is no such process. */
static uint64_t
resident(unsigned pid)
{
    char path[64];
    unsigned long long pages = 0, resident_pages = 0;
    snprintf(path, sizeof path, "/proc/%u/statm", pid);
    FILE *in = pid > 0 ? fopen(path, "re") : NULL;
    if (in == NULL)
        return 0;
    if (fscanf(in, "%llu %llu", &pages, &resident_pages) != 2)
        resident_pages = 0;
    fclose(in);
    return resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct seen {
    uint64_t memory; /* bytes */
    bool counted;
    uint64_t counters[COUNTER_COUNT];
};

static struct seen
see(const struct cli *cli, const struct status_row *row)
{
    char run[FOLDER_PATH_MAX];
    struct seen seen = { .memory = resident(row->pid) };
    folder_path(cli->data, "run", run);
    seen.counted = counters_read(run, row->name, seen.counters) == ERR_NONE;
    return seen;
}

static void
count_cell(struct table *table, const struct seen *seen, uint64_t count)
{
    if (seen->counted)
        table_number(table, count);
    else
        table_text(table, "");
}

static void
show_row(struct table *table, const struct status_row *row, const struct seen *seen)
{
    char memory[HUMAN_MAX];
    const uint64_t *c = seen->counters;
    table_row(table);
    table_text(table, row->name);
    if (row->pid > 0)
        table_number(table, row->pid);
    else
        table_text(table, "");
    table_text(table, row->state);
    table_time(table, row->since_ms);
    table_number(table, row->restarts);
    table_text(table, seen->memory > 0 ? human_bytes(seen->memory, memory) : "");
    count_cell(table, seen, c[COUNTER_sent]);
    count_cell(table, seen, c[COUNTER_received]);
    count_cell(table, seen, c[COUNTER_refused_full] + c[COUNTER_refused_gone]);
    count_cell(table, seen, c[COUNTER_gaps]);
    count_cell(table, seen, c[COUNTER_resyncs]);
    table_text(table, row->detail);
}

/* Who looks now and then is to see it in time. */
static void
warn_of_certificate(const struct seen *seen)
{
    uint64_t until_s = seen->counted ? seen->counters[COUNTER_tls_expires_s] : 0;
    uint64_t now_s = clock_unix_ms() / 1000;
    char until[STAMP_SIZE];
    if (until_s != 0 && until_s < now_s + EXPIRES_SOON_S)
        cli_complain("the TLS certificate %s at %s",
            until_s < now_s ? "expired" : "expires",
            stamp_print(until_s * 1000, until));
}

static void
show(const struct cli *cli, const struct status *status)
{
    static const char *const heads[] = { "PROCESS", ">PID", "STATE", "SINCE",
        ">RESTARTS", ">MEMORY", ">SENT", ">RECEIVED", ">REFUSED", ">GAPS", ">RESYNCS",
        "DETAIL", NULL };
    struct table *table = table_new(cli, heads);
    for (size_t i = 0; i < status->row_count; i++) {
        struct seen seen = see(cli, &status->rows[i]);
        show_row(table, &status->rows[i], &seen);
        warn_of_certificate(&seen);
    }
    table_print(&table);
}

static json_t *
counters_json(const struct seen *seen)
{
    json_t *counters = json_object();
    for (unsigned i = 0; i < COUNTER_COUNT && seen->counted; i++)
        json_object_set_new(counters, counter_name((enum counter)i),
            json_integer((json_int_t)seen->counters[i]));
    return counters;
}

static void
show_json(const struct cli *cli, pid_t pid, const struct status *status)
{
    json_t *processes = json_array();
    for (size_t i = 0; i < status->row_count; i++) {
        const struct status_row *row = &status->rows[i];
        struct seen seen = see(cli, row);
        char since[STAMP_SIZE];
        json_array_append_new(
            processes, json_pack("{s:s, s:i, s:s, s:s, s:i, s:I, s:o, s:s}", "name",
                           row->name, "pid", (int)row->pid, "state", row->state,
                           "since", stamp_print(row->since_ms, since), "restarts",
                           (int)row->restarts, "memory_bytes", (json_int_t)seen.memory,
                           "counters", counters_json(&seen), "detail", row->detail));
    }
    unsigned http = status->row_count > 0 ? status->rows[0].http_port : 0;
    unsigned worker = status->row_count > 0 ? status->rows[0].worker_port : 0;
    json_t *all = json_pack("{s:s, s:b, s:b, s:i, s:i, s:i, s:o}", "data", cli->data,
        "running", pid > 0, "ready", pid > 0 && engine_ready(status), "pid", (int)pid,
        "http_port", (int)http, "worker_port", (int)worker, "processes", processes);
    cli_print_json(all);
    json_decref(all);
}

/* A supervisor that cannot write what is, because the device is full, leaves what was.
 */
static void
doubt(const struct cli *cli, struct status *status)
{
    struct statvfs device;
    for (size_t i = 0; i < status->row_count; i++) {
        struct status_row *row = &status->rows[i];
        if (row->pid > 0 && resident(row->pid) == 0)
            snprintf(row->state, sizeof row->state, "gone");
    }
    if (statvfs(cli->data, &device) == 0 && device.f_bavail == 0)
        cli_complain("%s: the device is full", cli->data);
}

enum exit_code
command_status(struct cli *cli)
{
    static struct status status;
    enum exit_code e = cli_find_data(cli);
    if (e == EXIT_DONE && engine_hidden(cli))
        e = EXIT_REFUSED;
    if (e != EXIT_DONE)
        return e;
    pid_t pid = engine_look(cli, &status);
    doubt(cli, &status);
    if (cli_given(cli, OPTION_json))
        show_json(cli, pid, &status);
    else if (pid == 0)
        cli_complain("no engine runs on %s (capstan up)", cli->data);
    else
        show(cli, &status);
    return pid > 0 && engine_ready(&status) ? EXIT_DONE : EXIT_REFUSED;
}
