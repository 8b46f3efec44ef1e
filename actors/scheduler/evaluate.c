/* Evaluating a template of a step: what went wrong is said with its place. */
#include "actors/expression/reading.h"
#include "actors/scheduler/scope.h"

static struct expression_limits
limits_of(const struct turn *turn)
{
    struct expression_limits limits = expression_limits_default;
    limits.output_max = turn->state->config->payload_max;
    return limits;
}

static struct bytes
fault_words(struct turn *turn, const char *what, const struct expression_fault *fault)
{
    struct buffer words = { 0 };
    buffer_print(&words, "%s%s%s: ", what,
        fault->where[0] == '\0' || fault->where[0] == '[' ? "" : ".", fault->where);
    if (fault->line > 0) /* else it is no template's */
        buffer_print(&words, "line %u, column %u: ", (unsigned)fault->line,
            (unsigned)fault->column);
    buffer_print(&words, "%s", fault->message);
    struct bytes kept = arena_copy(turn->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    return kept;
}

bool
evaluate_payload(struct turn *turn, uint32_t step, const char *what,
    struct bytes payload, struct bytes *value, struct bytes *wrong)
{
    struct expression_scope scope = scope_of(turn, step);
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault = { .err = ERR_NONE };
    if (expression_payload(payload, &scope, &limits, turn->out->arena, value, &fault)
        == ERR_NONE)
        return true;
    *wrong = fault_words(turn, what, &fault);
    return false;
}

bool
evaluate_text(struct turn *turn, uint32_t step, const char *what, struct bytes source,
    struct bytes *value, struct bytes *wrong)
{
    struct expression_scope scope = scope_of(turn, step);
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault = { .err = ERR_NONE };
    if (expression_template(source, &scope, &limits, turn->out->arena, value, &fault)
        == ERR_NONE)
        return true;
    *wrong = fault_words(turn, what, &fault);
    return false;
}

/* A template that is the whole text keeps its type: a dot before it, dropped again,
 * makes a text of any value.  A space would be trimmed by {{- as well. */
bool
evaluate_words(struct turn *turn, uint32_t step, const char *what, struct bytes source,
    struct bytes *words, struct bytes *wrong)
{
    struct bytes value;
    if (!expression_in(source)) {
        *words = source;
        return true;
    }
    uint8_t *longer = arena_take(turn->out->arena, source.size + 1);
    longer[0] = '.';
    memcpy(longer + 1, source.data, source.size);
    struct expression_scope scope = scope_of(turn, step);
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault = { .err = ERR_NONE };
    if (expression_template(bytes_of(longer, source.size + 1), &scope, &limits,
            turn->out->arena, &value, &fault)
        != ERR_NONE) {
        fault.column -= fault.line == 1;
        *wrong = fault_words(turn, what, &fault);
        return false;
    }
    struct cursor in = cursor_over(value);
    *words = cursor_text(&in);
    *words = bytes_of(words->data + 1, words->size - 1);
    return true;
}

bool
evaluate_condition(struct turn *turn, uint32_t step, const char *what,
    struct bytes source, uint64_t *fuel, bool *holds, struct bytes *wrong)
{
    struct expression_scope scope = scope_of(turn, step);
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault;
    struct reading reading = { &scope, NULL, &limits, *fuel, turn->out->arena, &fault };
    enum err err = reading_condition(&reading, source, holds);
    *fuel = reading.fuel;
    if (err == ERR_NONE)
        return true;
    *wrong = fault_words(turn, what, &fault);
    return false;
}

/* A scope of a few values. */
struct given {
    size_t count;
    struct bytes names[2], values[2];
};

static bool
find_given(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    const struct given *given = self;
    *used = 0;
    for (size_t i = 0; i < given->count && count > 0; i++) {
        if (!bytes_equal(path[0], given->names[i]))
            continue;
        *used = 1;
        *value = given->values[i];
        return true;
    }
    return false;
}

/* The language knows how moments are written; nobody else needs to. */
bool
evaluate_moment(struct turn *turn, const char *what, struct bytes value,
    uint64_t *unix_ms, struct bytes *wrong)
{
    struct given given = { 1, { text("moment") }, { value } };
    struct expression_scope scope = { &given, find_given };
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault = { .err = ERR_NONE };
    struct bytes number;
    if (expression_value(text("toUnixMs(moment)"), &scope, &limits, turn->out->arena,
            &number, &fault)
        != ERR_NONE) {
        *wrong = fault_words(turn, what, &fault);
        return false;
    }
    struct cursor in = cursor_over(number);
    *unix_ms = cursor_u64(&in);
    if (in.bad)
        *unix_ms = 0; /* before 1970 has passed as well */
    return true;
}

/* Each value of a mapping is limited by itself; and what they make together? */
static bool
fits(struct turn *turn, const char *what, struct bytes value,
    const struct expression_limits *limits, struct bytes *wrong)
{
    struct buffer words = { 0 };
    if (value.size <= limits->output_max && pack_check_payload(value) == ERR_NONE)
        return true;
    buffer_print(&words,
        "%s: a payload of more than %zu bytes, or nested deeper than %d levels", what,
        limits->output_max, (int)PAYLOAD_DEPTH_MAX);
    *wrong = arena_copy(turn->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    return false;
}

bool
evaluate_mapping(struct turn *turn, const char *what, struct bytes mapping,
    struct bytes event, struct bytes meta, struct bytes *value, struct bytes *wrong)
{
    struct given given = { 2, { text("event"), text("meta") }, { event, meta } };
    struct expression_scope scope = { &given, find_given };
    struct expression_limits limits = limits_of(turn);
    struct expression_fault fault;
    struct reading reading = { &scope, NULL, &limits, limits.fuel, turn->out->arena,
        &fault };
    struct cursor in = cursor_over(mapping);
    struct buffer out = { 0 };
    size_t pairs = cursor_map(&in);
    bool good = true;
    pack_map(&out, pairs);
    for (size_t i = 0; i < pairs && good && out.size <= limits.output_max; i++) {
        struct bytes name = cursor_text(&in), source = cursor_text(&in), found;
        good = reading_value(&reading, source, EXPRESSION_VALUE, &found) == ERR_NONE;
        if (!good)
            *wrong = fault_words(turn, what, &fault);
        pack_text(&out, name);
        pack_raw(&out, good ? found : (struct bytes){ 0 });
    }
    *value = arena_copy(turn->out->arena, buffer_bytes(&out));
    buffer_free(&out);
    return good && fits(turn, what, *value, &limits, wrong);
}

bool
run_output(struct turn *turn, struct bytes *output, struct bytes *wrong)
{
    struct bytes declared = turn->run.plan.output;
    if (cursor_type(
            &(struct cursor){ declared.data, declared.data + declared.size, false })
        != PACK_NIL)
        return evaluate_payload(turn, PLAN_NO_STEP, "output", declared, output, wrong);
    if (step_output(turn, layout_last(&turn->run.layout), output))
        return true;
    *wrong = text("output: larger than payload_max");
    return false;
}
