#include "actors/expression/operators.h"

#include "actors/expression/lexer.h"
#include "base/pattern.h"

#include <assert.h>
#include <math.h>

enum { RANGE_MAX = 100000, POWER_MAX = 64, PATTERN_FUEL = 1000 };

static bool
both_numbers(struct evaluation *e, size_t at, const char *sign, struct bytes a,
    struct bytes b, struct number *x, struct number *y)
{
    if (!live(e))
        return false;
    if (number_of(a, x) && number_of(b, y))
        return true;
    fail(e, ERR_INVALID, at, "%s wants two numbers, not %s and %s", sign,
        type_sentence(a), type_sentence(b));
    return false;
}

/* `whole` if both are whole and it did not overflow 128 bits, else the double. */
static struct bytes
number_result(struct evaluation *e, const struct number *x, const struct number *y,
    wide w, double d)
{
    return x->whole && y->whole ? value_whole(e, w) : value_real(e, d);
}

static struct bytes
lists_joined(struct evaluation *e, struct bytes a, struct bytes b)
{
    size_t mark = e->scratch.size;
    struct cursor left = cursor_over(a), right = cursor_over(b);
    size_t count = cursor_array(&left) + cursor_array(&right);
    put(e, bytes_of(left.at, (size_t)(left.end - left.at)));
    put(e, bytes_of(right.at, (size_t)(right.end - right.at)));
    return taken_list(e, mark, count);
}

struct bytes
operate_add(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    enum pack_type type = type_of(a);
    if (type == PACK_TEXT && type_of(b) == PACK_TEXT) {
        size_t mark = e->scratch.size;
        put(e, text_of(a));
        put(e, text_of(b));
        return taken_text(e, mark);
    }
    if (type == PACK_ARRAY && type_of(b) == PACK_ARRAY)
        return lists_joined(e, a, b);
    if (type == PACK_TEXT || type_of(b) == PACK_TEXT)
        return fail(e, ERR_INVALID, at,
            "+ wants two of a kind, not %s and %s: string(…) makes a text of a value",
            type_sentence(a), type_sentence(b));
    if (!both_numbers(e, at, "+", a, b, &x, &y))
        return (struct bytes){ 0 };
    return number_result(
        e, &x, &y, x.integer + y.integer, number_real(&x) + number_real(&y));
}

struct bytes
operate_subtract(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    if (!both_numbers(e, at, "-", a, b, &x, &y))
        return (struct bytes){ 0 };
    return number_result(
        e, &x, &y, x.integer - y.integer, number_real(&x) - number_real(&y));
}

struct bytes
operate_multiply(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    wide product;
    if (!both_numbers(e, at, "*", a, b, &x, &y))
        return (struct bytes){ 0 };
    if (__builtin_mul_overflow(x.integer, y.integer, &product))
        return fail(e, ERR_INVALID, at, "a whole number of more than 64 bits");
    return number_result(e, &x, &y, product, number_real(&x) * number_real(&y));
}

/* Whole if both are and nothing is left over. */
struct bytes
operate_divide(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    if (!both_numbers(e, at, "/", a, b, &x, &y))
        return (struct bytes){ 0 };
    if (y.whole ? y.integer == 0 : y.real == 0)
        return fail(e, ERR_INVALID, at, "a division by zero");
    if (x.whole && y.whole && x.integer % y.integer == 0)
        return value_whole(e, x.integer / y.integer);
    return value_real(e, number_real(&x) / number_real(&y));
}

struct bytes
operate_remainder(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    if (!both_numbers(e, at, "%", a, b, &x, &y))
        return (struct bytes){ 0 };
    if (!x.whole || !y.whole)
        return fail(e, ERR_INVALID, at, "%% wants two whole numbers");
    if (y.integer == 0)
        return fail(e, ERR_INVALID, at, "a division by zero");
    return value_whole(e, x.integer % y.integer);
}

/* By multiplying: pow() may differ from one C library to the next. */
static struct bytes
power(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    if (!both_numbers(e, at, "**", a, b, &x, &y))
        return (struct bytes){ 0 };
    if (!y.whole || y.integer < 0 || y.integer > POWER_MAX)
        return fail(e, ERR_INVALID, at, "** wants a whole exponent from 0 to %d",
            (int)POWER_MAX);
    wide whole = 1;
    double real = 1;
    for (wide i = 0; i < y.integer; i++) {
        real *= number_real(&x);
        if (__builtin_mul_overflow(whole, x.integer, &whole))
            return fail(e, ERR_INVALID, at, "a whole number of more than 64 bits");
    }
    return x.whole ? value_whole(e, whole) : value_real(e, real);
}

