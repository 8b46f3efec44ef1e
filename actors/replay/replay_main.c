/* replay - read an exported run: check it, show it, rebuild it step by step. */
#include "actors/replay/retold.h"
#include "base/flags.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/put.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, LIMIT_MAX = 1000, CHUNK = 65536 };

static const char usage[] =
    "usage: replay check|get|events|replay FILE [--at EVENT] [--verify] [--after "
    "EVENT]\n"
    "Reads a run that `capstan runs export` wrote, checks every byte of it, and "
    "rebuilds\n"
    "the run from its facts with the scheduler's own code. Prints JSON.\n"
    "Exit: 0 as it was, 1 something is not, 2 wrong usage.\n";

struct asked {
    const char *what, *file;
    uint64_t at, after;
    bool verify;
};

static int
complain(const char *what)
{
    fprintf(stderr, "replay: %s\n", what);
    return EXIT_USAGE;
}

static bool
read_number(const char *given, uint64_t *number)
{
    char *end;
    *number = strtoull(given, &end, 10);
    return given[0] >= '0' && given[0] <= '9' && *end == '\0';
}

static int
read_words(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = { { "at", required_argument, NULL, 'n' },
        { "after", required_argument, NULL, 'a' }, { "verify", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' }, { 0 } };
    int option;
    while ((option = flags_next(argc, argv, options)) != -1) {
        switch (option) {
        case 'n':
            if (!read_number(optarg, &asked->at) || asked->at == 0)
                return complain("--at: expected the number of an event");
            break;
        case 'a':
            if (!read_number(optarg, &asked->after))
                return complain("--after: expected the number of an event");
            break;
        case 'v': asked->verify = true; break;
        case 'h': fputs(usage, stdout); exit(EXIT_SUCCESS);
        default: fputs(usage, stderr); return EXIT_USAGE;
        }
    }
    if (optind + 2 != argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    asked->what = argv[optind];
    asked->file = argv[optind + 1];
    return EXIT_SUCCESS;
}

static bool
read_file(const char *path, struct buffer *content)
{
    FILE *in = fopen(path, "re");
    size_t size = 1;
    while (in != NULL && size > 0) {
        size = fread(buffer_reserve(content, CHUNK), 1, CHUNK, in);
        content->size += size;
    }
    bool whole = in != NULL && ferror(in) == 0;
    if (in != NULL)
        fclose(in);
    return whole;
}

/* What a check has found, in the form of a document. */
static void
write_check(const struct export_file *file, struct buffer *out)
{
    char id[ID_TEXT_MAX];
    pack_map(out, 6);
    pack_string(out, "ok");
    pack_bool(out, true);
    pack_string(out, "run_id");
    pack_string(out, id_print(&file->run, "run_", id));
    put_text(out, "automation", file->name);
    put_number(out, "version", file->version);
    put_number(out, "records", file->records);
    put_number(out, "events", file->events);
}

static enum err
answer(const struct asked *asked, struct export_file *file, struct buffer *out,
    struct retold *retold, struct fault *fault)
{
    struct retelling how = { .at = asked->at, .verify = asked->verify };
    if (strcmp(asked->what, "events") == 0)
        return retell_events(file, asked->after, LIMIT_MAX, out, fault);
    how.whole = strcmp(asked->what, "replay") == 0;
    enum err e = retell(file, &how, out, retold, fault);
    if (e == ERR_NONE && strcmp(asked->what, "check") == 0) {
        buffer_clear(out);
        write_check(file, out);
    }
    return e;
}

static bool
is_known(const char *what)
{
    static const char *const known[] = { "check", "get", "events", "replay" };
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(known[i], what) == 0)
            return true;
    return false;
}

static int
run(const struct asked *asked)
{
    static struct export_file file;
    struct buffer content = { 0 }, document = { 0 }, json = { 0 };
    struct retold retold = { 0 };
    struct fault fault;
    if (!read_file(asked->file, &content)) {
        fprintf(stderr, "%s: cannot be read\n", asked->file);
        return EXIT_WRONG;
    }
    enum err e = export_open(buffer_bytes(&content), &file, &fault);
    if (e == ERR_NONE)
        e = answer(asked, &file, &document, &retold, &fault);
    if (e == ERR_NONE && msgpack_to_json(buffer_bytes(&document), &json) != ERR_NONE)
        e = fault_set(&fault, ERR_CORRUPT, "what it says cannot be shown");
    if (e == ERR_NONE)
        printf("%.*s\n", (int)json.size, (const char *)json.data);
    else
        fprintf(stderr, "%s: %s\n", asked->file, fault.detail);
    buffer_free(&content);
    buffer_free(&document);
    buffer_free(&json);
    bool same = retold.different == 0 || !asked->verify;
    return printed("replay:") && e == ERR_NONE && same ? EXIT_SUCCESS : EXIT_WRONG;
}

int
main(int argc, char **argv)
{
    struct asked asked = { 0 };
    int status = read_words(argc, argv, &asked);
    if (status != EXIT_SUCCESS)
        return status;
    if (!is_known(asked.what)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (sodium_init() < 0)
        return EXIT_WRONG;
    log_open("replay", LOG_UNUSUAL);
    return run(&asked);
}
