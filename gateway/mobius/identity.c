/* Projects, principals, roles and keys.  A key of ours has scopes and a project, and
 * that is all: projects are names for the key's one, roles are sets of scopes, and a
 * principal is a name with a role, kept in its own id until a key is made for it. */
#include "base/clock.h"
#include "base/stamp.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 100, HANDLE_MAX = 100 };

static const struct role {
    const char *id, *name;
    unsigned scopes;
    const char *description;
} roles[] = {
#define ROLE(id, name, scopes, description) { id, name, scopes, description },
#include "gateway/mobius/roles.def"
};

static const struct permission {
    unsigned scope;
    const char *id, *label, *category;
} permissions[] = {
    { SCOPE_READ, "mobius.project.view", "Read", "project" },
    { SCOPE_START, "mobius.project.edit", "Start and end runs", "runs" },
    { SCOPE_WORK, "mobius.work.execute", "Claim and complete jobs", "work" },
    { SCOPE_ADMIN, "mobius.project.admin", "Author, and make keys", "access" },
};

/* What we keep no date of is as old as the key that asks. */
static void
write_stamps(const struct request *r, struct form *form)
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
    write_stamps(r, &project);
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

/* ---- roles and permissions ---- */

static void
write_permissions(struct form *form, unsigned scopes)
{
    struct form list = form_list(form, "permissions");
    for (size_t i = 0; i < COUNT(permissions); i++) {
        if ((permissions[i].scope & scopes) == 0)
            continue;
        form_item(&list);
        buffer_print(list.out, "\"%s\"", permissions[i].id);
    }
    form_close_list(&list);
}

static void
write_role(const struct request *r, struct buffer *out, const struct role *role)
{
    struct form form = form_open(out);
    form_string(&form, "id", role->id);
    form_string(&form, "name", role->name);
    form_string(&form, "description", role->description);
    write_permissions(&form, role->scopes);
    form_bool(&form, "system_defined", true);
    write_stamps(r, &form);
    form_close(&form);
}

static const struct role *
role_with(struct bytes id)
{
    for (size_t i = 0; i < COUNT(roles); i++)
        if (bytes_equal(id, text(roles[i].id)))
            return &roles[i];
    return NULL;
}

void
mobius_role_list(struct request *r)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    for (size_t i = 0; i < COUNT(roles); i++) {
        form_item(&list);
        write_role(r, &out, &roles[i]);
    }
    form_close_list(&list);
    form_bool(&whole, "has_more", false);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_role_get(struct request *r)
{
    struct buffer out = { 0 };
    const struct role *role = role_with(r->captures[1]);
    if (role == NULL) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such role");
        return;
    }
    write_role(r, &out, role);
    form_answer(r, 200, &out);
}

static void
write_permission(struct form *list, const struct permission *permission)
{
    form_item(list);
    struct form form = form_open(list->out);
    form_string(&form, "id", permission->id);
    form_string(&form, "label", permission->label);
    form_string(&form, "description", permission->label);
    form_string(&form, "scope", "project");
    form_string(&form, "category", permission->category);
    form_string(&form, "risk", permission->scope == SCOPE_ADMIN ? "high" : "low");
    form_bool(&form, "assignable", true);
    struct form kinds = form_list(&form, "user_kinds");
    form_item(&kinds);
    buffer_print(list->out, "\"service\"");
    form_close_list(&kinds);
    form_close(&form);
}

static void
write_preset(struct form *list, const struct role *role)
{
    form_item(list);
    struct form form = form_open(list->out);
    form_string(&form, "id", role->id);
    form_string(&form, "label", role->name);
    form_string(&form, "description", role->description);
    form_string(&form, "scope", "project");
    write_permissions(&form, role->scopes);
    form_close(&form);
}

