#include "base/clock.h"
#include "base/epoch.h"
#include "gateway/bridge.h"
#include "gateway/development.h"
#include "gateway/dialect.h"
#include "gateway/iii/iii.h"
#include "gateway/loop.h"
#include "gateway/native/worker_door.h"
#include "gateway/server.h"
#include "gateway/tls.h"
#include "gateway/watch.h"
#include "gateway/websocket.h"
#include "gateway/workers.h"
#include "gateway/workflow_graph/workflow_graph.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* That this process may use. */
static unsigned
cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void
open_mailbox(struct gateway *g)
{
    const struct config *config = &g->child.config;
    struct mailbox_options options = {
        .self = ACTOR_gateway,
        .instance = g->child.instance,
        .schedulers = config->schedulers,
        .folder = g->child.run_folder,
        .message_max = config_message_max(config),
    };
    struct fault fault;
    if (epoch_next(config->data, g->child.name, &options.epoch, &fault) != ERR_NONE
        || mailbox_open(&options, &g->mailbox, &fault) != ERR_NONE)
        child_fail(&g->child, "%s", fault.detail);
}

/* Clients of iii expect an engine of their own behind their port, and their routes have
 * one to themselves: any path may be one. */
static enum err
open_servers(struct gateway *g, const struct tls *tls, struct fault *fault)
{
    static const struct dialect *const http[] = { &native_dialect, &mobius_dialect,
        &workflow_graph_dialect, &console_dialect, NULL };
    static const struct dialect *const iii[] = { &iii_dialect, NULL };
    static const struct dialect *const iii_http[] = { &iii_http_dialect, NULL };
    const struct config *config = &g->child.config;
    tls = config_tls(config) ? tls : NULL;
    const struct server_place places[SERVER_COUNT] = {
        [SERVER_HTTP] = { "http_address", config->http_address, "http_port",
            config->http_port, http, tls },
        [SERVER_III] = { "iii_address", config->iii_address, "iii_port",
            config->iii_port, iii, tls },
        [SERVER_III_HTTP] = { "iii_http_address", config->iii_http_address,
            "iii_http_port", config->iii_http_port, iii_http, tls },
    };
    enum err err = ERR_NONE;
    for (size_t i = 0; i < SERVER_COUNT && err == ERR_NONE; i++)
        err = server_open(g, &places[i], &g->servers[i], fault);
    return err;
}

int
main(int argc, char **argv)
{
    struct gateway *g = calloc(1, sizeof *g);
    struct tls tls;
    struct fault fault;
    if (g == NULL)
        return EXIT_FAILURE;
    child_start(argc, argv, "gateway", &g->child);
    g->group = gateway_group(g->child.config.schedulers, cores());
    if (tls_read(&g->child.config, &tls, &fault) != ERR_NONE)
        child_fail(&g->child, "%s", fault.detail);
    child_shut_in(&g->child, false);
    g->now_ms = clock_monotonic_ms();
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (g->epoll < 0)
        child_fail(&g->child, "epoll_create1: %s", strerror(errno));
    g->holding.bytes_max = g->waiting.bytes_max = g->child.config.bodies_bytes_max;
    g->auth = auth_new(g->child.secret, (size_t)KEYS_OF_ALL_MAX + 1);
    auth_learn_managed(g->auth, g->child.life);
    hooks_open(&g->hooks);
    g->watches = watches_new();
    g->workers = workers_new(g);
    g->websockets = websockets_new(g);
    g->workflow_graph = workflow_graph_new(g);
    g->iii = iii_open(g);
    open_mailbox(g);
    g->bridge = bridge_new(g->mailbox, &g->alarms,
        &(struct bridge_limits){
            .questions_max = g->child.config.requests_max,
            .patience_ms = g->child.config.request_ms,
            .wait_ms = g->child.config.request_wait_ms,
            .message_max = config_message_max(&g->child.config),
        });
    if (tls_publish(g->child.config.data, &tls, &fault) != ERR_NONE
        || open_servers(g, &tls, &fault) != ERR_NONE
        || worker_door_open(g, &g->worker_door, &fault) != ERR_NONE)
        child_fail(&g->child, "%s", fault.detail);
    tls_forget(&tls);
    gateway_loop(g);
    websockets_free(&g->websockets);
    for (size_t i = 0; i < SERVER_COUNT; i++)
        server_close(&g->servers[i]);
    iii_close(&g->iii);
    workers_free(&g->workers);
    workflow_graph_free(&g->workflow_graph);
    worker_door_close(&g->worker_door);
    development_free(g);
    bridge_free(&g->bridge);
    hooks_close(&g->hooks);
    watches_free(&g->watches);
    mailbox_close(&g->mailbox);
    close(g->epoll);
    auth_free(&g->auth);
    alarms_free(&g->alarms);
    buffer_free(&g->scratch);
    free(g);
    return EXIT_SUCCESS;
}
