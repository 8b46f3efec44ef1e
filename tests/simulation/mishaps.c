#include "tests/simulation/mishaps.h"

#include "base/wrong.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/workers.h"

static struct chance *
luck(struct sim *sim)
{
    return sim_chance(sim, STREAM_MISHAPS);
}

static struct machine *
any_machine(struct sim *sim)
{
    return sim->machines[chance_below(luck(sim), sim->machine_count)];
}

static struct machine *
any_scheduler(struct sim *sim)
{
    return machine_named(
        sim, ACTOR_scheduler, (uint32_t)chance_below(luck(sim), sim->dials.schedulers));
}

/* How long a process is away: often as short as a restart. */
static uint64_t
rest_us(struct sim *sim)
{
    uint64_t most_us = chance_hits(luck(sim), 7000) ? 200 * MS_US : 5 * SECOND_US;
    return chance_between(luck(sim), MS_US, most_us);
}

static void
crash_some(struct sim *sim, uint32_t often, bool power)
{
    for (size_t i = 0; i < sim->machine_count; i++)
        if (chance_hits(luck(sim), often))
            machine_crash(sim->machines[i], power, rest_us(sim));
}

static void
fail_disk(struct sim *sim)
{
    struct chance *c = luck(sim);
    struct machine *m = chance_hits(c, 7000) ? any_scheduler(sim) : any_machine(sim);
    if (!m->journaled)
        return;
    enum err err = chance_hits(c, 5000) ? ERR_IO : ERR_NO_SPACE;
    memory_disk_fail(m->disk, err, chance_below(c, 5), chance_hits(c, 5000));
}

/* Two machines with a road between them. */
static struct peer *
any_road(struct sim *sim, struct machine **from)
{
    *from = any_machine(sim);
    struct peer *peer = &(*from)->peers[chance_below(luck(sim), (*from)->peer_count)];
    return peer->speaks ? peer : NULL;
}

static void
break_road(struct sim *sim, enum mishap mishap)
{
    struct machine *from;
    struct peer *peer = any_road(sim, &from);
    if (peer == NULL)
        return;
    sim_trace(
        sim, "fate %s > %s %s", from->title, peer->machine->title, mishap_name(mishap));
    if (mishap == MISHAP_FULL)
        bus_fill(from, peer->machine, chance_below(luck(sim), 2 * SECOND_US));
    else if (mishap == MISHAP_RESET)
        bus_reset(from, peer->machine, chance_hits(luck(sim), 6000));
    else
        bus_cut(from, peer->machine, chance_below(luck(sim), 3 * SECOND_US));
}

/* Of the wall clock; what is on it at birth was drawn there. */
static void
jump(struct sim *sim, struct machine *m)
{
    uint64_t most_ms = chance_hits(luck(sim), 5000) ? 5000 : 3600000;
    m->jumped_ms = (int64_t)chance_below(luck(sim), most_ms * 2) - (int64_t)most_ms;
    sim_probe(PROBE_CLOCK_JUMPED);
    machine_wake(m, 0);
}

static void
befall(struct sim *sim, enum mishap mishap)
{
    switch (mishap) {
    case MISHAP_CRASH: {
        struct machine *m =
            chance_hits(luck(sim), 5000) ? any_machine(sim) : any_scheduler(sim);
        machine_crash(m, chance_hits(luck(sim), 2000), rest_us(sim));
        return;
    }
    case MISHAP_CRASH_SOME: crash_some(sim, 5000, false); return;
    case MISHAP_POWER: crash_some(sim, 10000, true); return;
    case MISHAP_PAUSE:
        machine_pause(
            any_machine(sim), chance_below(luck(sim), sim->config.lease_ms * 1500));
        return;
    case MISHAP_DISK: fail_disk(sim); return;
    case MISHAP_FLUSH:
        any_machine(sim)->flush_left = (uint32_t)chance_between(luck(sim), 1, 4);
        return;
    case MISHAP_CLOCK: jump(sim, any_machine(sim)); return;
    case MISHAP_SLOW:
        any_scheduler(sim)->slow_until_us =
            sim->now_us + chance_below(luck(sim), 3 * SECOND_US);
        return;
    case MISHAP_FULL:
    case MISHAP_RESET:
    case MISHAP_CUT: break_road(sim, mishap); return;
    case MISHAP_SILENCE:
    case MISHAP_DEATH:
    case MISHAP_RECONNECT:
    case MISHAP_GOODBYE: workers_suffer(sim, mishap); return;
    case MISHAP_COUNT: break;
    }
    WRONG("there is no such fault");
}

static void
come(struct sim *sim, void *self, uint64_t mishap, void **owned)
{
    uint64_t mean_us = sim->dials.every_us[mishap];
    (void)self;
    (void)owned;
    if (sim->healed)
        return;
    befall(sim, (enum mishap)mishap);
    sim_plan(sim, chance_between(luck(sim), mean_us / 10, mean_us * 19 / 10), come,
        NULL, mishap, NULL);
}

void
mishaps_open(struct sim *sim)
{
    for (uint64_t i = 0; i < MISHAP_COUNT; i++) {
        uint64_t mean_us = sim->dials.every_us[i];
        if (mean_us > 0)
            sim_plan(sim, chance_below(luck(sim), mean_us * 2), come, NULL, i, NULL);
    }
}

void
mishaps_heal(struct sim *sim)
{
    for (size_t i = 0; i < sim->machine_count; i++) {
        struct machine *m = sim->machines[i];
        m->paused_until_us = m->slow_until_us = 0;
        m->flush_left = UINT32_MAX;
        for (size_t j = 0; j < m->peer_count; j++)
            m->peers[j].road.cut_until_us = m->peers[j].road.full_until_us = 0;
        if (!m->up)
            machine_start(m);
        else
            machine_wake(m, 0);
    }
}
