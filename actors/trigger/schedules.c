/* When slots come.
 *
 * Each schedule has one slot that comes next.  When it has come, that is a fact, and
 * the one after it is named there, for only a rule has the time zones.  The next slot
 * may not come before the run of this one is settled.  How slots are made up for that
 * came while nobody was there, or while the automation was paused, the plan says.
 */
#include "actors/plan/plan_kinds.h"
#include "actors/schedule/cron.h"
#include "actors/trigger/state.h"
#include "base/stamp.h"
#include "base/wrong.h"

#include <assert.h>

enum { LATE_MS = 60000, CATCH_UP_MAX = 100, PUT_OFF_MS = 3600000, SECOND_MS = 1000 };

/* What is needed to tell slots. */
struct timetable {
    uint64_t interval_ms; /* 0: by cron */
    uint64_t anchor_ms;   /* a slot, of one by interval */
    bool never;           /* its text or zone cannot be read any more */
    struct cron cron;
    struct zone zone;
    enum cron_dst dst;
};

static struct timetable
timetable_of(const struct trigger_state *s, const struct definition *definition,
    const struct plan_schedule *config, uint64_t anchor_ms)
{
    struct timetable t = { .interval_ms = definition->interval_ms,
        .anchor_ms = anchor_ms,
        .dst = (enum cron_dst)config->dst };
    char mistake[CRON_MISTAKE_SIZE];
    if (definition->cron.size == 0)
        return t;
    if (!cron_read(definition->cron, &t.cron, mistake)
        || (definition->timezone.size > 0
            && !zones_find(s->zones, definition->timezone, &t.zone)))
        t.never = true;
    t.interval_ms = t.cron.interval_ms;
    return t;
}

/* The first slot after `after_ms`. */
static uint64_t
slot_after(const struct timetable *t, uint64_t after_ms)
{
    if (t->never)
        return UINT64_MAX;
    if (t->interval_ms == 0)
        return cron_next(&t->cron, &t->zone, t->dst, after_ms);
    if (after_ms < t->anchor_ms)
        return t->anchor_ms;
    uint64_t past_ms = (after_ms - t->anchor_ms) % t->interval_ms;
    return after_ms - past_ms + t->interval_ms;
}

/* The last slot from `from_ms`, which is one, up to `to_ms`. */
static uint64_t
last_slot(const struct timetable *t, uint64_t from_ms, uint64_t to_ms)
{
    assert(from_ms <= to_ms);
    if (t->interval_ms > 0)
        return to_ms - (to_ms - from_ms) % t->interval_ms;
    while (from_ms < to_ms) {
        /* Is there one behind the middle? */
        uint64_t middle = from_ms + (to_ms - from_ms) / 2;
        uint64_t next = slot_after(t, middle);
        if (next <= to_ms)
            from_ms = next;
        else
            to_ms = middle;
    }
    return from_ms;
}

/* The slot to begin with, if at most `most` of those that were missed count. */
static uint64_t
first_to_make_up(
    const struct timetable *t, uint64_t from_ms, uint64_t to_ms, uint32_t most)
{
    uint64_t slot = from_ms, count = 1;
    while (count <= most && (slot = slot_after(t, slot)) <= to_ms)
        count++;
    if (count <= most)
        return from_ms;
    slot = last_slot(t, from_ms, to_ms);
    while (--most > 0)
        slot = last_slot(t, from_ms, slot - 1);
    return slot;
}

static void
config_of(const struct definition *definition, struct plan_schedule *config)
{
    if (definition->config.size > 0)
        plan_config_read(&plan_schedule_shape, definition->config, config);
    else
        *config = (struct plan_schedule){ 0 };
}

uint64_t
schedule_begin(const struct trigger_state *s, const struct definition *definition,
    uint64_t after_ms)
{
    struct plan_schedule config;
    config_of(definition, &config);
    struct timetable t = timetable_of(s, definition, &config, after_ms);
    return slot_after(&t, after_ms);
}

