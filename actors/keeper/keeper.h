/* keeper - starts the managed workers, starts them again, and ends them.
 *
 * A managed worker is a worker project: a folder with a manifest.  capstan.yaml names
 * some (the setting `workers`), `capstan worker add` others; a record is kept of each.
 * All start with the engine, but those that somebody has stopped.  Over each stands a
 * guardian.  `run/workers` says what each does, and on the socket `run/keeper` the tool
 * asks for more: see door.h.
 */
#ifndef ACTORS_KEEPER_KEEPER_H
#define ACTORS_KEEPER_KEEPER_H
#include "actors/keeper/keeping.h"
#include "actors/keeper/manifest.h"
#include "actors/keeper/record.h"
#include "base/child.h"
#include "base/status.h"

enum { WORKERS_MAX = 64, CLIENTS_MAX = 16 };

struct worker {
    bool used;
    bool declared; /* capstan.yaml names it */
    bool leaving;  /* to be forgotten once it has ended */
    char name[MANIFEST_NAME_MAX + 1];
    struct record record;
    bool recorded; /* on disk as it is here */
    struct kept kept;
    char hash[2 * HASH_SIZE + 1]; /* of the manifest it was last started with */
    /* Its guardian, while it lives: */
    pid_t guardian; /* 0: there is none */
    int say_fd;
    char said[1024];
    size_t said_size;
    bool refused;
    unsigned pid; /* of the start script; 0: it does not run */
    char detail[400];
};

/* Of the tool: asks one thing, and waits until it is so. */
struct client {
    int fd;                /* -1: there is none */
    struct worker *worker; /* NULL: it has not asked yet */
    bool up;               /* waits until it runs; else until it does not */
};

struct keeper {
    struct child child;
    struct worker workers[WORKERS_MAX];
    struct client clients[CLIENTS_MAX];
    int signal_fd, door_fd;
    bool stopping;
    bool
        changed; /* run/workers is to be written, and clients may have what they want */
};

/* All that capstan.yaml names and all that was added; starts none. */
void roll_load(struct keeper *k);
struct worker *roll_find(struct keeper *k, struct bytes name);
/* The project in `folder`, absolute; one that is there already is only started.
 *
 * ERR_CONFLICT   another project has its name
 * ERR_BUSY       there are WORKERS_MAX
 * and those of manifest_find and record_write */
MUST_CHECK enum err roll_add(
    struct keeper *k, const char *folder, struct worker **worker, struct fault *fault);
/* Forget those that are leaving and have ended.  Their places are not given away before
 * the next roll_add. */
void roll_clear(struct keeper *k);

/* Could it be started, by its manifest? */
MUST_CHECK enum err managed_check(const struct worker *w, struct fault *fault);
/* Carry out what keeping.h says. */
void managed_obey(struct keeper *k, struct worker *w, enum keep_order order);
/* Remember it so from now on. */
MUST_CHECK enum err managed_record(struct keeper *k, struct worker *w,
    const struct record *record, struct fault *fault);
/* Remember that somebody has stopped it, or not. */
MUST_CHECK enum err
managed_mark(struct keeper *k, struct worker *w, bool stopped, struct fault *fault);
/* What was installed may be older than its code: install it before the next start. */
MUST_CHECK enum err
managed_outdate(struct keeper *k, struct worker *w, struct fault *fault);
/* What its guardian says. */
void managed_hear(struct keeper *k, struct worker *w);
/* Guardians that have died, and what they left. */
void managed_reap(struct keeper *k);
#endif
