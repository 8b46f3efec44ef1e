#include "base/printed.h"

#include <stdio.h>

bool
printed(const char *who)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "%s standard output cannot be written\n", who);
    return false;
}
