/* Steps that lead a run: sleep, wait, check, each, set. */
#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "actors/plan/scalar.h"
#include "base/duration.h"
#include "base/put.h"

void
sleep_fill(struct filling *f)
{
    const struct answer *duration = &f->a[SLEEP_DURATION], *until = &f->a[SLEEP_UNTIL];
    struct plan_sleep sleep = { 0 };
    if (duration->at != NULL && until->at != NULL)
        mistake_at_key(f->r, until->at,
            "until is given besides duration: expected one "
            "of them");
    if (until->at == NULL)
        fill_required(f, SLEEP_DURATION, "duration", "a duration, or until");
    if (duration->templated)
        sleep.duration = duration->text;
    else
        sleep.duration_ms = duration->number;
    if (until->good && !until->templated && !moment_valid(until->text))
        mistake_expected(
            f->r, until->at, "a moment such as \"2027-01-31T09:00:00Z\" (RFC 3339)");
    sleep.until = until->text;
    f->step->config = config_pack(f->r, &plan_sleep_shape, &sleep);
}

/* none, run, or a duration before the run's start */
static void
lookback_read(struct filling *f, struct plan_wait *wait)
{
    const struct answer *a = &f->a[WAIT_LOOKBACK];
    if (!a->good || bytes_equal(a->text, text("run")))
        return;
    if (bytes_equal(a->text, text("none")))
        wait->fresh = 1;
    else if (!duration_read(a->text, &wait->lookback_ms) || wait->lookback_ms > YEAR_MS)
        mistake_expected(f->r, a->at,
            "run (since the run began), none (from now on), or a duration before the "
            "run, such as \"10m\"");
}

