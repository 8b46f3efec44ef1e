/* http - requests that functions of workers answer.
 *
 *                        says no: 422          answers itself
 *      CONDITION ──┬──────────────── MIDDLEWARE, each ──┬──────── HANDLER ── answer
 *                  └ it has none                        └ there is none, or no more
 *
 * All of them have `iii_http_ms` together, until the answer begins.
 *
 * A handler that answers through the channel `response` says {"type": "set_status",
 * "status_code"} and {"type": "set_headers", "headers"} as texts, then the body as
 * bytes, and closes it; what it returns is not looked at then.
 *
 *               bytes, or closed          closed, or nobody listens
 *  (asked) ------------------> STREAMING ---------------------------> (gone)
 *     \__ returned nothing: waits a little for the channel __/
 */
#ifndef GATEWAY_III_HTTP_H
#define GATEWAY_III_HTTP_H
#include "gateway/iii/hub.h"
#include "gateway/request.h"

enum http_stage { HTTP_CONDITION, HTTP_MIDDLEWARE, HTTP_HANDLER, HTTP_CHANNEL };

struct channel;

/* In the arena of its request. */
struct http_call {
    struct request *request;
    struct hub *hub;
    enum http_stage stage;
    struct iii_call *call; /* NULL: nobody is asked */
    struct alarm limit;
    uint64_t until_ms; /* the limit, monotonic */
    /* Copies: the trigger may go meanwhile. */
    struct bytes function, condition, middleware, metadata;
    struct bytes data, middleware_data; /* what they are called with, msgpack */
    size_t middleware_at;               /* how many have let it pass */
    struct channel *upload;             /* the body, for the function to read */
    struct channel *response;           /* that the function may write */
    unsigned status;                    /* what it said there, */
    struct bytes headers;               /* a map of texts, */
    struct arena said;                  /* where they lie until the body begins, */
    struct stream stream;               /* and the body that follows */
    bool streams, over;
};

/* A request came. */
void iii_http_serve(struct request *r);
/* How the port refuses: {"error": {"code": "NOT_FOUND", "message": …}}. */
void iii_http_refuse(
    struct request *r, enum err err, struct bytes message, struct bytes details);

/* Open the channels of a call.  False: there are too many. */
bool http_channels_open(struct http_call *http);
/* What streams ends here, and its client sees that it is not whole. */
void http_break(struct http_call *http);
/* The function returned nothing: it may have written, or be about to. */
void http_await_channel(struct http_call *http);

/* Nobody is asked any more; the request is to be answered, or gone.  Also twice. */
void http_call_end(struct http_call *http);

/* Answer as the msgpack {status_code?, headers?, body?} of a function says. */
void http_answer(struct http_call *http, struct bytes said);
/* Answer with an error of this form; `more` are further members, or "". */
void http_error(struct http_call *http, unsigned status, const char *code,
    struct bytes message, const char *more);
/* What does the function's answer say its status is?  200 if it does not. */
unsigned http_status(struct bytes said);
/* Its headers as a map of texts, in `arena`: {name: text or texts} or ["name: text"].
 */
struct bytes http_headers(struct arena *arena, struct bytes said);
#endif
