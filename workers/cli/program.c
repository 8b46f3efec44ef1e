#include "workers/cli/program.h"

#include "workers/cli/commands.h"
#include "workers/cli/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool
is_there(const char *folder, const char *middle, const char *name,
    char out[CONFIG_TEXT_MAX + 1])
{
    int size = snprintf(out, CONFIG_TEXT_MAX + 1, "%s%s%s", folder, middle, name);
    return size > 0 && size <= CONFIG_TEXT_MAX && access(out, X_OK) == 0;
}

/* The folder of the running program, without a slash at its end. */
static bool
own_folder(char out[CONFIG_TEXT_MAX + 1])
{
    ssize_t size = readlink("/proc/self/exe", out, CONFIG_TEXT_MAX);
    if (size <= 0)
        return false;
    out[size] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

bool
program_find(const char *folder, const char *name, char out[CONFIG_TEXT_MAX + 1])
{
    char own[CONFIG_TEXT_MAX + 1], middle[64];
    bool inner = strcmp(folder, "bin") != 0;
    const char *named = inner ? getenv("CAPSTAN_LIBEXEC") : NULL;
    if (named != NULL && named[0] != '\0') {
        if (is_there(named, "/", name, out))
            return true;
        cli_complain("there is no program %s in $CAPSTAN_LIBEXEC", name);
        return false;
    }
    snprintf(middle, sizeof middle, "/../%s/", folder);
    if ((own_folder(own) && is_there(own, middle, name, out))
        || is_there(inner ? CAPSTAN_LIBEXECDIR : CAPSTAN_BINDIR, "/", name, out))
        return true;
    cli_complain("the program %s is not installed beside capstan", name);
    return false;
}

bool
program_share(char out[CONFIG_TEXT_MAX + 1])
{
    char own[CONFIG_TEXT_MAX + 1];
    if ((own_folder(own) && is_there(own, "/../share/capstan", "", out))
        || is_there(CAPSTAN_PKGDATADIR, "", "", out))
        return true;
    cli_complain("share/capstan is not installed beside capstan");
    return false;
}

static bool
pass(const struct cli *cli, enum option option, const char *name)
{
    const char *value = cli_value(cli, option);
    return value == NULL || setenv(name, value, 1) == 0;
}

enum exit_code
program_become(struct cli *cli, const char *name)
{
    char path[CONFIG_TEXT_MAX + 1];
    const char *argv[WORDS_MAX + 2] = { path };
    if (!program_find("libexec/capstan", name, path))
        return EXIT_REFUSED;
    for (size_t i = 0; i < cli->request.word_count; i++)
        argv[i + 1] = cli->request.words[i];
    if (!pass(cli, OPTION_data, "CAPSTAN_DATA") || !pass(cli, OPTION_url, "CAPSTAN_URL")
        || !pass(cli, OPTION_key, "CAPSTAN_API_KEY")
        || !pass(cli, OPTION_project, "CAPSTAN_PROJECT")
        || !pass(cli, OPTION_config, "CAPSTAN_CONFIG")) {
        cli_complain("the environment is full");
        return EXIT_REFUSED;
    }
    fflush(stdout);
    /* execv takes the strings as they are: it does not write to them. */
    execv(path, (char *const *)(uintptr_t)argv);
    cli_complain("%s does not start: %s", path, strerror(errno));
    return EXIT_REFUSED;
}

/* A data folder among the flags of the program itself. */
static void
take_data(struct cli *cli)
{
    static const char flag[] = "--data=";
    struct request *request = &cli->request;
    for (size_t i = 0; i < request->word_count; i++) {
        const char *word = request->words[i], *next = request->words[i + 1];
        if (strncmp(word, flag, sizeof flag - 1) == 0)
            request->value[OPTION_data] = word + sizeof flag - 1;
        else if (strcmp(word, "--data") == 0)
            request->value[OPTION_data] = next;
    }
}

/* A worker that was told of no engine works for the one on our data folder. */
static enum exit_code
point_worker(struct cli *cli)
{
    static struct status status;
    char url[ENGINE_URL_MAX];
    take_data(cli);
    if (cli_given(cli, OPTION_url) || getenv("CAPSTAN_URL") != NULL
        || getenv("CAPSTAN_WORKER_URL") != NULL)
        return EXIT_DONE;
    enum exit_code e = cli_find_data(cli);
    if (e != EXIT_DONE || engine_look(cli, &status) == 0 || status.row_count == 0
        || status.rows[0].worker_port == 0)
        return e;
    engine_worker_url(cli, &status, url);
    return setenv("CAPSTAN_WORKER_URL", url, 1) == 0
                   && setenv("CAPSTAN_DATA", cli->data, 1) == 0
               ? EXIT_DONE
               : EXIT_REFUSED;
}

enum exit_code
command_worker(struct cli *cli)
{
    enum exit_code e = point_worker(cli);
    return e == EXIT_DONE ? program_become(cli, "worker") : e;
}

enum exit_code
command_verify(struct cli *cli)
{
    struct request *request = &cli->request;
    if (cli_given(cli, OPTION_json) && request->word_count < WORDS_MAX)
        request->words[request->word_count++] = "--json";
    return program_become(cli, "verify");
}

/* A program that works on the data folder which the other commands mean. */
static enum exit_code
become_on_data(struct cli *cli, const char *name)
{
    enum exit_code e = cli_find_data(cli);
    if (e == EXIT_DONE
        && (engine_hidden(cli) || setenv("CAPSTAN_DATA", cli->data, 1) != 0))
        e = EXIT_REFUSED;
    return e == EXIT_DONE ? program_become(cli, name) : e;
}

enum exit_code
command_backup(struct cli *cli)
{
    return become_on_data(cli, "backup");
}

enum exit_code
command_restore(struct cli *cli)
{
    return become_on_data(cli, "restore");
}
