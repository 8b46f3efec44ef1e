#include "gateway/exchange.h"

#include "base/counters.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/dialect.h"
#include "gateway/door.h"
#include "gateway/websocket.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum { SPARE_MAX = 64, BODY_KEPT_MAX = 65536, STREAM_BLOCK = 4096, UPLOAD_MORE = 4 };
enum { HEADER_NAME_MAX = 255, HEADER_VALUE_MAX = 8191 };
enum { ATTEND_MS = 20 }; /* for which one that waits is not set aside */

#define CROWDED "there is no room for a body of this size now: try again later"

#define HEADER(name)                                                                   \
    {                                                                                  \
        name, sizeof name - 1                                                          \
    }

static const struct {
    const char *name;
    size_t size;
} header_names[HEADER_COUNT] = {
    [HEADER_ACCEPT] = HEADER("Accept"),
    [HEADER_AUTHORIZATION] = HEADER("Authorization"),
    [HEADER_CAPSTAN_PROJECT] = HEADER("Capstan-Project"),
    [HEADER_CONNECTION] = HEADER("Connection"),
    [HEADER_CONTENT_LENGTH] = HEADER("Content-Length"),
    [HEADER_CONTENT_TYPE] = HEADER("Content-Type"),
    [HEADER_HOST] = HEADER("Host"),
    [HEADER_IDEMPOTENCY_KEY] = HEADER("Idempotency-Key"),
    [HEADER_IF_NONE_MATCH] = HEADER("If-None-Match"),
    [HEADER_LAST_EVENT_ID] = HEADER("Last-Event-ID"),
    [HEADER_ORIGIN] = HEADER("Origin"),
    [HEADER_TRACEPARENT] = HEADER("traceparent"),
    [HEADER_TRANSFER_ENCODING] = HEADER("Transfer-Encoding"),
    [HEADER_UPGRADE] = HEADER("Upgrade"),
    [HEADER_WEBSOCKET_KEY] = HEADER("Sec-WebSocket-Key"),
    [HEADER_WEBSOCKET_VERSION] = HEADER("Sec-WebSocket-Version"),
};

static void
set_alarm(struct exchange *x, unsigned ms)
{
    struct gateway *g = x->server->gateway;
    x->connection->sending = false;
    alarm_set(&g->alarms, &x->connection->alarm, g->now_ms + ms);
}

static void
await_reader(struct exchange *x)
{
    set_alarm(x, SEND_MS);
    x->connection->sending = true;
}

static void
clear_alarm(struct exchange *x)
{
    alarm_clear(&x->server->gateway->alarms, &x->connection->alarm);
}

/* MHD may have more to do for it at once, unless it turns out to wait. */
static void
stir(struct exchange *x)
{
    x->server->stirred += x->stirred_in != x->server->runs;
    x->stirred_in = x->server->runs;
}

static void
calm(struct exchange *x)
{
    x->server->stirred -= x->stirred_in == x->server->runs;
    x->stirred_in = 0;
}

/* Beside those that wait there may be a connection that has not been read to its end,
 * and MHD cannot tell us so. */
static void
look_again(struct alarm *alarm)
{
    struct server *server = LIST_OF(alarm, struct server, patience);
    /* The last of them may have gone. */
    server->kick = server->kick || server->attended > 0 || server->attended_max == 0;
    if (server->attended > 0)
        alarm_set(&server->gateway->alarms, alarm, server->gateway->now_ms + ATTEND_MS);
}

void
exchanges_look_again(struct server *server)
{
    if (server->patience.place != 0)
        return;
    server->patience.ring = look_again;
    alarm_set(&server->gateway->alarms, &server->patience,
        server->gateway->now_ms + ATTEND_MS);
}

static void
attend(struct exchange *x)
{
    struct server *server = x->server;
    x->attended = true;
    x->attend_until_ms = server->gateway->now_ms + ATTEND_MS;
    if (server->attended++ == 0)
        exchanges_look_again(server);
    calm(x);
}

