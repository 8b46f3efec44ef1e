/* websocket - connections that go on in both directions, message by message (RFC 6455):
 * framing by wslay, on the sockets that libmicrohttpd hands over.
 *
 * Bounded: bytes of a message, bytes and messages that wait for a peer that does not
 * read, bytes that wait for all of them, silence of a peer that is gone.  A page of
 * another site is refused: browsers say where it is from.
 */
#ifndef GATEWAY_WEBSOCKET_H
#define GATEWAY_WEBSOCKET_H
#include "gateway/request.h"

struct websockets;

/* What a dialect does with a connection. */
struct websocket_talk {
    /* It may be spoken to.  NULL: it speaks first. */
    void (*opened)(struct websocket *socket);
    /* A whole message, borrowed for the call; it may close the connection. */
    void (*heard)(struct websocket *socket, struct bytes message, bool binary);
    /* It is over, for whatever reason, also one that never opened.  Called once; the
     * connection is gone when it returns. */
    void (*closed)(struct websocket *socket);
    /* All that was said has been taken by the system.  NULL: it does not matter. */
    void (*drained)(struct websocket *socket);
    /* While something waits to be taken the peer lives, however long it is silent. */
    bool patient;
    /* We are about to leave; true: it closes the connection itself, soon.  NULL: no. */
    bool (*leaving)(struct websocket *socket);
};

/* Why a connection is closed, RFC 6455 section 7.4.1. */
enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_UNSUPPORTED = 1003,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_BROKEN = 1011,
    WEBSOCKET_TRY_LATER = 1013,
};

/* Answer `r` by becoming a connection of this talk; what is no upgrade, or comes from a
 * page of another site, is refused, and NULL returned: `closed` is not called then.
 * `own` is the dialect's. */
struct websocket *
websocket_accept(struct request *r, const struct websocket_talk *talk, void *own);

void *websocket_own(const struct websocket *socket);
/* The dialect has nothing to do with it any more: its own is NULL. */
void websocket_disown(struct websocket *socket);
/* Who speaks: from the request. */
const struct key *websocket_key(const struct websocket *socket);
/* When anything was heard, monotonic ms; answers to pings count. */
uint64_t websocket_heard_ms(const struct websocket *socket);
/* Ask whether it lives. */
void websocket_ping(struct websocket *socket);
/* Say something; it leaves at the end of the turn.  False if the peer does not read:
 * the connection is being closed. */
bool websocket_send(struct websocket *socket, struct bytes message, bool binary);
/* Hear no more of it until it is told to go on; a message or two may have come already.
 * A connection that is held does not die of silence. */
void websocket_hold(struct websocket *socket, bool held);
/* Bytes that were said and that the system has not taken. */
size_t websocket_unsent(const struct websocket *socket);
/* Did the peer say that it closes, rather than vanish?  For `closed`. */
bool websocket_parted(const struct websocket *socket);
/* Nothing is heard from now on; `closed` follows when the peer has answered, at the
 * latest a few seconds later. */
void websocket_close(
    struct websocket *socket, enum websocket_code code, struct bytes reason);

struct websockets *websockets_new(struct gateway *gateway);
/* Ends all at once. */
void websockets_free(struct websockets **sockets);
/* What gateway->epoll said of a pointer that is not the loop's own: of one of them. */
void websockets_wake(void *woken, uint32_t events);
/* Hear those, each up to a limit: it wakes us again if there is more. */
void websockets_run(struct websockets *sockets);
/* Let go what was said in this turn. */
void websockets_flush(struct websockets *sockets);
/* Keys may do less than before: close the connections of those that may not open them
 * any more. */
void websockets_judge(struct websockets *sockets);
/* We are about to leave: close all. */
void websockets_leave(struct websockets *sockets);

/* For exchange.c: the request's head has left, the connection `fd` is ours, with bytes
 * that came early; or the request has ended without.  `line` is NULL without TLS; it
 * and `fd` last as long as the handle. */
struct tls_line;
void websocket_open(struct websocket *socket, int fd, struct tls_line *line,
    void *handle, struct bytes early);
void websocket_abandon(struct websocket *socket);
/* "Sec-WebSocket-Accept" for a key. */
enum { WEBSOCKET_ACCEPT_SIZE = 29 };
void websocket_digest(struct bytes key, char out[WEBSOCKET_ACCEPT_SIZE]);
#endif
