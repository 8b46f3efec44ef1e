#include "actors/expression/infix.h"

#include "actors/expression/functions.h"
#include "actors/expression/lexer.h"
#include "actors/expression/operators.h"
#include "base/pattern.h"

enum { PATTERNS_TRIED_MAX = 100 };

static struct operand expression(struct evaluation *e);

/* Where a reader stands; an expression can be read again from there. */
struct mark {
    size_t at;
    struct token token;
    bool field;
};

void
pattern_try(struct evaluation *e, struct bytes source, size_t at)
{
    struct pattern *pattern;
    struct fault fault;
    if (e->metered || failed(e) || e->patterns_tried++ >= PATTERNS_TRIED_MAX)
        return;
    if (pattern_new(source, &pattern, &fault) != ERR_NONE)
        fail(e, ERR_MALFORMED, at, "%.150s", fault.detail);
    else
        pattern_free(&pattern);
}

/* expression, as a value */
struct bytes
infix_read(struct evaluation *e)
{
    struct operand o = expression(e);
    return operand_value(e, &o, false);
}

/* expression … close */
static struct bytes
list_literal(struct evaluation *e)
{
    size_t mark = e->scratch.size, count = 0;
    next(e);
    while (!sign_is(e, "]") && !failed(e)) {
        put(e, infix_read(e));
        count++;
        if (!accept(e, ","))
            break;
    }
    expect(e, "]");
    return taken_list(e, mark, count);
}

/* name: value, "text": value, (expression): value */
static void
map_key(struct evaluation *e)
{
    size_t at = e->token.at;
    struct bytes key = { 0 };
    if (e->token.type == TOKEN_NAME || e->token.type == TOKEN_TEXT) {
        key = value_text(e, e->token.text);
        next(e);
    } else if (accept(e, "(")) {
        key = infix_read(e);
        expect(e, ")");
        if (live(e) && type_of(key) != PACK_TEXT)
            fail(e, ERR_INVALID, at, "a key is a text, not %s", type_sentence(key));
    } else {
        fail(e, ERR_MALFORMED, at, "a key is a name, a text in quotes or (…)");
    }
    put(e, key);
}

static struct bytes
map_literal(struct evaluation *e)
{
    size_t mark = e->scratch.size, count = 0;
    e->braces++;
    next(e);
    while (!sign_is(e, "}") && !failed(e)) {
        map_key(e);
        expect(e, ":");
        put(e, infix_read(e));
        count++;
        if (!accept(e, ","))
            break;
    }
    e->braces--;
    expect(e, "}");
    struct bytes map = taken_map(e, mark, count);
    /* A later value of the same key replaces the earlier one. */
    return live(e) ? call_merge(e, &map, 1) : map;
}

static struct mark
mark_here(const struct evaluation *e)
{
    return (struct mark){ e->at, e->token, e->field };
}

static void
back_to(struct evaluation *e, const struct mark *mark)
{
    if (failed(e))
        return;
    e->at = mark->at;
    e->token = mark->token;
    e->field = mark->field;
}

/* The predicate for one item, or without one. */
static void
predicate_for(struct evaluation *e, struct bytes item)
{
    struct bytes dot = e->dot;
    bool inside = e->inside;
    e->dot = item;
    e->inside = true;
    put(e, infix_read(e));
    e->dot = dot;
    e->inside = inside;
}

/* What the predicate says about each item; it is read again for each. */
static struct bytes
predicate_results(struct evaluation *e, struct bytes list, size_t at)
{
    size_t mark = e->scratch.size, count = 0;
    struct cursor items = cursor_over(list);
    if (live(e) && type_of(list) != PACK_ARRAY)
        fail(e, ERR_INVALID, at, "%s wants a list, not %s", e->call->name,
            type_sentence(list));
    if (live(e))
        count = cursor_array(&items);
    bool braced = sign_is(e, "{");
    e->braces += braced;
    if (braced)
        next(e);
    struct mark begin = mark_here(e);
    const struct function *function = e->call;
    e->dry += count == 0;
    for (size_t i = 0; i == 0 || (i < count && !failed(e)); i++) {
        back_to(e, &begin);
        predicate_for(e, count == 0 ? (struct bytes){ 0 } : cursor_skip(&items));
        e->call = function;
    }
    e->dry -= count == 0;
    e->braces -= braced;
    if (braced)
        expect(e, "}");
    return taken_list(e, mark, count);
}

/* (arguments); `piped` is what a pipe brought, or NULL. */
static struct operand
call(struct evaluation *e, struct bytes name, size_t at, const struct bytes *piped)
{
    struct bytes args[ARGUMENTS_MAX];
    size_t count = 0;
    const struct function *function = function_find(name);
    if (function == NULL) {
        function_unknown(e, name, at);
        return operand_of(e, (struct bytes){ 0 }, at);
    }
    if (piped != NULL && function->subject != PLAIN)
        args[count++] = *piped;
    expect(e, "(");
    while (!sign_is(e, ")") && !failed(e)) {
        if (count + 1 == ARGUMENTS_MAX) {
            fail(e, ERR_TOO_LARGE, e->token.at, "more than %d arguments",
                (int)ARGUMENTS_MAX - 1);
            break;
        }
        e->call = function;
        if (function->manner == PREDICATE && count == 1) {
            args[count] = predicate_results(e, args[0], at);
        } else {
            struct operand o = expression(e);
            args[count] = operand_value(e, &o, function->manner == LENIENT);
        }
        count++;
        if (!accept(e, ","))
            break;
    }
    expect(e, ")");
    if (piped != NULL && function->subject == PLAIN)
        args[count++] = *piped;
    return operand_of(e, function_call(e, function, args, count, at), at);
}

