/* http_answer - what a function returned, as an answer of HTTP. */
#include "base/json_write.h"
#include "base/pack.h"
#include "gateway/iii/http.h"
#include "gateway/said.h"

#include <ctype.h>
#include <strings.h>

enum { CODE_SIZE = 64 };

unsigned
http_status(struct bytes said)
{
    struct bytes found = pack_find(said, "status_code");
    struct cursor c = cursor_over(found);
    uint64_t status =
        found.size == 0 || cursor_type(&c) == PACK_NIL ? 200 : cursor_u64(&c);
    return c.bad || status < 200 || status > 599 ? 0 : (unsigned)status;
}

static size_t
put_header(struct buffer *out, struct bytes name, struct cursor *c)
{
    if (cursor_type(c) == PACK_TEXT) {
        pack_text(out, name);
        pack_text(out, cursor_text(c));
        return 1;
    }
    struct bytes value = cursor_skip(c);
    struct cursor inside = cursor_over(value);
    size_t count = 0,
           items = cursor_type(&inside) == PACK_ARRAY ? cursor_array(&inside) : 0;
    if (items == 0 && value.size > 0 && value.data[0] != 0x90) {
        struct buffer shown = { 0 };
        if (msgpack_to_json(value, &shown) == ERR_NONE) {
            pack_text(out, name);
            pack_text(out, buffer_bytes(&shown));
            count = 1;
        }
        buffer_free(&shown);
    }
    for (size_t i = 0; i < items && !inside.bad; i++) {
        struct bytes item = cursor_skip(&inside);
        struct cursor one = cursor_over(item);
        if (cursor_type(&one) != PACK_TEXT)
            continue;
        pack_text(out, name);
        pack_text(out, cursor_text(&one));
        count++;
    }
    return count;
}

/* "name: value" */
static size_t
put_line(struct buffer *out, struct bytes line)
{
    const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
    if (colon == NULL)
        return 0;
    size_t at = (size_t)(colon - line.data), value = at + 1;
    while (value < line.size && line.data[value] == ' ')
        value++;
    pack_text(out, bytes_of(line.data, at));
    pack_text(out, bytes_of(line.data + value, line.size - value));
    return 1;
}

struct bytes
http_headers(struct arena *arena, struct bytes said)
{
    struct cursor c = cursor_over(said);
    struct buffer pairs = { 0 }, map = { 0 };
    size_t count = 0;
    if (said.size > 0 && cursor_type(&c) == PACK_MAP) {
        size_t given = cursor_map(&c);
        for (size_t i = 0; i < given && !c.bad; i++) {
            struct bytes name = cursor_text(&c);
            count += put_header(&pairs, name, &c);
        }
    } else if (said.size > 0 && cursor_type(&c) == PACK_ARRAY) {
        size_t given = cursor_array(&c);
        for (size_t i = 0; i < given && !c.bad; i++) {
            struct bytes item = cursor_skip(&c);
            struct cursor one = cursor_over(item);
            if (cursor_type(&one) == PACK_TEXT)
                count += put_line(&pairs, cursor_text(&one));
        }
    }
    pack_map(&map, count);
    buffer_append_bytes(&map, buffer_bytes(&pairs));
    struct bytes kept = arena_copy(arena, buffer_bytes(&map));
    buffer_free(&pairs);
    buffer_free(&map);
    return kept;
}

/* The last value of the header that is a map of texts' own. */
static struct bytes
type_in(struct bytes headers)
{
    struct cursor c = cursor_over(headers);
    struct bytes type = { 0 };
    size_t count = cursor_map(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes name = cursor_text(&c), value = cursor_text(&c);
        if (name.size == 12
            && strncasecmp((const char *)name.data, "content-type", 12) == 0)
            type = value;
    }
    return type;
}

static bool
says_json(struct bytes type)
{
    return type.size == 0 || memmem(type.data, type.size, "json", 4) != NULL;
}

/* A text of a type that is not JSON is what it is; anything else is JSON. */
static struct bytes
body_of(struct request *r, struct bytes body, struct bytes type)
{
    struct cursor c = cursor_over(body);
    struct buffer *out = &r->gateway->scratch;
    if (body.size == 0)
        return body;
    if (cursor_type(&c) == PACK_TEXT && !says_json(type))
        return arena_copy(&r->arena, cursor_text(&c));
    buffer_clear(out);
    if (msgpack_to_json(body, out) != ERR_NONE)
        return (struct bytes){ 0 };
    return arena_copy(&r->arena, buffer_bytes(out));
}

static bool
bodiless(unsigned status)
{
    return status == 204 || status == 205 || status == 304;
}

void
http_answer(struct http_call *http, struct bytes said)
{
    static const char json[] = "application/json";
    struct request *r = http->request;
    struct cursor c = cursor_over(said);
    bool map = said.size > 0 && cursor_type(&c) == PACK_MAP;
    bool none = said.size == 0 || cursor_type(&c) == PACK_NIL;
    unsigned status = map ? http_status(said) : 200;
    struct bytes headers =
        http_headers(&r->arena, map ? pack_find(said, "headers") : (struct bytes){ 0 });
    struct bytes body = none  ? (struct bytes){ 0 }
                        : map ? pack_find(said, "body")
                              : said;
    if (status == 0) {
        http_error(http, 500, "INTERNAL_ERROR",
            text("status_code must be a number from 200 to 599"), "");
        return;
    }
    http_call_end(http);
    if (bodiless(status))
        body = (struct bytes){ 0 };
    request_answer_with(r, status, headers, body.size > 0 ? json : NULL,
        body_of(r, body, type_in(headers)));
}

static struct bytes
error_page(struct request *r, const char *code, struct bytes message, const char *more)
{
    struct buffer *out = &r->gateway->scratch;
    buffer_clear(out);
    buffer_print(out, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    json_write_text(out, message);
    if (more[0] != '\0')
        buffer_print(out, ",%s", more);
    buffer_append(out, "}", 1);
    if (strcmp(code, "CONDITION_NOT_MET") == 0)
        buffer_append_bytes(out, text(",\"skipped\":true"));
    buffer_append(out, "}\n", 2);
    return arena_copy(&r->arena, buffer_bytes(out));
}

void
http_error(struct http_call *http, unsigned status, const char *code,
    struct bytes message, const char *more)
{
    struct request *r = http->request;
    http_call_end(http);
    request_answer(r, status, "application/json", error_page(r, code, message, more));
}

void
iii_http_refuse(
    struct request *r, enum err err, struct bytes message, struct bytes details)
{
    char code[CODE_SIZE];
    (void)details;
    snprintf(code, sizeof code, "%s", err_name(err));
    for (char *at = code; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    request_answer(r, (unsigned)err_http(err), "application/json",
        error_page(r, code, message, ""));
}
