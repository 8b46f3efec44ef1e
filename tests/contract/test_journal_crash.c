/* Goal: what was durable is there after any end of the process, and nothing is half
 * there. Method: kill processes, let devices fail, and compare with what was said to be
 * durable. */
#include "base/buffer.h"
#include "tests/contract/child.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(a_killed_process_loses_nothing_it_committed_and_leaves_no_half_batch)
{
    struct place place = place_make(PLACE_ROCKSDB);
    uint64_t expected = 0;
    for (int round = 0; round < 12; round++) {
        uint64_t last = write_and_kill(&place, round * 37 % 400 + 1);
        ck_assert_uint_gt(last, expected);
        place.options.epoch++; /* the child's was of its own copy */
        struct journal *j = place_open(&place);
        ck_assert_uint_ge(journal_last(j), last);
        expected = journal_last(j);
        ck_assert_uint_le(expected, last + 1);
        ck_assert(bytes_equal(journal_get(j, text("count")), numbered("", expected)));
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        for (uint64_t i = 1; i <= expected + 1; i++)
            ck_assert_int_eq(
                journal_get(j, numbered("key", i)).data != NULL, i <= expected);
        journal_close(&j);
    }
    place_free(&place);
}
END_TEST

/* ---- devices that fail ---- */

/* Commit until it fails; say the last number that did not. */
static void
write_until_failure(struct place *place)
{
    /* So large that nothing is flushed: Debian's RocksDB asserts when that fails too.
     */
    place->options.memtable_bytes = 16 * 1024 * 1024;
    struct journal *j = place_open(place);
    uint8_t facts[4096] = { 0 };
    for (uint64_t i = 1; i < 100000; i++) {
        for (size_t k = 0; k < sizeof facts; k++)
            facts[k] = (uint8_t)(i * (k + 1) * 2654435761u >> 17);
        journal_append(j, i, bytes_of(facts, sizeof facts));
        enum err e = journal_commit(j, true);
        if (e == ERR_NONE)
            continue;
        if (journal_commit(j, true) != e) /* and from then on */
            _exit(1);
        dprintf(report_to, "%s %" PRIu64, err_name(e), i - 1);
        journal_close(&j);
        _exit(0);
    }
    _exit(2);
}

static void
write_with_a_limit_of_file_size(struct place *place)
{
    struct rlimit limit = { 700 * 1024, 700 * 1024 };
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(3);
    write_until_failure(place);
}

static void
expect_after_failure(struct place *place, const char *report, const char *name)
{
    char err[32];
    uint64_t last;
    ck_assert_int_eq(sscanf(report, "%31s %" SCNu64, err, &last), 2);
    ck_assert_str_eq(err, name);
    ck_assert_uint_gt(last, 10);
    place->options.epoch += 10;
    struct journal *j = place_open(place);
    ck_assert_uint_ge(journal_last(j), last);
    ck_assert_uint_le(journal_last(j), last + 1);
    ck_assert_int_eq(journal_verify(j, &place->fault), ERR_NONE);
    journal_close(&j);
}

START_TEST(a_failed_write_fails_the_commit_and_what_was_durable_is_there)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct buffer said = { 0 };
    int ends[2];
    char report[64] = { 0 };
    ck_assert_int_eq(pipe(ends), 0);
    report_to = ends[1];
    int status = in_child(write_with_a_limit_of_file_size, &place, &said);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%.*s", (int)said.size,
        (const char *)said.data);
    close(ends[1]);
    ck_assert_int_gt(read(ends[0], report, sizeof report - 1), 0);
    close(ends[0]);
    expect_after_failure(&place, report, "io");
    buffer_free(&said);
    place_free(&place);
}
END_TEST

static bool small_device; /* could it be made? */

/* On a file system of 2 MiB of its own, which the machine must allow. */
static void
write_on_a_small_device(struct place *place)
{
    char above[PATH_MAX];
    snprintf(above, sizeof above, "%s", place->folder);
    *strrchr(above, '/') = '\0';
    if (unshare(CLONE_NEWNS) != 0
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("small", above, "tmpfs", 0, "size=2m") != 0) {
        dprintf(report_to, "unable");
        _exit(0);
    }
    pid_t pid = fork();
    if (pid == 0)
        write_until_failure(place);
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)
        || WEXITSTATUS(status) != 0)
        _exit(4);
}

START_TEST(a_full_device_is_said_to_be_full)
{
    struct place place = place_make(PLACE_ROCKSDB);
    struct buffer said = { 0 };
    int ends[2];
    char report[64] = { 0 };
    ck_assert_int_eq(pipe(ends), 0);
    report_to = ends[1];
    int status = in_child(write_on_a_small_device, &place, &said);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%.*s", (int)said.size,
        (const char *)said.data);
    close(ends[1]);
    ck_assert_int_gt(read(ends[0], report, sizeof report - 1), 0);
    close(ends[0]);
    small_device = strcmp(report, "unable") != 0;
    if (small_device)
        ck_assert_msg(strncmp(report, "no_space ", 9) == 0, "%s", report);
    buffer_free(&said);
    place_free(&place);
}
END_TEST

static bool full;        /* the next sync fails, as on a full device */
static int syncs_to_die; /* after that */

/* Before the C library's own, for RocksDB too. */
int
fdatasync(int fd)
{
    static bool failed;
    if (full && !failed) {
        failed = true;
        errno = ENOSPC;
        return -1;
    }
    int result = (int)syscall(SYS_fdatasync, fd);
    if (failed && __atomic_fetch_sub(&syncs_to_die, 1, __ATOMIC_ACQ_REL) == 0)
        _exit(0);
    return result;
}

