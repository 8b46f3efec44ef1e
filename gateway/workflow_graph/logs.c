/* What a job printed, as a list and as a stream. */
#include "base/json_write.h"
#include "gateway/watch.h"
#include "gateway/workflow_graph/log_page.h"
#include "gateway/workflow_graph/look.h"
#include "gateway/workflow_graph/sheet.h"
#include "gateway/workflow_graph/state.h"

struct list_reading {
    struct look look; /* first: see look_begin */
    struct message *question;
    struct bytes key; /* of the step */
    uint64_t count;   /* chunks so far */
    struct buffer items;
};

static void
show_items(struct look *look)
{
    struct list_reading *l = (struct list_reading *)look;
    struct buffer out = { 0 };
    pack_array(&out, l->count);
    buffer_append_bytes(&out, buffer_bytes(&l->items));
    request_document(look->request, 200, buffer_bytes(&out));
    buffer_free(&out);
    buffer_free(&l->items);
}

static void
got_list(struct request *r, const struct message *answer)
{
    struct list_reading *l = r->own;
    struct bytes chunk;
    if (answer->code != DOCUMENT) {
        buffer_free(&l->items);
        request_show(r, answer);
        return;
    }
    struct log_page page = log_page_open(answer->document.document);
    while (log_page_next(&page, l->key, &chunk))
        log_page_write(r, chunk, l->count++, &l->items);
    if (!page.more) {
        show_items(&l->look);
        return;
    }
    l->question->log_list.after = page.last;
    request_ask(r, l->question, got_list);
}

static void
list_found(struct look *look)
{
    struct request *r = look->request;
    struct list_reading *l = r->own;
    if (!look->has_run) {
        show_items(look);
        return;
    }
    l->question = log_page_question(r, &look->run, 0);
    request_ask(r, l->question, got_list);
}

void
workflow_graph_log_list(struct request *r)
{
    struct list_reading *l = arena_take(&r->arena, sizeof *l);
    l->key = look_key(r, r->captures[1]);
    l->look.found = list_found;
    l->look.missing = show_items;
    look_begin(r, &l->look, r->captures[0], LOOK_RUN);
}

/* The stream of one job.
 *
 *      no run yet --- look again each second
 *      run --- pages until there is no more --- is the job over? --- end, a moment
 * after ^                                          |                the last chunk
 *        `---------- a hint, or a second -----------'
 */
struct tail {
    struct look look; /* first: see look_begin */
    struct stream stream;
    struct watch watch;
    struct alarm alarm;
    struct message *question;
    uint64_t asked; /* number of the question; 0: none */
    struct bytes key;
    uint64_t after;    /* sequence of the run's log that was read */
    uint64_t count;    /* chunks so far, */
    uint64_t resume;   /* of which the client has had so many */
    bool begun;        /* the head of the answer is out */
    bool over;         /* the job is, and this is the last look */
    uint64_t quiet_ms; /* when something was put last */
};

enum {
    AGAIN_MS = 1000,
    QUIET_MS = 15000,
    LINGER_MS = 300, /* clients that stop reading at the end want a moment before it */
};

static void tail_look(struct tail *t);

static void
tail_sleep(struct tail *t, uint64_t ms)
{
    struct gateway *g = t->look.request->gateway;
    alarm_set(&g->alarms, &t->alarm, g->now_ms + ms);
}

static void
tail_drained(struct request *r)
{
    (void)r;
}

static struct tail *
tail_of(const struct request *r)
{
    return r->own;
}

static void
tail_closed(struct request *r)
{
    struct tail *t = tail_of(r);
    watch_clear(r->gateway->watches, &t->watch);
    alarm_clear(&r->gateway->alarms, &t->alarm);
    bridge_forget(r->gateway->bridge, t->asked);
}

static void
tail_begin(struct tail *t)
{
    struct request *r = t->look.request;
    if (t->begun)
        return;
    t->begun = true;
    t->stream.drained = tail_drained;
    t->stream.closed = tail_closed;
    request_stream(r, "text/event-stream", &t->stream);
}

static void
tail_end(struct tail *t)
{
    struct request *r = t->look.request;
    /* Who comes again for what has ended is told so: browsers then stay away. */
    if (!t->begun && t->resume > 0 && t->count <= t->resume) {
        watch_clear(r->gateway->watches, &t->watch);
        alarm_clear(&r->gateway->alarms, &t->alarm);
        answer_empty(r, 204);
        return;
    }
    tail_begin(t);
    t->stream.ended = true;
    request_push(r);
}

static void
tail_put(struct tail *t, struct bytes chunk)
{
    struct request *r = t->look.request;
    struct buffer packed = { 0 };
    struct buffer *out = &t->stream.out;
    char run[ID_TEXT_MAX];
    if (t->count++ < t->resume)
        return;
    tail_begin(t);
    log_page_write(r, chunk, t->count - 1, &packed);
    buffer_print(out,
        "id: %s:%llu\nevent: log\ndata: ", id_print(&t->look.run, "run_", run),
        (unsigned long long)t->count);
    if (msgpack_to_json(buffer_bytes(&packed), out) != ERR_NONE)
        buffer_append_bytes(out, text("null"));
    buffer_append_bytes(out, text("\n\n"));
    buffer_free(&packed);
    t->quiet_ms = r->gateway->now_ms;
}

