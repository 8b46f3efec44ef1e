#include "gateway/dialect.h"

#include "gateway/workflow_graph/state.h"

static const struct http_route routes[] = {
#define ROUTE(method, path, scope, body, serve, sentence)                              \
    { METHOD_##method, path, scope, BODY_##body, NULL, workflow_graph_##serve },
#include "gateway/workflow_graph/routes.def"
};

/* Answers of workflow-graph's own code have no body, those of its readers a sentence.
 */
static void
refuse(struct request *r, enum err err, struct bytes message, struct bytes details)
{
    bool silent = err == ERR_NOT_FOUND || err == ERR_METHOD || err == ERR_CONFLICT;
    (void)details;
    if (err == ERR_UNAVAILABLE && r->route != NULL
        && r->route->serve == workflow_graph_job_claim)
        /* Its workers read JSON, whatever the status; and come again after null. */
        answer_null(r);
    else if (silent)
        answer_empty(r, (unsigned)err_http(err));
    else
        request_answer(r, (unsigned)err_http(err), "text/plain; charset=utf-8",
            arena_copy(&r->arena, message));
}

const struct dialect workflow_graph_dialect = {
    .name = "workflow-graph",
    .routes = { routes, COUNT(routes) },
    .trusting = true,
    .cross_origin = true,
    .refuse = refuse,
};