/* RocksDB takes a full device for one that will soon have room: it makes tables of what
 * it has in memory, at once, and gives up the log.  Die while it is at that. */
static void
fail_and_die(struct place *place)
{
    struct journal *j = place_open(place);
    for (uint64_t i = journal_last(j) + 1, end = i + 20; i <= end; i++) {
        full = i == end;
        journal_append(j, i, numbered("fact", i));
        journal_put(j, text("count"), numbered("", i));
        if (journal_commit(j, true) != (full ? ERR_NO_SPACE : ERR_NONE))
            _exit(1);
    }
    poll(NULL, 0, 200); /* at most: there may be fewer syncs */
    _exit(0);
}

static void
expect_rows_of_all_records(struct place *place)
{
    struct journal *j = place_open(place);
    struct bytes count = journal_get(j, text("count"));
    if (!bytes_equal(count, numbered("", journal_last(j)))) {
        fprintf(stderr, "%" PRIu64 " records, rows of %.*s\n", journal_last(j),
            (int)count.size, (const char *)count.data);
        _exit(1);
    }
    ck_assert_int_eq(journal_verify(j, &place->fault), ERR_NONE);
    journal_close(&j);
    _exit(0);
}

/* RocksDB's threads do not live on in a child: so this process has none of them. */
START_TEST(a_failed_commit_leaves_no_record_without_its_rows)
{
    static void (*const lives[])(
        struct place *) = { fail_and_die, expect_rows_of_all_records };
    struct place place = place_make(PLACE_ROCKSDB);
    for (int life = 0; life < 24; life++) {
        struct buffer said = { 0 };
        syncs_to_die = life / 2;
        int status = in_child(lives[life % 2], &place, &said);
        ck_assert_msg(status == 0, "after %d syncs: %.*s", syncs_to_die, (int)said.size,
            (const char *)said.data);
        buffer_free(&said);
        place.options.epoch++; /* the child's was of its own copy */
    }
    place_free(&place);
}
END_TEST

/* ---- the disk in memory ---- */

START_TEST(a_crash_in_memory_takes_commits_from_the_end_and_never_a_durable_one)
{
    for (size_t keep = 0; keep <= 5; keep++) {
        struct place place = place_make(PLACE_MEMORY);
        struct journal *j = place_open(&place);
        fill(j, 1, 10);
        for (uint64_t i = 1; i <= 4; i++) {
            journal_append(j, 10 + i, text("late"));
            journal_put(j, text("row"), numbered("late", i));
            journal_delete(j, numbered("key", i));
            ck_assert_int_eq(journal_commit(j, false), ERR_NONE);
            ck_assert_uint_eq(memory_disk_unsynced(place.disk), i);
        }
        memory_disk_crash(place.disk, keep);
        journal_append(j, 20, text("of a dead process"));
        ck_assert_int_eq(journal_commit(j, true), ERR_IO);
        place_reopen(&place, &j);
        size_t kept = keep > 4 ? 4 : keep;
        ck_assert_uint_eq(journal_last(j), 10 + kept);
        struct bytes row = journal_get(j, text("row"));
        ck_assert(
            kept == 0 ? row.data == NULL : bytes_equal(row, numbered("late", kept)));
        for (uint64_t i = 1; i <= 10; i++)
            ck_assert_int_eq(
                journal_get(j, numbered("key", i)).data == NULL, i <= kept);
        ck_assert_int_eq(journal_verify(j, &place.fault), ERR_NONE);
        journal_close(&j);
        place_free(&place);
    }
}
END_TEST

START_TEST(a_failed_commit_in_memory_is_there_or_not_as_was_told)
{
    for (int written = 0; written <= 1; written++) {
        struct place place = place_make(PLACE_MEMORY);
        struct journal *j = place_open(&place);
        memory_disk_fail(place.disk, ERR_NO_SPACE, 2, written);
        for (uint64_t i = 1; i <= 5; i++) {
            journal_append(j, i, text("fact"));
            ck_assert_int_eq(journal_commit(j, true), i <= 2 ? ERR_NONE : ERR_NO_SPACE);
        }
        place_reopen(&place, &j);
        ck_assert_uint_eq(journal_last(j), written ? 3 : 2);
        memory_disk_fail(place.disk, ERR_IO, 0, false);
        journal_close(&j);
        place.options.epoch++;
        ck_assert_int_eq(place_try(&place, &j), ERR_IO); /* opening writes */
        journal_close(&j);
        place_free(&place);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("journal_crash");
    TCase *tc = tcase_create("journal_crash");
    tcase_set_timeout(tc, 180);
    tcase_add_unchecked_fixture(tc, places_make, places_remove);
    tcase_add_test(
        tc, a_killed_process_loses_nothing_it_committed_and_leaves_no_half_batch);
    tcase_add_test(tc, a_failed_write_fails_the_commit_and_what_was_durable_is_there);
    tcase_add_test(tc, a_full_device_is_said_to_be_full);
    tcase_add_test(tc, a_failed_commit_leaves_no_record_without_its_rows);
    tcase_add_test(
        tc, a_crash_in_memory_takes_commits_from_the_end_and_never_a_durable_one);
    tcase_add_test(tc, a_failed_commit_in_memory_is_there_or_not_as_was_told);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
