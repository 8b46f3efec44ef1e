/* State: values that projects keep by scope and key. */
#include "gateway/native/body.h"
#include "gateway/native/native.h"

/* `if_revision` of a body; false: refused. */
static bool
read_condition(
    struct request *r, struct bytes body, uint32_t *conditional, uint64_t *revision)
{
    struct bytes found = pack_find(body, "if_revision");
    struct cursor c = cursor_over(found);
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    *conditional = 1;
    *revision = cursor_u64(&c);
    if (!c.bad)
        return true;
    request_refuse(r, ERR_INVALID, "if_revision must be a whole number, 0 for no key");
    return false;
}

/* What must be there, null included; false: refused. */
static bool
read_value(struct request *r, struct bytes body, const char *name, struct bytes *value)
{
    *value = pack_find(body, name);
    if (value->size > 0)
        return true;
    request_refuse(r, ERR_INVALID, "%s is missing", name);
    return false;
}

void
native_state_set(struct request *r)
{
    static const char *const names[] = { "value", "if_revision", NULL };
    struct message *m = request_message(r, STATE_SET, ACTOR_trigger);
    struct state_set *set = &m->state_set;
    struct bytes body;
    set->scope = r->captures[0];
    set->key = r->captures[1];
    if (request_json(r, &body) && body_only(r, body, names)
        && read_value(r, body, "value", &set->value)
        && read_condition(r, body, &set->conditional, &set->revision))
        request_ask(r, m, request_show);
}

void
native_state_update(struct request *r)
{
    static const char *const names[] = { "ops", "if_revision", NULL };
    struct message *m = request_message(r, STATE_UPDATE, ACTOR_trigger);
    struct state_update *update = &m->state_update;
    struct bytes body;
    update->scope = r->captures[0];
    update->key = r->captures[1];
    if (request_json(r, &body) && body_only(r, body, names)
        && read_value(r, body, "ops", &update->ops)
        && read_condition(r, body, &update->conditional, &update->revision))
        request_ask(r, m, request_show);
}

void
native_state_delete(struct request *r)
{
    struct message *m = request_message(r, STATE_DELETE, ACTOR_trigger);
    struct state_delete *delete = &m->state_delete;
    delete->scope = r->captures[0];
    delete->key = r->captures[1];
    delete->conditional = target_query(&r->target, "if_revision").data != NULL;
    if (request_number(r, "if_revision", 0, INT64_MAX, 0, &delete->revision))
        request_ask(r, m, request_show);
}

void
native_state_get(struct request *r)
{
    struct message *m = request_message(r, STATE_GET, ACTOR_trigger);
    m->state_get.scope = r->captures[0];
    m->state_get.key = r->captures[1];
    request_ask(r, m, request_show);
}

void
native_state_list(struct request *r)
{
    struct message *m = request_message(r, STATE_LIST, ACTOR_trigger);
    struct state_list *list = &m->state_list;
    struct bytes values = target_query(&r->target, "values");
    list->scope = r->captures[0];
    list->values = bytes_equal(values, text("true"));
    if (values.size > 0 && !list->values && !bytes_equal(values, text("false")))
        request_refuse(r, ERR_MALFORMED, "values must be true or false");
    else if (native_page(r, &list->limit, &list->after))
        request_ask(r, m, request_show);
}

void
native_scope_list(struct request *r)
{
    struct message *m = request_message(r, SCOPE_LIST, ACTOR_trigger);
    if (native_page(r, &m->scope_list.limit, &m->scope_list.after))
        request_ask(r, m, request_show);
}
