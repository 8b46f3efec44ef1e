#include "base/stamp.h"

/* 9999-12-31T23:59:59.999Z */
static const uint64_t last_ms = 253402300799999;

struct day {
    unsigned year, month, day;
};

/* Years are counted from March, so that a leap day is the last day of its year; an era
 * is 400 of them, 146,097 days. */
static struct day
day_of(uint64_t days)
{
    uint64_t shifted = days + 719468; /* from 0000-03-01 */
    unsigned era = (unsigned)(shifted / 146097), of_era = (unsigned)(shifted % 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned march = (5 * of_year + 2) / 153; /* months since March */
    unsigned month = march < 10 ? march + 3 : march - 9;
    return (struct day){
        .year = era * 400 + year + (month <= 2),
        .month = month,
        .day = of_year - (153 * march + 2) / 5 + 1,
    };
}

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
    struct day day = day_of(ms / 86400000);
    char *at = out;
    at = digits(at, day.year, 4, '-');
    at = digits(at, day.month, 2, '-');
    at = digits(at, day.day, 2, 'T');
    at = digits(at, of_day / 3600000, 2, ':');
    at = digits(at, of_day / 60000 % 60, 2, ':');
    at = digits(at, of_day / 1000 % 60, 2, '.');
    at = digits(at, of_day % 1000, 3, 'Z');
    *at = '\0';
    return out;
}
