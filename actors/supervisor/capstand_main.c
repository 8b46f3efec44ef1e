#include "actors/supervisor/engine.h"
#include "actors/supervisor/spawn.h"
#include "base/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
    #define PACKAGE_VERSION "0"
#endif

static const char usage[] =
    "Usage: capstand [OPTION]...\n"
    "Start an automation engine in the background and wait until it is ready.\n\n"
    "  --config FILE     read settings from FILE and not from ./capstan.yaml\n"
    "  --set NAME=VALUE  one setting, which goes before the file\n"
    "  --data DIR        the same as --set data=DIR\n"
    "  --foreground      stay, and print the log\n"
    "  --ready-fd N      write \"ready http=PORT worker=PORT\" or \"failed WHY\" to\n"
    "                    descriptor N once\n"
    "  --version         print the version\n"
    "  --help            print this\n\n"
    "SIGTERM and SIGINT drain and stop it; a second one does not wait.\n"
    "Exit codes: 0 ready, or stopped when told to; 1 a process refused to begin;\n"
    "2 settings or another engine forbid it; 111 a process died again and again\n"
    "before it was ready.\n\n"
    "Example: capstand --data ./engine --set http_port=0 --foreground\n";

struct request {
    const char *config_path;
    const char *sets[64]; /* "name=value", in order */
    size_t set_count;
    const char *data;
    int ready_fd;
    bool foreground;
};

static int
refuse(const char *sentence)
{
    fprintf(stderr, "capstand: %s\n", sentence);
    return ENGINE_EXIT_REFUSED;
}

/* -1 to go on, else the exit code. */
static int
read_options(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "data", required_argument, NULL, 'd' },
        { "set", required_argument, NULL, 's' },
        { "foreground", no_argument, NULL, 'f' },
        { "ready-fd", required_argument, NULL, 'r' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    char *end;
    for (int option; (option = flags_next(argc, argv, options)) != -1;) {
        switch (option) {
        case 'c': request->config_path = optarg; break;
        case 'd': request->data = optarg; break;
        case 's':
            if (request->set_count == COUNT(request->sets))
                return refuse("more --set than there are settings");
            request->sets[request->set_count++] = optarg;
            break;
        case 'f': request->foreground = true; break;
        case 'r':
            request->ready_fd = (int)strtol(optarg, &end, 10);
            if (*end != '\0' || request->ready_fd < 0)
                return refuse("--ready-fd takes the number of a descriptor");
            break;
        case 'v': puts("capstand " PACKAGE_VERSION); return 0;
        case 'h': fputs(usage, stdout); return 0;
        default: return refuse("--help says what it takes");
        }
    }
    return optind == argc ? -1 : refuse("it takes options only: see --help");
}

static enum err
set_one(struct config *config, const char *set, struct fault *fault)
{
    const char *equals = strchr(set, '=');
    if (equals == NULL)
        return fault_set(fault, ERR_MALFORMED, "--set %.60s: not NAME=VALUE", set);
    return config_set(
        config, bytes_of(set, (size_t)(equals - set)), text(equals + 1), fault);
}

static enum err
read_config(const struct request *request, struct config *config, struct fault *fault)
{
    char found[CONFIG_TEXT_MAX + 1];
    const char *path = request->config_path;
    enum err e = ERR_NONE;
    config_default(config);
    if (path == NULL)
        path = config_file(found);
    if (path != NULL)
        e = config_read_file(path, config, fault);
    for (size_t i = 0; e == ERR_NONE && i < request->set_count; i++)
        e = set_one(config, request->sets[i], fault);
    if (e == ERR_NONE && request->data != NULL)
        e = config_set(config, text("data"), text(request->data), fault);
    return e == ERR_NONE ? config_check(config, fault) : e;
}

/* Who waits on --ready-fd hears of every failure, also of those before the engine. */
static int
fail_early(const struct request *request, const struct fault *fault)
{
    if (request->ready_fd >= 0)
        dprintf(request->ready_fd, "failed %s\n", fault->detail);
    return refuse(fault->detail);
}

int
main(int argc, char **argv)
{
    struct request request = { .ready_fd = -1 };
    struct engine_wish wish = { .say_fds = { -1, -1 } };
    struct fault fault = { 0 };
    int code = read_options(argc, argv, &request);
    if (code >= 0)
        return code;
    if (read_config(&request, &wish.config, &fault) != ERR_NONE)
        return fail_early(&request, &fault);
    wish.foreground = request.foreground;
    wish.say_fds[0] = request.ready_fd;
    if (!request.foreground && spawn_background(&wish.say_fds[1], &fault) != ERR_NONE)
        return fail_early(&request, &fault);
    return engine_run(&wish);
}
