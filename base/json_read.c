/* json_read - JSON to msgpack, in one pass over the text and one before it.
 *
 * msgpack says how many items a list has before they come.  So a first pass counts
 * them, in the order in which lists open, and the second writes: there is no tree
 * between, and a hostile text costs a few bytes of memory for each of its own.  A
 * library's tree costs up to a hundred (docs/performance.md). */
#include "base/json_read.h"

#include "base/pack.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { FEW_KEYS = 8 }; /* compared each with each */

/* A key of an object that is still open: where it is written, and where it was read. */
struct key_place {
    uint32_t out, in;
};

struct reader {
    struct bytes in;
    size_t at;
    struct buffer *out;
    struct buffer counts; /* uint32_t: items of each list, in the order they open */
    size_t next_count;
    struct buffer keys;    /* struct key_place */
    struct buffer scratch; /* of one text or number */
    const char *wrong;     /* the first mistake; NULL: none yet */
    size_t wrong_at;
};

static bool
refuse_at(struct reader *r, size_t at, const char *why)
{
    r->wrong = why;
    r->wrong_at = at;
    return false;
}

static bool
refuse(struct reader *r, const char *why)
{
    return refuse_at(r, r->at, why);
}

/* The next byte, or NUL, which begins nothing, at the end. */
static uint8_t
peek(const struct reader *r)
{
    return r->at < r->in.size ? r->in.data[r->at] : 0;
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint8_t
skip_space(struct reader *r)
{
    while (is_space(peek(r)))
        r->at++;
    return peek(r);
}

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- the first pass ---- */

static void
add_count(struct reader *r, size_t list)
{
    uint32_t count;
    uint8_t *at = r->counts.data + list * sizeof count;
    memcpy(&count, at, sizeof count);
    count++;
    memcpy(at, &count, sizeof count);
}

/* Behind the text that begins before `at`. */
static size_t
end_of_text(struct bytes in, size_t at)
{
    while (at < in.size && in.data[at] != '"')
        at += in.data[at] == '\\' ? 2 : 1;
    return at + 1;
}

/* Right for what is JSON; for anything else no worse than wrong. */
static bool
count_items(struct reader *r)
{
    size_t open[PACK_DEPTH_MAX];
    bool empty = false; /* a list was opened just now */
    unsigned depth = 0;
    for (size_t i = 0; i < r->in.size; i++) {
        uint8_t c = r->in.data[i];
        if (is_space(c))
            continue;
        if (c == ']' || c == '}') {
            depth -= depth > 0;
            empty = false;
            continue;
        }
        if (depth > 0 && (empty || c == ','))
            add_count(r, open[depth - 1]);
        empty = c == '[' || c == '{';
        if (empty && depth == PACK_DEPTH_MAX)
            return refuse_at(r, i, "nested deeper than 32 levels");
        if (empty) {
            static const uint32_t none;
            open[depth++] = r->counts.size / sizeof none;
            buffer_append(&r->counts, &none, sizeof none);
        } else if (c == '"') {
            i = end_of_text(r->in, i + 1) - 1;
        }
    }
    return true;
}

static size_t
take_count(struct reader *r)
{
    uint32_t count;
    assert((r->next_count + 1) * sizeof count <= r->counts.size);
    memcpy(&count, r->counts.data + r->next_count++ * sizeof count, sizeof count);
    return count;
}

/* ---- texts ---- */

static bool
read_hex(struct reader *r, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        uint8_t c = peek(r);
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return refuse(r, "four hexadecimal digits must follow \\u");
        *unit = *unit << 4 | (unsigned)digit;
    }
    return true;
}

static void
put_utf8(struct buffer *out, unsigned point)
{
    uint8_t b[4];
    buffer_append(out, b, utf8_write(point, b));
}

