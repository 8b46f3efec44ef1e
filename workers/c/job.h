/* job - one lease that this worker holds, from `job` to `ack`.
 *
 *         action returned, or never begun              ack, lost
 *   OPEN -------------------------------> REPORTING ------------> gone
 *     | lost while the action runs      action returned
 *     +-------------------------> ORPHAN ------------------------> gone
 *
 * The thread that talks to the gateway owns a job, except while an action runs: then
 * the action's thread owns what is marked so.
 */
#ifndef WORKERS_C_JOB_H
#define WORKERS_C_JOB_H
#include "base/arena.h"
#include "base/list.h"
#include "base/pack.h"
#include "workers/c/capstan_worker.h"
#include "workers/c/heard.h"

#include <stdatomic.h>

enum {
    TOKEN_MAX = 255,
    WORD_MAX = 200,           /* bytes of an error type, a stream */
    ERROR_MESSAGE_MAX = 4096, /* bytes */
    LOG_CHUNK_MAX = 65536     /* bytes */
};

enum job_state { JOB_OPEN, JOB_REPORTING, JOB_ORPHAN };
enum job_outcome { OUTCOME_NONE, OUTCOME_COMPLETED, OUTCOME_FAILED };

struct action {
    const char *name;
    capstan_action *run;
    void *context;
    bool quick;
};

struct pool;

struct capstan_job {
    struct list link; /* in what waits, has returned, or is to be said */
    struct list all;  /* in what is held */
    enum job_state state;
    uint8_t token[TOKEN_MAX];
    size_t token_size;

    struct buffer frame, texts;
    struct bytes parameters;                              /* in `frame` */
    size_t id, run, step, action_name, queue, automation; /* where in `texts` */
    unsigned attempt;
    uint64_t deadline_ms; /* unix ms; 0: never */
    size_t output_max;    /* bytes */
    struct pool *pool;
    const struct action *action;

    /* of the action's thread */
    bool in_thread;
    enum job_outcome outcome;
    struct arena memory;
    struct buffer output, report;
    struct bytes error_type, error_message;
    uint64_t retry_after_ms; /* 0: as the step says */

    atomic_bool cancelled;
    bool begun; /* of the pool's lock: a thread has it */

    uint64_t resend_ms; /* monotonic: when to say the report again */
    unsigned resends;
    bool replaced; /* the gateway would not have the first report */
};

struct capstan_job *job_new(void);
void job_free(struct capstan_job **job);

/* Begin with what the gateway said, which is copied.
 *
 * ERR_MALFORMED  it has no token that fits
 */
MUST_CHECK enum err
job_open(struct capstan_job *job, struct bytes frame, const struct heard *heard);
/* Forget the job; keeps memory for the next. */
void job_shut(struct capstan_job *job);

static inline struct bytes
job_token(const struct capstan_job *job)
{
    return bytes_of(job->token, job->token_size);
}

/* Call the action and write the report; false if the action asks for a thread. */
bool job_work(struct capstan_job *job);
/* Write the report without calling the action. */
void job_refuse(struct capstan_job *job, const char *type, struct bytes message);
void job_drop(struct capstan_job *job); /* cancelled before it began */
#endif
