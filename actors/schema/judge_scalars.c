/* judge_scalars - keywords about a value's type, about numbers and about texts. */
#include "actors/schema/equal.h"
#include "actors/schema/keywords.h"
#include "actors/schema/number.h"
#include "base/pattern.h"

#include <stdio.h>

static bool
is_integral(struct bytes value)
{
    struct number number;
    return number_read(value, &number) && number_integral(&number);
}

static bool
is_number(struct bytes value)
{
    struct number number;
    return number_read(value, &number);
}

static bool
type_fits(struct bytes name, const struct place *at)
{
    if (bytes_equal(name, text("integer")))
        return is_integral(at->value);
    if (bytes_equal(name, text("number")))
        return is_number(at->value);
    static const struct {
        const char *name;
        enum pack_type type;
    } types[] = {
        { "string", PACK_TEXT },
        { "object", PACK_MAP },
        { "array", PACK_ARRAY },
        { "boolean", PACK_BOOL },
        { "null", PACK_NIL },
    };
    for (size_t i = 0; i < COUNT(types); i++)
        if (bytes_equal(name, text(types[i].name)))
            return at->type == types[i].type;
    return true;
}

/* "string, number or null"; values are written as JSON has them, names without quotes.
 */
struct listed {
    char text[160];
};

static struct listed
listed(struct bytes list, bool names)
{
    struct listed l = { "" };
    size_t size = 0;
    struct cursor c = cursor_over(list);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && size + 1 < sizeof l.text; i++) {
        struct bytes value = cursor_skip(&c);
        struct quoted q = shown(value);
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        size_t length = strlen(q.text), quote = names ? 1 : 0;
        int more = snprintf(l.text + size, sizeof l.text - size, "%s%.*s", between,
            (int)(length - 2 * quote), q.text + quote);
        size += (size_t)more;
    }
    return l;
}

bool
judge_type(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    (void)schema;
    if (cursor_type(&c) == PACK_TEXT) {
        struct bytes name = cursor_text(&c);
        return type_fits(name, at)
               || wrong_at_place(j, at, "found %s: expected type %.*s",
                   shown(at->value).text, (int)name.size, (const char *)name.data);
    }
    for (size_t count = cursor_array(&c); count > 0; count--)
        if (type_fits(cursor_text(&c), at))
            return true;
    return wrong_at_place(j, at, "found %s: expected type %s", shown(at->value).text,
        listed(argument, true).text);
}

static bool
equal(struct judging *j, struct bytes a, struct bytes b)
{
    bool same = equal_values(a, b, &j->work);
    j->spent |= j->work == 0;
    return same;
}

bool
judge_enum(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    (void)schema;
    for (size_t count = cursor_array(&c); count > 0; count--)
        if (equal(j, at->value, cursor_skip(&c)))
            return true;
    return wrong_at_place(j, at, "found %s: expected %s", shown(at->value).text,
        listed(argument, false).text);
}

bool
judge_const(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return equal(j, at->value, argument)
           || wrong_at_place(j, at, "found %s: expected %s", shown(at->value).text,
               shown(argument).text);
}

/* The order of the value and the bound, or `fits` if one of them is no number. */
static int
order(struct bytes value, struct bytes bound, int fits)
{
    struct number a, b;
    if (!number_read(value, &a) || !number_read(bound, &b))
        return fits;
    return number_order(&a, &b);
}

static bool
bounded(struct judging *j, const struct place *at, bool fits, const char *expected,
    struct bytes bound)
{
    return fits
           || wrong_at_place(j, at, "found %s: expected %s %s", shown(at->value).text,
               expected, shown(bound).text);
}

bool
judge_minimum(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return bounded(j, at, order(at->value, argument, 0) >= 0, "at least", argument);
}

bool
judge_maximum(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return bounded(j, at, order(at->value, argument, 0) <= 0, "at most", argument);
}

bool
judge_above(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return bounded(j, at, order(at->value, argument, 1) > 0, "more than", argument);
}

bool
judge_below(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return bounded(j, at, order(at->value, argument, -1) < 0, "less than", argument);
}

bool
judge_multiple(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct number number, of;
    (void)schema;
    bool fits = !number_read(at->value, &number) || !number_read(argument, &of)
                || number_multiple(&number, &of);
    return bounded(j, at, fits, "a multiple of", argument);
}

/* The order of the text's length and the bound. */
static int
length_order(const struct place *at, struct bytes bound)
{
    struct cursor c = cursor_over(at->value);
    struct number b, length = { .whole = true, .size = utf8_count(cursor_text(&c)) };
    return number_read(bound, &b) ? number_order(&length, &b) : 0;
}

static bool
of_length(struct judging *j, const struct place *at, bool fits, const char *expected,
    struct bytes bound)
{
    return fits
           || wrong_at_place(j, at, "found %s: expected %s %s characters",
               shown(at->value).text, expected, shown(bound).text);
}

bool
judge_min_length(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return of_length(j, at, length_order(at, argument) >= 0, "at least", argument);
}

bool
judge_max_length(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return of_length(j, at, length_order(at, argument) <= 0, "at most", argument);
}

bool
judge_pattern(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor source = cursor_over(argument), c = cursor_over(at->value);
    (void)schema;
    return pattern_fits(j, cursor_text(&source), cursor_text(&c))
           || wrong_at_place(j, at, "found %s: expected to match the pattern %s",
               shown(at->value).text, shown(argument).text);
}
