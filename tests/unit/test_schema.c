/* Goal: every mistake of schemas and values is told at its place, in words that say
 * what was expected, and a judgement ends whatever the two say to each other.
 * suite.py compares the answers with the official test suite.
 */
#include "actors/schema/inputs.h"
#include "actors/schema/keywords.h"
#include "base/pack.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A JSON text as msgpack: enough of JSON for these tests, with ' for ". */
struct reader {
    const char *at;
    struct buffer *out;
};

static void read_value(struct reader *r);

static void
blanks(struct reader *r)
{
    while (*r->at == ' ')
        r->at++;
}

static bool
take(struct reader *r, char c)
{
    blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void
read_text(struct reader *r)
{
    size_t size = strcspn(r->at, "'");
    pack_text(r->out, bytes_of(r->at, size));
    r->at += size + 1;
}

static void
read_number(struct reader *r)
{
    char *end;
    double real = strtod(r->at, &end);
    if (memchr(r->at, '.', (size_t)(end - r->at)) != NULL)
        pack_double(r->out, real);
    else
        pack_i64(r->out, strtoll(r->at, NULL, 10));
    r->at = end;
}

/* Items are written behind the head, whose count is known only then. */
static void
read_many(struct reader *r, char end, bool map)
{
    struct buffer items = { 0 }, *out = r->out;
    size_t count = 0;
    r->out = &items;
    while (!take(r, end)) {
        read_value(r);
        if (map) {
            ck_assert(take(r, ':'));
            read_value(r);
        }
        take(r, ',');
        count++;
    }
    r->out = out;
    if (map)
        pack_map(out, count);
    else
        pack_array(out, count);
    buffer_append_bytes(out, buffer_bytes(&items));
    buffer_free(&items);
}

static void
read_value(struct reader *r)
{
    if (take(r, '{'))
        read_many(r, '}', true);
    else if (take(r, '['))
        read_many(r, ']', false);
    else if (take(r, '\''))
        read_text(r);
    else if (strncmp(r->at, "null", 4) == 0)
        pack_nil(r->out), r->at += 4;
    else if (strncmp(r->at, "true", 4) == 0)
        pack_bool(r->out, true), r->at += 4;
    else if (strncmp(r->at, "false", 5) == 0)
        pack_bool(r->out, false), r->at += 5;
    else
        read_number(r);
}

static struct bytes
json(const char *in, struct buffer *out)
{
    struct reader r = { in, out };
    buffer_clear(out);
    read_value(&r);
    blanks(&r);
    ck_assert_str_eq(r.at, "");
    ck_assert_int_eq(pack_check(buffer_bytes(out)), ERR_NONE);
    return buffer_bytes(out);
}

static void
print(const struct schema_mistakes *m, struct buffer *said)
{
    for (size_t i = 0; i < m->count; i++)
        buffer_print(said, "%s: %s\n", m->list[i].pointer, m->list[i].message);
    buffer_append(said, "", 1);
}

static const struct {
    const char *schema, *value, *mistakes;
} judged[] = {
    { "true", "17", "" },
    { "{'patternProperties': {'^a': true, '^b': true, '^c': true},"
      " 'additionalProperties': true}",
        "{'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1}", "" },
    { "{'uniqueItems': true}", "[[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]",
        "/1: found an array, which is item 0 too: expected every item once\n"
        "/2: found an array, which is item 1 too: expected every item once\n" },
    { "false", "17", ": found 17: expected nothing here\n" },
    { "{'type': 'string'}", "17", ": found 17: expected type string\n" },
    { "{'type': ['string', 'null', 'array']}", "{}",
        ": found an object: expected type string, null or array\n" },
    { "{'type': 'integer'}", "1.0", "" },
    { "{'type': 'integer'}", "1.5", ": found 1.5: expected type integer\n" },
    { "{'enum': ['a', 1, null]}", "'b'", ": found \"b\": expected \"a\", 1 or null\n" },
    { "{'const': [1]}", "[1.0]", "" },
    { "{'const': true}", "1", ": found 1: expected true\n" },
    { "{'minimum': 3, 'multipleOf': 0.1}", "2.05",
        ": found 2.05: expected at least 3\n"
        ": found 2.05: expected a multiple of 0.1\n" },
    { "{'exclusiveMinimum': 3, 'exclusiveMaximum': 3}", "3",
        ": found 3: expected more than 3\n: found 3: expected less than 3\n" },
    { "{'maximum': 9007199254740992}", "9007199254740993",
        ": found 9007199254740993: expected at most 9007199254740992\n" },
    { "{'minLength': 2}", "'ü'", ": found \"ü\": expected at least 2 characters\n" },
    { "{'maxLength': 2}", "'üüü'", ": found \"üüü\": expected at most 2 characters\n" },
    { "{'pattern': '^a+$'}", "'b'",
        ": found \"b\": expected to match the pattern \"^a+$\"\n" },
    { "{'format': 'date-time'}", "'no date'", "" },
    { "{'items': {'type': 'null'}, 'minItems': 3}", "[null, 1]",
        "/1: found 1: expected type null\n: found 2 items: expected at least 3\n" },
    { "{'prefixItems': [{'const': 1}], 'items': false}", "[2, 3]",
        "/0: found 2: expected 1\n/1: found 3: expected nothing here\n" },
    { "{'contains': {'const': 1}, 'minContains': 2}", "[1, 2]",
        ": 1 of 2 items fit the schema of contains: expected at least 2\n" },
    { "{'contains': {'const': 1}, 'maxContains': 1}", "[1, 1]",
        ": 2 of 2 items fit the schema of contains: expected at most 1\n" },
    { "{'contains': {'const': 1}, 'minContains': 0}", "[]", "" },
    { "{'uniqueItems': true}", "[{'a': 1, 'b': 2}, 0, {'b': 2, 'a': 1.0}]",
        "/2: found an object, which is item 0 too: expected every item once\n" },
    { "{'properties': {'name': {'type': 'string'}}, 'required': ['name', 'a/b~'],"
      " 'additionalProperties': false}",
        "{'nmae': 1, 'name': 2}",
        "/name: found 2: expected type string\n"
        "/a~1b~0: it is missing: it is required\n"
        "/nmae: it is unknown: did you mean \"name\"?\n" },
    { "{'additionalProperties': {'type': 'null'}, 'patternProperties': {'^x': true}}",
        "{'xa': 1, 'a': 1}", "/a: found 1: expected type null\n" },
    { "{'propertyNames': {'maxLength': 1}}", "{'ab': 1}",
        "/ab: its name does not fit the schema of propertyNames\n" },
    { "{'minProperties': 1}", "{}", ": found 0 members: expected at least 1\n" },
    { "{'dependentRequired': {'a': ['b']}}", "{'a': 1}",
        "/b: it is missing: it is required beside another that is there\n" },
    { "{'dependentSchemas': {'a': {'required': ['b']}}}", "{'a': 1}",
        "/b: it is missing: it is required\n" },
    { "{'anyOf': [{'type': 'null'}, {'minimum': 3}]}", "2",
        ": found 2: expected one of the 2 forms of anyOf, of which the nearest says: "
        "found 2: expected type null\n" },
    { "{'items': {'anyOf': [{'type': 'null'}, {'required': ['name', 'age']}, {'anyOf': "
      "[{'required': ['x']}, false]}]}}",
        "[{'age': 1}]",
        "/0: found an object: expected one of the 3 forms of anyOf, of which the "
        "nearest says: /0/name: it is missing: it is required\n" },
    { "{'oneOf': [true, true, false]}", "2",
        ": found 2, which fits 2: expected exactly one of the 3 forms of oneOf\n" },
    { "{'not': {'type': 'integer'}}", "2",
        ": found 2: expected what does not fit the schema of not\n" },
    { "{'if': {'minimum': 5}, 'then': {'maximum': 7}, 'else': {'minimum': 2}}", "8",
        ": found 8: expected at most 7\n" },
    { "{'if': {'minimum': 5}, 'then': {'maximum': 7}, 'else': {'minimum': 2}}", "1",
        ": found 1: expected at least 2\n" },
    { "{'$ref': '#/$defs/tree', '$defs': {'tree': {'items': {'$ref': '#/$defs/tree'},"
      " 'type': 'array'}}}",
        "[[], [[2]]]", "/1/0/0: found 2: expected type array\n" },
    { "{'$ref': '#/%24defs/a~1b~0', '$defs': {'a/b~': {'type': 'null'}}}", "1",
        ": found 1: expected type null\n" },
    { "{'allOf': [{'type': 'null'}, {'type': 'array'}], 'items': {'$ref': "
      "'#/allOf/1'}}",
        "[[]]", ": found an array: expected type null\n" },
    { "{'enum': [{'a': [1], 'b': 2.5}, {'a': [1]}, [1], [1, 2], null, 'x', -3]}",
        "{'b': 2.5, 'a': [2]}",
        ": found an object: expected an object, an object, an array, an array, null, "
        "\"x\" or -3\n" },
    { "{'uniqueItems': true}", "[1.5, 1.5, null, true, 'a', 'a', -2.5, [1], [1], {}]",
        "/1: found 1.5, which is item 0 too: expected every item once\n"
        "/8: found an array, which is item 7 too: expected every item once\n"
        "/5: found \"a\", which is item 4 too: expected every item once\n" },
    { "{'uniqueItems': false, 'contains': {'type': 'null'}, 'maxContains': 2}",
        "[null, 1, null]", "" },
    { "{'minimum': -2.5, 'maximum': 2.5, 'multipleOf': 0.5}", "-3",
        ": found -3: expected at least -2.5\n" },
    { "{'exclusiveMinimum': -3, 'exclusiveMaximum': 1.5}", "-3.5",
        ": found -3.5: expected more than -3\n" },
    { "{'minimum': 1.5, 'maximum': -1.5}", "2", ": found 2: expected at most -1.5\n" },
    { "{'multipleOf': 1000000.0}", "0.0000000000000000000000000000001",
        ": found 1e-31: expected a multiple of 1000000\n" },
    { "{'multipleOf': 0.001}", "123456789012345678901234567890.0", "" },
    { "{'properties': {'': true, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa': true,"
      " 'name': true}, 'additionalProperties': false}",
        "{'nme': 1}", "/nme: it is unknown: did you mean \"name\"?\n" },
    { "{'not': {'additionalProperties': false}, 'oneOf': [{'items': {'type': 'null'}},"
      " {'additionalProperties': false}]}",
        "{'a': 1}", "" },
    { "{'anyOf': [{'required': ['a', 'b']}, {'required': ['c']}, {'required': ['d', "
      "'e']}, {'properties': {'f': {'type': 'null'}}}]}",
        "{'f': 1}",
        ": found an object: expected one of the 4 forms of anyOf, of which the nearest "
        "says: /c: it is missing: it is required\n" },
    { "{'enum': ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',"
      " 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',"
      " 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 'd']}",
        "1",
        ": found 1: expected "
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\", "
        "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…\", "
        "\"cccccccccccccccccccccccccc\n" },
};

/* What is said has no room, or the schema is one that schema_check refuses. */
static const struct {
    const char *schema, *value;
    bool fits;
} misread[] = {
    { "17", "1", true },
    { "{'type': 'nonsense'}", "1", true },
    { "{'minimum': 'x', 'maximum': 'x', 'multipleOf': 'x'}", "1", true },
    { "{'multipleOf': 0}", "1", false },
    { "{'minLength': 'x', 'maxLength': 'x', 'pattern': '('}", "'a'", false },
    { "{'minItems': 'x', 'maxItems': 'x', 'uniqueItems': 1}", "[1, 1]", true },
    { "{'contains': true, 'minContains': 'x', 'maxContains': 'x'}", "[1]", true },
    { "{'$ref': '#/nope'}", "1", true },
    { "{'$ref': ''}", "1", true },
    { "{'$ref': 'x'}", "1", true },
    { "{'$ref': '#x'}", "1", true },
    { "{'$ref': '#/%4'}", "1", true },
    { "{'$ref': '#/%4z'}", "1", true },
    { "{'$ref': '#/%/'}", "1", true },
    { "{'$ref': '#/%00'}", "1", true },
    { "{'$ref': '#/~2'}", "1", true },
    { "{'$ref': '#/%!0'}", "1", true },
    { "{'$ref': '#/%4@', 'I': false}", "1", true },
    { "{'not': {'properties': {'a': true}, 'additionalProperties': false}}", "{'b': 1}",
        true },
    { "{'properties': {'b': true}, 'additionalProperties': true}", "{'a': 1}", true },
    { "{'type': [5]}", "1", true },
    { "{'$ref': '#/%6E%4f', 'nO': false}", "1", false },
    { "{'$ref': '#/allOf/', 'allOf': [true]}", "1", true },
    { "{'$ref': '#/allOf/00', 'allOf': [true]}", "1", true },
    { "{'$ref': '#/allOf/x', 'allOf': [true]}", "1", true },
    { "{'$ref': '#/allOf/!', 'allOf': [true]}", "1", true },
    { "{'$ref': '#/allOf/1', 'allOf': [true]}", "1", true },
    { "{'$ref': '#/allOf/999', 'allOf': [true]}", "1", true },
    { "{'if': {'$ref': '#/x/1'}, 'x': [true, false], 'then': false}", "1", true },
    { "{'$ref': '#/x/0', 'x': [false]}", "1", false },
};

START_TEST(what_a_schema_cannot_mean_is_passed_over)
{
    struct buffer schema = { 0 }, value = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(misread[_i].schema, &schema);
    json(misread[_i].value, &value);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), buffer_bytes(&value), &arena, &m),
        misread[_i].fits ? ERR_NONE : ERR_INVALID);
    buffer_free(&schema);
    buffer_free(&value);
    arena_free(&arena);
}
END_TEST