static struct operand
named(struct evaluation *e)
{
    struct token token = e->token;
    if (word_is(e, TOKEN_NAME, "true") || word_is(e, TOKEN_NAME, "false"))
        return operand_constant(e, value_bool(e, token.text.data[0] == 't'));
    if (word_is(e, TOKEN_NAME, "nil") || word_is(e, TOKEN_NAME, "null"))
        return operand_constant(e, value_nil(e));
    next(e);
    if (sign_is(e, "("))
        return call(e, token.text, token.at, NULL);
    struct operand o = operand_rooted(e, token.at);
    operand_add(
        e, &o, (struct segment){ .name = token.text, .at = token.at, .fixed = true });
    return o;
}

static struct operand
primary(struct evaluation *e)
{
    size_t at = e->token.at;
    switch (e->token.type) {
    case TOKEN_NUMBER: return operand_constant(e, number_token(e));
    case TOKEN_TEXT: return operand_constant(e, value_text(e, e->token.text));
    case TOKEN_NAME: return named(e);
    case TOKEN_VARIABLE: return operand_variable(e);
    case TOKEN_SIGN: break;
    case TOKEN_END:
        fail(e, ERR_MALFORMED, at, "a value was expected, and not the end");
        return operand_of(e, (struct bytes){ 0 }, at);
    }
    if (accept(e, "(")) {
        struct operand o = expression(e);
        expect(e, ")");
        return o;
    }
    if (sign_is(e, "["))
        return operand_of(e, list_literal(e), at);
    if (sign_is(e, "{"))
        return operand_of(e, map_literal(e), at);
    if (sign_is(e, "."))
        return operand_dot(e);
    if (sign_is(e, "#") && e->inside)
        return operand_constant(e, e->dot);
    fail(e, ERR_MALFORMED, at, "a value was expected, not %.*s",
        (int)e->token.text.size, (const char *)e->token.text.data);
    return operand_of(e, (struct bytes){ 0 }, at);
}

/* [from:to], behind [from */
static struct operand
slice(struct evaluation *e, struct operand *o, const struct bytes *from, size_t at)
{
    struct bytes to = { 0 };
    bool has_to = !sign_is(e, "]");
    if (has_to)
        to = infix_read(e);
    expect(e, "]");
    struct bytes value = operand_value(e, o, false);
    return operand_of(e, operate_slice(e, at, value, from, has_to ? &to : NULL), at);
}

static struct operand
indexed(struct evaluation *e, struct operand o, bool optional)
{
    size_t at = e->token.at;
    next(e);
    if (accept(e, ":"))
        return slice(e, &o, NULL, at);
    struct token first = e->token;
    uint64_t before = e->token_count;
    struct bytes index = infix_read(e);
    if (accept(e, ":"))
        return slice(e, &o, &index, at);
    bool fixed = e->token_count == before + 1
                 && (first.type == TOKEN_TEXT || first.type == TOKEN_NUMBER);
    expect(e, "]");
    operand_index(e, &o, index,
        (struct segment){
            .name = fixed ? first.text : (struct bytes){ 0 },
            .at = first.at,
            .fixed = fixed,
            .optional = optional,
        });
    return o;
}

static struct operand
postfix(struct evaluation *e)
{
    struct operand o = primary(e);
    while (!failed(e)) {
        bool optional = sign_is(e, "?.");
        if (sign_is(e, "[")) {
            o = indexed(e, o, false);
        } else if (optional || sign_is(e, ".")) {
            next(e);
            if (optional && sign_is(e, "[")) {
                o = indexed(e, o, true);
                continue;
            }
            operand_field(e, &o, optional);
        } else {
            break;
        }
    }
    return o;
}

static struct operand unary(struct evaluation *e);

static bool
begins_unary(const struct evaluation *e)
{
    return sign_is(e, "-") || sign_is(e, "+") || sign_is(e, "!")
           || word_is(e, TOKEN_NAME, "not");
}

/* a ?? b: b where a is null or not there */
static struct operand
choice(struct evaluation *e)
{
    struct operand o = postfix(e);
    while (sign_is(e, "??")) {
        size_t at = e->token.at;
        struct bytes value = operand_value(e, &o, true);
        next(e);
        bool there = live(e) && !is_nil(value);
        e->dry += there;
        o = begins_unary(e) ? unary(e) : postfix(e);
        if (there) {
            operand_value(e, &o, true);
            o = operand_of(e, value, at);
        }
        e->dry -= there;
    }
    return o;
}

