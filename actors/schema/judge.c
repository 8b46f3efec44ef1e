/* judge - a schema against a value: the schema itself, and those made of others. */
#include "actors/schema/keywords.h"
#include "actors/schema/reference.h"

enum { KEYWORD_WORK = 4, BYTES_PER_WORK = 16 };

static bool
judge_map(struct judging *j, struct bytes schema, struct place *at)
{
    struct cursor c = cursor_over(schema);
    bool fits = true;
    if (!judging_spend(j, schema.size / BYTES_PER_WORK))
        return false;
    for (size_t count = cursor_map(&c); count > 0; count--) {
        struct bytes key = cursor_skip(&c), argument = cursor_skip(&c);
        struct cursor name = cursor_over(key);
        const struct keyword *keyword = keyword_find(cursor_text(&name));
        if (!judging_spend(j, KEYWORD_WORK))
            return false;
        if (keyword == NULL || keyword->judge == NULL
            || (keyword->types != 0 && !(keyword->types >> at->type & 1)))
            continue;
        fits &= keyword->judge(j, schema, argument, at);
        if (!fits && j->mistakes == NULL)
            return false;
    }
    return fits;
}

/* Recursion is limited by SCHEMA_DEPTH_MAX. */
bool
judge(struct judging *j, struct bytes schema, struct place *at)
{
    struct cursor c = cursor_over(schema);
    if (j->spent || !judging_spend(j, 1))
        return false;
    if (cursor_type(&c) == PACK_BOOL)
        return cursor_bool(&c)
               || wrong_at_place(
                   j, at, "found %s: expected nothing here", shown(at->value).text);
    if (cursor_type(&c) != PACK_MAP)
        return true;
    if (j->depth == SCHEMA_DEPTH_MAX) {
        j->spent = true;
        return false;
    }
    j->depth++;
    bool fits = judge_map(j, schema, at);
    j->depth--;
    return fits;
}

bool
judge_quietly(struct judging *j, struct bytes schema, struct place *at)
{
    struct schema_mistakes *mistakes = j->mistakes;
    j->mistakes = NULL;
    bool fits = judge(j, schema, at);
    j->mistakes = mistakes;
    return fits;
}

bool
judge_all(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    bool fits = true;
    (void)schema;
    for (size_t count = cursor_array(&c); count > 0; count--)
        fits &= judge(j, cursor_skip(&c), at);
    return fits;
}

/* What the form says that the value comes nearest to: the one whose first mistake is
 * deepest in the value, and of those the one with the fewest. */
static struct schema_mistake
nearest_form(struct judging *j, struct bytes forms, struct place *at)
{
    struct schema_mistakes *told = j->mistakes, told_here;
    struct schema_mistake nearest = { NULL, NULL };
    size_t depth = 0;
    uint64_t fewest = 0;
    struct cursor c = cursor_over(forms);
    for (size_t count = cursor_array(&c); count > 0 && !j->spent; count--) {
        told_here = (struct schema_mistakes){ 0 };
        j->mistakes = &told_here;
        judge(j, cursor_skip(&c), at);
        if (told_here.count == 0)
            continue;
        size_t deep = strlen(told_here.list[0].pointer);
        if (nearest.pointer != NULL
            && (deep < depth || (deep == depth && told_here.total >= fewest)))
            continue;
        nearest = told_here.list[0];
        depth = deep;
        fewest = told_here.total;
    }
    j->mistakes = told;
    return nearest;
}

bool
judge_any(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    size_t count = cursor_array(&c);
    (void)schema;
    for (size_t i = 0; i < count; i++)
        if (judge_quietly(j, cursor_skip(&c), at))
            return true;
    struct schema_mistake nearest = { NULL, NULL };
    if (j->mistakes != NULL && j->mistakes->count < SCHEMA_MISTAKES_MAX)
        nearest = nearest_form(j, argument, at);
    if (nearest.pointer == NULL)
        return wrong_at_place(j, at, "found %s: expected one of the %zu forms of anyOf",
            shown(at->value).text, count);
    return wrong_at_place(j, at,
        "found %s: expected one of the %zu forms of anyOf, of which the nearest says: "
        "%s%s%s",
        shown(at->value).text, count, nearest.pointer,
        nearest.pointer[0] != '\0' ? ": " : "", nearest.message);
}

bool
judge_one(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    size_t count = cursor_array(&c), fitting = 0;
    (void)schema;
    for (size_t i = 0; i < count; i++)
        fitting += judge_quietly(j, cursor_skip(&c), at);
    return fitting == 1
           || wrong_at_place(j, at,
               "found %s, which fits %zu: expected exactly one of the %zu forms of "
               "oneOf",
               shown(at->value).text, fitting, count);
}

bool
judge_not(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    (void)schema;
    return !judge_quietly(j, argument, at)
           || wrong_at_place(j, at,
               "found %s: expected what does not fit the schema "
               "of not",
               shown(at->value).text);
}

bool
judge_if(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    bool so = judge_quietly(j, argument, at);
    struct bytes follows = pack_find(schema, so ? "then" : "else");
    return follows.size == 0 || judge(j, follows, at);
}

bool
judge_reference(
    struct judging *j, struct bytes schema, struct bytes argument, struct place *at)
{
    struct cursor c = cursor_over(argument);
    (void)schema;
    if (!judging_spend(j, j->root.size / BYTES_PER_WORK))
        return false;
    struct bytes meant = reference_find(j->root, cursor_text(&c));
    return meant.size == 0 || judge(j, meant, at);
}

enum err
schema_validate(struct bytes schema, struct bytes value, struct arena *arena,
    struct schema_mistakes *mistakes)
{
    struct judging j;
    struct place root = place_root(value);
    judging_open(&j, schema, arena, mistakes);
    judge(&j, schema, &root);
    return judging_close(&j);
}
