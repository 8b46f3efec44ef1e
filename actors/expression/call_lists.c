/* Functions of lists. */
#include "actors/expression/functions.h"
#include "actors/expression/operators.h"
#include "actors/expression/sorting.h"

enum { DEPTH_MAX = 2 * PACK_DEPTH_MAX };

/* What is at "user.age" in `value`, or nothing. */
struct bytes
value_at(struct evaluation *e, struct bytes value, struct bytes path)
{
    size_t from = 0;
    while (value.size > 0 && from <= path.size && live(e)) {
        const uint8_t *dot =
            path.size == from ? NULL : memchr(path.data + from, '.', path.size - from);
        size_t to = dot == NULL ? path.size : (size_t)(dot - path.data);
        value = value_member(e, value, bytes_of(path.data + from, to - from));
        from = to + 1;
    }
    return value;
}

/* The items of a list; 0 and a fault if it is none. */
static size_t
items_of(struct evaluation *e, struct bytes list, struct cursor *items)
{
    *items = cursor_over(list);
    return want(e, list, PACK_ARRAY) && charge(e, list.size) ? cursor_array(items) : 0;
}

CALL(list)
{
    size_t mark = e->scratch.size;
    for (size_t i = 0; i < count; i++)
        put(e, args[i]);
    return taken_list(e, mark, count);
}

CALL(len)
{
    struct cursor c = cursor_over(args[0]);
    switch (cursor_type(&c)) {
    case PACK_TEXT:
        charge(e, args[0].size);
        return value_whole(e, (wide)utf8_count(cursor_text(&c)));
    case PACK_BLOB: return value_whole(e, (wide)cursor_blob(&c).size);
    case PACK_ARRAY: return value_whole(e, (wide)cursor_array(&c));
    case PACK_MAP: return value_whole(e, (wide)cursor_map(&c));
    default:
        return call_refuse(
            e, "wants a list, a map or a text, not %s", type_sentence(args[0]));
    }
}

/* Of a value that a pipe brought; else the reader makes a path of it. */
CALL(index)
{
    struct bytes value = args[0];
    for (size_t i = 1; i < count && live(e); i++) {
        size_t mark = e->scratch.size;
        put_rendered(e, args[i]);
        struct bytes name = text_of(taken_text(e, mark));
        value = value_member(e, value, name);
        if (value.size == 0 && live(e))
            return call_refuse(e, "finds no %.*s",
                (int)(name.size < 40 ? name.size : 40), (const char *)name.data);
    }
    return value;
}

CALL(first)
{
    struct cursor items;
    return items_of(e, args[0], &items) == 0 ? value_nil(e) : cursor_skip(&items);
}

CALL(last)
{
    struct cursor items;
    struct bytes item = value_nil(e);
    for (size_t left = items_of(e, args[0], &items); left > 0; left--)
        item = cursor_skip(&items);
    return item;
}

CALL(rest)
{
    struct bytes one = value_whole(e, 1);
    if (!want(e, args[0], PACK_ARRAY))
        return (struct bytes){ 0 };
    return operate_slice(e, e->call_at, args[0], &one, NULL);
}

CALL(slice)
{
    return operate_slice(e, e->call_at, args[0], count > 1 ? &args[1] : NULL,
        count > 2 ? &args[2] : NULL);
}

CALL(append)
{
    size_t mark = e->scratch.size;
    struct cursor items;
    size_t before = items_of(e, args[0], &items);
    if (!live(e))
        return (struct bytes){ 0 };
    put(e, bytes_of(items.at, (size_t)(items.end - items.at)));
    for (size_t i = 1; i < count; i++)
        put(e, args[i]);
    return taken_list(e, mark, before + count - 1);
}

CALL(concat)
{
    size_t mark = e->scratch.size, all = 0;
    for (size_t i = 0; i < count; i++) {
        struct cursor items;
        all += items_of(e, args[i], &items);
        if (live(e))
            put(e, bytes_of(items.at, (size_t)(items.end - items.at)));
    }
    return taken_list(e, mark, all);
}

static size_t
put_flat(struct evaluation *e, struct bytes list, unsigned depth)
{
    struct cursor c = cursor_over(list);
    size_t put_count = 0;
    if (depth > DEPTH_MAX)
        call_refuse(e, "goes no deeper than %d levels", (int)DEPTH_MAX);
    for (size_t left = cursor_array(&c); left > 0 && live(e); left--) {
        struct bytes item = cursor_skip(&c);
        charge(e, item.size);
        if (type_of(item) == PACK_ARRAY) {
            put_count += put_flat(e, item, depth + 1);
        } else {
            put(e, item);
            put_count++;
        }
    }
    return put_count;
}

CALL(flatten)
{
    size_t mark = e->scratch.size;
    if (!want(e, args[0], PACK_ARRAY))
        return (struct bytes){ 0 };
    return taken_list(e, mark, put_flat(e, args[0], 0));
}

static struct bytes
text_reversed(struct evaluation *e, struct bytes in)
{
    size_t mark = e->scratch.size;
    for (size_t to = in.size; to > 0 && live(e);) {
        size_t from = to - 1;
        while (from > 0 && (in.data[from] & 0xc0) == 0x80)
            from--;
        put(e, bytes_of(in.data + from, to - from));
        to = from;
    }
    return taken_text(e, mark);
}

