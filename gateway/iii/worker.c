#include "gateway/iii/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "base/put.h"
#include "base/quoted.h"
#include "base/wrong.h"
#include "gateway/iii/ask.h"
#include "gateway/iii/binding.h"
#include "gateway/iii/channel.h"
#include "gateway/iii/discovery.h"
#include "gateway/iii/enqueue.h"
#include "gateway/iii/functions.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/jobs.h"
#include "gateway/iii/recall.h"
#include "gateway/iii/records.h"
#include "gateway/iii/subscriber.h"
#include "gateway/iii/trigger.h"
#include "gateway/workers.h"

#include <stdlib.h>

/* The first change is announced at once, what follows on its heels together: each says
 * all functions there are. */
enum { ANNOUNCE_MS = 100 };
enum { DESCRIBE_MS = 100 };
/* Who could not be given a job is not asked again at once. */
enum { LATER_MS = 1000 };

static struct alarms *
alarms_of(const struct iii_worker *worker)
{
    return &worker->hub->gateway->alarms;
}

/* Who it is decides what it holds: one that has not said so yet is given the time. */
static uint64_t
may_offer_ms(const struct iii_worker *worker)
{
    uint64_t now_ms = worker->hub->gateway->now_ms;
    return worker->about.size > 0 || worker->came_ms + DESCRIBE_MS < now_ms
               ? now_ms
               : worker->came_ms + DESCRIBE_MS;
}

/* All that came in this turn is said at once. */
static void
settle_soon(struct alarms *alarms, struct alarm *alarm, uint64_t at_ms)
{
    if (alarm->place == 0 || alarm->at_ms > at_ms)
        alarm_set(alarms, alarm, at_ms);
}

void
iii_functions_changed(struct iii_worker *worker)
{
    struct hub *hub = worker->hub;
    struct gateway *g = hub->gateway;
    worker->offers = true;
    settle_soon(&g->alarms, &worker->settle, may_offer_ms(worker));
    settle_soon(&g->alarms, &hub->announce,
        hub->announced_ms + ANNOUNCE_MS > g->now_ms ? hub->announced_ms + ANNOUNCE_MS
                                                    : g->now_ms);
}

void
iii_offer_later(struct iii_worker *worker)
{
    struct gateway *g = worker->hub->gateway;
    worker->offers = true;
    settle_soon(&g->alarms, &worker->settle, g->now_ms + LATER_MS);
}

void
iii_announce(struct alarm *alarm)
{
    struct hub *hub = LIST_OF(alarm, struct hub, announce);
    struct buffer data = { 0 };
    hub->announced_ms = hub->gateway->now_ms;
    discovery_functions(hub, &data);
    trigger_fire(hub, "engine::functions-available", buffer_bytes(&data));
    buffer_free(&data);
}

static void
announce_worker(struct iii_worker *worker, const char *event)
{
    struct buffer data = { 0 };
    pack_map(&data, 2);
    pack_string(&data, "event");
    pack_string(&data, event);
    pack_string(&data, "worker_id");
    pack_string(&data, worker->id);
    trigger_fire(worker->hub, "engine::workers-available", buffer_bytes(&data));
    buffer_free(&data);
}

void
iii_describe(struct iii_worker *worker, struct bytes about)
{
    hub_describe(worker, about);
    announce_worker(worker, "worker_metadata_updated");
    if (worker->settle.place != 0)
        alarm_set(alarms_of(worker), &worker->settle, may_offer_ms(worker));
    /* Its name is shown beside them. */
    if (worker->entry_count[III_FUNCTION] > 0)
        iii_functions_changed(worker);
}

static void
forget(struct iii_worker *worker)
{
    struct alarms *alarms = alarms_of(worker);
    alarm_clear(alarms, &worker->settle);
    alarm_clear(alarms, &worker->pulse);
    alarm_clear(alarms, &worker->away);
    iii_jobs_end(worker);
    hub_worker_free(&worker);
}

static void
away_too_long(struct alarm *alarm)
{
    forget(LIST_OF(alarm, struct iii_worker, away));
}

/* Its functions and triggers go; jobs that it has in hand wait for it to come back. */
static void
leave(struct iii_worker *worker)
{
    struct gateway *g = worker->hub->gateway;
    struct list *at;
    worker->socket = NULL;
    if (worker->entry_count[III_FUNCTION] > 0)
        iii_functions_changed(worker);
    while ((at = list_first(&worker->entries[III_FUNCTION])) != NULL) {
        struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_worker);
        hub_drop(&entry);
    }
    iii_stop(worker);
    trigger_leave(worker);
    if (worker->since_ms != 0)
        announce_worker(worker, "worker_disconnected");
    if (worker->job_count == 0 || worker->session == NULL) {
        forget(worker);
        return;
    }
    workers_ready(g->workers, worker->session, 0);
    alarm_set(&g->alarms, &worker->away, g->now_ms + g->child.config.lease_ms);
}

