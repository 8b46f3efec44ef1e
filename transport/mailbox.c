#include "transport/mailbox.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/wrong.h"
#include "transport/codec.h"
#include "transport/link.h"
#include "transport/packet.h"

#include <czmq.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

enum { HIGH_WATER = 16384, RECONNECT_MS = 20, LAZY_MS = 2 };
enum { PACKET_KEPT_MAX = 1024 * 1024 }; /* bytes of memory kept between packets */

/* One who speaks to us, or to whom we speak, or both. */
struct peer {
    enum actor_name actor;
    uint32_t instance;
    struct link link;
    zsock_t *out; /* NULL: we never speak to it */
    struct buffer packet;
    size_t packed;     /* messages in it */
    bool urgent;       /* one of them must leave now */
    uint64_t leave_ms; /* when the others must, monotonic */
};

struct mailbox {
    enum actor_name self;
    uint32_t instance;
    uint64_t epoch, message_id;
    zsock_t *inbox;
    struct peer *peers;
    size_t peer_count;

    zmq_msg_t **frames; /* received and not yet released */
    size_t frame_count, frame_capacity;
    struct bytes packet; /* what is left of the last one */
    bool drained;        /* nothing was left in the inbox */
    bool held_back;      /* `held` comes next, after the HELLO made for it */
    struct message held;
};

static const struct {
    enum actor_name from, to;
} wires[] = {
#define WIRE(from, to, about) { ACTOR_##from, ACTOR_##to },
#include "transport/wires.def"
};

static struct peer *
peer_of(const struct mailbox *mailbox, enum actor_name actor, uint32_t instance)
{
    for (size_t i = 0; i < mailbox->peer_count; i++)
        if (mailbox->peers[i].actor == actor && mailbox->peers[i].instance == instance)
            return &mailbox->peers[i];
    return NULL;
}

static struct peer *
add_peer(struct mailbox *mailbox, enum actor_name actor, uint32_t instance)
{
    struct peer *known = peer_of(mailbox, actor, instance);
    if (known != NULL)
        return known;
    struct peer *peer = &mailbox->peers[mailbox->peer_count++];
    *peer = (struct peer){ .actor = actor, .instance = instance };
    return peer;
}

static void
set_limits(zsock_t *sock, size_t message_max)
{
    zsock_set_sndhwm(sock, HIGH_WATER);
    zsock_set_rcvhwm(sock, HIGH_WATER);
    zsock_set_linger(sock, 0);
    zsock_set_maxmsgsize(sock, (int)(message_max + PACKET_BYTES));
    zsock_set_reconnect_ivl(sock, RECONNECT_MS);
    zsock_set_reconnect_ivl_max(sock, RECONNECT_MS * 10);
}

static enum err
open_inbox(
    struct mailbox *mailbox, const struct mailbox_options *options, struct fault *fault)
{
    mailbox->inbox = zsock_new(ZMQ_ROUTER);
    if (mailbox->inbox == NULL)
        return fault_set(fault, ERR_IO, "no socket: %s", zmq_strerror(errno));
    set_limits(mailbox->inbox, options->message_max);
    zsock_set_router_mandatory(mailbox->inbox, 1);
    if (zsock_bind(mailbox->inbox, "ipc://%s/%s.%u", options->folder,
            actor_name_text(options->self), options->instance)
        < 0)
        return fault_set(fault, errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO,
            "cannot bind %s/%s.%u: %s", options->folder, actor_name_text(options->self),
            options->instance, zmq_strerror(errno));
    return ERR_NONE;
}

static enum err
open_link(struct mailbox *mailbox, const struct mailbox_options *options,
    enum actor_name actor, uint32_t instance, struct fault *fault)
{
    struct peer *peer = add_peer(mailbox, actor, instance);
    peer->out = zsock_new(ZMQ_DEALER);
    if (peer->out == NULL)
        return fault_set(fault, ERR_IO, "no socket: %s", zmq_strerror(errno));
    set_limits(peer->out, options->message_max);
    if (zsock_connect(peer->out, "ipc://%s/%s.%u", options->folder,
            actor_name_text(actor), instance)
        < 0)
        return fault_set(fault, ERR_IO, "cannot connect to %s.%u: %s",
            actor_name_text(actor), instance, zmq_strerror(errno));
    return ERR_NONE;
}

