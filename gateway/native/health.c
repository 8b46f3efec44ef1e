/* What the outside wants to know of the engine, without a key. */
#include "base/status.h"
#include "gateway/metrics.h"
#include "gateway/native/native.h"

#include <stdlib.h>

static const char openapi[] =
#include "gateway/native/openapi.inc"
    ;

void
native_openapi(struct request *r)
{
    request_answer(r, 200, "application/json", bytes_of(openapi, sizeof openapi - 1));
}

void
native_health(struct request *r)
{
    request_answer(r, 200, "application/json", text("{\"status\":\"ok\"}\n"));
}

/* A process that the supervisor knows to be away; NULL if there is none. */
static const char *
process_away(struct request *r)
{
    struct status *status = arena_take(&r->arena, sizeof *status);
    if (status_read(r->gateway->child.config.data, status) != ERR_NONE)
        return NULL;
    for (size_t i = 0; i < status->row_count; i++) {
        const struct status_row *row = &status->rows[i];
        if (strcmp(row->state, "ready") != 0 && strcmp(row->name, "capstand") != 0
            && strcmp(row->name, r->gateway->child.name) != 0)
            return row->name;
    }
    return NULL;
}

void
native_readiness(struct request *r)
{
    const struct gateway *g = r->gateway;
    const char *away = gateway_waits_for(g);
    if (g->draining)
        request_refuse(r, ERR_UNAVAILABLE, "the engine is going down");
    else if (away != NULL || (away = process_away(r)) != NULL)
        request_refuse(r, ERR_UNAVAILABLE, "waiting for %s", away);
    else
        request_answer(r, 200, "application/json", text("{\"status\":\"ready\"}\n"));
}

void
native_metrics(struct request *r)
{
    struct gateway *g = r->gateway;
    struct bytes bearer = auth_bearer(r->headers[HEADER_AUTHORIZATION]);
    const struct key *key = auth_check(g->auth, bearer);
    if (!r->local && key == NULL) {
        request_refuse(r, ERR_UNAUTHORIZED, "%s", "");
        return;
    }
    if (!r->local && (key->scopes & SCOPE_READ) == 0) {
        request_refuse(r, ERR_FORBIDDEN, "%s", "");
        return;
    }
    buffer_clear(&g->scratch);
    metrics_write(g->child.run_folder, &g->scratch);
    request_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8",
        arena_copy(&r->arena, buffer_bytes(&g->scratch)));
}
