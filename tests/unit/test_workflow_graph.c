/* Goal: ids, lease ids and outputs of workflow-graph are read as they were written. */
#include "base/clock.h"
#include "base/outputs.h"
#include "base/pack.h"
#include "gateway/workflow_graph/lease_id.h"
#include "gateway/workflow_graph/names.h"
#include "tests/unit/gateway_suites.h"

#include <stdio.h>

START_TEST(every_id_has_a_key_of_its_own_and_keys_are_their_own)
{
    static const struct {
        const char *id, *key;
    } rows[] = { { "build", "build" }, { "a b", "a_-x20b" }, { "_-x20", "_-x5f-x20" },
        { "a._-B9", "a._-B9" }, { "\xc3\xa9/", "_-xc3_-xa9_-x2f" }, { "", "" },
        { "_-", "_-" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer key = { 0 }, id = { 0 };
        key_from_id(&key, text(rows[i].id));
        ck_assert_msg(bytes_equal(buffer_bytes(&key), text(rows[i].key)), "%.*s",
            (int)key.size, (const char *)key.data);
        id_from_key(&id, buffer_bytes(&key));
        ck_assert(bytes_equal(buffer_bytes(&id), text(rows[i].id)));
        buffer_free(&key);
        buffer_free(&id);
    }
}
END_TEST

START_TEST(a_key_that_no_id_became_is_shown_as_it_is)
{
    static const char *const keys[] = { "_-x", "_-x2", "_-xzz", "a_-xG0", "caf_-xe9",
        "_-xc3_-xa9_-xff" };
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct buffer id = { 0 };
        id_from_key(&id, text(keys[i]));
        ck_assert(bytes_equal(buffer_bytes(&id), text(keys[i])));
        buffer_free(&id);
    }
}
END_TEST

static const struct lease_id whole = {
    .ttl_s = 60,
    .session = { (const uint8_t *)"session", 7 },
    .token = { (const uint8_t *)"\x00\xff\xfe", 3 },
    .worker = { (const uint8_t *)"w 1", 3 },
    .workflow = { (const uint8_t *)"ci", 2 },
    .job = { (const uint8_t *)"a/b", 3 },
    .run = { { 1, 2, 3 } },
    .attempt = 3,
};

START_TEST(a_lease_id_comes_back_and_needs_no_escape_in_a_path)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct lease_id id;
    lease_id_write(&out, &whole);
    for (size_t i = 0; i < out.size; i++)
        ck_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789-_",
                      out.data[i])
                  != NULL);
    ck_assert(lease_id_read(buffer_bytes(&out), &arena, &id));
    ck_assert_uint_eq(id.ttl_s, 60);
    ck_assert(bytes_equal(id.session, whole.session));
    ck_assert(bytes_equal(id.token, whole.token));
    ck_assert(bytes_equal(id.worker, whole.worker));
    ck_assert(bytes_equal(id.workflow, whole.workflow));
    ck_assert(bytes_equal(id.job, whole.job));
    ck_assert(id_equal(&id.run, &whole.run));
    ck_assert_uint_eq(id.attempt, 3);
    for (size_t size = 0; size < out.size; size++)
        ck_assert(!lease_id_read(bytes_of(out.data, size), &arena, &id));
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

START_TEST(what_is_no_lease_id_is_refused)
{
    static const char *const texts[] = { "", "x", "nope", "3b68-uuid", "kA", "lgEC" };
    struct arena arena = { 0 };
    struct lease_id id;
    for (size_t i = 0; i < COUNT(texts); i++)
        ck_assert(!lease_id_read(text(texts[i]), &arena, &id));
    arena_free(&arena);
}
END_TEST

/* What the pieces set, as name=value; in the order of the names. */
static void
expect_outputs(const char *const *pieces, size_t count, const char *expected)
{
    struct outputs o = { 0 };
    struct buffer map = { 0 }, shown = { 0 };
    for (size_t i = 0; i < count; i++)
        outputs_read(&o, text(pieces[i]));
    outputs_end(&o);
    outputs_write(&o, &map);
    struct cursor c = cursor_over(buffer_bytes(&map));
    for (size_t left = cursor_map(&c); left > 0; left--) {
        struct bytes name = cursor_text(&c), value = cursor_text(&c);
        buffer_print(&shown, "%.*s=%.*s;", (int)name.size, (const char *)name.data,
            (int)value.size, (const char *)value.data);
    }
    ck_assert(!c.bad && cursor_done(&c));
    ck_assert_msg(bytes_equal(buffer_bytes(&shown), text(expected)), "%.*s",
        (int)shown.size, (const char *)shown.data);
    outputs_free(&o);
    buffer_free(&map);
    buffer_free(&shown);
}