/* With that much work, what is said is the same as with all, or it is too much. */
static enum err
judge_with(struct bytes schema, struct bytes value, uint64_t work, struct buffer *said)
{
    struct arena arena = { 0 };
    struct schema_mistakes m;
    struct judging j;
    struct place root = place_root(value);
    judging_open(&j, schema, &arena, &m);
    j.work = work;
    judge(&j, schema, &root);
    enum err e = judging_close(&j);
    buffer_clear(said);
    print(&m, said);
    arena_free(&arena);
    return e;
}

START_TEST(less_work_says_the_same_or_too_much)
{
    struct buffer schema = { 0 }, value = { 0 }, all = { 0 }, said = { 0 };
    enum err whole, e = ERR_TOO_LARGE;
    json(judged[_i].schema, &schema);
    for (size_t v = 0; v < COUNT(judged); v++) {
        json(judged[v].value, &value);
        whole = judge_with(
            buffer_bytes(&schema), buffer_bytes(&value), SCHEMA_WORK_MAX, &all);
        ck_assert(whole == ERR_NONE || whole == ERR_INVALID);
        e = ERR_TOO_LARGE;
        for (uint64_t work = 1; e == ERR_TOO_LARGE; work++) {
            e = judge_with(buffer_bytes(&schema), buffer_bytes(&value), work, &said);
            ck_assert(e == whole || e == ERR_TOO_LARGE);
        }
        ck_assert_str_eq((const char *)said.data, (const char *)all.data);
    }
    buffer_free(&schema);
    buffer_free(&value);
    buffer_free(&all);
    buffer_free(&said);
}
END_TEST

