#include "base/counters.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAD_SIZE = 64, PATH_MAX_BYTES = 4096 + 128 };

static const struct {
    const char *name;
    const char *sentence;
    int is_gauge;
} rows[COUNTER_COUNT] = {
#define gauge_KIND                    1
#define counter_KIND                  0
#define COUNTER(name, kind, sentence) { #name, sentence, kind##_KIND },
#include "base/counters.def"
};

struct counters_file {
    char head[HEAD_SIZE]; /* text that ends in a newline */
    uint64_t values[COUNTER_COUNT];
};

static uint64_t private_table[COUNTER_COUNT];
uint64_t *counters_table = private_table;

/* The names are part of the format: another release's file is of another one. */
static void
print_head(char head[HEAD_SIZE])
{
    struct hash h = { { 0 } };
    char words[HEAD_SIZE + 1];
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        h = hash_chain(&h, text(rows[i].name));
    snprintf(words, sizeof words, "capstan counters 1 rows=%d names=%02x%02x%02x%02x",
        COUNTER_COUNT, h.bytes[0], h.bytes[1], h.bytes[2], h.bytes[3]);
    snprintf(words + strlen(words), sizeof words - strlen(words), "%*s",
        (int)(HEAD_SIZE - 1 - strlen(words)), "");
    memcpy(head, words, HEAD_SIZE - 1);
    head[HEAD_SIZE - 1] = '\n';
}

static bool
print_path(char path[PATH_MAX_BYTES], const char *folder, const char *process,
    const char *ending)
{
    int size =
        snprintf(path, PATH_MAX_BYTES, "%s/%s.counters%s", folder, process, ending);
    return size > 0 && size < PATH_MAX_BYTES;
}

static enum err
err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
}

/* Space is reserved: a later store into a page without a block would be SIGBUS. */
static struct counters_file *
map_new(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    int failed = posix_fallocate(fd, 0, sizeof(struct counters_file));
    void *at = MAP_FAILED;
    if (failed == 0)
        at = mmap(NULL, sizeof(struct counters_file), PROT_READ | PROT_WRITE,
            MAP_SHARED, fd, 0);
    int saved = failed != 0 ? failed : errno;
    close(fd);
    errno = saved;
    return at == MAP_FAILED ? NULL : at;
}

enum err
counters_open(const char *folder, const char *process)
{
    char path[PATH_MAX_BYTES], fresh[PATH_MAX_BYTES];
    if (!print_path(path, folder, process, "")
        || !print_path(fresh, folder, process, ".new"))
        return ERR_TOO_LARGE;
    struct counters_file *file = map_new(fresh);
    if (file == NULL)
        return err_of_errno();
    print_head(file->head);
    memcpy(file->values, counters_table, sizeof file->values);
    /* A reader sees the file of the life before or a whole one. */
    if (rename(fresh, path) != 0) {
        munmap(file, sizeof *file);
        return err_of_errno();
    }
    counters_table = file->values;
    return ERR_NONE;
}

enum err
counters_read(const char *folder, const char *process, uint64_t values[COUNTER_COUNT])
{
    char path[PATH_MAX_BYTES], head[HEAD_SIZE];
    struct counters_file file;
    if (!print_path(path, folder, process, ""))
        return ERR_NOT_FOUND;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    ssize_t size = read(fd, &file, sizeof file);
    close(fd);
    print_head(head);
    if (size != (ssize_t)sizeof file || memcmp(file.head, head, HEAD_SIZE) != 0)
        return ERR_MALFORMED;
    memcpy(values, file.values, sizeof file.values);
    return ERR_NONE;
}

const char *
counter_name(enum counter counter)
{
    return rows[counter].name;
}

const char *
counter_sentence(enum counter counter)
{
    return rows[counter].sentence;
}

int
counter_is_gauge(enum counter counter)
{
    return rows[counter].is_gauge;
}
