#include "gateway/workers.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/curve.h"
#include "gateway/publishing.h"
#include "gateway/session.h"

#include <assert.h>
#include <czmq.h>
#include <stdlib.h>

enum {
    FRAMES_MAX = 1024, /* of one run */
    PEER_FRAMES_MAX = 1000,
    FRAME_MARGIN = 1 << 20,
    HANDSHAKE_MS = 500,
    PING_MS = 10000,
    PONG_MS = 30000,
    SILENT_LEASES = 2, /* times lease_ms, after which nobody is there */
};

struct workers {
    struct gateway *gateway;
    zsock_t *door;
    void *socket; /* its libzmq socket */
    unsigned port;
    struct worker_limits limits;
    struct sessions sessions;
    struct alarm alarm;
    struct buffer out, held;
    struct publishing publishing;
};

static uint64_t
silent_ms(const struct workers *w)
{
    return (uint64_t)w->gateway->child.config.lease_ms * SILENT_LEASES;
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

/* Forget a session, and tell the lease actor why; `goodbye` gives its jobs back. */
static void
end(struct workers *w, struct session *session, bool goodbye)
{
    struct message m = to_lease(session, WORKER_GONE);
    m.worker_gone.session = session->id;
    m.worker_gone.goodbye = goodbye;
    send_on(w, &m);
    session_free(&w->sessions, &session);
}

/* Send w->out to a connection: false if it is gone or does not read. */
static bool
say(struct workers *w, struct bytes identity)
{
    int flags = ZMQ_DONTWAIT;
    if (zmq_send(w->socket, identity.data, identity.size, flags | ZMQ_SNDMORE) < 0)
        return false;
    return zmq_send(w->socket, w->out.data, w->out.size, flags) >= 0;
}

/* The same; a session that cannot be told is over: the worker will register again. */
static bool
tell(struct workers *w, struct session *session)
{
    if (say(w, bytes_of(session->identity, IDENTITY_SIZE)))
        return true;
    log_line(LOG_INFO, "worker_unreachable", "err=\"%s\"", zmq_strerror(errno));
    end(w, session, false);
    return false;
}

/* Who does not hear it is gone, or will ask again. */
static void
say_error(struct workers *w, struct bytes identity, enum err err, struct bytes detail,
    const struct worker_frame *said)
{
    static const struct worker_frame nothing;
    if (said == NULL)
        said = &nothing;
    buffer_clear(&w->out);
    worker_write_error(&w->out, err, detail.size > 0 ? detail : text(err_sentence(err)),
        said->type, said->token);
    (void)say(w, identity);
}

/* Of the connection of a session. */
static void
tell_error(
    struct workers *w, const struct session *session, enum err err, const char *detail)
{
    say_error(w, bytes_of(session->identity, IDENTITY_SIZE), err, text(detail), NULL);
}

static void
say_register(struct workers *w, const struct session *session)
{
    const struct worker_frame *said = &session->said;
    struct message m = to_lease(session, WORKER_REGISTER);
    buffer_clear(&w->held);
    session_write_held(session, &w->held);
    m.worker_register = (struct worker_register){
        .request = session->number,
        .session = session->id,
        .instance = said->instance,
        .token = bytes_of(session->token, session->token_size),
        .name = said->name,
        .version = said->version,
        .queues = said->queues,
        .actions = said->actions,
        .labels = said->labels,
        .environment = said->environment,
        .capacity = session->capacity,
        .held = buffer_bytes(&w->held),
        .dialect = text("zmq"),
    };
    send_on(w, &m);
}

/* Who may register?  Says so if not. */
static const struct key *
judge(struct workers *w, struct bytes identity, const struct worker_frame *frame)
{
    const struct gateway *g = w->gateway;
    const struct key *key = auth_check(g->auth, frame->key);
    enum err err = ERR_NONE;
    if (g->draining)
        err = ERR_UNAVAILABLE;
    else if (key == NULL)
        err = ERR_UNAUTHORIZED;
    else if ((key->scopes & SCOPE_WORK) == 0)
        err = ERR_FORBIDDEN;
    else if (frame->instance.size == 0)
        err = ERR_INVALID;
    if (err == ERR_NONE)
        return key;
    say_error(w, identity, err, (struct bytes){ 0 }, frame);
    return NULL;
}

static void
take_register(struct workers *w, struct session *session, struct bytes identity,
    struct bytes frame, const struct worker_frame *said)
{
    const struct key *key = judge(w, identity, said);
    if (key == NULL)
        return;
    if (session != NULL && !id_equal(&session->key->project, &key->project)) {
        end(w, session, true);
        session = NULL;
    }
    if (session == NULL) {
        session = session_new(&w->sessions, identity.data);
        if (session == NULL) {
            say_error(w, identity, ERR_BUSY, (struct bytes){ 0 }, said);
            return;
        }
        session->id = id_fresh(0);
    }
    session->key = key;
    session_describe(&w->sessions, session, frame, &w->limits);
    session_touch(&w->sessions, session, w->gateway->now_ms);
    if (w->alarm.place == 0)
        alarm_set(&w->gateway->alarms, &w->alarm, w->gateway->now_ms + silent_ms(w));
    say_register(w, session);
}

static void
take_ready(struct workers *w, struct session *session, uint64_t concurrency)
{
    struct message m = to_lease(session, WORKER_READY);
    session->capacity = (uint32_t)concurrency;
    m.worker_ready.session = session->id;
    m.worker_ready.capacity = session->capacity;
    send_on(w, &m);
}

static void
take_heartbeat(
    struct workers *w, struct session *session, const struct worker_frame *frame)
{
    struct message m = to_lease(session, WORKER_HEARTBEAT);
    session_compare(&w->sessions, session, frame->held);
    m.worker_heartbeat.session = session->id;
    m.worker_heartbeat.held = frame->held;
    m.worker_heartbeat.request = session->number;
    send_on(w, &m);
}

static void
take_report(
    struct workers *w, struct session *session, const struct worker_frame *frame)
{
    struct message m = to_lease(session, JOB_REPORT);
    m.job_report = (struct job_report){
        .session = session->id,
        .token = frame->token,
        .outcome = frame->outcome,
        .output = frame->output,
        .error_type = frame->error_type,
        .error_message = frame->error_message,
    };
    send_on(w, &m);
}

static void
take_log(struct workers *w, struct session *session, const struct worker_frame *frame)
{
    struct message m = to_lease(session, JOB_LOG);
    m.job_log.session = session->id;
    m.job_log.token = frame->token;
    m.job_log.stream = frame->stream.size > 0 ? frame->stream : text("stdout");
    m.job_log.chunk = frame->chunk;
    send_on(w, &m);
}

static void
say_published(void *self, struct bytes identity, struct bytes frame)
{
    struct workers *w = self;
    buffer_clear(&w->out);
    buffer_append_bytes(&w->out, frame);
    (void)say(w, identity);
}

static void
take_word(struct workers *w, struct session *session, const struct worker_frame *frame)
{
    switch (frame->verb) {
    case WORKER_SAYS_REGISTER: WRONG("it is taken elsewhere");
    case WORKER_SAYS_READY: take_ready(w, session, frame->concurrency); return;
    case WORKER_SAYS_HEARTBEAT: take_heartbeat(w, session, frame); return;
    case WORKER_SAYS_REPORT: take_report(w, session, frame); return;
    case WORKER_SAYS_LOG: take_log(w, session, frame); return;
    case WORKER_SAYS_PUBLISH:
        w->publishing.bridge = w->gateway->bridge;
        publishing_ask(&w->publishing, bytes_of(session->identity, IDENTITY_SIZE),
            &session->key->project, frame);
        return;
    case WORKER_SAYS_DRAIN: take_ready(w, session, 0); return;
    case WORKER_SAYS_GOODBYE: end(w, session, true); return;
    }
}

static void
ask_to_register(struct workers *w, struct bytes identity)
{
    buffer_clear(&w->out);
    worker_write_word(&w->out, "register");
    (void)say(w, identity);
}

static void
take_frame(struct workers *w, struct bytes identity, struct bytes frame)
{
    struct session *session = session_of(&w->sessions, identity);
    struct worker_frame said;
    struct fault fault;
    enum err err = worker_frame_read(frame, &w->limits, &said, &fault);
    if (err != ERR_NONE) {
        say_error(w, identity, err, text(fault.detail), &said);
        return;
    }
    if (said.verb == WORKER_SAYS_REGISTER) {
        take_register(w, session, identity, frame, &said);
        return;
    }
    if (session == NULL) {
        if (said.verb != WORKER_SAYS_GOODBYE)
            ask_to_register(w, identity);
        return;
    }
    session_touch(&w->sessions, session, w->gateway->now_ms);
    /* Before it is registered it has nothing else to say; it will say it again. */
    if (session->state == SESSION_KNOWN || said.verb == WORKER_SAYS_GOODBYE)
        take_word(w, session, &said);
}

/* The next message: identity and frame.  False if there is none. */
static bool
receive(struct workers *w, zmq_msg_t *identity, zmq_msg_t *frame, bool *right)
{
    if (zmq_msg_recv(identity, w->socket, ZMQ_DONTWAIT) < 0)
        return false;
    size_t parts = 1;
    while (zmq_msg_more(parts == 1 ? identity : frame)) {
        /* More is there, so it is there at once. */
        if (zmq_msg_recv(frame, w->socket, ZMQ_DONTWAIT) < 0)
            break;
        parts++;
    }
    /* A routing id of the peer's own choice could be taken over by another. */
    *right = parts == 2 && zmq_msg_size(identity) == IDENTITY_SIZE
             && *(const uint8_t *)zmq_msg_data(identity) == 0;
    return true;
}

bool
workers_run(struct workers *w)
{
    zmq_msg_t identity, frame;
    size_t count;
    zmq_msg_init(&identity);
    zmq_msg_init(&frame);
    for (count = 0; count < FRAMES_MAX; count++) {
        bool right;
        if (!receive(w, &identity, &frame, &right))
            break;
        struct bytes from = bytes_of(zmq_msg_data(&identity), zmq_msg_size(&identity));
        if (right)
            take_frame(w, from, bytes_of(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        else
            say_error(w, from, ERR_MALFORMED,
                text("send one frame, and set no routing id"), NULL);
    }
    zmq_msg_close(&identity);
    zmq_msg_close(&frame);
    return count == FRAMES_MAX;
}

/* Registered, or said again: the worker hears of it only if it is new to it. */
static void
hear_registered(struct workers *w, const struct worker_registered *m)
{
    struct session *session = session_numbered(&w->sessions, m->request);
    if (session == NULL)
        return;
    struct session *other = session_with_id(&w->sessions, &m->session);
    if (other != NULL && other != session) {
        /* The same worker over an older connection, or its ghost. */
        tell_error(w, other, ERR_CONFLICT, "another connection has taken this session");
        session_free(&w->sessions, &other);
    }
    bool known =
        session->state == SESSION_KNOWN && id_equal(&session->id, &m->session)
        && bytes_equal(bytes_of(session->token, session->token_size), m->token);
    session_know(&w->sessions, session, &m->session, m->token);
    session_drop_all(&w->sessions, session, m->lost);
    buffer_clear(&w->out);
    if (!known)
        worker_write_registered(&w->out, m, w->limits.payload_max);
    else if (m->lost.size > 1)
        worker_write_heartbeat(&w->out, m->lost, (struct bytes){ 0 });
    if (w->out.size > 0)
        (void)tell(w, session);
}

static void
hear_refused(struct workers *w, const struct refused *m)
{
    struct session *session = session_numbered(&w->sessions, m->request);
    if (session == NULL)
        return;
    enum err err = m->err < ERR_COUNT ? (enum err)m->err : ERR_CORRUPT;
    say_error(
        w, bytes_of(session->identity, IDENTITY_SIZE), err, m->detail, &session->said);
    session_free(&w->sessions, &session);
}

static void
hear_heartbeat(struct workers *w, const struct heartbeat_answer *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL)
        return;
    if (m->known == 0) {
        say_register(w, session);
        return;
    }
    session_drop_all(&w->sessions, session, m->lost);
    buffer_clear(&w->out);
    worker_write_heartbeat(&w->out, m->lost, m->cancel);
    (void)tell(w, session);
}

static void
hear_granted(struct workers *w, const struct message *in)
{
    const struct job_granted *m = &in->job_granted;
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL) {
        struct message gone = { .code = WORKER_GONE, .to = ACTOR_lease };
        gone.envelope.project = in->envelope.project;
        gone.worker_gone.session = m->session;
        send_on(w, &gone);
        return;
    }
    buffer_clear(&w->out);
    worker_write_job(&w->out, m);
    if (tell(w, session))
        session_hold(&w->sessions, session, m->token);
}

static void
hear_settled(struct workers *w, const struct report_settled *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL)
        return;
    session_drop(&w->sessions, session, m->token);
    buffer_clear(&w->out);
    worker_write_ack(&w->out, m);
    (void)tell(w, session);
}

