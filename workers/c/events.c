#include "workers/c/events.h"

#include "base/wrong.h"

#include <stdlib.h>

enum { RESENDS_MAX = 3 };

struct outgoing_event *
event_new(struct bytes id, struct bytes type, struct bytes source, struct bytes data)
{
    struct outgoing_event *event = calloc(1, sizeof *event);
    if (event == NULL)
        WRONG("out of memory");
    struct buffer *frame = &event->frame;
    pack_map(frame, 5);
    pack_string(frame, "type");
    pack_string(frame, "publish");
    pack_string(frame, "id");
    pack_text(frame, id);
    event->id_size = id.size;
    event->id_at = frame->size - id.size;
    pack_string(frame, "event");
    pack_text(frame, type);
    pack_string(frame, "source");
    pack_text(frame, source);
    pack_string(frame, "data");
    pack_raw(frame, data);
    list_open(&event->link);
    return event;
}

void
event_free(struct outgoing_event *event)
{
    list_remove(&event->link);
    buffer_free(&event->frame);
    free(event);
}

struct outgoing_event *
events_find(struct list *events, struct bytes id)
{
    for (struct list *at = events->next; at != events; at = at->next) {
        struct outgoing_event *event = LIST_OF(at, struct outgoing_event, link);
        if (bytes_equal(id, bytes_of(event->frame.data + event->id_at, event->id_size)))
            return event;
    }
    return NULL;
}

void
events_renew(struct list *events)
{
    for (struct list *at = events->next; at != events; at = at->next)
        LIST_OF(at, struct outgoing_event, link)->resend_ms = 0;
}

uint64_t
events_due(const struct list *events)
{
    uint64_t due_ms = UINT64_MAX;
    for (struct list *at = events->next; at != events; at = at->next) {
        const struct outgoing_event *event = LIST_OF(at, struct outgoing_event, link);
        if (event->resend_ms < due_ms)
            due_ms = event->resend_ms;
    }
    return due_ms;
}

void
event_said(struct outgoing_event *event, uint64_t now_ms, uint64_t resend_ms)
{
    event->resend_ms = now_ms + (resend_ms << event->resends);
    event->resends += event->resends < RESENDS_MAX;
}
