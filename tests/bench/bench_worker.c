/* A worker that only says when: for each job its step, when it came (µs since boot),
 * and how long after the job before it was done (µs). */
#include "base/clock.h"
#include "workers/c/capstan_worker.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static struct capstan_worker *worker;
static uint64_t done_us;

static int
note(struct capstan_job *job, void *context)
{
    uint64_t came_us = clock_monotonic_us();
    (void)context;
    printf("%s %" PRIu64 " %" PRIu64 "\n", capstan_job_step(job), came_us,
        came_us - done_us);
    fflush(stdout);
    int result = capstan_job_complete_text(job, "done");
    done_us = clock_monotonic_us();
    return result;
}

static void
stop(int signal)
{
    (void)signal;
    capstan_worker_stop(worker);
}

int
main(void)
{
    struct capstan_options options = { .concurrency = 1 };
    worker = capstan_worker_new(&options);
    capstan_worker_quick(worker, NULL, note, NULL);
    signal(SIGTERM, stop);
    int result = capstan_worker_run(worker);
    capstan_worker_free(&worker);
    return result;
}
