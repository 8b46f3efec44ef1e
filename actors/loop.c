#include "actors/loop.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/wrong.h"

#include <inttypes.h>
#include <stdlib.h>

void
loop_open(struct loop *loop, const struct actor *actor, void *state,
    struct journal *journal, const struct world *world,
    const struct loop_options *options)
{
    *loop = (struct loop){
        .actor = actor,
        .state = state,
        .journal = journal,
        .world = world,
        .message_id = options->epoch,
        .blobs = record_blobs(journal, options->inline_max),
    };
}

void
loop_close(struct loop *loop)
{
    arena_free(&loop->arena);
    buffer_free(&loop->record);
    free(loop->messages);
    loop->messages = NULL;
}

/* The outbox of the next turn of the batch, behind what earlier turns said. */
static void
make_room(struct loop *loop, size_t used)
{
    if (loop->message_capacity - used >= OUTBOX_MAX)
        return;
    size_t capacity = loop->message_capacity * 2 + OUTBOX_MAX;
    loop->messages = realloc(loop->messages, capacity * sizeof *loop->messages);
    if (loop->messages == NULL)
        WRONG("out of memory");
    loop->message_capacity = capacity;
}

/* Append the facts of one turn as one record. */
static void
append(struct loop *loop, const struct outbox *out, uint64_t now_ms)
{
    struct buffer *record = &loop->record;
    buffer_clear(record);
    size_t facts = record_write(&loop->blobs, out->messages, out->count, record);
    if (facts == 0)
        return;
    journal_append(loop->journal, now_ms, buffer_bytes(record));
    count(COUNTER_facts, facts);
    count(COUNTER_bytes_appended, record->size);
}

static void
apply(struct loop *loop, const struct outbox *out, uint64_t now_ms)
{
    if (loop->journal != NULL)
        append(loop, out, now_ms);
    for (size_t i = 0; i < out->count; i++) {
        struct message *m = &out->messages[i];
        enum message_kind kind = message_routes[m->code].kind;
        if ((kind == FACT || kind == NOTE) && !m->again)
            loop->actor->apply(loop->state, now_ms, m);
        m->raw = (struct bytes){ 0 };
    }
    if (loop->actor->settle != NULL)
        loop->actor->settle(loop->state);
}

static bool
leaves(const struct loop *loop, const struct message *m)
{
    enum actor_name from = message_routes[m->code].from;
    return m->to != ACTOR_nobody && (from == loop->actor->name || from == ACTOR_any);
}

/* Decide on one message or tick, in turn when there is both.  False if there is nothing
 * to do now; the first turn of a batch waits for something. */
static bool
turn(struct loop *loop, size_t *used, size_t turns)
{
    const struct actor *actor = loop->actor;
    const struct world *world = loop->world;
    uint64_t now_ms = world->now_ms(world->self), due_ms = actor->due(loop->state);
    bool due = due_ms <= now_ms, heard = false;
    struct message in;

    make_room(loop, *used);
    struct outbox out = { .arena = &loop->arena, .messages = loop->messages + *used };
    if (!due || turns % 2 == 1)
        heard = world->receive(world->self, due || turns > 0 ? 0 : due_ms, &in);
    if (heard) {
        now_ms = world->now_ms(world->self);
        out.in = &in;
        out.project = in.envelope.project;
        out.partition = in.envelope.partition;
        actor->decide(loop->state, now_ms, &in, &out);
    } else if (due) {
        actor->tick(loop->state, now_ms, &out);
    } else {
        return false;
    }
    count(COUNTER_turns, 1);
    apply(loop, &out, now_ms);
    *used += out.count;
    return true;
}

/* What nobody hears of needs no sync of its own: the next one covers it.  What is said
 * may rest on what an earlier batch left without one.  A batch that wrote nothing is
 * committed as well: of the rows that it read the journal keeps only what fits. */
static enum err
commit(struct loop *loop, bool heard_of)
{
    bool writes = journal_dirty(loop->journal) || (heard_of && loop->unsynced);
    uint64_t begin_us = clock_monotonic_us();
    enum err err = journal_commit(loop->journal, heard_of);
    if (!writes)
        return err;
    loop->unsynced = !heard_of;
    count(COUNTER_syncs, heard_of);
    count(COUNTER_sync_us, clock_monotonic_us() - begin_us);
    return err;
}

/* Two turns at least: where both are due, one is a tick and one a message. */
static bool
goes_on(const struct loop *loop, size_t turns)
{
    return turns < 2 || (turns < BATCH_MAX && loop->arena.held <= BATCH_HELD_MAX);
}

enum err
loop_turn(struct loop *loop)
{
    const struct world *world = loop->world;
    size_t used = 0, turns = 0;
    bool speaks = false;

    while (goes_on(loop, turns) && turn(loop, &used, turns))
        turns++;
    for (size_t i = 0; i < used; i++)
        speaks |= leaves(loop, &loop->messages[i]);
    if (loop->journal != NULL) {
        enum err err = commit(loop, speaks);
        if (err != ERR_NONE)
            return err;
    }
    for (size_t i = 0; i < used; i++) {
        struct message *m = &loop->messages[i];
        if (!leaves(loop, m))
            continue;
        m->envelope.id = ++loop->message_id;
        world->send(world->self, m);
    }
    world->flush(world->self);
    arena_reset(&loop->arena);
    return ERR_NONE;
}

/* Apply every fact of record `n`. */
static enum err
replay_record(const struct actor *actor, void *state, struct journal *journal,
    struct journal *from, struct arena *arena, uint64_t n)
{
    struct record record;
    struct record_reader reader;
    struct message fact;

    if (journal_read(from, n, &record) != ERR_NONE
        || !record_open(&reader, from, arena, record.facts))
        return ERR_CORRUPT;
    if (journal_append(journal, record.at_ms, record.facts) != n)
        WRONG("a replay goes on where its journal ends");
    while (record_next(&reader, &fact))
        actor->apply(state, record.at_ms, &fact);
    if (actor->settle != NULL)
        actor->settle(state);
    return reader.bad ? ERR_CORRUPT : journal_commit(journal, false);
}

enum err
loop_replay(const struct actor *actor, void *state, struct journal *journal,
    struct journal *from, struct fault *fault)
{
    struct arena arena = { 0 };
    enum err err = ERR_NONE;

    for (uint64_t n = journal_last(journal) + 1;
         n <= journal_last(from) && err == ERR_NONE; n++) {
        err = replay_record(actor, state, journal, from, &arena, n);
        arena_reset(&arena);
        if (err != ERR_NONE)
            fault_set(fault, err, "record %" PRIu64 " cannot be replayed", n);
    }
    arena_free(&arena);
    return err;
}
