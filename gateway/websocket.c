#include "gateway/websocket.h"

#include "base/base64.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/wrong.h"
#include "gateway/server.h"
#include "gateway/tls_line.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nettle/sha1.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

enum {
    MESSAGES_MAX = 64, /* of one connection in one run */
    /* Of silence before we ask.  Most clients ping of themselves every 20 s; proxies
     * cut a connection on which nothing was said for 60 s. */
    PING_MS = 30000,
    TOGETHER_MS = 1000, /* by which we may be late, for many at once */
    SILENCE_MS = 65000, /* after which nobody is there */
    CLOSE_MS = 5000,    /* a peer that does not answer our close */
    MARGIN = 65536,
    REASON_MAX = 123,    /* bytes, by the standard */
    FRAME_HEAD_MAX = 14, /* the same */
    WAITING_MAX = 65536, /* messages to one peer, however small */
};

#define NOT_READING "you do not read"

/*            head has left                close, silence, error
 *  PENDING ---------------> OPEN ------------------------------> (gone)
 *     \___ abandoned: (gone)  \___ websocket_close ___> CLOSING _/
 */
enum websocket_state { WEBSOCKET_PENDING, WEBSOCKET_OPEN, WEBSOCKET_CLOSING };

struct websocket {
    struct websockets *set;
    struct server *server; /* that it came to */
    struct list link;      /* of all that are open */
    struct list dirty;     /* of those that have something to say; or none */
    struct list ready;     /* of those whose descriptor woke us; or none */
    const struct websocket_talk *talk;
    void *own;
    const struct key *key;
    unsigned scope; /* that the key must have */
    enum websocket_state state;
    int fd;
    struct tls_line *line; /* NULL: no TLS */
    struct MHD_UpgradeResponseHandle *handle;
    wslay_event_context_ptr frames;
    struct buffer early;
    size_t early_at;
    uint8_t head[FRAME_HEAD_MAX]; /* of a frame, not sent yet */
    size_t head_size;
    size_t coming;   /* bytes of a message that is not whole yet */
    bool aside;      /* what comes now is a control frame, in the midst of it maybe */
    size_t unsent;   /* bytes that were said and its system has not taken */
    uint32_t events; /* for which it is watched, */
    bool watched;    /* if it is */
    uint32_t came;   /* READY: what woke us */
    struct alarm alarm;
    uint64_t heard_ms;
    unsigned heard_count; /* messages in this run, or pieces that nobody wants, */
    bool heard_all;       /* and nothing more was there to be read */
    bool held;            /* nothing is read of it */
    bool dropped; /* others needed its room: it has no frames, and ends this turn */
    bool parted;  /* its peer said so */
    /* CLOSING: said when all that was said before it has left. */
    bool close_due;
    uint16_t close_code;
    uint8_t close_reason[REASON_MAX];
    size_t close_reason_size;
};

struct websockets {
    struct gateway *gateway;
    struct list all, dirty, ready;
    const struct websocket *reading; /* whose frames are being read; or none */
    size_t count;
    struct holding unsent; /* of all together */
};

static struct websocket *
of_alarm(struct alarm *alarm)
{
    return LIST_OF(alarm, struct websocket, alarm);
}

/* The connection is over. */
static void
end(struct websocket *socket)
{
    struct websockets *set = socket->set;
    /* Whatever its dialect says from now on is not heard. */
    socket->state = WEBSOCKET_CLOSING;
    alarm_clear(&set->gateway->alarms, &socket->alarm);
    list_remove(&socket->link);
    list_remove(&socket->dirty);
    list_remove(&socket->ready);
    if (socket->frames != NULL) {
        socket->parted = wslay_event_get_close_received(socket->frames) != 0;
        wslay_event_context_free(socket->frames);
    }
    if (socket->handle != NULL) {
        (void)epoll_ctl(set->gateway->epoll, EPOLL_CTL_DEL, socket->fd, NULL);
        MHD_upgrade_action(socket->handle, MHD_UPGRADE_ACTION_CLOSE);
        server_kick(socket->server);
        gauge(COUNTER_websockets, --set->count);
    }
    socket->talk->closed(socket);
    holding_drop(&set->gateway->holding, &socket->coming);
    holding_drop(&set->unsent, &socket->unsent);
    buffer_free(&socket->early);
    free(socket);
}

