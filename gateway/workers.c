#include "gateway/workers.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/actions.h"

#include <stdlib.h>

enum { DISMISSED_MAX = 256 /* sessions; the last ones are remembered */ };
enum { SILENT_LEASES = 2 /* times lease_ms, after which nobody is there */ };
enum {
    IDLE_BEATS = 18,  /* heartbeats in the pulse of a session that holds nothing */
    IDLE_SILENCE = 2, /* of these pulses, after which nobody is there */
    IDLE_BATCH = 240, /* sessions in one word to the lease actor */
    HOLD_BEATS = 6,   /* heartbeats for which a claim may stay open */
    TOGETHER = 32,    /* parts of a heartbeat that an alarm may be early */
};

struct workers {
    struct gateway *gateway;
    struct sessions sessions;
    struct alarm alarm, idle;
    uint64_t idle_said_ms;   /* when the lease actor last heard of all that are idle */
    uint64_t lease_life;     /* of the lease actor; 0: not heard */
    struct buffer held, own; /* own: what a project's own actions make of a message */
    struct actions *actions;
    struct id dismissed[DISMISSED_MAX];
    size_t dismissed_count; /* ever */
};

static uint64_t
silent_ms(const struct workers *w)
{
    uint64_t leases_ms = (uint64_t)w->gateway->child.config.lease_ms * SILENT_LEASES;
    uint64_t pulses_ms = workers_idle_ms(w) * IDLE_SILENCE;
    return leases_ms > pulses_ms ? leases_ms : pulses_ms;
}

static struct message
to_lease(const struct session *session, enum message_code code)
{
    struct message m = { .code = code, .to = ACTOR_lease };
    m.envelope.project = session->key->project;
    return m;
}

static void
send_on(struct workers *w, const struct message *m)
{
    mailbox_send(w->gateway->mailbox, m);
}

/* Forget a session that has been registered or asked to be, and tell the lease actor.
 */
static void
end(struct workers *w, struct session *session, bool goodbye, enum err err,
    struct bytes detail)
{
    struct message m = to_lease(session, WORKER_GONE);
    m.worker_gone.session = session->id;
    m.worker_gone.goodbye = goodbye;
    /* Which session it is going to be the lease actor has not said yet. */
    if (goodbye && session->state == SESSION_ASKED) {
        m.worker_gone.token = session_token(session);
        m.worker_gone.instance = session->said.instance;
    }
    send_on(w, &m);
    session->voice->ended(session, err, detail);
    session_free(&w->sessions, &session);
}

/* A session that could not be told is over: its worker will register again. */
static bool
told(struct workers *w, struct session *session, bool heard)
{
    if (!heard)
        end(w, session, false, ERR_NONE, text(""));
    return heard;
}

void
workers_end(struct workers *w, struct session **session, bool goodbye)
{
    end(w, *session, goodbye, ERR_NONE, text(""));
    *session = NULL;
}

enum err
workers_admit(const struct workers *w, const struct key *key)
{
    if (w->gateway->draining)
        return ERR_UNAVAILABLE;
    if (key == NULL || key->revoked)
        return ERR_UNAUTHORIZED;
    return (key->scopes & SCOPE_WORK) == 0 ? ERR_FORBIDDEN : ERR_NONE;
}

struct session *
workers_join(struct workers *w, const struct voice *voice, void *own)
{
    struct session *session = session_new(&w->sessions, voice, own);
    if (session != NULL)
        session->id = id_fresh(0);
    return session;
}

/* `again`: over the connection that it has, so that what was granted may be under way.
 */
static void
say_register(struct workers *w, const struct session *session, bool again)
{
    const struct worker_description *said = &session->said;
    struct message m = to_lease(session, WORKER_REGISTER);
    buffer_clear(&w->held);
    session_write_held(session, &w->held);
    m.worker_register = (struct worker_register){
        .request = session->number,
        .session = session->id,
        .instance = said->instance,
        .token = session_token(session),
        .name = said->name,
        .version = said->version,
        .queues = said->queues,
        .actions =
            actions_done(w->actions, &session->key->project, said->actions, &w->own),
        .labels = said->labels,
        .environment = said->environment,
        .capacity = session->capacity,
        .held = buffer_bytes(&w->held),
        .dialect = text(session->voice->dialect),
        .each = session->voice->each,
        .again = again,
        .recall = session->recall,
    };
    send_on(w, &m);
}

void
workers_register(struct workers *w, struct session *session, const struct key *key,
    const struct worker_description *said, uint32_t capacity, struct bytes token,
    struct bytes held)
{
    bool again = session->said.instance.size > 0;
    session->key = key;
    session->capacity = capacity;
    session_describe(&w->sessions, session, said, token, held);
    workers_touch(w, session);
    if (w->alarm.place == 0)
        alarm_set(&w->gateway->alarms, &w->alarm, w->gateway->now_ms + silent_ms(w));
    if (w->idle.place == 0)
        workers_pulse(w, &w->idle);
    say_register(w, session, again);
}

