/* The folder of workflow files: each becomes an automation of the project "default",
 * named as the file is without its suffix.  Looked at once a second: that is right on
 * every file system, and however an editor writes. */
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/bridge.h"
#include "gateway/workflow_graph/names.h"
#include "gateway/workflow_graph/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_MS = 1000, RETRY_MS = 1000, FILES_MAX = 1000, FILE_NAME_MAX = 256 };

struct file {
    char name[FILE_NAME_MAX];
    struct timespec changed;
    off_t size;
    ino_t number;
    bool waits; /* it is to be applied */
    bool seen;
};

struct folder {
    struct gateway *gateway;
    struct alarm alarm;
    struct file *files; /* [FILES_MAX], by name */
    size_t count;
    struct file *applying; /* NULL: none */
    struct buffer text, name;
    struct message message;
    bool missing; /* it was said that it cannot be read */
};

static void look(struct folder *f);

struct folder *
folder_new(struct gateway *gateway)
{
    struct folder *f = calloc(1, sizeof *f);
    if (f == NULL)
        WRONG("out of memory");
    f->gateway = gateway;
    if (gateway->child.config.workflows[0] == '\0')
        return f;
    f->files = calloc(FILES_MAX, sizeof *f->files);
    if (f->files == NULL)
        WRONG("out of memory");
    return f;
}

void
folder_free(struct folder **out)
{
    struct folder *f = *out;
    alarm_clear(&f->gateway->alarms, &f->alarm);
    buffer_free(&f->text);
    buffer_free(&f->name);
    free(f->files);
    free(f);
    *out = NULL;
}

/* The size of the name without the suffix of a workflow file; 0: it is none. */
static size_t
stem_of(const char *name)
{
    static const char *const suffixes[] = { ".yml", ".yaml", ".json" };
    size_t size = strlen(name);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        size_t suffix = strlen(suffixes[i]);
        if (name[0] != '.' && size > suffix && size < FILE_NAME_MAX
            && strcmp(name + size - suffix, suffixes[i]) == 0)
            return size - suffix;
    }
    return 0;
}

static struct file *
file_named(struct folder *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->files[i].name, name) == 0)
            return &f->files[i];
    if (f->count == FILES_MAX)
        return NULL;
    struct file *file = &f->files[f->count++];
    *file = (struct file){ 0 };
    memcpy(file->name, name, strlen(name) + 1);
    return file;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static void
note(struct folder *f, int folder, const char *name)
{
    struct stat stat;
    if (stem_of(name) == 0 || fstatat(folder, name, &stat, 0) != 0
        || !S_ISREG(stat.st_mode))
        return;
    struct file *file = file_named(f, name);
    if (file == NULL)
        return;
    bool same = file->size == stat.st_size && file->number == stat.st_ino
                && file->changed.tv_sec == stat.st_mtim.tv_sec
                && file->changed.tv_nsec == stat.st_mtim.tv_nsec;
    file->seen = true;
    file->waits |= !same;
    file->size = stat.st_size;
    file->number = stat.st_ino;
    file->changed = stat.st_mtim;
}

/* A file that is gone leaves its automation, and all runs, as they are. */
static void
forget_unseen(struct folder *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->files[i].seen)
            f->files[kept++] = f->files[i];
    f->count = kept;
}

static void
scan(struct folder *f)
{
    const char *path = f->gateway->child.config.workflows;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        if (!f->missing)
            log_line(LOG_UNUSUAL, "workflows_unreadable", "folder=\"%s\"", path);
        f->missing = true;
        return;
    }
    f->missing = false;
    for (size_t i = 0; i < f->count; i++)
        f->files[i].seen = false;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        note(f, dirfd(folder), entry->d_name);
    closedir(folder);
    forget_unseen(f);
    qsort(f->files, f->count, sizeof *f->files, by_name);
}

static bool
read_file(struct folder *f, const struct file *file)
{
    enum { PIECE = 65536 };
    size_t max = f->gateway->child.config.automation_max + 1;
    char path[4096 + FILE_NAME_MAX + 2];
    snprintf(
        path, sizeof path, "%s/%s", f->gateway->child.config.workflows, file->name);
    int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return false;
    ssize_t size = 1;
    buffer_clear(&f->text);
    /* One byte too many lets the registry say that it is too long. */
    while (size > 0 && f->text.size < max) {
        size_t room = max - f->text.size < PIECE ? max - f->text.size : PIECE;
        size = read(in, buffer_reserve(&f->text, room), room);
        f->text.size += size > 0 ? (size_t)size : 0;
    }
    close(in);
    return size >= 0;
}

static void
sleep_for(struct folder *f, uint64_t ms)
{
    alarm_set(&f->gateway->alarms, &f->alarm, clock_monotonic_ms() + ms);
}

static void
say_refused(const struct file *file, const struct refused *refused)
{
    log_line(LOG_UNUSUAL, "workflow_refused", "file=\"%s\" why=\"%.*s\"", file->name,
        (int)(refused->detail.size < 500 ? refused->detail.size : 500),
        (const char *)refused->detail.data);
}

static bool
passing(const struct message *answer)
{
    return answer->code == REFUSED
           && (answer->refused.err == ERR_BUSY || answer->refused.err == ERR_OVERLOADED
               || answer->refused.err == ERR_TIMEOUT
               || answer->refused.err == ERR_UNAVAILABLE);
}

static void
answered(void *self, const struct message *answer)
{
    struct folder *f = self;
    struct file *file = f->applying;
    f->applying = NULL;
    file->waits = passing(answer);
    if (file->waits) {
        sleep_for(f, RETRY_MS);
        return;
    }
    if (answer->code == REFUSED)
        say_refused(file, &answer->refused);
    else
        log_line(LOG_INFO, "workflow_loaded", "file=\"%s\"", file->name);
    look(f);
}

static void
apply(struct folder *f, struct file *file)
{
    struct message *m = &f->message;
    file->waits = false;
    if (!read_file(f, file)) {
        log_line(LOG_UNUSUAL, "workflow_unreadable", "file=\"%s\"", file->name);
        look(f);
        return;
    }
    buffer_clear(&f->name);
    key_from_id(&f->name, bytes_of(file->name, stem_of(file->name)));
    *m = (struct message){ .code = AUTOMATION_APPLY, .to = ACTOR_registry };
    m->envelope.project = id_of_name(text("default"));
    m->envelope.trace = id_fresh(0);
    m->automation_apply.definition = buffer_bytes(&f->text);
    m->automation_apply.automation = id_fresh(0);
    m->automation_apply.name = buffer_bytes(&f->name);
    m->automation_apply.make = 1;
    f->applying = file;
    bridge_ask(f->gateway->bridge, m, answered, f);
}

static void
look(struct folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->files[i].waits) {
            apply(f, &f->files[i]);
            return;
        }
    sleep_for(f, LOOK_MS);
}

static void
rings(struct alarm *alarm)
{
    struct folder *f = LIST_OF(alarm, struct folder, alarm);
    if (!f->gateway->draining)
        scan(f);
    look(f);
}

void
folder_begin(struct folder *f)
{
    if (f->files == NULL)
        return;
    f->alarm.ring = rings;
    sleep_for(f, 0);
}