/* What follows "\u". */
static bool
read_point(struct reader *r)
{
    unsigned high, low;
    size_t from = r->at;
    if (!read_hex(r, &high))
        return false;
    if (high < 0xd800 || high > 0xdfff) {
        put_utf8(&r->scratch, high);
        return true;
    }
    if (high > 0xdbff || peek(r) != '\\' || r->at + 1 >= r->in.size
        || r->in.data[r->at + 1] != 'u')
        return refuse_at(r, from, "half a surrogate pair");
    r->at += 2;
    if (!read_hex(r, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse_at(r, from, "half a surrogate pair");
    put_utf8(&r->scratch, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    return true;
}

static bool
read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    r->at++;
    uint8_t c = peek(r);
    const char *found = c == 0 ? NULL : strchr(from, c);
    if (found == NULL && c != 'u')
        return refuse(r, "no such escape");
    r->at++;
    if (found == NULL)
        return read_point(r);
    buffer_append(&r->scratch, &to[found - from], 1);
    return true;
}

/* The bytes up to a quote, an escape or something that must be one. */
static struct bytes
plain_part(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->in.size && r->in.data[r->at] >= 0x20 && r->in.data[r->at] != '"'
           && r->in.data[r->at] != '\\')
        r->at++;
    return bytes_of(r->in.data + from, r->at - from);
}

static bool
read_text(struct reader *r)
{
    size_t from = ++r->at;
    struct bytes value = plain_part(r);
    if (peek(r) == '\\') {
        buffer_clear(&r->scratch);
        buffer_append_bytes(&r->scratch, value);
        while (peek(r) == '\\') {
            if (!read_escape(r))
                return false;
            buffer_append_bytes(&r->scratch, plain_part(r));
        }
        value = buffer_bytes(&r->scratch);
    }
    if (peek(r) != '"')
        return refuse(r, r->at == r->in.size ? "the text does not end"
                                             : "a control character in a text");
    if (!utf8_valid(bytes_of(r->in.data + from, r->at - from)))
        return refuse_at(r, from, "a text that is not UTF-8");
    r->at++;
    pack_text(r->out, value);
    return true;
}

/* ---- numbers ---- */

static bool
skip_digits(struct reader *r)
{
    if (!is_digit(peek(r)))
        return refuse(r, "a digit must follow");
    while (is_digit(peek(r)))
        r->at++;
    return true;
}

static bool
put_real(struct reader *r, struct bytes number)
{
    buffer_clear(&r->scratch);
    buffer_append_bytes(&r->scratch, number);
    buffer_append(&r->scratch, "", 1);
    double value = strtod((const char *)r->scratch.data, NULL);
    if (isinf(value))
        return refuse(r, "a number beyond what 64 bits hold");
    pack_double(r->out, value);
    return true;
}

static bool
put_whole(struct reader *r, struct bytes digits, bool negative)
{
    uint64_t value = 0, most = negative ? (uint64_t)INT64_MAX + 1 : UINT64_MAX;
    for (size_t i = 0; i < digits.size; i++) {
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        if (value > (most - digit) / 10)
            return refuse(r, "a whole number beyond what 64 bits hold");
        value = value * 10 + digit;
    }
    if (negative && value > 0)
        pack_i64(r->out, -(int64_t)(value - 1) - 1);
    else
        pack_u64(r->out, value);
    return true;
}

static bool
read_number(struct reader *r)
{
    size_t from = r->at;
    bool negative = peek(r) == '-', real = false;
    r->at += negative;
    size_t digits = r->at;
    if (peek(r) == '0')
        r->at++;
    else if (!skip_digits(r))
        return false;
    if (peek(r) == '.') {
        r->at++;
        real = true;
        if (!skip_digits(r))
            return false;
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        real = true;
        r->at += peek(r) == '+' || peek(r) == '-';
        if (!skip_digits(r))
            return false;
    }
    const uint8_t *in = r->in.data;
    return real ? put_real(r, bytes_of(in + from, r->at - from))
                : put_whole(r, bytes_of(in + digits, r->at - digits), negative);
}

/* ---- lists ---- */

static struct bytes
key_written(const struct buffer *out, const struct key_place *place)
{
    struct cursor c =
        cursor_over(bytes_of(out->data + place->out, out->size - place->out));
    return cursor_text(&c);
}

static int
key_order(const void *a, const void *b, void *out)
{
    return bytes_order(key_written(out, a), key_written(out, b));
}

/* The second of two keys that are the same; NULL: there are none. */
static const struct key_place *
same_key(struct reader *r, struct key_place *keys, size_t count)
{
    if (count > FEW_KEYS)
        qsort_r(keys, count, sizeof *keys, key_order, r->out);
    for (size_t i = 1; i < count; i++)
        for (size_t j = count > FEW_KEYS ? i - 1 : 0; j < i; j++)
            if (key_order(&keys[i], &keys[j], r->out) == 0)
                return &keys[i];
    return NULL;
}

/* The keys from `first` on are an object's: they differ, and are needed no more. */
static bool
end_object(struct reader *r, size_t first)
{
    size_t count = (r->keys.size - first) / sizeof(struct key_place);
    r->keys.size = first;
    if (count < 2)
        return true;
    const struct key_place *same =
        same_key(r, (struct key_place *)(void *)(r->keys.data + first), count);
    return same == NULL || refuse_at(r, same->in, "a key that was there before");
}

static bool
read_key(struct reader *r)
{
    struct key_place place = { (uint32_t)r->out->size, (uint32_t)r->at };
    if (peek(r) != '"')
        return refuse(r, "a key, which is a text, must come here");
    if (!read_text(r))
        return false;
    struct bytes key = key_written(r->out, &place);
    if (key.size > 0 && memchr(key.data, 0, key.size) != NULL)
        return refuse_at(r, place.in, "a key with a NUL in it");
    buffer_append(&r->keys, &place, sizeof place);
    if (skip_space(r) != ':')
        return refuse(r, "a colon must follow a key");
    r->at++;
    return true;
}

static bool read_value(struct reader *r);

static bool
read_list(struct reader *r, bool object)
{
    uint8_t end = object ? '}' : ']';
    size_t count = take_count(r), first = r->keys.size;
    if (object)
        pack_map(r->out, count);
    else
        pack_array(r->out, count);
    r->at++;
    for (size_t i = 0; i < count; i++) {
        skip_space(r);
        if ((object && !read_key(r)) || !read_value(r))
            return false;
        uint8_t c = skip_space(r);
        if (c != (i + 1 < count ? ',' : end))
            return refuse(r,
                object ? "a comma or } must come here" : "a comma or ] must come here");
        r->at++;
    }
    if (count == 0 && skip_space(r) != end)
        return refuse(r, "the list does not end");
    r->at += count == 0;
    return !object || end_object(r, first);
}

static bool
skip_word(struct reader *r, const char *word)
{
    size_t size = strlen(word);
    if (r->in.size - r->at < size || memcmp(r->in.data + r->at, word, size) != 0)
        return refuse(r, "a value must come here");
    r->at += size;
    return true;
}

static bool
read_value(struct reader *r)
{
    uint8_t c = skip_space(r);
    bool right;
    switch (c) {
    case '{': return read_list(r, true);
    case '[': return read_list(r, false);
    case '"': return read_text(r);
    case 't':
    case 'f':
        if ((right = skip_word(r, c == 't' ? "true" : "false")))
            pack_bool(r->out, c == 't');
        return right;
    case 'n':
        if ((right = skip_word(r, "null")))
            pack_nil(r->out);
        return right;
    default:
        return c == '-' || is_digit(c) ? read_number(r)
                                       : refuse(r, "a value must come here");
    }
}

static bool
read_all(struct reader *r)
{
    if (!count_items(r) || !read_value(r))
        return false;
    skip_space(r);
    return r->at == r->in.size || refuse(r, "something follows the value");
}

static struct json_place
place_of(struct bytes in, size_t at)
{
    struct json_place place = { 1, 1 };
    for (size_t i = 0; i < at; i++) {
        if (in.data[i] == '\n')
            place = (struct json_place){ place.line + 1, 1 };
        else
            place.column += (in.data[i] & 0xc0) != 0x80; /* a letter, not a byte */
    }
    return place;
}

enum err
json_to_msgpack(struct bytes json, struct buffer *out, struct json_place *place,
    struct fault *fault)
{
    struct reader r = { .in = json, .out = out };
    size_t before = out->size;
    bool right = read_all(&r);
    buffer_free(&r.counts);
    buffer_free(&r.keys);
    buffer_free(&r.scratch);
    if (right)
        return ERR_NONE;
    out->size = before;
    if (place != NULL)
        *place = place_of(json, r.wrong_at);
    return fault_set(fault, ERR_MALFORMED, "not JSON: %s", r.wrong);
}
