/* Goal: one event is one line, whatever is in it, and quiet levels are quiet. */
#include "base/bytes.h"
#include "base/log.h"
#include "tests/unit/suites.h"

static char heard[8192];
static size_t heard_size;

static void
hear(void *taker, const char *line, size_t size)
{
    (void)taker;
    memcpy(heard + heard_size, line, size);
    heard_size += size;
    heard[heard_size] = '\0';
}

static void
set_up(void)
{
    log_divert(hear, NULL);
}

START_TEST(a_line_is_level_process_event_and_fields)
{
    log_open("lease.0", LOG_INFO);
    log_line(LOG_UNUSUAL, "worker_silent", "session=%s silent_ms=%d", "w", 31000);
    log_line(LOG_INFO, "quiet", "%s", "");
    ck_assert_str_eq(heard, "unusual lease.0 worker_silent session=w "
                            "silent_ms=31000\ninfo lease.0 quiet\n");
}
END_TEST

START_TEST(levels_beyond_the_last_are_not_said)
{
    log_open("lease.0", LOG_UNUSUAL);
    log_line(LOG_INFO, "a", "%s", "");
    log_line(LOG_DEBUG, "b", "%s", "");
    log_line(LOG_BROKEN, "c", "%s", "");
    ck_assert_str_eq(heard, "broken lease.0 c\n");
}
END_TEST

START_TEST(a_stranger_cannot_begin_a_line)
{
    log_line(LOG_INFO, "said", "text=\"%s\"", "x\"\nbroken lease.0 fake\r\x1b[2J");
    ck_assert_ptr_eq(strchr(heard, '\n'), heard + heard_size - 1);
    ck_assert_ptr_null(strchr(heard, '\x1b'));
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    static char words[6000];
    memset(words, 'x', sizeof words - 1);
    log_line(LOG_INFO, "long", "%s", words);
    ck_assert_uint_eq(heard_size, 4096);
    ck_assert_int_eq(heard[heard_size - 1], '\n');
}
END_TEST

START_TEST(levels_have_names)
{
    ck_assert_int_eq(log_level_named("broken"), LOG_BROKEN);
    ck_assert_int_eq(log_level_named("debug"), LOG_DEBUG);
    ck_assert_int_eq(log_level_named("loud"), LOG_INFO);
    ck_assert(log_level_known("unusual"));
    ck_assert(!log_level_known("loud"));
}
END_TEST

Suite *
log_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, a_line_is_level_process_event_and_fields);
    tcase_add_test(tests, levels_beyond_the_last_are_not_said);
    tcase_add_test(tests, a_stranger_cannot_begin_a_line);
    tcase_add_test(tests, a_long_line_is_cut);
    tcase_add_test(tests, levels_have_names);
    suite_add_tcase(suite, tests);
    return suite;
}
