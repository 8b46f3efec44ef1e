#include "gateway/mobius/mobius.h"

#include "gateway/dialect.h"

static const struct http_route routes[] = {
#define ROUTE(method, path, kind, scope, body, serve)                                  \
    { METHOD_##method, path, scope, BODY_##body, NULL, mobius_##serve },
#include "gateway/mobius/routes.def"
};

const struct dialect mobius_dialect = {
    .name = "mobius",
    .routes = { routes, COUNT(routes) },
    .trusting = true,
};