static void
watch_events(struct websocket *socket)
{
    bool reads = !socket->held && wslay_event_want_read(socket->frames);
    uint32_t wanted = reads ? EPOLLIN : 0;
    if (wslay_event_want_write(socket->frames))
        wanted |= EPOLLOUT;
    if (socket->watched && wanted == socket->events)
        return;
    struct epoll_event event = { .events = wanted, .data.ptr = socket };
    int how = socket->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    socket->watched = true;
    if (epoll_ctl(socket->set->gateway->epoll, how, socket->fd, &event) != 0)
        WRONG("a connection cannot be watched");
    socket->events = wanted;
}

/* False: the connection is gone. */
static bool
settle(struct websocket *socket, bool broken)
{
    bool done = !wslay_event_want_read(socket->frames)
                && !wslay_event_want_write(socket->frames);
    if (broken || done) {
        end(socket);
        return false;
    }
    watch_events(socket);
    return true;
}

/* There is room for it: it is less than before, but for answers to pings. */
static void
count_unsent(struct websocket *socket)
{
    size_t left = wslay_event_get_queued_msg_length(socket->frames);
    holding_drop(&socket->set->unsent, &socket->unsent);
    (void)holding_grow(&socket->set->unsent, &socket->unsent, left);
}

/* False: the connection broke.  wslay would let a close overtake what waits. */
static bool
let_go(struct websocket *socket)
{
    bool sent = !wslay_event_want_write(socket->frames)
                || wslay_event_send(socket->frames) == 0;
    count_unsent(socket);
    if (!sent)
        return false;
    if (!socket->close_due || wslay_event_want_write(socket->frames))
        return true;
    socket->close_due = false;
    wslay_event_queue_close(socket->frames, socket->close_code, socket->close_reason,
        socket->close_reason_size);
    return wslay_event_send(socket->frames) == 0;
}

static bool
write_out(struct websocket *socket)
{
    if (socket->dropped) {
        end(socket);
        return false;
    }
    bool waited = wslay_event_want_write(socket->frames) != 0;
    list_remove(&socket->dirty);
    if (!settle(socket, !let_go(socket)))
        return false;
    if (waited && socket->talk->drained != NULL && socket->state == WEBSOCKET_OPEN
        && !wslay_event_want_write(socket->frames))
        socket->talk->drained(socket);
    return true;
}

static void
read_in(struct websocket *socket)
{
    if (socket->dropped)
        return;
    socket->heard_count = 0;
    socket->heard_all = false;
    socket->set->reading = socket;
    bool broken = wslay_event_recv(socket->frames) != 0;
    socket->set->reading = NULL;
    /* A close frame is answered before the end. */
    broken |= !let_go(socket);
    (void)settle(socket, broken);
}

static ssize_t
take_early(struct websocket *socket, uint8_t *out, size_t room)
{
    size_t left = socket->early.size - socket->early_at;
    size_t size = left < room ? left : room;
    memcpy(out, socket->early.data + socket->early_at, size);
    socket->early_at += size;
    if (socket->early_at == socket->early.size) {
        buffer_free(&socket->early);
        socket->early_at = 0;
    }
    return (ssize_t)size;
}

