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

/* ---- fires and matches ---- */

/* A fire leaves what moves its trigger and group, a match whose it was. */
static bool
leave_told(const void *self, struct message *fact)
{
    struct trigger_fired *fired = &fact->trigger_fired;
    struct wait_matched *matched = &fact->wait_matched;
    (void)self;
    if (fact->code == TRIGGER_FIRED && fired->record != 0) {
        fired->source = (struct bytes){ 0 };
        fired->concurrency = fired->runs_max = fired->echo = 0;
        if (!fired->held && fired->quiet_ms == 0)
            fired->group = (struct bytes){ 0 };
        fired->record = 0;
        return true;
    }
    if (fact->code == WAIT_MATCHED && matched->record != 0) {
        matched->type = matched->source = (struct bytes){ 0 };
        matched->record = 0;
        return true;
    }
    return false;
}

/* All of a record are taken out of it together, when the last one is over: a record of
 * many is not written once for each. */
void
telling_begun(struct trigger_state *s, uint64_t record)
{
    struct row_key key = key_of_telling(record);
    struct telling telling;
    bool another = record == s->telling;
    if (record == 0)
        return;
    s->telling = record;
    if (!another)
        return;
    if (!kept_read(s->journal, &key, &telling_shape, NULL, &telling))
        telling.count = 1;
    telling.count++;
    kept_write(s->journal, &key, &telling_shape, &telling);
}

void
telling_over(struct trigger_state *s, uint64_t record)
{
    struct row_key key = key_of_telling(record);
    struct telling telling;
    if (record == 0)
        return;
    bool several = kept_read(s->journal, &key, &telling_shape, NULL, &telling);
    if (several && telling.count > 1) {
        telling.count--;
        kept_write(s->journal, &key, &telling_shape, &telling);
        return;
    }
    if (several)
        kept_drop(s->journal, &key);
    forget_facts(s, record, leave_told, NULL);
}

void
telling_repeated(struct trigger_state *s, uint64_t record)
{
    if (record != 0)
        s->again = record;
}

void
told_again_settle(struct trigger_state *s)
{
    if (s->again != 0)
        forget_facts(s, s->again, leave_told, NULL);
    s->again = 0;
}
