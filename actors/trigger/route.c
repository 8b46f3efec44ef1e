/* What an event starts and wakes: those who listen for it hear it one after the other,
 * as many in a turn as it may say; where it stopped is a fact. */
#include "actors/trigger/state.h"

#include <assert.h>

struct routing {
    const struct trigger_state *s;
    const struct event *event;
    struct outbox *out;
    size_t looked, said_before, said_max;
};

/* How often the event may be said in one turn. */
static size_t
said_max(const struct event *event)
{
    size_t bytes = 2 * event->entry.data.size + event->entry.meta.size + 1;
    size_t most = SAID_BYTES_MAX / bytes;
    return most > SAID_MAX ? SAID_MAX : most == 0 ? 1 : most;
}

static bool
hears(void *self, const struct listener *listener)
{
    struct routing *r = self;
    struct outbox *out = r->out;
    if (r->looked == LOOKED_MAX || out->count - r->said_before >= r->said_max)
        return false;
    r->looked++;
    if (listener->kind == LISTENER_TRIGGER) {
        struct trigger_name name = { out->project, listener->id,
            listener->trigger_key };
        trigger_hears(r->s, &name, r->event, out);
    } else {
        struct wait_name name = { out->project, listener->id, listener->first,
            listener->second };
        wait_hears(r->s, &name, r->event, out);
    }
    return true;
}

void
route_event(const struct trigger_state *s, const struct event *event, struct bytes at,
    struct outbox *out)
{
    struct routing routing = { s, event, out, 0, out->count, said_max(event) };
    struct walk walk = {
        .journal = s->journal,
        .project = out->project,
        .type = event->entry.type,
        .data = event->entry.data,
        .self = &routing,
        .each = hears,
        .at_size = at.size,
    };
    assert(at.size <= sizeof walk.at);
    if (at.size > 0)
        memcpy(walk.at, at.data, at.size);
    bool whole = listeners_walk(&walk);
    say_event_routed(
        out, (struct event_routed){
                 .number = event->entry.number,
                 .whole = whole,
                 .at = whole ? (struct bytes){ 0 }
                             : arena_copy(out->arena, bytes_of(walk.at, walk.at_size)),
             });
}

struct search {
    const struct trigger_state *s;
    struct id project;
    bool found;
};

static bool
take_unrouted(void *self, struct bytes key, struct bytes value)
{
    struct search *search = self;
    struct stream stream;
    kept_take(search->s->journal, value, &stream_shape, NULL, &stream);
    if (stream.routed == stream.last)
        return true;
    row_take_u8(&key);
    search->project = row_take_id(&key);
    search->found = true;
    return false;
}

void
route_next(const struct trigger_state *s, struct outbox *out)
{
    struct search search = { .s = s };
    struct row_key from = row_key('Z'), to = row_key_after(&from);
    struct stream stream;
    struct event event;
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        take_unrouted, &search);
    assert(search.found);
    out->project = search.project;
    stream_read(s, &out->project, &stream);
    bool kept =
        event_read(s, &out->project, stream.routed + 1, out->arena, &event.entry);
    assert(kept);
    event.meta = event_meta(&event.entry, out->arena);
    route_event(s, &event, stream.at, out);
}

void
event_routed_applied(struct trigger_state *s, const struct message *m)
{
    const struct event_routed *routed = &m->event_routed;
    struct row_key key = key_of_stream(&m->envelope.project);
    struct stream stream;
    stream_read(s, &m->envelope.project, &stream);
    assert(routed->number == stream.routed + 1);
    stream.at = routed->at;
    if (routed->whole) {
        stream.routed = routed->number;
        s->unrouted -= stream.routed == stream.last;
        if (stream.oldest_ms < s->oldest_ms)
            s->oldest_ms = stream.oldest_ms;
    }
    kept_write(s->journal, &key, &stream_shape, &stream);
}
