#include "actors/plan/triggers.h"

#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "actors/schedule/cron.h"
#include "actors/schedule/zones.h"
#include "base/pack.h"

enum trigger_slot {
    TRIGGER_KEY,
    TRIGGER_NAME,
    TRIGGER_KIND,
    TRIGGER_ENABLED,
    TRIGGER_CONFIG,
    TRIGGER_POLICY,
    TRIGGER_RUNS_MAX,
    TRIGGER_INPUTS,
    TRIGGER_OWN,

    SCHEDULE_INTERVAL = TRIGGER_OWN,
    SCHEDULE_CRON,
    SCHEDULE_TIMEZONE,
    SCHEDULE_DST,
    SCHEDULE_MISFIRE,
    SCHEDULE_CATCH_UP_MAX,
    SCHEDULE_JITTER,

    HTTP_HANDLE = TRIGGER_OWN,
    HTTP_SCHEME,
    HTTP_SECRET,
    HTTP_HEADER,
    HTTP_TOLERANCE,
    HTTP_WAIT,
    HTTP_MATCH,
    HTTP_CONDITION,

    EVENT_TYPE = TRIGGER_OWN,
    EVENT_SOURCE,
    EVENT_MATCH,
    EVENT_CONDITION,
    EVENT_REPOS,
    EVENT_DEBOUNCE,
    EVENT_THROTTLE,
    EVENT_BATCH,
    EVENT_BATCH_MAX,
    EVENT_BATCH_WAIT,
    EVENT_GROUP,

    TRIGGER_SLOTS
};

enum {
    TRIGGER_MANUAL = 1,
    TRIGGER_SCHEDULE,
    TRIGGER_HTTP,
    TRIGGER_EVENT,
};

enum {
    TOLERANCE_MS = 5 * 60 * 1000, /* of a signed delivery that says nothing */
    CATCH_UP = 10,
    CATCH_UP_MAX = 1000,
    RUNS_MAX = 100000,
    BATCH_MAX = 1000,
    WAIT_MAX_MS = 5 * 60 * 1000,
};

const struct choice policy_names[] = {
    { "allow", PLAN_ALLOW },
    { "forbid", PLAN_FORBID },
    { "skip", PLAN_FORBID },
    { "replace", PLAN_REPLACE },
    { "queue", PLAN_QUEUE },
    { NULL, 0 },
};

static const struct choice kind_names[] = {
    { "manual", TRIGGER_MANUAL },
    { "schedule", TRIGGER_SCHEDULE },
    { "http", TRIGGER_HTTP },
    { "webhook", TRIGGER_HTTP },
    { "event", TRIGGER_EVENT },
    { NULL, 0 },
};

static const struct rule common_rules[] = {
    NAMED("key", RULE_KEY, TRIGGER_KEY),
    NAMED("id", RULE_KEY, TRIGGER_KEY),
    LINE("name", TRIGGER_NAME),
    { .key = "kind",
        .type = RULE_CHOICE,
        .slot = TRIGGER_KIND,
        .choices = kind_names,
        .required = "what starts a run, such as manual" },
    CHOOSE("type", TRIGGER_KIND, kind_names),
    WANTED("enabled", RULE_FLAG, TRIGGER_ENABLED),
    WANTED("config", RULE_MAP, TRIGGER_CONFIG),
    CHOOSE("concurrency_policy", TRIGGER_POLICY, policy_names),
    COUNTED("max_concurrent_runs", TRIGGER_RUNS_MAX, RUNS_MAX),
    WANTED("inputs", RULE_MAP, TRIGGER_INPUTS),
};
static const struct form common_form = FORM(common_rules);

static const struct form manual_config = { NULL, 0, NULL, OTHERS_REFUSED };
static const struct rule manual_rules[] = {
    WITHIN("config", TRIGGER_CONFIG, &manual_config),
};
static const struct form manual_form = FORM_AND(manual_rules, &common_form);

static const struct choice dsts[] = {
    { "first", CRON_FIRST },
    { "skip", CRON_SKIP },
    { "both", CRON_BOTH },
    { NULL, 0 },
};

static const struct choice misfires[] = {
    { "once", MISFIRE_ONCE },
    { "skip", MISFIRE_SKIP },
    { "all", MISFIRE_ALL },
    { NULL, 0 },
};

