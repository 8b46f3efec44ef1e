#include "actors/plan/keys.h"

/* Below this, insertion sort needs no scratch space and is quicker. */
enum { FEW = 12 };

static void
insert_sort(struct keyed *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct keyed moved = keys[i];
        size_t j = i;
        for (; j > 0 && bytes_order(keys[j - 1].key, moved.key) > 0; j--)
            keys[j] = keys[j - 1];
        keys[j] = moved;
    }
}

static void
merge(const struct keyed *a, size_t a_count, const struct keyed *b, size_t b_count,
    struct keyed *out)
{
    while (a_count > 0 && b_count > 0) {
        if (bytes_order(a->key, b->key) <= 0) {
            *out++ = *a++;
            a_count--;
        } else {
            *out++ = *b++;
            b_count--;
        }
    }
    if (a_count > 0)
        memcpy(out, a, a_count * sizeof *a);
    if (b_count > 0)
        memcpy(out, b, b_count * sizeof *b);
}

void
keys_sort(struct keyed *keys, size_t count, struct arena *arena)
{
    for (size_t at = 0; at < count; at += FEW)
        insert_sort(keys + at, count - at < FEW ? count - at : FEW);
    if (count <= FEW)
        return;
    struct keyed *from = keys, *to = arena_take(arena, count * sizeof *to);
    for (size_t run = FEW; run < count; run *= 2) {
        for (size_t at = 0; at < count; at += 2 * run) {
            size_t left = count - at < run ? count - at : run;
            size_t right = count - at - left < run ? count - at - left : run;
            merge(from + at, left, from + at + left, right, to + at);
        }
        struct keyed *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}

const struct keyed *
keys_find(const struct keyed *keys, size_t count, struct bytes key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_order(keys[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && bytes_equal(keys[low].key, key) ? &keys[low] : NULL;
}
