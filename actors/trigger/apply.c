#include "actors/plan/plan.h"
#include "actors/trigger/state.h"
#include "base/wrong.h"

static void
put(struct trigger_state *s, const struct row_key *key, struct bytes value)
{
    /* A row may be no more than its key. */
    static const uint8_t nothing[1] = { 0 };
    journal_put(
        s->journal, row_key_bytes(key), value.size == 0 ? bytes_of(nothing, 1) : value);
}

static void
drop(struct trigger_state *s, const struct row_key *key)
{
    journal_delete(s->journal, row_key_bytes(key));
}

static void
put_fields(struct trigger_state *s, const struct row_key *key,
    const struct shape *shape, const void *value)
{
    struct buffer row = { 0 };
    fields_write(shape, value, NULL, &row);
    put(s, key, buffer_bytes(&row));
    buffer_free(&row);
}

static bool
take_due(void *self, struct bytes key, struct bytes value)
{
    (void)value;
    due_read(key, self);
    return false;
}

void
trigger_find_due(struct trigger_state *s)
{
    struct row_key from = row_key('T'), to = row_key_after(&from);
    s->due_ms = UINT64_MAX;
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false, take_due,
        &s->due_ms);
}

static void
arm(struct trigger_state *s, const struct trigger_name *name, uint64_t due_ms)
{
    struct row_key key = key_of_due(due_ms, name);
    put(s, &key, (struct bytes){ 0 });
    s->due_ms = due_ms < s->due_ms ? due_ms : s->due_ms;
}

static void
disarm(struct trigger_state *s, const struct trigger_name *name, uint64_t due_ms)
{
    struct row_key key = key_of_due(due_ms, name);
    drop(s, &key);
    if (due_ms == s->due_ms)
        trigger_find_due(s);
}

static void
put_schedule(struct trigger_state *s, const struct trigger_name *name,
    const struct schedule *schedule)
{
    struct row_key key = key_of_schedule(name);
    put_fields(s, &key, &schedule_shape, schedule);
}

/* The schedules of the version before. */
struct earlier {
    size_t count;
    struct {
        uint8_t key[PLAN_KEY_MAX];
        size_t size;
        struct schedule schedule;
    } list[PLAN_TRIGGERS_MAX];
};

static bool
take_schedule(void *self, struct bytes key, struct bytes value)
{
    enum { HEAD = 1 + 2 * ID_SIZE };
    struct earlier *earlier = self;
    struct cursor in = cursor_over(value);
    size_t i = earlier->count++;
    earlier->list[i].size = key.size - HEAD;
    memcpy(earlier->list[i].key, key.data + HEAD, key.size - HEAD);
    if (fields_read(&in, &schedule_shape, NULL, &earlier->list[i].schedule) != ERR_NONE)
        WRONG("a row of the trigger actor cannot be read");
    return earlier->count < PLAN_TRIGGERS_MAX;
}

static void
drop_earlier(struct trigger_state *s, const struct id *project,
    const struct id *automation, struct earlier *earlier)
{
    struct row_key from = row_key_run('S', project, automation);
    struct row_key to = row_key_after(&from);
    earlier->count = 0;
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        take_schedule, earlier);
    for (size_t i = 0; i < earlier->count; i++) {
        struct trigger_name name = { *project, *automation,
            bytes_of(earlier->list[i].key, earlier->list[i].size) };
        struct row_key key = key_of_schedule(&name);
        drop(s, &key);
        disarm(s, &name, earlier->list[i].schedule.next_ms);
    }
}

static const struct schedule *
find_earlier(const struct earlier *earlier, struct bytes key)
{
    for (size_t i = 0; i < earlier->count; i++)
        if (bytes_equal(bytes_of(earlier->list[i].key, earlier->list[i].size), key))
            return &earlier->list[i].schedule;
    return NULL;
}

/* A schedule that stays as it was keeps its slots: publishing often must not put them
 * off for ever. */
static void
begin_schedule(struct trigger_state *s, uint64_t at_ms, const struct trigger_name *name,
    const struct plan_trigger *trigger, const struct earlier *earlier)
{
    const struct schedule *before = find_earlier(earlier, trigger->key);
    struct schedule schedule = {
        .interval_ms = trigger->interval_ms,
        .next_ms = at_ms + trigger->interval_ms,
    };
    if (before != NULL && before->interval_ms == trigger->interval_ms)
        schedule = *before;
    put_schedule(s, name, &schedule);
    if (schedule.fired_ms == 0)
        arm(s, name, schedule.next_ms);
}

