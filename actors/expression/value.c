#include "actors/expression/value.h"

#include "base/json_write.h"

#include <math.h>
#include <stdlib.h>

enum { DEPTH_MAX = 2 * PACK_DEPTH_MAX, NUMBER_SIZE_MAX = 64 };

static const wide whole_least = INT64_MIN, whole_most = UINT64_MAX;

enum pack_type
type_of(struct bytes value)
{
    struct cursor c = cursor_over(value);
    return cursor_type(&c);
}

const char *
type_sentence(struct bytes value)
{
    switch (type_of(value)) {
    case PACK_NIL:
    case PACK_NOTHING: return "null";
    case PACK_BOOL: return "a boolean";
    case PACK_UNSIGNED:
    case PACK_NEGATIVE:
    case PACK_DOUBLE: return "a number";
    case PACK_TEXT: return "a text";
    case PACK_BLOB: return "bytes";
    case PACK_ARRAY: return "a list";
    case PACK_MAP: return "a map";
    case PACK_EXTENSION: return "an extension";
    }
    return "null";
}

bool
is_nil(struct bytes value)
{
    enum pack_type type = type_of(value);
    return type == PACK_NIL || type == PACK_NOTHING;
}

bool
is_number(struct bytes value)
{
    enum pack_type type = type_of(value);
    return type == PACK_UNSIGNED || type == PACK_NEGATIVE || type == PACK_DOUBLE;
}

struct bytes
value_nil(struct evaluation *e)
{
    static const uint8_t nil[] = { 0xc0 };
    return live(e) ? bytes_of(nil, sizeof nil) : (struct bytes){ 0 };
}

struct bytes
value_bool(struct evaluation *e, bool value)
{
    static const uint8_t no[] = { 0xc2 }, yes[] = { 0xc3 };
    return live(e) ? bytes_of(value ? yes : no, 1) : (struct bytes){ 0 };
}

struct bytes
value_whole(struct evaluation *e, wide value)
{
    size_t mark = e->scratch.size;
    if (!live(e))
        return (struct bytes){ 0 };
    if (value < whole_least || value > whole_most)
        return fail(e, ERR_INVALID, e->call_at, "a whole number of more than 64 bits");
    if (value < 0)
        pack_i64(&e->scratch, (int64_t)value);
    else
        pack_u64(&e->scratch, (uint64_t)value);
    return taken(e, mark);
}

struct bytes
value_real(struct evaluation *e, double value)
{
    size_t mark = e->scratch.size;
    if (!live(e))
        return (struct bytes){ 0 };
    if (!isfinite(value))
        return fail(
            e, ERR_INVALID, e->call_at, "a number beyond 1.8e308, or none at all");
    pack_double(&e->scratch, value);
    return taken(e, mark);
}

struct bytes
value_number(struct evaluation *e, const struct number *number)
{
    return number->whole ? value_whole(e, number->integer)
                         : value_real(e, number->real);
}

struct bytes
value_text(struct evaluation *e, struct bytes value)
{
    size_t mark = e->scratch.size;
    put(e, value);
    return taken_text(e, mark);
}

bool
number_of(struct bytes value, struct number *number)
{
    struct cursor c = cursor_over(value);
    *number = (struct number){ .whole = true };
    switch (cursor_type(&c)) {
    case PACK_UNSIGNED: number->integer = cursor_u64(&c); break;
    case PACK_NEGATIVE: number->integer = cursor_i64(&c); break;
    case PACK_DOUBLE:
        number->whole = false;
        number->real = cursor_double(&c);
        break;
    default: return false;
    }
    return !c.bad;
}

static size_t
digits(struct bytes in, size_t from)
{
    size_t i = from;
    while (i < in.size && in.data[i] >= '0' && in.data[i] <= '9')
        i++;
    return i - from;
}

