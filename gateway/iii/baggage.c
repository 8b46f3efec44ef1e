#include "gateway/iii/baggage.h"

#include "base/pack.h"
#include "gateway/iii/invoke.h"
#include "gateway/said.h"

static int
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without blanks at both ends, and without %XX. */
static void
put_plain(struct buffer *out, struct bytes in)
{
    while (in.size > 0 && in.data[0] == ' ')
        in = bytes_of(in.data + 1, in.size - 1);
    while (in.size > 0 && in.data[in.size - 1] == ' ')
        in.size--;
    buffer_clear(out);
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        int high = c == '%' && i + 2 < in.size ? hex_value(in.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(in.data[i + 2]) : -1;
        if (low >= 0) {
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        buffer_append(out, &c, 1);
    }
}

static struct bytes
before(struct bytes *rest, char c)
{
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, c, rest->size) : NULL;
    struct bytes head = *rest;
    if (at == NULL) {
        rest->size = 0;
        return head;
    }
    head.size = (size_t)(at - rest->data);
    *rest = bytes_of(at + 1, rest->size - head.size - 1);
    return head;
}

/* "a=1;property, b=%32" as pairs of a map; returns how many. */
static size_t
pack_pairs(struct bytes in, struct buffer *out)
{
    struct buffer name = { 0 }, value = { 0 };
    size_t count = 0;
    while (in.size > 0) {
        struct bytes member = before(&in, ',');
        struct bytes pair = before(&member, ';'), key = before(&pair, '=');
        put_plain(&name, key);
        put_plain(&value, pair);
        if (name.size == 0 || !utf8_valid(buffer_bytes(&name))
            || !utf8_valid(buffer_bytes(&value)))
            continue;
        pack_text(out, buffer_bytes(&name));
        pack_text(out, buffer_bytes(&value));
        count++;
    }
    buffer_free(&name);
    buffer_free(&value);
    return count;
}

static void
pack_baggage(struct bytes in, struct buffer *out)
{
    struct buffer pairs = { 0 };
    size_t count = pack_pairs(in, &pairs);
    pack_map(out, count);
    buffer_append_bytes(out, buffer_bytes(&pairs));
    buffer_free(&pairs);
}

void
baggage_get(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct buffer key = { 0 }, all = { 0 }, out = { 0 };
    buffer_append_bytes(&key, said_text(asked->data, "key"));
    buffer_append(&key, "", 1);
    pack_baggage(asked->baggage, &all);
    pack_map(&out, 1);
    pack_string(&out, "value");
    pack_raw(&out, pack_find(buffer_bytes(&all), (const char *)key.data));
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&key);
    buffer_free(&all);
    buffer_free(&out);
}

void
baggage_set(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct buffer out = { 0 };
    pack_map(&out, 2);
    pack_string(&out, "success");
    pack_bool(&out, true);
    pack_string(&out, "note");
    pack_string(&out, "baggage is carried by calls: set it in the client");
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
baggage_all(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "baggage");
    pack_baggage(asked->baggage, &out);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}
