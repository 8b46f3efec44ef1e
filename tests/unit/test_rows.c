/* Goal: what lies in a run's row is read as it was written, in the short forms of now
 * and in the forms of before. */
#include "store/position.h"
#include "store/rows.h"

#include <check.h>

static const struct id run = { { 0x01, 0x90, 0, 0, 0, 0, 0x70 } };
static struct arena arena;
static struct buffer out;
static struct run_row row;

static void
begin(void)
{
    row = (struct run_row){ .record = 1000 };
    buffer_clear(&out);
}

static void
end(void)
{
    buffer_free(&out);
    arena_free(&arena);
}

static struct step_row
held_by(uint8_t session, const char *worker)
{
    return (struct step_row){
        .status = STEP_DONE,
        .attempt = 1,
        .session = { { session } },
        .worker = text(worker),
        .started_ms = id_unix_ms(&run),
        .leased_ms = id_unix_ms(&run) + 70000,
        .finished_ms = id_unix_ms(&run) - 1, /* the clock of its gateway is ahead */
        .called = 1000,
        .offered = 70000,
        .output = 999,
        .lane = UINT64_MAX,
        .error_type = text("Boom"),
    };
}

static void
ck_same(const struct step_row *a, const struct step_row *b)
{
    ck_assert(id_equal(&a->session, &b->session));
    ck_assert(bytes_equal(a->worker, b->worker));
    ck_assert(bytes_equal(a->error_type, b->error_type));
    ck_assert_uint_eq(a->started_ms, b->started_ms);
    ck_assert_uint_eq(a->leased_ms, b->leased_ms);
    ck_assert_uint_eq(a->finished_ms, b->finished_ms);
    ck_assert_uint_eq(a->called, b->called);
    ck_assert_uint_eq(a->offered, b->offered);
    ck_assert_uint_eq(a->output, b->output);
    ck_assert_uint_eq(a->lane, b->lane);
    ck_assert_uint_eq(a->hand | a->started_in | a->called_in, 0);
}

START_TEST(a_step_is_read_as_it_was_written)
{
    struct step_row written = held_by(7, "one"), read;
    step_write(&written, &run, &row, &arena, &out);
    ck_assert_int_eq(step_read(buffer_bytes(&out), &run, &row, &read), ERR_NONE);
    ck_same(&written, &read);
    ck_assert_uint_lt(out.size, 64);
    ck_assert_int_eq(step_read(text(""), &run, &row, &read), ERR_NONE);
    ck_assert(step_is_pending(&read));
}
END_TEST

START_TEST(a_step_of_before_is_read_as_it_lies_there)
{
    struct step_row written = held_by(7, "one"), read;
    fields_write(&step_row_shape, &written, NULL, &out);
    ck_assert_int_eq(step_read(buffer_bytes(&out), &run, &row, &read), ERR_NONE);
    ck_same(&written, &read);
}
END_TEST

START_TEST(who_had_the_steps_of_a_run_is_said_once_and_of_a_few)
{
    struct step_row written[20], read;
    size_t ends[20];
    for (uint8_t i = 0; i < COUNT(written); i++) {
        written[i] = held_by((uint8_t)(1 + i / 2), i % 2 == 0 ? "one" : "another");
        step_write(&written[i], &run, &row, &arena, &out);
        ends[i] = out.size;
    }
    size_t hands = row.hands.size;
    step_write(&written[3], &run, &row, &arena, &out);
    ck_assert_uint_eq(row.hands.size, hands);
    ck_assert_uint_lt(hands, 8 * 32);
    for (size_t i = 0, from = 0; i < COUNT(written); from = ends[i++]) {
        struct bytes in = bytes_of(out.data + from, ends[i] - from);
        ck_assert_int_eq(step_read(in, &run, &row, &read), ERR_NONE);
        ck_same(&written[i], &read);
    }
    row.hands = (struct bytes){ 0 };
    ck_assert_int_eq(
        step_read(bytes_of(out.data, ends[0]), &run, &row, &read), ERR_MALFORMED);
}
END_TEST

/* Its second step is pending. */
static void
pack_page_of(const struct step_row *steps, bool of_before)
{
    struct buffer step = { 0 };
    pack_array(&out, 3);
    for (int i = 0; i < 3; i++) {
        buffer_clear(&step);
        fields_write(&step_row_shape, &steps[i], NULL, &step);
        if (of_before || i == 1)
            buffer_append_bytes(&out, buffer_bytes(&step));
        else
            pack_blob(&out, buffer_bytes(&step));
    }
    buffer_free(&step);
}

