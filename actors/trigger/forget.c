/* What facts of the past say no more.
 *
 * A fact that says much names its own record, as the rows that follow from it do.  When
 * nobody can ask for it again it is taken out of that, but for what other rows follow
 * from: whoever folds the log then meets it without contents, and what ended it.  One
 * that says little is not worth a second record, and stays as it is. */
#include "actors/trigger/state.h"
#include "base/wrong.h"

enum { WORTH_BYTES = 256 };

uint64_t
record_if_worth(const struct trigger_state *s, size_t bytes)
{
    return bytes < WORTH_BYTES ? 0 : journal_last(s->journal) + 1;
}

void
forget_facts(
    struct trigger_state *s, uint64_t at, record_leave_fn *leave, const void *self)
{
    struct buffer rest = { 0 };
    struct record record;
    if (journal_read(s->journal, at, &record) != ERR_NONE)
        WRONG("the record of a fact cannot be read");
    if (!record_leave(s->journal, record.facts, leave, self, &rest))
        WRONG("a fact is not in its record");
    journal_strip(s->journal, at, buffer_bytes(&rest));
    buffer_free(&rest);
}
