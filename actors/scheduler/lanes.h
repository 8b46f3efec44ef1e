/* lanes - which open jobs the lease actor has been told of, and which come next.
 *
 * A lane is all jobs that ask for the same thing: project, queue, action, labels and
 * environment.  Each has a window: so many jobs, and so many bytes, lie open with the
 * lease actor at once; the rest waits in the store.  A lane without a worker therefore
 * never stands in the way of another.  Volatile: after a crash it is read from the
 * rows.
 */
#ifndef ACTORS_SCHEDULER_LANES_H
#define ACTORS_SCHEDULER_LANES_H
#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "store/journal.h"

enum { LANES_FEW = 64 };

struct lane_job {
    struct id project, run;
    uint32_t step;
    uint64_t record; /* of its call: older jobs first */
};

struct lane {
    uint64_t number;
    struct list all;       /* of all lanes */
    struct list link;      /* in `hungry`, or in none */
    uint32_t told;         /* open with the lease actor */
    size_t told_bytes;     /* their parameters */
    struct lane_job *next; /* a ring: to be told, in order */
    uint32_t head, count;
    bool more;            /* further ones in the store, behind `read` */
    struct lane_job read; /* the last one read from there */
};

struct lanes {
    struct journal *journal;
    uint32_t jobs_max; /* window */
    size_t bytes_max;
    struct map lanes;      /* by number */
    struct map told;       /* open jobs that the lease actor has, by run and step */
    struct list told_jobs; /* the same jobs */
    struct list all;
    size_t few;         /* above so many, those without a job are forgotten */
    struct list hungry; /* lanes that may tell another job, in order of appearance */
    uint32_t unread;    /* lanes of which there may be more in the store */
    bool retold; /* the lease actor has yet to hear that all leases have been said */
};

void lanes_open(
    struct lanes *lanes, struct journal *journal, uint32_t jobs_max, size_t bytes_max);
void lanes_close(struct lanes *lanes);

/* Forget what was told: everything is read from the store again. */
void lanes_reset(struct lanes *lanes);
/* A job has been called, or called again under another offer. */
void lanes_add(struct lanes *lanes, uint64_t number, const struct lane_job *job);
/* The lease actor has been told of a job of `bytes` of parameters, which is open. */
void lanes_told(
    struct lanes *lanes, uint64_t number, const struct lane_job *job, size_t bytes);
/* A job is leased, settled, or void. */
void
lanes_drop(struct lanes *lanes, uint64_t number, const struct id *run, uint32_t step);
/* All of the lane up to `job` has been read. */
void
lanes_read(struct lanes *lanes, uint64_t number, const struct lane_job *job, bool more);

/* Everything was read from the store since lanes_reset, and nobody has said so.  To be
 * asked while no lane is hungry. */
bool lanes_whole(const struct lanes *lanes);
bool lanes_has_told(const struct lanes *lanes, const struct id *run, uint32_t step);

/* The lane to serve next, or NULL. */
const struct lane *lanes_hungry(const struct lanes *lanes);
#endif
