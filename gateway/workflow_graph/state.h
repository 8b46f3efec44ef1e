/* state - what the files of workflow-graph's workers share.
 *
 * Workers poll; inside nothing does.  Each worker id has a session, which this dialect
 * keeps alive for it; an open claim is room for one job more.
 *
 *          granted to an open claim
 *      ------------------------------.
 *     /      granted       claimed    v    reported            settled
 *   (none) ---------> PARKED ------> HELD ---------> REPORTED ---------> OVER
 *     \                  \            ^ \                                 ^
 *      \ named by a       \   known   |  \ ttl is over, cancelled, lost   |
 *       `-----------> UNSURE ---------'   `-------------------------------'
 *         worker after our own restart
 *
 * After it the lease actor says which leases a worker held; what they are leases of we
 * read when it names them.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_STATE_H
#define GATEWAY_WORKFLOW_GRAPH_STATE_H
#include "base/list.h"
#include "base/map.h"
#include "base/outputs.h"
#include "gateway/request.h"
#include "gateway/session.h"
#include "gateway/workers.h"
#include "gateway/workflow_graph/lease_id.h"
#include "gateway/workflow_graph/workflow_graph.h"

#define ROUTE(method, path, scope, body, serve, sentence)                              \
    void workflow_graph_##serve(struct request *r);
#include "gateway/workflow_graph/routes.def"

struct folder;

struct workflow_graph {
    struct gateway *gateway;
    struct map workers; /* by project and id */
    struct list all;    /* workers */
    size_t worker_count;
    struct map leases; /* by token */
    struct map jobs;   /* the last lease of each, by project, workflow and job */
    struct folder *folder;
};

struct worker {
    struct workflow_graph *owner;
    struct list link;
    struct buffer name;               /* project and id */
    struct bytes id;                  /* in `name` */
    struct buffer labels;             /* msgpack array of texts */
    const struct key *key;            /* that it uses */
    struct session *session;          /* NULL: it is not there */
    uint32_t capacity;                /* as the session was told */
    uint64_t registered_ms, heard_ms; /* unix */
    uint64_t present_ms, beat_ms;     /* monotonic: heard, and spoken for */
    struct list claims, leases, over;
    size_t claim_count, over_count;
    struct alarm alarm;
};

/* A request that waits for a job; in its arena. */
struct claim {
    struct list link;
    struct request *request;
    uint32_t ttl_s;
    uint64_t until_ms; /* monotonic */
};

enum lease_state { LEASE_UNSURE, LEASE_PARKED, LEASE_HELD, LEASE_REPORTED, LEASE_OVER };

struct lease {
    struct worker *worker;
    struct list link; /* of leases, or of over */
    uint8_t token[TOKEN_SIZE];
    struct buffer words;        /* project, workflow, NUL, job: the key of its job */
    struct bytes workflow, job; /* in `words`; nothing: it is yet to be named */
    enum lease_state state;
    bool cancelled;
    uint32_t ttl_s;
    uint64_t until_ms;        /* monotonic: of its ttl, or when to report again */
    struct buffer grant;      /* msgpack of the job, while parked */
    struct list waiting;      /* requests that wait until it is sure */
    struct request *reporter; /* while reported */
    struct outputs outputs;
    struct id run;
    uint32_t attempt;
    bool restored; /* what it printed before is only in the log of the run */
};

/* workers.c */
struct worker *
worker_find(const struct workflow_graph *w, const struct id *project, struct bytes id);
/* The same, made if need be.  NULL: the request was refused. */
struct worker *worker_place(struct request *r, struct bytes id);
/* And with a session that says these labels, a msgpack array of texts. */
struct worker *worker_of(struct request *r, struct bytes id, struct bytes labels);
/* Tell the lease actor what it holds, and what is over its time. */
void worker_speak(struct worker *worker);
/* It, or a lease of it, was heard of, with this key. */
void worker_heard(struct worker *worker, const struct key *key);
/* Claims or leases have changed: say how much room there is, and wake when due. */
void worker_changed(struct worker *worker);
/* How long a claim without work stays open, ms. */
uint64_t claim_hold_ms(const struct gateway *gateway);
void worker_drop_claims(struct worker *worker);
void worker_free(struct worker **worker);
/* Append the msgpack array of tokens of what it holds. */
void worker_write_held(struct worker *worker, struct buffer *out);
/* It is a session, or says anew what it is and holds.  False: there are too many. */
bool worker_open_session(struct worker *worker, struct bytes token, struct bytes held);

/* leases.c */
struct lease *lease_new(
    struct worker *worker, struct bytes token, struct bytes workflow, struct bytes job);
/* The worker held them before we began, as the lease actor says: tokens in a msgpack
 * array.  They last as long as those that it holds or claims now. */
void leases_recall(struct worker *worker, struct bytes tokens);
/* It counts no more; its worker is told when it speaks of it. */
void lease_over(struct lease *lease);
void lease_free(struct lease **lease);
void lease_stop(struct lease *lease);
/* The lease that the path names, if it is sure: else the request waits, or was
 * answered `otherwise`, and NULL. */
struct lease *lease_asked(struct request *r, unsigned otherwise);
/* Serve again what waited for the lease. */
void lease_wake(struct lease *lease);
/* Give it to a claim. */
void lease_hand_out(struct lease *lease, struct request *r, uint32_t ttl_s);
/* Read from the log what a restored lease has set, and serve the request again. */
void lease_recall(struct lease *lease, struct request *r);
struct lease *lease_of_job(const struct workflow_graph *w, const struct id *project,
    struct bytes workflow, struct bytes job);

/* Show a workflow with its jobs, or 404. */
void workflow_graph_show(struct request *r, struct bytes id);

/* grant.c: the msgpack of a job as workers are told it */
void grant_write(struct buffer *out, const struct job_granted *m, struct bytes workflow,
    struct bytes job);

/* voice.c */
extern const struct voice workflow_graph_voice;

/* folder.c */
struct folder *folder_new(struct gateway *gateway);
void folder_free(struct folder **folder);
void folder_begin(struct folder *folder);

static inline void
answer_empty(struct request *r, unsigned status)
{
    request_answer(r, status, "", (struct bytes){ 0 });
}

/* There is no job. */
static inline void
answer_null(struct request *r)
{
    request_answer(r, 200, "application/json", text("null\n"));
}
#endif
