/* request - one HTTP request as a dialect sees it, from its head to its answer.
 *
 * It is answered exactly once, now or later: by one of the request_… calls below.  All
 * that it has or that is taken from its arena lasts until the answer has left.
 */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H
#include "base/arena.h"
#include "gateway/bridge.h"
#include "gateway/gateway.h"
#include "gateway/router.h"

struct dialect;
struct websocket;

enum request_header {
    HEADER_ACCEPT,
    HEADER_AUTHORIZATION,
    HEADER_CAPSTAN_PROJECT,
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_HOST,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_NONE_MATCH,
    HEADER_LAST_EVENT_ID,
    HEADER_ORIGIN,
    HEADER_TRACEPARENT,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    HEADER_WEBSOCKET_KEY,
    HEADER_WEBSOCKET_VERSION,
    HEADER_COUNT
};

struct answer {
    unsigned status;
    const char *type;  /* content type */
    struct bytes body; /* in the arena, or static */
    /* Besides, or instead of ours: a msgpack map of texts, in the arena; or nothing. */
    struct bytes headers;
    struct bytes more; /* of the dialect, for all its answers; the same */
    unsigned allowed;  /* 405: bits of the methods there are */
    bool close;        /* the connection is not fit for another request */
    bool cross_origin; /* pages of other sites may read it */
    bool ready;
};

struct request {
    struct gateway *gateway;
    struct arena arena;
    const char *method; /* as it was sent */
    struct target target;
    const struct dialect *const *dialects; /* of its server; NULL behind the last */
    const struct router *router;           /* of their tables, in the same order */
    struct bytes headers[HEADER_COUNT];    /* data NULL: not there */
    const struct dialect *dialect;         /* NULL: no route was found */
    const struct http_route *route;
    struct bytes captures[CAPTURES_MAX]; /* what stood for the {…} of the path */
    struct buffer body;                  /* as it came */
    size_t body_size, body_max;          /* bytes that came, and that may come */
    const struct key *key;               /* who asks; NULL if nobody was needed */
    struct id trace;
    bool local; /* the peer is on this machine, and asks for itself */
    struct answer answer;
    struct stream *stream;           /* NULL: a plain answer */
    struct websocket *websocket;     /* that the connection becomes; or NULL */
    void *own;                       /* of the dialect */
    void (*left)(struct request *r); /* it is about to go, answered or not; or NULL */
    /* Its client has gone, and it waits for its answer all the same; or NULL. */
    void (*alone)(struct request *r);
    void (*done)(struct request *r, const struct message *answer); /* of the question */
};

/* `body` lies in the arena, or for ever. */
void
request_answer(struct request *r, unsigned status, const char *type, struct bytes body);
/* The same, with headers of the dialect's; those that say how the answer is framed are
 * passed over, as is what is no header. */
void request_answer_with(struct request *r, unsigned status, struct bytes headers,
    const char *type, struct bytes body);
/* As JSON. */
void request_document(struct request *r, unsigned status, struct bytes msgpack);
/* {"error":{…}}, with the status that err.def gives it. */
void request_refuse(struct request *r, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void request_refused(struct request *r, const struct refused *refused);

/* A message from the arena, of the caller's project. */
struct message *
request_message(struct request *r, enum message_code code, enum actor_name to);
/* One question at a time; returns as bridge_ask does. */
uint64_t request_ask(struct request *r, struct message *m,
    void (*done)(struct request *r, const struct message *answer));
/* Show a DOCUMENT or a REFUSED. */
void request_show(struct request *r, const struct message *answer);

/* The body, which must be a JSON object: as msgpack, in the arena; an empty body is an
 * empty map.  False: it was refused. */
bool request_json(struct request *r, struct bytes *document);
/* The number in a query, `otherwise` if it is not there.  False: it was refused. */
bool request_number(struct request *r, const char *query, uint64_t min, uint64_t max,
    uint64_t otherwise, uint64_t *number);
/* The id in a path.  False: it was refused as not found. */
bool request_id(struct request *r, const char *prefix, struct id *id);

/* The project that it names, else that of its key. */
struct id request_project(const struct request *r);

/* May who asked still ask this?  Keys change while an answer waits or goes on. */
static inline bool
request_may(const struct request *r)
{
    return r->key == NULL || key_may(r->key, r->route->scope);
}

/* Host and port of the page whose browser asks; nothing if it does not say so. */
struct bytes request_site(const struct request *r);
/* All headers as a msgpack map of texts, names in lower case, in the arena: the first
 * of each name, none that is not UTF-8, HEADERS_MAX at most. */
enum { HEADERS_MAX = 64 };
struct bytes request_headers(struct request *r);

/* An answer that goes on: each put is sent when the client takes it. */
struct stream {
    struct buffer out;
    size_t at;  /* bytes of `out` that have left */
    bool ended; /* nothing follows `out` */
    bool
        broken; /* and it was to follow: the connection ends without the answer's end */
    void *self;
    /* All that was put has left. */
    void (*drained)(struct request *r);
    /* Nobody listens any more, for whatever reason; called once. */
    void (*closed)(struct request *r);
};

/* Answer by becoming `socket`: see websocket.h. */
void request_switch(struct request *r, struct websocket *socket);

/* Begin to answer with a stream, whose struct lasts as long as `r`. */
void request_stream(struct request *r, const char *type, struct stream *stream);
/* The same, with a status and headers of the dialect's. */
void request_stream_with(struct request *r, unsigned status, struct bytes headers,
    const char *type, struct stream *stream);
/* Something was put, or the end was set. */
void request_push(struct request *r);
bool stream_drained(const struct stream *stream);
#endif
