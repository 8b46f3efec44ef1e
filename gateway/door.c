#include "gateway/door.h"

#include "base/clock.h"
#include "base/counters.h"
#include "gateway/development.h"
#include "gateway/dialect.h"

#include <assert.h>
#include <strings.h>

/* JSON is longer than the msgpack that payload_max bounds. */
enum { JSON_MARGIN = 65536, BULK_PAYLOADS = 8, DIALECTS_MAX = 8 };

void
door_open_router(struct router *router, const struct dialect *const *dialects)
{
    struct route_table tables[DIALECTS_MAX];
    size_t count = 0;
    for (; dialects[count] != NULL; count++) {
        assert(count < DIALECTS_MAX);
        tables[count] = dialects[count]->routes;
    }
    router_open(router, tables, count);
}

static enum err
find_route(struct request *r, const char *method, struct route_match *match,
    struct fault *fault)
{
    enum err err =
        router_find(r->router, method_read(method), &r->target, match, fault);
    if (match->allowed != 0)
        r->dialect = r->dialects[match->table];
    for (size_t i = 0; err == ERR_NOT_FOUND && r->dialects[i] != NULL; i++)
        if (r->dialects[i]->any != NULL) {
            r->dialect = r->dialects[i];
            match->route = r->dialect->any;
            err = ERR_NONE;
        }
    return err;
}

/* Clients that send no header may carry their key at the begin of the path:
 * /k/<key>/… means the same as /… with the key. */
static struct bytes
key_in_path(struct request *r)
{
    struct target *target = &r->target;
    struct bytes key = target->segments[1];
    if (target->segment_count < 2 || !bytes_equal(target->segments[0], text("k")))
        return (struct bytes){ 0 };
    target->segment_count -= 2;
    memmove(target->segments, target->segments + 2,
        target->segment_count * sizeof *target->segments);
    return key;
}

/* A name that can only be this machine, whatever a resolver says. */
static bool
names_loopback(struct bytes host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t size = strlen(names[i]);
        if (host.size >= size && memcmp(host.data, names[i], size) == 0
            && (host.size == size || host.data[size] == ':'))
            return true;
    }
    return false;
}

/* Pages of other sites that run in a browser here are no callers on loopback. */
static bool
trusted(const struct request *r)
{
    if (!r->dialect->trusting || !r->local || r->headers[HEADER_AUTHORIZATION].size > 0)
        return false;
    if (r->headers[HEADER_ORIGIN].size > 0 && !names_loopback(request_site(r)))
        return false;
    return names_loopback(r->headers[HEADER_HOST]);
}

/* The key that a text of the dialect means. */
static const struct key *
key_of(struct request *r, struct bytes said)
{
    enum { OUR_PREFIX_SIZE = 4 };
    const struct auth *auth = r->gateway->auth;
    const char *prefix = r->dialect == NULL ? NULL : r->dialect->key_prefix;
    struct buffer *ours = &r->gateway->scratch;
    const uint8_t *dot = said.size == 0 ? NULL : memchr(said.data, '.', said.size);
    if (prefix == NULL)
        return auth_check(auth, said);
    if (dot != NULL)
        said.size = (size_t)(dot - said.data);
    if (!bytes_begin(said, text(prefix)))
        return auth_check(auth, said);
    size_t size = strlen(prefix);
    buffer_clear(ours);
    buffer_append(ours, "cap_", OUR_PREFIX_SIZE);
    buffer_append(ours, said.data + size, said.size - size);
    return auth_check(auth, buffer_bytes(ours));
}

static bool
served_by(const struct request *r, void (*const *serve)(struct request *r))
{
    while (serve != NULL && *serve != NULL && *serve != r->route->serve)
        serve++;
    return serve != NULL && *serve != NULL;
}

/* Of a deleted project only that is done by which it comes back. */
static bool
shut(const struct request *r)
{
    return !served_by(r, r->dialect->despite)
           && auth_project_deleted(r->gateway->auth, &r->key->project);
}

/* Who names a project means no other one's. */
static bool
elsewhere(const struct request *r)
{
    struct id named = request_project(r);
    return !id_equal(&named, &r->key->project) && !served_by(r, r->dialect->abroad);
}

/* What of the key may change while an answer waits. */
static enum err
check_key(const struct request *r, struct fault *fault)
{
    if (r->key->refused)
        return fault_set(fault, ERR_UNAUTHORIZED, "%s", "");
    if (shut(r))
        return fault_set(fault, ERR_NOT_FOUND,
            "the project is deleted: who administers it may bring it back");
    if (r->route->scope != 0 && (r->key->scopes & r->route->scope) == 0)
        return fault_set(fault, ERR_FORBIDDEN, "the key has not the scope %s",
            scope_name(r->route->scope));
    return ERR_NONE;
}

void
door_refuse(struct request *r)
{
    struct fault fault = { 0 };
    request_refuse(r, check_key(r, &fault), "%s", fault.detail);
}

static enum err
check_caller(struct request *r, struct bytes in_path, struct fault *fault)
{
    const struct gateway *g = r->gateway;
    if (r->route->scope == 0 && in_path.size == 0)
        return ERR_NONE;
    if (g->draining || !g->keys_complete)
        return fault_set(fault, ERR_UNAVAILABLE, "the engine is %s",
            g->draining ? "going down" : "starting");
    r->key = key_of(
        r, in_path.size > 0 ? in_path : auth_bearer(r->headers[HEADER_AUTHORIZATION]));
    if (r->key == NULL && in_path.size == 0 && trusted(r))
        r->key = development_key(g);
    if (r->key == NULL)
        return fault_set(fault, ERR_UNAUTHORIZED, "%s", "");
    if (elsewhere(r))
        return fault_set(
            fault, ERR_FORBIDDEN, "the key belongs to another project than that");
    return check_key(r, fault);
}

