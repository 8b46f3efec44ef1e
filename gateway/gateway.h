/* gateway - the one door for strangers: what its parts share.
 *
 * One process, one loop, no threads of its own.  HTTP requests and worker frames become
 * messages to actors; answers become answers.  It decides nothing, keeps nothing on
 * disk, and may be killed at any time: clients ask again, workers register again.
 *
 *      HTTP ── server ── door ── dialect ── bridge ───┐
 *                          │        ├────── watch ────┤ mailbox ── actors
 *                          │        └────── workers ──┤
 *      ZeroMQ workers ── worker_door ───── workers ───┘
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H
#include "base/child.h"
#include "gateway/alarm.h"
#include "gateway/auth.h"
#include "gateway/holding.h"
#include "gateway/hooks.h"
#include "transport/mailbox.h"

/* Its HTTP listeners. */
enum server_name { SERVER_HTTP, SERVER_III, SERVER_III_HTTP, SERVER_COUNT };

struct gateway {
    struct child child;
    struct alarms alarms;
    uint64_t now_ms; /* monotonic, at the begin of the turn */
    struct mailbox *mailbox;
    struct auth *auth;
    struct bridge *bridge;
    struct watches *watches;
    struct server *servers[SERVER_COUNT];
    uint64_t connection_count, stream_count; /* of all servers */
    uint64_t connection_peak;                /* since memory was last given back */
    struct holding holding; /* of bodies, and of messages that are not whole yet */
    struct holding waiting; /* of what messages brought and others have to answer */
    struct hooks hooks;
    struct websockets *websockets;
    struct workers *workers;
    int epoll; /* what the loop sleeps on */
    struct worker_door *worker_door;
    struct workflow_graph *workflow_graph;
    struct iii *iii;                 /* what iii's clients have registered */
    struct development *development; /* NULL: no such key is made */
    struct buffer scratch;           /* for one call */
    uint64_t key_count;              /* keys of the engine, as the registry said */
    uint32_t partition;              /* now of runs without idempotency key */
    uint64_t placed[PARTITIONS_MAX]; /* such runs, by partition, in this life, */
    uint64_t group;                  /* of which one may have so many more */
    bool keys_complete;              /* callers can be judged */
    bool open;                       /* ready was said */
    bool draining;                   /* SIGTERM came */
};

/* Who must be heard and has not been: NULL if nobody; else a name such as "lease". */
const char *gateway_waits_for(const struct gateway *gateway);

/* Where a run starts: those of one idempotency key meet in one partition, in this life
 * and the next.  Those without start in groups, so that they share packets and syncs.
 */
uint32_t
gateway_partition(struct gateway *gateway, const struct id *project, struct bytes key);
/* Runs of a group, on a machine with so many cores. */
uint64_t gateway_group(uint32_t schedulers, unsigned cores);
/* What the actors said in this turn is heard, and somebody is `waiting` for an answer
 * or for a run: a group goes on while that is so, or until it is large; the next is of
 * the partition that had the fewest runs. */
void gateway_turn_partition(struct gateway *gateway, bool waiting);

/* A fact, note or reply of an actor. */
void gateway_hear(struct gateway *gateway, const struct message *in);
#endif