static const struct rule schedule_rules[] = {
    SPAN("interval", SCHEDULE_INTERVAL, 1000, YEAR_MS),
    { .key = "cron",
        .type = RULE_LINE,
        .slot = SCHEDULE_CRON,
        .min = 1,
        .max = CRON_TEXT_MAX },
    NAMED("timezone", RULE_WORD, SCHEDULE_TIMEZONE),
    CHOOSE("dst", SCHEDULE_DST, dsts),
    CHOOSE("misfire", SCHEDULE_MISFIRE, misfires),
    COUNTED("catch_up_max", SCHEDULE_CATCH_UP_MAX, CATCH_UP_MAX),
    SPAN("jitter", SCHEDULE_JITTER, 0, DAY_MS),
};
FORM_WITH_CONFIG(schedule, TRIGGER_CONFIG, &common_form);

static const struct choice schemes[] = {
    { "none", HOOK_OPEN },
    { "standard", HOOK_STANDARD },
    { "github", HOOK_GITHUB },
    { "shared_secret", HOOK_SHARED },
    { NULL, 0 },
};

static const struct rule http_rules[] = {
    NAMED("handle", RULE_KEY, HTTP_HANDLE),
    NAMED("http_handle", RULE_KEY, HTTP_HANDLE),
    CHOOSE("scheme", HTTP_SCHEME, schemes),
    NAMED("secret", RULE_KEY, HTTP_SECRET),
    NAMED("header", RULE_KEY, HTTP_HEADER),
    SPAN("tolerance", HTTP_TOLERANCE, 1000, DAY_MS),
    SPAN("wait", HTTP_WAIT, 1, WAIT_MAX_MS),
    WANTED("match", RULE_MAP, HTTP_MATCH),
    CONDITION("condition", HTTP_CONDITION, NAMES_EVENT),
};
FORM_WITH_CONFIG(http, TRIGGER_CONFIG, &common_form);

static const struct rule batch_rules[] = {
    { .key = "max",
        .type = RULE_COUNT,
        .slot = EVENT_BATCH_MAX,
        .min = 2,
        .max = BATCH_MAX,
        .required = "how many events at most, such as 100" },
    { .key = "wait",
        .type = RULE_DURATION,
        .slot = EVENT_BATCH_WAIT,
        .min = 1,
        .max = DAY_MS,
        .required = "how long at most, such as \"10s\"" },
};
static const struct form batch_form = FORM(batch_rules);

static const struct rule event_rules[] = {
    NAMED("event_type", RULE_WORD, EVENT_TYPE),
    LINE("source", EVENT_SOURCE),
    LINE("source_id", EVENT_SOURCE),
    WANTED("match", RULE_MAP, EVENT_MATCH),
    CONDITION("condition", EVENT_CONDITION, NAMES_EVENT),
    WANTED("repos", RULE_LIST, EVENT_REPOS),
    SPAN("debounce", EVENT_DEBOUNCE, 1, DAY_MS),
    SPAN("throttle", EVENT_THROTTLE, 1, DAY_MS),
    WITHIN("batch", EVENT_BATCH, &batch_form),
    TEMPLATED("group", RULE_LINE, EVENT_GROUP, PLAN_NAME_MAX, NAMES_EVENT),
};
FORM_WITH_CONFIG(event, TRIGGER_CONFIG, &common_form);

/* Of no kind that this release knows: what is its own is passed over. */
static const struct form other_form = { NULL, 0, &common_form, OTHERS_PASSED };

/* One trigger while it is being read. */
struct taking {
    struct reading *r;
    const struct node *node;
    struct answer *a; /* [TRIGGER_SLOTS] */
    struct plan_trigger *trigger;
};

/* Was `slot` given?  If not, it is a mistake, unless `config` was one already. */
static bool
take_required(struct taking *t, unsigned slot, const char *key, const char *expected)
{
    const struct answer *config = &t->a[TRIGGER_CONFIG];
    bool blind = config->at != NULL && !config->good;
    if (t->a[slot].at == NULL && !blind)
        mistake_missing(t->r, t->node, key, "missing: expected %s", expected);
    return t->a[slot].good;
}

static void
cron_take(struct taking *t)
{
    const struct answer *a = &t->a[SCHEDULE_CRON];
    struct cron cron;
    char mistake[CRON_MISTAKE_SIZE];
    if (a->good && !cron_read(a->text, &cron, mistake))
        mistake_at(t->r, a->at, "%s", mistake);
    t->trigger->cron = a->text;
}

