#include "base/calendar.h"

/* Years are counted from March, so that a leap day is the last day of its year; an era
 * is 400 of them, 146,097 days. */
enum { ERA_DAYS = 146097, MARCH_ZERO = 719468 /* from 0000-03-01 to 1970-01-01 */ };

struct date
calendar_date(int64_t days)
{
    int64_t shifted = days + MARCH_ZERO;
    int64_t era = (shifted >= 0 ? shifted : shifted - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = shifted - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march = (5 * of_year + 2) / 153; /* months since March */
    int64_t month = march < 10 ? march + 3 : march - 9;
    return (struct date){
        .year = (int32_t)(era * 400 + year + (month <= 2)),
        .month = (uint8_t)month,
        .day = (uint8_t)(of_year - (153 * march + 2) / 5 + 1),
    };
}

int64_t
calendar_days(int32_t year, unsigned month, unsigned day)
{
    int64_t marched = (int64_t)year - (month <= 2);
    int64_t era = (marched >= 0 ? marched : marched - 399) / 400;
    int64_t of_era = marched - era * 400;
    int64_t march = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t of_year = (153 * march + 2) / 5 + (int64_t)day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year
           - MARCH_ZERO;
}
