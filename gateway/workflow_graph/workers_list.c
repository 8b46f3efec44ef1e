/* The workers that there are, of every dialect, as workflow-graph lists them. */
#include "base/put.h"
#include "gateway/workflow_graph/look.h"
#include "gateway/workflow_graph/state.h"

struct line {
    struct bytes id, labels, job;
    uint64_t registered_ms, heard_ms;
    const char *status;
};

static void
put_line(struct buffer *out, const struct line *line)
{
    pack_map(out, 6);
    put_text(out, "worker_id", line->id);
    put_raw(out, "labels", pack_or_list(line->labels));
    put_number(out, "registered_at_ms", line->registered_ms);
    put_number(out, "last_heartbeat_ms", line->heard_ms);
    put_text_or_nil(out, "current_job", line->job);
    put_text(out, "status", text(line->status));
}

/* Of those that poll here we know more than the lease actor. */
static struct line
own_line(const struct worker *worker)
{
    struct line line = {
        .id = worker->id,
        .labels = buffer_bytes(&worker->labels),
        .registered_ms = worker->registered_ms,
        .heard_ms = worker->heard_ms,
        .status = worker->session == NULL ? "offline" : "idle",
    };
    for (struct list *at = worker->leases.next; at != &worker->leases; at = at->next) {
        const struct lease *lease = LIST_OF(at, struct lease, link);
        if (lease->state == LEASE_PARKED)
            continue;
        line.status = "busy";
        if (line.job.size == 0)
            line.job = lease->job;
    }
    return line;
}

static struct line
other_line(struct bytes item)
{
    struct bytes status = said_text(item, "status");
    struct cursor jobs = cursor_over(pack_find(item, "jobs"));
    struct id session = { 0 };
    struct line line = {
        .id = said_text(item, "instance"),
        .labels = pack_find(item, "labels"),
        .heard_ms = said_number(item, "heard_ms"),
        .status = "idle",
    };
    if (id_read(said_text(item, "id"), "wsess_", &session) == ERR_NONE)
        line.registered_ms = id_unix_ms(&session);
    if (cursor_array(&jobs) > 0) {
        line.status = "busy";
        line.job = said_text(cursor_skip(&jobs), "job");
    }
    if (bytes_equal(status, text("disconnected"))
        || bytes_equal(status, text("leaving")))
        line.status = "offline";
    return line;
}

static bool
polls_here(const struct workflow_graph *w, const struct id *project, struct bytes item)
{
    return bytes_equal(said_text(item, "dialect"), text(workflow_graph_voice.dialect))
           && worker_find(w, project, said_text(item, "instance")) != NULL;
}

static void
got_sessions(struct request *r, const struct message *answer)
{
    struct workflow_graph *w = r->gateway->workflow_graph;
    struct buffer lines = { 0 }, out = { 0 };
    size_t shown = 0;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    for (struct list *at = w->all.next; at != &w->all; at = at->next) {
        const struct worker *worker = LIST_OF(at, struct worker, link);
        struct line line = own_line(worker);
        if (!id_equal(&worker->key->project, &r->key->project))
            continue;
        put_line(&lines, &line);
        shown++;
    }
    struct cursor items = cursor_over(pack_find(answer->document.document, "items"));
    size_t count = cursor_array(&items);
    for (size_t i = 0; i < count; i++) {
        struct bytes item = cursor_skip(&items);
        if (polls_here(w, &r->key->project, item))
            continue;
        struct line line = other_line(item);
        put_line(&lines, &line);
        shown++;
    }
    pack_array(&out, shown);
    buffer_append_bytes(&out, buffer_bytes(&lines));
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&lines);
    buffer_free(&out);
}

void
workflow_graph_worker_list(struct request *r)
{
    request_ask(r, request_message(r, WORKER_LIST, ACTOR_lease), got_sessions);
}
