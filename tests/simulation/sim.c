#include "tests/simulation/sim.h"

#include "actors/lease/lease.h"
#include "actors/registry/registry.h"
#include "actors/scheduler/scheduler.h"
#include "actors/trigger/trigger.h"
#include "base/wrong.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/gateway_model.h"
#include "tests/simulation/keepers.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/mishaps.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/publishers.h"
#include "tests/simulation/workers.h"
#include "transport/codec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STEPS_MAX = 400000, /* a world that does more never comes to rest */
    HEALING_MAX_S = 120,
    /* within which every run must have ended */ LINGER_S =
        12, /* longer than the interval of any schedule */
    EPOCH_BEGIN_S = 1700000000,
};

struct event {
    uint64_t at_us, order;
    happen_fn *happen;
    void *self, *owned;
    uint64_t number;
};

static uint64_t own_probes[PROBE_COUNT], *probes = own_probes;
static enum probe forbidden = PROBE_COUNT;
static const struct sim *living;

static const struct {
    const char *name, *sentence;
} probe_rows[] = {
#define PROBE(name, sentence) { #name, sentence },
#include "tests/simulation/probes.def"
};

void
sim_probe(enum probe probe)
{
    probes[probe]++;
    if (probe != forbidden)
        return;
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": %s happens at %.3f ms\n", living->seed,
        probe_rows[probe].name, (double)living->now_us / MS_US);
    abort();
}

void
sim_forbid(enum probe probe)
{
    forbidden = probe;
}

void
sim_probes_at(uint64_t *counts)
{
    probes = counts;
}

const char *
sim_probe_name(enum probe probe)
{
    return probe_rows[probe].name;
}

const char *
sim_probe_sentence(enum probe probe)
{
    return probe_rows[probe].sentence;
}

void *
sim_room(size_t size)
{
    void *room = calloc(1, size);
    if (room == NULL)
        WRONG("out of memory");
    return room;
}

uint64_t
sim_wall_ms(const struct sim *sim)
{
    return (uint64_t)EPOCH_BEGIN_S * 1000 + sim->now_us / MS_US;
}

struct id
sim_id(struct sim *sim, enum chance_stream stream, unsigned partition)
{
    struct chance *c = sim_chance(sim, stream);
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bytes; i += 8) {
        uint64_t drawn = chance_next(c);
        memcpy(bytes + i, &drawn, 8);
    }
    return id_make(sim_wall_ms(sim), bytes, partition);
}

/* ---- what is said ---- */

