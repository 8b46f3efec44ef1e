/* watch - who wants to hear that a run, or the stream of a project, went on. */
#ifndef GATEWAY_WATCH_H
#define GATEWAY_WATCH_H
#include "base/list.h"
#include "transport/messages.h"

struct watches;

/* Part of the thing that waits. */
struct watch {
    struct id run; /* or project */
    /* A hint came; it may remove this watch, and no other. */
    void (*changed)(struct watch *watch, const struct run_changed *hint);
    /* The gateway is about to leave. */
    void (*leaving)(struct watch *watch);
    struct list link;    /* of all */
    struct watch *other; /* of the same run */
    bool set;
};

struct watches *watches_new(void);
void watches_free(struct watches **watches);

void watch_set(struct watches *watches, struct watch *watch);
/* Also right for one that is not set. */
void watch_clear(struct watches *watches, struct watch *watch);
void watches_hear(struct watches *watches, const struct run_changed *hint);
void watches_leave(struct watches *watches);
bool watches_empty(const struct watches *watches);
#endif
