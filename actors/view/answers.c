#include "actors/view/answers.h"

#include "base/pack.h"

bool
answers_have(struct bytes answers, struct bytes by)
{
    struct cursor in = cursor_over(answers);
    bool found = false;
    for (size_t left = answers.size == 0 ? 0 : cursor_array(&in); left > 0; left--) {
        struct cursor who = cursor_over(pack_find(cursor_skip(&in), "by"));
        found |= bytes_equal(cursor_text(&who), by);
    }
    return found;
}

struct bytes
answers_missing(struct bytes answers, struct bytes targets, struct arena *arena)
{
    struct cursor in = cursor_over(targets);
    struct buffer names = { 0 }, list = { 0 };
    size_t count = 0;
    if (targets.size == 0)
        return targets;
    for (size_t left = cursor_array(&in); left > 0; left--) {
        struct bytes target = cursor_text(&in);
        if (answers_have(answers, target))
            continue;
        pack_text(&names, target);
        count++;
    }
    pack_array(&list, count);
    buffer_append_bytes(&list, buffer_bytes(&names));
    struct bytes missing = arena_copy(arena, buffer_bytes(&list));
    buffer_free(&names);
    buffer_free(&list);
    return missing;
}
