/* A worker that only says when: for each job its step, when it came (monotonic ns), and
 * how long after the job before it was done (ns). */
#include "base/clock.h"
#include "workers/c/capstan_worker.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static struct capstan_worker *worker;
static uint64_t done_ns;

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int
note(struct capstan_job *job, void *context)
{
    uint64_t came_ns = now_ns();
    (void)context;
    printf("%s %" PRIu64 " %" PRIu64 "\n", capstan_job_step(job), came_ns,
        came_ns - done_ns);
    fflush(stdout);
    int result = capstan_job_complete_text(job, "done");
    done_ns = now_ns();
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
