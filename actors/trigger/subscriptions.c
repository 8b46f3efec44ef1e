/* Event triggers: an event fires one at once, or is held back with others of its group.
 *
 *   debounce   the last event of a group fires when nothing has come for so long
 *   throttle   the first one fires, those that follow within so long do not
 *   batch      so many fire together, or as many as came in so long
 */
#include "actors/plan/plan_kinds.h"
#include "actors/trigger/state.h"
#include "base/wrong.h"

enum {
    HELD_MAX = 1000,
    ITEM_BYTES = 96 /* of an event in a batch, besides its texts, data and meta */
};

/* An event on its way through one trigger. */
struct hearing {
    const struct trigger_state *s;
    struct trigger_name name;
    struct definition definition;
    struct plan_event config;
    const struct event *event;
    bool alone; /* nothing is held with it */
    struct bytes group;
    struct outbox *out;
};

/* Fire with `event`, which is what the texts of the automation see. */
static void
fire_with(
    const struct hearing *h, const struct event *event, bool held, uint64_t quiet_ms)
{
    struct bytes inputs, mistake;
    if (!inputs_of(
            h->s, h->definition.inputs, event, h->out->arena, &inputs, &mistake)) {
        say_failed_fire(
            &h->name, event->entry.at_ms, event->entry.number, mistake, h->out);
        if (held)
            say_hold_ended(
                h->out, (struct hold_ended){ .automation = h->name.automation,
                            .trigger = arena_copy(h->out->arena, h->name.key),
                            .group = h->group });
        return;
    }
    struct firing firing = {
        .name = h->name,
        .definition = &h->definition,
        .slot_ms = event->entry.at_ms,
        .event = event->entry.number,
        .quiet_ms = quiet_ms,
        .data = event->entry.data,
        .meta = event->meta,
        .inputs = inputs,
        .group = h->group,
        .source = text("event"),
        .held = held,
        .echo = end_pattern(h->config.event_type),
    };
    say_fire(h->s, &firing, h->out);
}

static bool
hold_read(const struct hearing *h, struct hold *hold)
{
    struct hold_name name = hold_name(&h->name, h->group);
    struct row_key key = key_of_hold(&name);
    return kept_read(h->s->journal, &key, &hold_shape, NULL, hold)
           && hold->generation == h->definition.generation;
}

static void
put_item(struct buffer *out, const struct event_entry *event)
{
    pack_map(out, 6);
    put_number(out, "number", event->number);
    put_text(out, "type", event->type);
    put_text(out, "source", event->source);
    put_time_or_nil(out, "published_at", event->at_ms);
    pack_string(out, "data");
    pack_raw(out, event->data);
    pack_string(out, "meta");
    pack_raw(out, event->meta);
}

struct gathering {
    const struct hearing *h;
    struct buffer items;
    size_t count;
    struct event_entry last;
};

static bool
gather(void *self, struct bytes key, struct bytes value)
{
    struct gathering *g = self;
    (void)key;
    kept_take(g->h->s->journal, value, &event_entry_shape, g->h->out->arena, &g->last);
    put_item(&g->items, &g->last);
    g->count++;
    /* The row is gone when the scan is over. */
    g->last.type = arena_copy(g->h->out->arena, g->last.type);
    g->last.source = arena_copy(g->h->out->arena, g->last.source);
    g->last.id = arena_copy(g->h->out->arena, g->last.id);
    g->last.data = arena_copy(g->h->out->arena, g->last.data);
    g->last.meta = arena_copy(g->h->out->arena, g->last.meta);
    return true;
}

/* Fire with all that is held of the group, and with the one in hand if there is one. */
static void
fire_held(const struct hearing *h)
{
    struct hold_name name = hold_name(&h->name, h->group);
    struct row_key from = key_of_held(&name, 0), to = key_of_held(&name, UINT64_MAX);
    struct gathering g = { .h = h };
    struct event all;
    struct buffer data = { 0 };
    if (!h->alone)
        journal_scan(
            h->s->journal, row_key_bytes(&from), row_key_bytes(&to), false, gather, &g);
    if (h->event != NULL) {
        g.last = h->event->entry;
        put_item(&g.items, &g.last);
        g.count++;
    }
    all.entry = g.last;
    all.meta = event_meta(&g.last, h->out->arena);
    if (h->config.batch_max > 0) {
        pack_map(&data, 2);
        put_number(&data, "count", g.count);
        pack_string(&data, "events");
        pack_array(&data, g.count);
        buffer_append_bytes(&data, buffer_bytes(&g.items));
        all.entry.data = arena_copy(h->out->arena, buffer_bytes(&data));
    }
    fire_with(h, &all, true, 0);
    buffer_free(&data);
    buffer_free(&g.items);
}

