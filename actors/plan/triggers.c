#include "actors/plan/triggers.h"

#include "actors/plan/form.h"

enum trigger_slot {
    TRIGGER_KEY,
    TRIGGER_NAME,
    TRIGGER_KIND,
    TRIGGER_ENABLED,
    TRIGGER_CONFIG,
    TRIGGER_POLICY,
    TRIGGER_INTERVAL,
    TRIGGER_SLOTS
};

enum trigger_kind { TRIGGER_MANUAL = 1, TRIGGER_SCHEDULE };

#define YEAR_MS ((uint64_t)365 * 24 * 3600 * 1000)

static const struct choice policies[] = {
    { "allow", 1 },
    { "queue", CHOICE_LATER },
    { "skip", CHOICE_LATER },
    { "forbid", CHOICE_LATER },
    { "replace", CHOICE_LATER },
    { NULL, 0 },
};

static const struct choice kind_names[] = {
    { "manual", TRIGGER_MANUAL },
    { "schedule", TRIGGER_SCHEDULE },
    { "http", CHOICE_LATER },
    { "event", CHOICE_LATER },
    { "webhook", CHOICE_LATER },
    { NULL, 0 },
};

static const struct rule common_rules[] = {
    NAMED("key", RULE_KEY, TRIGGER_KEY),
    NAMED("id", RULE_KEY, TRIGGER_KEY),
    { .key = "name",
        .type = RULE_LINE,
        .slot = TRIGGER_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX },
    { .key = "kind",
        .type = RULE_CHOICE,
        .slot = TRIGGER_KIND,
        .choices = kind_names,
        .required = "what starts a run, such as manual" },
    { .key = "type", .type = RULE_CHOICE, .slot = TRIGGER_KIND, .choices = kind_names },
    { .key = "enabled", .type = RULE_FLAG, .slot = TRIGGER_ENABLED },
    { .key = "config", .type = RULE_MAP, .slot = TRIGGER_CONFIG },
    { .key = "concurrency_policy",
        .type = RULE_CHOICE,
        .slot = TRIGGER_POLICY,
        .choices = policies },
    { .key = "max_concurrent_runs", .type = RULE_LATER },
};
static const struct form common_form = FORM(common_rules);

static const struct form manual_config = { NULL, 0, NULL, false };
static const struct rule manual_rules[] = {
    { .key = "config",
        .type = RULE_FORM,
        .slot = TRIGGER_CONFIG,
        .form = &manual_config },
};
static const struct form manual_form = FORM_AND(manual_rules, &common_form);

static const struct rule schedule_rules[] = {
    { .key = "interval",
        .type = RULE_DURATION,
        .slot = TRIGGER_INTERVAL,
        .min = 1000,
        .max = YEAR_MS },
    { .key = "cron", .type = RULE_LATER, .hint = "use interval, such as \"1h\"" },
    { .key = "timezone", .type = RULE_LATER },
};
static const struct form schedule_config = FORM(schedule_rules);
static const struct form schedule_flat = FORM_AND(schedule_rules, &common_form);
static const struct rule schedule_config_rule[] = {
    { .key = "config",
        .type = RULE_FORM,
        .slot = TRIGGER_CONFIG,
        .form = &schedule_config },
};
static const struct form schedule_form = FORM_AND(schedule_config_rule, &schedule_flat);

/* Of no kind that this release knows: what is its own is passed over. */
static const struct form other_form = { NULL, 0, &common_form, true };

static const struct {
    const char *name;
    const struct form *form;
} kinds[] = {
    { "manual", &manual_form },
    { "schedule", &schedule_form },
};

static const struct form *
form_of(const struct node *node)
{
    const struct node *kind = tree_find(node, "kind");
    kind = kind != NULL ? kind : tree_find(node, "type");
    for (size_t i = 0; kind != NULL && i < COUNT(kinds); i++)
        if (bytes_equal(kind->text, text(kinds[i].name)))
            return kinds[i].form;
    return &other_form;
}

/* A schedule by cron was refused already. */
static bool
cron_given(const struct node *node)
{
    const struct node *config = tree_find(node, "config");
    return tree_find(node, "cron") != NULL
           || (config != NULL && tree_find(config, "cron") != NULL);
}

/* The key of a trigger: as given, else its name if that can be one, else its kind. */
static struct bytes
key_of(const struct answer *a)
{
    if (a[TRIGGER_KEY].at != NULL)
        return a[TRIGGER_KEY].good ? a[TRIGGER_KEY].text : (struct bytes){ 0 };
    if (a[TRIGGER_NAME].good && key_valid(a[TRIGGER_NAME].text))
        return a[TRIGGER_NAME].text;
    return a[TRIGGER_KIND].good ? a[TRIGGER_KIND].at->text : (struct bytes){ 0 };
}

static void
trigger_read(struct reading *r, const struct node *node, struct plan_trigger *trigger)
{
    struct answer a[TRIGGER_SLOTS] = { 0 };
    if (node->type != NODE_MAP) {
        if (node->type != NODE_REFUSED)
            mistake_expected(r, node, "a map with key and kind");
        return;
    }
    form_read(r, node, form_of(node), a);
    trigger->key = key_of(a);
    trigger->name = a[TRIGGER_NAME].text;
    trigger->kind =
        a[TRIGGER_KIND].good ? a[TRIGGER_KIND].at->text : (struct bytes){ 0 };
    trigger->enabled = a[TRIGGER_ENABLED].at == NULL || a[TRIGGER_ENABLED].number != 0;
    trigger->interval_ms = a[TRIGGER_INTERVAL].number;
    bool blind = a[TRIGGER_CONFIG].at != NULL && !a[TRIGGER_CONFIG].good;
    if (a[TRIGGER_KIND].good && a[TRIGGER_KIND].number == TRIGGER_SCHEDULE
        && a[TRIGGER_INTERVAL].at == NULL && !blind && !cron_given(node))
        mistake_missing(r, node, "config.interval", "missing: expected a duration");
}

static void
key_differs(struct reading *r, const struct node *node, const struct triggers *triggers)
{
    const struct plan_trigger *last = &triggers->list[triggers->count - 1];
    for (uint32_t i = 0; i + 1 < triggers->count && last->key.size > 0; i++)
        if (bytes_equal(triggers->list[i].key, last->key)) {
            const struct node *at = tree_find(node, "key");
            mistake_at(r, at != NULL ? at : node,
                "the key %s is that of triggers[%u] already: expected a key of its own",
                quoted(last->key).text, i);
            return;
        }
}

void
triggers_read(struct reading *r, const struct node *node, struct triggers *triggers)
{
    uint32_t count = tree_count(node);
    triggers->count = 0;
    if (count > PLAN_TRIGGERS_MAX)
        mistake_at(r, node, "expected at most %u triggers, found %u",
            (unsigned)PLAN_TRIGGERS_MAX, count);
    for (const struct node *at = node->first;
         at != NULL && triggers->count < PLAN_TRIGGERS_MAX; at = at->next) {
        struct plan_trigger *trigger = &triggers->list[triggers->count++];
        *trigger = (struct plan_trigger){ 0 };
        trigger_read(r, at, trigger);
        key_differs(r, at, triggers);
    }
}
