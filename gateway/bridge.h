/* bridge - questions for actors, from when they are asked until they are answered.
 *
 * An actor has no more of them than it answers in time (pace.h); the others wait here,
 * where projects take turns (line.h).  What is refused here was never sent, so it is
 * not done.
 *
 * Each has a number that the answer names; numbers are not used again, not even by the
 * next life of this process.  A question is said again when its actor begins anew.
 */
#ifndef GATEWAY_BRIDGE_H
#define GATEWAY_BRIDGE_H
#include "gateway/alarm.h"
#include "transport/mailbox.h"

struct bridge;

/* `answer` is REFUSED, DOCUMENT or RUN_ACCEPTED, borrowed for the call. */
typedef void bridge_done(void *self, const struct message *answer);

struct bridge_limits {
    size_t questions_max; /* at once; of one project never more than half of them */
    uint32_t patience_ms; /* for each, from when it is asked */
    uint32_t wait_ms;     /* who must expect to wait longer for a turn is refused */
    size_t message_max;   /* bytes: what is larger would break the link */
};

struct bridge *bridge_new(
    struct mailbox *mailbox, struct alarms *alarms, const struct bridge_limits *limits);
void bridge_free(struct bridge **bridge);

/* Send `m`, whose first field is `request`, and call `done` once.  `m` and what it
 * borrows must last until then.  Returns the number, or 0 if `done` was called already,
 * with REFUSED: ERR_BUSY, ERR_OVERLOADED, ERR_TOO_LARGE, or ERR_UNAVAILABLE when the
 * actor was never heard.  Later it may be ERR_TIMEOUT, or ERR_OVERLOADED if its turn
 * never came. */
uint64_t
bridge_ask(struct bridge *bridge, struct message *m, bridge_done *done, void *self);
/* Nobody waits any more: `done` will not be called.  0 is taken and ignored. */
void bridge_forget(struct bridge *bridge, uint64_t number);

/* Give an answer to who asked; false if nobody waits for it. */
bool bridge_hear(struct bridge *bridge, const struct message *answer);
/* Say again what this actor has not answered. */
void bridge_resend(struct bridge *bridge, enum actor_name actor, uint32_t instance);
/* Questions that wait. */
size_t bridge_count(const struct bridge *bridge);
#endif
