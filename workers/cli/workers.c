/* workers - who is there to work, and what each holds. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

#include <inttypes.h>

/* "2/5": held and at most. */
static void
busy_cell(struct table *table, const json_t *item)
{
    char busy[48];
    snprintf(busy, sizeof busy, "%" PRIu64 "/%" PRIu64, document_number(item, "busy"),
        document_number(item, "concurrency"));
    table_text(table, busy);
}

/* The runs of the jobs it holds. */
static void
jobs_cell(struct table *table, const json_t *item)
{
    json_t *runs = json_array();
    const json_t *job;
    size_t i;
    json_array_foreach(json_object_get(item, "jobs"), i, job)
        json_array_append_new(runs, json_string(document_text(job, "run")));
    json_t *holder = json_pack("{s:o}", "runs", runs);
    document_cell_list(table, holder, "runs");
    json_decref(holder);
}

static void
row_of(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "name");
    document_cell(table, item, "instance");
    document_cell(table, item, "status");
    document_cell_list(table, item, "queues");
    document_cell_list(table, item, "actions");
    busy_cell(table, item);
    document_cell_time(table, item, "heard_ms");
    jobs_cell(table, item);
}

enum exit_code
command_workers_list(struct cli *cli)
{
    static const char *const heads[] = { "SESSION", "NAME", "INSTANCE", "STATUS",
        "QUEUES", "ACTIONS", ">BUSY", "HEARD", "RUNS", NULL };
    struct api_path path = api_path("workers", NULL, "");
    return document_list(cli, &path, heads, row_of);
}
