#include "actors/plan/steps.h"

#include "actors/plan/kinds.h"
#include "actors/plan/payload.h"
#include "base/pack.h"

#include <assert.h>
#include <stdio.h>

uint32_t
steps_find(const struct steps *steps, struct bytes key)
{
    const struct keyed *found = keys_find(steps->keys, steps->key_count, key);
    return found == NULL ? PLAN_NO_STEP : found->index;
}

void
steps_begin(
    struct reading *r, struct steps *steps, const struct node *node, uint32_t wanted)
{
    uint32_t most = r->limits->steps_max;
    if (wanted > most)
        mistake_at(r, node, "expected at most %u steps, found %u", most, wanted);
    else
        most = wanted;
    *steps = (struct steps){ .most = most };
    steps->list = arena_take(r->arena, most * sizeof *steps->list);
    steps->drafts = arena_take(r->arena, most * sizeof *steps->drafts);
    steps->keys = arena_take(r->arena, most * sizeof *steps->keys);
    steps->lists = arena_take(r->arena, ((size_t)most + 1) * sizeof *steps->lists);
}

uint32_t
steps_list_add(struct steps *steps, bool side_by_side)
{
    assert(steps->list_count <= steps->most);
    steps->lists[steps->list_count] =
        (struct step_list){ .side_by_side = side_by_side };
    return steps->list_count++;
}

struct plan_step *
steps_add(struct steps *steps, const struct node *node, uint32_t list, uint32_t parent)
{
    assert(steps->count < steps->most);
    struct plan_step *step = &steps->list[steps->count];
    *step = (struct plan_step){
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
        .handler = PLAN_NO_STEP,
        .nested = parent != PLAN_NO_STEP,
        .parent = parent,
        .cleanup = parent != PLAN_NO_STEP && steps->list[parent].cleanup,
    };
    steps->drafts[steps->count++] = (struct draft){
        .node = node,
        .list = list,
        .handled = PLAN_NO_STEP,
    };
    return step;
}

static void
retry_fill(struct filling *f, const struct kind *kind)
{
    struct answer *a = f->a;
    struct plan_step *step = f->step;
    bool holds_others =
        kind != NULL && (kind->kind == STEP_PARALLEL || kind->kind == STEP_EACH);
    if (holds_others && a[STEP_RETRY].at != NULL)
        mistake_at_key(f->r, a[STEP_RETRY].at,
            "only the steps in it are tried again: give them the retry");
    if (a[STEP_ATTEMPTS].good)
        step->attempts_max = (uint32_t)a[STEP_ATTEMPTS].number;
    if (a[STEP_BACKOFF].good)
        step->backoff = (enum step_backoff)a[STEP_BACKOFF].number;
    step->delay_ms = a[STEP_DELAY].number;
    step->max_delay_ms = a[STEP_MAX_DELAY].number;
    step->jitter = a[STEP_JITTER].good ? (uint32_t)a[STEP_JITTER].number : 0;
    if (a[STEP_RETRY_ON].good)
        step->retry_on = texts_pack(f->r, a[STEP_RETRY_ON].at, NAMES_NONE);
    if (a[STEP_MAX_DELAY].good && a[STEP_DELAY].good
        && step->max_delay_ms < step->delay_ms)
        mistake_at(f->r, a[STEP_MAX_DELAY].at,
            "shorter than delay: expected at least %s",
            quoted(a[STEP_DELAY].at->text).text);
}

static void
timeout_fill(struct filling *f, const struct kind *kind)
{
    const struct answer *on_timeout = &f->a[STEP_ON_TIMEOUT];
    f->step->timeout_ms = f->a[STEP_TIMEOUT].number;
    if (!on_timeout->good)
        return;
    f->step->on_timeout = (enum step_on_timeout)on_timeout->number;
    bool asks = kind != NULL && kind->kind == STEP_INTERACTION;
    if (f->a[STEP_TIMEOUT].at == NULL && !(asks && f->a[ASK_UNTIL].at != NULL))
        mistake_at_key(f->r, on_timeout->at, "on_timeout without a timeout");
    if (on_timeout->number == ON_TIMEOUT_ESCALATE && kind != NULL && !asks)
        mistake_at(f->r, on_timeout->at,
            "expected fail, skip or continue: only an interaction can escalate");
}

/* on_error: fail, continue, the key of a step, or {step: key} */
static void
on_error_fill(struct filling *f, struct draft *draft)
{
    static const struct rule key = NAMED("on_error", RULE_KEY, 0);
    static const struct rule map_rules[] = {
        { .key = "step",
            .type = RULE_ANY,
            .slot = 0,
            .required = "the key of the step that runs instead" },
    };
    static const struct form map_form = FORM(map_rules);
    const struct node *given = f->a[STEP_ON_ERROR].at;
    struct answer step = { 0 };
    if (given == NULL || given->type == NODE_REFUSED)
        return;
    bool word = given->type == NODE_SCALAR;
    if (word && bytes_equal(given->text, text("fail")))
        return;
    if (word && bytes_equal(given->text, text("continue"))) {
        f->step->on_error = ON_ERROR_CONTINUE;
        return;
    }
    if (given->type == NODE_MAP)
        form_read(f->r, given, &map_form, &step);
    else if (given->type == NODE_LIST)
        mistake_expected(f->r, given, "fail, continue or the key of a step");
    const struct node *at = word ? given : step.at;
    if (at != NULL && rule_read(f->r, at, &key).good)
        draft->on_error = at;
}

