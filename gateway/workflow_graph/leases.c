#include "base/clock.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/workflow_graph/state.h"

#include <stdlib.h>

enum { OVER_MAX = 16 /* of a worker, kept to say that they were cancelled */ };

/* A request that waits for a lease; in its arena. */
struct waiting {
    struct list link;
    struct request *request;
};

static struct bytes
token_of(const struct lease *lease)
{
    return bytes_of(lease->token, TOKEN_SIZE);
}

static void
put_words(struct buffer *out, const struct id *project, struct bytes workflow,
    struct bytes job)
{
    buffer_append_bytes(out, id_bytes(project));
    buffer_append_bytes(out, workflow);
    buffer_append(out, "", 1);
    buffer_append_bytes(out, job);
}

/* Say what it is a lease of. */
static void
name(struct lease *lease, struct bytes workflow, struct bytes job)
{
    struct workflow_graph *w = lease->worker->owner;
    put_words(&lease->words, &lease->worker->key->project, workflow, job);
    lease->workflow = bytes_of(lease->words.data + ID_SIZE, workflow.size);
    lease->job = bytes_of(lease->workflow.data + workflow.size + 1, job.size);
    map_put(&w->jobs, buffer_bytes(&lease->words), lease);
}

static struct lease *
unnamed_new(struct worker *worker, struct bytes token)
{
    struct workflow_graph *w = worker->owner;
    struct lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL)
        WRONG("out of memory");
    lease->worker = worker;
    memcpy(lease->token, token.data, TOKEN_SIZE);
    list_open(&lease->waiting);
    list_append(&worker->leases, &lease->link);
    map_put(&w->leases, token_of(lease), lease);
    return lease;
}

struct lease *
lease_new(
    struct worker *worker, struct bytes token, struct bytes workflow, struct bytes job)
{
    struct lease *lease = unnamed_new(worker, token);
    name(lease, workflow, job);
    return lease;
}

void
lease_free(struct lease **out)
{
    struct lease *lease = *out;
    struct workflow_graph *w = lease->worker->owner;
    list_remove(&lease->link);
    if (map_get(&w->leases, token_of(lease)) == lease)
        map_remove(&w->leases, token_of(lease));
    if (lease->words.size > 0
        && map_get(&w->jobs, buffer_bytes(&lease->words)) == lease)
        map_remove(&w->jobs, buffer_bytes(&lease->words));
    buffer_free(&lease->words);
    buffer_free(&lease->grant);
    outputs_free(&lease->outputs);
    free(lease);
    *out = NULL;
}

void
lease_wake(struct lease *lease)
{
    struct list waiting, *at;
    list_open(&waiting);
    while ((at = list_first(&lease->waiting)) != NULL) {
        list_remove(at);
        list_append(&waiting, at);
    }
    while ((at = list_first(&waiting)) != NULL) {
        struct request *r = LIST_OF(at, struct waiting, link)->request;
        list_remove(at);
        r->route->serve(r);
    }
}

void
lease_over(struct lease *lease)
{
    struct worker *worker = lease->worker;
    struct request *reporter = lease->reporter;
    lease->state = LEASE_OVER;
    lease->reporter = NULL;
    buffer_free(&lease->grant);
    list_remove(&lease->link);
    list_append(&worker->over, &lease->link);
    if (reporter != NULL)
        answer_empty(reporter, 409);
    lease_wake(lease);
    if (++worker->over_count > OVER_MAX) {
        struct lease *oldest = LIST_OF(list_first(&worker->over), struct lease, link);
        lease_free(&oldest);
        worker->over_count--;
    }
}

/* Its worker does not listen; the engine need not wait for it. */
void
lease_stop(struct lease *lease)
{
    struct worker *worker = lease->worker;
    lease->cancelled = true;
    if (lease->state == LEASE_REPORTED || lease->state == LEASE_OVER)
        return;
    lease_over(lease);
    worker_changed(worker);
    workers_report(worker->owner->gateway->workers, worker->session,
        (struct job_report){
            .token = token_of(lease),
            .outcome = OUTCOME_CANCELLED,
            .error_type = text("Cancelled"),
            .error_message = text("the job was cancelled"),
        });
}

static void
wait_for(struct lease *lease, struct request *r)
{
    struct waiting *waiting = arena_take(&r->arena, sizeof *waiting);
    waiting->request = r;
    list_append(&lease->waiting, &waiting->link);
}

/* May a life before this one have given it to this worker? */
static bool
restorable(const struct worker *worker, const struct lease_id *id)
{
    const struct session *session = worker == NULL ? NULL : worker->session;
    return session == NULL || session_token(session).size == 0
           || bytes_equal(id->session, session_token(session));
}

/* What the next life of the gateway needs to know of it, its worker says. */
static void
take_id(struct lease *lease, const struct lease_id *id)
{
    lease->run = id->run;
    lease->attempt = id->attempt;
    lease->restored = true;
    lease->ttl_s = id->ttl_s;
    lease->until_ms = lease->worker->owner->gateway->now_ms + id->ttl_s * 1000ull;
}

