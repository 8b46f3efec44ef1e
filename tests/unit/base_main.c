#include "tests/unit/suites.h"

#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *
folder_fresh(char out[128])
{
    const char *above = getenv("TMPDIR");
    snprintf(out, 128, "%s/capstan-XXXXXX", above != NULL ? above : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(out));
    return out;
}

static int
drop_one(const char *path, const struct stat *state, int type, struct FTW *at)
{
    (void)state;
    (void)type;
    (void)at;
    return remove(path);
}

void
folder_drop(const char *path)
{
    ck_assert_int_eq(nftw(path, drop_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(buffer_suite());
    srunner_add_suite(runner, config_suite());
    srunner_add_suite(runner, counters_suite());
    srunner_add_suite(runner, folder_suite());
    srunner_add_suite(runner, hash_suite());
    srunner_add_suite(runner, id_suite());
    srunner_add_suite(runner, log_suite());
    srunner_add_suite(runner, map_suite());
    srunner_add_suite(runner, pack_suite());
    srunner_add_suite(runner, status_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