static ssize_t
on_read(
    wslay_event_context_ptr frames, uint8_t *out, size_t room, int flags, void *self)
{
    struct websocket *socket = self;
    (void)flags;
    if (socket->early.size > 0)
        return take_early(socket, out, room);
    /* Others have their turn before one that never stops. */
    if (socket->heard_count >= MESSAGES_MAX || socket->heard_all || socket->held) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    ssize_t size = socket->line == NULL
                       ? recv(socket->fd, out, room, 0)
                       : tls_line_read(socket->line, out, room, &socket->early);
    socket->heard_all = socket->line == NULL && size > 0 && (size_t)size < room;
    if (size > 0)
        return size;
    bool wait = size < 0 && (errno == EAGAIN || errno == EINTR);
    wslay_event_set_error(
        frames, wait ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

/* Returns how many bytes of `in` have left, behind the head. */
static size_t
behind_head(struct websocket *socket, size_t sent)
{
    size_t of_head = sent < socket->head_size ? sent : socket->head_size;
    socket->head_size -= of_head;
    memmove(socket->head, socket->head + of_head, socket->head_size);
    return sent - of_head;
}

/* The head of a frame waits for what it is the head of: both leave by one call. */
static ssize_t
on_write(wslay_event_context_ptr frames, const uint8_t *in, size_t size, int flags,
    void *self)
{
    struct websocket *socket = self;
    if ((flags & WSLAY_MSG_MORE) != 0 && size <= FRAME_HEAD_MAX - socket->head_size) {
        memcpy(socket->head + socket->head_size, in, size);
        socket->head_size += size;
        return (ssize_t)size;
    }
    struct iovec parts[] = { { socket->head, socket->head_size },
        { (void *)(uintptr_t)in, size } };
    struct msghdr both = { .msg_iov = parts, .msg_iovlen = COUNT(parts) };
    ssize_t sent = socket->line == NULL ? sendmsg(socket->fd, &both, MSG_NOSIGNAL)
                                        : tls_line_write(socket->line, parts);
    bool wait = sent >= 0 || errno == EAGAIN || errno == EINTR;
    size_t left = sent < 0 ? 0 : behind_head(socket, (size_t)sent);
    if (left > 0)
        return (ssize_t)left;
    wslay_event_set_error(
        frames, wait ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static size_t
message_max(const struct websockets *set)
{
    return (size_t)set->gateway->child.config.payload_max * 2 + MARGIN;
}

/* Its head says that the message will be too large.  What follows is read past our
 * close, or a peer that still writes would never see why. */
static void
on_frame(wslay_event_context_ptr frames,
    const struct wslay_event_on_frame_recv_start_arg *frame, void *self)
{
    struct websocket *socket = self;
    size_t most = message_max(socket->set);
    char reason[REASON_MAX];
    (void)frames;
    socket->aside = wslay_is_ctrl_frame(frame->opcode);
    if (socket->aside || frame->payload_length + socket->coming <= most)
        return;
    snprintf(reason, sizeof reason, "a message has at most %zu bytes", most);
    websocket_close(socket, WEBSOCKET_TOO_BIG, text(reason));
}

/* It does not read: what waits for it is much, or in very many pieces. */
static bool
behind(const struct websocket *socket)
{
    return socket->unsent > 2 * message_max(socket->set)
           || wslay_event_get_queued_msg_count(socket->frames) > WAITING_MAX;
}

/* A message that there is no room for cannot be passed over: the connection ends. */
static void
on_piece(wslay_event_context_ptr frames,
    const struct wslay_event_on_frame_recv_chunk_arg *piece, void *self)
{
    struct websocket *socket = self;
    struct holding *holding = &socket->set->gateway->holding;
    bool passed_over = socket->state != WEBSOCKET_OPEN;
    socket->heard_count += passed_over;
    if (socket->aside || passed_over
        || holding_grow(holding, &socket->coming, piece->data_length))
        return;
    websocket_close(
        socket, WEBSOCKET_TRY_LATER, text("there is no room for so much now"));
    wslay_event_shutdown_read(frames);
}

static void
on_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *m,
    void *self)
{
    struct websocket *socket = self;
    socket->heard_ms = socket->set->gateway->now_ms;
    socket->heard_count++;
    bool aside = wslay_is_ctrl_frame(m->opcode);
    /* Pings are answered of themselves, as many as come. */
    if (aside && behind(socket)) {
        websocket_close(socket, WEBSOCKET_TRY_LATER, text(NOT_READING));
        wslay_event_shutdown_read(frames);
    }
    if (aside)
        return;
    holding_drop(&socket->set->gateway->holding, &socket->coming);
    if (socket->state != WEBSOCKET_OPEN)
        return;
    socket->talk->heard(
        socket, bytes_of(m->msg, m->msg_length), m->opcode == WSLAY_BINARY_FRAME);
}

/* Let what was queued leave at the end of the turn. */
static void
soil(struct websocket *socket)
{
    list_remove(&socket->dirty);
    list_append(&socket->set->dirty, &socket->dirty);
}

void
websocket_ping(struct websocket *socket)
{
    struct wslay_event_msg ping = { .opcode = WSLAY_PING };
    if (socket->state == WEBSOCKET_OPEN
        && wslay_event_queue_msg(socket->frames, &ping) == 0)
        soil(socket);
}

uint64_t
websocket_heard_ms(const struct websocket *socket)
{
    return socket->heard_ms;
}

static void
ring(struct alarm *alarm)
{
    struct websocket *socket = of_alarm(alarm);
    struct websockets *set = socket->set;
    uint64_t now_ms = set->gateway->now_ms;
    if (socket->dropped) {
        end(socket);
        return;
    }
    if (socket->held
        || (socket->talk->patient && wslay_event_want_write(socket->frames)))
        socket->heard_ms = now_ms;
    if (socket->state == WEBSOCKET_CLOSING || now_ms >= socket->heard_ms + SILENCE_MS) {
        end(socket);
        return;
    }
    if (now_ms >= socket->heard_ms + PING_MS)
        websocket_ping(socket);
    alarm_set_loose(
        &set->gateway->alarms, &socket->alarm, now_ms + PING_MS, TOGETHER_MS);
}

/* Of all of them, the one that most waits for; this one if no more waits for others.
 * Whose frames are being read needs them. */
static struct websocket *
most_owed(struct websocket *most)
{
    const struct websockets *set = most->set;
    for (struct list *at = set->all.next; at != &set->all; at = at->next) {
        struct websocket *socket = LIST_OF(at, struct websocket, link);
        if (socket->unsent > most->unsent && socket != set->reading)
            most = socket;
    }
    return most;
}

/* Make room for what somebody shall hear: whoever has left most unread makes place, and
 * at once, as it would not read a farewell.  False: that is who shall hear it. */
static bool
make_room(struct websocket *socket, size_t size)
{
    struct websockets *set = socket->set;
    while (!holding_grow(&set->unsent, &socket->unsent, size)) {
        struct websocket *most = most_owed(socket);
        if (most == socket || most->unsent <= HOLDING_FREE)
            return false;
        most->state = WEBSOCKET_CLOSING;
        most->dropped = true;
        wslay_event_context_free(most->frames);
        most->frames = NULL;
        holding_drop(&set->unsent, &most->unsent);
        soil(most);
    }
    return true;
}

bool
websocket_send(struct websocket *socket, struct bytes message, bool binary)
{
    struct wslay_event_msg m = {
        .opcode = binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME,
        .msg = message.data,
        .msg_length = message.size,
    };
    if (socket->state != WEBSOCKET_OPEN)
        return false;
    if (behind(socket) || !make_room(socket, message.size)) {
        websocket_close(socket, WEBSOCKET_TRY_LATER, text(NOT_READING));
        return false;
    }
    if (wslay_event_queue_msg(socket->frames, &m) != 0)
        return false;
    soil(socket);
    return true;
}

void
websocket_hold(struct websocket *socket, bool held)
{
    if (socket->state != WEBSOCKET_OPEN || socket->held == held)
        return;
    socket->held = held;
    watch_events(socket);
}

size_t
websocket_unsent(const struct websocket *socket)
{
    return socket->state == WEBSOCKET_PENDING || socket->dropped
               ? 0
               : wslay_event_get_queued_msg_length(socket->frames);
}

bool
websocket_parted(const struct websocket *socket)
{
    return socket->parted;
}

void
websocket_close(struct websocket *socket, enum websocket_code code, struct bytes reason)
{
    struct gateway *g = socket->set->gateway;
    if (socket->state != WEBSOCKET_OPEN)
        return;
    socket->state = WEBSOCKET_CLOSING;
    socket->held = false;
    socket->close_due = true;
    wslay_event_config_set_no_buffering(socket->frames, 1); /* nobody hears it */
    socket->close_code = (uint16_t)code;
    socket->close_reason_size = reason.size < REASON_MAX ? reason.size : REASON_MAX;
    memcpy(socket->close_reason, reason.data, socket->close_reason_size);
    soil(socket);
    alarm_set(&g->alarms, &socket->alarm, g->now_ms + CLOSE_MS);
}

static void
judge(struct websocket *socket)
{
    if (!key_may(socket->key, socket->scope))
        websocket_close(
            socket, WEBSOCKET_POLICY, text("the key may not do this any more"));
}

void
websocket_open(struct websocket *socket, int fd, struct tls_line *line, void *handle,
    struct bytes early)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_read,
        .send_callback = on_write,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_piece,
        .on_msg_recv_callback = on_message,
    };
    struct websockets *set = socket->set;
    struct gateway *g = set->gateway;
    int one = 1, zero = 0;
    socket->fd = fd;
    socket->handle = handle;
    socket->state = WEBSOCKET_OPEN;
    socket->heard_ms = g->now_ms;
    gauge(COUNTER_websockets, ++set->count);
    /* The server has held small writes back until here; we want them out at once. */
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &zero, sizeof zero);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (wslay_event_context_server_init(&socket->frames, &callbacks, socket) != 0)
        WRONG("out of memory");
    /* on_frame looks at it: here it would be closed without a reason. */
    wslay_event_config_set_max_recv_msg_length(socket->frames, UINT64_MAX);
    buffer_append_bytes(&socket->early, early);
    socket->line = line;
    if (line != NULL)
        tls_line_take(line);
    list_append(&set->all, &socket->link);
    watch_events(socket);
    alarm_set_loose(&g->alarms, &socket->alarm, g->now_ms + PING_MS, TOGETHER_MS);
    if (g->draining) {
        websocket_close(socket, WEBSOCKET_GOING_AWAY, text("the engine is going down"));
        return;
    }
    judge(socket);
    if (socket->talk->opened != NULL)
        socket->talk->opened(socket);
    if (early.size > 0 || line != NULL)
        read_in(socket);
}

