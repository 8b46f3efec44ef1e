/* Which managed workers there are. */
#include "actors/keeper/keeper.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct worker *
roll_find(struct keeper *k, struct bytes name)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k->workers[i].used && bytes_equal(text(k->workers[i].name), name))
            return &k->workers[i];
    return NULL;
}

/* NULL when there are WORKERS_MAX. */
static struct worker *
place(struct keeper *k, const char *name)
{
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *w = &k->workers[i];
        if (w->used)
            continue;
        *w = (struct worker){ .used = true, .say_fd = -1 };
        snprintf(w->name, sizeof w->name, "%s", name);
        return w;
    }
    return NULL;
}

static enum err
too_many(struct fault *fault)
{
    return fault_set(
        fault, ERR_BUSY, "there are %d workers already: no more fit", WORKERS_MAX);
}

/* A folder that has no readable manifest is known by its own name. */
static void
name_after(const char *folder, char out[MANIFEST_NAME_MAX + 1])
{
    const char *slash = strrchr(folder, '/');
    snprintf(out, MANIFEST_NAME_MAX + 1, "%.31s", slash == NULL ? folder : slash + 1);
    if (!manifest_name_valid(text(out)))
        snprintf(out, MANIFEST_NAME_MAX + 1, "unnamed");
}

/* The name under which `folder` is to be known, and its worker if there is one. */
static enum err
find_place(struct keeper *k, const char *folder, const char *name,
    struct worker **worker, struct fault *fault)
{
    *worker = roll_find(k, text(name));
    if (*worker != NULL && strcmp((*worker)->record.folder, folder) != 0)
        return fault_set(fault, ERR_CONFLICT,
            "%.150s: the name %s is that of the worker in %.150s", folder, name,
            (*worker)->record.folder);
    if (*worker == NULL && (*worker = place(k, name)) == NULL)
        return too_many(fault);
    return ERR_NONE;
}

static void
load_declared(struct keeper *k, const char *path)
{
    struct fault fault = { 0 };
    struct arena arena = { 0 };
    struct manifest manifest;
    struct worker *w;
    char folder[PATH_MAX], name[MANIFEST_NAME_MAX + 1];
    if (realpath(path, folder) == NULL || strlen(folder) > RECORD_FOLDER_MAX) {
        log_line(LOG_UNUSUAL, "worker_refused", "workers=\"%s\" err=\"%s\"", path,
            strerror(errno));
        return;
    }
    name_after(folder, name);
    if (manifest_find(folder, &arena, &manifest, &fault) == ERR_NONE)
        memcpy(name, manifest.name, sizeof name);
    arena_free(&arena);
    if (find_place(k, folder, name, &w, &fault) != ERR_NONE) {
        log_line(LOG_UNUSUAL, "worker_refused", "err=\"%s\"", fault.detail);
        return;
    }
    w->declared = true;
    struct record known;
    if (record_read(k->child.config.data, name, &known) == ERR_NONE
        && strcmp(known.folder, folder) == 0) {
        w->record = known;
        w->recorded = true;
    }
    snprintf(w->record.folder, sizeof w->record.folder, "%s", folder);
}

static void
load_added(struct keeper *k, const char *name)
{
    struct record record;
    enum err e = record_read(k->child.config.data, name, &record);
    if (e != ERR_NONE && e != ERR_NOT_FOUND)
        log_line(LOG_BROKEN, "worker_record", "name=%s err=%s", name, err_name(e));
    if (e != ERR_NONE || !record.added)
        return;
    struct worker *w = place(k, name);
    if (w == NULL) {
        log_line(LOG_UNUSUAL, "worker_refused", "name=%s err=full", name);
        return;
    }
    w->record = record;
    w->recorded = true;
}

void
roll_load(struct keeper *k)
{
    char path[FOLDER_PATH_MAX], paths[CONFIG_TEXT_MAX + 1], *rest = paths;
    DIR *folder = opendir(folder_path(k->child.config.data, "workers", path));
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (manifest_name_valid(text(entry->d_name)))
            load_added(k, entry->d_name);
    if (folder != NULL)
        closedir(folder);
    memcpy(paths, k->child.config.workers, sizeof paths);
    for (char *one; (one = strsep(&rest, ":")) != NULL;)
        if (one[0] != '\0')
            load_declared(k, one);
}

/* It is ours from now on, also after a new start. */
static enum err
keep(struct keeper *k, struct worker *w, const char *folder, struct fault *fault)
{
    bool fresh = w->record.folder[0] == '\0';
    struct record record = w->record;
    snprintf(record.folder, sizeof record.folder, "%s", folder);
    record.added = record.added || !w->declared;
    record.stopped = false;
    enum err e = managed_record(k, w, &record, fault);
    if (e != ERR_NONE && fresh)
        w->used = false;
    w->leaving = w->leaving && e != ERR_NONE;
    return e;
}

enum err
roll_add(
    struct keeper *k, const char *folder, struct worker **worker, struct fault *fault)
{
    char whole[PATH_MAX];
    struct arena arena = { 0 };
    struct manifest manifest;
    if (realpath(folder, whole) == NULL)
        return fault_set(fault, ERR_NOT_FOUND, "%.250s: %s", folder, strerror(errno));
    if (strlen(whole) > RECORD_FOLDER_MAX || strpbrk(whole, "\n\r") != NULL)
        return fault_set(fault, ERR_INVALID,
            "%.250s: expected a path of at most %d bytes in one line", whole,
            RECORD_FOLDER_MAX);
    enum err e = manifest_find(whole, &arena, &manifest, fault);
    if (e == ERR_NONE)
        e = find_place(k, whole, manifest.name, worker, fault);
    if (e == ERR_NONE)
        e = keep(k, *worker, whole, fault);
    arena_free(&arena);
    return e;
}

void
roll_clear(struct keeper *k)
{
    struct fault fault;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *w = &k->workers[i];
        if (!w->used || !w->leaving || kept_lives(&w->kept))
            continue;
        if (record_drop(k->child.config.data, w->name, &fault) != ERR_NONE)
            log_line(LOG_BROKEN, "worker_record", "err=\"%s\"", fault.detail);
        w->used = w->leaving = false;
    }
}
