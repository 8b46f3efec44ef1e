#include "actors/scheduler/tellings.h"

#include "actors/record.h"
#include "actors/scheduler/child.h"
#include "base/wrong.h"

enum { TELL_AGAIN_MAX = 32 };

static uint32_t
slot_of(uint32_t peer)
{
    return peer < PEER_TRIGGER ? peer : SCHEDULERS_MAX + peer - PEER_TRIGGER;
}

static uint32_t
peer_of(uint32_t slot)
{
    return slot < SCHEDULERS_MAX ? slot : PEER_TRIGGER + slot - SCHEDULERS_MAX;
}

static enum actor_name
actor_of(uint32_t peer)
{
    return peer == PEER_REGISTRY  ? ACTOR_registry
           : peer == PEER_TRIGGER ? ACTOR_trigger
                                  : ACTOR_scheduler;
}

static struct row_key
about_key(uint32_t peer, const struct id *subject, enum telling_kind kind)
{
    struct row_key key = row_key('D');
    row_key_u8(&key, (uint8_t)peer);
    row_key_id(&key, subject);
    row_key_u8(&key, (uint8_t)kind);
    return key;
}

static struct row_key
peer_key(uint32_t peer)
{
    struct row_key key = row_key('D');
    row_key_u8(&key, (uint8_t)peer);
    return key;
}

static struct telling
telling_read(struct bytes key, struct bytes value)
{
    struct telling telling = { .peer = key.data[1] };
    struct bytes left = bytes_of(key.data + 2, key.size - 2);
    telling.subject = row_take_id(&left);
    telling.kind = (enum telling_kind)row_take_u8(&left);
    telling.record = row_take_u64(&left);
    telling.project = row_take_id(&value);
    telling.run = row_take_id(&value);
    telling.step = row_take_u32(&value);
    return telling;
}

/* ---- apply ---- */

void
telling_put(struct scheduler_state *s, const struct telling *telling)
{
    struct row_key key = about_key(telling->peer, &telling->subject, telling->kind);
    struct row_key value = row_key('D'); /* built as keys are, without the letter */
    row_key_u64(&key, telling->record);
    value.size = 0;
    row_key_id(&value, &telling->project);
    row_key_id(&value, &telling->run);
    row_key_u32(&value, telling->step);
    scheduler_put(s, &key, row_key_bytes(&value));
    s->tell_own |= telling->peer == s->partition;
}

void
telling_drop(struct scheduler_state *s, uint32_t peer, const struct id *subject,
    enum telling_kind kind, uint64_t record)
{
    struct row_key about = about_key(peer, subject, kind);
    if (record != 0)
        row_key_u64(&about, record);
    scheduler_drop_all(s, &about);
    if (peer == s->partition)
        tellings_find_own(s);
}

static bool
has_rows(const struct scheduler_state *s, uint32_t peer)
{
    struct row_key from = peer_key(peer), to = row_key_after(&from);
    return scheduler_has_rows(s, &from, &to);
}

void
tellings_find_own(struct scheduler_state *s)
{
    s->tell_own = has_rows(s, s->partition);
}

static void
retell(struct scheduler_state *s, struct retelling *retelling, bool active)
{
    s->retold_peers += active;
    s->retold_peers -= retelling->active;
    retelling->active = active;
}

void
tellings_reset(struct scheduler_state *s, uint32_t peer)
{
    if (peer == s->partition || (peer < PEER_TRIGGER && peer >= SCHEDULERS_MAX))
        return;
    struct retelling *retelling = &s->retellings[slot_of(peer)];
    retell(s, retelling, has_rows(s, peer));
    retelling->last = peer_key(peer);
}

void
tellings_due(struct scheduler_state *s, uint32_t peer)
{
    if (peer != s->partition)
        tellings_reset(s, peer);
}

void
tellings_told(struct scheduler_state *s, const struct told_again *told)
{
    struct retelling *retelling = &s->retellings[slot_of(told->peer)];
    retell(s, retelling, told->more != 0);
    retelling->last.size = told->last.size;
    memcpy(retelling->last.bytes, told->last.data, told->last.size);
}

/* ---- decide ---- */

struct message
addressed(const struct scheduler_state *state, struct message m, uint32_t partition)
{
    m.to = partition == state->partition ? ACTOR_nobody : ACTOR_scheduler;
    m.to_instance = partition;
    return m;
}

struct about {
    telling_fn *each;
    void *self;
};

static bool
show(void *self, struct bytes key, struct bytes value)
{
    struct about *about = self;
    struct telling telling = telling_read(key, value);
    about->each(about->self, &telling);
    return true;
}

void
tellings_about(const struct scheduler_state *state, uint32_t peer,
    const struct id *subject, enum telling_kind kind, telling_fn *each, void *self)
{
    struct row_key from = about_key(peer, subject, kind), to = row_key_after(&from);
    struct about about = { each, self };
    journal_scan(
        state->journal, row_key_bytes(&from), row_key_bytes(&to), false, show, &about);
}

bool
telling_there(const struct scheduler_state *state, uint32_t peer,
    const struct id *subject, enum telling_kind kind)
{
    struct row_key from = about_key(peer, subject, kind), to = row_key_after(&from);
    return scheduler_has_rows(state, &from, &to);
}

void
settle_telling(const struct scheduler_state *state, struct outbox *out, uint32_t peer,
    const struct id *subject, enum telling_kind kind)
{
    if (telling_there(state, peer, subject, kind))
        say_telling_settled(out, (struct telling_settled){ peer, *subject, kind });
}

