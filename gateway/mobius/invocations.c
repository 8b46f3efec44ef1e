/* Actions that are invoked directly: each is a run of one step. */
#include "base/json_write.h"
#include "gateway/mobius/form.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/mobius/single.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum {
    ACTION_MAX = 128 - (sizeof SINGLE_ACTION - 1),
    WAIT_DEFAULT_S = 30,
    WAIT_MAX_S = 120,
    KEY_MAX = 200
};

struct invocation {
    struct single single; /* first: it is what r->own points at */
    uint64_t until_ms;    /* monotonic */
};

/* ---- one ---- */

static void
write_error(struct form *form, struct bytes document)
{
    struct bytes message = said_text(pack_find(document, "error"), "message");
    form_text(form, "error",
        message.size > 0 ? message : text("the invocation was cancelled"));
}

/* The run as it is: over, or "active" still. */
static void
show(struct request *r, unsigned answer, struct bytes document)
{
    struct id run = said_id(document, "id", "run_"), job = id_derive(&run, 0);
    enum run_status status = run_status_read(said_text(document, "status"));
    struct buffer out = { 0 };
    struct form form = form_open(&out);
    bool final = run_status_final(status);
    form_string(&form, "status",
        !final               ? "active"
        : status == RUN_DONE ? "completed"
                             : "failed");
    form_id(&form, "job_id", "job_", &job);
    form_id(&form, "run_id", "run_", &run);
    if (status == RUN_DONE)
        form_object(&form, "output", pack_find(document, "output"));
    else if (final)
        write_error(&form, document);
    form_close(&form);
    (void)answer;
    form_answer(r, final ? 200 : 202, &out);
}

static void
started(struct request *r, const struct message *answer)
{
    const struct invocation *invocation = r->own;
    const struct run_accepted *run = &answer->run_accepted;
    if (answer->code == RUN_ACCEPTED && run->existed
        && !bytes_equal(run->name, invocation->single.automation))
        request_refuse(
            r, ERR_CONFLICT, "Idempotency-Key: its run is of something else");
    else if (answer->code == RUN_ACCEPTED)
        native_wait_to_show(r, &r->key->project, run, 200, invocation->until_ms, show);
    else
        request_show(r, answer);
}

/* All that is said is given on to the action. */
static struct bytes
definition_for(struct request *r, struct bytes automation, struct bytes action)
{
    struct buffer out = { 0 };
    buffer_print(&out, "{\"name\":");
    json_write_text(&out, automation);
    buffer_print(&out, ",\"description\":\"An action that is invoked directly.\","
                       "\"steps\":[{\"key\":\"invoke\",\"kind\":\"action\","
                       "\"action\":");
    json_write_text(&out, action);
    buffer_print(&out, ",\"parameters\":\"${{ inputs }}\"}]}");
    struct bytes definition = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return definition;
}

static struct bytes
name_of(struct request *r, struct bytes action)
{
    struct buffer name = { 0 };
    buffer_print(&name, SINGLE_ACTION);
    buffer_append_bytes(&name, action);
    struct bytes kept = arena_copy(&r->arena, buffer_bytes(&name));
    buffer_free(&name);
    return kept;
}

static bool
read_invocation(struct request *r, struct invocation *invocation)
{
    struct single *single = &invocation->single;
    struct bytes body, dry;
    uint32_t wait_s;
    if (!request_json(r, &body) || !body_map(r, body, "input", &single->inputs)
        || !body_number(r, body, "timeout_seconds", WAIT_MAX_S, &wait_s)
        || !body_value(r, body, "dry_run", &dry))
        return false;
    struct cursor c = cursor_over(dry);
    if (dry.size > 0 && cursor_bool(&c)) {
        request_refuse(
            r, ERR_INVALID, "dry_run: no action here says that it only reads");
        return false;
    }
    single->key = r->headers[HEADER_IDEMPOTENCY_KEY];
    if (single->key.size > KEY_MAX || !utf8_valid(single->key)) {
        request_refuse(r, ERR_INVALID,
            "Idempotency-Key is not a text of at most %d bytes", KEY_MAX);
        return false;
    }
    wait_s = wait_s == 0 ? WAIT_DEFAULT_S : wait_s;
    invocation->until_ms = r->gateway->now_ms + (uint64_t)wait_s * 1000;
    return true;
}

void
mobius_action_invoke(struct request *r)
{
    struct invocation *invocation = arena_take(&r->arena, sizeof *invocation);
    struct bytes action = r->captures[1];
    if (action.size > ACTION_MAX) {
        request_refuse(r, ERR_INVALID,
            "an action that is invoked directly has a name of at most %d bytes",
            ACTION_MAX);
        return;
    }
    if (!read_invocation(r, invocation))
        return;
    invocation->single.automation = name_of(r, action);
    invocation->single.definition =
        definition_for(r, invocation->single.automation, action);
    invocation->single.done = started;
    single_start(r, &invocation->single);
}

/* ---- a page: those that are over, for theirs have an end ---- */

static bool
write_invocation(struct request *r, struct buffer *out, struct bytes line)
{
    struct bytes name = said_text(line, "automation");
    enum run_status status = run_status_read(said_text(line, "status"));
    struct bytes error = pack_find(line, "error");
    (void)r;
    if (!single_is(name, SINGLE_ACTION) || !run_status_final(status))
        return false;
    struct id run = said_id(line, "id", "run_"), job = id_derive(&run, 0);
    size_t begin = sizeof SINGLE_ACTION - 1;
    uint64_t attempt = said_number(line, "attempt");
    struct form form = form_open(out);
    form_id(&form, "id", "inv_", &run);
    form_id(&form, "run_id", "run_", &run);
    form_id(&form, "job_id", "job_", &job);
    form_text(&form, "action_name", bytes_of(name.data + begin, name.size - begin));
    form_string(&form, "source", "direct");
    form_string(&form, "status", status == RUN_DONE ? "success" : "failed");
    form_number(&form, "retry_count", attempt > 1 ? attempt - 1 : 0);
    form_copy(&form, "started_at", line, "created_at");
    form_copy(&form, "finished_at", line, "finished_at");
    if (error.size > 1) {
        form_copy(&form, "error_type", error, "type");
        form_copy(&form, "error_message", error, "message");
    }
    form_close(&form);
    return true;
}

void
mobius_invocation_list(struct request *r)
{
    struct message *m = request_message(r, RUN_LIST, ACTOR_view);
    struct run_list *list = &m->run_list;
    struct bytes action;
    if (!mobius_page(r, &list->limit, &list->cursor)
        || !native_query(r, "action_name", ACTION_MAX, &action))
        return;
    if (action.size > 0)
        list->automation = name_of(r, action);
    form_fill(
        r, &(struct form_pages){ m, &list->limit, &list->cursor, write_invocation });
}