void
websocket_abandon(struct websocket *socket)
{
    end(socket);
}

void *
websocket_own(const struct websocket *socket)
{
    return socket->own;
}

void
websocket_disown(struct websocket *socket)
{
    socket->own = NULL;
}

const struct key *
websocket_key(const struct websocket *socket)
{
    return socket->key;
}

void
websocket_digest(struct bytes key, char out[WEBSOCKET_ACCEPT_SIZE])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx hash;
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct buffer encoded = { 0 };
    sha1_init(&hash);
    sha1_update(&hash, key.size, key.data);
    sha1_update(&hash, sizeof magic - 1, (const uint8_t *)magic);
    sha1_digest(&hash, sizeof digest, digest);
    base64_write(&encoded, bytes_of(digest, sizeof digest));
    memcpy(out, encoded.data, WEBSOCKET_ACCEPT_SIZE - 1);
    out[WEBSOCKET_ACCEPT_SIZE - 1] = '\0';
    buffer_free(&encoded);
}

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Does one of the words between commas say so? */
static bool
has_word(struct bytes header, const char *word)
{
    size_t size = strlen(word), at = 0;
    while (at < header.size) {
        size_t begin = at, stop;
        while (at < header.size && header.data[at] != ',')
            at++;
        for (stop = at; begin < stop && blank(header.data[begin]); begin++)
            ;
        for (; stop > begin && blank(header.data[stop - 1]); stop--)
            ;
        if (stop - begin == size
            && strncasecmp((const char *)header.data + begin, word, size) == 0)
            return true;
        at++;
    }
    return false;
}

