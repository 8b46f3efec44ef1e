/* The state of projects: values by scope and key, and what follows from their changes.
 *
 * A change is an event of the project's stream only if somebody may want it: state that
 * changes often would else push the events of others out. */
#include "actors/trigger/state.h"
#include "actors/trigger/value_ops.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { VALUE_OVERHEAD = 64 }; /* bytes of rows beside key and value */

/* What somebody wants of a key, and what there is of it. */
struct wish {
    uint64_t request, question;
    struct bytes scope, key;
    bool conditional;
    uint64_t revision;
    struct value_entry before; /* all zero: there is none; the value is in the arena */
    bool existed;
};

static size_t
value_max(const struct trigger_state *s)
{
    return s->config->state_value_max < s->config->payload_max
               ? s->config->state_value_max
               : s->config->payload_max;
}

static bool
refuse_revision(const struct wish *wish, struct outbox *out)
{
    char detail[80];
    if (wish->existed)
        snprintf(detail, sizeof detail, "the key has revision %" PRIu64,
            wish->before.revision);
    else
        snprintf(detail, sizeof detail, "there is no such key");
    say_refusal(out, wish->request, ERR_CONFLICT,
        (const char *)arena_copy(out->arena, bytes_of(detail, strlen(detail) + 1))
            .data);
    return false;
}

static void answer_change(
    const struct wish *wish, const struct change_entry *change, struct outbox *out);

/* Find what there is.  False: it was refused, or it is a change that has happened: a
 * question is asked again when we begin anew, and must not count twice. */
static bool
wish_begin(const struct trigger_state *s, struct wish *wish, struct outbox *out)
{
    const char *mistake = state_name_mistake(wish->scope, wish->key);
    struct change_entry change;
    if (mistake != NULL) {
        say_refusal(out, wish->request, ERR_INVALID, mistake);
        return false;
    }
    struct row_key row = key_of_change(wish->question);
    if (kept_read(s->journal, &row, &change_entry_shape, out->arena, &change)) {
        answer_change(wish, &change, out);
        return false;
    }
    row = key_of_value(&out->project, wish->scope, wish->key);
    wish->existed =
        kept_read(s->journal, &row, &value_entry_shape, out->arena, &wish->before);
    wish->before.value = arena_copy(out->arena, wish->before.value);
    if (wish->conditional && wish->revision != wish->before.revision)
        return refuse_revision(wish, out);
    return true;
}

static void
answer_change(
    const struct wish *wish, const struct change_entry *change, struct outbox *out)
{
    struct buffer document = { 0 };
    bool updated = change->errors.size > 0;
    pack_map(&document, change->deleted ? 4 : updated ? 7 : 6);
    put_text(&document, "scope", wish->scope);
    put_text(&document, "key", wish->key);
    pack_string(&document, "old_value");
    pack_raw(&document, change->old_value);
    if (change->deleted) {
        put_bool(&document, "deleted", change->existed);
    } else {
        pack_string(&document, "value");
        pack_raw(&document, change->value);
        put_number(&document, "revision", change->revision);
        put_time_or_nil(&document, "updated_at", change->at_ms);
    }
    if (updated) {
        pack_string(&document, "errors");
        pack_raw(&document, change->errors);
    }
    say_answer(out, wish->request, &document,
        !change->deleted && !change->existed && change->revision != 0);
}

static struct bytes
event_data(const struct trigger_state *s, const struct wish *wish, struct bytes value,
    struct outbox *out)
{
    struct buffer data = { 0 };
    bool large = wish->before.value.size + value.size + wish->scope.size
                     + wish->key.size + VALUE_OVERHEAD
                 > s->config->payload_max;
    pack_map(&data, large ? 3 : 4);
    put_text(&data, "scope", wish->scope);
    put_text(&data, "key", wish->key);
    if (large) {
        put_bool(&data, "values_left_out", true);
    } else {
        pack_string(&data, "old_value");
        pack_raw(&data, wish->before.value);
        pack_string(&data, "new_value");
        pack_raw(&data, value);
    }
    struct bytes kept = arena_copy(out->arena, buffer_bytes(&data));
    buffer_free(&data);
    return kept;
}

