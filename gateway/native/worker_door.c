#include "gateway/native/worker_door.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/wrong.h"
#include "gateway/cells.h"
#include "gateway/curve.h"
#include "gateway/publishing.h"
#include "gateway/signing.h"
#include "gateway/unread.h"
#include "gateway/worker_frame.h"
#include "gateway/workers.h"

#include <czmq.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    IDENTITY_SIZE =
        5, /* ROUTER gives each connection so many bytes, the first one zero */
    FRAMES_MAX = 1024, /* of one run */
    RUN_US = 2000,     /* that it may take: others come through other doors */
    PEER_FRAMES_MAX = 1000,
    PEER_FRAMES_MIN = 16,
    PEER_BYTES = 64 << 20, /* that one peer may have said and we have not read */
    FRAME_MARGIN = 1 << 20,
    HANDSHAKE_MS = 500,
    BACKLOG = 1024, /* connections that may come at once; one more waits for a second */
    LAST_WORDS_MS = 1000, /* for what a connection said before it was over */
    LOOK_MS = 1000,       /* how often some of them are looked at, */
    LOOKS_MAX = 1024,     /* and how many */
    /* The system asks a silent peer's system by itself, which wakes nobody. */
    PROBE_AFTER_S = 15,
    PROBE_EVERY_S = 5,
    PROBES_MAX = 3,
    NOTICE_SIZE = 6, /* of libzmq's monitor: what happened, 2, to which descriptor, 4 */
    NOTICE_AT = 2,
};

static const char partings_at[] = "inproc://worker-door-partings";

struct worker_door {
    struct gateway *gateway;
    zsock_t *door;
    void *socket;       /* its libzmq socket */
    zsock_t *partings;  /* which connections have come and are over, by descriptor */
    zmq_msg_t *reading; /* the frame that is taken now */
    bool unsignalled;   /* there may be more than the descriptor says */
    unsigned port;
    struct worker_limits limits;
    struct map peers;         /* connections that have a session, by identity */
    struct map by_descriptor; /* the same, until they are over */
    struct unread unread;
    uint64_t unread_max; /* bytes of one connection */
    struct alarm look;
    struct buffer out;
    struct cells *cells;
    struct publishing publishing;
};

/* A connection that has a session. */
struct peer {
    struct worker_door *door;
    struct session *session;
    uint8_t identity[IDENTITY_SIZE];
    int32_t descriptor; /* of the system, for as long as it lasts */
    struct alarm over;
};

static struct bytes
identity_of(const struct peer *peer)
{
    return bytes_of(peer->identity, IDENTITY_SIZE);
}

static struct bytes
descriptor_of(const struct peer *peer)
{
    return bytes_of((const uint8_t *)&peer->descriptor, sizeof peer->descriptor);
}

/* Send door->out to a connection: false if it is gone or does not read. */
static bool
say(struct worker_door *door, struct bytes identity)
{
    int flags = ZMQ_DONTWAIT;
    zmq_msg_t frame;
    door->unsignalled = true;
    if (zmq_send(door->socket, identity.data, identity.size, flags | ZMQ_SNDMORE) < 0)
        return false;
    cells_fill(door->cells, &frame, buffer_bytes(&door->out));
    bool sent = zmq_msg_send(&frame, door->socket, flags) >= 0;
    if (!sent)
        zmq_msg_close(&frame);
    return sent;
}

/* Who does not hear it is gone, or will ask again. */
static void
say_error(struct worker_door *door, struct bytes identity, enum err err,
    struct bytes detail, const struct worker_frame *said)
{
    static const struct worker_frame nothing;
    if (said == NULL)
        said = &nothing;
    buffer_clear(&door->out);
    worker_write_error(&door->out, err,
        detail.size > 0 ? detail : text(err_sentence(err)), said->type, said->token);
    (void)say(door, identity);
}

/* The peer of a session, with nothing written for it yet. */
static struct peer *
peer_of(struct session *session)
{
    struct peer *peer = session->own;
    buffer_clear(&peer->door->out);
    return peer;
}

/* Who does not read is not told: what matters is said again. */
static bool
tell(struct peer *peer)
{
    size_t size = peer->door->out.size;
    if (size == 0)
        return true;
    if (!session_may_tell(peer->session, size)) {
        log_line(LOG_DEBUG, "worker_not_reading", "unread=%zu", peer->session->unread);
        return true;
    }
    if (say(peer->door, identity_of(peer)))
        return true;
    /* Once: the session ends with it. */
    log_line(LOG_INFO, "worker_unreachable", "err=\"%s\"", zmq_strerror(errno));
    return false;
}