START_TEST(bytes_are_shown_and_compared)
{
    struct buffer schema = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    pack_map(&schema, 1);
    pack_string(&schema, "const");
    pack_blob(&schema, text("a"));
    ck_assert_int_eq(schema_validate(buffer_bytes(&schema),
                         text("\xc4\x01"
                              "a"),
                         &arena, &m),
        ERR_NONE);
    ck_assert_int_eq(schema_validate(buffer_bytes(&schema),
                         text("\xc4\x01"
                              "b"),
                         &arena, &m),
        ERR_INVALID);
    ck_assert_str_eq(m.list[0].message, "found bytes: expected bytes");
    /* No number is beyond another, or no number at all. */
    static const uint8_t nan[] = { 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0 };
    json("{'minimum': 1, 'maximum': 0, 'type': 'number'}", &schema);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), bytes_of(nan, sizeof nan), &arena, &m),
        ERR_INVALID);
    ck_assert_uint_eq(m.total, 1);
    json("{'multipleOf': 2, 'uniqueItems': true}", &schema);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), bytes_of(nan, sizeof nan), &arena, &m),
        ERR_NONE);
    buffer_free(&schema);
    arena_free(&arena);
}
END_TEST

/* What workers in other languages may write: 5 as a number with a sign, a number that
 * is none, which equals itself alone, and what is cut. */