static void
hold_back(const struct hearing *h, uint64_t due_ms, bool alone)
{
    say_event_held(h->out, (struct event_held){
                               .automation = h->name.automation,
                               .trigger = arena_copy(h->out->arena, h->name.key),
                               .number = h->event->entry.number,
                               .group = h->group,
                               .due_ms = due_ms,
                               .alone = alone,
                           });
}

/* Together they would be more than a payload: what was held fires first. */
static void
fire_apart(const struct hearing *h)
{
    struct hearing before = *h, own = *h;
    before.event = NULL;
    fire_held(&before);
    own.alone = true;
    fire_held(&own);
}

/* The batch is taken to be of events like the one in hand. */
static void
join_batch(const struct hearing *h)
{
    const struct event_entry *e = &h->event->entry;
    uint64_t most = h->config.batch_max, bytes_max = h->s->config->payload_max;
    struct hearing full = *h;
    struct hold hold;
    bool held = hold_read(h, &hold);
    uint64_t count = (held ? hold.count : 0) + 1;
    uint64_t bytes = (held ? hold.bytes : 0) + e->data.size + e->meta.size;
    uint64_t item = ITEM_BYTES + e->type.size + e->source.size;
    uint64_t whole = bytes + count * item;
    most = most < HELD_MAX ? most : HELD_MAX;
    full.alone = !held; /* what it held before it was changed is dropped */
    if (held && whole > bytes_max)
        fire_apart(h);
    else if (count >= most || bytes >= bytes_max / 2 || whole + item > bytes_max)
        fire_held(&full);
    else
        hold_back(h,
            held ? hold.due_ms
                 : (h->config.batch_ms == 0 ? 0 : e->at_ms + h->config.batch_ms),
            false);
}

/* What was held until now fires first: its time was over before this event came, though
 * nobody had looked yet. */
static void
debounce(const struct hearing *h)
{
    uint64_t at_ms = h->event->entry.at_ms;
    struct hearing before = *h;
    struct hold hold;
    before.event = NULL;
    if (hold_read(h, &hold) && hold.due_ms <= at_ms)
        fire_held(&before);
    hold_back(h, at_ms + h->config.debounce_ms, true);
}

static void
throttle(const struct hearing *h)
{
    uint64_t at_ms = h->event->entry.at_ms;
    struct hold hold;
    if (!hold_read(h, &hold) || hold.due_ms <= at_ms)
        fire_with(h, h->event, false, at_ms + h->config.throttle_ms);
}

static bool
hearing_begin(const struct trigger_state *s, const struct trigger_name *name,
    struct outbox *out, struct hearing *h)
{
    *h = (struct hearing){ .s = s, .name = *name, .out = out };
    if (!definition_read(s, name, out->arena, &h->definition)
        || !bytes_equal(h->definition.kind, text("event")))
        return false;
    plan_config_read(&plan_event_shape, h->definition.config, &h->config);
    return h->definition.active != 0;
}

/* What was said last is not said again: each event that comes may have the same. */
static void
pass_over(const struct hearing *h, struct bytes mistake)
{
    struct row_key key = key_of_schedule(&h->name);
    struct schedule known;
    kept_read(h->s->journal, &key, &schedule_shape, NULL, &known);
    if (mistake.size > 0 && !bytes_equal(known.refusal, mistake))
        say_failed_fire(
            &h->name, h->event->entry.at_ms, h->event->entry.number, mistake, h->out);
}

void
trigger_hears(const struct trigger_state *s, const struct trigger_name *name,
    const struct event *event, struct outbox *out)
{
    const struct event_entry *e = &event->entry;
    struct bytes mistake;
    struct hearing h;
    if (!hearing_begin(s, name, out, &h))
        WRONG("an event trigger that listens is not there");
    h.event = event;
    if (e->number <= h.definition.since || !type_heard(h.config.event_type, e->type)
        || (h.config.source.size > 0 && !bytes_equal(h.config.source, e->source))
        || !match_holds(h.config.match, e->data))
        return;
    if (!condition_holds(h.config.condition, event, out->arena, &mistake))
        pass_over(&h, mistake);
    else if (!group_of(h.config.group, event, out->arena, &h.group, &mistake))
        say_failed_fire(name, e->at_ms, e->number, mistake, out);
    else if (h.config.batch_max > 0)
        join_batch(&h);
    else if (h.config.debounce_ms > 0)
        debounce(&h);
    else if (h.config.throttle_ms > 0)
        throttle(&h);
    else
        fire_with(&h, event, false, 0);
}

