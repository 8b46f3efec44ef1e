/* tree - a YAML text as nodes that remember where they were written.
 *
 * Takes one document of maps with text keys, lists and scalars: what JSON can say as
 * well.  Anchors, aliases, tags, repeated keys and further documents are mistakes.
 * What a value means is not known here.
 */
#ifndef ACTORS_PLAN_TREE_H
#define ACTORS_PLAN_TREE_H
#include "base/arena.h"
#include "base/err.h"

enum { TREE_DEPTH_MAX = 32 };

struct reading;

/* Counted in characters, from 1. */
struct mark {
    uint32_t line, column;
};

enum node_type {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_REFUSED, /* stands for what a mistake was told about already */
};

enum node_style {
    STYLE_PLAIN,
    STYLE_SINGLE,  /* 'quoted' */
    STYLE_DOUBLE,  /* "quoted" */
    STYLE_LITERAL, /* a block behind | */
    STYLE_FOLDED,  /* a block behind > */
};

struct node {
    struct node *parent;
    struct node *first, *next; /* items, or values of a map, in the order written */
    struct bytes key;          /* in a map */
    struct bytes text;         /* of a scalar, quotes and escapes removed */
    struct mark at, key_at;
    uint32_t index; /* in a list, from 0 */
    uint8_t type;   /* enum node_type */
    bool plain;     /* a scalar without quotes */
    uint8_t style;  /* enum node_style, of a scalar */
};

/* Read `text` into `*root`, which lies in the arena of `r`.
 *
 * ERR_MALFORMED  not YAML; the only mistake says where
 * ERR_INVALID    there were mistakes; `*root` is NULL when it was read no further
 */
MUST_CHECK enum err tree_read(struct reading *r, struct bytes text, struct node **root);

/* The value of `key` in a map, or NULL; NULL too if `map` is none. */
const struct node *tree_find(const struct node *map, const char *key);
uint32_t tree_count(const struct node *node);
/* Where byte `offset` of a scalar's text stands in the document `text`. */
struct mark tree_place(struct bytes text, const struct node *node, size_t offset);
/* A path such as steps[2].config.queue, cut to `size`; empty for the root. */
void tree_path(const struct node *node, char *out, size_t size);
#endif
