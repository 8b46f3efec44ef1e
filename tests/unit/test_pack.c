/* Goal: what is packed reads back; a stranger's bytes never lead beyond their end, and
 * what was cut, nested, repeated or lied about is malformed. */
#include "base/pack.h"
#include "tests/unit/suites.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static struct buffer out;

static void
set_up(void)
{
    out = (struct buffer){ 0 };
}

static void
tear_down(void)
{
    buffer_free(&out);
}

/* In memory of its exact size, so that a sanitizer sees a step too far. */
static uint8_t *
exact(struct bytes in)
{
    uint8_t *copy = malloc(in.size > 0 ? in.size : 1);
    ck_assert_ptr_nonnull(copy);
    if (in.size > 0)
        memcpy(copy, in.data, in.size);
    return copy;
}

static enum err
check(const char *bytes, size_t size)
{
    uint8_t *copy = exact(bytes_of(bytes, size));
    enum err e = pack_check(bytes_of(copy, size));
    free(copy);
    return e;
}
#define CHECK(literal) check(literal, sizeof(literal) - 1)

START_TEST(unsigned_numbers_of_every_length_read_back)
{
    for (unsigned bit = 0; bit < 64; bit++)
        for (int more = -1; more <= 1; more++) {
            uint64_t value = ((uint64_t)1 << bit) + (uint64_t)more;
            buffer_clear(&out);
            pack_u64(&out, value);
            struct cursor c = cursor_over(buffer_bytes(&out));
            ck_assert_uint_eq(cursor_u64(&c), value);
            ck_assert(!c.bad && cursor_done(&c));
        }
}
END_TEST

START_TEST(signed_numbers_of_every_length_read_back)
{
    for (unsigned bit = 0; bit < 63; bit++)
        for (int more = -1; more <= 1; more++) {
            int64_t value = -(int64_t)((uint64_t)1 << bit) + more;
            buffer_clear(&out);
            pack_i64(&out, value);
            struct cursor c = cursor_over(buffer_bytes(&out));
            ck_assert_int_eq(cursor_i64(&c), value);
            ck_assert(!c.bad && cursor_done(&c));
        }
}
END_TEST

START_TEST(a_number_that_does_not_fit_is_bad)
{
    pack_i64(&out, -1);
    struct cursor c = cursor_over(buffer_bytes(&out));
    ck_assert_uint_eq(cursor_u64(&c), 0);
    ck_assert(c.bad);
    buffer_clear(&out);
    pack_u64(&out, UINT64_MAX);
    c = cursor_over(buffer_bytes(&out));
    ck_assert_int_eq(cursor_i64(&c), 0);
    ck_assert(c.bad);
}
END_TEST

START_TEST(unsigned_numbers_in_signed_form_are_read)
{
    struct cursor c = cursor_over(bytes_of("\xd1\x01\x00", 3));
    ck_assert_uint_eq(cursor_u64(&c), 256);
    ck_assert(!c.bad);
}
END_TEST

START_TEST(doubles_read_back_and_integers_are_taken_for_them)
{
    static const double values[] = { 0.0, -0.5, DBL_MAX, DBL_MIN, 1e-300, HUGE_VAL };
    for (size_t i = 0; i < COUNT(values); i++) {
        buffer_clear(&out);
        pack_double(&out, values[i]);
        struct cursor c = cursor_over(buffer_bytes(&out));
        double read = cursor_double(&c);
        ck_assert_mem_eq(&read, &values[i], sizeof read);
    }
    struct cursor c = cursor_over(bytes_of("\x07\xff\xca\x3f\x80\x00\x00", 7));
    ck_assert_double_eq(cursor_double(&c), 7);
    ck_assert_double_eq(cursor_double(&c), -1);
    ck_assert_double_eq(cursor_double(&c), 1);
    ck_assert(!c.bad && cursor_done(&c));
}
END_TEST

START_TEST(texts_and_blobs_of_every_length_read_back)
{
    static const size_t sizes[] = { 0, 1, 31, 32, 255, 256, 65535, 65536, 100000 };
    uint8_t *filled = malloc(100000);
    memset(filled, 'x', 100000);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bytes value = bytes_of(filled, sizes[i]);
        buffer_clear(&out);
        pack_text(&out, value);
        pack_blob(&out, value);
        pack_text(&out, value);
        struct cursor c = cursor_over(buffer_bytes(&out));
        ck_assert(bytes_equal(cursor_text(&c), value));
        ck_assert(bytes_equal(cursor_blob(&c), value));
        ck_assert(bytes_equal(cursor_blob(&c), value));
        ck_assert(!c.bad && cursor_done(&c));
    }
    free(filled);
}
END_TEST

START_TEST(a_cursor_that_went_bad_stays_so)
{
    struct cursor c = cursor_over(bytes_of("\xc3\x05\x06", 3));
    ck_assert_uint_eq(cursor_u64(&c), 0);
    ck_assert_uint_eq(cursor_u64(&c), 0);
    ck_assert(!cursor_bool(&c));
    ck_assert_uint_eq(cursor_text(&c).size, 0);
    ck_assert_int_eq(cursor_type(&c), PACK_NOTHING);
    ck_assert(c.bad);
}
END_TEST

