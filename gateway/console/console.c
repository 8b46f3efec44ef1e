/* The web console: files that the build has put into the program, served as they are.
 *
 * They hold no data, so they need no key: the page asks the native API with that of its
 * user.  docs/decisions/0026-a-console-without-a-build.md
 */
#include "base/hash.h"
#include "base/pack.h"
#include "gateway/dialect.h"

#define css_TYPE  "text/css; charset=utf-8"
#define html_TYPE "text/html; charset=utf-8"
#define js_TYPE   "text/javascript; charset=utf-8"
#define svg_TYPE  "image/svg+xml"

static const char index_name[] = "index.html";

static const struct file {
    const char *name, *type, *text;
    size_t size;
} files[] = {
#define CONSOLE_FILE(name, kind, text) { name, kind##_TYPE, text, sizeof text - 1 },
#include "gateway/console/files.inc"
};

/* Pages of other sites may not frame it, and it loads, runs and asks nothing but what
 * is served here, whatever the data should say that it shows. */
static const char *const guards[][2] = {
    { "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "Referrer-Policy", "no-referrer" },
    { "Cache-Control", "no-cache" },
};

static struct bytes
guard(struct request *r)
{
    struct buffer *out = &r->gateway->scratch;
    buffer_clear(out);
    pack_map(out, COUNT(guards));
    for (size_t i = 0; i < COUNT(guards); i++) {
        pack_string(out, guards[i][0]);
        pack_string(out, guards[i][1]);
    }
    return arena_copy(&r->arena, buffer_bytes(out));
}

static struct bytes
header(struct request *r, const char *name, const char *value)
{
    struct buffer *out = &r->gateway->scratch;
    buffer_clear(out);
    pack_map(out, 1);
    pack_string(out, name);
    pack_string(out, value);
    return arena_copy(&r->arena, buffer_bytes(out));
}

static bool
holds(struct bytes in, const char *word)
{
    return in.size > 0 && memmem(in.data, in.size, word, strlen(word)) != NULL;
}

static void
answer(struct request *r, const struct file *file)
{
    struct bytes body = bytes_of(file->text, file->size);
    struct bytes known = r->headers[HEADER_IF_NONE_MATCH];
    char digits[HASH_TEXT_SIZE], tag[HASH_TEXT_SIZE + 2];
    struct hash hash = hash_of(body);
    snprintf(tag, sizeof tag, "\"%s\"", hash_print(&hash, digits));
    struct bytes headers = header(r, "ETag", tag);
    if (holds(known, tag) || bytes_equal(known, text("*")))
        request_answer_with(r, 304, headers, NULL, (struct bytes){ 0 });
    else
        request_answer_with(r, 200, headers, file->type, body);
}

static void
lead(struct request *r, const char *where)
{
    request_answer_with(
        r, 302, header(r, "Location", where), NULL, (struct bytes){ 0 });
}

/* What the page names is relative to a folder. */
static void
serve_folder(struct request *r)
{
    size_t i = 0;
    if (!r->target.folder) {
        lead(r, "console/");
        return;
    }
    while (strcmp(files[i].name, index_name) != 0)
        i++;
    answer(r, &files[i]);
}

/* Programs that look for something here are told, as ever, that there is nothing. */
static void
serve_root(struct request *r)
{
    if (holds(r->headers[HEADER_ACCEPT], "text/html"))
        lead(r, "/console/");
    else
        request_refuse(r, ERR_NOT_FOUND,
            "there is no such path: GET /openapi.json says which there are");
}

static void serve_file(struct request *r);

/* The first are those of `files`, in the same order. */
static const struct http_route routes[] = {
#define CONSOLE_FILE(name, kind, text)                                                 \
    { METHOD_GET, "/console/" name, 0, BODY_NONE, "", serve_file },
#include "gateway/console/files.inc"
    { METHOD_GET, "/console", 0, BODY_NONE, "", serve_folder },
    { METHOD_GET, "/", 0, BODY_NONE, NULL, serve_root },
};

static void
serve_file(struct request *r)
{
    answer(r, &files[r->route - routes]);
}

const struct dialect console_dialect = {
    .name = "console",
    .routes = { routes, COUNT(routes) },
    .headers = guard,
};
