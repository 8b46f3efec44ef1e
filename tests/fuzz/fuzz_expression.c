/* The first byte chooses the form.  What evaluates can be read, gives well-formed
 * msgpack within the limits, and gives it again; what does not says where and why. */
#include "base/json_read.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"
#include "tests/support/scope.h"

static const struct expression_limits limits = {
    .text_max = 64 * 1024,
    .output_max = 64 * 1024,
    .fuel = 20000,
    .depth = 40,
};

static const char known[] =
    "{\"inputs\":{\"a\":1,\"b\":\"two\",\"c\":[3,-4,5.5,null,true,\"x\"],\"d\":{\"e\":{"
    "\"f\":[]}},"
    "\"users\":[{\"name\":\"ann\",\"age\":31},{\"name\":\"bob\",\"age\":7.5}]},"
    "\"steps\":{\"fetch\":{\"output\":{\"status\":200}}},\"x\":18446744073709551615}";

static enum err
evaluate(uint8_t form, struct bytes in, const struct expression_scope *scope,
    struct arena *arena, struct bytes *value, struct expression_fault *fault)
{
    static const uint8_t truth[] = { 0xc2, 0xc3 };
    bool holds = false;
    enum err e = ERR_NONE;
    switch (form) {
    case EXPRESSION_TEMPLATE:
        return expression_template(in, scope, &limits, arena, value, fault);
    case EXPRESSION_VALUE:
        return expression_value(in, scope, &limits, arena, value, fault);
    case EXPRESSION_CONDITION:
        e = expression_condition(in, scope, &limits, arena, &holds, fault);
        *value = bytes_of(&truth[holds], 1);
        return e;
    default: return expression_payload(in, scope, &limits, arena, value, fault);
    }
}

static void
judge(uint8_t form, struct bytes in, const struct expression_scope *scope)
{
    struct arena arena = { 0 };
    struct expression_fault fault, again;
    struct bytes value, same;
    bounds_begin();
    enum err e = evaluate(form, in, scope, &arena, &value, &fault);
    bounds_end();
    if (planted("expression"))
        e = e == ERR_NONE ? ERR_INVALID : ERR_NONE;
    if (e != fault.err || evaluate(form, in, scope, &arena, &same, &again) != e)
        WRONG("not the same again");
    if (e == ERR_NONE
        && (pack_check(value) != ERR_NONE || value.size > limits.output_max
            || !bytes_equal(value, same)))
        WRONG("not a value, or not the same again");
    if (e != ERR_NONE && (fault.message[0] == '\0' || (form < 3 && fault.line == 0)))
        WRONG("a fault without a place or a sentence");
    if (e != ERR_NONE && !utf8_valid(text(fault.message)))
        WRONG("a sentence that is not UTF-8");
    if (form < 3
        && expression_check(
               in, (enum expression_form)form, NULL, &limits, &arena, &again)
               != ERR_NONE
        && e == ERR_NONE)
        WRONG("evaluated what cannot be read");
    arena_free(&arena);
}

void
fuzz_one(struct bytes in)
{
    static struct buffer packed;
    struct fault fault;
    if (packed.size == 0
        && json_to_msgpack(text(known), &packed, NULL, &fault) != ERR_NONE)
        WRONG("the scope is no JSON");
    struct bytes root = buffer_bytes(&packed);
    struct expression_scope scope = scope_of(&root);
    if (in.size > 0)
        judge(in.data[0] & 3, bytes_of(in.data + 1, in.size - 1), &scope);
}
