/* workers - the worker sessions of every dialect: what they say becomes messages to the
 * lease actor, what it answers is said to them by the voice of their dialect.
 *
 *      ZeroMQ door ─┐                              ┌─ voice of the ZeroMQ door
 *      WebSockets  ─┼─ workers ── lease ── workers ┼─ voice of the WebSockets
 *      HTTP        ─┘                              └─ voice of HTTP
 */
#ifndef GATEWAY_WORKERS_H
#define GATEWAY_WORKERS_H
#include "gateway/gateway.h"
#include "gateway/session.h"

struct workers;

/* How a dialect speaks to its workers.  Each but the last returns false if the worker
 * cannot be told: then its session ends as if its connection had broken.  What is
 * borrowed lasts for the call. */
struct voice {
    const char *dialect; /* as lists of workers show it */
    /* Its workers say of each job by itself that they go on with it, and never which
     * they hold; the engine has the list, also beyond a broken connection. */
    bool each;
    /* While a session of it holds nothing, it ends with its connection: as long as that
     * is open, the worker is there. */
    bool bound;
    /* It is registered; `again`: only the engine asked, the worker knows it already and
     * hears of leases that it has lost, if there are any. */
    bool (*registered)(
        struct session *session, const struct worker_registered *m, bool again);
    bool (*granted)(struct session *session, const struct job_granted *m);
    bool (*settled)(struct session *session, const struct report_settled *m);
    bool (*heartbeat)(struct session *session, const struct heartbeat_answer *m);
    bool (*cancel)(struct session *session, const struct job_cancel *m);
    /* Finish what you do, and leave. */
    bool (*drain)(struct session *session);
    /* The session is over: ERR_NONE if its worker said goodbye, broke off or was
     * silent; else why it was refused or ended.  Forget it. */
    void (*ended)(struct session *session, enum err err, struct bytes detail);
};

struct workers *workers_new(struct gateway *gateway);
void workers_free(struct workers **workers);

/* May somebody with this key (NULL: none that we know) work here now?
 *
 * ERR_UNAVAILABLE   we are about to leave
 * ERR_UNAUTHORIZED  there is no key, it is refused, or its project is deleted
 * ERR_FORBIDDEN     it is not for workers
 */
MUST_CHECK enum err workers_admit(const struct workers *workers, const struct key *key);

/* A session, which must register at once; NULL if there are too many. */
struct session *
workers_join(struct workers *workers, const struct voice *voice, void *own);
/* It registers, or registers again, with a key that was admitted and is of the project
 * that the session had before.  What is given is copied, also if it is the session's.
 */
void workers_register(struct workers *workers, struct session *session,
    const struct key *key, const struct worker_description *said, uint32_t capacity,
    struct bytes token, struct bytes held);

/* When the connection of a session that holds something is next to say that it lives: a
 * heartbeat from now, or a little before, so that many do at once. */
void workers_pulse(struct workers *workers, struct alarm *alarm);
/* How often a session that holds nothing is to be heard, ms. */
uint64_t workers_idle_ms(const struct workers *workers);
/* How long a claim without work may stay open, ms, where clients and proxies wait for
 * more than `most_ms`. */
uint64_t workers_hold_ms(const struct workers *workers, uint64_t most_ms);

/* What a session may say.  It was heard: silence ends a session. */
void workers_touch(struct workers *workers, struct session *session);
/* How many jobs it will hold at most from now on. */
void workers_ready(struct workers *workers, struct session *session, uint32_t capacity);
/* It holds these leases, and no others; `silent` (or nothing): those that nobody has
 * spoken for in time.  Where there are none, it is answered at once, and the lease
 * actor hears of it with all others that hold nothing: the session may be gone after
 * this. */
void workers_heartbeat(struct workers *workers, struct session *session,
    struct bytes held, struct bytes silent);
/* It lives, and goes on with these of its leases; for voices that speak of each.
 * `request` is named in the answer. */
void workers_beat(struct workers *workers, struct session *session, struct bytes tokens,
    uint64_t request);
/* It was silent about this lease for so long that the engine has ended it. */
void
workers_forget(struct workers *workers, struct session *session, struct bytes token);
/* `report.session` is filled in. */
void workers_report(
    struct workers *workers, struct session *session, struct job_report report);
void workers_log(struct workers *workers, struct session *session, struct bytes token,
    struct bytes stream, struct bytes chunk);
/* It is over, without a word to the worker; `goodbye` gives its jobs back at once. */
void workers_end(struct workers *workers, struct session **session, bool goodbye);

/* What the lease actor says to, or of, a session. */
void workers_hear(struct workers *workers, const struct message *in);
/* A project calls a URL of its own by this name, or no more: who does http.request does
 * it from now on. */
void workers_learn_action(struct workers *workers, const struct id *project,
    const struct action_offered *offered);
/* The lease actor, in this life, asks for it: say all sessions again. */
void workers_resend(struct workers *workers, uint64_t life);
/* Keys may do less than before: sessions of those that may not work any more end. */
void workers_judge(struct workers *workers);
/* Ask all to finish and leave; take no new ones. */
void workers_drain(struct workers *workers);
/* Ask this one of the project, now and whenever it registers again while we live.
 *
 * ERR_NOT_FOUND  it is not there
 */
MUST_CHECK enum err workers_dismiss(
    struct workers *workers, const struct id *project, const struct id *session);
/* Sessions that hold a lease. */
size_t workers_busy(const struct workers *workers);
#endif
