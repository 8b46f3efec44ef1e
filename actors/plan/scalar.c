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

/* `form` has a 9 for each digit. */
static bool
has_form(struct bytes *in, const char *form)
{
    size_t size = strlen(form);
    for (size_t i = 0; i < size; i++) {
        uint8_t b = i < in->size ? in->data[i] : 0;
        if (form[i] == '9' ? b < '0' || b > '9' : b != (uint8_t)form[i])
            return false;
    }
    *in = bytes_of(in->data + size, in->size - size);
    return true;
}

static unsigned
two_digits(const uint8_t *at)
{
    return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
}

static bool
date_valid(const uint8_t *at)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned year = two_digits(at) * 100 + two_digits(at + 2);
    unsigned month = two_digits(at + 5), day = two_digits(at + 8);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1
           && day <= days[month - 1] + (unsigned)(leap && month == 2);
}

bool
moment_valid(struct bytes text)
{
    const uint8_t *at = text.data;
    if (!has_form(&text, "9999-99-99T99:99:99") || !date_valid(at)
        || two_digits(at + 11) > 23 || two_digits(at + 14) > 59
        || two_digits(at + 17) > 59)
        return false;
    if (text.size > 0 && text.data[0] == '.') {
        if (!has_form(&text, ".9"))
            return false;
        while (has_form(&text, "9"))
            continue;
    }
    if (text.size == 1 && text.data[0] == 'Z')
        return true;
    const uint8_t *zone = text.data;
    return (has_form(&text, "+99:99") || has_form(&text, "-99:99")) && text.size == 0
           && two_digits(zone + 1) <= 23 && two_digits(zone + 4) <= 59;
}
