/* Roles, and the principals that hold them. */
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 200 };

/* ---- roles ---- */

void
native_role_list(struct request *r)
{
    request_ask(r, request_message(r, ROLE_LIST, ACTOR_registry), request_show);
}

void
native_role_get(struct request *r)
{
    struct message *m = request_message(r, ROLE_LIST, ACTOR_registry);
    m->role_list.role = r->captures[0];
    request_ask(r, m, request_show);
}

static bool
read_role(struct request *r, const char *const *names, struct role_set *set)
{
    struct bytes body;
    return request_json(r, &body) && body_only(r, body, names)
           && body_text(r, body, "name", NAME_MAX_BYTES, &set->name)
           && body_value(r, body, "description", &set->description)
           && native_scopes(r, body, &set->scopes)
           && body_map(r, body, "tags", &set->tags);
}

void
native_role_create(struct request *r)
{
    static const char *const names[] = { "name", "description", "scopes", "tags",
        NULL };
    struct message *m = request_message(r, ROLE_SET, ACTOR_registry);
    struct id id = id_fresh(0);
    char printed[ID_TEXT_MAX];
    m->role_set.create = 1;
    m->role_set.role = arena_copy(&r->arena, text(id_print(&id, "role_", printed)));
    if (read_role(r, names, &m->role_set))
        request_ask(r, m, request_show);
}

void
native_role_change(struct request *r)
{
    static const char *const names[] = { "description", "scopes", "tags", NULL };
    struct message *m = request_message(r, ROLE_SET, ACTOR_registry);
    m->role_set.role = r->captures[0];
    if (read_role(r, names, &m->role_set))
        request_ask(r, m, request_show);
}

void
native_role_delete(struct request *r)
{
    struct message *m = request_message(r, ROLE_DELETE, ACTOR_registry);
    m->role_delete.role = r->captures[0];
    request_ask(r, m, request_show);
}

/* ---- principals ---- */

void
native_principal_list(struct request *r)
{
    request_ask(r, request_message(r, PRINCIPAL_LIST, ACTOR_registry), request_show);
}

void
native_principal_get(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_LIST, ACTOR_registry);
    if (request_id(r, "svc_", &m->principal_list.principal))
        request_ask(r, m, request_show);
}

static bool
read_state(struct request *r, struct bytes body, uint32_t *state)
{
    struct bytes said;
    if (!body_text(r, body, "state", NAME_MAX_BYTES, &said))
        return false;
    *state = bytes_equal(said, text("active"))     ? PRINCIPAL_ACTIVE
             : bytes_equal(said, text("disabled")) ? PRINCIPAL_DISABLED
                                                   : 0;
    if (*state != 0 || said.size == 0)
        return true;
    request_refuse(r, ERR_INVALID, "state must be active or disabled");
    return false;
}

static bool
read_principal(struct request *r, const char *const *names, struct principal_set *set)
{
    struct bytes body;
    set->by = text(r->key->name);
    return request_json(r, &body) && body_only(r, body, names)
           && body_text(r, body, "name", NAME_MAX_BYTES, &set->name)
           && body_value(r, body, "description", &set->description)
           && body_value(r, body, "owner", &set->owner)
           && body_map(r, body, "metadata", &set->metadata)
           && body_map(r, body, "tags", &set->tags)
           && body_value(r, body, "roles", &set->roles)
           && read_state(r, body, &set->state);
}

void
native_principal_create(struct request *r)
{
    static const char *const names[] = { "name", "description", "owner", "metadata",
        "tags", "roles", NULL };
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    m->principal_set.create = 1;
    m->principal_set.principal = id_fresh(0);
    if (read_principal(r, names, &m->principal_set))
        request_ask(r, m, request_show);
}

void
native_principal_change(struct request *r)
{
    static const char *const names[] = { "description", "owner", "metadata", "tags",
        "roles", "state", NULL };
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    if (request_id(r, "svc_", &m->principal_set.principal)
        && read_principal(r, names, &m->principal_set))
        request_ask(r, m, request_show);
}

void
native_principal_delete(struct request *r)
{
    struct message *m = request_message(r, PRINCIPAL_SET, ACTOR_registry);
    m->principal_set.state = PRINCIPAL_DELETED;
    m->principal_set.by = text(r->key->name);
    if (request_id(r, "svc_", &m->principal_set.principal))
        request_ask(r, m, request_show);
}