/* Where an unnamed step is: its position, behind the key of what it is in. */
static struct bytes
position_key(struct reading *r, struct steps *steps, const struct node *node)
{
    const struct plan_step *step = &steps->list[r->step];
    char key[PLAN_KEY_MAX + 64];
    struct bytes before = step->nested    ? steps->list[step->parent].key
                          : step->cleanup ? text("cleanup")
                                          : (struct bytes){ 0 };
    const struct node *list = node->parent;
    struct bytes branch = { 0 };
    if (step->nested && bytes_equal(list->parent->key, text("branches"))
        && key_valid(list->key))
        branch = list->key;
    int size = snprintf(key, sizeof key, "%.*s%s%.*s%s%u", (int)before.size,
        (const char *)before.data, before.size > 0 ? "." : "", (int)branch.size,
        (const char *)branch.data, branch.size > 0 ? "." : "", node->index);
    if (size > PLAN_KEY_MAX) {
        mistake_missing(r, node, "key", "missing: the keys around it are too long");
        return (struct bytes){ 0 };
    }
    return arena_copy(r->arena, bytes_of(key, (size_t)size));
}

/* The key of a step: as given, else its name if that can be one, else its position. */
static struct bytes
key_of(struct filling *f, struct steps *steps)
{
    const struct answer *a = f->a;
    if (a[STEP_KEY].at != NULL)
        return a[STEP_KEY].good ? a[STEP_KEY].text : (struct bytes){ 0 };
    if (a[STEP_NAME].good && key_valid(a[STEP_NAME].text))
        return a[STEP_NAME].text;
    return position_key(f->r, steps, f->node);
}

static void
step_read(struct reading *r, struct steps *steps, const struct node *node)
{
    struct answer a[STEP_SLOTS] = { 0 };
    struct draft *draft = &steps->drafts[r->step];
    struct filling f = { r, node, a, &steps->list[r->step] };
    if (node->type != NODE_MAP) {
        if (node->type != NODE_REFUSED)
            mistake_expected(r, node, "a map with kind and config");
        return;
    }
    const struct kind *kind = kind_of(r, node);
    form_read(r, node, kind == NULL ? &step_other_form : kind->form, a);
    f.step->key = key_of(&f, steps);
    f.step->name = a[STEP_NAME].text;
    f.step->condition = a[STEP_IF].good ? a[STEP_IF].text : (struct bytes){ 0 };
    if (a[STEP_SAVE_AS].good) {
        f.step->save_as = a[STEP_SAVE_AS].text;
        draft->save_as = a[STEP_SAVE_AS].at;
    }
    timeout_fill(&f, kind);
    retry_fill(&f, kind);
    on_error_fill(&f, draft);
    draft->needs = a[STEP_NEEDS].at;
    if (kind == NULL)
        return;
    f.step->kind = kind->kind;
    if (kind->kind == STEP_EACH)
        draft->as = a[EACH_AS].good ? a[EACH_AS].text : text("item");
    if (kind->fill != NULL)
        kind->fill(&f);
}

static void list_place(struct reading *r, struct steps *steps, const struct node *list,
    uint32_t parent, bool side_by_side);

/* The body of a `parallel`: its steps side by side, or branches of steps in order. */
static void
parallel_place(struct reading *r, struct steps *steps, uint32_t parent)
{
    const struct node *node = steps->drafts[parent].node;
    const struct node *list = body_of(node, "steps");
    const struct node *branches = body_of(node, "branches");
    if (list != NULL && branches != NULL)
        mistake_at_key(
            r, branches, "branches are given besides steps: expected one of them");
    else if (list == NULL && branches == NULL)
        mistake_missing(
            r, node, "steps", "missing: expected a list of steps, or branches");
    if (list != NULL && list->type == NODE_LIST)
        list_place(r, steps, list, parent, true);
    if (list != NULL || branches == NULL || branches->type != NODE_MAP)
        return;
    if (branches->first == NULL)
        mistake_at(r, branches, "expected at least one branch");
    for (const struct node *at = branches->first; at != NULL; at = at->next) {
        if (at->type == NODE_LIST)
            list_place(r, steps, at, parent, false);
        else if (at->type != NODE_REFUSED)
            mistake_expected(r, at, "a list of steps");
    }
}

static void
each_place(struct reading *r, struct steps *steps, uint32_t parent)
{
    const struct node *node = steps->drafts[parent].node;
    const struct node *list = body_of(node, "steps");
    if (list == NULL)
        mistake_missing(r, node, "steps", "missing: expected a list of steps");
    else if (list->type == NODE_LIST)
        list_place(r, steps, list, parent, false);
}

