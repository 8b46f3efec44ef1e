/* console - where a browser finds the engine, and with which key. */
#include "workers/cli/cli.h"
#include "workers/cli/commands.h"

#include <curl/curl.h>

/* The part behind "#" is not sent to anybody: it is for the page alone. */
static void
add_key(const struct cli *cli, struct buffer *address)
{
    char *escaped = curl_easy_escape(NULL, cli->key, 0);
    if (cli->key[0] != '\0' && escaped != NULL)
        buffer_print(address, "#key=%s", escaped);
    curl_free(escaped);
}

static void
print_json(const struct buffer *address)
{
    json_t *all =
        json_pack("{s:s%}", "address", (const char *)address->data, address->size);
    cli_print_json(all);
    json_decref(all);
}

enum exit_code
command_console(struct cli *cli)
{
    struct buffer address = { 0 };
    enum exit_code e = cli_find_engine(cli);
    if (e != EXIT_DONE)
        return e;
    buffer_print(&address, "%s/console/", cli->url);
    add_key(cli, &address);
    if (cli_given(cli, OPTION_json))
        print_json(&address);
    else
        cli_print_line(&address);
    if (cli->key[0] == '\0')
        cli_remark(cli, "no key is known here: the page asks for one");
    else
        cli_remark(cli,
            "keep it to yourself: who has this address may do all that the "
            "key of %s may",
            cli->key_from);
    buffer_free(&address);
    return EXIT_DONE;
}