/* A lease that is not known, but may be one: the lease actor will say. */
static struct lease *
restore(struct request *r, const struct lease_id *id)
{
    struct worker *worker =
        worker_find(r->gateway->workflow_graph, &r->key->project, id->worker);
    struct buffer held = { 0 };
    if (id->token.size != TOKEN_SIZE || r->gateway->draining || !restorable(worker, id)
        || (worker = worker_place(r, id->worker)) == NULL)
        return NULL;
    struct lease *lease = lease_new(worker, id->token, id->workflow, id->job);
    take_id(lease, id);
    worker_write_held(worker, &held);
    bool opened = worker_open_session(worker, id->session, buffer_bytes(&held));
    buffer_free(&held);
    if (!opened)
        lease_over(lease);
    worker_changed(worker);
    return lease;
}

/* As long as what it names, or claims as it did before. */
static uint32_t
usual_ttl_s(const struct worker *worker)
{
    uint32_t ttl_s = TTL_DEFAULT_S;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next)
        if (LIST_OF(at, struct lease, link)->ttl_s > ttl_s)
            ttl_s = LIST_OF(at, struct lease, link)->ttl_s;
    for (struct list *at = worker->claims.next; at != &worker->claims; at = at->next)
        if (LIST_OF(at, struct claim, link)->ttl_s > ttl_s)
            ttl_s = LIST_OF(at, struct claim, link)->ttl_s;
    return ttl_s;
}

void
leases_recall(struct worker *worker, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    uint32_t ttl_s = usual_ttl_s(worker);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes token = cursor_blob(&c);
        if (token.size != TOKEN_SIZE || map_get(&worker->owner->leases, token) != NULL)
            continue;
        struct lease *lease = unnamed_new(worker, token);
        lease->state = LEASE_HELD;
        lease->ttl_s = ttl_s;
        lease->until_ms = worker->owner->gateway->now_ms + ttl_s * 1000ull;
    }
}

struct lease *
lease_asked(struct request *r, unsigned otherwise)
{
    struct workflow_graph *w = r->gateway->workflow_graph;
    struct lease_id id;
    struct lease *lease = NULL;
    if (lease_id_read(r->captures[0], &r->arena, &id) && id.token.size == TOKEN_SIZE) {
        lease = map_get(&w->leases, id.token);
        if (lease == NULL)
            lease = restore(r, &id);
    }
    bool ours =
        lease != NULL && id_equal(&lease->worker->key->project, &r->key->project);
    if (ours && lease->words.size == 0) {
        name(lease, id.workflow, id.job);
        take_id(lease, &id);
    }
    if (!ours || lease->state == LEASE_OVER || lease->state == LEASE_REPORTED
        || lease->state == LEASE_PARKED) {
        if (!r->answer.ready)
            answer_empty(r, otherwise);
        return NULL;
    }
    worker_heard(lease->worker, r->key);
    if (lease->state == LEASE_HELD && lease->worker->session->state == SESSION_KNOWN)
        return lease;
    wait_for(lease, r);
    return NULL;
}

void
lease_hand_out(struct lease *lease, struct request *r, uint32_t ttl_s)
{
    struct worker *worker = lease->worker;
    struct buffer out = { 0 }, name = { 0 };
    lease->state = LEASE_HELD;
    lease->ttl_s = ttl_s;
    lease->until_ms = r->gateway->now_ms + ttl_s * 1000ull;
    lease_id_write(&name, &(struct lease_id){
                              .ttl_s = ttl_s,
                              .session = session_token(worker->session),
                              .token = token_of(lease),
                              .worker = worker->id,
                              .workflow = lease->workflow,
                              .job = lease->job,
                              .run = lease->run,
                              .attempt = lease->attempt,
                          });
    pack_map(&out, 2);
    pack_string(&out, "job");
    pack_raw(&out, buffer_bytes(&lease->grant));
    pack_string(&out, "lease");
    pack_map(&out, 6);
    pack_string(&out, "lease_id");
    pack_text(&out, buffer_bytes(&name));
    pack_string(&out, "job_id");
    pack_text(&out, lease->job);
    pack_string(&out, "workflow_id");
    pack_text(&out, lease->workflow);
    pack_string(&out, "worker_id");
    pack_text(&out, worker->id);
    pack_string(&out, "ttl_secs");
    pack_u64(&out, ttl_s);
    pack_string(&out, "granted_at_ms");
    pack_u64(&out, clock_unix_ms());
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&out);
    buffer_free(&name);
    buffer_free(&lease->grant);
}

struct lease *
lease_of_job(const struct workflow_graph *w, const struct id *project,
    struct bytes workflow, struct bytes job)
{
    struct buffer *key = &w->gateway->scratch;
    buffer_clear(key);
    put_words(key, project, workflow, job);
    return map_get(&w->jobs, buffer_bytes(key));
}
