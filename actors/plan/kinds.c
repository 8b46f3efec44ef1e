#include "actors/plan/kinds.h"

#include <stdio.h>

static const struct choice backoffs[] = {
    { "none", BACKOFF_NONE },
    { "linear", BACKOFF_LINEAR },
    { "exponential", BACKOFF_EXPONENTIAL },
    { NULL, 0 },
};

static const struct choice on_timeouts[] = {
    { "fail", ON_TIMEOUT_FAIL },
    { "skip", ON_TIMEOUT_SKIP },
    { "continue", ON_TIMEOUT_CONTINUE },
    { "escalate", ON_TIMEOUT_ESCALATE },
    { NULL, 0 },
};

static const struct rule retry_rules[] = {
    { .key = "max_attempts",
        .type = RULE_COUNT,
        .slot = STEP_ATTEMPTS,
        .min = 1,
        .max = PLAN_ATTEMPTS_MAX,
        .required = "how often the step is tried in all, such as 3" },
    { .key = "delay", .type = RULE_DURATION, .slot = STEP_DELAY, .max = DAY_MS },
    CHOOSE("backoff", STEP_BACKOFF, backoffs),
    SPAN("max_delay", STEP_MAX_DELAY, 1, DAY_MS),
    { .key = "jitter", .type = RULE_PERCENT, .slot = STEP_JITTER, .max = 100 },
    WANTED("retry_on", RULE_ANY, STEP_RETRY_ON),
};
static const struct form retry_form = FORM(retry_rules);

#define ON_TIMEOUT                                                                     \
    {                                                                                  \
        .key = "on_timeout", .type = RULE_CHOICE, .slot = STEP_ON_TIMEOUT,             \
        .choices = on_timeouts                                                         \
    }
#define TIMEOUT(key_)                                                                  \
    {                                                                                  \
        .key = key_, .type = RULE_DURATION, .slot = STEP_TIMEOUT, .min = 1,            \
        .max = YEAR_MS, .form = &timeout_form                                          \
    }

static const struct rule timeout_rules[] = {
    { .key = "duration",
        .type = RULE_DURATION,
        .slot = STEP_TIMEOUT,
        .min = 1,
        .max = YEAR_MS,
        .required = "a duration such as \"30s\"" },
    ON_TIMEOUT,
};
static const struct form timeout_form = FORM(timeout_rules);

static const struct rule common_rules[] = {
    NAMED("key", RULE_KEY, STEP_KEY),
    NAMED("id", RULE_KEY, STEP_KEY),
    LINE("name", STEP_NAME),
    WANTED("kind", RULE_ANY, STEP_DISCRIMINATOR),
    WANTED("type", RULE_ANY, STEP_DISCRIMINATOR),
    WANTED("config", RULE_MAP, STEP_CONFIG),
    WANTED("needs", RULE_ANY, STEP_NEEDS),
    WITHIN("retry", STEP_RETRY, &retry_form),
    TIMEOUT("timeout"),
    ON_TIMEOUT,
    CONDITION("if", STEP_IF, NAMES_STEP),
    NAMED("save_as", RULE_KEY, STEP_SAVE_AS),
    WANTED("on_error", RULE_ANY, STEP_ON_ERROR),
    LATER("env", "give the action what it needs as parameters"),
};
const struct form step_common_form = FORM(common_rules);
const struct form step_other_form = { NULL, 0, &step_common_form, OTHERS_PASSED };

enum { TITLE_MAX = 256, PROSE_MAX = 65536, EACH_CONCURRENCY_MAX = 10000 };

static const struct choice locations[] = {
    { "worker", 1 },
    { "managed", CHOICE_LATER },
    { "environment", CHOICE_LATER },
    { NULL, 0 },
};

