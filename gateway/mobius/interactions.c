#include "gateway/mobius/interactions.h"

#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/mobius/single.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { NAME_MAX_BYTES = 200, COMMENT_MAX = 4000 };

/* An answer that is on its way. */
struct reply {
    struct bytes value, comment;
    bool cancel;
};

/* Who withdraws a question answers nothing. */
static bool
withdraws(struct bytes answer)
{
    struct cursor value = cursor_over(pack_find(answer, "value"));
    return cursor_type(&value) == PACK_NIL;
}

static void
write_cancel_reason(struct form *form, struct bytes said)
{
    size_t count;
    struct cursor items = said_items(said, "responses", &count);
    for (size_t i = 0; i < count; i++) {
        struct bytes answer = cursor_skip(&items);
        if (withdraws(answer))
            form_copy(form, "cancel_reason", answer, "comment");
    }
}

static void
write_responses(struct form *form, struct bytes said, const struct id *interaction)
{
    size_t count;
    struct cursor items = said_items(said, "responses", &count);
    struct form list = form_list(form, "responses");
    for (size_t i = 0; i < count; i++) {
        struct bytes answer = cursor_skip(&items);
        struct id id = id_derive(interaction, i);
        if (withdraws(answer))
            continue;
        form_item(&list);
        struct form one = form_open(list.out);
        form_id(&one, "id", "iresp_", &id);
        form_id(&one, "interaction_id", "iact_", interaction);
        form_string(&one, "response_kind", "response");
        form_string(&one, "state", "submitted");
        form_copy(&one, "responder_user_id", answer, "by");
        form_copy(&one, "value", answer, "value");
        form_copy(&one, "comment", answer, "comment");
        form_copy(&one, "responded_at", answer, "at");
        form_copy(&one, "created_at", answer, "at");
        form_copy(&one, "updated_at", answer, "at");
        form_close(&one);
    }
    form_close_list(&list);
}

/* How the last answer settled it. */
static void
write_outcome(struct form *form, struct bytes said, const struct id *interaction)
{
    size_t count;
    struct cursor items = said_items(said, "responses", &count);
    struct bytes last = { 0 };
    if (count == 0 || !bytes_equal(said_text(said, "status"), text("completed")))
        return;
    for (size_t i = 0; i < count; i++)
        last = cursor_skip(&items);
    struct cursor all = cursor_over(pack_find(said, "all_of"));
    struct id id = id_derive(interaction, count - 1);
    struct form responder = form_inside(form, "responder");
    form_copy(&responder, "user_id", last, "by");
    form_close(&responder);
    form_id(form, "resolving_response_id", "iresp_", &id);
    form_copy(form, "outcome", last, "value");
    form_string(form, "resolved_by", cursor_bool(&all) ? "all_of" : "any_of");
}

const char *const interaction_extras[] = { "subject", "references", "context", "tags",
    "properties", "run_id", "signal_name", NULL };

/* Whose it is: a run's that waits for it, or nobody's. */
static void
write_owner(struct form *form, struct bytes said)
{
    struct bytes spec = pack_find(said, "spec");
    if (single_is(said_text(said, "automation"), SINGLE_INTERACTION)) {
        form_copy_all(form, spec, interaction_extras);
        form_copy(form, "created_by", spec, "created_by");
        struct form consumer = form_inside(form, "consumer");
        form_string(&consumer, "kind", "none");
        form_close(&consumer);
        return;
    }
    form_copy(form, "run_id", said, "run_id");
    form_copy(form, "signal_name", said, "step");
}

static void
write_spec(struct form *form, struct bytes spec)
{
    static const char *const theirs[] = { "mode", "options", "default_value",
        "default_values", "default_text", "default_confirmed", "placeholder",
        "multiline", NULL };
    if (pack_find(spec, "mode").size == 0)
        return;
    struct form inside = form_inside(form, "spec");
    form_copy_all(&inside, spec, theirs);
    form_close(&inside);
}

static void
write_policy(struct form *form, struct bytes said)
{
    struct cursor all = cursor_over(pack_find(said, "all_of"));
    struct form policy = form_inside(form, "resolution_policy");
    form_string(&policy, "type", cursor_bool(&all) ? "all_of" : "any_of");
    form_close(&policy);
}

bool
interaction_write(struct request *r, struct buffer *out, struct bytes said)
{
    static const char *const same[] = { "id", "status", "created_at", "expires_at",
        NULL };
    struct id id = said_id(said, "id", "iact_");
    struct bytes over = pack_find(said, "settled_at"), title = said_text(said, "title");
    struct bytes targets = pack_find(said, "targets");
    (void)r;
    struct form form = form_open(out);
    form_copy_all(&form, said, same);
    write_owner(&form, said);
    form_copy(&form, "kind", said, "protocol");
    if (title.size == 0)
        title = said_text(said, "prompt");
    form_text(&form, "title", title.size > 0 ? title : said_text(said, "step"));
    form_copy(&form, "description", said, "prompt");
    write_spec(&form, pack_find(said, "spec"));
    write_policy(&form, said);
    if (targets.size > 1)
        form_value(&form, "target_user_ids", targets);
    else {
        struct form none = form_list(&form, "target_user_ids");
        form_close_list(&none);
    }
    write_responses(&form, said, &id);
    write_outcome(&form, said, &id);
    write_cancel_reason(&form, said);
    form_value(&form, "completed_at", over);
    form_value(
        &form, "updated_at", over.size > 1 ? over : pack_find(said, "created_at"));
    form_close(&form);
    return true;
}