START_TEST(numbers_are_compared_however_they_are_written)
{
    static const struct {
        const char *constant, *value;
        size_t constant_size, value_size;
        bool equal;
    } rows[] = {
        { "\x05", "\xd0\x05", 1, 2, true },
        { "\xd0\x05", "\xcb\x40\x14\0\0\0\0\0", 2, 9, true },
        { "\x05", "\xd0\x06", 1, 2, false },
        { "\xcb\x7f\xf8\0\0\0\0\0", "\xcb\x7f\xf8\0\0\0\0\0", 9, 9, true },
        { "\xcb\x7f\xf8\0\0\0\0\0", "\xcb\x40\x14\0\0\0\0\0", 9, 9, false },
        { "\x05", "\xcb\x40\x14", 1, 3, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer schema = { 0 };
        struct arena arena = { 0 };
        struct schema_mistakes m;
        pack_map(&schema, 1);
        pack_string(&schema, "const");
        pack_raw(&schema, bytes_of(rows[i].constant, rows[i].constant_size));
        enum err err = schema_validate(buffer_bytes(&schema),
            bytes_of(rows[i].value, rows[i].value_size), &arena, &m);
        ck_assert_msg((err == ERR_NONE) == rows[i].equal, "row %zu", i);
        buffer_free(&schema);
        arena_free(&arena);
    }
}
END_TEST

START_TEST(a_reference_has_words_of_some_size)
{
    for (size_t size = 255; size <= 256; size++) {
        struct buffer schema = { 0 }, reference = { 0 };
        struct arena arena = { 0 };
        struct schema_mistakes m;
        buffer_print(&reference, "#/%0*d", (int)size, 0);
        struct bytes name = bytes_of(reference.data + 2, size);
        pack_map(&schema, 2);
        pack_string(&schema, "$ref");
        pack_text(&schema, buffer_bytes(&reference));
        pack_text(&schema, name);
        pack_bool(&schema, false);
        ck_assert_int_eq(
            schema_validate(buffer_bytes(&schema), text("\x01"), &arena, &m),
            size == 255 ? ERR_INVALID : ERR_NONE);
        buffer_free(&schema);
        buffer_free(&reference);
        arena_free(&arena);
    }
}
END_TEST

/* {keyword: [item, …]}, or a map of item to true: too much of each. */
START_TEST(a_schema_is_checked_as_far_as_its_work_goes)
{
    static const struct {
        const char *keyword, *before; /* the number of the member; NULL: a list */
        unsigned count;
    } rows[] = {
        { "enum", NULL, 4000010 },
        { "required", NULL, 4000010 },
        { NULL, "x-", 499000 },
        { "properties", "a", 1200000 },
        { "patternProperties", "a", 20000 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer schema = { 0 };
        struct arena arena = { 0 };
        struct schema_mistakes m;
        char item[16];
        if (rows[i].keyword != NULL) {
            pack_map(&schema, 1);
            pack_string(&schema, rows[i].keyword);
        }
        bool map = rows[i].before != NULL;
        if (map)
            pack_map(&schema, rows[i].count);
        else
            pack_array(&schema, rows[i].count);
        for (unsigned k = 0; k < rows[i].count; k++) {
            snprintf(item, sizeof item, "%s%07u", map ? rows[i].before : "", k);
            pack_string(&schema, map ? item : "");
            if (map)
                pack_bool(&schema, true);
        }
        ck_assert_int_eq(
            schema_check(buffer_bytes(&schema), &arena, &m), ERR_TOO_LARGE);
        ck_assert_str_eq(m.list[m.count - 1].message,
            "this takes too much work: expected a smaller schema or value");
        buffer_free(&schema);
        arena_free(&arena);
    }
}
END_TEST

START_TEST(a_place_that_is_long_is_cut)
{
    struct buffer schema = { 0 }, value = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    char name[400];
    memset(name, 'n', sizeof name);
    json("{'additionalProperties': false}", &schema);
    pack_map(&value, 1);
    pack_text(&value, bytes_of(name, sizeof name));
    pack_nil(&value);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), buffer_bytes(&value), &arena, &m),
        ERR_INVALID);
    ck_assert_uint_eq(strlen(m.list[0].pointer), 255);
    buffer_free(&schema);
    buffer_free(&value);
    arena_free(&arena);
}
END_TEST

