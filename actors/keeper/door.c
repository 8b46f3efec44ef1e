#include "actors/keeper/door.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PACKET_MAX = CONFIG_TEXT_MAX + 16 };

enum err
door_open(struct keeper *k, struct fault *fault)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[FOLDER_PATH_MAX];
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        k->clients[i].fd = -1;
    folder_path(k->child.config.data, "run/keeper", path);
    (void)unlink(path);
    snprintf(at.sun_path, sizeof at.sun_path, "%.107s", path);
    k->door_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (k->door_fd < 0 || bind(k->door_fd, (struct sockaddr *)&at, sizeof at) != 0
        || listen(k->door_fd, CLIENTS_MAX) != 0)
        return fault_set(fault, ERR_IO, "%.250s: %s", path, strerror(errno));
    return ERR_NONE;
}

__attribute__((format(printf, 2, 3))) static void
answer(struct client *c, const char *format, ...)
{
    char packet[512];
    va_list args;
    va_start(args, format);
    vsnprintf(packet, sizeof packet, format, args);
    va_end(args);
    /* Who does not listen any more loses it. */
    (void)send(c->fd, packet, strlen(packet), MSG_DONTWAIT | MSG_NOSIGNAL);
    close(c->fd);
    *c = (struct client){ .fd = -1 };
}

void
door_accept(struct keeper *k)
{
    struct client late = { .fd = accept4(
                               k->door_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) };
    if (late.fd < 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i].fd < 0) {
            k->clients[i] = late;
            return;
        }
    answer(&late, "no %d others are asking: try again", CLIENTS_MAX);
}

static enum err
add(struct keeper *k, const char *folder, struct client *c, struct fault *fault)
{
    enum err e = roll_add(k, folder, &c->worker, fault);
    c->up = true;
    if (e == ERR_NONE)
        managed_obey(k, c->worker, kept_start(&c->worker->kept, clock_monotonic_ms()));
    return e;
}

static enum err
find(struct keeper *k, const char *name, struct client *c, struct fault *fault)
{
    c->worker = roll_find(k, text(name));
    if (c->worker == NULL)
        return fault_set(fault, ERR_NOT_FOUND,
            "there is no worker %.40s: capstan worker list says which there are", name);
    return ERR_NONE;
}

/* One that is wanted, and by `order` becomes so.  A manifest with a mistake does not
 * cost the worker that runs. */
static enum err
raise_up(struct keeper *k, const char *name, struct client *c, struct fault *fault,
    enum keep_order (*order)(struct kept *kept, uint64_t now_ms))
{
    enum err e = find(k, name, c, fault);
    if (e == ERR_NONE)
        e = managed_check(c->worker, fault);
    if (e == ERR_NONE)
        e = managed_mark(k, c->worker, false, fault);
    if (e == ERR_NONE && order == kept_restart)
        e = managed_outdate(k, c->worker, fault);
    c->up = true;
    if (e == ERR_NONE)
        c->worker->leaving = false;
    if (e == ERR_NONE)
        managed_obey(k, c->worker, order(&c->worker->kept, clock_monotonic_ms()));
    return e;
}

static enum err
start(struct keeper *k, const char *name, struct client *c, struct fault *fault)
{
    return raise_up(k, name, c, fault, kept_start);
}

static enum err
restart(struct keeper *k, const char *name, struct client *c, struct fault *fault)
{
    return raise_up(k, name, c, fault, kept_restart);
}

static enum err
stop(struct keeper *k, const char *name, struct client *c, struct fault *fault)
{
    enum err e = find(k, name, c, fault);
    if (e == ERR_NONE)
        e = managed_mark(k, c->worker, true, fault);
    if (e == ERR_NONE)
        managed_obey(k, c->worker, kept_stop(&c->worker->kept, clock_monotonic_ms()));
    return e;
}

static enum err
drop(struct keeper *k, const char *name, struct client *c, struct fault *fault)
{
    enum err e = find(k, name, c, fault);
    if (e == ERR_NONE && c->worker->declared)
        return fault_set(fault, ERR_CONFLICT,
            "the setting workers names %s: take it out there", name);
    if (e == ERR_NONE)
        e = stop(k, name, c, fault);
    if (e == ERR_NONE)
        c->worker->leaving = true;
    return e;
}

static const struct {
    const char *name;
    enum err (*act)(
        struct keeper *k, const char *about, struct client *c, struct fault *fault);
} verbs[] = {
    { "add", add },
    { "start", start },
    { "stop", stop },
    { "restart", restart },
    { "remove", drop },
};

static enum err
ask(struct keeper *k, char *packet, struct client *c, struct fault *fault)
{
    char *about = packet;
    const char *verb = strsep(&about, " ");
    if (k->stopping)
        return fault_set(fault, ERR_BUSY, "the engine is ending");
    for (size_t i = 0; i < COUNT(verbs) && about != NULL; i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].act(k, about, c, fault);
    return fault_set(fault, ERR_MALFORMED, "the keeper knows no '%.40s'", verb);
}

void
door_hear(struct keeper *k, struct client *c)
{
    char packet[PACKET_MAX + 1];
    struct fault fault = { 0 };
    ssize_t size = recv(c->fd, packet, PACKET_MAX, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) { /* it waits no longer; what it asked for goes on */
        close(c->fd);
        *c = (struct client){ .fd = -1 };
        return;
    }
    packet[size] = '\0';
    if (c->worker != NULL) {
        answer(c, "no one thing at a time");
    } else if (ask(k, packet, c, &fault) != ERR_NONE) {
        answer(c, "no %s", fault.detail);
    }
    k->changed = true;
}

static void
settle(struct client *c)
{
    const struct worker *w = c->worker;
    switch (w->kept.state) {
    case KEEP_PREPARING:
    case KEEP_STARTING:
    case KEEP_STOPPING: return;
    case KEEP_RUNNING:
        if (c->up)
            answer(c, "ok %s", w->name);
        return;
    case KEEP_STOPPED:
        if (c->up)
            answer(c, "no %s was stopped", w->name);
        else
            answer(c, "ok %s", w->name);
        return;
    case KEEP_BACKING_OFF:
    case KEEP_FAILED:
        if (c->up)
            answer(c, "no %s: %s", w->name, w->detail);
        else
            answer(c, "ok %s", w->name);
    }
}

void
door_settle(struct keeper *k)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->clients[i].fd >= 0 && k->clients[i].worker != NULL)
            settle(&k->clients[i]);
}
