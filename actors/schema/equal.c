#include "actors/schema/equal.h"

#include "actors/schema/number.h"
#include "base/hash.h"

enum { BYTES_PER_WORK = 64 };

static bool
spend(uint64_t *work, uint64_t cost)
{
    if (cost >= *work) {
        *work = 0;
        return false;
    }
    *work -= cost;
    return true;
}

static bool
maps_equal(struct cursor *a, struct bytes b, uint64_t *work)
{
    struct cursor of_b = cursor_over(b);
    size_t count = cursor_map(a);
    if (cursor_map(&of_b) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct bytes key = cursor_skip(a), value = cursor_skip(a);
        struct cursor c = of_b;
        bool found = false;
        for (size_t j = 0; j < count && !found; j++) {
            struct bytes other_key = cursor_skip(&c), other = cursor_skip(&c);
            if (!spend(work, 1 + other.size / BYTES_PER_WORK))
                return false;
            found =
                equal_values(key, other_key, work) && equal_values(value, other, work);
        }
        if (!found)
            return false;
    }
    return true;
}

static bool
arrays_equal(struct cursor *a, struct bytes b, uint64_t *work)
{
    struct cursor of_b = cursor_over(b);
    size_t count = cursor_array(a);
    if (cursor_array(&of_b) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!equal_values(cursor_skip(a), cursor_skip(&of_b), work))
            return false;
    return true;
}

/* Recursion is limited by PACK_DEPTH_MAX. */
bool
equal_values(struct bytes a, struct bytes b, uint64_t *work)
{
    struct cursor of_a = cursor_over(a), of_b = cursor_over(b);
    enum pack_type type = cursor_type(&of_a), other = cursor_type(&of_b);
    struct number x, y;
    if (!spend(work, 1 + a.size / BYTES_PER_WORK))
        return false;
    if (number_read(a, &x) && number_read(b, &y))
        return number_order(&x, &y) == 0;
    if (type != other)
        return false;
    switch (type) {
    case PACK_TEXT: return bytes_equal(cursor_text(&of_a), cursor_text(&of_b));
    case PACK_BLOB: return bytes_equal(cursor_blob(&of_a), cursor_blob(&of_b));
    case PACK_ARRAY: return arrays_equal(&of_a, b, work);
    case PACK_MAP: return maps_equal(&of_a, b, work);
    default: return bytes_equal(a, b); /* null, true, a double that is no number */
    }
}

static uint64_t
mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t
number_hash(const struct number *n)
{
    uint64_t bits = n->size;
    if (!n->whole)
        memcpy(&bits, &n->real, sizeof bits);
    return mix(mix(1, bits), (uint64_t)n->whole << 1 | n->negative);
}

uint64_t
equal_hash(struct bytes value)
{
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    uint64_t hash = (uint64_t)type;
    struct number number;
    if (number_read(value, &number))
        return number_hash(&number);
    if (type == PACK_TEXT)
        return mix(hash, hash_table(cursor_text(&c)));
    if (type == PACK_ARRAY) {
        for (size_t count = cursor_array(&c); count > 0; count--)
            hash = mix(hash, equal_hash(cursor_skip(&c)));
        return hash;
    }
    if (type == PACK_MAP) {
        for (size_t count = cursor_map(&c); count > 0; count--) {
            uint64_t key = equal_hash(cursor_skip(&c));
            hash += mix(key, equal_hash(cursor_skip(&c))); /* in any order */
        }
        return hash;
    }
    return mix(hash, hash_table(value));
}
