#include "tests/simulation/clients.h"

#include "actors/scheduler/kinds.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/gateway_model.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS_MAX = 256, PATIENCE_US = 4 * SECOND_US, KEY_SIZE = 16 };

enum wish {
    WISH_START,
    WISH_CANCEL,
    WISH_APPLY,
    WISH_LIMIT,
    WISH_PAUSE,
    WISH_GO_ON, /* after a pause */
    /* What follows is asked for once: it may come too early, or too late. */
    WISH_RESPOND,
    WISH_RETRY,
    WISH_FORK,
    WISH_SIGNAL,
    WISH_SKIP,
    WISH_OVERRIDE
};

/* What one client wants. */
struct call {
    enum wish wish;
    uint32_t project;
    enum automation automation;
    char key[KEY_SIZE]; /* empty: none */
    uint64_t input;     /* says which start it is */
    struct id run;      /* to cancel, retry or fork; once answered, started */
    struct id fork;     /* the run that shares its beginning */
    uint64_t event;     /* up to this one */
    struct id interaction;
    const char *who, *value; /* who answers it, and what: msgpack; or a queue */
    const char *step;        /* key: to signal, skip, set, or go on from; or NULL */
    uint64_t said;           /* what is said by hand: nobody else says the same */
    uint32_t version;        /* to apply; to start, it is known to exist */
    uint64_t attempt;
    bool alone;   /* nothing follows when it is applied */
    bool settled; /* answered, or given up for good */
    bool asked;   /* it may have been heard */
};

struct clients {
    struct call calls[CALLS_MAX];
    size_t count;
    uint32_t applied[PROJECTS]
                    [AUTOMATION_COUNT]; /* versions that somebody was told of */
};

static void send(struct sim *sim, void *self, uint64_t number, void **owned);

static struct chance *
luck(struct sim *sim)
{
    return sim_chance(sim, STREAM_CLIENTS);
}

static void
try_again(struct sim *sim, size_t i)
{
    struct call *call = &sim->clients->calls[i];
    uint64_t attempt = ++call->attempt;
    if (call->wish == WISH_START && call->key[0] == '\0' && call->asked) {
        call->settled = true; /* whether the run exists is not known */
        return;
    }
    uint64_t after_us = chance_between(luck(sim), 50 * MS_US, 500 * MS_US);
    sim_plan(sim, after_us, send, call, attempt, NULL);
}

static void
lose_patience(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct call *call = self;
    (void)owned;
    if (call->settled || call->attempt != attempt)
        return;
    sim_probe(PROBE_NO_ANSWER);
    try_again(sim, (size_t)(call - sim->clients->calls));
}

static struct message
start_of(const struct call *call, struct buffer *inputs)
{
    struct message m = { .code = RUN_START };
    pack_map(inputs, 1);
    pack_string(inputs, "start");
    pack_u64(inputs, call->input);
    m.run_start = (struct run_start){
        .automation = text(automation_name(call->automation)),
        .key = text(call->key),
        .inputs = buffer_bytes(inputs),
        .source = text("api"),
    };
    return m;
}

static struct message
limit_of(const struct call *call)
{
    return (struct message){ .code = QUEUE_SET,
        .queue_set = { .queue = text(call->value), .limit = 1 } };
}

static struct message
apply_of(const struct call *call)
{
    return (struct message){ .code = AUTOMATION_APPLY,
        .automation_apply = {
            .definition = automation_text(call->automation, call->version) } };
}

