/* hub - what clients of iii have registered: workers, their functions, trigger types
 * and triggers, and the invocations that are under way between them.
 *
 * Each project has a hub of its own.  All of it lives as long as its connection, so it
 * is kept where the connections are; nothing here sends anything.
 */
#ifndef GATEWAY_III_HUB_H
#define GATEWAY_III_HUB_H
#include "base/list.h"
#include "base/map.h"
#include "gateway/iii/frame.h"
#include "gateway/session.h"
#include "gateway/websocket.h"

enum {
    III_ENTRIES_MAX = 4096,           /* functions, types and triggers of one worker */
    III_ENTRIES_BYTES_MAX = 64 << 20, /* of all workers of a project */
    III_CALLS_MAX = 4096,             /* that one worker has begun, or has to do */
    III_CALL_MS = 60000, /* after it a call makes place: clients wait for 30 s unless
                          * they are told otherwise, and do not say so */
};

enum iii_kind { III_FUNCTION, III_TYPE, III_TRIGGER, III_KINDS };

struct hub;

/*         its connection broke with jobs in hand       reattach, lease_ms
 *  THERE ----------------------------------------> AWAY -------------------> (gone)
 *     \______________ it broke without: (gone)
 */
struct iii_worker {
    struct hub *hub;
    struct list link;         /* of the hub */
    struct websocket *socket; /* NULL: away */
    bool deaf;                /* it was told what it did not read: it is told no more */
    const struct key *key;
    char id[III_UUID_SIZE + 1], token[III_UUID_SIZE + 1];
    char instance[III_UUID_SIZE + 1]; /* its first id, if it came back with jobs */
    uint64_t since_ms;                /* unix; 0: its connection is not open yet */
    uint64_t came_ms;                 /* monotonic */
    uint64_t recall_ms;  /* monotonic: what it held before we began is lost then */
    struct buffer about; /* what it said of itself, a msgpack map; or nothing, */
    struct bytes name;   /* and there; or nothing */
    struct list entries[III_KINDS];
    size_t entry_count[III_KINDS];
    struct list doing, asking; /* calls */
    size_t doing_count, asking_count;
    size_t job_count;        /* of those that it does */
    struct session *session; /* at the lease actor; NULL: it offers nothing */
    bool offers;             /* its functions are others than the session knows */
    struct alarm settle, pulse, away;
};

/* A function, a trigger type or a trigger: the frame that registered it, kept. */
struct iii_entry {
    enum iii_kind kind;
    struct list of_worker, of_hub;
    struct iii_worker *worker;
    struct iii_worker *provider; /* of a trigger: who was told of it; NULL: it is
                                  * parked, or ours */
    struct buffer words;
    struct iii_frame said; /* borrows from words */
    bool internal;         /* it is not meant to be seen */
    /* Of a trigger whose type is ours: what it listens to, borrowed from words; what it
     * became, and how that ends. */
    struct bytes topic;
    void *own;
    void (*unbind)(struct iii_entry *trigger);
};

enum iii_purpose {
    III_ANSWER, /* its caller waits */
    III_VOID,   /* nobody does */
    III_JOB,    /* a step of a run does */
    III_ASKED,  /* a part of the gateway does */
};

struct iii_call;

/* What came of a call, borrowed; NULL: who did it is gone.  Called once, when the call
 * is none any more. */
typedef void iii_done(void *self, const struct iii_frame *result);

struct iii_call {
    char id[III_UUID_SIZE + 1];
    enum iii_purpose purpose;
    uint64_t since_ms; /* monotonic */
    struct list doing, asking;
    struct iii_worker *worker; /* who does it; NULL: the engine */
    struct iii_worker *caller; /* NULL: the engine, or it left */
    struct buffer function;
    uint8_t lease[TOKEN_SIZE]; /* of a job, */
    bool recalled;             /* which it was given before we began, */
    bool over;                 /* which has been reported, and waits to be settled: */
    struct buffer answer;      /* the result's frame; or nothing: it was cancelled */
    iii_done *done;            /* of who asked */
    void *self;
};

struct hub {
    struct list link;
    struct gateway *gateway;
    struct id project;
    struct list workers;
    struct iii_worker *nobody;      /* has the triggers that no worker has; or NULL */
    struct list bindings;           /* of these, that a provider has not agreed to */
    struct list entries[III_KINDS]; /* in the order in which they came */
    size_t entry_bytes;             /* of what they said */
    struct map by_id[III_KINDS];
    struct map calls;
    struct list questions;    /* with actors */
    struct list queue_routes; /* automations of queues that were seen to */
    struct map queue_route_by_name;
    struct list routes;  /* of triggers of the type http, in their order */
    size_t http_busy;    /* calls of them under way */
    struct list records; /* of what workers logged, the oldest first */
    size_t record_count, record_bytes;
    struct list early; /* results whose invocations we do not know yet, as they came */
    size_t early_count, early_bytes;
    struct list channels;
    struct map channel_by_id;
    struct alarm announce; /* functions have changed: say so, */
    uint64_t announced_ms; /* as was done then; monotonic */
};

struct hub *hub_new(struct gateway *gateway, const struct id *project);
/* Without workers. */
void hub_free(struct hub **hub);

struct iii_worker *hub_worker_new(struct hub *hub);
/* Without entries, calls and a session. */
void hub_worker_free(struct iii_worker **worker);
struct iii_worker *hub_worker(const struct hub *hub, struct bytes id);
/* It said this of itself, a msgpack map. */
void hub_describe(struct iii_worker *worker, struct bytes about);
/* A text of that, such as its "version"; or nothing. */
struct bytes hub_about(const struct iii_worker *worker, const char *name);

/* Would hub_put take it, where `before` (or NULL) has its id? */
bool hub_fits(const struct iii_worker *worker, enum iii_kind kind, struct bytes frame,
    const struct iii_entry *before);
/* The frame, as msgpack, registers it; what had its id before is gone, whosever it was.
 * NULL: the worker has too many, or the project too much, and nothing has changed.
 * Copies. */
struct iii_entry *
hub_put(struct iii_worker *worker, enum iii_kind kind, struct bytes frame);
struct iii_entry *hub_find(const struct hub *hub, enum iii_kind kind, struct bytes id);
void hub_drop(struct iii_entry **entry);

/* NULL: one of both has too many, or the id is in use.  `id` is a UUID. */
struct iii_call *hub_call(struct hub *hub, struct bytes id, struct bytes function,
    struct iii_worker *worker, struct iii_worker *caller, enum iii_purpose purpose);
/* Has nobody answered it for so long that its caller may have given it up? */
bool hub_hangs(const struct iii_call *call);
/* Where hub_call() has found too many: one that hangs, and whose end makes room; or
 * NULL. */
struct iii_call *
hub_hanging(const struct iii_worker *worker, const struct iii_worker *caller);
struct iii_call *hub_call_find(const struct hub *hub, struct bytes id);
/* Another connection of the same worker goes on with it. */
void hub_call_move(struct iii_call *call, struct iii_worker *worker);
void hub_call_drop(struct iii_call **call);
#endif