struct bytes
operate_negate(struct evaluation *e, struct bytes a)
{
    struct number x;
    bool is_number = number_of(a, &x);
    assert(is_number);
    return x.whole ? value_whole(e, -x.integer) : value_real(e, -x.real);
}

struct bytes
operate_range(struct evaluation *e, size_t at, wide from, wide to, wide step)
{
    size_t mark = e->scratch.size, count = 0;
    wide span = step > 0 ? to - from : from - to;
    wide stride = step > 0 ? step : -step;
    assert(stride != 0);
    if (span / stride >= RANGE_MAX)
        return fail(
            e, ERR_TOO_LARGE, at, "a range of more than %d numbers", (int)RANGE_MAX);
    for (wide i = from; live(e) && (step > 0 ? i <= to : i >= to); i += step, count++) {
        charge(e, 0);
        if (i < 0)
            pack_i64(&e->scratch, (int64_t)i);
        else
            pack_u64(&e->scratch, (uint64_t)i);
    }
    return taken_list(e, mark, count);
}

static struct bytes
range_between(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number x, y;
    if (!both_numbers(e, at, "..", a, b, &x, &y))
        return (struct bytes){ 0 };
    if (!x.whole || !y.whole)
        return fail(e, ERR_INVALID, at, ".. wants two whole numbers");
    return operate_range(e, at, x.integer, y.integer, 1);
}

static struct bytes
equal(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    e->call_at = at;
    return value_bool(e, values_equal(e, a, b));
}

static struct bytes
unequal(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    e->call_at = at;
    return value_bool(e, !values_equal(e, a, b));
}

static struct bytes
less(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    return value_bool(e, values_order(e, at, a, b) < 0);
}

static struct bytes
less_or_equal(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    return value_bool(e, values_order(e, at, a, b) <= 0);
}

static struct bytes
more(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    return value_bool(e, values_order(e, at, a, b) > 0);
}

static struct bytes
more_or_equal(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    return value_bool(e, values_order(e, at, a, b) >= 0);
}

static bool
both_texts(
    struct evaluation *e, size_t at, const char *sign, struct bytes a, struct bytes b)
{
    if (!charge(e, a.size))
        return false;
    if (type_of(a) == PACK_TEXT && type_of(b) == PACK_TEXT)
        return true;
    fail(e, ERR_INVALID, at, "%s wants two texts, not %s and %s", sign,
        type_sentence(a), type_sentence(b));
    return false;
}

/* Is `b` in the list, the text or among the keys of `a`? */
struct bytes
operate_contains(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    enum pack_type type = type_of(a);
    e->call_at = at;
    if (type == PACK_ARRAY) {
        struct cursor c = cursor_over(a);
        bool found = false;
        for (size_t left = cursor_array(&c); left > 0 && !found && !failed(e); left--)
            found = values_equal(e, cursor_skip(&c), b);
        return value_bool(e, found);
    }
    if (type == PACK_MAP && type_of(b) == PACK_TEXT)
        return value_bool(e, value_member(e, a, text_of(b)).size > 0);
    if (type != PACK_TEXT || type_of(b) != PACK_TEXT)
        return fail(e, ERR_INVALID, at,
            "only a list, a map or a text contains something, and not %s in %s",
            type_sentence(b), type_sentence(a));
    struct bytes in = text_of(a), part = text_of(b);
    charge(e, a.size);
    return value_bool(
        e, part.size == 0 || memmem(in.data, in.size, part.data, part.size) != NULL);
}

static struct bytes
in(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    return operate_contains(e, at, b, a);
}

static struct bytes
starts_with(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    if (!both_texts(e, at, "startsWith", a, b))
        return (struct bytes){ 0 };
    return value_bool(e, bytes_begin(text_of(a), text_of(b)));
}

static struct bytes
ends_with(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    if (!both_texts(e, at, "endsWith", a, b))
        return (struct bytes){ 0 };
    struct bytes in = text_of(a), end = text_of(b);
    return value_bool(
        e, in.size >= end.size
               && bytes_equal(bytes_of(in.data + in.size - end.size, end.size), end));
}

