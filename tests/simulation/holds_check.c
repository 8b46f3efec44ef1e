/* Event triggers that hold events back, by the log of the trigger actor: what they must
 * do follows from when the events came, and from nothing else. */
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

/* As automations.def has them. */
enum { DEBOUNCE_MS = 600, THROTTLE_MS = 2000, BATCH_MS = 2000, BATCH_MAX_EVENTS = 3 };
enum { PINGS_MAX = 128, GROUPS = 2 };
enum holder { CALM, SELDOM, PACKED, HOLDERS };

struct ping {
    uint64_t number, at_ms, group;
    uint32_t fired[HOLDERS]; /* so often */
};

struct reading {
    struct sim *sim;
    struct ping pings[PINGS_MAX]; /* in their order */
    size_t count;
    struct id automations[HOLDERS];
    size_t since[HOLDERS]; /* pings that came before it was known */
    uint64_t at_ms;
};

/* ---- fires as they were told ---- */

enum { FIRE_NAME_SIZE = 8 + ID_SIZE };

struct said_fire {
    struct list link;
    uint8_t name[FIRE_NAME_SIZE];
    struct buffer body;
};

static struct bytes
name_fire(uint8_t name[FIRE_NAME_SIZE], uint64_t record, const struct id *run)
{
    memcpy(name, &record, sizeof record);
    memcpy(name + sizeof record, run->bytes, ID_SIZE);
    return bytes_of(name, FIRE_NAME_SIZE);
}

/* What a power cut takes is said again in its place. */
void
fires_hear(struct sim *sim, const struct message *fired)
{
    struct oracle *o = sim->oracle;
    const struct trigger_fired *f = &fired->trigger_fired;
    uint8_t name[FIRE_NAME_SIZE];
    if (f->record == 0)
        return;
    struct said_fire *said = map_get(&o->fires, name_fire(name, f->record, &f->run));
    if (said == NULL) {
        said = sim_room(sizeof *said);
        list_append(&o->all_fires, &said->link);
        map_put(&o->fires, name_fire(said->name, f->record, &f->run), said);
    }
    buffer_clear(&said->body);
    codec_write_body(fired, NULL, &said->body);
}

void
a_fire_that_is_settled_keeps_its_name(
    const struct sim *sim, uint64_t record, struct message *fired)
{
    const struct trigger_fired left = fired->trigger_fired;
    uint8_t name[FIRE_NAME_SIZE];
    if (left.record != 0)
        return;
    const struct said_fire *said =
        map_get(&sim->oracle->fires, name_fire(name, record, &left.run));
    if (said == NULL)
        return; /* too little to be taken out */
    struct cursor in = cursor_over(buffer_bytes(&said->body));
    if (codec_read_body(&in, NULL, fired) != ERR_NONE)
        WRONG("a fire cannot be read");
    const struct trigger_fired *whole = &fired->trigger_fired;
    HOLDS(sim,
        left.event == whole->event && left.slot_ms == whole->slot_ms
            && left.next_ms == whole->next_ms && left.held == whole->held
            && left.quiet_ms == whole->quiet_ms && left.data.size == 0
            && id_equal(&left.automation, &whole->automation),
        "event %" PRIu64 ", not %" PRIu64, left.event, whole->event);
    sim_probe(PROBE_FIRE_STRIPPED);
}

void
fires_forget(struct oracle *o)
{
    struct list *at;
    while ((at = list_first(&o->all_fires)) != NULL) {
        struct said_fire *said = LIST_OF(at, struct said_fire, link);
        list_remove(at);
        buffer_free(&said->body);
        free(said);
    }
    map_free(&o->fires);
}

/* ---- what the log says ---- */

static void
take_learned(struct reading *r, const struct triggers_learned *learned)
{
    static const enum automation names[] = { AUTOMATION_calm, AUTOMATION_seldom,
        AUTOMATION_packed };
    for (size_t i = 0; i < HOLDERS; i++) {
        if (!bytes_equal(learned->name, text(automation_name(names[i])))
            || !id_is_zero(&r->automations[i]))
            continue;
        r->automations[i] = learned->automation;
        r->since[i] = r->count;
    }
}

static void
take_kept(struct reading *r, const struct event_kept *kept)
{
    struct cursor kind = cursor_over(pack_find(kept->data, "kind"));
    if (!bytes_equal(kept->type, text("ping")))
        return;
    if (r->count == PINGS_MAX)
        WRONG("more pings than publishers publish");
    r->pings[r->count++] = (struct ping){
        .number = kept->number, .at_ms = r->at_ms, .group = cursor_u64(&kind)
    };
}

static struct ping *
ping_of(struct reading *r, uint64_t number)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->pings[i].number == number)
            return &r->pings[i];
    return NULL;
}

/* The next of its group, or NULL. */
static const struct ping *
next_of(const struct reading *r, const struct ping *ping)
{
    for (const struct ping *next = ping + 1; next < r->pings + r->count; next++)
        if (next->group == ping->group)
            return next;
    return NULL;
}

