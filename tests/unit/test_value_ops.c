/* Goal: operations change a value as docs/state.md says, all or as many as fit, and
 * stay within their limits. Method: a table of values, operations and what comes of
 * them, in JSON; then limits. */
#include "actors/trigger/value_ops.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"

#include <check.h>
#include <sodium.h>

enum { MAX = 4096 };

static struct arena arena;
static struct fault fault;

static struct bytes
json(const char *in)
{
    struct buffer out = { 0 };
    if (in == NULL)
        return (struct bytes){ 0 };
    ck_assert_int_eq(json_to_msgpack(text(in), &out, NULL, &fault), ERR_NONE);
    struct bytes value = arena_copy(&arena, buffer_bytes(&out));
    buffer_free(&out);
    return value;
}

static const char *
shown(struct bytes msgpack)
{
    struct buffer out = { 0 };
    if (msgpack.size == 0)
        return "nothing";
    ck_assert_int_eq(msgpack_to_json(msgpack, &out), ERR_NONE);
    buffer_append(&out, "", 1);
    const char *kept = (const char *)arena_copy(&arena, buffer_bytes(&out)).data;
    buffer_free(&out);
    return kept;
}

/* The first code, without the quotes; "" if there is none. */
static const char *
first_code(struct bytes mistakes, uint64_t *index)
{
    struct cursor c = cursor_over(mistakes);
    if (cursor_array(&c) == 0)
        return "";
    struct bytes first = cursor_skip(&c);
    struct cursor code = cursor_over(pack_find(first, "code"));
    struct cursor at = cursor_over(pack_find(first, "op_index"));
    struct bytes name = cursor_text(&code);
    *index = cursor_u64(&at);
    struct buffer out = { 0 };
    buffer_append_bytes(&out, name);
    buffer_append(&out, "", 1);
    const char *kept = (const char *)arena_copy(&arena, buffer_bytes(&out)).data;
    buffer_free(&out);
    return kept;
}

