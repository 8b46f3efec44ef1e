#include "tests/traces/lease_story.h"

#include "base/pack.h"

#include <stdio.h>

struct id
lease_run(unsigned number)
{
    const uint8_t chance[10] = { (uint8_t)number };
    return id_make(1000 + number, chance, 0);
}

struct id
lease_session(unsigned number)
{
    char name[32];
    snprintf(name, sizeof name, "session %u", number);
    return id_of_name(text(name));
}

void
lease_story_open(struct trace *t)
{
    trace_make(t, &lease_actor);
    t->without_journal = true;
    memset(t->secret, 7, sizeof t->secret);
    for (unsigned i = 1; i <= 6; i++) {
        struct id run = lease_run(i), session = lease_session(i);
        char name[32];
        snprintf(name, sizeof name, "R%u", i);
        trace_name(t, &run, name);
        snprintf(name, sizeof name, "S%u", i);
        trace_name(t, &session, name);
    }
    trace_open(t);
    lease_begin(t);
}

void
lease_begin(struct trace *t)
{
    trace_give(t, ACTOR_registry, 0, (struct message){ .code = QUEUES_COMPLETE });
    for (uint32_t i = 0; i < t->config.schedulers; i++)
        trace_give(t, ACTOR_scheduler, i,
            (struct message){ .code = LEASES_TOLD, .leases_told = { .partition = i } });
    trace_skip(t);
}

void
lease_limit(struct trace *t, const char *queue, uint32_t limit)
{
    trace_give(t, ACTOR_registry, 0,
        (struct message){ .code = QUEUE_OFFERED,
            .queue_offered = { .queue = text(queue), .limit = limit } });
}

void
lease_told(struct trace *t)
{
    trace_hello(t, ACTOR_scheduler, 0, RESYNC_ASKED);
}

/* Copies live in the arena of what was kept. */
static struct bytes
keep(struct trace *t, struct buffer *made)
{
    struct bytes kept = arena_copy(&t->kept_arena, buffer_bytes(made));
    buffer_free(made);
    return kept;
}

static struct bytes
list_of(struct trace *t, const char *item)
{
    struct buffer list = { 0 };
    if (item == NULL)
        return (struct bytes){ 0 };
    pack_array(&list, 1);
    pack_string(&list, item);
    return keep(t, &list);
}

static struct bytes
text_or(const char *given, const char *usual)
{
    return given == NULL ? text(usual) : text(given);
}

void
lease_offer(struct trace *t, struct offered offered)
{
    trace_give(t, ACTOR_scheduler, 0,
        (struct message){ .code = JOB_OFFERED,
            .job_offered = { .run = lease_run(offered.run),
                .attempt = offered.attempt == 0 ? 1 : offered.attempt,
                .offer = offered.offer == 0 ? 1 : offered.offer,
                .lane = offered.lane == 0 ? 1 : offered.lane,
                .key = text("a"),
                .automation = text("flow"),
                .action = text_or(offered.action, "x"),
                .queue = text_or(offered.queue, "default"),
                .labels = list_of(t, offered.labels),
                .environment = text_or(offered.environment, ""),
                .parameters = text("\x80"),
                .leased = offered.unsure ? OFFERED_UNSURE : offered.leased > 0,
                .session = offered.leased > 0 ? lease_session(offered.leased)
                                              : (struct id){ { 0 } },
                .order = offered.order,
                .life = offered.life,
                .ready_us = offered.ready_us } });
}

void
lease_withdraw(struct trace *t, unsigned run, uint32_t attempt)
{
    trace_give(t, ACTOR_scheduler, 0,
        (struct message){ .code = JOB_WITHDRAWN,
            .job_withdrawn = {
                .run = lease_run(run), .attempt = attempt, .reason = text("over") } });
}

void
lease_settle(struct trace *t, unsigned run, uint32_t attempt, uint32_t offer,
    unsigned session, enum verdict verdict, bool reported)
{
    trace_give(t, ACTOR_scheduler, 0,
        (struct message){ .code = JOB_SETTLED,
            .job_settled = { .run = lease_run(run),
                .attempt = attempt,
                .offer = offer,
                .session = lease_session(session),
                .verdict = verdict,
                .reported = reported } });
}

void
lease_register(struct trace *t, struct worker worker)
{
    char instance[32];
    snprintf(instance, sizeof instance, "w%u", worker.session);
    trace_give(t, ACTOR_gateway, worker.gateway,
        (struct message){ .code = WORKER_REGISTER,
            .worker_register = { .request = 7,
                .session = lease_session(worker.session),
                .instance = text_or(worker.instance, instance),
                .token = worker.token,
                .queues = list_of(t, worker.queue),
                .actions = list_of(t, worker.action),
                .labels = list_of(t, worker.label),
                .environment = text_or(worker.environment, ""),
                .capacity = worker.capacity == 0 ? 1 : worker.capacity,
                .held = worker.held,
                .dialect = text("zmq"),
                .each = worker.each,
                .again = worker.again,
                .recall = worker.recall } });
}

void
lease_heartbeat(struct trace *t, unsigned session, struct bytes held)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_HEARTBEAT,
            .worker_heartbeat = {
                .session = lease_session(session), .held = held, .request = 8 } });
}

void
lease_silent(struct trace *t, unsigned session, struct bytes token)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_HEARTBEAT,
            .worker_heartbeat = {
                .session = lease_session(session),
                .request = 8,
                .silent = lease_held(t, token, (struct bytes){ 0 }),
            } });
}

void
lease_ready(struct trace *t, unsigned session, uint32_t capacity)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_READY,
            .worker_ready = {
                .session = lease_session(session), .capacity = capacity } });
}

void
lease_gone(struct trace *t, unsigned session, bool goodbye)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_GONE,
            .worker_gone = { .session = lease_session(session), .goodbye = goodbye } });
}

static void
report(struct trace *t, unsigned session, struct bytes token, enum outcome outcome)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = JOB_REPORT,
            .job_report = { .session = lease_session(session),
                .token = token,
                .outcome = outcome } });
}

void
lease_report(struct trace *t, unsigned session, struct bytes token)
{
    report(t, session, token, OUTCOME_COMPLETED);
}

void
lease_return(struct trace *t, unsigned session, struct bytes token)
{
    report(t, session, token, OUTCOME_RETURNED);
}

struct bytes
lease_token_of(
    struct trace *t, unsigned run, uint32_t attempt, uint32_t offer, unsigned session)
{
    struct lease_name name = { lease_run(run), 0, attempt, offer,
        lease_session(session) };
    return lease_token(t->secret, &name, &t->kept_arena);
}

struct bytes
lease_held(struct trace *t, struct bytes one, struct bytes two)
{
    struct buffer list = { 0 };
    pack_array(&list, (size_t)(one.size > 0) + (two.size > 0));
    if (one.size > 0)
        pack_blob(&list, one);
    if (two.size > 0)
        pack_blob(&list, two);
    return keep(t, &list);
}
