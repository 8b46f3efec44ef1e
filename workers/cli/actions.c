/* actions - names of a project's own for URLs. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

static void
action_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "name");
    document_cell(table, item, "kind");
    document_cell(table, item, "url");
    document_cell(table, item, "title");
    document_cell_time(table, item, "updated_at");
}

enum exit_code
command_actions_list(struct cli *cli)
{
    static const char *const heads[] = { "NAME", "KIND", "URL", "TITLE", "CHANGED",
        NULL };
    struct api_path path = api_path("actions", NULL, "");
    return document_list(cli, &path, heads, action_row);
}

/* Alone on standard output: it is what the server at the URL checks with. */
static enum exit_code
show_secret(
    struct cli *cli, const char *method, const struct api_path *path, json_t *body)
{
    json_t *action;
    enum exit_code e = api_send(cli, method, path, body, &action);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(action);
    } else {
        printf("%s\n", document_text(action, "secret"));
        cli_remark(cli, "the secret that signs the calls of %s, shown this once",
            document_text(action, "name"));
    }
    json_decref(action);
    return EXIT_DONE;
}

static json_t *
pair(struct cli *cli, const char *name)
{
    json_t *body = name != NULL ? json_pack(
                       "{s:s, s:s}", "name", name, "url", cli->request.words[1])
                                : json_pack("{s:s}", "url", cli->request.words[1]);
    if (body == NULL)
        cli_complain("the name or the URL is not valid UTF-8");
    return body;
}

enum exit_code
command_actions_create(struct cli *cli)
{
    struct api_path path = api_path("actions", NULL, "");
    json_t *body = pair(cli, cli->request.words[0]);
    return body == NULL ? EXIT_USAGE : show_secret(cli, "POST", &path, body);
}

enum exit_code
command_actions_rotate(struct cli *cli)
{
    struct api_path path = api_path("actions", cli->request.words[0], "/secret");
    return show_secret(cli, "POST", &path, NULL);
}

static enum exit_code
change(struct cli *cli, const char *method, json_t *body, const char *how)
{
    struct api_path path = api_path("actions", cli->request.words[0], "");
    json_t *action;
    enum exit_code e = api_send(cli, method, &path, body, &action);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, action, cli->request.words[0], how);
    json_decref(action);
    return EXIT_DONE;
}

enum exit_code
command_actions_set(struct cli *cli)
{
    json_t *body = pair(cli, NULL);
    return body == NULL ? EXIT_USAGE : change(cli, "PATCH", body, "set");
}

enum exit_code
command_actions_delete(struct cli *cli)
{
    return change(cli, "DELETE", NULL, "deleted");
}
