/* keeping - when a managed worker starts, starts again, and ends.
 *
 * One that ends by itself, however, is started again: at once, then after 0.1 s
 * doubling to a bound; a minute of health forgets that.  One whose manifest or
 * installation is refused waits for somebody to start it: neither changes by itself.
 *
 * Pure: it is told of wishes, deaths and time, and gives orders.
 */
#ifndef ACTORS_KEEPER_KEEPING_H
#define ACTORS_KEEPER_KEEPING_H
#include <stdbool.h>
#include <stdint.h>

enum {
    KEEP_HEALTH_MS = 60000,
    KEEP_SETTLE_MS = 1000 /* who lived that long is not about to fail at once */
};

/*            start             began              settled
 *  STOPPED --------> PREPARING -------> STARTING ---------> RUNNING
 *     ^  ^             |   ^               |                  |
 *     |  | ended  refused  | due           | ended            | ended
 *     |  STOPPING      |   +-------- BACKING_OFF <------------+
 *     |     ^          v
 *     |     |stop    FAILED      start out of FAILED and BACKING_OFF is as out of
 *     +-----+------------+       STOPPED
 */
enum keep_state {
    KEEP_STOPPED,
    KEEP_PREPARING, /* its setup and install scripts run, if they must */
    KEEP_STARTING,
    KEEP_RUNNING,
    KEEP_BACKING_OFF,
    KEEP_STOPPING,
    KEEP_FAILED
};

struct kept {
    enum keep_state state;
    uint64_t since_ms; /* of the state; monotonic */
    uint64_t due_ms;   /* STARTING: settled; BACKING_OFF: start again */
    unsigned setbacks; /* ends since the last minute of health */
    unsigned restarts;
    bool again; /* STOPPING: start once it has ended */
};

enum keep_order { KEEP_NOTHING, KEEP_START, KEEP_TERMINATE };

/* Somebody wants it to run, not to run, or to run anew. */
enum keep_order kept_start(struct kept *k, uint64_t now_ms);
enum keep_order kept_stop(struct kept *k, uint64_t now_ms);
enum keep_order kept_restart(struct kept *k, uint64_t now_ms);

/* Its start script runs. */
void kept_began(struct kept *k, uint64_t now_ms);
/* All its processes are gone; or it could not be started. */
enum keep_order
kept_ended(struct kept *k, bool refused, uint64_t backoff_max_ms, uint64_t now_ms);

/* When must tick run next?  UINT64_MAX for never. */
uint64_t kept_due(const struct kept *k);
enum keep_order kept_tick(struct kept *k, uint64_t now_ms);

/* Are there processes of it? */
bool kept_lives(const struct kept *k);
const char *keep_state_name(enum keep_state state);
#endif