static uint32_t
instances_of(const struct mailbox_options *options, enum actor_name actor)
{
    return actor == ACTOR_scheduler ? options->schedulers : 1;
}

static enum err
open_links(
    struct mailbox *mailbox, const struct mailbox_options *options, struct fault *fault)
{
    for (size_t w = 0; w < COUNT(wires); w++) {
        bool ours = wires[w].from == options->self;
        if (!ours && wires[w].to != options->self)
            continue;
        enum actor_name other = ours ? wires[w].to : wires[w].from;
        for (uint32_t i = 0; i < instances_of(options, other); i++) {
            enum err err = ERR_NONE;
            if (ours)
                err = open_link(mailbox, options, other, i, fault);
            else
                add_peer(mailbox, other, i);
            if (err != ERR_NONE)
                return err;
        }
    }
    return ERR_NONE;
}

enum err
mailbox_open(
    const struct mailbox_options *options, struct mailbox **out, struct fault *fault)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    size_t peers_max = COUNT(wires) + 2 * (size_t)options->schedulers;
    if (mailbox == NULL
        || (mailbox->peers = calloc(peers_max, sizeof *mailbox->peers)) == NULL)
        WRONG("out of memory");
    mailbox->self = options->self;
    mailbox->instance = options->instance;
    mailbox->epoch = mailbox->message_id = options->epoch;
    zsys_handler_set(NULL);
    enum err err = open_inbox(mailbox, options, fault);
    if (err == ERR_NONE)
        err = open_links(mailbox, options, fault);
    if (err != ERR_NONE) {
        mailbox_close(&mailbox);
        return err;
    }
    *out = mailbox;
    return ERR_NONE;
}

void
mailbox_close(struct mailbox **out)
{
    struct mailbox *mailbox = *out;
    if (mailbox == NULL)
        return;
    mailbox->held_back = false;
    mailbox->packet = (struct bytes){ 0 };
    mailbox_release(mailbox);
    for (size_t i = 0; i < mailbox->peer_count; i++) {
        zsock_destroy(&mailbox->peers[i].out);
        buffer_free(&mailbox->peers[i].packet);
    }
    zsock_destroy(&mailbox->inbox);
    for (size_t i = 0; i < mailbox->frame_capacity; i++)
        free(mailbox->frames[i]);
    free(mailbox->frames);
    free(mailbox->peers);
    free(mailbox);
    *out = NULL;
}

/* Room for one more frame; zmq_msg_t must not move, so each has a place of its own. */
static zmq_msg_t *
next_frame(struct mailbox *mailbox)
{
    if (mailbox->frame_count == mailbox->frame_capacity) {
        size_t capacity = mailbox->frame_capacity * 2 + 16;
        mailbox->frames = realloc(mailbox->frames, capacity * sizeof *mailbox->frames);
        if (mailbox->frames == NULL)
            WRONG("out of memory");
        for (size_t i = mailbox->frame_capacity; i < capacity; i++)
            if ((mailbox->frames[i] = malloc(sizeof(zmq_msg_t))) == NULL)
                WRONG("out of memory");
        mailbox->frame_capacity = capacity;
    }
    return mailbox->frames[mailbox->frame_count];
}

/* The next packet of the inbox, without the identity before it.  False: none has come.
 */
static bool
receive_packet(struct mailbox *mailbox)
{
    void *inbox = zsock_resolve(mailbox->inbox);
    for (;;) {
        zmq_msg_t *frame = next_frame(mailbox);
        zmq_msg_init(frame);
        mailbox->drained = zmq_msg_recv(frame, inbox, ZMQ_DONTWAIT) < 0;
        if (mailbox->drained) {
            zmq_msg_close(frame);
            return false;
        }
        if (zmq_msg_more(frame)) {
            zmq_msg_close(frame);
            continue;
        }
        mailbox->frame_count++;
        mailbox->packet = bytes_of(zmq_msg_data(frame), zmq_msg_size(frame));
        return true;
    }
}