static bool
registered(struct session *session, const struct worker_registered *m, bool again)
{
    struct peer *peer = peer_of(session);
    struct worker_door *door = peer->door;
    if (!again)
        worker_write_registered(&door->out, m, workers_idle_ms(door->gateway->workers),
            door->limits.payload_max);
    else if (m->lost.size > 1)
        worker_write_heartbeat(&door->out, m->lost, (struct bytes){ 0 });
    return tell(peer);
}

static bool
granted(struct session *session, const struct job_granted *m)
{
    struct peer *peer = peer_of(session);
    struct buffer *opened = &peer->door->gateway->scratch;
    struct job_granted job = *m;
    buffer_clear(opened);
    if (signing_open(peer->door->gateway, &session->key->project, m, opened))
        job.parameters = buffer_bytes(opened);
    worker_write_job(&peer->door->out, &job);
    return tell(peer);
}

static bool
settled(struct session *session, const struct report_settled *m)
{
    struct peer *peer = peer_of(session);
    worker_write_ack(&peer->door->out, m);
    return tell(peer);
}

static bool
heartbeat(struct session *session, const struct heartbeat_answer *m)
{
    struct peer *peer = peer_of(session);
    worker_write_heartbeat(&peer->door->out, m->lost, m->cancel);
    return tell(peer);
}

static bool
cancel(struct session *session, const struct job_cancel *m)
{
    struct peer *peer = peer_of(session);
    worker_write_cancel(&peer->door->out, m);
    return tell(peer);
}

static bool
drain(struct session *session)
{
    struct peer *peer = peer_of(session);
    worker_write_word(&peer->door->out, "drain");
    return tell(peer);
}

static void
ended(struct session *session, enum err err, struct bytes detail)
{
    static const struct worker_frame registering = {
        .type = { (const uint8_t *)"register", 8 }
    };
    struct peer *peer = session->own;
    bool asked = session->state == SESSION_ASKED;
    if (err != ERR_NONE && err != ERR_UNAVAILABLE)
        say_error(
            peer->door, identity_of(peer), err, detail, asked ? &registering : NULL);
    alarm_clear(&peer->door->gateway->alarms, &peer->over);
    map_remove(&peer->door->peers, identity_of(peer));
    if (map_get(&peer->door->by_descriptor, descriptor_of(peer)) == peer)
        map_remove(&peer->door->by_descriptor, descriptor_of(peer));
    free(peer);
}

static const struct voice voice = {
    .dialect = "zmq",
    .registered = registered,
    .granted = granted,
    .settled = settled,
    .heartbeat = heartbeat,
    .cancel = cancel,
    .drain = drain,
    .ended = ended,
};

/* Its worker comes back, if it does, over another connection. */
static void
end_parted(struct alarm *alarm)
{
    struct peer *peer = LIST_OF(alarm, struct peer, over);
    workers_end(peer->door->gateway->workers, &peer->session, false);
}

static void
part(struct worker_door *door, const int32_t *descriptor)
{
    struct gateway *g = door->gateway;
    struct bytes name = bytes_of((const uint8_t *)descriptor, sizeof *descriptor);
    struct peer *peer = map_get(&door->by_descriptor, name);
    unread_parted(&door->unread, *descriptor);
    if (peer == NULL)
        return;
    map_remove(&door->by_descriptor, name);
    alarm_set(&g->alarms, &peer->over, g->now_ms + LAST_WORDS_MS);
}

void
worker_door_partings(struct worker_door *door)
{
    uint8_t notice[NOTICE_SIZE];
    struct gateway *g = door->gateway;
    void *partings = zsock_resolve(door->partings);
    while (zmq_recv(partings, notice, sizeof notice, ZMQ_DONTWAIT) == sizeof notice) {
        uint16_t happened;
        int32_t descriptor;
        memcpy(&happened, notice, sizeof happened);
        memcpy(&descriptor, notice + NOTICE_AT, sizeof descriptor);
        (void)zmq_recv(partings, NULL, 0, ZMQ_DONTWAIT); /* our own address */
        if (happened == ZMQ_EVENT_DISCONNECTED)
            part(door, &descriptor);
        else
            unread_accepted(&door->unread, descriptor, g->now_ms);
    }
    if (door->unread.open > 0 && door->look.place == 0)
        alarm_set(&g->alarms, &door->look, g->now_ms + LOOK_MS);
}

