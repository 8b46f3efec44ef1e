#include "workers/cli/exported.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/pack.h"
#include "workers/cli/answer.h"
#include "workers/cli/api.h"
#include "workers/cli/document.h"
#include "workers/cli/program.h"

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { CHUNK = 65536, ARGUMENTS_MAX = 10, PAGE_EVENTS = 1000 };

enum exit_code
exported_write(const char *name, int file, struct bytes content)
{
    size_t at = 0;
    while (at < content.size) {
        ssize_t put = write(file, content.data + at, content.size - at);
        if (put < 0 && errno != EINTR) {
            cli_complain("%s: cannot be written: %s", name, strerror(errno));
            return EXIT_REFUSED;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    return EXIT_DONE;
}

/* Append the part that follows; `*more` says whether there is another. */
static enum exit_code
fetch_part(struct cli *cli, const char *run, uint64_t *after, uint64_t *part,
    struct buffer *out, bool *more)
{
    struct api_path path = api_path("runs", run, "/export");
    char number[24];
    json_t *page;
    snprintf(number, sizeof number, "%" PRIu64, *after);
    api_query(&path, "after", number);
    snprintf(number, sizeof number, "%" PRIu64, *part);
    api_query(&path, "part", number);
    enum exit_code e = api_get(cli, &path, &page);
    if (e != EXIT_DONE)
        return e;
    bool read = base64_read(out, text(document_text(page, "data")));
    *after = document_number(page, "after");
    *part = document_number(page, "part");
    *more = json_is_true(json_object_get(page, "has_more"));
    json_decref(page);
    if (read)
        return EXIT_DONE;
    cli_complain("%s: the engine gives no export", run);
    return EXIT_REFUSED;
}

/* The last part of the file: the hash of all before it. */
static void
append_hash(struct buffer *out)
{
    struct hash hash = hash_of(buffer_bytes(out));
    pack_array(out, 2);
    pack_string(out, "hash");
    pack_blob(out, bytes_of(hash.bytes, HASH_SIZE));
}

enum exit_code
exported_fetch(struct cli *cli, const char *run, struct buffer *out)
{
    uint64_t after = 0, part = 0;
    bool more = true;
    enum exit_code e = EXIT_DONE;
    while (e == EXIT_DONE && more)
        e = fetch_part(cli, run, &after, &part, out, &more);
    append_hash(out);
    return e;
}

/* ---- the other program ---- */

static bool
read_pipe(int from, struct buffer *out)
{
    for (;;) {
        ssize_t got = read(from, buffer_reserve(out, CHUNK), CHUNK);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        out->size += got > 0 ? (size_t)got : 0;
    }
}

/* Strings are not written to by who is spawned. */
static char *
word(const char *text)
{
    return (char *)(uintptr_t)text;
}

static size_t
write_words(const struct exported_call *call, const char *path, char **words)
{
    size_t count = 0;
    words[count++] = word(path);
    if (call->at != NULL) {
        words[count++] = word("--at");
        words[count++] = word(call->at);
    }
    if (call->after != NULL) {
        words[count++] = word("--after");
        words[count++] = word(call->after);
    }
    if (call->verify)
        words[count++] = word("--verify");
    words[count++] = word("--");
    words[count++] = word(call->what);
    words[count++] = word(call->file);
    words[count] = NULL;
    return count;
}

/* Run it and keep what it prints; the status as waitpid gives it, or -1. */
static int
run(const char *path, char **words, struct buffer *printed)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status = -1;
    pid_t pid;
    if (pipe(ends) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    bool begun = posix_spawn(&pid, path, &actions, NULL, words, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    bool whole = begun && read_pipe(ends[0], printed);
    close(ends[0]);
    while (begun && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return whole ? status : -1;
}

enum exit_code
exported_read(const struct exported_call *call, json_t **document)
{
    char path[CONFIG_TEXT_MAX + 1], *words[ARGUMENTS_MAX];
    struct buffer printed = { 0 };
    *document = NULL;
    if (!program_find("libexec/capstan", "replay", path))
        return EXIT_REFUSED;
    write_words(call, path, words);
    int status = run(path, words, &printed);
    if (status == -1)
        cli_complain("%s does not start: %s", path, strerror(errno));
    else if (WIFSIGNALED(status))
        cli_complain("%s: its facts contradict each other", call->file);
    else
        *document = answer_read(buffer_bytes(&printed));
    buffer_free(&printed);
    bool fine = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (*document != NULL && (fine || call->differs_is_fine))
        return fine ? EXIT_DONE : EXIT_REFUSED;
    json_decref(*document);
    *document = NULL;
    return EXIT_REFUSED;
}

bool
exported_named(const struct cli *cli)
{
    bool file = cli_given(cli, OPTION_file), run = cli->request.word_count > 0;
    if (file && run)
        cli_complain("a run or --file, not both");
    else if (!file && !run)
        cli_complain("something is missing: RUN, or --file");
    return file != run;
}

enum exit_code
exported_find(
    struct cli *cli, const char *run, char path[EXPORTED_PATH_MAX], const char **file)
{
    *file = cli_value(cli, OPTION_file);
    if (*file != NULL)
        return EXIT_DONE;
    int memory = memfd_create("run", 0);
    if (memory < 0) {
        cli_complain("no room for a run: %s", strerror(errno));
        return EXIT_REFUSED;
    }
    snprintf(path, EXPORTED_PATH_MAX, "/proc/self/fd/%d", memory);
    *file = path;
    struct buffer content = { 0 };
    enum exit_code e = exported_fetch(cli, run, &content);
    if (e == EXIT_DONE)
        e = exported_write(run, memory, buffer_bytes(&content));
    buffer_free(&content);
    return e;
}

/* ---- either ---- */

static enum exit_code
find_newest(struct cli *cli)
{
    struct api_path path = api_path("runs", NULL, "");
    json_t *page;
    api_query(&path, "automation", cli_value(cli, OPTION_automation));
    api_query(&path, "status", cli_value(cli, OPTION_status));
    api_query(&path, "limit", "1");
    enum exit_code e = api_get(cli, &path, &page);
    if (e != EXIT_DONE)
        return e;
    const json_t *run = json_array_get(json_object_get(page, "items"), 0);
    snprintf(cli->run, sizeof cli->run, "%s", document_text(run, "id"));
    cli->request.words[cli->request.word_count++] = cli->run;
    json_decref(page);
    if (cli->run[0] != '\0')
        return EXIT_DONE;
    cli_complain("there is no such run");
    return EXIT_REFUSED;
}

enum exit_code
run_named(struct cli *cli)
{
    bool file = cli_given(cli, OPTION_file), run = cli->request.word_count > 0;
    bool filtered = cli_given(cli, OPTION_automation) || cli_given(cli, OPTION_status);
    if (file + run + filtered == 1)
        return filtered ? find_newest(cli) : EXIT_DONE;
    if (file || run)
        cli_complain("a run, or --automation and --status%s: one of them",
            command_takes(cli->request.command, OPTION_file) ? ", or --file" : "");
    else
        cli_complain("something is missing: RUN, or --automation or --status for the "
                     "newest that fits");
    return EXIT_USAGE;
}

struct run_place
run_place(const struct cli *cli)
{
    bool file = cli_given(cli, OPTION_file);
    return (struct run_place){
        .name = file ? cli_value(cli, OPTION_file) : cli->request.words[0],
        .file = file,
    };
}

enum exit_code
run_place_get(struct cli *cli, const struct run_place *place, json_t **run)
{
    if (place->file) {
        struct exported_call call = { .what = "get", .file = place->name };
        return exported_read(&call, run);
    }
    struct api_path path = api_path("runs", place->name, "");
    return api_get(cli, &path, run);
}

enum exit_code
run_place_events(
    struct cli *cli, const struct run_place *place, uint64_t after, json_t **page)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, after);
    if (place->file) {
        struct exported_call call = {
            .what = "events", .file = place->name, .after = number
        };
        return exported_read(&call, page);
    }
    struct api_path path = api_path("runs", place->name, "/events");
    api_query(&path, "after", number);
    snprintf(number, sizeof number, "%d", PAGE_EVENTS);
    api_query(&path, "limit", number);
    return api_get(cli, &path, page);
}
