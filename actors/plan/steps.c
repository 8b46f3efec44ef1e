#include "actors/plan/steps.h"

#include "actors/plan/form.h"
#include "actors/plan/payload.h"
#include "base/pack.h"

#include <stdio.h>

enum step_slot {
    STEP_KEY,
    STEP_NAME,
    STEP_KIND,
    STEP_TYPE,
    STEP_CONFIG,
    STEP_NEEDS,
    STEP_RETRY,
    STEP_ATTEMPTS,
    STEP_DELAY,
    STEP_BACKOFF,
    STEP_MAX_DELAY,
    STEP_TIMEOUT,
    STEP_ON_TIMEOUT,
    STEP_ACTION_NAME,
    STEP_PARAMETERS,
    STEP_QUEUE,
    STEP_LABELS,
    STEP_ENVIRONMENT,
    STEP_LOCATION,
    STEP_SLOTS
};

enum { DAY_MS = 24 * 3600 * 1000, INDEX_SIZE = 12 };
#define YEAR_MS (365 * (uint64_t)DAY_MS)

static const struct choice backoffs[] = {
    { "none", BACKOFF_NONE },
    { "linear", BACKOFF_LINEAR },
    { "exponential", BACKOFF_EXPONENTIAL },
    { NULL, 0 },
};

static const struct choice on_timeouts[] = {
    { "fail", 1 },
    { "skip", CHOICE_LATER },
    { "continue", CHOICE_LATER },
    { NULL, 0 },
};

static const struct choice locations[] = {
    { "worker", 1 },
    { "managed", CHOICE_LATER },
    { "environment", CHOICE_LATER },
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
    { .key = "backoff",
        .type = RULE_CHOICE,
        .slot = STEP_BACKOFF,
        .choices = backoffs },
    { .key = "max_delay",
        .type = RULE_DURATION,
        .slot = STEP_MAX_DELAY,
        .min = 1,
        .max = DAY_MS },
    { .key = "jitter", .type = RULE_LATER },
};
static const struct form retry_form = FORM(retry_rules);

static const struct rule timeout_rules[] = {
    { .key = "duration",
        .type = RULE_DURATION,
        .slot = STEP_TIMEOUT,
        .min = 1,
        .max = YEAR_MS,
        .required = "a duration such as \"30s\"" },
    { .key = "on_timeout",
        .type = RULE_CHOICE,
        .slot = STEP_ON_TIMEOUT,
        .choices = on_timeouts },
};
static const struct form timeout_form = FORM(timeout_rules);

/* What a step may have whatever its kind. */
static const struct rule common_rules[] = {
    NAMED("key", RULE_KEY, STEP_KEY),
    NAMED("id", RULE_KEY, STEP_KEY),
    { .key = "name",
        .type = RULE_LINE,
        .slot = STEP_NAME,
        .min = 1,
        .max = PLAN_NAME_MAX },
    { .key = "kind", .type = RULE_ANY, .slot = STEP_KIND },
    { .key = "type", .type = RULE_ANY, .slot = STEP_TYPE },
    { .key = "config", .type = RULE_MAP, .slot = STEP_CONFIG },
    { .key = "needs", .type = RULE_ANY, .slot = STEP_NEEDS },
    { .key = "retry", .type = RULE_FORM, .slot = STEP_RETRY, .form = &retry_form },
    { .key = "timeout",
        .type = RULE_DURATION,
        .slot = STEP_TIMEOUT,
        .min = 1,
        .max = YEAR_MS,
        .form = &timeout_form },
    { .key = "if", .type = RULE_LATER },
    { .key = "save_as", .type = RULE_LATER },
    { .key = "on_error", .type = RULE_LATER },
    { .key = "input", .type = RULE_LATER },
    { .key = "env", .type = RULE_LATER },
};
static const struct form common_form = FORM(common_rules);

/* Of an action: in `config`, or beside `type`. */
static const struct rule action_rules[] = {
    NAMED("action_name", RULE_WORD, STEP_ACTION_NAME),
    NAMED("action", RULE_WORD, STEP_ACTION_NAME),
    { .key = "parameters", .type = RULE_MAP, .slot = STEP_PARAMETERS },
    { .key = "with", .type = RULE_MAP, .slot = STEP_PARAMETERS },
    NAMED("queue", RULE_WORD, STEP_QUEUE),
    { .key = "labels", .type = RULE_LIST, .slot = STEP_LABELS },
    NAMED("environment_id", RULE_WORD, STEP_ENVIRONMENT),
    { .key = "execution_location",
        .type = RULE_CHOICE,
        .slot = STEP_LOCATION,
        .choices = locations },
};
static const struct form action_config = FORM(action_rules);
static const struct rule action_config_rule[] = {
    { .key = "config", .type = RULE_FORM, .slot = STEP_CONFIG, .form = &action_config },
};
static const struct form action_flat = FORM_AND(action_rules, &common_form);
static const struct form action_form = FORM_AND(action_config_rule, &action_flat);