struct bytes
operate_matches(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct pattern *pattern = NULL;
    struct fault fault;
    bool matches = false;
    if (!both_texts(e, at, "matches", a, b) || !charge(e, PATTERN_FUEL))
        return (struct bytes){ 0 };
    enum err err = pattern_new(text_of(b), &pattern, &fault);
    if (err != ERR_NONE)
        return fail(e, ERR_INVALID, at, "%.150s", fault.detail);
    uint32_t most = e->fuel < PATTERN_WORK_MAX ? (uint32_t)e->fuel : PATTERN_WORK_MAX;
    uint32_t left = most;
    err = pattern_match(pattern, text_of(a), &left, &matches);
    pattern_free(&pattern);
    e->fuel -= most - left;
    if (err != ERR_NONE)
        return fail(e, ERR_TOO_LARGE, at, "this pattern takes too long on this text");
    return value_bool(e, matches);
}

/* Where a slice of `count` begins or ends: from the end if negative, cut to fit. */
static bool
slice_bound(struct evaluation *e, size_t at, const struct bytes *value, size_t other,
    size_t count, size_t *out)
{
    struct number n;
    *out = other;
    if (value == NULL)
        return true;
    if (!number_of(*value, &n) || !n.whole) {
        fail(e, ERR_INVALID, at, "a slice wants whole numbers, not %s",
            type_sentence(*value));
        return false;
    }
    if (n.integer < 0)
        n.integer += count;
    *out = n.integer < 0 ? 0 : n.integer > (wide)count ? count : (size_t)n.integer;
    return true;
}

/* The bytes of the first `count` characters. */
static size_t
characters_size(struct bytes in, size_t count)
{
    size_t at = 0;
    for (; at < in.size; at++)
        if ((in.data[at] & 0xc0) != 0x80 && count-- == 0)
            break;
    return at;
}

struct bytes
operate_slice(struct evaluation *e, size_t at, struct bytes value,
    const struct bytes *from, const struct bytes *to)
{
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    size_t mark = e->scratch.size, begin, end, count;
    if (!live(e) || !charge(e, value.size))
        return (struct bytes){ 0 };
    if (type != PACK_TEXT && type != PACK_ARRAY)
        return fail(e, ERR_INVALID, at, "only a list or a text can be cut, not %s",
            type_sentence(value));
    count = type == PACK_TEXT ? utf8_count(text_of(value)) : cursor_array(&c);
    if (!slice_bound(e, at, from, 0, count, &begin)
        || !slice_bound(e, at, to, count, count, &end))
        return (struct bytes){ 0 };
    end = end < begin ? begin : end;
    if (type == PACK_TEXT) {
        struct bytes in = text_of(value);
        size_t first = characters_size(in, begin), last = characters_size(in, end);
        return value_text(e, bytes_of(in.data + first, last - first));
    }
    for (size_t i = 0; i < end; i++) {
        struct bytes item = cursor_skip(&c);
        if (i >= begin)
            put(e, item);
    }
    return taken_list(e, mark, end - begin);
}

static const struct operator_row operators[] = {
    { "||", 1, NULL },
    { "or", 1, NULL },
    { "&&", 2, NULL },
    { "and", 2, NULL },
    { "==", 3, equal },
    { "!=", 3, unequal },
    { "<", 3, less },
    { "<=", 3, less_or_equal },
    { ">", 3, more },
    { ">=", 3, more_or_equal },
    { "in", 3, in },
    { "contains", 3, operate_contains },
    { "startsWith", 3, starts_with },
    { "endsWith", 3, ends_with },
    { "matches", 3, operate_matches },
    { "..", 4, range_between },
    { "+", 5, operate_add },
    { "-", 5, operate_subtract },
    { "*", 6, operate_multiply },
    { "/", 6, operate_divide },
    { "%", 6, operate_remainder },
    { "**", 7, power },
};

const struct operator_row *
operator_next(const struct evaluation *e)
{
    if (e->token.type != TOKEN_SIGN && e->token.type != TOKEN_NAME)
        return NULL;
    for (size_t i = 0; i < COUNT(operators); i++)
        if (bytes_equal(e->token.text, text(operators[i].sign)))
            return &operators[i];
    return NULL;
}