static struct message
message_of(const struct call *call, struct buffer *inputs)
{
    struct message m = { .code = RUN_CANCEL };
    switch (call->wish) {
    case WISH_START: return start_of(call, inputs);
    case WISH_CANCEL:
        m.run_cancel =
            (struct run_cancel){ .run = call->run, .reason = text("not wanted") };
        return m;
    case WISH_RESPOND:
        m.code = INTERACTION_RESPOND;
        m.interaction_respond = (struct interaction_respond){
            .interaction = call->interaction,
            .value = text(call->value),
            .principal = text(call->who),
        };
        return m;
    case WISH_RETRY:
        m.code = RUN_RETRY;
        m.run_retry = (struct run_retry){ .run = call->run,
            .step = text(call->step == NULL ? "" : call->step),
            .by = text("ann") };
        return m;
    case WISH_PAUSE:
    case WISH_GO_ON:
        m.code = AUTOMATION_SET;
        m.automation_set =
            (struct automation_set){ .name = text(automation_name(call->automation)),
                .status =
                    call->wish == WISH_PAUSE ? AUTOMATION_PAUSED : AUTOMATION_ACTIVE };
        return m;
    case WISH_SIGNAL:
        pack_u64(inputs, call->said);
        m.code = RUN_SIGNAL;
        m.run_signal = (struct run_signal){ .run = call->run,
            .step = text(call->step),
            .result = buffer_bytes(inputs),
            .by = text("ann") };
        return m;
    case WISH_SKIP:
        buffer_print(inputs, "%" PRIu64, call->said);
        m.code = STEP_SKIP;
        m.step_skip = (struct step_skip){ .run = call->run,
            .step = text(call->step),
            .by = text("ann"),
            .reason = buffer_bytes(inputs) };
        return m;
    case WISH_OVERRIDE:
        pack_u64(inputs, call->said);
        m.code = STEP_OVERRIDE;
        m.step_override = (struct step_override){ .run = call->run,
            .step = text(call->step),
            .output = buffer_bytes(inputs),
            .by = text("ann") };
        return m;
    case WISH_FORK:
        m.code = RUN_FORK;
        m.run_fork = (struct run_fork){
            .run = call->fork, .origin = call->run, .event = call->event
        };
        return m;
    case WISH_LIMIT: return limit_of(call);
    case WISH_APPLY: return apply_of(call);
    }
    WRONG("there is no such wish");
}

static void
send(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct call *call = self;
    size_t i = (size_t)(call - sim->clients->calls);
    struct buffer inputs = { 0 };
    (void)owned;
    if (call->settled || call->attempt != attempt)
        return;
    struct message m = message_of(call, &inputs);
    if (call->wish == WISH_START)
        call->version = sim->clients->applied[call->project][call->automation];
    m.envelope.project = project_id(call->project);
    sim_trace_message(sim, "ask", "client", "", &m);
    if (call->wish == WISH_RETRY)
        oracle_hear_retry(sim, &call->run);
    bool heard = gateway_take_question(sim, i, attempt, &m);
    buffer_free(&inputs);
    if (!heard) {
        try_again(sim, i);
        return;
    }
    call->asked = true;
    sim_plan(sim, PATIENCE_US, lose_patience, call, attempt, NULL);
}

static struct call *
add(struct sim *sim, struct call made, uint64_t after_us)
{
    struct clients *all = sim->clients;
    if (all->count == CALLS_MAX)
        return NULL;
    struct call *call = &all->calls[all->count++];
    *call = made;
    call->attempt = 1;
    sim_plan(sim, after_us, send, call, call->attempt, NULL);
    return call;
}

/* Whoever was told that a version exists can start it at once. */
static void
what_was_applied_can_be_started(
    struct sim *sim, const struct call *call, uint32_t version)
{
    HOLDS(sim, version >= call->version, "%s of version %" PRIu32 ", not %" PRIu32,
        automation_name(call->automation), version, call->version);
}

static void
plan_apply(
    struct sim *sim, uint32_t project, enum automation automation, uint32_t version)
{
    uint64_t after_us = version == 1 ? chance_below(luck(sim), SECOND_US / 2)
                                     : chance_below(luck(sim), sim->dials.faults_us);
    struct call call = { .wish = WISH_APPLY,
        .project = project,
        .automation = automation,
        .version = version };
    if (automation_text(automation, version).size == 0)
        return;
    add(sim, call, after_us);
    /* Two may apply the same text; only one of them goes on to the next. */
    call.alone = true;
    if (version == 1 && chance_hits(luck(sim), 2000))
        add(sim, call, after_us + chance_below(luck(sim), 3 * MS_US));
}

/* One after the other: who pauses goes on when it knows that all is at rest. */
static void
plan_pause(struct sim *sim, const struct call *after)
{
    struct call call = {
        .wish = WISH_PAUSE, .project = after->project, .automation = after->automation
    };
    if (!sim->healed && chance_hits(luck(sim), 4000))
        add(sim, call, chance_below(luck(sim), 3 * SECOND_US));
}

