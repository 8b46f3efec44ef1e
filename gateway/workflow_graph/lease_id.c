#include "gateway/workflow_graph/lease_id.h"

#include "base/base64.h"
#include "base/pack.h"

void
lease_id_write(struct buffer *out, const struct lease_id *id)
{
    struct buffer packed = { 0 };
    size_t from = out->size;
    pack_array(&packed, 8);
    pack_u64(&packed, id->ttl_s);
    pack_blob(&packed, id->session);
    pack_blob(&packed, id->token);
    pack_text(&packed, id->worker);
    pack_text(&packed, id->workflow);
    pack_text(&packed, id->job);
    pack_blob(&packed, id_bytes(&id->run));
    pack_u64(&packed, id->attempt);
    base64_write(out, buffer_bytes(&packed));
    buffer_free(&packed);
    while (out->data[out->size - 1] == '=')
        out->size--;
    for (size_t i = from; i < out->size; i++) {
        if (out->data[i] == '+')
            out->data[i] = '-';
        else if (out->data[i] == '/')
            out->data[i] = '_';
    }
}

bool
lease_id_read(struct bytes in, struct arena *arena, struct lease_id *id)
{
    struct buffer packed = { 0 };
    *id = (struct lease_id){ 0 };
    if (!base64_read(&packed, in)) {
        buffer_free(&packed);
        return false;
    }
    struct bytes kept = arena_copy(arena, buffer_bytes(&packed));
    buffer_free(&packed);
    if (pack_check(kept) != ERR_NONE)
        return false;
    struct cursor c = cursor_over(kept);
    if (cursor_type(&c) != PACK_ARRAY || cursor_array(&c) != 8)
        return false;
    uint64_t ttl_s = cursor_u64(&c);
    id->ttl_s = (uint32_t)ttl_s;
    id->session = cursor_blob(&c);
    id->token = cursor_blob(&c);
    id->worker = cursor_text(&c);
    id->workflow = cursor_text(&c);
    id->job = cursor_text(&c);
    struct bytes run = cursor_blob(&c);
    id->attempt = (uint32_t)cursor_u64(&c);
    if (run.size == ID_SIZE)
        memcpy(id->run.bytes, run.data, ID_SIZE);
    return !c.bad && run.size == ID_SIZE && ttl_s <= TTL_MAX_S && id->worker.size > 0
           && id->worker.size <= WORKER_ID_MAX;
}