static void
timezone_take(struct taking *t)
{
    const struct answer *a = &t->a[SCHEDULE_TIMEZONE];
    const struct zones *zones = t->r->zones;
    struct zone zone;
    char mistake[ZONES_MISTAKE_SIZE];
    t->trigger->timezone = a->text;
    if (!a->good || zones == NULL || zones_find(zones, a->text, &zone))
        return;
    zones_unknown(zones, a->text, mistake);
    mistake_at(t->r, a->at, "%s", mistake);
}

static void
schedule_take(struct taking *t)
{
    struct answer *a = t->a;
    bool all = a[SCHEDULE_MISFIRE].good && a[SCHEDULE_MISFIRE].number == MISFIRE_ALL;
    struct plan_schedule schedule = {
        .dst = (uint32_t)a[SCHEDULE_DST].number,
        .misfire = (uint32_t)a[SCHEDULE_MISFIRE].number,
        .catch_up_max = all ? CATCH_UP : 0,
        .jitter_ms = a[SCHEDULE_JITTER].number,
    };
    if (a[SCHEDULE_CRON].at == NULL)
        take_required(t, SCHEDULE_INTERVAL, "config.interval", "a duration, or cron");
    else if (a[SCHEDULE_INTERVAL].at != NULL)
        mistake_at_key(t->r, a[SCHEDULE_INTERVAL].at,
            "interval is given besides cron: expected one of them");
    if (a[SCHEDULE_CATCH_UP_MAX].good)
        schedule.catch_up_max = (uint32_t)a[SCHEDULE_CATCH_UP_MAX].number;
    if (a[SCHEDULE_CATCH_UP_MAX].at != NULL && !all)
        mistake_at_key(
            t->r, a[SCHEDULE_CATCH_UP_MAX].at, "only used with misfire: all");
    t->trigger->interval_ms = a[SCHEDULE_INTERVAL].number;
    cron_take(t);
    timezone_take(t);
    t->trigger->config = config_pack(t->r, &plan_schedule_shape, &schedule);
}

static void
http_take(struct taking *t)
{
    struct answer *a = t->a;
    uint32_t scheme = (uint32_t)a[HTTP_SCHEME].number;
    bool told = a[HTTP_SCHEME].at == NULL || a[HTTP_SCHEME].good;
    struct plan_http http = {
        .handle = a[HTTP_HANDLE].text,
        .scheme = scheme,
        .secret = a[HTTP_SECRET].text,
        .header = a[HTTP_HEADER].text,
        .tolerance_ms = scheme == HOOK_STANDARD ? TOLERANCE_MS : 0,
        .wait_ms = a[HTTP_WAIT].number,
        .condition = a[HTTP_CONDITION].text,
    };
    if (a[HTTP_TOLERANCE].good)
        http.tolerance_ms = a[HTTP_TOLERANCE].number;
    if (scheme != HOOK_OPEN)
        take_required(
            t, HTTP_SECRET, "config.secret", "the name of a secret of the project");
    if (scheme == HOOK_SHARED)
        take_required(
            t, HTTP_HEADER, "config.header", "the header that carries the secret");
    if (scheme == HOOK_OPEN && told && a[HTTP_SECRET].at != NULL)
        mistake_at_key(t->r, a[HTTP_SECRET].at,
            "a secret without a scheme: expected scheme standard, github or "
            "shared_secret");
    if (scheme != HOOK_SHARED && told && a[HTTP_HEADER].at != NULL)
        mistake_at_key(t->r, a[HTTP_HEADER].at, "only used with scheme: shared_secret");
    if (scheme != HOOK_STANDARD && told && a[HTTP_TOLERANCE].at != NULL)
        mistake_at_key(t->r, a[HTTP_TOLERANCE].at,
            "only used with scheme: standard, whose deliveries carry a time");
    if (a[HTTP_MATCH].good)
        http.match = payload_pack(t->r, a[HTTP_MATCH].at, NAMES_NONE);
    t->trigger->config = config_pack(t->r, &plan_http_shape, &http);
}