/* {"k": [nil, true, -5, 2.5, h'00 01', "zoë"]} */
static void
pack_example(void)
{
    pack_map(&out, 1);
    pack_string(&out, "k");
    pack_array(&out, 6);
    pack_nil(&out);
    pack_bool(&out, true);
    pack_i64(&out, -5);
    pack_double(&out, 2.5);
    pack_blob(&out, bytes_of("\0\1", 2));
    pack_string(&out, "zo\xc3\xab");
}

START_TEST(every_truncation_is_malformed)
{
    pack_example();
    ck_assert_int_eq(pack_check(buffer_bytes(&out)), ERR_NONE);
    for (size_t size = 0; size < out.size; size++)
        ck_assert_int_eq(check((const char *)out.data, size), ERR_MALFORMED);
    buffer_append(&out, "\0", 1);
    ck_assert_int_eq(pack_check(buffer_bytes(&out)), ERR_MALFORMED);
}
END_TEST

START_TEST(every_changed_byte_is_read_within_bounds)
{
    pack_example();
    for (size_t i = 0; i < out.size; i++)
        for (int value = 0; value < 256; value++) {
            uint8_t *copy = exact(buffer_bytes(&out));
            copy[i] = (uint8_t)value;
            struct bytes changed = bytes_of(copy, out.size);
            enum err e = pack_check(changed);
            struct cursor c = cursor_over(changed);
            struct bytes whole = cursor_skip(&c);
            /* What passes the check can be passed over whole. */
            if (e == ERR_NONE)
                ck_assert_uint_eq(whole.size, changed.size);
            (void)pack_find(changed, "k");
            free(copy);
        }
}
END_TEST

START_TEST(counts_that_bytes_do_not_cover_are_malformed)
{
    ck_assert_int_eq(CHECK("\xdd\x10\x00\x00\x00"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\xdf\xff\xff\xff\xff\x01"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\xdb\xff\xff\xff\xff"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\xc6\xff\xff\xff\xff"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\x82\x01\x02\x03"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\xc1"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\xd4\x01\x01"), ERR_MALFORMED);
    ck_assert_int_eq(CHECK("\x90"), ERR_NONE);
}
END_TEST

START_TEST(depth_is_bounded)
{
    char deep[PACK_DEPTH_MAX + 2];
    memset(deep, (char)0x91, sizeof deep);
    deep[PACK_DEPTH_MAX] = 1;
    ck_assert_int_eq(check(deep, PACK_DEPTH_MAX + 1), ERR_NONE);
    deep[PACK_DEPTH_MAX] = (char)0x91;
    deep[PACK_DEPTH_MAX + 1] = 1;
    ck_assert_int_eq(check(deep, PACK_DEPTH_MAX + 2), ERR_MALFORMED);
    deep[PACK_DEPTH_MAX] = 1; /* which may lie in a map, if it is one level less */
    ck_assert_int_eq(
        pack_check_payload(bytes_of(deep, PACK_DEPTH_MAX + 1)), ERR_MALFORMED);
    ck_assert_int_eq(pack_check_payload(bytes_of(deep + 1, PACK_DEPTH_MAX)), ERR_NONE);
}
END_TEST

START_TEST(text_must_be_utf8)
{
    static const char *const good[] = { "", "abc", "zo\xc3\xab", "\xe2\x82\xac",
        "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf" };
    static const char *const bad[] = { "\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "a\xe2\x82",
        "\xe2\x28\xa1" };
    for (size_t i = 0; i < COUNT(good); i++) {
        ck_assert_msg(utf8_valid(text(good[i])), "good %zu", i);
        buffer_clear(&out);
        pack_string(&out, good[i]);
        ck_assert_int_eq(pack_check(buffer_bytes(&out)), ERR_NONE);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(!utf8_valid(text(bad[i])), "bad %zu", i);
        buffer_clear(&out);
        pack_string(&out, bad[i]);
        ck_assert_int_eq(pack_check(buffer_bytes(&out)), ERR_MALFORMED);
    }
}
END_TEST

START_TEST(a_text_is_cut_between_characters)
{
    static const char whole[] = "a\xc3\xab\xe2\x82\xac\xf0\x9f\x98\x80";
    static const size_t kept[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };
    for (size_t size = 0; size < COUNT(kept); size++)
        ck_assert_uint_eq(utf8_beginning(bytes_of(whole, size)).size, kept[size]);
    ck_assert_uint_eq(utf8_beginning(text("ab\xff"
                                          "cd"))
                          .size,
        2);
    ck_assert_uint_eq(utf8_count(text(whole)), 4);
}
END_TEST

