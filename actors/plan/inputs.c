#include "actors/plan/inputs.h"

#include "actors/plan/payload.h"
#include "base/pack.h"

enum { DESCRIPTION_MAX = 4096 };

enum input_slot {
    INPUT_TYPE,
    INPUT_DESCRIPTION,
    INPUT_REQUIRED,
    INPUT_DEFAULT,
    INPUT_SCHEMA,
    INPUT_SLOTS
};

static const struct choice input_types[] = {
    { "string", 1 },
    { "number", 2 },
    { "integer", 3 },
    { "boolean", 4 },
    { "object", 5 },
    { "array", 6 },
    { NULL, 0 },
};

static const struct rule input_rules[] = {
    { .key = "type", .type = RULE_CHOICE, .slot = INPUT_TYPE, .choices = input_types },
    { .key = "description",
        .type = RULE_PROSE,
        .slot = INPUT_DESCRIPTION,
        .max = DESCRIPTION_MAX },
    { .key = "required", .type = RULE_FLAG, .slot = INPUT_REQUIRED },
    { .key = "default", .type = RULE_ANY, .slot = INPUT_DEFAULT },
};
static const struct form input_form = FORM(input_rules);

static void
input_read(struct reading *r, const struct node *node)
{
    struct answer a[INPUT_SLOTS] = { 0 };
    if (!key_valid(node->key))
        mistake_at_key(r, node,
            "%s is no name of an input: expected 1 to %u letters, digits, dots, dashes "
            "or underscores",
            quoted(node->key).text, (unsigned)PLAN_KEY_MAX);
    if (node->type == NODE_MAP)
        form_read(r, node, &input_form, a);
    else if (node->type != NODE_REFUSED)
        mistake_expected(r, node, "a map with type, description, required or default");
}

struct bytes
inputs_read(struct reading *r, const struct node *map)
{
    for (const struct node *node = map->first; node != NULL; node = node->next)
        input_read(r, node);
    return payload_pack(r, map, NAMES_NONE);
}

static bool
has(const struct node *map, struct bytes key)
{
    const struct node *at = map == NULL ? NULL : map->first;
    while (at != NULL && !bytes_equal(at->key, key))
        at = at->next;
    return at != NULL;
}

struct bytes
config_defaults(
    struct reading *r, const struct node *declared, const struct node *defaults)
{
    struct buffer entries = { 0 }, out = { 0 };
    size_t count = 0;
    if (declared != NULL)
        inputs_read(r, declared);
    for (const struct node *at = declared == NULL ? NULL : declared->first; at != NULL;
         at = at->next) {
        const struct node *given = tree_find(at, "default");
        if (given == NULL || has(defaults, at->key))
            continue;
        count++;
        pack_text(&entries, at->key);
        pack_raw(&entries, payload_pack(r, given, NAMES_NONE));
    }
    for (const struct node *at = defaults == NULL ? NULL : defaults->first; at != NULL;
         at = at->next) {
        count++;
        pack_text(&entries, at->key);
        pack_raw(&entries, payload_pack(r, at, NAMES_NONE));
    }
    pack_map(&out, count);
    buffer_append_bytes(&out, buffer_bytes(&entries));
    struct bytes packed = arena_copy(r->arena, buffer_bytes(&out));
    buffer_free(&entries);
    buffer_free(&out);
    return packed;
}
