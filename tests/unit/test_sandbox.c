/* Goal: who is shut in cannot do what its work does not need, and can do its work.
 * Method: each try in a process of its own that enters the sandbox of an actor first;
 * its control is the same try without one. */
#include "base/privileges.h"
#include "base/sandbox.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/capstan-sandbox-XXXXXX";
static char data[FOLDER_PATH_MAX], outside[FOLDER_PATH_MAX];
static char said[SANDBOX_SAID_MAX];
static struct config config;
static pid_t bystander;

/* ---- a data folder ---- */

static void
make_file(const char *folder, const char *name)
{
    char path[FOLDER_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs("something", out);
    fclose(out);
}

static void
make_folders(void)
{
    static const char *const below[] = { "run", "epoch", "journal", "journal/views",
        "journal/scheduler.0", "journal/trigger.0", "gateway", "workflows" };
    char path[FOLDER_PATH_MAX];
    snprintf(data, sizeof data, "%s/data-XXXXXX", root);
    ck_assert_ptr_nonnull(mkdtemp(data));
    for (size_t i = 0; i < COUNT(below); i++)
        ck_assert_int_eq(mkdir(folder_path(data, below[i], path), 0700), 0);
    make_file(data, "secret");
    make_file(data, "journal/scheduler.0/CURRENT");
    make_file(data, "journal/trigger.0/CURRENT");
    make_file(data, "gateway/dev.key");
    make_file(data, "workflows/a.yaml");
    snprintf(outside, sizeof outside, "%s/outside-XXXXXX", root);
    ck_assert_ptr_nonnull(mkdtemp(outside));
    make_file(outside, "file");
    config_default(&config);
    snprintf(config.data, sizeof config.data, "%s", data);
    snprintf(config.workflows, sizeof config.workflows, "%s",
        folder_path(data, "workflows", path));
    config.http_port = 20000 + (uint32_t)getpid() % 10000;
    bystander = fork();
    if (bystander == 0) {
        pause();
        _exit(0);
    }
}

static void
end_bystander(void)
{
    kill(bystander, SIGKILL);
    waitpid(bystander, NULL, 0);
}

static void
make_root(void)
{
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static int
remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found, (void)kind, (void)where;
    return remove(path);
}

/* Of a test that failed, too, and of one that shut itself in. */
static void
remove_root(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what is tried ---- */

static bool
may_open(const char *folder, const char *name, int flags)
{
    char path[FOLDER_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0;
}

static bool
may_listen(int family, uint32_t at)
{
    struct sockaddr_un here = { .sun_family = AF_UNIX };
    struct sockaddr_in port = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)at) };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(here.sun_path, sizeof here.sun_path, "%.80s/run/socket", data);
    (void)unlink(here.sun_path);
    const void *name = family == AF_UNIX ? (const void *)&here : &port;
    socklen_t size = family == AF_UNIX ? sizeof here : sizeof port;
    return fd >= 0 && bind(fd, name, size) == 0 && listen(fd, 1) == 0;
}

static bool
may_call_out(void)
{
    struct sockaddr_in port = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(9) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0
           && (connect(fd, (const struct sockaddr *)&port, sizeof port) == 0
               || errno == ECONNREFUSED);
}

static bool
may_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool
may_run(void)
{
    execl("/bin/true", "true", NULL);
    return false;
}

static bool
may_trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool
may_signal(pid_t pid)
{
    return kill(pid, SIGCONT) == 0;
}

static void *
answer(void *given)
{
    return given;
}

static bool
may_thread(void)
{
    pthread_t thread;
    void *back = NULL;
    return pthread_create(&thread, NULL, answer, data) == 0
           && pthread_join(thread, &back) == 0 && back == data;
}

static bool
may_change_owner(void)
{
    char path[FOLDER_PATH_MAX];
    return chown(folder_path(data, "run", path), getuid(), getgid()) == 0;
}

static bool
may_unshare(void)
{
    return syscall(SYS_unshare, 0) == 0;
}

static bool
may_dump_core(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max > 0;
}

/* ---- who may what ---- */

enum { ACTORS = 4 };
static const char *const actors[ACTORS] = { "scheduler", "lease", "view", "gateway" };

#define TRY(name, who, does)                                                           \
    static bool try_##name(void)                                                       \
    {                                                                                  \
        return does;                                                                   \
    }
#include "tests/unit/sandbox_tries.def"

static const struct
try {
    const char *name;
    const char *who; /* a letter for each actor */
    bool (*does)(void);
}
tries[] = {
#define TRY(name, who, does) { #name, who, try_##name },
#include "tests/unit/sandbox_tries.def"
};