/* Browsers say which site a page is from: it must be the one that they speak to. */
static bool
same_site(const struct request *r)
{
    struct bytes site = request_site(r);
    return r->headers[HEADER_ORIGIN].size == 0
           || (site.size > 0 && bytes_equal(site, r->headers[HEADER_HOST]));
}

static struct websocket *
websocket_new(struct request *r, const struct websocket_talk *talk, void *own)
{
    struct websocket *socket = calloc(1, sizeof *socket);
    if (socket == NULL)
        WRONG("out of memory");
    socket->set = r->gateway->websockets;
    socket->server = server_of(r);
    socket->talk = talk;
    socket->own = own;
    socket->key = r->key;
    socket->scope = r->route->scope;
    socket->fd = -1;
    socket->alarm.ring = ring;
    list_open(&socket->link);
    list_open(&socket->dirty);
    list_open(&socket->ready);
    return socket;
}

struct websocket *
websocket_accept(struct request *r, const struct websocket_talk *talk, void *own)
{
    enum { KEY_SIZE = 24 };
    /* {"Sec-WebSocket-Version": "13"} as msgpack. */
    static const char version[] = "\x81\xb5Sec-WebSocket-Version\xa2"
                                  "13";
    if (strcmp(r->method, "GET") != 0
        || !has_word(r->headers[HEADER_UPGRADE], "websocket")
        || !has_word(r->headers[HEADER_CONNECTION], "upgrade")
        || r->headers[HEADER_WEBSOCKET_KEY].size != KEY_SIZE
        || !bytes_equal(r->headers[HEADER_WEBSOCKET_VERSION], text("13"))) {
        r->answer.headers = text(version);
        request_refuse(r, ERR_MALFORMED, "this path speaks WebSocket, version 13");
        return NULL;
    }
    if (!same_site(r)) {
        request_refuse(r, ERR_FORBIDDEN, "the page is of another site");
        return NULL;
    }
    struct websocket *socket = websocket_new(r, talk, own);
    request_switch(r, socket);
    return socket;
}

