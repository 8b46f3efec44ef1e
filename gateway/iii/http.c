#include "gateway/iii/http.h"

#include "base/json_read.h"
#include "base/log.h"
#include "base/put.h"
#include "base/quoted.h"
#include "base/wrong.h"
#include "gateway/dialect.h"
#include "gateway/iii/channel.h"
#include "gateway/iii/cross_origin.h"
#include "gateway/iii/iii.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/route.h"
#include "gateway/said.h"

#include <strings.h>

static const struct http_route any_route = { METHOD_GET, "", 0, BODY_RAW, NULL,
    iii_http_serve };

const struct dialect iii_http_dialect = {
    .name = "iii_http",
    .any = &any_route,
    .headers = iii_cross_origin_headers,
    .refuse = iii_http_refuse,
};

static void go_on(struct http_call *http);

void
http_call_end(struct http_call *http)
{
    if (http->over)
        return;
    http->over = true;
    alarm_clear(&http->hub->gateway->alarms, &http->limit);
    iii_ask_forget(&http->call);
    channel_drop(&http->upload);
    channel_drop(&http->response);
    arena_free(&http->said);
    http->hub->http_busy--;
}

/* Who calls is told a number only; the log has what it was. */
static void
fail(struct http_call *http, struct bytes function, struct bytes why)
{
    char id[III_UUID_SIZE + 1];
    struct buffer more = { 0 };
    iii_uuid_print(http->request->trace.bytes, id);
    log_line(LOG_UNUSUAL, "iii_http_failed", "error_id=%s function=%s why=%s", id,
        quoted(function).text, quoted(why).text);
    buffer_print(&more, "\"error_id\":\"%s\"", id);
    buffer_append(&more, "", 1);
    http_error(http, 500, "INTERNAL_ERROR", text("the function failed: see the log"),
        (const char *)more.data);
    buffer_free(&more);
}

static struct bytes
middleware_now(const struct http_call *http)
{
    struct cursor c = cursor_over(http->middleware);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && i < http->middleware_at; i++)
        (void)cursor_text(&c);
    return http->middleware_at < count ? cursor_text(&c) : (struct bytes){ 0 };
}

static struct bytes
function_now(const struct http_call *http)
{
    switch (http->stage) {
    case HTTP_CONDITION: return http->condition;
    case HTTP_MIDDLEWARE: return middleware_now(http);
    case HTTP_HANDLER:
    case HTTP_CHANNEL: return http->function;
    }
    return (struct bytes){ 0 };
}

/* {action: "continue"} or {action: "respond", response: {…}}. */
static void
judge_middleware(struct http_call *http, struct bytes said)
{
    if (bytes_equal(said_text(said, "action"), text("respond"))) {
        http_answer(http, pack_find(said, "response"));
        return;
    }
    http->middleware_at++;
    go_on(http);
}

static void
asked(void *self, const struct iii_frame *result)
{
    struct http_call *http = self;
    struct bytes function = function_now(http);
    http->call = NULL;
    bool failed = result == NULL || result->error.size > 0;
    /* Once it streams, the channel says all that is well. */
    if (http->streams) {
        if (failed)
            http_break(http);
        return;
    }
    if (failed) {
        fail(http, function,
            result == NULL ? text("its worker left")
                           : said_text(result->error, "message"));
        return;
    }
    switch (http->stage) {
    case HTTP_CONDITION:
        if (iii_says_no(result)) {
            http_error(http, 422, "CONDITION_NOT_MET",
                text("the condition of this path is not met"), "");
            return;
        }
        http->stage = HTTP_MIDDLEWARE;
        go_on(http);
        return;
    case HTTP_MIDDLEWARE: judge_middleware(http, result->result); return;
    case HTTP_HANDLER:
        if (result->result.size == 0)
            http_await_channel(http);
        else
            http_answer(http, result->result);
        return;
    case HTTP_CHANNEL: WRONG("nobody is asked any more");
    }
}

