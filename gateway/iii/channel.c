#include "gateway/iii/channel.h"

#include "base/clock.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/iii/iii.h"
#include "gateway/iii/invoke.h"

#include <stdlib.h>

enum {
    CHANNELS_MAX = 4096, /* of one project */
    FRAMES_DEFAULT = 64,
    FRAMES_MAX = 1024,
    BYTES_MAX = 256 * 1024, /* that wait in one; a single frame may be larger */
    PIECE = 64 * 1024,      /* of what we write ourselves */
    CHANNEL_MS = 300000,    /* in which both ends must be taken */
};

struct channel_frame {
    struct list link;
    bool binary;
    struct buffer bytes;
};

struct channel {
    struct list link;
    struct hub *hub;
    char id[III_UUID_SIZE + 1], key[III_UUID_SIZE + 1];
    struct list frames;
    size_t frame_count, frames_max, byte_count;
    struct websocket *writer, *reader;
    bool written, read; /* the end is taken */
    bool open;          /* the reader may be spoken to */
    bool complete;      /* nothing more is written */
    bool broken;        /* the writer vanished */
    struct alarm unused;
    struct channel **holder;
    const struct channel_sink *sink;
    void *self;
};

static void
frame_free(struct channel *channel, struct channel_frame *frame)
{
    list_remove(&frame->link);
    channel->frame_count--;
    holding_shrink(&channel->hub->gateway->waiting, &channel->byte_count,
        channel->byte_count - frame->bytes.size);
    buffer_free(&frame->bytes);
    free(frame);
}

/* False: there is no room. */
static bool
frame_new(struct channel *channel, struct bytes bytes, bool binary)
{
    if (!holding_grow(
            &channel->hub->gateway->waiting, &channel->byte_count, bytes.size))
        return false;
    struct channel_frame *frame = calloc(1, sizeof *frame);
    if (frame == NULL)
        WRONG("out of memory");
    frame->binary = binary;
    buffer_append_bytes(&frame->bytes, bytes);
    list_append(&channel->frames, &frame->link);
    channel->frame_count++;
    return true;
}

static void
part(struct websocket **socket, enum websocket_code code, const char *why)
{
    if (*socket == NULL)
        return;
    websocket_disown(*socket);
    websocket_close(*socket, code, text(why));
    *socket = NULL;
}

static void
end(struct channel *channel, enum websocket_code code, const char *why)
{
    struct hub *hub = channel->hub;
    struct list *at;
    part(&channel->writer, code, why);
    part(&channel->reader, code, why);
    while ((at = list_first(&channel->frames)) != NULL)
        frame_free(channel, LIST_OF(at, struct channel_frame, link));
    alarm_clear(&hub->gateway->alarms, &channel->unused);
    map_remove(&hub->channel_by_id, text(channel->id));
    list_remove(&channel->link);
    if (channel->holder != NULL)
        *channel->holder = NULL;
    free(channel);
}

void
channel_drop(struct channel **channel)
{
    if (*channel != NULL)
        end(*channel, WEBSOCKET_NORMAL, "the channel is not needed any more");
}

void
channels_end(struct hub *hub)
{
    struct list *at;
    while ((at = list_first(&hub->channels)) != NULL)
        end(LIST_OF(at, struct channel, link), WEBSOCKET_GOING_AWAY,
            "the engine is going down");
}

static void
never_taken(struct alarm *alarm)
{
    struct channel *channel = LIST_OF(alarm, struct channel, unused);
    bool taken = (channel->read || channel->sink != NULL) && channel->written;
    if (!taken)
        end(channel, WEBSOCKET_POLICY, "nobody came to the other end");
}

static struct channel *
channel_new(struct hub *hub, size_t frames_max)
{
    struct gateway *g = hub->gateway;
    uint8_t chance[16];
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        WRONG("out of memory");
    channel->hub = hub;
    channel->frames_max = frames_max;
    list_open(&channel->frames);
    iii_uuid_print(id_fresh(0).bytes, channel->id);
    chance_fill(chance, sizeof chance);
    iii_uuid_print(chance, channel->key);
    channel->unused.ring = never_taken;
    alarm_set(&g->alarms, &channel->unused, g->now_ms + CHANNEL_MS);
    list_append(&hub->channels, &channel->link);
    map_put(&hub->channel_by_id, text(channel->id), channel);
    return channel;
}

bool
channel_open(struct hub *hub, size_t frames_max, struct channel **holder)
{
    if (hub->channel_by_id.count == CHANNELS_MAX)
        return false;
    *holder = channel_new(hub, frames_max);
    (*holder)->holder = holder;
    return true;
}

void
channel_put(const struct channel *channel, struct buffer *out, bool write)
{
    pack_map(out, 3);
    pack_string(out, "channel_id");
    pack_string(out, channel->id);
    pack_string(out, "access_key");
    pack_string(out, channel->key);
    pack_string(out, "direction");
    pack_string(out, write ? "write" : "read");
}

static bool
full(const struct channel *channel)
{
    return channel->frame_count >= channel->frames_max
           || channel->byte_count >= BYTES_MAX;
}

