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

/* The first of `text`, from `at` on, that is no digit. */
static size_t
skip_digits(struct bytes text, size_t at)
{
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at;
}

/* Such as 0.1, which as a double would become 0.10000000000000001. */
static bool
is_real(struct bytes piece)
{
    size_t from = piece.data[0] == '-', at = skip_digits(piece, from);
    bool good = at > from, fraction = at < piece.size && piece.data[at] == '.';
    if (good && fraction) {
        from = at + 1;
        at = skip_digits(piece, from);
        good = at > from;
    }
    bool exponent = at < piece.size && (piece.data[at] | 0x20) == 'e';
    if (good && exponent) {
        from = at + 1;
        from += from < piece.size && strchr("+-", piece.data[from]) != NULL;
        at = skip_digits(piece, from);
        good = at > from;
    }
    return good && (fraction || exponent) && at == piece.size;
}

static bool
is_large(struct bytes piece)
{
    static const char max[] = "9223372036854775807";
    size_t max_size = sizeof max - 1;
    if (piece.data[0] == '-')
        piece = (struct bytes){ piece.data + 1, piece.size - 1 };
    size_t size = skip_digits(piece, 0);
    return size == piece.size
           && (size > max_size
               || (size == max_size && memcmp(piece.data, max, max_size) > 0));
}

/* Of the numbers that `kept` knows; false if there are none. */
static bool
make_texts(struct bytes from, bool (*kept)(struct bytes piece), struct buffer *out)
{
    bool any = false;
    while (from.size > 0) {
        struct bytes piece = { from.data, piece_size(from) };
        bool made = kept(piece);
        buffer_append_bytes(out, text(made ? "\"" MARK : ""));
        buffer_append_bytes(out, piece);
        buffer_append_bytes(out, text(made ? "\"" : ""));
        from = (struct bytes){ from.data + piece.size, from.size - piece.size };
        any |= made;
    }
    return any;
}

static json_t *
load(struct bytes from, size_t flags, json_error_t *wrong)
{
    return json_loadb((const char *)from.data, from.size, flags, wrong);
}

json_t *
answer_parse(struct bytes from, size_t flags, json_error_t *wrong)
{
    json_error_t later;
    struct buffer whole = { 0 }, texts = { 0 };
    flags |= JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *read = load(from, flags, wrong);
    if (read == NULL && json_error_code(wrong) == json_error_numeric_overflow) {
        (void)make_texts(from, is_large, &whole);
        from = buffer_bytes(&whole);
        read = load(from, flags, &later);
    }
    /* Only of what was right: one that is too large for a double is wrong. */
    if (read != NULL && make_texts(from, is_real, &texts)) {
        json_decref(read);
        read = load(buffer_bytes(&texts), flags, &later);
    }
    buffer_free(&whole);
    buffer_free(&texts);
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
           && memcmp(piece.data + 1, MARK, MARK_SIZE) == 0
           && (is_large(digits) || is_real(digits));
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
