#include "gateway/router.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

static const char *const method_names[METHOD_COUNT] = { "GET", "POST", "DELETE", "PUT",
    "PATCH", "OPTIONS" };

enum method
method_read(const char *name)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (strcmp(name, method_names[i]) == 0)
            return (enum method)i;
    return strcmp(name, "HEAD") == 0 ? METHOD_GET : METHOD_OTHER;
}

const char *
method_name(enum method method)
{
    assert(method < METHOD_COUNT);
    return method_names[method];
}

static size_t
segments_in(const char *path)
{
    size_t count = 0;
    for (; *path != '\0'; path++)
        count += path[0] == '/' && path[1] != '\0';
    assert(count <= SEGMENTS_MAX);
    return count;
}

void
router_open(struct router *router, const struct route_table *tables, size_t table_count)
{
    size_t row_count = 0;
    *router = (struct router){ 0 };
    for (size_t t = 0; t < table_count; t++)
        row_count += tables[t].count;
    router->rows = calloc(row_count + 1, sizeof *router->rows);
    if (router->rows == NULL)
        WRONG("out of memory");
    for (size_t segments = 0, end = 0; segments <= SEGMENTS_MAX; segments++) {
        for (size_t t = 0; t < table_count; t++)
            for (size_t i = 0; i < tables[t].count; i++)
                if (segments_in(tables[t].rows[i].path) == segments)
                    router->rows[end++] = (struct router_row){ &tables[t].rows[i], t };
        router->begin[segments + 1] = end;
    }
}

void
router_close(struct router *router)
{
    free(router->rows);
    router->rows = NULL;
}

/* Does the row's segment at `path` say `segment`?  Mostly they differ at once, and no
 * more is read.  One of a target may have a '/' in it. */
static bool
segment_fits(const char **path, struct bytes segment)
{
    const char *at = *path;
    for (size_t i = 0; i < segment.size; i++, at++)
        if (*at == '/' || (uint8_t)*at != segment.data[i])
            return false;
    *path = at;
    return *at == '/' || *at == '\0';
}

/* They have as many segments. */
static bool
path_fits(
    const char *path, const struct target *target, struct bytes captures[CAPTURES_MAX])
{
    size_t capture_count = 0;
    for (size_t i = 0; i < target->segment_count; i++) {
        struct bytes segment = target->segments[i];
        if (*++path == '{') {
            assert(capture_count < CAPTURES_MAX);
            captures[capture_count++] = segment;
            path += strcspn(path, "/");
        } else if (!segment_fits(&path, segment)) {
            return false;
        }
    }
    return true;
}

/* Is `name` one of the words of `names`? */
static bool
named(const char *names, struct bytes name)
{
    while (*names != '\0') {
        size_t size = strcspn(names, " ");
        if (bytes_equal(bytes_of(names, size), name))
            return true;
        names += size + (names[size] == ' ');
    }
    return false;
}

static enum err
check_queries(
    const struct http_route *route, const struct target *target, struct fault *fault)
{
    for (size_t i = 0; route->queries != NULL && i < target->query_count; i++) {
        struct bytes name = target->queries[i].name;
        if (!named(route->queries, name))
            return fault_set(fault, ERR_MALFORMED, "there is no parameter '%.*s' here",
                (int)(name.size < 40 ? name.size : 40), (const char *)name.data);
    }
    return ERR_NONE;
}

/* Look among the rows of these methods; the last that fits is meant. */
static void
look(const struct router *router, unsigned methods, const struct target *target,
    struct route_match *match)
{
    struct bytes captures[CAPTURES_MAX] = { 0 };
    size_t end = router->begin[target->segment_count + 1];
    for (size_t i = router->begin[target->segment_count]; i < end; i++) {
        const struct router_row *row = &router->rows[i];
        const struct http_route *route = row->route;
        if ((methods & 1u << route->method) == 0
            || !path_fits(route->path, target, captures))
            continue;
        match->allowed |= 1u << route->method;
        match->table = row->table;
        match->route = route;
        memcpy(match->captures, captures, sizeof captures);
    }
}

enum err
router_find(const struct router *router, enum method method,
    const struct target *target, struct route_match *match, struct fault *fault)
{
    *match = (struct route_match){ 0 };
    look(router, 1u << method, target, match);
    if (match->route != NULL)
        return check_queries(match->route, target, fault);
    look(router, ~(1u << method), target, match);
    match->route = NULL;
    if (match->allowed == 0)
        return fault_set(fault, ERR_NOT_FOUND,
            "there is no such path: GET /openapi.json says which there are");
    return fault_set(fault, ERR_METHOD, "this path does not take this method");
}
