#include "tests/unit/suites.h"

#include <ftw.h>
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
