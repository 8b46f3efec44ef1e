/* projects - the project of the key. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

static void
show(const struct cli *cli, const json_t *project)
{
    static const char *const lines[] = { "name", "description", "reference", "deleted",
        "created_at", "updated_at" };
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(project);
        return;
    }
    for (size_t i = 0; i < COUNT(lines); i++)
        document_line(project, lines[i]);
}

static enum exit_code
ask(struct cli *cli, const char *method, const char *below, const json_t *body)
{
    struct api_path path = api_path("project", NULL, below);
    json_t *project;
    enum exit_code e = api_send(cli, method, &path, body, &project);
    if (e != EXIT_DONE)
        return e;
    show(cli, project);
    json_decref(project);
    return EXIT_DONE;
}

enum exit_code
command_projects_get(struct cli *cli)
{
    return ask(cli, "GET", "", NULL);
}

enum exit_code
command_projects_set(struct cli *cli)
{
    json_t *body = json_pack("{s:s}", "name", cli->request.words[0]);
    if (body == NULL) {
        cli_complain("the name is not valid UTF-8");
        return EXIT_USAGE;
    }
    enum exit_code e = ask(cli, "PATCH", "", body);
    json_decref(body);
    return e;
}

static enum exit_code
end(struct cli *cli, const char *method, const char *below, const char *how)
{
    struct api_path path = api_path("project", NULL, below);
    json_t *project;
    enum exit_code e = api_send(cli, method, &path, NULL, &project);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, project, "project", how);
    json_decref(project);
    return EXIT_DONE;
}

enum exit_code
command_projects_delete(struct cli *cli)
{
    return end(cli, "DELETE", "", "deleted");
}

enum exit_code
command_projects_restore(struct cli *cli)
{
    return end(cli, "POST", "/restore", "restored");
}
