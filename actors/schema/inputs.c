#include "actors/schema/inputs.h"

#include "actors/schema/judging.h"

static size_t
map_count(struct bytes in)
{
    struct cursor c = cursor_over(in);
    return cursor_type(&c) == PACK_MAP ? cursor_map(&c) : 0;
}

/* One input; a body that is no map says nothing. */
struct declaration {
    struct bytes key, body;
};

static struct declaration
take_declaration(struct cursor *c)
{
    struct declaration d;
    d.key = cursor_skip(c);
    d.body = cursor_skip(c);
    return d;
}

static bool
is_flag_true(struct bytes value)
{
    struct cursor c = cursor_over(value);
    return cursor_type(&c) == PACK_BOOL && cursor_bool(&c);
}

/* `required` of one input is a flag; of a schema it is a list. */
static void
pack_property(struct buffer *schema, struct bytes body)
{
    struct cursor c = cursor_over(body);
    size_t count = map_count(body);
    if (count == 0) {
        pack_bool(schema, true);
        return;
    }
    cursor_map(&c);
    pack_map(schema, count - (pack_find(body, "required").size > 0));
    for (; count > 0; count--) {
        struct bytes key = cursor_skip(&c), value = cursor_skip(&c);
        struct cursor name = cursor_over(key);
        if (bytes_equal(cursor_text(&name), text("required")))
            continue;
        pack_raw(schema, key);
        pack_raw(schema, value);
    }
}

static void
pack_required(struct buffer *schema, struct bytes declared)
{
    size_t required = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        struct cursor c = cursor_over(declared);
        if (pass == 1)
            pack_array(schema, required);
        for (size_t count = cursor_map(&c); count > 0; count--) {
            struct declaration d = take_declaration(&c);
            if (!is_flag_true(pack_find(d.body, "required")))
                continue;
            required++;
            if (pass == 1)
                pack_raw(schema, d.key);
        }
    }
}

void
schema_of_inputs(struct bytes declared, struct buffer *schema)
{
    struct cursor c = cursor_over(declared);
    size_t count = map_count(declared);
    if (count == 0) {
        pack_bool(schema, true);
        return;
    }
    cursor_map(&c);
    pack_map(schema, 4);
    pack_string(schema, "type");
    pack_string(schema, "object");
    pack_string(schema, "properties");
    pack_map(schema, count);
    for (; count > 0; count--) {
        struct declaration d = take_declaration(&c);
        pack_raw(schema, d.key);
        pack_property(schema, d.body);
    }
    pack_string(schema, "required");
    pack_required(schema, declared);
    pack_string(schema, "additionalProperties");
    pack_bool(schema, false);
}

/* Append the defaults of what is not there, if `out` is given; how many are they? */
static size_t
pack_defaults(struct bytes declared, const struct members *given, struct buffer *out)
{
    struct cursor c = cursor_over(declared);
    size_t missing = 0;
    for (size_t n = map_count(declared) > 0 ? cursor_map(&c) : 0; n > 0; n--) {
        struct declaration d = take_declaration(&c);
        struct cursor name = cursor_over(d.key);
        struct bytes value = pack_find(d.body, "default");
        if (value.size == 0 || members_find(given, cursor_text(&name)) != NULL)
            continue;
        missing++;
        if (out == NULL)
            continue;
        pack_raw(out, d.key);
        pack_raw(out, value);
    }
    return missing;
}

void
schema_fill_defaults(struct bytes declared, struct bytes inputs, struct arena *arena,
    struct buffer *filled)
{
    struct judging j = { .arena = arena, .work = UINT64_MAX };
    struct place place = place_root(inputs);
    if (place.type != PACK_MAP && place.type != PACK_NIL
        && place.type != PACK_NOTHING) {
        pack_raw(filled, inputs);
        return;
    }
    const struct members *given = place_members(&j, &place);
    struct cursor c = cursor_over(inputs);
    pack_map(filled, given->count + pack_defaults(declared, given, NULL));
    if (place.type == PACK_MAP) {
        cursor_map(&c);
        buffer_append(filled, c.at, (size_t)(c.end - c.at));
    }
    pack_defaults(declared, given, filled);
}

enum err
inputs_complete(struct bytes declared, struct bytes inputs, struct arena *arena,
    struct buffer *filled, struct schema_mistakes *mistakes)
{
    struct buffer schema = { 0 };
    size_t before = filled->size;
    schema_of_inputs(declared, &schema);
    schema_fill_defaults(declared, inputs, arena, filled);
    struct bytes value = bytes_of(filled->data + before, filled->size - before);
    enum err err = schema_validate(buffer_bytes(&schema), value, arena, mistakes);
    buffer_free(&schema);
    return err;
}
