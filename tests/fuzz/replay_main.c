/* replay_main - a fuzz target without a fuzzer: the corpus, changes made to it, and
 * inputs as expensive as we can think of.
 *
 * Goal: a parser that was once proved by hours of fuzzing stays so with every compiler,
 * and no input costs more than bounds.h allows.
 * Method: each file of corpus/NAME, then a fixed number of changes of them drawn from a
 * fixed seed, then hostile.def at full length, alone and behind the beginnings of files
 * of the corpus; a crash, a broken bound or a sanitizer's complaint is the failure.
 * With --enable-fuzz libFuzzer takes this file's place. */
#include "base/buffer.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256, CHANGES = 4000, CHANGES_PER_INPUT = 6, INPUT_MAX = 65536 };
enum { BEGINNINGS = 4, UNIT_MAX = 128 };

static const struct {
    struct bytes before, unit; /* %u in `unit` counts */
} hostile[] = {
#define HOSTILE(before, unit)                                                          \
    { { (const uint8_t *)(before), sizeof(before) - 1 },                               \
        { (const uint8_t *)(unit), sizeof(unit) - 1 } },
#include "tests/fuzz/hostile.def"
};

static struct buffer corpus[FILES_MAX];
static size_t corpus_count;
static uint64_t seed = 0x9e3779b97f4a7c15;

/* xorshift64*: the same everywhere. */
static size_t
draw(size_t below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return below == 0 ? 0 : (size_t)(seed * 0x2545f4914f6cdd1d >> 33) % below;
}

static void
keep_file(const char *path)
{
    FILE *in = fopen(path, "r");
    if (in == NULL || corpus_count == FILES_MAX)
        WRONG("the corpus cannot be read");
    struct buffer *file = &corpus[corpus_count++];
    buffer_reserve(file, INPUT_MAX);
    file->size = fread(file->data, 1, INPUT_MAX, in);
    fclose(in);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void
keep_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + NAME_MAX + 2];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            keep_file(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void
change(struct buffer *input)
{
    const struct buffer *other = &corpus[draw(corpus_count)];
    size_t at = draw(input->size), size = draw(16) + 1;
    if (input->size == 0)
        return;
    switch (draw(6)) {
    case 0: input->data[at] ^= (uint8_t)(1 << draw(8)); break;
    case 1: input->data[at] = (uint8_t)draw(256); break;
    case 2: input->size = at; break;
    case 3: /* take out */
        size = size < input->size - at ? size : input->size - at;
        memmove(input->data + at, input->data + at + size, input->size - at - size);
        input->size -= size;
        break;
    case 4: /* say again */
        size = size < input->size - at ? size : input->size - at;
        buffer_reserve(input, size);
        buffer_append(input, input->data + at, size);
        break;
    default: /* a piece of another */
        at = draw(other->size);
        size = size < other->size - at ? size : other->size - at;
        buffer_append(input, other->data + at, size);
        break;
    }
}

/* Exactly as large as the input: a read beyond it is seen. */
static void
give(const struct buffer *input)
{
    uint8_t *copy = malloc(input->size > 0 ? input->size : 1);
    if (copy == NULL)
        WRONG("out of memory");
    if (input->size > 0)
        memcpy(copy, input->data, input->size);
    LLVMFuzzerTestOneInput(copy, input->size);
    free(copy);
}

/* `unit` as often as it fits into what is left of the largest input. */
static void
fill(struct buffer *input, struct bytes unit)
{
    for (unsigned n = 0;; n++) {
        char one[UNIT_MAX];
        size_t size = 0;
        for (size_t i = 0; i < unit.size; i++) {
            if (i + 1 < unit.size && unit.data[i] == '%' && unit.data[i + 1] == 'u') {
                size += (size_t)snprintf(one + size, sizeof one - size, "%u", n);
                i++;
            } else {
                one[size++] = (char)unit.data[i];
            }
        }
        if (input->size + size > BOUNDED_INPUT_MAX)
            return;
        buffer_append(input, one, size);
    }
}

static void
give_hostile(struct buffer *input)
{
    for (size_t i = 0; i < COUNT(hostile); i++) {
        buffer_clear(input);
        buffer_append_bytes(input, hostile[i].before);
        fill(input, hostile[i].unit);
        give(input);
        for (int n = 0; n < BEGINNINGS; n++) {
            const struct buffer *file = &corpus[draw(corpus_count)];
            buffer_clear(input);
            buffer_append(input, file->data, draw(file->size + 1));
            buffer_append_bytes(input, hostile[i].before);
            fill(input, hostile[i].unit);
            give(input);
        }
    }
}

int
main(int argc, char **argv)
{
    const char *source = getenv("CAPSTAN_SOURCE");
    const char *name = strchr(basename(argv[0]), '_');
    char folder[PATH_MAX];
    struct buffer input = { 0 };
    (void)argc;
    if (name == NULL)
        WRONG("the program is not called fuzz_NAME");
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s",
        source != NULL ? source : ".", name + 1);
    keep_folder(folder);
    if (corpus_count == 0)
        WRONG("the corpus is empty");
    for (size_t i = 0; i < corpus_count; i++)
        give(&corpus[i]);
    for (int i = 0; i < CHANGES; i++) {
        buffer_clear(&input);
        buffer_append_bytes(&input, buffer_bytes(&corpus[draw(corpus_count)]));
        for (size_t n = draw(CHANGES_PER_INPUT) + 1; n > 0; n--)
            change(&input);
        give(&input);
    }
    give_hostile(&input);
    printf(
        "%zu files, %d changes, %zu hostile\n", corpus_count, CHANGES, COUNT(hostile));
    for (size_t i = 0; i < corpus_count; i++)
        buffer_free(&corpus[i]);
    buffer_free(&input);
    return 0;
}
