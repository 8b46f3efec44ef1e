#include "base/pack.h"

#include <assert.h>
#include <msgpack.h>

static int
write_to(void *data, const char *bytes, size_t size)
{
    buffer_append(data, bytes, size);
    return 0;
}

enum { BLOB_8 = 0xc4 /* one byte of size follows */ };

#define PACKER(pk, out)                                                                \
    msgpack_packer pk;                                                                 \
    msgpack_packer_init(&pk, out, write_to)

/* Most of what is packed has a head of one byte. */
static void
put_byte(struct buffer *out, size_t byte)
{
    *buffer_reserve(out, 1) = (uint8_t)byte;
    out->size++;
}

void
pack_nil(struct buffer *out)
{
    PACKER(pk, out);
    msgpack_pack_nil(&pk);
}

void
pack_bool(struct buffer *out, bool value)
{
    PACKER(pk, out);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void
pack_long_u64(struct buffer *out, uint64_t value)
{
    PACKER(pk, out);
    msgpack_pack_uint64(&pk, value);
}

void
pack_i64(struct buffer *out, int64_t value)
{
    PACKER(pk, out);
    msgpack_pack_int64(&pk, value);
}

void
pack_double(struct buffer *out, double value)
{
    PACKER(pk, out);
    msgpack_pack_double(&pk, value);
}

void
pack_text(struct buffer *out, struct bytes value)
{
    PACKER(pk, out);
    if (value.size < 32)
        put_byte(out, 0xa0 | value.size);
    else
        msgpack_pack_str(&pk, value.size);
    buffer_append_bytes(out, value);
}

void
pack_blob(struct buffer *out, struct bytes value)
{
    PACKER(pk, out);
    if (value.size <= UINT8_MAX) {
        put_byte(out, BLOB_8);
        put_byte(out, value.size);
    } else {
        msgpack_pack_bin(&pk, value.size);
    }
    buffer_append_bytes(out, value);
}

void
pack_extension(struct buffer *out, int8_t type, struct bytes value)
{
    uint8_t head[3] = { 0xc7, (uint8_t)value.size, (uint8_t)type };
    assert(value.size <= UINT8_MAX);
    buffer_append(out, head, sizeof head);
    buffer_append_bytes(out, value);
}

void
pack_array(struct buffer *out, size_t count)
{
    PACKER(pk, out);
    if (count < 16)
        put_byte(out, 0x90 | count);
    else
        msgpack_pack_array(&pk, count);
}

void
pack_map(struct buffer *out, size_t count)
{
    PACKER(pk, out);
    if (count < 16)
        put_byte(out, 0x80 | count);
    else
        msgpack_pack_map(&pk, count);
}

void
pack_raw(struct buffer *out, struct bytes value)
{
    if (value.size == 0)
        pack_nil(out);
    else
        buffer_append_bytes(out, value);
}

static size_t
left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

enum pack_type
cursor_type(const struct cursor *c)
{
    if (c->bad || c->at == c->end)
        return PACK_NOTHING;
    uint8_t b = *c->at;
    if (b <= 0x7f)
        return PACK_UNSIGNED;
    if (b <= 0x8f)
        return PACK_MAP;
    if (b <= 0x9f)
        return PACK_ARRAY;
    if (b <= 0xbf)
        return PACK_TEXT;
    if (b >= 0xe0)
        return PACK_NEGATIVE;
    static const uint8_t types[0x20] = {
        [0x00] = PACK_NIL,
        [0x01] = PACK_NOTHING,
        [0x02] = PACK_BOOL,
        [0x03] = PACK_BOOL,
        [0x04] = PACK_BLOB,
        [0x05] = PACK_BLOB,
        [0x06] = PACK_BLOB,
        [0x07] = PACK_EXTENSION,
        [0x08] = PACK_EXTENSION,
        [0x09] = PACK_EXTENSION,
        [0x0a] = PACK_DOUBLE,
        [0x0b] = PACK_DOUBLE,
        [0x0c] = PACK_UNSIGNED,
        [0x0d] = PACK_UNSIGNED,
        [0x0e] = PACK_UNSIGNED,
        [0x0f] = PACK_UNSIGNED,
        [0x10] = PACK_NEGATIVE,
        [0x11] = PACK_NEGATIVE,
        [0x12] = PACK_NEGATIVE,
        [0x13] = PACK_NEGATIVE,
        [0x14] = PACK_EXTENSION,
        [0x15] = PACK_EXTENSION,
        [0x16] = PACK_EXTENSION,
        [0x17] = PACK_EXTENSION,
        [0x18] = PACK_EXTENSION,
        [0x19] = PACK_TEXT,
        [0x1a] = PACK_TEXT,
        [0x1b] = PACK_TEXT,
        [0x1c] = PACK_ARRAY,
        [0x1d] = PACK_ARRAY,
        [0x1e] = PACK_MAP,
        [0x1f] = PACK_MAP,
    };
    return (enum pack_type)types[b - 0xc0];
}

/* Take `size` bytes, or stick. */
static const uint8_t *
take(struct cursor *c, size_t size)
{
    if (c->bad || left(c) < size) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    c->at += size;
    return at;
}

static uint64_t
big_endian(struct cursor *c, size_t size)
{
    const uint8_t *at = take(c, size);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static uint8_t
expect(struct cursor *c, enum pack_type type)
{
    if (cursor_type(c) != type) {
        c->bad = true;
        return 0;
    }
    return *c->at++;
}

void
cursor_nil(struct cursor *c)
{
    expect(c, PACK_NIL);
}

bool
cursor_bool(struct cursor *c)
{
    return expect(c, PACK_BOOL) == 0xc3;
}

uint64_t
cursor_long_u64(struct cursor *c)
{
    enum pack_type type = cursor_type(c);
    if (type == PACK_UNSIGNED)
        return big_endian(c, (size_t)1 << (*c->at++ - 0xcc));
    /* Some writers use the signed forms for every integer. */
    int64_t value = type == PACK_NEGATIVE ? cursor_i64(c) : -1;
    c->bad |= value < 0;
    return c->bad ? 0 : (uint64_t)value;
}

int64_t
cursor_i64(struct cursor *c)
{
    if (cursor_type(c) == PACK_UNSIGNED) {
        uint64_t value = cursor_u64(c);
        c->bad |= value > INT64_MAX;
        return c->bad ? 0 : (int64_t)value;
    }
    uint8_t b = expect(c, PACK_NEGATIVE);
    if (c->bad)
        return 0;
    if (b >= 0xe0)
        return (int8_t)b;
    size_t size = (size_t)1 << (b - 0xd0);
    uint64_t value = big_endian(c, size);
    unsigned shift = (unsigned)(64 - 8 * size);
    return (int64_t)(value << shift) >> shift;
}

double
cursor_double(struct cursor *c)
{
    enum pack_type type = cursor_type(c);
    if (type == PACK_UNSIGNED)
        return (double)cursor_u64(c);
    if (type == PACK_NEGATIVE)
        return (double)cursor_i64(c);
    uint8_t b = expect(c, PACK_DOUBLE);
    if (c->bad)
        return 0;
    if (b == 0xca) {
        uint32_t bits = (uint32_t)big_endian(c, 4);
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    uint64_t bits = big_endian(c, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static struct bytes
span(struct cursor *c, size_t size)
{
    const uint8_t *at = take(c, size);
    return at == NULL ? (struct bytes){ 0 } : bytes_of(at, size);
}

/* Short texts and blobs, as most are, have a head of a byte or two. */
struct bytes
cursor_text(struct cursor *c)
{
    if (!c->bad && c->at != c->end && (*c->at & 0xe0) == 0xa0)
        return span(c, *c->at++ & 0x1f);
    uint8_t b = expect(c, PACK_TEXT);
    if (c->bad)
        return (struct bytes){ 0 };
    return span(c, big_endian(c, (size_t)1 << (b - 0xd9)));
}

struct bytes
cursor_blob(struct cursor *c)
{
    if (!c->bad && left(c) > 1 && *c->at == BLOB_8) {
        size_t size = c->at[1];
        c->at += 2;
        return span(c, size);
    }
    if (cursor_type(c) == PACK_TEXT)
        return cursor_text(c);
    uint8_t b = expect(c, PACK_BLOB);
    if (c->bad)
        return (struct bytes){ 0 };
    return span(c, big_endian(c, (size_t)1 << (b - 0xc4)));
}

size_t
cursor_array(struct cursor *c)
{
    uint8_t b = expect(c, PACK_ARRAY);
    if (c->bad)
        return 0;
    size_t count = b <= 0x9f ? (size_t)(b & 0x0f) : big_endian(c, b == 0xdc ? 2 : 4);
    if (count > left(c))
        c->bad = true;
    return c->bad ? 0 : count;
}

size_t
cursor_map(struct cursor *c)
{
    uint8_t b = expect(c, PACK_MAP);
    if (c->bad)
        return 0;
    size_t count = b <= 0x8f ? (size_t)(b & 0x0f) : big_endian(c, b == 0xde ? 2 : 4);
    if (count > left(c) / 2)
        c->bad = true;
    return c->bad ? 0 : count;
}

struct bytes
cursor_extension(struct cursor *c, int8_t *type)
{
    uint8_t b = expect(c, PACK_EXTENSION);
    if (c->bad)
        return (struct bytes){ 0 };
    size_t size =
        b >= 0xd4 ? (size_t)1 << (b - 0xd4) : big_endian(c, (size_t)1 << (b - 0xc7));
    *type = (int8_t)big_endian(c, 1);
    return span(c, size);
}

static void
skip_extension(struct cursor *c)
{
    int8_t type;
    cursor_extension(c, &type);
}

/* Bytes of a number that begins with `b`, which is more than 0x7f. */
static size_t
number_size(uint8_t b)
{
    if (b >= 0xe0)
        return 1;
    if (b <= 0xcb)
        return b == 0xca ? 5 : 9;
    return 1 + ((size_t)1 << (b & 3));
}

/* Pass over one value.  Counts what is still owed instead of recursing, so depth is
 * not a matter of stack. */
struct bytes
cursor_skip(struct cursor *c)
{
    const uint8_t *from = c->at;
    uint64_t owed = 1;
    while (owed > 0 && !c->bad) {
        owed--;
        if (c->at != c->end && *c->at <= 0x7f) {
            c->at++; /* as most keys and numbers are */
            continue;
        }
        switch (cursor_type(c)) {
        case PACK_NIL:
        case PACK_BOOL: take(c, 1); break;
        case PACK_UNSIGNED:
        case PACK_NEGATIVE:
        case PACK_DOUBLE: take(c, number_size(*c->at)); break;
        case PACK_TEXT: cursor_text(c); break;
        case PACK_BLOB: cursor_blob(c); break;
        case PACK_ARRAY: owed += cursor_array(c); break;
        case PACK_MAP: owed += 2 * cursor_map(c); break;
        case PACK_EXTENSION: skip_extension(c); break;
        case PACK_NOTHING: c->bad = true; break;
        }
    }
    return c->bad ? (struct bytes){ 0 } : bytes_of(from, (size_t)(c->at - from));
}

static enum err
check_within(struct bytes in, unsigned depth_max)
{
    struct cursor c = cursor_over(in);
    uint64_t owed[PACK_DEPTH_MAX + 1];
    unsigned depth = 0;
    owed[0] = 1;
    while (!c.bad) {
        while (owed[depth] == 0) {
            if (depth == 0)
                return cursor_done(&c) ? ERR_NONE : ERR_MALFORMED;
            depth--;
        }
        owed[depth]--;
        enum pack_type type = cursor_type(&c);
        if (type == PACK_TEXT) {
            if (!utf8_valid(cursor_text(&c)))
                return ERR_MALFORMED;
        } else if (type == PACK_ARRAY || type == PACK_MAP) {
            if (depth == depth_max)
                return ERR_MALFORMED;
            depth++;
            owed[depth] = type == PACK_ARRAY ? cursor_array(&c) : 2 * cursor_map(&c);
        } else if (type == PACK_EXTENSION) {
            return ERR_MALFORMED;
        } else {
            cursor_skip(&c);
        }
    }
    return ERR_MALFORMED;
}

enum err
pack_check(struct bytes in)
{
    return check_within(in, PACK_DEPTH_MAX);
}

enum err
pack_check_payload(struct bytes in)
{
    return check_within(in, PAYLOAD_DEPTH_MAX);
}

struct bytes
pack_find(struct bytes in, const char *key)
{
    struct cursor c = cursor_over(in);
    if (cursor_type(&c) != PACK_MAP)
        return (struct bytes){ 0 };
    size_t count = cursor_map(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes name = cursor_skip(&c), value = cursor_skip(&c);
        struct cursor n = cursor_over(name);
        if (cursor_type(&n) == PACK_TEXT && bytes_equal(cursor_text(&n), text(key)))
            return value;
    }
    return (struct bytes){ 0 };
}
