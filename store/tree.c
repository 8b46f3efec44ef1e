#include "store/tree.h"

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

static struct tree_node **
link_to(struct tree *tree, struct tree_node *node)
{
    if (node->parent == NULL)
        return &tree->root;
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
lift(struct tree *tree, struct tree_node *node)
{
    struct tree_node *parent = node->parent;
    int side = parent->child[1] == node;
    *link_to(tree, parent) = node;
    node->parent = parent->parent;
    struct tree_node *inner = node->child[!side];
    parent->child[side] = inner;
    if (inner != NULL)
        inner->parent = parent;
    node->child[!side] = parent;
    parent->parent = node;
}

struct tree_node *
tree_find(const struct tree *tree, struct bytes key)
{
    struct tree_node *at = tree->root;
    while (at != NULL) {
        int order = bytes_order(key, at->key);
        if (order == 0)
            return at;
        at = at->child[order > 0];
    }
    return NULL;
}

void
tree_insert(struct tree *tree, struct tree_node *node)
{
    struct tree_node *parent = NULL;
    struct tree_node **link = &tree->root;
    while (*link != NULL) {
        parent = *link;
        int order = bytes_order(node->key, parent->key);
        if (order == 0)
            WRONG("the key is in the tree already");
        link = &parent->child[order > 0];
    }
    node->child[0] = node->child[1] = NULL;
    node->parent = parent;
    node->priority = priority_of(node->key);
    *link = node;
    while (node->parent != NULL && node->parent->priority < node->priority)
        lift(tree, node);
    tree->count++;
}

void
tree_remove(struct tree *tree, struct tree_node *node)
{
    assert(tree->count > 0);
    while (node->child[0] != NULL && node->child[1] != NULL) {
        int side = node->child[1]->priority > node->child[0]->priority;
        lift(tree, node->child[side]);
    }
    struct tree_node *only = node->child[node->child[0] == NULL];
    *link_to(tree, node) = only;
    if (only != NULL)
        only->parent = node->parent;
    tree->count--;
}

struct tree_node *
tree_at_or_after(const struct tree *tree, struct bytes key)
{
    struct tree_node *best = NULL;
    struct tree_node *at = tree->root;
    while (at != NULL) {
        bool after = bytes_order(at->key, key) >= 0;
        if (after)
            best = at;
        at = at->child[!after];
    }
    return best;
}

struct tree_node *
tree_before(const struct tree *tree, struct bytes key)
{
    struct tree_node *best = NULL;
    struct tree_node *at = tree->root;
    while (at != NULL) {
        bool before = bytes_order(at->key, key) < 0;
        if (before)
            best = at;
        at = at->child[before];
    }
    return best;
}

struct tree_node *
tree_last(const struct tree *tree)
{
    struct tree_node *at = tree->root;
    while (at != NULL && at->child[1] != NULL)
        at = at->child[1];
    return at;
}

struct tree_node *
tree_next(const struct tree_node *node, bool backward)
{
    struct tree_node *at = node->child[!backward];
    if (at != NULL) {
        while (at->child[backward] != NULL)
            at = at->child[backward];
        return at;
    }
    while (node->parent != NULL && node->parent->child[!backward] == node)
        node = node->parent;
    return node->parent;
}
