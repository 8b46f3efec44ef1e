/* queues - set, list. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

enum { LIMIT_MAX = 1000000 };

enum exit_code
command_queues_set(struct cli *cli)
{
    struct api_path path = api_path("queues", NULL, "");
    uint64_t limit;
    json_t *answer, *body;
    if (cli_value(cli, OPTION_concurrency) == NULL) {
        cli_complain(
            "say how many jobs may be out: --concurrency COUNT, 0 for any number");
        return EXIT_USAGE;
    }
    enum exit_code e = cli_number(cli, OPTION_concurrency, LIMIT_MAX, 0, &limit);
    if (e != EXIT_DONE)
        return e;
    body = json_pack("{s:s}", "name", cli->request.words[0]);
    if (body == NULL) {
        cli_complain("the name is not valid UTF-8");
        return EXIT_USAGE;
    }
    if (limit > 0)
        json_object_set_new(body, "concurrency", json_integer((json_int_t)limit));
    e = api_post(cli, &path, body, &answer);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[0],
        json_is_true(json_object_get(answer, "changed")) ? "set" : "unchanged");
    json_decref(answer);
    return EXIT_DONE;
}

static void
queue_row(struct table *table, const json_t *item)
{
    const json_t *limit = json_object_get(item, "concurrency");
    document_cell(table, item, "name");
    if (json_is_integer(limit))
        table_number(table, (uint64_t)json_integer_value(limit));
    else
        table_text(table, "");
    table_number(table, document_number(item, "out"));
}

enum exit_code
command_queues_list(struct cli *cli)
{
    static const char *const heads[] = { "NAME", ">LIMIT", ">OUT", NULL };
    struct api_path path = api_path("queues", NULL, "");
    return document_list(cli, &path, heads, queue_row);
}
