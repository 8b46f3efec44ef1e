/* Goal: what is said to a worker is copied whole, and its memory is used again, whoever
 * gives it back and when.
 *
 * Method: messages closed here, by another thread, and after the cells were let go.
 */
#include "gateway/cells.h"
#include "tests/unit/gateway_suites.h"

#include <malloc.h>
#include <pthread.h>

enum { ALL = 4 * CELLS_MAX, ROUNDS = 100, AT_ONCE = 300 };

static zmq_msg_t messages[ALL];
static uint8_t said[CELL_SIZE + 1];

static void
fill(struct cells *cells, zmq_msg_t *message, size_t size, uint8_t first)
{
    said[0] = first;
    cells_fill(cells, message, bytes_of(said, size));
    ck_assert_uint_eq(zmq_msg_size(message), size);
    said[0] = 0;
}

static void
check(zmq_msg_t *message, uint8_t first)
{
    const uint8_t *data = zmq_msg_data(message);
    ck_assert_uint_eq(data[0], first);
    ck_assert_mem_eq(data + 1, said + 1, zmq_msg_size(message) - 1);
}

static void *
close_many(void *self)
{
    zmq_msg_t *all = self;
    for (size_t i = 0; i < AT_ONCE; i++)
        zmq_msg_close(&all[i]);
    return NULL;
}

START_TEST(a_message_is_a_copy)
{
    static const size_t sizes[] = { 1, 2, CELL_SIZE - 1, CELL_SIZE, CELL_SIZE + 1 };
    struct cells *cells = cells_new();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill(cells, &messages[i], sizes[i], (uint8_t)(i + 1));
        check(&messages[i], (uint8_t)(i + 1));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        zmq_msg_close(&messages[i]);
    cells_free(&cells);
    ck_assert_ptr_null(cells);
    cells_free(&cells);
}
END_TEST

START_TEST(a_cell_that_is_back_is_taken_again)
{
    struct cells *cells = cells_new();
    fill(cells, &messages[0], CELL_SIZE, 1);
    const void *first = zmq_msg_data(&messages[0]);
    fill(cells, &messages[1], CELL_SIZE, 2);
    ck_assert_ptr_ne(zmq_msg_data(&messages[1]), first);
    zmq_msg_close(&messages[0]);
    fill(cells, &messages[0], CELL_SIZE, 3);
    ck_assert_ptr_eq(zmq_msg_data(&messages[0]), first);
    check(&messages[1], 2);
    zmq_msg_close(&messages[0]);
    zmq_msg_close(&messages[1]);
    cells_free(&cells);
}
END_TEST

START_TEST(more_than_there_are_cells_are_said)
{
    struct cells *cells = cells_new();
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < ALL; i++)
        fill(cells, &messages[i], CELL_SIZE, (uint8_t)i);
    for (size_t i = 0; i < ALL; i++)
        check(&messages[i], (uint8_t)i);
    for (size_t i = ALL; i-- > 1;)
        zmq_msg_close(&messages[i]);
    ck_assert_uint_lt(mallinfo2().uordblks - before, 2 * CELLS_MAX * CELL_SIZE);
    cells_free(&cells); /* the one that is out stays */
    check(&messages[0], 0);
    zmq_msg_close(&messages[0]);
}
END_TEST

START_TEST(another_thread_gives_back_meanwhile)
{
    struct cells *cells = cells_new();
    pthread_t thread;
    for (size_t i = 0; i < AT_ONCE; i++)
        fill(cells, &messages[i], CELL_SIZE, (uint8_t)i);
    for (size_t round = 0; round < ROUNDS; round++) {
        static zmq_msg_t others[AT_ONCE];
        memcpy(others, messages, sizeof others);
        ck_assert_int_eq(pthread_create(&thread, NULL, close_many, others), 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            fill(cells, &messages[i], CELL_SIZE, (uint8_t)(i + round));
        for (size_t i = 0; i < AT_ONCE; i++)
            check(&messages[i], (uint8_t)(i + round));
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, close_many, messages), 0);
    cells_free(&cells);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

Suite *
cells_suite(void)
{
    Suite *suite = suite_create("cells");
    TCase *tests = tcase_create("cells");
    for (size_t i = 0; i < sizeof said; i++)
        said[i] = (uint8_t)(i * 7);
    tcase_add_test(tests, a_message_is_a_copy);
    tcase_add_test(tests, a_cell_that_is_back_is_taken_again);
    tcase_add_test(tests, more_than_there_are_cells_are_said);
    tcase_add_test(tests, another_thread_gives_back_meanwhile);
    suite_add_tcase(suite, tests);
    return suite;
}