static const struct rule action_rules[] = {
    NAMED("action_name", RULE_WORD, ACTION_NAME),
    NAMED("action", RULE_WORD, ACTION_NAME),
    MAPPED("parameters", ACTION_PARAMETERS),
    MAPPED("with", ACTION_PARAMETERS),
    MAPPED("input", ACTION_PARAMETERS),
    NAMED("queue", RULE_WORD, ACTION_QUEUE),
    WANTED("labels", RULE_LIST, ACTION_LABELS),
    NAMED("environment_id", RULE_WORD, ACTION_ENVIRONMENT),
    CHOOSE("execution_location", ACTION_LOCATION, locations),
};
FORM_WITH_CONFIG(action, STEP_CONFIG, &step_common_form);

static const struct rule sleep_rules[] = {
    { .key = "duration",
        .type = RULE_DURATION,
        .slot = SLEEP_DURATION,
        .max = YEAR_MS,
        .names = NAMES_STEP },
    TEMPLATED("until", RULE_LINE, SLEEP_UNTIL, PLAN_NAME_MAX, NAMES_STEP),
};
FORM_WITH_CONFIG(sleep, STEP_CONFIG, &step_common_form);

static const struct rule wait_rules[] = {
    NAMED("event_type", RULE_WORD, WAIT_EVENT_TYPE),
    TEMPLATED("source", RULE_LINE, WAIT_SOURCE, PLAN_NAME_MAX, NAMES_STEP),
    TEMPLATED("source_id", RULE_LINE, WAIT_SOURCE, PLAN_NAME_MAX, NAMES_STEP),
    WANTED("match", RULE_MAP, WAIT_MATCH),
    CONDITION("condition", WAIT_CONDITION, NAMES_EVENT),
    NAMED("lookback", RULE_WORD, WAIT_LOOKBACK),
    NAMED("look_back", RULE_WORD, WAIT_LOOKBACK),
    WANTED("payload_mapping", RULE_MAP, WAIT_MAPPING),
    WANTED("mapping", RULE_MAP, WAIT_MAPPING),
    TIMEOUT("timeout"),
    ON_TIMEOUT,
};
FORM_WITH_CONFIG(wait, STEP_CONFIG, &step_common_form);

static const struct choice protocols[] = {
    { "request_approval", 1 },
    { "approval", 1 },
    { "request_information", 2 },
    { "information", 2 },
    { "request_review", 3 },
    { "review", 3 },
    { NULL, 0 },
};

static const struct choice resolutions[] = {
    { "any_of", 0 },
    { "all_of", 1 },
    { NULL, 0 },
};

static const struct choice on_rejects[] = {
    { "fail", 1 },
    { "continue", 0 },
    { NULL, 0 },
};

static const struct rule interaction_rules[] = {
    CHOOSE("protocol", ASK_PROTOCOL, protocols),
    TEMPLATED("title", RULE_LINE, ASK_TITLE, TITLE_MAX, NAMES_STEP),
    TEMPLATED("prompt", RULE_PROSE, ASK_PROMPT, PROSE_MAX, NAMES_STEP),
    TEMPLATED("message", RULE_PROSE, ASK_PROMPT, PROSE_MAX, NAMES_STEP),
    WANTED("targets", RULE_ANY, ASK_TARGETS),
    WANTED("target_user_ids", RULE_ANY, ASK_TARGETS),
    CHOOSE("resolution_policy", ASK_RESOLUTION, resolutions),
    MAPPED("spec", ASK_SPEC),
    TIMEOUT("expires_at"),
    TIMEOUT("timeout"),
    TEMPLATED("until", RULE_LINE, ASK_UNTIL, PLAN_NAME_MAX, NAMES_STEP),
    ON_TIMEOUT,
    WANTED("escalate_to", RULE_ANY, ASK_ESCALATE_TO),
    CHOOSE("on_reject", ASK_ON_REJECT, on_rejects),
};
FORM_WITH_CONFIG(interaction, STEP_CONFIG, &step_common_form);

/* Behind `type: interaction` the word `kind` is the protocol. */
static const struct rule typed_interaction_rules[] = {
    CHOOSE("kind", ASK_PROTOCOL, protocols),
};
static const struct form typed_interaction_form =
    FORM_AND(typed_interaction_rules, &interaction_form);

