/* verify - check all that an engine has stored, whether it runs or not. */
#include "actors/registry/registry.h"
#include "actors/scheduler/scheduler.h"
#include "actors/trigger/trigger.h"
#include "actors/verify/journal_check.h"
#include "base/flags.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/printed.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: verify [--data DIR] [--json]\n"
    "Reads every record, row and payload of the engine on the data folder, checks "
    "them\n"
    "against their checksums and hashes, and replays all facts: the same rows must\n"
    "follow. The engine may run meanwhile. Records and rows are held in memory.\n"
    "Exit: 0 all is as it was written, 1 something is not, 2 wrong usage.\n";

struct asked {
    struct config config;
    char data[FOLDER_PATH_MAX];
    bool json;
};

static int
complain(const char *what)
{
    fprintf(stderr, "verify: %s\n", what);
    return EXIT_USAGE;
}

/* The settings, as the supervisor finds them; the command line overrules the folder. */
static int
read_settings(struct asked *asked, const char *data)
{
    char path[CONFIG_TEXT_MAX + 1];
    struct fault fault;
    config_default(&asked->config);
    const char *file = config_file(path);
    if (file != NULL && config_read_file(file, &asked->config, &fault) != ERR_NONE)
        return complain(fault.detail);
    if (data != NULL
        && config_set(&asked->config, text("data"), text(data), &fault) != ERR_NONE)
        return complain(fault.detail);
    if (folder_find(&asked->config, asked->data, &fault) != ERR_NONE)
        return complain(fault.detail);
    return EXIT_SUCCESS;
}

static int
read_words(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = { { "data", required_argument, NULL, 'd' },
        { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    const char *data = NULL;
    int option;
    while ((option = flags_next(argc, argv, options)) != -1) {
        switch (option) {
        case 'd': data = optarg; break;
        case 'j': asked->json = true; break;
        case 'h': fputs(usage, stdout); exit(EXIT_SUCCESS);
        default: fputs(usage, stderr); return EXIT_USAGE;
        }
    }
    if (optind != argc)
        return complain("there are words that mean nothing here; see --help");
    return read_settings(asked, data);
}

/* As many schedulers as the data was made with. */
static bool
read_partitions(struct asked *asked)
{
    char path[FOLDER_PATH_MAX];
    unsigned count = 0;
    FILE *in = fopen(folder_path(asked->data, "partitions", path), "re");
    bool read = in != NULL && fscanf(in, "%u", &count) == 1 && count > 0
                && count <= SCHEDULERS_MAX;
    if (in != NULL)
        fclose(in);
    asked->config.schedulers = count;
    return read;
}

/* In a process of its own: damage may end it, and its memory is given back. */
static void
check_apart(const struct subject *subject, struct findings *findings)
{
    int ends[2], status = 0;
    fflush(stdout);
    if (pipe(ends) != 0) {
        snprintf(findings->wrong, sizeof findings->wrong, "no pipe could be made");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        journal_check(subject, findings);
        bool told = write(ends[1], findings, sizeof *findings) == sizeof *findings;
        _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(ends[1]);
    bool heard =
        pid > 0 && read(ends[0], findings, sizeof *findings) == sizeof *findings;
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (!heard) {
        *findings = (struct findings){ 0 };
        snprintf(findings->wrong, sizeof findings->wrong,
            WIFSIGNALED(status)
                ? "the check was ended by signal %d: the facts contradict each other"
                : "the check ended with %d: what is stored cannot be read",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

static void
print_line(const char *name, const struct findings *findings)
{
    printf("%-14s %10" PRIu64 " records %10" PRIu64 " facts %10" PRIu64 " rows  %s%s\n",
        name, findings->records, findings->facts, findings->rows,
        findings->ok ? "ok" : "WRONG: ", findings->wrong);
}

/* Names of files may be damaged too, and then are no text. */
static json_t *
wrong_json(const char *wrong)
{
    char masked[WRONG_MAX];
    json_t *all = json_string(wrong);
    if (all != NULL)
        return all;
    snprintf(masked, sizeof masked, "%s", wrong);
    for (char *at = masked; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    return json_string(masked);
}

static void
add_object(json_t *list, const char *name, const struct findings *findings)
{
    char hash[HASH_TEXT_SIZE];
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(name));
    json_object_set_new(object, "records", json_integer((json_int_t)findings->records));
    json_object_set_new(object, "facts", json_integer((json_int_t)findings->facts));
    json_object_set_new(object, "rows", json_integer((json_int_t)findings->rows));
    json_object_set_new(object, "hash", json_string(hash_print(&findings->head, hash)));
    json_object_set_new(object, "ok", json_boolean(findings->ok));
    if (!findings->ok)
        json_object_set_new(object, "wrong", wrong_json(findings->wrong));
    json_array_append_new(list, object);
}

/* Check one journal; print its line, or add its object to `list`. */
static bool
check(const struct asked *asked, const struct actor *actor, uint32_t instance,
    json_t *list)
{
    char folder[FOLDER_PATH_MAX], name[32];
    struct findings findings = { 0 };
    struct subject subject = {
        .actor = actor,
        .instance = instance,
        .folder = folder,
        .config = &asked->config,
        .stopped = folder_owner(asked->data) == 0,
    };
    folder_journal(asked->data, actor_name_text(actor->name), instance, folder);
    snprintf(name, sizeof name, "%s.%" PRIu32, actor_name_text(actor->name), instance);
    check_apart(&subject, &findings);
    if (asked->json)
        add_object(list, name, &findings);
    else
        print_line(name, &findings);
    return findings.ok;
}

int
main(int argc, char **argv)
{
    struct asked asked = { 0 };
    int status = read_words(argc, argv, &asked);
    if (status != EXIT_SUCCESS)
        return status;
    if (!read_partitions(&asked)) {
        fprintf(stderr, "verify: %s: no engine has stored anything here\n", asked.data);
        return EXIT_WRONG;
    }
    log_open("verify", LOG_UNUSUAL);
    json_t *list = json_array();
    bool ok = check(&asked, &registry_actor, 0, list);
    ok &= check(&asked, &trigger_actor, 0, list);
    for (uint32_t i = 0; i < asked.config.schedulers; i++)
        ok &= check(&asked, &scheduler_actor, i, list);
    if (asked.json) {
        json_t *all = json_pack(
            "{s:b, s:s, s:o}", "ok", ok, "data", asked.data, "journals", list);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else {
        json_decref(list);
    }
    return printed("verify:") && ok ? EXIT_SUCCESS : EXIT_WRONG;
}
