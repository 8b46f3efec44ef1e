#include "base/wrong.h"

#include <stdio.h>
#include <stdlib.h>

void
wrong_at(const char *file, int line, const char *why)
{
    fprintf(stderr, "broken bug at=%s:%d why=\"%s\"\n", file, line, why);
    abort();
}