START_TEST(values_are_judged)
{
    struct buffer schema = { 0 }, value = { 0 }, said = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(judged[_i].schema, &schema);
    json(judged[_i].value, &value);
    ck_assert_int_eq(schema_check(buffer_bytes(&schema), &arena, &m), ERR_NONE);
    enum err err =
        schema_validate(buffer_bytes(&schema), buffer_bytes(&value), &arena, &m);
    ck_assert_int_eq(err, judged[_i].mistakes[0] == '\0' ? ERR_NONE : ERR_INVALID);
    print(&m, &said);
    ck_assert_str_eq((const char *)said.data, judged[_i].mistakes);
    buffer_free(&schema);
    buffer_free(&value);
    buffer_free(&said);
    arena_free(&arena);
}
END_TEST

static const struct {
    const char *schema, *mistakes;
} refused[] = {
    { "17", ": found 17: expected a schema: an object, true or false\n" },
    { "{'type': 'text'}", "/type: found \"text\": expected string, number, integer, "
                          "boolean, object, array or \"null\"\n" },
    { "{'type': ['string', 1]}", "/type/1: found 1: expected string, number, integer, "
                                 "boolean, object, array or \"null\"\n" },
    { "{'requird': ['a']}", "/requird: no such keyword: did you mean required?\n" },
    { "{'foo': 1, 'x-foo': 1}", "/foo: no such keyword: expected one of JSON Schema "
                                "2020-12, or x-…\n" },
    { "{'properties': {'a': {'minLength': -1, 'maxLength': 1.5}}}",
        "/properties/a/maxLength: found 1.5: expected a whole number from 0\n"
        "/properties/a/minLength: found -1: expected a whole number from 0\n" },
    { "{'multipleOf': 0}", "/multipleOf: found 0: expected a number above 0\n" },
    { "{'minimum': 'a'}", "/minimum: found \"a\": expected a number\n" },
    { "{'uniqueItems': 1}", "/uniqueItems: found 1: expected true or false\n" },
    { "{'items': [true]}", "/items: found an array: expected a schema: an object, true "
                           "or false\n" },
    { "{'anyOf': []}", "/anyOf: found an empty list: expected schemas in it\n" },
    { "{'required': 'a'}", "/required: found \"a\": expected a list of strings\n" },
    { "{'required': [1]}", "/required/0: found 1: expected a string\n" },
    { "{'properties': []}",
        "/properties: found an array: expected an object of schemas\n" },
    { "{'properties': {'a': true, 'a': false}}",
        "/properties/a: it is there twice: expected it once\n" },
    { "{'properties': {1: true}}",
        "/properties: a key is not a string: expected strings alone\n" },
    { "{'pattern': '('}",
        "/pattern: not a pattern: missing closing parenthesis, at character 2\n" },
    { "{'patternProperties': {'a': 5}}", "/patternProperties/a: found 5: expected a "
                                         "schema: an object, true or false\n" },
    { "{'patternProperties': {'(': true}}", "/patternProperties/(: not a pattern: "
                                            "missing closing parenthesis, at character "
                                            "2\n" },
    { "{'$ref': '#/$defs/a'}", "/$ref: \"#/$defs/a\": there is no schema there\n" },
    { "{'$ref': 'http://x.y/z'}",
        "/$ref: found \"http://x.y/z\": expected a reference into this schema, such as "
        "\"#/$defs/address\"\n" },
    { "{'$schema': 'http://json-schema.org/draft-04/schema#'}",
        "/$schema: found \"http://json-schema.org/draft-04/schema#\": expected "
        "https://json-schema.org/draft/2020-12/schema\n" },
    { "{'$id': 'a', '$defs': {'b': {'$id': 'b'}}}",
        "/$defs/b/$id: $id is of a whole schema: expected $ref to #/$defs/NAME\n" },
    { "{'unevaluatedProperties': false}",
        "/unevaluatedProperties: unevaluatedProperties is not supported: use "
        "additionalProperties or items where it stands\n" },
    { "{'$ref': 1}", "/$ref: found 1: expected a reference into this schema, such as "
                     "\"#/$defs/address\"\n" },
    { "{'$ref': ''}", "/$ref: found \"\": expected a reference into this schema, such "
                      "as \"#/$defs/address\"\n" },
    { "{'$ref': '#/x-a', 'x-a': 1}", "/$ref: \"#/x-a\": there is no schema there\n" },
    { "{'$schema': 1}", "/$schema: found 1: expected "
                        "https://json-schema.org/draft/2020-12/schema\n" },
    { "{'$schema': 'https://json-schema.org/draft/2020-12/schema'}", "" },
    { "{'$schema': 'https://json-schema.org/draft/2020-12/schema#'}", "" },
    { "{'pattern': 1}", "/pattern: found 1: expected a string\n" },
    { "{'anyOf': {}}", "/anyOf: found an object: expected a list of schemas\n" },
    { "{'$ref': '#', '$defs': {'a': true, 'b': {'$ref': '#/$defs/a'}}}", "" },
    { "{'dependencies': {}}", "/dependencies: dependencies is not supported: use "
                              "dependentRequired or dependentSchemas\n" },
};

