/* session - the workers that are there, and the leases that each is known to hold.
 *
 * Kept so that a lease actor that begins anew can be told all of it again.  Nothing
 * here sends anything, and nothing knows how its worker is spoken to.
 */
#ifndef GATEWAY_SESSION_H
#define GATEWAY_SESSION_H
#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "gateway/auth.h"

enum {
    TOKEN_SIZE = 60,
    SESSION_TOKEN_MAX = 200,
    SMALL_FRAME = 256,     /* bytes; the door's high-water mark bounds these */
    UNREAD_MAX = 16 << 20, /* bytes of larger frames to one worker, or one frame */
};

struct voice;

/* What a worker says of itself; lists are msgpack arrays of texts. */
struct worker_description {
    struct bytes instance, name, version, environment;
    struct bytes queues, actions, labels;
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
    struct list link;          /* of all: silent for the longest first */
    uint64_t number;           /* names it in requests; never used again */
    const struct voice *voice; /* how it is spoken to, */
    void *own;                 /* and what that needs */
    enum session_state state;
    struct id id;
    /* Its worker cannot say what it held before we began, so the first lease actor
     * that knows it is to tell us. */
    bool recall;
    const struct key *key;
    struct buffer words;            /* what it said of itself, */
    struct worker_description said; /* which borrows from there */
    uint32_t capacity;              /* jobs it will hold at most */
    uint8_t token[SESSION_TOKEN_MAX];
    size_t token_size;
    struct map held; /* by token */
    struct list held_all;
    bool grown;        /* what it does grew while it was registered: say it again */
    uint64_t heard_ms; /* monotonic */
    size_t unread;     /* bytes of large frames, since it showed that it reads */
};

struct sessions {
    struct map by_id, by_number;
    struct list all;
    size_t count, count_max, busy_count; /* busy: holds a lease */
    uint64_t serial;
};

void sessions_open(struct sessions *sessions, size_t count_max);
void sessions_free(struct sessions *sessions);

/* NULL if there are too many. */
struct session *
session_new(struct sessions *sessions, const struct voice *voice, void *own);
void session_free(struct sessions *sessions, struct session **session);

/* What proves who it was, or nothing. */
static inline struct bytes
session_token(const struct session *session)
{
    return bytes_of(session->token, session->token_size);
}

/* Known ones only. */
struct session *session_with_id(const struct sessions *sessions, const struct id *id);
struct session *session_numbered(const struct sessions *sessions, uint64_t number);

/* Keep a copy of what it says when it registers: that it was the session of `token`
 * before, if there is one; and that it holds these leases, and of those that it has
 * heard of no others.  What it said before, and its token, may be said again from where
 * they are kept. */
void session_describe(struct sessions *sessions, struct session *session,
    const struct worker_description *said, struct bytes token, struct bytes held);
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
/* The worker says that it holds each of a msgpack array of tokens. */
void
session_learn(struct sessions *sessions, struct session *session, struct bytes tokens);
/* The worker says that it holds these, and no others: what it does not name twice never
 * reached it.  One that it was not told of is no news: it said so before it read that
 * the lease is over. */
void session_compare(
    struct sessions *sessions, struct session *session, struct bytes tokens);
/* Append the msgpack array of what it holds. */
void session_write_held(const struct session *session, struct buffer *out);
#endif
