#include "actors/schema/inputs.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

/* Two msgpack values, one behind the other: a schema, or declared inputs, and a value.
 */
static void
agree(enum err err, const struct schema_mistakes *m)
{
    bool told = (m->total > 0) ^ planted("schema");
    if ((err != ERR_NONE) != told || m->count > m->total)
        WRONG("neither an answer nor a mistake, or both");
    for (size_t i = 0; i < m->count; i++)
        if (!utf8_valid(text(m->list[i].pointer)) || m->list[i].message[0] == '\0')
            WRONG("a mistake that cannot be told");
}

static void
check(struct bytes schema)
{
    struct schema_mistakes m;
    struct arena arena = { 0 };
    agree(schema_check(schema, &arena, &m), &m);
    arena_free(&arena);
}

static void
validate(struct bytes schema, struct bytes value)
{
    struct schema_mistakes m;
    struct arena arena = { 0 };
    agree(schema_validate(schema, value, &arena, &m), &m);
    arena_free(&arena);
}

static void
complete(struct bytes declared, struct bytes inputs)
{
    struct schema_mistakes m;
    struct buffer filled = { 0 };
    struct arena arena = { 0 };
    agree(inputs_complete(declared, inputs, &arena, &filled, &m), &m);
    if (pack_check(buffer_bytes(&filled)) != ERR_NONE)
        WRONG("completed inputs are not msgpack");
    buffer_free(&filled);
    arena_free(&arena);
}

void
fuzz_one(struct bytes in)
{
    struct cursor c = cursor_over(in);
    struct bytes schema = cursor_skip(&c), value = cursor_skip(&c);
    if (c.bad || pack_check(schema) != ERR_NONE || pack_check(value) != ERR_NONE)
        return;
    check(schema);
    validate(schema, value);
    complete(schema, value);
}
