/* sorted - things in the order of their keys.
 *
 * A treap: the owner embeds a node per thing and keeps the memory.  Its shape follows
 * from the keys alone, so equal contents always look the same.
 */
#ifndef STORE_SORTED_H
#define STORE_SORTED_H
#include "base/bytes.h"

struct sorted_node {
    struct sorted_node *child[2]; /* smaller, larger */
    struct sorted_node *parent;
    uint64_t priority; /* no less than the children's */
    struct bytes key;  /* the owner's memory; must not change while it is in */
};

/* Zero-initialised is empty and valid. */
struct sorted {
    struct sorted_node *root;
    size_t count;
};

struct sorted_node *sorted_find(const struct sorted *sorted, struct bytes key);
/* Put `node`, whose key is set and not in yet. */
void sorted_insert(struct sorted *sorted, struct sorted_node *node);
void sorted_remove(struct sorted *sorted, struct sorted_node *node);
/* The first node at or after `key`, or the last one before it; NULL if none. */
struct sorted_node *sorted_at_or_after(const struct sorted *sorted, struct bytes key);
struct sorted_node *sorted_before(const struct sorted *sorted, struct bytes key);
struct sorted_node *sorted_last(const struct sorted *sorted);
/* The neighbour of `node` in order, or against it; NULL at the end. */
struct sorted_node *sorted_next(const struct sorted_node *node, bool backward);
#endif
