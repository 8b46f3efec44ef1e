#include "base/backoff.h"

uint64_t
backoff_ms(unsigned failures, uint64_t max_ms)
{
    uint64_t delay = BACKOFF_MIN_MS;
    if (failures <= 1)
        return 0;
    while (--failures > 1 && delay < max_ms)
        delay *= 2;
    return delay < max_ms ? delay : max_ms;
}