void
sim_note(struct sim *sim, struct bytes bytes)
{
    uint64_t hash = sim->hash ^ sim->now_us;
    while (bytes.size >= 8) {
        uint64_t word;
        memcpy(&word, bytes.data, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
        bytes = bytes_of(bytes.data + 8, bytes.size - 8);
    }
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    sim->hash = hash;
}

void
sim_trace(const struct sim *sim, const char *format, ...)
{
    va_list args;
    if (!sim->verbose)
        return;
    printf("%10.3f ", (double)sim->now_us / MS_US);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void
sim_trace_message(const struct sim *sim, const char *what, const char *from,
    const char *to, const struct message *m)
{
    struct buffer line = { 0 };
    if (!sim->verbose)
        return;
    codec_print(m, &line);
    sim_trace(sim, "%-4s %s%s%s %.*s", what, from, to[0] == '\0' ? "" : " > ", to,
        (int)line.size, (const char *)line.data);
    buffer_free(&line);
}

void
sim_broken(const struct sim *sim, const char *invariant, const char *format, ...)
{
    va_list args;
    if (sim->only != NULL && strcmp(sim->only, invariant) != 0)
        return;
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": %s does not hold at %.3f ms: ", sim->seed,
        invariant, (double)sim->now_us / MS_US);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (sim->only != NULL)
        _Exit(EXIT_FAILURE);
    abort();
}

void
sim_give_up(void)
{
    _Exit(EXIT_NOTHING);
}

/* ---- what is planned ---- */

static bool
sooner(const struct event *a, const struct event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void
sim_plan(struct sim *sim, uint64_t after_us, happen_fn *happen, void *self,
    uint64_t number, void *owned)
{
    struct event event = { sim->now_us + after_us, sim->planned++, happen, self, owned,
        number };
    if (sim->event_count == sim->event_capacity) {
        sim->event_capacity = sim->event_capacity * 2 + 256;
        sim->events = realloc(sim->events, sim->event_capacity * sizeof *sim->events);
        if (sim->events == NULL)
            WRONG("out of memory");
    }
    size_t at = sim->event_count++;
    while (at > 0 && sooner(&event, &sim->events[(at - 1) / 2])) {
        sim->events[at] = sim->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->events[at] = event;
}

static struct event
take_first(struct sim *sim)
{
    struct event first = sim->events[0], last = sim->events[--sim->event_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < sim->event_count) {
        if (child + 1 < sim->event_count
            && sooner(&sim->events[child + 1], &sim->events[child]))
            child++;
        if (!sooner(&sim->events[child], &last))
            break;
        sim->events[at] = sim->events[child];
        at = child;
    }
    sim->events[at] = last;
    return first;
}

static void
the_world_comes_to_rest(struct sim *sim)
{
    if (++sim->steps < STEPS_MAX)
        return;
    HOLDS(sim, false, "%d steps are done", STEPS_MAX);
    sim_give_up();
}

static void
run_until(struct sim *sim, uint64_t until_us)
{
    while (sim->event_count > 0 && sim->events[0].at_us <= until_us) {
        struct event event = take_first(sim);
        sim->now_us = event.at_us;
        event.happen(sim, event.self, event.number, &event.owned);
        free(event.owned);
        the_world_comes_to_rest(sim);
    }
    sim->now_us = until_us;
}

void
sim_live(struct sim *sim, uint64_t seconds)
{
    run_until(sim, sim->now_us + seconds * SECOND_US);
}

/* ---- a life ---- */

static void
trace_dials(const struct sim *sim)
{
    const struct dials *d = &sim->dials;
    sim_trace(sim,
        "seed %" PRIu64 ": %" PRIu32 " schedulers, %" PRIu32 " workers, %" PRIu32
        " starts, faults for %" PRIu64 " ms",
        sim->seed, d->schedulers, d->workers, d->starts, d->faults_us / MS_US);
    sim_trace(sim,
        "of 10000: %" PRIu32 " lost, %" PRIu32 " repeated, %" PRIu32 " late, %" PRIu32
        " lost at the door, %" PRIu32 " parked",
        d->loss, d->repeat, d->late, d->door_loss, d->parked);
    for (int i = 0; i < MISHAP_COUNT; i++)
        if (d->every_us[i] > 0)
            sim_trace(sim, "every %" PRIu64 " ms: %s", d->every_us[i] / MS_US,
                mishap_name((enum mishap)i));
}

static struct sim *
begin(uint64_t seed, const struct sim_options *options)
{
    struct sim *sim = sim_room(sizeof *sim);
    living = sim;
    sim->seed = seed;
    sim->trims = options->trims;
    sim->verbose = options->verbose;
    sim->zones = options->zones;
    sim->only = options->only;
    for (int i = 0; i < STREAM_COUNT; i++)
        chance_open(&sim->chance[i], seed, (enum chance_stream)i);
    dials_draw(&sim->dials, &sim->config, sim_chance(sim, STREAM_DIALS));
    if (options->steady)
        dials_steady(&sim->dials);
    dials_trim(&sim->dials, sim->trims.kinds);
    trace_dials(sim);
    memset(sim->secret, 0x5e, sizeof sim->secret);
    sim->oracle = oracle_new(sim);
    machine_new(sim, ACTOR_registry, 0, &registry_actor, NULL, true);
    machine_new(sim, ACTOR_trigger, 0, &trigger_actor, NULL, true);
    for (uint32_t i = 0; i < sim->dials.schedulers; i++)
        machine_new(sim, ACTOR_scheduler, i, &scheduler_actor, NULL, true);
    machine_new(sim, ACTOR_lease, 0, &lease_actor, NULL, false);
    gateway_open(sim);
    machines_wire(sim);
    for (size_t i = 0; i < sim->machine_count; i++)
        machine_start(sim->machines[i]);
    workers_open(sim);
    clients_open(sim);
    publishers_open(sim);
    keepers_open(sim);
    mishaps_open(sim);
    return sim;
}

static void
end(struct sim *sim)
{
    for (size_t i = 0; i < sim->event_count; i++)
        free(sim->events[i].owned);
    free(sim->events);
    for (size_t i = 0; i < sim->machine_count; i++)
        machine_stop(sim->machines[i]);
    for (size_t i = 0; i < sim->machine_count; i++)
        machine_free(sim->machines[i]);
    clients_close(sim);
    publishers_close(sim);
    keepers_close(sim);
    workers_close(sim);
    gateway_close(sim);
    oracle_free(sim->oracle);
    free(sim);
}

static void
heal(struct sim *sim)
{
    sim_trace(sim, "---- the world heals ----");
    sim->healed = true;
    mishaps_heal(sim);
    workers_heal(sim);
}

static void
every_run_ends(struct sim *sim)
{
    uint64_t until_us = sim->now_us + (uint64_t)HEALING_MAX_S * SECOND_US;
    const char *why;
    while ((why = clients_wait_for(sim)) != NULL
           || (why = publishers_wait_for(sim)) != NULL
           || (why = keepers_wait_for(sim)) != NULL
           || (why = oracle_waits_for(sim)) != NULL) {
        if (sim->now_us >= until_us) {
            HOLDS(sim, false, "%s", why);
            sim_give_up();
        }
        run_until(sim, sim->now_us + SECOND_US / 5);
    }
}

/* Nothing new is asked for, and schedules go on. */
static void
linger(struct sim *sim)
{
    uint64_t from_ms = machine_now_ms(machine_named(sim, ACTOR_trigger, 0));
    run_until(sim, sim->now_us + (uint64_t)LINGER_S * SECOND_US);
    every_run_ends(sim);
    schedules_go_on(sim, from_ms);
}

uint64_t
sim_steps(void)
{
    return living->steps;
}

struct dials
sim_dials(uint64_t seed)
{
    struct chance chance;
    struct dials dials;
    struct config config;
    chance_open(&chance, seed, STREAM_DIALS);
    dials_draw(&dials, &config, &chance);
    return dials;
}

uint64_t
sim_run(uint64_t seed, const struct sim_options *options)
{
    struct sim *sim = begin(seed, options);
    run_until(sim, sim->trims.heal_us != 0 ? sim->trims.heal_us : sim->dials.faults_us);
    heal(sim);
    every_run_ends(sim);
    if (sim->dials.linger)
        linger(sim);
    oracle_judge(sim);
    removal_judge(sim);
    uint64_t hash = sim->hash;
    if (options->verbose)
        printf("seed %" PRIu64 ": %.1f s, %" PRIu64 " steps, %" PRIu64
               " messages, hash %016" PRIx64 "\n",
            seed, (double)sim->now_us / SECOND_US, sim->steps, sim->messages, hash);
    end(sim);
    return hash;
}
