/* pack - msgpack: written through msgpack-c, read with a cursor that sticks.
 *
 * A cursor that met something unexpected is `bad` and stays so; every read then gives
 * zero.  Read all, ask once.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H
#include "base/buffer.h"
#include "base/err.h"
#include "base/utf8.h"

/* A payload travels in a map: that of its job, its report or its event. */
enum { PACK_DEPTH_MAX = 32, PAYLOAD_DEPTH_MAX = PACK_DEPTH_MAX - 1 };

void pack_nil(struct buffer *out);
void pack_bool(struct buffer *out, bool value);
void pack_long_u64(struct buffer *out, uint64_t value);
/* Most numbers are one byte. */
static inline void
pack_u64(struct buffer *out, uint64_t value)
{
    if (value <= 0x7f) {
        *buffer_reserve(out, 1) = (uint8_t)value;
        out->size++;
    } else {
        pack_long_u64(out, value);
    }
}
void pack_i64(struct buffer *out, int64_t value);
void pack_double(struct buffer *out, double value);
void pack_text(struct buffer *out, struct bytes value);
static inline void
pack_string(struct buffer *out, const char *value)
{
    pack_text(out, text(value));
}
void pack_blob(struct buffer *out, struct bytes value);
/* At most 255 bytes. */
void pack_extension(struct buffer *out, int8_t type, struct bytes value);
void pack_array(struct buffer *out, size_t count);
void pack_map(struct buffer *out, size_t count);
/* Append what is msgpack already; nothing at all becomes nil. */
void pack_raw(struct buffer *out, struct bytes value);

/* The value; where there is none at all nil, or a list or map without items. */
static inline struct bytes
pack_or_nil(struct bytes value)
{
    return value.size > 0 ? value : bytes_of("\xc0", 1);
}

static inline struct bytes
pack_or_list(struct bytes value)
{
    return value.size > 0 ? value : bytes_of("\x90", 1);
}

static inline struct bytes
pack_or_map(struct bytes value)
{
    return value.size > 0 ? value : bytes_of("\x80", 1);
}

enum pack_type {
    PACK_NIL,
    PACK_BOOL,
    PACK_UNSIGNED,
    PACK_NEGATIVE,
    PACK_DOUBLE,
    PACK_TEXT,
    PACK_BLOB,
    PACK_ARRAY,
    PACK_MAP,
    PACK_EXTENSION,
    PACK_NOTHING /* at the end, or bad */
};

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct cursor
cursor_over(struct bytes in)
{
    return (struct cursor){ in.data, in.data + in.size, false };
}

static inline bool
cursor_done(const struct cursor *c)
{
    return c->at == c->end;
}

enum pack_type cursor_type(const struct cursor *c);
void cursor_nil(struct cursor *c);
bool cursor_bool(struct cursor *c);
uint64_t cursor_long_u64(struct cursor *c); /* not of one byte */
static inline uint64_t
cursor_u64(struct cursor *c)
{
    return !c->bad && c->at != c->end && *c->at <= 0x7f ? *c->at++ : cursor_long_u64(c);
}
int64_t cursor_i64(struct cursor *c);
/* Integers are converted. */
double cursor_double(struct cursor *c);
struct bytes cursor_text(struct cursor *c);
/* Takes text too: some languages have no other type for bytes. */
struct bytes cursor_blob(struct cursor *c);
struct bytes cursor_extension(struct cursor *c, int8_t *type);
/* The number of items (pairs) that follow; never more than the bytes that are left. */
size_t cursor_array(struct cursor *c);
size_t cursor_map(struct cursor *c);
/* Pass over one whole value and return its bytes. */
struct bytes cursor_skip(struct cursor *c);

/* Is `in` exactly one msgpack value, nested at most PACK_DEPTH_MAX deep, its counts
 * covered by bytes, its texts UTF-8, without extension types?  Reads no further than
 * needed and allocates nothing.
 *
 * ERR_MALFORMED  it is not
 */
MUST_CHECK enum err pack_check(struct bytes in);
/* The same, nested at most PAYLOAD_DEPTH_MAX deep. */
MUST_CHECK enum err pack_check_payload(struct bytes in);

/* The value of `key` in the map `in`, or nothing (size 0). */
struct bytes pack_find(struct bytes in, const char *key);
#endif
