/* What an event starts and wakes: those who listen for it hear it one after the other,
 * as many in a turn as it may say; where it stopped is a fact. */
#include "actors/trigger/state.h"

#include <assert.h>

struct routing {
    const struct trigger_state *s;
    const struct event *event;
    struct outbox *out;
    size_t looked, said_before, said_max;
    uint32_t fires, fires_max;
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
    size_t before = out->count;
    if (r->looked == LOOKED_MAX || before - r->said_before >= r->said_max
        || r->fires >= r->fires_max)
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
    for (size_t i = before; i < out->count; i++)
        r->fires += out->messages[i].code == TRIGGER_FIRED;
    return true;
}

void
route_event(const struct trigger_state *s, const struct event *event, struct bytes at,
    struct outbox *out)
{
    struct routing routing = { .s = s,
        .event = event,
        .out = out,
        .said_max = said_max(event),
        .fires_max = fires_room(s) };
    /* One more than there is room for, perhaps: then it is said, and never again. */
    if (event->entry.trigger.size > 0 && at.size == 0)
        hook_fires(s, event, out);
    routing.said_before = out->count;
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
    assert(routing.fires_max > 0);
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

void
route_next(const struct trigger_state *s, struct outbox *out)
{
    struct stream stream;
    struct event event;
    out->project = *backlog_next(&s->backlog);
    stream_read(s, &out->project, &stream);
    bool kept =
        event_read(s, &out->project, stream.routed + 1, out->arena, &event.entry);
    assert(kept);
    event.meta = event_meta(&event.entry, out->arena);
    route_event(s, &event, stream.at, out);
}

void
event_routed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct event_routed *routed = &m->event_routed;
    const struct id *project = &m->envelope.project;
    struct row_key key = key_of_stream(project);
    struct stream stream;
    stream_read(s, project, &stream);
    assert(routed->number == stream.routed + 1);
    stream.at = routed->at;
    s->time_told = false;
    backlog_move(&s->backlog, project, at_ms, routed->whole != 0);
    if (routed->whole) {
        stream.routed = routed->number;
        if (stream.routed == stream.last)
            backlog_leave(&s->backlog, project);
        if (stream.oldest_ms < s->oldest_ms)
            s->oldest_ms = stream.oldest_ms;
    }
    kept_write(s->journal, &key, &stream_shape, &stream);
}
