/* Goal: whatever values meet, and wherever a limit or a slip of the pen strikes, there
 * is a value or a refusal that says why, and never another value. Method: every
 * function and operator with every combination of kinds of values; every text of
 * expressions.def with less and less of each limit, cut everywhere, and with a
 * character too many everywhere. */
#include "actors/expression/expression.h"
#include "actors/expression/functions.h"
#include "tests/support/scope.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct buffer packed;
static struct bytes root;
static struct expression_scope scope;
static struct expression_fault fault;

/* One of each kind, and of each that some function takes otherwise: as msgpack. */
static const struct {
    const char *name, *value;
    size_t size;
} kinds[] = {
#define KIND(name, value) { name, value, sizeof(value) - 1 },
    KIND("a_nil", "\xc0") KIND("a_no", "\xc2") KIND("a_yes", "\xc3")
        KIND("a_zero", "\x00") KIND("a_three", "\x03") KIND("a_minus", "\xfe")
            KIND("a_huge", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff")
                KIND("a_low", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00") KIND("a_real",
                    "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00") KIND("a_whole_real",
                    "\xcb\x40\x08\x00\x00\x00\x00\x00\x00") KIND("a_big_real",
                    "\xcb\xfe\x37\xe4\x3c\x88\x00\x75\x9c") KIND("no_number",
                    "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00") KIND("a_void", "\xa0")
                    KIND("a_text", "\xa5"
                                   "b\xc3\xa9,a") KIND("a_digit", "\xa1"
                                                                  "1") KIND("a_time",
                        "\xaa"
                        "2026-11-25") KIND("a_span", "\xa3"
                                                     "-5m") KIND("a_word",
                        "\xa4"
                        "true") KIND("some_bytes", "\xc4\x02\xff\x00")
                        KIND("nothing_listed", "\x90") KIND("one_listed", "\x91\x07")
                            KIND("a_list", "\x93\x03\x01\xa1"
                                           "b") KIND("maps_listed", "\x92\x81\xa1"
                                                                    "a\x01\x80")
                                KIND("an_empty", "\x80") KIND("a_map", "\x82\xa1"
                                                                       "a\x81\xa1"
                                                                       "b\x01\xa1"
                                                                       "c\x02")
                                    KIND("a_keyed_otherwise", "\x81\x05\x06")
                                        KIND("an_extension", "\xd4\x07\x00")
#undef KIND
};

static const struct {
    enum expression_form form;
    const char *text;
} texts[] = {
#define GOOD(form, text, value)                     { EXPRESSION_##form, text },
#define BAD(form, text, err, line, column, message) { EXPRESSION_##form, text },
#include "tests/unit/expressions.def"
};

static void
set_up(void)
{
    pack_map(&packed, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        pack_text(&packed, text(kinds[i].name));
        buffer_append(&packed, kinds[i].value, kinds[i].size);
    }
    root = buffer_bytes(&packed);
    scope = scope_of(&root);
}

static void
tear_down(void)
{
    buffer_free(&packed);
    arena_free(&arena);
}

static enum err
evaluate(enum expression_form form, struct bytes in,
    const struct expression_limits *limits, struct bytes *value)
{
    static const uint8_t truth[] = { 0xc2, 0xc3 };
    bool holds = false;
    arena_reset(&arena);
    if (form == EXPRESSION_TEMPLATE)
        return expression_template(in, &scope, limits, &arena, value, &fault);
    if (form == EXPRESSION_VALUE)
        return expression_value(in, &scope, limits, &arena, value, &fault);
    enum err e = expression_condition(in, &scope, limits, &arena, &holds, &fault);
    *value = bytes_of(&truth[holds], 1);
    return e;
}

/* A value that is well-formed, or a refusal with a place and a sentence. */
static void
expect_an_answer(const char *in)
{
    struct bytes value;
    enum err e =
        evaluate(EXPRESSION_VALUE, text(in), &expression_limits_default, &value);
    if (e == ERR_NONE) {
        ck_assert_msg(pack_check(value) == ERR_NONE, "%s", in);
        return;
    }
    ck_assert_msg(e == ERR_INVALID || e == ERR_NOT_FOUND || e == ERR_TOO_LARGE,
        "%s: %s: %s", in, err_name(e), fault.message);
    ck_assert_msg(fault.line == 1 && fault.column > 0 && strlen(fault.message) > 10,
        "%s: %s", in, fault.message);
}

START_TEST(every_function_answers_to_every_kind_of_value)
{
    enum { MOST = 3 };
    const struct function *f = &functions[_i];
    size_t most = f->most < MOST ? f->most : MOST;
    for (size_t count = f->least; count <= most; count++) {
        size_t all = 1;
        for (size_t i = 0; i < count; i++)
            all *= COUNT(kinds);
        for (size_t n = 0; n < all; n++) {
            char in[160];
            int size = snprintf(in, sizeof in, "%s(", f->name);
            for (size_t i = 0, left = n; i < count; i++, left /= COUNT(kinds))
                size += snprintf(in + size, sizeof in - (size_t)size, "%s%s",
                    i == 0 ? "" : ", ", kinds[left % COUNT(kinds)].name);
            snprintf(in + size, sizeof in - (size_t)size, ")");
            expect_an_answer(in);
        }
    }
}
END_TEST

static const char *const signs[] = { "||", "&&", "==", "!=", "<", "<=", ">", ">=", "in",
    "not in", "contains", "startsWith", "endsWith", "matches", "..", "+", "-", "*", "/",
    "%", "**", "??" };

START_TEST(every_operator_answers_to_every_kind_of_value)
{
    for (size_t a = 0; a < COUNT(kinds); a++)
        for (size_t b = 0; b < COUNT(kinds); b++) {
            char in[160];
            snprintf(
                in, sizeof in, "%s %s %s", kinds[a].name, signs[_i], kinds[b].name);
            expect_an_answer(in);
            snprintf(in, sizeof in, "[-%s, !%s, %s[%s:], %s[%s]]", kinds[a].name,
                kinds[a].name, kinds[a].name, kinds[b].name, kinds[a].name,
                kinds[b].name);
            expect_an_answer(in);
        }
}
END_TEST

/* What came of a text with all of each limit. */
static enum err whole_err;
static char whole_message[EXPRESSION_MESSAGE_SIZE];
static struct buffer whole;

/* With less of a limit it is the same, or ERR_TOO_LARGE.  Is it the same? */
static bool
same_with(size_t which, const struct expression_limits *less)
{
    struct bytes value;
    const char *in = texts[which].text;
    enum err e = evaluate(texts[which].form, text(in), less, &value);
    if (e == whole_err && e == ERR_NONE) {
        ck_assert_msg(bytes_equal(value, buffer_bytes(&whole)), "%s", in);
        return true;
    }
    if (e == whole_err && strcmp(fault.message, whole_message) == 0)
        return true;
    ck_assert_msg(e == ERR_TOO_LARGE, "%s: %s: %s", in, err_name(e), fault.message);
    return false;
}

/* The scope of test_expression.c. */
static const char known[] =
    "\x84\xa6inputs\x87\xa5issue\x83\xa5title\xa5"
    "Crash\xa4"
    "body\xa8it broke"
    "\xa6number\x07\xa4list\x93\x03\x01\x02\xa4none\x90\xa7nothing\xc0\xa5"
    "empty\xa0"
    "\xa4name\xa4list\xa5users\x92\x82\xa4name\xa3"
    "ann\xa3"
    "age\x1f\x82\xa4name\xa3"
    "bob\xa3"
    "age\xcb\x40\x1e\x00\x00\x00\x00\x00\x00\xa7"
    "context\x81\xa6triage\x81"
    "\xa5label\xa3"
    "bug\xa5steps\x81\xa3"
    "a-b\x81\xa6output\x01\xa1x\xc0";

START_TEST(less_of_a_limit_gives_the_same_or_too_large)
{
    const struct expression_limits *most = &expression_limits_default;
    struct expression_limits less = *most;
    struct bytes value;
    root = bytes_of(known, sizeof known - 1);
    ck_assert_int_eq(pack_check(root), ERR_NONE);
    whole_err = evaluate(texts[_i].form, text(texts[_i].text), most, &value);
    memcpy(whole_message, fault.message, sizeof whole_message);
    buffer_append_bytes(&whole, value);
    for (less.fuel = 0; !same_with((size_t)_i, &less); less.fuel++)
        ;
    less = *most;
    for (less.depth = 0; !same_with((size_t)_i, &less); less.depth++)
        ;
    less = *most;
    for (less.output_max = 0; !same_with((size_t)_i, &less); less.output_max++)
        ;
    less = *most;
    for (less.text_max = 0; !same_with((size_t)_i, &less); less.text_max++)
        ;
    buffer_free(&whole);
}
END_TEST

/* What is malformed is so without values, and is told before they are asked. */
static void
expect_read(enum expression_form form, struct bytes in)
{
    struct bytes value;
    arena_reset(&arena);
    enum err read =
        expression_check(in, form, NULL, &expression_limits_default, &arena, &fault);
    ck_assert_msg(read == ERR_NONE || read == ERR_MALFORMED, "%.*s: %s: %s",
        (int)in.size, (const char *)in.data, err_name(read), fault.message);
    enum err e = evaluate(form, in, &expression_limits_default, &value);
    ck_assert_msg((e == ERR_MALFORMED) == (read == ERR_MALFORMED), "%.*s: %s: %s",
        (int)in.size, (const char *)in.data, err_name(e), fault.message);
}

START_TEST(a_text_that_is_cut_is_read_alike_with_and_without_values)
{
    struct bytes in = text(texts[_i].text);
    for (size_t size = 0; size < in.size; size++)
        expect_read(texts[_i].form, bytes_of(in.data, size));
}
END_TEST

START_TEST(a_slip_of_the_pen_is_read_alike_with_and_without_values)
{
    static const char *const slips[] = { "'", "(", ")", "}", "]", "$", ".", "1", " ",
        "-", ",", "|", "\xc3\xa9", "x", "#" };
    struct bytes in = text(texts[_i].text);
    for (size_t at = 0; at <= in.size; at++)
        for (size_t s = 0; s < COUNT(slips); s++) {
            struct buffer out = { 0 };
            buffer_append(&out, in.data, at);
            buffer_append_bytes(&out, text(slips[s]));
            buffer_append(&out, in.data + at, in.size - at);
            expect_read(texts[_i].form, buffer_bytes(&out));
            buffer_free(&out);
        }
}
END_TEST

static enum err
evaluate_text(enum expression_form form, const char *in, struct bytes *value)
{
    return evaluate(form, text(in), &expression_limits_default, value);
}

/* Each variable is a list that is 30 levels deeper than the one before. */
START_TEST(what_goes_too_deep_is_too_large)
{
    static const struct {
        const char *last, *message;
    } deep[] = {
        { "{{ eq $d $d }}", "values nested deeper than 64 levels" },
        { "{{ json $d }}", "a value nested too deep for JSON" },
        { "{{ flatten $d }}", "flatten goes no deeper than 64 levels" },
    };
    struct bytes value;
    for (size_t i = 0; i < COUNT(deep); i++) {
        struct buffer in = { 0 };
        for (char name = 'a'; name <= 'd'; name++) {
            buffer_print(&in, "{{ $%c := ", name);
            for (unsigned k = 0; k < 30; k++)
                buffer_print(&in, "list (");
            buffer_print(&in, name == 'a' ? "list" : "list $%c", name - 1);
            for (unsigned k = 0; k < 30; k++)
                buffer_print(&in, ")");
            buffer_print(&in, " }}");
        }
        buffer_print(&in, "%s", deep[i].last);
        buffer_append(&in, "", 1);
        enum err e = evaluate_text(EXPRESSION_TEMPLATE, (char *)in.data, &value);
        ck_assert_msg(e == ERR_TOO_LARGE || e == ERR_INVALID, "%s", err_name(e));
        ck_assert_str_eq(fault.message, deep[i].message);
        buffer_free(&in);
    }
}
END_TEST

/* Knows three names and no value; or any name, and says nothing of it. */
static bool
find_less(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    (void)path;
    *used = self == NULL || count < 3 ? count : 3;
    *value = (struct bytes){ 0 };
    return self == NULL;
}

START_TEST(a_path_has_its_bounds)
{
    struct bytes value;
    struct buffer in = { 0 };
    for (unsigned i = 0; i < 50; i++)
        buffer_print(&in, "a.b.c.d[");
    buffer_append(&in, "", 1);
    ck_assert_int_eq(
        evaluate_text(EXPRESSION_VALUE, (char *)in.data, &value), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.message, "a path of more than 32 names");
    buffer_clear(&in);
    for (unsigned i = 0; i < 4; i++)
        buffer_print(&in, "%s%040u", i == 0 ? "" : ".n", i);
    buffer_append(&in, "", 1);
    in.data[0] = 'n';
    scope = (struct expression_scope){ &scope, find_less };
    ck_assert_int_eq(
        evaluate_text(EXPRESSION_VALUE, (char *)in.data, &value), ERR_NOT_FOUND);
    ck_assert_uint_eq(fault.column, 126);
    ck_assert_int_eq(
        evaluate_text(EXPRESSION_VALUE, "steps.fetch", &value), ERR_NOT_FOUND);
    ck_assert_str_eq(fault.message, "there is no steps.fetch");
    scope.self = NULL;
    ck_assert_int_eq(evaluate_text(EXPRESSION_VALUE, "steps.fetch", &value), ERR_NONE);
    ck_assert(value.size == 1 && value.data[0] == 0xc0);
    buffer_free(&in);
}
END_TEST

START_TEST(a_payload_has_its_bounds)
{
    struct expression_limits small = expression_limits_default;
    struct buffer in = { 0 };
    struct bytes value;
    /* A key that is no text; one that is too long to be shown. */
    ck_assert_int_eq(expression_payload(bytes_of("\x81\x05\xa5{{x}}", 8), &scope,
                         &small, &arena, &value, &fault),
        ERR_MALFORMED);
    ck_assert_str_eq(fault.where, "?");
    buffer_clear(&in);
    pack_map(&in, 1);
    char name[EXPRESSION_WHERE_SIZE + 20];
    memset(name, 'n', sizeof name);
    pack_text(&in, bytes_of(name, sizeof name));
    pack_text(&in, text("{{ x }}"));
    ck_assert_int_eq(
        expression_payload(buffer_bytes(&in), &scope, &small, &arena, &value, &fault),
        ERR_MALFORMED);
    ck_assert_uint_eq(strlen(fault.where), EXPRESSION_WHERE_SIZE - 1);
    /* Too much before the last item, and with it. */
    small.output_max = 6;
    static const char *const large[] = { "\x93\xab{{'12345'}}\x01\x02",
        "\x92\x01\xab{{'12345'}}" };
    for (size_t i = 0; i < COUNT(large); i++) {
        ck_assert_int_eq(
            expression_payload(text(large[i]), &scope, &small, &arena, &value, &fault),
            ERR_TOO_LARGE);
    }
    /* A value that is deep, put deep. */
    buffer_clear(&in);
    for (unsigned i = 0; i < PACK_DEPTH_MAX - 1; i++)
        pack_array(&in, 1);
    pack_text(&in, text("${{ [[1]] }}"));
    small = expression_limits_default;
    ck_assert_int_eq(
        expression_payload(buffer_bytes(&in), &scope, &small, &arena, &value, &fault),
        ERR_TOO_LARGE);
    ck_assert_int_eq(
        expression_payload_check(buffer_bytes(&in), NULL, &small, &arena, &fault),
        ERR_NONE);
    buffer_free(&in);
}
END_TEST

START_TEST(more_fuel_is_not_more_work_for_one_pattern)
{
    struct expression_limits large = expression_limits_default;
    struct bytes value;
    large.fuel = UINT32_MAX;
    ck_assert_int_eq(
        evaluate(EXPRESSION_VALUE, text("'abc' matches 'b'"), &large, &value),
        ERR_NONE);
    ck_assert_uint_eq(value.data[0], 0xc3);
    ck_assert_int_eq(
        evaluate(EXPRESSION_VALUE, text("repeat('a', 40) + 'c' matches '^(a+)+$'"),
            &large, &value),
        ERR_TOO_LARGE);
    ck_assert_str_eq(fault.message, "this pattern takes too long on this text");
}
END_TEST

START_TEST(nothing_is_null)
{
    struct bytes nothing = { 0 };
    ck_assert(is_nil(nothing));
    ck_assert(!truth_of(nothing));
    ck_assert_str_eq(type_sentence(nothing), "null");
    /* A number that is cut is none. */
    ck_assert(truth_of(bytes_of("\xcd\x01\x00", 3)));
    ck_assert(!truth_of(bytes_of("\xcd\x01", 2)));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("expression, each");
    TCase *tests = tcase_create("each");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(
        tests, every_function_answers_to_every_kind_of_value, 0, (int)function_count);
    tcase_add_loop_test(
        tests, every_operator_answers_to_every_kind_of_value, 0, COUNT(signs));
    tcase_add_loop_test(
        tests, less_of_a_limit_gives_the_same_or_too_large, 0, COUNT(texts));
    tcase_add_test(tests, what_goes_too_deep_is_too_large);
    tcase_add_test(tests, a_path_has_its_bounds);
    tcase_add_test(tests, a_payload_has_its_bounds);
    tcase_add_test(tests, more_fuel_is_not_more_work_for_one_pattern);
    tcase_add_test(tests, nothing_is_null);
    tcase_add_loop_test(tests, a_text_that_is_cut_is_read_alike_with_and_without_values,
        0, COUNT(texts));
    tcase_add_loop_test(tests, a_slip_of_the_pen_is_read_alike_with_and_without_values,
        0, COUNT(texts));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
