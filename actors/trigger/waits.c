/* Steps that wait for an event.
 *
 * A wait that is learned looks back over the stream first, from the moment and number
 * that it names up to the last event that was routed; what comes after that finds it
 * among the listeners.  Each wait knows the last event that was looked at for it, so
 * that none is missed between the two.  An event that is just being told is looked at
 * too, and may be told behind that: if it did not fit then, it does not now.
 */
#include "actors/trigger/state.h"
#include "base/wrong.h"

#include <assert.h>

static struct listener
listener_of(const struct wait_name *name)
{
    return (
        struct listener){ LISTENER_WAIT, name->run, name->step, name->attempt, { 0 } };
}

/* As it is learned: nothing was looked at for it yet. */
static struct wait_entry
wait_of(const struct wait_learned *learned)
{
    return (struct wait_entry){
        .event_type = learned->event_type,
        .source = learned->source,
        .match = learned->match,
        .condition = learned->condition,
        .since_ms = learned->since_ms,
        .after = learned->after,
    };
}

static bool
fits(const struct wait_entry *wait, const struct event *event, struct arena *arena)
{
    const struct event_entry *e = &event->entry;
    struct bytes mistake;
    return e->number > wait->after && e->at_ms >= wait->since_ms
           && type_heard(wait->event_type, e->type)
           && (wait->source.size == 0 || bytes_equal(wait->source, e->source))
           && match_holds(wait->match, e->data)
           && condition_holds(wait->condition, event, arena, &mistake);
}

static void
say_match(const struct trigger_state *s, const struct wait_name *name,
    const struct event *event, struct outbox *out)
{
    size_t bytes = event->entry.data.size + event->meta.size;
    say_wait_matched(out, (struct wait_matched){
                              .run = name->run,
                              .step = name->step,
                              .attempt = name->attempt,
                              .number = event->entry.number,
                              .type = event->entry.type,
                              .source = event->entry.source,
                              .data = event->entry.data,
                              .meta = event->meta,
                              .record = record_if_worth(s, bytes),
                          });
}

void
wait_hears(const struct trigger_state *s, const struct wait_name *name,
    const struct event *event, struct outbox *out)
{
    struct row_key key = key_of_wait('W', name);
    struct wait_entry wait;
    if (!kept_read(s->journal, &key, &wait_entry_shape, out->arena, &wait))
        WRONG("a wait that listens is not there");
    if (fits(&wait, event, out->arena))
        say_match(s, name, event, out);
}

/* ---- looking back ---- */

/* The last event before `since_ms`, or behind which none is kept. */
static uint64_t
number_before(const struct trigger_state *s, const struct id *project,
    const struct stream *stream, uint64_t since_ms)
{
    uint64_t low = stream->first, high = stream->last + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct row_key key = key_of_event(project, middle);
        struct event_entry event;
        kept_read(s->journal, &key, &event_entry_shape, NULL, &event);
        if (event.at_ms < since_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : low - 1;
}

struct look {
    const struct trigger_state *s;
    struct outbox *out;
    const struct wait_entry *wait;
    uint64_t number; /* of the last one that was looked at */
    uint32_t looked;
    bool typed; /* the rows are those of one type */
    bool stopped;
    struct event event; /* the one that fits */
    bool found;
};

static bool
look_at(void *self, struct bytes key, struct bytes value)
{
    struct look *look = self;
    struct bytes left = bytes_of(key.data + key.size - 8, 8);
    uint64_t number = row_take_u64(&left);
    struct event_entry head;
    if (look->looked++ == LOOKED_MAX) {
        look->stopped = true;
        return false;
    }
    look->number = number;
    if (!look->typed) {
        kept_take(look->s->journal, value, &event_entry_shape, NULL, &head);
        if (!type_fits(look->wait->event_type, head.type))
            return true;
    }
    if (!event_read(
            look->s, &look->out->project, number, look->out->arena, &look->event.entry))
        WRONG("an event that is kept is not there");
    look->event.meta = event_meta(&look->event.entry, look->out->arena);
    look->found = fits(look->wait, &look->event, look->out->arena);
    return !look->found;
}

/* Look at what comes behind `wait->looked`; say what was found, and how far it was
 * looked. */
static void
look_on(const struct trigger_state *s, const struct wait_name *name,
    const struct wait_entry *wait, struct outbox *out)
{
    struct look look = { .s = s, .out = out, .wait = wait, .number = wait->looked };
    struct stream stream;
    stream_read(s, &out->project, &stream);
    /* Who has heard a part of an event's consequences must not be passed over. */
    uint64_t last = stream.routed + (stream.at.size > 0);
    uint64_t next = wait->looked + 1 > stream.first ? wait->looked + 1 : stream.first;
    look.typed = pattern_is_literal(wait->event_type);
    struct row_key from = look.typed
                              ? key_of_typed(&out->project, wait->event_type, next)
                              : key_of_event(&out->project, next);
    struct row_key to = look.typed
                            ? key_of_typed(&out->project, wait->event_type, last + 1)
                            : key_of_event(&out->project, last + 1);
    if (next <= last)
        journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            look_at, &look);
    if (look.found) {
        say_match(s, name, &look.event, out);
        return;
    }
    if (!look.stopped && last > look.number)
        look.number = last;
    say_wait_looked(out, (struct wait_looked){
                             .run = name->run,
                             .step = name->step,
                             .attempt = name->attempt,
                             .number = look.number,
                             .whole = !look.stopped,
                         });
}

