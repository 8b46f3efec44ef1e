/* versions - create, list, publish, compare; and the status of automations. */
#include "workers/cli/automations.h"
#include "workers/cli/commands.h"
#include "workers/cli/document.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { BELOW_MAX = 64, DIFF_TROUBLE = 2 };

static void
row_of(struct table *table, const json_t *item)
{
    document_cell(table, item, "version");
    document_cell(table, item, "status");
    document_cell_time(table, item, "created_at");
    document_cell_time(table, item, "published_at");
}

enum exit_code
command_automations_versions(struct cli *cli)
{
    static const char *const heads[] = { ">VERSION", "STATUS", "CREATED", "PUBLISHED",
        NULL };
    struct api_path path = api_path("automations", cli->request.words[0], "/versions");
    return document_list(cli, &path, heads, row_of);
}

static void
print_line(struct cli *cli, const json_t *automation, const char *what)
{
    if (cli_given(cli, OPTION_json)) {
        cli_print_json(automation);
        return;
    }
    struct table *line =
        table_new(cli, (const char *const[]){ "NAME", ">VERSION", "", NULL });
    table_row(line);
    document_cell(line, automation, "name");
    document_cell(line, automation, "version");
    table_text(line, what);
    table_print(&line);
}

enum exit_code
command_automations_create_version(struct cli *cli)
{
    const char *const *words = cli->request.words;
    struct api_path path = api_path("automations", words[0], "/versions");
    bool publish = cli_given(cli, OPTION_publish);
    json_t *automation;
    long http;
    api_query(&path, "publish", publish ? "true" : NULL);
    api_query(&path, "check", cli_given(cli, OPTION_check) ? "true" : NULL);
    enum exit_code e = automation_send(cli, &path, words[1], &automation, &http);
    if (e != EXIT_DONE)
        return e;
    print_line(cli, automation,
        json_object_get(automation, "valid") != NULL ? "valid"
        : http != 201                                ? "unchanged"
        : publish                                    ? "published"
                                                     : "kept as a draft");
    json_decref(automation);
    return EXIT_DONE;
}

/* Runs keep the version that they began with: say which are still open on others. */
static void
remark_open_runs(struct cli *cli, const char *name, uint64_t published)
{
    enum { VERSIONS_MAX = 16 };
    struct {
        uint64_t version, count;
    } seen[VERSIONS_MAX] = { 0 };
    struct api_path path = api_path("runs", NULL, "");
    json_t *page, *run;
    size_t i, used = 0, at;
    api_query(&path, "automation", name);
    api_query(&path, "status", "open");
    api_query(&path, "limit", "1000");
    if (api_get(cli, &path, &page) != EXIT_DONE)
        return;
    json_array_foreach(json_object_get(page, "items"), i, run)
    {
        uint64_t version = document_number(run, "version");
        for (at = 0; at < used && seen[at].version != version; at++)
            ;
        if (at == VERSIONS_MAX)
            continue;
        used += at == used;
        seen[at].version = version;
        seen[at].count++;
    }
    const char *least =
        document_text(page, "next_cursor")[0] != '\0' ? "at least " : "";
    for (at = 0; at < used; at++)
        if (seen[at].version != published)
            cli_remark(cli, "%s%llu open run%s stay%s on version %llu", least,
                (unsigned long long)seen[at].count, seen[at].count == 1 ? "" : "s",
                seen[at].count == 1 ? "s" : "", (unsigned long long)seen[at].version);
    json_decref(page);
}

static enum exit_code
publish(struct cli *cli, const char *name, const char *version)
{
    char below[BELOW_MAX];
    json_t *automation;
    snprintf(below, sizeof below, "/versions/%.20s/publish", version);
    struct api_path path = api_path("automations", name, below);
    enum exit_code e = api_post(cli, &path, NULL, &automation);
    if (e != EXIT_DONE)
        return e;
    print_line(cli, automation, "published");
    remark_open_runs(cli, name, document_number(automation, "version"));
    json_decref(automation);
    return EXIT_DONE;
}

static bool
number_valid(const char *word)
{
    return word[0] != '\0' && strlen(word) < 10
           && strspn(word, "0123456789") == strlen(word);
}

static enum exit_code
complain_number(const char *word)
{
    cli_complain("%s: a version is a number, such as 3", word);
    return EXIT_USAGE;
}

enum exit_code
command_automations_publish(struct cli *cli)
{
    const char *const *words = cli->request.words;
    if (!number_valid(words[1]))
        return complain_number(words[1]);
    return publish(cli, words[0], words[1]);
}

/* Of the superseded versions the one that was published last. */
static uint64_t
version_before(const json_t *page)
{
    const json_t *item;
    uint64_t found = 0, published_ms = 0;
    size_t i;
    json_array_foreach(json_object_get(page, "items"), i, item)
    {
        uint64_t at_ms = document_time(item, "published_at");
        if (strcmp(document_text(item, "status"), "superseded") == 0
            && at_ms > published_ms) {
            published_ms = at_ms;
            found = document_number(item, "version");
        }
    }
    return found;
}

