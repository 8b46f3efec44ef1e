/* What the log of the trigger actor must say: which slots came, and what became of
 * them.
 */
#include "actors/trigger/state.h"
#include "base/wrong.h"
#include "store/rows.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

struct slot {
    struct list link;
    struct id run;
    struct id project, automation;
    struct hash trigger;
    uint64_t slot_ms, event;
    bool settled;
};

/* An automation as the trigger actor knows it. */
struct known {
    struct id id;
    bool active;
};
enum { KNOWN_MAX = 64 };

struct reading {
    struct sim *sim;
    struct known known[KNOWN_MAX];
    size_t known_count;
    struct map by_run;
    struct list all;
    uint64_t at_ms;
};

static void
slots_of_a_trigger_come_in_order(struct reading *r, const struct slot *slot)
{
    for (struct list *at = r->all.next; at != &r->all; at = at->next) {
        const struct slot *other = LIST_OF(at, struct slot, link);
        if (!id_equal(&other->automation, &slot->automation)
            || !hash_same(other->trigger.bytes, slot->trigger.bytes, HASH_SIZE))
            continue;
        if (slot->event != 0)
            continue;
        HOLDS(r->sim, other->slot_ms < slot->slot_ms, "%" PRIu64 " after %" PRIu64,
            slot->slot_ms, other->slot_ms);
        HOLDS(r->sim, other->settled, "%" PRIu64 " is not settled", other->slot_ms);
    }
    HOLDS(r->sim, slot->slot_ms <= r->at_ms, "%" PRIu64 " ms too early",
        slot->slot_ms - r->at_ms);
}

static struct known *
known_of(struct reading *r, const struct id *automation)
{
    for (size_t i = 0; i < r->known_count; i++)
        if (id_equal(&r->known[i].id, automation))
            return &r->known[i];
    if (r->known_count == KNOWN_MAX)
        WRONG("more automations than there are texts of");
    r->known[r->known_count].id = *automation;
    return &r->known[r->known_count++];
}

static void
what_is_paused_does_not_fire(struct reading *r, const struct trigger_fired *fired)
{
    HOLDS(r->sim, known_of(r, &fired->automation)->active, "slot %" PRIu64,
        fired->slot_ms);
}

/* It may be told again, which is written down again. */
static void
a_slot_is_told_until_it_is_settled(struct reading *r, const struct message *fact)
{
    const struct trigger_fired *fired = &fact->trigger_fired;
    struct slot *slot = map_get(&r->by_run, id_bytes(&fired->run));
    if (slot != NULL) {
        HOLDS(r->sim, !slot->settled && slot->slot_ms == fired->slot_ms,
            "slot %" PRIu64, fired->slot_ms);
        sim_probe(PROBE_FIRED_AGAIN);
        return;
    }
    what_is_paused_does_not_fire(r, fired);
    slot = sim_room(sizeof *slot);
    slot->run = fired->run;
    slot->project = fact->envelope.project;
    slot->automation = fired->automation;
    slot->trigger = hash_of(fired->trigger);
    slot->slot_ms = fired->slot_ms;
    slot->event = fired->event;
    slots_of_a_trigger_come_in_order(r, slot);
    list_append(&r->all, &slot->link);
    map_put(&r->by_run, id_bytes(&slot->run), slot);
    sim_probe(PROBE_FIRED);
}

static void
a_slot_is_settled_once(struct reading *r, const struct fire_settled *settled)
{
    for (struct list *at = r->all.prev; at != &r->all; at = at->prev) {
        struct slot *slot = LIST_OF(at, struct slot, link);
        struct hash trigger = hash_of(settled->trigger);
        if (slot->slot_ms != settled->slot_ms || slot->event != settled->event
            || !id_equal(&slot->automation, &settled->automation)
            || !hash_same(slot->trigger.bytes, trigger.bytes, HASH_SIZE))
            continue;
        HOLDS(r->sim, !slot->settled, "slot %" PRIu64, slot->slot_ms);
        slot->settled = true;
        return;
    }
    HOLDS(r->sim, false, "slot %" PRIu64 " never came", settled->slot_ms);
}

static void
take_fact(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    r->at_ms = at_ms;
    if (fact->code == TRIGGER_FIRED)
        a_slot_is_told_until_it_is_settled(r, fact);
    else if (fact->code == FIRE_SETTLED)
        a_slot_is_settled_once(r, &fact->fire_settled);
    else if (fact->code == TRIGGERS_LEARNED)
        known_of(r, &fact->triggers_learned.automation)->active =
            fact->triggers_learned.status == AUTOMATION_ACTIVE;
}

static void
every_slot_has_its_run(struct reading *r)
{
    for (struct list *at = r->all.next; at != &r->all; at = at->next) {
        const struct slot *slot = LIST_OF(at, struct slot, link);
        const struct machine *m =
            machine_named(r->sim, ACTOR_scheduler, id_partition(&slot->run));
        struct row_key key = row_key_run('R', &slot->project, &slot->run);
        HOLDS(r->sim,
            m != NULL && journal_get(m->journal, row_key_bytes(&key)).data != NULL,
            "slot %" PRIu64, slot->slot_ms);
    }
}

/* ---- what is kept in memory ---- */

static void
what_is_out_is_not_settled(const struct machine *m, const struct window *window)
{
    for (uint32_t i = 0; i < window->count; i++) {
        struct row_key key = key_of_fire(&window->out[i].run);
        HOLDS(m->sim, kept_exists(m->journal, &key), "%" PRIu32 " of %" PRIu32, i,
            window->count);
    }
}

void
no_more_fires_are_told_than_there_is_room_for(
    const struct machine *m, const struct outbox *out)
{
    const struct trigger_state *s = m->state;
    uint32_t told[SCHEDULERS_MAX] = { 0 };
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        if (said->code == FIRES_PASSED)
            sim_probe(PROBE_FIRE_PASSED);
        if (said->code != TRIGGER_FIRED)
            continue;
        uint32_t partition = id_partition(&said->trigger_fired.run);
        told[partition]++;
        HOLDS(m->sim, told[partition] <= window_room(&s->windows[partition]),
            "%" PRIu32 " are out", s->windows[partition].count);
    }
}

void
windows_check(const struct machine *m)
{
    const struct trigger_state *s = m->state;
    bool full = false;
    for (uint32_t i = 0; i < m->sim->config.schedulers; i++) {
        what_is_out_is_not_settled(m, &s->windows[i]);
        full |= window_room(&s->windows[i]) == 0;
    }
    if (full && backlog_next(&s->backlog) != NULL)
        sim_probe(PROBE_EVENT_WAITED);
}

static void
forget(struct reading *r)
{
    struct list *at;
    while ((at = list_first(&r->all)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct slot, link));
    }
    map_free(&r->by_run);
}

void
trigger_check(struct sim *sim, const struct machine *trigger)
{
    struct reading r = { .sim = sim };
    list_open(&r.all);
    log_each(trigger, take_fact, &r);
    every_slot_has_its_run(&r);
    forget(&r);
}

void
schedules_go_on(struct sim *sim, uint64_t from_ms)
{
    const struct machine *m = machine_named(sim, ACTOR_trigger, 0);
    struct reading r = { .sim = sim };
    uint64_t last_ms = 0;
    list_open(&r.all);
    log_each(m, take_fact, &r);
    for (struct list *at = r.all.next; at != &r.all; at = at->next)
        last_ms = LIST_OF(at, struct slot, link)->slot_ms;
    forget(&r);
    HOLDS(sim, last_ms >= from_ms, "the last slot was %" PRIu64 " ms before",
        from_ms - last_ms);
}