START_TEST(lines_set_outputs_wherever_chunks_end)
{
    static const char *const one[] = { "x\n::set-output v=1\n::set-output w=a=b\r\n" };
    static const char *const split[] = { "::set-", "output v", "=1\n",
        "::set-output w=", "2" };
    static const char *const again[] = { "::set-output v=1\n::set-output w=1\n",
        "::set-output v=2\n" };
    static const char *const none[] = { " ::set-output v=1\n::set-outputv=1\n"
                                        "::set-output v\necho ::set-output x=1\n" };
    static const char *const bytes[] = { "::set-output v=caf\xe9 \xc3\xa9\n"
                                         "::set-output w\xff=\xc3\xa9\n" };
    expect_outputs(one, COUNT(one), "v=1;w=a=b;");
    expect_outputs(split, COUNT(split), "v=1;w=2;");
    expect_outputs(again, COUNT(again), "v=2;w=1;");
    expect_outputs(none, COUNT(none), "");
    expect_outputs(bytes, COUNT(bytes), "v=caf? ??;w?=\xc3\xa9;");
}
END_TEST

START_TEST(a_line_without_end_takes_no_memory_and_sets_nothing)
{
    struct outputs o = { 0 };
    struct buffer map = { 0 };
    outputs_read(&o, text("::set-output v="));
    for (unsigned i = 0; i < 1000; i++)
        outputs_read(&o, text("0123456789012345678901234567890123456789"));
    ck_assert_uint_le(o.line.capacity, 4 * OUTPUT_LINE_MAX);
    outputs_read(&o, text("\n::set-output w=1\n"));
    outputs_write(&o, &map);
    ck_assert_uint_eq(map.data[0], 0x81);
    for (unsigned i = 0; i < 100000; i++)
        outputs_set(&o, text("name"), text("value"));
    ck_assert_uint_le(o.pairs.size, OUTPUTS_BYTES_MAX + 16);
    outputs_free(&o);
    buffer_free(&map);
}
END_TEST

/* The gateway does nothing else meanwhile. */
START_TEST(many_names_are_written_at_once)
{
    enum { NAMES = 4500 };
    struct outputs o = { 0 };
    struct buffer map = { 0 };
    char name[16];
    for (unsigned i = 0; i < 2 * NAMES; i++) {
        snprintf(name, sizeof name, "%x", i % NAMES);
        outputs_set(&o, text(name), i < NAMES ? text("") : text("2"));
    }
    uint64_t begin_ms = clock_monotonic_ms();
    outputs_write(&o, &map);
    ck_assert_uint_lt(clock_monotonic_ms() - begin_ms, 100);
    struct cursor c = cursor_over(buffer_bytes(&map));
    ck_assert_uint_eq(cursor_map(&c), NAMES);
    ck_assert(bytes_equal(cursor_text(&c), text("0")));
    ck_assert(bytes_equal(cursor_text(&c), text("2")));
    outputs_free(&o);
    buffer_free(&map);
}
END_TEST

Suite *
workflow_graph_suite(void)
{
    Suite *s = suite_create("workflow_graph");
    TCase *t = tcase_create("workflow_graph");
    tcase_add_test(t, every_id_has_a_key_of_its_own_and_keys_are_their_own);
    tcase_add_test(t, a_key_that_no_id_became_is_shown_as_it_is);
    tcase_add_test(t, a_lease_id_comes_back_and_needs_no_escape_in_a_path);
    tcase_add_test(t, what_is_no_lease_id_is_refused);
    tcase_add_test(t, lines_set_outputs_wherever_chunks_end);
    tcase_add_test(t, a_line_without_end_takes_no_memory_and_sets_nothing);
    tcase_add_test(t, many_names_are_written_at_once);
    suite_add_tcase(s, t);
    return s;
}
