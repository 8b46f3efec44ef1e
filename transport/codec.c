#include "transport/codec.h"

#include "base/pack.h"

enum { CODEC_VERSION = 1, ENVELOPE_FIELDS = 12 };

void
codec_write_body(
    const struct message *m, const struct field_blobs *blobs, struct buffer *out)
{
    fields_write(&message_shapes[m->code], m->body, blobs, out);
}

enum err
codec_read_body(struct cursor *in, const struct field_blobs *blobs, struct message *m)
{
    const uint8_t *from = in->at;
    enum err err = fields_read(in, &message_shapes[m->code], blobs, m->body);
    m->raw = bytes_of(from, (size_t)(in->at - from));
    return err;
}

void
codec_write(const struct message *m, struct buffer *out)
{
    const struct envelope *e = &m->envelope;
    pack_array(out, ENVELOPE_FIELDS);
    pack_u64(out, CODEC_VERSION);
    pack_u64(out, m->code);
    pack_u64(out, e->id);
    pack_u64(out, e->cause);
    pack_u64(out, e->from);
    pack_u64(out, e->instance);
    pack_u64(out, e->epoch);
    pack_u64(out, e->sequence);
    pack_u64(out, e->partition);
    pack_blob(
        out, id_is_zero(&e->project) ? (struct bytes){ 0 } : id_bytes(&e->project));
    pack_u64(out, e->deadline_ms);
    pack_blob(out, id_is_zero(&e->trace) ? (struct bytes){ 0 } : id_bytes(&e->trace));
    codec_write_body(m, NULL, out);
}

static bool
read_optional_id(struct cursor *in, struct id *id)
{
    struct bytes b = cursor_blob(in);
    *id = (struct id){ { 0 } };
    if (b.size == ID_SIZE)
        memcpy(id->bytes, b.data, ID_SIZE);
    return b.size == 0 || b.size == ID_SIZE;
}

enum err
codec_read(struct bytes bytes, struct message *m)
{
    struct cursor in = cursor_over(bytes);
    struct envelope *e = &m->envelope;
    size_t fields = cursor_type(&in) == PACK_ARRAY ? cursor_array(&in) : 0;
    if (fields < ENVELOPE_FIELDS || cursor_u64(&in) != CODEC_VERSION)
        return ERR_MALFORMED;
    uint64_t code = cursor_u64(&in);
    e->id = cursor_u64(&in);
    e->cause = cursor_u64(&in);
    uint64_t from = cursor_u64(&in), instance = cursor_u64(&in);
    e->epoch = cursor_u64(&in);
    e->sequence = cursor_u64(&in);
    uint64_t partition = cursor_u64(&in);
    bool ids = read_optional_id(&in, &e->project);
    e->deadline_ms = cursor_u64(&in);
    ids = read_optional_id(&in, &e->trace) && ids;
    for (; fields > ENVELOPE_FIELDS; fields--)
        cursor_skip(&in); /* a newer release said more than we know */
    if (in.bad || !ids || code >= MESSAGE_END || message_shapes[code].name == NULL
        || from <= ACTOR_any || from >= ACTOR_COUNT || instance >= PARTITIONS_MAX
        || partition >= PARTITIONS_MAX)
        return ERR_MALFORMED;
    m->code = (enum message_code)code;
    m->to = ACTOR_nobody;
    m->to_instance = 0;
    m->again = false;
    e->from = (enum actor_name)from;
    e->instance = (uint32_t)instance;
    e->partition = (uint32_t)partition;
    enum err err = codec_read_body(&in, NULL, m);
    return err == ERR_NONE && !cursor_done(&in) ? ERR_MALFORMED : err;
}

void
codec_print(const struct message *m, struct buffer *out)
{
    fields_print(&message_shapes[m->code], m->body, out);
}