void
iii_hub_leave(struct hub *hub)
{
    struct list *at;
    bindings_end(hub);
    while ((at = list_first(&hub->workers)) != NULL)
        forget(LIST_OF(at, struct iii_worker, link));
    alarm_clear(&hub->gateway->alarms, &hub->announce);
    channels_end(hub);
    records_forget(hub);
    iii_early_forget(hub, UINT64_MAX);
    iii_questions_forget(hub);
    iii_routes_forget(hub);
}

/* The worker says who it was: what that one left behind is torn down before anything
 * else is heard, and its jobs go on here. */
static void
take_reattach(struct iii_worker *worker, const struct iii_frame *said)
{
    struct iii_worker *before = hub_worker(worker->hub, said->worker_id);
    if (before == NULL || before == worker || worker->session != NULL
        || !bytes_equal(text(before->token), said->token))
        return;
    struct websocket *socket = before->socket;
    iii_jobs_move(before, worker);
    if (worker->session != NULL) {
        workers_ready(worker->hub->gateway->workers, worker->session, 0);
        iii_functions_changed(worker); /* it has none until it says which */
    }
    if (socket == NULL) {
        forget(before);
        return;
    }
    websocket_disown(socket);
    websocket_close(socket, WEBSOCKET_NORMAL, text("you are back elsewhere"));
    leave(before);
}

static void
take_register(struct iii_worker *worker, enum iii_kind kind, struct bytes frame,
    const struct iii_frame *said)
{
    if (kind == III_FUNCTION
        && (bytes_begin(said->id, text("engine::"))
            || iii_function(said->id) != NULL)) {
        log_line(LOG_UNUSUAL, "iii_reserved", "worker=%s function=%s", worker->id,
            quoted(said->id).text);
        return;
    }
    struct fault fault;
    struct iii_entry *before = hub_find(worker->hub, kind, said->id);
    struct iii_worker *loser =
        before != NULL && before->worker != worker ? before->worker : NULL;
    if (kind == III_TRIGGER && before != NULL && loser == NULL
        && hub_fits(worker, kind, frame, before))
        trigger_replaced(before, said);
    struct iii_entry *entry = hub_put(worker, kind, frame);
    if (entry == NULL) {
        log_line(LOG_UNUSUAL, "iii_too_many", "worker=%s max=%d bytes_max=%d",
            worker->id, III_ENTRIES_MAX, III_ENTRIES_BYTES_MAX);
        return;
    }
    if (kind == III_FUNCTION && loser != NULL)
        iii_functions_changed(loser);
    if (kind == III_TYPE && loser != NULL)
        trigger_type_lost(loser, said->id);
    if (kind == III_FUNCTION)
        iii_functions_changed(worker);
    else if (kind == III_TYPE)
        trigger_type_came(entry);
    else
        (void)trigger_came(entry, &fault);
}

/* Only what is its own. */
static void
take_unregister(
    struct iii_worker *worker, enum iii_kind kind, const struct iii_frame *said)
{
    struct iii_entry *entry = hub_find(worker->hub, kind, said->id);
    if (entry == NULL || entry->worker != worker)
        return;
    if (kind == III_TRIGGER)
        iii_subscriber_ended(entry);
    if (kind == III_TRIGGER)
        trigger_left(entry);
    else if (kind == III_TYPE)
        trigger_type_left(entry);
    hub_drop(&entry);
    if (kind == III_FUNCTION)
        iii_functions_changed(worker);
}

static void
take(struct iii_worker *worker, struct bytes frame, const struct iii_frame *said)
{
    switch (said->verb) {
    case III_REATTACH: take_reattach(worker, said); return;
    case III_REGISTER_FUNCTION:
        take_register(worker, III_FUNCTION, frame, said);
        return;
    case III_REGISTER_TYPE: take_register(worker, III_TYPE, frame, said); return;
    case III_REGISTER_TRIGGER: take_register(worker, III_TRIGGER, frame, said); return;
    case III_UNREGISTER_FUNCTION: take_unregister(worker, III_FUNCTION, said); return;
    case III_UNREGISTER_TYPE: take_unregister(worker, III_TYPE, said); return;
    case III_UNREGISTER_TRIGGER: take_unregister(worker, III_TRIGGER, said); return;
    case III_TRIGGER_RESULT: trigger_result(worker, said); return;
    case III_INVOKE: iii_invoke(worker, said); return;
    case III_RESULT: iii_result(worker, frame, said); return;
    case III_PING:
        iii_begin(iii_page(worker->hub), "pong");
        iii_end(iii_page(worker->hub));
        (void)iii_say(worker);
        return;
    case III_NOTHING: return;
    }
}

static const char unreadable[] = "deserialization_error"; /* as iii calls it */

/* Append the frame that says so instead. */
static void
pack_failure(struct buffer *out, const struct iii_frame *said, const char *why)
{
    struct buffer words = { 0 };
    buffer_print(&words, "the result cannot be read: %s", why);
    pack_map(out, 3);
    pack_string(out, "type");
    pack_string(out, "invocationresult");
    put_text(out, "invocation_id", said->invocation_id);
    pack_string(out, "error");
    pack_map(out, 2);
    put_text(out, "code", text(unreadable));
    put_text(out, "message", buffer_bytes(&words));
    buffer_free(&words);
}

