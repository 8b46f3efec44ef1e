/* router - which row of the route tables a request is for.  Pure. */
#ifndef GATEWAY_ROUTER_H
#define GATEWAY_ROUTER_H
#include "gateway/target.h"

struct request;

enum method {
    METHOD_GET,
    METHOD_POST,
    METHOD_DELETE,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_OPTIONS,
    METHOD_COUNT,
    METHOD_OTHER
};

/* What a route takes after the head. */
enum body_kind {
    BODY_NONE,       /* nothing */
    BODY_JSON,       /* an object, at most payload_max and a little more */
    BODY_MAYBE,      /* the same, or nothing */
    BODY_DEFINITION, /* the text of an automation */
    BODY_RAW,        /* any bytes of any type, or nothing, at most payload_max */
    BODY_BULK,       /* an object of at most eight times payload_max */
};

enum { CAPTURES_MAX = 4 };

struct http_route {
    enum method method;
    const char *path; /* such as "/capstan/v1/runs/{id}"; "{…}" is any one segment */
    unsigned scope;   /* of enum scope; 0: no key is needed */
    enum body_kind body;
    const char *queries; /* names that it takes, each followed by a space; NULL: any */
    void (*serve)(struct request *request);
};

struct route_table {
    const struct http_route *rows;
    size_t count;
};

struct router_row {
    const struct http_route *route;
    size_t table;
};

/* All rows of some tables, those with fewer segments first. */
struct router {
    struct router_row *rows;
    size_t begin[SEGMENTS_MAX + 2]; /* by number of segments; the last is the end */
};

struct route_match {
    const struct http_route *route;
    size_t table; /* of the row, or of the last one with this path */
    struct bytes captures[CAPTURES_MAX];
    unsigned allowed; /* 1 << METHOD_…: of the row, or of all with this path */
};

/* "GET" and so on; HEAD is GET without its body; METHOD_OTHER for what no row has. */
enum method method_read(const char *name);
const char *method_name(enum method method);

/* The rows stay where they are. */
void router_open(
    struct router *router, const struct route_table *tables, size_t table_count);
void router_close(struct router *router);

/* ERR_NOT_FOUND  no row has this path
 * ERR_METHOD     none has this method: match->allowed has those there are
 * ERR_MALFORMED  a query that the row does not take: `fault` names it
 */
MUST_CHECK enum err router_find(const struct router *router, enum method method,
    const struct target *target, struct route_match *match, struct fault *fault);
#endif
