/* schema_check - is a schema one that we know?  Its places are those of the schema. */
#include "actors/schema/keywords.h"
#include "actors/schema/number.h"
#include "actors/schema/reference.h"
#include "base/pattern.h"

static const char *const type_names[] = { "string", "number", "integer", "boolean",
    "object", "array", "null" };

static const char *const dialects[] = {
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
};

static bool check_schema(struct judging *j, struct place *at);

static bool
expected(struct judging *j, const struct place *at, const char *what)
{
    return wrong_at_place(j, at, "found %s: expected %s", shown(at->value).text, what);
}

static struct bytes
text_of(const struct place *at)
{
    struct cursor c = cursor_over(at->value);
    return cursor_text(&c);
}

typedef bool check_fn(struct judging *j, struct place *at);

static bool
each_item(struct judging *j, struct place *at, check_fn *check, const char *what)
{
    struct cursor c = cursor_over(at->value);
    bool good = true;
    if (at->type != PACK_ARRAY)
        return expected(j, at, what);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && !j->spent; i++) {
        struct place item = place_item(at, i, cursor_skip(&c));
        good &= check(j, &item);
    }
    return good;
}

static bool
keys_are_texts(struct bytes map)
{
    struct cursor c = cursor_over(map);
    for (size_t count = cursor_map(&c); count > 0; count--) {
        cursor_text(&c);
        cursor_skip(&c);
    }
    return !c.bad;
}

static bool
each_member(struct judging *j, struct place *at, check_fn *check, const char *what)
{
    bool good = true;
    if (at->type != PACK_MAP)
        return expected(j, at, what);
    if (!keys_are_texts(at->value))
        return wrong_at_place(j, at, "a key is not a string: expected strings alone");
    const struct members *members = place_members(j, at);
    for (size_t i = 0; i < members->count && !j->spent; i++) {
        const struct member *member = &members->list[i];
        struct place place = place_member(at, member->name, member->value);
        if (i > 0 && bytes_equal(member->name, members->list[i - 1].name))
            good = wrong_at_place(j, &place, "it is there twice: expected it once");
        good &= check(j, &place);
    }
    return good;
}

static bool
check_anything(struct judging *j, struct place *at)
{
    (void)at;
    return judging_spend(j, 1);
}

static bool
check_text(struct judging *j, struct place *at)
{
    return (judging_spend(j, 1) && at->type == PACK_TEXT)
           || expected(j, at, "a string");
}

static bool
check_type_name(struct judging *j, struct place *at)
{
    for (size_t i = 0; i < COUNT(type_names); i++)
        if (at->type == PACK_TEXT && bytes_equal(text_of(at), text(type_names[i])))
            return true;
    return expected(
        j, at, "string, number, integer, boolean, object, array or \"null\"");
}

static bool
check_pattern(struct judging *j, const struct place *at, struct bytes source)
{
    enum { PATTERN_WORK = 200 };
    struct pattern *pattern;
    struct fault fault;
    if (!judging_spend(j, PATTERN_WORK + source.size))
        return false;
    if (pattern_new(source, &pattern, &fault) != ERR_NONE)
        return wrong_at_place(j, at, "%s", fault.detail);
    pattern_free(&pattern);
    return true;
}

static bool
check_pattern_member(struct judging *j, struct place *at)
{
    bool good = check_pattern(j, at, at->name);
    return check_schema(j, at) && good;
}

static bool
check_names(struct judging *j, struct place *at)
{
    return each_item(j, at, check_text, "a list of strings");
}

static bool
check_reference(struct judging *j, const struct place *at)
{
    enum { BYTES_PER_WORK = 64 };
    if (at->type != PACK_TEXT || text_of(at).size == 0 || text_of(at).data[0] != '#')
        return expected(
            j, at, "a reference into this schema, such as \"#/$defs/address\"");
    judging_spend(j, j->root.size / BYTES_PER_WORK);
    struct bytes meant = reference_find(j->root, text_of(at));
    struct cursor c = cursor_over(meant);
    enum pack_type type = cursor_type(&c);
    return type == PACK_MAP || type == PACK_BOOL
           || wrong_at_place(
               j, at, "%s: there is no schema there", shown(at->value).text);
}

