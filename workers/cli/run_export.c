/* run_export - a run as a file, and a run made again from its facts. */
#include "workers/cli/commands.h"
#include "workers/cli/document.h"
#include "workers/cli/exported.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_SIZE = 256 };

static enum exit_code
write_file(const char *name, struct bytes content)
{
    struct stat found;
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        cli_complain("%s: %s", name, strerror(errno));
        return EXIT_REFUSED;
    }
    bool ours = fstat(file, &found) == 0 && S_ISREG(found.st_mode);
    enum exit_code e = exported_write(name, file, content);
    if (close(file) != 0 && e == EXIT_DONE) {
        cli_complain("%s: %s", name, strerror(errno));
        e = EXIT_REFUSED;
    }
    if (e == EXIT_DONE)
        printf("%s\n", name);
    else if (ours) /* and no device, which root could take away */
        unlink(name);
    return e;
}

/* What a file has is lost only when there is something to put in its place. */
enum exit_code
command_runs_export(struct cli *cli)
{
    const char *run = cli->request.words[0];
    const char *name = cli_value(cli, OPTION_output);
    char usual[NAME_MAX_SIZE];
    struct buffer content = { 0 };
    snprintf(usual, sizeof usual, "%.200s.capstan", run);
    name = name != NULL ? name : usual;
    enum exit_code e = exported_fetch(cli, run, &content);
    if (e == EXIT_DONE)
        e = strcmp(name, "-") == 0
                ? exported_write(name, STDOUT_FILENO, buffer_bytes(&content))
                : write_file(name, buffer_bytes(&content));
    buffer_free(&content);
    return e;
}

enum exit_code
command_runs_import(struct cli *cli)
{
    struct exported_call call = { .what = "check", .file = cli->request.words[0] };
    json_t *found;
    enum exit_code e = exported_read(&call, &found);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(found);
    else
        printf("%s\t%s\tversion %" PRIu64 "\t%" PRIu64 " records\t%" PRIu64
               " events\tas it was written\n",
            document_text(found, "run_id"), document_text(found, "automation"),
            document_number(found, "version"), document_number(found, "records"),
            document_number(found, "events"));
    json_decref(found);
    return EXIT_DONE;
}

/* ---- replay ---- */

static void
print_steps(const json_t *record)
{
    const json_t *step;
    size_t i;
    json_array_foreach(json_object_get(record, "steps"), i, step)
    {
        const char *due = document_text(step, "due_at");
        printf("          %s: %s, attempt %" PRIu64 "%s%s\n",
            document_text(step, "step"), document_text(step, "status"),
            document_number(step, "attempt"), due[0] != '\0' ? ", due at " : "", due);
    }
}

static void
print_facts(const json_t *record)
{
    const json_t *fact;
    size_t i;
    json_array_foreach(json_object_get(record, "facts"), i, fact)
    {
        uint64_t sequence = document_number(fact, "sequence");
        if (sequence > 0)
            printf("  %6" PRIu64 "  %s\n", sequence, document_text(fact, "event_type"));
        else
            printf("       -  %s\n", document_text(fact, "fact"));
    }
}

static void
print_record(const json_t *record)
{
    const char *led_by = document_text(record, "led_by");
    const char *verdict = document_text(record, "verdict");
    const char *why = document_text(record, "why");
    printf("%s  %s%s%s\n", document_text(record, "at"),
        led_by[0] != '\0' ? led_by : "what came is not kept",
        verdict[0] != '\0' ? "  " : "", verdict);
    if (why[0] != '\0')
        printf("          %s\n", why);
    print_facts(record);
    print_steps(record);
    printf("          run: %s\n", document_text(record, "status"));
}

static void
print_replay(const json_t *document)
{
    const json_t *record, *verified = json_object_get(document, "verified");
    size_t i;
    json_array_foreach(json_object_get(document, "records"), i, record)
        print_record(record);
    if (verified != NULL)
        printf("decided the same: %" PRIu64 ", differently: %" PRIu64
               ", not known: %" PRIu64 "\n",
            document_number(verified, "same"), document_number(verified, "different"),
            document_number(verified, "unknown"));
}

enum exit_code
command_runs_replay(struct cli *cli)
{
    char path[EXPORTED_PATH_MAX];
    struct exported_call call = { .what = "replay",
        .at = cli_value(cli, OPTION_at),
        .verify = cli_given(cli, OPTION_verify),
        .differs_is_fine = true };
    json_t *document;
    if (!exported_named(cli))
        return EXIT_USAGE;
    enum exit_code e = exported_find(cli, cli->request.words[0], path, &call.file);
    if (e != EXIT_DONE)
        return e;
    e = exported_read(&call, &document);
    if (document == NULL)
        return e;
    if (cli_given(cli, OPTION_json))
        cli_print_json(document);
    else
        print_replay(document);
    json_decref(document);
    return e;
}
