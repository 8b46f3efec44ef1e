/* Actions of a project's own: what they are, and where they are called. */
#include "base/base64.h"
#include "base/clock.h"
#include "gateway/mobius/form.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

#include <sodium.h>

enum { NAME_MAX_BYTES = 200 };

static void
write_action(struct buffer *out, struct bytes action, const uint8_t *secret)
{
    static const char *const same[] = { "id", "name", "title", "description",
        "input_schema", "output_schema", "annotations", "tags", "created_at",
        "updated_at", NULL };
    struct form form = form_open(out);
    form_copy_all(&form, action, same);
    form_copy(&form, "endpoint_kind", action, "kind");
    form_string(&form, "invocation_format", "legacy");
    form_copy(&form, "endpoint_url", action, "url");
    if (secret != NULL) {
        struct buffer key = { 0 };
        base64_write(&key, bytes_of(secret, NATIVE_SECRET_SIZE));
        form_text(&form, "signing_secret", buffer_bytes(&key));
        sodium_memzero(key.data, key.size);
        buffer_free(&key);
    }
    form_close(&form);
}

/* `r->own` is a secret that is shown this once, or NULL. */
static void
show(struct request *r, const struct message *answer, unsigned status)
{
    struct buffer out = { 0 };
    uint8_t *secret = r->own;
    if (answer->code == DOCUMENT) {
        write_action(&out, answer->document.document, secret);
        form_answer(r, status, &out);
    } else {
        request_show(r, answer);
    }
    if (secret != NULL)
        sodium_memzero(secret, NATIVE_SECRET_SIZE);
}

static void
changed(struct request *r, const struct message *answer)
{
    show(r, answer, 200);
}

static void
made(struct request *r, const struct message *answer)
{
    show(r, answer, 201);
}

static bool
read_format(struct request *r, struct bytes body)
{
    struct bytes format;
    if (!body_text(r, body, "invocation_format", NAME_MAX_BYTES, &format))
        return false;
    if (format.size == 0 || bytes_equal(format, text("legacy")))
        return true;
    request_refuse(r, ERR_UNSUPPORTED,
        "invocation_format: an action is called with run_id, step_key and parameters");
    return false;
}

static bool
read_action(struct request *r, struct bytes body, struct action_set *set)
{
    return read_format(r, body) && body_value(r, body, "title", &set->title)
           && body_value(r, body, "description", &set->description)
           && body_value(r, body, "endpoint_url", &set->url)
           && body_map(r, body, "input_schema", &set->input_schema)
           && body_map(r, body, "output_schema", &set->output_schema)
           && body_map(r, body, "annotations", &set->annotations)
           && body_map(r, body, "tags", &set->tags);
}

static bool
read_kind(struct request *r, struct bytes body, uint32_t *kind)
{
    struct bytes said;
    if (!body_text(r, body, "endpoint_kind", NAME_MAX_BYTES, &said))
        return false;
    *kind = bytes_equal(said, text("worker")) ? ACTION_WORKER : ACTION_HTTP;
    if (said.size == 0 || *kind == ACTION_WORKER || bytes_equal(said, text("http")))
        return true;
    request_refuse(r, ERR_INVALID, "endpoint_kind must be http or worker");
    return false;
}

void
mobius_action_create(struct request *r)
{
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    struct action_set *set = &m->action_set;
    struct bytes body;
    if (!request_json(r, &body)
        || !body_text(r, body, "name", NAME_MAX_BYTES, &set->name)
        || !read_kind(r, body, &set->kind) || !read_action(r, body, set))
        return;
    set->create = 1;
    set->action = id_fresh(0);
    if (set->kind == ACTION_HTTP)
        set->secret = native_action_secret(r);
    request_ask(r, m, made);
}

void
mobius_action_update(struct request *r)
{
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    struct bytes body;
    m->action_set.name = r->captures[1];
    if (request_json(r, &body) && read_action(r, body, &m->action_set))
        request_ask(r, m, changed);
}

void
mobius_action_rotate(struct request *r)
{
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    m->action_set.name = r->captures[1];
    m->action_set.secret = native_action_secret(r);
    request_ask(r, m, changed);
}

static void
gone(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

void
mobius_action_delete(struct request *r)
{
    struct message *m = request_message(r, ACTION_DELETE, ACTOR_registry);
    m->action_delete.name = r->captures[1];
    request_ask(r, m, gone);
}
