/* exchange - one request and its answer on the way through libmicrohttpd; private to
 * server.c and exchange.c.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H
#include "base/list.h"
#include "gateway/server.h"

#include <microhttpd.h>

struct server {
    struct gateway *gateway;
    struct server_place place;
    struct router router;
    struct MHD_Daemon *daemon;
    int listener; /* -1: quiet */
    unsigned port;
    struct list exchanges; /* under way */
    size_t busy;           /* their number */
    struct list spare;     /* exchanges kept for reuse */
    size_t spare_count;
    bool kick;             /* MHD must run before the loop sleeps, */
    bool parted;           /* and once more: under TLS that is how it closes */
    size_t moved;          /* pieces that TLS took or gave in this run */
    uint64_t runs;         /* of MHD */
    size_t stirred;        /* exchanges in this run that may go on in the next */
    size_t attended;       /* those that MHD asks about in each, */
    size_t attended_max;   /* at most */
    struct alarm patience; /* some of them have been for too long */
    struct list answered;  /* exchanges whose clients had gone before */
};

struct connection {
    struct server *server;
    struct alarm alarm;    /* the client is too slow, */
    bool sending;          /* in taking what is sent; */
    uint64_t taken;        /* bytes of it when that was last enough */
    struct tls_line *line; /* NULL: no TLS */
    int fd;
    bool local;
};

/*         body complete     answer ready      queued
 *  ENTER ---------> WAIT ------------> (WAIT) ------> SENT
 *    \_____________ refused at the head _____________/
 */
enum exchange_phase { EXCHANGE_HEAD, EXCHANGE_BODY, EXCHANGE_WAIT, EXCHANGE_SENT };

struct exchange {
    struct request request; /* first: a request is found in its exchange */
    struct list link;
    struct server *server;
    struct connection *connection; /* NULL: it is closed, and only the answer is due */
    struct MHD_Connection *mhd;    /* the same */
    struct bytes raw_target;
    enum exchange_phase phase;
    uint64_t attend_until_ms; /* monotonic */
    uint64_t stirred_in;      /* run of MHD */
    bool attended;            /* MHD asks for the answer in each run */
    bool suspended;           /* MHD does not look at the connection */
    bool switched;            /* the connection is a WebSocket's now */
    bool bodied;              /* a body follows, or may follow */
    const char *wrong;        /* what the head is refused for */
    size_t held;              /* bytes of the body */
    bool crowded;             /* there was no room for the rest of it */
};

/* How long a client may take, in ms; who takes so many bytes of an answer meanwhile has
 * as long again. */
enum { GREET_MS = 10000, HEAD_MS = 30000, BODY_MS = 30000, SEND_MS = 60000 };
enum { SEND_MIN = 1 << 20 };

struct exchange *exchange_new(
    struct connection *connection, struct MHD_Connection *mhd, struct bytes raw_target);
enum MHD_Result exchange_go_on(struct exchange *x, const char *method,
    const char *version, const char *upload, size_t *upload_size);
/* MHD closes the connection, or the answer has left. */
void exchange_end(struct exchange **exchange);
void exchange_free(struct exchange **exchange);
/* Nobody may be suspended when the daemon stops. */
void exchange_abandon(struct exchange *x);
void exchanges_free(struct server *server);
/* MHD runs again soon, whatever it says. */
void exchanges_look_again(struct server *server);
#endif