static void
dismiss(struct exchange *x)
{
    x->server->attended -= x->attended;
    x->attended = false;
}

static void
suspend(struct exchange *x)
{
    dismiss(x);
    calm(x);
    MHD_suspend_connection(x->mhd);
    x->suspended = true;
}

/* To set a connection aside and take it up again costs three system calls, to be asked
 * for the answer in each run of MHD next to nothing: only who waits for long, or in a
 * crowd, is set aside. */
static void
wait_for_answer(struct exchange *x)
{
    if (!x->attended && x->server->attended < x->server->attended_max)
        attend(x);
    else if (!x->attended || x->attend_until_ms <= x->server->gateway->now_ms)
        suspend(x);
}

static struct exchange *
take_spare(struct server *server)
{
    struct list *at = list_first(&server->spare);
    if (at == NULL) {
        struct exchange *x = calloc(1, sizeof *x);
        if (x == NULL)
            WRONG("out of memory");
        return x;
    }
    list_remove(at);
    server->spare_count--;
    struct exchange *x = LIST_OF(at, struct exchange, link);
    struct arena arena = x->request.arena;
    struct buffer body = x->request.body;
    *x = (struct exchange){ .request = { .arena = arena, .body = body } };
    return x;
}

struct exchange *
exchange_new(
    struct connection *connection, struct MHD_Connection *mhd, struct bytes raw_target)
{
    struct server *server = connection->server;
    struct exchange *x = take_spare(server);
    x->server = server;
    x->connection = connection;
    x->mhd = mhd;
    x->request.gateway = server->gateway;
    x->request.local = connection->local;
    x->request.dialects = server->place.dialects;
    x->request.router = &server->router;
    x->raw_target = arena_copy(&x->request.arena, raw_target);
    list_append(&server->exchanges, &x->link);
    stir(x);
    server->busy++;
    return x;
}

static void
close_stream(struct exchange *x)
{
    struct request *r = &x->request;
    struct stream *stream = r->stream;
    if (stream == NULL)
        return;
    r->stream = NULL;
    gauge(COUNTER_streams, --r->gateway->stream_count);
    stream->closed(r);
    buffer_free(&stream->out);
}

void
exchange_free(struct exchange **out)
{
    struct exchange *x = *out;
    struct server *server = x->server;
    assert(!x->suspended);
    dismiss(x);
    close_stream(x);
    if (x->request.left != NULL)
        x->request.left(&x->request);
    if (x->request.websocket != NULL && !x->switched)
        websocket_abandon(x->request.websocket);
    if (x->connection != NULL)
        set_alarm(x, HEAD_MS);
    list_remove(&x->link);
    server->busy -= !x->switched;
    arena_reset(&x->request.arena);
    holding_drop(&server->gateway->holding, &x->held);
    buffer_clear(&x->request.body);
    if (x->request.body.capacity > BODY_KEPT_MAX)
        buffer_free(&x->request.body);
    list_append(&server->spare, &x->link);
    if (++server->spare_count > SPARE_MAX) {
        server->spare_count--;
        list_remove(&x->link);
        arena_free(&x->request.arena);
        buffer_free(&x->request.body);
        free(x);
    }
    *out = NULL;
}

/* Who was asked for the answer will give it, and to this request. */
void
exchange_end(struct exchange **out)
{
    struct exchange *x = *out;
    stir(x);
    if (!x->attended || x->request.answer.ready) {
        exchange_free(out);
        return;
    }
    dismiss(x);
    x->connection = NULL;
    x->mhd = NULL;
    *out = NULL;
    if (x->request.alone != NULL)
        x->request.alone(&x->request);
}

void
exchanges_free(struct server *server)
{
    struct list *at;
    while ((at = list_first(&server->spare)) != NULL) {
        struct exchange *x = LIST_OF(at, struct exchange, link);
        list_remove(at);
        arena_free(&x->request.arena);
        buffer_free(&x->request.body);
        free(x);
    }
}

