/* machine - one process of the engine: an actor under the real loop, with its links,
 * its disk, its clock and its lives; or a model of a part that is not an actor.
 */
#ifndef TESTS_SIMULATION_MACHINE_H
#define TESTS_SIMULATION_MACHINE_H
#include "actors/loop.h"
#include "store/journal_memory.h"
#include "tests/simulation/sim.h"
#include "transport/link.h"

enum { PEERS_MAX = MACHINES_MAX };

/* A part of the engine that is played, not run. */
struct model {
    void (*begin)(struct machine *machine); /* a life */
    void (*hear)(struct machine *machine, const struct message *in);
    void (*end)(struct machine *machine);
};

/* One packet: frames, each behind its length. */
struct packet {
    struct list link;
    struct machine *from, *to;
    uint64_t to_life, connection;
    size_t size, at; /* bytes; read up to */
    uint8_t bytes[];
};

/* The way from one machine to another. */
struct road {
    uint64_t connection; /* counts them */
    uint64_t lost_up_to; /* packets of connections up to this one never arrive */
    uint64_t last_us;    /* when the last packet of the connection arrives */
    uint64_t cut_until_us;
    uint64_t full_until_us; /* takes no more packets than PIPE_FULL until then */
    uint32_t in_flight;
    struct list parked; /* packets that wait for the other side to come back */
};

struct peer {
    struct machine *machine;
    struct link link;
    uint64_t heard_epoch, heard_sequence; /* of what was taken last */
    bool speaks;                          /* we have a wire to it */
    struct buffer packet;
    struct road road; /* to it */
};

struct machine {
    struct sim *sim;
    enum actor_name name;
    uint32_t instance;
    char title[24];
    const struct actor *actor; /* NULL: a model */
    const struct model *model;
    struct actor shell; /* the actor, watched */
    bool journaled;

    bool up;
    uint64_t life, epoch, message_id;
    uint64_t wake_us;  /* UINT64_MAX: never */
    uint64_t hello_ms; /* no HELLO is due before */
    uint64_t paused_until_us;
    uint64_t slow_until_us;    /* its disk */
    uint64_t sync_us;          /* how long the commit of this batch takes */
    uint64_t born_us, born_ms; /* the moment of birth, in true and in its own time */
    int64_t wrong_ms;          /* how far its wall clock is off */
    int32_t drift_ppm;
    int64_t jumped_ms; /* its wall clock, since it was born */

    struct memory_disk *disk;
    struct journal *journal;
    struct shadow *shadow; /* its facts, folded: see replay_check.c; or NULL */
    void *state;
    struct loop loop;
    struct world world;

    struct list inbox, taken; /* packets */
    bool held_back;
    struct message held;
    bool in_turn;
    size_t batch_left; /* turns that this batch may still take */
    uint64_t ticks_since_ms;
    uint32_t ticks;      /* since then */
    uint32_t heard;      /* messages, since then */
    uint32_t flush_left; /* packets that leave before it dies; UINT32_MAX: all */
    struct peer peers[PEERS_MAX];
    size_t peer_count;
};

struct machine *machine_new(struct sim *sim, enum actor_name name, uint32_t instance,
    const struct actor *actor, const struct model *model, bool journaled);
/* Its life ends with the world; free it when those of all machines have ended. */
void machine_stop(struct machine *machine);
void machine_free(struct machine *machine);
/* Lay the wires between all machines there are. */
void machines_wire(struct sim *sim);
struct machine *
machine_named(const struct sim *sim, enum actor_name name, uint32_t instance);

/* Begin a life now; if the disk fails, a little later. */
void machine_start(struct machine *machine);
/* Die now; with `power`, the disk forgets some of what was not synced.  Begin again
 * after `rest_us`. */
void machine_crash(struct machine *machine, bool power, uint64_t rest_us);
void machine_pause(struct machine *machine, uint64_t for_us);
/* The one that is taking its turn, or NULL. */
const struct machine *machine_running(void);
/* The clock of this life. */
uint64_t machine_now_ms(const struct machine *machine);
/* Its wall clock, which also jumps. */
uint64_t machine_wall_ms(const struct machine *machine);

/* bus.c */
/* Say `m`; it leaves with the next bus_flush. */
void bus_send(struct machine *machine, const struct message *m);
void bus_flush(struct machine *machine);
/* Say the HELLOs that are due; returns when the next one is. */
uint64_t bus_hello_us(struct machine *machine);
/* The next message for the machine. */
bool bus_receive(struct machine *machine, struct message *in);
/* What was received is gone. */
void bus_release(struct machine *machine);
/* The machine has died, or begins a life. */
void bus_close(struct machine *machine);
void bus_open(struct machine *machine);
/* The connection from one to the other breaks. */
void bus_reset(struct machine *from, struct machine *to, bool lose);
/* The pipe from one to the other is nearly full for a while. */
void bus_fill(struct machine *from, struct machine *to, uint64_t for_us);
/* Nothing passes for a while, either way. */
void bus_cut(struct machine *a, struct machine *b, uint64_t for_us);
bool
bus_has_heard(const struct machine *machine, enum actor_name actor, uint32_t instance);
/* See that the machine runs in `after_us` or before. */
void machine_wake(struct machine *machine, uint64_t after_us);
#endif