/* Who goes on and on with one message is cut off, and who has no session and says
 * nothing. */
static bool
welcome(struct worker_door *door, int32_t descriptor)
{
    struct bytes name = bytes_of((const uint8_t *)&descriptor, sizeof descriptor);
    uint64_t unread = unread_bytes(&door->unread, descriptor);
    uint64_t until_ms = unread_heard_ms(&door->unread, descriptor)
                        + workers_idle_ms(door->gateway->workers);
    if (unread > door->unread_max) {
        log_line(LOG_UNUSUAL, "worker_without_end", "unread=%" PRIu64, unread);
        return false;
    }
    return map_get(&door->by_descriptor, name) != NULL
           || until_ms > door->gateway->now_ms;
}

static void
look(struct alarm *alarm)
{
    struct worker_door *door = LIST_OF(alarm, struct worker_door, look);
    /* Those that are over are not to be looked at: the system may have given their
     * descriptors to others. */
    worker_door_partings(door);
    for (size_t i = 0; i < LOOKS_MAX && i < door->unread.open; i++) {
        int descriptor = unread_next(&door->unread);
        /* libzmq sees the end of it; a failure means that it is gone already. */
        if (!welcome(door, descriptor))
            (void)shutdown(descriptor, SHUT_RDWR);
    }
}

/* A session for this connection; NULL if there are too many. */
static struct session *
peer_new(struct worker_door *door, struct bytes identity)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        WRONG("out of memory");
    /* The system may have given us the descriptor of one that is over. */
    worker_door_partings(door);
    peer->door = door;
    peer->descriptor = zmq_msg_get(door->reading, ZMQ_SRCFD);
    peer->over.ring = end_parted;
    memcpy(peer->identity, identity.data, IDENTITY_SIZE);
    peer->session = workers_join(door->gateway->workers, &voice, peer);
    if (peer->session == NULL) {
        free(peer);
        return NULL;
    }
    map_put(&door->peers, identity_of(peer), peer);
    map_put(&door->by_descriptor, descriptor_of(peer), peer);
    return peer->session;
}

static void
take_register(struct worker_door *door, struct session *session, struct bytes identity,
    const struct worker_frame *said)
{
    struct workers *workers = door->gateway->workers;
    const struct key *key = auth_check(door->gateway->auth, said->key);
    enum err err = workers_admit(workers, key);
    if (err == ERR_NONE && said->instance.size == 0)
        err = ERR_INVALID;
    if (err == ERR_NONE && session != NULL
        && !id_equal(&session->key->project, &key->project))
        workers_end(workers, &session, true);
    if (err == ERR_NONE && session == NULL
        && (session = peer_new(door, identity)) == NULL)
        err = ERR_BUSY;
    if (err != ERR_NONE) {
        say_error(door, identity, err, (struct bytes){ 0 }, said);
        return;
    }
    struct worker_description description = {
        .instance = said->instance,
        .name = said->name,
        .version = said->version,
        .environment = said->environment,
        .queues = said->queues,
        .actions = said->actions,
        .labels = said->labels,
    };
    workers_register(workers, session, key, &description, (uint32_t)said->concurrency,
        said->session, said->held);
}

static void
say_published(void *self, struct bytes identity, struct bytes frame)
{
    struct worker_door *door = self;
    buffer_set(&door->out, frame);
    (void)say(door, identity);
}

static void
take_publish(struct session *session, const struct worker_frame *frame)
{
    const struct peer *peer = session->own;
    struct worker_door *door = peer->door;
    door->publishing.bridge = door->gateway->bridge;
    publishing_ask(&door->publishing, identity_of(peer), &session->key->project, frame);
}

static void
take_word(
    struct workers *workers, struct session *session, const struct worker_frame *frame)
{
    switch (frame->verb) {
    case WORKER_SAYS_REGISTER: WRONG("it is taken elsewhere");
    case WORKER_SAYS_READY:
        workers_ready(workers, session, (uint32_t)frame->concurrency);
        return;
    case WORKER_SAYS_HEARTBEAT:
        workers_heartbeat(workers, session, frame->held, (struct bytes){ 0 });
        return;
    case WORKER_SAYS_REPORT:
        workers_report(workers, session,
            (struct job_report){
                .token = frame->token,
                .outcome = frame->outcome,
                .output = frame->output,
                .error_type = frame->error_type,
                .error_message = frame->error_message,
                .retry_after_ms = frame->retry_after_ms,
            });
        return;
    case WORKER_SAYS_LOG:
        workers_log(workers, session, frame->token, frame->stream, frame->chunk);
        return;
    case WORKER_SAYS_PUBLISH: take_publish(session, frame); return;
    case WORKER_SAYS_DRAIN: workers_ready(workers, session, 0); return;
    case WORKER_SAYS_GOODBYE: workers_end(workers, &session, true); return;
    }
}

