#include "actors/plan/compile.h"

#include "actors/plan/inputs.h"
#include "actors/plan/jobs.h"
#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "actors/plan/triggers.h"

enum {
    DESCRIPTION_MAX = 4096,
    RUNS_MAX = 100000,
    QUEUED_MAX = 10000000,
    FAILURES_MAX = 1000,
};

enum top_slot {
    TOP_SCHEMA,
    TOP_NAME,
    TOP_HANDLE,
    TOP_DESCRIPTION,
    TOP_OWNER,
    TOP_POLICY,
    TOP_RUNS_MAX,
    TOP_QUEUED_MAX,
    TOP_GROUP,
    TOP_TIMEOUT,
    TOP_TRIGGERS,
    TOP_STEPS,
    TOP_CLEANUP,
    TOP_INPUTS,
    TOP_DEFAULT_INPUTS,
    TOP_CONFIG,
    TOP_DEFAULT_CONFIG,
    TOP_OUTPUT,
    TOP_RUN_NAME,
    TOP_TAGS,
    TOP_SETTINGS,
    TOP_SETTINGS_CONCURRENCY,
    TOP_LIMITS,
    TOP_FAILURES_MAX,
    TOP_BUDGET,
    TOP_BUDGET_DAILY,
    TOP_TURNS,
    TOP_CALLS,
    TOP_DEFAULTS,
    TOP_SESSION,
    TOP_ENVIRONMENT,
    TOP_ENVIRONMENT_ID,
    TOP_AGENT,
    TOP_JOBS,
    TOP_ENV,
    TOP_ON,
    TOP_SLOTS
};

static const struct choice schemas[] = { { "1", 1 }, { NULL, 0 } };

static const struct rule concurrency_rules[] = {
    { .key = "policy",
        .type = RULE_CHOICE,
        .slot = TOP_POLICY,
        .choices = policy_names,
        .required = "a policy such as allow" },
    COUNTED("max", TOP_RUNS_MAX, RUNS_MAX),
    COUNTED("queue_max", TOP_QUEUED_MAX, QUEUED_MAX),
    TEMPLATED("key", RULE_LINE, TOP_GROUP, PLAN_NAME_MAX, NAMES_START),
};
static const struct form concurrency_form = FORM(concurrency_rules);

static const struct rule settings_rules[] = {
    WITHIN("concurrency", TOP_SETTINGS_CONCURRENCY, &concurrency_form),
};
static const struct form settings_form = FORM(settings_rules);

#define RUN_TIMEOUT(key_)                                                              \
    {                                                                                  \
        .key = key_, .type = RULE_DURATION, .slot = TOP_TIMEOUT, .min = 1,             \
        .max = YEAR_MS                                                                 \
    }

/* What bounds agents holds by itself where no agent runs. */
static const struct rule limits_rules[] = {
    RUN_TIMEOUT("wall_clock_timeout"),
    COUNTED("pause_after_consecutive_failures", TOP_FAILURES_MAX, FAILURES_MAX),
    WANTED("budget_usd", RULE_AMOUNT, TOP_BUDGET),
    WANTED("credit_budget", RULE_AMOUNT, TOP_BUDGET),
    WANTED("daily_budget_usd", RULE_AMOUNT, TOP_BUDGET_DAILY),
    WANTED("daily_credit_budget", RULE_AMOUNT, TOP_BUDGET_DAILY),
    COUNTED("max_agent_turns", TOP_TURNS, UINT32_MAX),
    COUNTED("max_duplicate_tool_calls", TOP_CALLS, UINT32_MAX),
};
static const struct form limits_form = FORM(limits_rules);

static const struct rule environment_rules[] = {
    NAMED("environment_id", RULE_WORD, TOP_ENVIRONMENT_ID),
    LATER("mode", NULL),
    LATER("template_id", NULL),
    LATER("provider", NULL),
    LATER("runtime_version", NULL),
    LATER("auto_start_worker", NULL),
    LATER("retention_policy", NULL),
    LATER("disabled", NULL),
};
static const struct form environment_form = FORM(environment_rules);

static const struct rule defaults_rules[] = {
    RUN_TIMEOUT("wall_clock_timeout"),
    WITHIN("environment", TOP_ENVIRONMENT, &environment_form),
    WANTED("agent_session", RULE_MAP, TOP_SESSION),
};
static const struct form defaults_form = FORM(defaults_rules);

static const struct rule run_name_rules[] = {
    TEMPLATED("template", RULE_LINE, TOP_RUN_NAME, PLAN_NAME_MAX, NAMES_START),
    LATER("description_template", NULL),
};
static const struct form run_name_form = FORM(run_name_rules);

