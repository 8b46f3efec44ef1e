/* lease_story - a lease actor in a trace, and what is said to it, in a few words.
 *
 * Ids print as R1, R2 (runs), S1, S2 (worker sessions).
 */
#ifndef TESTS_TRACES_LEASE_STORY_H
#define TESTS_TRACES_LEASE_STORY_H
#include "actors/lease/lease.h"
#include "actors/lease/token.h"
#include "tests/support/trace.h"

#include <check.h>

/* A job as it is offered; what is not given is 0 or the usual. */
struct offered {
    unsigned run;
    uint32_t attempt, offer; /* 0: 1 */
    uint64_t lane;           /* 0: 1 */
    const char *queue, *action, *environment;
    const char *labels; /* one label */
    unsigned leased;    /* session that is known to hold it */
    bool unsure;        /* one may */
    uint64_t order;
    uint64_t life; /* of the lease actor that may grant it; that of a trace is 0 */
    uint64_t ready_us;
};

/* A worker as it registers. */
struct worker {
    unsigned session;
    const char *instance; /* NULL: "w" and the number */
    const char *queue, *action, *label, *environment;
    uint32_t capacity; /* 0: 1 */
    struct bytes token;
    struct bytes held; /* see lease_held */
    uint32_t gateway;
    bool each;   /* it speaks of each of its jobs */
    bool again;  /* over the same connection */
    bool recall; /* it cannot say what it held before */
};

void lease_story_open(struct trace *t);
/* A life begins to grant: it hears that there are no limits, and no leases of before.
 */
void lease_begin(struct trace *t);
void lease_limit(struct trace *t, const char *queue, uint32_t limit);
struct id lease_run(unsigned number);
struct id lease_session(unsigned number);

void lease_offer(struct trace *t, struct offered offered);
void lease_withdraw(struct trace *t, unsigned run, uint32_t attempt);
void lease_settle(struct trace *t, unsigned run, uint32_t attempt, uint32_t offer,
    unsigned session, enum verdict verdict, bool reported);

void lease_register(struct trace *t, struct worker worker);
void lease_heartbeat(struct trace *t, unsigned session, struct bytes held);
/* The same, and this token is of a lease that nobody has spoken for. */
void lease_silent(struct trace *t, unsigned session, struct bytes token);
void lease_ready(struct trace *t, unsigned session, uint32_t capacity);
void lease_gone(struct trace *t, unsigned session, bool goodbye);
void lease_report(struct trace *t, unsigned session, struct bytes token);
/* The scheduler greets, and hears at once who holds what. */
void lease_told(struct trace *t);
/* It did not begin the job. */
void lease_return(struct trace *t, unsigned session, struct bytes token);

/* The token of a lease of step 0; lives as long as the trace. */
struct bytes lease_token_of(
    struct trace *t, unsigned run, uint32_t attempt, uint32_t offer, unsigned session);
/* A msgpack array of two tokens at most; one with nothing counts as none. */
struct bytes lease_held(struct trace *t, struct bytes one, struct bytes two);
#endif
