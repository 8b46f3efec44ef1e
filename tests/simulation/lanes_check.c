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

void
lanes_check(const struct machine *m)
{
    lanes_tell_no_more_than_their_window(m);
}
