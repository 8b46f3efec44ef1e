/* One managed worker: from its manifest to its guardian, and what that one says. */
#include "actors/keeper/environment.h"
#include "actors/keeper/guardian.h"
#include "actors/keeper/keeper.h"
#include "actors/keeper/kin.h"
#include "base/api_key.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
describe(struct keeper *k, struct worker *w, const char *detail)
{
    snprintf(w->detail, sizeof w->detail, "%.399s", detail);
    k->changed = true;
}

enum err
managed_record(struct keeper *k, struct worker *w, const struct record *record,
    struct fault *fault)
{
    enum err e = record_write(k->child.config.data, w->name, record, fault);
    if (e == ERR_NONE) {
        w->record = *record;
        w->recorded = true;
    }
    return e;
}

enum err
managed_mark(struct keeper *k, struct worker *w, bool stopped, struct fault *fault)
{
    struct record record = w->record;
    record.stopped = stopped;
    return w->record.stopped == stopped ? ERR_NONE
                                        : managed_record(k, w, &record, fault);
}

enum err
managed_outdate(struct keeper *k, struct worker *w, struct fault *fault)
{
    struct record record = w->record;
    record.installed[0] = '\0';
    return managed_record(k, w, &record, fault);
}

static void
print_key(const struct keeper *k, char out[KEY_TEXT_SIZE + 1])
{
    uint8_t chance[KEY_SECRET_SIZE];
    struct id id;
    api_key_managed(k->child.secret, k->child.life, &id, chance);
    api_key_print(&id, chance, out);
    sodium_memzero(chance, sizeof chance);
}

static enum err
find_manifest(const struct worker *w, struct arena *arena, struct manifest *manifest,
    struct fault *fault)
{
    enum err e = manifest_find(w->record.folder, arena, manifest, fault);
    if (e != ERR_NONE || strcmp(manifest->name, w->name) == 0)
        return e;
    return fault_set(fault, ERR_CONFLICT,
        "%.200s: its manifest says name: %s, but it is known as %s: remove it and add "
        "it again",
        w->record.folder, manifest->name, w->name);
}

enum err
managed_check(const struct worker *w, struct fault *fault)
{
    struct arena arena = { 0 };
    struct manifest manifest;
    enum err e = find_manifest(w, &arena, &manifest, fault);
    arena_free(&arena);
    return e;
}

static enum err
launch(struct keeper *k, struct worker *w, struct arena *arena, struct fault *fault)
{
    struct manifest manifest;
    const char *data = k->child.config.data;
    char key[KEY_TEXT_SIZE + 1], log[FOLDER_PATH_MAX], lock[FOLDER_PATH_MAX];
    enum err e = find_manifest(w, arena, &manifest, fault);
    struct record record = w->record;
    if (e == ERR_NONE && !w->recorded)
        e = managed_record(k, w, &record, fault);
    if (e != ERR_NONE)
        return e;
    print_key(k, key);
    /* Those who are behind us want their share of drain_ms. */
    unsigned grace_ms = k->child.config.drain_ms / 2;
    sodium_bin2hex(w->hash, sizeof w->hash, manifest.hash.bytes, HASH_SIZE);
    struct errand errand = {
        .manifest = &manifest,
        .project = w->record.folder,
        .log = record_path(data, w->name, "log", log),
        .lock = record_path(data, w->name, "lock", lock),
        .environment =
            environment_make(&manifest, &k->child.config, grace_ms, key, arena),
        .install = strcmp(w->hash, w->record.installed) != 0,
        .grace_ms = grace_ms,
    };
    return guardian_start(&errand, &w->guardian, &w->say_fd, fault);
}

static void
begin(struct keeper *k, struct worker *w)
{
    struct arena arena = { 0 };
    struct fault fault = { 0 };
    w->said_size = 0;
    w->refused = false;
    enum err e = launch(k, w, &arena, &fault);
    arena_free(&arena);
    if (e == ERR_NONE)
        return;
    describe(k, w, fault.detail);
    log_line(
        LOG_UNUSUAL, "worker_refused", "name=%s err=\"%s\"", w->name, fault.detail);
    managed_obey(k, w,
        kept_ended(&w->kept, e != ERR_IO && e != ERR_NO_SPACE,
            k->child.config.restart_max_ms, clock_monotonic_ms()));
}

void
managed_obey(struct keeper *k, struct worker *w, enum keep_order order)
{
    k->changed = true;
    switch (order) {
    case KEEP_NOTHING: return;
    case KEEP_START: begin(k, w); return;
    case KEEP_TERMINATE: kill(w->guardian, SIGTERM); return;
    }
}

static void
hear_installed(struct keeper *k, struct worker *w)
{
    struct fault fault;
    struct record record = w->record;
    if (w->kept.state == KEEP_STOPPING)
        return; /* it is to be installed again, maybe */
    memcpy(record.installed, w->hash, sizeof w->hash);
    if (managed_record(k, w, &record, &fault) != ERR_NONE)
        log_line(LOG_BROKEN, "worker_record", "err=\"%s\"", fault.detail);
}

static void
hear_line(struct keeper *k, struct worker *w, const char *line)
{
    if (strcmp(line, "installed") == 0) {
        hear_installed(k, w);
    } else if (strncmp(line, "began ", 6) == 0) {
        w->pid = (unsigned)strtoul(line + 6, NULL, 10);
        kept_began(&w->kept, clock_monotonic_ms());
        log_line(LOG_INFO, "worker_began", "name=%s pid=%u", w->name, w->pid);
    } else if (strncmp(line, "refused ", 8) == 0) {
        w->refused = true;
        describe(k, w, line + 8);
    } else if (strncmp(line, "ended ", 6) == 0) {
        describe(k, w, line + 6);
    }
    k->changed = true;
}

void
managed_hear(struct keeper *k, struct worker *w)
{
    ssize_t got;
    while ((got = read(
                w->say_fd, w->said + w->said_size, sizeof w->said - 1 - w->said_size))
           > 0) {
        w->said_size += (size_t)got;
        w->said[w->said_size] = '\0';
        char *line = w->said;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            hear_line(k, w, line);
        }
        w->said_size = strlen(line);
        memmove(w->said, line, w->said_size);
    }
}

static void
bury(struct keeper *k, struct worker *w, int status)
{
    bool stopping = w->kept.state == KEEP_STOPPING;
    managed_hear(k, w);
    close(w->say_fd);
    w->say_fd = -1;
    w->guardian = 0;
    w->pid = 0;
    if (WIFSIGNALED(status))
        describe(k, w, "its guardian was killed");
    if (stopping)
        describe(k, w, "");
    log_line(stopping ? LOG_INFO : LOG_UNUSUAL, "worker_ended", "name=%s detail=\"%s\"",
        w->name, w->detail);
    managed_obey(k, w,
        kept_ended(&w->kept, w->refused, k->child.config.restart_max_ms,
            clock_monotonic_ms()));
}

static bool
is_guardian(const void *context, pid_t pid)
{
    const struct keeper *k = context;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k->workers[i].guardian == pid)
            return true;
    return false;
}

void
managed_reap(struct keeper *k)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (size_t i = 0; i < WORKERS_MAX; i++)
            if (k->workers[i].guardian == pid) {
                bury(k, &k->workers[i], status);
                break;
            }
        /* Of a guardian that was killed: nobody else is left to end them. */
        kin_signal(SIGKILL, is_guardian, k);
    }
}
