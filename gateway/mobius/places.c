/* Worker sessions, what they bring, and what comes in by hooks. */
#include "base/json_read.h"
#include "base/stamp.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/native.h"
#include "gateway/workers.h"

enum { STALE_MS = 90000, ACTIONS_MAX = 1000 };

/* ---- worker sessions ---- */

static void
write_stamp(struct form *form, const char *name, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    form_string(form, name, stamp_print(unix_ms, stamp));
}

static void
write_jobs(struct form *session, struct bytes said)
{
    size_t count;
    struct cursor jobs = said_items(said, "jobs", &count);
    struct form list = form_list(session, "current_jobs");
    for (size_t i = 0; i < count; i++) {
        struct bytes job = cursor_skip(&jobs);
        form_item(&list);
        struct form one = form_open(list.out);
        form_copy(&one, "id", job, "job");
        form_copy(&one, "run_id", job, "run");
        form_string(&one, "status", "claimed");
        write_stamp(&one, "claimed_at", said_number(job, "leased_ms"));
        form_close(&one);
    }
    form_close_list(&list);
}

static void
write_session(struct form *list, struct bytes said)
{
    static const char *const same[] = { "id", "name", "version", "queues", NULL };
    uint64_t heard_ms = said_number(said, "heard_ms");
    bool stale = !bytes_equal(said_text(said, "status"), text("active"))
                 && !bytes_equal(said_text(said, "status"), text("draining"));
    form_item(list);
    struct form session = form_open(list->out);
    form_copy_all(&session, said, same);
    form_copy(&session, "worker_instance_id", said, "instance");
    form_copy(&session, "concurrency_limit", said, "concurrency");
    form_copy(&session, "action_names", said, "actions");
    form_copy(&session, "capabilities", said, "labels");
    form_copy(&session, "environment_id", said, "environment");
    form_string(&session, "instance_status", stale ? "stale" : "active");
    form_bool(&session, "stale", stale);
    form_number(&session, "busy_job_count", said_number(said, "busy"));
    write_jobs(&session, said);
    write_stamp(&session, "last_seen_at", heard_ms);
    form_close(&session);
}

static void
write_totals(struct form *whole, struct bytes said)
{
    uint64_t active = said_number(said, "connected");
    struct form sums = form_inside(whole, "totals");
    form_number(&sums, "active_instances", active);
    form_number(&sums, "slots", said_number(said, "concurrency"));
    form_number(&sums, "busy", said_number(said, "busy"));
    form_number(&sums, "stale", said_number(said, "sessions") - active);
    form_close(&sums);
}

static void
got_sessions(struct request *r, const struct message *answer)
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
    for (size_t i = 0; i < count; i++)
        write_session(&list, cursor_skip(&items));
    form_close_list(&list);
    write_totals(&whole, pack_find(answer->document.document, "totals"));
    form_bool(&whole, "has_more", false);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
mobius_session_list(struct request *r)
{
    request_ask(r, request_message(r, WORKER_LIST, ACTOR_lease), got_sessions);
}

/* Finish what you do, and leave; ours, for their API has no word for it. */
void
mobius_session_drain(struct request *r)
{
    struct id id;
    enum err err = id_read(r->captures[1], "wsess_", &id);
    if (err == ERR_NONE)
        err = workers_dismiss(r->gateway->workers, &r->key->project, &id);
    if (err == ERR_NONE)
        request_answer(r, 202, "application/json", text("{\"status\":\"draining\"}\n"));
    else
        request_refuse(r, ERR_NOT_FOUND, "no such worker session is connected");
}

/* ---- the catalogue: what workers that are there can do ---- */

/* `own` is what the project says of it, or nothing: then workers that are there do it.
 */
static void
write_action(struct buffer *out, struct bytes name, struct bytes own)
{
    static const char *const same[] = { "title", "description", "input_schema",
        "output_schema", NULL };
    struct bytes annotations = pack_find(own, "annotations");
    struct form action = form_open(out);
    form_text(&action, "name", name);
    form_copy_all(&action, own, same);
    form_string(&action, "endpoint_kind",
        bytes_equal(said_text(own, "kind"), text("http")) ? "http" : "worker");
    form_string(&action, "source", "custom");
    form_string(&action, "definition_scope", "project");
    form_string(&action, "readiness", "ready");
    form_string(&action, "risk", "low");
    if (annotations.size > 1) {
        form_value(&action, "annotations", annotations);
    } else {
        struct form none = form_inside(&action, "annotations");
        form_close(&none);
    }
    form_close(&action);
}

struct actions {
    struct bytes names[ACTIONS_MAX];
    struct bytes own[ACTIONS_MAX]; /* documents, or nothing */
    size_t count;
};

static void
note_action(struct actions *actions, struct bytes name, struct bytes own)
{
    for (size_t i = 0; i < actions->count; i++)
        if (bytes_equal(actions->names[i], name))
            return;
    if (actions->count == ACTIONS_MAX)
        return;
    actions->own[actions->count] = own;
    actions->names[actions->count++] = name;
}

/* First what the project says, which knows more of it. */
static void
collect_own(struct actions *actions, struct bytes document)
{
    size_t count;
    struct cursor items = said_items(document, "items", &count);
    for (size_t i = 0; i < count; i++) {
        struct bytes own = cursor_skip(&items);
        note_action(actions, said_text(own, "name"), own);
    }
}

