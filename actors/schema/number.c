#include "actors/schema/number.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 u128;

static const double two_64 = 18446744073709551616.0;
static const double most = 1.7976931348623157e308;

bool
number_read(struct bytes value, struct number *number)
{
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    *number = (struct number){ .whole = true };
    if (type == PACK_UNSIGNED) {
        number->size = cursor_u64(&c);
    } else if (type == PACK_NEGATIVE) {
        int64_t i = cursor_i64(&c);
        number->negative = i < 0;
        number->size = i < 0 ? (uint64_t) - (i + 1) + 1 : (uint64_t)i;
    } else if (type == PACK_DOUBLE) {
        double real = cursor_double(&c), size = real < 0 ? -real : real;
        number->negative = real < 0;
        number->size = size < two_64 ? (uint64_t)size : 0;
        number->whole = size < two_64 && (double)number->size == size;
        number->real = real;
        return !c.bad && size <= most;
    } else {
        return false;
    }
    return !c.bad;
}

/* A real below 2^64 has a fraction, or it were whole; none beyond has one. */
bool
number_integral(const struct number *number)
{
    return number->whole || number->real >= two_64 || number->real <= -two_64;
}

/* Order of a whole number and a real, sign put aside. */
static int
size_order(const struct number *whole, const struct number *real)
{
    if (number_integral(real))
        return -1;
    return whole->size <= real->size ? -1 : 1;
}

int
number_order(const struct number *a, const struct number *b)
{
    if (!a->whole && !b->whole)
        return a->real < b->real ? -1 : a->real > b->real;
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int order;
    if (a->whole && b->whole)
        order = a->size < b->size ? -1 : a->size > b->size;
    else
        order = a->whole ? size_order(a, b) : -size_order(b, a);
    return a->negative ? -order : order;
}

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* The shortest decimal that reads as the number. */
static struct decimal
decimal_of(const struct number *number)
{
    enum { DIGITS_MAX = 17 };
    char text[40];
    struct decimal d = { number->size, 0 };
    if (number->whole)
        return d;
    int precision = 0;
    do {
        assert(precision < DIGITS_MAX); /* so many are enough */
        snprintf(text, sizeof text, "%.*e", precision++, number->real);
    } while (strtod(text, NULL) != number->real);
    d.digits = 0;
    const char *at = text;
    bool behind_point = false, negative = false;
    for (; *at != 'e'; at++) {
        if (*at >= '0') {
            d.digits = d.digits * 10 + (uint64_t)(*at - '0');
            d.exponent -= behind_point;
        }
        behind_point |= *at == '.';
    }
    int exponent = 0;
    for (at++; *at != '\0'; at++) {
        negative |= *at == '-';
        if (*at >= '0')
            exponent = exponent * 10 + (*at - '0');
    }
    d.exponent += negative ? -exponent : exponent;
    return d;
}

bool
number_multiple(const struct number *number, const struct number *of)
{
    enum { POWER_MAX = 19 }; /* 10^20 is more than any digits */
    struct decimal n = decimal_of(number), d = decimal_of(of);
    if (d.digits == 0)
        return false;
    if (n.digits == 0)
        return true;
    int shift = n.exponent - d.exponent;
    u128 divisor = d.digits, rest = n.digits;
    if (shift < -POWER_MAX)
        return false;
    for (; shift < 0; shift++)
        divisor *= 10;
    for (rest %= divisor; shift > 0; shift--)
        rest = rest * 10 % divisor;
    return rest == 0;
}
