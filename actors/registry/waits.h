/* waits - clients that hear about a version as soon as everybody knows it.  Volatile:
 * who asked a registry that died hears a timeout and asks again. */
#ifndef ACTORS_REGISTRY_WAITS_H
#define ACTORS_REGISTRY_WAITS_H
#include "actors/registry/entries.h"
#include "base/list.h"

struct wait {
    struct list link; /* in `waiting`, `ready` or `free` */
    uint64_t request;
    uint32_t gateway;
    struct version_name version;
    bool created;
    uint64_t deadline_ms;
    struct id trace;
    uint64_t cause; /* id of the command */
};

struct waits {
    struct wait *all;
    struct list waiting, ready, free; /* in order of arrival */
};

void waits_open(struct waits *waits, size_t max);
void waits_close(struct waits *waits);
bool waits_full(const struct waits *waits);
/* There is room. */
void waits_add(struct waits *waits, const struct wait *wait);
void waits_drop(struct waits *waits, uint32_t gateway, uint64_t request);
/* A gateway began anew: nobody there knows its earlier requests. */
void waits_drop_gateway(struct waits *waits, uint32_t gateway);
/* Everybody knows the version: its waits are ready. */
void waits_arrived(struct waits *waits, const struct version_name *version);
/* Who is to be answered first, and whose deadline comes first; or NULL. */
const struct wait *waits_ready(const struct waits *waits);
const struct wait *waits_oldest(const struct waits *waits);
/* The one behind, in the same list, or NULL. */
const struct wait *waits_next(const struct waits *waits, const struct wait *wait);
#endif
