#include "actors/schema/inputs.h"
#include "base/pack.h"
#include "base/wrong.h"

/* Two msgpack values, one behind the other: a schema, or declared inputs, and a value.
 */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void
agree(enum err err, const struct schema_mistakes *m)
{
    if ((err == ERR_NONE) != (m->total == 0) || m->count > m->total)
        WRONG("neither an answer nor a mistake, or both");
    for (size_t i = 0; i < m->count; i++)
        if (!utf8_valid(text(m->list[i].pointer)) || m->list[i].message[0] == '\0')
            WRONG("a mistake that cannot be told");
}

static void
complete(struct bytes declared, struct bytes inputs, struct arena *arena)
{
    struct schema_mistakes m;
    struct buffer filled = { 0 };
    agree(inputs_complete(declared, inputs, arena, &filled, &m), &m);
    if (pack_check(buffer_bytes(&filled)) != ERR_NONE)
        WRONG("completed inputs are not msgpack");
    buffer_free(&filled);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct cursor c = cursor_over(bytes_of(input, size));
    struct bytes schema = cursor_skip(&c), value = cursor_skip(&c);
    struct schema_mistakes m;
    struct arena arena = { 0 };
    if (c.bad || pack_check(schema) != ERR_NONE || pack_check(value) != ERR_NONE)
        return 0;
    agree(schema_check(schema, &arena, &m), &m);
    agree(schema_validate(schema, value, &arena, &m), &m);
    complete(schema, value, &arena);
    arena_free(&arena);
    return 0;
}