static struct operand
unary(struct evaluation *e)
{
    size_t at = e->token.at;
    bool denies = sign_is(e, "!") || word_is(e, TOKEN_NAME, "not");
    if (!begins_unary(e))
        return choice(e);
    bool minus = sign_is(e, "-");
    struct bytes value = { 0 };
    next(e);
    if (enter(e)) {
        struct operand o = unary(e);
        value = operand_value(e, &o, false);
    }
    leave(e);
    if (live(e) && denies && type_of(value) != PACK_BOOL)
        fail(e, ERR_INVALID, at, "! wants a boolean, not %s", type_sentence(value));
    else if (live(e) && !denies && !is_number(value))
        fail(e, ERR_INVALID, at, "%s wants a number, not %s", minus ? "-" : "+",
            type_sentence(value));
    else if (live(e) && denies)
        value = value_bool(e, !bool_of(value));
    else if (live(e) && minus)
        value = operate_negate(e, value);
    return operand_of(e, value, at);
}

static bool
side(
    struct evaluation *e, const struct operator_row *row, size_t at, struct bytes value)
{
    if (live(e) && type_of(value) != PACK_BOOL)
        fail(e, ERR_INVALID, at, "%s wants booleans, not %s", row->sign,
            type_sentence(value));
    return live(e) && bool_of(value);
}

static struct operand binary(struct evaluation *e, unsigned level);

/* The right side is read dry once the left one decides. */
static struct bytes
logical(struct evaluation *e, const struct operator_row *row, size_t at, struct bytes a)
{
    bool either = row->level == 1;
    bool left = side(e, row, at, a);
    bool decided = live(e) && left == either;
    e->dry += decided;
    struct operand o = binary(e, row->level + 1);
    struct bytes b = operand_value(e, &o, false);
    bool right = side(e, row, at, b);
    e->dry -= decided;
    return value_bool(e, decided ? left : right);
}

/* Both sides and the operator; `not in` and its like have their sign behind. */
static struct bytes
operation(
    struct evaluation *e, const struct operator_row *row, size_t at, struct bytes a)
{
    if (row->apply == NULL)
        return logical(e, row, at, a);
    struct token first = e->token;
    uint64_t before = e->token_count;
    struct operand o = binary(e, row->level + 1);
    struct bytes b = operand_value(e, &o, false);
    if (row->apply == operate_matches && first.type == TOKEN_TEXT
        && e->token_count == before + 1)
        pattern_try(e, first.text, first.at);
    e->call_at = at;
    charge_look(e, a);
    charge_look(e, b);
    return live(e) ? row->apply(e, at, a, b) : (struct bytes){ 0 };
}

/* value | function(more) */
static struct operand
piped(struct evaluation *e, struct operand o)
{
    next(e);
    struct token name = e->token;
    if (name.type != TOKEN_NAME) {
        fail(e, ERR_MALFORMED, name.at, "a function was expected behind |");
        return o;
    }
    const struct function *function = function_find(name.text);
    bool lenient = function != NULL && function->manner == LENIENT;
    struct bytes value = operand_value(e, &o, lenient);
    next(e);
    return call(e, name.text, name.at, &value);
}

/* Operators of that level and above; a pipe is below all of them. */
static struct operand
binary(struct evaluation *e, unsigned level)
{
    struct operand o = unary(e);
    while (!failed(e)) {
        if (level == 0 && sign_is(e, "|")) {
            o = piped(e, o);
            continue;
        }
        struct mark here = mark_here(e);
        bool negated = word_is(e, TOKEN_NAME, "not");
        if (negated)
            next(e);
        const struct operator_row *row = operator_next(e);
        if (row == NULL || row->level < level
            || (negated && (row->level != 3 || e->token.type != TOKEN_NAME))) {
            back_to(e, &here);
            break;
        }
        size_t at = e->token.at;
        struct bytes a = operand_value(e, &o, false);
        next(e);
        struct bytes value = operation(e, row, at, a);
        if (negated && live(e))
            value = value_bool(e, !bool_of(value));
        o = operand_of(e, value, at);
    }
    return o;
}

/* condition ? value : value */
static struct operand
ternary(struct evaluation *e)
{
    struct operand o = binary(e, 0);
    if (!sign_is(e, "?"))
        return o;
    size_t at = e->token.at;
    struct bytes condition = operand_value(e, &o, false);
    next(e);
    if (live(e) && type_of(condition) != PACK_BOOL)
        fail(e, ERR_INVALID, at, "? wants a boolean before it, not %s",
            type_sentence(condition));
    bool first = live(e) && bool_of(condition), second = live(e) && !first;
    e->dry += second;
    struct bytes a = infix_read(e);
    e->dry -= second;
    expect(e, ":");
    e->dry += first;
    struct bytes b = infix_read(e);
    e->dry -= first;
    return operand_of(e, first ? a : b, at);
}

static struct operand
expression(struct evaluation *e)
{
    struct operand o;
    if (enter(e))
        o = ternary(e);
    else
        o = operand_of(e, (struct bytes){ 0 }, e->token.at);
    leave(e);
    return o;
}