START_TEST(schemas_are_checked)
{
    struct buffer schema = { 0 }, said = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(refused[_i].schema, &schema);
    ck_assert_int_eq(schema_check(buffer_bytes(&schema), &arena, &m),
        refused[_i].mistakes[0] == '\0' ? ERR_NONE : ERR_INVALID);
    print(&m, &said);
    ck_assert_str_eq((const char *)said.data, refused[_i].mistakes);
    buffer_free(&schema);
    buffer_free(&said);
    arena_free(&arena);
}
END_TEST

/* Judge, and expect that the work is cut off. */
static void
expect_cut(const char *schema_text, struct bytes value)
{
    struct buffer schema = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(schema_text, &schema);
    ck_assert_int_eq(schema_check(buffer_bytes(&schema), &arena, &m), ERR_NONE);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), value, &arena, &m), ERR_TOO_LARGE);
    ck_assert_str_eq(m.list[m.count - 1].message,
        "this takes too much work: expected a smaller schema or value");
    buffer_free(&schema);
    arena_free(&arena);
}

START_TEST(work_without_end_is_cut)
{
    static const char *const schemas[] = {
        "{'$ref': '#'}",
        "{'anyOf': [{'$ref': '#'}, {'$ref': '#'}]}",
        "{'$defs': {'a': {'allOf': [{'$ref': '#/$defs/b'}]}, 'b': {'not': {'$ref': "
        "'#/$defs/a'}}}, '$ref': '#/$defs/a'}",
        /* two to the power of thirty */
        "{'allOf': [{'$ref': '#/$defs/0'}, {'$ref': '#/$defs/0'}], '$defs': {"
        "'0': {'allOf': [{'$ref': '#/$defs/1'}, {'$ref': '#/$defs/1'}, {'$ref': "
        "'#/$defs/1'}, {'$ref': '#/$defs/1'}, {'$ref': '#/$defs/1'}]},"
        "'1': {'allOf': [{'$ref': '#/$defs/2'}, {'$ref': '#/$defs/2'}, {'$ref': "
        "'#/$defs/2'}, {'$ref': '#/$defs/2'}, {'$ref': '#/$defs/2'}]},"
        "'2': {'allOf': [{'items': {'$ref': '#/$defs/0'}}, {'$ref': '#'}]}}}",
    };
    struct buffer value = { 0 };
    json("[[[1]]]", &value);
    for (size_t i = 0; i < COUNT(schemas); i++)
        expect_cut(schemas[i], buffer_bytes(&value));
    buffer_free(&value);
}
END_TEST

