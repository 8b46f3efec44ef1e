#include "workers/stock/printer.h"

#include "base/wrong.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* A pipe that polls writable takes that much without blocking. */
enum { PIECE = 4096 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t thread;
    struct buffer waiting; /* not yet written */
    bool writing;          /* the thread is at it */
    bool ending, gone;     /* gone: nobody reads any more */
} printer = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* false: nobody will ever read it */
static bool
write_all(struct bytes b)
{
    while (b.size > 0) {
        ssize_t written = write(STDOUT_FILENO, b.data, b.size);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
            poll(&out, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return false;
        } else if (written > 0) {
            b = bytes_of(b.data + written, b.size - (size_t)written);
        }
    }
    return true;
}

static void *
thread_main(void *argument)
{
    struct buffer mine = { 0 };
    (void)argument;
    pthread_mutex_lock(&printer.lock);
    for (;;) {
        while (!printer.writing && !printer.ending)
            pthread_cond_wait(&printer.change, &printer.lock);
        if (printer.waiting.size == 0 && printer.ending)
            break;
        struct buffer full = printer.waiting;
        printer.waiting = mine;
        mine = full;
        pthread_mutex_unlock(&printer.lock);
        bool written = write_all(buffer_bytes(&mine));
        buffer_clear(&mine);
        pthread_mutex_lock(&printer.lock);
        printer.gone |= !written;
        printer.writing = printer.waiting.size > 0;
        pthread_cond_broadcast(&printer.change);
    }
    printer.writing = false;
    pthread_cond_broadcast(&printer.change);
    pthread_mutex_unlock(&printer.lock);
    buffer_free(&mine);
    return NULL;
}

void
printer_open(void)
{
    sigset_t all, before;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&printer.change, &clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&printer.thread, NULL, thread_main, NULL) != 0)
        WRONG("no thread can be had");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool
full(size_t more)
{
    return printer.waiting.size > 0 && printer.waiting.size + more > PRINTER_MAX;
}

bool
printer_line(struct bytes line, bool wait)
{
    pthread_mutex_lock(&printer.lock);
    while (wait && full(line.size) && !printer.gone)
        pthread_cond_wait(&printer.change, &printer.lock);
    bool taken = printer.gone || !full(line.size);
    if (taken && !printer.gone) {
        buffer_append_bytes(&printer.waiting, line);
        buffer_append(&printer.waiting, "\n", 1);
    }
    pthread_mutex_unlock(&printer.lock);
    return taken;
}

/* What stdout takes without blocking; the number of bytes, or 0. */
static size_t
write_some(struct bytes b)
{
    struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
        return 0;
    ssize_t written = write(STDOUT_FILENO, b.data, b.size < PIECE ? b.size : PIECE);
    return written < 0 ? 0 : (size_t)written;
}

void
printer_flush(void)
{
    struct buffer *b = &printer.waiting;
    pthread_mutex_lock(&printer.lock);
    if (!printer.writing && !printer.gone && b->size > 0) {
        size_t at = 0, more;
        while (at < b->size
               && (more = write_some(bytes_of(b->data + at, b->size - at))) > 0)
            at += more;
        memmove(b->data, b->data + at, b->size - at);
        b->size -= at;
        printer.writing = b->size > 0;
        if (printer.writing)
            pthread_cond_broadcast(&printer.change);
    }
    pthread_mutex_unlock(&printer.lock);
}

void
printer_close(unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    printer_flush();
    pthread_mutex_lock(&printer.lock);
    printer.ending = true;
    pthread_cond_broadcast(&printer.change);
    int failed = 0;
    while (printer.writing && failed == 0)
        failed = pthread_cond_timedwait(&printer.change, &printer.lock, &until);
    pthread_mutex_unlock(&printer.lock);
    if (failed == 0)
        pthread_join(printer.thread, NULL);
}
