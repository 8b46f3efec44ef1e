/* judge_collections - keywords about arrays and objects. */
#include "actors/schema/equal.h"
#include "actors/schema/keywords.h"
#include "actors/schema/number.h"
#include "base/nearest.h"

#include <stdlib.h>

static size_t
count_of(const struct place *at)
{
    struct cursor c = cursor_over(at->value);
    return at->type == PACK_ARRAY ? cursor_array(&c) : cursor_map(&c);
}

/* The order of a count and a bound; 0 if that is no number. */
static int
count_order(size_t count, struct bytes bound)
{
    struct number b, number = { .whole = true, .size = count };
    return number_read(bound, &b) ? number_order(&number, &b) : 0;
}

static bool
of_count(struct judging *j, const struct place *at, bool fits, const char *expected,
    struct bytes bound)
{
    return fits
           || wrong_at_place(j, at, "found %zu %s: expected %s %s", count_of(at),
               at->type == PACK_ARRAY ? "items" : "members", expected,
               shown(bound).text);
}

bool
judge_least(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return of_count(
        j, at, count_order(count_of(at), argument) >= 0, "at least", argument);
}

bool
judge_most(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return of_count(
        j, at, count_order(count_of(at), argument) <= 0, "at most", argument);
}

/* ---- arrays ---- */

bool
judge_prefix(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor schemas = cursor_over(argument), items = cursor_over(at->value);
    size_t count = cursor_array(&schemas), there = cursor_array(&items);
    bool fits = true;
    (void)schema;
    for (size_t i = 0; i < count && i < there; i++) {
        struct place item = place_item(at, i, cursor_skip(&items));
        fits &= judge(j, cursor_skip(&schemas), &item);
    }
    return fits;
}

bool
judge_items(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct bytes prefix = pack_find(schema, "prefixItems");
    struct cursor schemas = cursor_over(prefix), items = cursor_over(at->value);
    size_t before = prefix.size > 0 ? cursor_array(&schemas) : 0;
    size_t there = cursor_array(&items);
    bool fits = true;
    for (size_t i = 0; i < there && !j->spent; i++) {
        struct place item = place_item(at, i, cursor_skip(&items));
        if (i >= before)
            fits &= judge(j, argument, &item);
        if (!fits && j->mistakes == NULL)
            return false;
    }
    return fits;
}

bool
judge_contains(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct bytes min = pack_find(schema, "minContains");
    struct bytes max = pack_find(schema, "maxContains");
    struct cursor items = cursor_over(at->value);
    size_t there = cursor_array(&items), fitting = 0;
    for (size_t i = 0; i < there && !j->spent; i++) {
        struct place item = place_item(at, i, cursor_skip(&items));
        fitting += judge_quietly(j, argument, &item);
    }
    bool enough = min.size > 0 ? count_order(fitting, min) >= 0 : fitting > 0;
    if (!enough)
        return wrong_at_place(j, at,
            "%zu of %zu items fit the schema of contains: expected at least %s",
            fitting, there, min.size > 0 ? shown(min).text : "1");
    if (max.size > 0 && count_order(fitting, max) > 0)
        return wrong_at_place(j, at,
            "%zu of %zu items fit the schema of contains: expected at most %s", fitting,
            there, shown(max).text);
    return true;
}

struct hashed {
    uint64_t hash;
    size_t index;
    struct bytes value;
};

static int
by_hash(const void *a, const void *b)
{
    const struct hashed *one = a, *other = b;
    if (one->hash != other->hash)
        return one->hash < other->hash ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

/* Only values with the same hash are compared. */
static bool
compare_hashed(
    struct judging *j, const struct hashed *list, size_t count, struct place *at)
{
    bool fits = true;
    for (size_t i = 1; i < count && !j->spent; i++)
        for (size_t k = i; k-- > 0 && list[k].hash == list[i].hash && !j->spent;)
            if (equal_values(list[k].value, list[i].value, &j->work)) {
                struct place item = place_item(at, list[i].index, list[i].value);
                fits = wrong_at_place(j, &item,
                    "found %s, which is item %zu too: expected every item once",
                    shown(item.value).text, list[k].index);
                break;
            } else {
                j->spent |= j->work == 0;
            }
    return fits;
}

bool
judge_unique(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    enum { ITEM_WORK = 4, BYTES_PER_WORK = 16 };
    struct cursor wanted = cursor_over(argument), items = cursor_over(at->value);
    size_t count = cursor_array(&items);
    (void)schema;
    if (cursor_type(&wanted) != PACK_BOOL || !cursor_bool(&wanted))
        return true;
    if (!judging_spend(j, ITEM_WORK * count + at->value.size / BYTES_PER_WORK))
        return false;
    struct hashed *list = arena_take(j->arena, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct bytes value = cursor_skip(&items);
        list[i] = (struct hashed){ equal_hash(value), i, value };
    }
    qsort(list, count, sizeof *list, by_hash);
    return compare_hashed(j, list, count, at);
}

/* ---- objects ---- */

bool
judge_properties(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    const struct members *members = place_members(j, at);
    struct cursor c = cursor_over(argument);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes name = cursor_text(&c), property = cursor_skip(&c);
        const struct member *member = members_find(members, name);
        judging_spend(j, 1);
        if (member == NULL)
            continue;
        struct place place = place_member(at, member->name, member->value);
        fits &= judge(j, property, &place);
    }
    return fits;
}