void
workers_pulse(struct workers *w, struct alarm *alarm)
{
    struct gateway *g = w->gateway;
    uint64_t every_ms = g->child.config.heartbeat_ms, slack_ms = every_ms / TOGETHER;
    alarm_set_loose(&g->alarms, alarm, g->now_ms + every_ms - slack_ms, slack_ms);
}

uint64_t
workers_idle_ms(const struct workers *w)
{
    return (uint64_t)w->gateway->child.config.heartbeat_ms * IDLE_BEATS;
}

uint64_t
workers_hold_ms(const struct workers *w, uint64_t most_ms)
{
    uint64_t beats_ms = (uint64_t)w->gateway->child.config.heartbeat_ms * HOLD_BEATS;
    return beats_ms < most_ms ? beats_ms : most_ms;
}

void
workers_touch(struct workers *w, struct session *session)
{
    session_touch(&w->sessions, session, w->gateway->now_ms);
}

void
workers_ready(struct workers *w, struct session *session, uint32_t capacity)
{
    struct message m = to_lease(session, WORKER_READY);
    session->capacity = capacity;
    m.worker_ready.session = session->id;
    m.worker_ready.capacity = capacity;
    send_on(w, &m);
}

void
workers_heartbeat(
    struct workers *w, struct session *session, struct bytes held, struct bytes silent)
{
    enum { EMPTY_ARRAY = 1 /* byte */ };
    struct message m = to_lease(session, WORKER_HEARTBEAT);
    session_drop_all(&w->sessions, session, silent);
    session_compare(&w->sessions, session, held);
    if (list_empty(&session->held_all) && silent.size == 0
        && held.size <= EMPTY_ARRAY) {
        (void)told(w, session,
            session->voice->heartbeat(session,
                &(struct heartbeat_answer){
                    .session = session->id, .request = session->number, .known = 1 }));
        return;
    }
    m.worker_heartbeat.session = session->id;
    m.worker_heartbeat.held = held;
    m.worker_heartbeat.silent = silent;
    m.worker_heartbeat.request = session->number;
    send_on(w, &m);
}

void
workers_beat(
    struct workers *w, struct session *session, struct bytes tokens, uint64_t request)
{
    struct message m = to_lease(session, WORKER_HEARTBEAT);
    session_learn(&w->sessions, session, tokens);
    m.worker_heartbeat.session = session->id;
    m.worker_heartbeat.held = tokens;
    m.worker_heartbeat.request = request;
    send_on(w, &m);
}

void
workers_forget(struct workers *w, struct session *session, struct bytes token)
{
    session_drop(&w->sessions, session, token);
}

void
workers_report(struct workers *w, struct session *session, struct job_report report)
{
    struct message m = to_lease(session, JOB_REPORT);
    session_named(session, report.token);
    m.job_report = report;
    m.job_report.session = session->id;
    send_on(w, &m);
}

void
workers_log(struct workers *w, struct session *session, struct bytes token,
    struct bytes stream, struct bytes chunk)
{
    struct message m = to_lease(session, JOB_LOG);
    m.job_log.session = session->id;
    m.job_log.token = token;
    m.job_log.stream = stream.size > 0 ? stream : text("stdout");
    m.job_log.chunk = chunk;
    send_on(w, &m);
}

static bool
is_dismissed(const struct workers *w, const struct id *id)
{
    size_t count =
        w->dismissed_count < DISMISSED_MAX ? w->dismissed_count : DISMISSED_MAX;
    for (size_t i = 0; i < count; i++)
        if (id_equal(&w->dismissed[i], id))
            return true;
    return false;
}

enum err
workers_dismiss(struct workers *w, const struct id *project, const struct id *id)
{
    struct session *session = session_with_id(&w->sessions, id);
    if (session == NULL || !id_equal(&session->key->project, project))
        return ERR_NOT_FOUND;
    if (!is_dismissed(w, id))
        w->dismissed[w->dismissed_count++ % DISMISSED_MAX] = *id;
    (void)told(w, session, session->voice->drain(session));
    return ERR_NONE;
}

