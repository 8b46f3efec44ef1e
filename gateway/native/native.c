#include "gateway/native/native.h"

#include "gateway/dialect.h"

static const struct http_route routes[] = {
#define ROUTE(method, path, scope, body, queries, serve, sentence)                     \
    { METHOD_##method, path, scope, BODY_##body, queries, native_##serve },
#include "gateway/native/routes.def"
};

static void (*const despite[])(
    struct request *r) = { native_project_get, native_project_restore, NULL };

static void (*const abroad[])(struct request *r) = { native_key_create, NULL };

const struct dialect native_dialect = {
    .name = "native",
    .routes = { routes, COUNT(routes) },
    .despite = despite,
    .abroad = abroad,
};

bool
native_duration(struct bytes in, uint64_t max_ms, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 } };
    uint64_t number = 0;
    size_t i = 0;
    for (; i < in.size && i < 9 && in.data[i] >= '0' && in.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(in.data[i] - '0');
    struct bytes unit = bytes_of(in.data + i, in.size - i);
    if (i == 0)
        return false;
    for (size_t u = 0; u < COUNT(units); u++)
        if (bytes_equal(unit, text(units[u].unit))) {
            *ms = number * units[u].ms;
            return *ms <= max_ms;
        }
    return false;
}