static const struct choice on_cancels[] = {
    { "cancel", 0 },
    { "abandon", 1 },
    { NULL, 0 },
};

static const struct rule child_rules[] = {
    TEMPLATED("automation", RULE_LINE, CHILD_AUTOMATION, PLAN_NAME_MAX, NAMES_STEP),
    TEMPLATED(
        "automation_handle", RULE_LINE, CHILD_AUTOMATION, PLAN_NAME_MAX, NAMES_STEP),
    TEMPLATED("loop_id", RULE_LINE, CHILD_AUTOMATION, PLAN_NAME_MAX, NAMES_STEP),
    TEMPLATED("loop", RULE_LINE, CHILD_AUTOMATION, PLAN_NAME_MAX, NAMES_STEP),
    WANTED("inputs", RULE_MAP, CHILD_INPUTS),
    WANTED("event", RULE_MAP, CHILD_INPUTS),
    WANTED("with", RULE_MAP, CHILD_INPUTS),
    WANTED("wait", RULE_FLAG, CHILD_WAIT),
    CHOOSE("on_cancel", CHILD_ON_CANCEL, on_cancels),
    CONDITION("condition", STEP_IF, NAMES_STEP),
};
/* Its config may hold the `config` of a loop, which is not the config of a step. */
static const struct rule child_config_rules[] = {
    LATER("config", "give the child inputs"),
};
static const struct form child_own = FORM(child_rules);
static const struct form child_config = FORM_AND(child_config_rules, &child_own);
static const struct rule child_config_rule[] = {
    WITHIN("config", STEP_CONFIG, &child_config),
};
static const struct form child_flat = FORM_AND(child_rules, &step_common_form);
static const struct form child_form = FORM_AND(child_config_rule, &child_flat);

static const struct choice on_fails[] = {
    { "fail", ON_FAIL_FAIL },
    { "continue", ON_FAIL_CONTINUE },
    { "gate", ON_FAIL_GATE },
    { NULL, 0 },
};

static const struct rule gate_rules[] = {
    { .key = "targets",
        .type = RULE_ANY,
        .slot = CHECK_TARGETS,
        .required = "who is asked: a list" },
    TEMPLATED("prompt", RULE_PROSE, CHECK_PROMPT, PROSE_MAX, NAMES_STEP),
};
static const struct form gate_form = FORM(gate_rules);

static const struct rule check_rules[] = {
    WANTED("checks", RULE_LIST, CHECK_CHECKS),
    CHOOSE("on_fail", CHECK_ON_FAIL, on_fails),
    WITHIN("gate", CHECK_GATE, &gate_form),
};
FORM_WITH_CONFIG(check, STEP_CONFIG, &step_common_form);

static const struct rule parallel_rules[] = {
    WANTED("steps", RULE_LIST, BODY_STEPS),
    WANTED("branches", RULE_MAP, BODY_BRANCHES),
};
FORM_WITH_CONFIG(parallel, STEP_CONFIG, &step_common_form);

static const struct choice on_item_errors[] = {
    { "stop", 0 },
    { "fail", 0 },
    { "continue", 1 },
    { NULL, 0 },
};

static const struct rule each_rules[] = {
    WANTED("steps", RULE_LIST, BODY_STEPS),
    WANTED("items", RULE_ANY, EACH_ITEMS),
    COUNTED("concurrency", EACH_CONCURRENCY, EACH_CONCURRENCY_MAX),
    NAMED("as", RULE_KEY, EACH_AS),
    CHOOSE("on_item_error", EACH_ON_ITEM_ERROR, on_item_errors),
};
FORM_WITH_CONFIG(each, STEP_CONFIG, &step_common_form);

static const struct rule set_rules[] = {
    WANTED("values", RULE_MAP, SET_VALUES),
    WANTED("with", RULE_MAP, SET_VALUES),
};
FORM_WITH_CONFIG(set, STEP_CONFIG, &step_common_form);

