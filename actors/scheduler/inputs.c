/* The inputs and the config of a run to be: what is given, over what is declared. */
#include "actors/schema/inputs.h"

#include "actors/scheduler/start.h"
#include "base/map.h"

struct bytes
lay_over(struct arena *arena, struct bytes base, struct bytes over)
{
    struct cursor below = cursor_over(base), above = cursor_over(over);
    if (cursor_type(&below) != PACK_MAP)
        return over;
    if (over.size == 0)
        return base;
    struct buffer rest = { 0 }, out = { 0 };
    struct map named = { 0 };
    size_t count = cursor_map(&below), given = cursor_map(&above), kept = 0;
    struct cursor pairs = above;
    for (size_t i = 0; i < given; i++) {
        map_put(&named, cursor_skip(&pairs), &named);
        (void)cursor_skip(&pairs);
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(&below), value = cursor_skip(&below);
        if (map_get(&named, key) != NULL)
            continue;
        buffer_append_bytes(&rest, key);
        buffer_append_bytes(&rest, value);
        kept++;
    }
    map_free(&named);
    pack_map(&out, given + kept);
    buffer_append(&out, above.at, (size_t)(above.end - above.at));
    buffer_append_bytes(&out, buffer_bytes(&rest));
    struct bytes laid = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&rest);
    buffer_free(&out);
    return laid;
}

static struct bytes
pack_mistakes(struct arena *arena, const struct schema_mistakes *mistakes)
{
    struct buffer out = { 0 };
    pack_array(&out, mistakes->count);
    for (size_t i = 0; i < mistakes->count; i++) {
        pack_map(&out, 2);
        pack_string(&out, "path");
        pack_string(&out, mistakes->list[i].pointer);
        pack_string(&out, "message");
        pack_string(&out, mistakes->list[i].message);
    }
    struct bytes packed = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return packed;
}

struct bytes
refusal_words(struct arena *arena, struct bytes detail, struct bytes details)
{
    struct cursor in = cursor_over(details);
    struct buffer out = { 0 };
    if (details.size == 0)
        return detail;
    (void)cursor_array(&in); /* there is one at least */
    struct bytes first = cursor_skip(&in);
    struct cursor path = cursor_over(pack_find(first, "path"));
    struct cursor message = cursor_over(pack_find(first, "message"));
    struct bytes place = cursor_text(&path), words = cursor_text(&message);
    buffer_append_bytes(&out, detail);
    buffer_print(&out, ": ");
    buffer_append_bytes(&out, place);
    buffer_print(&out, place.size > 0 ? ": " : "");
    buffer_append_bytes(&out, words);
    struct bytes whole = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return whole;
}

struct refusal
complete_inputs(const struct plan *plan, struct arena *arena, struct bytes *inputs)
{
    struct bytes given = lay_over(arena, plan->default_inputs, *inputs);
    struct cursor declared = cursor_over(plan->inputs);
    if (cursor_type(&declared) != PACK_MAP) {
        *inputs = given;
        return (struct refusal){ .err = ERR_NONE };
    }
    struct schema_mistakes *mistakes = arena_take(arena, sizeof *mistakes);
    struct buffer filled = { 0 };
    enum err err = inputs_complete(plan->inputs, given, arena, &filled, mistakes);
    *inputs = arena_copy(arena, buffer_bytes(&filled));
    buffer_free(&filled);
    if (err == ERR_NONE)
        return (struct refusal){ .err = ERR_NONE };
    return (struct refusal){ ERR_INVALID,
        "the inputs are not as the automation declares them",
        pack_mistakes(arena, mistakes) };
}