static void
hear_set(struct sim *sim, struct call *call)
{
    bool paused = call->wish == WISH_PAUSE;
    call->settled = true;
    oracle_hear_set(sim, call->project, call->automation, paused);
    sim_probe(paused ? PROBE_PAUSED : PROBE_UNPAUSED);
    if (!paused) {
        plan_pause(sim, call);
        return;
    }
    struct call then = *call;
    then.wish = WISH_GO_ON;
    then.settled = false;
    add(sim, then, chance_below(luck(sim), 3 * SECOND_US));
}

static bool
may_be_paused(const struct call *call)
{
    return !call->alone && call->version == 1
           && (call->automation == AUTOMATION_tick
               || call->automation == AUTOMATION_heard
               || call->automation == AUTOMATION_failing);
}

static void
hear_applied(struct sim *sim, struct call *call)
{
    uint32_t *applied = &sim->clients->applied[call->project][call->automation];
    call->settled = true;
    if (call->version > *applied)
        *applied = call->version;
    sim_probe(PROBE_APPLIED);
    if (!sim->healed && chance_hits(luck(sim), 2000))
        add(sim,
            (struct call){ .project = call->project,
                .automation = call->automation,
                .input = 1000 + sim->clients->count },
            chance_below(luck(sim), 5 * MS_US));
    if (may_be_paused(call))
        plan_pause(sim, call);
    if (!call->alone)
        plan_apply(sim, call->project, call->automation, call->version + 1);
}

/* People look at what the run may ask, now or later, and say yes or no. */
static void
plan_responses(struct sim *sim, uint32_t project, const struct id *run)
{
    static const char *const people[] = { "ann", "bob", "eve", "nobody" };
    static const char yes[] = "\xc3", no[] = "\xc2";
    enum { FIRST = 0, ALL = 3 }; /* the steps that ask: see automations.def */
    struct chance *c = luck(sim);
    for (uint64_t left = chance_between(c, 0, 6); left > 0; left--) {
        uint32_t step = chance_hits(c, 4000) ? FIRST : ALL;
        bool escalated = step == ALL && chance_hits(c, 3000);
        uint64_t after_us = chance_below(c, 8 * SECOND_US);
        struct call call = { .wish = WISH_RESPOND,
            .project = project,
            .run = *run,
            .interaction = interaction_id(run, step, 1, escalated),
            .who = people[chance_below(c, COUNT(people))],
            .value = chance_hits(c, 7000) ? yes : no };
        add(sim, call, after_us);
        /* Who hesitates says no, too. */
        if (call.value == yes && chance_hits(c, 5000)) {
            call.value = no;
            add(sim, call, after_us + chance_below(c, SECOND_US / 2));
        }
    }
}

/* Things done by hand, whether or not the step is there to be done it to. */
static void
plan_hands(struct sim *sim, const struct call *started)
{
    static const enum wish wishes[] = { WISH_SIGNAL, WISH_SIGNAL, WISH_SKIP,
        WISH_OVERRIDE, WISH_RETRY };
    static const char *const steps[] = { "a", "w", "s", "b" };
    struct chance *c = luck(sim);
    for (uint64_t left = chance_between(c, 2, 6); left > 0; left--) {
        struct call call = { .wish = wishes[chance_below(c, COUNT(wishes))],
            .project = started->project,
            .run = started->run,
            .said = 1000 + sim->clients->count };
        call.step = steps[chance_below(c, COUNT(steps))];
        add(sim, call, chance_below(c, 9 * SECOND_US));
    }
}

static void
plan_again(struct sim *sim, const struct call *started)
{
    static const enum automation simple[] = { AUTOMATION_line, AUTOMATION_graph,
        AUTOMATION_retry, AUTOMATION_slow, AUTOMATION_late, AUTOMATION_doomed,
        AUTOMATION_asks, AUTOMATION_alone, AUTOMATION_newest, AUTOMATION_turns,
        AUTOMATION_hands };
    struct chance *c = luck(sim);
    bool is_simple = false;
    for (size_t i = 0; i < COUNT(simple); i++)
        is_simple |= started->automation == simple[i];
    if (!is_simple)
        return;
    if (chance_hits(c, 4000))
        add(sim,
            (struct call){
                .wish = WISH_RETRY, .project = started->project, .run = started->run },
            chance_below(c, 8 * SECOND_US));
    if (chance_hits(c, 2000))
        add(sim,
            (struct call){ .wish = WISH_FORK,
                .project = started->project,
                .run = started->run,
                .fork = sim_id(sim, STREAM_CLIENTS, id_partition(&started->run)),
                .event = chance_between(c, 1, 16) },
            chance_below(c, 6 * SECOND_US));
}

