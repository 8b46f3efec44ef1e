/* outbox - what the decisions of one turn produced, in order. */
#ifndef ACTORS_OUTBOX_H
#define ACTORS_OUTBOX_H
#include "base/arena.h"
#include "transport/messages.h"

enum { OUTBOX_MAX = 256 };

struct outbox {
    const struct message *in; /* what is being answered; NULL in a tick */
    struct id project;        /* of what is said from here on; begins as that of `in` */
    uint32_t partition;       /* where it is said to, for messages without a run */
    struct arena *arena;      /* for what messages borrow; dies with the turn */
    size_t count;
    struct message *messages; /* OUTBOX_MAX of them */
};

/* Address `m` by the catalogue and put it in.  A reply goes to whoever sent `in`, what
 * names a run to the scheduler of its partition. */
void outbox_put(struct outbox *out, const struct message *m);

/* The same, to a certain instance of the addressee; for replies that come later. */
void outbox_put_to(
    struct outbox *out, enum actor_name to, uint32_t instance, const struct message *m);

/* A producer of many stops when `room` is not left; due() brings it back for the rest.
 */
static inline bool
outbox_has_room(const struct outbox *out, size_t room)
{
    return OUTBOX_MAX - out->count >= room;
}

/* say_job_offered(out, (struct job_offered){ … }) and so on, one per message. */
#define MESSAGE(number, code_, name_, kind, from, to, about)                           \
    static inline void say_##name_(struct outbox *out, struct name_ body)              \
    {                                                                                  \
        outbox_put(out, &(struct message){ .code = code_, .name_ = body });            \
    }
#include "transport/messages.def"
#endif
