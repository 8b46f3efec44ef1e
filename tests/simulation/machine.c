#include "tests/simulation/machine.h"

#include "base/wrong.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* How long a turn takes at least, and how many messages a batch may take. */
enum { TURN_US = 20, TURN_MAX_US = 300, BATCH_TURNS_MAX = 60 };

/* Ticks of one actor in a second: some hundreds are many, but for one whose peers say
 * all again and again, as their links lose each fourth packet. */
enum { TICKS_MAX = 10000, TICKS_HEARD = 10, SECOND_MS = 1000 };

uint64_t
machine_now_ms(const struct machine *m)
{
    int64_t lived_us = (int64_t)(m->sim->now_us - m->born_us);
    lived_us += lived_us * m->drift_ppm / 1000000;
    return m->born_ms + (uint64_t)lived_us / MS_US;
}

uint64_t
machine_wall_ms(const struct machine *m)
{
    return (uint64_t)((int64_t)machine_now_ms(m) + m->jumped_ms);
}

/* When its clock says `at_ms`, or a little after. */
static uint64_t
us_until(const struct machine *m, uint64_t at_ms)
{
    uint64_t now_ms = machine_now_ms(m);
    if (at_ms <= now_ms)
        return 0;
    if (at_ms - now_ms > UINT32_MAX)
        return UINT64_MAX;
    int64_t us = (int64_t)(at_ms - now_ms) * MS_US;
    us -= us * m->drift_ppm / 1000000;
    return (uint64_t)us;
}

/* ---- the world of loop.h ---- */

static uint64_t
world_now(void *self)
{
    return machine_now_ms(self);
}

static bool
world_receive(void *self, uint64_t until_ms, struct message *in)
{
    struct machine *m = self;
    (void)until_ms; /* nobody waits here: the next turn comes when it is due */
    if (m->batch_left == 0 || !bus_receive(m, in))
        return false;
    m->batch_left--;
    return true;
}

static void
world_send(void *self, const struct message *out)
{
    struct machine *m = self;
    oracle_hear_leave(m, out);
    bus_send(m, out);
}

static void
world_flush(void *self)
{
    struct machine *m = self;
    bus_flush(m);
    bus_release(m);
}

/* ---- the actor, watched ---- */

/* The moment that a crash would like best: a run is left with more to say.  The batch
 * ends here, and the process dies while it sends. */
static void
tempt_fate(struct machine *m, const struct outbox *out)
{
    struct sim *sim = m->sim;
    if (sim->healed || sim->dials.every_us[MISHAP_FLUSH] == 0)
        return;
    for (size_t i = 0; i < out->count; i++) {
        if (out->messages[i].code != RUN_DEFERRED
            || !chance_hits(sim_chance(sim, STREAM_MISHAPS), 5000))
            continue;
        m->batch_left = 0;
        m->flush_left = 1;
    }
}

/* The loop means by `const` the state of an actor, not its machine. */
static struct machine *
machine_of(const void *state)
{
    return (struct machine *)(uintptr_t)state;
}

static void
shell_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    struct machine *m = machine_of(state);
    m->heard++;
    m->actor->decide(m->state, now_ms, in, out);
    oracle_hear_decision(m, now_ms, in, out);
    tempt_fate(m, out);
}

/* What is due would be due again at once, and for ever: nothing has changed. */
static void
a_tick_says_something(const struct machine *m, const struct outbox *out)
{
    HOLDS(m->sim, out->count > 0, "%s says nothing", m->title);
}

/* Nor does what is due become due again without end: the world would stand still. */
static void
time_goes_on(struct machine *m, uint64_t now_ms)
{
    if (now_ms - m->ticks_since_ms >= SECOND_MS || now_ms < m->ticks_since_ms) {
        m->ticks_since_ms = now_ms;
        m->ticks = m->heard = 0;
    }
    m->ticks++;
    HOLDS(m->sim, m->ticks < TICKS_MAX + TICKS_HEARD * m->heard,
        "%s heard %" PRIu32 " messages in a second and had %" PRIu32
        " things to do of itself",
        m->title, m->heard, m->ticks);
}

static void
shell_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    struct machine *m = machine_of(state);
    m->batch_left--;
    time_goes_on(m, now_ms);
    m->actor->tick(m->state, now_ms, out);
    a_tick_says_something(m, out);
    oracle_hear_decision(m, now_ms, NULL, out);
    tempt_fate(m, out);
}

static void
shell_apply(void *state, uint64_t at_ms, const struct message *fact)
{
    struct machine *m = state;
    m->actor->apply(m->state, at_ms, fact);
}

static void
shell_settle(void *state)
{
    struct machine *m = state;
    if (m->actor->settle != NULL)
        m->actor->settle(m->state);
}

static uint64_t
shell_due(const void *state)
{
    const struct machine *m = state;
    /* So a batch ends: some are smaller than the loop would make them. */
    return m->in_turn && m->batch_left == 0 ? UINT64_MAX : m->actor->due(m->state);
}

