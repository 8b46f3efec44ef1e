/* Roles, permissions, principals, and who holds which role.  A permission of theirs is
 * a scope of ours; the rest is the registry's. */
#include "base/clock.h"
#include "base/stamp.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 200 };

static const struct permission {
    unsigned scope;
    const char *id, *label, *category;
} permissions[] = {
    { SCOPE_READ, "mobius.project.view", "Read", "project" },
    { SCOPE_START, "mobius.project.edit", "Start and end runs", "runs" },
    { SCOPE_WORK, "mobius.work.execute", "Claim and complete jobs", "work" },
    { SCOPE_ADMIN, "mobius.project.admin", "Author, and make keys", "access" },
};

/* Show the document in a shape of theirs, or why there is none. */
static void
show_as(struct request *r, const struct message *answer, unsigned status,
    bool (*write)(struct request *r, struct buffer *out, struct bytes document))
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    (void)write(r, &out, answer->document.document);
    form_answer(r, status, &out);
}

static void
gone(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

/* ---- permissions ---- */

static unsigned
scopes_said(struct bytes document)
{
    size_t count;
    struct cursor items = said_items(document, "scopes", &count);
    unsigned scopes = 0;
    for (size_t i = 0; i < count; i++)
        scopes |= scope_read(cursor_text(&items));
    return scopes;
}

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

static unsigned
scope_of_permission(struct bytes id)
{
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (bytes_equal(id, text(permissions[i].id)))
            return permissions[i].scope;
    return 0;
}

static bool
read_permissions(struct request *r, struct bytes body, uint32_t *scopes)
{
    size_t count;
    struct bytes given;
    *scopes = 0;
    if (!body_value(r, body, "permissions", &given))
        return false;
    struct cursor items = said_items(body, "permissions", &count);
    for (size_t i = 0; i < count; i++) {
        unsigned scope = scope_of_permission(cursor_text(&items));
        if (scope == 0) {
            request_refuse(r, ERR_INVALID,
                "permissions[%zu] is not among those of GET …/permissions", i);
            return false;
        }
        *scopes |= scope;
    }
    if (given.size == 0 || *scopes != 0)
        return true;
    request_refuse(r, ERR_INVALID, "permissions must be a list, and not empty");
    return false;
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

static bool
is_system(struct bytes role)
{
    struct cursor system = cursor_over(pack_find(role, "system"));
    return cursor_bool(&system);
}

static void
write_presets(struct form *whole, struct bytes document)
{
    size_t count;
    struct cursor roles = said_items(document, "items", &count);
    struct form list = form_list(whole, "presets");
    for (size_t i = 0; i < count; i++) {
        struct bytes role = cursor_skip(&roles);
        if (!is_system(role))
            continue;
        form_item(&list);
        struct form form = form_open(list.out);
        form_copy(&form, "id", role, "id");
        form_copy(&form, "label", role, "name");
        form_copy(&form, "description", role, "description");
        form_string(&form, "scope", "project");
        write_permissions(&form, scopes_said(role));
        form_close(&form);
    }
    form_close_list(&list);
}

static void
got_presets(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct form whole = form_open(&out);
    struct form items = form_list(&whole, "items");
    for (size_t i = 0; i < COUNT(permissions); i++)
        write_permission(&items, &permissions[i]);
    form_close_list(&items);
    write_presets(&whole, answer->document.document);
    struct form groups = form_list(&whole, "action_groups");
    form_close_list(&groups);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_permission_list(struct request *r)
{
    request_ask(r, request_message(r, ROLE_LIST, ACTOR_registry), got_presets);
}

/* ---- roles ---- */

static void
write_tags(struct form *form, struct bytes document, const char *name)
{
    struct bytes map = pack_find(document, name);
    struct cursor in = cursor_over(map);
    if (map.size > 0 && cursor_map(&in) > 0)
        form_value(form, name, map);
}

static bool
write_role(struct request *r, struct buffer *out, struct bytes role)
{
    struct form form = form_open(out);
    form_copy(&form, "id", role, "id");
    form_copy(&form, "name", role, "name");
    form_copy(&form, "description", role, "description");
    write_permissions(&form, scopes_said(role));
    form_bool(&form, "system_defined", is_system(role));
    write_tags(&form, role, "tags");
    if (is_system(role))
        mobius_stamps(r, &form);
    form_copy(&form, "created_at", role, "created_at");
    form_copy(&form, "updated_at", role, "updated_at");
    form_close(&form);
    return true;
}

static void
got_roles(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        form_answer_page(r, answer->document.document, write_role);
    else
        request_show(r, answer);
}

void
mobius_role_list(struct request *r)
{
    request_ask(r, request_message(r, ROLE_LIST, ACTOR_registry), got_roles);
}

static void
got_role(struct request *r, const struct message *answer)
{
    show_as(r, answer, 200, write_role);
}

void
mobius_role_get(struct request *r)
{
    struct message *m = request_message(r, ROLE_LIST, ACTOR_registry);
    m->role_list.role = r->captures[1];
    request_ask(r, m, got_role);
}

static bool
read_role(struct request *r, struct role_set *set)
{
    struct bytes body;
    return request_json(r, &body)
           && body_text(r, body, "name", NAME_MAX_BYTES, &set->name)
           && body_value(r, body, "description", &set->description)
           && read_permissions(r, body, &set->scopes)
           && body_map(r, body, "tags", &set->tags);
}

static void
made_role(struct request *r, const struct message *answer)
{
    show_as(r, answer, 201, write_role);
}

void
mobius_role_create(struct request *r)
{
    struct message *m = request_message(r, ROLE_SET, ACTOR_registry);
    struct id id = id_fresh(0);
    char printed[ID_TEXT_MAX];
    m->role_set.create = 1;
    m->role_set.role = arena_copy(&r->arena, text(id_print(&id, "role_", printed)));
    if (read_role(r, &m->role_set))
        request_ask(r, m, made_role);
}

void
mobius_role_update(struct request *r)
{
    struct message *m = request_message(r, ROLE_SET, ACTOR_registry);
    m->role_set.role = r->captures[1];
    if (read_role(r, &m->role_set))
        request_ask(r, m, got_role);
}

void
mobius_role_delete(struct request *r)
{
    struct message *m = request_message(r, ROLE_DELETE, ACTOR_registry);
    m->role_delete.role = r->captures[1];
    request_ask(r, m, gone);
}

/* ---- principals ---- */

static void
write_role_ids(struct form *form, struct bytes principal)
{
    size_t count;
    struct cursor roles = said_items(principal, "roles", &count);
    struct form held = form_list(form, "role_ids");
    for (size_t i = 0; i < count; i++) {
        form_item(&held);
        buffer_print(held.out, "\"");
        buffer_append_bytes(held.out, said_text(cursor_skip(&roles), "id"));
        buffer_print(held.out, "\"");
    }
    form_close_list(&held);
}

static bool
write_principal(struct request *r, struct buffer *out, struct bytes principal)
{
    struct form form = form_open(out);
    (void)r;
    form_copy(&form, "id", principal, "id");
    form_string(&form, "kind", "service");
    form_copy(&form, "state", principal, "state");
    form_copy(&form, "name", principal, "name");
    form_copy(&form, "description", principal, "description");
    form_copy(&form, "owner_id", principal, "owner");
    write_role_ids(&form, principal);
    write_tags(&form, principal, "metadata");
    write_tags(&form, principal, "tags");
    form_copy(&form, "created_at", principal, "created_at");
    form_copy(&form, "updated_at", principal, "updated_at");
    form_close(&form);
    return true;
}

static void
got_principals(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        form_answer_list(r, answer->document.document, write_principal);
    else
        request_show(r, answer);
}

void
mobius_principal_list(struct request *r)
{
    request_ask(r, request_message(r, PRINCIPAL_LIST, ACTOR_registry), got_principals);
}

static bool
read_id(struct request *r, struct bytes said, struct id *principal)
{
    if (id_read(said, "svc_", principal) == ERR_NONE)
        return true;
    request_refuse(r, ERR_NOT_FOUND, "there is no such principal");
    return false;
}

static void
got_principal(struct request *r, const struct message *answer)
{
    show_as(r, answer, 200, write_principal);
}

void
mobius_principal_get(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_LIST, ACTOR_registry);
    if (read_id(r, r->captures[1], &m->principal_list.principal))
        request_ask(r, m, got_principal);
}

static bool
read_state(struct request *r, struct bytes body, uint32_t *state)
{
    static const char *const names[] = { "", "active", "disabled", "deleted" };
    struct bytes said;
    if (!body_text(r, body, "state", NAME_MAX_BYTES, &said))
        return false;
    for (*state = 0; *state < COUNT(names); ++*state)
        if (bytes_equal(said, text(names[*state])))
            return true;
    request_refuse(r, ERR_INVALID, "state must be active or disabled");
    return false;
}

static bool
read_principal(struct request *r, struct principal_set *set)
{
    struct bytes body;
    set->by = text(r->key->name);
    return request_json(r, &body)
           && body_text(r, body, "name", NAME_MAX_BYTES, &set->name)
           && body_value(r, body, "description", &set->description)
           && body_value(r, body, "owner_id", &set->owner)
           && body_map(r, body, "metadata", &set->metadata)
           && body_map(r, body, "tags", &set->tags)
           && body_value(r, body, "role_ids", &set->roles)
           && read_state(r, body, &set->state);
}

static void
made_principal(struct request *r, const struct message *answer)
{
    show_as(r, answer, 201, write_principal);
}

void
mobius_principal_create(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    m->principal_set.create = 1;
    m->principal_set.principal = id_fresh(0);
    if (read_principal(r, &m->principal_set))
        request_ask(r, m, made_principal);
}

void
mobius_principal_update(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    if (read_id(r, r->captures[1], &m->principal_set.principal)
        && read_principal(r, &m->principal_set))
        request_ask(r, m, got_principal);
}

void
mobius_principal_delete(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    m->principal_set.state = PRINCIPAL_DELETED;
    m->principal_set.by = text(r->key->name);
    if (read_id(r, r->captures[1], &m->principal_set.principal))
        request_ask(r, m, gone);
}

/* ---- assignments: asg_<principal>.<role> ---- */

static void
write_assignment(struct buffer *out, struct bytes principal, struct bytes held)
{
    struct form form = form_open(out);
    struct buffer id = { 0 };
    struct bytes whose = said_text(principal, "id");
    struct bytes bare = bytes_of(whose.data + 4, whose.size - 4); /* without svc_ */
    buffer_print(&id, "asg_");
    buffer_append_bytes(&id, bare);
    buffer_print(&id, ".");
    buffer_append_bytes(&id, said_text(held, "id"));
    form_text(&form, "id", buffer_bytes(&id));
    form_text(&form, "principal_id", whose);
    form_copy(&form, "role_id", held, "id");
    form_copy(&form, "role_name", held, "name");
    form_text(&form, "granted_by", said_text(held, "by"));
    form_copy(&form, "created_at", held, "at");
    form_close(&form);
    buffer_free(&id);
}

static bool
wanted(struct request *r, const char *query, struct bytes id)
{
    struct bytes said = target_query(&r->target, query);
    return said.size == 0 || bytes_equal(said, id);
}

static void
got_assignments(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor items = said_items(answer->document.document, "items", &count);
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    for (size_t i = 0; i < count; i++) {
        struct bytes principal = cursor_skip(&items);
        size_t roles;
        struct cursor held = said_items(principal, "roles", &roles);
        for (size_t k = 0; k < roles; k++) {
            struct bytes one = cursor_skip(&held);
            if (!wanted(r, "principal_id", said_text(principal, "id"))
                || !wanted(r, "role_id", said_text(one, "id")))
                continue;
            form_item(&list);
            write_assignment(&out, principal, one);
        }
    }
    form_close_list(&list);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_assignment_list(struct request *r)
{
    request_ask(r, request_message(r, PRINCIPAL_LIST, ACTOR_registry), got_assignments);
}

static void
assigned(struct request *r, const struct message *answer)
{
    const struct bytes *role = r->own;
    struct buffer out = { 0 };
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor held = said_items(answer->document.document, "roles", &count);
    for (size_t i = 0; i < count; i++) {
        struct bytes one = cursor_skip(&held);
        if (out.size == 0
            && (bytes_equal(said_text(one, "id"), *role)
                || bytes_equal(said_text(one, "name"), *role)))
            write_assignment(&out, answer->document.document, one);
    }
    form_answer(r, 201, &out);
}

void
mobius_assignment_create(struct request *r)
{
    struct message *m = request_message(r, ROLE_ASSIGN, ACTOR_registry);
    struct role_assign *assign = &m->role_assign;
    struct bytes body, whose, name;
    if (!request_json(r, &body)
        || !body_text(r, body, "principal_id", NAME_MAX_BYTES, &whose)
        || !body_text(r, body, "role_id", NAME_MAX_BYTES, &assign->role)
        || !body_text(r, body, "role_name", NAME_MAX_BYTES, &name)
        || !read_id(r, whose, &assign->principal))
        return;
    if ((assign->role.size > 0) == (name.size > 0)) {
        request_refuse(r, ERR_INVALID, "one of role_id and role_name must be there");
        return;
    }
    assign->role = name.size > 0 ? name : assign->role;
    assign->by = text(r->key->name);
    r->own = &assign->role;
    request_ask(r, m, assigned);
}

void
mobius_assignment_delete(struct request *r)
{
    enum { BARE = 26, ROLE_AT = 4 + BARE + 1 };
    struct message *m = request_message(r, ROLE_ASSIGN, ACTOR_registry);
    struct role_assign *assign = &m->role_assign;
    struct bytes said = r->captures[1];
    if (said.size <= ROLE_AT || said.data[ROLE_AT - 1] != '.'
        || id_read(bytes_of(said.data, ROLE_AT - 1), "asg_", &assign->principal)
               != ERR_NONE) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such assignment");
        return;
    }
    assign->role = bytes_of(said.data + ROLE_AT, said.size - ROLE_AT);
    assign->remove = 1;
    request_ask(r, m, gone);
}
