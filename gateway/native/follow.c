/* A run's log, or the stream of a project, as it grows, in server-sent events.
 *
 * Hints wake it; what it sends comes from the view, a page at a time, and the next page
 * is asked for when the client has taken the one before.
 */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/list.h"
#include "gateway/native/native.h"
#include "gateway/said.h"
#include "gateway/watch.h"

#include <inttypes.h>

enum { QUIET_MS = 15000, BEHIND_MS = 100 };

struct follow {
    struct request *request;
    struct stream stream;
    struct watch watch;
    struct alarm alarm;
    struct follow_subject of;
    uint64_t asked; /* number of the question, 0: none */
    uint64_t sent;  /* sequence of the last event that was put */
    uint64_t known; /* that a hint named */
    bool begun;     /* the head of the answer is out */
    bool more;      /* than the page held */
};

static void got_page(struct request *r, const struct message *answer);

static void
set_alarm(struct follow *follow, uint64_t ms)
{
    struct gateway *g = follow->request->gateway;
    alarm_set(&g->alarms, &follow->alarm, g->now_ms + ms);
}

static void
look(struct follow *follow)
{
    if (follow->asked != 0 || follow->stream.ended || !stream_drained(&follow->stream))
        return;
    *follow->of.after = follow->sent;
    follow->asked = request_ask(follow->request, follow->of.question, got_page);
}

static void
put_event(struct follow *follow, struct bytes event)
{
    struct buffer *out = &follow->stream.out;
    struct cursor sequence = cursor_over(pack_find(event, follow->of.number));
    struct cursor type = cursor_over(pack_find(event, follow->of.type));
    uint64_t number = cursor_u64(&sequence);
    struct bytes name = cursor_text(&type);
    if (sequence.bad || type.bad || number <= follow->sent)
        return;
    buffer_print(out, "id: %" PRIu64 "\nevent: %.*s\ndata: ", number, (int)name.size,
        (const char *)name.data);
    if (follow->of.write != NULL)
        follow->of.write(follow->request, out, event);
    else if (msgpack_to_json(event, out) != ERR_NONE)
        buffer_append_bytes(out, text("null"));
    buffer_append_bytes(out, text("\n\n"));
    follow->sent = number;
}

static void
put_page(struct follow *follow, const struct document *page)
{
    size_t count;
    struct cursor items = said_items(page->document, "items", &count);
    for (size_t i = 0; i < count; i++)
        put_event(follow, cursor_skip(&items));
    struct cursor more = cursor_over(pack_find(page->document, "has_more"));
    follow->more = cursor_bool(&more);
    /* A page may hold nothing that is wanted, and yet go on. */
    uint64_t passed = said_number(page->document, "next_after");
    follow->more = follow->more && (count > 0 || passed > follow->sent);
    if (passed > follow->sent)
        follow->sent = passed;
    follow->stream.ended = page->finished != 0;
}

static void
drained(struct request *r)
{
    struct follow *follow = r->own;
    if (follow->known > follow->sent || follow->more)
        look(follow);
}

static void
closed(struct request *r)
{
    struct follow *follow = r->own;
    watch_clear(r->gateway->watches, &follow->watch);
    alarm_clear(&r->gateway->alarms, &follow->alarm);
    bridge_forget(r->gateway->bridge, follow->asked);
}

/* The head of the answer waits for the first page: a run that is not there is a 404. */
static void
begin(struct follow *follow)
{
    if (follow->begun)
        return;
    follow->begun = true;
    watch_set(follow->request->gateway->watches, &follow->watch);
    request_stream(follow->request, "text/event-stream", &follow->stream);
}

static void
got_page(struct request *r, const struct message *answer)
{
    struct follow *follow = r->own;
    struct stream *stream = &follow->stream;
    follow->asked = 0;
    if (!follow->begun && answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    begin(follow);
    bool may = request_may(r);
    if (answer->code == DOCUMENT && may)
        put_page(follow, &answer->document);
    bool removed = answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
    stream->ended |= r->gateway->draining || !may || removed;
    bool nothing = stream_drained(stream) && !stream->ended;
    bool refused = answer->code != DOCUMENT;
    bool behind =
        nothing && (follow->known > follow->sent || (refused && follow->more));
    if (nothing && !behind)
        /* Something must be written now and then, or nobody notices a dead client. */
        buffer_append_bytes(&stream->out, text(": still here\n\n"));
    set_alarm(follow, behind ? BEHIND_MS : QUIET_MS);
    request_push(r);
}

static void
rings(struct alarm *alarm)
{
    struct follow *follow = LIST_OF(alarm, struct follow, alarm);
    set_alarm(follow, QUIET_MS);
    look(follow);
}

static void
changed(struct watch *watch, const struct run_changed *hint)
{
    struct follow *follow = LIST_OF(watch, struct follow, watch);
    if (hint->sequence > follow->known)
        follow->known = hint->sequence;
    if (follow->known > follow->sent)
        look(follow);
}

static void
leaving(struct watch *watch)
{
    struct follow *follow = LIST_OF(watch, struct follow, watch);
    follow->stream.ended = true;
    request_push(follow->request);
}

void
native_follow(struct request *r, const struct follow_subject *subject)
{
    struct follow *follow = arena_take(&r->arena, sizeof *follow);
    follow->request = r;
    follow->of = *subject;
    follow->sent = *subject->after;
    follow->stream.drained = drained;
    follow->stream.closed = closed;
    follow->alarm.ring = rings;
    follow->watch.run = subject->watched;
    follow->watch.changed = changed;
    follow->watch.leaving = leaving;
    r->own = follow;
    look(follow);
}
