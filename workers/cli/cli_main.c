/* cli_main - the tool: read the command line, do the one thing it asks. */
#include "workers/cli/cli.h"
#include "workers/cli/commands.h"
#include "workers/cli/help.h"

#include <curl/curl.h>
#include <locale.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum exit_code
command_version(struct cli *cli)
{
    if (cli_given(cli, OPTION_json))
        printf("{\"version\": \"%s\"}\n", PACKAGE_VERSION);
    else
        printf("capstan %s\n", PACKAGE_VERSION);
    return EXIT_DONE;
}

enum exit_code
command_completion(struct cli *cli)
{
    const char *shell = cli->request.word_count > 0 ? cli->request.words[0] : "bash";
    if (strcmp(shell, "bash") != 0) {
        cli_complain("there is completion for bash only");
        return EXIT_USAGE;
    }
    help_completion(stdout);
    return EXIT_DONE;
}

static enum exit_code
help_about(const struct request *request)
{
    if (request->command != NULL)
        help_command(request->command, stdout);
    else if (request->noun != NULL)
        help_noun(request->noun, stdout);
    else
        help_all(stdout);
    return EXIT_DONE;
}

/* Say what is wrong, and where the part that was understood is explained. */
static enum exit_code
refuse(const struct request *request, const struct fault *fault)
{
    const struct command *command = request->command;
    cli_complain("%s", fault->detail);
    if (command != NULL)
        fprintf(stderr, "capstan help %s%s%s says how it is used\n", command->noun,
            command->noun[0] != '\0' ? " " : "", command->verb);
    else
        fprintf(stderr, "capstan help%s%s says what there is\n",
            request->noun != NULL ? " " : "",
            request->noun != NULL ? request->noun : "");
    return EXIT_USAGE;
}

/* "help runs start" is "runs start --help". */
enum exit_code
command_help(struct cli *cli)
{
    static struct request about;
    static char wish[] = "--help";
    struct fault fault;
    char *argv[WORDS_MAX + 2] = { wish };
    size_t n = 1;
    if (cli_given(cli, OPTION_markdown)) {
        help_reference(stdout);
        return EXIT_DONE;
    }
    argv[n++] = wish;
    /* request_read does not write to the words. */
    for (size_t i = 0; i < cli->request.word_count; i++)
        argv[n++] = (char *)(uintptr_t)cli->request.words[i];
    if (request_read((int)n, argv, &about, &fault) != ERR_NONE)
        return refuse(&about, &fault);
    return help_about(&about);
}

static enum exit_code
run(struct cli *cli)
{
    const struct request *request = &cli->request;
    if (cli_given(cli, OPTION_help))
        return help_about(request);
    if (request->command != NULL)
        return request->command->function(cli);
    if (request->noun != NULL)
        help_noun(request->noun, stderr);
    else
        help_all(stderr);
    return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    static struct cli cli;
    struct fault fault;
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    cli.on_terminal = isatty(STDOUT_FILENO) == 1;
    if (request_read(argc, argv, &cli.request, &fault) != ERR_NONE)
        return (int)refuse(&cli.request, &fault);
    cli.may_progress = isatty(STDERR_FILENO) == 1 && !cli_given(&cli, OPTION_quiet);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || sodium_init() < 0) {
        cli_complain("a library does not start");
        return EXIT_REFUSED;
    }
    enum exit_code code = run(&cli);
    curl_global_cleanup();
    cli_flush();
    return (int)code;
}
