/* target - which engine is meant, and with which key: the second half of cli.h. */
#include "workers/cli/commands.h"
#include "workers/cli/engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *
environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum err
overlay(struct cli *cli, struct fault *fault)
{
    char path[CONFIG_TEXT_MAX + 1];
    const char *data = cli_value(cli, OPTION_data);
    const char *file = cli_value(cli, OPTION_config);
    enum err e = ERR_NONE;
    config_default(&cli->config);
    if (file == NULL)
        file = config_file(path);
    if (file != NULL)
        e = config_read_file(file, &cli->config, fault);
    /* Those of a fork are outputs of steps. */
    bool settings = cli->request.command->function != command_runs_fork;
    for (size_t i = 0; settings && i < cli->request.set_count && e == ERR_NONE; i++) {
        const char *set = cli->request.sets[i], *value = strchr(set, '=');
        if (value == NULL)
            return fault_set(
                fault, ERR_INVALID, "--set: '%.80s' is not NAME=VALUE", set);
        e = config_set(
            &cli->config, bytes_of(set, (size_t)(value - set)), text(value + 1), fault);
    }
    if (data != NULL && e == ERR_NONE)
        e = config_set(&cli->config, text("data"), text(data), fault);
    return e;
}

enum exit_code
cli_find_data(struct cli *cli)
{
    struct fault fault;
    if (cli->has_config)
        return EXIT_DONE;
    enum err e = overlay(cli, &fault);
    if (e == ERR_NONE)
        e = folder_find(&cli->config, cli->data, &fault);
    cli->has_config = e == ERR_NONE;
    if (e == ERR_NONE)
        return EXIT_DONE;
    cli_complain("%s", fault.detail);
    return e == ERR_INVALID ? EXIT_USAGE : EXIT_REFUSED;
}

/* Somebody has named a data folder, and nothing runs on it: another engine is not to do
 * what was meant for this one. */
static bool
runs_nowhere(const struct cli *cli, pid_t pid)
{
    char lock[FOLDER_PATH_MAX];
    if (pid > 0
        || (!cli_given(cli, OPTION_data) && environment("CAPSTAN_DATA") == NULL))
        return false;
    return access(folder_path(cli->data, "lock", lock), R_OK) == 0 || errno == ENOENT;
}

/* The door of the engine that runs on the data folder, else the usual one. */
static enum exit_code
print_local(struct cli *cli)
{
    static struct status status;
    pid_t pid = engine_look(cli, &status);
    if (runs_nowhere(cli, pid)) {
        cli_complain("no engine runs on %s (capstan up)", cli->data);
        return EXIT_AWAY;
    }
    if (pid <= 0 || status.row_count == 0 || status.rows[0].http_port == 0) {
        unsigned port = cli->config.http_port;
        status.rows[0].http_port = port != 0 ? port : URL_DEFAULT_PORT;
    }
    engine_pin(cli, pid, cli->pin);
    engine_http_url(cli, &status, cli->pin, cli->url);
    return EXIT_DONE;
}

static enum exit_code
find_url(struct cli *cli)
{
    const char *named = cli_value(cli, OPTION_url);
    int size;
    if (named == NULL)
        named = environment("CAPSTAN_URL");
    if (named != NULL) {
        size = snprintf(cli->url, sizeof cli->url, "%s", named);
    } else {
        enum exit_code e = cli_find_data(cli);
        if (e == EXIT_DONE)
            e = print_local(cli);
        if (e != EXIT_DONE)
            return e;
        size = (int)strlen(cli->url);
    }
    if (size < 0 || size >= (int)sizeof cli->url
        || (strncmp(cli->url, "http://", 7) != 0
            && strncmp(cli->url, "https://", 8) != 0)) {
        cli_complain(
            "'%.200s' is no URL: http://HOST:PORT or https://HOST:PORT", named);
        return EXIT_USAGE;
    }
    while (size > 0 && cli->url[size - 1] == '/')
        cli->url[--size] = '\0';
    return EXIT_DONE;
}

static bool
url_loopback(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool loopback = false;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        loopback = strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0
                   || config_loopback(host);
    curl_free(host);
    curl_url_cleanup(parts);
    return loopback;
}

/* The development key is only for engines of this machine. */
static enum exit_code
read_dev_key(struct cli *cli)
{
    char path[FOLDER_PATH_MAX];
    enum exit_code e = cli_find_data(cli);
    if (e != EXIT_DONE)
        return e;
    snprintf(cli->key_from, sizeof cli->key_from, "%s",
        folder_path(cli->data, "dev.key", path));
    if (!engine_text(cli, "dev.key", cli->key, sizeof cli->key) && errno == EACCES)
        cli_complain("%s: %s", path, strerror(errno));
    return EXIT_DONE;
}

static enum exit_code
find_key(struct cli *cli)
{
    const char *named = cli_value(cli, OPTION_key);
    const char *from = named != NULL ? "--key" : "$CAPSTAN_API_KEY";
    if (named == NULL)
        named = environment("CAPSTAN_API_KEY");
    snprintf(cli->key_from, sizeof cli->key_from, "%s", from);
    if (named != NULL)
        snprintf(cli->key, sizeof cli->key, "%s", named);
    else if (url_loopback(cli->url)) {
        enum exit_code e = read_dev_key(cli);
        if (e != EXIT_DONE)
            return e;
    }
    cli->key[strcspn(cli->key, " \r\n")] = '\0';
    return EXIT_DONE;
}

enum exit_code
cli_find_engine(struct cli *cli)
{
    if (cli->url[0] != '\0')
        return EXIT_DONE;
    enum exit_code e = find_url(cli);
    return e == EXIT_DONE ? find_key(cli) : e;
}
