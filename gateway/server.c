#include "gateway/server.h"

#include "base/counters.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/door.h"
#include "gateway/exchange.h"
#include "gateway/tls.h"
#include "gateway/tls_line.h"

#include <errno.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, BACKLOG = 1024, ROUNDS_MAX = 16 };
/* So many wait without being set aside, for a while. */
enum { ATTENDED_MAX = 256 };
/* The system asks a silent peer's system by itself, which wakes nobody. */
enum { PROBE_AFTER_S = 15, PROBE_EVERY_S = 5, PROBES_MAX = 3 };

/* Has its system taken enough of what we sent since that was last so?  What it took of
 * earlier answers counts too, and once. */
static bool
takes(struct connection *connection)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0
        || info.tcpi_bytes_acked < connection->taken + SEND_MIN)
        return false;
    connection->taken = info.tcpi_bytes_acked;
    return true;
}

static void
too_slow(struct alarm *alarm)
{
    struct connection *connection = LIST_OF(alarm, struct connection, alarm);
    struct gateway *g = connection->server->gateway;
    if (connection->sending && takes(connection)) {
        alarm_set(&g->alarms, alarm, g->now_ms + SEND_MS);
        return;
    }
    /* MHD sees the end of it and closes; a failure means that it is gone already. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

static bool
is_local(const struct sockaddr *peer)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (peer->sa_family == AF_INET) {
        memcpy(&four, peer, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    if (peer->sa_family != AF_INET6)
        return false;
    memcpy(&six, peer, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

static struct connection *
connection_new(struct server *server, struct MHD_Connection *mhd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        WRONG("out of memory");
    connection->server = server;
    connection->fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->local = is_local(
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    connection->alarm.ring = too_slow;
    if (server->place.tls != NULL)
        connection->line = tls_line_new(
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
                ->tls_session,
            connection->fd, &server->moved);
    return connection;
}

/* Freed memory lies between what is in use: after a crowd it is given back by asking.
 */
static void
trim(struct gateway *g)
{
    enum { CROWD = 512 /* connections */ };
    if (g->connection_count > g->connection_peak)
        g->connection_peak = g->connection_count;
    if (g->connection_peak < CROWD || g->connection_count > g->connection_peak / 4)
        return;
    g->connection_peak = g->connection_count;
    (void)malloc_trim(0);
}

static void
on_connection(void *self, struct MHD_Connection *mhd, void **own,
    enum MHD_ConnectionNotificationCode code)
{
    struct server *server = self;
    struct gateway *g = server->gateway;
    struct connection *connection = *own;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *own = connection = connection_new(server, mhd);
        alarm_set(&g->alarms, &connection->alarm,
            g->now_ms + (connection->line == NULL ? HEAD_MS : GREET_MS));
        g->connection_count++;
    } else {
        alarm_clear(&g->alarms, &connection->alarm);
        tls_line_free(&connection->line);
        free(connection);
        g->connection_count--;
        /* If MHD took no more, it listens again in its next run, and nothing but this
         * leads to one. */
        server->kick = true;
    }
    gauge(COUNTER_connections, g->connection_count);
    trim(g);
}

/* The only place where the target is seen as it was sent. */
static void *
on_target(void *self, const char *target, struct MHD_Connection *mhd)
{
    (void)self;
    return exchange_new(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                            ->socket_context,
        mhd, text(target));
}

static enum MHD_Result
on_request(void *self, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **own)
{
    (void)self;
    (void)mhd;
    (void)url;
    return exchange_go_on(*own, method, version, upload, upload_size);
}

static void
on_end(void *self, struct MHD_Connection *mhd, void **own,
    enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *own;
    (void)self;
    (void)mhd;
    (void)code;
    if (x != NULL)
        exchange_end(&x);
    *own = NULL;
}

__attribute__((format(printf, 2, 0))) static void
on_complaint(void *self, const char *format, va_list args)
{
    char line[300];
    struct server *server = self;
    server->stirred++;
    vsnprintf(line, sizeof line, format, args);
    log_line(LOG_DEBUG, "http_complaint", "detail=\"%.280s\"", line);
}

/* What it accepts is asked so too: a WebSocket, and a request that waits for long. */
static void
probe(int listener)
{
    int one = 1, after = PROBE_AFTER_S, every = PROBE_EVERY_S, max = PROBES_MAX;
    (void)setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &after, sizeof after);
    (void)setsockopt(listener, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    (void)setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &max, sizeof max);
}

