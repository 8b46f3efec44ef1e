#include "workers/stock/flags.h"

#include "base/bytes.h"
#include "base/nearest.h"
#include "workers/stock/actions.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { KIND_text, KIND_number };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *argument, *sentence;
} rows[] = {
#define FLAG(member, name, kind, argument, sentence)                                   \
    { name, KIND_##kind, offsetof(struct flags, member), argument, sentence },
#include "workers/stock/flags.def"
};

enum { ROWS = COUNT(rows) };

static bool
wrong_flag(const char *flag, const char *why)
{
    fprintf(stderr, "capstan worker: --%s: %s\n", flag, why);
    return false;
}

static bool
read_number(const struct row *row, const char *from, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(from, &end, 10);
    if (strspn(from, "0123456789") == 0 || *end != '\0' || value > 1000000000)
        return wrong_flag(row->name, "a number was expected");
    *number = (unsigned)value;
    return true;
}

static bool
take(const struct row *row, const char *from, struct flags *flags)
{
    void *to = (char *)flags + row->offset;
    if (row->kind == KIND_number)
        return read_number(row, from, to);
    *(const char **)to = from;
    return true;
}

static bool
check(struct flags *f)
{
    if (f->concurrency < 1 || f->concurrency > FLAG_CONCURRENCY_MAX)
        return wrong_flag("concurrency", "1 to 4096 jobs");
    if (f->workers < 1 || f->workers > WORKERS_MAX)
        return wrong_flag("workers", "1 to 256 sessions");
    if (strcmp(f->private_addresses, "yes") != 0
        && strcmp(f->private_addresses, "no") != 0)
        return wrong_flag("private-addresses", "yes or no");
    if (f->drain_ms > FLAG_DRAIN_MAX_MS && f->drain_ms != FLAG_DRAIN_UNSAID)
        return wrong_flag("drain-ms", "at most a day");
    if (!actions_known(f->actions))
        return false;
    f->actions = actions_spelt(f->actions);
    return true;
}

static const struct row *
find(const char *name, size_t size)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0)
            return &rows[i];
    return NULL;
}

static bool
unknown_flag(const char *name, size_t size)
{
    struct nearest nearest = { 0 };
    for (size_t i = 0; i < ROWS; i++)
        nearest_try(&nearest, bytes_of(name, size), rows[i].name);
    fprintf(stderr, "capstan worker: there is no flag '--%.*s'", (int)size, name);
    if (nearest.word != NULL)
        fprintf(stderr, ": did you mean '--%s'?", nearest.word);
    fputs("\ncapstan worker --help says which there are\n", stderr);
    return false;
}

/* One flag; its value stands behind a "=", or is the next word. */
static bool
read_flag(int argc, char **argv, int *at, struct flags *flags)
{
    const char *name = argv[*at] + 2;
    size_t size = strcspn(name, "=");
    const struct row *row = find(name, size);
    if (row == NULL)
        return unknown_flag(name, size);
    if (name[size] == '=')
        return take(row, name + size + 1, flags);
    if (++*at == argc)
        return wrong_flag(row->name, "a value was expected");
    return take(row, argv[*at], flags);
}

bool
flags_read(int argc, char **argv, struct flags *flags)
{
    *flags = (struct flags){ .concurrency = 5,
        .workers = 1,
        .name = "capstan-worker",
        .drain_ms = FLAG_DRAIN_UNSAID,
        .private_addresses = "no" };
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            flags->help = true;
        } else if (strcmp(word, "--version") == 0) {
            flags->version = true;
        } else if (strncmp(word, "--", 2) != 0) {
            fprintf(stderr, "capstan worker: '%s' was not expected\n", word);
            return false;
        } else if (!read_flag(argc, argv, &at, flags)) {
            return false;
        }
    }
    return flags->help || flags->version || check(flags);
}

void
flags_help(void)
{
    fputs("Usage: capstan worker [FLAG…]\n\n"
          "Do the jobs of the stock actions until told to stop (SIGTERM, Ctrl-C); a\n"
          "second signal does not wait for jobs under way.\n\n"
          "Flags:\n",
        stdout);
    for (size_t i = 0; i < ROWS; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].argument);
        printf("  %-22s %s\n", left, rows[i].sentence);
    }
    fputs("\nActions:\n", stdout);
    actions_describe();
    fputs(
        "\nExit status: 0 after it was stopped, 1 when the engine refuses it (see the\n"
        "key), 2 when a flag is wrong.\n\n"
        "Example:\n"
        "  capstan worker --queues default,slow --concurrency 5\n",
        stdout);
}
