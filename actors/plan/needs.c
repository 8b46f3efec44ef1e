#include "actors/plan/form.h"
#include "actors/plan/steps.h"
#include "base/nearest.h"

#include <assert.h>
#include <stdio.h>

/* One list of needs while it is being resolved. */
struct resolving {
    struct reading *reading;
    struct steps *steps;
    uint32_t step;
    uint32_t *indexes; /* the needs found so far */
    uint32_t count;
    uint32_t *seen; /* [steps]: the last step + 1 that named this one */
};

void
step_unknown(struct reading *r, const struct steps *steps, const struct node *node,
    struct bytes key)
{
    struct nearest near = { 0 };
    for (uint32_t i = 0; i < steps->key_count && mistake_wanted(r, node->at); i++) {
        struct bytes known = steps->keys[i].key;
        char *candidate = arena_take(r->arena, known.size + 1);
        memcpy(candidate, known.data, known.size);
        nearest_try(&near, key, candidate);
    }
    mistake_at(r, node, "there is no step %s%s%s%s", quoted(key).text,
        near.word == NULL ? "" : ": did you mean \"",
        near.word == NULL ? "" : near.word, near.word == NULL ? "" : "\"?");
}

/* Why may step `step` not need step `need`?  NULL: it may. */
static const char *
need_refusal(const struct steps *steps, uint32_t step, uint32_t need)
{
    const struct plan_step *s = &steps->list[step], *n = &steps->list[need];
    if (need == step)
        return "the step needs itself";
    if (s->cleanup && !n->cleanup)
        return "a cleanup step begins when all others are over: expected a cleanup "
               "step";
    if (n->cleanup && !s->cleanup)
        return "a cleanup step begins when all others are over: nothing can need it";
    if (s->parent != n->parent)
        return "a step needs only steps of the list that it is in itself";
    if (n->handles)
        return "that step runs only if another one fails: need that one";
    return NULL;
}

static void
need_resolve(struct resolving *x, const struct node *node)
{
    static const struct rule rule = {
        .key = "needs", .type = RULE_KEY, .min = 1, .max = PLAN_KEY_MAX
    };
    struct answer a = rule_read(x->reading, node, &rule);
    if (!a.good)
        return;
    uint32_t need = steps_find(x->steps, a.text);
    if (need == PLAN_NO_STEP) {
        step_unknown(x->reading, x->steps, node, a.text);
        return;
    }
    const char *refusal = need_refusal(x->steps, x->step, need);
    if (refusal != NULL)
        mistake_at(x->reading, node, "%s", refusal);
    else if (x->seen[need] == x->step + 1)
        mistake_at(x->reading, node, "the step %s is named twice", quoted(a.text).text);
    else {
        x->seen[need] = x->step + 1;
        x->indexes[x->count++] = need;
    }
}

/* Shell's, with Knuth's gaps. */
static void
indexes_sort(uint32_t *indexes, uint32_t count)
{
    uint32_t gap = 1;
    while (gap < count / 3)
        gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (uint32_t i = gap; i < count; i++) {
            uint32_t moved = indexes[i], j = i;
            for (; j >= gap && indexes[j - gap] > moved; j -= gap)
                indexes[j] = indexes[j - gap];
            indexes[j] = moved;
        }
}

/* needs: one name or a list of them. */
static void
needs_read(struct resolving *x, const struct node *node)
{
    bool one = node->type == NODE_SCALAR;
    if (node->type == NODE_MAP) {
        mistake_expected(x->reading, node, "a list of keys of steps");
        return;
    }
    uint32_t most = one ? 1 : tree_count(node);
    x->indexes = arena_take(x->reading->arena, most * sizeof *x->indexes);
    x->count = 0;
    if (one)
        need_resolve(x, node);
    for (const struct node *at = node->first; at != NULL; at = at->next)
        need_resolve(x, at);
    if (x->steps->list[x->step].handles)
        mistake_at(x->reading, node,
            "the step runs when the one that it handles fails: expected no needs");
    else
        indexes_sort(x->indexes, x->count);
    if (x->steps->list[x->step].handles)
        x->count = 0;
    x->steps->list[x->step].needs = x->indexes;
    x->steps->list[x->step].needs_count = x->count;
}

/* A step of a list in which no step says what it needs: it needs the one before. */
static void
need_before(struct resolving *x)
{
    struct plan_step *step = &x->steps->list[x->step];
    struct step_list *list = &x->steps->lists[x->steps->drafts[x->step].list];
    if (list->graph || list->side_by_side || step->handles)
        return;
    if (list->last > 0) {
        uint32_t *before = arena_take(x->reading->arena, sizeof *before);
        *before = list->last - 1;
        step->needs = before;
        step->needs_count = 1;
    }
    list->last = x->step + 1;
}