static void
a_debounced_event_waits_for_silence(struct reading *r, const struct ping *ping)
{
    HOLDS(r->sim, r->at_ms >= ping->at_ms + DEBOUNCE_MS,
        "event %" PRIu64 " waited %" PRIu64 " ms", ping->number,
        r->at_ms - ping->at_ms);
    sim_probe(PROBE_DEBOUNCED);
}

/* Their numbers, in order; a batch that is not full has waited. */
static void
a_batch_is_full_or_has_waited(struct reading *r, struct bytes data)
{
    struct cursor in = cursor_over(pack_find(data, "events"));
    size_t count = cursor_array(&in);
    const struct ping *first = NULL, *last = NULL;
    for (size_t i = 0; i < count; i++) {
        struct cursor number = cursor_over(pack_find(cursor_skip(&in), "number"));
        struct ping *ping = ping_of(r, cursor_u64(&number));
        HOLDS(r->sim,
            ping != NULL && (last == NULL || ping->group == last->group)
                && (last == NULL || next_of(r, last) == ping),
            "%zu of %zu is out of order", i, count);
        ping->fired[PACKED]++;
        first = first == NULL ? ping : first;
        last = ping;
    }
    HOLDS(r->sim, count > 0 && count <= BATCH_MAX_EVENTS, "%zu events", count);
    HOLDS(r->sim, count == BATCH_MAX_EVENTS || r->at_ms >= first->at_ms + BATCH_MS,
        "%zu events after %" PRIu64 " ms", count, r->at_ms - first->at_ms);
    sim_probe(count == BATCH_MAX_EVENTS ? PROBE_BATCH_FULL : PROBE_BATCH_WAITED);
}

/* What is told again was looked at when it was told first. */
static void
take_fired(struct reading *r, const struct trigger_fired *fired)
{
    struct ping *ping = ping_of(r, fired->event);
    for (size_t i = 0; i < HOLDERS; i++) {
        if (!id_equal(&r->automations[i], &fired->automation) || ping == NULL
            || ping->fired[i] > 0)
            continue;
        if (i == PACKED) {
            a_batch_is_full_or_has_waited(r, fired->data);
            continue;
        }
        ping->fired[i]++;
        if (i == CALM)
            a_debounced_event_waits_for_silence(r, ping);
    }
}

static void
take_fact(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    struct id project = project_id(0);
    r->at_ms = at_ms;
    if (!id_equal(&fact->envelope.project, &project))
        return;
    if (fact->code == EVENT_KEPT)
        take_kept(r, &fact->event_kept);
    else if (fact->code == TRIGGERS_LEARNED)
        take_learned(r, &fact->triggers_learned);
    else if (fact->code == TRIGGER_FIRED && fact->trigger_fired.event != 0)
        take_fired(r, &fact->trigger_fired);
}

/* ---- when all is read ---- */

static void
the_last_event_before_a_silence_fires(const struct reading *r)
{
    for (size_t i = r->since[CALM]; i < r->count; i++) {
        const struct ping *ping = &r->pings[i], *next = next_of(r, ping);
        bool silence = next == NULL || next->at_ms >= ping->at_ms + DEBOUNCE_MS;
        HOLDS(
            r->sim, (ping->fired[CALM] > 0) == silence, "event %" PRIu64, ping->number);
    }
}

static void
a_throttled_trigger_fires_as_often_as_it_may(const struct reading *r)
{
    uint64_t quiet_ms[GROUPS] = { 0 };
    for (size_t i = r->since[SELDOM]; i < r->count; i++) {
        const struct ping *ping = &r->pings[i];
        bool may = ping->at_ms >= quiet_ms[ping->group];
        HOLDS(r->sim, (ping->fired[SELDOM] > 0) == may, "event %" PRIu64, ping->number);
        if (may)
            quiet_ms[ping->group] = ping->at_ms + THROTTLE_MS;
        else
            sim_probe(PROBE_THROTTLED);
    }
}

static void
every_event_is_in_one_batch(const struct reading *r)
{
    for (size_t i = r->since[PACKED]; i < r->count; i++)
        HOLDS(r->sim, r->pings[i].fired[PACKED] == 1,
            "event %" PRIu64 " is in %" PRIu32, r->pings[i].number,
            r->pings[i].fired[PACKED]);
}

void
holds_check(struct sim *sim, const struct machine *trigger)
{
    struct reading *r = sim_room(sizeof *r);
    r->sim = sim;
    log_each(trigger, take_fact, r);
    if (!id_is_zero(&r->automations[CALM]))
        the_last_event_before_a_silence_fires(r);
    if (!id_is_zero(&r->automations[SELDOM]))
        a_throttled_trigger_fires_as_often_as_it_may(r);
    if (!id_is_zero(&r->automations[PACKED]))
        every_event_is_in_one_batch(r);
    free(r);
}