START_TEST(patterns_share_their_work)
{
    struct buffer value = { 0 };
    pack_array(&value, 1000);
    for (int i = 0; i < 1000; i++)
        pack_string(&value, "aaaaaaaaaaaaaab");
    expect_cut("{'items': {'pattern': '^(a+)+$'}}", buffer_bytes(&value));
    buffer_free(&value);
}
END_TEST

START_TEST(many_items_are_compared_in_time)
{
    struct buffer schema = { 0 }, value = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json("{'uniqueItems': true, 'items': {'type': 'integer'}}", &schema);
    pack_array(&value, 100001);
    for (uint64_t i = 0; i < 100000; i++)
        pack_u64(&value, i);
    pack_u64(&value, 77);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), buffer_bytes(&value), &arena, &m),
        ERR_INVALID);
    ck_assert_uint_eq(m.total, 1);
    ck_assert_str_eq(m.list[0].pointer, "/100000");
    buffer_free(&schema);
    buffer_free(&value);
    arena_free(&arena);
}
END_TEST

START_TEST(mistakes_beyond_the_list_are_counted)
{
    struct buffer schema = { 0 }, value = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json("{'items': {'anyOf': [{'type': 'string'}]}}", &schema);
    pack_array(&value, 100);
    for (uint64_t i = 0; i < 100; i++)
        pack_u64(&value, i);
    ck_assert_int_eq(
        schema_validate(buffer_bytes(&schema), buffer_bytes(&value), &arena, &m),
        ERR_INVALID);
    ck_assert_uint_eq(m.count, SCHEMA_MISTAKES_MAX);
    ck_assert_uint_eq(m.total, 100);
    buffer_free(&schema);
    buffer_free(&value);
    arena_free(&arena);
}
END_TEST

