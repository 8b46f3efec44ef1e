/* Functions of maps. */
#include "actors/expression/functions.h"
#include "actors/expression/sorting.h"

enum part { KEY, VALUE, BOTH };

static struct bytes
pairs_list(struct evaluation *e, struct bytes map, enum part part)
{
    size_t count = 0, mark = e->scratch.size;
    struct sortable *pairs = NULL;
    if (want(e, map, PACK_MAP))
        pairs = pairs_sorted(e, map, &count);
    for (size_t i = 0; i < count && live(e); i++) {
        if (part == BOTH)
            put(e, bytes_of("\x82\xa3key", 5));
        if (part != VALUE)
            put(e, pairs[i].by);
        if (part == BOTH)
            put(e, bytes_of("\xa5value", 6));
        if (part != KEY)
            put(e, pairs[i].value);
    }
    return taken_list(e, mark, count);
}

CALL(keys)
{
    return pairs_list(e, args[0], KEY);
}

CALL(values)
{
    return pairs_list(e, args[0], VALUE);
}

CALL(entries)
{
    return pairs_list(e, args[0], BOTH);
}

CALL(get)
{
    struct bytes path = want_text(e, args[1]);
    if (!live(e))
        return (struct bytes){ 0 };
    struct bytes found = value_at(e, args[0], path);
    if (found.size == 0 && live(e))
        return count > 2 ? args[2] : value_nil(e);
    return found;
}

/* All pairs on scratch as one map in which keys may be repeated, then without. */
CALL(merge)
{
    size_t mark = e->scratch.size, all = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct cursor c = cursor_over(args[i]);
        if (!want(e, args[i], PACK_MAP))
            return (struct bytes){ 0 };
        all += cursor_map(&c);
        put(e, bytes_of(c.at, (size_t)(c.end - c.at)));
    }
    struct bytes repeated = taken_map(e, mark, all);
    size_t sorted_count;
    struct sortable *sorted = pairs_sorted(e, repeated, &sorted_count);
    /* Equal keys are neighbours, the last one last: it counts, in the place of the
     * first. */
    struct cursor c = cursor_over(repeated);
    if (!live(e))
        return (struct bytes){ 0 };
    cursor_map(&c);
    for (size_t i = 0; i < all && live(e); i++) {
        struct bytes key = cursor_skip(&c);
        cursor_skip(&c);
        size_t low = 0, high = sorted_count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (bytes_order(text_of(sorted[middle].by), text_of(key)) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        if (sorted[low].by.data != key.data)
            continue;
        while (low + 1 < sorted_count
               && bytes_equal(text_of(sorted[low + 1].by), text_of(key)))
            low++;
        put(e, key);
        put(e, sorted[low].value);
        kept++;
    }
    return taken_map(e, mark, kept);
}

CALL(dict)
{
    size_t mark = e->scratch.size;
    if (count % 2 != 0)
        return call_refuse(e, "wants a value for each key");
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 0 && !want(e, args[i], PACK_TEXT))
            return (struct bytes){ 0 };
        put(e, args[i]);
    }
    struct bytes map = taken_map(e, mark, count / 2);
    return live(e) ? call_merge(e, &map, 1) : map;
}

CALL(set)
{
    struct bytes both[2] = { args[0] };
    if (!want(e, args[0], PACK_MAP) || !want(e, args[1], PACK_TEXT))
        return (struct bytes){ 0 };
    both[1] = call_dict(e, &args[1], 2);
    return live(e) ? call_merge(e, both, 2) : (struct bytes){ 0 };
}

/* The pairs whose keys are among the arguments, or those whose are not. */
static struct bytes
chosen(struct evaluation *e, const struct bytes *args, size_t count, bool wanted)
{
    size_t mark = e->scratch.size, kept = 0;
    struct cursor c = cursor_over(args[0]);
    for (size_t i = 1; i < count; i++)
        if (!want(e, args[i], PACK_TEXT))
            return (struct bytes){ 0 };
    if (!want(e, args[0], PACK_MAP))
        return (struct bytes){ 0 };
    for (size_t left = cursor_map(&c); left > 0 && live(e); left--) {
        struct bytes key = cursor_skip(&c), value = cursor_skip(&c);
        bool named = false;
        for (size_t i = 1; i < count && !named; i++)
            named = type_of(key) == PACK_TEXT
                    && bytes_equal(text_of(key), text_of(args[i]));
        charge(e, key.size * count);
        if (named != wanted)
            continue;
        put(e, key);
        put(e, value);
        kept++;
    }
    return taken_map(e, mark, kept);
}

CALL(pick)
{
    return chosen(e, args, count, true);
}

CALL(omit)
{
    return chosen(e, args, count, false);
}
