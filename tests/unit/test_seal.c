/* Goal: what is sealed tells nothing, opens with its key under its label, and only
 * whole. */
#include "base/seal.h"
#include "tests/unit/suites.h"

#include <string.h>

enum { HEAD = 24 }; /* bytes of a nonce */

static const uint8_t key[SECRET_SIZE] = { 7 }, other_key[SECRET_SIZE] = { 8 };

static void
expect_shut(const uint8_t with[SECRET_SIZE], const char *label, struct bytes sealed)
{
    struct buffer out = { 0 };
    ck_assert(!seal_open(with, text(label), sealed, &out));
    ck_assert_uint_eq(out.size, 0);
    buffer_free(&out);
}

START_TEST(what_is_sealed_opens_with_its_key_and_label_only)
{
    static const char *const values[] = { "", "x", "whsec_abcdefghijklmnopqrstuvwxyz" };
    for (size_t i = 0; i < COUNT(values); i++) {
        struct buffer sealed = { 0 }, opened = { 0 };
        seal_make(key, text("a"), text(values[i]), &sealed);
        ck_assert(seal_open(key, text("a"), buffer_bytes(&sealed), &opened));
        ck_assert(bytes_equal(buffer_bytes(&opened), text(values[i])));
        expect_shut(other_key, "a", buffer_bytes(&sealed));
        expect_shut(key, "b", buffer_bytes(&sealed));
        buffer_free(&sealed);
        buffer_free(&opened);
    }
}
END_TEST

START_TEST(what_was_changed_or_cut_does_not_open)
{
    struct buffer sealed = { 0 };
    seal_make(key, text("a"), text("secret"), &sealed);
    for (size_t i = 0; i < sealed.size; i++) {
        expect_shut(key, "a", bytes_of(sealed.data, i));
        sealed.data[i] ^= 1;
        expect_shut(key, "a", buffer_bytes(&sealed));
        sealed.data[i] ^= 1;
    }
    buffer_free(&sealed);
}
END_TEST

START_TEST(the_same_is_sealed_to_the_same_and_all_else_under_another_nonce)
{
    struct buffer one = { 0 }, again = { 0 }, other = { 0 }, label = { 0 };
    seal_make(key, text("a"), text("secret"), &one);
    seal_make(key, text("a"), text("secret"), &again);
    seal_make(key, text("a"), text("secreu"), &other);
    seal_make(key, text("b"), text("secret"), &label);
    ck_assert(bytes_equal(buffer_bytes(&one), buffer_bytes(&again)));
    ck_assert_mem_ne(one.data, other.data, HEAD);
    ck_assert_mem_ne(one.data, label.data, HEAD);
    ck_assert_ptr_null(memmem(one.data, one.size, "secret", 6));
    buffer_free(&one);
    buffer_free(&again);
    buffer_free(&other);
    buffer_free(&label);
}
END_TEST

Suite *
seal_suite(void)
{
    Suite *suite = suite_create("seal");
    TCase *tc = tcase_create("seal");
    tcase_add_test(tc, what_is_sealed_opens_with_its_key_and_label_only);
    tcase_add_test(tc, what_was_changed_or_cut_does_not_open);
    tcase_add_test(tc, the_same_is_sealed_to_the_same_and_all_else_under_another_nonce);
    suite_add_tcase(suite, tc);
    return suite;
}
