/* printf, in the manner of Go: the verbs look at values, not at types of C. */
#include "actors/expression/functions.h"
#include "base/json_write.h"

#include <stdio.h>

enum { WIDTH_MAX = 1000, PRECISION_MAX = 100, NUMBER_MAX = 512, BASE_DIGITS_MAX = 64 };

struct verb {
    bool left, plus, zero, space, has_precision;
    unsigned width, precision;
    uint8_t letter;
};

struct printer {
    struct evaluation *e;
    struct bytes format;
    size_t at;
    const struct bytes *args;
    size_t count, used;
};

static bool
number_read(struct printer *p, unsigned most, unsigned *out)
{
    *out = 0;
    while (p->at < p->format.size && p->format.data[p->at] >= '0'
           && p->format.data[p->at] <= '9') {
        *out = *out * 10 + (unsigned)(p->format.data[p->at++] - '0');
        if (*out > most) {
            call_refuse(p->e, "knows no width above %d and no precision above %d",
                (int)WIDTH_MAX, (int)PRECISION_MAX);
            return false;
        }
    }
    return true;
}

static bool
flag_read(struct verb *v, uint8_t b)
{
    switch (b) {
    case '-': v->left = true; return true;
    case '+': v->plus = true; return true;
    case '0': v->zero = true; return true;
    case ' ': v->space = true; return true;
    default: return false;
    }
}

static bool
verb_read(struct printer *p, struct verb *v)
{
    *v = (struct verb){ 0 };
    while (p->at < p->format.size && flag_read(v, p->format.data[p->at]))
        p->at++;
    if (!number_read(p, WIDTH_MAX, &v->width))
        return false;
    if (p->at < p->format.size && p->format.data[p->at] == '.') {
        p->at++;
        v->has_precision = true;
        if (!number_read(p, PRECISION_MAX, &v->precision))
            return false;
    }
    if (p->at == p->format.size) {
        call_refuse(p->e, "wants a letter at the end of its format");
        return false;
    }
    v->letter = p->format.data[p->at++];
    return true;
}

/* Fill up to the width; zeros go behind the sign. */
static void
put_padded(struct evaluation *e, const struct verb *v, const char *sign,
    struct bytes in, bool number)
{
    size_t size = strlen(sign) + utf8_count(in);
    size_t fill = v->width > size ? v->width - size : 0;
    bool zeros = number && v->zero && !v->left;
    for (size_t i = 0; !v->left && !zeros && i < fill; i++)
        put(e, text(" "));
    put(e, text(sign));
    for (size_t i = 0; zeros && i < fill; i++)
        put(e, text("0"));
    put(e, in);
    for (size_t i = 0; v->left && i < fill; i++)
        put(e, text(" "));
}

static const char *
sign_of(const struct verb *v, bool negative)
{
    return negative ? "-" : v->plus ? "+" : v->space ? " " : "";
}

static void
put_whole(struct evaluation *e, const struct verb *v, struct bytes value, unsigned base,
    const char *digits)
{
    char out[BASE_DIGITS_MAX];
    struct number number;
    size_t at = sizeof out;
    if (!number_of(value, &number) || !number.whole) {
        call_refuse(e, "wants a whole number for %%%c, not %s", v->letter,
            is_number(value) ? "one with a fraction" : type_sentence(value));
        return;
    }
    wide size = number.integer < 0 ? -number.integer : number.integer;
    do
        out[--at] = digits[size % base];
    while ((size /= base) > 0);
    put_padded(e, v, sign_of(v, number.integer < 0),
        bytes_of(out + at, sizeof out - at), true);
}