struct rows_found {
    struct telling list[TELL_AGAIN_MAX];
    struct row_key last;
    uint32_t count, max;
};

static bool
keep_row(void *self, struct bytes key, struct bytes value)
{
    struct rows_found *found = self;
    found->list[found->count++] = telling_read(key, value);
    found->last.size = key.size;
    memcpy(found->last.bytes, key.data, key.size);
    return found->count < found->max;
}

/* Up to `max` rows behind `from`. */
static void
read_rows(const struct scheduler_state *state, uint32_t peer, struct row_key from,
    struct rows_found *found)
{
    struct row_key all = peer_key(peer), to = row_key_after(&all);
    row_key_u8(&from, 0); /* behind it */
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        keep_row, found);
}

uint64_t
tellings_settled(const struct scheduler_state *state, uint32_t peer, uint64_t number)
{
    struct rows_found found = { .max = TELL_AGAIN_MAX };
    read_rows(state, peer, peer_key(peer), &found);
    if (found.count == found.max)
        return 0;
    for (uint32_t i = 0; i < found.count; i++)
        if (found.list[i].kind == TELLING_FORWARD && found.list[i].record < number)
            number = found.list[i].record;
    return number;
}

static const struct id *
subject_of(const struct message *fact, enum telling_kind kind)
{
    static const enum message_code codes[] = {
        [TELLING_FORWARD] = RUN_FORWARDED,
        [TELLING_CALL] = CHILD_CALLED,
        [TELLING_END] = CHILD_ENDED,
        [TELLING_FAILING] = AUTOMATION_FAILING,
        [TELLING_ENDED] = RUN_ENDED,
        [TELLING_REFUSED] = FIRE_REFUSED,
    };
    if (fact->code != codes[kind])
        return NULL;
    switch (kind) {
    case TELLING_FORWARD: return &fact->run_forwarded.run;
    case TELLING_CALL: return &fact->child_called.child;
    case TELLING_END: return &fact->child_ended.child;
    case TELLING_FAILING: return &fact->automation_failing.automation;
    case TELLING_ENDED: return &fact->run_ended.end;
    case TELLING_REFUSED: return &fact->fire_refused.run;
    default: WRONG("a cancel is said by its row");
    }
}

/* What leaves must not borrow from the journal: it is committed before. */
struct message
telling_fact(const struct scheduler_state *state, struct outbox *out,
    const struct telling *telling)
{
    struct record record;
    struct record_reader reader;
    struct message fact;
    if (journal_read(state->journal, telling->record, &record) != ERR_NONE
        || !record_open(
            &reader, state->journal, out->arena, arena_copy(out->arena, record.facts)))
        WRONG("a record cannot be read");
    const struct id *subject;
    do {
        if (!record_next(&reader, &fact))
            WRONG("a record has not the fact that its row names");
        subject = subject_of(&fact, telling->kind);
    } while (subject == NULL || !id_equal(subject, &telling->subject));
    return fact;
}

static void
say_again(
    const struct scheduler_state *state, struct outbox *out, const struct telling *t)
{
    struct message m = { .code = CHILD_CANCEL,
        .child_cancel = {
            t->run, t->step, t->subject, text("nobody waits for it any more") } };
    out->project = t->project;
    if (t->kind != TELLING_CANCEL)
        m = telling_fact(state, out, t);
    m.again = true;
    m.raw = (struct bytes){ 0 };
    outbox_put_to(out, actor_of(t->peer), t->peer < PEER_TRIGGER ? t->peer : 0, &m);
}

static void
tell_again(const struct scheduler_state *state, uint32_t peer, struct outbox *out)
{
    struct rows_found found = { .max = TELL_AGAIN_MAX };
    const struct retelling *retelling = &state->retellings[slot_of(peer)];
    found.last = retelling->last;
    read_rows(state, peer, retelling->last, &found);
    for (uint32_t i = 0; i < found.count; i++)
        say_again(state, out, &found.list[i]);
    say_told_again(out, (struct told_again){
                            .peer = peer,
                            .last = arena_copy(out->arena, row_key_bytes(&found.last)),
                            .more = found.count == found.max,
                        });
}

static uint32_t
first_retelling(const struct scheduler_state *state)
{
    uint32_t slot = 0;
    while (slot < TELLING_PEERS && !state->retellings[slot].active)
        slot++;
    return slot;
}

bool
tellings_hungry(const struct scheduler_state *state)
{
    return state->tell_own || state->retold_peers > 0;
}

/* What concerns this partition is done as if it had been heard. */
static void
take_up(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    struct rows_found found = { .max = 1 };
    read_rows(state, state->partition, peer_key(state->partition), &found);
    if (found.count == 0)
        WRONG("nothing is to be taken up");
    const struct telling *telling = &found.list[0];
    out->project = telling->project;
    switch (telling->kind) {
    case TELLING_CALL: take_up_call(state, now_ms, telling, out); return;
    case TELLING_CANCEL: take_up_cancel(state, now_ms, telling, out); return;
    case TELLING_END: take_up_end(state, now_ms, telling, out); return;
    default: WRONG("nobody forwards to himself");
    }
}

void
tell_peers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    uint32_t slot = first_retelling(state);
    if (state->tell_own)
        take_up(state, now_ms, out);
    else
        tell_again(state, peer_of(slot), out);
}