/* A step whose kind is missing, wrong or not supported: what is its own is passed over.
 */
static const struct form other_form = { NULL, 0, &common_form, true };

static void action_fill(struct reading *r, const struct node *node, struct answer *a,
    struct plan_step *step);

/* A new kind is a new row. */
static const struct kind {
    enum step_kind kind;
    const struct form *form;
    void (*fill)(struct reading *r, const struct node *node, struct answer *a,
        struct plan_step *step);
} kinds[] = {
    { STEP_ACTION, &action_form, action_fill },
};

static const struct choice kind_names[] = {
    { "action", STEP_ACTION },
    { "agent", CHOICE_LATER },
    { "sleep", CHOICE_LATER },
    { "wait_for_event", CHOICE_LATER },
    { "interaction", CHOICE_LATER },
    { "loop", CHOICE_LATER },
    { "automation", CHOICE_LATER },
    { "check", CHOICE_LATER },
    { "parallel", CHOICE_LATER },
    { "each", CHOICE_LATER },
    { "set", CHOICE_LATER },
    { NULL, 0 },
};

static struct bytes
labels_pack(struct reading *r, const struct node *list)
{
    static const struct rule label = NAMED("label", RULE_WORD, 0);
    struct keyed keys[PLAN_LABELS_MAX];
    size_t count = 0, kept = 0;
    if (tree_count(list) > PLAN_LABELS_MAX) {
        mistake_at(r, list, "expected at most %u labels, found %u",
            (unsigned)PLAN_LABELS_MAX, tree_count(list));
        return (struct bytes){ 0 };
    }
    for (const struct node *item = list->first; item != NULL; item = item->next) {
        struct answer a = rule_read(r, item, &label);
        if (a.good)
            keys[count++] = (struct keyed){ a.text, 0 };
    }
    keys_sort(keys, count, r->arena);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !bytes_equal(keys[i].key, keys[i - 1].key))
            keys[kept++] = keys[i];
    buffer_clear(&r->scratch);
    pack_array(&r->scratch, kept);
    for (size_t i = 0; i < kept; i++)
        pack_text(&r->scratch, keys[i].key);
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

static void
action_fill(struct reading *r, const struct node *node, struct answer *a,
    struct plan_step *step)
{
    static const uint8_t no_labels[] = { 0x90 }, no_parameters[] = { 0x80 };
    step->action = a[STEP_ACTION_NAME].text;
    step->queue = a[STEP_QUEUE].good ? a[STEP_QUEUE].text : text("default");
    step->environment = a[STEP_ENVIRONMENT].text;
    step->labels = bytes_of(no_labels, sizeof no_labels);
    step->parameters = bytes_of(no_parameters, sizeof no_parameters);
    if (a[STEP_LABELS].good)
        step->labels = labels_pack(r, a[STEP_LABELS].at);
    if (a[STEP_PARAMETERS].good)
        step->parameters = payload_pack(r, a[STEP_PARAMETERS].at);
    bool blind = a[STEP_CONFIG].at != NULL && !a[STEP_CONFIG].good;
    if (a[STEP_ACTION_NAME].at == NULL && !blind)
        mistake_missing(r, node,
            a[STEP_TYPE].at != NULL && a[STEP_CONFIG].at == NULL ? "action"
                                                                 : "config.action_name",
            "missing: expected the name of an action, such as \"print\"");
}

static void
retry_fill(struct reading *r, struct answer *a, struct plan_step *step)
{
    step->attempts_max = a[STEP_ATTEMPTS].good ? (uint32_t)a[STEP_ATTEMPTS].number : 1;
    step->backoff = BACKOFF_NONE;
    if (a[STEP_BACKOFF].good)
        step->backoff = (enum step_backoff)a[STEP_BACKOFF].number;
    step->delay_ms = a[STEP_DELAY].number;
    step->max_delay_ms = a[STEP_MAX_DELAY].number;
    if (a[STEP_MAX_DELAY].good && a[STEP_DELAY].good
        && step->max_delay_ms < step->delay_ms)
        mistake_at(r, a[STEP_MAX_DELAY].at, "shorter than delay: expected at least %s",
            quoted(a[STEP_DELAY].at->text).text);
}