/* `code`: of the one operation that is passed over, the last one; "" if none is. */
static const struct {
    const char *value, *ops, *becomes, *code;
} rows[] = {
    /* set */
    { NULL, "[{'type':'set','path':'','value':7}]", "7", "" },
    { "{'a':1}", "[{'type':'set','value':[1.0,1]}]", "[1.0,1]", "" },
    { "{'a':1}", "[{'type':'set','path':''}]", "null", "" },
    { NULL, "[{'type':'set','path':'a','value':1}]", "{'a':1}", "" },
    { "{'z':0,'a':1}", "[{'type':'set','path':'a','value':2}]", "{'z':0,'a':2}", "" },
    { "{}", "[{'type':'set','path':'a.b','value':1}]", "{'a.b':1}", "" },
    { "{}", "[{'type':'set','path':['a','b'],'value':1}]", "{'a':{'b':1}}", "" },
    { "3", "[{'type':'set','path':'a','value':1}]", "3", "set.target_not_object" },
    { "{'a':3}", "[{'type':'set','path':['a','b'],'value':1}]", "{'a':3}",
        "set.target_not_object" },
    /* merge */
    { NULL, "[{'type':'merge','value':{'a':1}}]", "{'a':1}", "" },
    { "{'b':1,'a':0}", "[{'type':'merge','path':'','value':{'c':3,'a':2}}]",
        "{'b':1,'a':2,'c':3}", "" },
    { "{'a':{'x':1}}", "[{'type':'merge','path':'a','value':{'y':{'z':2}}}]",
        "{'a':{'x':1,'y':{'z':2}}}", "" },
    { NULL, "[{'type':'merge','value':{'a':[[1],{}]}}]", "{'a':[[1],{}]}", "" },
    { "{'a':5}", "[{'type':'merge','path':['a','b'],'value':{'c':1}}]",
        "{'a':{'b':{'c':1}}}", "" },
    { "[1]", "[{'type':'merge','value':{'a':1}}]", "[1]", "merge.target_not_object" },
    { "{}", "[{'type':'merge','value':[1]}]", "{}", "merge.value.not_an_object" },
    { "{}", "[{'type':'merge','value':{'__proto__':1}}]", "{}",
        "merge.value.proto_polluted" },
    /* increment, decrement */
    { NULL, "[{'type':'increment','path':'','by':3}]", "3", "" },
    { NULL, "[{'type':'decrement','path':'n','by':3}]", "{'n':-3}", "" },
    { "{'n':2}", "[{'type':'increment','path':'n','by':0.5}]", "{'n':2.5}", "" },
    { "2", "[{'type':'increment','path':null,'by':1}]", "3", "" },
    { "{'n':2}", "[{'type':'increment','path':'n','by':5}]", "{'n':7}", "" },
    { "{'n':1.5}", "[{'type':'decrement','path':'n','by':1}]", "{'n':0.5}", "" },
    { "{'n':9223372036854775807}", "[{'type':'increment','path':'n','by':1}]",
        "{'n':9223372036854775808}", "" },
    { "{'n':18446744073709551615}", "[{'type':'increment','path':'n','by':1}]",
        "{'n':18446744073709551615}", "increment.out_of_range" },
    { "{'n':-9223372036854775808}", "[{'type':'decrement','path':'n','by':1}]",
        "{'n':-9223372036854775808}", "decrement.out_of_range" },
    { "{'n':1.7e308}", "[{'type':'increment','path':'n','by':1.7e308}]",
        "{'n':1.7e+308}", "increment.out_of_range" },
    { "{'n':null}", "[{'type':'increment','path':'n','by':1}]", "{'n':null}",
        "increment.not_number" },
    { "'x'", "[{'type':'decrement','path':'n','by':1}]", "'x'",
        "decrement.target_not_object" },
    { "'x'", "[{'type':'decrement','by':1}]", "'x'", "decrement.not_number" },
    /* append */
    { NULL, "[{'type':'append','path':'','value':'hello'}]", "'hello'", "" },
    { NULL, "[{'type':'append','value':{'a':1}}]", "[{'a':1}]", "" },
    { "{'l':[1]}", "[{'type':'append','path':'l','value':[2]}]", "{'l':[1,[2]]}", "" },
    { "{'t':'a'}", "[{'type':'append','path':'t','value':'b'}]", "{'t':'ab'}", "" },
    { "{'t':null}", "[{'type':'append','path':'t','value':'b'}]", "{'t':'b'}", "" },
    { "{'a':{'b':null}}", "[{'type':'append','path':['a','b'],'value':'x'}]",
        "{'a':{'b':'x'}}", "" },
    { "{}", "[{'type':'append','path':['a','b'],'value':'x'}]", "{'a':{'b':['x']}}",
        "" },
    { "{'t':'a'}", "[{'type':'append','path':'t','value':1}]", "{'t':'a'}",
        "append.type_mismatch" },
    { "{'t':{}}", "[{'type':'append','path':'t','value':1}]", "{'t':{}}",
        "append.type_mismatch" },
    { "7", "[{'type':'append','path':'t','value':1}]", "7",
        "append.target_not_object" },
    /* remove */
    { "{'a':1,'b':2}", "[{'type':'remove','path':'a'}]", "{'b':2}", "" },
    { "{'a':{'b':1}}", "[{'type':'remove','path':['a','b']}]", "{'a':{}}", "" },
    { "{'a':1}", "[{'type':'remove','path':['b','c']}]", "{'a':1}", "" },
    { "{'a':1}", "[{'type':'remove','path':''}]", "null", "" },
    { NULL, "[{'type':'remove','path':'a'}]", "{}", "" },
    { "1", "[{'type':'remove','path':'a'}]", "1", "remove.target_not_object" },
    /* paths */
    { "{}", "[{'type':'set','path':['a',''],'value':1}]", "{}",
        "set.path.empty_segment" },
    { "{}", "[{'type':'set','path':'constructor','value':1}]", "{}",
        "set.path.proto_polluted" },
    { "{}", "[{'type':'append','path':['a','prototype'],'value':1}]", "{}",
        "append.path.proto_polluted" },
    /* several */
    { NULL, "[]", "nothing", "" },
    { "{'n':1}",
        "[{'type':'increment','path':'n','by':1},{'type':'set','path':'m',"
        "'value':1},{'type':'increment','path':'m','by':1}]",
        "{'n':2,'m':2}", "" },
    { "{'n':1}", "[{'type':'remove','path':'n'},{'type':'merge','value':1}]", "{}",
        "merge.value.not_an_object" },
};