static void
learn(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct triggers_learned *learned = &m->triggers_learned;
    struct row_key key = row_key_run('P', &m->envelope.project, &learned->automation);
    struct row_key version = { .size = 0 };
    struct earlier earlier;
    struct plan plan;

    row_key_u32(&version, learned->version);
    put(s, &key, row_key_bytes(&version));
    drop_earlier(s, &m->envelope.project, &learned->automation, &earlier);
    if (plan_open(learned->plan, &plan) != ERR_NONE)
        return; /* of a later release: nothing starts it but people */
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(&plan, i);
        struct trigger_name name = { m->envelope.project, learned->automation,
            trigger.key };
        if (trigger.enabled && trigger.interval_ms > 0
            && bytes_equal(trigger.kind, text("schedule")))
            begin_schedule(s, at_ms, &name, &trigger, &earlier);
    }
}

static bool
take_run(void *self, struct bytes key, struct bytes value)
{
    struct id *run = self;
    (void)value;
    row_take_u8(&key);
    row_take_u32(&key);
    *run = row_take_id(&key);
    return false;
}

bool
next_fire(
    struct journal *journal, uint32_t partition, const struct id *after, struct id *run)
{
    struct row_key rows = row_key('F');
    struct id found = { { 0 } };
    row_key_u32(&rows, partition);
    struct row_key from = rows, to = row_key_after(&rows);
    row_key_id(&from, after);
    row_key_u8(&from, 0); /* behind it */
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, take_run, &found);
    *run = found;
    return !id_is_zero(&found);
}

/* A scheduler that greeted is told unsettled slots in their order; a slot that comes
 * meanwhile is told out of turn. */
static void
retold(struct trigger_state *s, const struct id *run)
{
    struct retelling *retelling = &s->retellings[id_partition(run)];
    struct id next;
    if (!retelling->active)
        return;
    if (next_fire(s->journal, id_partition(run), &retelling->after, &next)
        && id_equal(&next, run))
        retelling->after = *run;
    retelling->active =
        next_fire(s->journal, id_partition(run), &retelling->after, &next);
}

static void
fired(struct trigger_state *s, const struct message *m)
{
    const struct trigger_fired *fired = &m->trigger_fired;
    struct trigger_name name = { m->envelope.project, fired->automation,
        fired->trigger };
    struct fire fire = { m->envelope.project, fired->automation, fired->trigger,
        fired->slot_ms };
    struct row_key key = key_of_fire(&fired->run);
    struct schedule schedule;
    bool again = journal_get(s->journal, row_key_bytes(&key)).data != NULL;

    if (!again && schedule_read(s->journal, &name, &schedule)) {
        disarm(s, &name, schedule.next_ms);
        schedule.fired_ms = fired->slot_ms;
        schedule.next_ms = fired->slot_ms + schedule.interval_ms;
        put_schedule(s, &name, &schedule);
    }
    if (!again)
        put_fields(s, &key, &fire_shape, &fire);
    retold(s, &fired->run);
}

static void
settled(struct trigger_state *s, const struct message *m)
{
    const struct fire_settled *settled = &m->fire_settled;
    struct trigger_name name = { m->envelope.project, settled->automation,
        settled->trigger };
    struct id run = slot_run(&name, settled->slot_ms, s->config->schedulers), next;
    struct row_key key = key_of_fire(&run);
    struct retelling *retelling = &s->retellings[id_partition(&run)];
    struct schedule schedule;

    drop(s, &key);
    retelling->active =
        retelling->active
        && next_fire(s->journal, id_partition(&run), &retelling->after, &next);
    if (!schedule_read(s->journal, &name, &schedule)
        || schedule.fired_ms != settled->slot_ms)
        return; /* of a version before */
    schedule.fired_ms = 0;
    put_schedule(s, &name, &schedule);
    arm(s, &name, schedule.next_ms);
}

static void
reset(struct trigger_state *s, const struct peer_reset *peer)
{
    struct id none = { { 0 } }, next;
    if (peer->actor != ACTOR_scheduler || peer->instance >= s->config->schedulers)
        return;
    s->retellings[peer->instance] = (struct retelling){
        .active = next_fire(s->journal, peer->instance, &none, &next),
    };
}

void
trigger_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct trigger_state *s = state;
    switch (m->code) {
    case TRIGGERS_LEARNED: learn(s, at_ms, m); return;
    case TRIGGER_FIRED: fired(s, m); return;
    case FIRE_SETTLED: settled(s, m); return;
    case PEER_RESET: reset(s, &m->peer_reset); return;
    default: WRONG("the trigger actor says no such thing");
    }
}