uint64_t
schedule_jitter(const struct trigger_name *name, const struct definition *definition)
{
    struct plan_schedule config;
    uint64_t chance = 0;
    config_of(definition, &config);
    struct hash hash = hash_of(id_bytes(&name->project));
    hash = hash_chain(&hash, id_bytes(&name->automation));
    hash = hash_chain(&hash, name->key);
    for (size_t i = 0; i < sizeof chance; i++)
        chance = chance << 8 | hash.bytes[i];
    return config.jitter_ms == 0 ? 0 : chance % (config.jitter_ms + 1);
}

/* ---- the slot that comes next ---- */

static void
note_slot(struct trigger_state *s)
{
    s->slot_ms = UINT64_MAX;
    if (s->slots.key.size > 0)
        due_read(row_key_bytes(&s->slots.key), &s->slot_ms);
}

void
schedules_find(struct trigger_state *s)
{
    struct row_key all = row_key('T');
    row_head_find(s->journal, &s->slots, all, &all);
    note_slot(s);
}

static uint64_t
due_of(const struct schedule *schedule)
{
    return schedule->next_ms > UINT64_MAX - schedule->jitter_ms
               ? UINT64_MAX
               : schedule->next_ms + schedule->jitter_ms;
}

void
arm(struct trigger_state *s, const struct trigger_name *name,
    const struct schedule *schedule)
{
    struct definition definition;
    uint64_t due_ms = due_of(schedule);
    struct row_key key = key_of_due(due_ms, name);
    /* Of the first release: there was no definition, and all were active. */
    if (due_ms == UINT64_MAX
        || (definition_read(s, name, NULL, &definition) && !definition.active))
        return;
    kept_mark(s->journal, &key);
    row_head_put(&s->slots, &key);
    note_slot(s);
}

void
disarm(struct trigger_state *s, const struct trigger_name *name,
    const struct schedule *schedule)
{
    uint64_t due_ms = due_of(schedule);
    struct row_key key = key_of_due(due_ms, name), all = row_key('T');
    if (!kept_exists(s->journal, &key))
        return;
    kept_drop(s->journal, &key);
    row_head_drop(s->journal, &s->slots, &key, &all);
    note_slot(s);
}

/* ---- firing ---- */

static struct bytes
slot_meta(uint64_t slot_ms, struct arena *arena)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    put_time_or_nil(&out, "scheduled_at", slot_ms);
    struct bytes meta = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return meta;
}

static void
skip_slot(const struct trigger_name *name, uint64_t slot_ms, uint64_t next_ms,
    struct outbox *out)
{
    say_slot_skipped(out, (struct slot_skipped){
                              .automation = name->automation,
                              .trigger = arena_copy(out->arena, name->key),
                              .slot_ms = slot_ms,
                              .next_ms = next_ms,
                          });
}

/* A slot whose inputs cannot be told fires without a run: it is said and settled. */
static void
say_slot(const struct trigger_state *s, const struct trigger_name *name,
    const struct definition *definition, uint64_t slot_ms, uint64_t next_ms,
    struct outbox *out)
{
    struct event none = { .meta = slot_meta(slot_ms, out->arena) };
    struct bytes mistake;
    struct firing firing = {
        .name = *name,
        .definition = definition,
        .slot_ms = slot_ms,
        .next_ms = next_ms,
        .source = text("schedule"),
        .meta = none.meta,
    };
    if (inputs_of(s, definition->inputs, &none, out->arena, &firing.inputs, &mistake)) {
        say_fire(s, &firing, out);
        return;
    }
    skip_slot(name, slot_ms, next_ms, out);
    say_failed_fire(name, slot_ms, 0, mistake, out);
}

/* Whoever has no next slot would never come back, so there is one: it is no whole
 * second, as slots by cron are. */
static void
put_off(const struct trigger_name *name, uint64_t slot_ms, uint64_t now_ms,
    struct outbox *out)
{
    skip_slot(
        name, slot_ms, now_ms - now_ms % SECOND_MS + PUT_OFF_MS + SECOND_MS / 2, out);
    say_failed_fire(name, slot_ms, 0,
        text("its timezone is not there any more, or its cron cannot be read: the "
             "schedule is looked at again in an hour"),
        out);
}