START_TEST(a_broken_character_is_found_wherever_it_stands)
{
    char long_one[24];
    for (size_t at = 0; at < sizeof long_one - 1; at++) {
        memset(long_one, 'a', sizeof long_one);
        long_one[at] = '\xc3';
        struct bytes all = bytes_of(long_one, sizeof long_one);
        ck_assert_uint_eq(utf8_beginning(all).size, at);
        long_one[at + 1] = '\xab';
        ck_assert(utf8_valid(all));
        ck_assert(!utf8_valid(bytes_of(long_one, at + 1)));
    }
}
END_TEST

START_TEST(characters_are_written_as_they_are_read)
{
    static const uint32_t codes[] = { 0, 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000,
        0xffff, 0x10000, 0x10ffff };
    uint8_t b[4];
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct bytes written = bytes_of(b, utf8_write(codes[i], b));
        ck_assert_uint_gt(written.size, 0);
        ck_assert(utf8_valid(written) && utf8_count(written) == 1);
    }
    ck_assert_uint_eq(utf8_write(0xd800, b), 0);
    ck_assert_uint_eq(utf8_write(0xdfff, b), 0);
    ck_assert_uint_eq(utf8_write(0x110000, b), 0);
}
END_TEST

START_TEST(a_value_is_found_by_its_key)
{
    pack_map(&out, 3);
    pack_u64(&out, 1);
    pack_string(&out, "not this");
    pack_string(&out, "a");
    pack_array(&out, 1);
    pack_string(&out, "b");
    pack_string(&out, "b");
    pack_u64(&out, 9);
    struct cursor c = cursor_over(pack_find(buffer_bytes(&out), "b"));
    ck_assert_uint_eq(cursor_u64(&c), 9);
    ck_assert_uint_eq(pack_find(buffer_bytes(&out), "a").size, 3);
    ck_assert_uint_eq(pack_find(buffer_bytes(&out), "c").size, 0);
    ck_assert_uint_eq(pack_find(text("\x01"), "c").size, 0);
    ck_assert_uint_eq(pack_find(text("\x82\xa1"
                                     "a\xc4\x07"),
                          "c")
                          .size,
        0);
    ck_assert_uint_eq(pack_find((struct bytes){ 0 }, "c").size, 0);
}
END_TEST

START_TEST(what_is_of_another_type_is_bad)
{
    int8_t type = 7;
    struct cursor whole = cursor_over(text("\xa1"
                                           "a")),
                  real = whole, other = whole;
    ck_assert_int_eq(cursor_i64(&whole), 0);
    ck_assert(cursor_double(&real) == 0);
    ck_assert_uint_eq(cursor_extension(&other, &type).size, 0);
    ck_assert(whole.bad && real.bad && other.bad);
    ck_assert_int_eq(type, 7);
}
END_TEST

START_TEST(nothing_is_nil)
{
    pack_raw(&out, (struct bytes){ 0 });
    pack_raw(&out, text("\x05"));
    ck_assert(bytes_equal(buffer_bytes(&out), text("\xc0\x05")));
    ck_assert(bytes_equal(pack_or_map((struct bytes){ 0 }), text("\x80")));
    ck_assert(bytes_equal(pack_or_list((struct bytes){ 0 }), text("\x90")));
    ck_assert(bytes_equal(pack_or_list(text("\x91\x01")), text("\x91\x01")));
    ck_assert(bytes_equal(pack_or_nil((struct bytes){ 0 }), text("\xc0")));
    ck_assert(bytes_equal(pack_or_nil(text("\x07")), text("\x07")));
    ck_assert(bytes_equal(pack_or_map(text("\x81\x01\x02")), text("\x81\x01\x02")));
}
END_TEST

Suite *
pack_suite(void)
{
    Suite *suite = suite_create("pack");
    TCase *tests = tcase_create("pack");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, unsigned_numbers_of_every_length_read_back);
    tcase_add_test(tests, signed_numbers_of_every_length_read_back);
    tcase_add_test(tests, a_number_that_does_not_fit_is_bad);
    tcase_add_test(tests, unsigned_numbers_in_signed_form_are_read);
    tcase_add_test(tests, doubles_read_back_and_integers_are_taken_for_them);
    tcase_add_test(tests, texts_and_blobs_of_every_length_read_back);
    tcase_add_test(tests, a_cursor_that_went_bad_stays_so);
    tcase_add_test(tests, every_truncation_is_malformed);
    tcase_add_test(tests, every_changed_byte_is_read_within_bounds);
    tcase_add_test(tests, counts_that_bytes_do_not_cover_are_malformed);
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_test(tests, text_must_be_utf8);
    tcase_add_test(tests, a_text_is_cut_between_characters);
    tcase_add_test(tests, a_broken_character_is_found_wherever_it_stands);
    tcase_add_test(tests, characters_are_written_as_they_are_read);
    tcase_add_test(tests, a_value_is_found_by_its_key);
    tcase_add_test(tests, nothing_is_nil);
    tcase_add_test(tests, what_is_of_another_type_is_bad);
    suite_add_tcase(suite, tests);
    return suite;
}