/* No controls: what one reader takes for the end of a value, another may not. */
static bool
plain(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

/* Letters, digits and what RFC 9110 allows beside them; no space before the colon. */
static bool
token(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i])
            && memchr("!#$%&'*+-.^_`|~", name[i], 15) == NULL)
            return false;
    return size > 0;
}

static bool
listed(const char *const *names, size_t count, struct bytes name)
{
    for (size_t i = 0; i < count; i++)
        if (name.size == strlen(names[i])
            && strncasecmp((const char *)name.data, names[i], name.size) == 0)
            return true;
    return false;
}

/* Who asks for somebody else, that may be anywhere, says so by one of these. */
static const char *const forwarding[] = { "Forwarded", "Via", "X-Forwarded-For",
    "X-Real-IP" };

struct head_check {
    struct exchange *x;
    size_t header_count;
    size_t size; /* bytes of the head, were it written as most people do */
};

static enum MHD_Result
take_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_size,
    const char *value, size_t value_size)
{
    struct head_check *check = self;
    struct exchange *x = check->x;
    (void)kind;
    check->header_count++;
    check->size += name_size + value_size + sizeof ": \r\n" - 1;
    if (!token(name, name_size) || !plain(value, value_size))
        x->wrong = "a header has a character that it must not have";
    if (listed(forwarding, COUNT(forwarding), bytes_of(name, name_size)))
        x->request.local = false;
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        if (name_size != header_names[i].size
            || strcasecmp(name, header_names[i].name) != 0)
            continue;
        if (x->request.headers[i].data != NULL)
            x->wrong = "a header is there twice";
        /* The request may live longer than the connection. */
        x->request.headers[i] = arena_copy(
            &x->request.arena, bytes_of(value != NULL ? value : "", value_size));
    }
    return MHD_YES;
}

static bool
digits(struct bytes in)
{
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] < '0' || in.data[i] > '9')
            return false;
    return in.size > 0 && in.size < 19;
}

/* A body whose end two readers could see in two places is refused. */
static void
check_framing(struct exchange *x, const char *version)
{
    struct bytes length = x->request.headers[HEADER_CONTENT_LENGTH];
    struct bytes coding = x->request.headers[HEADER_TRANSFER_ENCODING];
    bool old = strcmp(version, "HTTP/1.0") == 0;
    if (!old && strcmp(version, "HTTP/1.1") != 0)
        x->wrong = "this server speaks HTTP/1.1";
    if (length.data != NULL && coding.data != NULL)
        x->wrong = "Content-Length and Transfer-Encoding exclude each other";
    if (length.data != NULL && !digits(length))
        x->wrong = "Content-Length is not a number";
    if (coding.data != NULL
        && (old || coding.size != 7
            || strncasecmp((const char *)coding.data, "chunked", 7) != 0))
        x->wrong = "Transfer-Encoding must be chunked";
}

static bool
bodied(const struct exchange *x)
{
    struct bytes length = x->request.headers[HEADER_CONTENT_LENGTH];
    return x->request.headers[HEADER_TRANSFER_ENCODING].data != NULL
           || (length.data != NULL && !bytes_equal(length, text("0")));
}

/* MHD ends a line at its first NUL, and joins folded ones: the bytes that it does not
 * show us are found by counting.  Where a body follows, none may be missing; elsewhere
 * the space after a colon may. */
static void
check_size(struct exchange *x, const struct head_check *check)
{
    size_t size =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
            ->header_size;
    size_t missing = bodied(x) ? 0 : check->header_count;
    if (size > check->size || size + missing < check->size)
        x->wrong = "the head is not written as Name: value lines";
}

