/* The bus: links as the mailbox has them, over roads that lose, repeat, delay and
 * break.
 *
 * A packet is what one flush says to one peer: all of it arrives or nothing.  On one
 * connection packets keep their order; on two they need not. */
#include "base/counters.h"
#include "base/wrong.h"
#include "tests/simulation/machine.h"
#include "transport/codec.h"

#include <inttypes.h>
#include <stdlib.h>

/* Packets to a dead process that ZeroMQ keeps; further ones are dropped. */
enum { PARKED_MAX = 64, PIPE_FULL = 1, LATE_MS = 400 };

static const struct {
    enum actor_name from, to;
} wires[] = {
#define WIRE(from, to, about) { ACTOR_##from, ACTOR_##to },
#include "transport/wires.def"
};

static bool
wired(enum actor_name from, enum actor_name to)
{
    for (size_t i = 0; i < COUNT(wires); i++)
        if (wires[i].from == from && wires[i].to == to)
            return true;
    return false;
}

void
machines_wire(struct sim *sim)
{
    for (size_t i = 0; i < sim->machine_count; i++) {
        struct machine *m = sim->machines[i];
        for (size_t j = 0; j < sim->machine_count; j++) {
            struct machine *other = sim->machines[j];
            bool speaks = wired(m->name, other->name);
            if (m == other || (!speaks && !wired(other->name, m->name)))
                continue;
            struct peer *peer = &m->peers[m->peer_count++];
            peer->machine = other;
            peer->speaks = speaks;
            list_open(&peer->road.parked);
            peer->road.connection = 1;
        }
    }
}

static struct peer *
peer_of(const struct machine *m, enum actor_name name, uint32_t instance)
{
    for (size_t i = 0; i < m->peer_count; i++) {
        const struct peer *peer = &m->peers[i];
        if (peer->machine->name == name && peer->machine->instance == instance)
            return (struct peer *)(uintptr_t)peer;
    }
    return NULL;
}

/* One that there is. */
static struct peer *
the_peer(const struct machine *m, enum actor_name name, uint32_t instance)
{
    struct peer *peer = peer_of(m, name, instance);
    if (peer == NULL)
        WRONG("there is no wire between the two");
    return peer;
}

bool
bus_has_heard(const struct machine *m, enum actor_name actor, uint32_t instance)
{
    const struct peer *peer = peer_of(m, actor, instance);
    return peer != NULL && peer->link.peer_epoch != 0;
}

/* ---- roads ---- */

static struct road *
road_between(struct machine *from, struct machine *to)
{
    return &the_peer(from, to->name, to->instance)->road;
}

static struct packet *
packet_copy(const struct packet *packet)
{
    struct packet *copy = sim_room(sizeof *copy + packet->size);
    memcpy(copy, packet, sizeof *copy + packet->size);
    return copy;
}

static void
arrive(struct sim *sim, void *self, uint64_t number, void **owned)
{
    struct packet *packet = *owned;
    struct machine *to = packet->to;
    struct road *road = road_between(packet->from, to);
    (void)self;
    (void)number;
    road->in_flight--;
    if (!to->up || to->life != packet->to_life
        || packet->connection <= road->lost_up_to) {
        sim_probe(PROBE_LOST_IN_FLIGHT);
        return;
    }
    *owned = NULL;
    list_append(&to->inbox, &packet->link);
    machine_wake(to, chance_below(sim_chance(sim, STREAM_TURNS), 400));
}

static uint64_t
delay_us(struct sim *sim)
{
    struct chance *c = sim_chance(sim, STREAM_NETWORK);
    if (!sim->healed && chance_hits(c, sim->dials.late))
        return chance_between(c, MS_US, LATE_MS * MS_US);
    return chance_between(c, 10, sim->dials.latency_us);
}

static void
put_on_road(struct sim *sim, struct packet *packet)
{
    struct road *road = road_between(packet->from, packet->to);
    uint64_t at_us = sim->now_us + packet->from->sync_us + delay_us(sim);
    at_us = at_us > road->last_us ? at_us : road->last_us;
    road->last_us = at_us;
    road->in_flight++;
    packet->connection = road->connection;
    packet->to_life = packet->to->life;
    sim_plan(sim, at_us - sim->now_us, arrive, NULL, 0, packet);
}

static size_t
length(const struct list *list)
{
    size_t count = 0;
    for (struct list *at = list->next; at != list; at = at->next)
        count++;
    return count;
}

