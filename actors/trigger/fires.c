/* What leads to runs: a fire is told to the scheduler of its run until that says what
 * became of it.  Matches of waits are told again with them. */
#include "actors/trigger/state.h"
#include "base/wrong.h"

void
say_fire(const struct trigger_state *s, const struct firing *firing, struct outbox *out)
{
    const struct trigger_name *name = &firing->name;
    const struct definition *definition = firing->definition;
    size_t bytes = firing->inputs.size + firing->data.size + firing->meta.size;
    say_trigger_fired(out, (struct trigger_fired){
                               .run = slot_run(name, firing->slot_ms, firing->event,
                                   s->config->schedulers),
                               .automation = name->automation,
                               .trigger = arena_copy(out->arena, name->key),
                               .slot_ms = firing->slot_ms,
                               .event = firing->event,
                               .inputs = arena_copy(out->arena, firing->inputs),
                               .data = arena_copy(out->arena, firing->data),
                               .meta = arena_copy(out->arena, firing->meta),
                               .source = firing->source,
                               .concurrency = definition->concurrency,
                               .runs_max = definition->runs_max,
                               .next_ms = firing->next_ms,
                               .group = arena_copy(out->arena, firing->group),
                               .held = firing->held,
                               .quiet_ms = firing->quiet_ms,
                               .echo = firing->echo,
                               .record = record_if_worth(s, bytes),
                           });
}

void
say_failed_fire(const struct trigger_name *name, uint64_t slot_ms, uint64_t event,
    struct bytes mistake, struct outbox *out)
{
    say_fire_settled(out, (struct fire_settled){
                              .automation = name->automation,
                              .trigger = arena_copy(out->arena, name->key),
                              .slot_ms = slot_ms,
                              .event = event,
                              .refusal = mistake,
                          });
}

static void
settle(const struct trigger_state *s, const struct fire_settled *settled,
    struct outbox *out)
{
    struct trigger_name name = { out->project, settled->automation, settled->trigger };
    struct id run =
        slot_run(&name, settled->slot_ms, settled->event, s->config->schedulers);
    struct row_key key = key_of_fire(&run);
    if (kept_exists(s->journal, &key))
        say_fire_settled(out, *settled);
}

void
on_fire_taken(
    const struct trigger_state *s, const struct fire_taken *taken, struct outbox *out)
{
    struct fire_settled settled = {
        .automation = taken->automation,
        .trigger = taken->trigger,
        .slot_ms = taken->slot_ms,
        .event = taken->event,
    };
    settle(s, &settled, out);
}

/* The scheduler goes on telling until it hears that it is known here. */
void
on_fire_refused(const struct trigger_state *s, const struct fire_refused *refused,
    struct outbox *out)
{
    struct fire_settled settled = {
        .automation = refused->automation,
        .trigger = refused->trigger,
        .slot_ms = refused->slot_ms,
        .event = refused->event,
        .refusal = refused->refusal,
    };
    settle(s, &settled, out);
    say_refusal_known(out, (struct refusal_known){ .run = refused->run });
}

/* ---- the windows ---- */

uint32_t
fires_room(const struct trigger_state *s)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < s->config->schedulers; i++) {
        uint32_t room = window_room(&s->windows[i]);
        least = room < least ? room : least;
    }
    return least;
}

/* Has what must be told again no room? */
static bool
retelling_waits(const struct trigger_state *s, uint32_t partition)
{
    const struct retelling *retelling = &s->retellings[partition];
    return retelling->active && retelling->fire
           && window_room_again(&s->windows[partition]) == 0;
}

uint64_t
fires_late_ms(const struct trigger_state *s)
{
    uint64_t first_ms = UINT64_MAX;
    for (uint32_t i = 0; i < s->config->schedulers; i++) {
        uint64_t late_ms = window_late_ms(&s->windows[i]);
        if (late_ms < first_ms
            && (window_room(&s->windows[i]) == 0 || retelling_waits(s, i)))
            first_ms = late_ms;
    }
    return first_ms;
}

void
pass_late_fires(const struct trigger_state *s, uint64_t now_ms, struct outbox *out)
{
    for (uint32_t i = 0; i < s->config->schedulers; i++)
        if (window_late_ms(&s->windows[i]) <= now_ms)
            say_fires_passed(out, (struct fires_passed){ i });
}