/* Give the reader what it can take.  The channel may be gone afterwards. */
static void
pump(struct channel *channel)
{
    struct list *at;
    if (!channel->open)
        return;
    while (websocket_unsent(channel->reader) < BYTES_MAX
           && (at = list_first(&channel->frames)) != NULL) {
        struct channel_frame *frame = LIST_OF(at, struct channel_frame, link);
        (void)websocket_send(
            channel->reader, buffer_bytes(&frame->bytes), frame->binary);
        frame_free(channel, frame);
    }
    if (channel->writer != NULL && !full(channel))
        websocket_hold(channel->writer, false);
    /* Closing has a time limit; a slow reader does not. */
    if (channel->complete && list_empty(&channel->frames)
        && websocket_unsent(channel->reader) == 0)
        end(channel, channel->broken ? WEBSOCKET_BROKEN : WEBSOCKET_NORMAL,
            channel->broken ? "the writer is gone" : "stream_complete");
}

bool
channel_fill(struct channel *channel, struct bytes all)
{
    bool room = true;
    for (size_t at = 0; room && at < all.size; at += PIECE)
        room = frame_new(channel,
            bytes_of(all.data + at, all.size - at < PIECE ? all.size - at : PIECE),
            true);
    channel->written = channel->complete = true;
    return room;
}

void
channel_take(struct channel *channel, const struct channel_sink *sink, void *self)
{
    channel->sink = sink;
    channel->self = self;
    channel->read = true;
}

void
channel_hold(struct channel *channel, bool held)
{
    if (channel->writer != NULL)
        websocket_hold(channel->writer, held);
}

bool
channel_begun(const struct channel *channel)
{
    return channel->written;
}

static void
opened(struct websocket *socket)
{
    struct channel *channel = websocket_own(socket);
    if (channel == NULL) {
        websocket_close(socket, WEBSOCKET_NORMAL, text("the channel is over"));
        return;
    }
    if (socket != channel->reader)
        return;
    channel->open = true;
    pump(channel);
}

/* What a reader says is nothing. */
static void
heard(struct websocket *socket, struct bytes message, bool binary)
{
    struct channel *channel = websocket_own(socket);
    if (channel == NULL || socket != channel->writer)
        return;
    if (channel->sink != NULL) {
        channel->sink->heard(channel->self, message, binary);
        return;
    }
    if (!frame_new(channel, message, binary)) {
        end(channel, WEBSOCKET_TRY_LATER, "there is no room for so much now");
        return;
    }
    if (full(channel))
        websocket_hold(socket, true);
    pump(channel);
}

static void
drained(struct websocket *socket)
{
    struct channel *channel = websocket_own(socket);
    if (channel != NULL && socket == channel->reader)
        pump(channel);
}

static void
writer_left(struct channel *channel, bool whole)
{
    const struct channel_sink *sink = channel->sink;
    void *self = channel->self;
    channel->writer = NULL;
    channel->complete = true;
    channel->broken = !whole;
    if (sink == NULL) {
        pump(channel);
        return;
    }
    end(channel, WEBSOCKET_NORMAL, "");
    sink->ended(self, whole);
}

static void
closed(struct websocket *socket)
{
    struct channel *channel = websocket_own(socket);
    if (channel == NULL)
        return;
    if (socket == channel->writer) {
        writer_left(channel, websocket_parted(socket));
        return;
    }
    channel->reader = NULL;
    end(channel, WEBSOCKET_NORMAL, "the reader is gone");
}

/* What flows may flow to its end. */
static bool
leaving(struct websocket *socket)
{
    const struct channel *channel = websocket_own(socket);
    return channel != NULL && channel->read && channel->written;
}

static const struct websocket_talk talk = {
    .opened = opened,
    .heard = heard,
    .closed = closed,
    .drained = drained,
    .leaving = leaving,
    .patient = true,
};

void
iii_channel_socket(struct request *r)
{
    struct hub *hub = iii_hub(r->gateway->iii, &r->key->project);
    struct channel *channel = map_get(&hub->channel_by_id, r->captures[0]);
    bool write = bytes_equal(target_query(&r->target, "dir"), text("write"));
    if (channel == NULL
        || !bytes_equal(target_query(&r->target, "key"), text(channel->key))
        || (!write && !bytes_equal(target_query(&r->target, "dir"), text("read")))) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such channel");
        return;
    }
    if (write ? channel->written : channel->read) {
        request_refuse(r, ERR_CONFLICT, "this end of the channel is taken");
        return;
    }
    struct websocket *socket = websocket_accept(r, &talk, channel);
    if (socket == NULL)
        return;
    *(write ? &channel->written : &channel->read) = true;
    *(write ? &channel->writer : &channel->reader) = socket;
}

void
iii_channel_create(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes size = pack_find(asked->data, "buffer_size");
    struct cursor c = cursor_over(size);
    struct buffer out = { 0 };
    bool given = size.size > 0 && cursor_type(&c) != PACK_NIL;
    uint64_t frames_max = given ? cursor_u64(&c) : FRAMES_DEFAULT;
    if (c.bad || frames_max == 0) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            text("buffer_size must be a number of frames, from 1"));
        return;
    }
    if (caller->hub->channel_by_id.count == CHANNELS_MAX) {
        iii_refuse(
            caller, asked, "invocation_error", text("there are too many channels"));
        return;
    }
    struct channel *channel =
        channel_new(caller->hub, frames_max < FRAMES_MAX ? frames_max : FRAMES_MAX);
    pack_map(&out, 2);
    pack_string(&out, "writer");
    channel_put(channel, &out, true);
    pack_string(&out, "reader");
    channel_put(channel, &out, false);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}
