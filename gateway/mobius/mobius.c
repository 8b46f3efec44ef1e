#include "gateway/mobius/mobius.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "gateway/dialect.h"
#include "gateway/mobius/form.h"

static const struct http_route routes[] = {
#define ROUTE(method, path, kind, scope, body, serve)                                  \
    { METHOD_##method, path, scope, BODY_##body, NULL, mobius_##serve },
#include "gateway/mobius/routes.def"
};

static const char *const kinds[] = {
#define ROUTE(method, path, kind, scope, body, serve) #kind,
#include "gateway/mobius/routes.def"
};

/* Our failures as their clients know them. */
static const struct {
    enum err err;
    unsigned status; /* 0: ours */
    const char *code;
} codes[] = {
    { ERR_MALFORMED, 400, "bad_request" },
    { ERR_INVALID, 400, "bad_request" },
    { ERR_MEDIA_TYPE, 400, "bad_request" },
    { ERR_UNAUTHORIZED, 401, "unauthorized" },
    { ERR_FORBIDDEN, 403, "permission_denied" },
    { ERR_NOT_FOUND, 404, "not_found" },
    { ERR_CONFLICT, 409, "conflict" },
    { ERR_FINISHED, 409, "conflict" },
    { ERR_NOT_RUNNABLE, 409, "loop_paused" },
    { ERR_TOO_LARGE, 413, "payload_too_large" },
    { ERR_BUSY, 429, "rate_limit_exceeded" },
    { ERR_OVERLOADED, 429, "rate_limit_exceeded" },
    { ERR_TIMEOUT, 503, "service_unavailable" },
    { ERR_UNAVAILABLE, 503, "service_unavailable" },
    { ERR_UNSUPPORTED, 501, "not_implemented" },
};

static bool
serves(const struct request *r, void (*serve)(struct request *r))
{
    return r->route != NULL && r->route->serve == serve;
}

static void
refuse(struct request *r, enum err err, struct bytes message, struct bytes details)
{
    unsigned status = (unsigned)err_http(err);
    const char *code = err_name(err);
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].err == err) {
            status = codes[i].status;
            code = codes[i].code;
        }
    if (err == ERR_UNAUTHORIZED && serves(r, mobius_hook_call))
        code = "invalid_signature";
    if (err == ERR_CONFLICT && serves(r, mobius_key_create))
        code = "principal_has_no_roles";
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form error = form_inside(&whole, "error");
    form_string(&error, "code", code);
    form_text(&error, "message", message);
    if (details.size > 0) {
        struct form inside = form_inside(&error, "details");
        form_value(&inside, "mistakes", details);
        form_close(&inside);
    }
    form_close(&error);
    form_close(&whole);
    form_answer(r, status, &out);
}

void
mobius_absent(struct request *r)
{
    const char *kind = kinds[r->route - routes];
    bool cloud = strcmp(kind, "CLOUD") == 0;
    request_refuse(r, ERR_UNSUPPORTED,
        cloud ? "only Mobius Cloud has this: docs/guides/from-mobius.md"
              : "this engine does not do this: docs/guides/from-mobius.md");
}

static void (*const despite[])(
    struct request *r) = { mobius_project_list, mobius_project_create, NULL };

const struct dialect mobius_dialect = {
    .name = "mobius",
    .routes = { routes, COUNT(routes) },
    .trusting = true,
    .key_prefix = "mbx_",
    .despite = despite,
    .refuse = refuse,
};
