#include "base/json_write.h"

#include "base/base64.h"
#include "base/pack.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A document wraps payloads that may be PACK_DEPTH_MAX deep themselves. */
enum { DEPTH_MAX = 2 * PACK_DEPTH_MAX };

static void write_value(struct cursor *in, struct buffer *out, unsigned depth);

/* In line, where the size of a literal is known. */
__attribute__((always_inline)) static inline void
put(struct buffer *out, const char *s)
{
    buffer_append(out, s, strlen(s));
}

static void
write_escaped(struct buffer *out, uint8_t c)
{
    static const char names[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof names; i += 2)
        if ((uint8_t)names[i] == c) {
            char pair[2] = { '\\', names[i + 1] };
            buffer_append(out, pair, sizeof pair);
            return;
        }
    buffer_print(out, "\\u%04x", c);
}

static void
write_base64(struct buffer *out, struct bytes in)
{
    put(out, "\"");
    base64_write(out, in);
    put(out, "\"");
}

/* What ends a line for some who read YAML or JavaScript, which JSON is taken for too.
 * The bytes of what `in` begins with, and is written now; 0: nothing. */
static size_t
write_separator(struct buffer *out, struct bytes in)
{
    static const struct {
        const char *bytes, *escape;
    } separators[] = {
        { "\xc2\x85", "\\u0085" },
        { "\xe2\x80\xa8", "\\u2028" },
        { "\xe2\x80\xa9", "\\u2029" },
    };
    for (size_t i = 0; i < COUNT(separators); i++)
        if (bytes_begin(in, text(separators[i].bytes))) {
            put(out, separators[i].escape);
            return strlen(separators[i].bytes);
        }
    return 0;
}

void
json_write_text(struct buffer *out, struct bytes in)
{
    size_t from = 0;
    put(out, "\"");
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && c != 0xc2 && c != 0xe2)
            continue;
        size_t size = 1;
        buffer_append(out, in.data + from, i - from);
        if (c >= 0x80)
            size = write_separator(out, bytes_of(in.data + i, in.size - i));
        else
            write_escaped(out, c);
        from = i + size;
        i += size > 1 ? size - 1 : 0;
    }
    buffer_append(out, in.data + from, in.size - from);
    put(out, "\"");
}

/* What is not UTF-8 cannot stand in JSON, whatever its writer called it. */
static void
write_text(struct buffer *out, struct bytes in)
{
    if (utf8_valid(in))
        json_write_text(out, in);
    else
        write_base64(out, in);
}

/* Does `value` read back from its first `digits` digits?  `all` has seventeen of them,
 * as "-d.dddde+xx": rounding those is cheaper than printing again. */
static bool
digits_suffice(double value, const char *all, int digits)
{
    char number[JSON_NUMBER_SIZE + 1];
    size_t first = all[0] == '-', last = first + (size_t)digits;
    snprintf(number, sizeof number, "%s%s", first > 0 ? "-" : "", "0");
    memcpy(number + first + 1, all + first, sizeof number - first - 2);
    number[sizeof number - 1] = '\0';
    /* A zero stands before, for 9.99… to become 10.00… */
    size_t at = last + 1;
    bool up = number[at + 1] >= '5';
    if (number[at + 1] == '5' && number[at + 2 + strspn(number + at + 2, "0")] == 'e') {
        /* It was rounded to that already: which way, only the value knows. */
        snprintf(number, sizeof number, "%.*e", digits - 1, value);
        return strtod(number, NULL) == value;
    }
    for (size_t i = at + 1; number[i] != 'e'; i++)
        number[i] = '0';
    for (; up; at--)
        if (number[at] != '.') {
            up = number[at] == '9';
            number[at] = up ? '0' : (char)(number[at] + 1);
        }
    return strtod(number, NULL) == value;
}

/* As few digits as read back the same: fifteen always survive, but the smallest numbers
 * have fewer; seventeen are always enough. */
static int
digits_of(double value)
{
    char all[JSON_NUMBER_SIZE];
    snprintf(all, sizeof all, "%.16e", value);
    int digits = fabs(value) < DBL_MIN ? 1 : 15;
    while (digits < 17 && !digits_suffice(value, all, digits))
        digits++;
    return digits;
}

void
json_print_double(double value, char out[JSON_NUMBER_SIZE])
{
    snprintf(out, JSON_NUMBER_SIZE, "%.*g", digits_of(value), value);
}

static void
write_double(struct buffer *out, double value)
{
    char number[JSON_NUMBER_SIZE];
    if (!isfinite(value)) {
        put(out, "null");
        return;
    }
    json_print_double(value, number);
    put(out, number);
    if (strpbrk(number, ".e") == NULL)
        put(out, ".0");
}

static void
write_array(struct cursor *in, struct buffer *out, unsigned depth)
{
    size_t count = cursor_array(in);
    put(out, "[");
    for (size_t i = 0; i < count && !in->bad; i++) {
        put(out, i == 0 ? "" : ",");
        write_value(in, out, depth + 1);
    }
    put(out, "]");
}

/* Keys that are not texts are shown as one. */
static void
write_key(struct cursor *in, struct buffer *out)
{
    enum pack_type type = cursor_type(in);
    if (type == PACK_TEXT || type == PACK_BLOB) {
        write_value(in, out, DEPTH_MAX);
        return;
    }
    put(out, "\"");
    if (type == PACK_ARRAY || type == PACK_MAP)
        cursor_skip(in);
    else
        write_value(in, out, DEPTH_MAX);
    put(out, "\"");
}

static void
write_map(struct cursor *in, struct buffer *out, unsigned depth)
{
    size_t count = cursor_map(in);
    put(out, "{");
    for (size_t i = 0; i < count && !in->bad; i++) {
        put(out, i == 0 ? "" : ",");
        write_key(in, out);
        put(out, ":");
        write_value(in, out, depth + 1);
    }
    put(out, "}");
}

static void
write_integer(struct cursor *in, struct buffer *out)
{
    char number[JSON_NUMBER_SIZE];
    if (cursor_type(in) == PACK_NEGATIVE)
        snprintf(number, sizeof number, "%" PRId64, cursor_i64(in));
    else
        snprintf(number, sizeof number, "%" PRIu64, cursor_u64(in));
    put(out, number);
}

static void
write_value(struct cursor *in, struct buffer *out, unsigned depth)
{
    switch (cursor_type(in)) {
    case PACK_NIL:
        cursor_nil(in);
        put(out, "null");
        return;
    case PACK_BOOL: put(out, cursor_bool(in) ? "true" : "false"); return;
    case PACK_UNSIGNED:
    case PACK_NEGATIVE: write_integer(in, out); return;
    case PACK_DOUBLE: write_double(out, cursor_double(in)); return;
    case PACK_TEXT: write_text(out, cursor_text(in)); return;
    case PACK_BLOB: write_base64(out, cursor_blob(in)); return;
    case PACK_ARRAY:
    case PACK_MAP:
        if (depth >= DEPTH_MAX)
            in->bad = true;
        else if (cursor_type(in) == PACK_ARRAY)
            write_array(in, out, depth);
        else
            write_map(in, out, depth);
        return;
    case PACK_EXTENSION:
        cursor_skip(in);
        put(out, "null");
        return;
    case PACK_NOTHING: in->bad = true; return;
    }
}

enum err
msgpack_to_json(struct bytes in, struct buffer *out)
{
    struct cursor c = cursor_over(in);
    size_t before = out->size;
    write_value(&c, out, 0);
    if (!c.bad && cursor_done(&c))
        return ERR_NONE;
    out->size = before;
    return ERR_MALFORMED;
}