static void
complain(size_t size)
{
    count(COUNTER_malformed, 1);
    log_line(LOG_UNUSUAL, "message_malformed", "size=%zu", size);
}

/* The next message; false: none has come. */
static bool
receive_message(struct mailbox *mailbox, struct bytes *message)
{
    while (!packet_next(&mailbox->packet, message)) {
        if (mailbox->packet.size > 0)
            complain(mailbox->packet.size);
        mailbox->packet = (struct bytes){ 0 };
        if (!receive_packet(mailbox))
            return false;
    }
    return true;
}

bool
mailbox_receive(struct mailbox *mailbox, struct message *in)
{
    if (mailbox->held_back) {
        mailbox->held_back = false;
        *in = mailbox->held;
        return true;
    }
    struct bytes bytes;
    while (receive_message(mailbox, &bytes)) {
        struct peer *peer = NULL;
        if (codec_read(bytes, in) == ERR_NONE)
            peer = peer_of(mailbox, in->envelope.from, in->envelope.instance);
        if (peer == NULL) {
            complain(bytes.size);
            continue;
        }
        count(COUNTER_received, 1);
        if (in->code == HELLO)
            (void)clock_reach(in->hello.at_ms);
        switch (link_take(&peer->link, in, &mailbox->held)) {
        case LINK_DROPPED: break;
        case LINK_GREETED: mailbox->held_back = true; return true;
        case LINK_TAKEN: return true;
        }
    }
    return false;
}

bool
mailbox_pending(const struct mailbox *mailbox)
{
    return mailbox->held_back || mailbox->packet.size > 0;
}

bool
mailbox_drained(const struct mailbox *mailbox)
{
    return mailbox->drained && !mailbox_pending(mailbox);
}

/* The last frame stays as long as something in it has yet to be taken. */
void
mailbox_release(struct mailbox *mailbox)
{
    size_t kept = mailbox_pending(mailbox);
    if (kept > 0 && mailbox->frame_count > 0) {
        zmq_msg_t *last = mailbox->frames[mailbox->frame_count - 1];
        mailbox->frames[mailbox->frame_count - 1] = mailbox->frames[0];
        mailbox->frames[0] = last;
    }
    while (mailbox->frame_count > kept)
        zmq_msg_close(mailbox->frames[--mailbox->frame_count]);
}

static void
flush_peer(struct peer *peer)
{
    void *out = zsock_resolve(peer->out);
    if (zmq_send(out, peer->packet.data, peer->packet.size, ZMQ_DONTWAIT) < 0) {
        bool gone = peer->link.peer_epoch == 0;
        count(gone ? COUNTER_refused_gone : COUNTER_refused_full, peer->packed);
    }
    buffer_clear(&peer->packet);
    if (peer->packet.capacity > PACKET_KEPT_MAX)
        buffer_free(&peer->packet);
    peer->packed = 0;
    peer->urgent = false;
}

/* A hint that a run goes on, that one has begun whose end is waited for, and that a job
 * is leased: nobody waits for these, and mostly there is more to say to the same peer
 * at once. */
static bool
may_wait(const struct message *m)
{
    return m->code == JOB_LEASED || (m->code == RUN_ACCEPTED && m->run_accepted.patient)
           || (m->code == RUN_CHANGED
               && !run_status_final((enum run_status)m->run_changed.status));
}

static void
speak(struct mailbox *mailbox, struct peer *peer, const struct message *m)
{
    struct message numbered = *m;
    struct envelope *e = &numbered.envelope;
    e->from = mailbox->self;
    e->instance = mailbox->instance;
    e->epoch = mailbox->epoch;
    if (e->id == 0)
        e->id = ++mailbox->message_id;
    if (m->code == JOB_OFFERED)
        numbered.job_offered.ready_us = clock_monotonic_us();
    link_speak(&peer->link, clock_monotonic_ms(), &numbered);
    size_t begun = packet_begin(&peer->packet);
    codec_write(&numbered, &peer->packet);
    packet_end(&peer->packet, begun);
    if (peer->packed++ == 0)
        peer->leave_ms = clock_monotonic_ms() + LAZY_MS;
    peer->urgent |= !may_wait(m);
    count(COUNTER_sent, 1);
    if (peer->packet.size >= PACKET_BYTES)
        flush_peer(peer);
}

