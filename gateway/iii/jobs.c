#include "gateway/iii/jobs.h"

#include "gateway/iii/invoke.h"
#include "gateway/iii/recall.h"
#include "gateway/iii/worker.h"
#include "gateway/said.h"
#include "gateway/workers.h"

/* A function has no limit of its own: a worker is given so many jobs at once. */
enum { JOBS_MAX = 64 };

static struct workers *
workers_of(const struct iii_worker *worker)
{
    return worker->hub->gateway->workers;
}

static struct bytes
lease_of(const struct iii_call *call)
{
    return bytes_of(call->lease, TOKEN_SIZE);
}

static void
pack_held(const struct iii_worker *worker, struct buffer *out)
{
    pack_array(out, worker->job_count);
    for (struct list *at = worker->doing.next; at != &worker->doing; at = at->next) {
        const struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        if (call->purpose == III_JOB)
            pack_blob(out, lease_of(call));
    }
}

static struct iii_call *
find(const struct iii_worker *worker, struct bytes lease)
{
    for (struct list *at = worker->doing.next; at != &worker->doing; at = at->next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        if (call->purpose == III_JOB && bytes_equal(lease_of(call), lease))
            return call;
    }
    return NULL;
}

/* What was taken from it: it cannot be told, and nobody waits for it. */
static void
drop_lost(struct iii_worker *worker, struct bytes lost)
{
    struct cursor c = cursor_over(lost);
    size_t count = lost.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct iii_call *call = find(worker, cursor_blob(&c));
        if (call != NULL)
            hub_call_drop(&call);
    }
}

/* Say what became of it, again if need be. */
static void
report(const struct iii_call *call)
{
    const struct iii_worker *worker = call->worker;
    struct job_report done = { .token = lease_of(call), .outcome = OUTCOME_CANCELLED };
    struct iii_frame said = { 0 };
    struct fault fault;
    size_t max = worker->hub->gateway->child.config.payload_max;
    if (worker->session == NULL)
        return;
    if (call->answer.size > 0
        && iii_frame_read(buffer_bytes(&call->answer), &said, &fault) == ERR_NONE)
        done.outcome = said.error.size > 0 ? OUTCOME_FAILED : OUTCOME_COMPLETED;
    done.output = said.error.size > 0 ? (struct bytes){ 0 } : said.result;
    if (done.output.size > max) {
        done.outcome = OUTCOME_FAILED;
        done.output = (struct bytes){ 0 };
        done.error_type = text("too_large");
        done.error_message = text("the result is larger than payload_max");
    } else if (done.outcome == OUTCOME_FAILED) {
        struct bytes code = said_text(said.error, "code");
        done.error_type = code.size > 0 ? code : text("invocation_failed");
        done.error_message = said_text(said.error, "message");
    }
    workers_report(workers_of(worker), worker->session, done);
}

/* Its function goes on, and what becomes of it is nobody's business any more. */
static void
cancel_call(struct iii_worker *worker, struct bytes lease)
{
    struct iii_call *call = find(worker, lease);
    if (call == NULL || call->over)
        return;
    call->over = true;
    report(call);
}

/* What it reported may not have been heard. */
static void
report_again(struct iii_worker *worker)
{
    for (struct list *at = worker->doing.next; at != &worker->doing; at = at->next) {
        const struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        if (call->purpose == III_JOB && call->over)
            report(call);
    }
}

/* What it was given before we began: it works on it, or has answered already, or never
 * got it.  So it does not wait for ever. */
static void
recall(struct iii_worker *worker, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes lease = cursor_blob(&c);
        char id[III_UUID_SIZE + 1];
        struct buffer answer = { 0 };
        if (lease.size != TOKEN_SIZE || find(worker, lease) != NULL)
            continue;
        iii_job_id(lease, id);
        struct iii_call *call =
            hub_call(worker->hub, text(id), text(""), worker, NULL, III_JOB);
        if (call == NULL)
            continue;
        memcpy(call->lease, lease.data, TOKEN_SIZE);
        call->recalled = true;
        iii_pulse(worker);
        if (iii_early_take(worker->hub, text(id), &answer))
            iii_job_done(call, buffer_bytes(&answer));
        buffer_free(&answer);
    }
}

static bool
registered(struct session *session, const struct worker_registered *m, bool again)
{
    struct iii_worker *worker = session->own;
    (void)again;
    drop_lost(worker, m->lost);
    recall(worker, m->recalled);
    report_again(worker);
    if (list_empty(&worker->entries[III_FUNCTION]))
        iii_functions_changed(worker); /* it stays only for what it held */
    return true;
}

/* A job's place in its run, as the second argument of the function. */
static void
pack_place(struct buffer *out, const struct job_granted *m)
{
    char run[ID_TEXT_MAX];
    pack_map(out, 1);
    pack_string(out, "capstan");
    pack_map(out, 4);
    pack_string(out, "run");
    pack_string(out, id_print(&m->run, "run_", run));
    pack_string(out, "automation");
    pack_text(out, m->automation);
    pack_string(out, "step");
    pack_text(out, m->key);
    pack_string(out, "attempt");
    pack_u64(out, m->attempt);
}

