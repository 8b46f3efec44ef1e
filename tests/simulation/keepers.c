#include "tests/simulation/keepers.h"

#include "actors/record.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/gateway_model.h"
#include "tests/simulation/machine.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    KEEPERS = 5,
    LISTS = 2,
    CHANGES = 12, /* of each keeper, acknowledged or not */
    LIST_MAX = 512,
    PATIENCE_US = 4 * SECOND_US
};

struct list_copy {
    uint64_t numbers[LIST_MAX];
    size_t size;
};

/* One that sends its next question when the last one is answered, or given up. */
struct keeper {
    size_t list;
    uint64_t attempt;
    uint32_t changes; /* that it sent */
    bool reads;       /* the question under way is one */
    uint64_t number;  /* else: what it appends */
    size_t known;     /* of the list, when it was sent */
    bool done;
};

/* What was acknowledged: this number lies there. */
struct acknowledged {
    size_t list, place;
    uint64_t number;
};

struct keepers {
    struct keeper all[KEEPERS];
    size_t known[LISTS]; /* the longest that anybody was told of */
    struct acknowledged acknowledged[2 * KEEPERS * CHANGES + 1024];
    size_t acknowledged_count;
    uint64_t numbers;
};

static void send(struct sim *sim, void *self, uint64_t attempt, void **owned);

static struct chance *
luck(struct sim *sim)
{
    return sim_chance(sim, STREAM_KEEPERS);
}

static struct bytes
key_of(size_t list)
{
    static const char *const keys[LISTS] = { "first", "second" };
    return text(keys[list]);
}

static void
next(struct sim *sim, struct keeper *k)
{
    sim_plan(sim, chance_between(luck(sim), 20 * MS_US, 600 * MS_US), send, k,
        ++k->attempt, NULL);
}

static void
lose_patience(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct keeper *k = self;
    (void)owned;
    if (!k->done && k->attempt == attempt)
        next(sim, k);
}

/* A change whose answer is lost may have been made or not: another one is sent then. */
static struct message
question(struct sim *sim, struct keeper *k, struct buffer *ops)
{
    struct message m = { .code = STATE_GET };
    struct bytes scope = text("lists"), key = key_of(k->list);
    k->reads = k->changes == CHANGES || chance_hits(luck(sim), 2500);
    k->known = sim->keepers->known[k->list];
    m.envelope.project = project_id(0);
    m.state_get = (struct state_get){ .scope = scope, .key = key };
    if (k->reads)
        return m;
    k->changes++;
    k->number = ++sim->keepers->numbers;
    pack_array(ops, 1);
    pack_map(ops, 2);
    pack_string(ops, "type");
    pack_string(ops, "append");
    pack_string(ops, "value");
    pack_u64(ops, k->number);
    m.code = STATE_UPDATE;
    m.state_update =
        (struct state_update){ .scope = scope, .key = key, .ops = buffer_bytes(ops) };
    return m;
}

static void
send(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct keeper *k = self;
    size_t i = (size_t)(k - sim->keepers->all);
    struct buffer ops = { 0 };
    (void)owned;
    if (k->attempt != attempt)
        return;
    struct message m = question(sim, k, &ops);
    bool heard = gateway_take_question(sim, KEEPER_CALLS + i, attempt, &m);
    buffer_free(&ops);
    if (heard)
        sim_plan(sim, PATIENCE_US, lose_patience, k, attempt, NULL);
    else
        next(sim, k);
}

/* ---- what holds ---- */

static void
take_list(struct bytes value, struct list_copy *list)
{
    struct cursor c = cursor_over(value);
    size_t count = value.size == 0 ? 0 : cursor_array(&c);
    if (count > LIST_MAX)
        WRONG("more changes than there are");
    for (list->size = 0; list->size < count; list->size++)
        list->numbers[list->size] = cursor_u64(&c);
}

/* Whoever asked after an acknowledgement sees that change. */
static void
a_read_sees_what_was_acknowledged_before(
    struct sim *sim, const struct keeper *k, const struct list_copy *list)
{
    HOLDS(sim, list->size >= k->known, "%zu changes, but %zu were acknowledged",
        list->size, k->known);
    sim_probe(PROBE_STATE_READ);
}

static void
a_change_comes_behind_those_acknowledged_before(
    struct sim *sim, const struct keeper *k, const struct list_copy *list)
{
    HOLDS(sim, list->size > k->known, "change %zu, but %zu were acknowledged before",
        list->size, k->known);
    HOLDS(sim, list->size > 0 && list->numbers[list->size - 1] == k->number,
        "change %zu is not number %" PRIu64, list->size, k->number);
    sim_probe(PROBE_STATE_CHANGED);
}

