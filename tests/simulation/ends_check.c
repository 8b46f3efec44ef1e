/* Ends of runs that are events, by the logs of the schedulers and of the trigger actor:
 * each end where somebody listens is told, is one event, and fires once; what it led to
 * ends quietly. */
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ENDS_MAX = 2048, DRIFT_MS = 100 };

/* A run of the project in which somebody listens, in one log. */
struct ended {
    struct list link;
    struct id run;
    uint32_t attempt;
    bool echo;
    bool goes_on; /* its last fact is that it goes on */
};

struct end {
    struct id id;
    uint64_t number; /* of its event; 0: it is none */
    uint32_t due, told, fired;
    uint64_t told_ms;
};

struct reading {
    struct sim *sim;
    struct id project, automation;
    struct list runs;
    struct map by_run;
    bool listened;     /* as this scheduler knows */
    uint64_t revision; /* of the automation that listens, as this scheduler knows it */
    bool active;
    bool paused; /* at some time nobody listened */
    uint64_t expired;
    uint64_t heard_ms; /* since when the trigger actor knows that somebody listens */
    struct end ends[ENDS_MAX];
    size_t count;
};

static struct end *
end_of(struct reading *r, const struct id *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (id_equal(&r->ends[i].id, id))
            return &r->ends[i];
    if (r->count == ENDS_MAX)
        WRONG("more ends than can be looked at");
    r->ends[r->count].id = *id;
    return &r->ends[r->count++];
}

/* ---- schedulers ---- */

static void
take_start(struct reading *r, const struct run_started *started)
{
    if (map_get(&r->by_run, id_bytes(&started->run)) != NULL)
        return;
    struct ended *run = sim_room(sizeof *run);
    run->run = started->run;
    run->attempt = 1;
    run->echo = started->echo != 0;
    list_append(&r->runs, &run->link);
    map_put(&r->by_run, id_bytes(&run->run), run);
}

/* Who discards what has failed lets it go on only to be cancelled: that is no end. */
static void
take_end(struct reading *r, struct ended *run, bool cancelled)
{
    struct id id = id_derive(&run->run, run->attempt);
    if (run->goes_on && cancelled)
        return;
    if (r->listened && !run->echo)
        end_of(r, &id)->due++;
}

static void
only_an_end_that_somebody_listens_for_is_told(
    struct reading *r, uint64_t at_ms, const struct run_ended *ended)
{
    struct end *end = end_of(r, &ended->end);
    end->told_ms = at_ms;
    HOLDS(r->sim, end->due == 1 && end->told == 0,
        "it was due %" PRIu32 " times and told %" PRIu32, end->due, end->told);
    end->told++;
    sim_probe(PROBE_END_TOLD);
}

/* Of the automation that listens, or may. */
static void
take_plan(struct reading *r, const struct plan_learned *plan)
{
    if (!bytes_equal(plan->name, text(automation_name(AUTOMATION_echo))))
        return;
    if (plan->revision >= r->revision) {
        r->revision = plan->revision;
        r->active = plan->status == AUTOMATION_ACTIVE;
    }
    r->listened |= r->active;
}

static void
take_fact(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    if (!id_equal(&fact->envelope.project, &r->project))
        return;
    if (fact->code == RUN_QUEUED || fact->code == RUN_STARTED)
        take_start(r, &fact->run_started);
    if (fact->code == PLAN_LEARNED)
        take_plan(r, &fact->plan_learned);
    if (fact->code == ENDS_LEARNED)
        r->listened = fact->ends_learned.wanted != 0;
    if (fact->code == RUN_ENDED)
        only_an_end_that_somebody_listens_for_is_told(r, at_ms, &fact->run_ended);
    struct ended *run = map_get(&r->by_run, bytes_of(fact->body, ID_SIZE));
    if (run == NULL)
        return;
    if (fact->code == RUN_COMPLETED || fact->code == RUN_FAILED
        || fact->code == RUN_CANCELLED)
        take_end(r, run, fact->code == RUN_CANCELLED);
    if (fact->code == RUN_RESUMED)
        run->attempt = fact->run_resumed.attempt;
    run->goes_on = fact->code == RUN_RESUMED;
}