void
mobius_permission_list(struct request *r)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form items = form_list(&whole, "items");
    for (size_t i = 0; i < COUNT(permissions); i++)
        write_permission(&items, &permissions[i]);
    form_close_list(&items);
    struct form presets = form_list(&whole, "presets");
    for (size_t i = 0; i < COUNT(roles); i++)
        write_preset(&presets, &roles[i]);
    form_close_list(&presets);
    struct form groups = form_list(&whole, "action_groups");
    form_close_list(&groups);
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* ---- principals: svc_<scopes>_<name> ---- */

static bool
principal_read(struct bytes id, unsigned *scopes, struct bytes *name)
{
    enum { NAME_AT = 6 };
    struct bytes prefix = text("svc_");
    if (id.size <= NAME_AT + 1 || !bytes_begin(id, prefix) || id.data[4] < 'a'
        || id.data[4] > 'p' || id.data[5] != '_')
        return false;
    *scopes = (unsigned)(id.data[4] - 'a');
    *name = bytes_of(id.data + NAME_AT, id.size - NAME_AT);
    return *scopes != 0;
}

static void
write_principal(
    const struct request *r, struct buffer *out, unsigned scopes, struct bytes name)
{
    struct buffer id = { 0 };
    struct form form = form_open(out);
    buffer_print(&id, "svc_%c_", 'a' + (int)scopes);
    buffer_append_bytes(&id, name);
    form_text(&form, "id", buffer_bytes(&id));
    form_string(&form, "kind", "service");
    form_string(&form, "state", "active");
    form_text(&form, "name", name);
    struct form held = form_list(&form, "role_ids");
    for (size_t i = COUNT(roles); i-- > 0;) {
        if (roles[i].scopes != scopes)
            continue;
        form_item(&held);
        buffer_print(out, "\"%s\"", roles[i].id);
        break;
    }
    form_close_list(&held);
    write_stamps(r, &form);
    form_close(&form);
    buffer_free(&id);
}

static bool
read_roles(struct request *r, struct bytes body, unsigned *scopes)
{
    size_t count;
    struct cursor items = said_items(body, "role_ids", &count);
    *scopes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct role *role = role_with(cursor_text(&items));
        if (role == NULL) {
            request_refuse(r, ERR_INVALID, "role_ids[%zu] is none of our roles", i);
            return false;
        }
        *scopes |= role->scopes;
    }
    if (*scopes != 0)
        return true;
    request_refuse(r, ERR_INVALID, "role_ids must name a role");
    return false;
}

void
mobius_principal_create(struct request *r)
{
    struct buffer out = { 0 };
    struct bytes body, name;
    unsigned scopes;
    if (!request_json(r, &body) || !body_text(r, body, "name", NAME_MAX_BYTES, &name)
        || !read_roles(r, body, &scopes))
        return;
    if (name.size == 0) {
        request_refuse(r, ERR_INVALID, "name must be there");
        return;
    }
    write_principal(r, &out, scopes, name);
    form_answer(r, 201, &out);
}

void
mobius_principal_get(struct request *r)
{
    struct buffer out = { 0 };
    unsigned scopes;
    struct bytes name;
    if (!principal_read(r->captures[1], &scopes, &name)) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such principal");
        return;
    }
    write_principal(r, &out, scopes, name);
    form_answer(r, 200, &out);
}

/* ---- keys ---- */

static unsigned
scopes_of(struct bytes key)
{
    size_t count;
    struct cursor items = said_items(key, "scopes", &count);
    unsigned scopes = 0;
    for (size_t i = 0; i < count; i++)
        scopes |= scope_read(cursor_text(&items));
    return scopes;
}

