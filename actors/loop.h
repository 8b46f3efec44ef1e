/* loop - the one place where an actor meets the world.
 *
 * Each turn: receive what has arrived, decide and apply each message in order, make
 * what was decided durable, and only then let any of it leave.
 */
#ifndef ACTORS_LOOP_H
#define ACTORS_LOOP_H
#include "actors/actor.h"
#include "actors/record.h"
#include "base/buffer.h"

enum {
    BATCH_MAX = 256,                   /* turns */
    BATCH_HELD_MAX = 32 * 1024 * 1024, /* bytes: the turn that goes beyond ends it */
};

/* The world as an actor sees it: real in process.c, simulated in tests/simulation. */
struct world {
    void *self;
    /* Never goes back, not even over lives of the actor. */
    uint64_t (*now_ms)(void *self);
    /* The next message, waiting until `until_ms` at most; 0 does not wait. */
    bool (*receive)(void *self, uint64_t until_ms, struct message *in);
    void (*send)(void *self, const struct message *m);
    /* The batch is over: let packets go, give back what was received. */
    void (*flush)(void *self);
};

struct loop {
    const struct actor *actor;
    void *state;
    struct journal *journal; /* NULL: facts are applied and sent only */
    const struct world *world;
    struct arena arena;       /* one batch */
    struct message *messages; /* of one batch */
    size_t message_capacity;
    struct buffer record;     /* facts of one turn */
    struct field_blobs blobs; /* of the journal */
    uint64_t message_id;      /* of the last message said */
    bool unsynced;            /* a commit of this life is not durable yet */
};

struct loop_options {
    uint64_t epoch;    /* this life: unix microseconds */
    size_t inline_max; /* bytes of a payload that stay in the record */
};

void loop_open(struct loop *loop, const struct actor *actor, void *state,
    struct journal *journal, const struct world *world,
    const struct loop_options *options);
void loop_close(struct loop *loop);

/* One batch.  ERR_NO_SPACE and ERR_IO are final: exit, open again, answer from the log.
 */
MUST_CHECK enum err loop_turn(struct loop *loop);

/* Fold every fact of `from` that `journal`, that of `state`, has not yet into both: the
 * same rows follow.  Used by capstan verify and by the simulation.
 *
 * ERR_CORRUPT  a record that cannot be read: `fault` names it
 */
MUST_CHECK enum err loop_replay(const struct actor *actor, void *state,
    struct journal *journal, struct journal *from, struct fault *fault);
#endif
