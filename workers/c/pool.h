/* pool - the threads that run actions, and what goes between them and the one thread
 * that talks to the gateway.
 *
 * Threads begin when they are needed and stay.  They wake the talker through an eventfd
 * when the first thing is there for it.
 */
#ifndef WORKERS_C_POOL_H
#define WORKERS_C_POOL_H
#include "workers/c/events.h"
#include "workers/c/job.h"

#include <pthread.h>

enum { LOGS_MAX = 1 << 20 }; /* bytes of log that wait to be sent */

/* One `log` message, ready to be sent. */
struct log_chunk {
    struct list link;
    struct buffer frame;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;   /* something waits, or the end has come */
    pthread_cond_t change; /* a job was cancelled */
    struct list waiting;   /* jobs */
    struct list returned;  /* jobs with a report */
    struct list logs;
    size_t log_bytes;
    struct list events;
    size_t event_count; /* of all that the engine has not answered */
    unsigned waiting_count, idle, threads, threads_max;
    bool ending;
    pthread_t *ids;
    int wake_fd;
};

/* At most `threads_max` threads; `wake_fd` is an eventfd of the caller. */
void pool_open(struct pool *pool, unsigned threads_max, int wake_fd);
/* No action may be running. */
void pool_close(struct pool *pool);

/* Hand over all of `jobs`. */
void pool_give(struct pool *pool, struct list *jobs);
/* Take what has returned, what was logged and what is to be published. */
void pool_take(
    struct pool *pool, struct list *returned, struct list *logs, struct list *events);
/* Take back a job that no thread has begun; false if one has. */
bool pool_withdraw(struct pool *pool, struct capstan_job *job);
/* Tell the action. */
void pool_cancel(struct pool *pool, struct capstan_job *job);

/* For actions: 1 if the job was cancelled before the time was over. */
int pool_pause(struct pool *pool, const struct capstan_job *job, uint64_t ms);
void pool_log(struct pool *pool, const struct capstan_job *job, struct bytes stream,
    struct bytes text);
/* False: too many wait already; it is freed. */
bool pool_publish(struct pool *pool, struct outgoing_event *event);
/* The engine has answered; frees it. */
void pool_published(struct pool *pool, struct outgoing_event *event);
void log_free(struct log_chunk *chunk);
#endif