static void
hear_cancel(struct workers *w, const struct job_cancel *m)
{
    struct session *session = session_with_id(&w->sessions, &m->session);
    if (session == NULL)
        return;
    buffer_clear(&w->out);
    worker_write_cancel(&w->out, m);
    (void)tell(w, session);
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
workers_resend(struct workers *w)
{
    struct list *all = &w->sessions.all;
    for (struct list *at = all->next; at != all; at = at->next)
        say_register(w, LIST_OF(at, struct session, link));
}

void
workers_judge(struct workers *w)
{
    struct list *all = &w->sessions.all, *next;
    for (struct list *at = all->next; at != all; at = next) {
        struct session *session = LIST_OF(at, struct session, link);
        next = at->next;
        if (!session->key->revoked)
            continue;
        tell_error(w, session, ERR_UNAUTHORIZED, "the key was revoked");
        end(w, session, true);
    }
}

void
workers_drain(struct workers *w)
{
    struct list *all = &w->sessions.all, *next;
    for (struct list *at = all->next; at != all; at = next) {
        next = at->next;
        buffer_clear(&w->out);
        worker_write_word(&w->out, "drain");
        (void)tell(w, LIST_OF(at, struct session, link));
    }
}

size_t
workers_busy(const struct workers *w)
{
    return w->sessions.busy_count;
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
        end(w, session, false);
    }
}