static bool
matches(const struct request *r, const char *query, struct bytes value)
{
    struct bytes wanted = target_query(&r->target, query);
    return wanted.size == 0 || bytes_equal(wanted, value);
}

/* As it is shown: nobody knows the run of one that belongs to none, which may name
 * another; and there are no sessions. */
static bool
write_wanted(struct request *r, struct buffer *out, struct bytes said)
{
    bool alone = single_is(said_text(said, "automation"), SINGLE_INTERACTION);
    struct bytes of_run = said_text(alone ? pack_find(said, "spec") : said, "run_id");
    return matches(r, "kind", said_text(said, "protocol"))
           && matches(r, "run_id", of_run)
           && matches(r, "session_id", (struct bytes){ 0 })
           && interaction_write(r, out, said);
}

void
mobius_interaction_list(struct request *r)
{
    struct message *m = request_message(r, INTERACTION_LIST, ACTOR_view);
    struct interaction_list *list = &m->interaction_list;
    if (mobius_page(r, &list->limit, &list->cursor)
        && native_query(r, "target_user_id", NAME_MAX_BYTES, &list->target)
        && native_query(r, "status", NAME_MAX_BYTES, &list->status))
        form_fill(
            r, &(struct form_pages){ m, &list->limit, &list->cursor, write_wanted });
}

static void
got_one(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    interaction_write(r, &out, answer->document.document);
    form_answer(r, 200, &out);
}

static void
ask(struct request *r, void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, INTERACTION_LIST, ACTOR_view);
    if (id_read(r->captures[1], "iact_", &m->interaction_list.interaction) == ERR_NONE)
        request_ask(r, m, done);
    else
        request_refuse(r, ERR_NOT_FOUND, "there is no such interaction");
}

void
mobius_interaction_get(struct request *r)
{
    ask(r, got_one);
}

static void
replied(struct request *r, const struct message *answer)
{
    if (answer->code == RUN_ACCEPTED)
        ask(r, got_one);
    else
        request_show(r, answer);
}

/* Their callers are people; ours are keys.  One that administers the project speaks for
 * whoever is asked. */
static struct bytes
speaker(struct request *r, struct bytes said)
{
    size_t count;
    struct cursor targets = said_items(said, "targets", &count);
    if (count == 0 || (r->key->scopes & SCOPE_ADMIN) == 0)
        return text(r->key->name);
    return arena_copy(&r->arena, cursor_text(&targets));
}

static void
got_to_reply(struct request *r, const struct message *answer)
{
    const struct reply *reply = r->own;
    struct message *m = request_message(r, INTERACTION_RESPOND, ACTOR_scheduler);
    struct interaction_respond *said = &m->interaction_respond;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes document = answer->document.document;
    if (!bytes_equal(said_text(document, "status"), text("pending"))) {
        request_refuse(r, ERR_CONFLICT, "the interaction is not pending");
        return;
    }
    said->interaction = said_id(document, "id", "iact_");
    said->value = reply->value;
    said->comment = reply->comment;
    said->cancel = reply->cancel;
    said->principal = speaker(r, document);
    native_ask_run(r, m, &said->interaction, replied);
}

void
mobius_interaction_respond(struct request *r)
{
    struct reply *reply = arena_take(&r->arena, sizeof *reply);
    struct bytes body;
    r->own = reply;
    if (request_json(r, &body) && body_value(r, body, "value", &reply->value)
        && body_text(r, body, "comment", COMMENT_MAX, &reply->comment))
        ask(r, got_to_reply);
}

void
mobius_interaction_cancel(struct request *r)
{
    struct reply *reply = arena_take(&r->arena, sizeof *reply);
    struct bytes body;
    r->own = reply;
    reply->cancel = true;
    if (request_json(r, &body)
        && body_text(r, body, "reason", COMMENT_MAX, &reply->comment))
        ask(r, got_to_reply);
}

/* Nothing here waits to be accepted after it was answered. */
static void
got_to_review(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_refuse(r, ERR_CONFLICT, "the interaction is not in review");
    else
        request_show(r, answer);
}

void
mobius_interaction_review(struct request *r)
{
    ask(r, got_to_review);
}

static void
deleted(struct request *r, const struct message *answer)
{
    if (answer->code == RUN_ACCEPTED)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        request_show(r, answer);
}

void
mobius_interaction_delete(struct request *r)
{
    struct message *m = request_message(r, INTERACTION_DELETE, ACTOR_scheduler);
    struct interaction_delete *delete = &m->interaction_delete;
    if (id_read(r->captures[1], "iact_", &delete->interaction) != ERR_NONE) {
        request_refuse(r, ERR_NOT_FOUND, "there is no such interaction");
        return;
    }
    delete->by = text(r->key->name);
    native_ask_run(r, m, &delete->interaction, deleted);
}
