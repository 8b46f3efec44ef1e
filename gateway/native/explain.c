/* Why a run does not move: what the view says, and if that is an open job, what the
 * lease actor says of those who might take it. */
#include "gateway/native/native.h"
#include "gateway/said.h"

/* The answer of the view, kept while the lease actor is asked. */
struct half {
    struct bytes document;
};

static struct bytes
both_reasons(struct request *r, struct bytes job, struct bytes workers)
{
    struct buffer *out = &r->gateway->scratch;
    buffer_clear(out);
    buffer_append_bytes(out, said_text(job, "reason"));
    buffer_print(out, ": ");
    buffer_append_bytes(out, said_text(workers, "reason"));
    return arena_copy(&r->arena, buffer_bytes(out));
}

/* Not its workers are what a job of a queue at its limit waits for. */
static bool
is_queue(struct bytes workers)
{
    struct bytes code = said_text(workers, "code");
    return bytes_equal(code, text("queue_full"))
           || bytes_equal(code, text("queue_uncounted"));
}

/* The view's answer with the reason of both, and `workers` besides. */
static void
join(struct request *r, struct bytes job, struct bytes workers)
{
    struct buffer out = { 0 };
    struct bytes reason = both_reasons(r, job, workers);
    struct cursor in = cursor_over(job);
    size_t count = cursor_map(&in);
    pack_map(&out, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_text(&in), value = cursor_skip(&in);
        pack_text(&out, key);
        if (bytes_equal(key, text("reason")))
            pack_text(&out, reason);
        else if (bytes_equal(key, text("hint")) && is_queue(workers))
            pack_string(&out, "capstan queues list");
        else
            buffer_append_bytes(&out, value);
    }
    pack_string(&out, "workers");
    buffer_append_bytes(&out, workers);
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&out);
}

/* Without the lease actor, what the view says is still true. */
static void
workers_told(struct request *r, const struct message *answer)
{
    const struct half *half = r->own;
    if (answer->code == DOCUMENT)
        join(r, half->document, answer->document.document);
    else
        request_document(r, 200, half->document);
}

static void
told(struct request *r, const struct message *answer)
{
    struct bytes document = answer->document.document;
    if (answer->code != DOCUMENT
        || !bytes_equal(said_text(document, "code"), text("job_open"))) {
        request_show(r, answer);
        return;
    }
    struct half *half = arena_take(&r->arena, sizeof *half);
    half->document = arena_copy(&r->arena, document);
    r->own = half;
    struct bytes job = pack_find(half->document, "detail");
    struct message *m = request_message(r, LANE_EXPLAIN, ACTOR_lease);
    m->lane_explain.queue = said_text(job, "queue");
    m->lane_explain.action = said_text(job, "action");
    m->lane_explain.labels = pack_find(job, "labels");
    m->lane_explain.environment = said_text(job, "environment");
    request_ask(r, m, workers_told);
}

void
native_run_explain(struct request *r)
{
    struct message *m = request_message(r, RUN_EXPLAIN, ACTOR_view);
    if (request_id(r, "run_", &m->run_explain.run))
        request_ask(r, m, told);
}
