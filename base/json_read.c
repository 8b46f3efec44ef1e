#include "base/json_read.h"

#include "base/pack.h"

#include <math.h>
#include <stdlib.h>

struct reader {
    struct bytes in;
    size_t at;
    const char *wrong; /* NULL: nothing yet */
    size_t wrong_at;
    struct buffer *out;
    struct buffer keys; /* where the keys of the open objects begin in out: size_t */
    struct buffer text; /* what an escaped text means; a number and a NUL */
    unsigned depth;
};

static void value_read(struct reader *r);

static void
wrong(struct reader *r, const char *what)
{
    if (r->wrong != NULL)
        return;
    r->wrong = what;
    r->wrong_at = r->at;
}

static uint8_t
byte(const struct reader *r)
{
    return r->at < r->in.size ? r->in.data[r->at] : 0;
}

static void
space(struct reader *r)
{
    while (r->at < r->in.size && memchr(" \t\n\r", byte(r), 4) != NULL)
        r->at++;
}

static bool
accept(struct reader *r, uint8_t b)
{
    if (r->at == r->in.size || byte(r) != b)
        return false;
    r->at++;
    return true;
}

static uint32_t
hex4(struct reader *r)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++, r->at++) {
        uint8_t b = byte(r), lower = b | 0x20;
        bool digit = b >= '0' && b <= '9';
        if (!digit && (lower < 'a' || lower > 'f')) {
            wrong(r, "four hex digits");
            return 0;
        }
        value = value << 4 | (uint32_t)(digit ? b - '0' : lower - 'a' + 10);
    }
    return value;
}

static void
character(struct buffer *out, uint32_t code)
{
    uint8_t utf8[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; code >>= 6)
        utf8[i] = (uint8_t)(0x80 | (code & 0x3f));
    utf8[0] = size == 1 ? (uint8_t)code : (uint8_t)((0xf00u >> size & 0xf0) | code);
    buffer_append(out, utf8, size);
}

static void
escape(struct reader *r)
{
    static const char simple[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint8_t b = byte(r);
    r->at++;
    for (size_t i = 0; i + 1 < sizeof simple; i += 2)
        if ((uint8_t)simple[i] == b) {
            buffer_append(&r->text, &simple[i + 1], 1);
            return;
        }
    if (b != 'u') {
        wrong(r, "an escape that JSON has");
        return;
    }
    uint32_t code = hex4(r);
    if (code >= 0xd800 && code < 0xdc00 && accept(r, '\\') && accept(r, 'u')) {
        uint32_t low = hex4(r);
        if (low < 0xdc00 || low > 0xdfff)
            wrong(r, "the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code >= 0xd800 && code < 0xe000)
        wrong(r, "a whole surrogate pair");
    else
        character(&r->text, code);
}

static void
text_read(struct reader *r)
{
    size_t from = r->at;
    r->text.size = 0;
    while (r->wrong == NULL && byte(r) != '"') {
        if (r->at == r->in.size || byte(r) < 0x20) {
            wrong(r, "a closing quote");
        } else if (byte(r) == '\\') {
            buffer_append(&r->text, r->in.data + from, r->at - from);
            r->at++;
            escape(r);
            from = r->at;
        } else {
            r->at++;
        }
    }
    buffer_append(&r->text, r->in.data + from, r->at - from);
    r->at++;
    pack_text(r->out, buffer_bytes(&r->text));
}

static size_t
digits(struct reader *r)
{
    size_t from = r->at;
    while (byte(r) >= '0' && byte(r) <= '9')
        r->at++;
    if (r->at == from)
        wrong(r, "a digit");
    return r->at - from;
}

static void
real_write(struct reader *r, size_t from)
{
    r->text.size = 0;
    buffer_append(&r->text, r->in.data + from, r->at - from);
    buffer_append(&r->text, "", 1);
    double value = strtod((const char *)r->text.data, NULL);
    if (!isfinite(value))
        wrong(r, "a number up to 1.8e308");
    pack_double(r->out, value);
}

static void
whole_write(struct reader *r, size_t from, bool negative)
{
    uint64_t value = 0;
    for (size_t i = from; i < r->at; i++)
        if (__builtin_mul_overflow(value, 10u, &value)
            || __builtin_add_overflow(value, (uint64_t)(r->in.data[i] - '0'), &value))
            wrong(r, "a whole number of up to 64 bits");
    if (negative && value > (uint64_t)INT64_MAX + 1)
        wrong(r, "a whole number of up to 64 bits");
    if (negative && value > 0)
        pack_i64(r->out, (int64_t)(0 - value));
    else
        pack_u64(r->out, value);
}

static void
number_read(struct reader *r)
{
    size_t from = r->at;
    bool negative = accept(r, '-'), real = false;
    size_t first = r->at;
    if (digits(r) > 1 && r->in.data[first] == '0')
        wrong(r, "a number without a leading zero");
    if (accept(r, '.')) {
        real = true;
        digits(r);
    }
    if (accept(r, 'e') || accept(r, 'E')) {
        real = true;
        if (!accept(r, '-'))
            accept(r, '+');
        digits(r);
    }
    if (r->wrong == NULL && real)
        real_write(r, from);
    else if (r->wrong == NULL)
        whole_write(r, first, negative);
}

static struct bytes
key_at(const struct reader *r, const size_t *keys, size_t i)
{
    struct cursor c = cursor_over(buffer_bytes(r->out));
    c.at += keys[i];
    return cursor_text(&c);
}

/* Heap sort: no memory, and no worse than n log n on what a stranger sends. */
static void
sift(const struct reader *r, size_t *keys, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count
            && bytes_order(key_at(r, keys, child), key_at(r, keys, child + 1)) < 0)
            child++;
        if (bytes_order(key_at(r, keys, root), key_at(r, keys, child)) >= 0)
            return;
        size_t spare = keys[root];
        keys[root] = keys[child];
        keys[child] = spare;
    }
}

static void
keys_distinct(struct reader *r, size_t mark)
{
    size_t *keys = (void *)(r->keys.data + mark);
    size_t count = (r->keys.size - mark) / sizeof *keys;
    for (size_t i = count / 2; i-- > 0;)
        sift(r, keys, i, count);
    for (size_t end = count; end-- > 1;) {
        size_t spare = keys[0];
        keys[0] = keys[end];
        keys[end] = spare;
        sift(r, keys, 0, end);
    }
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(key_at(r, keys, i - 1), key_at(r, keys, i)))
            wrong(r, "each key only once");
}