/* A body that says how large it is need not be sent in vain. */
static void
refuse_crowd(struct exchange *x)
{
    struct bytes length = x->request.headers[HEADER_CONTENT_LENGTH];
    uint64_t size = 0;
    if (x->request.answer.ready || !target_number(length, &size)
        || holding_fits(&x->server->gateway->holding, 0, size))
        return;
    x->request.answer.close = true;
    request_refuse(&x->request, ERR_OVERLOADED, CROWDED);
}

static void
enter(struct exchange *x, const char *method, const char *version)
{
    struct head_check check = {
        .x = x,
        .size = strlen(method) + x->raw_target.size + strlen(version) + 2 + 4,
    };
    count(COUNTER_requests, 1);
    set_alarm(x, BODY_MS);
    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, take_header, &check);
    check_framing(x, version);
    check_size(x, &check);
    x->bodied = x->wrong != NULL || bodied(x);
    if (x->wrong == NULL) {
        door_enter(&x->request, method, x->raw_target);
        refuse_crowd(x);
        return;
    }
    x->request.answer.close = true;
    request_refuse(&x->request, ERR_MALFORMED, "%s", x->wrong);
}

static ssize_t
read_stream(void *self, uint64_t position, char *out, size_t room)
{
    struct exchange *x = self;
    struct stream *stream = x->request.stream;
    (void)position;
    stir(x);
    if (stream_drained(stream) && !stream->ended) {
        buffer_clear(&stream->out);
        stream->at = 0;
        clear_alarm(x);
        stream->drained(&x->request);
    }
    size_t left = stream->out.size - stream->at, size = left < room ? left : room;
    if (size > 0) {
        memcpy(out, stream->out.data + stream->at, size);
        stream->at += size;
        return (ssize_t)size;
    }
    if (stream->ended)
        return stream->broken ? MHD_CONTENT_READER_END_WITH_ERROR
                              : MHD_CONTENT_READER_END_OF_STREAM;
    suspend(x);
    return 0;
}

static void
drop_body(struct exchange *x)
{
    holding_drop(&x->request.gateway->holding, &x->held);
    buffer_free(&x->request.body);
}

/* The head has left.  It may be a long time until the request ends: it keeps little. */
static void
on_switch(void *self, struct MHD_Connection *mhd, void *own, const char *early,
    size_t early_size, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    struct exchange *x = self;
    (void)mhd;
    (void)own;
    x->switched = true;
    x->server->busy--;
    clear_alarm(x);
    arena_free(&x->request.arena);
    drop_body(x);
    /* Under TLS `fd` is one end of a pair, and nothing comes through it. */
    (void)fd;
    websocket_open(x->request.websocket, x->connection->fd, x->connection->line, handle,
        bytes_of(early, early_size));
}

static struct MHD_Response *
response_of(struct exchange *x)
{
    const struct answer *answer = &x->request.answer;
    if (x->request.websocket != NULL)
        return MHD_create_response_for_upgrade(on_switch, x);
    if (x->request.stream == NULL)
        /* MHD reads it only, but says void *. */
        return MHD_create_response_from_buffer(answer->body.size,
            (void *)(uintptr_t)answer->body.data, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, x, NULL);
}

static void
add_allowed(struct MHD_Response *response, unsigned allowed)
{
    char list[32] = "";
    for (unsigned i = 0; i < METHOD_COUNT; i++)
        if (allowed & 1u << i)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                list[0] != '\0' ? ", " : "", method_name((enum method)i));
    MHD_add_response_header(response, "Allow", list);
}

/* "*" does not mean Authorization. */
static const char *const cross_origin[][2] = { { "Access-Control-Allow-Origin", "*" },
    { "Access-Control-Allow-Methods", "*" },
    { "Access-Control-Allow-Headers", "*, Authorization" },
    { "Access-Control-Expose-Headers", "*" } };

/* What says how the answer is framed is ours to say. */
static bool
frames(struct bytes name)
{
    static const char *const names[] = { "connection", "content-length", "date",
        "keep-alive", "trailer", "transfer-encoding", "upgrade" };
    return listed(names, COUNT(names), name);
}

