/* A worker in C.  Compile: cc worker.c $(pkg-config --cflags --libs libcapstan) */
#include <capstan_worker.h>
#include <signal.h>

static struct capstan_worker *worker;

static int
greet(struct capstan_job *job, void *context)
{
    const char *name = capstan_job_text(job, "name");
    (void)context;
    if (name == NULL)
        return capstan_job_fail(job, "InvalidInput", "there is no name");
    capstan_job_log(job, "stdout", "greeting somebody\n");
    capstan_job_sleep(job, 1000 * (uint64_t)capstan_job_int(job, "seconds", 0));
    return capstan_job_is_cancelled(job) ? 0 : capstan_job_complete_text(job, name);
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
    struct capstan_options options = { .concurrency = 8 };
    worker = capstan_worker_new(&options);
    capstan_worker_action(worker, "greet", greet, NULL);
    signal(SIGTERM, stop);
    return capstan_worker_run(worker);
}
