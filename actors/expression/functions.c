#include "actors/expression/functions.h"

#include "base/nearest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const struct function functions[] = {
#define FUNCTION(name, kind, least, most, subject, manner, takes, sentence)            \
    { #name, #kind, least, most, subject, manner, takes, sentence, call_##name },
#include "actors/expression/functions.def"
};
const size_t function_count = COUNT(functions);

const struct function *
function_find(struct bytes name)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        if (bytes_equal(name, text(functions[i].name)))
            return &functions[i];
    return NULL;
}

void
function_unknown(struct evaluation *e, struct bytes name, size_t at)
{
    struct nearest nearest = { 0 };
    int shown = (int)(name.size < 40 ? name.size : 40);
    for (size_t i = 0; i < COUNT(functions); i++)
        nearest_try(&nearest, name, functions[i].name);
    if (nearest.word != NULL)
        fail(e, ERR_MALFORMED, at, "there is no function %.*s: did you mean %s?", shown,
            (const char *)name.data, nearest.word);
    else if (e->prefix)
        fail(e, ERR_MALFORMED, at,
            "there is no function %.*s: a name begins with a dot, .%.*s", shown,
            (const char *)name.data, shown, (const char *)name.data);
    else
        fail(e, ERR_MALFORMED, at, "there is no function %.*s", shown,
            (const char *)name.data);
}

struct bytes
function_call(struct evaluation *e, const struct function *function,
    const struct bytes *args, size_t count, size_t at)
{
    if (failed(e))
        return (struct bytes){ 0 };
    e->call = function;
    e->call_at = at;
    bool counted = e->dry == 0 || function->manner != DECIDING;
    if (counted && (count < function->least || count > function->most))
        return fail(e, ERR_MALFORMED, at, "%s wants (%s), and not %zu arguments",
            function->name, function->takes, count);
    for (size_t i = 0; live(e) && i < count; i++)
        charge_look(e, args[i]);
    return live(e) ? function->call(e, args, count) : (struct bytes){ 0 };
}

struct bytes
call_refuse(struct evaluation *e, const char *format, ...)
{
    char message[EXPRESSION_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return fail(e, ERR_INVALID, e->call_at, "%s %s", e->call->name, message);
}

static const char *
type_name(enum pack_type type)
{
    return type == PACK_MAP     ? "a map"
           : type == PACK_ARRAY ? "a list"
           : type == PACK_TEXT  ? "a text"
                                : "a boolean";
}

bool
want(struct evaluation *e, struct bytes value, enum pack_type type)
{
    if (!live(e))
        return false;
    if (type_of(value) == type)
        return true;
    call_refuse(e, "wants %s, not %s", type_name(type), type_sentence(value));
    return false;
}

bool
want_number(struct evaluation *e, struct bytes value, struct number *number)
{
    if (!live(e))
        return false;
    if (number_of(value, number))
        return true;
    call_refuse(e, "wants a number, not %s", type_sentence(value));
    return false;
}

bool
want_whole(
    struct evaluation *e, struct bytes value, int64_t least, int64_t most, int64_t *out)
{
    struct number number;
    if (!want_number(e, value, &number))
        return false;
    if (!number.whole || number.integer < least || number.integer > most) {
        call_refuse(
            e, "wants a whole number from %" PRId64 " to %" PRId64, least, most);
        return false;
    }
    *out = (int64_t)number.integer;
    return true;
}

struct bytes
want_text(struct evaluation *e, struct bytes value)
{
    if (!want(e, value, PACK_TEXT) || !charge(e, value.size))
        return (struct bytes){ 0 };
    return text_of(value);
}

CALL(eq)
{
    bool equal = false;
    for (size_t i = 1; i < count && !equal; i++)
        equal = values_equal(e, args[0], args[i]);
    return value_bool(e, equal);
}

CALL(ne)
{
    return value_bool(e, !values_equal(e, args[0], args[1]));
}

CALL(lt)
{
    return value_bool(e, values_order(e, e->call_at, args[0], args[1]) < 0);
}

CALL(le)
{
    return value_bool(e, values_order(e, e->call_at, args[0], args[1]) <= 0);
}

CALL(gt)
{
    return value_bool(e, values_order(e, e->call_at, args[0], args[1]) > 0);
}

CALL(ge)
{
    return value_bool(e, values_order(e, e->call_at, args[0], args[1]) >= 0);
}

CALL(and)
{
    for (size_t i = 0; i + 1 < count; i++)
        if (!truth_of(args[i]))
            return args[i];
    return args[count - 1];
}

CALL(or)
{
    for (size_t i = 0; i + 1 < count; i++)
        if (truth_of(args[i]))
            return args[i];
    return args[count - 1];
}

CALL(not )
{
    return value_bool(e, !truth_of(args[0]));
}

CALL(empty)
{
    return call_not(e, args, count);
}

CALL(ternary)
{
    return truth_of(args[0]) ? args[1] : args[2];
}

CALL(default)
{
    return truth_of(args[0]) ? args[0] : args[1];
}

CALL(coalesce)
{
    for (size_t i = 0; i < count; i++)
        if (!is_nil(args[i]))
            return args[i];
    return value_nil(e);
}

CALL(defined)
{
    return value_bool(e, !is_nil(args[0]));
}
