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

static const struct {
    enum expression_form form;
    const char *text;
} good[] = {
#define GOOD(form, text, value) { EXPRESSION_##form, text },
#define BAD(form, text, err, line, column, message)
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

/* With less of a limit there is the same value, or ERR_TOO_LARGE and from one point on
 * the value. */
static void
expect_less(size_t which, const struct expression_limits *less, struct bytes whole,
    bool *enough)
{
    struct bytes value;
    enum err e = evaluate(good[which].form, text(good[which].text), less, &value);
    ck_assert_msg(e == ERR_NONE || (e == ERR_TOO_LARGE && !*enough), "%s: %s: %s",
        good[which].text, err_name(e), fault.message);
    ck_assert_msg(e != ERR_NONE || bytes_equal(value, whole), "%s", good[which].text);
    *enough = e == ERR_NONE;
}

START_TEST(less_of_a_limit_gives_the_same_value_or_none)
{
    static const char known[] = "\x85\xa5"
                                "a_nil\xc0\xa6"
                                "inputs\x89\xa5"
                                "issue\x83\xa5"
                                "title\xa5"
                                "Crash"
                                "\xa4"
                                "body\xa8"
                                "it broke\xa6"
                                "number\x07\xa4"
                                "list\x93\x03\x01\x02\xa4"
                                "none\x90\xa7"
                                "nothing\xc0\xa5"
                                "empty\xa0\xa4"
                                "name\xa4"
                                "list\xa5"
                                "users"
                                "\x92\x82\xa4"
                                "name\xa3"
                                "ann\xa3"
                                "age\x1f\x82\xa4"
                                "name\xa3"
                                "bob\xa3"
                                "age"
                                "\x07\xa4"
                                "bits\xc4\x02\xff\x00\xa4"
                                "bare\x81\x05\x06\xa7"
                                "context\x81\xa6"
                                "triage\x81\xa5"
                                "label\xa3"
                                "bug\xa5"
                                "steps\x81\xa3"
                                "a-b\x81\xa6"
                                "output\x01"
                                "\xa1"
                                "x\xc0";
    const struct expression_limits *most = &expression_limits_default;
    struct expression_limits less = *most;
    struct buffer kept = { 0 };
    struct bytes value;
    root = bytes_of(known, sizeof known - 1);
    enum err e = evaluate(good[_i].form, text(good[_i].text), most, &value);
    if (e == ERR_NONE) {
        buffer_append_bytes(&kept, value);
        struct bytes whole = buffer_bytes(&kept);
        bool enough = false;
        for (less.fuel = 0; !enough; less.fuel++)
            expect_less((size_t)_i, &less, whole, &enough);
        less = *most;
        for (less.depth = 0, enough = false; !enough; less.depth++)
            expect_less((size_t)_i, &less, whole, &enough);
        less = *most;
        for (less.output_max = 0, enough = false; !enough; less.output_max++)
            expect_less((size_t)_i, &less, whole, &enough);
        less = *most;
        for (less.text_max = 0, enough = false; !enough; less.text_max++)
            expect_less((size_t)_i, &less, whole, &enough);
    }
    buffer_free(&kept);
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
        tests, less_of_a_limit_gives_the_same_value_or_none, 0, COUNT(good));
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