/* A function takes any value, the parameters of a step are a map: `$data` alone in it
 * is the value itself. */
static struct bytes
argument_of(struct bytes parameters)
{
    struct cursor c = cursor_over(parameters);
    if (parameters.size == 0 || cursor_type(&c) != PACK_MAP || cursor_map(&c) != 1)
        return parameters;
    struct bytes data = pack_find(parameters, "$data");
    return data.size > 0 ? data : parameters;
}

static bool
granted(struct session *session, const struct job_granted *m)
{
    struct iii_worker *worker = session->own;
    struct buffer place = { 0 };
    struct iii_call *call = NULL;
    char id[III_UUID_SIZE + 1];
    if (m->token.size != TOKEN_SIZE || find(worker, m->token) != NULL)
        return true;
    const struct iii_entry *entry = hub_find(worker->hub, III_FUNCTION, m->action);
    bool serves =
        entry != NULL && entry->worker == worker && !worker->hub->gateway->draining;
    pack_place(&place, m);
    iii_job_id(m->token, id);
    if (serves)
        call = iii_call_job(
            worker, id, m->action, argument_of(m->parameters), buffer_bytes(&place));
    buffer_free(&place);
    if (serves && call == NULL) {
        /* It has too much to do, or does not read: it would get the same job again, and
         * again. */
        workers_ready(workers_of(worker), session, 0);
        iii_offer_later(worker);
    }
    if (call == NULL) {
        /* Or the function left meanwhile, or the connection did. */
        workers_report(workers_of(worker), session,
            (struct job_report){ .token = m->token, .outcome = OUTCOME_RETURNED });
        return true;
    }
    memcpy(call->lease, m->token.data, TOKEN_SIZE);
    iii_pulse(worker);
    return true;
}

static bool
settled(struct session *session, const struct report_settled *m)
{
    struct iii_worker *worker = session->own;
    struct iii_call *call = find(worker, m->token);
    if (call == NULL || !call->over)
        return true;
    hub_call_drop(&call);
    iii_leave_if_idle(worker);
    return true;
}

static bool
heartbeat(struct session *session, const struct heartbeat_answer *m)
{
    struct cursor c = cursor_over(m->cancel);
    size_t count = m->cancel.size == 0 ? 0 : cursor_array(&c);
    drop_lost(session->own, m->lost);
    recall(session->own, m->recalled);
    for (size_t i = 0; i < count && !c.bad; i++)
        cancel_call(session->own, cursor_blob(&c));
    return true;
}

static bool
cancel(struct session *session, const struct job_cancel *m)
{
    cancel_call(session->own, m->token);
    return true;
}

static bool
drain(struct session *session)
{
    struct iii_worker *worker = session->own;
    workers_ready(workers_of(worker), session, 0);
    return true;
}

/* What it was given is lost; its functions may still be called by others. */
static void
ended(struct session *session, enum err err, struct bytes detail)
{
    struct iii_worker *worker = session->own;
    struct list *next;
    worker->session = NULL;
    for (struct list *at = worker->doing.next; at != &worker->doing; at = next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        next = at->next;
        if (call->purpose == III_JOB)
            hub_call_drop(&call);
    }
    if (err == ERR_UNAUTHORIZED && worker->socket != NULL)
        websocket_close(worker->socket, WEBSOCKET_POLICY, detail);
}

static const struct voice voice = {
    .dialect = "iii",
    .bound = true,
    .registered = registered,
    .granted = granted,
    .settled = settled,
    .heartbeat = heartbeat,
    .cancel = cancel,
    .drain = drain,
    .ended = ended,
};

/* The functions that are for others. */
static size_t
pack_actions(const struct iii_worker *worker, struct buffer *out)
{
    const struct list *all = &worker->entries[III_FUNCTION];
    struct buffer names = { 0 };
    size_t count = 0;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_worker);
        if (entry->internal)
            continue;
        pack_text(&names, entry->said.id);
        count++;
    }
    pack_array(out, count);
    buffer_append_bytes(out, buffer_bytes(&names));
    buffer_free(&names);
    return count;
}

static struct iii_worker *
worker_of(const struct hub *hub, const struct id *session)
{
    for (struct list *at = hub->workers.next; at != &hub->workers; at = at->next) {
        struct iii_worker *worker = LIST_OF(at, struct iii_worker, link);
        if (worker->session != NULL && id_equal(&worker->session->id, session))
            return worker;
    }
    return NULL;
}

