#include "gateway/iii/iii.h"

#include "base/wrong.h"
#include "gateway/dialect.h"
#include "gateway/iii/channel.h"
#include "gateway/iii/worker.h"

#include <stdlib.h>

struct iii {
    struct gateway *gateway;
    struct list hubs; /* one per project that was ever here */
};

/* Telemetry of clients: taken, and thrown away. */
static void
hear_nothing(struct websocket *socket, struct bytes message, bool binary)
{
    (void)socket;
    (void)message;
    (void)binary;
}

static void
forget_nothing(struct websocket *socket)
{
    (void)socket;
}

static void
iii_telemetry_socket(struct request *r)
{
    static const struct websocket_talk talk = { .heard = hear_nothing,
        .closed = forget_nothing };
    (void)websocket_accept(r, &talk, NULL);
}

static const struct http_route routes[] = {
    { METHOD_GET, "", SCOPE_WORK, BODY_NONE, NULL, iii_worker_socket },
    { METHOD_GET, "/otel", SCOPE_WORK, BODY_NONE, NULL, iii_telemetry_socket },
    { METHOD_GET, "/ws/channels/{id}", SCOPE_WORK, BODY_NONE, NULL,
        iii_channel_socket },
};

const struct dialect iii_dialect = {
    .name = "iii",
    .routes = { routes, COUNT(routes) },
    .trusting = true,
};

struct iii *
iii_open(struct gateway *gateway)
{
    struct iii *iii = calloc(1, sizeof *iii);
    if (iii == NULL)
        WRONG("out of memory");
    iii->gateway = gateway;
    list_open(&iii->hubs);
    return iii;
}

void
iii_close(struct iii **out)
{
    struct iii *iii = *out;
    struct list *at;
    if (iii == NULL)
        return;
    while ((at = list_first(&iii->hubs)) != NULL) {
        struct hub *hub = LIST_OF(at, struct hub, link);
        iii_hub_leave(hub);
        hub_free(&hub);
    }
    free(iii);
    *out = NULL;
}

size_t
iii_busy(const struct iii *iii)
{
    size_t busy = 0;
    for (struct list *at = iii->hubs.next; at != &iii->hubs; at = at->next)
        busy += LIST_OF(at, struct hub, link)->calls.count;
    return busy;
}

struct hub *
iii_hub_known(struct iii *iii, const struct id *project)
{
    for (struct list *at = iii->hubs.next; at != &iii->hubs; at = at->next) {
        struct hub *hub = LIST_OF(at, struct hub, link);
        if (id_equal(&hub->project, project))
            return hub;
    }
    return NULL;
}

struct hub *
iii_hub(struct iii *iii, const struct id *project)
{
    struct hub *hub = iii_hub_known(iii, project);
    if (hub != NULL)
        return hub;
    hub = hub_new(iii->gateway, project);
    hub->announce.ring = iii_announce;
    list_append(&iii->hubs, &hub->link);
    return hub;
}
