/* Interactions of no run: each is a run of one step that asks. */
#include "base/json_write.h"
#include "base/put.h"
#include "base/stamp.h"
#include "gateway/mobius/interactions.h"
#include "gateway/mobius/mobius.h"
#include "gateway/mobius/single.h"
#include "gateway/native/body.h"

enum { TITLE_MAX = 256, PROSE_MAX = 65536, WORD_MAX = 64, TARGETS_MAX = 1000 };

struct question {
    struct single single; /* first: it is what r->own points at */
    struct bytes kind, title, description, expires_at;
    struct bytes targets; /* array */
    struct bytes spec;    /* map: theirs, and the extras */
    bool all_of;
};

/* ---- what is said of it ---- */

static bool
read_kind(struct request *r, struct bytes body, struct question *question)
{
    static const char *const ours[] = { "request_approval", "request_information",
        "request_review" };
    if (!body_text(r, body, "kind", WORD_MAX, &question->kind))
        return false;
    for (size_t i = 0; i < COUNT(ours); i++)
        if (bytes_equal(question->kind, text(ours[i])))
            return true;
    if (bytes_equal(question->kind, text("assign_work")))
        request_refuse(r, ERR_UNSUPPORTED, "work is not assigned here: kind");
    else
        request_refuse(r, ERR_INVALID,
            "kind must be request_approval, request_information or request_review");
    return false;
}

static bool
read_targets(struct request *r, struct bytes body, struct question *question)
{
    size_t count;
    struct cursor items = said_items(body, "target_user_ids", &count);
    question->targets = pack_find(body, "target_user_ids");
    bool good = count > 0 && count <= TARGETS_MAX;
    for (size_t i = 0; i < count && good; i++) {
        good = cursor_type(&items) == PACK_TEXT;
        cursor_skip(&items);
    }
    if (!good)
        request_refuse(r, ERR_INVALID,
            "target_user_ids must be a list of 1 to %d texts", TARGETS_MAX);
    return good;
}

/* One answer, or one of each; no other way to settle it, and nobody who accepts it. */
static bool
read_policy(struct request *r, struct bytes body, struct question *question)
{
    struct bytes policy, all, type, review;
    if (!body_value(r, body, "require_all", &all)
        || !body_map(r, body, "resolution_policy", &policy))
        return false;
    struct cursor c = cursor_over(all);
    type = said_text(policy, "type");
    review = pack_find(policy, "review");
    bool each = bytes_equal(type, text("all_of"));
    question->all_of = each || (all.size > 0 && cursor_bool(&c));
    if ((policy.size == 0 || each || bytes_equal(type, text("any_of")))
        && review.size <= 1)
        return true;
    request_refuse(r, ERR_UNSUPPORTED,
        "resolution_policy: any_of and all_of, without a review, are what is here");
    return false;
}

/* Nobody is called when it is answered, and nobody is told that it is asked. */
static bool
read_consumer(struct request *r, struct bytes body)
{
    struct bytes consumer, delivery;
    if (!body_map(r, body, "consumer", &consumer)
        || !body_map(r, body, "delivery", &delivery))
        return false;
    struct bytes kind = said_text(consumer, "kind");
    bool none = consumer.size == 0 || bytes_equal(kind, text("none"))
                || bytes_equal(kind, text("run"));
    if (none && delivery.size == 0)
        return true;
    request_refuse(r, ERR_UNSUPPORTED,
        none ? "delivery: it is shown to those who ask for it"
             : "consumer: nobody is called when it is answered");
    return false;
}

static void
put(struct buffer *out, size_t *count, const char *name, struct bytes value)
{
    if (value.size == 0 || value.data[0] == 0xc0)
        return;
    pack_string(out, name);
    buffer_append_bytes(out, value);
    ++*count;
}

static bool
read_spec(struct request *r, struct bytes body, struct question *question)
{
    struct bytes given;
    struct buffer fields = { 0 }, spec = { 0 };
    if (!body_map(r, body, "spec", &given))
        return false;
    struct cursor c = cursor_over(given);
    size_t count = given.size > 0 ? cursor_map(&c) : 0;
    pack_string(&fields, "created_by");
    pack_string(&fields, r->key->name);
    if (count > 0)
        buffer_append(&fields, c.at, (size_t)(c.end - c.at));
    for (const char *const *name = interaction_extras; *name != NULL; name++)
        if (pack_find(given, *name).size == 0)
            put(&fields, &count, *name, pack_find(body, *name));
    pack_map(&spec, count + 1);
    buffer_append_bytes(&spec, buffer_bytes(&fields));
    question->spec = arena_copy(&r->arena, buffer_bytes(&spec));
    buffer_free(&fields);
    buffer_free(&spec);
    return true;
}

static bool
read_question(struct request *r, struct question *question)
{
    struct bytes body;
    if (!request_json(r, &body) || !read_kind(r, body, question)
        || !body_text(r, body, "title", TITLE_MAX, &question->title)
        || !body_text(r, body, "description", PROSE_MAX, &question->description)
        || !body_text(r, body, "expires_at", WORD_MAX, &question->expires_at)
        || !read_targets(r, body, question) || !read_policy(r, body, question)
        || !read_consumer(r, body) || !read_spec(r, body, question))
        return false;
    if (question->title.size > 0)
        return true;
    request_refuse(r, ERR_INVALID, "title must say what is asked");
    return false;
}

