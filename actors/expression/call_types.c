/* Functions that ask for types, or turn one into another; encodings. */
#include "actors/expression/functions.h"
#include "base/base64.h"
#include "base/hash.h"
#include "base/json_read.h"

CALL(type)
{
    struct bytes name = text(type_sentence(args[0]));
    if (bytes_begin(name, text("a ")))
        name = bytes_of(name.data + 2, name.size - 2);
    return value_text(e, name);
}

CALL(string)
{
    size_t mark = e->scratch.size;
    put_rendered(e, args[0]);
    return taken_text(e, mark);
}

CALL(bool)
{
    if (type_of(args[0]) == PACK_TEXT) {
        struct bytes word = text_of(args[0]);
        if (bytes_equal(word, text("true")) || bytes_equal(word, text("false")))
            return value_bool(e, word.size == 4);
        return call_refuse(e, "wants true or false, and not another text");
    }
    return want(e, args[0], PACK_BOOL) ? args[0] : (struct bytes){ 0 };
}

CALL(json)
{
    size_t mark = e->scratch.size;
    put_json(e, args[0]);
    return taken_text(e, mark);
}

CALL(toJson)
{
    return call_json(e, args, count);
}

CALL(fromJson)
{
    struct fault fault;
    size_t mark = e->scratch.size;
    struct bytes in = want_text(e, args[0]);
    if (!live(e) || !charge(e, 4 * in.size))
        return (struct bytes){ 0 };
    if (json_to_msgpack(in, &e->scratch, NULL, &fault) != ERR_NONE)
        return call_refuse(e, "wants JSON: %.100s", fault.detail);
    return taken(e, mark);
}

/* The bytes of a text or of bytes. */
static struct bytes
want_bytes(struct evaluation *e, struct bytes value)
{
    struct cursor c = cursor_over(value);
    if (type_of(value) != PACK_TEXT && type_of(value) != PACK_BLOB)
        return call_refuse(e, "wants a text, not %s", type_sentence(value));
    return charge(e, value.size) ? cursor_blob(&c) : (struct bytes){ 0 };
}

CALL(b64enc)
{
    size_t mark = e->scratch.size;
    struct bytes in = want_bytes(e, args[0]);
    if (live(e))
        base64_write(&e->scratch, in);
    return taken_text(e, mark);
}

CALL(b64dec)
{
    size_t mark = e->scratch.size;
    struct bytes in = want_text(e, args[0]);
    if (!live(e))
        return (struct bytes){ 0 };
    if (!base64_read(&e->scratch, in))
        return call_refuse(e, "wants base64, and this text is none");
    if (utf8_valid(bytes_of(e->scratch.data + mark, e->scratch.size - mark)))
        return taken_text(e, mark);
    struct bytes blob = taken(e, mark);
    pack_blob(&e->scratch, blob);
    return taken(e, mark);
}

static void
put_hex(struct evaluation *e, struct bytes in, const char *before, const char *digits)
{
    for (size_t i = 0; i < in.size && live(e); i++) {
        put(e, text(before));
        put(e, bytes_of(&digits[in.data[i] >> 4], 1));
        put(e, bytes_of(&digits[in.data[i] & 15], 1));
    }
}

CALL(hex)
{
    size_t mark = e->scratch.size;
    put_hex(e, want_bytes(e, args[0]), "", "0123456789abcdef");
    return taken_text(e, mark);
}

CALL(sha256)
{
    size_t mark = e->scratch.size;
    struct bytes in = want_bytes(e, args[0]);
    struct hash hash = hash_sha256(in);
    charge(e, 4 * in.size);
    put_hex(e, bytes_of(hash.bytes, sizeof hash.bytes), "", "0123456789abcdef");
    return taken_text(e, mark);
}

static bool
is_unreserved(uint8_t b)
{
    uint8_t lower = b | 0x20;
    return (lower >= 'a' && lower <= 'z') || (b >= '0' && b <= '9') || b == '-'
           || b == '.' || b == '_' || b == '~';
}

CALL(urlencode)
{
    size_t mark = e->scratch.size;
    struct bytes in = want_bytes(e, args[0]);
    for (size_t i = 0; i < in.size && live(e); i++) {
        struct bytes one = bytes_of(in.data + i, 1);
        if (is_unreserved(in.data[i]))
            put(e, one);
        else
            put_hex(e, one, "%", "0123456789ABCDEF");
    }
    return taken_text(e, mark);
}

static int
hex_digit(uint8_t b)
{
    uint8_t lower = b | 0x20;
    return b >= '0' && b <= '9'           ? b - '0'
           : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                          : -1;
}

CALL(urldecode)
{
    size_t mark = e->scratch.size;
    struct bytes in = want_text(e, args[0]);
    for (size_t i = 0; i < in.size && live(e); i++) {
        uint8_t b = in.data[i] == '+' ? ' ' : in.data[i];
        if (b == '%') {
            int high = in.size - i > 2 ? hex_digit(in.data[i + 1]) : -1;
            int low = in.size - i > 2 ? hex_digit(in.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return call_refuse(e, "wants two hex digits behind %%");
            b = (uint8_t)(high * 16 + low);
            i += 2;
        }
        put(e, bytes_of(&b, 1));
    }
    if (live(e)
        && !utf8_valid(bytes_of(e->scratch.data + mark, e->scratch.size - mark)))
        return call_refuse(e, "wants what is UTF-8 when decoded");
    return taken_text(e, mark);
}
