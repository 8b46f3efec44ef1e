/* worker_main - the stock worker: `capstan worker` runs it. */
#include "base/bytes.h"
#include "base/wrong.h"
#include "workers/c/capstan_worker.h"
#include "workers/stock/actions.h"
#include "workers/stock/flags.h"
#include "workers/stock/printer.h"
#include "workers/stock/shell.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, INSTANCE_SIZE = 256, CLOSE_MS = 2000 };

static struct session {
    struct capstan_worker *worker;
    pthread_t thread;
    unsigned number;
    int result;
} sessions[WORKERS_MAX];
static unsigned session_count;
static struct http_policy policy;

static void
stop_all(int signal)
{
    (void)signal;
    for (unsigned i = 0; i < session_count; i++)
        capstan_worker_stop(sessions[i].worker);
}

static void
say(int level, const char *line, void *context)
{
    static const char *const levels[] = { "broken", "unusual", "info" };
    const struct session *session = context;
    if (session_count == 1)
        fprintf(stderr, "%s worker %s\n", levels[level], line);
    else
        fprintf(stderr, "%s worker.%u %s\n", levels[level], session->number, line);
}

static void
after_batch(void *context)
{
    (void)context;
    printer_flush();
}

static void *
run(void *argument)
{
    struct session *session = argument;
    session->result = capstan_worker_run(session->worker);
    /* One that may not work means that none may. */
    if (session->result == CAPSTAN_REFUSED || session->result == CAPSTAN_INVALID)
        stop_all(0);
    return NULL;
}

/* A flag beats every environment variable. */
static const char *
worker_url(const struct flags *f)
{
    if (f->worker_url != NULL || f->url == NULL)
        return f->worker_url;
    if (strncmp(f->url, "tcp://", 6) == 0 || strncmp(f->url, "ipc://", 6) == 0)
        return f->url;
    unsetenv("CAPSTAN_WORKER_URL");
    setenv("CAPSTAN_URL", f->url, 1);
    return NULL;
}

/* To the library 0 means that nothing was said. */
static unsigned
drain_ms(const struct flags *f)
{
    if (f->drain_ms == FLAG_DRAIN_UNSAID)
        return 0;
    return f->drain_ms > 0 ? f->drain_ms : 1;
}

static void
open_sessions(const struct flags *f)
{
    char prefix[INSTANCE_SIZE], instance[INSTANCE_SIZE + 16];
    struct capstan_options options = {
        .url = worker_url(f),
        .key = f->key,
        .server_key = f->server_key,
        .instance = instance,
        .name = f->name,
        .version = PACKAGE_VERSION,
        .queues = f->queues,
        .actions = f->actions,
        .labels = f->labels,
        .environment = f->environment,
        .concurrency = f->concurrency,
        .drain_ms = drain_ms(f),
        .log = say,
        .after_batch = after_batch,
    };
    if (f->instance_id != NULL)
        snprintf(prefix, sizeof prefix, "%s", f->instance_id);
    else
        capstan_instance(prefix);
    for (unsigned i = 0; i < f->workers; i++) {
        snprintf(instance, sizeof instance, "%s", prefix);
        if (f->workers > 1)
            snprintf(instance, sizeof instance, "%s-%u", prefix, i + 1);
        options.context = &sessions[i];
        sessions[i].number = i + 1;
        sessions[i].worker = capstan_worker_new(&options);
        actions_add(sessions[i].worker, f->actions, &policy);
        session_count = i + 1;
    }
}

static void
watch_signals(void)
{
    struct sigaction stop = { .sa_handler = stop_all, .sa_flags = SA_RESTART };
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The worst of all. */
static int
close_sessions(void)
{
    int status = EXIT_SUCCESS;
    for (unsigned i = 0; i < session_count; i++) {
        struct session *s = &sessions[i];
        if (s->result == CAPSTAN_INVALID || s->result == CAPSTAN_REFUSED) {
            if (status == EXIT_SUCCESS)
                fprintf(
                    stderr, "capstan worker: %s\n", capstan_worker_error(s->worker));
            status = s->result == CAPSTAN_INVALID ? EXIT_USAGE : EXIT_REFUSED;
        }
    }
    return status;
}

int
main(int argc, char **argv)
{
    struct flags flags;
    if (!flags_read(argc, argv, &flags))
        return EXIT_USAGE;
    if (flags.help || flags.version) {
        if (flags.help)
            flags_help();
        else
            puts("capstan worker " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (flags.data != NULL)
        setenv("CAPSTAN_DATA", flags.data, 1);
    policy.private_addresses = strcmp(flags.private_addresses, "yes") == 0;
    actions_open(flags.actions);
    http_open();
    open_sessions(&flags);
    watch_signals();
    printer_open();
    for (unsigned i = 0; i < session_count; i++)
        if (pthread_create(&sessions[i].thread, NULL, run, &sessions[i]) != 0)
            WRONG("no thread can be had");
    for (unsigned i = 0; i < session_count; i++)
        pthread_join(sessions[i].thread, NULL);
    int status = close_sessions();
    shell_kill_all();
    printer_close(CLOSE_MS);
    return status;
}
