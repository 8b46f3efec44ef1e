#include "workers/cli/answer.h"

#include "base/buffer.h"

#include <stdbool.h>
#include <string.h>

static bool
is_of_number(uint8_t c)
{
    return c != '\0' && strchr("+-.0123456789Ee", c) != NULL;
}

static size_t
piece_size(struct bytes from)
{
    size_t size = 1;
    if (from.data[0] == '"') {
        while (size < from.size && from.data[size] != '"')
            size += from.data[size] == '\\' ? 2 : 1;
        size++;
    } else if (is_of_number(from.data[0])) {
        while (size < from.size && is_of_number(from.data[size]))
            size++;
    }
    return size < from.size ? size : from.size;
}

static bool
is_large(struct bytes piece)
{
    static const char max[] = "9223372036854775807";
    size_t size = 0, max_size = sizeof max - 1;
    if (piece.data[0] == '-')
        piece = (struct bytes){ piece.data + 1, piece.size - 1 };
    while (size < piece.size && piece.data[size] >= '0' && piece.data[size] <= '9')
        size++;
    return size == piece.size
           && (size > max_size
               || (size == max_size && memcmp(piece.data, max, max_size) > 0));
}

static void
make_reals(struct bytes from, struct buffer *out)
{
    while (from.size > 0) {
        struct bytes piece = { from.data, piece_size(from) };
        buffer_append_bytes(out, piece);
        if (is_large(piece))
            buffer_append(out, ".0", 2);
        from = (struct bytes){ from.data + piece.size, from.size - piece.size };
    }
}

static json_t *
load(struct bytes from, json_error_t *wrong)
{
    return json_loadb(
        (const char *)from.data, from.size, JSON_ALLOW_NUL | JSON_DECODE_ANY, wrong);
}

json_t *
answer_read(struct bytes from)
{
    json_error_t wrong;
    json_t *read = load(from, &wrong);
    if (read == NULL && json_error_code(&wrong) == json_error_numeric_overflow) {
        struct buffer reals = { 0 };
        make_reals(from, &reals);
        read = load(buffer_bytes(&reals), &wrong);
        buffer_free(&reals);
    }
    return read;
}