void
iii_jobs_move(struct iii_worker *from, struct iii_worker *to)
{
    struct list *next;
    if (from->session == NULL)
        return;
    for (struct list *at = from->doing.next; at != &from->doing; at = next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        next = at->next;
        if (call->purpose == III_JOB)
            hub_call_move(call, to);
    }
    memcpy(to->instance, from->instance, sizeof to->instance);
    to->recall_ms = from->recall_ms;
    to->session = from->session;
    to->session->own = to;
    from->session = NULL;
    iii_pulse(to);
}

/* It may be the same process, whose connection broke, or another: what it does not
 * answer is lost no later than if it had not come. */
static void
come_back(struct iii_worker *before, struct iii_worker *worker)
{
    const struct gateway *g = worker->hub->gateway;
    iii_jobs_move(before, worker);
    worker->recall_ms = g->now_ms + g->child.config.lease_ms;
    for (struct list *at = worker->doing.next; at != &worker->doing; at = at->next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        call->recalled = call->purpose == III_JOB;
    }
}

/* Whoever says of itself what one that is there says is somebody else. */
static void
join(struct iii_worker *worker)
{
    const struct gateway *g = worker->hub->gateway;
    struct id id;
    bool known = iii_session_of(worker, &id);
    struct iii_worker *before = known ? worker_of(worker->hub, &id) : NULL;
    if (before != NULL && before->socket == NULL) {
        come_back(before, worker);
        return;
    }
    worker->session = workers_join(g->workers, &voice, worker);
    if (worker->session == NULL || !known || before != NULL)
        return;
    worker->session->id = id;
    worker->session->recall = true;
    worker->recall_ms = g->now_ms + g->child.config.iii_recall_ms;
    iii_uuid_print(id.bytes, worker->instance);
}

/* Until that is answered, a goodbye would give back what its process works on: another
 * connection of the same process may just have taken its functions over. */
static bool
asks_what_it_held(const struct session *session)
{
    return session->recall && session->state != SESSION_KNOWN;
}

void
iii_jobs_offer(struct iii_worker *worker)
{
    struct workers *workers = workers_of(worker);
    struct buffer actions = { 0 }, held = { 0 }, queues = { 0 };
    size_t count = pack_actions(worker, &actions);
    pack_array(&queues, 2);
    pack_string(&queues, "default");
    pack_string(&queues, "iii.*");
    /* A session without actions would be given every one. */
    if (count == 0 && worker->session != NULL && worker->job_count == 0
        && !asks_what_it_held(worker->session))
        workers_end(workers, &worker->session, true);
    if (count > 0 && worker->session == NULL
        && workers_admit(workers, worker->key) == ERR_NONE)
        join(worker);
    if (worker->session != NULL && count == 0)
        workers_ready(workers, worker->session, 0);
    if (worker->session != NULL && count > 0) {
        struct worker_description said = {
            .instance = text(worker->instance),
            .name = worker->name,
            .version = hub_about(worker, "version"),
            .queues = buffer_bytes(&queues),
            .actions = buffer_bytes(&actions),
        };
        pack_held(worker, &held);
        workers_register(workers, worker->session, worker->key, &said, JOBS_MAX,
            session_token(worker->session), buffer_bytes(&held));
    }
    buffer_free(&actions);
    buffer_free(&held);
    buffer_free(&queues);
}

/* Drop what it was given before we began and has not answered in time; append the
 * msgpack array of these leases. */
static void
drop_unanswered(struct iii_worker *worker, struct buffer *silent)
{
    struct buffer tokens = { 0 };
    size_t count = 0;
    struct list *next;
    if (worker->recall_ms > worker->hub->gateway->now_ms)
        return;
    for (struct list *at = worker->doing.next; at != &worker->doing; at = next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        next = at->next;
        if (!call->recalled || call->over)
            continue;
        pack_blob(&tokens, lease_of(call));
        count++;
        hub_call_drop(&call);
    }
    if (count > 0) {
        pack_array(silent, count);
        buffer_append_bytes(silent, buffer_bytes(&tokens));
    }
    buffer_free(&tokens);
}

void
iii_jobs_beat(struct iii_worker *worker)
{
    struct session *session = worker->session;
    struct buffer held = { 0 }, silent = { 0 };
    if (session == NULL)
        return;
    workers_touch(workers_of(worker), session);
    if (session->state != SESSION_KNOWN)
        return;
    drop_unanswered(worker, &silent);
    pack_held(worker, &held);
    workers_heartbeat(
        workers_of(worker), session, buffer_bytes(&held), buffer_bytes(&silent));
    report_again(worker);
    buffer_free(&held);
    buffer_free(&silent);
}

void
iii_job_done(struct iii_call *call, struct bytes frame)
{
    if (call->over)
        return;
    call->over = true;
    buffer_append_bytes(&call->answer, frame);
    report(call);
}

void
iii_jobs_end(struct iii_worker *worker)
{
    struct workers *workers = workers_of(worker);
    if (worker->session == NULL)
        return;
    /* In mid-job it is lost, as with every worker; without one it says goodbye. */
    bool goodbye = worker->job_count == 0;
    workers_end(workers, &worker->session, goodbye);
}
