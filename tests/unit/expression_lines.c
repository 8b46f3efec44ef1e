/* Evaluates what it reads: each line is a JSON list of a form ("template", "condition",
 * "value", "payload", "check"), a text and a scope; its answer is a line of JSON.
 * expression_oracle.py compares the answers with its own. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "tests/support/scope.h"

#include <stdio.h>
#include <stdlib.h>

static void
say(const struct bytes *value)
{
    struct buffer out = { 0 };
    if (msgpack_to_json(*value, &out) != ERR_NONE)
        abort();
    printf("{\"value\":%.*s}\n", (int)out.size, (const char *)out.data);
    buffer_free(&out);
}

static void
say_fault(const struct expression_fault *fault)
{
    struct buffer out = { 0 };
    json_write_text(&out, text(fault->message));
    printf("{\"err\":\"%s\",\"line\":%u,\"column\":%u,\"where\":\"%s\",\"message\":%.*"
           "s}\n",
        err_name(fault->err), fault->line, fault->column, fault->where, (int)out.size,
        (const char *)out.data);
    buffer_free(&out);
}

static enum err
evaluate(struct bytes form, struct bytes packed, const struct expression_scope *scope,
    struct arena *arena, struct bytes *value, struct expression_fault *fault)
{
    static const uint8_t truth[] = { 0xc2, 0xc3 };
    const struct expression_limits *limits = &expression_limits_default;
    struct cursor c = cursor_over(packed);
    if (bytes_equal(form, text("payload")))
        return expression_payload(packed, scope, limits, arena, value, fault);
    struct bytes in = cursor_text(&c);
    if (bytes_equal(form, text("template")))
        return expression_template(in, scope, limits, arena, value, fault);
    if (bytes_equal(form, text("value")))
        return expression_value(in, scope, limits, arena, value, fault);
    if (bytes_equal(form, text("check"))) {
        *value = bytes_of(&truth[1], 1);
        return expression_check(in, EXPRESSION_TEMPLATE, NULL, limits, arena, fault);
    }
    bool holds;
    enum err err = expression_condition(in, scope, limits, arena, &holds, fault);
    *value = bytes_of(&truth[holds], 1);
    return err;
}

static void
answer(struct bytes line)
{
    struct fault fault;
    struct expression_fault wrong;
    struct buffer packed = { 0 };
    struct arena arena = { 0 };
    struct bytes value;
    if (json_to_msgpack(line, &packed, NULL, &fault) != ERR_NONE) {
        printf("%s\n", fault.detail);
        exit(2);
    }
    struct cursor c = cursor_over(buffer_bytes(&packed));
    cursor_array(&c);
    struct bytes form = cursor_text(&c), in = cursor_skip(&c), root = cursor_skip(&c);
    struct expression_scope scope = scope_of(&root);
    if (evaluate(form, in, &scope, &arena, &value, &wrong) == ERR_NONE)
        say(&value);
    else
        say_fault(&wrong);
    arena_free(&arena);
    buffer_free(&packed);
}

int
main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;)
        answer(bytes_of(line, (size_t)size));
    free(line);
    return 0;
}