static void
collect(struct actions *actions, struct bytes document)
{
    size_t sessions;
    struct cursor items = said_items(document, "items", &sessions);
    for (size_t i = 0; i < sessions; i++) {
        size_t count;
        struct cursor names = said_items(cursor_skip(&items), "actions", &count);
        for (size_t k = 0; k < count; k++)
            note_action(actions, cursor_text(&names), (struct bytes){ 0 });
    }
}

static void
show_actions(struct request *r, const struct actions *actions)
{
    struct bytes wanted = r->captures[1];
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    for (size_t i = 0; i < actions->count; i++) {
        if (wanted.size > 0 && bytes_equal(actions->names[i], wanted)) {
            buffer_clear(&out);
            write_action(&out, wanted, actions->own[i]);
            form_answer(r, 200, &out);
            return;
        }
        form_item(&list);
        write_action(&out, actions->names[i], actions->own[i]);
    }
    form_close_list(&list);
    form_close(&whole);
    if (wanted.size == 0) {
        form_answer(r, 200, &out);
        return;
    }
    buffer_free(&out);
    request_refuse(r, ERR_NOT_FOUND,
        "the project has no such action, and no worker that is there does it");
}

static void
got_actions(struct request *r, const struct message *answer)
{
    struct actions *actions = r->own;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    collect(actions, answer->document.document);
    show_actions(r, actions);
}

static void
got_own_actions(struct request *r, const struct message *answer)
{
    struct actions *actions = arena_take(&r->arena, sizeof *actions);
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    r->own = actions;
    collect_own(actions, arena_copy(&r->arena, answer->document.document));
    request_ask(r, request_message(r, WORKER_LIST, ACTOR_lease), got_actions);
}

void
mobius_action_list(struct request *r)
{
    request_ask(r, request_message(r, ACTION_LIST, ACTOR_registry), got_own_actions);
}

void
mobius_model_list(struct request *r)
{
    request_answer(r, 200, "application/json", text("{\"items\":[]}\n"));
}

/* Others are what the project publishes: nobody can list those. */
static void
write_ends(struct form *items)
{
    static const char *const ends[][2] = {
        { "run.completed", "A run has completed." },
        { "run.failed", "A run has failed." },
        { "run.cancelled", "A run was cancelled." },
    };
    form_item(items);
    struct form family = form_open(items->out);
    form_string(&family, "prefix", "run");
    form_string(&family, "kind", "capability");
    form_string(&family, "display_name", "Runs");
    form_string(&family, "readiness", "ready");
    struct form types = form_list(&family, "event_types");
    for (size_t i = 0; i < COUNT(ends); i++) {
        form_item(&types);
        struct form type = form_open(items->out);
        form_string(&type, "name", ends[i][0]);
        form_string(&type, "description", ends[i][1]);
        form_close(&type);
    }
    form_close_list(&types);
    form_close(&family);
}

void
mobius_event_catalog(struct request *r)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form items = form_list(&whole, "items");
    write_ends(&items);
    form_close_list(&items);
    struct form reserved = form_list(&whole, "reserved_prefixes");
    form_close_list(&reserved);
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* ---- hooks ---- */

/* The event is named after the run that it starts, so that the run can be found. */
static void
called(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes document = answer->document.document;
    struct form whole = form_open(&out);
    struct id run = said_id(document, "run", "run_");
    form_id(&whole, "source_event_id", "sevt_", &run);
    form_copy(&whole, "status", document, "status");
    form_copy(&whole, "deduped", document, "deduped");
    form_close(&whole);
    form_answer(r, 202, &out);
}

static void
put_header(struct buffer *out, size_t *count, const char *name, struct bytes value)
{
    pack_string(out, name);
    pack_text(out, value);
    ++*count;
}

/* Their signature is GitHub's under another name, and so is the id of a delivery.  What
 * the query says goes before what headers say. */
static struct bytes
headers_of(struct request *r)
{
    struct buffer pairs = { 0 }, out = { 0 };
    struct bytes key = target_query(&r->target, "idempotency_key");
    struct bytes plain = { 0 };
    struct cursor c = cursor_over(request_headers(r));
    size_t count = 0, left = cursor_map(&c);
    for (; left > 0 && !c.bad; left--) {
        struct bytes name = cursor_text(&c), value = cursor_text(&c);
        if (bytes_equal(name, text("x-mobius-signature")))
            put_header(&pairs, &count, "x-hub-signature-256", value);
        else if (bytes_equal(name, text("x-idempotency-key")))
            key = key.size > 0 ? key : value;
        else if (bytes_equal(name, text("idempotency-key")))
            plain = value;
        else {
            pack_text(&pairs, name);
            pack_text(&pairs, value);
            count++;
        }
    }
    if (key.size > 0) {
        put_header(&pairs, &count, "idempotency-key", key);
        put_header(&pairs, &count, "x-github-delivery", key);
    } else if (plain.size > 0) {
        put_header(&pairs, &count, "idempotency-key", plain);
    }
    pack_map(&out, count);
    buffer_append_bytes(&out, buffer_bytes(&pairs));
    struct bytes headers = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&pairs);
    buffer_free(&out);
    return headers;
}

void
mobius_hook_call(struct request *r)
{
    struct message *m = request_message(r, HOOK_CALL, ACTOR_trigger);
    struct hook_call *call = &m->hook_call;
    struct buffer meaning = { 0 };
    struct fault fault;
    call->handle = r->captures[0];
    call->headers = headers_of(r);
    call->body = buffer_bytes(&r->body);
    if (json_to_msgpack(call->body, &meaning, NULL, &fault) == ERR_NONE)
        call->data = arena_copy(&r->arena, buffer_bytes(&meaning));
    buffer_free(&meaning);
    request_ask(r, m, called);
}
