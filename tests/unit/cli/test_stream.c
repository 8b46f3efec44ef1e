#include "tests/unit/cli/suites.h"
#include "workers/cli/stream.h"

#include <stdio.h>
#include <stdlib.h>

static struct stream stream;
static struct buffer heard;
static int left; /* events until the listener has enough */

static bool
hear(void *self, const char *id, struct bytes data)
{
    (void)self;
    buffer_print(&heard, "%s<%.*s>", id, (int)data.size, (const char *)data.data);
    return --left > 0;
}

static void
setup(void)
{
    stream = (struct stream){ .hear = hear };
    heard = (struct buffer){ 0 };
    left = 1000;
}

static void
teardown(void)
{
    stream_free(&stream);
    buffer_free(&heard);
}

static void
expect(const char *wanted)
{
    buffer_append(&heard, "", 1);
    ck_assert_str_eq((const char *)heard.data, wanted);
    buffer_clear(&heard);
}

static const char three[] = ": hello\n\nid: 1\nevent: run.started\ndata: {\"a\":1}\n\n"
                            "id: 2\r\ndata: x\r\ndata: y\r\n\r\n"
                            "data:z\n\nretry: 9\n\n";

START_TEST(events_are_heard_with_their_ids)
{
    ck_assert_int_eq(stream_feed(&stream, text(three)), ERR_NONE);
    expect("1<{\"a\":1}>2<x\ny>2<z>");
}
END_TEST

START_TEST(it_does_not_matter_where_the_bytes_are_cut)
{
    size_t size = sizeof three - 1;
    for (size_t step = 1; step < size; step++) {
        stream_restart(&stream);
        for (size_t i = 0; i < size; i += step) {
            size_t part = size - i < step ? size - i : step;
            ck_assert_int_eq(stream_feed(&stream, bytes_of(three + i, part)), ERR_NONE);
        }
        expect("1<{\"a\":1}>2<x\ny>2<z>");
    }
}
END_TEST

START_TEST(an_unfinished_event_is_forgotten_and_the_id_kept)
{
    ck_assert_int_eq(
        stream_feed(&stream, text("id: 7\ndata: a\n\nid: 8\ndata: lo")), ERR_NONE);
    stream_restart(&stream);
    ck_assert_int_eq(stream_feed(&stream, text("data: b\n\n")), ERR_NONE);
    expect("7<a>7<b>");
}
END_TEST

START_TEST(nothing_is_heard_after_the_listener_has_enough)
{
    left = 1;
    ck_assert_int_eq(stream_feed(&stream, text(three)), ERR_NONE);
    ck_assert(stream.ended);
    expect("1<{\"a\":1}>");
}
END_TEST

START_TEST(an_id_that_is_too_long_is_none)
{
    char line[STREAM_ID_MAX + 40];
    snprintf(line, sizeof line, "id: %0*d\ndata: a\n\n", STREAM_ID_MAX, 1);
    ck_assert_int_eq(stream_feed(&stream, text(line)), ERR_NONE);
    expect("<a>");
}
END_TEST

START_TEST(a_line_without_an_end_is_refused_at_the_limit)
{
    enum { PART = 1 << 20 };
    char *part = calloc(1, PART);
    enum err e = ERR_NONE;
    ck_assert_ptr_nonnull(part);
    size_t taken = 0;
    while (e == ERR_NONE && taken <= STREAM_LINE_MAX) {
        e = stream_feed(&stream, bytes_of(part, PART));
        taken += PART;
    }
    free(part);
    ck_assert_int_eq(e, ERR_TOO_LARGE);
    ck_assert_uint_le(stream.line.size, STREAM_LINE_MAX);
}
END_TEST

Suite *
suite_stream(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("stream");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, events_are_heard_with_their_ids);
    tcase_add_test(tests, it_does_not_matter_where_the_bytes_are_cut);
    tcase_add_test(tests, an_unfinished_event_is_forgotten_and_the_id_kept);
    tcase_add_test(tests, nothing_is_heard_after_the_listener_has_enough);
    tcase_add_test(tests, an_id_that_is_too_long_is_none);
    tcase_add_test(tests, a_line_without_an_end_is_refused_at_the_limit);
    suite_add_tcase(suite, tests);
    return suite;
}
