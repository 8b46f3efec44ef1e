/* What runs ask of people, and the answers. */
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 200, COMMENT_MAX = 4000 };

void
native_interaction_list(struct request *r)
{
    struct message *m = request_message(r, INTERACTION_LIST, ACTOR_view);
    struct interaction_list *list = &m->interaction_list;
    if (native_page(r, &list->limit, &list->cursor)
        && native_filter(r, "target", NAME_MAX_BYTES, &list->target)
        && native_filter(r, "status", NAME_MAX_BYTES, &list->status))
        request_ask(r, m, request_show);
}

void
native_interaction_get(struct request *r)
{
    struct message *m = request_message(r, INTERACTION_LIST, ACTOR_view);
    if (request_id(r, "iact_", &m->interaction_list.interaction))
        request_ask(r, m, request_show);
}

/* Who answers: the name of the key; who administers the project may speak for anybody.
 */
static bool
read_principal(struct request *r, struct bytes body, struct bytes *principal)
{
    if (!body_text(r, body, "as", NAME_MAX_BYTES, principal))
        return false;
    if (principal->size == 0) {
        *principal = text(r->key->name);
        return true;
    }
    if (r->key->scopes & SCOPE_ADMIN)
        return true;
    request_refuse(
        r, ERR_FORBIDDEN, "as: only a key of scope admin may answer for others");
    return false;
}

static bool
read_flag(struct request *r, struct bytes body, const char *name, uint32_t *flag)
{
    struct bytes value;
    if (!body_value(r, body, name, &value))
        return false;
    struct cursor in = cursor_over(value);
    *flag = value.size > 0 && cursor_bool(&in);
    if (!in.bad)
        return true;
    request_refuse(r, ERR_INVALID, "%s must be true or false", name);
    return false;
}

void
native_interaction_respond(struct request *r)
{
    static const char *const names[] = { "value", "comment", "as", "cancel", NULL };
    struct message *m = request_message(r, INTERACTION_RESPOND, ACTOR_scheduler);
    struct interaction_respond *said = &m->interaction_respond;
    struct bytes body;
    if (!request_id(r, "iact_", &said->interaction) || !request_json(r, &body)
        || !body_only(r, body, names) || !body_value(r, body, "value", &said->value)
        || !body_text(r, body, "comment", COMMENT_MAX, &said->comment)
        || !read_flag(r, body, "cancel", &said->cancel)
        || !read_principal(r, body, &said->principal))
        return;
    native_tell_run(r, m, &said->interaction);
}

void
native_interaction_delete(struct request *r)
{
    struct message *m = request_message(r, INTERACTION_DELETE, ACTOR_scheduler);
    struct interaction_delete *delete = &m->interaction_delete;
    delete->by = text(r->key->name);
    if (request_id(r, "iact_", &delete->interaction))
        native_tell_run(r, m, &delete->interaction);
}