/* Is the type in `header` `name`, whatever parameters follow? */
static bool
type_is(struct bytes header, const char *name)
{
    size_t size = strlen(name);
    return header.size >= size
           && strncasecmp((const char *)header.data, name, size) == 0
           && (header.size == size || header.data[size] == ';'
               || header.data[size] == ' ');
}

static enum err
check_type(struct bytes header, enum body_kind kind, struct fault *fault)
{
    static const char *const definitions[] = { "application/yaml", "text/yaml",
        "application/x-yaml", "application/json", "text/plain" };
    if (kind == BODY_DEFINITION) {
        for (size_t i = 0; i < COUNT(definitions); i++)
            if (type_is(header, definitions[i]))
                return ERR_NONE;
        return fault_set(fault, ERR_MEDIA_TYPE,
            "Content-Type must be application/yaml, application/json or text/plain");
    }
    if (type_is(header, "application/json"))
        return ERR_NONE;
    return fault_set(fault, ERR_MEDIA_TYPE, "Content-Type must be application/json");
}

static uint64_t
length_of(struct bytes header)
{
    uint64_t length = 0;
    for (size_t i = 0; i < header.size && length < UINT32_MAX; i++)
        length = length * 10 + (uint64_t)(header.data[i] - '0');
    return length;
}

static enum err
check_body(struct request *r, struct fault *fault)
{
    const struct config *config = &r->gateway->child.config;
    enum body_kind kind = r->route->body;
    uint64_t length = length_of(r->headers[HEADER_CONTENT_LENGTH]);
    bool some = length > 0 || r->headers[HEADER_TRANSFER_ENCODING].data != NULL;
    if (kind == BODY_DEFINITION)
        r->body_max = config->automation_max;
    else if (kind == BODY_RAW)
        r->body_max = config->payload_max;
    else if (kind == BODY_BULK)
        r->body_max = (size_t)config->payload_max * BULK_PAYLOADS;
    else if (kind != BODY_NONE)
        r->body_max = (size_t)config->payload_max * 2 + JSON_MARGIN;
    if (!some)
        return kind == BODY_JSON || kind == BODY_BULK || kind == BODY_DEFINITION
                   ? fault_set(fault, ERR_MALFORMED, "there is no body")
                   : ERR_NONE;
    if (kind == BODY_NONE)
        return fault_set(fault, ERR_MALFORMED, "this request takes no body");
    if (length > r->body_max)
        return fault_set(
            fault, ERR_TOO_LARGE, "the body is above %zu bytes", r->body_max);
    if (kind == BODY_RAW)
        return ERR_NONE;
    return check_type(r->headers[HEADER_CONTENT_TYPE], kind, fault);
}

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* W3C Trace Context: 00-<32 hex digits>-<16>-<2>. */
static struct id
trace_of(struct bytes header)
{
    enum { FORM_SIZE = 55, TRACE_AT = 3 };
    struct id trace = { 0 };
    bool right = header.size >= FORM_SIZE && header.data[2] == '-'
                 && header.data[TRACE_AT + 2 * ID_SIZE] == '-';
    for (size_t i = 0; right && i < ID_SIZE; i++) {
        int high = hex_value(header.data[TRACE_AT + 2 * i]);
        int low = hex_value(header.data[TRACE_AT + 2 * i + 1]);
        right = high >= 0 && low >= 0;
        trace.bytes[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    return right && !id_is_zero(&trace) ? trace : id_fresh(0);
}

void
door_enter(struct request *r, const char *method, struct bytes raw_target)
{
    struct route_match match = { 0 };
    struct fault fault = { 0 };
    struct bytes in_path = { 0 };
    r->method = method;
    enum err err = target_read(raw_target, &r->arena, &r->target, &fault);
    if (r->target.host.size > 0) /* then the header counts for nothing */
        r->headers[HEADER_HOST] = r->target.host;
    if (err == ERR_NONE)
        in_path = key_in_path(r);
    if (err == ERR_NONE)
        err = find_route(r, method, &match, &fault);
    r->route = match.route;
    memcpy(r->captures, match.captures, sizeof r->captures);
    if (err == ERR_METHOD && r->dialect->cross_origin
        && method_read(method) == METHOD_OPTIONS) {
        /* A browser asks whether it may: it may. */
        request_answer(r, 200, "", (struct bytes){ 0 });
        return;
    }
    if (err == ERR_NONE)
        err = check_caller(r, in_path, &fault);
    if (err == ERR_NONE)
        err = check_body(r, &fault);
    if (err == ERR_NONE) {
        r->trace = trace_of(r->headers[HEADER_TRACEPARENT]);
        return;
    }
    r->answer.allowed = err == ERR_METHOD ? match.allowed : 0;
    request_refuse(r, err, "%s", fault.detail);
}

void
door_serve(struct request *r)
{
    if (r->body_size > r->body_max)
        request_refuse(r, ERR_TOO_LARGE, "the body is above %zu bytes", r->body_max);
    else
        r->route->serve(r);
}
