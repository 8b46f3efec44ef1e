#include "actors/plan/scalar.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { REAL_SIZE_MAX = 64 };

static const struct {
    const char *word;
    struct scalar scalar;
} words[] = {
    { "", { .type = SCALAR_NULL } },
    { "~", { .type = SCALAR_NULL } },
    { "null", { .type = SCALAR_NULL } },
    { "Null", { .type = SCALAR_NULL } },
    { "NULL", { .type = SCALAR_NULL } },
    { "true", { .type = SCALAR_FLAG, .flag = true } },
    { "True", { .type = SCALAR_FLAG, .flag = true } },
    { "TRUE", { .type = SCALAR_FLAG, .flag = true } },
    { "false", { .type = SCALAR_FLAG } },
    { "False", { .type = SCALAR_FLAG } },
    { "FALSE", { .type = SCALAR_FLAG } },
};

static const char *const unreals[] = { ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF" };

static bool
digit(uint8_t b)
{
    return b >= '0' && b <= '9';
}

static size_t
digits(struct bytes in, size_t from)
{
    size_t i = from;
    while (i < in.size && digit(in.data[i]))
        i++;
    return i - from;
}

static struct scalar
refused(const char *why)
{
    return (struct scalar){ .type = SCALAR_REFUSED, .refusal = why };
}

/* Digits of `base` from `from` to the end, and at least one? */
static bool
all_digits(struct bytes in, size_t from, unsigned base)
{
    for (size_t i = from; i < in.size; i++) {
        uint8_t b = in.data[i];
        uint8_t lower = b | 0x20;
        bool fits = base == 16 ? digit(b) || (lower >= 'a' && lower <= 'f')
                               : b >= '0' && b < '0' + base;
        if (!fits)
            return false;
    }
    return in.size > from;
}

static struct scalar
whole(struct bytes in, size_t from, unsigned base, bool negative)
{
    struct scalar s = { .type = SCALAR_WHOLE, .negative = negative };
    for (size_t i = from; i < in.size; i++) {
        uint8_t b = in.data[i];
        unsigned value = (unsigned)(digit(b) ? b - '0' : (b | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(s.whole, base, &s.whole)
            || __builtin_add_overflow(s.whole, value, &s.whole))
            return refused("a number of more than 64 bits: quote it if it is text");
    }
    if (negative && s.whole > (uint64_t)INT64_MAX + 1)
        return refused("a number of more than 64 bits: quote it if it is text");
    return s;
}

/* [digits][.digits][e[+-]digits], with a digit before e. */
static bool
real_shape(struct bytes in, size_t from)
{
    size_t i = from, before = digits(in, i), after = 0;
    i += before;
    if (i < in.size && in.data[i] == '.') {
        i++;
        after = digits(in, i);
        i += after;
    }
    if (before + after == 0)
        return false;
    if (i < in.size && (in.data[i] | 0x20) == 'e') {
        i++;
        if (i < in.size && (in.data[i] == '+' || in.data[i] == '-'))
            i++;
        size_t exponent = digits(in, i);
        if (exponent == 0)
            return false;
        i += exponent;
    }
    return i == in.size;
}

static struct scalar
real(struct bytes in)
{
    char copy[REAL_SIZE_MAX + 1];
    if (in.size > REAL_SIZE_MAX)
        return refused("a number of more than 64 characters: quote it if it is text");
    memcpy(copy, in.data, in.size);
    copy[in.size] = '\0';
    struct scalar s = { .type = SCALAR_REAL, .real = strtod(copy, NULL) };
    if (!isfinite(s.real))
        return refused("a number beyond 1.8e308: quote it if it is text");
    return s;
}

static struct scalar
number_or_text(struct bytes in)
{
    bool sign = in.data[0] == '-' || in.data[0] == '+';
    size_t from = sign ? 1 : 0;
    if (!sign && bytes_begin(in, text("0x")) && all_digits(in, 2, 16))
        return whole(in, 2, 16, false);
    if (!sign && bytes_begin(in, text("0o")) && all_digits(in, 2, 8))
        return whole(in, 2, 8, false);
    if (all_digits(in, from, 10)) {
        if (in.data[from] == '0' && in.size > from + 1)
            return refused("a number that begins with 0: quote it if it is text");
        return whole(in, from, 10, in.data[0] == '-');
    }
    if (real_shape(in, from))
        return real(in);
    struct bytes unsigned_part = bytes_of(in.data + from, in.size - from);
    for (size_t i = 0; i < COUNT(unreals); i++)
        if (bytes_equal(unsigned_part, text(unreals[i])))
            return refused("not a finite number: quote it if it is text");
    return (struct scalar){ .type = SCALAR_TEXT };
}

struct scalar
scalar_read(const struct node *node)
{
    assert(node->type == NODE_SCALAR);
    if (!node->plain)
        return (struct scalar){ .type = SCALAR_TEXT };
    for (size_t i = 0; i < COUNT(words); i++)
        if (bytes_equal(node->text, text(words[i].word)))
            return words[i].scalar;
    return number_or_text(node->text);
}