/* Nothing more is there: sleep until a hint, or end. */
static void
tail_rest(struct tail *t)
{
    struct request *r = t->look.request;
    if (r->gateway->draining || !request_may(r)) {
        tail_end(t);
        return;
    }
    tail_begin(t);
    if (r->gateway->now_ms >= t->quiet_ms + QUIET_MS) {
        /* Something must be written now and then, or nobody notices a dead client. */
        buffer_append_bytes(&t->stream.out, text(": still here\n\n"));
        t->quiet_ms = r->gateway->now_ms;
    }
    request_push(r);
    tail_sleep(t, AGAIN_MS);
}

static void
tail_judge(struct request *r, const struct message *answer)
{
    struct tail *t = tail_of(r);
    t->asked = 0;
    struct bytes status = answer->code == DOCUMENT
                              ? sheet_status(answer->document.document, t->key)
                              : (struct bytes){ 0 };
    t->over = sheet_status_over(status)
              || (answer->code == DOCUMENT && look_final(answer->document.document));
    if (!t->over) {
        tail_rest(t);
        return;
    }
    if (t->begun)
        request_push(r);
    tail_sleep(t, LINGER_MS);
}

static void
tail_got(struct request *r, const struct message *answer)
{
    struct tail *t = tail_of(r);
    struct bytes chunk;
    t->asked = 0;
    if (answer->code != DOCUMENT || !request_may(r)) {
        tail_rest(t);
        return;
    }
    struct log_page page = log_page_open(answer->document.document);
    while (log_page_next(&page, t->key, &chunk))
        tail_put(t, chunk);
    t->after = page.last;
    if (page.more) {
        tail_look(t);
    } else if (t->over) {
        tail_end(t);
    } else {
        t->question = request_message(r, RUN_GET, ACTOR_view);
        t->question->run_get.run = t->look.run;
        t->asked = request_ask(r, t->question, tail_judge);
    }
}

static void
tail_look(struct tail *t)
{
    struct request *r = t->look.request;
    if (t->asked != 0 || t->stream.ended)
        return;
    if (t->begun && !stream_drained(&t->stream)) {
        tail_sleep(t, AGAIN_MS); /* the client is behind */
        return;
    }
    if (!t->look.has_run) {
        t->asked = look_again(&t->look);
        return;
    }
    t->question = log_page_question(r, &t->look.run, t->after);
    t->asked = request_ask(r, t->question, tail_got);
}

static void
tail_rings(struct alarm *alarm)
{
    tail_look(LIST_OF(alarm, struct tail, alarm));
}

static void
tail_changed(struct watch *watch, const struct run_changed *hint)
{
    struct tail *t = LIST_OF(watch, struct tail, watch);
    (void)hint;
    if (!t->over && t->asked == 0)
        tail_sleep(t, 0);
}

static void
tail_leaving(struct watch *watch)
{
    tail_sleep(LIST_OF(watch, struct tail, watch), 0);
}

/* How many chunks of this run the client has had: those of an earlier one are others.
 */
static uint64_t
had_of(const struct request *r, const struct id *run)
{
    struct bytes said = r->headers[HEADER_LAST_EVENT_ID];
    char name[ID_TEXT_MAX];
    size_t size = strlen(id_print(run, "run_", name));
    uint64_t count = 0;
    if (said.size <= size || !bytes_begin(said, text(name)) || said.data[size] != ':'
        || !target_number(bytes_of(said.data + size + 1, said.size - size - 1), &count))
        return 0;
    return count;
}

static void
tail_found(struct look *look)
{
    struct tail *t = (struct tail *)look;
    t->asked = 0;
    if (!look->has_run) {
        tail_rest(t);
        return;
    }
    if (!t->watch.set) {
        t->resume = had_of(look->request, &look->run);
        t->watch.run = look->run;
        t->watch.changed = tail_changed;
        t->watch.leaving = tail_leaving;
        watch_set(look->request->gateway->watches, &t->watch);
    }
    tail_look(t);
}

/* Once the stream has begun, it asks again. */
static void
tail_refused(struct look *look, const struct message *answer)
{
    struct tail *t = (struct tail *)look;
    t->asked = 0;
    if (t->begun)
        tail_rest(t);
    else
        request_show(look->request, answer);
}

void
workflow_graph_log_stream(struct request *r)
{
    struct tail *t = arena_take(&r->arena, sizeof *t);
    t->key = look_key(r, r->captures[1]);
    t->alarm.ring = tail_rings;
    t->quiet_ms = r->gateway->now_ms;
    t->look.found = tail_found;
    t->look.refused = tail_refused;
    look_begin(r, &t->look, r->captures[0], LOOK_RUN);
}