static void
acknowledge(struct keepers *keepers, size_t list, const struct list_copy *told)
{
    if (keepers->acknowledged_count == COUNT(keepers->acknowledged))
        WRONG("more answers than there are questions");
    if (told->size == 0)
        return;
    keepers->acknowledged[keepers->acknowledged_count++] =
        (struct acknowledged){ list, told->size - 1, told->numbers[told->size - 1] };
    if (told->size > keepers->known[list])
        keepers->known[list] = told->size;
}

void
keepers_hear(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *answer)
{
    struct keepers *keepers = sim->keepers;
    struct keeper *k = &keepers->all[call - KEEPER_CALLS];
    struct list_copy list = { .size = 0 };
    if (k->done || attempt != k->attempt)
        return;
    bool nothing =
        answer->code == REFUSED && k->reads && answer->refused.err == ERR_NOT_FOUND;
    if (answer->code == DOCUMENT)
        take_list(pack_find(answer->document.document, "value"), &list);
    if (answer->code == DOCUMENT || nothing) {
        if (k->reads)
            a_read_sees_what_was_acknowledged_before(sim, k, &list);
        else
            a_change_comes_behind_those_acknowledged_before(sim, k, &list);
        acknowledge(keepers, k->list, &list);
        k->done = k->reads && k->changes == CHANGES && sim->healed;
    }
    if (!k->done)
        next(sim, k);
}

/* ---- the log ---- */

struct reading {
    struct sim *sim;
    struct list_copy lists[LISTS];
    uint64_t revision;
};

/* Each change adds to what the one before made, and nothing else does. */
static void
changes_of_state_follow_each_other(
    struct reading *r, const struct state_changed *changed)
{
    size_t i = bytes_equal(changed->key, key_of(0)) ? 0 : 1;
    struct list_copy *before = &r->lists[i], after;
    take_list(changed->value, &after);
    HOLDS(r->sim, changed->revision == r->revision + 1, "%" PRIu64 " after %" PRIu64,
        changed->revision, r->revision);
    HOLDS(r->sim,
        after.size == before->size + 1
            && memcmp(after.numbers, before->numbers,
                   before->size * sizeof before->numbers[0])
                   == 0,
        "revision %" PRIu64 " has %zu numbers after %zu", changed->revision, after.size,
        before->size);
    r->revision = changed->revision;
    *before = after;
}

/* However often its question was said. */
static void
a_change_of_state_is_made_once(struct reading *r)
{
    for (size_t l = 0; l < LISTS; l++)
        for (size_t i = 0; i < r->lists[l].size; i++)
            for (size_t j = 0; j < i; j++)
                HOLDS(r->sim, r->lists[l].numbers[i] != r->lists[l].numbers[j],
                    "number %" PRIu64 " at %zu and %zu", r->lists[l].numbers[i], j, i);
}

static void
an_acknowledged_change_is_there(struct reading *r)
{
    const struct keepers *keepers = r->sim->keepers;
    for (size_t i = 0; i < keepers->acknowledged_count; i++) {
        const struct acknowledged *a = &keepers->acknowledged[i];
        const struct list_copy *list = &r->lists[a->list];
        HOLDS(r->sim, a->place < list->size && list->numbers[a->place] == a->number,
            "number %" PRIu64 " is not at %zu of %zu", a->number, a->place, list->size);
    }
}

void
keepers_check(struct sim *sim, const struct machine *trigger)
{
    struct reading *r = sim_room(sizeof *r);
    struct arena arena = { 0 };
    r->sim = sim;
    for (uint64_t n = 1; n <= journal_last(trigger->journal); n++) {
        struct record record;
        struct record_reader reader;
        struct message fact;
        if (journal_read(trigger->journal, n, &record) != ERR_NONE
            || !record_open(&reader, trigger->journal, &arena, record.facts))
            WRONG("a record cannot be read");
        while (record_next(&reader, &fact))
            if (fact.code == STATE_CHANGED)
                changes_of_state_follow_each_other(r, &fact.state_changed);
        arena_reset(&arena);
    }
    a_change_of_state_is_made_once(r);
    an_acknowledged_change_is_there(r);
    arena_free(&arena);
    free(r);
}

/* ---- the world ---- */

const char *
keepers_wait_for(const struct sim *sim)
{
    for (size_t i = 0; i < KEEPERS; i++)
        if (!sim->keepers->all[i].done)
            return "a program that keeps state is not answered";
    return NULL;
}

void
keepers_open(struct sim *sim)
{
    sim->keepers = sim_room(sizeof *sim->keepers);
    for (size_t i = 0; i < KEEPERS; i++) {
        struct keeper *k = &sim->keepers->all[i];
        k->list = i % LISTS;
        next(sim, k);
    }
}

void
keepers_close(struct sim *sim)
{
    free(sim->keepers);
}
