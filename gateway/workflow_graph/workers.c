#include "base/clock.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/workflow_graph/state.h"

#include <stdlib.h>

enum {
    OFFLINE_MS = 15000, /* without a word, it is not there */
    FORGET_MS = 600000, /* and after this it never was */
    REPORT_AGAIN_MS = 2000,
    HOLD_MS = 50000, /* of a claim: fetch waits for 300 s, many proxies for 60 */
    TOGETHER = 32, /* parts of a claim's time that its end may be late, with others' */
};

static struct bytes
name_of(struct buffer *room, const struct id *project, struct bytes id)
{
    buffer_clear(room);
    buffer_append_bytes(room, id_bytes(project));
    buffer_append_bytes(room, id);
    return buffer_bytes(room);
}

struct worker *
worker_find(const struct workflow_graph *w, const struct id *project, struct bytes id)
{
    return map_get(&w->workers, name_of(&w->gateway->scratch, project, id));
}

static uint32_t
room(const struct worker *worker)
{
    uint32_t count = (uint32_t)worker->claim_count;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next)
        count += LIST_OF(at, struct lease, link)->state != LEASE_REPORTED;
    return count;
}

uint64_t
claim_hold_ms(const struct gateway *g)
{
    return workers_hold_ms(g->workers, HOLD_MS);
}

/* As others do, who holds nothing is spoken for more seldom. */
static uint64_t
next_beat(const struct worker *worker)
{
    const struct gateway *g = worker->owner->gateway;
    bool idle = list_empty(&worker->leases);
    return worker->beat_ms
           + (idle ? workers_idle_ms(g->workers) : g->child.config.heartbeat_ms);
}

static uint64_t
next_due(const struct worker *worker)
{
    if (worker->session == NULL)
        return worker->present_ms + FORGET_MS;
    uint64_t due_ms = next_beat(worker);
    if (list_empty(&worker->claims) && list_empty(&worker->leases)
        && worker->present_ms + OFFLINE_MS < due_ms)
        due_ms = worker->present_ms + OFFLINE_MS;
    for (struct list *at = worker->claims.next; at != &worker->claims; at = at->next)
        if (LIST_OF(at, struct claim, link)->until_ms < due_ms)
            due_ms = LIST_OF(at, struct claim, link)->until_ms;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next)
        if (LIST_OF(at, struct lease, link)->until_ms < due_ms)
            due_ms = LIST_OF(at, struct lease, link)->until_ms;
    return due_ms;
}

void
worker_changed(struct worker *worker)
{
    struct gateway *g = worker->owner->gateway;
    uint32_t now = room(worker);
    if (worker->session != NULL && worker->session->state == SESSION_KNOWN
        && now != worker->capacity) {
        worker->capacity = now;
        workers_ready(g->workers, worker->session, now);
    }
    uint64_t slack_ms = list_empty(&worker->leases) ? claim_hold_ms(g) / TOGETHER : 0;
    alarm_set_loose(&g->alarms, &worker->alarm, next_due(worker), slack_ms);
}

void
worker_heard(struct worker *worker, const struct key *key)
{
    worker->key = key;
    if (worker->session != NULL)
        worker->session->key = key; /* the one that it came with may end */
    worker->heard_ms = clock_unix_ms();
    worker->present_ms = worker->owner->gateway->now_ms;
}

/* Append the msgpack array of tokens of leases that are over their time, or not. */
static size_t
write_tokens(struct worker *worker, bool late, struct buffer *out)
{
    uint64_t now_ms = worker->owner->gateway->now_ms;
    struct buffer items = { 0 };
    size_t count = 0;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        bool is_late = lease->state != LEASE_REPORTED && lease->until_ms <= now_ms;
        if (is_late != late)
            continue;
        pack_blob(&items, bytes_of(lease->token, TOKEN_SIZE));
        count++;
    }
    pack_array(out, count);
    buffer_append_bytes(out, buffer_bytes(&items));
    buffer_free(&items);
    return count;
}

void
worker_write_held(struct worker *worker, struct buffer *out)
{
    write_tokens(worker, false, out);
}