/* The dialect's own; what MHD does not take for a header is left out. */
static void
add_own_headers(struct MHD_Response *response, struct bytes headers)
{
    struct cursor c = cursor_over(headers);
    size_t count = headers.size == 0 ? 0 : cursor_map(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        char name[HEADER_NAME_MAX + 1], value[HEADER_VALUE_MAX + 1];
        struct bytes said[2] = { cursor_text(&c), cursor_text(&c) };
        if (said[0].size > HEADER_NAME_MAX || said[1].size > HEADER_VALUE_MAX
            || !token((const char *)said[0].data, said[0].size) || frames(said[0])
            || !plain((const char *)said[1].data, said[1].size))
            continue;
        snprintf(
            name, sizeof name, "%.*s", (int)said[0].size, (const char *)said[0].data);
        snprintf(
            value, sizeof value, "%.*s", (int)said[1].size, (const char *)said[1].data);
        (void)MHD_add_response_header(response, name, value);
    }
}

/* Failing to add one means that there is no memory: the client does without. */
static void
add_headers(struct MHD_Response *response, const struct answer *answer)
{
    add_own_headers(response, answer->headers);
    add_own_headers(response, answer->more);
    if (MHD_get_response_header(response, "Content-Type") == NULL
        && answer->type != NULL)
        MHD_add_response_header(response, "Content-Type", answer->type);
    if (MHD_get_response_header(response, "Cache-Control") == NULL)
        MHD_add_response_header(response, "Cache-Control", "no-store");
    if (answer->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (answer->status == 429 || answer->status == 503)
        MHD_add_response_header(response, "Retry-After", "1");
    if (answer->allowed != 0)
        add_allowed(response, answer->allowed);
    if (answer->cross_origin)
        for (size_t i = 0; i < COUNT(cross_origin); i++)
            MHD_add_response_header(response, cross_origin[i][0], cross_origin[i][1]);
    if (answer->close)
        MHD_add_response_header(response, "Connection", "close");
}

static void
add_switch_headers(struct MHD_Response *response, const struct exchange *x)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_digest(x->request.headers[HEADER_WEBSOCKET_KEY], accept);
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
}

static enum MHD_Result
send_answer(struct exchange *x)
{
    struct answer *answer = &x->request.answer;
    struct MHD_Response *response = response_of(x);
    dismiss(x);
    stir(x);
    if (response == NULL)
        WRONG("out of memory");
    count(COUNTER_requests_refused, answer->status >= 400);
    answer->close |= x->request.gateway->draining;
    const struct dialect *dialect = x->request.dialect;
    answer->cross_origin = dialect != NULL && dialect->cross_origin;
    if (dialect != NULL && dialect->headers != NULL)
        answer->more = dialect->headers(&x->request);
    if (x->request.websocket != NULL)
        add_switch_headers(response, x);
    else
        add_headers(response, answer);
    enum MHD_Result result = MHD_queue_response(x->mhd, answer->status, response);
    MHD_destroy_response(response);
    await_reader(x);
    x->phase = EXCHANGE_SENT;
    return result;
}

/* A little too much is read and refused; much too much ends the connection. */
static enum MHD_Result
take_body(struct exchange *x, const char *upload, size_t *upload_size)
{
    struct request *r = &x->request;
    r->body_size += *upload_size;
    if (r->body_size > r->body_max * UPLOAD_MORE)
        return MHD_NO;
    if (x->crowded || r->body_size > r->body_max) {
        drop_body(x);
    } else if (holding_grow(&r->gateway->holding, &x->held, *upload_size)) {
        buffer_append(&r->body, upload, *upload_size);
    } else {
        x->crowded = true;
        drop_body(x);
    }
    *upload_size = 0;
    return MHD_YES;
}

