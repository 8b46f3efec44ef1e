#include "actors/plan/form.h"
#include "actors/plan/steps.h"

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

static void
need_resolve(struct resolving *x, const struct node *node)
{
    static const struct rule rule = {
        .key = "needs", .type = RULE_KEY, .min = 1, .max = PLAN_KEY_MAX
    };
    struct answer a = rule_read(x->reading, node, &rule);
    if (!a.good)
        return;
    const struct keyed *found = keys_find(x->steps->keys, x->steps->key_count, a.text);
    if (found == NULL)
        mistake_at(x->reading, node, "there is no step %s", quoted(a.text).text);
    else if (found->index == x->step)
        mistake_at(x->reading, node, "the step needs itself");
    else if (x->seen[found->index] == x->step + 1)
        mistake_at(x->reading, node, "the step %s is named twice", quoted(a.text).text);
    else {
        x->seen[found->index] = x->step + 1;
        x->indexes[x->count++] = found->index;
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
    indexes_sort(x->indexes, x->count);
    x->steps->list[x->step].needs = x->indexes;
    x->steps->list[x->step].needs_count = x->count;
}

/* No step says what it needs: each needs the one before. */
static void
needs_in_order(struct reading *r, struct steps *steps)
{
    for (uint32_t i = 1; i < steps->count; i++) {
        uint32_t *before = arena_take(r->arena, sizeof *before);
        *before = i - 1;
        steps->list[i].needs = before;
        steps->list[i].needs_count = 1;
    }
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
    const struct node *needs = w->steps->needs[last];
    assert(needs != NULL);
    const struct node *at = needs->first;
    while (at != NULL && !bytes_equal(at->text, key))
        at = at->next;
    char circle[TEXT_SIZE];
    int used = 0;
    for (uint32_t i = from; i < w->depth && i < from + SHOWN && used < TEXT_SIZE; i++)
        used += snprintf(circle + used, TEXT_SIZE - (size_t)used, "%.24s needs ",
            quoted(w->steps->list[w->path[i]].key).text);
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
    bool graph = false;
    for (uint32_t i = 0; i < steps->count; i++)
        graph |= steps->needs[i] != NULL;
    if (!graph) {
        needs_in_order(r, steps);
        return;
    }
    struct resolving x = {
        .reading = r,
        .steps = steps,
        .seen = arena_take(r->arena, steps->count * sizeof *x.seen),
    };
    for (x.step = 0; x.step < steps->count; x.step++)
        if (steps->needs[x.step] != NULL)
            needs_read(&x, steps->needs[x.step]);
    circles_refuse(r, steps);
}