static bool
check_dialect(struct judging *j, const struct place *at)
{
    struct bytes uri = at->type == PACK_TEXT ? text_of(at) : (struct bytes){ 0 };
    if (uri.size > 0 && uri.data[uri.size - 1] == '#')
        uri.size--;
    for (size_t i = 0; i < COUNT(dialects); i++)
        if (bytes_equal(uri, text(dialects[i])))
            return true;
    return expected(j, at, dialects[0]);
}

static bool
check_number(
    struct judging *j, const struct place *at, enum keyword_form form, const char *what)
{
    struct number number;
    bool good = number_read(at->value, &number)
                && (form == FORM_NUMBER || !number.negative)
                && (form != FORM_POSITIVE || !number.whole || number.size > 0)
                && (form != FORM_COUNT || number_integral(&number));
    return good || expected(j, at, what);
}

static bool
check_list(struct judging *j, struct place *at)
{
    struct cursor c = cursor_over(at->value);
    if (at->type == PACK_ARRAY && cursor_array(&c) == 0)
        return wrong_at_place(j, at, "found an empty list: expected schemas in it");
    return each_item(j, at, check_schema, "a list of schemas");
}

static bool
check_argument(struct judging *j, const struct keyword *keyword, struct place *at)
{
    switch (keyword->form) {
    case FORM_ANY: return true;
    case FORM_SCHEMA: return check_schema(j, at);
    case FORM_SCHEMAS: return check_list(j, at);
    case FORM_SCHEMA_MAP:
        return each_member(j, at, check_schema, "an object of schemas");
    case FORM_PATTERN_MAP:
        return each_member(j, at, check_pattern_member, "an object of schemas");
    case FORM_TYPES:
        return at->type == PACK_ARRAY
                   ? each_item(j, at, check_type_name, "a list of types")
                   : check_type_name(j, at);
    case FORM_VALUES: return each_item(j, at, check_anything, "a list");
    case FORM_NUMBER: return check_number(j, at, FORM_NUMBER, "a number");
    case FORM_POSITIVE: return check_number(j, at, FORM_POSITIVE, "a number above 0");
    case FORM_COUNT: return check_number(j, at, FORM_COUNT, "a whole number from 0");
    case FORM_FLAG: return at->type == PACK_BOOL || expected(j, at, "true or false");
    case FORM_TEXT: return check_text(j, at);
    case FORM_PATTERN: return check_text(j, at) && check_pattern(j, at, text_of(at));
    case FORM_NAMES: return check_names(j, at);
    case FORM_NAMES_MAP:
        return each_member(j, at, check_names, "an object of lists of strings");
    case FORM_REFERENCE: return check_reference(j, at);
    case FORM_DIALECT: return check_dialect(j, at);
    case FORM_ID:
        return at->up->up == NULL
               || wrong_at_place(
                   j, at, "$id is of a whole schema: expected $ref to #/$defs/NAME");
    case FORM_REFUSED:
        return wrong_at_place(
            j, at, "%s is not supported: %s", keyword->name, keyword->hint);
    }
    return true;
}

static bool
check_keyword(struct judging *j, struct place *at)
{
    const struct keyword *keyword = keyword_find(at->name);
    if (!judging_spend(j, 4))
        return false;
    if (keyword != NULL)
        return check_argument(j, keyword, at);
    if (bytes_begin(at->name, text("x-")))
        return true;
    const char *known = keyword_nearest(at->name);
    return known != NULL
               ? wrong_at_place(j, at, "no such keyword: did you mean %s?", known)
               : wrong_at_place(j, at,
                   "no such keyword: expected one of JSON Schema 2020-12, or x-…");
}

/* Recursion is limited by PACK_DEPTH_MAX. */
static bool
check_schema(struct judging *j, struct place *at)
{
    if (at->type == PACK_BOOL)
        return true;
    if (at->type != PACK_MAP)
        return expected(j, at, "a schema: an object, true or false");
    return each_member(j, at, check_keyword, "a schema");
}

enum err
schema_check(struct bytes schema, struct arena *arena, struct schema_mistakes *mistakes)
{
    struct judging j;
    struct place root = place_root(schema);
    judging_open(&j, schema, arena, mistakes);
    check_schema(&j, &root);
    return judging_close(&j);
}
