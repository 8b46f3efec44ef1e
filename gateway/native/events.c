/* Events, what http triggers are sent, secrets, and the triggers of automations. */
#include "base/json_read.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"
#include "gateway/said.h"

enum {
    WORD_MAX = 200,
    SECRET_MAX = 4096,
    PAGE_EVENTS = 100,
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 1000,
    SLOTS_DEFAULT = 5
};

/* ---- events ---- */

void
native_event_publish(struct request *r)
{
    static const char *const names[] = { "id", "type", "source", "data", "meta", NULL };
    struct message *m = request_message(r, EVENT_PUBLISH, ACTOR_trigger);
    struct event_publish *e = &m->event_publish;
    struct bytes body;
    if (request_json(r, &body) && body_only(r, body, names)
        && body_text(r, body, "id", WORD_MAX, &e->id)
        && body_text(r, body, "type", WORD_MAX, &e->type)
        && body_text(r, body, "source", WORD_MAX, &e->source)
        && body_map(r, body, "data", &e->data) && body_map(r, body, "meta", &e->meta))
        request_ask(r, m, request_show);
}

void
native_stream_list(struct request *r)
{
    struct message *m = request_message(r, STREAM_LIST, ACTOR_trigger);
    struct stream_list *list = &m->stream_list;
    struct follow_subject subject = { r->key->project, m, &list->after, "number",
        "type", NULL };
    uint64_t limit;
    if (!native_filter(r, "type", WORD_MAX, &list->type)
        || !native_after(r, &list->after)
        || !request_number(r, "limit", 1, LIMIT_MAX,
            native_wants_stream(r) ? PAGE_EVENTS : LIMIT_DEFAULT, &limit))
        return;
    list->limit = (uint32_t)limit;
    if (native_wants_stream(r))
        native_follow(r, &subject);
    else
        request_ask(r, m, request_show);
}

/* ---- hooks ---- */

/* Whoever calls hears that it was taken, and of which event and run, or why of none. */
static void
show_taken(struct request *r, struct bytes document)
{
    static const char *const shown[] = { "status", "deduped", "event" };
    bool refused = said_text(document, "refusal").size > 0;
    struct buffer out = { 0 };
    pack_map(&out, COUNT(shown) + (refused ? 2 : 1));
    for (size_t i = 0; i < COUNT(shown); i++) {
        pack_string(&out, shown[i]);
        pack_raw(&out, pack_find(document, shown[i]));
    }
    pack_string(&out, "run");
    if (refused) {
        pack_nil(&out);
        pack_string(&out, "refusal");
        pack_raw(&out, pack_find(document, "refusal"));
    } else {
        pack_raw(&out, pack_find(document, "run"));
    }
    request_document(r, 202, buffer_bytes(&out));
    buffer_free(&out);
}

static void
called(struct request *r, const struct message *answer)
{
    struct bytes document = answer->document.document;
    struct run_accepted run = { .status = RUN_WAITING };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    hooks_learn(&r->gateway->hooks, r->captures[0], &answer->envelope.project);
    uint64_t wait_ms = said_number(document, "wait_ms");
    run.name = said_text(document, "automation");
    run.run = said_id(document, "run", "run_");
    run.automation = said_id(document, "automation_id", "aut_");
    if (wait_ms == 0 || id_is_zero(&run.run) || id_is_zero(&run.automation)
        || said_text(document, "refusal").size > 0) {
        show_taken(r, document);
        return;
    }
    native_wait(r, &answer->envelope.project, &run, 200, r->gateway->now_ms + wait_ms);
}

static struct bytes
query_of(struct request *r)
{
    struct buffer out = { 0 };
    for (size_t i = 0; i < r->target.query_count; i++) {
        buffer_append(&out, "&", i > 0);
        buffer_append_bytes(&out, r->target.queries[i].name);
        buffer_append(&out, "=", 1);
        buffer_append_bytes(&out, r->target.queries[i].value);
    }
    struct bytes query = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return query;
}

/* What was signed is the body as it came; what automations see is what it means. */
void
native_hook_call(struct request *r)
{
    struct message *m = request_message(r, HOOK_CALL, ACTOR_trigger);
    struct hook_call *call = &m->hook_call;
    m->envelope.project = hooks_project(&r->gateway->hooks, r->captures[0]);
    struct buffer meaning = { 0 };
    struct fault fault;
    call->handle = r->captures[0];
    call->headers = request_headers(r);
    call->body = buffer_bytes(&r->body);
    call->query = query_of(r);
    if (json_to_msgpack(call->body, &meaning, NULL, &fault) == ERR_NONE)
        call->data = arena_copy(&r->arena, buffer_bytes(&meaning));
    buffer_free(&meaning);
    request_ask(r, m, called);
}

/* ---- secrets ---- */

void
native_secret_set(struct request *r)
{
    static const char *const names[] = { "name", "value", NULL };
    struct message *m = request_message(r, SECRET_SET, ACTOR_trigger);
    struct bytes body;
    if (!request_json(r, &body) || !body_only(r, body, names)
        || !body_text(r, body, "name", WORD_MAX, &m->secret_set.name)
        || !body_text(r, body, "value", SECRET_MAX, &m->secret_set.value))
        return;
    if (m->secret_set.value.size > 0)
        request_ask(r, m, request_show);
    else
        request_refuse(r, ERR_INVALID, "value must be a text that is not empty");
}

void
native_secret_list(struct request *r)
{
    request_ask(r, request_message(r, SECRET_LIST, ACTOR_trigger), request_show);
}

void
native_secret_delete(struct request *r)
{
    struct message *m = request_message(r, SECRET_SET, ACTOR_trigger);
    m->secret_set.name = r->captures[0];
    request_ask(r, m, request_show);
}

/* ---- triggers ---- */

void
native_trigger_list(struct request *r)
{
    struct message *m = request_message(r, TRIGGER_LIST, ACTOR_trigger);
    m->trigger_list.name = r->captures[0];
    request_ask(r, m, request_show);
}

void
native_schedule_next(struct request *r)
{
    struct message *m = request_message(r, SCHEDULE_NEXT, ACTOR_trigger);
    struct schedule_next *next = &m->schedule_next;
    uint64_t count;
    next->name = r->captures[0];
    if (!request_number(r, "count", 1, LIMIT_MAX, SLOTS_DEFAULT, &count)
        || !request_number(r, "after", 0, INT64_MAX, 0, &next->after_ms))
        return;
    next->count = (uint32_t)count;
    request_ask(r, m, request_show);
}