static void
put_real(struct evaluation *e, const struct verb *v, struct bytes value)
{
    char out[NUMBER_MAX];
    struct number number;
    int precision = v->has_precision ? (int)v->precision : 6;
    if (!number_of(value, &number)) {
        call_refuse(
            e, "wants a number for %%%c, not %s", v->letter, type_sentence(value));
        return;
    }
    double real = number_real(&number);
    bool negative = real < 0;
    if (negative)
        real = -real;
    if (v->letter == 'e')
        snprintf(out, sizeof out, "%.*e", precision, real);
    else if (v->letter == 'f')
        snprintf(out, sizeof out, "%.*f", precision, real);
    else if (v->has_precision)
        snprintf(out, sizeof out, "%.*g", precision, real);
    else
        json_print_double(real, out);
    put_padded(e, v, sign_of(v, negative), text(out), true);
}

/* The first `precision` characters of the value as text. */
static void
put_shown(struct evaluation *e, const struct verb *v, struct bytes value)
{
    struct bytes shown = text_of(call_string(e, &value, 1));
    size_t at = 0;
    if (!live(e))
        return;
    for (unsigned left = v->precision; v->has_precision && at < shown.size; at++)
        if ((shown.data[at] & 0xc0) != 0x80 && left-- == 0)
            break;
    if (v->has_precision)
        shown.size = at;
    put_padded(e, v, "", shown, false);
}

static void
put_bytes_hex(struct evaluation *e, const struct verb *v, struct bytes value)
{
    struct bytes hex = call_hex(e, &value, 1);
    if (live(e) && v->letter == 'X')
        hex = call_upper(e, &hex, 1);
    if (live(e))
        put_padded(e, v, "", text_of(hex), false);
}

static void
put_character(struct evaluation *e, const struct verb *v, struct bytes value)
{
    int64_t code;
    uint8_t out[4];
    if (!want_whole(e, value, 0, 0x10ffff, &code))
        return;
    size_t size = utf8_write((uint32_t)code, out);
    if (size == 0)
        call_refuse(e, "knows no character of that number");
    put_padded(e, v, "", bytes_of(out, size), false);
}

static void
put_verb(struct evaluation *e, const struct verb *v, struct bytes value)
{
    struct bytes shown;
    bool is_text = type_of(value) == PACK_TEXT || type_of(value) == PACK_BLOB;
    switch (v->letter) {
    case 's':
    case 'v': put_shown(e, v, value); return;
    case 'q':
        shown = call_quote(e, &value, 1);
        put_shown(e, v, shown);
        return;
    case 't':
        if (want(e, value, PACK_BOOL))
            put_shown(e, v, value);
        return;
    case 'd': put_whole(e, v, value, 10, "0123456789"); return;
    case 'b': put_whole(e, v, value, 2, "01"); return;
    case 'o': put_whole(e, v, value, 8, "01234567"); return;
    case 'x':
    case 'X':
        if (is_text)
            put_bytes_hex(e, v, value);
        else
            put_whole(e, v, value, 16,
                v->letter == 'x' ? "0123456789abcdef" : "0123456789ABCDEF");
        return;
    case 'c': put_character(e, v, value); return;
    case 'e':
    case 'f':
    case 'g': put_real(e, v, value); return;
    default: call_refuse(e, "knows no verb %%%c", v->letter < 0x80 ? v->letter : '?');
    }
}

CALL(printf)
{
    size_t mark = e->scratch.size;
    struct printer p = { .e = e, .args = args + 1, .count = count - 1 };
    p.format = want_text(e, args[0]);
    while (p.at < p.format.size && live(e)) {
        struct verb v;
        if (p.format.data[p.at] != '%') {
            put(e, bytes_of(p.format.data + p.at++, 1));
            continue;
        }
        p.at++;
        if (!verb_read(&p, &v))
            return (struct bytes){ 0 };
        if (v.letter == '%')
            put(e, text("%"));
        else if (p.used == p.count)
            return call_refuse(e, "wants a value for each verb");
        else
            put_verb(e, &v, p.args[p.used++]);
    }
    if (live(e) && p.used < p.count)
        return call_refuse(e, "wants a verb for each value");
    return taken_text(e, mark);
}