/* ---- its run ---- */

static struct bytes
keep(struct request *r, struct buffer *made)
{
    struct bytes kept = arena_copy(&r->arena, buffer_bytes(made));
    buffer_free(made);
    return kept;
}

static struct bytes
inputs_of(struct request *r, const struct question *question)
{
    struct buffer out = { 0 };
    pack_map(&out, 5);
    put_text_or_nil(&out, "title", question->title);
    put_text(&out, "description", question->description);
    put_text_or_nil(&out, "until", question->expires_at);
    put_raw(&out, "targets", question->targets);
    put_raw(&out, "spec", question->spec);
    return keep(r, &out);
}

static const char *
policy_of(const struct question *question)
{
    return question->all_of ? "all_of" : "any_of";
}

static struct bytes
name_of(struct request *r, const struct question *question)
{
    struct buffer out = { 0 };
    buffer_print(&out, SINGLE_INTERACTION);
    buffer_append_bytes(&out, question->kind);
    buffer_print(&out, " %s", policy_of(question));
    return keep(r, &out);
}

/* A rejection is an answer: nothing follows that it could stop. */
static struct bytes
definition_of_question(struct request *r, const struct question *question)
{
    bool judges = !bytes_equal(question->kind, text("request_information"));
    struct buffer out = { 0 };
    buffer_print(&out, "{\"name\":");
    json_write_text(&out, question->single.automation);
    buffer_print(&out, ",\"description\":\"Questions of no run.\",\"steps\":[{"
                       "\"key\":\"asked\",\"kind\":\"interaction\",\"config\":{"
                       "\"protocol\":");
    json_write_text(&out, question->kind);
    buffer_print(&out,
        ",\"resolution_policy\":\"%s\",%s"
        "\"title\":\"${{ inputs.title }}\",\"prompt\":\"${{ inputs.description }}\","
        "\"targets\":[\"${{ inputs.targets }}\"],\"spec\":\"${{ inputs.spec }}\","
        "\"until\":\"${{ inputs.until }}\"}}]}",
        policy_of(question), judges ? "\"on_reject\":\"continue\"," : "");
    return keep(r, &out);
}

/* As the view will describe it. */
static struct bytes
document_of(struct request *r, const struct question *question,
    const struct run_accepted *run, const struct id *id)
{
    struct buffer out = { 0 };
    char printed[ID_TEXT_MAX], of_run[ID_TEXT_MAX], stamp[STAMP_SIZE];
    pack_map(&out, 12);
    put_text(&out, "id", text(id_print(id, "iact_", printed)));
    put_text(&out, "run_id", text(id_print(&run->run, "run_", of_run)));
    put_text(&out, "status", text("pending"));
    put_text(&out, "automation", question->single.automation);
    put_text(&out, "protocol", question->kind);
    put_text_or_nil(&out, "title", question->title);
    put_text_or_nil(&out, "prompt", question->description);
    put_text(&out, "created_at", text(stamp_print(run->started_ms, stamp)));
    put_text_or_nil(&out, "expires_at", question->expires_at);
    put_raw(&out, "targets", question->targets);
    put_raw(&out, "spec", question->spec);
    pack_string(&out, "all_of");
    pack_bool(&out, question->all_of);
    return keep(r, &out);
}

/* Its run, which has said why. */
static void
got_failed(struct request *r, const struct message *answer)
{
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes why =
        said_text(pack_find(answer->document.document, "error"), "message");
    if (bytes_begin(why, text("until:")))
        request_refuse(
            r, ERR_INVALID, "expires_at must be a time such as 2030-01-02T03:04:05Z");
    else
        request_refuse(r, ERR_INVALID, "it could not be asked: %.*s", (int)why.size,
            (const char *)why.data);
}

static void
asked(struct request *r, const struct message *answer)
{
    const struct question *question = r->own;
    const struct run_accepted *run = &answer->run_accepted;
    struct buffer out = { 0 };
    if (answer->code != RUN_ACCEPTED) {
        request_show(r, answer);
        return;
    }
    if (run_status_final((enum run_status)run->status)) {
        struct message *m = request_message(r, RUN_GET, ACTOR_view);
        m->run_get.run = run->run;
        request_ask(r, m, got_failed);
        return;
    }
    struct id id = interaction_id(&run->run, 0, 1, false);
    interaction_write(r, &out, document_of(r, question, run, &id));
    form_answer(r, 201, &out);
}

void
mobius_interaction_create(struct request *r)
{
    struct question *question = arena_take(&r->arena, sizeof *question);
    struct single *single = &question->single;
    if (!read_question(r, question))
        return;
    single->automation = name_of(r, question);
    single->definition = definition_of_question(r, question);
    single->inputs = inputs_of(r, question);
    single->done = asked;
    single_start(r, single);
}
