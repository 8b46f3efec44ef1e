/* Goal: the C library says what it should of actions that end after a cancel.
 * Method: a worker whose action waits for one and then ends as its job says; what it
 * reports is heard by tests/support/worker_conformance.py. */
#include <capstan_worker.h>
#include <signal.h>
#include <string.h>

static struct capstan_worker *worker;

static int
after_cancel(struct capstan_job *job, void *context)
{
    const char *how = capstan_job_text(job, "how");
    (void)context;
    capstan_job_log(job, "stdout", "waits\n");
    while (!capstan_job_sleep(job, 60000))
        continue;
    if (strcmp(how, "output") == 0)
        return capstan_job_complete_text(job, "done");
    if (strcmp(how, "error") == 0)
        return capstan_job_fail(job, "Error", "no");
    return strcmp(how, "nothing") == 0 ? 0 : 7;
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
    capstan_worker_action(worker, "after-cancel", after_cancel, NULL);
    signal(SIGTERM, stop);
    return capstan_worker_run(worker);
}
