#include "gateway/iii/cross_origin.h"

#include "base/pack.h"

#include <strings.h>

static const char allow_origin[] = "access-control-allow-origin";

/* The site that is to be named, "*" for all; nothing if the page's may not. */
static struct bytes
allowed(const struct request *r)
{
    struct bytes rest = text(r->gateway->child.config.iii_http_origins), site;
    struct bytes asks = r->headers[HEADER_ORIGIN];
    while (asks.size > 0 && (site = bytes_word(&rest)).size > 0)
        if (bytes_equal(site, text("*"))
            || (site.size == asks.size
                && strncasecmp(
                       (const char *)site.data, (const char *)asks.data, site.size)
                       == 0))
            return site.data[0] == '*' ? site : asks;
    return (struct bytes){ 0 };
}

/* Does the function say itself who may read its answer? */
static bool
said_itself(struct bytes headers)
{
    struct cursor c = cursor_over(headers);
    size_t count = headers.size > 0 ? cursor_map(&c) : 0;
    bool said = false;
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes name = cursor_text(&c);
        (void)cursor_skip(&c);
        said |= name.size == sizeof allow_origin - 1
                && strncasecmp((const char *)name.data, allow_origin, name.size) == 0;
    }
    return said;
}

bool
iii_cross_origin_asks(const struct request *r)
{
    return strcmp(r->method, "OPTIONS") == 0 && allowed(r).size > 0;
}

struct bytes
iii_cross_origin_headers(struct request *r)
{
    const struct config *config = &r->gateway->child.config;
    struct bytes site = allowed(r);
    /* "*" does not mean Authorization. */
    const struct {
        const char *name;
        struct bytes value;
    } said[] = {
        /* What is kept of an answer to one site is not for another. */
        { "vary", text("origin") },
        { allow_origin, site },
        { "access-control-expose-headers", text("*") },
        { "access-control-allow-headers", text("*, authorization") },
        { "access-control-allow-methods", text(config->iii_http_methods) },
    };
    struct buffer *out = &r->gateway->scratch;
    size_t count = site.size > 0 && !said_itself(r->answer.headers) ? COUNT(said) : 1;
    if (config->iii_http_origins[0] == '\0')
        return (struct bytes){ 0 };
    buffer_clear(out);
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        pack_string(out, said[i].name);
        pack_text(out, said[i].value);
    }
    return arena_copy(&r->arena, buffer_bytes(out));
}