/* ---- turns ---- */

static void
plan_next(struct machine *m)
{
    struct chance *c = sim_chance(m->sim, STREAM_TURNS);
    uint64_t next_us = bus_hello_us(m) - m->sim->now_us;
    if (!list_empty(&m->inbox) || m->held_back) {
        next_us = 0;
    } else if (m->actor != NULL) {
        uint64_t due_us = us_until(m, m->actor->due(m->state));
        next_us = due_us < next_us ? due_us : next_us;
    }
    uint64_t least_us = chance_between(c, TURN_US, TURN_MAX_US);
    m->wake_us = UINT64_MAX;
    machine_wake(m, next_us > least_us ? next_us : least_us);
}

/* A slow disk holds the process up, and what it says. */
static uint64_t
slow_sync_us(const struct machine *m)
{
    if (m->slow_until_us <= m->sim->now_us)
        return 0;
    sim_probe(PROBE_SLOW);
    return chance_between(sim_chance(m->sim, STREAM_DISK), MS_US, 300 * MS_US);
}

static const struct machine *running;

const struct machine *
machine_running(void)
{
    return running;
}

static void
act(struct machine *m)
{
    struct chance *c = sim_chance(m->sim, STREAM_TURNS);
    m->batch_left = chance_below(c, BATCH_TURNS_MAX);
    m->batch_left = chance_hits(c, 2000) ? 1 : m->batch_left + 1;
    if (m->actor == NULL) {
        struct message in;
        while (m->up && bus_receive(m, &in))
            m->model->hear(m, &in);
        world_flush(m);
        return;
    }
    m->in_turn = true;
    running = m;
    m->sync_us = slow_sync_us(m);
    enum err err = loop_turn(&m->loop);
    m->in_turn = false;
    running = NULL;
    if (err != ERR_NONE) {
        sim_trace(m->sim, "fail %s %s", m->title, err_name(err));
        sim_probe(PROBE_COMMIT_FAILED);
        machine_crash(m, chance_hits(sim_chance(m->sim, STREAM_DISK), 3000),
            chance_between(c, MS_US, SECOND_US));
        return;
    }
    oracle_hear_turn(m);
    if (m->sync_us > 0)
        machine_pause(m, m->sync_us);
    m->sync_us = 0;
}

static void
wake(struct sim *sim, void *self, uint64_t life, void **owned)
{
    struct machine *m = self;
    (void)owned;
    if (!m->up || m->life != life || m->wake_us != sim->now_us)
        return;
    m->wake_us = UINT64_MAX;
    if (m->paused_until_us > sim->now_us) {
        machine_wake(m, m->paused_until_us - sim->now_us);
        return;
    }
    bus_hello_us(m);
    act(m);
    if (m->up && m->flush_left == 0) {
        sim_probe(PROBE_DIED_SENDING);
        machine_crash(m, false,
            chance_between(sim_chance(sim, STREAM_MISHAPS), MS_US, SECOND_US));
    }
    if (m->up)
        plan_next(m);
}

void
machine_wake(struct machine *m, uint64_t after_us)
{
    uint64_t at_us = m->sim->now_us + after_us;
    if (!m->up || at_us >= m->wake_us)
        return;
    m->wake_us = at_us;
    sim_plan(m->sim, after_us, wake, m, m->life, NULL);
}

void
machine_pause(struct machine *m, uint64_t for_us)
{
    m->paused_until_us = m->sim->now_us + for_us;
}

/* ---- lives ---- */

/* The wall clock of this life, and its epoch. */
static void
draw_clock(struct machine *m)
{
    struct sim *sim = m->sim;
    struct chance *c = sim_chance(sim, STREAM_MISHAPS);
    if (m->life > 1 && sim->dials.clock_jump_ms > 0) {
        int64_t most = sim->dials.clock_jump_ms;
        m->wrong_ms = (int64_t)chance_below(c, (uint64_t)most * 2) - most;
    }
    m->jumped_ms = 0;
    m->drift_ppm = (int32_t)chance_below(c, 400) - 200;
    m->born_us = sim->now_us;
    m->born_ms = (uint64_t)((int64_t)sim_wall_ms(sim) + m->wrong_ms);
    uint64_t epoch = m->born_ms * 1000;
    m->epoch = epoch > m->epoch ? epoch : m->epoch + 1;
    m->message_id = m->epoch;
}

static bool
open_journal(struct machine *m)
{
    struct journal_options options = {
        .epoch = m->epoch,
        .memtable_bytes = 1 << 20,
        .block_cache_bytes = 1 << 20,
        .state_cache_bytes = m->sim->config.state_cache_bytes,
    };
    struct fault fault;
    return journal_open_memory(m->disk, &options, &m->journal, &fault) == ERR_NONE;
}