static enum err
bind_door(struct workers *w, struct fault *fault)
{
    const struct config *config = &w->gateway->child.config;
    const char *address = config->worker_address;
    char port[16];
    if (strcmp(address, "localhost") == 0)
        address = "127.0.0.1";
    snprintf(
        port, sizeof port, config->worker_port == 0 ? "*" : "%u", config->worker_port);
    int bound = zsock_bind(w->door, "tcp://%s:%s", address, port);
    if (bound > 0) {
        w->port = (unsigned)bound;
        return ERR_NONE;
    }
    if (errno == EADDRINUSE)
        return fault_set(
            fault, ERR_CONFLICT, "worker_port: %s on %.64s is in use", port, address);
    return fault_set(fault, ERR_IO, "cannot listen on %.64s port %s: %s", address, port,
        zmq_strerror(errno));
}

static enum err
open_door(struct workers *w, struct fault *fault)
{
    const struct config *config = &w->gateway->child.config;
    char secret[CURVE_TEXT_SIZE];
    w->door = zsock_new(ZMQ_ROUTER);
    if (w->door == NULL)
        return fault_set(fault, ERR_IO, "no socket: %s", zmq_strerror(errno));
    w->socket = zsock_resolve(w->door);
    zsock_set_router_mandatory(w->door, 1);
    zsock_set_linger(w->door, 0);
    zsock_set_rcvhwm(w->door, PEER_FRAMES_MAX);
    zsock_set_sndhwm(w->door, (int)config->session_jobs_max + PEER_FRAMES_MAX);
    zsock_set_maxmsgsize(w->door, (int)config->payload_max + FRAME_MARGIN);
    zsock_set_handshake_ivl(w->door, HANDSHAKE_MS);
    zsock_set_heartbeat_ivl(w->door, PING_MS);
    zsock_set_heartbeat_timeout(w->door, PONG_MS);
    zsock_set_ipv6(w->door, 1);
    if (config->worker_curve) {
        enum err err = curve_secret(config->data, secret, fault);
        if (err != ERR_NONE)
            return err;
        zsock_set_curve_server(w->door, 1);
        zsock_set_curve_secretkey(w->door, secret);
    }
    return bind_door(w, fault);
}

enum err
workers_open(struct gateway *gateway, struct workers **out, struct fault *fault)
{
    const struct config *config = &gateway->child.config;
    struct workers *w = calloc(1, sizeof *w);
    if (w == NULL)
        WRONG("out of memory");
    *out = w;
    w->gateway = gateway;
    w->limits.payload_max = config->payload_max;
    w->limits.jobs_max = config->session_jobs_max;
    w->alarm.ring = end_silent;
    w->publishing.answer = say_published;
    w->publishing.self = w;
    publishing_open(&w->publishing);
    sessions_open(&w->sessions, config->sessions_max);
    return open_door(w, fault);
}

void
workers_close(struct workers **out)
{
    struct workers *w = *out;
    if (w == NULL)
        return;
    alarm_clear(&w->gateway->alarms, &w->alarm);
    publishing_close(&w->publishing);
    sessions_free(&w->sessions);
    zsock_destroy(&w->door);
    buffer_free(&w->out);
    buffer_free(&w->held);
    free(w);
    *out = NULL;
}

unsigned
workers_port(const struct workers *w)
{
    return w->port;
}

void *
workers_socket(struct workers *w)
{
    return w->door;
}