static const struct rule agent_rules[] = {
    TEMPLATED("instructions", RULE_PROSE, AGENT_INSTRUCTIONS, PROSE_MAX, NAMES_STEP),
    TEMPLATED("prompt", RULE_PROSE, AGENT_INSTRUCTIONS, PROSE_MAX, NAMES_STEP),
    NAMED("agent_id", RULE_WORD, AGENT_ID),
    WANTED("tool_names", RULE_LIST, AGENT_TOOL_NAMES),
    WANTED("disable_tools", RULE_FLAG, AGENT_DISABLE_TOOLS),
    WANTED("output_schema", RULE_MAP, AGENT_OUTPUT_SCHEMA),
    COUNTED("max_turns", AGENT_MAX_TURNS, 1000),
    WANTED("model_route", RULE_MAP, AGENT_MODEL_ROUTE),
    WANTED("session", RULE_MAP, AGENT_SESSION),
    WANTED("memory_tables", RULE_LIST, AGENT_MEMORY_TABLES),
};
FORM_WITH_CONFIG(agent, STEP_CONFIG, &step_common_form);

/* A new kind is a new row; the number of a word is its row. */
static const struct kind kinds[] = {
    { STEP_ACTION, &action_form, action_fill },
    { STEP_AGENT, &agent_form, agent_fill },
    { STEP_SLEEP, &sleep_form, sleep_fill },
    { STEP_WAIT, &wait_form, wait_fill },
    { STEP_INTERACTION, &interaction_form, interaction_fill },
    { STEP_CHILD, &child_form, child_fill },
    { STEP_CHECK, &check_form, check_fill },
    { STEP_PARALLEL, &parallel_form, NULL },
    { STEP_EACH, &each_form, each_fill },
    { STEP_SET, &set_form, set_fill },
};

static const struct kind typed_interaction = { STEP_INTERACTION,
    &typed_interaction_form, interaction_fill };

static const struct choice kind_names[] = {
    { "action", 0 },
    { "agent", 1 },
    { "sleep", 2 },
    { "wait_for_event", 3 },
    { "interaction", 4 },
    { "automation", 5 },
    { "loop", 5 },
    { "check", 6 },
    { "parallel", 7 },
    { "each", 8 },
    { "set", 9 },
    { NULL, 0 },
};

const struct kind *
kind_of(struct reading *r, const struct node *node)
{
    static const struct rule rule = {
        .key = "kind", .type = RULE_CHOICE, .choices = kind_names
    };
    const struct node *type = given_find(node, "type");
    const struct node *kind = given_find(node, "kind");
    const struct node *given = type != NULL ? type : kind;
    if (given == NULL) {
        mistake_missing(
            r, node, "kind", "missing: expected what the step does, such as action");
        return NULL;
    }
    struct answer a = rule_read(r, given, &rule);
    if (!a.good)
        return NULL;
    bool asks = type != NULL && kinds[a.number].kind == STEP_INTERACTION;
    return asks ? &typed_interaction : &kinds[a.number];
}

const struct node *
body_of(const struct node *node, const char *key)
{
    const struct node *body = given_find(node, key);
    const struct node *config = tree_find(node, "config");
    return body != NULL || config == NULL ? body : given_find(config, key);
}

bool
fill_required(struct filling *f, unsigned slot, const char *key, const char *expected)
{
    const struct answer *config = &f->a[STEP_CONFIG];
    bool blind = config->at != NULL && !config->good;
    bool flat = config->at == NULL && given_find(f->node, "type") != NULL;
    if (f->a[slot].at != NULL || blind)
        return f->a[slot].good;
    char path[64];
    snprintf(path, sizeof path, "%s%s", flat ? "" : "config.", key);
    mistake_missing(f->r, f->node, path, "missing: expected %s", expected);
    return false;
}

struct bytes
config_pack(struct reading *r, const struct shape *shape, const void *record)
{
    buffer_clear(&r->scratch);
    fields_write(shape, record, NULL, &r->scratch);
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}
