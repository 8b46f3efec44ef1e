/* worker - the turn: wait, hear what has come, let actions run, say what there is. */
#include "workers/c/worker.h"

#include "base/clock.h"
#include "base/wrong.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BATCH_MAX = 512, /* frames of one turn */
    LINE_SIZE = 1024 /* bytes of a log line */
};

static void
write_line(int level, const char *line)
{
    static const char *const levels[] = { "broken", "unusual", "info" };
    char whole[LINE_SIZE + 32];
    int size = snprintf(whole, sizeof whole, "%s worker %s\n", levels[level], line);
    /* There is nobody to tell when stderr is gone. */
    (void)!write(STDERR_FILENO, whole, (size_t)size);
}

void
worker_tell(struct capstan_worker *w, int level, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    if (w->options.log != NULL)
        w->options.log(level, line, w->options.context);
    else
        write_line(level, line);
}

struct capstan_worker *
capstan_worker_new(const struct capstan_options *options)
{
    struct capstan_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        WRONG("out of memory");
    list_open(&w->logs);
    list_open(&w->events);
    holding_open(w);
    atomic_init(&w->stops, 0);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum err e = options_take(options, &w->options, &w->fault);
    if (e == ERR_NONE && w->wake_fd < 0)
        e = fault_set(&w->fault, ERR_UNAVAILABLE, "no eventfd can be had");
    w->leaving.result = e == ERR_NONE ? CAPSTAN_OK : CAPSTAN_INVALID;
    return w;
}

static bool
is_there(const struct capstan_worker *w, const char *name)
{
    for (size_t i = 0; i < w->action_count; i++) {
        const char *other = w->actions[i].name;
        if (name == NULL || other == NULL ? name == other : strcmp(name, other) == 0)
            return true;
    }
    return false;
}

static enum err
check_action(const struct capstan_worker *w, const char *name, struct fault *fault)
{
    const char *called = name == NULL ? "*" : name;
    size_t size = strlen(called);
    if (is_there(w, name))
        return fault_set(
            fault, ERR_INVALID, "action %.200s: it is there already", called);
    if (size == 0 || size > NAME_MAX_BYTES || w->action_count == ACTIONS_MAX)
        return fault_set(fault, ERR_INVALID,
            "action %.64s: at most %d, of names of 1 to %d bytes", called, ACTIONS_MAX,
            NAME_MAX_BYTES);
    return ERR_NONE;
}

static void
add(struct capstan_worker *w, const char *name, capstan_action *run, void *context,
    bool quick)
{
    if (check_action(w, name, &w->fault) != ERR_NONE) {
        w->leaving.result = CAPSTAN_INVALID;
        return;
    }
    char *copy = name == NULL ? NULL : strdup(name);
    if (name != NULL && copy == NULL)
        WRONG("out of memory");
    w->actions[w->action_count++] = (struct action){ copy, run, context, quick };
}

void
capstan_worker_action(struct capstan_worker *worker, const char *name,
    capstan_action *action, void *context)
{
    add(worker, name, action, context, false);
}

void
capstan_worker_quick(struct capstan_worker *worker, const char *name,
    capstan_action *action, void *context)
{
    add(worker, name, action, context, true);
}

const struct action *
worker_action(const struct capstan_worker *w, struct bytes name)
{
    const struct action *other = NULL;
    for (size_t i = 0; i < w->action_count; i++) {
        const struct action *a = &w->actions[i];
        if (a->name == NULL)
            other = a;
        else if (bytes_equal(text(a->name), name))
            return a;
    }
    return other;
}

/* What to ask for when nobody said it: what there is, or anything. */
static void
list_actions(struct capstan_worker *w)
{
    struct buffer *out = &w->options.actions;
    if (w->options.actions_given)
        return;
    buffer_clear(out);
    bool any = false;
    for (size_t i = 0; i < w->action_count; i++)
        any |= w->actions[i].name == NULL;
    pack_array(out, any ? 0 : w->action_count);
    for (size_t i = 0; i < w->action_count && !any; i++)
        pack_string(out, w->actions[i].name);
}

static void
hear_news(struct capstan_worker *w)
{
    switch (line_news(&w->line)) {
    case LINE_QUIET: return;
    case LINE_BROKEN: session_broken(w, "connection"); return;
    case LINE_DENIED:
        session_refused(
            w, text("unauthorized"), text("the gateway did not let us connect"));
        return;
    }
}

