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

static bool
is_deleted(struct bytes project)
{
    struct cursor deleted = cursor_over(pack_find(project, "deleted"));
    return cursor_bool(&deleted);
}

static void
write_project(
    struct request *r, struct buffer *out, struct bytes handle, struct bytes document)
{
    struct form project = form_open(out);
    struct bytes name = said_text(document, "name");
    struct bytes tags = pack_find(document, "tags");
    char id[ID_TEXT_MAX];
    project_id(r, id);
    form_string(&project, "id", id);
    form_text(&project, "name", name.size > 0 ? name : handle);
    form_text(&project, "handle", handle);
    form_copy(&project, "description", document, "description");
    form_copy(&project, "external_ref", document, "reference");
    form_string(&project, "access_mode", "open");
    if (tags.size > 1)
        form_value(&project, "tags", tags);
    if (said_text(document, "created_at").size == 0)
        mobius_stamps(r, &project);
    form_copy(&project, "created_at", document, "created_at");
    form_copy(&project, "updated_at", document, "updated_at");
    form_close(&project);
}

/* Of the handle in the path. */
static void
show_project(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    write_project(r, &out, r->captures[0], answer->document.document);
    form_answer(r, 200, &out);
}

void
mobius_project_get(struct request *r)
{
    request_ask(r, request_message(r, PROJECT_GET, ACTOR_registry), show_project);
}

static void
list_projects(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    if (!is_deleted(answer->document.document)) {
        form_item(&list);
        write_project(r, &out, text("default"), answer->document.document);
    }
    form_close_list(&list);
    form_bool(&whole, "has_more", false);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_project_list(struct request *r)
{
    request_ask(r, request_message(r, PROJECT_GET, ACTOR_registry), list_projects);
}

/* Who has a key of the project sees it: there are no members beside. */
static bool
read_project(struct request *r, struct bytes body, struct project_set *set)
{
    struct bytes access;
    if (!body_value(r, body, "name", &set->name)
        || !body_value(r, body, "description", &set->description)
        || !body_value(r, body, "external_ref", &set->reference)
        || !body_map(r, body, "tags", &set->tags)
        || !body_text(r, body, "access_mode", NAME_MAX_BYTES, &access))
        return false;
    if (access.size == 0 || bytes_equal(access, text("open")))
        return true;
    request_refuse(r, ERR_UNSUPPORTED,
        "access_mode: who has a key of the project sees it, and nobody else");
    return false;
}

void
mobius_project_update(struct request *r)
{
    struct message *m = request_message(r, PROJECT_SET, ACTOR_registry);
    struct bytes body;
    if (request_json(r, &body) && read_project(r, body, &m->project_set))
        request_ask(r, m, show_project);
}

static void
project_gone(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

void
mobius_project_delete(struct request *r)
{
    native_project_end(r, project_gone);
}

/* It is there already, under whatever handle: their "adopt".  One that was deleted is
 * there again, with all that it had. */
static void
adopted(struct request *r, const struct message *answer)
{
    const struct bytes *handle = r->own;
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    write_project(r, &out, *handle, answer->document.document);
    form_answer(r, answer->document.created ? 201 : 200, &out);
}

void
mobius_project_create(struct request *r)
{
    struct message *m = request_message(r, PROJECT_SET, ACTOR_registry);
    struct bytes *handle = arena_take(&r->arena, sizeof *handle);
    struct bytes body, name;
    if (!request_json(r, &body) || !body_text(r, body, "name", NAME_MAX_BYTES, &name)
        || !body_text(r, body, "handle", HANDLE_MAX, handle)
        || !read_project(r, body, &m->project_set))
        return;
    if (name.size == 0 && handle->size == 0) {
        request_refuse(r, ERR_INVALID, "name must be there");
        return;
    }
    if (handle->size == 0)
        *handle = name;
    m->project_set.status = PROJECT_ACTIVE;
    r->own = handle;
    request_ask(r, m, adopted);
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