static void
forget_runs(struct reading *r)
{
    struct list *at;
    while ((at = list_first(&r->runs)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct ended, link));
    }
    map_free(&r->by_run);
    r->by_run = (struct map){ .count = 0 };
    r->listened = r->active = false;
    r->revision = 0;
}

static void
every_end_that_is_due_is_told(struct reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        HOLDS(r->sim, r->ends[i].told == r->ends[i].due, "%zu of %zu", i, r->count);
}

/* ---- the trigger actor ---- */

/* As long as it is kept, it is known. */
static void
an_end_is_one_event(struct reading *r, const struct event_kept *kept)
{
    struct id id;
    if (id_read(kept->id, "end_", &id) != ERR_NONE)
        return;
    struct end *end = end_of(r, &id);
    HOLDS(r->sim, end->told == 1, "event %" PRIu64 " was not told", kept->number);
    HOLDS(r->sim, end->number <= r->expired, "event %" PRIu64 " is %" PRIu64 " again",
        kept->number, end->number);
    end->number = kept->number;
    end->fired = 0;
}

static void
an_end_fires_once(struct reading *r, const struct trigger_fired *fired)
{
    if (!id_equal(&fired->automation, &r->automation))
        return;
    HOLDS(r->sim, fired->echo == 1, "event %" PRIu64, fired->event);
    for (size_t i = 0; i < r->count; i++)
        if (r->ends[i].number == fired->event)
            r->ends[i].fired++;
}

static void
take_event(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    const struct triggers_learned *learned = &fact->triggers_learned;
    if (!id_equal(&fact->envelope.project, &r->project))
        return;
    switch ((int)fact->code) {
    case TRIGGERS_LEARNED:
        if (!bytes_equal(learned->name, text(automation_name(AUTOMATION_echo))))
            return;
        r->automation = learned->automation;
        if (r->heard_ms == 0)
            r->heard_ms = at_ms;
        r->paused |= learned->status != AUTOMATION_ACTIVE;
        return;
    case EVENTS_EXPIRED: r->expired = fact->events_expired.through; return;
    case EVENT_KEPT: an_end_is_one_event(r, &fact->event_kept); return;
    case TRIGGER_FIRED: an_end_fires_once(r, &fact->trigger_fired); return;
    default: return;
    }
}

/* How far two clocks are apart at most: each is wrong by up to clock_jump_ms when a
 * life begins, and drifts. */
static uint64_t
apart_ms(const struct sim *sim)
{
    return 2 * (uint64_t)sim->dials.clock_jump_ms + DRIFT_MS;
}

static void
every_end_that_was_told_is_an_event(struct reading *r)
{
    uint64_t sure_ms = r->heard_ms + apart_ms(r->sim);
    for (size_t i = 0; i < r->count; i++) {
        const struct end *end = &r->ends[i];
        /* A scheduler may know the plan that listens before the trigger actor does. */
        bool heard = end->told > 0 && r->heard_ms > 0 && end->told_ms >= sure_ms;
        HOLDS(
            r->sim, r->paused || !heard || end->number > 0, "%zu of %zu", i, r->count);
        HOLDS(r->sim, end->number == 0 || r->paused || end->fired > 0,
            "event %" PRIu64 " fired nothing", end->number);
    }
}

void
ends_judge(struct sim *sim)
{
    struct reading *r = sim_room(sizeof *r);
    r->sim = sim;
    r->project = project_id(1);
    list_open(&r->runs);
    for (uint32_t i = 0; i < sim->dials.schedulers; i++) {
        log_each(machine_named(sim, ACTOR_scheduler, i), take_fact, r);
        forget_runs(r);
    }
    every_end_that_is_due_is_told(r);
    log_each(machine_named(sim, ACTOR_trigger, 0), take_event, r);
    every_end_that_was_told_is_an_event(r);
    free(r);
}