void
mailbox_send(struct mailbox *mailbox, const struct message *m)
{
    struct peer *peer = peer_of(mailbox, m->to, m->to_instance);
    if (peer == NULL || peer->out == NULL)
        WRONG("a message to somebody without a wire");
    speak(mailbox, peer, m);
}

static bool
must_leave(const struct peer *peer)
{
    return peer->urgent || (peer->packed > 0 && peer->leave_ms <= clock_monotonic_ms());
}

/* Its HELLO, if that is due, and what must leave. */
static void
serve(struct mailbox *mailbox, struct peer *peer, uint64_t now_ms)
{
    struct message hello;
    if (peer->out != NULL && link_hello(&peer->link, now_ms, &hello)) {
        hello.hello.at_ms = clock_unix_ms();
        speak(mailbox, peer, &hello);
    }
    if (must_leave(peer))
        flush_peer(peer);
}

/* The gateway comes first in the table, and is served last: before its client hears
 * that a run has begun, a job is on its way to a worker. */
void
mailbox_flush(struct mailbox *mailbox)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = mailbox->peer_count; i-- > 0;)
        serve(mailbox, &mailbox->peers[i], now_ms);
}

uint64_t
mailbox_tick(struct mailbox *mailbox)
{
    uint64_t now_ms = clock_monotonic_ms(), next_ms = UINT64_MAX;
    for (size_t i = 0; i < mailbox->peer_count; i++) {
        struct peer *peer = &mailbox->peers[i];
        if (peer->out == NULL)
            continue;
        serve(mailbox, peer, now_ms);
        uint64_t in_ms = peer->link.hello_ms - now_ms;
        if (peer->packed > 0 && peer->leave_ms < now_ms + in_ms)
            in_ms = peer->leave_ms > now_ms ? peer->leave_ms - now_ms : 0;
        next_ms = in_ms < next_ms ? in_ms : next_ms;
    }
    return next_ms;
}

/* Nobody sends by the inbox: once it is drained, its descriptor wakes us.  zmq_poll
 * would ask the kernel five times where once is enough. */
bool
mailbox_wait(struct mailbox *mailbox, uint64_t timeout_ms, int stop_fd)
{
    uint64_t until_ms =
        timeout_ms == UINT64_MAX ? UINT64_MAX : clock_monotonic_ms() + timeout_ms;
    struct pollfd fds[] = {
        { .fd = (int)zsock_fd(mailbox->inbox), .events = POLLIN },
        { .fd = stop_fd, .events = POLLIN },
    };
    while (mailbox_drained(mailbox)) {
        uint64_t hello_ms = mailbox_tick(mailbox), now_ms = clock_monotonic_ms();
        uint64_t left_ms = until_ms <= now_ms ? 0 : until_ms - now_ms;
        uint64_t sleep_ms = left_ms < hello_ms ? left_ms : hello_ms;
        int ready = poll(fds, COUNT(fds), sleep_ms > INT_MAX ? INT_MAX : (int)sleep_ms);
        if (ready > 0)
            return fds[0].revents != 0;
        if (ready < 0 && errno != EINTR)
            WRONG("poll failed");
        if (clock_monotonic_ms() >= until_ms)
            return false;
    }
    return true;
}

bool
mailbox_heard(const struct mailbox *mailbox, enum actor_name actor, uint32_t instance)
{
    const struct peer *peer = peer_of(mailbox, actor, instance);
    return peer != NULL && peer->link.peer_epoch != 0;
}

int
mailbox_fd(const struct mailbox *mailbox)
{
    return (int)zsock_fd(mailbox->inbox);
}
