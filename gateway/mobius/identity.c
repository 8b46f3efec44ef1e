/* Projects and keys: a project is the key's one, whatever the path calls it. */
#include "base/clock.h"
#include "base/stamp.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 100, HANDLE_MAX = 100 };

void
mobius_stamps(const struct request *r, struct form *form)
{
    char stamp[STAMP_SIZE];
    stamp_print(id_unix_ms(&r->key->id), stamp);
    form_string(form, "created_at", stamp);
    form_string(form, "updated_at", stamp);
}

/* ---- projects ---- */

static void
write_project(struct request *r, struct buffer *out, struct bytes handle,
    struct bytes name, struct bytes description)
{
    struct form project = form_open(out);
    char id[ID_TEXT_MAX];
    project_id(r, id);
    form_string(&project, "id", id);
    form_text(&project, "name", name.size > 0 ? name : handle);
    form_text(&project, "handle", handle);
    form_text(&project, "description", description);
    form_string(&project, "access_mode", "open");
    mobius_stamps(r, &project);
    form_close(&project);
}

static void
show_project(struct request *r, unsigned status, struct bytes handle)
{
    struct buffer out = { 0 };
    write_project(r, &out, handle, (struct bytes){ 0 }, (struct bytes){ 0 });
    form_answer(r, status, &out);
}

void
mobius_project_get(struct request *r)
{
    show_project(r, 200, r->captures[0]);
}

void
mobius_project_list(struct request *r)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    form_item(&list);
    write_project(r, &out, text("default"), (struct bytes){ 0 }, (struct bytes){ 0 });
    form_close_list(&list);
    form_bool(&whole, "has_more", false);
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* It is there already, under whatever handle: their "adopt". */
void
mobius_project_create(struct request *r)
{
    struct buffer out = { 0 };
    struct bytes body, name, handle, description;
    if (!request_json(r, &body) || !body_text(r, body, "name", NAME_MAX_BYTES, &name)
        || !body_text(r, body, "handle", HANDLE_MAX, &handle)
        || !body_text(r, body, "description", 1000, &description))
        return;
    if (name.size == 0 && handle.size == 0) {
        request_refuse(r, ERR_INVALID, "name must be there");
        return;
    }
    write_project(r, &out, handle.size > 0 ? handle : name, name, description);
    form_answer(r, 200, &out);
}

void
mobius_project_capabilities(struct request *r)
{
    struct buffer out = { 0 };
    bool admin = (r->key->scopes & SCOPE_ADMIN) != 0;
    struct form whole = form_open(&out);
    form_bool(&whole, "can_manage_project", admin);
    form_bool(&whole, "can_manage_access", admin);
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* ---- keys ---- */

/* "cap_…" is "cred_…" here; of the text only the begin may be shown.  A key without a
 * principal is one by itself. */
static void
write_key(struct buffer *out, struct bytes key, const char *secret)
{
    struct form form = form_open(out);
    struct id id = said_id(key, "id", "cap_");
    struct bytes prefix = said_text(key, "prefix");
    struct bytes principal = said_text(key, "principal");
    form_id(&form, "id", "cred_", &id);
    form_copy(&form, "name", key, "name");
    form_text(
        &form, "key_prefix", bytes_of(prefix.data, prefix.size < 8 ? prefix.size : 8));
    if (principal.size > 0)
        form_text(&form, "principal_id", principal);
    else
        form_id(&form, "principal_id", "svc_", &id);
    form_copy(&form, "created_at", key, "created_at");
    form_copy(&form, "updated_at", key, "created_at");
    if (secret != NULL) {
        /* Their clients look for mbx_. */
        form_name(&form, "key");
        buffer_print(out, "\"mbx_%s\"", secret + 4);
    }
    form_close(&form);
}

static void
show_made(struct request *r, const char *secret, struct bytes document)
{
    struct buffer out = { 0 };
    write_key(&out, document, secret);
    form_answer(r, 201, &out);
}

/* A key here is valid until it is revoked: one that would have to end by itself is not
 * made. */
static bool
read_expiry(struct request *r, struct bytes body)
{
    struct bytes expires;
    if (!body_value(r, body, "expires_at", &expires))
        return false;
    if (expires.size == 0)
        return true;
    request_refuse(r, ERR_UNSUPPORTED, "expires_at: keys here do not expire");
    return false;
}

void
mobius_key_create(struct request *r)
{
    struct key_create wanted = { .scopes = SCOPES_ALL };
    struct bytes body, principal;
    bool lone = false;
    if (!request_json(r, &body)
        || !body_text(r, body, "name", NAME_MAX_BYTES, &wanted.name)
        || !body_text(r, body, "principal_id", 200, &principal)
        || !body_text(r, body, "scope_role_id", 200, &wanted.role)
        || !body_flag(r, body, "allow_unassigned_principal", &lone)
        || !read_expiry(r, body))
        return;
    wanted.lone = lone;
    if (id_read(principal, "svc_", &wanted.principal) != ERR_NONE)
        request_refuse(r, ERR_INVALID, "principal_id must be one of ours");
    else
        native_key_make(r, &wanted, show_made);
}

static bool
key_revoked(struct bytes key)
{
    struct cursor revoked = cursor_over(pack_find(key, "revoked"));
    return cursor_bool(&revoked);
}

/* One key of the list, or all that are not revoked. */
static void
got_keys(struct request *r, const struct message *answer)
{
    const struct id *wanted = r->own;
    struct buffer out = { 0 }, items = { 0 };
    struct form list = { &items, false };
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor keys = said_items(answer->document.document, "items", &count);
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(&keys);
        struct id id = said_id(key, "id", "cap_");
        if (key_revoked(key) || (wanted != NULL && !id_equal(&id, wanted)))
            continue;
        form_item(&list);
        write_key(&items, key, NULL);
    }
    if (wanted != NULL && items.size == 0)
        request_refuse(r, ERR_NOT_FOUND, "there is no such key");
    else if (wanted != NULL) {
        form_answer(r, 200, &items);
        return;
    } else {
        buffer_print(&out, "{\"items\":[");
        buffer_append_bytes(&out, buffer_bytes(&items));
        buffer_print(&out, "],\"has_more\":false}");
        form_answer(r, 200, &out);
    }
    buffer_free(&items);
}

void
mobius_key_list(struct request *r)
{
    request_ask(r, request_message(r, KEY_LIST, ACTOR_registry), got_keys);
}

void
mobius_key_get(struct request *r)
{
    struct id *id = arena_take(&r->arena, sizeof *id);
    if (id_read(r->captures[1], "cred_", id) != ERR_NONE) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such key");
        return;
    }
    r->own = id;
    mobius_key_list(r);
}

/* ---- one key less ---- */

static void
revoked(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

void
mobius_key_revoke(struct request *r)
{
    struct message *m = request_message(r, KEY_REVOKE, ACTOR_registry);
    if (id_read(r->captures[1], "cred_", &m->key_revoke.key) == ERR_NONE)
        request_ask(r, m, revoked);
    else
        request_refuse(r, ERR_NOT_FOUND, "there is no such key");
}

/* `auth list`, which asks what a login has left behind: we have no logins. */
void
mobius_empty_list(struct request *r)
{
    request_answer(
        r, 200, "application/json", text("{\"items\":[],\"has_more\":false}\n"));
}
