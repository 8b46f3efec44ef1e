#include "workers/stock/chance.h"

#include "base/clock.h"

#include <stdio.h>

static uint64_t
any(void)
{
    uint64_t value;
    chance_fill(&value, sizeof value);
    return value;
}

int64_t
chance_between(int64_t min, int64_t max)
{
    uint64_t span = (uint64_t)max - (uint64_t)min, value;
    if (span == UINT64_MAX)
        return (int64_t)any();
    /* The last, incomplete round of values would make the small ones likelier. */
    uint64_t count = span + 1, beyond = UINT64_MAX - UINT64_MAX % count;
    do
        value = any();
    while (value >= beyond);
    return (int64_t)((uint64_t)min + value % count);
}

double
chance_part(void)
{
    return (double)(any() >> 11) / 9007199254740992.0; /* 2^53 */
}

const char *
chance_uuid(char out[37])
{
    uint64_t a = any(), b = any();
    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
        (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
        (unsigned long long)(b & 0xffffffffffff));
    return out;
}
