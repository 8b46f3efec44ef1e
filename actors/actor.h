/* actor - a name and a few pure functions; loop.c gives it a process.
 *
 * State has two parts.  What must last lies in rows of the journal and changes only
 * when a FACT is applied.  What may be lost, such as what a peer has been told in this
 * life, lies in the state struct and changes when FACTs and NOTEs are applied.
 * Replaying the facts into an empty journal gives the same rows, byte for byte.
 */
#ifndef ACTORS_ACTOR_H
#define ACTORS_ACTOR_H
#include "actors/outbox.h"
#include "actors/schedule/zones.h"
#include "base/config.h"
#include "base/hash.h"
#include "store/journal.h"

struct actor_setup {
    const struct config *config;
    struct journal *journal; /* NULL for an actor without one */
    const struct zones *zones;
    uint32_t instance;
    uint64_t epoch; /* this life */
    uint8_t secret[SECRET_SIZE];
};

struct actor {
    enum actor_name name;
    size_t state_size; /* bytes */

    /* Make the state of a life that begins; may read rows.  Keeps `setup`'s pointers.
     */
    void (*open)(void *state, const struct actor_setup *setup);
    void (*close)(void *state);

    /* What follows from `in` at `now_ms`?  Reads state, changes nothing.  HELLO means
     * that a peer must hear again what the state has for it (hello.resync: enum
     * resync).
     */
    void (*decide)(const void *state, uint64_t now_ms, const struct message *in,
        struct outbox *out);

    /* `m`, a FACT or a NOTE, has happened at `at_ms`.  The only place where state
     * changes; never fails, never asks anything but rows. */
    void (*apply)(void *state, uint64_t at_ms, const struct message *m);

    /* All of a turn has been applied: rows kept in hand are written.  NULL: none are.
     */
    void (*settle)(void *state);

    /* When must tick run next?  Unix ms; UINT64_MAX for never. */
    uint64_t (*due)(const void *state);

    /* The clock passed due(): what follows? */
    void (*tick)(const void *state, uint64_t now_ms, struct outbox *out);
};
#endif