/* The packet leaves: what becomes of it?  Takes it. */
static void
carry(struct sim *sim, struct packet *packet)
{
    struct chance *c = sim_chance(sim, STREAM_NETWORK);
    struct road *road = road_between(packet->from, packet->to);
    bool lost = !sim->healed && chance_hits(c, sim->dials.loss);
    bool repeated = !sim->healed && chance_hits(c, sim->dials.repeat);
    bool parked = chance_hits(c, sim->dials.parked);
    bool full = road->full_until_us > sim->now_us && road->in_flight >= PIPE_FULL;

    if (full)
        sim_probe(PROBE_FULL);
    if (lost || full
        || (!packet->to->up && (!parked || length(&road->parked) >= PARKED_MAX))
        || road->cut_until_us > sim->now_us) {
        sim_probe(PROBE_LOST);
        free(packet);
    } else if (!packet->to->up) {
        list_append(&road->parked, &packet->link);
    } else {
        if (repeated) {
            sim_probe(PROBE_REPEATED);
            put_on_road(sim, packet_copy(packet));
        }
        put_on_road(sim, packet);
    }
}

void
bus_reset(struct machine *from, struct machine *to, bool lose)
{
    struct road *road = road_between(from, to);
    if (lose)
        road->lost_up_to = road->connection;
    road->connection++;
    road->last_us = 0;
}

void
bus_fill(struct machine *from, struct machine *to, uint64_t for_us)
{
    road_between(from, to)->full_until_us = from->sim->now_us + for_us;
}

void
bus_cut(struct machine *a, struct machine *b, uint64_t for_us)
{
    road_between(a, b)->cut_until_us = a->sim->now_us + for_us;
    if (wired(b->name, a->name))
        road_between(b, a)->cut_until_us = a->sim->now_us + for_us;
}

/* ---- saying ---- */

static void
flush_peer(struct machine *m, struct peer *peer)
{
    struct buffer *filled = &peer->packet;
    if (m->flush_left > 0 && m->flush_left != UINT32_MAX)
        m->flush_left--;
    if (m->flush_left == 0) {
        buffer_clear(filled); /* it dies before */
        return;
    }
    struct packet *packet = sim_room(sizeof *packet + filled->size);
    packet->from = m;
    packet->to = peer->machine;
    packet->size = filled->size;
    memcpy(packet->bytes, filled->data, filled->size);
    sim_note(m->sim, buffer_bytes(filled));
    buffer_clear(filled);
    carry(m->sim, packet);
}

static void
note_hello_due(struct machine *m, const struct peer *peer)
{
    if (peer->link.hello_ms < m->hello_ms)
        m->hello_ms = peer->link.hello_ms;
}

static void
speak(struct machine *m, struct peer *peer, const struct message *said)
{
    struct message numbered = *said;
    struct envelope *e = &numbered.envelope;
    e->from = m->name;
    e->instance = m->instance;
    e->epoch = m->epoch;
    if (e->id == 0)
        e->id = ++m->message_id;
    link_speak(&peer->link, m->sim->now_us / MS_US, &numbered);
    note_hello_due(m, peer);
    size_t head = peer->packet.size;
    uint32_t size = 0;
    buffer_append(&peer->packet, &size, sizeof size);
    codec_write(&numbered, &peer->packet);
    size = (uint32_t)(peer->packet.size - head - sizeof size);
    memcpy(peer->packet.data + head, &size, sizeof size);
    m->sim->messages++;
    sim_trace_message(m->sim, "say", m->title, peer->machine->title, &numbered);
}

void
bus_send(struct machine *m, const struct message *said)
{
    struct peer *peer = the_peer(m, said->to, said->to_instance);
    if (!peer->speaks)
        WRONG("a message to somebody without a wire");
    speak(m, peer, said);
}

void
bus_flush(struct machine *m)
{
    for (size_t i = 0; i < m->peer_count; i++)
        if (m->peers[i].packet.size > 0)
            flush_peer(m, &m->peers[i]);
}

uint64_t
bus_hello_us(struct machine *m)
{
    uint64_t now_ms = m->sim->now_us / MS_US, next_ms = UINT64_MAX / MS_US;
    if (now_ms < m->hello_ms)
        return m->hello_ms * MS_US;
    for (size_t i = 0; i < m->peer_count; i++) {
        struct peer *peer = &m->peers[i];
        struct message hello;
        if (!peer->speaks)
            continue;
        if (link_hello(&peer->link, now_ms, &hello)) {
            speak(m, peer, &hello);
            flush_peer(m, peer);
        }
        if (peer->link.hello_ms < next_ms)
            next_ms = peer->link.hello_ms;
    }
    m->hello_ms = next_ms;
    return next_ms * MS_US;
}

/* ---- hearing ---- */

