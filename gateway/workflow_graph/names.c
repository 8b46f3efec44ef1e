#include "gateway/workflow_graph/names.h"

#include "base/utf8.h"

static const char mark[] = "_-x";
enum { MARK_SIZE = sizeof mark - 1, ESCAPE_SIZE = MARK_SIZE + 2 };

static bool
allowed(uint8_t b)
{
    uint8_t lower = b | 0x20;
    return (lower >= 'a' && lower <= 'z') || (b >= '0' && b <= '9') || b == '.'
           || b == '_' || b == '-';
}

static bool
marked(struct bytes in, size_t at)
{
    return in.size - at >= MARK_SIZE && memcmp(in.data + at, mark, MARK_SIZE) == 0;
}

void
key_from_id(struct buffer *out, struct bytes id)
{
    for (size_t i = 0; i < id.size; i++) {
        if (allowed(id.data[i]) && !marked(id, i))
            buffer_append(out, &id.data[i], 1);
        else
            buffer_print(out, "%s%02x", mark, id.data[i]);
    }
}

static int
digit(uint8_t b)
{
    if (b >= '0' && b <= '9')
        return b - '0';
    return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

void
id_from_key(struct buffer *out, struct bytes key)
{
    size_t before = out->size;
    for (size_t i = 0; i < key.size; i++) {
        bool escaped = marked(key, i) && key.size - i >= ESCAPE_SIZE;
        int high = escaped ? digit(key.data[i + MARK_SIZE]) : -1;
        int low = escaped ? digit(key.data[i + MARK_SIZE + 1]) : -1;
        uint8_t byte = key.data[i];
        if (high >= 0 && low >= 0) {
            byte = (uint8_t)(high << 4 | low);
            i += ESCAPE_SIZE - 1;
        }
        buffer_append(out, &byte, 1);
    }
    /* Of a file whose name is no text: only the key can be said in a path. */
    if (out->size > before
        && !utf8_valid(bytes_of(out->data + before, out->size - before))) {
        out->size = before;
        buffer_append_bytes(out, key);
    }
}
