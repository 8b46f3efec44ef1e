#include "base/field.h"

#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>
#include <inttypes.h>

enum { BLOB_REFERENCE = 1, FIELD_NUMBER_MAX = 127 };

static const void *
member(const void *value, const struct field *f)
{
    return (const char *)value + f->offset;
}

/* Asked of every field of every struct that is written, and most are. */
static inline bool
absent(const void *value, const struct field *f)
{
    const void *at = member(value, f);
    switch (f->type) {
    case FIELD_u32: return *(const uint32_t *)at == 0;
    case FIELD_u64: return *(const uint64_t *)at == 0;
    case FIELD_id: return id_is_zero(at);
    case FIELD_text:
    case FIELD_blob:
    case FIELD_payload:
    case FIELD_secret:
    case FIELD_list: return ((const struct bytes *)at)->size == 0;
    }
    WRONG("a field type without a rule for absence");
}

static void
put_payload(struct buffer *out, const struct field_blobs *blobs, struct bytes payload)
{
    if (blobs == NULL || payload.size <= blobs->inline_max) {
        pack_blob(out, payload);
        return;
    }
    struct hash hash = blobs->put(blobs->self, payload);
    pack_extension(out, BLOB_REFERENCE, bytes_of(hash.bytes, HASH_SIZE));
}

static void
put(struct buffer *out, enum field_type type, const struct field_blobs *blobs,
    const void *at)
{
    switch (type) {
    case FIELD_u32: pack_u64(out, *(const uint32_t *)at); return;
    case FIELD_u64: pack_u64(out, *(const uint64_t *)at); return;
    case FIELD_id: pack_blob(out, id_bytes(at)); return;
    case FIELD_text: pack_text(out, *(const struct bytes *)at); return;
    case FIELD_blob:
    case FIELD_secret: pack_blob(out, *(const struct bytes *)at); return;
    case FIELD_payload: put_payload(out, blobs, *(const struct bytes *)at); return;
    case FIELD_list: pack_blob(out, *(const struct bytes *)at); return;
    }
    WRONG("a field type without an encoder");
}

void
fields_write(const struct shape *shape, const void *value,
    const struct field_blobs *blobs, struct buffer *out)
{
    uint8_t present[FIELD_NUMBER_MAX];
    size_t count = 0;
    assert(shape->field_count <= COUNT(present));
    for (size_t i = 0; i < shape->field_count; i++)
        if (!absent(value, &shape->fields[i]))
            present[count++] = (uint8_t)i;
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        const struct field *f = &shape->fields[present[i]];
        pack_u64(out, f->number);
        put(out, f->type, blobs, member(value, f));
    }
}

static bool
read_id(struct cursor *in, struct id *id)
{
    struct bytes b = cursor_blob(in);
    if (b.size != ID_SIZE)
        return false;
    memcpy(id->bytes, b.data, ID_SIZE);
    return true;
}

static bool
get_payload(struct cursor *in, const struct field_blobs *blobs, struct bytes *payload)
{
    int8_t type = 0;
    struct hash hash;

    if (blobs == NULL || cursor_type(in) != PACK_EXTENSION) {
        *payload = cursor_blob(in);
        return true;
    }
    struct bytes reference = cursor_extension(in, &type);
    if (type != BLOB_REFERENCE || reference.size != HASH_SIZE)
        return false;
    memcpy(hash.bytes, reference.data, HASH_SIZE);
    *payload = blobs->get(blobs->self, &hash);
    return payload->data != NULL;
}

static bool
get(struct cursor *in, enum field_type type, const struct field_blobs *blobs, void *at)
{
    struct bytes *b = at;
    switch (type) {
    case FIELD_u32: {
        uint64_t value = cursor_u64(in);
        *(uint32_t *)at = (uint32_t)value;
        return value <= UINT32_MAX;
    }
    case FIELD_u64: *(uint64_t *)at = cursor_u64(in); return true;
    case FIELD_id: return read_id(in, at);
    case FIELD_text: *b = cursor_text(in); return utf8_valid(*b);
    case FIELD_blob:
    case FIELD_secret: *b = cursor_blob(in); return true;
    case FIELD_payload: return get_payload(in, blobs, b);
    case FIELD_list:
        *b = cursor_blob(in);
        return b->size == 0 || pack_check(*b) == ERR_NONE;
    }
    return false;
}

/* Numbers ascend from 1: a field is never behind the place that its number says, and
 * mostly there. */
static const struct field *
field_numbered(const struct shape *shape, uint64_t number)
{
    size_t i = number < shape->field_count ? (size_t)number : shape->field_count;
    while (i > 0 && shape->fields[i - 1].number > number)
        i--;
    if (i == 0 || shape->fields[i - 1].number != number)
        return NULL;
    return &shape->fields[i - 1];
}

enum err
fields_read(struct cursor *in, const struct shape *shape,
    const struct field_blobs *blobs, void *value)
{
    memset(value, 0, shape->size);
    if (cursor_type(in) != PACK_MAP)
        return ERR_MALFORMED;
    size_t count = cursor_map(in);
    for (size_t i = 0; i < count && !in->bad; i++) {
        const struct field *f = field_numbered(shape, cursor_u64(in));
        if (f == NULL)
            cursor_skip(in); /* a newer release said more than we know */
        else if (!get(in, f->type, blobs, (char *)value + f->offset))
            return ERR_MALFORMED;
    }
    return in->bad ? ERR_MALFORMED : ERR_NONE;
}

static void
print_text(struct buffer *out, struct bytes b)
{
    bool plain = b.size > 0;
    for (size_t i = 0; i < b.size; i++)
        plain = plain && b.data[i] > ' ' && b.data[i] != '"' && b.data[i] < 0x7f;
    buffer_print(out, plain ? "%.*s" : "\"%.*s\"", (int)b.size, (const char *)b.data);
}

static void
print_hex(struct buffer *out, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buffer_print(out, "%02x", at[i]);
}

static void
print_field(struct buffer *out, enum field_type type, const void *at)
{
    const struct bytes *b = at;
    switch (type) {
    case FIELD_u32: buffer_print(out, "%" PRIu32, *(const uint32_t *)at); return;
    case FIELD_u64: buffer_print(out, "%" PRIu64, *(const uint64_t *)at); return;
    case FIELD_id: print_hex(out, at, ID_SIZE); return;
    case FIELD_text: print_text(out, *b); return;
    case FIELD_secret: buffer_append_bytes(out, text("…")); return;
    case FIELD_blob:
    case FIELD_list:
    case FIELD_payload: buffer_print(out, "(%zu bytes)", b->size); return;
    }
    WRONG("a field type without a printer");
}

void
fields_print(const struct shape *shape, const void *value, struct buffer *out)
{
    buffer_append_bytes(out, text(shape->name));
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *f = &shape->fields[i];
        if (absent(value, f))
            continue;
        buffer_print(out, " %s=", f->name);
        print_field(out, f->type, member(value, f));
    }
}