/* ---- when time is over for a group ---- */

/* What is held for a trigger that has changed since is dropped. */
static void
fire_hold(const struct trigger_state *s, const struct hold_name *name,
    const struct hold *hold, struct outbox *out)
{
    struct trigger_name trigger = { name->project, name->automation,
        arena_copy(out->arena, hold->trigger) };
    struct hearing h;
    bool right = hearing_begin(s, &trigger, out, &h)
                 && h.definition.generation == hold->generation;
    h.group = arena_copy(out->arena, hold->group);
    if (right && hold->count > 0)
        fire_held(&h);
    else
        say_hold_ended(out, (struct hold_ended){ .automation = name->automation,
                                .trigger = trigger.key,
                                .group = h.group });
}

/* Have all events of the project that came before that time been heard? */
static bool
heard_until(const struct trigger_state *s, const struct id *project, uint64_t due_ms)
{
    struct event_entry event;
    struct stream stream;
    stream_read(s, project, &stream);
    struct row_key key = key_of_event(project, stream.routed + 1);
    return !kept_read(s->journal, &key, &event_entry_shape, NULL, &event)
           || event.at_ms >= due_ms;
}

void
fire_holds(
    const struct trigger_state *s, uint64_t now_ms, uint32_t most, struct outbox *out)
{
    struct row_key rows = row_key('J'), key = s->holds.key;
    size_t turns = 0, looked = 0;
    most = most < SAID_MAX / 4 ? most : SAID_MAX / 4;
    for (bool any = key.size > 0; any && turns < most && looked++ < LOOKED_MAX;
         any = kept_first(s->journal, &rows, row_key_bytes(&key), &key)) {
        uint64_t due_ms;
        struct hold hold;
        struct hold_name name = hold_due_read(row_key_bytes(&key), &due_ms);
        struct row_key of_hold = key_of_hold(&name);
        if (due_ms > now_ms || !same_project(out, &name.project))
            return;
        if (!heard_until(s, &name.project, due_ms))
            continue;
        turns++;
        if (!kept_read(s->journal, &of_hold, &hold_shape, NULL, &hold))
            WRONG("a group that is held back is not there");
        out->project = name.project;
        fire_hold(s, &name, &hold, out);
    }
}

static void
note_hold(struct trigger_state *s)
{
    s->hold_ms = UINT64_MAX;
    if (s->holds.key.size > 0)
        hold_due_read(row_key_bytes(&s->holds.key), &s->hold_ms);
}

void
holds_find(struct trigger_state *s)
{
    struct row_key all = row_key('J');
    row_head_find(s->journal, &s->holds, all, &all);
    note_hold(s);
}

/* ---- what has happened ---- */

static void
set_due(struct trigger_state *s, const struct hold_name *name, uint64_t before_ms,
    uint64_t due_ms)
{
    struct row_key before = key_of_hold_due(before_ms, name);
    struct row_key due = key_of_hold_due(due_ms, name), all = row_key('J');
    if (before_ms == due_ms)
        return;
    if (due_ms != 0) {
        kept_mark(s->journal, &due);
        row_head_put(&s->holds, &due);
    }
    if (before_ms != 0) {
        kept_drop(s->journal, &before);
        row_head_drop(s->journal, &s->holds, &before, &all);
    }
    note_hold(s);
}

struct dropping {
    struct row_key keys[HELD_MAX];
    size_t count;
};

static bool
take_held(void *self, struct bytes key, struct bytes value)
{
    struct dropping *dropping = self;
    (void)value;
    struct row_key *at = &dropping->keys[dropping->count++];
    at->size = 0;
    row_key_text(at, key);
    return dropping->count < HELD_MAX;
}

/* A group holds the event. */
static void
hold_event(
    struct trigger_state *s, const struct id *project, const struct event_entry *event)
{
    struct row_key key = key_of_holding(project, event->number);
    struct holding holding;
    if (event->record == 0)
        return;
    kept_read(s->journal, &key, &holding_shape, NULL, &holding);
    holding.count++;
    holding.record = event->record;
    kept_write(s->journal, &key, &holding_shape, &holding);
}