/* A point or an exponent, or both, behind `from` digits: up to the end? */
static bool
real_shape(struct bytes in, size_t at)
{
    if (in.data[at] == '.') {
        size_t fraction = digits(in, at + 1);
        if (fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (at < in.size && (in.data[at] | 0x20) == 'e') {
        at++;
        if (at < in.size && (in.data[at] == '-' || in.data[at] == '+'))
            at++;
        size_t exponent = digits(in, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == in.size;
}

bool
number_of_text(struct bytes in, struct number *number)
{
    char copy[NUMBER_SIZE_MAX + 1];
    *number = (struct number){ .whole = true };
    if (in.size == 0 || in.size > NUMBER_SIZE_MAX)
        return false;
    bool sign = in.data[0] == '-' || in.data[0] == '+';
    size_t from = sign ? 1 : 0, count = digits(in, from);
    if (count == 0)
        return false;
    if (from + count < in.size) {
        if (!real_shape(in, from + count))
            return false;
        memcpy(copy, in.data, in.size);
        copy[in.size] = '\0';
        number->whole = false;
        number->real = strtod(copy, NULL);
        return isfinite(number->real);
    }
    for (size_t i = from; i < in.size; i++) {
        number->integer = number->integer * 10 + (in.data[i] - '0');
        if (number->integer > whole_most)
            return false;
    }
    if (in.data[0] == '-')
        number->integer = -number->integer;
    return number->integer >= whole_least;
}

double
number_real(const struct number *number)
{
    return number->whole ? (double)number->integer : number->real;
}

static int
order_real(double a, double b)
{
    return a < b ? -1 : a > b;
}

/* Only whole numbers below 2^64 can be cut from a double without loss. */
static int
order_mixed(wide whole, double real)
{
    if (real >= 18446744073709551616.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    wide cut = (wide)real;
    if (whole != cut)
        return whole < cut ? -1 : 1;
    return order_real((double)cut, real);
}

bool
numbers_order(const struct number *a, const struct number *b, int *order)
{
    if ((!a->whole && isnan(a->real)) || (!b->whole && isnan(b->real)))
        return false;
    if (a->whole && b->whole)
        *order = a->integer < b->integer ? -1 : a->integer > b->integer;
    else if (a->whole)
        *order = order_mixed(a->integer, b->real);
    else if (b->whole)
        *order = -order_mixed(b->integer, a->real);
    else
        *order = order_real(a->real, b->real);
    return true;
}

struct bytes
text_of(struct bytes value)
{
    struct cursor c = cursor_over(value);
    return cursor_text(&c);
}

bool
bool_of(struct bytes value)
{
    struct cursor c = cursor_over(value);
    return cursor_bool(&c);
}

bool
truth_of(struct bytes value)
{
    struct cursor c = cursor_over(value);
    struct number number;
    switch (cursor_type(&c)) {
    case PACK_NIL:
    case PACK_NOTHING: return false;
    case PACK_BOOL: return cursor_bool(&c);
    case PACK_UNSIGNED:
    case PACK_NEGATIVE:
    case PACK_DOUBLE:
        return number_of(value, &number)
               && (number.whole ? number.integer != 0 : number.real != 0);
    case PACK_TEXT:
    case PACK_BLOB: return cursor_blob(&c).size > 0;
    case PACK_ARRAY: return cursor_array(&c) > 0;
    case PACK_MAP: return cursor_map(&c) > 0;
    case PACK_EXTENSION: return true;
    }
    return false;
}

static bool equal(struct evaluation *e, struct bytes a, struct bytes b, unsigned depth);

static bool
lists_equal(struct evaluation *e, struct bytes a, struct bytes b, unsigned depth)
{
    struct cursor left = cursor_over(a), right = cursor_over(b);
    size_t count = cursor_array(&left);
    if (count != cursor_array(&right))
        return false;
    for (size_t i = 0; i < count && !failed(e); i++)
        if (!equal(e, cursor_skip(&left), cursor_skip(&right), depth + 1))
            return false;
    return true;
}

/* In whatever order their keys are. */
static bool
maps_equal(struct evaluation *e, struct bytes a, struct bytes b, unsigned depth)
{
    struct cursor left = cursor_over(a), right = cursor_over(b);
    size_t count = cursor_map(&left);
    if (count != cursor_map(&right))
        return false;
    for (size_t i = 0; i < count && !failed(e); i++) {
        struct bytes key = cursor_skip(&left), value = cursor_skip(&left);
        struct bytes other = cursor_skip(&right);
        struct bytes same = cursor_skip(&right);
        if (!bytes_equal(key, other))
            same = value_member(e, b, text_of(key));
        if (same.size == 0 || !equal(e, value, same, depth + 1))
            return false;
    }
    return true;
}

static bool
equal(struct evaluation *e, struct bytes a, struct bytes b, unsigned depth)
{
    struct number left, right;
    int order;
    if (!charge(e, 0))
        return false;
    if (depth > DEPTH_MAX) {
        fail(e, ERR_TOO_LARGE, e->call_at, "values nested deeper than %d levels",
            (int)DEPTH_MAX);
        return false;
    }
    if (number_of(a, &left) && number_of(b, &right))
        return numbers_order(&left, &right, &order) && order == 0;
    if (is_nil(a) && is_nil(b))
        return true;
    enum pack_type type = type_of(a);
    if (type != type_of(b))
        return false;
    if (type == PACK_ARRAY)
        return lists_equal(e, a, b, depth);
    if (type == PACK_MAP)
        return maps_equal(e, a, b, depth);
    if (!charge(e, a.size < b.size ? a.size : b.size))
        return false;
    if (type == PACK_TEXT)
        return bytes_equal(text_of(a), text_of(b));
    struct cursor c = cursor_over(a), d = cursor_over(b);
    return type == PACK_BLOB ? bytes_equal(cursor_blob(&c), cursor_blob(&d))
                             : bytes_equal(a, b);
}

bool
values_equal(struct evaluation *e, struct bytes a, struct bytes b)
{
    return live(e) && equal(e, a, b, 0);
}

int
values_order(struct evaluation *e, size_t at, struct bytes a, struct bytes b)
{
    struct number left, right;
    int order = 0;
    if (!live(e))
        return 0;
    if (number_of(a, &left) && number_of(b, &right)) {
        if (!numbers_order(&left, &right, &order))
            fail(e, ERR_INVALID, at, "what is not a number has no order");
        return order;
    }
    if (type_of(a) == PACK_TEXT && type_of(b) == PACK_TEXT) {
        charge(e, a.size < b.size ? a.size : b.size);
        return bytes_order(text_of(a), text_of(b));
    }
    fail(e, ERR_INVALID, at,
        "only two numbers or two texts have an order, not %s and %s", type_sentence(a),
        type_sentence(b));
    return 0;
}

void
put_json(struct evaluation *e, struct bytes value)
{
    size_t mark = e->scratch.size;
    if (!live(e) || !charge(e, value.size))
        return;
    if (msgpack_to_json(value, &e->scratch) != ERR_NONE)
        fail(e, ERR_TOO_LARGE, e->call_at, "a value nested too deep for JSON");
    charge(e, e->scratch.size - mark);
}

void
put_rendered(struct evaluation *e, struct bytes value)
{
    if (!live(e) || is_nil(value))
        return;
    if (type_of(value) == PACK_TEXT) {
        put(e, text_of(value));
        return;
    }
    size_t mark = e->scratch.size;
    put_json(e, value);
    /* Bytes stand as base64, without the quotes of JSON. */
    if (live(e) && type_of(value) == PACK_BLOB) {
        size_t inner = e->scratch.size - mark - 2;
        memmove(e->scratch.data + mark, e->scratch.data + mark + 1, inner);
        e->scratch.size = mark + inner;
    }
}

static struct bytes
list_item(struct evaluation *e, struct cursor *list, struct bytes name)
{
    struct number index;
    const uint8_t *from = list->at;
    size_t count = cursor_array(list);
    if (!number_of_text(name, &index) || !index.whole)
        return (struct bytes){ 0 };
    if (index.integer < 0)
        index.integer += count;
    if (index.integer < 0 || index.integer >= (wide)count)
        return (struct bytes){ 0 };
    for (wide i = 0; i < index.integer; i++)
        cursor_skip(list);
    struct bytes item = cursor_skip(list);
    charge_look(e, bytes_of(from, (size_t)(list->at - from)));
    return item;
}

struct bytes
value_member(struct evaluation *e, struct bytes value, struct bytes name)
{
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    if (type == PACK_ARRAY)
        return list_item(e, &c, name);
    if (type != PACK_MAP)
        return (struct bytes){ 0 };
    const uint8_t *from = c.at;
    size_t count = cursor_map(&c);
    struct bytes found = { 0 };
    for (size_t i = 0; i < count && found.size == 0; i++) {
        struct bytes key = cursor_skip(&c), item = cursor_skip(&c);
        if (type_of(key) == PACK_TEXT && bytes_equal(text_of(key), name))
            found = item;
    }
    charge_look(e, bytes_of(from, (size_t)(c.at - from)));
    return found;
}
