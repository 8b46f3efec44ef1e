#include "gateway/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/bridge.h"
#include "gateway/native/worker_door.h"
#include "gateway/server.h"
#include "gateway/watch.h"
#include "gateway/workers.h"

#include <czmq.h>

/* Messages of one turn; more come in the next. */
enum { MESSAGES_MAX = 4096 };

struct loop {
    struct gateway *gateway;
    zloop_t *zloop;
    int timer;         /* -1: not set */
    uint64_t timer_ms; /* when it rings */
    struct alarm leave;
    bool over;
};

static void turn(struct loop *loop, bool http);

static int
on_timer(zloop_t *zloop, int timer, void *self)
{
    struct loop *loop = self;
    (void)zloop;
    (void)timer;
    loop->timer = -1;
    turn(loop, false);
    return loop->over ? -1 : 0;
}

static int
on_socket(zloop_t *zloop, zsock_t *socket, void *self)
{
    struct loop *loop = self;
    (void)zloop;
    (void)socket;
    turn(loop, false);
    return loop->over ? -1 : 0;
}

static int
on_http(zloop_t *zloop, zmq_pollitem_t *item, void *self)
{
    struct loop *loop = self;
    (void)zloop;
    (void)item;
    turn(loop, true);
    return loop->over ? -1 : 0;
}

static void
time_is_over(struct alarm *alarm)
{
    LIST_OF(alarm, struct loop, leave)->over = true;
}

static int
on_stop(zloop_t *zloop, zmq_pollitem_t *item, void *self)
{
    struct loop *loop = self;
    struct gateway *g = loop->gateway;
    zloop_poller_end(zloop, item);
    log_line(LOG_INFO, "draining", "requests=%zu busy_workers=%zu",
        server_busy(g->server), workers_busy(g->workers));
    g->draining = true;
    loop->leave.ring = time_is_over;
    alarm_set(
        &g->alarms, &loop->leave, clock_monotonic_ms() + g->child.config.drain_ms / 2);
    server_quiesce(g->server);
    workers_drain(g->workers);
    watches_leave(g->watches);
    turn(loop, true);
    return loop->over ? -1 : 0;
}

static void
hear_actors(struct gateway *g)
{
    struct message in = { 0 };
    unsigned count = 0;
    /* The message after a HELLO is held back with it, and must be taken too. */
    while ((count++ < MESSAGES_MAX || in.code == HELLO)
           && mailbox_receive(g->mailbox, &in))
        gateway_hear(g, &in);
    mailbox_release(g->mailbox);
}

static void
open_doors(struct loop *loop)
{
    struct gateway *g = loop->gateway;
    if (g->open || gateway_waits_for(g) != NULL)
        return;
    g->open = true;
    if (zloop_reader(loop->zloop, worker_door_socket(g->worker_door), on_socket, loop)
        != 0)
        WRONG("out of memory");
    child_ready(&g->child, "http=%u worker=%u", server_port(g->server),
        worker_door_port(g->worker_door));
}

static bool
nothing_left(const struct gateway *g)
{
    return server_busy(g->server) == 0 && workers_busy(g->workers) == 0
           && bridge_count(g->bridge) == 0;
}

static void
set_timer(struct loop *loop, uint64_t at_ms)
{
    uint64_t now_ms = loop->gateway->now_ms;
    if (loop->timer >= 0 && loop->timer_ms <= at_ms)
        return;
    if (loop->timer >= 0)
        zloop_timer_end(loop->zloop, loop->timer);
    loop->timer_ms = at_ms;
    loop->timer = zloop_timer(
        loop->zloop, at_ms > now_ms ? (size_t)(at_ms - now_ms) : 0, 1, on_timer, loop);
    if (loop->timer < 0)
        WRONG("out of memory");
}

/* All that has come is taken, all that follows leaves together. */
static void
turn(struct loop *loop, bool http)
{
    struct gateway *g = loop->gateway;
    bool more = false;
    g->now_ms = clock_monotonic_ms();
    hear_actors(g);
    if (g->open)
        more = worker_door_run(g->worker_door);
    server_run(g->server, http);
    alarms_ring(&g->alarms, g->now_ms);
    server_run(g->server, false);
    open_doors(loop);
    if (g->draining && nothing_left(g))
        loop->over = true;
    mailbox_flush(g->mailbox);
    uint64_t hello_ms = g->now_ms + mailbox_tick(g->mailbox);
    uint64_t next_ms = alarms_next(&g->alarms);
    if (hello_ms < next_ms)
        next_ms = hello_ms;
    set_timer(loop, more || server_restless(g->server) ? g->now_ms : next_ms);
}

void
gateway_loop(struct gateway *g)
{
    struct loop loop = { .gateway = g, .zloop = zloop_new(), .timer = -1 };
    zmq_pollitem_t http = { .fd = server_fd(g->server), .events = ZMQ_POLLIN };
    zmq_pollitem_t stop = { .fd = g->child.stop_fd, .events = ZMQ_POLLIN };
    if (loop.zloop == NULL
        || zloop_reader(loop.zloop, mailbox_socket(g->mailbox), on_socket, &loop) != 0
        || zloop_poller(loop.zloop, &http, on_http, &loop) != 0
        || zloop_poller(loop.zloop, &stop, on_stop, &loop) != 0)
        WRONG("out of memory");
    zloop_set_nonstop(loop.zloop, true);
    turn(&loop, true);
    zloop_start(loop.zloop);
    zloop_destroy(&loop.zloop);
    alarm_clear(&g->alarms, &loop.leave);
    mailbox_flush(g->mailbox);
}
