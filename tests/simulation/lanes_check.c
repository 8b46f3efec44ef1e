/* What a scheduler keeps in memory about its open jobs. */
#include "actors/scheduler/state.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>

static void
lanes_tell_no_more_than_their_window(const struct machine *m)
{
    const struct scheduler_state *s = m->state;
    const struct lanes *lanes = &s->lanes;
    size_t told = 0;
    for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next) {
        const struct lane *lane = LIST_OF(at, struct lane, all);
        HOLDS(m->sim, lane->told <= lanes->jobs_max && lane->count <= lanes->jobs_max,
            "%" PRIu32 " told, %" PRIu32 " wait, %" PRIu32 " may", lane->told,
            lane->count, lanes->jobs_max);
        told += lane->told;
    }
    HOLDS(m->sim, told == lanes->told.count, "%zu told, %zu known", told,
        lanes->told.count);
}

static bool
keep_due(void *self, struct bytes key, struct bytes value)
{
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    (void)value;
    *(uint64_t *)self = row_take_u64(&left);
    return false;
}

/* The first row is looked up only now and then: it is dear. */
static void
no_timer_is_overslept(const struct machine *m)
{
    const struct scheduler_state *s = m->state;
    struct row_key from = row_key('T'), to = row_key_after(&from);
    uint64_t due_ms = UINT64_MAX;
    if (!chance_hits(sim_chance(m->sim, STREAM_TURNS), 500))
        return;
    journal_scan(
        m->journal, row_key_bytes(&from), row_key_bytes(&to), false, keep_due, &due_ms);
    HOLDS(m->sim, m->actor->due(m->state) <= due_ms,
        "one is due at %" PRIu64 ", it wakes at %" PRIu64, due_ms, s->timer_ms);
}

void
lanes_check(const struct machine *m)
{
    lanes_tell_no_more_than_their_window(m);
    no_timer_is_overslept(m);
}
