#include "tests/unit/test_capstan_worker_gate.h"

#include "base/clock.h"
#include "tests/unit/test_capstan_worker_gateway.h"

#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;

static void
add(unsigned *count)
{
    pthread_mutex_lock(&lock);
    ++*count;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

int
gate_stop(struct capstan_job *job, void *context)
{
    struct gate *gate = context;
    add(&gate->came);
    pthread_mutex_lock(&lock);
    while (!gate->open)
        pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
    return capstan_job_complete_text(job, "through");
}

int
gate_sleep(struct capstan_job *job, void *context)
{
    struct gate *gate = context;
    add(&gate->came);
    if (!capstan_job_sleep(job, 60000))
        return capstan_job_fail(job, "Slept", "nobody cancelled it");
    add(&gate->cancelled);
    return 0;
}

void
gate_open(struct gate *gate)
{
    pthread_mutex_lock(&lock);
    gate->open = true;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

static void
wait_for(const unsigned *count, unsigned least)
{
    uint64_t until_ms = clock_unix_ms() + PATIENCE_MS;
    struct timespec until = { .tv_sec = (time_t)(until_ms / 1000) };
    int failed = 0;
    pthread_mutex_lock(&lock);
    while (*count < least && failed == 0)
        failed = pthread_cond_timedwait(&change, &lock, &until);
    unsigned found = *count;
    pthread_mutex_unlock(&lock);
    ck_assert_uint_ge(found, least);
}

void
gate_wait_came(struct gate *gate, unsigned count)
{
    wait_for(&gate->came, count);
}

void
gate_wait_cancelled(struct gate *gate, unsigned count)
{
    wait_for(&gate->cancelled, count);
}

unsigned
gate_came(struct gate *gate)
{
    pthread_mutex_lock(&lock);
    unsigned came = gate->came;
    pthread_mutex_unlock(&lock);
    return came;
}
