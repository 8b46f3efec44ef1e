/* Goal: hashes differ where they must, and every failure has a name. */
#include "base/err.h"
#include "base/hash.h"
#include "tests/unit/suites.h"

START_TEST(blake2b_is_blake2b)
{
    static const uint8_t empty[] = { 0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2 };
    struct hash h = hash_of((struct bytes){ 0 });
    ck_assert_mem_eq(h.bytes, empty, sizeof empty);
}
END_TEST

START_TEST(a_link_depends_on_all_before_it)
{
    struct hash zero = { { 0 } }, a = hash_chain(&zero, text("a"));
    struct hash ab = hash_chain(&a, text("b")), b = hash_chain(&zero, text("b"));
    struct hash again = hash_chain(&a, text("b"));
    ck_assert(!hash_same(&ab, &b, HASH_SIZE));
    ck_assert(hash_same(&ab, &again, HASH_SIZE));
}
END_TEST

START_TEST(another_secret_makes_another_hash)
{
    uint8_t mine[SECRET_SIZE] = { 1 }, yours[SECRET_SIZE] = { 2 };
    struct hash a = hash_keyed(mine, text("x")), b = hash_keyed(yours, text("x"));
    struct hash c = hash_keyed(mine, text("x"));
    ck_assert(!hash_same(&a, &b, MAC_SIZE));
    ck_assert(hash_same(&a, &c, HASH_SIZE));
}
END_TEST

START_TEST(every_failure_has_a_name_a_status_and_a_sentence)
{
    for (unsigned e = 1; e < ERR_COUNT; e++) {
        ck_assert_uint_gt(strlen(err_name((enum err)e)), 0);
        ck_assert_uint_gt(strlen(err_sentence((enum err)e)), 0);
        ck_assert_int_ge(err_http((enum err)e), 400);
        ck_assert_int_lt(err_http((enum err)e), 600);
        for (unsigned other = 1; other < e; other++)
            ck_assert_str_ne(err_name((enum err)e), err_name((enum err)other));
    }
    ck_assert_str_eq(err_name(ERR_NONE), "none");
    ck_assert_str_eq(err_name((enum err)4711), "unknown");
    ck_assert_int_eq(err_http((enum err)4711), 500);
}
END_TEST

START_TEST(a_fault_is_cut_to_fit)
{
    static char words[1000];
    struct fault fault;
    memset(words, 'x', sizeof words - 1);
    ck_assert_int_eq(fault_set(&fault, ERR_IO, "%s", words), ERR_IO);
    ck_assert_uint_eq(strlen(fault.detail), sizeof fault.detail - 1);
}
END_TEST

Suite *
hash_suite(void)
{
    Suite *suite = suite_create("hash");
    TCase *tests = tcase_create("hash");
    tcase_add_test(tests, blake2b_is_blake2b);
    tcase_add_test(tests, a_link_depends_on_all_before_it);
    tcase_add_test(tests, another_secret_makes_another_hash);
    tcase_add_test(tests, every_failure_has_a_name_a_status_and_a_sentence);
    tcase_add_test(tests, a_fault_is_cut_to_fit);
    suite_add_tcase(suite, tests);
    return suite;
}
