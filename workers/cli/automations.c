/* automations - apply, list, get, and what starts them. */
#include "workers/cli/automations.h"

#include "base/stamp.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/input.h"

#include <time.h>

enum { NOTE_MAX = 300 };

enum exit_code
automation_send(struct cli *cli, const struct api_path *path, const char *file,
    json_t **answer, long *http)
{
    struct buffer content = { 0 };
    enum exit_code e = input_read(file, &content);
    if (e == EXIT_DONE && content.size == 0) {
        cli_complain("%s: is empty: expected an automation", file);
        e = EXIT_REFUSED;
    }
    if (e != EXIT_DONE)
        return e;
    struct api_call call = { .method = "POST",
        .path = path,
        .content_type = "application/yaml",
        .body = buffer_bytes(&content),
        .about = file };
    e = api_call(cli, &call, answer, http);
    buffer_free(&content);
    return e;
}

static void
row_of(struct table *table, const json_t *item)
{
    document_cell(table, item, "name");
    document_cell(table, item, "version");
    document_cell(table, item, "status");
    document_cell_time(table, item, "updated_at");
    document_cell(table, item, "id");
}

enum exit_code
command_automations_list(struct cli *cli)
{
    static const char *const heads[] = { "NAME", ">VERSION", "STATUS", "CHANGED", "ID",
        NULL };
    struct api_path path = api_path("automations", NULL, "");
    return document_list(cli, &path, heads, row_of);
}

static void
show(const json_t *automation)
{
    static const char *const lines[] = { "name", "id", "version", "status",
        "status_reason", "published_version", "latest_version", "description",
        "created_at", "updated_at" };
    const char *definition = document_text(automation, "definition");
    for (size_t i = 0; i < COUNT(lines); i++)
        document_line(automation, lines[i]);
    if (definition[0] != '\0')
        printf("\n%s%s", definition,
            definition[strlen(definition) - 1] == '\n' ? "" : "\n");
}

enum exit_code
command_automations_get(struct cli *cli)
{
    json_t *automation;
    struct api_path path = api_path("automations", cli->request.words[0], "");
    enum exit_code e = api_get(cli, &path, &automation);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_definition))
        fputs(document_text(automation, "definition"), stdout);
    else if (cli_given(cli, OPTION_json))
        cli_print_json(automation);
    else
        show(automation);
    json_decref(automation);
    return EXIT_DONE;
}

static void
trigger_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "key");
    document_cell(table, item, "kind");
    table_text(table, json_is_true(json_object_get(item, "active")) ? "" : "off");
    document_cell_time(table, item, "next_at");
    document_cell_time(table, item, "last_fired_at");
    document_cell(table, item, "last_run");
    document_cell(table, item, "fires");
    document_cell(table, item, "refusals");
    table_text(table, document_text(item, "url")[0] != '\0'
                          ? document_text(item, "url")
                          : document_text(item, "event_type"));
    if (json_is_false(json_object_get(item, "secret_set"))
        && document_text(item, "secret")[0] != '\0') {
        char note[NOTE_MAX];
        snprintf(
            note, sizeof note, "secret %s is not set", document_text(item, "secret"));
        table_text(table, note);
    } else {
        document_cell(table, item, "last_refusal");
    }
}

enum exit_code
command_automations_triggers(struct cli *cli)
{
    static const char *const heads[] = { "KEY", "KIND", "", "NEXT", "LAST", "RUN",
        ">FIRES", ">REFUSED", "URL OR EVENT", "NOTE", NULL };
    struct api_path path = api_path("automations", cli->request.words[0], "/triggers");
    return document_list(cli, &path, heads, trigger_row);
}

/* On the wall clock of the schedule, else on that of who asks. */
static void
local_cell(struct table *table, const json_t *item)
{
    const char *local = document_text(item, "local");
    uint64_t at_ms = document_time(item, "at");
    time_t seconds = (time_t)(at_ms / 1000);
    char stamp[STAMP_LOCAL_SIZE], cell[NOTE_MAX];
    struct tm here;
    if (local[0] != '\0')
        snprintf(cell, sizeof cell, "%s %s", local, document_text(item, "timezone"));
    else if (localtime_r(&seconds, &here) != NULL)
        snprintf(cell, sizeof cell, "%s",
            stamp_print_local(at_ms, (int32_t)here.tm_gmtoff, stamp));
    else
        cell[0] = '\0';
    table_text(table, cell);
}

/* As dates, for people too: they are compared with a calendar. */
static void
slot_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "at");
    document_cell(table, item, "trigger");
    local_cell(table, item);
}

/* The slots of an automation that is not active come, and nothing fires. */
static void
tell_rest(struct cli *cli)
{
    struct api_path path = api_path("automations", cli->request.words[0], "");
    struct api_call call = { .method = "GET", .path = &path, .quiet = true };
    json_t *automation;
    if (api_call(cli, &call, &automation, NULL) != EXIT_DONE)
        return;
    const char *status = document_text(automation, "status");
    if (status[0] != '\0' && strcmp(status, "active") != 0)
        cli_remark(cli, "%s is %s: its triggers rest", cli->request.words[0], status);
    json_decref(automation);
}

enum exit_code
command_automations_next(struct cli *cli)
{
    static const char *const heads[] = { "AT", "TRIGGER", "LOCAL", NULL };
    struct api_path path = api_path("automations", cli->request.words[0], "/next");
    api_query(&path, "count", cli->request.words[1]);
    enum exit_code e = document_list(cli, &path, heads, slot_row);
    if (e == EXIT_DONE)
        tell_rest(cli);
    return e;
}

/* What became of a text that was sent. */
static const char *
outcome(const struct cli *cli, const json_t *automation, long http)
{
    if (json_object_get(automation, "valid") != NULL)
        return "valid";
    if (http != 201)
        return "unchanged";
    return cli_given(cli, OPTION_draft) ? "kept as a draft" : "applied";
}

static enum exit_code
apply_file(struct cli *cli, const char *name)
{
    struct api_path path = api_path("automations", NULL, "");
    json_t *automation;
    long http;
    api_query(&path, "draft", cli_given(cli, OPTION_draft) ? "true" : NULL);
    api_query(&path, "check", cli_given(cli, OPTION_check) ? "true" : NULL);
    enum exit_code e = automation_send(cli, &path, name, &automation, &http);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(automation);
    } else {
        struct table *line =
            table_new(cli, (const char *const[]){ "NAME", ">VERSION", "", NULL });
        table_row(line);
        document_cell(line, automation, "name");
        document_cell(line, automation, "version");
        table_text(line, outcome(cli, automation, http));
        table_print(&line);
    }
    json_decref(automation);
    return EXIT_DONE;
}

/* Every file is tried, so that all mistakes are seen at once. */
enum exit_code
command_apply(struct cli *cli)
{
    enum exit_code worst = EXIT_DONE;
    for (size_t i = 0; i < cli->request.word_count; i++) {
        enum exit_code e = apply_file(cli, cli->request.words[i]);
        if (e == EXIT_AWAY || e == EXIT_USAGE)
            return e;
        if (e != EXIT_DONE)
            worst = e;
    }
    return worst;
}
