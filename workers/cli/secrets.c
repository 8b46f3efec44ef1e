/* secrets - set, list, delete. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/input.h"

/* The second word, or standard input without the end of its last line. */
static enum exit_code
read_value(const struct cli *cli, struct buffer *value)
{
    if (cli->request.word_count > 1) {
        buffer_append_bytes(value, text(cli->request.words[1]));
        return EXIT_DONE;
    }
    enum exit_code e = input_read("-", value);
    if (value->size > 0 && value->data[value->size - 1] == '\n')
        value->size--;
    return e;
}

enum exit_code
command_secrets_set(struct cli *cli)
{
    struct api_path path = api_path("secrets", NULL, "");
    struct buffer value = { 0 };
    json_t *answer;
    enum exit_code e = read_value(cli, &value);
    json_t *body = json_pack("{s:s, s:s%}", "name", cli->request.words[0], "value",
        value.data != NULL ? (const char *)value.data : "", value.size);
    buffer_free(&value);
    if (body == NULL) {
        cli_complain("a secret must be valid UTF-8");
        return EXIT_USAGE;
    }
    if (e == EXIT_DONE)
        e = api_post(cli, &path, body, &answer);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[0], "set");
    json_decref(answer);
    return EXIT_DONE;
}

static void
secret_row(struct table *table, const json_t *item)
{
    document_cell(table, item, "name");
    document_cell_time(table, item, "updated_at");
}

enum exit_code
command_secrets_list(struct cli *cli)
{
    static const char *const heads[] = { "NAME", "SET", NULL };
    struct api_path path = api_path("secrets", NULL, "");
    return document_list(cli, &path, heads, secret_row);
}

enum exit_code
command_secrets_delete(struct cli *cli)
{
    struct api_path path = api_path("secrets", cli->request.words[0], "");
    struct api_call call = { .method = "DELETE", .path = &path };
    json_t *answer;
    enum exit_code e = api_call(cli, &call, &answer, NULL);
    if (e != EXIT_DONE)
        return e;
    document_done(cli, answer, cli->request.words[0], "deleted");
    json_decref(answer);
    return EXIT_DONE;
}
