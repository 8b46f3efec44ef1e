#include "tests/simulation/registry_model.h"

#include "tests/simulation/machine.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCHEDULERS_MAX = 3 };

/* What has been published lasts; who knows it is asked anew in each life. */
struct registrar {
    uint32_t published[PROJECTS][AUTOMATION_COUNT]; /* versions */
    bool known[SCHEDULERS_MAX][PROJECTS][AUTOMATION_COUNT][VERSIONS_MAX];
};

struct id
project_id(uint32_t project)
{
    return id_of_name(project == 0 ? text("default") : text("another"));
}

struct id
automation_id(uint32_t project, enum automation automation)
{
    struct id id = project_id(project);
    return id_derive(&id, (uint64_t)automation + 1);
}

static void
offer(struct machine *m, uint32_t to, uint32_t project, enum automation automation,
    uint32_t version)
{
    struct message say = { .code = PLAN_OFFERED, .to = ACTOR_scheduler, to };
    say.envelope.project = project_id(project);
    say.plan_offered = (struct plan_offered){
        .automation = automation_id(project, automation),
        .name = text(automation_name(automation)),
        .version = version,
        .plan = automation_plan(automation, version),
    };
    bus_send(m, &say);
}

static void
offer_all(struct machine *m, uint32_t to)
{
    const struct registrar *r = m->sim->registrar;
    for (uint32_t p = 0; p < PROJECTS; p++)
        for (int a = 0; a < AUTOMATION_COUNT; a++)
            for (uint32_t v = 1; v <= r->published[p][a]; v++)
                if (!r->known[to][p][a][v - 1])
                    offer(m, to, p, (enum automation)a, v);
}

static void
note_known(struct registrar *r, const struct plan_known *known)
{
    for (uint32_t p = 0; p < PROJECTS; p++) {
        for (int a = 0; a < AUTOMATION_COUNT; a++) {
            struct id id = automation_id(p, (enum automation)a);
            if (id_equal(&id, &known->automation))
                r->known[known->partition][p][a][known->version - 1] = true;
        }
    }
}

static void
hear(struct machine *m, const struct message *in)
{
    if (in->code == PLAN_KNOWN)
        note_known(m->sim->registrar, &in->plan_known);
    else if (in->code == HELLO && in->envelope.from == ACTOR_scheduler)
        offer_all(m, in->envelope.instance);
}

static void
begin(struct machine *m)
{
    memset(m->sim->registrar->known, 0, sizeof m->sim->registrar->known);
    for (uint32_t i = 0; i < m->sim->dials.schedulers; i++)
        offer_all(m, i);
}

static void
end(struct machine *m)
{
    (void)m;
}

static void
publish(struct sim *sim, void *self, uint64_t number, void **owned)
{
    struct machine *m = self;
    uint32_t project = (uint32_t)(number % PROJECTS), a = (uint32_t)(number / PROJECTS);
    (void)owned;
    uint32_t version = ++sim->registrar->published[project][a];
    for (uint32_t i = 0; m->up && i < sim->dials.schedulers; i++)
        offer(m, i, project, (enum automation)a, version);
    machine_wake(m, 0);
}

void
registrar_open(struct sim *sim)
{
    static const struct model model = { begin, hear, end };
    struct machine *m = machine_new(sim, ACTOR_registry, 0, NULL, &model, false);
    sim->registrar = sim_room(sizeof *sim->registrar);
    for (uint32_t p = 0; p < PROJECTS; p++) {
        for (uint32_t a = 0; a < AUTOMATION_COUNT; a++) {
            uint64_t later_us =
                chance_below(sim_chance(sim, STREAM_GATEWAY), sim->dials.faults_us);
            sim->registrar->published[p][a] = 1;
            if (automation_plan((enum automation)a, 2).size > 0)
                sim_plan(sim, later_us, publish, m, a * PROJECTS + p, NULL);
        }
    }
}

void
registrar_close(struct sim *sim)
{
    free(sim->registrar);
}
