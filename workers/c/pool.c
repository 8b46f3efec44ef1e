#include "workers/c/pool.h"

#include "base/wrong.h"
#include "workers/c/clean.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
wake(const struct pool *pool)
{
    uint64_t one = 1;
    /* It only fails when the talker has been woken 2^64 times already. */
    (void)!write(pool->wake_fd, &one, sizeof one);
}

static bool
nothing_to_take(const struct pool *pool)
{
    return list_empty(&pool->returned) && list_empty(&pool->logs)
           && list_empty(&pool->events);
}

/* With the lock held, which it gives away while the action runs. */
static void
work_one(struct pool *pool)
{
    struct capstan_job *job =
        LIST_OF(list_first(&pool->waiting), struct capstan_job, link);
    list_remove(&job->link);
    pool->waiting_count--;
    job->begun = true;
    pthread_mutex_unlock(&pool->lock);
    if (!job_work(job))
        WRONG("a job asked for a thread twice");
    pthread_mutex_lock(&pool->lock);
    bool first = nothing_to_take(pool);
    list_append(&pool->returned, &job->link);
    if (first)
        wake(pool);
}

static void *
thread_main(void *argument)
{
    struct pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (list_empty(&pool->waiting) && !pool->ending) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
        }
        if (list_empty(&pool->waiting))
            break;
        work_one(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void
pool_open(struct pool *pool, unsigned threads_max, int wake_fd)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->change, &clock);
    pthread_condattr_destroy(&clock);
    list_open(&pool->waiting);
    list_open(&pool->returned);
    list_open(&pool->logs);
    list_open(&pool->events);
    pool->threads_max = threads_max;
    pool->wake_fd = wake_fd;
    pool->ids = calloc(threads_max, sizeof *pool->ids);
    if (pool->ids == NULL)
        WRONG("out of memory");
}

void
pool_close(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    while (!list_empty(&pool->logs))
        log_free(LIST_OF(list_first(&pool->logs), struct log_chunk, link));
    while (!list_empty(&pool->events))
        event_free(LIST_OF(list_first(&pool->events), struct outgoing_event, link));
    pthread_cond_destroy(&pool->change);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->ids);
    pool->ids = NULL;
}

/* Signals are for the program's own threads. */
static bool
begin_thread(struct pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&pool->ids[pool->threads], NULL, thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0 && pool->threads == 0)
        WRONG("not even one thread can begin");
    pool->threads += failed == 0;
    return failed == 0;
}

void
pool_give(struct pool *pool, struct list *jobs)
{
    unsigned given = 0;
    if (list_empty(jobs))
        return;
    pthread_mutex_lock(&pool->lock);
    while (!list_empty(jobs)) {
        struct list *link = list_first(jobs);
        list_remove(link);
        list_append(&pool->waiting, link);
        given++;
    }
    pool->waiting_count += given;
    for (unsigned i = 0; i < given && i < pool->idle; i++)
        pthread_cond_signal(&pool->work);
    /* Threads that were woken and have not begun count as idle, and their jobs as
     * waiting. */
    unsigned more =
        pool->waiting_count > pool->idle ? pool->waiting_count - pool->idle : 0;
    while (more-- > 0 && pool->threads < pool->threads_max && begin_thread(pool))
        ;
    pthread_mutex_unlock(&pool->lock);
}

static void
move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = list_first(from);
        list_remove(link);
        list_append(to, link);
    }
}

void
pool_take(
    struct pool *pool, struct list *returned, struct list *logs, struct list *events)
{
    pthread_mutex_lock(&pool->lock);
    move_all(&pool->returned, returned);
    move_all(&pool->logs, logs);
    move_all(&pool->events, events);
    pool->log_bytes = 0;
    pthread_mutex_unlock(&pool->lock);
}

bool
pool_withdraw(struct pool *pool, struct capstan_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool waits = !job->begun;
    if (waits) {
        list_remove(&job->link);
        pool->waiting_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

void
pool_cancel(struct pool *pool, struct capstan_job *job)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store(&job->cancelled, true);
    pthread_cond_broadcast(&pool->change);
    pthread_mutex_unlock(&pool->lock);
}

static struct timespec
in_ms(uint64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    /* A year is longer than any lease. */
    uint64_t most = (uint64_t)366 * 24 * 3600 * 1000;
    if (ms > most)
        ms = most;
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int
pool_pause(struct pool *pool, const struct capstan_job *job, uint64_t ms)
{
    struct timespec until = in_ms(ms);
    int failed = 0;
    pthread_mutex_lock(&pool->lock);
    while (!atomic_load(&job->cancelled) && failed == 0)
        failed = pthread_cond_timedwait(&pool->change, &pool->lock, &until);
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&job->cancelled);
}

void
pool_log(struct pool *pool, const struct capstan_job *job, struct bytes stream,
    struct bytes chunk)
{
    struct log_chunk *log = calloc(1, sizeof *log);
    if (log == NULL)
        WRONG("out of memory");
    pack_map(&log->frame, 4);
    pack_string(&log->frame, "type");
    pack_string(&log->frame, "log");
    pack_string(&log->frame, "token");
    pack_blob(&log->frame, job_token(job));
    pack_string(&log->frame, "stream");
    clean_pack(&log->frame, stream);
    pack_string(&log->frame, "chunk");
    clean_pack(&log->frame, chunk);
    list_open(&log->link);

    pthread_mutex_lock(&pool->lock);
    bool room = pool->log_bytes + log->frame.size <= LOGS_MAX;
    bool first = nothing_to_take(pool);
    if (room) {
        pool->log_bytes += log->frame.size;
        list_append(&pool->logs, &log->link);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!room)
        log_free(log);
    else if (first)
        wake(pool);
}

bool
pool_publish(struct pool *pool, struct outgoing_event *event)
{
    pthread_mutex_lock(&pool->lock);
    bool room = pool->event_count < EVENTS_MAX;
    bool first = nothing_to_take(pool);
    if (room) {
        pool->event_count++;
        list_append(&pool->events, &event->link);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!room)
        event_free(event);
    else if (first)
        wake(pool);
    return room;
}

void
pool_published(struct pool *pool, struct outgoing_event *event)
{
    pthread_mutex_lock(&pool->lock);
    pool->event_count--;
    pthread_mutex_unlock(&pool->lock);
    event_free(event);
}

void
log_free(struct log_chunk *chunk)
{
    list_remove(&chunk->link);
    buffer_free(&chunk->frame);
    free(chunk);
}