static void
serve(struct exchange *x)
{
    if (x->crowded && x->request.body_size <= x->request.body_max)
        request_refuse(&x->request, ERR_OVERLOADED, CROWDED);
    else
        door_serve(&x->request);
}

enum MHD_Result
exchange_go_on(struct exchange *x, const char *method, const char *version,
    const char *upload, size_t *upload_size)
{
    if (x->phase < EXCHANGE_WAIT)
        stir(x);
    if (x->phase == EXCHANGE_HEAD) {
        enter(x, method, version);
        x->phase = EXCHANGE_BODY;
        /* Answering before the body ends the connection, as it must. */
        return x->request.answer.ready && x->bodied ? send_answer(x) : MHD_YES;
    }
    if (x->phase == EXCHANGE_BODY) {
        if (*upload_size > 0)
            return take_body(x, upload, upload_size);
        clear_alarm(x);
        x->phase = EXCHANGE_WAIT;
        if (!x->request.answer.ready)
            serve(x);
    }
    assert(x->phase == EXCHANGE_WAIT);
    if (x->request.answer.ready)
        return send_answer(x);
    wait_for_answer(x);
    return MHD_YES;
}

struct server *
server_of(const struct request *r)
{
    return ((const struct exchange *)r)->server;
}

void
server_wake(struct request *r)
{
    struct exchange *x = (struct exchange *)r;
    if (x->mhd == NULL) {
        list_remove(&x->link);
        list_append(&x->server->answered, &x->link);
    } else if (r->stream != NULL && !stream_drained(r->stream) && r->stream->at == 0)
        await_reader(x);
    if (!x->suspended && !x->attended)
        return;
    if (x->suspended)
        MHD_resume_connection(x->mhd);
    x->suspended = false;
    x->server->kick = true;
}

bool
server_alone(const struct request *r)
{
    return ((const struct exchange *)r)->mhd == NULL;
}

bool
server_connected(const struct request *r)
{
    const struct exchange *x = (const struct exchange *)r;
    char next;
    if (x->connection == NULL)
        return false;
    /* Who leaves says so under TLS, and that is never read. */
    if (x->server->place.tls != NULL) {
        struct pollfd line = { .fd = x->connection->fd, .events = POLLRDHUP };
        return poll(&line, 1, 0) <= 0;
    }
    ssize_t size = recv(x->connection->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

struct header_list {
    struct buffer out;
    const char *names[HEADERS_MAX];
    size_t count;
};

static enum MHD_Result
list_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_size,
    const char *value, size_t value_size)
{
    struct header_list *list = self;
    struct bytes shown = bytes_of(value != NULL ? value : "", value_size);
    char lower[256];
    (void)kind;
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->names[i], name) == 0)
            return MHD_YES;
    if (list->count == HEADERS_MAX || name_size >= sizeof lower || !utf8_valid(shown))
        return MHD_YES;
    for (size_t i = 0; i < name_size; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    list->names[list->count++] = name;
    pack_text(&list->out, bytes_of(lower, name_size));
    pack_text(&list->out, shown);
    return MHD_YES;
}

struct bytes
request_headers(struct request *r)
{
    struct exchange *x = (struct exchange *)r;
    struct header_list list = { .count = 0 };
    struct buffer map = { 0 };
    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, list_header, &list);
    pack_map(&map, list.count);
    buffer_append_bytes(&map, buffer_bytes(&list.out));
    struct bytes headers = arena_copy(&r->arena, buffer_bytes(&map));
    buffer_free(&list.out);
    buffer_free(&map);
    return headers;
}

void
exchange_abandon(struct exchange *x)
{
    if (x->mhd != NULL && !x->suspended && !x->attended)
        return;
    if (!x->request.answer.ready)
        request_refuse(&x->request, ERR_UNAVAILABLE, "the engine is going down");
    if (x->request.stream != NULL)
        x->request.stream->ended = true;
    server_wake(&x->request);
}
