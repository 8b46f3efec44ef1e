/* Automations, their versions and their status: questions to the registry. */
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"
#include "gateway/said.h"

enum { NAME_MAX_BYTES = 200, REASON_MAX = 1000 };

static void
ask(struct request *r, struct message *m)
{
    request_ask(r, m, request_show);
}

/* A query that says true or false; false when it is not there. */
static bool
read_flag(struct request *r, const char *query, uint32_t *flag)
{
    struct bytes value = target_query(&r->target, query);
    *flag = bytes_equal(value, text("true"));
    if (*flag || value.data == NULL || bytes_equal(value, text("false")))
        return true;
    request_refuse(r, ERR_MALFORMED, "%s must be true or false", query);
    return false;
}

/* The automation that the path names. */
static bool
read_name(struct request *r, struct bytes *name)
{
    *name = r->captures[0];
    if (name->size <= NAME_MAX_BYTES)
        return true;
    request_refuse(r, ERR_NOT_FOUND, "%s", "");
    return false;
}

bool
native_version(struct request *r, struct bytes said, uint32_t *version)
{
    uint64_t number = 0;
    bool right = target_number(said, &number) && number <= UINT32_MAX;
    *version = (uint32_t)number;
    if (right && number > 0)
        return true;
    request_refuse(r, ERR_NOT_FOUND, "the automation has no such version");
    return false;
}

void
native_automation_apply(struct request *r)
{
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    struct automation_apply *apply = &m->automation_apply;
    apply->definition = buffer_bytes(&r->body);
    apply->automation = id_fresh(0);
    if (read_flag(r, "draft", &apply->draft) && read_flag(r, "check", &apply->check))
        ask(r, m);
}

void
native_apply_if(struct message *apply, struct bytes document)
{
    apply->automation_apply.latest = (uint32_t)said_number(document, "latest_version");
    apply->automation_apply.published =
        (uint32_t)said_number(document, "published_version");
}

bool
native_overtaken(const struct message *answer, unsigned *tries)
{
    return answer->code == REFUSED && answer->refused.err == ERR_CONFLICT
           && ++*tries < NATIVE_TRIES;
}

void
native_version_create(struct request *r)
{
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    struct automation_apply *apply = &m->automation_apply;
    uint32_t published;
    apply->definition = buffer_bytes(&r->body);
    if (!read_name(r, &apply->name) || !read_flag(r, "publish", &published)
        || !read_flag(r, "check", &apply->check))
        return;
    apply->draft = !published;
    ask(r, m);
}

void
native_automation_list(struct request *r)
{
    struct message *m = request_message(r, AUTOMATION_LIST, ACTOR_registry);
    if (native_page(r, &m->automation_list.limit, &m->automation_list.cursor))
        ask(r, m);
}

void
native_automation_get(struct request *r)
{
    struct message *m = request_message(r, AUTOMATION_GET, ACTOR_registry);
    m->automation_get.definition = 1;
    if (read_name(r, &m->automation_get.name))
        ask(r, m);
}

void
native_version_list(struct request *r)
{
    struct message *m = request_message(r, VERSION_LIST, ACTOR_registry);
    struct version_list *list = &m->version_list;
    if (read_name(r, &list->name) && native_page(r, &list->limit, &list->cursor))
        ask(r, m);
}

void
native_version_get(struct request *r)
{
    struct message *m = request_message(r, VERSION_LIST, ACTOR_registry);
    if (read_name(r, &m->version_list.name)
        && native_version(r, r->captures[1], &m->version_list.version))
        ask(r, m);
}

void
native_version_publish(struct request *r)
{
    struct message *m = request_message(r, VERSION_PUBLISH, ACTOR_registry);
    if (read_name(r, &m->version_publish.name)
        && native_version(r, r->captures[1], &m->version_publish.version)
        && body_empty(r))
        ask(r, m);
}

static void
set_status(struct request *r, enum automation_status status)
{
    static const char *const names[] = { "reason", NULL };
    struct message *m = request_message(r, AUTOMATION_SET, ACTOR_registry);
    struct automation_set *set = &m->automation_set;
    struct bytes body;
    set->status = status;
    if (read_name(r, &set->name) && request_json(r, &body) && body_only(r, body, names)
        && body_text(r, body, "reason", REASON_MAX, &set->reason))
        ask(r, m);
}

void
native_automation_pause(struct request *r)
{
    set_status(r, AUTOMATION_PAUSED);
}

void
native_automation_resume(struct request *r)
{
    set_status(r, AUTOMATION_ACTIVE);
}

void
native_automation_archive(struct request *r)
{
    set_status(r, AUTOMATION_ARCHIVED);
}
