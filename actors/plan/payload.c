#include "actors/plan/payload.h"

#include "actors/plan/form.h"
#include "actors/plan/scalar.h"
#include "base/pack.h"

static bool node_pack(struct reading *r, const struct node *node, enum names names);

static void
whole_pack(const struct scalar *s, struct buffer *out)
{
    if (s->negative && s->whole > 0)
        pack_i64(out, -(int64_t)(s->whole - 1) - 1);
    else
        pack_u64(out, s->whole);
}

static bool
key_pack(struct reading *r, const struct node *node)
{
    pack_text(&r->scratch, node->key);
    if (!expression_in(node->key))
        return true;
    mistake_at_key(
        r, node, "expected no template in a key, found %s", quoted(node->key).text);
    return false;
}

static bool
text_pack(struct reading *r, const struct node *node, enum names names)
{
    pack_text(&r->scratch, node->text);
    if (!expression_in(node->text) || names == NAMES_NOTED)
        return true;
    if (names == NAMES_NONE)
        mistake_at(
            r, node, "expected no template here, found %s", quoted(node->text).text);
    else
        template_note(r, node, EXPRESSION_TEMPLATE, names);
    return names != NAMES_NONE;
}

static bool
scalar_pack(struct reading *r, const struct node *node, enum names names)
{
    struct scalar s = scalar_read(node);
    struct buffer *out = &r->scratch;
    switch (s.type) {
    case SCALAR_NULL: pack_nil(out); return true;
    case SCALAR_FLAG: pack_bool(out, s.flag); return true;
    case SCALAR_WHOLE: whole_pack(&s, out); return true;
    case SCALAR_REAL: pack_double(out, s.real); return true;
    case SCALAR_TEXT: return text_pack(r, node, names);
    case SCALAR_REFUSED:
        if (names != NAMES_NOTED)
            mistake_at(r, node, "%s is %s", quoted(node->text).text, s.refusal);
        return false;
    }
    return false;
}

static bool
collection_pack(struct reading *r, const struct node *node, enum names names)
{
    bool good = true;
    if (node->type == NODE_LIST)
        pack_array(&r->scratch, tree_count(node));
    else
        pack_map(&r->scratch, tree_count(node));
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (node->type == NODE_MAP)
            good &= key_pack(r, child);
        good &= node_pack(r, child, names);
    }
    return good;
}

/* Recursion is limited by TREE_DEPTH_MAX. */
static bool
node_pack(struct reading *r, const struct node *node, enum names names)
{
    if (node->type == NODE_REFUSED)
        return false;
    if (node->type == NODE_SCALAR)
        return scalar_pack(r, node, names);
    return collection_pack(r, node, names);
}

struct bytes
payload_pack(struct reading *r, const struct node *node, enum names names)
{
    buffer_clear(&r->scratch);
    if (!node_pack(r, node, names))
        return (struct bytes){ 0 };
    if (r->scratch.size > r->limits->payload_max) {
        mistake_at(r, node, "takes %zu bytes as msgpack: expected at most %zu",
            r->scratch.size, r->limits->payload_max);
        return (struct bytes){ 0 };
    }
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

struct bytes
texts_pack(struct reading *r, const struct node *node, enum names names)
{
    const struct rule rule = {
        .key = "item",
        .type = RULE_LINE,
        .min = 1,
        .max = PLAN_NAME_MAX,
        .names = names,
    };
    bool one = node->type == NODE_SCALAR;
    if (node->type == NODE_MAP) {
        mistake_expected(r, node, "a list of texts");
        return (struct bytes){ 0 };
    }
    buffer_clear(&r->scratch);
    pack_array(&r->scratch, one ? 1 : tree_count(node));
    for (const struct node *at = one ? node : node->first; at != NULL;
         at = one ? NULL : at->next)
        pack_text(&r->scratch, rule_read(r, at, &rule).text);
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}

bool
payload_templated(const struct node *node)
{
    if (node->type == NODE_SCALAR)
        return expression_in(node->text);
    for (const struct node *at = node->first; at != NULL; at = at->next)
        if (payload_templated(at))
            return true;
    return false;
}
