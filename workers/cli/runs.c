/* runs - start, list, get. */
#include "base/clock.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/exported.h"
#include "workers/cli/follow.h"
#include "workers/cli/human.h"
#include "workers/cli/input.h"

#include <inttypes.h>
#include <stdlib.h>

enum exit_code
command_runs_start(struct cli *cli)
{
    struct api_path path = api_path("runs", NULL, "");
    json_t *inputs, *run = NULL;
    uint64_t ms, version;
    enum exit_code e = cli_time(cli, OPTION_wait, 0, &ms);
    if (e == EXIT_DONE)
        e = cli_ordinal(cli, OPTION_version, UINT32_MAX, &version);
    if (e == EXIT_DONE)
        e = input_json("--inputs", cli_value(cli, OPTION_inputs), &inputs);
    if (e != EXIT_DONE)
        return e;
    json_t *body = json_object();
    api_set(body, "automation", cli->request.words[0]);
    api_set(body, "idempotency_key", cli_value(cli, OPTION_idempotency_key));
    if (inputs != NULL)
        json_object_set_new(body, "inputs", inputs);
    if (version > 0)
        json_object_set_new(body, "version", json_integer((json_int_t)version));
    e = api_post(cli, &path, body, &run);
    json_decref(body);
    if (e == EXIT_DONE)
        e = follow_begun(cli, run);
    json_decref(run);
    return e;
}

static void
took_cell(struct table *table, const json_t *run)
{
    uint64_t from = document_time(run, "started_at");
    uint64_t to = document_time(run, "finished_at");
    char span[HUMAN_MAX];
    table_text(table, from > 0 && to >= from ? human_span(to - from, span) : "");
}

static void
row_of(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "automation");
    document_cell(table, item, "version");
    document_cell(table, item, "status");
    document_cell_time(table, item, "started_at");
    took_cell(table, item);
}

enum exit_code
command_runs_list(struct cli *cli)
{
    static const char *const heads[] = { "RUN", "AUTOMATION", ">VERSION", "STATUS",
        "STARTED", ">TOOK", NULL };
    struct api_path path = api_path("runs", NULL, "");
    api_query(&path, "automation", cli_value(cli, OPTION_automation));
    api_query(&path, "status", cli_value(cli, OPTION_status));
    return document_list(cli, &path, heads, row_of);
}

/* What the step waits for, or how far it is: "due in 5 min", "run_…", "12/100". */
static void
waits_cell(const struct cli *cli, struct table *table, const json_t *step)
{
    static const char *const names[] = { "child_run_id", "interaction_id",
        "event_type" };
    const json_t *items = json_object_get(step, "items");
    uint64_t due_ms = document_time(step, "due_at");
    struct buffer out = { 0 };
    char ago[HUMAN_MAX];
    for (size_t i = 0; i < COUNT(names); i++)
        if (document_text(step, names[i])[0] != '\0')
            buffer_print(
                &out, "%s%s", out.size > 0 ? ", " : "", document_text(step, names[i]));
    if (items != NULL)
        buffer_print(&out, "%" PRIu64 "/%" PRIu64, document_number(items, "over"),
            document_number(items, "count"));
    if (due_ms > 0)
        buffer_print(&out, "%sdue %s", out.size > 0 ? ", " : "",
            cli->on_terminal ? human_ago(clock_unix_ms(), due_ms, ago)
                             : document_text(step, "due_at"));
    buffer_append(&out, "", 1);
    table_text(table, (const char *)out.data);
    buffer_free(&out);
}

static void
show_steps(const struct cli *cli, const json_t *run)
{
    static const char *const heads[] = { "STEP", "KIND", "STATUS", ">ATTEMPT",
        "STARTED", ">TOOK", "WAITS", "ERROR", NULL };
    const json_t *steps = json_object_get(run, "steps"), *step;
    size_t i;
    if (json_array_size(steps) == 0)
        return;
    struct table *table = table_new(cli, heads);
    putchar('\n');
    json_array_foreach(steps, i, step)
    {
        table_row(table);
        document_cell(table, step, "key");
        document_cell(table, step, "kind");
        document_cell(table, step, "status");
        document_cell(table, step, "attempt");
        document_cell_time(table, step, "started_at");
        took_cell(table, step);
        waits_cell(cli, table, step);
        document_error_cell(table, json_object_get(step, "error"));
    }
    table_print(&table);
}

static void
show(const struct cli *cli, const json_t *run)
{
    static const char *const lines[] = { "id", "name", "automation", "version",
        "status", "stop_reason", "cancelled_by", "cancel_reason", "queue_reason",
        "parent_run_id", "origin_run_id", "started_at", "finished_at" };
    const json_t *output = json_object_get(run, "output");
    for (size_t i = 0; i < COUNT(lines); i++)
        document_line(run, lines[i]);
    document_error_line(json_object_get(run, "error"));
    show_steps(cli, run);
    if (output != NULL && !json_is_null(output)) {
        printf("\noutput\n");
        cli_print_json(output);
    }
}

enum exit_code
command_runs_get(struct cli *cli)
{
    json_t *run;
    enum exit_code e = run_named(cli);
    if (e != EXIT_DONE)
        return e;
    struct run_place place = run_place(cli);
    e = run_place_get(cli, &place, &run);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(run);
    else
        show(cli, run);
    json_decref(run);
    return EXIT_DONE;
}