/* "cap_…" is "cred_…" here; of the text only the begin may be shown. */
static void
write_key(struct buffer *out, struct bytes key, const char *secret)
{
    struct buffer principal = { 0 };
    struct form form = form_open(out);
    struct id id = said_id(key, "id", "cap_");
    struct bytes prefix = said_text(key, "prefix");
    buffer_print(&principal, "svc_%c_", 'a' + (int)scopes_of(key));
    buffer_append_bytes(&principal, said_text(key, "name"));
    form_id(&form, "id", "cred_", &id);
    form_copy(&form, "name", key, "name");
    form_text(
        &form, "key_prefix", bytes_of(prefix.data, prefix.size < 8 ? prefix.size : 8));
    form_text(&form, "principal_id", buffer_bytes(&principal));
    form_copy(&form, "created_at", key, "created_at");
    form_copy(&form, "updated_at", key, "created_at");
    if (secret != NULL) {
        /* Their clients look for mbx_. */
        form_name(&form, "key");
        buffer_print(out, "\"mbx_%s\"", secret + 4);
    }
    form_close(&form);
    buffer_free(&principal);
}

static void
show_made(struct request *r, const char *secret, struct bytes document)
{
    struct buffer out = { 0 };
    write_key(&out, document, secret);
    form_answer(r, 201, &out);
}

void
mobius_key_create(struct request *r)
{
    struct bytes body, name, principal, of;
    unsigned scopes;
    if (!request_json(r, &body) || !body_text(r, body, "name", NAME_MAX_BYTES, &name)
        || !body_text(r, body, "principal_id", 200, &principal))
        return;
    if (!principal_read(principal, &scopes, &of))
        request_refuse(r, ERR_INVALID, "principal_id must be one of ours");
    else
        native_key_make(r, name.size > 0 ? name : of, scopes, show_made);
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

/* ---- principals by their keys ---- */

static bool
key_of(struct bytes key, unsigned scopes, struct bytes name)
{
    return !key_revoked(key) && scopes_of(key) == scopes
           && bytes_equal(said_text(key, "name"), name);
}

/* Is one of the first `count` keys of the same principal? */
static bool
listed_before(struct bytes document, size_t count, struct bytes key)
{
    size_t all;
    struct cursor keys = said_items(document, "items", &all);
    for (size_t i = 0; i < count; i++)
        if (key_of(cursor_skip(&keys), scopes_of(key), said_text(key, "name")))
            return true;
    return false;
}

static void
got_principals(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes document = answer->document.document;
    struct cursor keys = said_items(document, "items", &count);
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(&keys);
        if (key_revoked(key) || listed_before(document, i, key))
            continue;
        form_item(&list);
        write_principal(r, &out, scopes_of(key), said_text(key, "name"));
    }
    form_close_list(&list);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_principal_list(struct request *r)
{
    request_ask(r, request_message(r, KEY_LIST, ACTOR_registry), got_principals);
}

/* A principal that is to go: its keys are looked up and revoked until there is none. */
struct leaving {
    unsigned scopes;
    struct bytes name;
    bool found;
};

static void look_for_key(struct request *r);

static void
one_revoked(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        look_for_key(r);
    else
        request_show(r, answer);
}

static void
got_keys_to_revoke(struct request *r, const struct message *answer)
{
    struct leaving *leaving = r->own;
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor keys = said_items(answer->document.document, "items", &count);
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(&keys);
        if (!key_of(key, leaving->scopes, leaving->name))
            continue;
        struct message *m = request_message(r, KEY_REVOKE, ACTOR_registry);
        m->key_revoke.key = said_id(key, "id", "cap_");
        leaving->found = true;
        request_ask(r, m, one_revoked);
        return;
    }
    if (leaving->found)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_refuse(r, ERR_NOT_FOUND, "no key is of this principal");
}

static void
look_for_key(struct request *r)
{
    request_ask(r, request_message(r, KEY_LIST, ACTOR_registry), got_keys_to_revoke);
}

void
mobius_principal_delete(struct request *r)
{
    struct leaving *leaving = arena_take(&r->arena, sizeof *leaving);
    r->own = leaving;
    if (principal_read(r->captures[1], &leaving->scopes, &leaving->name))
        look_for_key(r);
    else
        request_refuse(r, ERR_NOT_FOUND, "there is no such principal");
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