static void
fire_slot(const struct trigger_state *s, const struct trigger_name *name,
    uint64_t now_ms, struct outbox *out)
{
    struct row_key key = key_of_schedule(name);
    struct definition definition;
    struct plan_schedule config;
    struct schedule schedule;
    if (!kept_read(s->journal, &key, &schedule_shape, NULL, &schedule))
        WRONG("a slot without its schedule");
    if (!definition_read(s, name, out->arena, &definition))
        definition.interval_ms = schedule.interval_ms;
    config_of(&definition, &config);
    struct timetable t = timetable_of(s, &definition, &config, schedule.next_ms);
    uint64_t to_ms = now_ms - schedule.jitter_ms, slot_ms = schedule.next_ms;
    if (t.never) {
        put_off(name, slot_ms, to_ms, out);
        return;
    }
    if (t.interval_ms == 0 && slot_ms % SECOND_MS != 0) /* it was put off */
        slot_ms = slot_after(&t, slot_ms);
    if (slot_ms > to_ms) {
        skip_slot(name, schedule.next_ms, slot_ms, out);
        return;
    }
    uint32_t most = config.catch_up_max < 1 ? 1 : config.catch_up_max;
    if (config.misfire == MISFIRE_ALL)
        slot_ms = first_to_make_up(
            &t, slot_ms, to_ms, most < CATCH_UP_MAX ? most : CATCH_UP_MAX);
    else
        slot_ms = last_slot(&t, slot_ms, to_ms);
    uint64_t next_ms = slot_after(&t, slot_ms);
    if (config.misfire == MISFIRE_SKIP && to_ms - slot_ms > LATE_MS)
        skip_slot(name, slot_ms, next_ms, out);
    else
        say_slot(s, name, &definition, slot_ms, next_ms, out);
}

struct firing_slots {
    const struct trigger_state *state;
    struct outbox *out;
    uint64_t now_ms;
    uint32_t left; /* that may fire in this turn */
};

static bool
fire_due(void *self, struct bytes key, struct bytes value)
{
    struct firing_slots *firing = self;
    struct outbox *out = firing->out;
    uint64_t due_ms;
    struct trigger_name name = due_read(key, &due_ms);
    (void)value;
    if (!same_project(out, &name.project) || firing->left-- == 0)
        return false;
    out->project = name.project;
    fire_slot(firing->state, &name, firing->now_ms, out);
    return true;
}

void
fire_slots(
    const struct trigger_state *s, uint64_t now_ms, uint32_t most, struct outbox *out)
{
    struct firing_slots firing = { s, out, now_ms, most < SAID_MAX ? most : SAID_MAX };
    struct row_key to = row_key('T');
    row_key_u64(&to, now_ms + 1);
    journal_scan(s->journal, row_key_bytes(&s->slots.key), row_key_bytes(&to), false,
        fire_due, &firing);
}

void
slot_skipped_applied(struct trigger_state *s, const struct message *m)
{
    const struct slot_skipped *skipped = &m->slot_skipped;
    struct trigger_name name = { m->envelope.project, skipped->automation,
        skipped->trigger };
    struct row_key key = key_of_schedule(&name);
    struct schedule schedule;
    if (!kept_read(s->journal, &key, &schedule_shape, NULL, &schedule))
        WRONG("a slot without its schedule");
    disarm(s, &name, &schedule);
    schedule.next_ms = skipped->next_ms;
    schedule.skipped++;
    kept_write(s->journal, &key, &schedule_shape, &schedule);
    arm(s, &name, &schedule);
}

/* ---- the next slots ---- */

enum { NEXT_MAX = 1000 };

/* The schedules of an automation, each with its next slot. */
struct coming {
    const struct trigger_state *s;
    struct arena *arena;
    struct id project, automation;
    uint64_t after_ms;
    struct {
        struct bytes key, timezone; /* none: it knows no wall clock */
        struct timetable timetable;
        uint64_t slot_ms;
    } list[PLAN_TRIGGERS_MAX];
    size_t count;
};