static void
ask_to_register(struct worker_door *door, struct bytes identity)
{
    buffer_clear(&door->out);
    worker_write_word(&door->out, "register");
    (void)say(door, identity);
}

static void
take_frame(struct worker_door *door, struct bytes identity, struct bytes frame)
{
    struct workers *workers = door->gateway->workers;
    const struct peer *peer = map_get(&door->peers, identity);
    struct session *session = peer == NULL ? NULL : peer->session;
    struct worker_frame said;
    struct fault fault;
    enum err err = worker_frame_read(frame, &door->limits, &said, &fault);
    if (err != ERR_NONE) {
        /* What is shown of its own words may be cut in the midst of a letter. */
        say_error(door, identity, err, utf8_beginning(text(fault.detail)), &said);
        return;
    }
    if (said.verb == WORKER_SAYS_REGISTER) {
        take_register(door, session, identity, &said);
        return;
    }
    if (session == NULL) {
        if (said.verb != WORKER_SAYS_GOODBYE)
            ask_to_register(door, identity);
        return;
    }
    workers_touch(workers, session);
    /* Before it is registered it has nothing else to say; it will say it again. */
    if (session->state == SESSION_KNOWN || said.verb == WORKER_SAYS_GOODBYE)
        take_word(workers, session, &said);
}

/* The next message: identity and frame.  False if there is none. */
static bool
receive(struct worker_door *door, zmq_msg_t *identity, zmq_msg_t *frame, bool *right)
{
    if (zmq_msg_recv(identity, door->socket, ZMQ_DONTWAIT) < 0)
        return false;
    size_t parts = 1;
    while (zmq_msg_more(parts == 1 ? identity : frame)) {
        /* More is there, so it is there at once. */
        if (zmq_msg_recv(frame, door->socket, ZMQ_DONTWAIT) < 0)
            break;
        unread_taken(&door->unread, zmq_msg_get(frame, ZMQ_SRCFD), zmq_msg_size(frame),
            door->gateway->now_ms);
        parts++;
    }
    /* A routing id of the peer's own choice could be taken over by another. */
    *right = parts == 2 && zmq_msg_size(identity) == IDENTITY_SIZE
             && *(const uint8_t *)zmq_msg_data(identity) == 0;
    return true;
}

