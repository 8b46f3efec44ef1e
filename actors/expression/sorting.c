#include "actors/expression/sorting.h"

/* Merge two neighbouring runs of `width` at most. */
static void
merge(struct evaluation *e, struct sortable *from, struct sortable *into, size_t count,
    size_t width)
{
    size_t middle = width < count ? width : count;
    size_t end = 2 * width < count ? 2 * width : count;
    size_t a = 0, b = middle;
    for (size_t i = 0; i < end; i++) {
        bool left = a < middle;
        if (left && b < end && charge(e, 0))
            left = values_order(e, e->call_at, from[a].by, from[b].by) <= 0;
        into[i] = left ? from[a++] : from[b++];
    }
}

void
sortables_sort(struct evaluation *e, struct sortable *items, size_t count)
{
    if (!live(e) || !charge(e, count * sizeof *items) || count == 0)
        return;
    struct sortable *from = items, *into = arena_take(e->arena, count * sizeof *items);
    for (size_t width = 1; width < count && !failed(e); width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width)
            merge(e, from + at, into + at, count - at, width);
        struct sortable *spare = from;
        from = into;
        into = spare;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

struct sortable *
pairs_sorted(struct evaluation *e, struct bytes map, size_t *count)
{
    struct cursor c = cursor_over(map);
    size_t pairs = cursor_map(&c);
    *count = 0;
    if (!live(e) || pairs == 0
        || !charge(e, map.size + pairs * sizeof(struct sortable)))
        return NULL;
    struct sortable *items = arena_take(e->arena, pairs * sizeof *items);
    for (size_t i = 0; i < pairs; i++) {
        items[i].by = cursor_skip(&c);
        items[i].value = cursor_skip(&c);
        if (type_of(items[i].by) != PACK_TEXT) {
            fail(e, ERR_INVALID, e->call_at, "a map with a key that is no text");
            return NULL;
        }
    }
    sortables_sort(e, items, pairs);
    *count = failed(e) ? 0 : pairs;
    return items;
}
