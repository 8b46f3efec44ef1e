/* Chunks of what jobs print, from their workers. */
#include "gateway/workflow_graph/fields.h"
#include "gateway/workflow_graph/state.h"

enum { CHUNK_MAX = 65536 };

/* Chunks go on in pieces that a message can carry. */
static void
pass_on(struct request *r, struct lease *lease, struct bytes stream, struct bytes data)
{
    struct session *session = lease->worker->session;
    while (data.size > 0) {
        size_t size = data.size < CHUNK_MAX ? data.size : CHUNK_MAX;
        while (size < data.size && size > 1 && (data.data[size] & 0xc0) == 0x80)
            size--; /* inside a character */
        workers_log(r->gateway->workers, session, bytes_of(lease->token, TOKEN_SIZE),
            stream, bytes_of(data.data, size));
        data = bytes_of(data.data + size, data.size - size);
    }
}

static bool
take_chunk(struct request *r, struct lease *lease, struct bytes chunk)
{
    struct bytes stream, data;
    struct cursor c = cursor_over(chunk);
    if (cursor_type(&c) != PACK_MAP) {
        request_refuse(r, ERR_INVALID, "a chunk must be an object");
        return false;
    }
    if (!fields_text(r, chunk, "stream", REQUIRED, &stream)
        || !fields_text(r, chunk, "data", REQUIRED, &data))
        return false;
    if (!bytes_equal(stream, text("stdout")) && !bytes_equal(stream, text("stderr"))) {
        request_refuse(r, ERR_INVALID, "stream must be stdout or stderr");
        return false;
    }
    if (lease == NULL)
        return true;
    pass_on(r, lease, stream, data);
    if (bytes_equal(stream, text("stdout")))
        outputs_read(&lease->outputs, data);
    return true;
}

static bool
take_chunks(struct request *r, struct lease *lease, struct bytes chunks)
{
    struct cursor c = cursor_over(chunks);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        if (!take_chunk(r, lease, cursor_skip(&c)))
            return false;
    return true;
}

void
workflow_graph_job_logs(struct request *r)
{
    struct bytes body, chunks;
    /* All are looked at before one is taken. */
    if (!request_json(r, &body) || !fields_list(r, body, "chunks", REQUIRED, &chunks)
        || !take_chunks(r, NULL, chunks))
        return;
    /* As workflow-graph: whoever prints too late is not told. */
    struct lease *lease = lease_asked(r, 200);
    if (lease == NULL)
        return;
    (void)take_chunks(r, lease, chunks);
    worker_changed(lease->worker);
    answer_empty(r, 200);
}