static const struct rule top_rules[] = {
    CHOOSE("schema_version", TOP_SCHEMA, schemas),
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
    WANTED("owner", RULE_ANY, TOP_OWNER),
    { .key = "concurrency",
        .type = RULE_CHOICE,
        .slot = TOP_POLICY,
        .choices = policy_names,
        .form = &concurrency_form },
    RUN_TIMEOUT("timeout"),
    WANTED("triggers", RULE_LIST, TOP_TRIGGERS),
    WANTED("steps", RULE_LIST, TOP_STEPS),
    WANTED("cleanup", RULE_LIST, TOP_CLEANUP),
    WANTED("inputs", RULE_MAP, TOP_INPUTS),
    WANTED("event", RULE_MAP, TOP_INPUTS),
    WANTED("default_inputs", RULE_MAP, TOP_DEFAULT_INPUTS),
    WANTED("config", RULE_MAP, TOP_CONFIG),
    WANTED("default_config", RULE_MAP, TOP_DEFAULT_CONFIG),
    WANTED("output", RULE_ANY, TOP_OUTPUT),
    { .key = "run_name",
        .type = RULE_LINE,
        .slot = TOP_RUN_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX,
        .names = NAMES_START,
        .form = &run_name_form },
    WANTED("tags", RULE_ANY, TOP_TAGS),
    WITHIN("settings", TOP_SETTINGS, &settings_form),
    WITHIN("limits", TOP_LIMITS, &limits_form),
    WITHIN("defaults", TOP_DEFAULTS, &defaults_form),
    NAMED("agent_id", RULE_WORD, TOP_AGENT),
    NAMED("default_agent_id", RULE_WORD, TOP_AGENT),
    WANTED("jobs", RULE_MAP, TOP_JOBS),
    WANTED("env", RULE_MAP, TOP_ENV),
    WANTED("on", RULE_ANY, TOP_ON),
    LATER("repositories", "let an action fetch what it needs"),
    LATER("status", "use capstan automations pause, resume and archive"),
};
static const struct form top_form = FORM(top_rules);
/* As workflow-graph does, unless it is probably a slip. */
static const struct form jobs_form = { NULL, 0, &top_form, OTHERS_NEAR };

/* Tags: a map or a list, of scalars. */
static struct bytes
tags_read(struct reading *r, const struct node *node)
{
    if (node->type == NODE_SCALAR) {
        mistake_expected(r, node, "a map or a list");
        return (struct bytes){ 0 };
    }
    for (const struct node *at = node->first; at != NULL; at = at->next)
        if (at->type == NODE_LIST || at->type == NODE_MAP)
            mistake_expected(r, at, "a text");
    return payload_pack(r, node, NAMES_NONE);
}

static const struct node *
good_node(const struct answer *a)
{
    return a->good ? a->at : NULL;
}

static void
concurrency_fill(struct reading *r, const struct answer *a, struct plan *plan)
{
    static const enum top_slot queue_only[] = { TOP_RUNS_MAX, TOP_QUEUED_MAX };
    plan->concurrency =
        a[TOP_POLICY].good ? (enum plan_concurrency)a[TOP_POLICY].number : PLAN_ALLOW;
    plan->runs_max = (uint32_t)a[TOP_RUNS_MAX].number;
    plan->queued_max = (uint32_t)a[TOP_QUEUED_MAX].number;
    plan->concurrency_key = a[TOP_GROUP].text;
    for (size_t i = 0; i < COUNT(queue_only) && a[TOP_POLICY].good; i++)
        if (a[queue_only[i]].at != NULL && plan->concurrency != PLAN_QUEUE)
            mistake_at_key(r, a[queue_only[i]].at, "only used with policy: queue");
    if (a[TOP_GROUP].at != NULL && a[TOP_POLICY].good
        && plan->concurrency == PLAN_ALLOW)
        mistake_at_key(r, a[TOP_GROUP].at,
            "a key changes nothing with policy: allow: expected forbid, replace or "
            "queue");
}