/* Why may step `handler` not run in place of step `step`?  NULL: it may. */
static const char *
handler_refusal(const struct steps *steps, uint32_t step, uint32_t handler)
{
    const struct plan_step *s = &steps->list[step], *h = &steps->list[handler];
    if (step == handler)
        return "the step handles itself";
    if (s->parent != h->parent || s->cleanup != h->cleanup)
        return "expected a step of the list that the step is in itself";
    if (h->handles)
        return "that step handles another one already: expected one of its own";
    return NULL;
}

static void
handlers_resolve(struct reading *r, struct steps *steps)
{
    for (uint32_t i = 0; i < steps->count; i++) {
        const struct node *node = steps->drafts[i].on_error;
        uint32_t handler = node == NULL ? 0 : steps_find(steps, node->text);
        if (node == NULL)
            continue;
        if (handler == PLAN_NO_STEP) {
            step_unknown(r, steps, node, node->text);
            continue;
        }
        const char *refusal = handler_refusal(steps, i, handler);
        if (refusal != NULL) {
            mistake_at(r, node, "%s", refusal);
            continue;
        }
        steps->list[i].on_error = ON_ERROR_STEP;
        steps->list[i].handler = handler;
        steps->list[handler].handles = true;
        steps->drafts[handler].handled = i;
    }
    for (uint32_t i = 0; i < steps->count; i++)
        if (steps->list[i].handles && steps->list[i].on_error == ON_ERROR_STEP)
            mistake_at(r, steps->drafts[i].on_error,
                "the step runs when another one fails: it has no handler itself");
}

/* A walk along needs, depth first, without recursion. */
struct walk {
    struct reading *reading;
    const struct steps *steps;
    uint32_t *path;     /* from the step where it began to the one looked at */
    uint32_t *next;     /* [steps]: which need comes next */
    uint32_t *depth_of; /* [steps]: 0 not seen, else 1 + place in path */
    bool *left;         /* [steps]: all behind it was seen */
    uint32_t depth;
};

/* The last step of the path needs `target`, which is on the path too. */
static void
circle_tell(const struct walk *w, uint32_t target)
{
    enum { SHOWN = 6, TEXT_SIZE = 200 };
    uint32_t from = w->depth_of[target] - 1, last = w->path[w->depth - 1];
    struct bytes key = w->steps->list[target].key;
    const struct node *needs = w->steps->drafts[last].needs;
    assert(needs != NULL);
    const struct node *at = needs->first;
    while (at != NULL && !bytes_equal(at->text, key))
        at = at->next;
    char circle[TEXT_SIZE];
    int used = 0;
    for (uint32_t i = from; i < w->depth && i < from + SHOWN; i++)
        used += snprintf(circle + used, TEXT_SIZE - (size_t)used, "%.24s needs ",
            quoted(w->steps->list[w->path[i]].key).text);
    assert(used < TEXT_SIZE);
    bool cut = w->depth > from + SHOWN;
    mistake_at(w->reading, at == NULL ? needs : at, "a circle: %s%s%s", circle,
        cut ? "… needs " : "", quoted(key).text);
}

static void
step_enter(struct walk *w, uint32_t step)
{
    w->path[w->depth++] = step;
    w->depth_of[step] = w->depth;
}

static void
walk_from(struct walk *w, uint32_t root)
{
    step_enter(w, root);
    while (w->depth > 0) {
        uint32_t step = w->path[w->depth - 1];
        const struct plan_step *s = &w->steps->list[step];
        if (w->next[step] == s->needs_count) {
            w->left[step] = true;
            w->depth--;
            continue;
        }
        uint32_t need = s->needs[w->next[step]++];
        if (w->depth_of[need] == 0)
            step_enter(w, need);
        else if (!w->left[need])
            circle_tell(w, need);
    }
}

static void
circles_refuse(struct reading *r, const struct steps *steps)
{
    size_t count = steps->count;
    struct walk w = {
        .reading = r,
        .steps = steps,
        .path = arena_take(r->arena, count * sizeof *w.path),
        .next = arena_take(r->arena, count * sizeof *w.next),
        .depth_of = arena_take(r->arena, count * sizeof *w.depth_of),
        .left = arena_take(r->arena, count * sizeof *w.left),
    };
    for (uint32_t i = 0; i < count; i++)
        if (w.depth_of[i] == 0)
            walk_from(&w, i);
}

void
needs_resolve(struct reading *r, struct steps *steps)
{
    struct resolving x = {
        .reading = r,
        .steps = steps,
        .seen = arena_take(r->arena, steps->count * sizeof *x.seen),
    };
    handlers_resolve(r, steps);
    for (uint32_t i = 0; i < steps->count; i++)
        if (steps->drafts[i].needs != NULL)
            steps->lists[steps->drafts[i].list].graph = true;
    for (x.step = 0; x.step < steps->count; x.step++) {
        if (steps->drafts[x.step].needs != NULL)
            needs_read(&x, steps->drafts[x.step].needs);
        else
            need_before(&x);
    }
    circles_refuse(r, steps);
}
