/* What people and failures do to the status of automations: whoever is told that one is
 * paused can rely on it, and one of which so many runs in a row have failed is. */
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

/* As automations.def has it. */
enum { FAILURES_MAX = 2 };
enum { COUNTED_MAX = 8, RUNS_MAX = 512, CHANGES_MAX = 128 };

/* ---- what was told outside ---- */

struct looking {
    struct id project;
    struct bytes name;
    uint32_t status; /* as it was learned last */
};

static void
take_status(void *self, uint64_t at_ms, const struct message *fact)
{
    struct looking *l = self;
    (void)at_ms;
    if (fact->code == TRIGGERS_LEARNED && id_equal(&fact->envelope.project, &l->project)
        && bytes_equal(fact->triggers_learned.name, l->name))
        l->status = fact->triggers_learned.status;
}

/* Nobody else sets the status of those that hear events or the clock. */
static void
a_pause_is_known_when_it_is_acknowledged(
    struct sim *sim, const struct machine *m, const struct looking *asked, bool paused)
{
    struct looking found = *asked;
    log_each(m, take_status, &found);
    HOLDS(sim, (found.status == AUTOMATION_PAUSED) == paused,
        "%.*s has status %" PRIu32, (int)asked->name.size,
        (const char *)asked->name.data, found.status);
}

void
oracle_hear_set(
    struct sim *sim, uint32_t project, enum automation automation, bool paused)
{
    const struct machine *m = machine_named(sim, ACTOR_trigger, 0);
    struct looking asked = { .project = project_id(project),
        .name = text(automation_name(automation)) };
    if (m->up && automation != AUTOMATION_failing)
        a_pause_is_known_when_it_is_acknowledged(sim, m, &asked, paused);
}

/* ---- failures ---- */

/* Of one automation, in one partition. */
struct counted {
    struct id project, automation;
    uint64_t revision;
    uint32_t failures;
    bool told, due; /* due: it must be told now */
};

struct change {
    struct id automation;
    uint64_t revision;
    uint32_t status;
};

struct reading {
    struct sim *sim;
    struct counted counted[COUNTED_MAX];
    size_t count;
    struct id runs[RUNS_MAX]; /* of automations that are counted */
    uint32_t of[RUNS_MAX];    /* which */
    size_t run_count;
    struct change changes[CHANGES_MAX];
    size_t change_count;
};

static struct counted *
counted_of(struct reading *r, const struct id *project, const struct id *automation)
{
    for (size_t i = 0; i < r->count; i++)
        if (id_equal(&r->counted[i].automation, automation)
            && id_equal(&r->counted[i].project, project))
            return &r->counted[i];
    return NULL;
}

/* What is learned anew is counted anew. */
static void
take_plan(struct reading *r, const struct message *fact)
{
    const struct plan_learned *plan = &fact->plan_learned;
    const struct id *project = &fact->envelope.project;
    if (!bytes_equal(plan->name, text(automation_name(AUTOMATION_failing))))
        return;
    struct counted *c = counted_of(r, project, &plan->automation);
    if (c == NULL && r->count == COUNTED_MAX)
        WRONG("more automations that fail than there are");
    if (c == NULL)
        *(c = &r->counted[r->count++]) = (struct counted){ .told = false };
    if (plan->revision > c->revision)
        *c = (struct counted){ *project, plan->automation, plan->revision, 0, false,
            false };
}

static void
take_start(struct reading *r, const struct message *fact)
{
    const struct run_started *started = &fact->run_started;
    struct counted *c = counted_of(r, &fact->envelope.project, &started->automation);
    if (c == NULL || started->queued)
        return;
    if (r->run_count == RUNS_MAX)
        WRONG("more runs than clients start");
    r->of[r->run_count] = (uint32_t)(c - r->counted);
    r->runs[r->run_count++] = started->run;
}

static struct counted *
counted_for(struct reading *r, const struct message *fact)
{
    for (size_t i = 0; i < r->run_count; i++)
        if (memcmp(r->runs[i].bytes, fact->body, ID_SIZE) == 0)
            return &r->counted[r->of[i]];
    return NULL;
}

static const struct change *
change_to(const struct reading *r, const struct id *automation, uint64_t revision)
{
    for (size_t i = 0; i < r->change_count; i++)
        if (id_equal(&r->changes[i].automation, automation)
            && r->changes[i].revision == revision)
            return &r->changes[i];
    return NULL;
}

/* Unless it was paused by then, or somebody has set it since. */
static void
what_fails_again_and_again_is_paused(
    const struct reading *r, const struct automation_failing *failing)
{
    const struct change *was = change_to(r, &failing->automation, failing->revision);
    const struct change *is = change_to(r, &failing->automation, failing->revision + 1);
    HOLDS(r->sim,
        (was != NULL && was->status == AUTOMATION_PAUSED)
            || (is != NULL && is->status == AUTOMATION_PAUSED),
        "revision %" PRIu64, failing->revision);
}

static void
failures_are_told_when_there_are_so_many(
    const struct reading *r, const struct counted *c, bool told)
{
    HOLDS(r->sim, c != NULL && c->due == told, "%" PRIu32 " in a row",
        c == NULL ? 0 : c->failures);
}

static void
take_failing(struct reading *r, const struct message *fact)
{
    struct counted *c =
        counted_of(r, &fact->envelope.project, &fact->automation_failing.automation);
    failures_are_told_when_there_are_so_many(r, c, true);
    what_fails_again_and_again_is_paused(r, &fact->automation_failing);
    c->told = true;
    c->due = false;
}

static void
take_failure(struct reading *r, const struct message *fact)
{
    struct counted *c = counted_for(r, fact);
    if (c == NULL)
        return;
    failures_are_told_when_there_are_so_many(r, c, false);
    c->failures++;
    c->due = c->failures >= FAILURES_MAX && !c->told;
}

static void
follow(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    struct counted *c;
    (void)at_ms;
    switch ((int)fact->code) {
    case PLAN_LEARNED: take_plan(r, fact); return;
    case RUN_QUEUED:
    case RUN_STARTED: take_start(r, fact); return;
    case RUN_FAILED: take_failure(r, fact); return;
    case AUTOMATION_FAILING: take_failing(r, fact); return;
    case RUN_COMPLETED:
        c = counted_for(r, fact);
        if (c != NULL) {
            failures_are_told_when_there_are_so_many(r, c, false);
            c->failures = 0;
            c->told = false;
        }
        return;
    }
}

static void
take_change(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    (void)at_ms;
    if (fact->code != AUTOMATION_CHANGED)
        return;
    if (r->change_count == CHANGES_MAX)
        WRONG("more changes than clients make");
    r->changes[r->change_count++] =
        (struct change){ fact->automation_changed.automation,
            fact->automation_changed.revision, fact->automation_changed.status };
}

void
status_judge(struct sim *sim)
{
    struct reading *r = sim_room(sizeof *r);
    r->sim = sim;
    log_each(machine_named(sim, ACTOR_registry, 0), take_change, r);
    for (uint32_t i = 0; i < sim->dials.schedulers; i++) {
        r->count = r->run_count = 0;
        log_each(machine_named(sim, ACTOR_scheduler, i), follow, r);
        for (size_t c = 0; c < r->count; c++)
            failures_are_told_when_there_are_so_many(r, &r->counted[c], false);
    }
    free(r);
}
