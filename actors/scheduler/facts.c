/* Facts of the run, of earlier turns and of this one. */
#include "actors/record.h"
#include "actors/scheduler/state.h"
#include "base/wrong.h"

bool
turn_facts(struct turn *turn, uint64_t number, look_fn *look, void *self)
{
    const struct id *id = turn->history != NULL ? turn->history : &turn->run.id;
    struct journal *journal = turn->state->journal;
    struct record record;
    struct record_reader reader;
    struct message fact;
    bool found = false;
    if (number == turn->run.record) {
        for (size_t i = 0; i < turn->out->count && !found; i++)
            found = fact_is_about(&turn->out->messages[i], id)
                    && look(self, &turn->out->messages[i]);
        return found;
    }
    if (journal_read(journal, number, &record) != ERR_NONE
        || !record_open(&reader, journal, turn->out->arena,
            arena_copy(turn->out->arena, record.facts)))
        WRONG("a record of a run cannot be read");
    while (!found && record_next(&reader, &fact))
        found = fact_is_about(&fact, id) && look(self, &fact);
    return found;
}

void
turn_look(struct turn *turn, uint64_t number, look_fn *look, void *self)
{
    if (!turn_facts(turn, number, look, self))
        WRONG("a record has not the fact that its row names");
}