static bool
enter(const char *actor)
{
    char journal[FOLDER_PATH_MAX];
    bool owns = strcmp(actor, "scheduler") == 0;
    struct sandbox sandbox = {
        .actor = actor,
        .config = &config,
        .journal = owns ? folder_journal(data, actor, 0, journal) : NULL,
    };
    sandbox_enter(&sandbox, said);
    return strcmp(said, "whole") == 0;
}

/* Does it work for `actor`, or for anybody if that is NULL? */
static bool
works(const struct try *try, const char *actor)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (actor != NULL && !enter(actor))
            _exit(2);
        _exit(try->does() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2,
        "%s as %s: ended with status %d", try->name, actor, status);
    return WEXITSTATUS(status) == 0;
}

START_TEST(each_process_may_what_its_work_needs_and_nothing_else)
{
    for (size_t i = 0; i < COUNT(tries); i++) {
        char found[ACTORS + 1] = { 0 };
        for (size_t a = 0; a < ACTORS; a++)
            found[a] = works(&tries[i], actors[a]) ? actors[a][0] : '-';
        ck_assert_msg(strcmp(found, tries[i].who) == 0, "%s: \"%s\" may it, not \"%s\"",
            tries[i].name, found, tries[i].who);
    }
}
END_TEST

START_TEST(all_that_is_tried_works_outside)
{
    for (size_t i = 0; i < COUNT(tries); i++)
        ck_assert_msg(works(&tries[i], NULL), "%s does not work at all", tries[i].name);
}
END_TEST

static unsigned long long
capabilities_of(pid_t pid)
{
    char path[64], line[256];
    unsigned long long have = ~0ull;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *in = fopen(path, "re");
    ck_assert_ptr_nonnull(in);
    while (fgets(line, sizeof line, in) != NULL)
        (void)sscanf(line, "CapPrm: %llx", &have);
    fclose(in);
    return have;
}

/* A process that has entered, and waits. */
static pid_t
one_inside(const char *actor)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        enter(actor);
        (void)!write(ends[1], "x", 1);
        pause();
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void
expect_capabilities(const char *actor, uint32_t port, unsigned long long expected)
{
    config.http_port = port;
    pid_t pid = one_inside(actor);
    unsigned long long found = capabilities_of(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_msg(found == expected, "%s with port %u has %llx, not %llx", actor, port,
        found, expected);
}

START_TEST(nobody_has_capabilities_but_a_gateway_with_a_low_port)
{
    const unsigned long long low_ports = 1 << 10;
    expect_capabilities("scheduler", 80, 0);
    expect_capabilities("gateway", 3000, 0);
    expect_capabilities("gateway", 80, capabilities_of(getpid()) & low_ports);
}
END_TEST

/* Ends with the number of the step that went wrong. */
static int
become_owner(void)
{
    bool changed;
    struct fault fault;
    if (privileges_of_owner(data, &changed, &fault) != ERR_NONE || changed)
        return 1;
    if (chown(data, 12345, 23456) != 0
        || privileges_of_owner(data, &changed, &fault) != ERR_NONE || !changed)
        return 2;
    if (getuid() != 12345 || geteuid() != 12345 || getegid() != 23456
        || getgroups(0, NULL) != 0)
        return 3;
    if (!privileges_drop(false) || capabilities_of(getpid()) != 0 || setuid(0) == 0)
        return 4;
    return 0;
}

START_TEST(root_goes_on_as_the_owner_of_the_data_folder)
{
    int status;
    if (geteuid() != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        _exit(become_owner());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* What does this kernel, or this build, leave out? */
static bool
is_whole(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (!enter("gateway"))
            fprintf(stderr, "the sandbox of this build on this kernel: %s\n", said);
        _exit(strcmp(said, "whole") == 0 ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(void)
{
    config_default(&config);
    if (!is_whole())
        return 77;
    Suite *suite = suite_create("sandbox");
    TCase *tc = tcase_create("sandbox");
    tcase_set_timeout(tc, 120);
    tcase_add_unchecked_fixture(tc, make_root, remove_root);
    tcase_add_checked_fixture(tc, make_folders, end_bystander);
    tcase_add_test(tc, each_process_may_what_its_work_needs_and_nothing_else);
    tcase_add_test(tc, all_that_is_tried_works_outside);
    tcase_add_test(tc, nobody_has_capabilities_but_a_gateway_with_a_low_port);
    tcase_add_test(tc, root_goes_on_as_the_owner_of_the_data_folder);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