static const char declared[] =
    "{'name': {'type': 'string', 'description': 'who', 'required': true},"
    " 'times': {'type': 'integer', 'default': 3, 'minimum': 1}, 'free': null,"
    " 'sure': {'type': 'boolean', 'required': true, 'default': false}}";

static const struct {
    const char *declared, *inputs, *filled, *mistakes;
} completed[] = {
    { declared, "{'name': 'Ada'}", "{'name': 'Ada', 'times': 3, 'sure': false}", "" },
    { declared, "{'sure': true, 'name': 'Ada', 'free': [1], 'times': 4}",
        "{'sure': true, 'name': 'Ada', 'free': [1], 'times': 4}", "" },
    { declared, "null", "{'times': 3, 'sure': false}",
        "/name: it is missing: it is required\n" },
    { declared, "{'nmae': 'Ada', 'times': 0}",
        "{'nmae': 'Ada', 'times': 0, 'sure': false}",
        "/times: found 0: expected at least 1\n/name: it is missing: it is required\n"
        "/nmae: it is unknown: did you mean \"name\"?\n" },
    { declared, "[1]", "[1]", ": found an array: expected type object\n" },
    { "{'a': {'required': false}}", "{}", "{}", "" },
    { "null", "{'anything': 1}", "{'anything': 1}", "" },
    { "{}", "null", "{}", "" },
};

START_TEST(inputs_are_completed)
{
    struct buffer of = { 0 }, inputs = { 0 }, expected = { 0 }, filled = { 0 };
    struct buffer said = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(completed[_i].declared, &of);
    json(completed[_i].inputs, &inputs);
    json(completed[_i].filled, &expected);
    buffer_append(&filled, "x", 1);
    enum err err =
        inputs_complete(buffer_bytes(&of), buffer_bytes(&inputs), &arena, &filled, &m);
    print(&m, &said);
    ck_assert_str_eq((const char *)said.data, completed[_i].mistakes);
    ck_assert_int_eq(err, completed[_i].mistakes[0] == '\0' ? ERR_NONE : ERR_INVALID);
    ck_assert_uint_eq(filled.size, expected.size + 1);
    ck_assert_mem_eq(filled.data + 1, expected.data, expected.size);
    buffer_free(&of);
    buffer_free(&inputs);
    buffer_free(&expected);
    buffer_free(&filled);
    buffer_free(&said);
    arena_free(&arena);
}
END_TEST

START_TEST(what_is_declared_is_a_schema_that_is_known)
{
    struct buffer of = { 0 }, schema = { 0 };
    struct arena arena = { 0 };
    struct schema_mistakes m;
    json(declared, &of);
    schema_of_inputs(buffer_bytes(&of), &schema);
    ck_assert_int_eq(pack_check(buffer_bytes(&schema)), ERR_NONE);
    ck_assert_int_eq(schema_check(buffer_bytes(&schema), &arena, &m), ERR_NONE);
    buffer_free(&of);
    buffer_free(&schema);
    arena_free(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("schema");
    TCase *tcase = tcase_create("schema");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, values_are_judged, 0, (int)COUNT(judged));
    tcase_add_loop_test(tcase, schemas_are_checked, 0, (int)COUNT(refused));
    tcase_add_loop_test(
        tcase, what_a_schema_cannot_mean_is_passed_over, 0, (int)COUNT(misread));
    tcase_add_loop_test(
        tcase, less_work_says_the_same_or_too_much, 0, (int)COUNT(judged));
    tcase_add_test(tcase, bytes_are_shown_and_compared);
    tcase_add_test(tcase, numbers_are_compared_however_they_are_written);
    tcase_add_test(tcase, a_reference_has_words_of_some_size);
    tcase_add_test(tcase, a_schema_is_checked_as_far_as_its_work_goes);
    tcase_add_test(tcase, a_place_that_is_long_is_cut);
    tcase_add_test(tcase, work_without_end_is_cut);
    tcase_add_test(tcase, patterns_share_their_work);
    tcase_add_test(tcase, many_items_are_compared_in_time);
    tcase_add_test(tcase, mistakes_beyond_the_list_are_counted);
    tcase_add_loop_test(tcase, inputs_are_completed, 0, (int)COUNT(completed));
    tcase_add_test(tcase, what_is_declared_is_a_schema_that_is_known);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
