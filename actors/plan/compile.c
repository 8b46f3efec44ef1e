#include "actors/plan/compile.h"

#include "actors/plan/form.h"
#include "actors/plan/payload.h"
#include "actors/plan/steps.h"
#include "actors/plan/triggers.h"

enum { DESCRIPTION_MAX = 4096 };

#define YEAR_MS ((uint64_t)365 * 24 * 3600 * 1000)

enum top_slot {
    TOP_SCHEMA,
    TOP_NAME,
    TOP_HANDLE,
    TOP_DESCRIPTION,
    TOP_CONCURRENCY,
    TOP_TIMEOUT,
    TOP_TRIGGERS,
    TOP_STEPS,
    TOP_INPUTS,
    TOP_DEFAULT_INPUTS,
    TOP_TAGS,
    TOP_SETTINGS,
    TOP_SETTINGS_CONCURRENCY,
    TOP_LIMITS,
    TOP_DEFAULTS,
    TOP_SLOTS
};

static const struct choice schemas[] = { { "1", 1 }, { NULL, 0 } };

static const struct choice policies[] = {
    { "allow", PLAN_ALLOW },
    { "forbid", CHOICE_LATER },
    { "skip", CHOICE_LATER },
    { "replace", CHOICE_LATER },
    { "queue", CHOICE_LATER },
    { NULL, 0 },
};

static const struct rule concurrency_rules[] = {
    { .key = "policy",
        .type = RULE_CHOICE,
        .slot = TOP_CONCURRENCY,
        .choices = policies,
        .required = "a policy such as allow" },
    { .key = "max", .type = RULE_LATER },
    { .key = "key", .type = RULE_LATER },
};
static const struct form concurrency_form = FORM(concurrency_rules);

static const struct rule settings_rules[] = {
    { .key = "concurrency",
        .type = RULE_FORM,
        .slot = TOP_SETTINGS_CONCURRENCY,
        .form = &concurrency_form },
};
static const struct form settings_form = FORM(settings_rules);

#define RUN_TIMEOUT(key_)                                                              \
    {                                                                                  \
        .key = key_, .type = RULE_DURATION, .slot = TOP_TIMEOUT, .min = 1,             \
        .max = YEAR_MS                                                                 \
    }
#define LATER(key_)                                                                    \
    {                                                                                  \
        .key = key_, .type = RULE_LATER                                                \
    }

static const struct rule limits_rules[] = {
    RUN_TIMEOUT("wall_clock_timeout"),
    LATER("budget_usd"),
    LATER("credit_budget"),
    LATER("daily_budget_usd"),
    LATER("daily_credit_budget"),
    LATER("max_agent_turns"),
    LATER("max_duplicate_tool_calls"),
    LATER("pause_after_consecutive_failures"),
};
static const struct form limits_form = FORM(limits_rules);

static const struct rule defaults_rules[] = {
    RUN_TIMEOUT("wall_clock_timeout"),
    LATER("environment"),
    LATER("agent_session"),
};
static const struct form defaults_form = FORM(defaults_rules);

static const struct rule top_rules[] = {
    { .key = "schema_version",
        .type = RULE_CHOICE,
        .slot = TOP_SCHEMA,
        .choices = schemas },
    { .key = "name",
        .type = RULE_LINE,
        .slot = TOP_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX,
        .required = "the name of the automation" },
    NAMED("handle", RULE_KEY, TOP_HANDLE),
    { .key = "description",
        .type = RULE_PROSE,
        .slot = TOP_DESCRIPTION,
        .max = DESCRIPTION_MAX },
    { .key = "concurrency",
        .type = RULE_CHOICE,
        .slot = TOP_CONCURRENCY,
        .choices = policies,
        .form = &concurrency_form },
    RUN_TIMEOUT("timeout"),
    { .key = "triggers", .type = RULE_LIST, .slot = TOP_TRIGGERS },
    { .key = "steps",
        .type = RULE_LIST,
        .slot = TOP_STEPS,
        .required = "a list of at least one step" },
    { .key = "inputs", .type = RULE_MAP, .slot = TOP_INPUTS },
    { .key = "default_inputs", .type = RULE_MAP, .slot = TOP_DEFAULT_INPUTS },
    { .key = "tags", .type = RULE_ANY, .slot = TOP_TAGS },
    { .key = "settings",
        .type = RULE_FORM,
        .slot = TOP_SETTINGS,
        .form = &settings_form },
    { .key = "limits", .type = RULE_FORM, .slot = TOP_LIMITS, .form = &limits_form },
    { .key = "defaults",
        .type = RULE_FORM,
        .slot = TOP_DEFAULTS,
        .form = &defaults_form },
    LATER("agent_id"),
    LATER("cleanup"),
    LATER("config"),
    LATER("default_agent_id"),
    LATER("default_config"),
    LATER("env"),
    LATER("event"),
    LATER("jobs"),
    LATER("on"),
    LATER("output"),
    LATER("owner"),
    LATER("repositories"),
    LATER("run_name"),
};
static const struct form top_form = FORM(top_rules);