static void
open_actor(struct machine *m)
{
    struct actor_setup setup = {
        .config = &m->sim->config,
        .journal = m->journal,
        .zones = m->sim->zones,
        .instance = m->instance,
        .epoch = m->epoch,
    };
    struct loop_options options = {
        .epoch = m->epoch,
        .inline_max = m->sim->config.inline_max,
    };
    memcpy(setup.secret, m->sim->secret, SECRET_SIZE);
    m->state = sim_room(m->actor->state_size);
    m->actor->open(m->state, &setup);
    m->world = (struct world){ m, world_now, world_receive, world_send, world_flush };
    loop_open(&m->loop, &m->shell, m, m->journal, &m->world, &options);
}

static void
start_later(struct sim *sim, void *self, uint64_t life, void **owned)
{
    struct machine *m = self;
    (void)sim;
    (void)owned;
    if (!m->up && m->life == life)
        machine_start(m);
}

void
machine_start(struct machine *m)
{
    if (m->up)
        return;
    m->life++;
    draw_clock(m);
    if (m->journaled && !open_journal(m)) {
        sim_probe(PROBE_OPEN_FAILED);
        memory_disk_crash(m->disk, SIZE_MAX);
        sim_plan(m->sim, 50 * MS_US, start_later, m, m->life, NULL);
        return;
    }
    /* As process.c does: time never falls behind what the journal has seen. */
    if (m->journaled && journal_last_ms(m->journal) > m->born_ms)
        m->born_ms = journal_last_ms(m->journal);
    m->up = true;
    m->wake_us = UINT64_MAX;
    m->paused_until_us = m->slow_until_us = m->sync_us = 0;
    m->flush_left = UINT32_MAX;
    m->held_back = false;
    sim_trace(m->sim, "life %s %" PRIu64, m->title, m->life);
    if (m->actor != NULL)
        open_actor(m);
    bus_open(m);
    if (m->journaled)
        oracle_hear_start(m);
    if (m->model != NULL)
        m->model->begin(m);
    if (m->name == ACTOR_scheduler && m->life > 1)
        clients_see_life(m->sim);
    machine_wake(m, 0);
}

static void
close_life(struct machine *m)
{
    m->up = false;
    bus_close(m);
    if (m->actor != NULL) {
        loop_close(&m->loop);
        m->actor->close(m->state);
        free(m->state);
        m->state = NULL;
    }
    journal_close(&m->journal);
    if (m->model != NULL)
        m->model->end(m);
}

void
machine_crash(struct machine *m, bool power, uint64_t rest_us)
{
    struct chance *c = sim_chance(m->sim, STREAM_DISK);
    if (!m->up)
        return;
    sim_trace(m->sim, "dies %s%s", m->title, power ? ", and the power goes" : "");
    if (m->name == ACTOR_lease)
        lease_check_end(m);
    if (m->journaled) {
        size_t unsynced = memory_disk_unsynced(m->disk), keep = unsynced;
        if (power)
            keep = chance_below(c, unsynced + 1);
        if (keep < unsynced) {
            sim_probe(PROBE_UNSYNCED_LOST);
            shadow_free(&m->shadow);
        }
        memory_disk_crash(m->disk, keep);
    }
    close_life(m);
    sim_plan(m->sim, rest_us, start_later, m, m->life, NULL);
}

struct machine *
machine_new(struct sim *sim, enum actor_name name, uint32_t instance,
    const struct actor *actor, const struct model *model, bool journaled)
{
    struct machine *m = sim_room(sizeof *m);
    m->sim = sim;
    m->name = name;
    m->instance = instance;
    m->actor = actor;
    m->model = model;
    m->journaled = journaled;
    snprintf(m->title, sizeof m->title, name == ACTOR_scheduler ? "%s.%" PRIu32 : "%s",
        actor_name_text(name), instance);
    m->shell = (struct actor){
        .name = name,
        .decide = shell_decide,
        .apply = shell_apply,
        .settle = shell_settle,
        .due = shell_due,
        .tick = shell_tick,
    };
    if (journaled)
        m->disk = memory_disk_new();
    list_open(&m->inbox);
    list_open(&m->taken);
    sim->machines[sim->machine_count++] = m;
    return m;
}

void
machine_stop(struct machine *m)
{
    if (m->up)
        close_life(m);
}

void
machine_free(struct machine *m)
{
    shadow_free(&m->shadow);
    memory_disk_free(&m->disk);
    for (size_t i = 0; i < m->peer_count; i++) {
        struct list *at;
        buffer_free(&m->peers[i].packet);
        while ((at = list_first(&m->peers[i].road.parked)) != NULL) {
            list_remove(at);
            free(LIST_OF(at, struct packet, link));
        }
    }
    free(m);
}

struct machine *
machine_named(const struct sim *sim, enum actor_name name, uint32_t instance)
{
    for (size_t i = 0; i < sim->machine_count; i++)
        if (sim->machines[i]->name == name && sim->machines[i]->instance == instance)
            return sim->machines[i];
    return NULL;
}
