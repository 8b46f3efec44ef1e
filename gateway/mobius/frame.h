/* frame - the words of Mobius' worker socket, one JSON object each.  Pure.
 *
 * What is read is lenient: unknown types and fields are passed over.  What is written
 * has no field that their schema does not name: one of their clients checks.
 */
#ifndef GATEWAY_MOBIUS_FRAME_H
#define GATEWAY_MOBIUS_FRAME_H
#include "gateway/session.h"
#include "transport/messages.h"

enum mobius_verb {
    MOBIUS_SAYS_NOTHING, /* that we know */
    MOBIUS_SAYS_REGISTER,
    MOBIUS_SAYS_CLAIM,
    MOBIUS_SAYS_HEARTBEAT,
    MOBIUS_SAYS_REPORT,
    MOBIUS_SAYS_DELTA,
    MOBIUS_SAYS_DRAINING,
    MOBIUS_SAYS_KEEPALIVE,
};

/* What a worker said.  Borrows from the msgpack that it was read into, and from the
 * fault of a report that could not be read; what it did not say is empty. */
struct mobius_frame {
    enum mobius_verb verb;
    struct bytes type, message_id;
    struct bytes instance, session, name, version, environment;
    struct bytes queues, actions, capabilities; /* msgpack arrays of texts */
    struct bytes job, lease;                    /* as texts */
    struct bytes status, error_type, error_message;
    struct bytes result; /* msgpack map */
    bool large;          /* it was larger than payload_max: a report has none then */
    uint64_t concurrency, slots, sequence;
    bool slots_said;
    enum outcome outcome;
};

enum {
    MOBIUS_TOKEN_TEXT = TOKEN_SIZE / 3 * 4, /* a lease as they see it */
    MOBIUS_SLOTS_MAX = 64,                  /* jobs that one claim is given */
};

/* Read one frame into `scratch`, whose content is lost.  A completed report that is no
 * JSON is a failed one, OutputUnreadable: what came of the job can never be told.
 *
 * ERR_MALFORMED  no JSON object, or a field of another type, or one that is missing
 * ERR_TOO_LARGE  a text is too long
 * `fault` says which; message_id and job are there if they could be read
 */
MUST_CHECK enum err mobius_frame_read(struct bytes json, size_t payload_max,
    struct buffer *scratch, struct mobius_frame *frame, struct fault *fault);

/* The 60 bytes of a lease; false if the text is none. */
bool mobius_token_read(struct bytes said, uint8_t token[TOKEN_SIZE]);

/* The job that a grant is about, as "job_…": the same for every attempt. */
void mobius_job_name(const struct id *run, uint32_t step, char out[ID_TEXT_MAX]);

/* Each appends one frame; an empty message_id is left out. */
void mobius_write_registered(
    struct buffer *out, struct bytes message_id, const struct worker_registered *m);
void mobius_write_claimed(struct buffer *out, struct bytes message_id,
    const struct bytes *jobs, size_t job_count);
void mobius_write_word(struct buffer *out, const char *type, struct bytes message_id);
/* `cancelled`: why it is to stop; data NULL: it is not. */
void mobius_write_heartbeat_ack(struct buffer *out, struct bytes message_id,
    struct bytes job, struct bytes cancelled, uint64_t now_ms);
void mobius_write_report_ack(
    struct buffer *out, struct bytes message_id, struct bytes job, bool duplicate);
void mobius_write_delta_ack(
    struct buffer *out, struct bytes message_id, struct bytes job, uint64_t sequence);
void mobius_write_cancel(
    struct buffer *out, struct bytes job, struct bytes reason, uint64_t now_ms);
void mobius_write_error(struct buffer *out, struct bytes message_id, const char *code,
    struct bytes message);
/* One job as it stands in jobs.claimed. */
void mobius_write_job(struct buffer *out, const struct job_granted *m,
    uint32_t lease_ms, uint32_t heartbeat_ms);
#endif