/* Of one declared input. */
enum input_slot {
    INPUT_TYPE,
    INPUT_DESCRIPTION,
    INPUT_REQUIRED,
    INPUT_DEFAULT,
    INPUT_SLOTS
};

static const struct choice input_types[] = {
    { "string", 1 },
    { "number", 2 },
    { "integer", 3 },
    { "boolean", 4 },
    { "object", 5 },
    { "array", 6 },
    { NULL, 0 },
};

static const struct rule input_rules[] = {
    { .key = "type", .type = RULE_CHOICE, .slot = INPUT_TYPE, .choices = input_types },
    { .key = "description",
        .type = RULE_PROSE,
        .slot = INPUT_DESCRIPTION,
        .max = DESCRIPTION_MAX },
    { .key = "required", .type = RULE_FLAG, .slot = INPUT_REQUIRED },
    { .key = "default", .type = RULE_ANY, .slot = INPUT_DEFAULT },
};
static const struct form input_form = FORM(input_rules);

static struct bytes
inputs_read(struct reading *r, const struct node *map)
{
    for (const struct node *node = map->first; node != NULL; node = node->next) {
        struct answer a[INPUT_SLOTS] = { 0 };
        if (!key_valid(node->key))
            mistake_at_key(r, node,
                "%s is no name of an input: expected 1 to %u letters, "
                "digits, dots, dashes or underscores",
                quoted(node->key).text, (unsigned)PLAN_KEY_MAX);
        if (node->type == NODE_MAP)
            form_read(r, node, &input_form, a);
        else if (node->type != NODE_REFUSED)
            mistake_expected(
                r, node, "a map with type, description, required or default");
    }
    return payload_pack(r, map);
}

/* Tags: a map or a list, of scalars. */
static struct bytes
tags_read(struct reading *r, const struct node *node)
{
    if (node->type == NODE_REFUSED)
        return (struct bytes){ 0 };
    if (node->type == NODE_SCALAR) {
        mistake_expected(r, node, "a map or a list");
        return (struct bytes){ 0 };
    }
    for (const struct node *at = node->first; at != NULL; at = at->next)
        if (at->type == NODE_LIST || at->type == NODE_MAP)
            mistake_expected(r, at, "a text");
    return payload_pack(r, node);
}

static struct plan
plan_of(struct reading *r, const struct answer *a)
{
    struct plan plan = {
        .name = a[TOP_NAME].text,
        .handle = a[TOP_HANDLE].text,
        .description = a[TOP_DESCRIPTION].text,
        .concurrency = PLAN_ALLOW,
        .timeout_ms = a[TOP_TIMEOUT].number,
    };
    if (a[TOP_CONCURRENCY].good)
        plan.concurrency = (enum plan_concurrency)a[TOP_CONCURRENCY].number;
    if (a[TOP_INPUTS].good)
        plan.inputs = inputs_read(r, a[TOP_INPUTS].at);
    if (a[TOP_DEFAULT_INPUTS].good)
        plan.default_inputs = payload_pack(r, a[TOP_DEFAULT_INPUTS].at);
    if (a[TOP_TAGS].good)
        plan.tags = tags_read(r, a[TOP_TAGS].at);
    return plan;
}

static void
automation_read(struct reading *r, const struct node *root, struct buffer *out)
{
    struct answer a[TOP_SLOTS] = { 0 };
    struct triggers *triggers = arena_take(r->arena, sizeof *triggers);
    struct steps steps = { 0 };
    if (root->type != NODE_MAP) {
        mistake_expected(r, root, "a map with name and steps");
        return;
    }
    form_read(r, root, &top_form, a);
    struct plan plan = plan_of(r, a);
    if (a[TOP_TRIGGERS].good)
        triggers_read(r, a[TOP_TRIGGERS].at, triggers);
    if (a[TOP_STEPS].good) {
        steps_read(r, a[TOP_STEPS].at, &steps);
        needs_resolve(r, &steps);
    }
    if (r->mistakes->total == 0)
        plan_write(
            &plan, steps.list, steps.count, triggers->list, triggers->count, out);
}

enum err
compile(struct bytes text, const struct compile_limits *limits, struct arena *arena,
    struct buffer *out, struct mistakes *mistakes)
{
    struct reading r = { .limits = limits, .arena = arena, .mistakes = mistakes };
    struct node *root;
    mistakes_clear(&r);
    if (text.size > limits->text_max) {
        mistake_mark(&r, (struct mark){ 1, 1 }, "%zu bytes: expected at most %zu",
            text.size, limits->text_max);
        return ERR_TOO_LARGE;
    }
    enum err e = tree_read(&r, text, &root);
    if (e == ERR_MALFORMED)
        return e;
    if (root != NULL)
        automation_read(&r, root, out);
    buffer_free(&r.scratch);
    return mistakes->total == 0 ? ERR_NONE : ERR_INVALID;
}