/* It does so no more. */
static void
let_event_go(struct trigger_state *s, const struct id *project, uint64_t number)
{
    struct row_key key = key_of_holding(project, number);
    struct row_key of_event = key_of_event(project, number);
    struct holding holding;
    if (!kept_read(s->journal, &key, &holding_shape, NULL, &holding))
        return; /* of a release before */
    holding.count--;
    if (holding.count > 0) {
        kept_write(s->journal, &key, &holding_shape, &holding);
        return;
    }
    kept_drop(s->journal, &key);
    if (!kept_exists(s->journal, &of_event))
        event_forget(s, number, holding.record);
}

static void
drop_held(struct trigger_state *s, const struct hold_name *name)
{
    struct row_key from = key_of_held(name, 0), to = key_of_held(name, UINT64_MAX);
    struct dropping dropping = { .count = 0 };
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false, take_held,
        &dropping);
    for (size_t i = 0; i < dropping.count; i++) {
        struct bytes key = row_key_bytes(&dropping.keys[i]);
        struct bytes number = bytes_of(key.data + key.size - 8, 8);
        kept_drop_whole(s->journal, &dropping.keys[i], &event_entry_shape);
        let_event_go(s, &name->project, row_take_u64(&number));
    }
}

static void
drop_hold(struct trigger_state *s, const struct hold_name *name)
{
    struct row_key key = key_of_hold(name);
    struct hold hold;
    if (!kept_read(s->journal, &key, &hold_shape, NULL, &hold))
        return;
    set_due(s, name, hold.due_ms, 0);
    drop_held(s, name);
    kept_drop(s->journal, &key);
}

void
event_held_applied(struct trigger_state *s, const struct message *m)
{
    const struct event_held *held = &m->event_held;
    struct trigger_name trigger = { m->envelope.project, held->automation,
        held->trigger };
    struct hold_name name = hold_name(&trigger, held->group);
    struct row_key key = key_of_hold(&name), of_event;
    struct arena arena = { 0 };
    struct definition definition;
    struct event_entry event;
    struct hold hold;
    if (!definition_read(s, &trigger, NULL, &definition)
        || !event_read(s, &m->envelope.project, held->number, &arena, &event))
        WRONG("what is held back is not there");
    bool goes_on = kept_read(s->journal, &key, &hold_shape, NULL, &hold)
                   && hold.generation == definition.generation;
    uint64_t before_ms = hold.due_ms;
    if (held->alone || !goes_on) {
        drop_held(s, &name);
        hold.count = 0;
        hold.bytes = 0;
    }
    hold = (struct hold){
        .trigger = held->trigger,
        .group = held->group,
        .generation = definition.generation,
        .due_ms = held->due_ms,
        .count = hold.count + 1,
        .bytes = hold.bytes + event.data.size + event.meta.size,
        .last = held->number,
    };
    of_event = key_of_held(&name, held->number);
    kept_write(s->journal, &of_event, &event_entry_shape, &event);
    hold_event(s, &m->envelope.project, &event);
    kept_write(s->journal, &key, &hold_shape, &hold);
    set_due(s, &name, before_ms, held->due_ms);
    arena_free(&arena);
}

void
hold_ended_applied(struct trigger_state *s, const struct message *m)
{
    const struct hold_ended *ended = &m->hold_ended;
    struct trigger_name trigger = { m->envelope.project, ended->automation,
        ended->trigger };
    struct hold_name name = hold_name(&trigger, ended->group);
    drop_hold(s, &name);
}

void
hold_fired(struct trigger_state *s, const struct trigger_name *trigger,
    const struct trigger_fired *fired)
{
    struct hold_name name = hold_name(trigger, fired->group);
    struct row_key key = key_of_hold(&name);
    struct definition definition;
    if (fired->held || fired->quiet_ms != 0)
        drop_hold(s, &name);
    if (fired->quiet_ms == 0)
        return;
    if (!definition_read(s, trigger, NULL, &definition))
        WRONG("a trigger that fired is not there");
    struct hold quiet = {
        .trigger = fired->trigger,
        .group = fired->group,
        .generation = definition.generation,
        .due_ms = fired->quiet_ms,
    };
    kept_write(s->journal, &key, &hold_shape, &quiet);
    set_due(s, &name, 0, fired->quiet_ms);
}