static bool
read_frame(struct machine *m, struct message *in, struct peer **from)
{
    for (;;) {
        struct list *first = list_first(&m->inbox);
        if (first == NULL)
            return false;
        struct packet *packet = LIST_OF(first, struct packet, link);
        if (packet->at == packet->size) {
            list_remove(first);
            list_append(&m->taken, first);
            continue;
        }
        uint32_t size;
        memcpy(&size, packet->bytes + packet->at, sizeof size);
        packet->at += sizeof size;
        struct bytes frame = bytes_of(packet->bytes + packet->at, size);
        packet->at += size;
        if (codec_read(frame, in) != ERR_NONE)
            WRONG("what was said cannot be read");
        *from = the_peer(m, in->envelope.from, in->envelope.instance);
        return true;
    }
}

static const char *
sender(const struct machine *m, const struct message *in)
{
    return the_peer(m, in->envelope.from, in->envelope.instance)->machine->title;
}

static void
note_hello(const struct message *in)
{
    if (in->code == HELLO)
        sim_probe(in->hello.resync == 2 ? PROBE_NEW_LIFE_SEEN : PROBE_GAP_SEEN);
}

static void
no_earlier_life_is_heard(
    const struct machine *m, const struct peer *from, const struct message *in)
{
    HOLDS(m->sim, in->envelope.epoch >= from->heard_epoch, "%s hears %s", m->title,
        from->machine->title);
}

static void
nothing_is_heard_twice(
    const struct machine *m, const struct peer *from, const struct message *in)
{
    HOLDS(m->sim,
        in->envelope.epoch > from->heard_epoch
            || in->envelope.sequence > from->heard_sequence,
        "%s hears %" PRIu64 " of %s", m->title, in->envelope.sequence,
        from->machine->title);
}

static void
check_order(const struct machine *m, struct peer *from, const struct message *in)
{
    no_earlier_life_is_heard(m, from, in);
    nothing_is_heard_twice(m, from, in);
    from->heard_epoch = in->envelope.epoch;
    from->heard_sequence = in->envelope.sequence;
}

bool
bus_receive(struct machine *m, struct message *in)
{
    struct peer *from;
    if (m->held_back) {
        m->held_back = false;
        *in = m->held;
        sim_trace_message(m->sim, "hear", m->title, sender(m, in), in);
        return true;
    }
    while (read_frame(m, in, &from)) {
        enum link_take taken = link_take(&from->link, in, &m->held);
        note_hello_due(m, from);
        if (taken == LINK_DROPPED)
            continue;
        check_order(m, from, in);
        m->held_back = taken == LINK_GREETED;
        note_hello(in);
        sim_trace_message(m->sim, "hear", m->title, sender(m, in), in);
        return true;
    }
    return false;
}

static void
free_all(struct list *packets)
{
    struct list *at;
    while ((at = list_first(packets)) != NULL) {
        struct packet *packet = LIST_OF(at, struct packet, link);
        list_remove(at);
        /* Nobody may have kept a part of it. */
        memset(packet->bytes, 0xa5, packet->size);
        free(packet);
    }
}

void
bus_release(struct machine *m)
{
    if (!m->held_back)
        free_all(&m->taken);
}

/* ---- lives ---- */

static void
forget_road(struct machine *from, struct machine *to, bool lose)
{
    struct peer *peer = peer_of(from, to->name, to->instance);
    if (peer != NULL && peer->speaks)
        bus_reset(from, to, lose);
}

void
bus_close(struct machine *m)
{
    struct chance *c = sim_chance(m->sim, STREAM_NETWORK);
    free_all(&m->inbox);
    free_all(&m->taken);
    m->held_back = false;
    m->hello_ms = 0;
    for (size_t i = 0; i < m->peer_count; i++) {
        struct peer *peer = &m->peers[i];
        peer->link = (struct link){ 0 };
        peer->heard_epoch = peer->heard_sequence = 0;
        buffer_clear(&peer->packet);
        free_all(&peer->road.parked);
        /* What it said last may still be on its way; what was on its way to it is
         * lost. */
        forget_road(m, peer->machine, chance_hits(c, 5000));
        forget_road(peer->machine, m, true);
    }
}

void
bus_open(struct machine *m)
{
    for (size_t i = 0; i < m->peer_count; i++) {
        struct machine *other = m->peers[i].machine;
        struct peer *back = peer_of(other, m->name, m->instance);
        struct list *at;
        if (back == NULL)
            continue;
        while ((at = list_first(&back->road.parked)) != NULL) {
            list_remove(at);
            put_on_road(m->sim, LIST_OF(at, struct packet, link));
        }
    }
}
