#include "actors/expression/expression.h"

#include "actors/expression/infix.h"
#include "actors/expression/lexer.h"
#include "actors/expression/prefix.h"
#include "actors/expression/reading.h"
#include "actors/expression/template.h"

#include <stdio.h>

const struct expression_limits expression_limits_default = {
    .text_max = 256 * 1024,
    .output_max = 1024 * 1024,
    .fuel = 1000000,
    .depth = 64,
};

bool
expression_in(struct bytes text)
{
    size_t size;
    template_find(text, 0, &size);
    return size > 0;
}

static void
restart(struct evaluation *e, size_t at)
{
    e->at = at;
    e->token = (struct token){ 0 };
    e->braces = 0;
    e->field = e->trims = e->wrapped = false;
    e->prefix = false;
    e->depth = 0;
    e->segment_count = e->variable_count = 0;
    e->scratch.size = 0;
}

/* `{{ }}` around a whole condition: in which language is it?  Written `dry` in one,
 * then the other; the one that gets further is the one that was meant. */
static bool
is_prefix(struct evaluation *e, size_t at)
{
    struct expression_fault none = { 0 }, *fault = e->fault;
    size_t furthest[2];
    uint32_t dry = e->dry++;
    bool metered = e->metered;
    const struct expression_names *names = e->names;
    e->metered = false;
    e->names = NULL;
    for (unsigned prefix = 0; prefix < 2; prefix++) {
        struct expression_fault tried = none;
        e->fault = &tried;
        restart(e, at);
        e->wrapped = true;
        e->prefix = prefix;
        next(e);
        if (prefix)
            prefix_read(e);
        else
            infix_read(e);
        expect_end(e);
        furthest[prefix] =
            failed(e) ? (size_t)tried.line << 32 | tried.column : SIZE_MAX;
    }
    e->fault = fault;
    e->dry = dry;
    e->metered = metered;
    e->names = names;
    return furthest[1] >= furthest[0];
}

/* A bare expression, or one in braces. */
static struct bytes
bare_read(struct evaluation *e, bool braces)
{
    size_t at = 0, size = 0;
    bool prefix = false;
    while (at < e->text.size && is_space(e->text.data[at]))
        at++;
    if (!braces || template_find(e->text, at, &size) != at)
        size = 0;
    prefix = size == 2 && is_prefix(e, at + size);
    at += size;
    restart(e, at);
    e->wrapped = size > 0;
    e->prefix = prefix;
    next(e);
    struct bytes value = prefix ? prefix_read(e) : infix_read(e);
    expect_end(e);
    while (e->at < e->text.size && is_space(e->text.data[e->at]))
        e->at++;
    if (!failed(e) && e->at < e->text.size)
        fail(e, ERR_MALFORMED, e->at, "there is more behind the condition");
    return value;
}

static struct bytes
form_read(struct evaluation *e, enum expression_form form)
{
    if (form != EXPRESSION_TEMPLATE)
        return bare_read(e, form == EXPRESSION_CONDITION);
    restart(e, 0);
    e->whole = (struct bytes){ 0 };
    template_read(e);
    return e->whole.size > 0 ? e->whole : taken_text(e, 0);
}

static bool
begin(struct evaluation *e)
{
    *e->fault = (struct expression_fault){ .err = ERR_NONE };
    if (e->text.size > e->limits->text_max)
        fail(e, ERR_TOO_LARGE, 0, "a text of more than %zu bytes", e->limits->text_max);
    else if (!utf8_valid(e->text))
        fail(e, ERR_MALFORMED, 0, "not UTF-8");
    return !failed(e);
}

/* Read it all dry first: a text that cannot be read has no effect on what its parts
 * would cost or say. */
enum err
reading_value(struct reading *reading, struct bytes text, enum expression_form form,
    struct bytes *value)
{
    struct evaluation e = {
        .text = text,
        .scope = reading->scope,
        .names = reading->names,
        .limits = reading->limits,
        .arena = reading->arena,
        .fault = reading->fault,
        .fuel = reading->fuel,
    };
    *value = (struct bytes){ 0 };
    if (begin(&e)) {
        e.dry = 1;
        form_read(&e, form);
    }
    if (!failed(&e) && e.scope != NULL) {
        e.dry = 0;
        e.metered = true;
        *value = form_read(&e, form);
        if (!failed(&e) && value->size > e.limits->output_max)
            fail(&e, ERR_TOO_LARGE, 0, "a result of more than %zu bytes",
                e.limits->output_max);
        if (!failed(&e) && pack_check(*value) != ERR_NONE)
            fail(&e, ERR_TOO_LARGE, 0, "a result nested deeper than %d levels",
                (int)PACK_DEPTH_MAX);
    }
    reading->fuel = e.fuel;
    buffer_free(&e.scratch);
    return e.fault->err;
}

enum err
expression_check(struct bytes text, enum expression_form form,
    const struct expression_names *names, const struct expression_limits *limits,
    struct arena *arena, struct expression_fault *fault)
{
    struct bytes none;
    struct reading reading = { NULL, names, limits, limits->fuel, arena, fault };
    return reading_value(&reading, text, form, &none);
}

enum err
expression_template(struct bytes text, const struct expression_scope *scope,
    const struct expression_limits *limits, struct arena *arena, struct bytes *value,
    struct expression_fault *fault)
{
    struct reading reading = { scope, NULL, limits, limits->fuel, arena, fault };
    return reading_value(&reading, text, EXPRESSION_TEMPLATE, value);
}

enum err
expression_value(struct bytes text, const struct expression_scope *scope,
    const struct expression_limits *limits, struct arena *arena, struct bytes *value,
    struct expression_fault *fault)
{
    struct reading reading = { scope, NULL, limits, limits->fuel, arena, fault };
    return reading_value(&reading, text, EXPRESSION_VALUE, value);
}

enum err
reading_condition(struct reading *reading, struct bytes text, bool *holds)
{
    struct bytes value;
    struct expression_fault *fault = reading->fault;
    *holds = false;
    enum err err = reading_value(reading, text, EXPRESSION_CONDITION, &value);
    if (err != ERR_NONE)
        return err;
    if (type_of(value) != PACK_BOOL) {
        snprintf(fault->message, sizeof fault->message,
            "a condition is true or false, not %s", type_sentence(value));
        fault->line = fault->column = 1;
        return fault->err = ERR_INVALID;
    }
    *holds = bool_of(value);
    return ERR_NONE;
}

enum err
expression_condition(struct bytes text, const struct expression_scope *scope,
    const struct expression_limits *limits, struct arena *arena, bool *holds,
    struct expression_fault *fault)
{
    struct reading reading = { scope, NULL, limits, limits->fuel, arena, fault };
    return reading_condition(&reading, text, holds);
}
