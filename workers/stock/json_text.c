#include "workers/stock/json_text.h"

#include "base/json_write.h"
#include "base/pack.h"

#include <inttypes.h>
#include <math.h>

static void
print_text(struct buffer *out, struct bytes t)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < t.size; i++) {
        uint8_t c = t.data[i];
        if (c == '"' || c == '\\')
            buffer_print(out, "\\%c", c);
        else if (c == '\n')
            buffer_append(out, "\\n", 2);
        else if (c < 0x20)
            buffer_print(out, "\\u%04x", c);
        else
            buffer_append(out, &t.data[i], 1);
    }
    buffer_append(out, "\"", 1);
}

static void
print_blob(struct buffer *out, struct bytes b)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < b.size; i++)
        buffer_print(out, "%02x", b.data[i]);
    buffer_append(out, "\"", 1);
}

static void
print_double(struct buffer *out, double value)
{
    char number[JSON_NUMBER_SIZE] = "null";
    if (isfinite(value))
        json_print_double(value, number);
    buffer_append_bytes(out, text(number));
}

static void print_value(struct buffer *out, struct cursor *c);

static void
print_array(struct buffer *out, struct cursor *c)
{
    size_t count = cursor_array(c);
    buffer_append(out, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        print_value(out, c);
    }
    buffer_append(out, "]", 1);
}

static void
print_map(struct buffer *out, struct cursor *c)
{
    size_t count = cursor_map(c);
    buffer_append(out, "{", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        print_value(out, c);
        buffer_append(out, ":", 1);
        print_value(out, c);
    }
    buffer_append(out, "}", 1);
}

/* The gateway's frames nest PACK_DEPTH_MAX deep at most: so does this. */
static void
print_value(struct buffer *out, struct cursor *c)
{
    switch (cursor_type(c)) {
    case PACK_BOOL: buffer_print(out, "%s", cursor_bool(c) ? "true" : "false"); return;
    case PACK_UNSIGNED: buffer_print(out, "%" PRIu64, cursor_u64(c)); return;
    case PACK_NEGATIVE: buffer_print(out, "%" PRId64, cursor_i64(c)); return;
    case PACK_DOUBLE: print_double(out, cursor_double(c)); return;
    case PACK_TEXT: print_text(out, cursor_text(c)); return;
    case PACK_BLOB: print_blob(out, cursor_blob(c)); return;
    case PACK_ARRAY: print_array(out, c); return;
    case PACK_MAP: print_map(out, c); return;
    case PACK_NIL:
    case PACK_EXTENSION:
    case PACK_NOTHING: break;
    }
    cursor_skip(c);
    buffer_append(out, "null", 4);
}

void
json_text(struct buffer *out, struct bytes msgpack)
{
    struct cursor c = cursor_over(msgpack);
    print_value(out, &c);
}
