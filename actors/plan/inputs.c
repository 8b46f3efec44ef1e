#include "actors/plan/inputs.h"

#include "actors/plan/payload.h"
#include "actors/schema/inputs.h"
#include "base/pack.h"

#include <assert.h>
#include <stdio.h>

enum { TOKEN_MAX = 256 };

static const struct rule required_rules[] = {
    WANTED("required", RULE_FLAG, 0),
};
/* All but `required` are keywords of a schema. */
static const struct form declaration_form = { required_rules, COUNT(required_rules),
    NULL, OTHERS_PASSED };

static void
declaration_read(struct reading *r, const struct node *node)
{
    struct answer required = { 0 };
    if (!key_valid(node->key))
        mistake_at_key(r, node,
            "%s is no name of an input: expected 1 to %u letters, digits, dots, dashes "
            "or underscores",
            quoted(node->key).text, (unsigned)PLAN_KEY_MAX);
    if (node->type == NODE_MAP)
        form_read(r, node, &declaration_form, &required);
    else if (node->type != NODE_REFUSED)
        mistake_expected(r, node, "a map with type, description, required or default");
}

/* Behind a slash up to the next, with ~1 for a slash and ~0 for a tilde. */
static struct bytes
token_take(const char **pointer, char out[TOKEN_MAX])
{
    size_t size = 0;
    const char *at = *pointer + 1;
    for (; *at != '\0' && *at != '/'; at++) {
        char c = *at;
        if (c == '~' && (at[1] == '0' || at[1] == '1'))
            c = *++at == '1' ? '/' : '~';
        assert(size < TOKEN_MAX); /* a pointer is shorter */
        out[size++] = c;
    }
    *pointer = at;
    return bytes_of(out, size);
}

static bool
is_number(struct bytes token, uint32_t number)
{
    char digits[16];
    int size = snprintf(digits, sizeof digits, "%u", number);
    return bytes_equal(token, bytes_of(digits, (size_t)size));
}

static const struct node *
child_of(const struct node *node, struct bytes token)
{
    bool map = node->type == NODE_MAP;
    const struct node *at = node->first;
    while (at != NULL
           && !(map ? bytes_equal(at->key, token) : is_number(token, at->index)))
        at = at->next;
    return at;
}

/* The node that a pointer leads to, or the last one on the way. */
static const struct node *
pointed(const struct node *node, const char *pointer)
{
    char token[TOKEN_MAX];
    while (*pointer == '/') {
        const struct node *child = child_of(node, token_take(&pointer, token));
        if (child == NULL)
            break;
        node = child;
    }
    return node;
}

/* Tell what is wrong with a schema or a value that was made of `root`.  `skip` tokens
 * of each pointer are not those of the tree; `through` is what stands behind the first
 * that is: a default is inside its declaration. */
static void
mistakes_tell(struct reading *r, const struct schema_mistakes *found,
    const struct node *root, unsigned skip, const char *through)
{
    char token[TOKEN_MAX];
    for (size_t i = 0; i < found->count; i++) {
        const char *pointer = found->list[i].pointer;
        const struct node *at = root;
        for (unsigned k = 0; k < skip && *pointer == '/'; k++)
            token_take(&pointer, token);
        if (through != NULL && *pointer == '/') {
            const struct node *child = child_of(at, token_take(&pointer, token));
            const struct node *inside =
                child == NULL ? NULL : tree_find(child, through);
            at = inside != NULL ? inside : child != NULL ? child : at;
        }
        mistake_at(r, pointed(at, pointer), "%s", found->list[i].message);
    }
}

/* What is declared without `required`: the schema of values some of which are not there
 * yet. */
static struct bytes
schema_pack(struct reading *r, const struct node *map)
{
    struct buffer declared = { 0 }, schema = { 0 };
    pack_map(&declared, tree_count(map));
    for (const struct node *at = map->first; at != NULL; at = at->next) {
        const struct node *required = tree_find(at, "required");
        bool open = at->type == NODE_MAP;
        pack_text(&declared, at->key);
        pack_map(&declared, open ? tree_count(at) - (required != NULL) : 0);
        for (const struct node *word = at->first; open && word != NULL;
             word = word->next) {
            if (word == required)
                continue;
            pack_text(&declared, word->key);
            pack_raw(&declared, payload_pack(r, word, NAMES_NOTED));
        }
    }
    schema_of_inputs(buffer_bytes(&declared), &schema);
    struct bytes packed = arena_copy(r->arena, buffer_bytes(&schema));
    buffer_free(&declared);
    buffer_free(&schema);
    return packed;
}

/* The defaults of what is declared, and above them what is given. */
static struct bytes
defaults_pack(struct reading *r, const struct node *map, const struct node *given)
{
    struct buffer entries = { 0 }, out = { 0 };
    size_t count = 0;
    for (const struct node *at = map == NULL ? NULL : map->first; at != NULL;
         at = at->next) {
        const struct node *value = tree_find(at, "default");
        if (value == NULL || (given != NULL && child_of(given, at->key) != NULL))
            continue;
        count++;
        pack_text(&entries, at->key);
        pack_raw(&entries, payload_pack(r, value, NAMES_NOTED));
    }
    for (const struct node *at = given == NULL ? NULL : given->first; at != NULL;
         at = at->next, count++) {
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

struct bytes
inputs_read(struct reading *r, const struct node *map, const struct node *given)
{
    struct schema_mistakes found = { 0 };
    for (const struct node *node = map->first; node != NULL; node = node->next)
        declaration_read(r, node);
    struct bytes packed = payload_pack(r, map, NAMES_NONE);
    struct bytes schema = schema_pack(r, map);
    if (schema_check(schema, r->arena, &found) != ERR_NONE) {
        mistakes_tell(r, &found, map, 1, NULL);
        return packed;
    }
    if (schema_validate(schema, defaults_pack(r, map, NULL), r->arena, &found)
        != ERR_NONE)
        mistakes_tell(r, &found, map, 0, "default");
    if (given != NULL
        && schema_validate(schema, defaults_pack(r, NULL, given), r->arena, &found)
               != ERR_NONE)
        mistakes_tell(r, &found, given, 0, NULL);
    return packed;
}

struct bytes
config_defaults(struct reading *r, const struct node *map, const struct node *given)
{
    if (map != NULL)
        inputs_read(r, map, given);
    return defaults_pack(r, map, given);
}
