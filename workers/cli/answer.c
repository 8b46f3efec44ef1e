#include "workers/cli/answer.h"

#include "base/buffer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a text begins with that stands for a number: no character. */
#define MARK "\xef\xbf\xbf"

enum { MARK_SIZE = sizeof MARK - 1 };

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
make_texts(struct bytes from, struct buffer *out)
{
    while (from.size > 0) {
        struct bytes piece = { from.data, piece_size(from) };
        bool large = is_large(piece);
        buffer_append_bytes(out, text(large ? "\"" MARK : ""));
        buffer_append_bytes(out, piece);
        buffer_append_bytes(out, text(large ? "\"" : ""));
        from = (struct bytes){ from.data + piece.size, from.size - piece.size };
    }
}

json_t *
answer_parse(struct bytes from, size_t flags, json_error_t *wrong)
{
    json_error_t later;
    flags |= JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *read = json_loadb((const char *)from.data, from.size, flags, wrong);
    if (read == NULL && json_error_code(wrong) == json_error_numeric_overflow) {
        struct buffer texts = { 0 };
        make_texts(from, &texts);
        read = json_loadb((const char *)texts.data, texts.size, flags, &later);
        buffer_free(&texts);
    }
    return read;
}

json_t *
answer_read(struct bytes from)
{
    json_error_t wrong;
    return answer_parse(from, 0, &wrong);
}

/* A text that make_texts made, or one that looks like it and is shown the same. */
static bool
is_number(struct bytes piece)
{
    struct bytes digits = { piece.data + 1 + MARK_SIZE, piece.size - 2 - MARK_SIZE };
    return piece.data[0] == '"' && piece.size > 2 + MARK_SIZE
           && memcmp(piece.data + 1, MARK, MARK_SIZE) == 0 && is_large(digits);
}

static void
make_numbers(struct bytes from, struct buffer *out)
{
    while (from.size > 0) {
        struct bytes piece = { from.data, piece_size(from) };
        from = (struct bytes){ from.data + piece.size, from.size - piece.size };
        if (is_number(piece))
            piece = bytes_of(piece.data + 1 + MARK_SIZE, piece.size - 2 - MARK_SIZE);
        buffer_append_bytes(out, piece);
    }
}

bool
answer_write(const json_t *value, size_t flags, struct buffer *out)
{
    char *dumped = json_dumps(value, flags | JSON_ENCODE_ANY);
    if (dumped != NULL && strstr(dumped, MARK) != NULL)
        make_numbers(text(dumped), out);
    else if (dumped != NULL)
        buffer_append_bytes(out, text(dumped));
    free(dumped);
    return dumped != NULL;
}

bool
answer_plain(const json_t *value)
{
    return json_is_string(value)
           && strncmp(json_string_value(value), MARK, MARK_SIZE) != 0;
}
