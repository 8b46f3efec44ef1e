/* tree - things in the order of their keys.
 *
 * A treap: the owner embeds a node per thing and keeps the memory.  Its shape follows
 * from the keys alone, so equal contents always look the same.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H
#include "base/bytes.h"

struct tree_node {
    struct tree_node *child[2]; /* smaller, larger */
    struct tree_node *parent;
    uint64_t priority; /* no less than the children's */
    struct bytes key;  /* the owner's memory; must not change while in the tree */
};

/* Zero-initialised is empty and valid. */
struct tree {
    struct tree_node *root;
    size_t count;
};

struct tree_node *tree_find(const struct tree *tree, struct bytes key);
/* Put `node`, whose key is set and not in the tree. */
void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);
/* The first node at or after `key`, or the last one before it; NULL if none. */
struct tree_node *tree_at_or_after(const struct tree *tree, struct bytes key);
struct tree_node *tree_before(const struct tree *tree, struct bytes key);
struct tree_node *tree_last(const struct tree *tree);
/* The neighbour of `node` in order, or against it; NULL at the end. */
struct tree_node *tree_next(const struct tree_node *node, bool backward);
#endif
