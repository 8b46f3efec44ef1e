/* http_stream - bodies as channels: what a client sent, and what a function writes. */
#include "base/json_read.h"
#include "base/pack.h"
#include "gateway/iii/channel.h"
#include "gateway/iii/http.h"
#include "gateway/said.h"

enum {
    FRAMES_MAX = 64,
    BEHIND_MAX = 256 * 1024, /* bytes that wait for the client */
    COME_MS = 2000,          /* for a channel to be taken, when nothing was returned */
    SAID_MAX = 65536,        /* bytes of one text */
};

static void
drained(struct request *r)
{
    struct http_call *http = r->own;
    if (http->response != NULL)
        channel_hold(http->response, false);
}

static void
closed(struct request *r)
{
    http_call_end(r->own);
}

static void
begin_stream(struct http_call *http)
{
    struct request *r = http->request;
    if (http->streams)
        return;
    http->streams = true;
    http->headers = arena_copy(&r->arena, http->headers);
    arena_free(&http->said);
    alarm_clear(&http->hub->gateway->alarms, &http->limit);
    http->stream =
        (struct stream){ .self = http, .drained = drained, .closed = closed };
    request_stream_with(r, http->status, http->headers, NULL, &http->stream);
}

/* What it says of the answer before the body begins; the rest is nothing. */
static void
hear_text(struct http_call *http, struct bytes said)
{
    struct buffer document = { 0 };
    struct fault fault;
    if (http->streams || said.size > SAID_MAX
        || json_to_msgpack(said, &document, NULL, &fault) != ERR_NONE) {
        buffer_free(&document);
        return;
    }
    struct bytes all = buffer_bytes(&document), type = said_text(all, "type");
    unsigned status = http_status(all);
    if (bytes_equal(type, text("set_status")) && status != 0) {
        http->status = status;
    } else if (bytes_equal(type, text("set_headers"))) {
        /* Said again and again, they take no more room. */
        arena_reset(&http->said);
        http->headers = http_headers(&http->said, pack_find(all, "headers"));
    }
    buffer_free(&document);
}

static void
heard(void *self, struct bytes frame, bool binary)
{
    struct http_call *http = self;
    if (!binary) {
        hear_text(http, frame);
        return;
    }
    begin_stream(http);
    buffer_append_bytes(&http->stream.out, frame);
    if (http->stream.out.size - http->stream.at > BEHIND_MAX)
        channel_hold(http->response, true);
    request_push(http->request);
}

/* One that vanished in the middle leaves the answer without its end. */
static void
ended(void *self, bool whole)
{
    struct http_call *http = self;
    if (!whole && !http->streams) {
        http_error(http, 500, "INTERNAL_ERROR",
            text("the function left before it answered"), "");
        return;
    }
    begin_stream(http);
    http->stream.ended = true;
    http->stream.broken = !whole;
    request_push(http->request);
}

void
http_break(struct http_call *http)
{
    if (http->stream.ended)
        return;
    channel_drop(&http->response);
    ended(http, false);
}

bool
http_channels_open(struct http_call *http)
{
    static const struct channel_sink sink = { .heard = heard, .ended = ended };
    http->status = 200;
    if (!channel_open(http->hub, FRAMES_MAX, &http->upload)
        || !channel_open(http->hub, FRAMES_MAX, &http->response))
        return false;
    if (!channel_fill(http->upload, buffer_bytes(&http->request->body)))
        return false;
    channel_take(http->response, &sink, http);
    return true;
}

void
http_await_channel(struct http_call *http)
{
    struct gateway *g = http->hub->gateway;
    uint64_t at_ms = g->now_ms + COME_MS;
    http->stage = HTTP_CHANNEL;
    if ((http->response == NULL || !channel_begun(http->response))
        && at_ms < http->until_ms)
        alarm_set(&g->alarms, &http->limit, at_ms);
}