void
look_back(const struct trigger_state *s, struct outbox *out)
{
    struct row_key rows = row_key('L'), key;
    struct wait_entry wait;
    if (!kept_first(s->journal, &rows, (struct bytes){ 0 }, &key))
        WRONG("no wait looks back");
    struct wait_name name = wait_name_read(row_key_bytes(&key));
    out->project = name.project;
    key = key_of_wait('W', &name);
    if (!kept_read(s->journal, &key, &wait_entry_shape, out->arena, &wait))
        WRONG("a wait that looks back is not there");
    look_on(s, &name, &wait, out);
}

static bool
count_row(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    ++*(uint64_t *)self;
    return true;
}

void
waits_find(struct trigger_state *s)
{
    struct row_key from = row_key('L'), to = row_key_after(&from);
    s->looking = 0;
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false, count_row,
        &s->looking);
}

/* ---- what schedulers say ---- */

static bool
known(const struct trigger_state *s, const struct wait_name *name)
{
    struct row_key wait = key_of_wait('W', name), match = key_of_match(name);
    return kept_exists(s->journal, &wait) || kept_exists(s->journal, &match);
}

static void
say_known(const struct wait_name *name, bool open, struct outbox *out)
{
    say_wait_known(out, (struct wait_known){
                            .run = name->run,
                            .step = name->step,
                            .attempt = name->attempt,
                            .open = open,
                        });
}

static void
say_forgotten(const struct wait_name *name, struct outbox *out)
{
    say_wait_forgotten(out, (struct wait_forgotten){
                                .run = name->run,
                                .step = name->step,
                                .attempt = name->attempt,
                            });
}

void
on_wait_offered(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct wait_offered *offered = &in->wait_offered;
    struct wait_name name = { out->project, offered->run, offered->step,
        offered->attempt };
    struct stream stream;
    if (known(s, &name)) {
        say_known(&name, true, out);
        return;
    }
    struct wait_learned learned = {
        .run = offered->run,
        .step = offered->step,
        .attempt = offered->attempt,
        .event_type = offered->event_type,
        .source = offered->source,
        .match = offered->match,
        .condition = offered->condition,
        .since_ms = offered->since_ms,
        .after = offered->after,
    };
    say_wait_learned(out, learned);
    say_known(&name, true, out);
    struct wait_entry wait = wait_of(&learned);
    stream_read(s, &out->project, &stream);
    wait.looked = number_before(s, &out->project, &stream, offered->since_ms);
    if (wait.looked < offered->after)
        wait.looked = offered->after;
    look_on(s, &name, &wait, out);
}

void
on_wait_withdrawn(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct wait_withdrawn *w = &in->wait_withdrawn;
    struct wait_name name = { out->project, w->run, w->step, w->attempt };
    if (known(s, &name))
        say_forgotten(&name, out);
    say_known(&name, false, out);
}

void
on_match_taken(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct match_taken *t = &in->match_taken;
    struct wait_name name = { out->project, t->run, t->step, t->attempt };
    struct row_key match = key_of_match(&name);
    if (kept_exists(s->journal, &match))
        say_forgotten(&name, out);
}

