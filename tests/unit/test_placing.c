/* Goal: runs that begin together go to one partition, others take turns, and no
 * partition gets more than another by more than a group and what comes in one turn. */
#include "gateway/gateway.h"
#include "tests/unit/gateway_suites.h"

#include <stdlib.h>

enum { PARTITIONS = 3, GROUP = 64, FEW_CORES = 1024, TURNS = 1000, MANY = 60, FEW = 4 };

static struct gateway gateway;

static void
begin(void)
{
    gateway = (struct gateway){ .child.config.schedulers = PARTITIONS,
        .group = gateway_group(PARTITIONS, 2 * PARTITIONS) };
}

static void
finish(void)
{
    buffer_free(&gateway.scratch);
}

static uint32_t
place(const char *key)
{
    const struct id project = { { 7 } };
    return gateway_partition(&gateway, &project, text(key));
}

START_TEST(one_turns_runs_go_to_one_partition)
{
    gateway_turn_partition(&gateway, false);
    uint32_t first = place("");
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(place(""), first);
}
END_TEST

START_TEST(runs_one_after_the_other_take_turns)
{
    for (uint32_t i = 0; i < 5 * PARTITIONS; i++) {
        gateway_turn_partition(&gateway, false);
        ck_assert_uint_eq(place(""), i % PARTITIONS);
        gateway_turn_partition(&gateway, true);
    }
}
END_TEST

START_TEST(runs_that_come_while_others_begin_are_groups)
{
    unsigned group = 0;
    for (uint32_t i = 0, last = gateway.partition; i < 5 * PARTITIONS * GROUP; i++) {
        gateway_turn_partition(&gateway, true);
        uint32_t partition = place("");
        if (partition != last) {
            ck_assert_uint_ge(group, GROUP);
            group = 0;
        }
        last = partition;
        group++;
    }
    for (uint32_t i = 0; i < PARTITIONS; i++)
        ck_assert_uint_ge(gateway.placed[i], 4 * GROUP);
}
END_TEST

/* Many and few in alternation would be uneven if partitions only took turns. */
START_TEST(no_partition_gets_much_more_than_another)
{
    unsigned placed[PARTITIONS] = { 0 };
    for (unsigned turn = 0; turn < TURNS; turn++) {
        gateway_turn_partition(&gateway, turn % 10 != 0);
        for (unsigned i = 0; i < (turn % PARTITIONS == 0 ? MANY : FEW); i++)
            placed[place("")]++;
    }
    for (unsigned i = 1; i < PARTITIONS; i++)
        ck_assert_int_lt(abs((int)placed[i] - (int)placed[0]), GROUP + MANY);
}
END_TEST

START_TEST(where_cores_are_few_nearly_all_is_of_one_partition)
{
    unsigned changes = 0;
    ck_assert_uint_eq(gateway.group, GROUP);
    ck_assert_uint_eq(gateway_group(1, 2), GROUP);
    gateway.group = gateway_group(PARTITIONS, 2 * PARTITIONS - 1);
    for (uint32_t i = 0, last = gateway.partition; i < PARTITIONS * FEW_CORES; i++) {
        gateway_turn_partition(&gateway, true);
        uint32_t partition = place("");
        changes += partition != last;
        last = partition;
    }
    ck_assert_uint_eq(changes, PARTITIONS - 1);
}
END_TEST

START_TEST(a_key_has_its_partition_whatever_the_turn)
{
    uint32_t first = place("order 17"), others = 0;
    for (int turn = 0; turn < 10; turn++) {
        gateway_turn_partition(&gateway, false);
        place("");
        ck_assert_uint_eq(place("order 17"), first);
    }
    for (char key[] = "a"; key[0] <= 'z'; key[0]++)
        others += place(key) != first;
    ck_assert_uint_gt(others, 0);
}
END_TEST

Suite *
placing_suite(void)
{
    Suite *suite = suite_create("placing");
    TCase *tests = tcase_create("placing");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, one_turns_runs_go_to_one_partition);
    tcase_add_test(tests, runs_one_after_the_other_take_turns);
    tcase_add_test(tests, runs_that_come_while_others_begin_are_groups);
    tcase_add_test(tests, no_partition_gets_much_more_than_another);
    tcase_add_test(tests, where_cores_are_few_nearly_all_is_of_one_partition);
    tcase_add_test(tests, a_key_has_its_partition_whatever_the_turn);
    suite_add_tcase(suite, tests);
    return suite;
}
