#include "workers/c/line.h"

#include "base/wrong.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

enum {
    BREAKS = ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED,
    DENIALS = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    FAILURES =
        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
    CURVE_TEXT = 41, /* characters of a key in Z85, and NUL */
    /* The system asks by itself whether a silent gateway's system is there. */
    PROBE_AFTER_S = 15,
    PROBE_EVERY_S = 5,
    PROBES_MAX = 3,
};

struct line_message {
    zmq_msg_t zmq;
};

enum err
line_start(struct line *line)
{
    line->message = calloc(1, sizeof *line->message);
    line->context = zmq_ctx_new();
    if (line->message == NULL || line->context == NULL)
        return ERR_UNAVAILABLE;
    zmq_msg_init(&line->message->zmq);
    return ERR_NONE;
}

void
line_end(struct line *line)
{
    if (line->socket != NULL)
        line_shut(line, 0);
    if (line->message != NULL)
        zmq_msg_close(&line->message->zmq);
    free(line->message);
    line->message = NULL;
    while (line->context != NULL && zmq_ctx_term(line->context) != 0 && errno == EINTR)
        ;
    line->context = NULL;
}

static bool
set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool
set_curve(void *socket, const char *server_key)
{
    char public[CURVE_TEXT], secret[CURVE_TEXT];
    return zmq_curve_keypair(public, secret) == 0
           && zmq_setsockopt(
                  socket, ZMQ_CURVE_SERVERKEY, server_key, strlen(server_key) + 1)
                  == 0
           && zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, sizeof public) == 0
           && zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, sizeof secret) == 0;
}

static bool
set_plain(void *socket, const char *password)
{
    return zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, "worker", 6) == 0
           && zmq_setsockopt(socket, ZMQ_PLAIN_PASSWORD, password, strlen(password))
                  == 0;
}

static bool
set_all(void *socket, const struct line_options *options)
{
    /* IMMEDIATE: it can be written to when, and only when, somebody is there. */
    return set(socket, ZMQ_LINGER, 0) && set(socket, ZMQ_IMMEDIATE, 1)
           && set(socket, ZMQ_RECONNECT_IVL, -1)
           && set(socket, ZMQ_SNDHWM, LINE_QUEUE_MAX)
           && set(socket, ZMQ_RCVHWM, LINE_QUEUE_MAX)
           && set(socket, ZMQ_TCP_KEEPALIVE, 1)
           && set(socket, ZMQ_TCP_KEEPALIVE_IDLE, PROBE_AFTER_S)
           && set(socket, ZMQ_TCP_KEEPALIVE_INTVL, PROBE_EVERY_S)
           && set(socket, ZMQ_TCP_KEEPALIVE_CNT, PROBES_MAX)
           && set(socket, ZMQ_IPV6, strchr(options->url, '[') != NULL)
           && zmq_setsockopt(
                  socket, ZMQ_MAXMSGSIZE, &(int64_t){ LINE_FRAME_MAX }, sizeof(int64_t))
                  == 0
           && (options->server_key == NULL || set_curve(socket, options->server_key))
           && (options->password == NULL || set_plain(socket, options->password));
}

static bool
watch(struct line *line)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://line-%u", ++line->opened);
    if (zmq_socket_monitor(line->socket, name, BREAKS | DENIALS | FAILURES) != 0)
        return false;
    line->monitor = zmq_socket(line->context, ZMQ_PAIR);
    return line->monitor != NULL && set(line->monitor, ZMQ_LINGER, 0)
           && zmq_connect(line->monitor, name) == 0;
}

enum err
line_open(struct line *line, const struct line_options *options)
{
    line->socket = zmq_socket(line->context, ZMQ_DEALER);
    if (line->socket == NULL)
        return ERR_UNAVAILABLE;
    if (set_all(line->socket, options) && watch(line)
        && zmq_connect(line->socket, options->url) == 0)
        return ERR_NONE;
    enum err e = errno == EINVAL || errno == EPROTONOSUPPORT || errno == ENODEV
                     ? ERR_INVALID
                     : ERR_UNAVAILABLE;
    line_shut(line, 0);
    return e;
}

void
line_shut(struct line *line, int linger_ms)
{
    if (line->monitor != NULL) {
        zmq_socket_monitor(line->socket, NULL, 0);
        zmq_close(line->monitor);
    }
    set(line->socket, ZMQ_LINGER, linger_ms);
    zmq_close(line->socket);
    line->socket = line->monitor = NULL;
}

void
line_wait(struct line *line, int wake_fd, bool write, int timeout_ms,
    struct line_ready *ready)
{
    zmq_pollitem_t items[] = {
        { NULL, wake_fd, ZMQ_POLLIN, 0 },
        { line->socket, -1, (short)(ZMQ_POLLIN | (write ? ZMQ_POLLOUT : 0)), 0 },
        { line->monitor, -1, ZMQ_POLLIN, 0 },
    };
    int count = line->socket == NULL ? 1 : 3;
    *ready = (struct line_ready){ 0 };
    if (zmq_poll(items, count, timeout_ms) < 0) {
        if (errno != EINTR)
            WRONG("zmq_poll");
        return;
    }
    ready->wake = items[0].revents != 0;
    ready->read = items[1].revents & ZMQ_POLLIN;
    ready->write = items[1].revents & ZMQ_POLLOUT;
    ready->news = items[2].revents != 0;
}

enum line_news
line_news(struct line *line)
{
    enum line_news news = LINE_QUIET;
    uint8_t event[6], address[1];
    while (news == LINE_QUIET
           && zmq_recv(line->monitor, event, sizeof event, ZMQ_DONTWAIT) >= 2) {
        uint16_t what;
        memcpy(&what, event, sizeof what);
        zmq_recv(line->monitor, address, sizeof address, ZMQ_DONTWAIT);
        if (what & DENIALS)
            news = LINE_DENIED;
        else if (what & (BREAKS | FAILURES))
            news = LINE_BROKEN;
    }
    return news;
}

bool
line_send(struct line *line, struct bytes frame)
{
    int sent;
    do
        sent = zmq_send(line->socket, frame.data, frame.size, ZMQ_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        WRONG("zmq_send");
    return sent >= 0;
}

/* -1: there is nothing */
static int
receive_part(struct line *line)
{
    int size;
    do
        size = zmq_msg_recv(&line->message->zmq, line->socket, ZMQ_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size;
}

bool
line_receive(struct line *line, struct bytes *frame)
{
    zmq_msg_t *message = &line->message->zmq;
    if (receive_part(line) < 0)
        return false;
    *frame = bytes_of(zmq_msg_data(message), zmq_msg_size(message));
    if (!zmq_msg_more(message))
        return true;
    while (zmq_msg_more(message) && receive_part(line) >= 0)
        ;
    *frame = (struct bytes){ 0 };
    return true;
}