static void
too_long(struct alarm *alarm)
{
    struct http_call *http = LIST_OF(alarm, struct http_call, limit);
    bool middleware = http->stage == HTTP_MIDDLEWARE;
    struct gateway *g = http->hub->gateway;
    if (http->stage == HTTP_CHANNEL
        && (http->response == NULL || !channel_begun(http->response))) {
        http_answer(http, (struct bytes){ 0 });
        return;
    }
    if (g->now_ms < http->until_ms) {
        alarm_set(&g->alarms, &http->limit, http->until_ms);
        return;
    }
    /* One that never answers must not be busy with us for ever. */
    iii_ask_give_up(&http->call);
    http_error(http, 504, middleware ? "MIDDLEWARE_TIMEOUT" : "TIMEOUT",
        text("no answer came in time"), "");
}

/* Ask whose turn it is. */
static void
go_on(struct http_call *http)
{
    if (http->stage == HTTP_MIDDLEWARE && middleware_now(http).size == 0)
        http->stage = HTTP_HANDLER;
    struct iii_frame said = {
        .function_id = function_now(http),
        .data = http->stage == HTTP_MIDDLEWARE ? http->middleware_data : http->data,
        .traceparent = http->request->headers[HEADER_TRACEPARENT],
    };
    if (http->stage == HTTP_HANDLER)
        said.metadata = http->metadata;
    http->call = iii_ask_for(http->hub, &said, asked, http);
    if (http->call == NULL)
        fail(http, said.function_id, text("no worker has it, or it takes no more"));
}

static bool
is_json(struct bytes type)
{
    static const char *const kinds[] = { "application/json", "+json" };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t size = strlen(kinds[i]);
        for (size_t at = 0; type.size >= size && at + size <= type.size; at++)
            if (strncasecmp((const char *)type.data + at, kinds[i], size) == 0)
                return true;
    }
    return false;
}

/* False: it was refused. */
static bool
read_body(struct request *r, struct bytes *body)
{
    struct buffer *out = &r->gateway->scratch;
    struct fault fault;
    *body = pack_or_nil((struct bytes){ 0 });
    if (r->body.size == 0 || !is_json(r->headers[HEADER_CONTENT_TYPE]))
        return true;
    buffer_clear(out);
    if (json_to_msgpack(buffer_bytes(&r->body), out, NULL, &fault) != ERR_NONE) {
        request_refuse(r, ERR_MALFORMED, "the body: %.300s", fault.detail);
        return false;
    }
    *body = arena_copy(&r->arena, buffer_bytes(out));
    return true;
}

static void
put_path_params(
    struct buffer *out, const struct request *r, const struct iii_route *route)
{
    size_t count = 0;
    for (size_t i = 0; i < route->part_count; i++)
        count += route->parts[i].data[0] == ':';
    pack_string(out, "path_params");
    pack_map(out, count);
    for (size_t i = 0; i < route->part_count; i++) {
        struct bytes part = route->parts[i];
        if (part.data[0] != ':')
            continue;
        pack_text(out, bytes_of(part.data + 1, part.size - 1));
        pack_text(out, r->target.segments[i]);
    }
}

/* What handlers and middleware are both told. */
static void
put_request(struct buffer *out, struct request *r, const struct iii_route *route,
    struct bytes headers)
{
    put_path_params(out, r, route);
    pack_string(out, "query_params");
    pack_map(out, r->target.query_count);
    for (size_t i = 0; i < r->target.query_count; i++) {
        pack_text(out, r->target.queries[i].name);
        pack_text(out, r->target.queries[i].value);
    }
    pack_string(out, "headers");
    pack_raw(out, headers);
    put_text(out, "method", text(r->method));
}

static struct bytes
take_page(struct request *r, struct buffer *page)
{
    struct bytes kept = arena_copy(&r->arena, buffer_bytes(page));
    buffer_free(page);
    return kept;
}

static struct bytes
data_of(const struct http_call *http, const struct iii_route *route,
    struct bytes headers, struct bytes body)
{
    struct request *r = http->request;
    struct buffer out = { 0 };
    struct bytes path = buffer_bytes(&route->path);
    pack_map(&out, 9);
    put_request(&out, r, route, headers);
    put_text(&out, "path", path);
    pack_string(&out, "body");
    pack_raw(&out, body);
    pack_string(&out, "trigger");
    pack_map(&out, 3);
    put_text(&out, "type", text("http"));
    put_text(&out, "path", path);
    put_text(&out, "method", text(route->method));
    pack_string(&out, "request_body");
    channel_put(http->upload, &out, false);
    pack_string(&out, "response");
    channel_put(http->response, &out, true);
    return take_page(r, &out);
}

