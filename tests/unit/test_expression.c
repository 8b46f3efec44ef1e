/* Goal: each construct of both languages means what the manual says, and what is wrong
 * is refused at its place with a sentence that helps. Method: a table of good and bad
 * texts (expressions.def); then the rest of the interface: payloads, names, the scope.
 */
#include "actors/expression/expression.h"
#include "actors/expression/functions.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "tests/support/scope.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char known[] =
    "{\"inputs\":{\"issue\":{\"title\":\"Crash\",\"body\":\"it broke\",\"number\":7},"
    "\"list\":[3,1,2],\"none\":[],\"nothing\":null,\"empty\":\"\",\"name\":\"list\","
    "\"users\":[{\"name\":\"ann\",\"age\":31},{\"name\":\"bob\",\"age\":7.5}]},"
    "\"context\":{\"triage\":{\"label\":\"bug\"}},\"steps\":{\"a-b\":{\"output\":1}}}";

static struct arena arena;
static struct buffer packed, json;
static struct expression_fault fault;
static const struct expression_limits *const limits = &expression_limits_default;

static struct bytes
pack_json(const char *in)
{
    struct fault wrong;
    struct buffer out = { 0 };
    ck_assert_msg(
        json_to_msgpack(text(in), &out, NULL, &wrong) == ERR_NONE, "%s", wrong.detail);
    struct bytes value = arena_copy(&arena, buffer_bytes(&out));
    buffer_free(&out);
    return value;
}

static struct bytes root;
static struct expression_scope scope;

static void
set_up(void)
{
    root = pack_json(known);
    scope = scope_of(&root);
}

static void
tear_down(void)
{
    buffer_free(&packed);
    buffer_free(&json);
    arena_free(&arena);
}

static enum err
evaluate(enum expression_form form, const char *in, struct bytes *value)
{
    static const uint8_t truth[] = { 0xc2, 0xc3 };
    bool holds = false;
    if (form == EXPRESSION_TEMPLATE)
        return expression_template(text(in), &scope, limits, &arena, value, &fault);
    if (form == EXPRESSION_VALUE)
        return expression_value(text(in), &scope, limits, &arena, value, &fault);
    enum err e = expression_condition(text(in), &scope, limits, &arena, &holds, &fault);
    *value = bytes_of(&truth[holds], 1);
    return e;
}

static const char *
shown(struct bytes value)
{
    buffer_clear(&json);
    ck_assert_int_eq(msgpack_to_json(value, &json), ERR_NONE);
    buffer_append(&json, "", 1);
    return (const char *)json.data;
}

static const struct {
    enum expression_form form;
    const char *text, *value;
} good[] = {
#define GOOD(form, text, value) { EXPRESSION_##form, text, value },
#define BAD(form, text, err, line, column, message)
#include "tests/unit/expressions.def"
};