static void
hear_accepted(struct sim *sim, struct call *call, const struct run_accepted *m)
{
    call->settled = true;
    if (call->wish == WISH_CANCEL) {
        oracle_hear_cancelled(sim, m);
        return;
    }
    if (call->wish == WISH_RETRY || call->wish == WISH_FORK)
        return;
    if (call->wish >= WISH_SIGNAL) {
        oracle_hear_hand(sim, &call->run,
            call->wish == WISH_SKIP ? hand_of_skip(call->step) : call->said);
        return;
    }
    if (call->wish == WISH_RESPOND) {
        oracle_hear_answered(sim, &call->run, &call->interaction, call->who);
        return;
    }
    struct start start = {
        .project = call->project,
        .automation = call->automation,
        .input = call->input,
        .key = call->key,
        .run = m->run,
        .version = m->version,
    };
    call->run = m->run;
    if (!m->existed)
        what_was_applied_can_be_started(sim, call, m->version);
    else
        sim_probe(PROBE_SAME_KEY);
    if (m->version > 1)
        sim_probe(PROBE_NEW_VERSION);
    oracle_hear_started(sim, &start, m->existed);
    if (call->automation == AUTOMATION_ask && !m->existed)
        plan_responses(sim, call->project, &m->run);
    if (!m->existed && call->automation == AUTOMATION_hands)
        plan_hands(sim, call);
    if (!m->existed && !sim->healed)
        plan_again(sim, call);
    if (!sim->healed && chance_hits(luck(sim), 1500))
        add(sim,
            (struct call){
                .wish = WISH_CANCEL, .project = call->project, .run = m->run },
            chance_below(luck(sim), 3 * SECOND_US));
}

void
clients_hear(struct sim *sim, size_t i, uint64_t attempt, const struct message *m)
{
    struct call *call = &sim->clients->calls[i];
    sim_trace_message(sim, "tell", "client", "", m);
    if (call->settled)
        return;
    if (m->code == RUN_ACCEPTED) {
        hear_accepted(sim, call, &m->run_accepted);
    } else if (m->code == DOCUMENT && call->wish == WISH_LIMIT) {
        call->settled = true;
        sim_probe(PROBE_LIMITED);
    } else if (m->code == DOCUMENT && call->wish == WISH_APPLY) {
        hear_applied(sim, call);
    } else if (m->code == DOCUMENT) {
        hear_set(sim, call);
    } else if (attempt == call->attempt) {
        if (call->wish >= WISH_RESPOND && m->refused.err != ERR_TIMEOUT
            && m->refused.err != ERR_UNAVAILABLE) {
            call->settled = true; /* not yet, or no more, or not this one */
            return;
        }
        if (call->wish == WISH_START && m->refused.err == ERR_NOT_FOUND)
            what_was_applied_can_be_started(sim, call, 0);
        /* An unknown name may become known; what timed out may not have happened. */
        if (m->refused.err != ERR_TIMEOUT)
            call->asked = false;
        try_again(sim, i);
    }
}

const char *
clients_wait_for(const struct sim *sim)
{
    static const char *const names[] = { [WISH_CANCEL] = "cancel",
        [WISH_LIMIT] = "limit",
        [WISH_PAUSE] = "pause",
        [WISH_GO_ON] = "go on",
        [WISH_RESPOND] = "respond",
        [WISH_RETRY] = "retry",
        [WISH_FORK] = "fork",
        [WISH_SIGNAL] = "signal",
        [WISH_SKIP] = "skip",
        [WISH_OVERRIDE] = "override" };
    static char said[80];
    for (size_t i = 0; i < sim->clients->count; i++) {
        const struct call *call = &sim->clients->calls[i];
        if (call->settled)
            continue;
        snprintf(said, sizeof said, "call %zu (%s) has no answer", i,
            names[call->wish] != NULL ? names[call->wish]
                                      : automation_name(call->automation));
        return said;
    }
    return NULL;
}

/* What most starts are of in a crowded world. */
static enum automation
crowd_of(const struct sim *sim)
{
    static const enum automation crowds[] = { AUTOMATION_turns, AUTOMATION_turns,
        AUTOMATION_newest, AUTOMATION_alone, AUTOMATION_failing };
    return crowds[sim->seed % COUNT(crowds)];
}

