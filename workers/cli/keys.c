/* keys - create, list, revoke. */
#include "workers/cli/access.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

enum { HTTP_CONFLICT = 409 }; /* it is the last that may make others */

static void
show_key(const struct cli *cli, const json_t *key)
{
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(key);
        return;
    }
    /* Alone on standard output: key=$(capstan keys create ci) */
    printf("%s\n", document_text(key, "key"));
    cli_remark(cli, "key %s, shown this once: keep it now", document_text(key, "id"));
}

enum exit_code
command_keys_create(struct cli *cli)
{
    const char *scopes = cli_value(cli, OPTION_scopes);
    const char *principal = cli_value(cli, OPTION_principal);
    struct api_path path = api_path("keys", NULL, "");
    json_t *key;
    json_t *body = json_pack("{s:s}", "name", cli->request.words[0]);
    if (body == NULL) {
        cli_complain("the name is not valid UTF-8");
        return EXIT_USAGE;
    }
    if (scopes == NULL && principal == NULL)
        scopes = "read,start,work";
    if (scopes != NULL)
        json_object_set_new(body, "scopes", access_words(scopes));
    api_set(body, "principal", principal);
    enum exit_code e = api_post(cli, &path, body, &key);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    show_key(cli, key);
    json_decref(key);
    return EXIT_DONE;
}

static void
key_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "name");
    document_cell_list(table, item, "scopes");
    document_cell(table, item, "prefix");
    document_cell_time(table, item, "created_at");
    table_text(table, json_is_true(json_object_get(item, "revoked")) ? "revoked" : "");
}

enum exit_code
command_keys_list(struct cli *cli)
{
    static const char *const heads[] = { "ID", "NAME", "SCOPES", "BEGINS WITH",
        "CREATED", "", NULL };
    struct api_path path = api_path("keys", NULL, "");
    return document_list(cli, &path, heads, key_row);
}

enum exit_code
command_keys_revoke(struct cli *cli)
{
    struct api_path path = api_path("keys", cli->request.words[0], "");
    struct api_call call = {
        .method = "DELETE", .path = &path, .about = cli->request.words[0]
    };
    json_t *answer;
    long http;
    enum exit_code e = api_call(cli, &call, &answer, &http);
    if (e != EXIT_DONE && http == HTTP_CONFLICT)
        cli_complain("capstan keys create NAME --scopes admin makes another one");
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[0], "revoked");
    json_decref(answer);
    return EXIT_DONE;
}