void
worker_speak(struct worker *worker)
{
    struct gateway *g = worker->owner->gateway;
    struct buffer held = { 0 }, late = { 0 };
    worker->beat_ms = g->now_ms;
    workers_touch(g->workers, worker->session);
    if (worker->session->state != SESSION_KNOWN)
        return; /* it is about to say all that it holds */
    bool some = write_tokens(worker, true, &late) > 0;
    worker_write_held(worker, &held);
    workers_heartbeat(g->workers, worker->session, buffer_bytes(&held),
        some ? buffer_bytes(&late) : (struct bytes){ 0 });
    buffer_free(&held);
    buffer_free(&late);
}

static bool
some_late(const struct worker *worker)
{
    uint64_t now_ms = worker->owner->gateway->now_ms;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next)
        if (LIST_OF(at, struct lease, link)->until_ms <= now_ms)
            return true;
    return false;
}

/* Leases whose time is over are said to be lost. */
static void
beat(struct worker *worker)
{
    struct gateway *g = worker->owner->gateway;
    struct list *next;
    if (some_late(worker) || next_beat(worker) <= g->now_ms)
        worker_speak(worker);
    for (struct list *at = worker->leases.next; at != &worker->leases; at = next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        next = at->next;
        if (lease->state != LEASE_REPORTED && lease->until_ms <= g->now_ms)
            lease_over(lease);
    }
}

/* The answer may have been lost with a life of the lease actor. */
static void
report_again(struct worker *worker)
{
    uint64_t now_ms = worker->owner->gateway->now_ms;
    struct list *next;
    for (struct list *at = worker->leases.next; at != &worker->leases; at = next) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        struct request *reporter = lease->reporter;
        next = at->next;
        if (lease->state != LEASE_REPORTED || lease->until_ms > now_ms)
            continue;
        lease->state = LEASE_HELD;
        lease->reporter = NULL;
        lease->until_ms = now_ms + REPORT_AGAIN_MS;
        reporter->route->serve(reporter);
    }
}

static void
end_claims(struct worker *worker)
{
    uint64_t now_ms = worker->owner->gateway->now_ms;
    struct list *next;
    for (struct list *at = worker->claims.next; at != &worker->claims; at = next) {
        struct claim *claim = LIST_OF(at, struct claim, link);
        next = at->next;
        if (claim->until_ms > now_ms)
            continue;
        list_remove(at);
        worker->claim_count--;
        answer_null(claim->request);
    }
}

void
worker_drop_claims(struct worker *worker)
{
    struct list *at;
    while ((at = list_first(&worker->claims)) != NULL) {
        list_remove(at);
        worker->claim_count--;
        answer_null(LIST_OF(at, struct claim, link)->request);
    }
}

static void
rings(struct alarm *alarm)
{
    struct worker *worker = LIST_OF(alarm, struct worker, alarm);
    struct gateway *g = worker->owner->gateway;
    bool silent = worker->present_ms + OFFLINE_MS <= g->now_ms;
    if (worker->session == NULL) {
        worker_free(&worker);
        return;
    }
    end_claims(worker);
    report_again(worker);
    if (silent && list_empty(&worker->claims) && list_empty(&worker->leases)) {
        struct session *session = worker->session;
        workers_end(g->workers, &session, true);
    } else {
        beat(worker);
    }
    worker_changed(worker);
}

/* After a restart of ours it is the same session, whatever the worker says first: what
 * it held we are told. */
static struct session *
join(struct worker *worker)
{
    struct gateway *g = worker->owner->gateway;
    struct session *session = workers_join(g->workers, &workflow_graph_voice, worker);
    struct buffer who = { 0 };
    if (session == NULL)
        return NULL;
    buffer_append_bytes(&who, buffer_bytes(&worker->name));
    buffer_append_bytes(&who, text(workflow_graph_voice.dialect));
    session->id = id_of_name(buffer_bytes(&who));
    session->recall = true;
    buffer_free(&who);
    return session;
}

bool
worker_open_session(struct worker *worker, struct bytes token, struct bytes held)
{
    struct workers *workers = worker->owner->gateway->workers;
    static const uint8_t actions[] = { 0x91, 0xa5, 's', 'h', 'e', 'l', 'l' };
    struct worker_description said = {
        .instance = worker->id,
        .name = text("workflow-graph"),
        .actions = bytes_of(actions, sizeof actions),
        .labels = buffer_bytes(&worker->labels),
    };
    if (worker->session == NULL)
        worker->session = join(worker);
    if (worker->session == NULL)
        return false;
    worker->capacity = room(worker);
    worker->beat_ms = worker->owner->gateway->now_ms;
    workers_register(
        workers, worker->session, worker->key, &said, worker->capacity, token, held);
    return true;
}