/* ---- what has happened ---- */

void
wait_learned_applied(struct trigger_state *s, const struct message *m)
{
    const struct wait_learned *learned = &m->wait_learned;
    struct wait_name name = { m->envelope.project, learned->run, learned->step,
        learned->attempt };
    struct row_key key = key_of_wait('W', &name);
    struct wait_entry wait = wait_of(learned);
    kept_write(s->journal, &key, &wait_entry_shape, &wait);
}

static void
set_looking(struct trigger_state *s, const struct wait_name *name,
    struct wait_entry *wait, bool looking)
{
    struct row_key key = key_of_wait('L', name);
    if ((wait->looking != 0) == looking)
        return;
    wait->looking = looking;
    if (looking) {
        kept_mark(s->journal, &key);
        s->looking++;
    } else {
        kept_drop(s->journal, &key);
        s->looking--;
    }
}

static void
set_listening(struct trigger_state *s, const struct wait_name *name,
    struct wait_entry *wait, bool listening)
{
    struct listener listener = listener_of(name);
    if ((wait->listening != 0) == listening)
        return;
    bool heard = ends_heard(s, &name->project);
    wait->listening = listening;
    if (listening)
        listener_add(
            s->journal, &name->project, wait->event_type, wait->match, &listener);
    else
        listener_drop(
            s->journal, &name->project, wait->event_type, wait->match, &listener);
    ends_follow(s, &name->project, heard);
}

void
wait_looked_applied(struct trigger_state *s, const struct message *m)
{
    const struct wait_looked *looked = &m->wait_looked;
    struct wait_name name = { m->envelope.project, looked->run, looked->step,
        looked->attempt };
    struct row_key key = key_of_wait('W', &name);
    struct arena arena = { 0 };
    struct wait_entry wait;
    if (!kept_read(s->journal, &key, &wait_entry_shape, &arena, &wait))
        WRONG("a wait that looks back is not there");
    wait.looked = looked->number;
    set_looking(s, &name, &wait, looked->whole == 0);
    set_listening(s, &name, &wait, looked->whole != 0);
    kept_rewrite(s->journal, &key, &wait_entry_shape, &wait);
    arena_free(&arena);
}

/* It listens no more, and looks no more. */
static void
drop_wait(struct trigger_state *s, const struct wait_name *name)
{
    struct row_key key = key_of_wait('W', name);
    struct arena arena = { 0 };
    struct wait_entry wait;
    if (kept_read(s->journal, &key, &wait_entry_shape, &arena, &wait)) {
        set_looking(s, name, &wait, false);
        set_listening(s, name, &wait, false);
        kept_drop_whole(s->journal, &key, &wait_entry_shape);
    }
    arena_free(&arena);
}

void
wait_matched_applied(struct trigger_state *s, const struct message *m)
{
    const struct wait_matched *matched = &m->wait_matched;
    struct wait_name name = { m->envelope.project, matched->run, matched->step,
        matched->attempt };
    struct row_key key = key_of_match(&name);
    struct match_entry match = {
        .project = m->envelope.project,
        .number = matched->number,
        .type = matched->type,
        .source = matched->source,
        .data = matched->data,
        .meta = matched->meta,
        .record = matched->record,
    };
    if (!kept_exists(s->journal, &key)) {
        drop_wait(s, &name);
        kept_write(s->journal, &key, &match_entry_shape, &match);
        telling_begun(s, matched->record);
    } else {
        telling_repeated(s, matched->record);
    }
    retelling_moves(s, id_partition(&name.run), &key);
}

void
wait_forgotten_applied(struct trigger_state *s, const struct message *m)
{
    const struct wait_forgotten *forgotten = &m->wait_forgotten;
    struct wait_name name = { m->envelope.project, forgotten->run, forgotten->step,
        forgotten->attempt };
    struct row_key key = key_of_match(&name);
    struct match_entry match;
    drop_wait(s, &name);
    if (kept_read(s->journal, &key, &match_entry_shape, NULL, &match)) {
        kept_drop_whole(s->journal, &key, &match_entry_shape);
        telling_over(s, match.record);
    }
    retelling_moves(s, id_partition(&name.run), NULL);
}
