/* Goal: a map finds exactly what was put and not removed; a list keeps the order. */
#include "base/list.h"
#include "base/map.h"
#include "tests/unit/suites.h"

#include <stdio.h>

struct thing {
    struct list link;
    char key[16];
    bool in;
};

static struct thing things[2000];

static struct bytes
key_of(size_t i)
{
    snprintf(things[i].key, sizeof things[i].key, "%zu", i);
    return text(things[i].key);
}

START_TEST(an_empty_map_has_nothing)
{
    struct map map = { 0 };
    ck_assert_ptr_null(map_get(&map, text("a")));
    ck_assert_ptr_null(map_remove(&map, text("a")));
    map_free(&map);
}
END_TEST

START_TEST(what_was_put_is_found_until_it_is_removed)
{
    struct map map = { 0 };
    unsigned step = 1;
    size_t count = 0;
    /* Puts and removals in an order that leaves holes everywhere. */
    for (size_t turn = 0; turn < 50000; turn++) {
        step = step * 1103515245 + 12345;
        size_t i = step >> 8 & 0x7ff;
        if (i >= COUNT(things))
            continue;
        if (things[i].in)
            ck_assert_ptr_eq(map_remove(&map, key_of(i)), &things[i]);
        else
            map_put(&map, key_of(i), &things[i]);
        count = things[i].in ? count - 1 : count + 1;
        things[i].in = !things[i].in;
        ck_assert_uint_eq(map.count, count);
    }
    for (size_t i = 0; i < COUNT(things); i++)
        ck_assert_ptr_eq(map_get(&map, key_of(i)), things[i].in ? &things[i] : NULL);
    map_free(&map);
}
END_TEST

START_TEST(a_later_value_replaces_the_earlier)
{
    struct map map = { 0 };
    map_put(&map, text("k"), &things[0]);
    map_put(&map, text("k"), &things[1]);
    ck_assert_uint_eq(map.count, 1);
    ck_assert_ptr_eq(map_get(&map, text("k")), &things[1]);
    map_free(&map);
}
END_TEST

START_TEST(a_list_keeps_the_order_of_adding)
{
    struct list head;
    list_open(&head);
    ck_assert(list_empty(&head));
    ck_assert_ptr_null(list_first(&head));
    for (size_t i = 0; i < 10; i++)
        list_append(&head, &things[i].link);
    list_remove(&things[0].link);
    list_remove(&things[5].link);
    list_remove(&things[5].link);
    size_t expected[] = { 1, 2, 3, 4, 6, 7, 8, 9 }, at = 0;
    for (struct list *l; (l = list_first(&head)) != NULL; list_remove(l))
        ck_assert_ptr_eq(LIST_OF(l, struct thing, link), &things[expected[at++]]);
    ck_assert_uint_eq(at, COUNT(expected));
}
END_TEST

Suite *
map_suite(void)
{
    Suite *suite = suite_create("map");
    TCase *tests = tcase_create("map");
    tcase_add_test(tests, an_empty_map_has_nothing);
    tcase_add_test(tests, what_was_put_is_found_until_it_is_removed);
    tcase_add_test(tests, a_later_value_replaces_the_earlier);
    tcase_add_test(tests, a_list_keeps_the_order_of_adding);
    suite_add_tcase(suite, tests);
    return suite;
}