/* Who waits for it, or for its answer, would wait for ever: clients let through what
 * is no text, no number of 64 bits, or nested too deep. */
static void
take_unreadable(struct iii_worker *worker, struct bytes message, const char *why)
{
    struct buffer scratch = { 0 }, failure = { 0 };
    struct iii_frame said, failed;
    struct fault fault;
    log_line(LOG_UNUSUAL, "iii_frame", "worker=%s err=\"%s\"", worker->id, why);
    bool known = iii_frame_parse_head(message, &scratch, &said, &fault) == ERR_NONE;
    if (known && said.verb == III_INVOKE)
        iii_refuse(worker, &said, unreadable, text(why));
    if (known && said.verb == III_RESULT) {
        pack_failure(&failure, &said, why);
        if (iii_frame_read(buffer_bytes(&failure), &failed, &fault) == ERR_NONE)
            iii_result(worker, buffer_bytes(&failure), &failed);
    }
    buffer_free(&scratch);
    buffer_free(&failure);
}

/* What cannot be read is no reason to part: newer clients say more than we know. */
static void
heard(struct websocket *socket, struct bytes message, bool binary)
{
    struct iii_worker *worker = websocket_own(socket);
    struct buffer scratch = { 0 };
    struct iii_frame said;
    struct fault fault = { 0 };
    static const char *const telemetry[] = { "OTLP", "MTRC", "LOGS" };
    for (size_t i = 0; binary && i < COUNT(telemetry); i++)
        if (bytes_begin(message, text(telemetry[i])))
            return;
    if (iii_frame_parse(message, &scratch, &said, &fault) == ERR_NONE)
        take(worker, buffer_bytes(&scratch), &said);
    else
        take_unreadable(worker, message, fault.detail);
    buffer_free(&scratch);
}

static void
opened(struct websocket *socket)
{
    struct iii_worker *worker = websocket_own(socket);
    struct buffer *out = iii_page(worker->hub);
    worker->since_ms = clock_unix_ms();
    iii_begin(out, "workerregistered");
    iii_put(out, "worker_id", text(worker->id));
    iii_put(out, "reattach_token", text(worker->token));
    iii_end(out);
    (void)iii_say(worker);
    announce_worker(worker, "worker_connected");
}

static void
closed(struct websocket *socket)
{
    struct iii_worker *worker = websocket_own(socket);
    if (worker != NULL)
        leave(worker);
}

void
iii_leave_if_idle(struct iii_worker *worker)
{
    if (worker->hub->gateway->draining && worker->doing_count == 0
        && worker->socket != NULL)
        websocket_close(
            worker->socket, WEBSOCKET_GOING_AWAY, text("the engine is going down"));
}

static bool
leaving(struct websocket *socket)
{
    const struct iii_worker *worker = websocket_own(socket);
    return worker != NULL && worker->doing_count > 0;
}

static const struct websocket_talk talk = {
    .opened = opened,
    .heard = heard,
    .closed = closed,
    .leaving = leaving,
};

static void
settle(struct alarm *alarm)
{
    struct iii_worker *worker = LIST_OF(alarm, struct iii_worker, settle);
    if (worker->socket != NULL && worker->offers) {
        worker->offers = false;
        iii_jobs_offer(worker);
    }
}

void
iii_pulse(struct iii_worker *worker)
{
    if (worker->pulse.place == 0)
        workers_pulse(worker->hub->gateway->workers, &worker->pulse);
}

/* A worker may say nothing while it works: its socket must say that it lives. */
static void
pulse(struct alarm *alarm)
{
    struct iii_worker *worker = LIST_OF(alarm, struct iii_worker, pulse);
    struct gateway *g = worker->hub->gateway;
    uint32_t every_ms = g->child.config.heartbeat_ms;
    if (worker->socket == NULL || worker->job_count == 0)
        return;
    workers_pulse(g->workers, &worker->pulse);
    websocket_ping(worker->socket);
    if (websocket_heard_ms(worker->socket) + 2 * (uint64_t)every_ms >= g->now_ms)
        iii_jobs_beat(worker);
}

static struct iii_worker *
worker_new(struct hub *hub, const struct key *key)
{
    struct iii_worker *worker = hub_worker_new(hub);
    uint8_t chance[16];
    iii_uuid_print(id_fresh(0).bytes, worker->id);
    chance_fill(chance, sizeof chance);
    iii_uuid_print(chance, worker->token);
    memcpy(worker->instance, worker->id, sizeof worker->id);
    worker->key = key;
    worker->came_ms = hub->gateway->now_ms;
    worker->settle.ring = settle;
    worker->pulse.ring = pulse;
    worker->away.ring = away_too_long;
    return worker;
}

void
iii_worker_socket(struct request *r)
{
    struct hub *hub = iii_hub(r->gateway->iii, &r->key->project);
    struct iii_worker *worker = worker_new(hub, r->key);
    worker->socket = websocket_accept(r, &talk, worker);
    if (worker->socket == NULL)
        forget(worker);
}
