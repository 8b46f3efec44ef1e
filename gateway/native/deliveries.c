/* Deliveries of webhooks: runs of their automations, as what they are to who listens.
 */
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/gathering.h"
#include "gateway/native/native.h"
#include "gateway/native/webhooks.h"
#include "gateway/said.h"

enum { URL_MAX = 2048, LIMIT_DEFAULT = 20, LIMIT_MAX = 100 };

/* ---- one ---- */

static const char *
status_of(struct bytes said)
{
    enum run_status status = run_status_read(said);
    return status == RUN_DONE         ? "delivered"
           : run_status_final(status) ? "failed"
           : status == RUN_RUNNING    ? "processing"
                                      : "pending";
}

static struct bytes
first_step(struct bytes run)
{
    size_t count;
    struct cursor steps = said_items(run, "steps", &count);
    return count > 0 ? cursor_skip(&steps) : (struct bytes){ 0 };
}

static void
put_text(struct buffer *out, size_t *count, const char *name, struct bytes value)
{
    if (value.size == 0)
        return;
    pack_string(out, name);
    pack_text(out, value);
    ++*count;
}

/* What went wrong last: that of the run, or of the attempt before the next one. */
static struct bytes
last_error(struct bytes run)
{
    struct bytes of_run = said_text(pack_find(run, "error"), "message");
    return of_run.size > 0 ? of_run
                           : said_text(pack_find(first_step(run), "error"), "message");
}

static bool
write(struct request *r, struct bytes run, struct buffer *out)
{
    struct id id = said_id(run, "id", "run_"),
              hook = said_id(run, "automation_id", "aut_");
    struct bytes inputs = pack_find(run, "inputs");
    const char *status = status_of(said_text(run, "status"));
    bool delivered = strcmp(status, "delivered") == 0;
    struct buffer fields = { 0 };
    char printed[ID_TEXT_MAX];
    size_t count = 1;
    (void)r;
    put_text(&fields, &count, "id", text(id_print(&id, "whd_", printed)));
    put_text(&fields, &count, "webhook_id", text(id_print(&hook, "wbh_", printed)));
    put_text(&fields, &count, "run_id", said_text(pack_find(inputs, "data"), "run_id"));
    put_text(&fields, &count, "event_type", said_text(inputs, "type"));
    put_text(&fields, &count, "status", text(status));
    pack_string(&fields, "attempts");
    pack_u64(&fields, said_number(first_step(run), "attempt"));
    if (!delivered)
        put_text(&fields, &count, "last_error", last_error(run));
    put_text(&fields, &count, "created_at", said_text(run, "created_at"));
    if (delivered)
        put_text(&fields, &count, "delivered_at", said_text(run, "finished_at"));
    pack_map(out, count);
    buffer_append_bytes(out, buffer_bytes(&fields));
    buffer_free(&fields);
    return true;
}

static struct message *
question(struct request *r, struct bytes run)
{
    struct message *m = request_message(r, RUN_GET, ACTOR_view);
    if (id_read(run, "run_", &m->run_get.run) != ERR_NONE)
        m->run_get.run = (struct id){ { 0 } };
    return m;
}

/* ---- all of a webhook ---- */

static void
got_page(struct request *r, const struct message *answer)
{
    struct bytes page = answer->document.document;
    struct gathering *gathering = r->own;
    bool none = answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
    size_t count = 0;
    if (answer->code != DOCUMENT && !none) {
        request_show(r, answer);
        return;
    }
    struct cursor items = { 0 };
    if (!none) {
        items = said_items(page, "items", &count);
        gathering->next_cursor = arena_copy(&r->arena, said_text(page, "next_cursor"));
    }
    for (; count > 0; count--)
        gathering_add(r, said_text(cursor_skip(&items), "id"));
    gathering_ask(r);
}

static void
list(struct request *r, const struct webhook *webhook)
{
    char automation[ID_TEXT_MAX];
    struct message *m = request_message(r, RUN_LIST, ACTOR_view);
    struct run_list *runs = &m->run_list;
    uint64_t limit;
    if (!request_number(r, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit)
        || !native_query(r, "cursor", URL_MAX, &runs->cursor))
        return;
    runs->limit = (uint32_t)limit;
    runs->automation =
        arena_copy(&r->arena, text(id_print(&webhook->id, "aut_", automation)));
    struct gathering *gathering = gathering_new(r);
    gathering->question = question;
    gathering->show = write;
    request_ask(r, m, got_page);
}

void
webhook_deliveries(struct request *r, struct bytes id)
{
    webhook_find(r, id, list);
}

/* ---- a ping ---- */

static void
got_ping(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    write(r, answer->document.document, &out);
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&out);
}

static void
over(struct request *r, unsigned status, struct bytes document)
{
    (void)status;
    request_ask(r, question(r, said_text(document, "id")), got_ping);
}

static void
started(struct request *r, const struct message *answer)
{
    if (answer->code == RUN_ACCEPTED)
        native_wait_to_show(r, &r->key->project, &answer->run_accepted, 200,
            r->gateway->now_ms + WEBHOOK_PING_MS, over);
    else
        request_show(r, answer);
}

static struct bytes
kept(struct request *r, struct buffer *out)
{
    struct bytes value = arena_copy(&r->arena, buffer_bytes(out));
    buffer_free(out);
    return value;
}

static struct bytes
ping_inputs(struct request *r, const struct webhook *webhook)
{
    char id[ID_TEXT_MAX];
    struct buffer out = { 0 };
    pack_map(&out, 2);
    pack_string(&out, "type");
    pack_string(&out, "ping");
    pack_string(&out, "data");
    pack_map(&out, 1);
    pack_string(&out, "webhook_id");
    pack_string(&out, id_print(&webhook->id, "wbh_", id));
    return kept(r, &out);
}

/* Its end is told to nobody, as that of every delivery. */
void
webhook_ping_start(struct request *r, const struct webhook *webhook,
    void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, RUN_START, ACTOR_scheduler);
    struct buffer config = { 0 };
    struct bytes body, url;
    char automation[ID_TEXT_MAX];
    if (!request_json(r, &body) || !body_text(r, body, "url", URL_MAX, &url))
        return;
    if (!webhook_url(r, url.size > 0 ? url : webhook->url))
        return;
    id_print(&webhook->id, "aut_", automation);
    m->run_start.automation = arena_copy(&r->arena, text(automation));
    m->run_start.inputs = ping_inputs(r, webhook);
    m->run_start.echo = 1;
    if (url.size > 0) {
        pack_map(&config, 1);
        pack_string(&config, "url");
        pack_text(&config, url);
        m->run_start.config = kept(r, &config);
    }
    native_place(r, m);
    request_ask(r, m, done);
}

static void
ping(struct request *r, const struct webhook *webhook)
{
    static const char *const names[] = { "url", NULL };
    struct bytes body;
    if (request_json(r, &body) && body_only(r, body, names))
        webhook_ping_start(r, webhook, started);
}

void
webhook_ping(struct request *r, struct bytes id)
{
    webhook_find(r, id, ping);
}