static const struct {
    enum expression_form form;
    const char *text;
    enum err err;
    uint32_t line, column;
    const char *message;
} bad[] = {
#define GOOD(form, text, value)
#define BAD(form, text, err, line, column, message)                                    \
    { EXPRESSION_##form, text, ERR_##err, line, column, message },
#include "tests/unit/expressions.def"
};

START_TEST(what_is_good_has_its_value)
{
    struct bytes value;
    enum err e = evaluate(good[_i].form, good[_i].text, &value);
    ck_assert_msg(e == ERR_NONE, "%s\n%u:%u: %s", good[_i].text, fault.line,
        fault.column, fault.message);
    ck_assert_msg(strcmp(shown(value), good[_i].value) == 0, "%s\ngave %s\nand not %s",
        good[_i].text, shown(value), good[_i].value);
    ck_assert_int_eq(expression_check(text(good[_i].text), good[_i].form, NULL, limits,
                         &arena, &fault),
        ERR_NONE);
}
END_TEST

START_TEST(what_is_bad_is_refused_at_its_place)
{
    struct bytes value;
    enum err e = evaluate(bad[_i].form, bad[_i].text, &value);
    ck_assert_msg(e == bad[_i].err && strcmp(fault.message, bad[_i].message) == 0
                      && fault.line == bad[_i].line && fault.column == bad[_i].column,
        "%s\ngave %s, %u:%u: %s\nand not %s, %u:%u: %s", bad[_i].text, err_name(e),
        fault.line, fault.column, fault.message, err_name(bad[_i].err), bad[_i].line,
        bad[_i].column, bad[_i].message);
    /* What cannot be read is refused before anything is known. */
    e = expression_check(
        text(bad[_i].text), bad[_i].form, NULL, limits, &arena, &fault);
    ck_assert_msg((e == ERR_MALFORMED) == (bad[_i].err == ERR_MALFORMED), "%s: %s",
        bad[_i].text, fault.message);
}
END_TEST

START_TEST(every_function_is_in_the_table_of_good_texts)
{
    for (size_t f = 0; f < function_count; f++) {
        bool used = false;
        for (size_t i = 0; i < COUNT(good) && !used; i++) {
            const char *at = strstr(good[i].text, functions[f].name);
            used = at != NULL;
        }
        ck_assert_msg(used, "%s", functions[f].name);
    }
    ck_assert_uint_ge(function_count, 40);
}
END_TEST

START_TEST(a_payload_is_rendered_leaf_by_leaf)
{
    struct bytes value;
    struct bytes in = pack_json("{\"n\":\"{{ .inputs.issue.number }}\",\"{{ .k }}\":"
                                "[1,\"a ${{ 1 + 1 }}\",{\"x\":null}],\"t\":\"plain\"}");
    ck_assert_int_eq(
        expression_payload(in, &scope, limits, &arena, &value, &fault), ERR_NONE);
    ck_assert_str_eq(shown(value),
        "{\"n\":7,\"{{ .k }}\":[1,\"a 2\",{\"x\":null}],\"t\":\"plain\"}");
    in = pack_json("{\"a\":[\"b\",{\"c\":1.5}]}");
    ck_assert_int_eq(
        expression_payload(in, &scope, limits, &arena, &value, &fault), ERR_NONE);
    ck_assert_ptr_eq(value.data, in.data);
}
END_TEST

START_TEST(a_fault_in_a_payload_says_where)
{
    struct bytes value;
    struct bytes in =
        pack_json("{\"parameters\":{\"to\":[\"x\",\"hello {{ .nope }}\"]}}");
    ck_assert_int_eq(
        expression_payload(in, &scope, limits, &arena, &value, &fault), ERR_NOT_FOUND);
    ck_assert_str_eq(fault.where, "parameters.to[1]");
    ck_assert_uint_eq(fault.column, 11);
    in = pack_json("[[\"{{ \"]]");
    ck_assert_int_eq(
        expression_payload_check(in, NULL, limits, &arena, &fault), ERR_MALFORMED);
    ck_assert_str_eq(fault.where, "[0][0]");
    ck_assert_int_eq(
        expression_payload(text("\x91"), &scope, limits, &arena, &value, &fault),
        ERR_MALFORMED);
}
END_TEST

START_TEST(fuel_is_for_a_whole_payload)
{
    struct bytes value, in = pack_json("[\"${{ 1..200 }}\",\"${{ 1..200 }}\"]");
    struct expression_limits small = *limits;
    small.fuel = 300;
    ck_assert_int_eq(
        expression_payload(in, &scope, &small, &arena, &value, &fault), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.where, "[1]");
}
END_TEST

/* Every path that was asked about. */
static struct buffer asked;

static bool
allow(void *self, const struct bytes *path, size_t count,
    char message[EXPRESSION_MESSAGE_SIZE])
{
    (void)self;
    for (size_t i = 0; i < count; i++)
        buffer_print(&asked, "%s%.*s", i == 0 ? "" : ".", (int)path[i].size,
            (const char *)path[i].data);
    buffer_append(&asked, ";", 1);
    if (count < 2 || !bytes_equal(path[1], text("fecth")))
        return true;
    snprintf(message, EXPRESSION_MESSAGE_SIZE,
        "there is no step \"fecth\": did you mean \"fetch\"?");
    return false;
}

static const struct expression_names names = { NULL, allow };

START_TEST(fixed_paths_are_asked_about_once_and_in_order)
{
    static const char in[] =
        "{{ if .a.b }}{{ index .steps \"x-y\" 0 \"z\" }}{{ else }}{{ range .c }}{{ .no "
        "}}"
        "{{ $.d }}{{ end }}{{ end }}${{ e[f.g].h ?? i?.j || any(k, .no > l) }}";
    ck_assert_int_eq(
        expression_check(text(in), EXPRESSION_TEMPLATE, &names, limits, &arena, &fault),
        ERR_NONE);
    buffer_append(&asked, "", 1);
    ck_assert_str_eq((char *)asked.data, "a.b;steps.x-y.0.z;c;d;f.g;e;i.j;k;l;");
    buffer_free(&asked);
}
END_TEST

START_TEST(a_name_can_be_refused_with_a_sentence)
{
    ck_assert_int_eq(expression_check(text("true ||\n steps.fecth.output"),
                         EXPRESSION_CONDITION, &names, limits, &arena, &fault),
        ERR_NOT_FOUND);
    ck_assert_str_eq(
        fault.message, "there is no step \"fecth\": did you mean \"fetch\"?");
    ck_assert_uint_eq(fault.line, 2);
    ck_assert_uint_eq(fault.column, 2);
    buffer_clear(&asked);
    ck_assert_int_eq(expression_check(text("{{ steps.fetch > 1 }}"),
                         EXPRESSION_CONDITION, &names, limits, &arena, &fault),
        ERR_NONE);
    ck_assert_uint_eq(asked.size, strlen("steps.fetch;"));
    buffer_free(&asked);
}
END_TEST

static bool
find_deep(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    static const uint8_t output[] = { 0x81, 0xa4, 'u', 's', 'e', 'r', 7 };
    static const char *const known_path[] = { "steps", "fetch", "output" };
    (void)self;
    for (*used = 0; *used < 3 && *used < count; (*used)++)
        if (!bytes_equal(path[*used], text(known_path[*used])))
            return false;
    *value = bytes_of(output, sizeof output);
    return *used == 3;
}

START_TEST(the_scope_gives_the_longest_prefix_that_it_knows)
{
    struct expression_scope deep = { NULL, find_deep };
    struct bytes value;
    ck_assert_int_eq(expression_value(text("steps['fetch'].output.user"), &deep, limits,
                         &arena, &value, &fault),
        ERR_NONE);
    ck_assert_str_eq(shown(value), "7");
    ck_assert_int_eq(expression_value(text("steps.fecth.output.user"), &deep, limits,
                         &arena, &value, &fault),
        ERR_NOT_FOUND);
    ck_assert_str_eq(fault.message, "there is no steps.fecth");
    ck_assert_uint_eq(fault.column, 7);
}
END_TEST

START_TEST(a_text_without_templates_is_its_own_value)
{
    ck_assert(!expression_in(text("a { b } $ {")));
    ck_assert(!expression_in((struct bytes){ 0 }));
    ck_assert(expression_in(text("a {{")));
    ck_assert(expression_in(text("${{ x }}")));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("expression");
    TCase *tests = tcase_create("expression");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, what_is_good_has_its_value, 0, COUNT(good));
    tcase_add_loop_test(tests, what_is_bad_is_refused_at_its_place, 0, COUNT(bad));
    tcase_add_test(tests, every_function_is_in_the_table_of_good_texts);
    tcase_add_test(tests, a_payload_is_rendered_leaf_by_leaf);
    tcase_add_test(tests, a_fault_in_a_payload_says_where);
    tcase_add_test(tests, fuel_is_for_a_whole_payload);
    tcase_add_test(tests, fixed_paths_are_asked_about_once_and_in_order);
    tcase_add_test(tests, a_name_can_be_refused_with_a_sentence);
    tcase_add_test(tests, the_scope_gives_the_longest_prefix_that_it_knows);
    tcase_add_test(tests, a_text_without_templates_is_its_own_value);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
