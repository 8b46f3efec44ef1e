/* interactions - what runs ask of people, and the answers. */
#include "workers/cli/answer.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

static void
row_of(struct table *table, const json_t *item)
{
    const char *title = document_text(item, "title");
    document_cell(table, item, "id");
    document_cell(table, item, "automation");
    document_cell(table, item, "step");
    document_cell(table, item, "protocol");
    document_cell_list(table, item, "targets");
    document_cell_time(table, item, "created_at");
    document_cell_time(table, item, "expires_at");
    table_text(table, title[0] != '\0' ? title : document_text(item, "prompt"));
}

enum exit_code
command_interactions_list(struct cli *cli)
{
    static const char *const heads[] = { "ID", "AUTOMATION", "STEP", "PROTOCOL",
        "TARGETS", "ASKED", "EXPIRES", "QUESTION", NULL };
    struct api_path path = api_path("interactions", NULL, "");
    api_query(&path, "target", cli_value(cli, OPTION_target));
    return document_list(cli, &path, heads, row_of);
}

static void
print_targets(const json_t *question)
{
    const json_t *target;
    size_t i;
    json_array_foreach(json_object_get(question, "targets"), i, target)
    {
        json_t *line = json_pack("{ss}", "target", json_string_value(target));
        document_line(line, "target");
        json_decref(line);
    }
}

static void
print_responses(const json_t *question)
{
    const json_t *response;
    size_t i;
    json_array_foreach(json_object_get(question, "responses"), i, response)
    {
        printf("\n");
        document_line(response, "by");
        document_line(response, "at");
        document_line(response, "comment");
        cli_print_json(json_object_get(response, "value"));
    }
}

enum exit_code
command_interactions_get(struct cli *cli)
{
    static const char *const lines[] = { "id", "status", "run_id", "automation", "step",
        "protocol", "title", "prompt", "created_at", "expires_at", "settled_at" };
    json_t *question;
    struct api_path path = api_path("interactions", cli->request.words[0], "");
    enum exit_code e = api_get(cli, &path, &question);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(question);
    } else {
        for (size_t i = 0; i < COUNT(lines); i++)
            document_line(question, lines[i]);
        print_targets(question);
        print_responses(question);
    }
    json_decref(question);
    return EXIT_DONE;
}

/* One of --approve, --reject, --value and --withdraw says what is answered. */
static enum exit_code
read_answer(const struct cli *cli, json_t *body)
{
    const char *value = cli_value(cli, OPTION_value);
    int count = cli_given(cli, OPTION_approve) + cli_given(cli, OPTION_reject)
                + cli_given(cli, OPTION_value) + cli_given(cli, OPTION_withdraw);
    json_error_t wrong;
    if (count != 1) {
        cli_complain("one of --approve, --reject, --value and --withdraw is wanted");
        return EXIT_USAGE;
    }
    if (cli_given(cli, OPTION_withdraw)) {
        json_object_set_new(body, "cancel", json_true());
        return EXIT_DONE;
    }
    json_t *said = value != NULL ? answer_parse(text(value), 0, &wrong)
                                 : json_boolean(cli_given(cli, OPTION_approve));
    if (said == NULL) {
        cli_complain("--value: %d:%d: %s", wrong.line, wrong.column, wrong.text);
        return EXIT_USAGE;
    }
    json_object_set_new(body, "value", said);
    return EXIT_DONE;
}

enum exit_code
command_interactions_respond(struct cli *cli)
{
    struct api_path path = api_path("interactions", cli->request.words[0], "/respond");
    json_t *run = NULL, *body = json_object();
    enum exit_code e = read_answer(cli, body);
    api_set(body, "comment", cli_value(cli, OPTION_comment));
    api_set(body, "as", cli_value(cli, OPTION_as));
    if (e == EXIT_DONE)
        e = api_post(cli, &path, body, &run);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, run, document_text(run, "id"), document_text(run, "status"));
    json_decref(run);
    return EXIT_DONE;
}

enum exit_code
command_interactions_delete(struct cli *cli)
{
    const char *id = cli->request.words[0];
    struct api_path path = api_path("interactions", id, "");
    json_t *run;
    enum exit_code e = api_send(cli, "DELETE", &path, NULL, &run);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, run, id, "deleted");
    json_decref(run);
    return EXIT_DONE;
}
