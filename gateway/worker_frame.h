/* worker_frame - the words of the ZeroMQ worker protocol, one msgpack map each.  Pure.
 *
 * docs/protocols/worker.md is the law; what is checked here is what it says.
 */
#ifndef GATEWAY_WORKER_FRAME_H
#define GATEWAY_WORKER_FRAME_H
#include "gateway/session.h"
#include "transport/messages.h"

enum worker_verb {
    WORKER_SAYS_REGISTER,
    WORKER_SAYS_READY,
    WORKER_SAYS_HEARTBEAT,
    WORKER_SAYS_REPORT,
    WORKER_SAYS_LOG,
    WORKER_SAYS_PUBLISH,
    WORKER_SAYS_DRAIN,
    WORKER_SAYS_GOODBYE,
};

/* What a worker said.  Borrows from the frame; what it did not say is empty. */
struct worker_frame {
    enum worker_verb verb;
    struct bytes type; /* its name, empty if there is none */
    struct bytes key, session, instance, name, version, environment, token;
    struct bytes outcome_name, error_type, error_message, stream, chunk;
    struct bytes queues, actions, labels; /* msgpack arrays of texts */
    struct bytes held;                    /* msgpack array of tokens */
    struct bytes output;                  /* msgpack */
    struct bytes id, event, source;       /* of an event; `event` is its type */
    struct bytes data, meta;              /* of an event: msgpack */
    uint64_t v, concurrency, retry_after_ms;
    enum outcome outcome;
};

struct worker_limits {
    size_t payload_max; /* bytes of an output, of an event's data */
    size_t jobs_max;    /* held at once, and the greatest concurrency */
};

/* ERR_MALFORMED    not one well-formed map, a name twice, a value of another type, a
 *                  field missing
 * ERR_TOO_LARGE    a value above its limit
 * ERR_UNSUPPORTED  a type or a version that is not known
 * `fault` says which; `frame->type` and `frame->token` are set if they were there. */
MUST_CHECK enum err
worker_frame_read(struct bytes in, const struct worker_limits *limits,
    struct worker_frame *frame, struct fault *fault);

/* What the gateway says.  Each appends one frame. */
void worker_write_registered(struct buffer *out, const struct worker_registered *m,
    uint64_t idle_ms, size_t payload_max);
void worker_write_job(struct buffer *out, const struct job_granted *m);
void worker_write_heartbeat(struct buffer *out, struct bytes lost, struct bytes cancel);
void worker_write_ack(struct buffer *out, const struct report_settled *m);
void worker_write_cancel(struct buffer *out, const struct job_cancel *m);
/* The event of that id is kept, or is not. */
void worker_write_published(struct buffer *out, struct bytes id, uint64_t number);
void worker_write_unpublished(
    struct buffer *out, enum err err, struct bytes message, struct bytes id);
/* "drain" or "register": a word without fields. */
void worker_write_word(struct buffer *out, const char *type);
/* `about`, the type of what was refused, and `token` may be empty. */
void worker_write_error(struct buffer *out, enum err err, struct bytes message,
    struct bytes about, struct bytes token);
#endif
