#include "base/stamp.h"

#include "base/calendar.h"

#include <stdbool.h>

/* 9999-12-31T23:59:59.999Z */
static const uint64_t last_ms = 253402300799999;

/* Digits and what stands behind them. */
static char *
digits(char *at, unsigned value, unsigned width, char behind)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    at[width] = behind;
    return at + width + 1;
}

const char *
stamp_print(uint64_t unix_ms, char out[STAMP_SIZE])
{
    uint64_t ms = unix_ms > last_ms ? last_ms : unix_ms;
    unsigned of_day = (unsigned)(ms % 86400000);
    struct date day = calendar_date((int64_t)(ms / 86400000));
    char *at = out;
    at = digits(at, (unsigned)day.year, 4, '-');
    at = digits(at, day.month, 2, '-');
    at = digits(at, day.day, 2, 'T');
    at = digits(at, of_day / 3600000, 2, ':');
    at = digits(at, of_day / 60000 % 60, 2, ':');
    at = digits(at, of_day / 1000 % 60, 2, '.');
    at = digits(at, of_day % 1000, 3, 'Z');
    *at = '\0';
    return out;
}

const char *
stamp_print_local(uint64_t unix_ms, int32_t offset_s, char out[STAMP_LOCAL_SIZE])
{
    bool west = offset_s < 0;
    unsigned minutes = (unsigned)(west ? -offset_s : offset_s) / 60;
    uint64_t shift_ms = (uint64_t)minutes * 60000;
    stamp_print(west ? unix_ms - shift_ms : unix_ms + shift_ms, out);
    char *at = out + STAMP_SIZE - 2; /* the Z */
    *at++ = west ? '-' : '+';
    at = digits(at, minutes / 60, 2, ':');
    digits(at, minutes % 60, 2, '\0');
    return out;
}