void
fires_passed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    window_pass_late(&s->windows[m->fires_passed.partition], at_ms);
}

/* Does anything wait for a place in the window? */
static bool
place_wanted(const struct trigger_state *s, uint32_t partition, uint64_t now_ms)
{
    return backlog_next(&s->backlog) != NULL || s->slot_ms <= now_ms
           || s->hold_ms <= now_ms || retelling_waits(s, partition);
}

/* ---- what has happened ---- */

void
trigger_fired_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct trigger_fired *fired = &m->trigger_fired;
    struct trigger_name name = { m->envelope.project, fired->automation,
        fired->trigger };
    struct row_key key = key_of_fire(&fired->run), of_trigger = key_of_schedule(&name);
    struct schedule schedule;
    if (!kept_exists(s->journal, &key)) {
        struct fire fire = { m->envelope.project, fired->automation, fired->trigger,
            fired->slot_ms, fired->event, fired->inputs, fired->data, fired->meta,
            fired->source, fired->concurrency, fired->runs_max, fired->echo,
            fired->record };
        /* In life who fires is there, and what is told again is kept already. */
        if (kept_read(s->journal, &of_trigger, &schedule_shape, NULL, &schedule)) {
            if (fired->event == 0) {
                disarm(s, &name, &schedule);
                schedule.fired_ms = fired->slot_ms;
                schedule.next_ms = fired->next_ms != 0
                                       ? fired->next_ms
                                       : fired->slot_ms + schedule.interval_ms;
            }
            schedule.last_ms = fired->slot_ms;
            schedule.last_run = fired->run;
            schedule.fires++;
            kept_write(s->journal, &of_trigger, &schedule_shape, &schedule);
        }
        hold_fired(s, &name, fired);
        kept_write(s->journal, &key, &fire_shape, &fire);
        telling_begun(s, fired->record);
        s->time_told = fired->event == 0 || fired->held;
    } else {
        telling_repeated(s, fired->record);
    }
    window_told(&s->windows[id_partition(&fired->run)], &fired->run, at_ms);
    retelling_moves(s, id_partition(&fired->run), &key);
}

void
fire_settled_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct fire_settled *settled = &m->fire_settled;
    struct trigger_name name = { m->envelope.project, settled->automation,
        settled->trigger };
    struct id run =
        slot_run(&name, settled->slot_ms, settled->event, s->config->schedulers);
    struct row_key key = key_of_fire(&run), of_trigger = key_of_schedule(&name);
    struct schedule schedule;
    struct fire fire;

    uint32_t partition = id_partition(&run);
    if (kept_read(s->journal, &key, &fire_shape, NULL, &fire)) {
        kept_drop_whole(s->journal, &key, &fire_shape);
        telling_over(s, fire.record);
        window_settled(
            &s->windows[partition], &run, at_ms, place_wanted(s, partition, at_ms));
    }
    retelling_moves(s, partition, NULL);
    if (!kept_read(s->journal, &of_trigger, &schedule_shape, NULL, &schedule))
        return; /* of a version before */
    bool current = settled->event == 0 && schedule.fired_ms == settled->slot_ms;
    if (!current && settled->refusal.size == 0)
        return;
    if (settled->refusal.size > 0) {
        schedule.refusals++;
        schedule.refusal = settled->refusal;
    }
    if (current)
        schedule.fired_ms = 0;
    kept_write(s->journal, &of_trigger, &schedule_shape, &schedule);
    if (current)
        arm(s, &name, &schedule);
}

/* ---- telling again ---- */

/* The row behind `after` of what the scheduler of the partition must hear: fires, and
 * then matches. */
static bool
next_told(const struct trigger_state *s, uint32_t partition,
    const struct row_key *after, struct row_key *key)
{
    static const char letters[] = { 'F', 'M' };
    for (size_t i = 0; i < COUNT(letters); i++) {
        struct row_key rows = row_key(letters[i]);
        bool behind = after->size > 0 && after->bytes[0] == letters[i];
        if (after->size > 0 && after->bytes[0] > letters[i])
            continue;
        row_key_u32(&rows, partition);
        if (kept_first(s->journal, &rows,
                behind ? row_key_bytes(after) : (struct bytes){ 0 }, key))
            return true;
    }
    return false;
}

