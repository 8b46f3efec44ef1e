#include "actors/schedule/cron.h"

#include "base/calendar.h"

enum {
    DAY_S = 86400,
    HORIZON_DAYS = 48 * 366,
    BITS = 64,
    CHANGES_MAX = 8, /* of a day that are looked at */
};

static const int64_t never = INT64_MAX;
/* 9999-12-31T00:00:00Z: no schedule looks further. */
static const uint64_t last_ms = 253402214400000;

/* The least member that is not below `from`, at most 60; BITS if there is none. */
static unsigned
least_from(uint64_t set, unsigned from)
{
    if (set >> from == 0)
        return BITS;
    return from + (unsigned)__builtin_ctzll(set >> from);
}

/* The first second of a day that fires, from `second` on; DAY_S if there is none. */
static unsigned
time_from(const struct cron *cron, unsigned second)
{
    unsigned h = second / 3600, m = second / 60 % 60, s = second % 60;
    unsigned hour = least_from(cron->hours, h);
    if (hour == h) {
        unsigned minute = least_from(cron->minutes, m);
        if (minute == m) {
            unsigned found = least_from(cron->seconds, s);
            if (found < BITS)
                return h * 3600 + m * 60 + found;
            minute = least_from(cron->minutes, m + 1);
        }
        if (minute < BITS)
            return h * 3600 + minute * 60 + least_from(cron->seconds, 0);
        hour = least_from(cron->hours, h + 1);
    }
    if (hour == BITS)
        return DAY_S;
    return hour * 3600 + least_from(cron->minutes, 0) * 60
           + least_from(cron->seconds, 0);
}

static unsigned
month_length(const struct date *date)
{
    bool last = date->month == 12;
    int64_t next =
        calendar_days(date->year + last, last ? 1 : (unsigned)date->month + 1, 1);
    return (unsigned)(next - calendar_days(date->year, date->month, 1));
}

static bool
day_fits(const struct cron *cron, const struct date *date, int64_t day)
{
    unsigned left = month_length(date) - date->day;
    unsigned weekday = (unsigned)(((day + 4) % 7 + 7) % 7); /* 1970 began on Thursday */
    unsigned nth = cron->weekday_nth[weekday];
    bool by_date = cron->days >> date->day & 1 || cron->days_left >> left & 1;
    bool by_weekday = cron->weekdays >> weekday & 1
                      || nth >> ((date->day - 1u) / 7 + 1) & 1 || (left < 7 && nth & 1);
    return cron->any_day || cron->any_weekday ? by_date && by_weekday
                                              : by_date || by_weekday;
}

static int64_t
days_of(int64_t s)
{
    return (s >= 0 ? s : s - (DAY_S - 1)) / DAY_S;
}

/* The first wall time in [from_s, end_s) that fires. */
static int64_t
wall_from(const struct cron *cron, int64_t from_s, int64_t end_s)
{
    int64_t day = days_of(from_s);
    unsigned second = (unsigned)(from_s - day * DAY_S);
    while (day * DAY_S < end_s) {
        struct date date = calendar_date(day);
        if (!(cron->months >> date.month & 1)) {
            day += month_length(&date) - date.day + 1u;
        } else {
            unsigned found =
                day_fits(cron, &date, day) ? time_from(cron, second) : DAY_S;
            if (found < DAY_S) {
                int64_t wall_s = day * DAY_S + found;
                return wall_s < end_s ? wall_s : never;
            }
            day++;
        }
        second = 0;
    }
    return never;
}

/* What the wall clock had shown when `span` began: its latest time within a day. */
static int64_t
shown_before(const struct zone *zone, struct zone_span span)
{
    int64_t shown_s = INT64_MIN;
    if (span.begin_s == INT64_MIN)
        return shown_s;
    int64_t since_s = span.begin_s - DAY_S;
    for (unsigned i = 0; i < CHANGES_MAX && span.begin_s > since_s; i++) {
        span = zone_span(zone, span.begin_s - 1);
        if (span.end_s + span.offset_s > shown_s)
            shown_s = span.end_s + span.offset_s;
    }
    return shown_s;
}

/* Does the clock leap over a time that fires when `span`, which is not the first,
 * begins? */
static bool
leaps_over(
    const struct cron *cron, const struct zone *zone, const struct zone_span *span)
{
    struct zone_span before = zone_span(zone, span->begin_s - 1);
    int64_t end_s = span->begin_s + span->offset_s;
    return wall_from(cron, span->begin_s + before.offset_s, end_s) != never;
}

/* The first moment in `span`, from `from_s` on, that fires. */
static int64_t
moment_in(const struct cron *cron, const struct zone *zone, enum cron_dst dst,
    const struct zone_span *span, int64_t from_s, int64_t limit_s)
{
    int64_t wall_s = from_s + span->offset_s;
    if (!cron->running) {
        if (dst != CRON_SKIP && from_s == span->begin_s && leaps_over(cron, zone, span))
            return from_s;
        int64_t shown_s = dst != CRON_BOTH ? shown_before(zone, *span) : INT64_MIN;
        wall_s = wall_s > shown_s ? wall_s : shown_s;
    }
    int64_t end_s = span->end_s < limit_s ? span->end_s : limit_s;
    wall_s = wall_from(cron, wall_s, end_s + span->offset_s);
    return wall_s == never ? never : wall_s - span->offset_s;
}

uint64_t
cron_next(const struct cron *cron, const struct zone *zone, enum cron_dst dst,
    uint64_t after_ms)
{
    if (after_ms > last_ms)
        return UINT64_MAX;
    if (cron->interval_ms > 0)
        return after_ms + cron->interval_ms;
    int64_t at_s = (int64_t)(after_ms / 1000) + 1;
    int64_t limit_s = at_s + (int64_t)HORIZON_DAYS * DAY_S;
    while (at_s < limit_s) {
        struct zone_span span = zone_span(zone, at_s);
        int64_t found_s = moment_in(cron, zone, dst, &span, at_s, limit_s);
        if (found_s != never)
            return (uint64_t)found_s * 1000;
        at_s = span.end_s;
    }
    return UINT64_MAX;
}