/* repos: [a/b]: the event's repository must be one of them, as a condition. */
static struct bytes
repos_condition(struct taking *t)
{
    static const struct rule repo = {
        .key = "repo", .type = RULE_KEY_PATH, .min = 1, .max = PLAN_NAME_MAX
    };
    const struct node *list = t->a[EVENT_REPOS].at;
    struct bytes given = t->a[EVENT_CONDITION].text;
    struct buffer out = { 0 };
    if (list->first == NULL)
        mistake_at(t->r, list, "expected at least one repository, such as acme/api");
    buffer_print(&out, "event?.repository?.full_name in [");
    for (const struct node *at = list->first; at != NULL; at = at->next) {
        struct answer a = rule_read(t->r, at, &repo);
        buffer_print(&out, "%s\"%.*s\"", at == list->first ? "" : ", ",
            a.good ? (int)a.text.size : 0, (const char *)a.text.data);
    }
    buffer_print(&out, "]");
    if (given.size > 0)
        buffer_print(&out, " && (%.*s)", (int)given.size, (const char *)given.data);
    if (given.size > 0 && expression_in(given))
        mistake_at(t->r, t->a[EVENT_CONDITION].at,
            "expected a bare expression besides repos, without {{ }}");
    struct bytes condition = arena_copy(t->r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return condition;
}

static void
event_take(struct taking *t)
{
    struct answer *a = t->a;
    struct plan_event event = {
        .event_type = a[EVENT_TYPE].text,
        .source = a[EVENT_SOURCE].text,
        .condition = a[EVENT_CONDITION].text,
        .debounce_ms = a[EVENT_DEBOUNCE].number,
        .throttle_ms = a[EVENT_THROTTLE].number,
        .batch_max = (uint32_t)a[EVENT_BATCH_MAX].number,
        .batch_ms = a[EVENT_BATCH_WAIT].number,
        .group = a[EVENT_GROUP].text,
    };
    int gathers = (a[EVENT_DEBOUNCE].at != NULL) + (a[EVENT_THROTTLE].at != NULL)
                  + (a[EVENT_BATCH].at != NULL);
    take_required(
        t, EVENT_TYPE, "event_type", "an event type, such as \"github.push\"");
    if (a[EVENT_MATCH].good)
        event.match = payload_pack(t->r, a[EVENT_MATCH].at, NAMES_NONE);
    if (a[EVENT_REPOS].good)
        event.condition = repos_condition(t);
    if (gathers > 1)
        mistake_at(t->r, t->node, "expected one of debounce, throttle and batch");
    if (gathers == 0 && a[EVENT_GROUP].at != NULL)
        mistake_at_key(
            t->r, a[EVENT_GROUP].at, "only used with debounce, throttle or batch");
    t->trigger->config = config_pack(t->r, &plan_event_shape, &event);
}

static const struct {
    const char *name; /* as the plan has it */
    const struct form *form;
    void (*take)(struct taking *t);
} kinds[] = {
    [0] = { "", &other_form, NULL },
    [TRIGGER_MANUAL] = { "manual", &manual_form, NULL },
    [TRIGGER_SCHEDULE] = { "schedule", &schedule_form, schedule_take },
    [TRIGGER_HTTP] = { "http", &http_form, http_take },
    [TRIGGER_EVENT] = { "event", &event_form, event_take },
};

static unsigned
kind_number(const struct node *node)
{
    const struct node *kind = given_find(node, "kind");
    kind = kind != NULL ? kind : given_find(node, "type");
    for (const struct choice *c = kind_names; kind != NULL && c->word != NULL; c++)
        if (bytes_equal(kind->text, text(c->word)))
            return c->number;
    return 0;
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
    struct taking t = { r, node, a, trigger };
    if (node->type != NODE_MAP) {
        if (node->type != NODE_REFUSED)
            mistake_expected(r, node, "a map with key and kind");
        return;
    }
    unsigned kind = kind_number(node);
    form_read(r, node, kinds[kind].form, a);
    trigger->key = key_of(a);
    trigger->name = a[TRIGGER_NAME].text;
    trigger->kind = text(kinds[kind].name);
    trigger->enabled = a[TRIGGER_ENABLED].at == NULL || a[TRIGGER_ENABLED].number != 0;
    trigger->concurrency = (enum plan_concurrency)a[TRIGGER_POLICY].number;
    trigger->runs_max = (uint32_t)a[TRIGGER_RUNS_MAX].number;
    if (a[TRIGGER_INPUTS].good)
        trigger->inputs = payload_pack(r, a[TRIGGER_INPUTS].at, NAMES_EVENT);
    if (a[TRIGGER_KIND].good && kinds[kind].take != NULL)
        kinds[kind].take(&t);
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
