#include "actors/keeper/door.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DOORS_FIXED = 3, DOORS_MAX = DOORS_FIXED + CLIENTS_MAX + WORKERS_MAX };

static void
open_signals(struct keeper *k)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    /* What a killed guardian leaves becomes ours. */
    if (k->signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        child_fail(&k->child, "signals: %s", err_sentence(ERR_IO));
}

static void
publish(struct keeper *k)
{
    struct status status = { 0 };
    struct fault fault;
    char path[FOLDER_PATH_MAX];
    uint64_t back_ms = clock_unix_ms() - clock_monotonic_ms();
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        const struct worker *w = &k->workers[i];
        if (!w->used)
            continue;
        struct status_row *row = &status.rows[status.row_count++];
        memcpy(row->name, w->name, sizeof w->name);
        snprintf(row->detail, sizeof row->detail, "%.200s", w->detail);
        snprintf(row->state, sizeof row->state, "%s", keep_state_name(w->kept.state));
        row->pid = w->pid;
        row->restarts = w->kept.restarts;
        row->since_ms = back_ms + w->kept.since_ms;
    }
    folder_path(k->child.config.data, "run/workers", path);
    if (status_write(&status, path, &fault) != ERR_NONE)
        log_line(LOG_BROKEN, "status_not_written", "err=\"%s\"", fault.detail);
}

static void
tick(struct keeper *k, struct worker *w)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (w->used && kept_due(&w->kept) <= now_ms)
        managed_obey(k, w, kept_tick(&w->kept, now_ms));
}

static uint64_t
due_ms(const struct keeper *k)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k->workers[i].used && kept_due(&k->workers[i].kept) < due)
            due = kept_due(&k->workers[i].kept);
    return due;
}

static void
stop_all(struct keeper *k)
{
    k->stopping = true;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k->workers[i].used)
            managed_obey(k, &k->workers[i],
                kept_stop(&k->workers[i].kept, clock_monotonic_ms()));
}

/* Nothing lives any more, and is not to. */
static bool
done(const struct keeper *k)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k->workers[i].used && kept_lives(&k->workers[i].kept))
            return false;
    return k->stopping;
}

static void
wait_for_all(struct keeper *k, struct pollfd doors[DOORS_MAX])
{
    doors[0].fd = k->stopping ? -1 : k->child.stop_fd;
    doors[1].fd = k->signal_fd;
    doors[2].fd = k->door_fd;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        doors[DOORS_FIXED + i].fd = k->clients[i].fd;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        doors[DOORS_FIXED + CLIENTS_MAX + i].fd =
            k->workers[i].guardian > 0 ? k->workers[i].say_fd : -1;
    for (size_t i = 0; i < DOORS_MAX; i++) {
        doors[i].events = POLLIN;
        doors[i].revents = 0;
    }
    (void)poll(doors, DOORS_MAX, clock_patience(due_ms(k)));
}

static void
turn(struct keeper *k)
{
    struct pollfd doors[DOORS_MAX];
    struct signalfd_siginfo info;
    wait_for_all(k, doors);
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (doors[DOORS_FIXED + CLIENTS_MAX + i].revents & POLLIN)
            managed_hear(k, &k->workers[i]);
    while (doors[1].revents != 0
           && read(k->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    managed_reap(k);
    for (size_t i = 0; i < WORKERS_MAX; i++)
        tick(k, &k->workers[i]);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (doors[DOORS_FIXED + i].revents != 0)
            door_hear(k, &k->clients[i]);
    if (doors[2].revents != 0)
        door_accept(k);
    if (doors[0].revents != 0 && !k->stopping)
        stop_all(k);
}

/* Who is told that something has become so may look at once: it is published first. */
static void
tell(struct keeper *k)
{
    if (!k->changed)
        return;
    k->changed = false;
    roll_clear(k);
    publish(k);
    door_settle(k);
}

int
main(int argc, char **argv)
{
    static struct keeper k;
    struct fault fault = { 0 };
    child_start(argc, argv, "keeper", &k.child);
    /* Nor has what it starts any; where it cannot be, our other processes say so. */
    (void)privileges_drop(false);
    open_signals(&k);
    if (door_open(&k, &fault) != ERR_NONE)
        child_fail(&k.child, "%s", fault.detail);
    roll_load(&k);
    k.changed = true;
    tell(&k);
    child_ready(&k.child, "%s", "");
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (k.workers[i].used && !k.workers[i].record.stopped)
            managed_obey(&k, &k.workers[i],
                kept_start(&k.workers[i].kept, clock_monotonic_ms()));
    while (!done(&k)) {
        tell(&k);
        turn(&k);
    }
    tell(&k);
    return EXIT_SUCCESS;
}