enum exit_code
command_automations_rollback(struct cli *cli)
{
    const char *name = cli->request.words[0];
    struct api_path path = api_path("automations", name, "/versions");
    char version[BELOW_MAX];
    json_t *page;
    api_query(&path, "limit", "1000");
    enum exit_code e = api_get(cli, &path, &page);
    if (e != EXIT_DONE)
        return e;
    uint64_t before = version_before(page);
    json_decref(page);
    if (before == 0) {
        cli_complain("%s: no other version was published before", name);
        return EXIT_REFUSED;
    }
    snprintf(version, sizeof version, "%llu", (unsigned long long)before);
    return publish(cli, name, version);
}

/* The text of a version in a file that is only in memory. */
static enum exit_code
fetch(struct cli *cli, const char *name, uint64_t version, int *file)
{
    char below[BELOW_MAX];
    json_t *document;
    snprintf(below, sizeof below, "/versions/%llu", (unsigned long long)version);
    struct api_path path = api_path("automations", name, below);
    enum exit_code e = api_get(cli, &path, &document);
    if (e != EXIT_DONE)
        return e;
    *file = memfd_create("version", 0);
    bool whole =
        *file >= 0 && dprintf(*file, "%s", document_text(document, "definition")) >= 0;
    json_decref(document);
    if (whole)
        return EXIT_DONE;
    cli_complain("no room for the text of a version: %s", strerror(errno));
    return EXIT_REFUSED;
}

static enum exit_code
run_diff(const char *name, const uint64_t versions[2], const int files[2])
{
    char labels[2][300], paths[2][40];
    int status;
    pid_t pid;
    for (size_t i = 0; i < 2; i++) {
        snprintf(labels[i], sizeof labels[i], "%.200s version %llu", name,
            (unsigned long long)versions[i]);
        snprintf(paths[i], sizeof paths[i], "/proc/self/fd/%d", files[i]);
    }
    char diff[] = "diff", unified[] = "-u", label[] = "--label";
    char *const argv[] = { diff, unified, label, labels[0], label, labels[1], paths[0],
        paths[1], NULL };
    fflush(stdout);
    int e = posix_spawnp(&pid, "diff", NULL, NULL, argv, environ);
    if (e != 0) {
        cli_complain("diff does not start: %s", strerror(e));
        return EXIT_REFUSED;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) < DIFF_TROUBLE ? EXIT_DONE
                                                                   : EXIT_REFUSED;
}

/* Those that were named; else the published one and the latest. */
static enum exit_code
choose(struct cli *cli, uint64_t versions[2])
{
    const struct request *request = &cli->request;
    for (size_t i = 1; i < request->word_count; i++) {
        if (!number_valid(request->words[i]))
            return complain_number(request->words[i]);
        versions[i - 1] = strtoull(request->words[i], NULL, 10);
    }
    if (request->word_count == 3)
        return EXIT_DONE;
    json_t *automation;
    struct api_path path = api_path("automations", request->words[0], "");
    enum exit_code e = api_get(cli, &path, &automation);
    if (e != EXIT_DONE)
        return e;
    if (request->word_count == 1)
        versions[0] = document_number(automation, "published_version");
    versions[1] = document_number(automation, "latest_version");
    json_decref(automation);
    if (versions[0] == versions[1])
        cli_remark(cli, "%s: version %llu is the latest: name two to see what changed",
            request->words[0], (unsigned long long)versions[0]);
    if (versions[0] != 0)
        return EXIT_DONE;
    cli_complain("%s: no version is published: name two", request->words[0]);
    return EXIT_REFUSED;
}

enum exit_code
command_automations_diff(struct cli *cli)
{
    const char *name = cli->request.words[0];
    uint64_t versions[2] = { 0 };
    int files[2] = { -1, -1 };
    enum exit_code e = choose(cli, versions);
    for (size_t i = 0; i < 2 && e == EXIT_DONE; i++)
        e = fetch(cli, name, versions[i], &files[i]);
    if (e == EXIT_DONE)
        e = run_diff(name, versions, files);
    for (size_t i = 0; i < 2; i++)
        if (files[i] >= 0)
            close(files[i]);
    return e;
}

static enum exit_code
set_status(struct cli *cli, const char *below)
{
    struct api_path path = api_path("automations", cli->request.words[0], below);
    json_t *automation, *body = json_object();
    api_set(body, "reason", cli_value(cli, OPTION_reason));
    enum exit_code e = api_post(cli, &path, body, &automation);
    json_decref(body);
    if (e != EXIT_DONE)
        return e;
    print_line(cli, automation, document_text(automation, "status"));
    json_decref(automation);
    return EXIT_DONE;
}

enum exit_code
command_automations_pause(struct cli *cli)
{
    return set_status(cli, "/pause");
}

enum exit_code
command_automations_resume(struct cli *cli)
{
    return set_status(cli, "/resume");
}

enum exit_code
command_automations_archive(struct cli *cli)
{
    return set_status(cli, "/archive");
}