static struct bytes
middleware_data_of(
    struct request *r, const struct iii_route *route, struct bytes headers)
{
    struct buffer out = { 0 };
    pack_map(&out, 3);
    put_text(&out, "phase", text("preHandler"));
    pack_string(&out, "request");
    pack_map(&out, 4);
    put_request(&out, r, route, headers);
    pack_string(&out, "context");
    pack_map(&out, 0);
    return take_page(r, &out);
}

static void
left(struct request *r)
{
    http_call_end(r->own);
}

/* Those of all routes, then its own. */
static struct bytes
middleware_of(struct request *r, const struct iii_route *route)
{
    struct bytes rest = text(r->gateway->child.config.iii_http_middleware), function;
    struct buffer all = { 0 }, out = { 0 };
    struct cursor own = cursor_over(route->middleware);
    size_t count = 0, own_count = route->middleware.size > 0 ? cursor_array(&own) : 0;
    for (; (function = bytes_word(&rest)).size > 0; count++)
        pack_text(&all, function);
    pack_array(&out, count + own_count);
    buffer_append_bytes(&out, buffer_bytes(&all));
    for (size_t i = 0; i < own_count; i++)
        pack_text(&out, cursor_text(&own));
    buffer_free(&all);
    return take_page(r, &out);
}

static struct http_call *
http_call_of(struct request *r, struct hub *hub, const struct iii_route *route)
{
    const struct iii_frame *said = &route->trigger->said;
    struct http_call *http = arena_take(&r->arena, sizeof *http);
    struct gateway *g = r->gateway;
    r->own = http;
    r->left = left;
    http->request = r;
    http->hub = hub;
    http->stage = route->condition.size > 0 ? HTTP_CONDITION : HTTP_MIDDLEWARE;
    http->function = arena_copy(&r->arena, said->function_id);
    http->metadata = arena_copy(&r->arena, said->metadata);
    http->condition = arena_copy(&r->arena, route->condition);
    http->middleware = middleware_of(r, route);
    http->limit.ring = too_long;
    http->until_ms = g->now_ms + g->child.config.iii_http_ms;
    alarm_set(&g->alarms, &http->limit, http->until_ms);
    hub->http_busy++;
    return http;
}

static void
begin(struct request *r, struct hub *hub, const struct iii_route *route)
{
    struct bytes headers = request_headers(r), body;
    if (!read_body(r, &body))
        return;
    struct http_call *http = http_call_of(r, hub, route);
    if (!http_channels_open(http)) {
        http_call_end(http);
        request_refuse(
            r, ERR_OVERLOADED, "there are too many channels, or too much in them");
        return;
    }
    http->data = data_of(http, route, headers, body);
    if (pack_check(http->data) != ERR_NONE) {
        http_call_end(http);
        request_refuse(r, ERR_MALFORMED, "the body is nested too deep");
        return;
    }
    http->middleware_data = middleware_data_of(r, route, headers);
    go_on(http);
}

void
iii_http_serve(struct request *r)
{
    struct gateway *g = r->gateway;
    struct id project = r->key != NULL ? r->key->project : id_of_name(text("default"));
    struct hub *hub = iii_hub(g->iii, &project);
    const struct iii_route *route = iii_route_find(hub, r->method, &r->target);
    if (g->draining)
        request_refuse(r, ERR_UNAVAILABLE, "the engine is going down");
    else if (route == NULL && iii_cross_origin_asks(r))
        request_answer(r, 204, NULL, (struct bytes){ 0 });
    else if (route == NULL)
        request_refuse(r, ERR_NOT_FOUND, "no worker serves this path and method");
    else if (hub->http_busy >= g->child.config.iii_http_calls_max)
        request_refuse(r, ERR_BUSY, "too many requests are under way");
    else
        begin(r, hub, route);
}
