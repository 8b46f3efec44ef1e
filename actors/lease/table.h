/* table - the jobs, lanes and sessions that the lease actor knows.
 *
 *         offered              granted, adopted        settled, withdrawn
 *   -------------------> OPEN ------------------> HELD -------------------> gone
 *    \                    |                       |   \
 *     \ offered, leased   | withdrawn             |    lost, returned
 *      `------> ADOPTABLE |                       v
 *                   |     v                     OVER ---- settled ---> gone
 *                   |   gone                      ^
 *                   `---- nobody claimed it ------'
 *
 * ADOPTABLE: an earlier life granted it, or perhaps did; its holder is awaited.
 * OVER: the scheduler has been told, and its answer is awaited.
 */
#ifndef ACTORS_LEASE_TABLE_H
#define ACTORS_LEASE_TABLE_H
#include "actors/lease/queues.h"
#include "actors/lease/token.h"
#include "base/list.h"
#include "base/map.h"
#include "transport/messages.h"

enum { TABLE_FEW = 256 };

enum job_state { JOB_OPEN, JOB_HELD, JOB_ADOPTABLE, JOB_OVER };

struct session;
struct lane;

struct job {
    uint8_t key[ID_SIZE + 4]; /* run and step */
    struct id project;
    struct lease_name name; /* session: while held or over */
    enum job_state state;
    bool lost;            /* OVER by silence; otherwise it was returned */
    bool cancelled;       /* HELD, and its holder should stop */
    uint64_t order;       /* older jobs first */
    uint64_t since_ms;    /* granted, or offered as adoptable */
    uint64_t deadline_ms; /* of the attempt; 0: none */
    uint64_t ready_us;    /* from its offer */
    struct list of_table;
    struct list of_lane;     /* OPEN */
    struct list of_session;  /* HELD */
    struct list of_waiting;  /* ADOPTABLE, in order of since_ms */
    struct list of_beats;    /* HELD, by a session that speaks of each job */
    uint64_t heard_ms;       /* HELD: its holder spoke of it, or it was granted */
    struct list of_resay;    /* to be said to its scheduler, perhaps again */
    struct lane *lane;       /* OPEN */
    struct session *session; /* HELD */
    struct queue *out_of;    /* HELD or ADOPTABLE; NULL: it is not known yet */
    struct list of_queue;    /* the same */
    struct bytes key_text, automation, action, queue,
        parameters; /* owned, in `memory` */
    uint8_t *memory;
};

struct lane {
    uint64_t number;
    struct id project;
    struct bytes action, queue, environment, labels; /* owned, in `memory` */
    uint8_t *memory;
    struct list jobs; /* OPEN, oldest first */
    struct list of_table;
    struct queue *in; /* NULL: of a question only */
    struct list of_queue;
    struct list of_ready;     /* it has a job, room in its queue and somebody for it */
    struct session **members; /* who may do its jobs, in the order of arrival */
    size_t member_count, member_capacity;
    size_t next; /* the member to ask first */
    size_t free; /* members that can take a job now */
};

struct session {
    struct id id, project;
    uint32_t gateway;  /* instance */
    uint32_t capacity; /* jobs it will hold at most */
    uint32_t held_count;
    bool connected;
    bool leaving; /* it said goodbye: what it holds goes back */
    bool each;    /* its jobs are heard one by one */
    bool recall;  /* it cannot say what it held before we or its gateway began anew */
    bool stray;   /* its gateway began anew, and has not said it again */
    uint64_t heard_ms;
    uint64_t there_ms; /* heard, or said to be silent rightly */
    struct bytes instance, name, version, queues, actions, labels, environment, dialect;
    uint8_t *memory;
    struct bytes owner; /* project and instance, the key of its instance */
    struct list held;
    struct list of_table; /* in order of there_ms */
    struct list of_leaving;
    struct lane **lanes; /* that it is a member of */
    size_t lane_count, lane_capacity;
};

struct table {
    struct map jobs, lanes, sessions, instances;
    struct list all_jobs, all_lanes, all_sessions;
    struct list ready;     /* lanes */
    struct list leaving;   /* sessions */
    struct list adoptable; /* jobs that were leased, */
    struct list unsure;    /* or may have been */
    struct list resay;     /* jobs: at once */
    struct list unsaid;    /* jobs HELD, in order of since_ms: when they last */
    struct list beats;     /* jobs, in order of heard_ms */
    struct queues queues;
    size_t open_count, held_count;
    size_t few; /* above so many lanes, those without an open job are forgotten */
};

void table_open(struct table *table, uint32_t partitions);
void table_close(struct table *table);

struct job *table_job(const struct table *table, const struct id *run, uint32_t step);
struct session *table_session(const struct table *table, const struct id *id);
/* Who uses this worker_instance_id, of 1 to 256 bytes, in the project, or NULL. */
struct session *table_instance(
    const struct table *table, const struct id *project, struct bytes instance);
/* The next member of the lane that can take a job; there is one if the lane is ready.
 */
struct session *lane_choice(const struct lane *lane);
bool session_takes(const struct session *session, const struct lane *lane);
/* What a session of the lane's project lacks to take its jobs: the first of this order.
 * Of the lane only what the job must be like is looked at. */
enum lack {
    LACKS_ACTION,
    LACKS_QUEUE,
    LACKS_LABEL,
    LACKS_ENVIRONMENT,
    LACKS_NOTHING,
};
enum lack session_lacks(const struct session *session, const struct lane *lane);
bool list_contains(struct bytes list, struct bytes text);

/* Changes, made when something is applied. */
void table_offer(struct table *table, const struct id *project,
    const struct job_offered *offered, uint64_t at_ms);
/* The session holds the job from now on; a job that is not known yet is made. */
void table_hold(struct table *table, const struct id *project,
    const struct lease_name *name, uint64_t at_ms);
/* The job, which is held, is of this queue. */
void table_learn(struct table *table, struct job *job, struct bytes queue);
/* The queue has another limit. */
void table_limit(
    struct table *table, const struct id *project, struct bytes queue, uint32_t limit);
/* All limits are known. */
void table_limits_known(struct table *table, uint64_t at_ms);
/* All leases of the partition are there. */
void table_leases_told(struct table *table, uint32_t partition);
/* Its holder goes on with it. */
void table_beat(struct table *table, struct job *job, uint64_t at_ms);
void table_over(struct table *table, struct job *job, bool lost);
void table_drop(struct table *table, struct job *job);
/* Its scheduler is told at once who holds it, or that nobody does; */
void table_resay(struct table *table, struct job *job);
/* or later who holds it, unless something else says it before; */
void table_unsaid(struct table *table, struct job *job);
/* it knows. */
void table_said(struct job *job);
struct session *table_join(struct table *table, const struct id *project,
    const struct worker_joined *joined, uint64_t at_ms);
void table_heard(struct table *table, struct session *session, uint64_t at_ms);
/* It holds nothing, and need not be heard so often. */
void table_keep(struct table *table, struct session *session, uint64_t at_ms);
void table_capacity(struct table *table, struct session *session, uint32_t capacity);
void table_disconnect(struct table *table, struct session *session, bool leaving);
void table_forget(struct table *table, struct session *session);
#endif
