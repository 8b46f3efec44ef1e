/* Functions that make something of texts. */
#include "actors/expression/functions.h"
#include "actors/expression/lexer.h"
#include "actors/expression/operators.h"

enum { TIMES_MAX = 1000000, SPACES_MAX = 1000 };

/* Where `part` is in `in`, not before `from`; in.size: nowhere. */
static size_t
find_from(struct bytes in, struct bytes part, size_t from)
{
    const uint8_t *found = memmem(in.data + from, in.size - from, part.data, part.size);
    return found == NULL ? in.size : (size_t)(found - in.data);
}

/* ASCII letters between `first` and `last`, in the other case. */
static struct bytes
cased(struct evaluation *e, struct bytes value, uint8_t first, uint8_t last)
{
    struct bytes in = want_text(e, value);
    size_t mark = e->scratch.size;
    put(e, in);
    for (size_t i = mark; i < e->scratch.size; i++)
        if (e->scratch.data[i] >= first && e->scratch.data[i] <= last)
            e->scratch.data[i] ^= 0x20;
    return taken_text(e, mark);
}

CALL(upper)
{
    return cased(e, args[0], 'a', 'z');
}

CALL(lower)
{
    return cased(e, args[0], 'A', 'Z');
}

static size_t
character_size(struct bytes in, size_t at)
{
    size_t size = 1;
    while (at + size < in.size && (in.data[at + size] & 0xc0) == 0x80)
        size++;
    return size;
}

static bool
is_among(struct bytes character, const struct bytes *set)
{
    if (set == NULL)
        return is_space(character.data[0]);
    return memmem(set->data, set->size, character.data, character.size) != NULL;
}

CALL(trim)
{
    struct bytes in = want_text(e, args[0]), set = { 0 };
    if (count > 1)
        set = want_text(e, args[1]);
    const struct bytes *taken_away = count > 1 ? &set : NULL;
    if (!live(e))
        return (struct bytes){ 0 };
    size_t from = 0, to = in.size;
    while (from < to) {
        size_t size = character_size(in, from);
        if (!is_among(bytes_of(in.data + from, size), taken_away))
            break;
        charge(e, set.size);
        from += size;
    }
    while (to > from && live(e)) {
        size_t last = to - 1;
        while (last > from && (in.data[last] & 0xc0) == 0x80)
            last--;
        if (!is_among(bytes_of(in.data + last, to - last), taken_away))
            break;
        charge(e, set.size);
        to = last;
    }
    return value_text(e, bytes_of(in.data + from, to - from));
}

static bool
ends(struct bytes in, struct bytes suffix)
{
    return in.size >= suffix.size
           && bytes_equal(
               bytes_of(in.data + in.size - suffix.size, suffix.size), suffix);
}

CALL(trimPrefix)
{
    struct bytes in = want_text(e, args[0]), prefix = want_text(e, args[1]);
    if (!live(e) || !bytes_begin(in, prefix))
        return live(e) ? args[0] : (struct bytes){ 0 };
    return value_text(e, bytes_of(in.data + prefix.size, in.size - prefix.size));
}

CALL(trimSuffix)
{
    struct bytes in = want_text(e, args[0]), suffix = want_text(e, args[1]);
    if (!live(e) || !ends(in, suffix))
        return live(e) ? args[0] : (struct bytes){ 0 };
    return value_text(e, bytes_of(in.data, in.size - suffix.size));
}

CALL(hasPrefix)
{
    struct bytes in = want_text(e, args[0]), prefix = want_text(e, args[1]);
    return value_bool(e, bytes_begin(in, prefix));
}

CALL(hasSuffix)
{
    struct bytes in = want_text(e, args[0]), suffix = want_text(e, args[1]);
    return value_bool(e, ends(in, suffix));
}

CALL(contains)
{
    return operate_contains(e, e->call_at, args[0], args[1]);
}

CALL(matches)
{
    return operate_matches(e, e->call_at, args[0], args[1]);
}

static size_t
put_item(struct evaluation *e, struct bytes in, size_t from, size_t to)
{
    put(e, value_text(e, bytes_of(in.data + from, to - from)));
    return 1;
}

CALL(split)
{
    struct bytes in = want_text(e, args[0]), separator = want_text(e, args[1]);
    size_t mark = e->scratch.size, items = 0, from = 0;
    if (separator.size == 0) {
        for (size_t size; from < in.size && live(e); from += size) {
            size = character_size(in, from);
            items += put_item(e, in, from, from + size);
        }
        return taken_list(e, mark, items);
    }
    while (live(e)) {
        size_t to = find_from(in, separator, from);
        items += put_item(e, in, from, to);
        if (to == in.size)
            break;
        from = to + separator.size;
    }
    return taken_list(e, mark, items);
}

/* What is behind the last line feed is a line if there is something. */
CALL(lines)
{
    struct bytes in = want_text(e, args[0]);
    size_t mark = e->scratch.size, items = 0, from = 0;
    while (from < in.size && live(e)) {
        size_t to = find_from(in, text("\n"), from);
        size_t end = to > from && in.data[to - 1] == '\r' ? to - 1 : to;
        items += put_item(e, in, from, end);
        from = to + 1;
    }
    return taken_list(e, mark, items);
}

CALL(join)
{
    size_t mark = e->scratch.size;
    struct bytes separator = want_text(e, args[1]);
    struct cursor c = cursor_over(args[0]);
    if (!want(e, args[0], PACK_ARRAY))
        return (struct bytes){ 0 };
    size_t items = cursor_array(&c);
    for (size_t i = 0; i < items && live(e); i++) {
        if (i > 0)
            put(e, separator);
        put_rendered(e, cursor_skip(&c));
    }
    return taken_text(e, mark);
}

CALL(replace)
{
    struct bytes in = want_text(e, args[0]), old = want_text(e, args[1]);
    struct bytes by = want_text(e, args[2]);
    size_t mark = e->scratch.size, from = 0;
    if (live(e) && old.size == 0)
        return call_refuse(e, "wants something to replace");
    while (live(e)) {
        size_t to = find_from(in, old, from);
        put(e, bytes_of(in.data + from, to - from));
        if (to == in.size)
            break;
        put(e, by);
        from = to + old.size;
    }
    return taken_text(e, mark);
}

CALL(repeat)
{
    int64_t times = 0;
    struct bytes in = want_text(e, args[0]);
    size_t mark = e->scratch.size;
    if (!want_whole(e, args[1], 0, TIMES_MAX, &times))
        return (struct bytes){ 0 };
    for (int64_t i = 0; i < times && live(e); i++)
        put(e, in);
    return taken_text(e, mark);
}

CALL(truncate)
{
    int64_t most;
    if (!want(e, args[0], PACK_TEXT) || !want_whole(e, args[1], 0, INT64_MAX, &most))
        return (struct bytes){ 0 };
    return operate_slice(e, e->call_at, args[0], NULL, &args[1]);
}

CALL(indent)
{
    int64_t spaces;
    size_t mark = e->scratch.size;
    struct bytes in = want_text(e, args[0]);
    if (!want_whole(e, args[1], 0, SPACES_MAX, &spaces))
        return (struct bytes){ 0 };
    for (size_t from = 0; from <= in.size && live(e);) {
        size_t to = find_from(in, text("\n"), from);
        for (int64_t i = 0; i < spaces; i++)
            put(e, text(" "));
        put(e, bytes_of(in.data + from, to - from + (to < in.size)));
        from = to + 1;
    }
    return taken_text(e, mark);
}

CALL(quote)
{
    struct bytes shown = call_string(e, args, count);
    return call_json(e, &shown, 1);
}