static enum err
listen_on(const struct addrinfo *address, struct server *server)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    server->listener = fd;
    /* Connections of the life before must not keep us out. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    probe(fd);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0
        || listen(fd, BACKLOG) != 0)
        return errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
    return ERR_NONE;
}

static unsigned
port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } name;
    socklen_t size = sizeof name;
    if (getsockname(fd, &name.any, &size) != 0)
        return 0;
    return ntohs(
        name.any.sa_family == AF_INET6 ? name.six.sin6_port : name.four.sin_port);
}

static enum err
open_listener(struct server *server, struct fault *fault)
{
    const struct server_place *place = &server->place;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char port[16], host[256];
    size_t size = strlen(place->address);
    bool bracketed = size > 2 && place->address[0] == '[';
    snprintf(port, sizeof port, "%u", place->port);
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? size - 2 : size),
        place->address + bracketed);
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed != 0)
        return fault_set(fault, ERR_IO, "%s: %.64s: %s", place->address_name,
            place->address, gai_strerror(failed));
    enum err err = listen_on(found, server);
    freeaddrinfo(found);
    if (err == ERR_CONFLICT)
        return fault_set(fault, err, "%s: %u on %.64s is in use", place->port_name,
            place->port, place->address);
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot listen on %.64s port %u: %s",
            place->address, place->port, strerror(errno));
    server->port = port_of(server->listener);
    return ERR_NONE;
}

static struct MHD_Daemon *
start_daemon(struct server *server)
{
    const struct tls *tls = server->place.tls;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE
                     | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem secured[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, tls == NULL ? NULL : tls->certificate.data },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, tls == NULL ? NULL : tls->key.data },
        /* MHD reads it only, but says void *. */
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
        { MHD_OPTION_END, 0, NULL },
    };
    if (tls == NULL)
        secured[0].option = MHD_OPTION_END;
    else
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_complaint, server, MHD_OPTION_LISTEN_SOCKET,
        server->listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED,
        on_end, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)server->gateway->child.config.connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, secured, MHD_OPTION_END);
}

enum err
server_open(struct gateway *gateway, const struct server_place *place,
    struct server **out, struct fault *fault)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        WRONG("out of memory");
    *out = server;
    server->gateway = gateway;
    server->place = *place;
    server->listener = -1;
    /* While MHD asks who waits, it cannot tell us whether it must run for what lies
     * between it and TLS. */
    server->attended_max = place->tls == NULL ? ATTENDED_MAX : 0;
    door_open_router(&server->router, place->dialects);
    list_open(&server->exchanges);
    list_open(&server->spare);
    list_open(&server->answered);
    enum err err = open_listener(server, fault);
    if (err != ERR_NONE)
        return err;
    server->daemon = start_daemon(server);
    if (server->daemon == NULL)
        return fault_set(fault, ERR_IO, "libmicrohttpd does not start");
    return ERR_NONE;
}

void
server_close(struct server **out)
{
    struct server *server = *out;
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        struct list *next;
        for (struct list *at = server->exchanges.next; at != &server->exchanges;
             at = next) {
            next = at->next;
            exchange_abandon(LIST_OF(at, struct exchange, link));
        }
        server_run(server, true);
        MHD_stop_daemon(server->daemon);
    } else if (server->listener >= 0) {
        close(server->listener);
    }
    alarm_clear(&server->gateway->alarms, &server->patience);
    exchanges_free(server);
    router_close(&server->router);
    free(server);
    *out = NULL;
}

unsigned
server_port(const struct server *server)
{
    return server->port;
}

int
server_fd(const struct server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

/* Has MHD more to do at once?  We keep the time ourselves: MHD knows of now and of
 * never; while it asks who waits it only knows of now. */
static bool
wants_more(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (server->attended > 0)
        return server->stirred > 0;
    if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES || timeout_ms != 0)
        return false;
    if (server->place.tls == NULL || server->moved + server->stirred > 0)
        return true;
    /* It takes for ready who owes the rest of a handshake. */
    exchanges_look_again(server);
    return false;
}

void
server_run(struct server *server, bool readable)
{
    bool again = readable || server->kick;
    struct list *at;
    while ((at = list_first(&server->answered)) != NULL) {
        struct exchange *x = LIST_OF(at, struct exchange, link);
        exchange_free(&x);
    }
    for (unsigned round = 0; again && round < ROUNDS_MAX; round++) {
        server->kick = server->parted;
        server->parted = false;
        server->runs++;
        server->stirred = server->moved = 0;
        MHD_run(server->daemon);
        again = server->kick || wants_more(server);
    }
    server->kick = again;
}

void
server_kick(struct server *server)
{
    server->kick = true;
    server->parted = server->place.tls != NULL;
}

bool
server_restless(const struct server *server)
{
    return server->kick;
}

void
server_quiesce(struct server *server)
{
    if (server->listener < 0)
        return;
    MHD_quiesce_daemon(server->daemon);
    close(server->listener);
    server->listener = -1;
}

size_t
server_busy(const struct server *server)
{
    return server->busy;
}
