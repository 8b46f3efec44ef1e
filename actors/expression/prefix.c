#include "actors/expression/prefix.h"

#include "actors/expression/functions.h"
#include "actors/expression/infix.h"
#include "actors/expression/lexer.h"

static struct operand pipeline(struct evaluation *e);

struct arguments {
    struct bytes values[ARGUMENTS_MAX];
    size_t count;
};

static struct operand
parenthesised(struct evaluation *e)
{
    next(e);
    struct operand o = pipeline(e);
    expect(e, ")");
    return o;
}

/* Call what a name names, with what comes behind it. */
static struct operand command_call(struct evaluation *e, const struct bytes *piped);

static struct operand
named(struct evaluation *e)
{
    if (word_is(e, TOKEN_NAME, "true") || word_is(e, TOKEN_NAME, "false"))
        return operand_constant(e, value_bool(e, e->token.text.data[0] == 't'));
    if (word_is(e, TOKEN_NAME, "nil") || word_is(e, TOKEN_NAME, "null"))
        return operand_constant(e, value_nil(e));
    if (function_find(e->token.text) == NULL)
        function_unknown(e, e->token.text, e->token.at);
    else
        fail(e, ERR_MALFORMED, e->token.at,
            "a function as an argument stands in parentheses: (%.*s …)",
            (int)e->token.text.size, (const char *)e->token.text.data);
    return operand_of(e, (struct bytes){ 0 }, e->token.at);
}

static struct operand
operand(struct evaluation *e)
{
    struct operand o;
    switch (e->token.type) {
    case TOKEN_NUMBER: return operand_constant(e, number_token(e));
    case TOKEN_TEXT: return operand_constant(e, value_text(e, e->token.text));
    case TOKEN_NAME: return named(e);
    case TOKEN_VARIABLE: o = operand_variable(e); break;
    case TOKEN_SIGN:
    case TOKEN_END:
        if (sign_is(e, "(")) {
            o = parenthesised(e);
        } else if (sign_is(e, ".")) {
            o = operand_dot(e);
        } else {
            o = operand_of(e, (struct bytes){ 0 }, e->token.at);
            if (e->token.type == TOKEN_END)
                fail(e, ERR_MALFORMED, o.at, "a value was expected, and not the end");
            else
                fail(e, ERR_MALFORMED, o.at,
                    "%.*s means nothing here: operators are for ${{ … }}",
                    (int)e->token.text.size, (const char *)e->token.text.data);
        }
    }
    while (sign_is(e, ".") && !e->token.spaced) {
        next(e);
        operand_field(e, &o, false);
    }
    return o;
}

static bool
more_operands(const struct evaluation *e)
{
    return !failed(e) && e->token.type != TOKEN_END && !sign_is(e, "|")
           && !sign_is(e, ")");
}

/* index .a "b" 0 is the path .a.b.0 */
static struct operand
index_call(struct evaluation *e, size_t at)
{
    struct operand o = operand(e);
    while (more_operands(e)) {
        struct token first = e->token;
        struct operand name = operand(e);
        struct bytes value = operand_value(e, &name, false);
        bool fixed = first.type == TOKEN_TEXT || first.type == TOKEN_NUMBER;
        operand_index(e, &o, value,
            (struct segment){
                .name = fixed ? first.text : (struct bytes){ 0 },
                .at = first.at,
                .fixed = fixed,
            });
    }
    o.at = at;
    return o;
}

/* and, or: is the answer known after this one? */
static bool
decided(const struct evaluation *e, const struct function *function, struct bytes value)
{
    return live(e) && function->manner == DECIDING
           && truth_of(value) == (function->call == call_or);
}

static void
arguments_read(
    struct evaluation *e, const struct function *function, struct arguments *args)
{
    uint32_t dry = e->dry;
    while (more_operands(e)) {
        if (args->count + 1 == ARGUMENTS_MAX) {
            fail(e, ERR_TOO_LARGE, e->token.at, "more than %d arguments",
                (int)ARGUMENTS_MAX - 1);
            return;
        }
        struct token first = e->token;
        struct operand o = operand(e);
        struct bytes value = operand_value(e, &o, function->manner == LENIENT);
        if (function->call == call_matches && args->count == 0
            && first.type == TOKEN_TEXT)
            pattern_try(e, first.text, first.at);
        if (e->dry == dry)
            args->values[args->count++] = value;
        if (decided(e, function, value))
            e->dry++;
    }
    e->dry = dry;
}

/* Into the order in which functions are called: the subject first. */
static void
subject_first(struct arguments *args)
{
    if (args->count < 2)
        return;
    struct bytes subject = args->values[args->count - 1];
    memmove(args->values + 1, args->values, (args->count - 1) * sizeof *args->values);
    args->values[0] = subject;
}

static struct operand
command_call(struct evaluation *e, const struct bytes *piped)
{
    struct token name = e->token;
    struct arguments args = { .count = 0 };
    const struct function *function = function_find(name.text);
    if (function == NULL) {
        function_unknown(e, name.text, name.at);
        return operand_of(e, (struct bytes){ 0 }, name.at);
    }
    if (function->manner == PREDICATE) {
        fail(e, ERR_MALFORMED, name.at, "%s is for ${{ … }} only", function->name);
        return operand_of(e, (struct bytes){ 0 }, name.at);
    }
    next(e);
    if (function->manner == LEADING && piped == NULL)
        return index_call(e, name.at);
    bool first = piped != NULL && function->subject == FIRST;
    if (first)
        args.values[args.count++] = *piped;
    arguments_read(e, function, &args);
    if (piped != NULL && !first)
        args.values[args.count++] = *piped;
    if (function->subject == LAST)
        subject_first(&args);
    return operand_of(
        e, function_call(e, function, args.values, args.count, name.at), name.at);
}

static bool
begins_call(const struct evaluation *e)
{
    return e->token.type == TOKEN_NAME && !word_is(e, TOKEN_NAME, "true")
           && !word_is(e, TOKEN_NAME, "false") && !word_is(e, TOKEN_NAME, "nil")
           && !word_is(e, TOKEN_NAME, "null");
}

static struct operand
pipeline(struct evaluation *e)
{
    struct operand o;
    if (!enter(e)) {
        leave(e);
        return operand_of(e, (struct bytes){ 0 }, e->token.at);
    }
    o = begins_call(e) ? command_call(e, NULL) : operand(e);
    while (sign_is(e, "|")) {
        next(e);
        if (!begins_call(e)) {
            fail(e, ERR_MALFORMED, e->token.at, "a function was expected behind |");
            break;
        }
        const struct function *function = function_find(e->token.text);
        struct bytes piped =
            operand_value(e, &o, function != NULL && function->manner == LENIENT);
        o = command_call(e, &piped);
    }
    leave(e);
    return o;
}

struct bytes
prefix_read(struct evaluation *e)
{
    struct operand o = pipeline(e);
    return operand_value(e, &o, false);
}

void
variable_set(struct evaluation *e, struct bytes name, struct bytes value)
{
    if (failed(e))
        return;
    if (e->variable_count == VARIABLES_MAX) {
        fail(e, ERR_TOO_LARGE, e->token.at, "more than %d variables",
            (int)VARIABLES_MAX);
        return;
    }
    e->variables[e->variable_count++] = (struct variable){ name, value };
}
