/* Goal: buffers and arenas grow without losing a byte, and empty ones are valid. */
#include "base/arena.h"
#include "base/buffer.h"
#include "tests/unit/suites.h"

#include <signal.h>
#include <stdalign.h>

START_TEST(a_buffer_keeps_what_is_appended)
{
    struct buffer b = { 0 };
    for (int i = 0; i < 10000; i++)
        buffer_print(&b, "%d,", i % 10);
    ck_assert_uint_eq(b.size, 20000);
    for (size_t i = 0; i < 10000; i++) {
        ck_assert_int_eq(b.data[2 * i], '0' + (int)(i % 10));
        ck_assert_int_eq(b.data[2 * i + 1], ',');
    }
    buffer_clear(&b);
    ck_assert_uint_eq(buffer_bytes(&b).size, 0);
    buffer_free(&b);
    buffer_free(&b);
}
END_TEST

START_TEST(nothing_may_be_appended)
{
    struct buffer b = { 0 };
    buffer_append(&b, NULL, 0);
    buffer_append_bytes(&b, (struct bytes){ 0 });
    ck_assert_uint_eq(b.size, 0);
    buffer_free(&b);
}
END_TEST

START_TEST(nothing_has_a_place_too)
{
    struct buffer b = { 0 };
    ck_assert_ptr_nonnull(buffer_reserve(&b, 0));
    ck_assert_uint_eq(b.size, 0);
    buffer_free(&b);
}
END_TEST

START_TEST(a_buffer_larger_than_memory_ends_the_process)
{
    struct buffer b = { 0 };
    buffer_append(&b, "x", 1);
    buffer_reserve(&b, SIZE_MAX - 1);
}
END_TEST

START_TEST(an_arena_gives_zeroed_aligned_memory)
{
    struct arena a = { 0 };
    for (int turn = 0; turn < 3; turn++) {
        for (size_t size = 1; size < 200000; size = size * 3 + 1) {
            uint8_t *at = arena_take(&a, size);
            ck_assert_uint_eq((uintptr_t)at % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                ck_assert_uint_eq(at[i], 0);
            memset(at, 0xaa, size);
        }
        arena_reset(&a);
    }
    arena_free(&a);
}
END_TEST

START_TEST(an_arena_keeps_pieces_apart_until_the_reset)
{
    struct arena a = { 0 };
    struct bytes kept[500];
    for (size_t i = 0; i < 500; i++) {
        uint8_t pattern[400];
        memset(pattern, (int)i, sizeof pattern);
        kept[i] = arena_copy(&a, bytes_of(pattern, 1 + i % 400));
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t j = 0; j < kept[i].size; j++)
            ck_assert_uint_eq(kept[i].data[j], (uint8_t)i);
    arena_free(&a);
}
END_TEST

START_TEST(bytes_have_an_order)
{
    ck_assert(bytes_equal(text(""), (struct bytes){ 0 }));
    ck_assert(!bytes_equal(text("a"), text("b")));
    ck_assert_int_lt(bytes_order(text("a"), text("ab")), 0);
    ck_assert_int_gt(bytes_order(text("b"), text("ab")), 0);
    ck_assert_int_eq(bytes_order(text("ab"), text("ab")), 0);
    ck_assert(bytes_begin(text("abc"), text("ab")));
    ck_assert(bytes_begin(text("abc"), text("")));
    ck_assert(!bytes_begin(text("a"), text("ab")));
}
END_TEST

Suite *
buffer_suite(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("buffer");
    tcase_add_test(tests, a_buffer_keeps_what_is_appended);
    tcase_add_test(tests, nothing_may_be_appended);
    tcase_add_test(tests, nothing_has_a_place_too);
    tcase_add_test_raise_signal(
        tests, a_buffer_larger_than_memory_ends_the_process, SIGABRT);
    tcase_add_test(tests, an_arena_gives_zeroed_aligned_memory);
    tcase_add_test(tests, an_arena_keeps_pieces_apart_until_the_reset);
    tcase_add_test(tests, bytes_have_an_order);
    suite_add_tcase(suite, tests);
    return suite;
}
