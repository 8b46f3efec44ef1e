/* schema - judge what suite.py asks.
 *
 * stdin: for each question a schema and a value, each msgpack behind its size (u32, big
 * endian).  stdout: for each the names of what schema_check and schema_validate
 * returned, a line for each mistake of either, and an empty line. */
#include "actors/schema/schema.h"
#include "base/buffer.h"
#include "base/pack.h"
#include "base/wrong.h"

#include <stdio.h>
#include <stdlib.h>

static bool
take(struct buffer *in)
{
    uint8_t size[4];
    if (fread(size, 1, sizeof size, stdin) != sizeof size)
        return false;
    size_t wanted =
        (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
    buffer_clear(in);
    in->size = fread(buffer_reserve(in, wanted + 1), 1, wanted, stdin);
    if (pack_check(buffer_bytes(in)) != ERR_NONE)
        WRONG("no msgpack was given");
    return true;
}

static void
print(const struct schema_mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        printf("%s: %s\n", mistakes->list[i].pointer, mistakes->list[i].message);
}

int
main(void)
{
    struct buffer schema = { 0 }, value = { 0 };
    struct schema_mistakes of_schema, of_value;
    struct arena arena = { 0 };
    while (take(&schema) && take(&value)) {
        enum err checked = schema_check(buffer_bytes(&schema), &arena, &of_schema);
        enum err judged = schema_validate(
            buffer_bytes(&schema), buffer_bytes(&value), &arena, &of_value);
        printf("%s %s\n", err_name(checked), err_name(judged));
        print(&of_schema);
        print(&of_value);
        printf("\n");
        arena_reset(&arena);
    }
    buffer_free(&schema);
    buffer_free(&value);
    arena_free(&arena);
    return EXIT_SUCCESS;
}
