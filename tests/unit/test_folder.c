/* Goal: everybody finds the same data folder, and knows whether it is in use. */
#include "base/epoch.h"
#include "base/folder.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct config config;
static struct fault fault;
static char out[FOLDER_PATH_MAX];

static void
set_up(void)
{
    config_default(&config);
    unsetenv("CAPSTAN_DATA");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/home/ann", 1);
}

static void
expect(const char *path)
{
    ck_assert_int_eq(folder_find(&config, out, &fault), ERR_NONE);
    ck_assert_str_eq(out, path);
}

START_TEST(the_setting_goes_before_the_environment)
{
    expect("/home/ann/.local/share/capstan");
    setenv("XDG_DATA_HOME", "/x", 1);
    expect("/x/capstan");
    setenv("CAPSTAN_DATA", "/data//", 1);
    expect("/data");
    strcpy(config.data, "/set");
    expect("/set");
}
END_TEST

START_TEST(a_relative_folder_becomes_absolute)
{
    ck_assert_int_eq(chdir("/usr"), 0);
    strcpy(config.data, "a/b/");
    expect("/usr/a/b");
    strcpy(config.data, ".//./a/./b");
    expect("/usr/a/./b");
}
END_TEST

START_TEST(a_path_too_long_for_sockets_is_refused)
{
    memset(config.data, 'x', FOLDER_DATA_MAX);
    config.data[0] = '/';
    config.data[FOLDER_DATA_MAX] = '\0';
    expect(config.data);
    strcat(config.data, "y");
    ck_assert_int_eq(folder_find(&config, out, &fault), ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(fault.detail, "has 87 bytes"));
}
END_TEST

START_TEST(the_owner_is_who_holds_the_lock)
{
    char folder[128], path[160];
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    ck_assert_int_eq(folder_owner(folder_fresh(folder)), 0);
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, "4711\n", 5), 5);
    ck_assert_int_eq(folder_owner(folder), 0);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
    ck_assert_int_eq(folder_owner(folder), 4711);
    ck_assert_int_eq(folder_wait_free(folder, 1), ERR_TIMEOUT);
    close(fd);
    ck_assert_int_eq(folder_owner(folder), 0);
    ck_assert_int_eq(folder_wait_free(folder, 1), ERR_NONE);
    folder_drop(folder);
}
END_TEST

/* A disk that fills up takes a part first. */
START_TEST(what_fits_only_in_part_is_not_written_and_says_why)
{
    struct rlimit few = { .rlim_cur = 4 }, usual;
    char folder[128];
    folder_fresh(folder);
    ck_assert_int_eq(folder_write(folder, "note", text("old"), &fault), ERR_NONE);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &usual), 0);
    few.rlim_max = usual.rlim_max;
    setrlimit(RLIMIT_FSIZE, &few);
    errno = 0;
    enum err err = folder_write(folder, "note", text("longer"), &fault);
    setrlimit(RLIMIT_FSIZE, &usual); /* the assertions write files, too */
    ck_assert_int_eq(err, ERR_IO);
    ck_assert_ptr_nonnull(strstr(fault.detail, "cannot be written: File too large"));
    folder_drop(folder);
}
END_TEST

START_TEST(each_life_has_a_later_epoch)
{
    char folder[128];
    uint64_t before = 0, epoch;
    folder_fresh(folder);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(epoch_next(folder, "lease.0", &epoch, &fault), ERR_NONE);
        ck_assert_uint_gt(epoch, before);
        before = epoch;
    }
    folder_drop(folder);
}
END_TEST

Suite *
folder_suite(void)
{
    Suite *suite = suite_create("folder");
    TCase *tests = tcase_create("folder");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, the_setting_goes_before_the_environment);
    tcase_add_test(tests, a_relative_folder_becomes_absolute);
    tcase_add_test(tests, a_path_too_long_for_sockets_is_refused);
    tcase_add_test(tests, the_owner_is_who_holds_the_lock);
    tcase_add_test(tests, what_fits_only_in_part_is_not_written_and_says_why);
    tcase_add_test(tests, each_life_has_a_later_epoch);
    suite_add_tcase(suite, tests);
    return suite;
}