static void
hear_all(struct capstan_worker *w)
{
    struct bytes frame;
    for (int i = 0; i < BATCH_MAX; i++) {
        if (w->line.socket == NULL || !line_receive(&w->line, &frame))
            return;
        heard_by(w, frame);
    }
}

/* Logs leave before the report of their job; so while logs wait for room, so does all
 * that came after them. */
static void
take_returned(struct capstan_worker *w)
{
    struct list returned;
    if (!list_empty(&w->logs))
        return;
    list_open(&returned);
    pool_take(&w->pool, &returned, &w->logs, &w->events);
    while (!list_empty(&returned)) {
        struct list *link = list_first(&returned);
        list_remove(link);
        holding_returned(w, LIST_OF(link, struct capstan_job, link));
    }
}

static void
notice_stop(struct capstan_worker *w)
{
    unsigned stops = atomic_load(&w->stops);
    if (stops == 1 && !w->leaving.began)
        session_leave(w, w->options.drain_ms);
    else if (stops > 1 && !w->leaving.hurried)
        session_leave(w, 0);
}

static int
timeout_ms(const struct capstan_worker *w)
{
    uint64_t due = session_due(w), now_ms = clock_monotonic_ms();
    if (due == NEVER)
        return -1;
    if (due <= now_ms)
        return 0;
    return due - now_ms > 3600000 ? 3600000 : (int)(due - now_ms);
}

static void
turn(struct capstan_worker *w)
{
    uint64_t wakes;
    struct line_ready ready;
    bool calling = w->session.state == SESSION_CALLING;
    line_wait(&w->line, w->wake_fd, calling || w->blocked, timeout_ms(w), &ready);
    w->now_ms = clock_monotonic_ms();
    if (ready.wake)
        (void)!read(w->wake_fd, &wakes, sizeof wakes);
    notice_stop(w);
    if (ready.news)
        hear_news(w);
    if (w->session.state == SESSION_CALLING && ready.write)
        session_connected(w);
    if (w->line.socket != NULL && ready.read)
        hear_all(w);
    pool_give(&w->pool, &w->holding.fresh);
    take_returned(w);
    if (w->options.after_batch != NULL)
        w->options.after_batch(w->options.context);
    session_tick(w);
    if (!w->leaving.done)
        session_say(w);
}

int
capstan_worker_run(struct capstan_worker *w)
{
    if (w->leaving.result != CAPSTAN_OK)
        return w->leaving.result;
    list_actions(w);
    pool_open(&w->pool, w->options.concurrency, w->wake_fd);
    if (line_start(&w->line) != ERR_NONE) {
        fault_set(&w->fault, ERR_UNAVAILABLE, "no ZeroMQ context can be had");
        w->leaving.result = CAPSTAN_INVALID;
    }
    w->now_ms = clock_monotonic_ms();
    session_open(w);
    while (w->leaving.result != CAPSTAN_INVALID && !w->leaving.done)
        turn(w);
    line_end(&w->line);
    if (w->holding.orphans == 0 && w->holding.open == 0)
        pool_close(&w->pool);
    return w->leaving.result;
}

void
capstan_worker_stop(struct capstan_worker *worker)
{
    int saved = errno;
    uint64_t one = 1;
    atomic_fetch_add(&worker->stops, 1);
    (void)!write(worker->wake_fd, &one, sizeof one);
    errno = saved;
}

const char *
capstan_worker_error(const struct capstan_worker *worker)
{
    return worker->fault.detail;
}

void
capstan_worker_free(struct capstan_worker **worker)
{
    struct capstan_worker *w = *worker;
    *worker = NULL;
    if (w == NULL || w->holding.orphans > 0 || w->holding.open > 0)
        return;
    holding_close(w);
    while (!list_empty(&w->logs))
        log_free(LIST_OF(list_first(&w->logs), struct log_chunk, link));
    while (!list_empty(&w->events))
        event_free(LIST_OF(list_first(&w->events), struct outgoing_event, link));
    for (size_t i = 0; i < w->action_count; i++)
        free((void *)(uintptr_t)w->actions[i].name);
    options_free(&w->options);
    buffer_free(&w->out);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(w);
}
