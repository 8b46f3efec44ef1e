/* Functions that make numbers of numbers. */
#include "actors/expression/functions.h"
#include "actors/expression/operators.h"

#include <math.h>

enum { DIGITS_MAX = 15 };

CALL(int)
{
    struct number number;
    if (type_of(args[0]) == PACK_BOOL)
        return value_whole(e, bool_of(args[0]));
    if (type_of(args[0]) == PACK_TEXT) {
        if (!number_of_text(text_of(args[0]), &number))
            return call_refuse(
                e, "wants a number of up to 64 bits, and this text is none");
    } else if (!want_number(e, args[0], &number)) {
        return (struct bytes){ 0 };
    }
    if (number.whole)
        return value_whole(e, number.integer);
    if (!(fabs(number.real) < 18446744073709551616.0))
        return call_refuse(e, "wants a number of up to 64 bits");
    return value_whole(e, (wide)number.real);
}

CALL(float)
{
    struct number number;
    if (type_of(args[0]) == PACK_TEXT) {
        if (!number_of_text(text_of(args[0]), &number))
            return call_refuse(e, "wants a number, and this text is none");
    } else if (!want_number(e, args[0], &number)) {
        return (struct bytes){ 0 };
    }
    return value_real(e, number_real(&number));
}

enum rounding { NEAREST, DOWN, UP };

/* To a whole number; what is beyond 2^63 has no fraction. */
static double
rounded(double real, enum rounding how)
{
    if (!(fabs(real) < 9007199254740992.0))
        return real;
    double cut = (double)(int64_t)real, over = real - cut;
    if (how == NEAREST)
        return over >= 0.5 ? cut + 1 : over <= -0.5 ? cut - 1 : cut;
    if (how == DOWN)
        return over < 0 ? cut - 1 : cut;
    return over > 0 ? cut + 1 : cut;
}

static struct bytes
rounded_value(struct evaluation *e, struct bytes value, enum rounding how)
{
    struct number number;
    if (!want_number(e, value, &number))
        return (struct bytes){ 0 };
    if (number.whole)
        return value;
    double real = rounded(number.real, how);
    if (!(fabs(real) < 18446744073709551616.0))
        return call_refuse(e, "wants a number of up to 64 bits");
    return value_whole(e, (wide)real);
}

CALL(round)
{
    struct number number;
    int64_t digits;
    double scale = 1;
    if (count == 1)
        return rounded_value(e, args[0], NEAREST);
    if (!want_number(e, args[0], &number)
        || !want_whole(e, args[1], 0, DIGITS_MAX, &digits))
        return (struct bytes){ 0 };
    if (number.whole)
        return args[0];
    for (int64_t i = 0; i < digits; i++)
        scale *= 10;
    double scaled = number.real * scale;
    return value_real(e, fabs(scaled) < 9007199254740992.0
                             ? rounded(scaled, NEAREST) / scale
                             : number.real);
}

CALL(floor)
{
    return rounded_value(e, args[0], DOWN);
}

CALL(ceil)
{
    return rounded_value(e, args[0], UP);
}

CALL(abs)
{
    struct number number;
    if (!want_number(e, args[0], &number))
        return (struct bytes){ 0 };
    return number.whole
               ? value_whole(e, number.integer < 0 ? -number.integer : number.integer)
               : value_real(e, fabs(number.real));
}

/* Fold the arguments, or the items of the only one, into one value. */
static struct bytes
folded(struct evaluation *e, const struct bytes *args, size_t count,
    struct bytes (*fold)(struct evaluation *e, struct bytes so_far, struct bytes item))
{
    struct bytes result = { 0 };
    struct cursor c = cursor_over(args[0]);
    bool listed = count == 1 && type_of(args[0]) == PACK_ARRAY;
    size_t items = listed ? cursor_array(&c) : count;
    for (size_t i = 0; i < items && !failed(e); i++) {
        struct bytes item = listed ? cursor_skip(&c) : args[i];
        charge(e, 0);
        result = i == 0 ? item : fold(e, result, item);
    }
    return result;
}

static struct bytes
least(struct evaluation *e, struct bytes so_far, struct bytes item)
{
    return values_order(e, e->call_at, item, so_far) < 0 ? item : so_far;
}

static struct bytes
most(struct evaluation *e, struct bytes so_far, struct bytes item)
{
    return values_order(e, e->call_at, item, so_far) > 0 ? item : so_far;
}

static struct bytes
total(struct evaluation *e, struct bytes so_far, struct bytes item)
{
    return operate_add(e, e->call_at, so_far, item);
}

static struct bytes
product(struct evaluation *e, struct bytes so_far, struct bytes item)
{
    return operate_multiply(e, e->call_at, so_far, item);
}

CALL(min)
{
    struct bytes value = folded(e, args, count, least);
    return value.size == 0 ? call_refuse(e, "wants at least one item") : value;
}

CALL(max)
{
    struct bytes value = folded(e, args, count, most);
    return value.size == 0 ? call_refuse(e, "wants at least one item") : value;
}

CALL(sum)
{
    struct bytes value = folded(e, args, count, total);
    if (value.size == 0)
        return value_whole(e, 0);
    return live(e) && !is_number(value)
               ? call_refuse(e, "wants numbers, not %s", type_sentence(value))
               : value;
}

CALL(add)
{
    return folded(e, args, count, total);
}

CALL(mul)
{
    return folded(e, args, count, product);
}

CALL(sub)
{
    return operate_subtract(e, e->call_at, args[0], args[1]);
}

CALL(div)
{
    return operate_divide(e, e->call_at, args[0], args[1]);
}

CALL(mod)
{
    return operate_remainder(e, e->call_at, args[0], args[1]);
}
