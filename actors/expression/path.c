#include "actors/expression/path.h"

#include "actors/expression/lexer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { SHOWN_MAX = 40 };

/* How much of a name a message shows. */
static int
shown(struct bytes name)
{
    return (int)(name.size < SHOWN_MAX ? name.size : SHOWN_MAX);
}

struct operand
operand_of(const struct evaluation *e, struct bytes value, size_t at)
{
    return (struct operand){ .value = value, .from = e->segment_count, .at = at };
}

struct operand
operand_rooted(const struct evaluation *e, size_t at)
{
    return (struct operand){ .rooted = true, .from = e->segment_count, .at = at };
}

void
operand_add(struct evaluation *e, struct operand *o, struct segment segment)
{
    if (failed(e))
        return;
    if (o->count == PATH_MAX_NAMES || e->segment_count == SEGMENTS_MAX) {
        fail(e, ERR_TOO_LARGE, segment.at, "a path of more than %d names",
            (int)PATH_MAX_NAMES);
        return;
    }
    e->segments[e->segment_count++] = segment;
    o->count++;
}

void
operand_index(
    struct evaluation *e, struct operand *o, struct bytes value, struct segment segment)
{
    struct number number;
    char decimal[24];
    if (live(e) && number_of(value, &number) && number.whole) {
        wide size = number.integer < 0 ? -number.integer : number.integer;
        int length = snprintf(decimal, sizeof decimal, "%s%" PRIu64,
            number.integer < 0 ? "-" : "", (uint64_t)size);
        segment.name = arena_copy(e->arena, bytes_of(decimal, (size_t)length));
        charge(e, 0);
    } else if (live(e) && type_of(value) == PACK_TEXT) {
        segment.name = text_of(value);
    } else if (live(e)) {
        fail(e, ERR_INVALID, segment.at, "an index is a name or a whole number, not %s",
            type_sentence(value));
    }
    operand_add(e, o, segment);
}

struct operand
operand_constant(struct evaluation *e, struct bytes value)
{
    struct operand o = operand_of(e, value, e->token.at);
    next(e);
    return o;
}

struct operand
operand_variable(struct evaluation *e)
{
    struct token token = e->token;
    next(e);
    for (size_t i = e->variable_count; i-- > 0;)
        if (bytes_equal(e->variables[i].name, token.text))
            return operand_of(e, e->variables[i].value, token.at);
    if (token.text.size == 1)
        return operand_rooted(e, token.at);
    fail(e, ERR_MALFORMED, token.at, "there is no variable %.*s", shown(token.text),
        (const char *)token.text.data);
    return operand_of(e, (struct bytes){ 0 }, token.at);
}

struct operand
operand_dot(struct evaluation *e)
{
    size_t at = e->token.at;
    struct operand o = e->inside ? operand_of(e, e->dot, at) : operand_rooted(e, at);
    next(e);
    if (e->token.type == TOKEN_NAME && !e->token.spaced)
        operand_field(e, &o, false);
    return o;
}

void
operand_field(struct evaluation *e, struct operand *o, bool optional)
{
    if (e->token.type != TOKEN_NAME || e->token.spaced) {
        fail(e, ERR_MALFORMED, e->token.at, "a name was expected behind the dot");
        return;
    }
    operand_add(e, o,
        (struct segment){
            .name = e->token.text,
            .at = e->token.at,
            .fixed = true,
            .optional = optional,
        });
    next(e);
}

/* "steps.fetch.0", cut where the message would be too long. */
static int
path_print(const struct evaluation *e, const struct operand *o, size_t count, char *out,
    size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used + 1 < size; i++) {
        struct bytes name = e->segments[o->from + i].name;
        int more = snprintf(out + used, size - used, "%s%.*s", i == 0 ? "" : ".",
            shown(name), (const char *)name.data);
        used += (size_t)more;
    }
    return (int)(used < size ? used : size - 1);
}

static struct bytes
missing(struct evaluation *e, const struct operand *o, size_t known, struct bytes value)
{
    char path[80], last[48];
    const struct segment *wanted = &e->segments[o->from + known];
    path_print(e, o, known, path, sizeof path);
    snprintf(last, sizeof last, "%.*s", shown(wanted->name),
        (const char *)wanted->name.data);
    const char *before = known == 0 ? "this" : path;
    enum pack_type type = type_of(value);
    if (type == PACK_MAP || value.size == 0)
        return fail(e, ERR_NOT_FOUND, wanted->at, "there is no %s%s%s", path,
            known == 0 ? "" : ".", last);
    if (type == PACK_ARRAY) {
        struct cursor c = cursor_over(value);
        return fail(e, ERR_NOT_FOUND, wanted->at, "%s has %zu items, and no %s", before,
            cursor_array(&c), last);
    }
    return fail(e, ERR_NOT_FOUND, wanted->at, "%s is %s and has no %s", before,
        type_sentence(value), last);
}

/* Ask about the fixed names, as far as they go. */
static void
ask_names(struct evaluation *e, const struct operand *o)
{
    struct bytes path[PATH_MAX_NAMES];
    size_t count = 0;
    if (e->names == NULL || !o->rooted || failed(e))
        return;
    for (; count < o->count && e->segments[o->from + count].fixed; count++)
        path[count] = e->segments[o->from + count].name;
    char message[EXPRESSION_MESSAGE_SIZE] = "a name that is not known here";
    if (!e->names->allow(e->names->self, path, count, message))
        fail(e, ERR_NOT_FOUND, o->at, "%s", message);
}

/* What the scope knows, and how many names that took. */
static struct bytes
root_value(struct evaluation *e, const struct operand *o, size_t *known, bool *found)
{
    struct bytes path[PATH_MAX_NAMES], value = { 0 };
    for (size_t i = 0; i < o->count; i++)
        path[i] = e->segments[o->from + i].name;
    *known = 0;
    *found =
        charge(e, 0) && e->scope->find(e->scope->self, path, o->count, known, &value);
    if (*known == EXPRESSION_TOO_LARGE) {
        char shown_path[80];
        path_print(e, o, o->count, shown_path, sizeof shown_path);
        *known = 0;
        return fail(e, ERR_TOO_LARGE, o->at, "%s is larger than %zu bytes", shown_path,
            e->limits->output_max);
    }
    assert(*known <= o->count);
    return value;
}

static struct bytes
walk(struct evaluation *e, const struct operand *o, bool optional)
{
    size_t known = 0;
    bool found = true;
    struct bytes value = o->value;
    if (o->rooted)
        value = root_value(e, o, &known, &found);
    if (!found && o->count == 0)
        return fail(e, ERR_INVALID, o->at, "everything at once is no value here");
    if (!found) {
        value = (struct bytes){ 0 };
        known = known < o->count ? known : o->count - 1;
    }
    while (found && known < o->count) {
        struct bytes member = value_member(e, value, e->segments[o->from + known].name);
        if (member.size == 0)
            break;
        value = member;
        known++;
    }
    if (failed(e))
        return (struct bytes){ 0 };
    if (known == o->count)
        return value.size == 0 ? value_nil(e) : value;
    const struct segment *wanted = &e->segments[o->from + known];
    if (optional || wanted->optional || (known + 1 < o->count && wanted[1].optional))
        return value_nil(e);
    return missing(e, o, known, value);
}

struct bytes
operand_value(struct evaluation *e, struct operand *o, bool optional)
{
    struct bytes value = { 0 };
    ask_names(e, o);
    if (live(e))
        value = walk(e, o, optional);
    e->segment_count = o->from;
    return value;
}
