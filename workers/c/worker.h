/* worker - everything of one worker, and what its parts do for each other.
 *
 *   capstan_worker.h   what programs see
 *   worker.c           the turn: wait, hear, work, say
 *   session.c          who we are to the gateway: register, heartbeat, leave
 *   heard_by.c         what follows from each message of the gateway
 *   holding.c          the leases held, and the way of each job through them
 *   pool.c, job.c      threads and actions
 *   line.c             the socket
 */
#ifndef WORKERS_C_WORKER_H
#define WORKERS_C_WORKER_H
#include "base/map.h"
#include "workers/c/line.h"
#include "workers/c/options.h"
#include "workers/c/pool.h"

enum { ACTIONS_MAX = 256, BEATS_MAX = 4, SESSION_ID_MAX = 64 };

#define NEVER UINT64_MAX

/* Every lease that is held. */
struct holding {
    struct list all;      /* by capstan_job.all */
    struct list fresh;    /* to be handed to threads at the end of the batch */
    struct list outgoing; /* reports to be sent */
    struct list said;     /* reports sent and not acknowledged */
    struct list spare;    /* memory of jobs that are gone */
    struct map by_token;
    size_t open;        /* jobs that wait or run */
    size_t orphans;     /* actions that run without a lease */
    uint64_t resend_ms; /* no later than the first of `said` is due */
};

/*           time            connected         registered
 *   AWAY ---------> CALLING ---------> ASKING ----------> MEMBER
 *     ^                |                 | ^                | |
 *     +----------------+-----------------+ +--- register ---+ |
 *     +---------------- broken, silent, refused --------------+
 */
enum session_state { SESSION_AWAY, SESSION_CALLING, SESSION_ASKING, SESSION_MEMBER };

struct session {
    enum session_state state;
    uint8_t token[TOKEN_MAX];
    size_t token_size;
    uint64_t lease_ms, heartbeat_ms, idle_ms, payload_max;
    unsigned failures;     /* since we were last a member */
    uint64_t turn_ms;      /* AWAY: call then; CALLING, ASKING: give up then */
    uint64_t beat_ms;      /* MEMBER: next heartbeat */
    uint64_t heard_ms;     /* when anything was last heard */
    uint64_t asked_ms;     /* when `register` was sent */
    uint64_t confirmed_ms; /* our leases were good then, at least; 0: never */
    struct beat {
        uint64_t sequence, sent_ms;
    } beats[BEATS_MAX]; /* not yet answered, oldest first */
    size_t beat_count;
    uint64_t sequence;
    size_t announced; /* the capacity that the gateway knows */
    bool paused;      /* the engine goes down: no new jobs before we are back */
};

/* How the end comes. */
struct leaving {
    bool began, hurried, done;
    bool left;      /* jobs, which go to other workers */
    uint64_t by_ms; /* wait no longer; first for jobs, then for actions to notice */
    int result;
};

struct capstan_worker {
    struct options options;
    struct fault fault; /* why run returns, or will not begin */
    struct action actions[ACTIONS_MAX];
    size_t action_count;
    struct pool pool;
    struct line line;
    struct holding holding;
    struct list logs, events; /* to be said; events until the engine answers */
    struct session session;
    struct leaving leaving;
    struct buffer out;
    bool blocked;     /* the socket had no room */
    uint64_t now_ms;  /* of this turn, monotonic */
    uint64_t puzzles; /* frames that made no sense */
    int wake_fd;
    atomic_uint stops;
};

void worker_tell(struct capstan_worker *w, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const struct action *worker_action(const struct capstan_worker *w, struct bytes name);

/* What the worker will hold at most, now. */
size_t session_capacity(const struct capstan_worker *w);
void session_open(struct capstan_worker *w);
/* What the clock asks for; and when it next will. */
void session_tick(struct capstan_worker *w);
/* How often to be heard: who holds nothing need not be so often. */
uint64_t session_beat_every_ms(const struct capstan_worker *w);
/* It holds a job from now on. */
void session_holds(struct capstan_worker *w);
uint64_t session_due(const struct capstan_worker *w);
void session_connected(struct capstan_worker *w);
void session_broken(struct capstan_worker *w, const char *why);
void session_ask(struct capstan_worker *w);
void session_confirm(struct capstan_worker *w, uint64_t sequence);
/* Leave for good: finish what is held first, for `ms` at most. */
void session_leave(struct capstan_worker *w, uint64_t ms);
/* The engine does not want us. */
void session_refused(struct capstan_worker *w, struct bytes code, struct bytes message);
/* Send all that is to be sent. */
void session_say(struct capstan_worker *w);

/* Act on one frame of the gateway. */
void heard_by(struct capstan_worker *w, struct bytes frame);

void holding_open(struct capstan_worker *w);
void holding_close(struct capstan_worker *w);
struct capstan_job *holding_find(struct capstan_worker *w, struct bytes token);
void
holding_accept(struct capstan_worker *w, struct bytes frame, const struct heard *heard);
/* The action has returned, or will never begin; the report is written. */
void holding_returned(struct capstan_worker *w, struct capstan_job *job);
void holding_cancel(struct capstan_worker *w, struct capstan_job *job);
/* The lease is not ours any more. */
void holding_lose(struct capstan_worker *w, struct capstan_job *job);
void holding_lose_open(struct capstan_worker *w); /* every one without a report */
void holding_forget(struct capstan_worker *w, struct capstan_job *job);
void holding_said(struct capstan_worker *w, struct capstan_job *job);
/* Say all reports again; or those whose time has come. */
void holding_say_again(struct capstan_worker *w);
void holding_resend(struct capstan_worker *w);
void holding_list(struct capstan_worker *w, struct buffer *out);
#endif