/* The head is written once the count is known: move what came after it. */
static void
head_put(struct reader *r, size_t from, size_t count, bool map)
{
    uint8_t head[5];
    size_t end = r->out->size;
    if (map)
        pack_map(r->out, count);
    else
        pack_array(r->out, count);
    size_t size = r->out->size - end;
    memcpy(head, r->out->data + end, size);
    memmove(r->out->data + from + size, r->out->data + from, end - from);
    memcpy(r->out->data + from, head, size);
}

static void
member_read(struct reader *r)
{
    size_t at = r->out->size;
    space(r);
    buffer_append(&r->keys, &at, sizeof at);
    if (!accept(r, '"'))
        wrong(r, "a key in quotes");
    else
        text_read(r);
    space(r);
    if (!accept(r, ':'))
        wrong(r, "a colon");
}

static void
items_read(struct reader *r, bool map)
{
    size_t from = r->out->size, keys = r->keys.size, count = 0;
    uint8_t close = map ? '}' : ']';
    if (++r->depth > PACK_DEPTH_MAX)
        wrong(r, "fewer levels");
    space(r);
    bool more = !accept(r, close);
    while (more && r->wrong == NULL) {
        if (map)
            member_read(r);
        if (r->wrong == NULL)
            value_read(r);
        count++;
        space(r);
        more = accept(r, ',');
        if (!more && !accept(r, close))
            wrong(r, map ? "a comma or }" : "a comma or ]");
    }
    if (map && r->wrong == NULL && count > 1)
        keys_distinct(r, keys);
    r->keys.size = keys;
    head_put(r, from, count, map);
    r->depth--;
}

static bool
word(struct reader *r, const char *name)
{
    struct bytes rest = bytes_of(r->in.data + r->at, r->in.size - r->at);
    if (!bytes_begin(rest, text(name)))
        return false;
    r->at += strlen(name);
    return true;
}

static void
value_read(struct reader *r)
{
    space(r);
    if (accept(r, '{'))
        items_read(r, true);
    else if (accept(r, '['))
        items_read(r, false);
    else if (accept(r, '"'))
        text_read(r);
    else if (byte(r) == '-' || (byte(r) >= '0' && byte(r) <= '9'))
        number_read(r);
    else if (word(r, "true"))
        pack_bool(r->out, true);
    else if (word(r, "false"))
        pack_bool(r->out, false);
    else if (word(r, "null"))
        pack_nil(r->out);
    else
        wrong(r, "a value");
}

enum err
json_read(struct bytes json, struct buffer *out, struct fault *fault)
{
    struct reader r = { .in = json, .out = out };
    size_t before = out->size;
    if (!utf8_valid(json))
        wrong(&r, "UTF-8");
    else
        value_read(&r);
    space(&r);
    if (r.at < json.size)
        wrong(&r, "nothing more");
    buffer_free(&r.keys);
    buffer_free(&r.text);
    if (r.wrong == NULL)
        return ERR_NONE;
    out->size = before;
    return fault_set(fault, ERR_MALFORMED, "not JSON: %s was expected at byte %zu",
        r.wrong, r.wrong_at + 1);
}
