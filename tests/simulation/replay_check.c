/* A machine's facts, folded by the same actor into an empty journal, give the rows that
 * it lives with.  What was folded once is kept: each fact is folded once, unless a
 * power cut takes some. */
#include "base/wrong.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

struct shadow {
    const struct actor *actor;
    struct journal *journal;
    void *state;
};

static struct shadow *
shadow_new(const struct machine *m)
{
    struct journal_options options = { .epoch = m->epoch,
        .memtable_bytes = 1 << 20,
        .block_cache_bytes = 1 << 20,
        .state_cache_bytes = 1 << 20 };
    struct actor_setup setup = {
        .config = &m->sim->config, .zones = m->sim->zones, .instance = m->instance
    };
    struct shadow *shadow = sim_room(sizeof *shadow);
    struct fault fault;
    memcpy(setup.secret, m->sim->secret, SECRET_SIZE);
    if (journal_open_memory(NULL, &options, &setup.journal, &fault) != ERR_NONE)
        WRONG("no journal in memory");
    shadow->actor = m->actor;
    shadow->journal = setup.journal;
    shadow->state = sim_room(m->actor->state_size);
    m->actor->open(shadow->state, &setup);
    return shadow;
}

void
shadow_free(struct shadow **out)
{
    struct shadow *shadow = *out;
    if (shadow == NULL)
        return;
    shadow->actor->close(shadow->state);
    free(shadow->state);
    journal_close(&shadow->journal);
    free(shadow);
    *out = NULL;
}

static bool
collect_row(void *self, struct bytes key, struct bytes value)
{
    struct buffer *rows = self;
    uint64_t sizes[2] = { key.size, value.size };
    buffer_append(rows, sizes, sizeof sizes);
    buffer_append_bytes(rows, key);
    buffer_append_bytes(rows, value);
    return true;
}

static void
collect_rows(struct journal *journal, struct buffer *rows)
{
    journal_scan(
        journal, (struct bytes){ 0 }, (struct bytes){ 0 }, false, collect_row, rows);
}

/* The letter of the first row that differs. */
static char
first_difference(const struct buffer *a, const struct buffer *b)
{
    size_t at = 0;
    while (at + 16 <= a->size && at + 16 <= b->size) {
        uint64_t sizes[2];
        memcpy(sizes, a->data + at, sizeof sizes);
        size_t size = sizeof sizes + sizes[0] + sizes[1];
        if (at + size > b->size || memcmp(a->data + at, b->data + at, size) != 0)
            return (char)a->data[at + sizeof sizes];
        at += size;
    }
    return '?';
}

void
replay_gives_the_same_rows(struct machine *m)
{
    struct buffer lived = { 0 }, replayed = { 0 };
    struct fault fault = { 0 };
    if (m->shadow == NULL)
        m->shadow = shadow_new(m);
    HOLDS(m->sim,
        loop_replay(m->actor, m->shadow->state, m->shadow->journal, m->journal, &fault)
            == ERR_NONE,
        "%s", fault.detail);
    collect_rows(m->journal, &lived);
    collect_rows(m->shadow->journal, &replayed);
    HOLDS(m->sim, bytes_equal(buffer_bytes(&lived), buffer_bytes(&replayed)),
        "%s has other rows of '%c'", m->title, first_difference(&lived, &replayed));
    buffer_free(&lived);
    buffer_free(&replayed);
}
