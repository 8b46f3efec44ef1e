/* How far the trigger actor was told of the waits that it may not know. */
#include "actors/scheduler/state.h"
#include "store/rows.h"

#include <assert.h>

/* Rows told and not settled: what the link takes without dropping. */
enum { WAITS_TOLD_MAX = 256 };

struct row_key
untold_key(uint64_t record, const struct id *run, uint32_t step)
{
    struct row_key key = row_key('Y');
    row_key_u64(&key, record);
    row_key_id(&key, run);
    row_key_u32(&key, step);
    return key;
}

uint32_t
untold_room(const struct untold_waits *waits)
{
    assert(waits->told <= WAITS_TOLD_MAX);
    return WAITS_TOLD_MAX - waits->told;
}

bool
untold_hungry(const struct untold_waits *waits)
{
    return waits->more && untold_room(waits) > 0;
}

static void
look_behind(struct scheduler_state *s)
{
    struct untold_waits *w = &s->untold;
    struct row_key from = untold_key(w->record, &w->run, w->step), all = row_key('Y');
    struct row_key to = row_key_after(&all);
    row_key_u8(&from, 0); /* behind it */
    w->more = scheduler_has_rows(s, &from, &to);
}

void
untold_reset(struct scheduler_state *s)
{
    s->untold = (struct untold_waits){ .record = 0 };
    look_behind(s);
}

void
untold_note(
    struct scheduler_state *s, uint64_t record, const struct id *run, uint32_t step)
{
    s->untold.record = record;
    s->untold.run = *run;
    s->untold.step = step;
    s->untold.told++;
    look_behind(s);
}

void
untold_drop(
    struct scheduler_state *s, uint64_t record, const struct id *run, uint32_t step)
{
    struct untold_waits *w = &s->untold;
    struct row_key key = untold_key(record, run, step);
    struct row_key last = untold_key(w->record, &w->run, w->step);
    if (journal_get(s->journal, row_key_bytes(&key)).data == NULL)
        return;
    scheduler_drop(s, &key);
    if (bytes_order(row_key_bytes(&key), row_key_bytes(&last)) > 0) {
        look_behind(s);
    } else {
        assert(w->told > 0);
        w->told--;
    }
}
