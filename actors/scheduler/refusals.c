/* Starts of other partitions, and slots, that were refused here: each stays refused,
 * however often it is told, until who told it says that it has settled it. */
#include "actors/record.h"
#include "actors/scheduler/tellings.h"
#include "base/wrong.h"

/* Rows that one refusal forgets: more than it adds. */
enum { FORGET_MAX = 8 };

static struct row_key
asker_key(uint32_t asker)
{
    struct row_key key = row_key('r');
    row_key_u32(&key, asker);
    return key;
}

static struct row_key
refusal_key(uint32_t asker, uint64_t number)
{
    struct row_key key = asker_key(asker);
    row_key_u64(&key, number);
    return key;
}

/* The fact, of a record of any time. */
static struct start_refused
refusal_read(const struct scheduler_state *state, struct outbox *out, uint64_t number)
{
    struct record record;
    struct record_reader reader;
    struct message fact;
    if (journal_read(state->journal, number, &record) != ERR_NONE
        || !record_open(
            &reader, state->journal, out->arena, arena_copy(out->arena, record.facts)))
        WRONG("a record cannot be read");
    if (!record_next(&reader, &fact) || fact.code != START_REFUSED)
        WRONG("a record has not the fact that its row names");
    return fact.start_refused;
}

struct seeking {
    const struct scheduler_state *state;
    struct outbox *out;
    struct forward_taken *taken;
    bool found;
};

static bool
take_refusal(void *self, struct bytes key, struct bytes record)
{
    struct seeking *s = self;
    struct start_refused refused =
        refusal_read(s->state, s->out, row_take_u64(&record));
    (void)key;
    s->found = id_equal(&refused.run, &s->taken->run);
    if (s->found) {
        s->taken->existed = 0;
        s->taken->err = refused.err;
        s->taken->detail = refused.detail;
        s->taken->details = refused.details;
    }
    return !s->found;
}

/* Under its number, or under a later one: then it was lost on the way and told again,
 * and who asked has been answered. */
bool
refusal_find(const struct scheduler_state *state, struct outbox *out, uint32_t asker,
    struct forward_taken *taken)
{
    struct row_key from = refusal_key(asker, taken->number),
                   to = refusal_key(asker, UINT64_MAX);
    struct seeking seeking = { state, out, taken, false };
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        take_refusal, &seeking);
    return seeking.found;
}

/* Releases before this one ask without a number. */
void
note_refusal(struct outbox *out, uint32_t asker, const struct run_forwarded *asked,
    const struct forward_taken *taken)
{
    if (asked->number == 0)
        return;
    say_start_refused(out, (struct start_refused){
                               .run = asked->run,
                               .asker = asker,
                               .number = asked->number,
                               .err = taken->err,
                               .detail = taken->detail,
                               .details = taken->details,
                               .settled = asked->settled,
                           });
}

struct forgetting {
    struct row_key keys[FORGET_MAX];
    size_t count;
};

static bool
keep_key(void *self, struct bytes key, struct bytes value)
{
    struct forgetting *f = self;
    struct row_key *kept = &f->keys[f->count++];
    (void)value;
    kept->size = key.size;
    memcpy(kept->bytes, key.data, key.size);
    return f->count < FORGET_MAX;
}

/* A link keeps the order of what it carries, so what is settled is never told again. */
static void
forget_settled(struct scheduler_state *s, uint32_t asker, uint64_t settled)
{
    struct row_key from = asker_key(asker), to = refusal_key(asker, settled);
    struct forgetting f = { .count = 0 };
    journal_scan(
        s->journal, row_key_bytes(&from), row_key_bytes(&to), false, keep_key, &f);
    for (size_t i = 0; i < f.count; i++)
        scheduler_drop(s, &f.keys[i]);
}

void
apply_refusal(struct scheduler_state *s, const struct message *fact)
{
    const struct start_refused *refused = &fact->start_refused;
    struct row_key key = refusal_key(refused->asker, refused->number);
    struct row_key value = row_key('r'); /* built as keys are, without the letter */
    value.size = 0;
    row_key_u64(&value, journal_last(s->journal));
    scheduler_put(s, &key, row_key_bytes(&value));
    forget_settled(s, refused->asker, refused->settled);
}

/* ---- slots ---- */

struct saying {
    const struct scheduler_state *state;
    struct outbox *out;
    bool said;
};

static void
say_refused_again(void *self, const struct telling *telling)
{
    struct saying *saying = self;
    struct message m = telling_fact(saying->state, saying->out, telling);
    m.again = true;
    m.raw = (struct bytes){ 0 };
    outbox_put(saying->out, &m);
    saying->said = true;
}

bool
fire_refused_before(
    const struct scheduler_state *state, struct outbox *out, const struct id *run)
{
    struct saying saying = { state, out, false };
    tellings_about(
        state, PEER_TRIGGER, run, TELLING_REFUSED, say_refused_again, &saying);
    return saying.said;
}

void
apply_fire_refused(struct scheduler_state *s, const struct message *fact)
{
    telling_put(s, &(struct telling){
                       .peer = PEER_TRIGGER,
                       .subject = fact->fire_refused.run,
                       .kind = TELLING_REFUSED,
                       .record = journal_last(s->journal),
                       .project = fact->envelope.project,
                       .run = fact->fire_refused.run,
                   });
}

void
on_refusal_known(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    settle_telling(state, out, PEER_TRIGGER, &in->refusal_known.run, TELLING_REFUSED);
}
