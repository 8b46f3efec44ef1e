#include "gateway/metrics.h"

#include "base/counters.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PROCESSES_MAX = 80, NAME_SIZE = 64 };

static const char suffix[] = ".counters";

struct process {
    char name[NAME_SIZE];
    uint64_t values[COUNTER_COUNT];
};

struct processes {
    struct process *rows;
    size_t count;
};

static int
order(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void
take_file(struct processes *processes, const char *folder, const char *file)
{
    size_t size = strlen(file), tail = sizeof suffix - 1;
    struct process *row = &processes->rows[processes->count];
    if (size <= tail || size - tail >= NAME_SIZE
        || strcmp(file + size - tail, suffix) != 0)
        return;
    memcpy(row->name, file, size - tail);
    row->name[size - tail] = '\0';
    /* A process that is beginning or gone just now has nothing to say. */
    if (counters_read(folder, row->name, row->values) == ERR_NONE)
        processes->count++;
}

static struct processes
processes_new(const char *folder)
{
    struct processes processes = { calloc(PROCESSES_MAX, sizeof(struct process)), 0 };
    struct dirent *entry;
    DIR *files = opendir(folder);
    if (files == NULL || processes.rows == NULL)
        goto out;
    while (processes.count < PROCESSES_MAX && (entry = readdir(files)) != NULL)
        take_file(&processes, folder, entry->d_name);
    qsort(processes.rows, processes.count, sizeof *processes.rows, order);
out:
    if (files != NULL)
        closedir(files);
    return processes;
}

void
metrics_write(const char *run_folder, struct buffer *out)
{
    struct processes processes = processes_new(run_folder);
    for (unsigned c = 0; c < COUNTER_COUNT; c++) {
        enum counter counter = (enum counter)c;
        const char *name = counter_name(counter);
        const char *end = counter_is_gauge(counter) ? "" : "_total";
        buffer_print(out, "# HELP capstan_%s%s %s\n# TYPE capstan_%s%s %s\n", name, end,
            counter_sentence(counter), name, end,
            counter_is_gauge(counter) ? "gauge" : "counter");
        for (size_t i = 0; i < processes.count; i++)
            buffer_print(out, "capstan_%s%s{process=\"%s\"} %" PRIu64 "\n", name, end,
                processes.rows[i].name, processes.rows[i].values[c]);
    }
    free(processes.rows);
}
