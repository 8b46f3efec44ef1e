/* roles, principals - who may do what. */
#include "workers/cli/access.h"

#include "workers/cli/commands.h"
#include "workers/cli/document.h"

json_t *
access_words(const char *list)
{
    json_t *words = json_array();
    for (const char *at = list; *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (size > 0)
            json_array_append_new(words, json_stringn_nocheck(at, size));
        at += size + (at[size] == ',');
    }
    return words;
}

/* A list in a body; nothing when the option is not given. */
static void
set_list(const struct cli *cli, json_t *body, const char *name, enum option option)
{
    if (cli_given(cli, option))
        json_object_set_new(body, name, access_words(cli_value(cli, option)));
}

/* Send it, and say what became of what. */
static enum exit_code
change(struct cli *cli, const char *method, const struct api_path *path, json_t *body,
    const char *how)
{
    json_t *answer;
    enum exit_code e = api_send(cli, method, path, body, &answer);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, document_text(answer, "id"), how);
    json_decref(answer);
    return EXIT_DONE;
}

/* { name } with the command's word; NULL, and a complaint, if it is no text. */
static json_t *
named(struct cli *cli)
{
    json_t *body = json_pack("{s:s}", "name", cli->request.words[0]);
    if (body == NULL)
        cli_complain("the name is not valid UTF-8");
    return body;
}

/* ---- roles ---- */

static void
role_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "name");
    document_cell_list(table, item, "scopes");
    document_cell(table, item, "description");
}

enum exit_code
command_roles_list(struct cli *cli)
{
    static const char *const heads[] = { "ID", "NAME", "SCOPES", "", NULL };
    struct api_path path = api_path("roles", NULL, "");
    return document_list(cli, &path, heads, role_row);
}

enum exit_code
command_roles_create(struct cli *cli)
{
    struct api_path path = api_path("roles", NULL, "");
    json_t *body = named(cli);
    if (body == NULL)
        return EXIT_USAGE;
    set_list(cli, body, "scopes", OPTION_scopes);
    return change(cli, "POST", &path, body, "created");
}

enum exit_code
command_roles_set(struct cli *cli)
{
    struct api_path path = api_path("roles", cli->request.words[0], "");
    json_t *body = json_object();
    set_list(cli, body, "scopes", OPTION_scopes);
    return change(cli, "PATCH", &path, body, "set");
}

enum exit_code
command_roles_delete(struct cli *cli)
{
    struct api_path path = api_path("roles", cli->request.words[0], "");
    return change(cli, "DELETE", &path, NULL, "deleted");
}

/* ---- principals ---- */

static void
role_names(struct table *table, const json_t *item)
{
    char names[600] = "";
    const json_t *role;
    size_t i, size = 0;
    json_array_foreach(json_object_get(item, "roles"), i, role)
    {
        int more = snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? "," : "",
            document_text(role, "name"));
        if (more < 0 || (size_t)more >= sizeof names - size)
            break;
        size += (size_t)more;
    }
    table_text(table, names);
}

static void
principal_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "id");
    document_cell(table, item, "name");
    document_cell(table, item, "state");
    role_names(table, item);
    document_cell_list(table, item, "scopes");
    document_cell_time(table, item, "created_at");
}

enum exit_code
command_principals_list(struct cli *cli)
{
    static const char *const heads[] = { "ID", "NAME", "STATE", "ROLES", "SCOPES",
        "CREATED", NULL };
    struct api_path path = api_path("principals", NULL, "");
    return document_list(cli, &path, heads, principal_row);
}

enum exit_code
command_principals_create(struct cli *cli)
{
    struct api_path path = api_path("principals", NULL, "");
    json_t *body = named(cli);
    if (body == NULL)
        return EXIT_USAGE;
    set_list(cli, body, "roles", OPTION_roles);
    return change(cli, "POST", &path, body, "created");
}

enum exit_code
command_principals_set(struct cli *cli)
{
    struct api_path path = api_path("principals", cli->request.words[0], "");
    json_t *body = json_object();
    set_list(cli, body, "roles", OPTION_roles);
    api_set(body, "state", cli_value(cli, OPTION_state));
    return change(cli, "PATCH", &path, body, "set");
}

enum exit_code
command_principals_delete(struct cli *cli)
{
    struct api_path path = api_path("principals", cli->request.words[0], "");
    return change(cli, "DELETE", &path, NULL, "deleted");
}
