#include "actors/trigger/trigger.h"

#include "actors/trigger/state.h"
#include "base/wrong.h"

#include <assert.h>

/* Slots said in one turn. */
enum { FIRES_MAX = 64 };

static void
trigger_open(void *state, const struct actor_setup *setup)
{
    struct trigger_state *s = state;
    assert(setup->config->schedulers <= SCHEDULERS_MAX);
    s->config = setup->config;
    s->journal = setup->journal;
    trigger_find_due(s);
}

static void
trigger_close(void *state)
{
    (void)state;
}

static void
greet(const struct message *in, struct outbox *out)
{
    say_peer_reset(out, (struct peer_reset){
                            .actor = in->envelope.from,
                            .instance = in->envelope.instance,
                            .life = in->hello.resync == RESYNC_NEW_LIFE,
                        });
}

/* An older version may come late: its triggers do not hold any more. */
static void
learn(const struct trigger_state *s, const struct triggers_offered *offered,
    struct outbox *out)
{
    struct row_key key = row_key_run('P', &out->project, &offered->automation);
    struct bytes known = journal_get(s->journal, row_key_bytes(&key));
    if (known.data == NULL || row_take_u32(&known) < offered->version)
        say_triggers_learned(out, (struct triggers_learned){
                                      .automation = offered->automation,
                                      .name = offered->name,
                                      .version = offered->version,
                                      .plan = offered->plan,
                                  });
    say_triggers_known(out, (struct triggers_known){
                                .automation = offered->automation,
                                .version = offered->version,
                                .revision = offered->revision,
                            });
}

static void
settle(
    const struct trigger_state *s, const struct fire_taken *taken, struct outbox *out)
{
    struct trigger_name name = { out->project, taken->automation, taken->trigger };
    struct id run = slot_run(&name, taken->slot_ms, s->config->schedulers);
    struct fire fire;
    if (fire_read(s->journal, &run, &fire))
        say_fire_settled(out, (struct fire_settled){
                                  .automation = taken->automation,
                                  .trigger = taken->trigger,
                                  .slot_ms = taken->slot_ms,
                              });
}

static void
trigger_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    const struct trigger_state *s = state;
    (void)now_ms;
    switch (in->code) {
    case HELLO: greet(in, out); return;
    case TRIGGERS_OFFERED: learn(s, &in->triggers_offered, out); return;
    case FIRE_TAKEN: settle(s, &in->fire_taken, out); return;
    default: WRONG("the catalogue sends the trigger actor no such message");
    }
}

/* Whom to tell unsettled slots again; the number of schedulers for nobody. */
static uint32_t
first_retelling(const struct trigger_state *s)
{
    uint32_t partition = 0;
    while (partition < s->config->schedulers && !s->retellings[partition].active)
        partition++;
    return partition;
}

static uint64_t
trigger_due(const void *state)
{
    const struct trigger_state *s = state;
    return first_retelling(s) < s->config->schedulers ? 0 : s->due_ms;
}

/* What leaves must not borrow from the journal: it is committed before. */
static void
say_fire(struct outbox *out, const struct id *run, const struct id *automation,
    struct bytes trigger, uint64_t slot_ms)
{
    say_trigger_fired(out, (struct trigger_fired){
                               .run = *run,
                               .automation = *automation,
                               .trigger = arena_copy(out->arena, trigger),
                               .slot_ms = slot_ms,
                           });
}

struct firing {
    const struct trigger_state *state;
    struct outbox *out;
    uint64_t now_ms;
};

/* The facts of one turn are all of one project: others come in the next one. */
static bool
same_project(const struct outbox *out, const struct id *project)
{
    return out->count == 0 || id_equal(&out->project, project);
}

static bool
fire_due(void *self, struct bytes key, struct bytes value)
{
    struct firing *firing = self;
    const struct trigger_state *s = firing->state;
    struct outbox *out = firing->out;
    struct schedule schedule;
    uint64_t due_ms;
    struct trigger_name name = due_read(key, &due_ms);
    (void)value;
    if (!same_project(out, &name.project) || out->count == FIRES_MAX)
        return false;
    if (!schedule_read(s->journal, &name, &schedule))
        WRONG("a slot without its schedule");
    uint64_t slot_ms = schedule_slot(&schedule, firing->now_ms);
    struct id run = slot_run(&name, slot_ms, s->config->schedulers);
    out->project = name.project;
    say_fire(out, &run, &name.automation, name.key, slot_ms);
    return true;
}

static void
fire_slots(const struct trigger_state *s, uint64_t now_ms, struct outbox *out)
{
    struct firing firing = { s, out, now_ms };
    struct row_key from = row_key('T'), to = row_key('T');
    row_key_u64(&to, now_ms + 1);
    journal_scan(
        s->journal, row_key_bytes(&from), row_key_bytes(&to), false, fire_due, &firing);
}

/* A fact said again is recorded again; it changes no row. */
static void
tell_again(const struct trigger_state *s, uint32_t partition, struct outbox *out)
{
    struct id run = s->retellings[partition].after;
    struct fire fire;
    while (out->count < FIRES_MAX && next_fire(s->journal, partition, &run, &run)
           && fire_read(s->journal, &run, &fire) && same_project(out, &fire.project)) {
        out->project = fire.project;
        say_fire(out, &run, &fire.automation, fire.trigger, fire.slot_ms);
    }
}

static void
trigger_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct trigger_state *s = state;
    uint32_t partition = first_retelling(s);
    if (partition < s->config->schedulers)
        tell_again(s, partition, out);
    else
        fire_slots(s, now_ms, out);
}

const struct actor trigger_actor = {
    .name = ACTOR_trigger,
    .state_size = sizeof(struct trigger_state),
    .open = trigger_open,
    .close = trigger_close,
    .decide = trigger_decide,
    .apply = trigger_apply,
    .due = trigger_due,
    .tick = trigger_tick,
};