void
worker_door_run(struct worker_door *door)
{
    zmq_msg_t identity, frame;
    size_t count = 0;
    uint64_t until_us = clock_monotonic_us() + RUN_US;
    bool more = true;
    zmq_msg_init(&identity);
    zmq_msg_init(&frame);
    door->reading = &frame;
    while (count++ < FRAMES_MAX && clock_monotonic_us() < until_us) {
        bool right;
        more = receive(door, &identity, &frame, &right);
        if (!more)
            break;
        struct bytes from = bytes_of(zmq_msg_data(&identity), zmq_msg_size(&identity));
        if (right)
            take_frame(
                door, from, bytes_of(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        else
            say_error(door, from, ERR_MALFORMED,
                text("send one frame, and set no routing id"), NULL);
    }
    zmq_msg_close(&identity);
    zmq_msg_close(&frame);
    door->unsignalled |= more;
}

static enum err
bind_door(struct worker_door *door, struct fault *fault)
{
    const struct config *config = &door->gateway->child.config;
    const char *address = config->worker_address;
    char port[16];
    if (strcmp(address, "localhost") == 0)
        address = "127.0.0.1";
    snprintf(
        port, sizeof port, config->worker_port == 0 ? "*" : "%u", config->worker_port);
    int bound = zsock_bind(door->door, "tcp://%s:%s", address, port);
    if (bound > 0) {
        door->port = (unsigned)bound;
        return ERR_NONE;
    }
    if (errno == EADDRINUSE)
        return fault_set(
            fault, ERR_CONFLICT, "worker_port: %s on %.64s is in use", port, address);
    return fault_set(fault, ERR_IO, "cannot listen on %.64s port %s: %s", address, port,
        zmq_strerror(errno));
}

/* Connections that come and are over are told of by descriptor; libzmq waits for who is
 * told, so there is no limit to what may wait for us. */
static enum err
watch_partings(struct worker_door *door, struct fault *fault)
{
    door->partings = zsock_new(ZMQ_PAIR);
    if (door->partings == NULL)
        return fault_set(fault, ERR_IO, "no socket: %s", zmq_strerror(errno));
    zsock_set_rcvhwm(door->partings, 0);
    if (zmq_socket_monitor(
            door->socket, partings_at, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)
            < 0
        || zsock_connect(door->partings, "%s", partings_at) < 0)
        return fault_set(
            fault, ERR_IO, "cannot watch connections: %s", zmq_strerror(errno));
    return ERR_NONE;
}

/* What a peer says faster than we read waits with the peer. */
static int
frames_unread_max(const struct config *config)
{
    int frames = (int)(PEER_BYTES / (config->payload_max + FRAME_MARGIN));
    return frames < PEER_FRAMES_MIN ? PEER_FRAMES_MIN : frames;
}

enum err
worker_door_open(struct gateway *gateway, struct worker_door **out, struct fault *fault)
{
    const struct config *config = &gateway->child.config;
    struct worker_door *door = calloc(1, sizeof *door);
    char secret[CURVE_TEXT_SIZE];
    if (door == NULL)
        WRONG("out of memory");
    *out = door;
    door->gateway = gateway;
    door->cells = cells_new();
    door->limits.payload_max = config->payload_max;
    door->limits.jobs_max = config->session_jobs_max;
    door->publishing.answer = say_published;
    door->publishing.self = door;
    publishing_open(&door->publishing);
    door->door = zsock_new(ZMQ_ROUTER);
    if (door->door == NULL)
        return fault_set(fault, ERR_IO, "no socket: %s", zmq_strerror(errno));
    door->socket = zsock_resolve(door->door);
    zsock_set_router_mandatory(door->door, 1);
    zsock_set_linger(door->door, 0);
    zsock_set_backlog(door->door, BACKLOG);
    door->look.ring = look;
    /* Twice what whole messages may take. */
    door->unread_max = 2ull * (unsigned)frames_unread_max(config)
                       * (config->payload_max + FRAME_MARGIN);
    zsock_set_rcvhwm(door->door, frames_unread_max(config));
    zsock_set_sndhwm(door->door, (int)config->session_jobs_max + PEER_FRAMES_MAX);
    zsock_set_maxmsgsize(door->door, (int)config->payload_max + FRAME_MARGIN);
    zsock_set_handshake_ivl(door->door, HANDSHAKE_MS);
    zsock_set_tcp_keepalive(door->door, 1);
    zsock_set_tcp_keepalive_idle(door->door, PROBE_AFTER_S);
    zsock_set_tcp_keepalive_intvl(door->door, PROBE_EVERY_S);
    zsock_set_tcp_keepalive_cnt(door->door, PROBES_MAX);
    zsock_set_ipv6(door->door, 1);
    if (config->worker_curve) {
        enum err err = curve_secret(config->data, secret, fault);
        if (err != ERR_NONE)
            return err;
        zsock_set_curve_server(door->door, 1);
        zsock_set_curve_secretkey(door->door, secret);
    }
    enum err err = watch_partings(door, fault);
    return err != ERR_NONE ? err : bind_door(door, fault);
}

void
worker_door_close(struct worker_door **out)
{
    struct worker_door *door = *out;
    if (door == NULL)
        return;
    publishing_close(&door->publishing);
    if (door->socket != NULL)
        zmq_socket_monitor(door->socket, NULL, 0);
    zsock_destroy(&door->partings);
    zsock_destroy(&door->door);
    map_free(&door->peers);
    map_free(&door->by_descriptor);
    unread_free(&door->unread);
    alarm_clear(&door->gateway->alarms, &door->look);
    buffer_free(&door->out);
    cells_free(&door->cells);
    free(door);
    *out = NULL;
}

unsigned
worker_door_port(const struct worker_door *door)
{
    return door->port;
}

int
worker_door_fd(const struct worker_door *door)
{
    return (int)zsock_fd(door->door);
}

int
worker_door_partings_fd(const struct worker_door *door)
{
    return (int)zsock_fd(door->partings);
}

bool
worker_door_hears(struct worker_door *door)
{
    if (!door->unsignalled)
        return false;
    door->unsignalled = false;
    return (zsock_events(door->door) & ZMQ_POLLIN) != 0;
}
