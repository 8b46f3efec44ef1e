/* Goal: runs that start in one turn go to one partition, and over many turns no
 * partition gets more than another by more than a turn's. */
#include "gateway/gateway.h"
#include "tests/unit/gateway_suites.h"

#include <stdlib.h>

enum { PARTITIONS = 3, TURNS = 1000 };

static struct gateway gateway;

static void
begin(void)
{
    gateway = (struct gateway){ .child.config.schedulers = PARTITIONS };
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
    gateway_turn_partition(&gateway);
    uint32_t first = place("");
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(place(""), first);
}
END_TEST

START_TEST(runs_one_at_a_time_take_turns)
{
    for (uint32_t i = 0; i < 5 * PARTITIONS; i++) {
        gateway_turn_partition(&gateway);
        ck_assert_uint_eq(place(""), i % PARTITIONS);
    }
}
END_TEST

/* Many and few in alternation would be uneven if partitions only took turns. */
START_TEST(no_partition_gets_much_more_than_another)
{
    unsigned placed[PARTITIONS] = { 0 };
    for (unsigned turn = 0; turn < TURNS; turn++) {
        gateway_turn_partition(&gateway);
        for (unsigned i = 0; i < (turn % PARTITIONS == 0 ? 60 : 4); i++)
            placed[place("")]++;
    }
    for (unsigned i = 1; i < PARTITIONS; i++)
        ck_assert_int_le(abs((int)placed[i] - (int)placed[0]), 60);
}
END_TEST

START_TEST(a_key_has_its_partition_whatever_the_turn)
{
    uint32_t first = place("order 17"), others = 0;
    for (int turn = 0; turn < 10; turn++) {
        gateway_turn_partition(&gateway);
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
    tcase_add_test(tests, runs_one_at_a_time_take_turns);
    tcase_add_test(tests, no_partition_gets_much_more_than_another);
    tcase_add_test(tests, a_key_has_its_partition_whatever_the_turn);
    suite_add_tcase(suite, tests);
    return suite;
}