/* Whom to tell again now; the number of schedulers for nobody. */
static uint32_t
first_retelling(const struct trigger_state *s)
{
    uint32_t partition = 0;
    while (partition < s->config->schedulers
           && (!s->retellings[partition].active || retelling_waits(s, partition)))
        partition++;
    return partition;
}

bool
retelling(const struct trigger_state *s)
{
    return first_retelling(s) < s->config->schedulers;
}

static bool
tell_fire(const struct trigger_state *s, const struct row_key *key, struct outbox *out)
{
    struct fire fire;
    if (!kept_read(s->journal, key, &fire_shape, out->arena, &fire))
        WRONG("a fire is not there");
    if (!same_project(out, &fire.project))
        return false;
    const struct definition definition = { .concurrency = fire.concurrency,
        .runs_max = fire.runs_max };
    struct firing firing = {
        .name = { fire.project, fire.automation, fire.trigger },
        .definition = &definition,
        .slot_ms = fire.slot_ms,
        .event = fire.event,
        .data = fire.data,
        .meta = fire.meta,
        .inputs = fire.inputs,
        .source = arena_copy(out->arena, fire.source),
        .echo = fire.echo != 0,
    };
    out->project = fire.project;
    say_fire(s, &firing, out);
    return true;
}

static bool
tell_match(const struct trigger_state *s, const struct row_key *key, struct outbox *out)
{
    struct bytes left = row_key_bytes(key);
    struct match_entry match;
    if (!kept_read(s->journal, key, &match_entry_shape, out->arena, &match))
        WRONG("a match is not there");
    if (!same_project(out, &match.project))
        return false;
    row_take_u8(&left);
    row_take_u32(&left);
    struct wait_matched matched = { .run = row_take_id(&left) };
    matched.step = row_take_u32(&left);
    matched.attempt = row_take_u32(&left);
    matched.number = match.number;
    matched.type = arena_copy(out->arena, match.type);
    matched.source = arena_copy(out->arena, match.source);
    matched.data = arena_copy(out->arena, match.data);
    matched.meta = arena_copy(out->arena, match.meta);
    matched.record = record_if_worth(s, match.data.size + match.meta.size);
    out->project = match.project;
    say_wait_matched(out, matched);
    return true;
}

/* A fact said again is recorded again, for as long as its turn lasts if it says much;
 * it changes no row. */
void
tell_again(const struct trigger_state *s, struct outbox *out)
{
    uint32_t partition = first_retelling(s);
    struct row_key after = s->retellings[partition].after, key;
    uint32_t room = window_room_again(&s->windows[partition]);
    size_t bytes = 0;
    while (out->count < SAID_MAX && bytes < SAID_BYTES_MAX
           && next_told(s, partition, &after, &key)) {
        bool fire = key.bytes[0] == 'F';
        if (fire && room-- == 0)
            return;
        if (!(fire ? tell_fire(s, &key, out) : tell_match(s, &key, out)))
            return;
        const struct message *m = &out->messages[out->count - 1];
        bytes += fire ? m->trigger_fired.data.size + m->trigger_fired.inputs.size
                      : m->wait_matched.data.size;
        after = key;
    }
}

/* What must be told next, behind `after`? */
static void
look_behind(struct trigger_state *s, uint32_t partition)
{
    struct retelling *retelling = &s->retellings[partition];
    struct row_key next;
    retelling->active = next_told(s, partition, &retelling->after, &next);
    retelling->fire = retelling->active && next.bytes[0] == 'F';
}

/* They are told in their order; what comes meanwhile is told out of turn. */
void
retelling_moves(struct trigger_state *s, uint32_t partition, const struct row_key *told)
{
    struct retelling *retelling = &s->retellings[partition];
    struct row_key next;
    if (!retelling->active)
        return;
    /* never: it is active as long as there is such a row */
    if (told != NULL && next_told(s, partition, &retelling->after, &next)
        && bytes_equal(row_key_bytes(&next), row_key_bytes(told)))
        retelling->after = *told;
    look_behind(s, partition);
}

void
peer_reset_applied(struct trigger_state *s, const struct peer_reset *peer)
{
    if (peer->actor != ACTOR_scheduler || peer->instance >= s->config->schedulers)
        return;
    window_forget(&s->windows[peer->instance]);
    s->retellings[peer->instance].after.size = 0;
    look_behind(s, peer->instance);
    ends_reset(s, peer->instance);
}
