/* Goal: everything a process prints is kept, stamped, in a bounded file, and no process
 * can write a line in the name of another. */
#include "actors/supervisor/logbook.h"
#include "tests/unit/suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAMP "2023-11-14T22:13:20.007Z "
enum { NOW = 1700000000 };

static char folder[128], content[300000];
static struct logbook book;
static struct logstream lease;

static const char *
kept(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/log/%s", folder, name);
    FILE *in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    content[fread(content, 1, sizeof content - 1, in)] = '\0';
    fclose(in);
    return content;
}

static void
take(const char *said)
{
    logbook_take(&book, &lease, (uint64_t)NOW * 1000 + 7, text(said));
}

static void
set_up(void)
{
    char path[160];
    struct fault fault;
    folder_fresh(folder);
    snprintf(path, sizeof path, "%s/log", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    /* An echo, so that the test's own stderr stays where it is; to nobody. */
    ck_assert_int_eq(logbook_open(&book, folder, true, &fault), ERR_NONE);
    book.echo = false;
    lease = (struct logstream){ .name = "lease.0" };
}

static void
tear_down(void)
{
    close(book.file.fd);
    buffer_free(&book.page);
    folder_drop(folder);
}

START_TEST(a_line_is_kept_with_its_time)
{
    take("info lease.0 granted job=1\ndebug lease.0 x\n");
    ck_assert_str_eq(kept("capstan.log"),
        STAMP "info lease.0 granted job=1\n" STAMP "debug lease.0 x\n");
}
END_TEST

START_TEST(a_line_in_pieces_is_one_line)
{
    take("info lea");
    take("");
    ck_assert_str_eq(kept("capstan.log"), "");
    take("se.0 granted\ninfo");
    ck_assert_str_eq(kept("capstan.log"), STAMP "info lease.0 granted\n");
    logbook_end(&book, &lease, (uint64_t)NOW * 1000 + 7);
    logbook_end(&book, &lease, (uint64_t)NOW * 1000 + 7);
    ck_assert_str_eq(lease.last, "info");
}
END_TEST

START_TEST(what_a_library_says_is_quoted_and_so_is_a_false_name)
{
    take("free(): \"invalid\" pointer\033[2J\n");
    take("info view.0 fine\ninfo lease.01 fine\n\n");
    ck_assert_str_eq(kept("capstan.log"),
        STAMP "unusual lease.0 said text=\"free(): 'invalid' pointer?[2J\"\n" STAMP
              "unusual lease.0 said text=\"info view.0 fine\"\n" STAMP
              "unusual lease.0 said text=\"info lease.01 fine\"\n");
}
END_TEST

START_TEST(a_line_without_end_is_cut)
{
    for (int i = 0; i < 1000; i++)
        take("0123456789");
    const char *all = kept("capstan.log");
    size_t lines = 0;
    for (const char *at = all; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 2);
    ck_assert_uint_lt(lease.size, LOGBOOK_LINE_MAX);
}
END_TEST

START_TEST(a_full_file_becomes_the_older_one_and_nothing_is_lost_between)
{
    char line[64];
    int first = -1, seen = -1;
    book.file.size_max = 10000;
    for (int i = 0; i < 400; i++) {
        snprintf(line, sizeof line, "info lease.0 counted i=%d\n", i);
        take(line);
    }
    ck_assert_uint_le(strlen(kept("capstan.log.1")), 10000);
    for (const char *at = content; (at = strstr(at, "i=")) != NULL; at++) {
        seen = atoi(at + 2);
        first = first < 0 ? seen : first;
    }
    ck_assert_int_gt(first, 0);
    ck_assert_uint_le(strlen(kept("capstan.log")), 10000);
    for (const char *at = content; (at = strstr(at, "i=")) != NULL; at++)
        ck_assert_int_eq(atoi(at + 2), ++seen);
    ck_assert_int_eq(seen, 399);
}
END_TEST

static void
fill(void)
{
    for (int i = 0; i < 10; i++)
        take("info lease.0 counted\n");
}

START_TEST(a_file_that_was_taken_away_begins_anew_when_it_is_full)
{
    char path[160];
    book.file.size_max = 100;
    fill();
    snprintf(path, sizeof path, "%s/log/capstan.log", folder);
    ck_assert_int_eq(unlink(path), 0);
    fill();
    ck_assert_uint_gt(strlen(kept("capstan.log")), 0);
    ck_assert_uint_le(strlen(content), 100);
}
END_TEST

START_TEST(a_file_that_could_not_be_opened_is_opened_later)
{
    struct rlimit limit, none;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    book.file.size_max = 100;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    fill();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fill();
    ck_assert_uint_gt(strlen(kept("capstan.log")), 0);
    ck_assert_uint_le(strlen(content), 100);
}
END_TEST

START_TEST(a_device_that_is_full_costs_lines_and_no_more)
{
    int full = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(full, 0);
    ck_assert_int_ge(dup2(full, book.file.fd), 0);
    close(full);
    for (int i = 0; i < 1000; i++)
        take("info lease.0 granted\n");
    ck_assert_uint_eq(book.page.size, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("logbook");
    TCase *tests = tcase_create("logbook");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_line_is_kept_with_its_time);
    tcase_add_test(tests, a_line_in_pieces_is_one_line);
    tcase_add_test(tests, what_a_library_says_is_quoted_and_so_is_a_false_name);
    tcase_add_test(tests, a_line_without_end_is_cut);
    tcase_add_test(
        tests, a_full_file_becomes_the_older_one_and_nothing_is_lost_between);
    tcase_add_test(tests, a_file_that_was_taken_away_begins_anew_when_it_is_full);
    tcase_add_test(tests, a_file_that_could_not_be_opened_is_opened_later);
    tcase_add_test(tests, a_device_that_is_full_costs_lines_and_no_more);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
