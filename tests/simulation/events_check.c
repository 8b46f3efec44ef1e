/* What the log of the trigger actor must say of the events of the first project: each
 * has one number, fires each trigger once, and is found once by each wait that it is
 * for. */
#include "base/map.h"
#include "base/wrong.h"
#include "store/rows.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/publishers.h"

#include <inttypes.h>
#include <stdlib.h>

enum { KEPT_MAX = 256, LISTENING_MAX = 8, WAITS_MAX = 512, EVENT_OVERHEAD = 128 };

struct kept {
    uint64_t at_ms;
    bool ping;
    uint64_t kind;
    uint64_t listening; /* automations that heard pings then, a bit for each */
    uint64_t fired;     /* by which of them */
    uint64_t unsure;    /* those that were paused or went on before it was routed */
    uint64_t bytes;
    uint64_t told;    /* the number that its publisher heard */
    uint64_t expired; /* the last event by then; 0: it is kept */
};

struct wait_tale {
    struct id run;
    uint32_t step, attempt;
    uint64_t since_ms, after, matched;
    uint64_t expired; /* of the stream, when the wait came */
    uint64_t came;    /* the last event then */
    bool forgotten;
};

struct reading {
    struct sim *sim;
    uint64_t at_ms;
    struct kept kept[KEPT_MAX];            /* by number */
    uint64_t last, routed, expired, bytes; /* bytes: of those that are kept */
    struct id listening[LISTENING_MAX];
    size_t listening_count;
    uint64_t active; /* of these, a bit for each */
    struct wait_tale waits[WAITS_MAX];
    size_t wait_count;
};

/* ---- events as they were kept ---- */

/* What a power cut takes is said again in its place. */
void
events_hear(struct sim *sim, const struct message *kept)
{
    struct oracle *o = sim->oracle;
    size_t record = kept->event_kept.record;
    if (record >= o->event_count) {
        o->events = realloc(o->events, (record + 1) * sizeof *o->events);
        if (o->events == NULL)
            WRONG("out of memory");
        memset(o->events + o->event_count, 0,
            (record + 1 - o->event_count) * sizeof *o->events);
        o->event_count = record + 1;
    }
    buffer_clear(&o->events[record]);
    codec_write_body(kept, NULL, &o->events[record]);
}

void
an_event_that_is_gone_keeps_its_number(
    const struct sim *sim, uint64_t record, struct message *kept)
{
    const struct oracle *o = sim->oracle;
    uint64_t number = kept->event_kept.number;
    if (kept->event_kept.record != 0)
        return;
    if (record >= o->event_count || o->events[record].size == 0)
        WRONG("an event that nobody kept is in the log");
    struct cursor in = cursor_over(buffer_bytes(&o->events[record]));
    if (codec_read_body(&in, NULL, kept) != ERR_NONE)
        WRONG("an event cannot be read");
    HOLDS(sim, kept->event_kept.number == number, "%" PRIu64 ", not %" PRIu64, number,
        kept->event_kept.number);
    sim_probe(PROBE_EVENT_STRIPPED);
}

void
events_forget(struct oracle *o)
{
    for (size_t i = 0; i < o->event_count; i++)
        buffer_free(&o->events[i]);
    free(o->events);
}

/* ---- what the log says ---- */

static void
events_are_kept_in_order(struct reading *r, const struct event_kept *kept)
{
    HOLDS(r->sim, kept->number == r->last + 1, "%" PRIu64 " after %" PRIu64,
        kept->number, r->last);
    struct cursor kind = cursor_over(pack_find(kept->data, "kind"));
    r->last = kept->number;
    if (r->last >= KEPT_MAX)
        WRONG("more events than there are");
    r->kept[r->last] = (struct kept){
        .at_ms = r->at_ms,
        .ping = bytes_equal(kept->type, text("ping")),
        .kind = cursor_u64(&kind),
        .listening = r->active,
        .told = publishers_told(r->sim, kept->id),
        .bytes = EVENT_OVERHEAD + kept->id.size + kept->type.size + kept->source.size
                 + kept->data.size + kept->meta.size,
    };
    r->bytes += r->kept[r->last].bytes;
}

/* It is kept until it has had its consequences, and as long as there is room. */
static void
an_event_expires_when_there_is_no_room(
    struct reading *r, const struct events_expired *expired)
{
    HOLDS(r->sim, expired->through > r->expired && expired->through <= r->routed,
        "%" PRIu64 " after %" PRIu64, expired->through, r->expired);
    while (r->expired < expired->through) {
        HOLDS(r->sim, r->bytes > r->sim->config.events_kept_bytes,
            "event %" PRIu64 " of %" PRIu64 " bytes", r->expired + 1, r->bytes);
        r->bytes -= r->kept[++r->expired].bytes;
        r->kept[r->expired].expired = r->last;
    }
    sim_probe(PROBE_EVENTS_EXPIRED);
}

/* The same id again is the same event for as long as that is kept.  Its publisher may
 * have heard of either. */
static void
an_event_is_kept_once(struct reading *r)
{
    for (uint64_t n = 1; n <= r->last; n++) {
        uint64_t told = r->kept[n].told;
        uint64_t first = told < n ? told : n, second = told < n ? n : told;
        uint64_t expired = r->kept[first].expired;
        HOLDS(r->sim, told == 0 || told == n || (expired != 0 && second > expired),
            "%" PRIu64 ", not %" PRIu64, n, told);
    }
}

