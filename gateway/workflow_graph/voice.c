/* What the lease actor says to the workers that poll. */
#include "gateway/server.h"
#include "gateway/workflow_graph/names.h"
#include "gateway/workflow_graph/state.h"

enum { PARK_MS = 6000 /* for a worker that is between two claims */ };

/* What the session holds no more is over; what was unsure is not so any more. */
static void
compare(struct worker *worker)
{
    struct list *next;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        next = at->next;
        if (map_get(&worker->session->held, bytes_of(lease->token, TOKEN_SIZE)) == NULL)
            lease_over(lease);
        else if (lease->state == LEASE_UNSURE)
            lease->state = LEASE_HELD;
    }
}

/* Nothing that is served changes the list of leases but for what it is about. */
static void
wake_all(struct worker *worker)
{
    struct list *next;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        next = at->next;
        lease_wake(lease);
    }
}

static bool
registered(struct session *session, const struct worker_registered *m, bool again)
{
    struct worker *worker = session->own;
    leases_recall(worker, m->recalled);
    compare(worker);
    /* A lease actor that began anew has forgotten what was said to it since. */
    for (struct list *at = worker->leases.next; again && at != &worker->leases;
         at = at->next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        if (lease->state == LEASE_REPORTED)
            lease->until_ms = worker->owner->gateway->now_ms;
    }
    wake_all(worker);
    worker_changed(worker);
    return true;
}

/* The first open claim whose client is still there, and may have it. */
static struct claim *
take_claim(struct worker *worker)
{
    struct list *at;
    while ((at = list_first(&worker->claims)) != NULL) {
        struct claim *claim = LIST_OF(at, struct claim, link);
        list_remove(at);
        worker->claim_count--;
        if (request_may(claim->request) && server_connected(claim->request))
            return claim;
        answer_null(claim->request);
    }
    return NULL;
}

static bool
granted(struct session *session, const struct job_granted *m)
{
    struct worker *worker = session->own;
    struct buffer workflow = { 0 }, job = { 0 };
    id_from_key(&workflow, m->automation);
    id_from_key(&job, m->key);
    struct lease *lease =
        lease_new(worker, m->token, buffer_bytes(&workflow), buffer_bytes(&job));
    lease->run = m->run;
    lease->attempt = m->attempt;
    grant_write(&lease->grant, m, lease->workflow, lease->job);
    buffer_free(&workflow);
    buffer_free(&job);
    struct claim *claim = take_claim(worker);
    if (claim != NULL) {
        lease_hand_out(lease, claim->request, claim->ttl_s);
    } else {
        lease->state = LEASE_PARKED;
        lease->until_ms = worker->owner->gateway->now_ms + PARK_MS;
    }
    worker_changed(worker);
    return true;
}

static bool
settled(struct session *session, const struct report_settled *m)
{
    struct worker *worker = session->own;
    struct lease *lease = map_get(&worker->owner->leases, m->token);
    if (lease == NULL || lease->state != LEASE_REPORTED)
        return true;
    struct request *r = lease->reporter;
    lease->reporter = NULL;
    answer_empty(r, m->verdict == VERDICT_ACCEPTED ? 200 : 409);
    lease_over(lease);
    worker_changed(worker);
    return true;
}

static bool
cancel(struct session *session, const struct job_cancel *m)
{
    struct worker *worker = session->own;
    struct lease *lease = map_get(&worker->owner->leases, m->token);
    if (lease != NULL)
        lease_stop(lease);
    return true;
}

static bool
heartbeat(struct session *session, const struct heartbeat_answer *m)
{
    struct worker *worker = session->own;
    struct cursor c = cursor_over(m->cancel);
    size_t count = m->cancel.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++)
        cancel(session, &(struct job_cancel){ .token = cursor_blob(&c) });
    leases_recall(worker, m->recalled);
    compare(worker);
    wake_all(worker);
    worker_changed(worker);
    return true;
}

static bool
drain(struct session *session)
{
    struct worker *worker = session->own;
    worker_drop_claims(worker);
    worker_changed(worker);
    return true;
}

static void
ended(struct session *session, enum err err, struct bytes detail)
{
    struct worker *worker = session->own;
    struct list *at;
    (void)err;
    (void)detail;
    worker->session = NULL;
    worker->capacity = 0;
    /* When the process ends, its requests have ended before. */
    if (worker->owner->gateway->draining)
        return;
    worker_drop_claims(worker);
    while ((at = list_first(&worker->leases)) != NULL)
        lease_over(LIST_OF(at, struct lease, link));
    worker_changed(worker);
}

const struct voice workflow_graph_voice = {
    .dialect = "workflow-graph",
    .registered = registered,
    .granted = granted,
    .settled = settled,
    .heartbeat = heartbeat,
    .cancel = cancel,
    .drain = drain,
    .ended = ended,
};