bool
judge_patterns(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    const struct members *members = place_members(j, at);
    struct cursor c = cursor_over(argument);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes source = cursor_text(&c), property = cursor_skip(&c);
        for (size_t i = 0; i < members->count && !j->spent; i++) {
            const struct member *member = &members->list[i];
            if (!pattern_fits(j, source, member->name))
                continue;
            struct place place = place_member(at, member->name, member->value);
            fits &= judge(j, property, &place);
        }
    }
    return fits;
}

/* Is it one that patternProperties is about? */
static bool
has_pattern(struct judging *j, struct bytes patterns, struct bytes name)
{
    struct cursor c = cursor_over(patterns);
    if (patterns.size == 0)
        return false;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes source = cursor_text(&c);
        cursor_skip(&c);
        if (pattern_fits(j, source, name))
            return true;
    }
    return false;
}

/* Which members does `properties` name? */
static bool *
named_members(struct judging *j, const struct members *members, struct bytes properties)
{
    bool *named = arena_take(j->arena, members->count + 1);
    struct cursor c = cursor_over(properties);
    if (properties.size == 0)
        return named;
    for (size_t count = cursor_map(&c); count > 0; count--) {
        const struct member *member = members_find(members, cursor_text(&c));
        cursor_skip(&c);
        if (member != NULL)
            named[member - members->list] = true;
        if (!judging_spend(j, 1))
            break;
    }
    return named;
}

/* The property that was probably meant. */
static const char *
meant(struct judging *j, struct bytes properties, struct bytes name)
{
    enum { NAME_MAX_BYTES = 40 };
    struct nearest nearest = { 0 };
    struct cursor c = cursor_over(properties);
    if (properties.size == 0 || j->mistakes == NULL)
        return NULL;
    for (size_t count = cursor_map(&c); count > 0; count--) {
        struct bytes known = cursor_text(&c);
        cursor_skip(&c);
        if (known.size == 0 || known.size > NAME_MAX_BYTES
            || !judging_spend(j, known.size))
            continue;
        char *copy = arena_take(j->arena, known.size + 1);
        memcpy(copy, known.data, known.size);
        nearest_try(&nearest, name, copy);
    }
    return nearest.word;
}

static bool
unknown(struct judging *j, struct bytes properties, struct bytes name, struct place *at)
{
    const char *known = meant(j, properties, name);
    if (known != NULL)
        return wrong_at_member(
            j, at, name, "it is unknown: did you mean %s?", quoted(text(known)).text);
    return wrong_at_member(j, at, name, "it is unknown: expected only known members");
}

bool
judge_additional(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct bytes properties = pack_find(schema, "properties");
    struct bytes patterns = pack_find(schema, "patternProperties");
    const struct members *members = place_members(j, at);
    const bool *named = named_members(j, members, properties);
    struct cursor c = cursor_over(argument);
    bool none = cursor_type(&c) == PACK_BOOL && !cursor_bool(&c), fits = true;
    for (size_t i = 0; i < members->count && !j->spent; i++) {
        const struct member *member = &members->list[i];
        if (named[i] || has_pattern(j, patterns, member->name))
            continue;
        struct place place = place_member(at, member->name, member->value);
        fits &= none ? unknown(j, properties, member->name, at)
                     : judge(j, argument, &place);
    }
    return fits;
}

bool
judge_names(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(at->value);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes key = cursor_skip(&c);
        struct cursor name = cursor_over(key);
        struct place place = place_member(at, cursor_text(&name), key);
        cursor_skip(&c);
        if (!judge_quietly(j, argument, &place))
            fits = wrong_at_place(
                j, &place, "its name does not fit the schema of propertyNames");
    }
    return fits;
}

/* Every name of a list is there; `why` is behind the sentence. */
static bool
have_all(struct judging *j, struct bytes names, struct place *at, const char *why)
{
    const struct members *members = place_members(j, at);
    struct cursor c = cursor_over(names);
    bool fits = true;
    for (size_t count = cursor_array(&c); count > 0 && !j->spent; count--) {
        struct bytes name = cursor_text(&c);
        judging_spend(j, 1);
        if (members_find(members, name) == NULL)
            fits = wrong_at_member(j, at, name, "it is missing: it is required%s", why);
    }
    return fits;
}

bool
judge_required(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return have_all(j, argument, at, "");
}

bool
judge_dependent_required(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    const struct members *members = place_members(j, at);
    struct cursor c = cursor_over(argument);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes name = cursor_text(&c), names = cursor_skip(&c);
        judging_spend(j, 1);
        if (members_find(members, name) != NULL)
            fits &= have_all(j, names, at, " beside another that is there");
    }
    return fits;
}

bool
judge_dependent_schemas(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    const struct members *members = place_members(j, at);
    struct cursor c = cursor_over(argument);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_map(&c); count > 0 && !j->spent; count--) {
        struct bytes name = cursor_text(&c), depending = cursor_skip(&c);
        judging_spend(j, 1);
        if (members_find(members, name) != NULL)
            fits &= judge(j, depending, at);
    }
    return fits;
}