/* The items with what they are sorted by, in the arena. */
static struct sortable *
sortables_of(struct evaluation *e, struct bytes list, size_t *count)
{
    struct cursor items;
    *count = items_of(e, list, &items);
    if (*count == 0 || !charge(e, *count * sizeof(struct sortable)))
        return NULL;
    struct sortable *all = arena_take(e->arena, *count * sizeof *all);
    for (size_t i = 0; i < *count; i++)
        all[i].by = all[i].value = cursor_skip(&items);
    return all;
}

static struct bytes
list_of(struct evaluation *e, const struct sortable *all, size_t count)
{
    size_t mark = e->scratch.size;
    for (size_t i = 0; i < count && live(e); i++)
        put(e, all[i].value);
    return taken_list(e, mark, count);
}

CALL(reverse)
{
    size_t mark = e->scratch.size, items;
    if (type_of(args[0]) == PACK_TEXT)
        return text_reversed(e, want_text(e, args[0]));
    struct sortable *all = sortables_of(e, args[0], &items);
    for (size_t i = items; i-- > 0 && live(e);)
        put(e, all[i].value);
    return taken_list(e, mark, items);
}

CALL(sort)
{
    size_t items;
    struct sortable *all = sortables_of(e, args[0], &items);
    if (live(e) && items == 1)
        values_order(e, e->call_at, all[0].by, all[0].by);
    sortables_sort(e, all, items);
    return list_of(e, all, items);
}

CALL(sortBy)
{
    size_t items;
    struct bytes path = want_text(e, args[1]);
    struct sortable *all = sortables_of(e, args[0], &items);
    for (size_t i = 0; i < items && live(e); i++) {
        all[i].by = value_at(e, all[i].value, path);
        if (all[i].by.size == 0 && live(e))
            return call_refuse(e, "finds an item without what it is to be sorted by");
    }
    sortables_sort(e, all, items);
    return list_of(e, all, items);
}

CALL(unique)
{
    size_t items, kept = 0;
    struct sortable *all = sortables_of(e, args[0], &items);
    for (size_t i = 0; i < items && live(e); i++) {
        bool known = false;
        for (size_t k = 0; k < kept && !known && live(e); k++)
            known = values_equal(e, all[k].value, all[i].value);
        if (!known)
            all[kept++] = all[i];
    }
    return list_of(e, all, kept);
}

CALL(seq)
{
    int64_t from = 1, step = 1, to = 0;
    if ((count > 1 && !want_whole(e, args[0], INT64_MIN, INT64_MAX, &from))
        || !want_whole(e, args[count - 1], INT64_MIN, INT64_MAX, &to)
        || (count > 2 && !want_whole(e, args[1], INT64_MIN, INT64_MAX, &step)))
        return (struct bytes){ 0 };
    if (step == 0)
        return call_refuse(e, "wants a step that is not 0");
    return operate_range(e, e->call_at, from, to, step);
}

CALL(pluck)
{
    struct cursor items;
    size_t mark = e->scratch.size, found = 0;
    struct bytes path = want_text(e, args[1]);
    for (size_t left = items_of(e, args[0], &items); left > 0 && live(e); left--) {
        struct bytes value = value_at(e, cursor_skip(&items), path);
        found += value.size > 0;
        put(e, value);
    }
    return taken_list(e, mark, found);
}

CALL(where)
{
    struct cursor items;
    size_t mark = e->scratch.size, found = 0;
    struct bytes path = want_text(e, args[1]);
    for (size_t left = items_of(e, args[0], &items); left > 0 && live(e); left--) {
        struct bytes item = cursor_skip(&items), value = value_at(e, item, path);
        if (value.size > 0 && values_equal(e, value, args[2])) {
            put(e, item);
            found++;
        }
    }
    return taken_list(e, mark, found);
}

/* Does the predicate hold for the next item? */
static bool
holds(struct evaluation *e, struct cursor *results)
{
    struct bytes result = cursor_skip(results);
    if (type_of(result) != PACK_BOOL)
        call_refuse(e, "wants a predicate that is true or false, not %s",
            type_sentence(result));
    return live(e) && bool_of(result);
}

/* The items of which it is true; `found` is how many, `items` of how many. */
static struct bytes
chosen(struct evaluation *e, const struct bytes *args, size_t *found, size_t *items)
{
    struct cursor list, results;
    size_t mark = e->scratch.size;
    *found = 0;
    *items = items_of(e, args[0], &list);
    items_of(e, args[1], &results);
    for (size_t i = 0; i < *items && live(e); i++) {
        struct bytes item = cursor_skip(&list);
        if (holds(e, &results)) {
            put(e, item);
            (*found)++;
        }
    }
    return taken_list(e, mark, *found);
}

CALL(filter)
{
    size_t found, items;
    return chosen(e, args, &found, &items);
}

CALL(map)
{
    return args[1];
}

CALL(all)
{
    size_t found, items;
    chosen(e, args, &found, &items);
    return value_bool(e, found == items);
}

CALL(any)
{
    size_t found, items;
    chosen(e, args, &found, &items);
    return value_bool(e, found > 0);
}

CALL(none)
{
    size_t found, items;
    chosen(e, args, &found, &items);
    return value_bool(e, found == 0);
}

CALL(count)
{
    size_t found, items;
    chosen(e, args, &found, &items);
    return value_whole(e, (wide)found);
}

CALL(find)
{
    size_t found, items;
    struct bytes list = chosen(e, args, &found, &items);
    return live(e) ? call_first(e, &list, 1) : list;
}