static void
take_learned(struct reading *r, const struct message *fact)
{
    if (!bytes_equal(fact->triggers_learned.name, text("heard")))
        return;
    bool active = fact->triggers_learned.status == AUTOMATION_ACTIVE;
    size_t i = 0;
    while (i < r->listening_count
           && !id_equal(&r->listening[i], &fact->triggers_learned.automation))
        i++;
    uint64_t bit = (uint64_t)1 << i;
    for (uint64_t n = r->routed + 1; n <= r->last; n++)
        r->kept[n].unsure |= active != ((r->active & bit) != 0) ? bit : 0;
    r->active = active ? r->active | bit : r->active & ~bit;
    if (i == r->listening_count)
        r->listening[r->listening_count++] = fact->triggers_learned.automation;
}

static void
only_what_fits_fires(struct reading *r, const struct trigger_fired *fired)
{
    struct kept *kept = &r->kept[fired->event];
    uint64_t bit = 0;
    HOLDS(r->sim, fired->event <= r->last, "%" PRIu64, fired->event);
    for (size_t i = 0; i < r->listening_count; i++)
        if (id_equal(&r->listening[i], &fired->automation))
            bit = (uint64_t)1 << i;
    if (bit == 0)
        return; /* another automation's: see holds_check.c */
    kept->fired |= bit;
    HOLDS(r->sim, kept->ping && kept->kind == 1, "event %" PRIu64, fired->event);
    sim_probe(PROBE_EVENT_FIRED);
}

static void
each_event_fires_each_trigger_once(struct reading *r)
{
    for (uint64_t n = 1; n <= r->last; n++) {
        const struct kept *kept = &r->kept[n];
        uint64_t wanted = kept->ping && kept->kind == 1 ? kept->listening : 0;
        HOLDS(r->sim, ((kept->fired ^ wanted) & ~kept->unsure) == 0,
            "event %" PRIu64 ": %" PRIx64 ", not %" PRIx64, n, kept->fired, wanted);
    }
}

static struct wait_tale *
wait_of(struct reading *r, const struct id *run, uint32_t step, uint32_t attempt)
{
    for (size_t i = r->wait_count; i-- > 0;)
        if (id_equal(&r->waits[i].run, run) && r->waits[i].step == step
            && r->waits[i].attempt == attempt)
            return &r->waits[i];
    return NULL;
}

static void
take_wait(struct reading *r, const struct wait_learned *learned)
{
    if (r->wait_count == WAITS_MAX)
        WRONG("more waits than runs can have");
    r->waits[r->wait_count++] = (struct wait_tale){
        .run = learned->run,
        .step = learned->step,
        .attempt = learned->attempt,
        .since_ms = learned->since_ms,
        .after = learned->after,
        .expired = r->expired,
        .came = r->last,
    };
}

static void
a_wait_gets_the_first_event_that_fits(struct reading *r, const struct wait_matched *m)
{
    struct wait_tale *wait = wait_of(r, &m->run, m->step, m->attempt);
    uint64_t first = 1;
    HOLDS(r->sim, wait != NULL, "nobody waits");
    while (first <= r->last
           && (first <= wait->after || first <= wait->expired
               || r->kept[first].at_ms < wait->since_ms || r->kept[first].ping
               || r->kept[first].kind != 1))
        first++;
    HOLDS(r->sim, m->number == first, "%" PRIu64 ", not %" PRIu64, m->number, first);
    HOLDS(r->sim, wait->matched == 0 || wait->matched == m->number, "two events");
    wait->matched = m->number;
    if (m->type.size == 0)
        sim_probe(PROBE_MATCH_STRIPPED);
    sim_probe(m->number <= wait->came ? PROBE_WAIT_LOOKED_BACK : PROBE_WAIT_MATCHED);
}

/* What waits in vain was missed: pongs go on until all is over. */
static void
no_wait_is_left(struct reading *r)
{
    for (size_t i = 0; i < r->wait_count; i++)
        HOLDS(r->sim, r->waits[i].matched != 0 || r->waits[i].forgotten, "wait %zu", i);
}

static void
take_fact(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    struct id project = project_id(0);
    struct wait_tale *wait;
    r->at_ms = at_ms;
    if (!id_equal(&fact->envelope.project, &project))
        return;
    switch ((int)fact->code) {
    case EVENT_KEPT: events_are_kept_in_order(r, &fact->event_kept); return;
    case TRIGGERS_LEARNED: take_learned(r, fact); return;
    case TRIGGER_FIRED:
        if (fact->trigger_fired.event != 0)
            only_what_fits_fires(r, &fact->trigger_fired);
        return;
    case EVENT_ROUTED:
        r->routed = fact->event_routed.number - !fact->event_routed.whole;
        return;
    case EVENTS_EXPIRED:
        an_event_expires_when_there_is_no_room(r, &fact->events_expired);
        return;
    case WAIT_LEARNED: take_wait(r, &fact->wait_learned); return;
    case WAIT_MATCHED:
        a_wait_gets_the_first_event_that_fits(r, &fact->wait_matched);
        return;
    case WAIT_FORGOTTEN:
        wait = wait_of(r, &fact->wait_forgotten.run, fact->wait_forgotten.step,
            fact->wait_forgotten.attempt);
        if (wait != NULL)
            wait->forgotten = true;
        return;
    default: return;
    }
}

void
events_check(struct sim *sim, const struct machine *trigger)
{
    struct reading *r = sim_room(sizeof *r);
    r->sim = sim;
    log_each(trigger, take_fact, r);
    an_event_is_kept_once(r);
    each_event_fires_each_trigger_once(r);
    no_wait_is_left(r);
    free(r);
}
