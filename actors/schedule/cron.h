/* cron - when does a schedule fire?
 *
 *     minute hour day-of-month month day-of-week          fires at second 0
 *     second minute hour day-of-month month day-of-week
 *     @hourly @daily @midnight @weekly @monthly @yearly @annually
 *     @every 1h30m
 *
 * docs/schedules.md says what the fields may hold.  If both day fields are restricted,
 * a day fires that fits either; a field that begins with * or ? is not restricted.
 *
 * A schedule keeps to the wall clock of its zone.  What happens when that is changed:
 *
 *   running  Its hour field allows every hour, or its minute field begins with *.  It
 *            fires whenever the clock shows one of its times: every 15 minutes stays
 *            every 15 minutes through both changes, whatever the policy.
 *   fixed    Any other.  The policy decides:
 *            first  A time that is leapt over fires at the moment of the change; one
 *                   that comes twice fires once, the first time.
 *            skip   A time that is leapt over does not fire; one that comes twice fires
 *                   once, the first time.
 *            both   A time that is leapt over fires at the moment of the change; one
 *                   that comes twice fires twice.
 *
 * Times that fall on the same moment fire once.
 */
#ifndef ACTORS_SCHEDULE_CRON_H
#define ACTORS_SCHEDULE_CRON_H
#include "actors/schedule/zone.h"

enum { CRON_TEXT_MAX = 256, CRON_MISTAKE_SIZE = 240 };

/* On disk: never renumber. */
enum cron_dst { CRON_FIRST = 0, CRON_SKIP = 1, CRON_BOTH = 2 };

/* Sets are bits, numbered as the field's values are. */
struct cron {
    uint64_t interval_ms; /* @every; 0: the fields decide */
    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint32_t days_left;        /* bit n: n days before the month's last */
    uint8_t weekdays;          /* Sunday is 0 */
    uint8_t weekday_nth[7];    /* bit n: the nth of the month; bit 0: the last */
    bool any_day, any_weekday; /* the field begins with * or ? */
    bool running;
};

/* False if `in` is no schedule; `mistake` says which field, what is there and what was
 * expected. */
bool cron_read(struct bytes in, struct cron *cron, char mistake[CRON_MISTAKE_SIZE]);

/* "first", "skip" or "both"; false if it is neither. */
bool cron_dst_read(struct bytes in, enum cron_dst *dst);

/* The first time that is after `after_ms`, unix ms; UINT64_MAX if there is none within
 * 48 years, such as for 30 February: a date that comes at all comes within 40.
 * An interval counts from `after_ms`.  Looks at some 20,000 days at most. */
uint64_t cron_next(const struct cron *cron, const struct zone *zone, enum cron_dst dst,
    uint64_t after_ms);
#endif