/* A map of name to expression over event and meta. */
static struct bytes
mapping_pack(struct reading *r, const struct node *map)
{
    buffer_clear(&r->scratch);
    pack_map(&r->scratch, tree_count(map));
    for (const struct node *at = map->first; at != NULL; at = at->next) {
        bool text = at->type == NODE_SCALAR && scalar_read(at).type == SCALAR_TEXT
                    && !expression_in(at->text);
        if (text)
            template_note(r, at, EXPRESSION_VALUE, NAMES_EVENT);
        else if (at->type != NODE_REFUSED)
            mistake_expected(
                r, at, "a bare expression, such as event.issue.title, without {{ }}");
        pack_text(&r->scratch, at->key);
        pack_text(&r->scratch, at->text);
    }
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

void
wait_fill(struct filling *f)
{
    struct answer *a = f->a;
    struct plan_wait wait = {
        .event_type = a[WAIT_EVENT_TYPE].text,
        .source = a[WAIT_SOURCE].text,
        .condition = a[WAIT_CONDITION].text,
    };
    lookback_read(f, &wait);
    if (a[WAIT_MATCH].good)
        wait.match = payload_pack(f->r, a[WAIT_MATCH].at, NAMES_STEP);
    if (a[WAIT_MAPPING].good)
        wait.mapping = mapping_pack(f->r, a[WAIT_MAPPING].at);
    fill_required(
        f, WAIT_EVENT_TYPE, "event_type", "an event type, such as \"github.push\"");
    f->step->config = config_pack(f->r, &plan_wait_shape, &wait);
}

enum check_slot { ONE_NAME, ONE_KIND, ONE_EXPR, ONE_SLOTS };

static const struct choice check_kinds[] = {
    { "expr", 1 },
    { "agent", CHOICE_LATER },
    { NULL, 0 },
};

static const struct rule one_check_rules[] = {
    LINE("name", ONE_NAME),
    CHOOSE("kind", ONE_KIND, check_kinds),
    { .key = "expr",
        .type = RULE_CONDITION,
        .slot = ONE_EXPR,
        .names = NAMES_STEP,
        .required = "a condition, such as \"steps.test.output.failed == 0\"" },
};
static const struct form one_check_form = FORM(one_check_rules);

/* An array of maps {name, expr}. */
static struct bytes
checks_pack(struct reading *r, const struct node *list)
{
    struct buffer out = { 0 };
    pack_array(&out, tree_count(list));
    for (const struct node *at = list->first; at != NULL; at = at->next) {
        struct answer a[ONE_SLOTS] = { 0 };
        if (at->type == NODE_MAP)
            form_read(r, at, &one_check_form, a);
        else if (at->type != NODE_REFUSED)
            mistake_expected(r, at, "a map with name and expr");
        pack_map(&out, 2);
        put_text(&out, "name", a[ONE_NAME].good ? a[ONE_NAME].text : a[ONE_EXPR].text);
        put_text(&out, "expr", a[ONE_EXPR].text);
    }
    struct bytes packed = arena_copy(r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return packed;
}

void
check_fill(struct filling *f)
{
    struct answer *a = f->a;
    struct plan_check check = {
        .on_fail = (uint32_t)a[CHECK_ON_FAIL].number,
        .prompt = a[CHECK_PROMPT].text,
    };
    bool gate = a[CHECK_ON_FAIL].good && check.on_fail == ON_FAIL_GATE;
    if (gate && a[CHECK_GATE].at == NULL)
        mistake_missing(f->r, f->node, "gate", "missing: expected a map with targets");
    if (!gate && a[CHECK_GATE].at != NULL)
        mistake_at_key(f->r, a[CHECK_GATE].at, "only used with on_fail: gate");
    if (a[CHECK_TARGETS].good)
        check.targets = texts_pack(f->r, a[CHECK_TARGETS].at, NAMES_STEP);
    if (fill_required(f, CHECK_CHECKS, "checks", "a list of conditions")) {
        check.checks = checks_pack(f->r, a[CHECK_CHECKS].at);
        if (a[CHECK_CHECKS].at->first == NULL)
            mistake_at(f->r, a[CHECK_CHECKS].at, "expected at least one check");
    }
    f->step->config = config_pack(f->r, &plan_check_shape, &check);
}

/* What an item is called must not hide a root. */
static void
as_check(struct filling *f)
{
    static const char *const taken[] = { "inputs", "event", "meta", "config", "context",
        "steps", "run", "automation", "index", "true", "false", "null", "nil", "in",
        "not", "and", "or" };
    const struct answer *as = &f->a[EACH_AS];
    bool bad = !name_valid(as->text);
    for (size_t i = 0; i < COUNT(taken); i++)
        bad |= bytes_equal(as->text, text(taken[i]));
    if (as->good && bad)
        mistake_expected(f->r, as->at,
            "a name of letters, digits and underscores that is no root of expressions");
}

void
each_fill(struct filling *f)
{
    struct answer *a = f->a;
    struct plan_each each = {
        .concurrency =
            a[EACH_CONCURRENCY].good ? (uint32_t)a[EACH_CONCURRENCY].number : 1,
        .as = a[EACH_AS].good ? a[EACH_AS].text : text("item"),
        .go_on = (uint32_t)a[EACH_ON_ITEM_ERROR].number,
    };
    as_check(f);
    if (fill_required(f, EACH_ITEMS, "items", "a list, or a template that gives one")) {
        const struct node *items = a[EACH_ITEMS].at;
        bool text = items->type == NODE_SCALAR && expression_in(items->text);
        if (items->type == NODE_LIST || text)
            each.items = payload_pack(f->r, items, NAMES_STEP);
        else
            mistake_expected(f->r, items,
                "a list, or a template that gives one, such as \"${{ inputs.files "
                "}}\"");
    }
    f->step->config = config_pack(f->r, &plan_each_shape, &each);
}

void
set_fill(struct filling *f)
{
    struct plan_set set = { 0 };
    if (fill_required(f, SET_VALUES, "values", "a map of names to values"))
        set.values = payload_pack(f->r, f->a[SET_VALUES].at, NAMES_STEP);
    f->step->config = config_pack(f->r, &plan_set_shape, &set);
}