static void
hear_registered(struct workers *w, const struct worker_registered *m)
{
    struct session *session = session_numbered(&w->sessions, m->request);
    if (session == NULL)
        return;
    struct session *other = session_with_id(&w->sessions, &m->session);
    if (other != NULL && other != session) {
        /* The same worker over an older connection, or its ghost. */
        other->voice->ended(
            other, ERR_CONFLICT, text("another connection has taken this session"));
        session_free(&w->sessions, &other);
    }
    bool again = session->state == SESSION_KNOWN && id_equal(&session->id, &m->session)
                 && bytes_equal(session_token(session), m->token);
    session_know(&w->sessions, session, &m->session, m->token);
    session_drop_all(&w->sessions, session, m->lost);
    session_learn(&w->sessions, session, m->recalled);
    if (session->grown)
        say_register(w, session, true);
    session->grown = false;
    if (told(w, session, session->voice->registered(session, m, again))
        && is_dismissed(w, &m->session))
        (void)told(w, session, session->voice->drain(session));
}

static void
hear_refused(struct workers *w, const struct refused *m)
{
    struct session *session = session_numbered(&w->sessions, m->request);
    if (session == NULL)
        return;
    session->voice->ended(session, refused_err(m), refused_sentence(m));
    session_free(&w->sessions, &session);
}

static void
hear_heartbeat(struct workers *w, const struct heartbeat_answer *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL)
        return;
    if (m->known == 0) {
        say_register(w, session, true);
        return;
    }
    session_drop_all(&w->sessions, session, m->lost);
    session_learn(&w->sessions, session, m->recalled);
    (void)told(w, session, session->voice->heartbeat(session, m));
}

/* From when it could be granted, durably, until its worker is told: to be counted when
 * it is on its way. */
static void
count_dispatch(uint64_t ready_us)
{
    uint64_t now_us = clock_monotonic_us(), us = now_us - ready_us;
    if (ready_us == 0 || ready_us > now_us)
        return;
    count(COUNTER_dispatched, 1);
    count(COUNTER_dispatched_1ms, us <= 1000);
    count(COUNTER_dispatched_10ms, us <= 10000);
    count(COUNTER_dispatched_100ms, us <= 100000);
    count(COUNTER_dispatch_us, us);
    gauge(COUNTER_dispatched_at_us, now_us);
}

/* Nobody has been told of it, so another may have it at once. */
static void
give_back(struct workers *w, const struct message *in)
{
    struct message m = { .code = JOB_REPORT, .to = ACTOR_lease };
    m.envelope.project = in->envelope.project;
    m.job_report.session = in->job_granted.session;
    m.job_report.token = in->job_granted.token;
    m.job_report.outcome = OUTCOME_RETURNED;
    send_on(w, &m);
}

static void
hear_granted(struct workers *w, const struct message *in)
{
    const struct job_granted *m = &in->job_granted;
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL) {
        give_back(w, in);
        struct message gone = { .code = WORKER_GONE, .to = ACTOR_lease };
        gone.envelope.project = in->envelope.project;
        gone.worker_gone.session = m->session;
        send_on(w, &gone);
        return;
    }
    struct job_granted job = actions_translate(
        w->actions, &session->key->project, session->said.actions, m, &w->own);
    bool heard = session->voice->granted(session, &job);
    if (!heard)
        give_back(w, in);
    if (!told(w, session, heard))
        return;
    session_hold(&w->sessions, session, m->token);
    count_dispatch(m->ready_us);
}

static void
hear_settled(struct workers *w, const struct report_settled *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL)
        return;
    session_drop(&w->sessions, session, m->token);
    (void)told(w, session, session->voice->settled(session, m));
}

static void
hear_cancel(struct workers *w, const struct job_cancel *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session != NULL)
        (void)told(w, session, session->voice->cancel(session, m));
}

void
workers_hear(struct workers *w, const struct message *in)
{
    if (in->envelope.from != ACTOR_lease)
        return;
    switch ((int)in->code) {
    case WORKER_REGISTERED: hear_registered(w, &in->worker_registered); return;
    case REFUSED: hear_refused(w, &in->refused); return;
    case HEARTBEAT_ANSWER: hear_heartbeat(w, &in->heartbeat_answer); return;
    case JOB_GRANTED: hear_granted(w, in); return;
    case REPORT_SETTLED: hear_settled(w, &in->report_settled); return;
    case JOB_CANCEL: hear_cancel(w, &in->job_cancel); return;
    default: WRONG("the catalogue sends workers no such message");
    }
}

void
workers_learn_action(
    struct workers *w, const struct id *project, const struct action_offered *offered)
{
    struct list *all = &w->sessions.all;
    if (!actions_learn(w->actions, project, offered))
        return;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct session *session = LIST_OF(at, struct session, link);
        if (session->key == NULL || !id_equal(&session->key->project, project)
            || !actions_do(session->said.actions))
            continue;
        /* Without the token that it is about to get it would be somebody else. */
        if (session->state == SESSION_KNOWN)
            say_register(w, session, true);
        else
            session->grown = true;
    }
}

