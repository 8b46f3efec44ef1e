/* Goal: what is large shares one limit, what is small always fits, and all that was
 * taken is given back. */
#include "gateway/holding.h"
#include "tests/unit/gateway_suites.h"

START_TEST(what_is_large_shares_a_limit_and_what_is_small_always_fits)
{
    struct holding all = { .bytes_max = 100000 };
    size_t large = 0, other = 0, small = 0;
    ck_assert(holding_grow(&all, &large, HOLDING_FREE));
    ck_assert_uint_eq(all.bytes, 0);
    ck_assert(holding_grow(&all, &large, 60000));
    ck_assert(holding_grow(&all, &other, HOLDING_FREE + 40000));
    ck_assert_uint_eq(all.bytes, 100000);
    ck_assert(!holding_grow(&all, &other, 1));
    ck_assert(!holding_fits(&all, 0, HOLDING_FREE + 1));
    ck_assert(holding_grow(&all, &small, HOLDING_FREE));
    ck_assert_uint_eq(other, HOLDING_FREE + 40000);
    holding_shrink(&all, &large, HOLDING_FREE + 1000);
    ck_assert_uint_eq(all.bytes, 41000);
    holding_drop(&all, &large);
    holding_drop(&all, &large);
    ck_assert_uint_eq(all.bytes, 40000);
    ck_assert(holding_grow(&all, &other, 60000));
    holding_drop(&all, &other);
    holding_drop(&all, &small);
    ck_assert_uint_eq(all.bytes, 0);
}
END_TEST

Suite *
holding_suite(void)
{
    Suite *suite = suite_create("holding");
    TCase *tests = tcase_create("holding");
    tcase_add_test(tests, what_is_large_shares_a_limit_and_what_is_small_always_fits);
    suite_add_tcase(suite, tests);
    return suite;
}
