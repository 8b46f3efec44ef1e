#include "store/sorted.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

/* Keys that differ in their last byte only must still get unrelated priorities. */
static uint64_t
priority_of(struct bytes key)
{
    uint64_t x = hash_table(key);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static struct sorted_node **
link_to(struct sorted *sorted, struct sorted_node *node)
{
    if (node->parent == NULL)
        return &sorted->root;
    return &node->parent->child[node->parent->child[1] == node];
}

/* Lift `node` above its parent; the order stays.
 *
 *      parent        node
 *      /             \
 *    node     ->     parent        and mirrored
 *       \            /
 *      inner       inner
 */
static void
lift(struct sorted *sorted, struct sorted_node *node)
{
    struct sorted_node *parent = node->parent;
    int side = parent->child[1] == node;
    *link_to(sorted, parent) = node;
    node->parent = parent->parent;
    struct sorted_node *inner = node->child[!side];
    parent->child[side] = inner;
    if (inner != NULL)
        inner->parent = parent;
    node->child[!side] = parent;
    parent->parent = node;
}

struct sorted_node *
sorted_find(const struct sorted *sorted, struct bytes key)
{
    struct sorted_node *at = sorted->root;
    while (at != NULL) {
        int order = bytes_order(key, at->key);
        if (order == 0)
            return at;
        at = at->child[order > 0];
    }
    return NULL;
}

void
sorted_insert(struct sorted *sorted, struct sorted_node *node)
{
    struct sorted_node *parent = NULL;
    struct sorted_node **link = &sorted->root;
    while (*link != NULL) {
        parent = *link;
        int order = bytes_order(node->key, parent->key);
        if (order == 0)
            WRONG("the key is there already");
        link = &parent->child[order > 0];
    }
    node->child[0] = node->child[1] = NULL;
    node->parent = parent;
    node->priority = priority_of(node->key);
    *link = node;
    while (node->parent != NULL && node->parent->priority < node->priority)
        lift(sorted, node);
    sorted->count++;
}

void
sorted_remove(struct sorted *sorted, struct sorted_node *node)
{
    assert(sorted->count > 0);
    while (node->child[0] != NULL && node->child[1] != NULL) {
        int side = node->child[1]->priority > node->child[0]->priority;
        lift(sorted, node->child[side]);
    }
    struct sorted_node *only = node->child[node->child[0] == NULL];
    *link_to(sorted, node) = only;
    if (only != NULL)
        only->parent = node->parent;
    sorted->count--;
}

struct sorted_node *
sorted_at_or_after(const struct sorted *sorted, struct bytes key)
{
    struct sorted_node *best = NULL;
    struct sorted_node *at = sorted->root;
    while (at != NULL) {
        bool after = bytes_order(at->key, key) >= 0;
        if (after)
            best = at;
        at = at->child[!after];
    }
    return best;
}

struct sorted_node *
sorted_before(const struct sorted *sorted, struct bytes key)
{
    struct sorted_node *best = NULL;
    struct sorted_node *at = sorted->root;
    while (at != NULL) {
        bool before = bytes_order(at->key, key) < 0;
        if (before)
            best = at;
        at = at->child[before];
    }
    return best;
}

struct sorted_node *
sorted_last(const struct sorted *sorted)
{
    struct sorted_node *at = sorted->root;
    while (at != NULL && at->child[1] != NULL)
        at = at->child[1];
    return at;
}

struct sorted_node *
sorted_next(const struct sorted_node *node, bool backward)
{
    struct sorted_node *at = node->child[!backward];
    if (at != NULL) {
        while (at->child[backward] != NULL)
            at = at->child[backward];
        return at;
    }
    while (node->parent != NULL && node->parent->child[!backward] == node)
        node = node->parent;
    return node->parent;
}