/* ' is " here. */
static const char *
quoted_as_json(const char *in)
{
    if (in == NULL)
        return NULL;
    struct bytes copy = arena_copy(&arena, bytes_of(in, strlen(in) + 1));
    char *out = (char *)(uintptr_t)copy.data;
    for (char *at = out; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return out;
}

START_TEST(an_operation_does_what_the_table_says)
{
    struct value_change change;
    uint64_t index = 0;
    struct bytes ops = json(quoted_as_json(rows[_i].ops));
    enum err err = value_change(
        json(quoted_as_json(rows[_i].value)), ops, MAX, &arena, &change, &fault);
    ck_assert_msg(err == ERR_NONE, "%s: %s", rows[_i].ops, fault.detail);
    ck_assert_str_eq(shown(change.value), quoted_as_json(rows[_i].becomes));
    ck_assert_str_eq(first_code(change.mistakes, &index), rows[_i].code);
    ck_assert_uint_eq(change.failed, rows[_i].code[0] != '\0');
    if (change.failed > 0)
        ck_assert_uint_eq(index, change.done);
    arena_free(&arena);
}
END_TEST

static const struct {
    const char *ops, *expected;
} wrong[] = {
    { "{}", "ops must be a list of operations" },
    { "[7]", "ops[0]: it must be an object" },
    { "[{'type':'set','value':1},{'type':'burn'}]",
        "ops[1]: type must be set, merge, increment, decrement, append or remove" },
    { "[{'type':7}]",
        "ops[0]: type must be set, merge, increment, decrement, append or remove" },
    { "[{'path':'a'}]",
        "ops[0]: type must be set, merge, increment, decrement, append or remove" },
    { "[{'type':'set','path':7}]", "ops[0]: path must be a text or a list of texts" },
    { "[{'type':'set','path':['a',7]}]",
        "ops[0]: path must be a text or a list of texts" },
    { "[{'type':'increment','path':'a'}]", "ops[0]: by must be a number" },
    { "[{'type':'increment','path':'a','by':'1'}]", "ops[0]: by must be a number" },
};

START_TEST(what_is_no_list_of_operations_is_refused_as_a_whole)
{
    struct value_change change;
    ck_assert_int_eq(value_change(json("{}"), json(quoted_as_json(wrong[_i].ops)), MAX,
                         &arena, &change, &fault),
        ERR_INVALID);
    ck_assert_str_eq(fault.detail, wrong[_i].expected);
    arena_free(&arena);
}
END_TEST

/* What JSON cannot say: keys that are no texts, and a key that is there twice. */
START_TEST(members_keep_their_keys_and_of_the_same_twice_the_last_counts)
{
    static const struct {
        struct bytes value, ops, becomes;
    } odd[] = {
#define BYTES(s) { (const uint8_t *)(s), sizeof(s) - 1 }
        /* {1: 2, "a": 3}, set a 4 */
        { BYTES("\x82\x01\x02\xa1"
                "a\x03"),
            BYTES("\x91\x83\xa4type\xa3set\xa4path\xa1"
                  "a\xa5value\x04"),
            BYTES("\x82\x01\x02\xa1"
                  "a\x04") },
        /* {"b": 1}, merge {"a": 1, "a": 2, "b": 3, "b": 4} */
        { BYTES("\x81\xa1"
                "b\x01"),
            BYTES("\x91\x82\xa4type\xa5merge\xa5value\x84\xa1"
                  "a\x01\xa1"
                  "a\x02\xa1"
                  "b\x03\xa1"
                  "b\x04"),
            BYTES("\x82\xa1"
                  "b\x04\xa1"
                  "a\x02") },
#undef BYTES
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct value_change change;
        ck_assert_int_eq(
            value_change(odd[i].value, odd[i].ops, MAX, &arena, &change, &fault),
            ERR_NONE);
        ck_assert_msg(bytes_equal(change.value, odd[i].becomes), "row %zu", i);
        ck_assert_uint_eq(change.failed, 0);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(operations_that_are_cut_are_none)
{
    struct value_change change;
    struct bytes whole = json("[{\"type\":\"remove\"}]");
    for (size_t size = 0; size < whole.size; size++) {
        ck_assert_int_eq(value_change(json("1"), bytes_of(whole.data, size), MAX,
                             &arena, &change, &fault),
            ERR_INVALID);
        ck_assert_str_eq(fault.detail, "ops must be a list of operations");
    }
    arena_free(&arena);
}
END_TEST

/* One operation at a path of `depth` segments of `size` bytes each. */
static struct bytes
op_at(const char *type, size_t depth, size_t size, struct bytes value)
{
    struct buffer out = { 0 }, segment = { 0 };
    for (size_t i = 0; i < size; i++)
        buffer_append(&segment, "s", 1);
    pack_array(&out, 1);
    pack_map(&out, 3);
    pack_string(&out, "type");
    pack_string(&out, type);
    pack_string(&out, "path");
    pack_array(&out, depth);
    for (size_t i = 0; i < depth; i++)
        pack_text(&out, buffer_bytes(&segment));
    pack_string(&out, "value");
    pack_raw(&out, value);
    struct bytes kept = arena_copy(&arena, buffer_bytes(&out));
    buffer_free(&out);
    buffer_free(&segment);
    return kept;
}

static const char *
code_of(struct bytes ops)
{
    struct value_change change;
    uint64_t index;
    ck_assert_int_eq(
        value_change(json("{}"), ops, 1 << 20, &arena, &change, &fault), ERR_NONE);
    return first_code(change.mistakes, &index);
}

/* {"k":{"k":…}} */
static struct bytes
nested(size_t depth)
{
    struct buffer out = { 0 };
    for (size_t i = 0; i < depth; i++) {
        pack_map(&out, 1);
        pack_string(&out, "k");
    }
    pack_u64(&out, 1);
    struct bytes kept = arena_copy(&arena, buffer_bytes(&out));
    buffer_free(&out);
    return kept;
}

static struct bytes
wide_map(size_t count)
{
    struct buffer out = { 0 };
    char name[16];
    pack_map(&out, count);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "k%zu", i);
        pack_string(&out, name);
        pack_u64(&out, i);
    }
    struct bytes kept = arena_copy(&arena, buffer_bytes(&out));
    buffer_free(&out);
    return kept;
}

START_TEST(paths_and_what_is_merged_have_limits)
{
    struct bytes one = json("1");
    ck_assert_str_eq(code_of(op_at("set", VALUE_PATH_MAX - 1, 1, one)), "");
    ck_assert_str_eq(
        code_of(op_at("set", VALUE_PATH_MAX + 1, 1, one)), "set.path.too_deep");
    ck_assert_str_eq(code_of(op_at("set", 1, VALUE_SEGMENT_MAX, one)), "");
    ck_assert_str_eq(code_of(op_at("merge", 1, VALUE_SEGMENT_MAX + 1, json("{}"))),
        "merge.path.segment_too_long");
    ck_assert_str_eq(code_of(op_at("merge", 0, 1, nested(16))), "");
    ck_assert_str_eq(code_of(op_at("merge", 0, 1, nested(17))), "merge.value.too_deep");
    ck_assert_str_eq(
        code_of(op_at("merge", 0, 1, json("{\"k\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"))),
        "");
    ck_assert_str_eq(
        code_of(op_at("merge", 0, 1, json("{\"k\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"))),
        "merge.value.too_deep");
    ck_assert_str_eq(code_of(op_at("merge", 0, 1, wide_map(1024))), "");
    ck_assert_str_eq(
        code_of(op_at("merge", 0, 1, wide_map(1025))), "merge.value.too_many_keys");
    arena_free(&arena);
}
END_TEST

START_TEST(a_value_stays_within_its_size_and_its_depth)
{
    struct value_change change;
    struct bytes large = wide_map(100);
    ck_assert_int_eq(value_change(json("{}"), op_at("set", 1, 1, large), large.size,
                         &arena, &change, &fault),
        ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(fault.detail, "ops[0]: the value grows beyond"));
    ck_assert_int_eq(value_change(json("{}"), op_at("set", 1, 1, large), large.size + 3,
                         &arena, &change, &fault),
        ERR_NONE);
    ck_assert_int_eq(value_change(json("{}"), op_at("set", 20, 1, nested(20)), MAX,
                         &arena, &change, &fault),
        ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "the value would be nested deeper than 32");
    arena_free(&arena);
}
END_TEST

START_TEST(a_list_has_no_more_than_128_operations)
{
    struct value_change change;
    struct buffer out = { 0 };
    for (size_t count = VALUE_OPS_MAX; count <= VALUE_OPS_MAX + 1; count++) {
        buffer_clear(&out);
        pack_array(&out, count);
        for (size_t i = 0; i < count; i++) {
            pack_map(&out, 2);
            pack_string(&out, "type");
            pack_string(&out, "increment");
            pack_string(&out, "by");
            pack_u64(&out, 1);
        }
        ck_assert_int_eq(value_change((struct bytes){ 0 }, buffer_bytes(&out), MAX,
                             &arena, &change, &fault),
            count > VALUE_OPS_MAX ? ERR_TOO_LARGE : ERR_NONE);
        if (count == VALUE_OPS_MAX)
            ck_assert_str_eq(shown(change.value), "128");
    }
    buffer_free(&out);
    arena_free(&arena);
}
END_TEST

START_TEST(a_list_is_no_more_work_than_it_may_be)
{
    struct value_change change;
    struct buffer out = { 0 }, list = { 0 };
    size_t large = 1 << 20;
    for (size_t i = 0; i < large; i++)
        buffer_append(&list, "x", 1);
    pack_text(&out, buffer_bytes(&list));
    struct bytes value = arena_copy(&arena, buffer_bytes(&out));
    buffer_clear(&out);
    pack_array(&out, 9);
    for (size_t i = 0; i < 9; i++) {
        pack_map(&out, 2);
        pack_string(&out, "type");
        pack_string(&out, "append");
        pack_string(&out, "value");
        pack_string(&out, "a");
    }
    ck_assert_int_eq(
        value_change(value, buffer_bytes(&out), 2 * large, &arena, &change, &fault),
        ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(fault.detail, "ops[7]: so many operations"));
    buffer_free(&out);
    buffer_free(&list);
    arena_free(&arena);
}
END_TEST

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("value_ops");
    TCase *tcase = tcase_create("value_ops");
    tcase_add_loop_test(
        tcase, an_operation_does_what_the_table_says, 0, (int)COUNT(rows));
    tcase_add_loop_test(tcase, what_is_no_list_of_operations_is_refused_as_a_whole, 0,
        (int)COUNT(wrong));
    tcase_add_test(
        tcase, members_keep_their_keys_and_of_the_same_twice_the_last_counts);
    tcase_add_test(tcase, operations_that_are_cut_are_none);
    tcase_add_test(tcase, paths_and_what_is_merged_have_limits);
    tcase_add_test(tcase, a_value_stays_within_its_size_and_its_depth);
    tcase_add_test(tcase, a_list_has_no_more_than_128_operations);
    tcase_add_test(tcase, a_list_is_no_more_work_than_it_may_be);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