/* Say the change, the answer, and what hears of it. */
static void
change(const struct trigger_state *s, uint64_t now_ms, const struct wish *wish,
    struct bytes value, struct bytes errors, struct outbox *out)
{
    struct values_total total;
    struct row_key row = key_of_values_total(&out->project);
    struct publication publication = {
        .type = text(value.size == 0 ? "state.deleted"
                     : wish->existed ? "state.updated"
                                     : "state.created"),
        .source = text("state"),
        .data = event_data(s, wish, value, out),
    };
    struct event event;
    kept_read(s->journal, &row, &values_total_shape, NULL, &total);
    struct change_entry entry = {
        .at_ms = now_ms,
        .revision = total.revision + 1,
        .existed = wish->existed,
        .old_value = wish->before.value,
        .deleted = value.size == 0,
        .value = value,
        .errors = errors,
    };
    bool heard =
        listeners_any(s->journal, &out->project, publication.type, publication.data);
    if (heard && event_overloads(s, now_ms, &publication, out)) {
        say_overloaded(out, wish->request);
        return;
    }
    say_state_changed(
        out, (struct state_changed){
                 .scope = wish->scope,
                 .key = wish->key,
                 .value = value,
                 .deleted = value.size == 0,
                 .revision = entry.revision,
                 .question = wish->question,
                 .errors = errors,
                 .record = record_if_worth(s, value.size + errors.size),
                 .bytes = wish->before.value.size + value.size + errors.size,
             });
    say_state_told(
        out, (struct state_told){ wish->scope, wish->key, wish->before.value, value });
    if (heard)
        keep_event(s, now_ms, &publication, out, &event);
    answer_change(wish, &entry, out);
    if (heard)
        route_kept(s, &event, out);
}

static uint64_t
bytes_of_value(struct bytes scope, struct bytes key, struct bytes value)
{
    return scope.size + key.size + value.size + VALUE_OVERHEAD;
}

/* False: there is no room for it, and that was said. */
static bool
has_room(const struct trigger_state *s, const struct wish *wish, struct bytes value,
    struct outbox *out)
{
    struct values_total total;
    struct row_key row = key_of_values_total(&out->project);
    kept_read(s->journal, &row, &values_total_shape, NULL, &total);
    uint64_t after = total.bytes - wish->before.bytes
                     + bytes_of_value(wish->scope, wish->key, value);
    if (value.size > value_max(s))
        say_refusal(out, wish->request, ERR_TOO_LARGE,
            "the value is larger than state_value_max");
    else if (after > s->config->state_kept_bytes && after > total.bytes)
        say_refusal(out, wish->request, ERR_TOO_LARGE,
            "the project's state would be larger than state_kept_bytes");
    else
        return true;
    return false;
}

void
on_state_set(const struct trigger_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    const struct state_set *set = &in->state_set;
    struct wish wish = { .request = set->request,
        .question = set->question,
        .scope = set->scope,
        .key = set->key,
        .conditional = set->conditional != 0,
        .revision = set->revision };
    if (!wish_begin(s, &wish, out) || !has_room(s, &wish, set->value, out))
        return;
    if (pack_check(set->value) != ERR_NONE)
        say_refusal(out, wish.request, ERR_INVALID,
            "the value must be one value, nested at most 32 deep");
    else
        change(s, now_ms, &wish, set->value, (struct bytes){ 0 }, out);
}

/* If nothing could be done nothing has changed. */
void
on_state_update(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct state_update *update = &in->state_update;
    struct wish wish = { .request = update->request,
        .question = update->question,
        .scope = update->scope,
        .key = update->key,
        .conditional = update->conditional != 0,
        .revision = update->revision };
    struct value_change made;
    struct fault fault;
    if (!wish_begin(s, &wish, out))
        return;
    enum err err = value_change(
        wish.before.value, update->ops, value_max(s), out->arena, &made, &fault);
    if (err != ERR_NONE) {
        struct bytes why =
            arena_copy(out->arena, bytes_of(fault.detail, strlen(fault.detail) + 1));
        say_refusal(out, wish.request, err, (const char *)why.data);
    } else if (made.done == 0) {
        struct change_entry none = {
            .at_ms = wish.before.at_ms,
            .revision = wish.before.revision,
            .existed = wish.existed,
            .old_value = wish.before.value,
            .value = wish.before.value,
            .errors = made.mistakes,
        };
        answer_change(&wish, &none, out);
    } else if (has_room(s, &wish, made.value, out)) {
        change(s, now_ms, &wish, made.value, made.mistakes, out);
    }
}

/* Who listens hears also that what was not there is gone. */
void
on_state_delete(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    static const struct bytes nothing = { 0 };
    static const struct change_entry none = { .deleted = 1 };
    const struct state_delete *delete = &in->state_delete;
    struct wish wish = { .request = delete->request,
        .question = delete->question,
        .scope = delete->scope,
        .key = delete->key,
        .conditional = delete->conditional != 0,
        .revision = delete->revision };
    if (!wish_begin(s, &wish, out))
        return;
    if (wish.existed) {
        change(s, now_ms, &wish, nothing, nothing, out);
        return;
    }
    say_state_told(out, (struct state_told){ .scope = wish.scope, .key = wish.key });
    answer_change(&wish, &none, out);
}

/* ---- rows ---- */

