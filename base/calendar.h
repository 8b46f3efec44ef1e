/* calendar - days since 1970-01-01 and the dates they are (proleptic Gregorian). */
#ifndef BASE_CALENDAR_H
#define BASE_CALENDAR_H
#include <stdint.h>

struct date {
    int32_t year;
    uint8_t month, day; /* from 1 */
};

/* Within some million years of 1970. */
struct date calendar_date(int64_t days);
int64_t calendar_days(int32_t year, unsigned month, unsigned day);
#endif
