#include "gateway/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/wrong.h"
#include "gateway/bridge.h"
#include "gateway/iii/iii.h"
#include "gateway/native/worker_door.h"
#include "gateway/server.h"
#include "gateway/watch.h"
#include "gateway/websocket.h"
#include "gateway/workers.h"
#include "gateway/workflow_graph/workflow_graph.h"

#include <czmq.h>
#include <limits.h>
#include <sys/epoll.h>

/* Messages of one turn, and what woke it; more come in the next. */
enum { MESSAGES_MAX = 4096, EVENTS_MAX = 256 };

/* In the epoll set by these numbers; all else there are pointers, to WebSockets. */
enum { INBOX, WORKERS, PARTINGS, STOP, SERVERS, SOURCES = SERVERS + SERVER_COUNT };

struct loop {
    struct gateway *gateway;
    bool ready[SOURCES];
    bool worker_spoke; /* the descriptor of their door does not say it any more */
    struct alarm leave;
    bool over;
};

static void
time_is_over(struct alarm *alarm)
{
    LIST_OF(alarm, struct loop, leave)->over = true;
}

static size_t
requests_busy(const struct gateway *g)
{
    size_t busy = 0;
    for (size_t i = 0; i < SERVER_COUNT; i++)
        busy += server_busy(g->servers[i]);
    return busy;
}

static void
watch(const struct loop *loop, unsigned source, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = source };
    if (epoll_ctl(loop->gateway->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        WRONG("epoll_ctl failed");
}

static void
begin_to_leave(struct loop *loop)
{
    struct gateway *g = loop->gateway;
    if (epoll_ctl(g->epoll, EPOLL_CTL_DEL, g->child.stop_fd, NULL) != 0)
        WRONG("epoll_ctl failed");
    log_line(LOG_INFO, "draining", "requests=%zu busy_workers=%zu", requests_busy(g),
        workers_busy(g->workers));
    g->draining = true;
    loop->leave.ring = time_is_over;
    alarm_set(
        &g->alarms, &loop->leave, clock_monotonic_ms() + g->child.config.drain_ms / 2);
    for (size_t i = 0; i < SERVER_COUNT; i++)
        server_quiesce(g->servers[i]);
    workers_drain(g->workers);
    websockets_leave(g->websockets);
    watches_leave(g->watches);
}

/* False: there may be more. */
static bool
hear_actors(struct gateway *g)
{
    struct message in;
    unsigned count = 0;
    bool heard = true;
    /* Nothing wakes us for the rest of a packet. */
    while (heard && (count++ < MESSAGES_MAX || mailbox_pending(g->mailbox))) {
        heard = mailbox_receive(g->mailbox, &in);
        if (heard)
            gateway_hear(g, &in);
    }
    mailbox_release(g->mailbox);
    return !heard;
}

static void
open_doors(struct loop *loop)
{
    struct gateway *g = loop->gateway;
    if (g->open || gateway_waits_for(g) != NULL)
        return;
    g->open = true;
    watch(loop, WORKERS, worker_door_fd(g->worker_door));
    watch(loop, PARTINGS, worker_door_partings_fd(g->worker_door));
    workflow_graph_begin(g->workflow_graph);
    child_ready(&g->child, "http=%u worker=%u iii=%u iii_http=%u",
        server_port(g->servers[SERVER_HTTP]), worker_door_port(g->worker_door),
        server_port(g->servers[SERVER_III]), server_port(g->servers[SERVER_III_HTTP]));
}

static bool
nothing_left(const struct gateway *g)
{
    return requests_busy(g) == 0 && workers_busy(g->workers) == 0
           && bridge_count(g->bridge) == 0 && iii_busy(g->iii) == 0;
}

/* All that has come is taken, all that follows leaves together.  Returns when the next
 * turn is due, by the monotonic clock. */
static uint64_t
turn(struct loop *loop)
{
    struct gateway *g = loop->gateway;
    bool more = false;
    g->now_ms = clock_monotonic_ms();
    if (loop->ready[INBOX] || !mailbox_drained(g->mailbox))
        more = !hear_actors(g);
    gateway_turn_partition(
        g, bridge_count(g->bridge) > 0 || !watches_empty(g->watches));
    if (loop->ready[PARTINGS])
        worker_door_partings(g->worker_door);
    if (loop->ready[WORKERS] || loop->worker_spoke)
        worker_door_run(g->worker_door);
    websockets_run(g->websockets);
    for (size_t i = 0; i < SERVER_COUNT; i++)
        server_run(g->servers[i], loop->ready[SERVERS + i] || g->draining);
    alarms_ring(&g->alarms, g->now_ms);
    for (size_t i = 0; i < SERVER_COUNT; i++)
        server_run(g->servers[i], false);
    open_doors(loop);
    websockets_flush(g->websockets);
    if (g->draining && nothing_left(g))
        loop->over = true;
    mailbox_flush(g->mailbox);
    uint64_t hello_ms = g->now_ms + mailbox_tick(g->mailbox);
    uint64_t next_ms = alarms_next(&g->alarms);
    if (hello_ms < next_ms)
        next_ms = hello_ms;
    for (size_t i = 0; i < SERVER_COUNT; i++)
        more |= server_restless(g->servers[i]);
    return more ? g->now_ms : next_ms;
}

static void
wait_until(struct loop *loop, uint64_t at_ms)
{
    uint64_t now_ms = clock_monotonic_ms(),
             sleep_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    struct gateway *g = loop->gateway;
    loop->worker_spoke = g->open && worker_door_hears(g->worker_door);
    if (loop->worker_spoke)
        sleep_ms = 0;
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(
        g->epoll, events, EVENTS_MAX, sleep_ms > INT_MAX ? INT_MAX : (int)sleep_ms);
    if (count < 0 && errno != EINTR)
        WRONG("epoll_wait failed");
    memset(loop->ready, 0, sizeof loop->ready);
    for (int i = 0; i < count; i++)
        if (events[i].data.u64 < SOURCES)
            loop->ready[events[i].data.u64] = true;
        else
            websockets_wake(events[i].data.ptr, events[i].events);
}

void
gateway_loop(struct gateway *g)
{
    struct loop loop = { .gateway = g };
    watch(&loop, INBOX, mailbox_fd(g->mailbox));
    watch(&loop, STOP, g->child.stop_fd);
    for (unsigned i = 0; i < SERVER_COUNT; i++) {
        watch(&loop, SERVERS + i, server_fd(g->servers[i]));
        loop.ready[SERVERS + i] = true;
    }
    uint64_t next_ms = turn(&loop);
    while (!loop.over) {
        wait_until(&loop, next_ms);
        if (loop.ready[STOP])
            begin_to_leave(&loop);
        next_ms = turn(&loop);
    }
    alarm_clear(&g->alarms, &loop.leave);
    mailbox_flush(g->mailbox);
}