void
workers_resend(struct workers *w, uint64_t life)
{
    struct list *all = &w->sessions.all;
    bool anew = w->lease_life != 0 && w->lease_life != life;
    w->lease_life = life;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct session *session = LIST_OF(at, struct session, link);
        /* A grant of its earlier life may not have reached us: nothing tells that from
         * a lease of before we began. */
        if (anew && session->state == SESSION_KNOWN)
            session->recall = false;
        say_register(w, session, true);
    }
}

void
workers_judge(struct workers *w)
{
    struct list *all = &w->sessions.all, *next;
    for (struct list *at = all->next; at != all; at = next) {
        struct session *session = LIST_OF(at, struct session, link);
        next = at->next;
        if (session->key->revoked)
            end(w, session, true, ERR_UNAUTHORIZED, text("the key is refused"));
        else if ((session->key->scopes & SCOPE_WORK) == 0)
            end(w, session, true, ERR_FORBIDDEN, text("the key may not work any more"));
    }
}

void
workers_drain(struct workers *w)
{
    struct list *all = &w->sessions.all, *next;
    for (struct list *at = all->next; at != all; at = next) {
        struct session *session = LIST_OF(at, struct session, link);
        next = at->next;
        (void)told(w, session, session->voice->drain(session));
    }
}

size_t
workers_busy(const struct workers *w)
{
    return w->sessions.busy_count;
}

static void
say_idle(struct workers *w, struct bytes heard, struct bytes kept)
{
    struct message m = { .code = WORKERS_IDLE, .to = ACTOR_lease };
    m.workers_idle.heard = heard;
    m.workers_idle.kept = kept;
    send_on(w, &m);
}

/* One word for very many: all that hold nothing, and why they are taken to be there. */
static void
tell_idle(struct alarm *alarm)
{
    struct workers *w = LIST_OF(alarm, struct workers, idle);
    uint64_t now_ms = w->gateway->now_ms, said_ms = w->idle_said_ms;
    struct list *all = &w->sessions.all;
    struct buffer lists[2] = { { 0 } }; /* kept, heard */
    w->idle_said_ms = now_ms;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct session *session = LIST_OF(at, struct session, link);
        bool heard = session->voice->bound || session->heard_ms >= said_ms;
        if (session->state != SESSION_KNOWN || !list_empty(&session->held_all))
            continue;
        buffer_append_bytes(&lists[heard], id_bytes(&session->id));
        if (lists[0].size + lists[1].size < IDLE_BATCH * ID_SIZE)
            continue;
        say_idle(w, buffer_bytes(&lists[1]), buffer_bytes(&lists[0]));
        buffer_clear(&lists[0]);
        buffer_clear(&lists[1]);
    }
    if (lists[0].size + lists[1].size > 0)
        say_idle(w, buffer_bytes(&lists[1]), buffer_bytes(&lists[0]));
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
    if (!list_empty(all))
        workers_pulse(w, alarm);
}

static void
end_silent(struct alarm *alarm)
{
    struct workers *w = LIST_OF(alarm, struct workers, alarm);
    uint64_t now_ms = w->gateway->now_ms;
    struct list *at;
    while ((at = list_first(&w->sessions.all)) != NULL) {
        struct session *session = LIST_OF(at, struct session, link);
        uint64_t until_ms = session->heard_ms + silent_ms(w);
        if (until_ms > now_ms) {
            alarm_set(&w->gateway->alarms, &w->alarm, until_ms);
            return;
        }
        if (session->voice->bound)
            workers_touch(w, session);
        else
            end(w, session, false, ERR_NONE, text(""));
    }
}

struct workers *
workers_new(struct gateway *gateway)
{
    struct workers *w = calloc(1, sizeof *w);
    if (w == NULL)
        WRONG("out of memory");
    w->gateway = gateway;
    w->alarm.ring = end_silent;
    w->idle.ring = tell_idle;
    w->actions = actions_new();
    sessions_open(&w->sessions, gateway->child.config.sessions_max);
    return w;
}

void
workers_free(struct workers **out)
{
    struct workers *w = *out;
    struct list *at;
    if (w == NULL)
        return;
    alarm_clear(&w->gateway->alarms, &w->alarm);
    alarm_clear(&w->gateway->alarms, &w->idle);
    while ((at = list_first(&w->sessions.all)) != NULL) {
        struct session *session = LIST_OF(at, struct session, link);
        session->voice->ended(
            session, ERR_UNAVAILABLE, text("the engine is going down"));
        session_free(&w->sessions, &session);
    }
    sessions_free(&w->sessions);
    buffer_free(&w->held);
    buffer_free(&w->own);
    actions_free(&w->actions);
    free(w);
    *out = NULL;
}
