/* events - what actions publish: each is said until the engine has it, or will not. */
#ifndef WORKERS_C_EVENTS_H
#define WORKERS_C_EVENTS_H
#include "base/list.h"
#include "base/pack.h"

enum { EVENTS_MAX = 256 }; /* that wait for the engine's word */

/* One `publish` message. */
struct outgoing_event {
    struct list link;
    struct buffer frame;
    size_t id_at, id_size; /* where in `frame` */
    uint64_t resend_ms;    /* monotonic; 0: it was not said on this connection */
    unsigned resends;
};

/* Copies; `data` is msgpack or nothing. */
struct outgoing_event *
event_new(struct bytes id, struct bytes type, struct bytes source, struct bytes data);
void event_free(struct outgoing_event *event);
struct outgoing_event *events_find(struct list *events, struct bytes id);
/* All must be said again: the connection is a new one. */
void events_renew(struct list *events);
/* When one of them must be said; UINT64_MAX: there is none. */
uint64_t events_due(const struct list *events);
/* It was said. */
void event_said(struct outgoing_event *event, uint64_t now_ms, uint64_t resend_ms);
#endif