static bool
take_coming(void *self, struct bytes trigger)
{
    struct coming *coming = self;
    struct trigger_name name = { coming->project, coming->automation, trigger };
    struct definition definition;
    struct plan_schedule config;
    struct schedule schedule;
    struct row_key key = key_of_schedule(&name);
    if (!definition_read(coming->s, &name, coming->arena, &definition)
        || !bytes_equal(definition.kind, text("schedule")) || !definition.enabled)
        return true;
    if (!kept_read(coming->s->journal, &key, &schedule_shape, NULL, &schedule))
        WRONG("a schedule without its slots");
    config_of(&definition, &config);
    size_t i = coming->count++;
    coming->list[i].key = arena_copy(coming->arena, trigger);
    coming->list[i].timezone =
        definition.cron.size > 0 ? definition.timezone : (struct bytes){ 0 };
    coming->list[i].timetable =
        timetable_of(coming->s, &definition, &config, schedule.next_ms);
    coming->list[i].slot_ms = slot_after(&coming->list[i].timetable, coming->after_ms);
    return coming->count < PLAN_TRIGGERS_MAX;
}

/* What the wall clock of its zone shows then. */
static void
put_local(struct buffer *out, struct bytes timezone, const struct zone *zone,
    uint64_t slot_ms)
{
    char stamp[STAMP_LOCAL_SIZE];
    struct zone_span span = zone_span(zone, (int64_t)(slot_ms / 1000));
    put_text(out, "local", text(stamp_print_local(slot_ms, span.offset_s, stamp)));
    put_text(out, "timezone", timezone);
}

static size_t
put_next(struct coming *coming, uint32_t most, struct buffer *items)
{
    size_t count = 0;
    while (count < most) {
        size_t first = 0;
        for (size_t i = 1; i < coming->count; i++)
            if (coming->list[i].slot_ms < coming->list[first].slot_ms)
                first = i;
        if (coming->count == 0 || coming->list[first].slot_ms == UINT64_MAX)
            break;
        struct bytes timezone = coming->list[first].timezone;
        pack_map(items, timezone.size > 0 ? 4 : 2);
        put_text(items, "trigger", coming->list[first].key);
        put_time_or_nil(items, "at", coming->list[first].slot_ms);
        if (timezone.size > 0)
            put_local(items, timezone, &coming->list[first].timetable.zone,
                coming->list[first].slot_ms);
        coming->list[first].slot_ms =
            slot_after(&coming->list[first].timetable, coming->list[first].slot_ms);
        count++;
    }
    return count;
}

void
on_schedule_next(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct schedule_next *asked = &in->schedule_next;
    struct coming *coming = arena_take(out->arena, sizeof *coming);
    struct automation_kept entry;
    struct buffer items = { 0 }, document = { 0 };
    coming->s = s;
    coming->arena = out->arena;
    coming->project = out->project;
    coming->after_ms = asked->after_ms != 0 ? asked->after_ms : now_ms;
    if (!automation_found(
            s, &out->project, &asked->automation, asked->name, &coming->automation)) {
        say_refusal(out, asked->request, ERR_NOT_FOUND,
            "there is no published automation of this name or id in the project");
        return;
    }
    triggers_each(s, &out->project, &coming->automation, take_coming, coming);
    size_t count =
        put_next(coming, asked->count < NEXT_MAX ? asked->count : NEXT_MAX, &items);
    automation_version(s->journal, &out->project, &coming->automation, &entry);
    pack_map(&document, 3);
    put_id(&document, "automation_id", &coming->automation, "aut_");
    put_text(&document, "status",
        text(automation_status_name(entry.status == 0
                                        ? AUTOMATION_ACTIVE
                                        : (enum automation_status)entry.status)));
    pack_string(&document, "items");
    pack_array(&document, count);
    buffer_append_bytes(&document, buffer_bytes(&items));
    say_answer(out, asked->request, &document, false);
    buffer_free(&items);
}
