#include "actors/plan/payload.h"

#include "actors/plan/form.h"
#include "actors/plan/scalar.h"
#include "base/pack.h"

static bool node_pack(struct reading *r, const struct node *node, struct buffer *out);

static void
whole_pack(const struct scalar *s, struct buffer *out)
{
    if (s->negative && s->whole > 0)
        pack_i64(out, -(int64_t)(s->whole - 1) - 1);
    else
        pack_u64(out, s->whole);
}

static bool
template_refuse(struct reading *r, const struct node *node, bool at_key)
{
    struct bytes text = at_key ? node->key : node->text;
    if (!template_in(text))
        return true;
    const char *why = "templates are not supported by this release: found";
    if (at_key)
        mistake_at_key(r, node, "%s %s", why, quoted(text).text);
    else
        mistake_at(r, node, "%s %s", why, quoted(text).text);
    return false;
}

static bool
scalar_pack(struct reading *r, const struct node *node, struct buffer *out)
{
    struct scalar s = scalar_read(node);
    switch (s.type) {
    case SCALAR_NULL: pack_nil(out); return true;
    case SCALAR_FLAG: pack_bool(out, s.flag); return true;
    case SCALAR_WHOLE: whole_pack(&s, out); return true;
    case SCALAR_REAL: pack_double(out, s.real); return true;
    case SCALAR_TEXT:
        pack_text(out, node->text);
        return template_refuse(r, node, false);
    case SCALAR_REFUSED:
        mistake_at(r, node, "%s is %s", quoted(node->text).text, s.refusal);
        return false;
    }
    return false;
}

static bool
collection_pack(struct reading *r, const struct node *node, struct buffer *out)
{
    bool good = true;
    if (node->type == NODE_LIST)
        pack_array(out, tree_count(node));
    else
        pack_map(out, tree_count(node));
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        if (node->type == NODE_MAP) {
            good &= template_refuse(r, child, true);
            pack_text(out, child->key);
        }
        good &= node_pack(r, child, out);
    }
    return good;
}

/* Recursion is limited by TREE_DEPTH_MAX. */
static bool
node_pack(struct reading *r, const struct node *node, struct buffer *out)
{
    if (node->type == NODE_REFUSED)
        return false;
    if (node->type == NODE_SCALAR)
        return scalar_pack(r, node, out);
    return collection_pack(r, node, out);
}

struct bytes
payload_pack(struct reading *r, const struct node *node)
{
    buffer_clear(&r->scratch);
    if (!node_pack(r, node, &r->scratch))
        return (struct bytes){ 0 };
    if (r->scratch.size > r->limits->payload_max) {
        mistake_at(r, node, "takes %zu bytes as msgpack: expected at most %zu",
            r->scratch.size, r->limits->payload_max);
        return (struct bytes){ 0 };
    }
    return arena_copy(r->arena, buffer_bytes(&r->scratch));
}
