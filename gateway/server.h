/* server - HTTP/1.1 by libmicrohttpd, and nothing of it beyond this file's .c.
 *
 * It bounds what a client may do to us: connections, bytes of a head and of a body,
 * how long a request may take to arrive and an answer to leave; and it refuses heads
 * that two readers could read in two ways.
 */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H
#include "gateway/request.h"

struct server;
struct tls;

/* Where a server listens and what is spoken there; the names are those of settings. */
struct server_place {
    const char *address_name, *address;
    const char *port_name;
    unsigned port;                         /* 0: any that is free */
    const struct dialect *const *dialects; /* NULL behind the last */
    const struct tls *tls;                 /* NULL: none; read by server_open alone */
};

/* Copies `place`.
 *
 * ERR_CONFLICT  the port is in use; ERR_IO  anything else */
MUST_CHECK enum err server_open(struct gateway *gateway,
    const struct server_place *place, struct server **server, struct fault *fault);
void server_close(struct server **server);

unsigned server_port(const struct server *server);
/* Readable when server_run has something to do. */
int server_fd(const struct server *server);
/* Do what there is to do; `readable` if server_fd was. */
void server_run(struct server *server, bool readable);
/* There will be: a connection of ours was given back. */
void server_kick(struct server *server);
/* Is there more to do at once? */
bool server_restless(const struct server *server);
/* Take no new connections. */
void server_quiesce(struct server *server);
/* Requests that have begun and whose answers have not left. */
size_t server_busy(const struct server *server);

/* Has the client of a request that waits not gone away meanwhile? */
bool server_connected(const struct request *r);

/* Was the client of a request that waits seen to go? */
bool server_alone(const struct request *r);

/* The one that `r` came to. */
struct server *server_of(const struct request *r);
/* The answer of `r` is ready, or its stream went on. */
void server_wake(struct request *r);
#endif
