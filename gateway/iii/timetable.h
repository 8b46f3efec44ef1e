/* timetable - when does a schedule of iii fire?  Pure.
 *
 *     second minute hour day-of-month month day-of-week [year]
 *     @hourly @daily @weekly @monthly @yearly
 *
 * A field is a list of *, ?, values and ranges, each with a step after "/"; months and
 * days of the week also have names.  It is not the schedule of automations
 * (docs/schedules.md): days are counted from Sunday, which is 1, a day must fit both of
 * its fields, there is a year, and all is in UTC.
 */
#ifndef GATEWAY_III_TIMETABLE_H
#define GATEWAY_III_TIMETABLE_H
#include "base/bytes.h"
#include "base/err.h"

enum { TIMETABLE_YEAR_MIN = 1970, TIMETABLE_YEARS = 131, TIMETABLE_TEXT_MAX = 256 };

/* Sets are bits, numbered as the field's values are. */
struct timetable {
    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint32_t weekdays;                           /* Sunday is 1 */
    uint64_t years[(TIMETABLE_YEARS + 63) / 64]; /* since TIMETABLE_YEAR_MIN */
};

/* ERR_MALFORMED  it is none: `fault` says which field, what is there and what was
 *                expected */
MUST_CHECK enum err
timetable_read(struct bytes in, struct timetable *timetable, struct fault *fault);

/* The first time after `after_ms`, unix ms; UINT64_MAX if there is none. */
uint64_t timetable_next(const struct timetable *timetable, uint64_t after_ms);
#endif
