#include "tests/simulation/publishers.h"

#include "base/pack.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/gateway_model.h"
#include "tests/simulation/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Pongs go on after the world has healed, for as long as anybody waits for something:
 * whoever waits must get its own. */
enum {
    EVENTS = 40,
    PULSES = 48,
    ALL = EVENTS + PULSES,
    PATIENCE_US = 4 * SECOND_US,
    FEW_BYTES = 12000,
    PADDING = 300 /* bytes of some events: enough to be taken out of the log */
};

struct publication {
    char id[16];
    const char *type;
    uint64_t kind, number; /* number: once it is told */
    uint64_t attempt;
    uint32_t project;
    bool asked; /* its time has come */
};

struct publishers {
    struct publication all[ALL];
};

static void send(struct sim *sim, void *self, uint64_t attempt, void **owned);

static struct chance *
luck(struct sim *sim)
{
    return sim_chance(sim, STREAM_PUBLISHERS);
}

static void
try_again(struct sim *sim, struct publication *p)
{
    sim_plan(sim, chance_between(luck(sim), 50 * MS_US, 500 * MS_US), send, p,
        ++p->attempt, NULL);
}

static void
lose_patience(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct publication *p = self;
    (void)owned;
    if (p->number == 0 && p->attempt == attempt)
        try_again(sim, p);
}

static void
send(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    struct publication *p = self;
    size_t i = (size_t)(p - sim->publishers->all);
    struct buffer data = { 0 };
    (void)owned;
    if (p->attempt != attempt)
        return;
    p->asked = true;
    bool padded = i % 5 < 2;
    pack_map(&data, padded ? 2 : 1);
    pack_string(&data, "kind");
    pack_u64(&data, p->kind);
    if (padded) {
        static const uint8_t padding[PADDING] = { 0 };
        pack_string(&data, "padding");
        pack_blob(&data, bytes_of(padding, PADDING));
    }
    struct message m = { .code = EVENT_PUBLISH };
    m.event_publish = (struct event_publish){
        .id = text(p->id), .type = text(p->type), .data = buffer_bytes(&data)
    };
    m.envelope.project = project_id(p->project);
    bool heard = gateway_take_question(sim, PUBLISHER_CALLS + i, attempt, &m);
    buffer_free(&data);
    if (heard)
        sim_plan(sim, PATIENCE_US, lose_patience, p, attempt, NULL);
    else
        try_again(sim, p);
}

/* Unless it is kept no longer. */
static void
an_event_has_one_number(struct sim *sim, const struct publication *p, uint64_t number)
{
    bool expires = sim->config.events_kept_bytes <= FEW_BYTES;
    HOLDS(sim, p->number == 0 || p->number == number || (expires && number > p->number),
        "%s: %" PRIu64 " and %" PRIu64, p->id, p->number, number);
}

void
publishers_hear(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *answer)
{
    struct publication *p = &sim->publishers->all[call - PUBLISHER_CALLS];
    if (answer->code == DOCUMENT) {
        struct cursor c = cursor_over(pack_find(answer->document.document, "number"));
        uint64_t number = cursor_u64(&c);
        bool again = p->number == 0 && !sim->healed && chance_hits(luck(sim), 3000);
        an_event_has_one_number(sim, p, number);
        p->number = number;
        sim_probe(PROBE_PUBLISHED);
        if (again)
            try_again(sim, p);
    } else if (p->number == 0 && attempt == p->attempt) {
        if (answer->code == REFUSED && answer->refused.err == ERR_OVERLOADED)
            sim_probe(PROBE_OVERLOADED);
        try_again(sim, p);
    }
}

uint64_t
publishers_told(const struct sim *sim, struct bytes id)
{
    for (size_t i = 0; i < ALL; i++)
        if (bytes_equal(id, text(sim->publishers->all[i].id)))
            return sim->publishers->all[i].number;
    return 0;
}

const char *
publishers_wait_for(const struct sim *sim)
{
    for (size_t i = 0; i < ALL; i++)
        if (sim->publishers->all[i].number == 0
            && (sim->publishers->all[i].asked || i < EVENTS))
            return "an event is not acknowledged";
    return NULL;
}

void
publishers_open(struct sim *sim)
{
    sim->publishers = sim_room(sizeof *sim->publishers);
    for (size_t i = 0; i < ALL; i++) {
        struct publication *p = &sim->publishers->all[i];
        uint64_t within_us = sim->dials.flood ? SECOND_US : sim->dials.faults_us;
        uint64_t after_us =
            i < EVENTS
                ? sim->dials.faults_us - within_us + chance_below(luck(sim), within_us)
                : sim->dials.faults_us + (i - EVENTS) / 2 * SECOND_US;
        snprintf(p->id, sizeof p->id, "event-%zu", i);
        p->type = i < EVENTS && chance_hits(luck(sim), 5000) ? "ping" : "pong";
        p->project = (uint32_t)(i >= EVENTS || sim->dials.flood ? i % PROJECTS : 0);
        p->kind = i < EVENTS ? chance_below(luck(sim), 2) : 1;
        p->attempt = 1;
        sim_plan(sim, after_us, send, p, 1, NULL);
    }
}

void
publishers_close(struct sim *sim)
{
    free(sim->publishers);
}
