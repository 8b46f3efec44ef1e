/* What workers say: that they are there, that they want a job, what became of it. */
#include "base/clock.h"
#include "gateway/workflow_graph/fields.h"
#include "gateway/workflow_graph/state.h"

enum {
    CLAIMS_MAX = 64, /* of one worker at once */
    REPORT_AGAIN_MS = 2000,
    ERROR_MAX = 8192,
    LABELS_BYTES_MAX = 16384, /* of one worker, which is remembered for a while */
};

/* Who is there, and what it says that it can do. */
static bool
read_worker(
    struct request *r, struct bytes body, struct bytes *id, struct bytes *labels)
{
    if (!fields_text(r, body, "worker_id", REQUIRED, id)
        || !fields_texts(r, body, "labels", REQUIRED, labels))
        return false;
    if (labels->size <= LABELS_BYTES_MAX)
        return true;
    request_refuse(
        r, ERR_INVALID, "labels must have at most %d bytes", LABELS_BYTES_MAX);
    return false;
}

void
workflow_graph_worker_register(struct request *r)
{
    struct bytes body, id, labels;
    if (!request_json(r, &body) || !read_worker(r, body, &id, &labels))
        return;
    struct worker *worker = worker_of(r, id, labels);
    if (worker == NULL)
        return;
    worker->registered_ms = clock_unix_ms();
    worker_changed(worker);
    answer_empty(r, 200);
}

void
workflow_graph_worker_heartbeat(struct request *r)
{
    struct worker *worker =
        worker_find(r->gateway->workflow_graph, &r->key->project, r->captures[0]);
    bool there = worker != NULL && worker->session != NULL;
    if (there) {
        worker_heard(worker, r->key);
        worker_changed(worker);
    }
    answer_empty(r, there ? 200 : 404);
}

static struct lease *
parked_lease(struct worker *worker)
{
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next)
        if (LIST_OF(at, struct lease, link)->state == LEASE_PARKED)
            return LIST_OF(at, struct lease, link);
    return NULL;
}

void
workflow_graph_job_claim(struct request *r)
{
    struct bytes body, id, labels;
    uint64_t ttl_s = TTL_DEFAULT_S;
    if (!request_json(r, &body) || !read_worker(r, body, &id, &labels)
        || !fields_number(r, body, "lease_ttl_secs", TTL_MAX_S, &ttl_s))
        return;
    struct worker *worker = worker_of(r, id, labels);
    if (worker == NULL)
        return;
    struct lease *parked = parked_lease(worker);
    if (parked != NULL) {
        lease_hand_out(parked, r, ttl_s > 0 ? (uint32_t)ttl_s : 1);
    } else if (r->gateway->draining || worker->claim_count >= CLAIMS_MAX) {
        answer_null(r);
    } else {
        struct claim *claim = arena_take(&r->arena, sizeof *claim);
        claim->request = r;
        claim->ttl_s = ttl_s > 0 ? (uint32_t)ttl_s : 1;
        claim->until_ms = r->gateway->now_ms + claim_hold_ms(r->gateway);
        list_append(&worker->claims, &claim->link);
        worker->claim_count++;
    }
    worker_changed(worker);
}

void
workflow_graph_job_heartbeat(struct request *r)
{
    struct lease *lease = lease_asked(r, 409);
    if (lease == NULL)
        return;
    lease->until_ms = r->gateway->now_ms + lease->ttl_s * 1000ull;
    worker_changed(lease->worker);
    answer_empty(r, 200);
}

/* The answer follows when it is settled. */
static void
report(struct request *r, struct lease *lease, struct job_report said)
{
    struct gateway *g = r->gateway;
    struct worker *worker = lease->worker;
    lease->state = LEASE_REPORTED;
    lease->reporter = r;
    lease->until_ms = g->now_ms + REPORT_AGAIN_MS;
    /* First that there is room for one job less: nobody has claimed another. */
    worker_changed(worker);
    said.token = bytes_of(lease->token, TOKEN_SIZE);
    workers_report(g->workers, worker->session, said);
}

void
workflow_graph_job_complete(struct request *r)
{
    struct bytes body, outputs;
    struct buffer output = { 0 };
    if (!request_json(r, &body) || !fields_text_map(r, body, "outputs", &outputs))
        return;
    struct lease *lease = lease_asked(r, 409);
    if (lease == NULL)
        return;
    if (lease->restored) {
        lease_recall(lease, r);
        return;
    }
    struct cursor c = cursor_over(outputs);
    size_t count = outputs.size == 0 ? 0 : cursor_map(&c);
    outputs_end(&lease->outputs);
    for (size_t i = 0; i < count; i++) {
        struct bytes name = cursor_text(&c);
        outputs_set(&lease->outputs, name, cursor_text(&c));
    }
    outputs_write(&lease->outputs, &output);
    report(r, lease,
        (struct job_report){
            .outcome = OUTCOME_COMPLETED,
            .output = buffer_bytes(&output),
        });
    buffer_free(&output);
}

void
workflow_graph_job_fail(struct request *r)
{
    struct bytes body, error;
    bool retryable;
    if (!request_json(r, &body) || !fields_text(r, body, "error", REQUIRED, &error)
        || !fields_flag(r, body, "retryable", &retryable))
        return;
    struct lease *lease = lease_asked(r, 409);
    if (lease == NULL)
        return;
    if (error.size > ERROR_MAX)
        error = utf8_beginning(bytes_of(error.data, ERROR_MAX));
    report(r, lease,
        (struct job_report){
            .outcome = retryable ? OUTCOME_FAILED : OUTCOME_FATAL,
            .error_type = text("ActionError"),
            .error_message = error,
        });
}