static struct worker *
worker_new(struct workflow_graph *w, const struct key *key, struct bytes id)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        WRONG("out of memory");
    worker->owner = w;
    name_of(&worker->name, &key->project, id);
    worker->id = bytes_of(worker->name.data + ID_SIZE, id.size);
    pack_array(&worker->labels, 0);
    list_open(&worker->claims);
    list_open(&worker->leases);
    list_open(&worker->over);
    worker->alarm.ring = rings;
    worker->registered_ms = clock_unix_ms();
    worker_heard(worker, key);
    list_append(&w->all, &worker->link);
    map_put(&w->workers, buffer_bytes(&worker->name), worker);
    w->worker_count++;
    return worker;
}

void
worker_free(struct worker **out)
{
    struct worker *worker = *out;
    struct workflow_graph *w = worker->owner;
    struct list *at;
    while ((at = list_first(&worker->leases)) != NULL
           || (at = list_first(&worker->over)) != NULL) {
        struct lease *lease = LIST_OF(at, struct lease, link);
        lease_free(&lease);
    }
    alarm_clear(&w->gateway->alarms, &worker->alarm);
    map_remove(&w->workers, buffer_bytes(&worker->name));
    list_remove(&worker->link);
    w->worker_count--;
    buffer_free(&worker->name);
    buffer_free(&worker->labels);
    free(worker);
    *out = NULL;
}

struct worker *
worker_place(struct request *r, struct bytes id)
{
    struct workflow_graph *w = r->gateway->workflow_graph;
    struct worker *worker = worker_find(w, &r->key->project, id);
    /* As many again as may be there may be remembered. */
    size_t most = 2 * (size_t)r->gateway->child.config.sessions_max;
    if (id.size == 0 || id.size > WORKER_ID_MAX)
        request_refuse(r, ERR_INVALID, "worker_id must have 1 to 200 bytes");
    else if (worker == NULL && w->worker_count >= most)
        request_refuse(r, ERR_BUSY, "as many workers as sessions_max");
    else
        return worker != NULL ? worker : worker_new(w, r->key, id);
    return NULL;
}

struct worker *
worker_of(struct request *r, struct bytes id, struct bytes labels)
{
    struct worker *worker = worker_place(r, id);
    if (worker == NULL)
        return NULL;
    bool other = !bytes_equal(labels, buffer_bytes(&worker->labels));
    worker_heard(worker, r->key);
    if (worker->session != NULL && !other)
        return worker;
    buffer_set(&worker->labels, labels);
    struct bytes token = { 0 };
    struct buffer held = { 0 };
    if (worker->session != NULL) {
        token = session_token(worker->session);
        session_write_held(worker->session, &held);
    }
    bool opened = worker_open_session(worker, token, buffer_bytes(&held));
    buffer_free(&held);
    if (opened)
        return worker;
    /* Who was never there is not remembered. */
    if (worker->alarm.place == 0)
        worker_free(&worker);
    request_refuse(r, ERR_BUSY, "as many workers as sessions_max");
    return NULL;
}

struct workflow_graph *
workflow_graph_new(struct gateway *gateway)
{
    struct workflow_graph *w = calloc(1, sizeof *w);
    if (w == NULL)
        WRONG("out of memory");
    w->gateway = gateway;
    list_open(&w->all);
    w->folder = folder_new(gateway);
    return w;
}

void
workflow_graph_begin(struct workflow_graph *w)
{
    folder_begin(w->folder);
}

void
workflow_graph_free(struct workflow_graph **out)
{
    struct workflow_graph *w = *out;
    struct list *at;
    if (w == NULL)
        return;
    while ((at = list_first(&w->all)) != NULL) {
        struct worker *worker = LIST_OF(at, struct worker, link);
        worker_free(&worker);
    }
    folder_free(&w->folder);
    map_free(&w->workers);
    map_free(&w->leases);
    map_free(&w->jobs);
    free(w);
    *out = NULL;
}