struct websockets *
websockets_new(struct gateway *gateway)
{
    struct websockets *set = calloc(1, sizeof *set);
    if (set == NULL)
        WRONG("out of memory");
    set->gateway = gateway;
    set->unsent.bytes_max =
        gateway->child.config.bodies_bytes_max + 2 * message_max(set);
    list_open(&set->all);
    list_open(&set->dirty);
    list_open(&set->ready);
    return set;
}

void
websockets_free(struct websockets **out)
{
    struct websockets *set = *out;
    struct list *at;
    if (set == NULL)
        return;
    while ((at = list_first(&set->all)) != NULL)
        end(LIST_OF(at, struct websocket, link));
    free(set);
    *out = NULL;
}

void
websockets_wake(void *woken, uint32_t events)
{
    struct websocket *socket = woken;
    socket->came = events;
    list_remove(&socket->ready);
    list_append(&socket->set->ready, &socket->ready);
}

static void
serve(struct websocket *socket)
{
    /* What is broken is read to its end, held or not. */
    if ((socket->came & (EPOLLHUP | EPOLLERR)) != 0)
        socket->held = false;
    if ((socket->came & EPOLLOUT) != 0 && !write_out(socket))
        return;
    if ((socket->came & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_in(socket);
}

/* Level-triggered: who is not heard now wakes us again. */
void
websockets_run(struct websockets *set)
{
    struct list *at;
    while ((at = list_first(&set->ready)) != NULL) {
        list_remove(at);
        serve(LIST_OF(at, struct websocket, ready));
    }
}

void
websockets_flush(struct websockets *set)
{
    struct list *at;
    while ((at = list_first(&set->dirty)) != NULL)
        (void)write_out(LIST_OF(at, struct websocket, dirty));
}

void
websockets_judge(struct websockets *set)
{
    for (struct list *at = set->all.next; at != &set->all; at = at->next)
        judge(LIST_OF(at, struct websocket, link));
}

void
websockets_leave(struct websockets *set)
{
    struct list *next;
    for (struct list *at = set->all.next; at != &set->all; at = next) {
        struct websocket *socket = LIST_OF(at, struct websocket, link);
        next = at->next;
        if (socket->talk->leaving == NULL || !socket->talk->leaving(socket))
            websocket_close(
                socket, WEBSOCKET_GOING_AWAY, text("the engine is going down"));
    }
}
