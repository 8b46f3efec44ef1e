/* state - get, set, update, delete, list. */
#include "workers/cli/answer.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct api_path
path_of(const struct cli *cli)
{
    struct api_path path = api_path("state", cli->request.words[0], "");
    api_below(&path, cli->request.words[1]);
    return path;
}

static enum exit_code
condition(struct cli *cli, json_t *body)
{
    uint64_t revision;
    enum exit_code e = cli_number(cli, OPTION_if_revision, INT64_MAX, 0, &revision);
    if (e == EXIT_DONE && cli_given(cli, OPTION_if_revision))
        json_object_set_new(body, "if_revision", json_integer((json_int_t)revision));
    return e;
}

static void
print_value(const json_t *answer)
{
    struct buffer line = { 0 };
    (void)answer_write(json_object_get(answer, "value"), 0, &line);
    cli_print_line(&line);
    buffer_free(&line);
}

enum exit_code
command_state_get(struct cli *cli)
{
    struct api_path path = path_of(cli);
    json_t *answer;
    enum exit_code e = api_get(cli, &path, &answer);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        print_value(answer);
    json_decref(answer);
    return EXIT_DONE;
}

/* `name` of the body is what the third word or standard input says. */
static enum exit_code
change(struct cli *cli, const char *method, const char *name, json_t **answer)
{
    struct api_path path = path_of(cli);
    const char *said = cli->request.word_count > 2 ? cli->request.words[2] : "@-";
    json_t *value = NULL, *body = json_object();
    enum exit_code e = input_value(name, said, &value);
    if (e == EXIT_DONE)
        e = condition(cli, body);
    json_object_set_new(body, name, value != NULL ? value : json_null());
    if (e == EXIT_DONE)
        e = api_send(cli, method, &path, body, answer);
    json_decref(body);
    return e;
}

enum exit_code
command_state_set(struct cli *cli)
{
    json_t *answer;
    enum exit_code e = change(cli, "PUT", "value", &answer);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[1], "set");
    json_decref(answer);
    return EXIT_DONE;
}

/* What was passed over is complained about, and the rest counts. */
enum exit_code
command_state_update(struct cli *cli)
{
    json_t *answer;
    const json_t *mistake;
    size_t i;
    enum exit_code e = change(cli, "POST", "ops", &answer);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    else
        print_value(answer);
    json_array_foreach(json_object_get(answer, "errors"), i, mistake)
    {
        cli_complain("ops[%" PRIu64 "]: %s: %s", document_number(mistake, "op_index"),
            document_text(mistake, "code"), document_text(mistake, "message"));
        e = EXIT_REFUSED;
    }
    json_decref(answer);
    return e;
}

enum exit_code
command_state_delete(struct cli *cli)
{
    struct api_path path = path_of(cli);
    struct api_call call = { .method = "DELETE", .path = &path };
    json_t *answer;
    api_query(&path, "if_revision", cli_value(cli, OPTION_if_revision));
    enum exit_code e = api_call(cli, &call, &answer, NULL);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[1],
        json_is_true(json_object_get(answer, "deleted")) ? "deleted" : "not there");
    json_decref(answer);
    return EXIT_DONE;
}

/* ---- list ---- */

static void
key_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "key");
    table_number(table, document_number(item, "revision"));
    table_number(table, document_number(item, "bytes"));
    document_cell_time(table, item, "updated_at");
    document_cell_json(table, item, "value");
}

static void
scope_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "scope");
    table_number(table, document_number(item, "keys"));
    table_number(table, document_number(item, "bytes"));
}

enum exit_code
command_state_list(struct cli *cli)
{
    static const char *const scopes[] = { "SCOPE", ">KEYS", ">BYTES", NULL };
    static const char *const keys[] = { "KEY", ">REVISION", ">BYTES", "CHANGED",
        "VALUE", NULL };
    bool all = cli->request.word_count == 0;
    struct api_path path = api_path("state", all ? NULL : cli->request.words[0], "");
    if (!all)
        api_query(&path, "values", "true");
    return document_list(cli, &path, all ? scopes : keys, all ? scope_row : key_row);
}
