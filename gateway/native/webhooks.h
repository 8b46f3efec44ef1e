/* webhooks - who is told, by a signed request, that runs have ended.
 *
 * A webhook is an automation: the ends of runs trigger it, its one step sends the
 * request, and its text has all that there is to know of the webhook.  So a delivery is
 * a run of it, and is retried, listed and explained as one.  Two dialects show it in
 * the same shape; `id` is the part of the path that names it.
 */
#ifndef GATEWAY_NATIVE_WEBHOOKS_H
#define GATEWAY_NATIVE_WEBHOOKS_H
#include "gateway/request.h"

/* Begins the names of their automations; the webhook's id follows. */
#define WEBHOOK_NAME "webhook "

void webhook_list(struct request *r);
void webhook_create(struct request *r);
void webhook_get(struct request *r, struct bytes id);
void webhook_update(struct request *r, struct bytes id);
void webhook_delete(struct request *r, struct bytes id);
void webhook_rotate(struct request *r, struct bytes id);
void webhook_ping(struct request *r, struct bytes id);
void webhook_deliveries(struct request *r, struct bytes id);

/* Is it the automation of one? */
bool webhook_is(struct bytes automation);

/* What the text of its automation says. */
struct webhook {
    struct id id;
    struct bytes name, url;  /* no URL: it is told of nothing yet */
    struct bytes events;     /* msgpack array; empty: all */
    struct bytes tags;       /* msgpack map, or nothing */
    struct bytes sealed_key; /* see gateway/signing.h */
    uint64_t secret_version;
    bool enabled;
    struct bytes created_at, updated_at;
};

typedef void webhook_found(struct request *r, const struct webhook *webhook);
/* Call `found` with it, or refuse the request. */
void webhook_find(struct request *r, struct bytes id, webhook_found *found);
/* Start the delivery of a ping, to the URL that the body names or to its own; `done`
 * hears RUN_ACCEPTED, or what refused it. */
enum { WEBHOOK_PING_MS = 10000 };
void webhook_ping_start(struct request *r, const struct webhook *webhook,
    void (*done)(struct request *r, const struct message *answer));

/* webhook_text.c: that text, from and to */
/* The automation, in the arena. */
struct bytes webhook_text(struct request *r, const struct webhook *webhook);
/* False: the registry's document is of no webhook, or of one that was deleted. */
bool webhook_read(struct request *r, struct bytes document, struct webhook *webhook);
/* May requests be sent there?  False: refused. */
bool webhook_url(struct request *r, struct bytes url);
/* `name`, `url`, `events` and `tags` of a body over what was there; false: refused. */
bool
webhook_take(struct request *r, struct bytes body, struct webhook *webhook, bool new);
/* As it is shown; with its key if `secret` is something. */
void
webhook_write(struct buffer *out, const struct webhook *webhook, struct bytes secret);
#endif