/* What `on` says, as workflow-graph shows it: on: push, on: [push, manual]. */
static struct bytes
occasion_text(struct reading *r, const struct node *on)
{
    bool many = on->type == NODE_LIST || on->type == NODE_MAP;
    buffer_clear(&r->scratch);
    buffer_print(&r->scratch, many ? "on: [" : "on: ");
    if (on->type == NODE_SCALAR)
        buffer_append_bytes(&r->scratch, on->text);
    for (const struct node *at = many ? on->first : NULL; at != NULL; at = at->next) {
        buffer_print(&r->scratch, at == on->first ? "" : ", ");
        buffer_append_bytes(&r->scratch, on->type == NODE_MAP ? at->key : at->text);
    }
    buffer_print(&r->scratch, many ? "]" : "");
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

static struct plan
plan_of(struct reading *r, const struct answer *a)
{
    struct plan plan = {
        .name = a[TOP_NAME].text,
        .handle = a[TOP_HANDLE].text,
        .description = a[TOP_DESCRIPTION].text,
        .timeout_ms = a[TOP_TIMEOUT].number,
        .failures_max = (uint32_t)a[TOP_FAILURES_MAX].number,
        .run_name = a[TOP_RUN_NAME].text,
    };
    if (a[TOP_DESCRIPTION].at == NULL && a[TOP_ON].good)
        plan.description = occasion_text(r, a[TOP_ON].at);
    concurrency_fill(r, a, &plan);
    if (a[TOP_INPUTS].good)
        plan.inputs =
            inputs_read(r, a[TOP_INPUTS].at, good_node(&a[TOP_DEFAULT_INPUTS]));
    if (a[TOP_DEFAULT_INPUTS].good)
        plan.default_inputs = payload_pack(r, a[TOP_DEFAULT_INPUTS].at, NAMES_NONE);
    if (a[TOP_CONFIG].good || a[TOP_DEFAULT_CONFIG].good)
        plan.config = config_defaults(
            r, good_node(&a[TOP_CONFIG]), good_node(&a[TOP_DEFAULT_CONFIG]));
    if (a[TOP_OUTPUT].good)
        plan.output = payload_pack(r, a[TOP_OUTPUT].at, NAMES_END);
    if (a[TOP_TAGS].good)
        plan.tags = tags_read(r, a[TOP_TAGS].at);
    return plan;
}

/* Either steps, or the jobs of workflow-graph. */
static void
steps_fill(struct reading *r, const struct node *root, const struct answer *a,
    struct steps *steps)
{
    bool jobs = a[TOP_JOBS].at != NULL;
    if (a[TOP_STEPS].at == NULL && !jobs)
        mistake_missing(
            r, root, "steps", "missing: expected a list of at least one step");
    if (a[TOP_STEPS].at != NULL && jobs)
        mistake_at_key(
            r, a[TOP_JOBS].at, "jobs are given besides steps: expected one of them");
    if (a[TOP_CLEANUP].at != NULL && jobs)
        mistake_at_key(r, a[TOP_CLEANUP].at, "only used with steps");
    for (enum top_slot slot = TOP_ENV; slot <= TOP_ON && !jobs; slot++)
        if (a[slot].at != NULL)
            mistake_at_key(r, a[slot].at, "only used with jobs: expected %s",
                slot == TOP_ON ? "triggers" : "parameters of actions");
    if (a[TOP_STEPS].good)
        steps_read(r, a[TOP_STEPS].at, good_node(&a[TOP_CLEANUP]), steps);
    else if (a[TOP_JOBS].good)
        jobs_read(r, a[TOP_JOBS].at, good_node(&a[TOP_ENV]), steps);
    needs_resolve(r, steps);
    if (a[TOP_JOBS].good && !a[TOP_STEPS].good)
        jobs_finish(r, steps);
}

/* A workflow of workflow-graph is started by hand, whatever `on` says. */
static void
triggers_fill(struct reading *r, const struct answer *a, struct triggers *triggers)
{
    if (a[TOP_TRIGGERS].good)
        triggers_read(r, a[TOP_TRIGGERS].at, triggers);
    if (a[TOP_TRIGGERS].at != NULL || a[TOP_JOBS].at == NULL)
        return;
    triggers->list[triggers->count++] = (struct plan_trigger){
        .key = text("manual"),
        .kind = text("manual"),
        .enabled = true,
    };
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
    bool jobs = given_find(root, "jobs") != NULL;
    form_read(r, root, jobs ? &jobs_form : &top_form, a);
    r->agent_id = a[TOP_AGENT].text;
    r->environment_id = a[TOP_ENVIRONMENT_ID].text;
    struct plan plan = plan_of(r, a);
    triggers_fill(r, a, triggers);
    steps_fill(r, root, a, &steps);
    const struct declared declared = {
        .inputs = good_node(&a[TOP_INPUTS]),
        .default_inputs = good_node(&a[TOP_DEFAULT_INPUTS]),
        .config = good_node(&a[TOP_CONFIG]),
        .default_config = good_node(&a[TOP_DEFAULT_CONFIG]),
    };
    templates_check(r, &declared, &steps);
    plan.fixed_count = steps.fixed_count;
    if (r->mistakes->total == 0)
        plan_write(
            &plan, steps.list, steps.count, triggers->list, triggers->count, out);
}

enum err
compile(struct bytes text, const struct compile_limits *limits, struct arena *arena,
    struct buffer *out, struct mistakes *mistakes)
{
    return compile_with_zones(text, limits, NULL, arena, out, mistakes);
}

enum err
compile_with_zones(struct bytes text, const struct compile_limits *limits,
    const struct zones *zones, struct arena *arena, struct buffer *out,
    struct mistakes *mistakes)
{
    struct reading r = {
        .limits = limits,
        .zones = zones,
        .arena = arena,
        .mistakes = mistakes,
        .step = PLAN_NO_STEP,
    };
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
