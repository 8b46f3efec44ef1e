/* Actions of a project's own: names for URLs that whoever does http.request calls. */
#include "base/base64.h"
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"
#include "gateway/signing.h"

#include <sodium.h>

enum { NAME_MAX_BYTES = 200 };

struct bytes
native_action_secret(struct request *r)
{
    uint8_t *secret = arena_take(&r->arena, NATIVE_SECRET_SIZE);
    struct buffer sealed = { 0 };
    chance_fill(secret, NATIVE_SECRET_SIZE);
    r->own = secret;
    signing_seal(r->gateway, &r->key->project, secret, &sealed);
    struct bytes kept = arena_copy(&r->arena, buffer_bytes(&sealed));
    buffer_free(&sealed);
    return kept;
}

/* The registry's document with the secret in front, this once. */
static void
show_secret(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 }, key = { 0 };
    uint8_t *secret = r->own;
    if (answer->code != DOCUMENT) {
        sodium_memzero(secret, NATIVE_SECRET_SIZE);
        request_show(r, answer);
        return;
    }
    struct cursor fields = cursor_over(answer->document.document);
    base64_write(&key, bytes_of(secret, NATIVE_SECRET_SIZE));
    pack_map(&out, cursor_map(&fields) + 1);
    pack_string(&out, "secret");
    pack_text(&out, buffer_bytes(&key));
    buffer_append(&out, fields.at, (size_t)(fields.end - fields.at));
    request_document(r, answer->document.created ? 201 : 200, buffer_bytes(&out));
    sodium_memzero(secret, NATIVE_SECRET_SIZE);
    sodium_memzero(key.data, key.size);
    sodium_memzero(out.data, out.size);
    buffer_free(&key);
    buffer_free(&out);
}

void
native_action_list(struct request *r)
{
    request_ask(r, request_message(r, ACTION_LIST, ACTOR_registry), request_show);
}

void
native_action_get(struct request *r)
{
    struct message *m = request_message(r, ACTION_LIST, ACTOR_registry);
    m->action_list.name = r->captures[0];
    request_ask(r, m, request_show);
}

static bool
read_action(
    struct request *r, const char *const *names, struct bytes *body, struct message *m)
{
    struct action_set *set = &m->action_set;
    return request_json(r, body) && body_only(r, *body, names)
           && body_value(r, *body, "title", &set->title)
           && body_value(r, *body, "description", &set->description)
           && body_value(r, *body, "url", &set->url)
           && body_map(r, *body, "input_schema", &set->input_schema)
           && body_map(r, *body, "output_schema", &set->output_schema)
           && body_map(r, *body, "annotations", &set->annotations)
           && body_map(r, *body, "tags", &set->tags);
}

void
native_action_create(struct request *r)
{
    static const char *const names[] = { "name", "title", "description", "url",
        "input_schema", "output_schema", "annotations", "tags", NULL };
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    struct action_set *set = &m->action_set;
    struct bytes body;
    if (!read_action(r, names, &body, m)
        || !body_text(r, body, "name", NAME_MAX_BYTES, &set->name))
        return;
    set->create = 1;
    set->kind = ACTION_HTTP;
    set->action = id_fresh(0);
    set->secret = native_action_secret(r);
    request_ask(r, m, show_secret);
}

void
native_action_change(struct request *r)
{
    static const char *const names[] = { "title", "description", "url", "input_schema",
        "output_schema", "annotations", "tags", NULL };
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    struct bytes body;
    m->action_set.name = r->captures[0];
    if (read_action(r, names, &body, m))
        request_ask(r, m, request_show);
}

void
native_action_rotate(struct request *r)
{
    struct message *m = request_message(r, ACTION_SET, ACTOR_registry);
    m->action_set.name = r->captures[0];
    m->action_set.secret = native_action_secret(r);
    if (body_empty(r))
        request_ask(r, m, show_secret);
}

void
native_action_delete(struct request *r)
{
    struct message *m = request_message(r, ACTION_DELETE, ACTOR_registry);
    m->action_delete.name = r->captures[0];
    request_ask(r, m, request_show);
}