/* The key of a step: as given, else its name if that can be one, else its position. */
static struct bytes
key_of(struct reading *r, const struct node *node, struct answer *a)
{
    if (a[STEP_KEY].at != NULL)
        return a[STEP_KEY].good ? a[STEP_KEY].text : (struct bytes){ 0 };
    if (a[STEP_NAME].good && key_valid(a[STEP_NAME].text))
        return a[STEP_NAME].text;
    char index[INDEX_SIZE];
    int size = snprintf(index, sizeof index, "%u", node->index);
    return arena_copy(r->arena, bytes_of(index, (size_t)size));
}

/* The row of `kinds` for a step, or NULL: then it was told why. */
static const struct kind *
kind_of(struct reading *r, const struct node *node)
{
    static const struct rule rule = {
        .key = "kind", .type = RULE_CHOICE, .choices = kind_names
    };
    const struct node *type = tree_find(node, "type"), *kind = tree_find(node, "kind");
    const struct node *given = type != NULL ? type : kind;
    if (given == NULL) {
        mistake_missing(
            r, node, "kind", "missing: expected what the step does, such as action");
        return NULL;
    }
    struct answer a = rule_read(r, given, &rule);
    if (!a.good)
        return NULL;
    if (type != NULL && kind != NULL)
        mistake_at_key(r, kind, "kind is given besides type: expected one of them");
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].kind == a.number)
            return &kinds[i];
    return NULL;
}

static void
step_read(struct reading *r, const struct node *node, struct steps *steps)
{
    struct answer a[STEP_SLOTS] = { 0 };
    struct plan_step *step = &steps->list[steps->count];
    steps->nodes[steps->count] = node;
    steps->count++;
    if (node->type != NODE_MAP) {
        if (node->type != NODE_REFUSED)
            mistake_expected(r, node, "a map with kind and config");
        return;
    }
    const struct kind *kind = kind_of(r, node);
    form_read(r, node, kind == NULL ? &other_form : kind->form, a);
    step->key = key_of(r, node, a);
    step->name = a[STEP_NAME].text;
    step->timeout_ms = a[STEP_TIMEOUT].number;
    retry_fill(r, a, step);
    steps->needs[steps->count - 1] = a[STEP_NEEDS].at;
    if (kind == NULL)
        return;
    step->kind = kind->kind;
    kind->fill(r, node, a, step);
}

/* Sort the keys and tell which are there twice. */
static void
keys_read(struct reading *r, struct steps *steps)
{
    for (uint32_t i = 0; i < steps->count; i++)
        if (steps->list[i].key.size > 0)
            steps->keys[steps->key_count++] = (struct keyed){ steps->list[i].key, i };
    keys_sort(steps->keys, steps->key_count, r->arena);
    uint32_t first = 0;
    for (uint32_t i = 1; i < steps->key_count; i++) {
        const struct keyed *key = &steps->keys[i];
        if (!bytes_equal(key->key, steps->keys[first].key)) {
            first = i;
            continue;
        }
        const struct node *node = steps->nodes[key->index];
        const struct node *at = tree_find(node, "key");
        at = at != NULL ? at : tree_find(node, "id");
        at = at != NULL ? at : tree_find(node, "name");
        mistake_at(r, at != NULL ? at : node, "the key %s is that of steps[%u] already",
            quoted(key->key).text, steps->keys[first].index);
    }
}

void
steps_read(struct reading *r, const struct node *node, struct steps *steps)
{
    uint32_t count = tree_count(node), most = r->limits->steps_max;
    *steps = (struct steps){ 0 };
    if (count == 0)
        mistake_at(r, node, "expected at least one step");
    if (count > most) {
        mistake_at(r, node, "expected at most %u steps, found %u", most, count);
        count = most;
    }
    steps->list = arena_take(r->arena, count * sizeof *steps->list);
    steps->nodes = arena_take(r->arena, count * sizeof *steps->nodes);
    steps->needs = arena_take(r->arena, count * sizeof *steps->needs);
    steps->keys = arena_take(r->arena, count * sizeof *steps->keys);
    for (const struct node *at = node->first; at != NULL && steps->count < count;
         at = at->next)
        step_read(r, at, steps);
    keys_read(r, steps);
}
