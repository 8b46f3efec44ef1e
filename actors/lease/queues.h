/* queues - how many jobs of each queue are out, and how many may be.
 *
 * The limits are the registry's, which says them again to each life of the lease actor.
 * Who is out follows from the leases that there are: nobody counts up or down by hand,
 * so a place cannot leak.  After a restart the leases of before are there once every
 * scheduler has said all of its own, or every holder had the time to be heard; until
 * then nothing of a queue with a limit is granted.
 */
#ifndef ACTORS_LEASE_QUEUES_H
#define ACTORS_LEASE_QUEUES_H
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"

enum { QUEUES_FEW = 256 };

struct queue {
    struct bytes key; /* project and name; owned, in `memory` */
    struct id project;
    struct bytes name; /* in `memory` */
    uint8_t *memory;
    uint32_t limit; /* jobs out at a time; 0: any number */
    uint32_t out;
    struct list jobs;  /* that are out, the longest first */
    struct list lanes; /* whose jobs are of it */
    struct list of_table;
};

struct queues {
    struct map by_key;
    struct list all;
    size_t few;        /* above so many, those without a limit or a job are forgotten */
    bool known;        /* the limits have been said */
    uint64_t told;     /* a bit for each partition whose leases are all there */
    uint64_t all_told; /* the same, of all partitions */
    uint64_t opened_ms; /* when the limits were first known */
};

void queues_open(struct queues *queues, uint32_t partitions);
void queues_close(struct queues *queues);

/* The queue of this name; made if there is none. */
struct queue *
queues_get(struct queues *queues, const struct id *project, struct bytes name);
/* The same, or NULL. */
struct queue *
queues_find(const struct queues *queues, const struct id *project, struct bytes name);
/* All leases of before are there. */
bool queues_counted(const struct queues *queues);
/* May another job of it be granted? */
bool queue_has_room(const struct queues *queues, const struct queue *queue);
#endif