START_TEST(a_page_of_steps_is_split_as_it_lies_now_and_as_it_lay_before)
{
    struct step_row steps[3] = { held_by(7, "one"), { 0 }, held_by(8, "another") },
                    read;
    struct bytes stored[STEPS_PER_PAGE];
    for (int of_before = 0; of_before < 2; of_before++) {
        buffer_clear(&out);
        pack_page_of(steps, of_before != 0);
        ck_assert_int_eq(step_page_split(buffer_bytes(&out), stored), ERR_NONE);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(step_read(stored[i], &run, &row, &read), ERR_NONE);
            ck_same(&steps[i], &read);
        }
        ck_assert_uint_eq(stored[3].size, 0);
        out.size--; /* torn */
        ck_assert_int_eq(step_page_split(buffer_bytes(&out), stored), ERR_MALFORMED);
    }
}
END_TEST

/* Before the first, between two, behind the last, and none of one byte. */
START_TEST(a_number_that_no_field_has_is_passed_over_wherever_it_stands)
{
    static const uint64_t unknown[] = { 0, 38, 39, 100, 127, 200 };
    struct run_row read;
    for (size_t i = 0; i < COUNT(unknown); i++) {
        buffer_clear(&out);
        pack_map(&out, 3);
        pack_u64(&out, 40);
        pack_blob(&out, id_bytes(&run));
        pack_u64(&out, unknown[i]);
        pack_string(&out, "more");
        pack_u64(&out, 3); /* in no order */
        pack_u64(&out, 9);
        struct cursor in = cursor_over(buffer_bytes(&out));
        ck_assert_int_eq(fields_read(&in, &run_row_shape, NULL, &read), ERR_NONE);
        ck_assert_uint_eq(read.version, 9);
        ck_assert(id_equal(&read.group, &run));
        ck_assert_uint_eq(read.queued, 0);
    }
}
END_TEST

START_TEST(the_numbers_of_the_fields_of_a_row_ascend)
{
    static const struct shape *const shapes[] = { &run_row_shape, &step_row_shape,
        &name_row_shape, &group_row_shape, &failures_row_shape, &expansion_row_shape,
        &interaction_row_shape };
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t f = 0; f < shapes[i]->field_count; f++)
            ck_assert_uint_gt(shapes[i]->fields[f].number,
                f == 0 ? 0 : shapes[i]->fields[f - 1].number);
}
END_TEST

static const struct position positions[] = { { 128, 0 }, { 129, 127 }, { 70000, 127 },
    { UINT64_C(1) << 56, 128 }, { UINT64_MAX, UINT64_MAX } };

static void
ck_positions(struct bytes list, size_t count)
{
    struct position_list all = position_list_over(list);
    struct position at;
    ck_assert_uint_eq(position_list_count(list), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(position_list_next(&all, &at));
        ck_assert_uint_eq(at.record, positions[i].record);
        ck_assert_uint_eq(at.events, positions[i].events);
    }
    ck_assert(!position_list_next(&all, &at));
}

START_TEST(positions_are_read_as_they_were_added)
{
    struct bytes list = { 0 };
    for (size_t i = 0; i < COUNT(positions); i++) {
        list = position_list_add(list, &positions[i], &arena);
        struct bytes again = position_list_add(list, &positions[i], &arena);
        ck_assert_uint_eq(again.size, list.size);
        ck_positions(list, i + 1);
    }
    list.size--; /* torn: the last is not there */
    ck_positions(list, COUNT(positions) - 1);
}
END_TEST

START_TEST(positions_of_before_are_read_and_added_to)
{
    static const uint8_t before[] = { 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0,
        0 };
    struct bytes list = bytes_of(before, sizeof before);
    ck_positions(list, 1);
    for (size_t i = 1; i < COUNT(positions); i++) {
        list = position_list_add(list, &positions[i], &arena);
        ck_positions(list, i + 1);
    }
    ck_assert_uint_eq(list.size, COUNT(positions) * sizeof before);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_step_is_read_as_it_was_written);
    tcase_add_test(tests, a_step_of_before_is_read_as_it_lies_there);
    tcase_add_test(tests, who_had_the_steps_of_a_run_is_said_once_and_of_a_few);
    tcase_add_test(tests, a_page_of_steps_is_split_as_it_lies_now_and_as_it_lay_before);
    tcase_add_test(tests, a_number_that_no_field_has_is_passed_over_wherever_it_stands);
    tcase_add_test(tests, the_numbers_of_the_fields_of_a_row_ascend);
    tcase_add_test(tests, positions_are_read_as_they_were_added);
    tcase_add_test(tests, positions_of_before_are_read_and_added_to);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