static void
count_value(struct trigger_state *s, const struct id *project, struct bytes scope,
    uint64_t keys, uint64_t bytes, uint64_t revision)
{
    struct row_key row = key_of_scope(project, scope),
                   all = key_of_values_total(project);
    struct scope_entry entry;
    struct values_total total;
    kept_read(s->journal, &row, &scope_entry_shape, NULL, &entry);
    kept_read(s->journal, &all, &values_total_shape, NULL, &total);
    /* Differences, which may be below zero. */
    entry.keys += keys;
    entry.bytes += bytes;
    total.keys += keys;
    total.bytes += bytes;
    total.revision = revision;
    if (entry.keys > 0)
        kept_write(s->journal, &row, &scope_entry_shape, &entry);
    else
        kept_drop(s->journal, &row);
    kept_write(s->journal, &all, &values_total_shape, &total);
}

/* More than turns can say before we die and are asked again.  Of large ones these are
 * fewer, as a batch of turns ends when it holds too much. */
enum {
    CHANGES_KEPT = 4096,
    CHANGES_KEPT_LEAST = 512,
    CHANGES_KEPT_BYTES = 64 * 1024 * 1024,
};

/* All but the value; a record says one change. */
static bool
leave_change(const void *self, struct message *fact)
{
    (void)self;
    if (fact->code != STATE_CHANGED)
        return false;
    fact->state_changed.record = 0;
    return true;
}

/* Nobody asks for it again: it was the last that had the value before it.  Returns its
 * bytes. */
static uint64_t
forget_change(struct trigger_state *s, uint64_t number)
{
    struct row_key row = key_of_change_place((uint32_t)(number % CHANGES_KEPT));
    struct change_place place;
    struct change_entry change;
    kept_read(s->journal, &row, &change_place_shape, NULL, &place);
    row = key_of_change(place.question);
    /* never: a question that is known here is not asked again */
    if (!kept_read(s->journal, &row, &change_entry_shape, NULL, &change))
        return 0;
    kept_drop_whole(s->journal, &row, &change_entry_shape);
    if (change.old_record != 0)
        forget_facts(s, change.old_record, leave_change, NULL);
    return change.bytes;
}

/* The number of the oldest change that is remembered. */
static uint64_t
oldest_change(const struct changes_total *total)
{
    uint64_t placed = total->count < CHANGES_KEPT ? 0 : total->count - CHANGES_KEPT;
    return total->first > placed ? total->first : placed;
}

static void
remember_change(
    struct trigger_state *s, const struct change_entry *entry, uint64_t question)
{
    struct row_key row = key_of_changes_total();
    struct changes_total total;
    struct change_place place = { .question = question };
    kept_read(s->journal, &row, &changes_total_shape, NULL, &total);
    struct row_key at = key_of_change_place((uint32_t)(total.count % CHANGES_KEPT));
    uint64_t oldest = oldest_change(&total);
    total.bytes += entry->bytes;
    while (total.count - oldest >= CHANGES_KEPT
           || (total.count - oldest >= CHANGES_KEPT_LEAST
               && total.bytes > CHANGES_KEPT_BYTES))
        total.bytes -= forget_change(s, oldest++);
    total.count++;
    total.first = 0;
    if (oldest > oldest_change(&total))
        total.first = oldest;
    kept_write(s->journal, &row, &changes_total_shape, &total);
    kept_write(s->journal, &at, &change_place_shape, &place);
    row = key_of_change(question);
    kept_write(s->journal, &row, &change_entry_shape, entry);
}

void
state_changed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct state_changed *changed = &m->state_changed;
    const struct id *project = &m->envelope.project;
    struct row_key row = key_of_value(project, changed->scope, changed->key);
    struct arena arena = { 0 };
    struct value_entry before;
    bool existed = kept_read(s->journal, &row, &value_entry_shape, &arena, &before);
    assert(existed || !changed->deleted);
    uint64_t was = before.bytes;
    struct bytes old_value = arena_copy(&arena, before.value);
    struct value_entry entry = {
        .value = changed->value,
        .revision = changed->revision,
        .at_ms = at_ms,
        .bytes = changed->deleted
                     ? 0
                     : bytes_of_value(changed->scope, changed->key, changed->value),
        .record = changed->record,
    };
    if (changed->deleted)
        kept_drop_whole(s->journal, &row, &value_entry_shape);
    else
        kept_rewrite(s->journal, &row, &value_entry_shape, &entry);
    count_value(s, project, changed->scope,
        (uint64_t)!changed->deleted - (uint64_t)existed, entry.bytes - was,
        changed->revision);
    struct change_entry change = {
        .at_ms = at_ms,
        .revision = changed->revision,
        .existed = existed,
        .old_value = old_value,
        .deleted = changed->deleted,
        .value = changed->value,
        .errors = changed->errors,
        .old_record = before.record,
        .bytes = changed->bytes,
    };
    remember_change(s, &change, changed->question);
    arena_free(&arena);
}
