/* session - the workers that are connected, and the leases that each is known to hold.
 *
 * Kept so that a lease actor that begins anew can be told all of it again.  Nothing
 * here sends anything.
 */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H
#include "base/list.h"
#include "base/map.h"
#include "gateway/auth.h"
#include "gateway/worker_frame.h"

enum {
    IDENTITY_SIZE = 5, /* ROUTER's, begins with a zero */
    SESSION_TOKEN_MAX = 200,
    SMALL_FRAME = 256,     /* bytes; the door's high-water mark bounds these */
    UNREAD_MAX = 16 << 20, /* bytes of larger frames to one worker, or one frame */
};

struct held {
    uint8_t token[TOKEN_SIZE];
    struct list link;
    unsigned unsaid; /* heartbeats since the worker last named it */
    bool named;      /* by the worker: it has read what told it */
};

/*           register           worker_registered
 *  (none) -----------> ASKED -------------------> KNOWN
 *                        ^          register        |
 *                        \__________________________/
 *  goodbye, a broken connection, a refusal, silence: (none)
 */
enum session_state { SESSION_ASKED, SESSION_KNOWN };

struct session {
    struct list link; /* of all: silent for the longest first */
    uint64_t number;  /* names it in requests; never used again */
    uint8_t identity[IDENTITY_SIZE];
    enum session_state state;
    struct id id;
    const struct key *key;
    struct buffer words;      /* the register frame, */
    struct worker_frame said; /* which borrows from it */
    uint32_t capacity;        /* jobs it will hold at most */
    uint8_t token[SESSION_TOKEN_MAX];
    size_t token_size;
    struct map held; /* by token */
    struct list held_all;
    uint64_t heard_ms; /* monotonic */
    size_t unread;     /* bytes of large frames, since it showed that it reads */
};

struct sessions {
    struct map by_identity, by_id, by_number;
    struct list all;
    size_t count, count_max, busy_count; /* busy: holds a lease */
    uint64_t serial;
};

void sessions_open(struct sessions *sessions, size_t count_max);
void sessions_free(struct sessions *sessions);

/* A session of this connection; NULL if there are too many. */
struct session *
session_new(struct sessions *sessions, const uint8_t identity[IDENTITY_SIZE]);
void session_free(struct sessions *sessions, struct session **session);

struct session *session_of(const struct sessions *sessions, struct bytes identity);
/* Known ones only. */
struct session *session_with_id(const struct sessions *sessions, const struct id *id);
struct session *session_numbered(const struct sessions *sessions, uint64_t number);

/* Keep what a register frame says, and take its list of leases for the truth. */
void session_describe(struct sessions *sessions, struct session *session,
    struct bytes frame, const struct worker_limits *limits);
/* It is registered under this id now. */
void session_know(struct sessions *sessions, struct session *session,
    const struct id *id, struct bytes token);
void session_touch(struct sessions *sessions, struct session *session, uint64_t now_ms);

/* May it be told so much more?  What it does not read lies in our memory: then false,
 * until it names a lease that only a reader can know. */
MUST_CHECK bool session_may_tell(struct session *session, size_t size);

/* The worker was told of this lease, or knew it before. */
void
session_hold(struct sessions *sessions, struct session *session, struct bytes token);
/* It names it: in a report, or as held. */
void session_named(struct session *session, struct bytes token);
void
session_drop(struct sessions *sessions, struct session *session, struct bytes token);
/* The same of each token in a msgpack array. */
void session_drop_all(
    struct sessions *sessions, struct session *session, struct bytes tokens);
/* The worker says that it holds these, and no others. */
void session_compare(
    struct sessions *sessions, struct session *session, struct bytes tokens);
/* Append the msgpack array of what it holds. */
void session_write_held(const struct session *session, struct buffer *out);
#endif
