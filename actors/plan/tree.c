#include "actors/plan/tree.h"

#include "actors/plan/mistakes.h"

#include <assert.h>
#include <stdio.h>

const struct node *
tree_find(const struct node *map, const char *key)
{
    if (map->type != NODE_MAP)
        return NULL;
    for (const struct node *node = map->first; node != NULL; node = node->next)
        if (bytes_equal(node->key, text(key)))
            return node;
    return NULL;
}

uint32_t
tree_count(const struct node *node)
{
    uint32_t count = 0;
    for (const struct node *child = node->first; child != NULL; child = child->next)
        count++;
    return count;
}

static bool
key_simple(struct bytes key)
{
    for (size_t i = 0; i < key.size; i++) {
        uint8_t b = key.data[i] | 0x20;
        bool letter = b >= 'a' && b <= 'z';
        bool digit = key.data[i] >= '0' && key.data[i] <= '9';
        if (!letter && !digit && key.data[i] != '_' && key.data[i] != '-')
            return false;
    }
    return key.size > 0;
}

void
tree_path(const struct node *node, char *out, size_t size)
{
    const struct node *chain[TREE_DEPTH_MAX + 1];
    size_t count = 0, used = 0;
    for (; node->parent != NULL; node = node->parent) {
        assert(count < COUNT(chain));
        chain[count++] = node;
    }
    out[0] = '\0';
    while (count > 0 && used < size) {
        node = chain[--count];
        int printed;
        if (node->parent->type == NODE_LIST)
            printed = snprintf(out + used, size - used, "[%u]", node->index);
        else if (key_simple(node->key))
            printed = snprintf(out + used, size - used, "%s%.*s", used > 0 ? "." : "",
                (int)node->key.size, (const char *)node->key.data);
        else
            printed = snprintf(out + used, size - used, "[%s]", quoted(node->key).text);
        used += (size_t)printed;
    }
}