static bool
is_started(const struct sim *sim, uint32_t project, enum automation automation)
{
    const struct clients *all = sim->clients;
    for (size_t i = 0; i < all->count; i++)
        if (all->calls[i].wish == WISH_START && all->calls[i].project == project
            && all->calls[i].automation == automation)
            return true;
    return false;
}

/* When a scheduler says that it is there, much is said to it at once. */
void
clients_see_life(struct sim *sim)
{
    enum { STORM_MAX = 100, STORM = 3 };
    struct clients *all = sim->clients;
    if (all == NULL || sim->healed || !sim->dials.crowd || all->count > STORM_MAX
        || !is_started(sim, 0, crowd_of(sim)))
        return;
    for (int i = 0; i < STORM; i++)
        add(sim,
            (struct call){
                .automation = crowd_of(sim), .input = 2000 + sim->clients->count },
            chance_below(luck(sim), 2 * sim->dials.latency_us));
}

/* Several clients may start the same thing under one key, at nearly the same time. */
static void
plan_start(struct sim *sim, uint64_t number)
{
    struct chance *c = luck(sim);
    struct call call = {
        .project = chance_hits(c, 7000) ? 0 : 1,
        .automation = (enum automation)chance_below(c, AUTOMATION_echo),
        .input = number,
    };
    uint64_t after_us = chance_below(c, sim->dials.faults_us);
    uint64_t copies = 1;
    if (sim->dials.wide && number % 4 == 0)
        call.automation = AUTOMATION_wide;
    else if (automation_wide(call.automation))
        call.automation = AUTOMATION_line;
    if (sim->dials.crowd && chance_hits(c, 7000)) {
        call.automation = crowd_of(sim);
        call.project = 0;
    }
    if (call.automation == AUTOMATION_fan && !chance_hits(c, 3000))
        call.automation = AUTOMATION_graph;
    if (chance_hits(c, 6000)) {
        snprintf(call.key, sizeof call.key, "key-%" PRIu64, number);
        copies = chance_between(c, 1, 3);
    }
    while (copies-- > 0) {
        if ((sim->trims.starts >> number & 1) == 0)
            add(sim, call, after_us);
        if (chance_hits(c, 5000))
            after_us += chance_below(c, 2 * SECOND_US);
    }
}

/* In some worlds, whether or not anybody starts them. */
static bool
hears_events(const struct sim *sim, int automation)
{
    return sim->dials.events
           && (automation == AUTOMATION_heard || automation == AUTOMATION_calm
               || automation == AUTOMATION_seldom || automation == AUTOMATION_packed);
}

/* As the tool does in bulk: all runs that somebody was told of are cancelled at once.
 */
static void
sweep(struct sim *sim, void *self, uint64_t number, void **owned)
{
    struct clients *all = sim->clients;
    size_t count = all->count;
    (void)self;
    (void)number;
    (void)owned;
    for (size_t i = 0; i < count; i++) {
        const struct call *call = &all->calls[i];
        if (call->wish != WISH_START || id_is_zero(&call->run))
            continue;
        add(sim,
            (struct call){
                .wish = WISH_CANCEL, .project = call->project, .run = call->run },
            chance_below(luck(sim), 5 * MS_US));
        sim_probe(PROBE_SWEPT);
    }
}

void
clients_open(struct sim *sim)
{
    sim->clients = sim_room(sizeof *sim->clients);
    for (uint64_t i = 0; i < sim->dials.starts; i++)
        plan_start(sim, i);
    if (chance_hits(luck(sim), 1000))
        sim_plan(
            sim, chance_below(luck(sim), sim->dials.faults_us), sweep, NULL, 0, NULL);
    for (uint32_t project = 0; project < PROJECTS; project++)
        for (int i = 0; i < AUTOMATION_COUNT; i++)
            if (hears_events(sim, i) || i == AUTOMATION_tick
                || is_started(sim, project, (enum automation)i))
                plan_apply(sim, project, (enum automation)i, 1);
    /* One queue that few jobs are of, or the one of nearly all. */
    if (sim->seed % 3 != 0)
        add(sim,
            (struct call){
                .wish = WISH_LIMIT, .value = sim->seed % 6 == 1 ? "default" : "other" },
            0);
    if (sim->seed % 4 == 2)
        plan_apply(sim, 1, AUTOMATION_echo, 1);
}

void
clients_close(struct sim *sim)
{
    free(sim->clients);
}