static void
body_place(struct reading *r, struct steps *steps, uint32_t parent)
{
    uint32_t first = steps->count;
    if (steps->list[parent].kind == STEP_PARALLEL)
        parallel_place(r, steps, parent);
    else
        each_place(r, steps, parent);
    steps->list[parent].body_first = first;
    steps->list[parent].body_count = steps->count - first;
}

/* Recursion is limited by TREE_DEPTH_MAX. */
static void
list_place(struct reading *r, struct steps *steps, const struct node *list,
    uint32_t parent, bool side_by_side)
{
    if (list->first == NULL) {
        mistake_at(r, list, "expected at least one step");
        return;
    }
    if (steps->count == steps->most)
        return;
    bool cleanup = parent == PLAN_NO_STEP && bytes_equal(list->key, text("cleanup"));
    uint32_t number = steps_list_add(steps, side_by_side);
    for (const struct node *at = list->first; at != NULL; at = at->next) {
        if (steps->count == steps->most)
            return;
        uint32_t step = steps->count;
        steps_add(steps, at, number, parent);
        steps->list[step].cleanup |= cleanup;
        r->step = step;
        step_read(r, steps, at);
        if (steps->list[step].kind == STEP_PARALLEL)
            body_place(r, steps, step);
    }
}

/* How many steps a list has, with those in their bodies. */
static uint32_t
list_count(const struct node *list)
{
    static const char *const words[] = { "steps", "branches" };
    uint32_t count = 0;
    for (const struct node *at = list->first; at != NULL; at = at->next) {
        count++;
        for (size_t i = 0; i < COUNT(words) && at->type == NODE_MAP; i++) {
            const struct node *body = body_of(at, words[i]);
            if (body == NULL)
                continue;
            if (body->type == NODE_LIST)
                count += list_count(body);
            for (const struct node *branch = body->first;
                 branch != NULL && body->type == NODE_MAP; branch = branch->next)
                count += branch->type == NODE_LIST ? list_count(branch) : 0;
        }
    }
    return count;
}

/* Tell that `key` of a later step is that of `first` already. */
static void
key_twice(struct reading *r, const struct steps *steps, const struct keyed *key,
    uint32_t first)
{
    enum { PATH_SIZE = 100 };
    char path[PATH_SIZE];
    const struct node *node = steps->drafts[key->index].node;
    const struct node *at = tree_find(node, "key");
    at = at != NULL ? at : tree_find(node, "id");
    at = at != NULL ? at : tree_find(node, "name");
    tree_path(steps->drafts[first].node, path, sizeof path);
    mistake_at(r, at != NULL ? at : node, "the key %s is that of %s already",
        quoted(key->key).text, path);
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
        if (bytes_equal(steps->keys[i].key, steps->keys[first].key))
            key_twice(r, steps, &steps->keys[i], steps->keys[first].index);
        else
            first = i;
    }
}

/* Two steps must not save under one name: which would `context` have? */
static void
saved_read(struct reading *r, struct steps *steps)
{
    enum { PATH_SIZE = 100 };
    char path[PATH_SIZE];
    struct keyed *names = arena_take(r->arena, steps->count * sizeof *names);
    uint32_t count = 0, first = 0;
    for (uint32_t i = 0; i < steps->count; i++) {
        const struct plan_step *s = &steps->list[i];
        struct bytes name = s->save_as.size > 0 ? s->save_as : s->key;
        if (name.size > 0)
            names[count++] = (struct keyed){ name, i };
    }
    keys_sort(names, count, r->arena);
    for (uint32_t i = 1; i < count; i++) {
        uint32_t a = names[first].index, b = names[i].index;
        if (!bytes_equal(names[first].key, names[i].key)) {
            first = i;
            continue;
        }
        const struct node *saved = steps->drafts[b].save_as;
        if (saved == NULL) {
            saved = steps->drafts[a].save_as;
            a = b;
        }
        if (saved == NULL)
            continue; /* two keys: told already */
        tree_path(steps->drafts[a].node, path, sizeof path);
        mistake_at(r, saved, "the output of %s is saved as %s already", path,
            quoted(names[i].key).text);
    }
}

void
steps_end(struct reading *r, struct steps *steps)
{
    keys_read(r, steps);
    saved_read(r, steps);
}

void
steps_read(struct reading *r, const struct node *node, const struct node *cleanup,
    struct steps *steps)
{
    uint32_t wanted = list_count(node) + (cleanup == NULL ? 0 : list_count(cleanup));
    steps_begin(r, steps, node, wanted);
    list_place(r, steps, node, PLAN_NO_STEP, false);
    if (cleanup != NULL)
        list_place(r, steps, cleanup, PLAN_NO_STEP, false);
    steps->fixed_count = steps->count;
    for (uint32_t i = 0; i < steps->count; i++)
        if (steps->list[i].kind == STEP_EACH)
            body_place(r, steps, i);
    r->step = PLAN_NO_STEP;
    steps_end(r, steps);
}
