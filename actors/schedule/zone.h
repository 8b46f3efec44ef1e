/* zone - what a wall clock shows: one time zone, read from TZif bytes (RFC 8536).
 *
 * A zone is a row of spans in which the clock is a fixed distance from UTC.  Until the
 * last change that is written down they come from a table, after it from the rule in
 * the file's footer.
 */
#ifndef ACTORS_SCHEDULE_ZONE_H
#define ACTORS_SCHEDULE_ZONE_H
#include "base/bytes.h"

/* A day of each year, and the wall time at which the clock is changed on it. */
struct zone_rule {
    enum zone_day {
        ZONE_JULIAN,  /* `day` 1-365, 29 February is never counted */
        ZONE_OF_YEAR, /* `day` 0-365, it is */
        ZONE_WEEKDAY, /* the `week`th (5: the last) `day` (0: Sunday) of `month` */
    } kind;
    uint16_t day;
    uint8_t month, week;
    int32_t time_s; /* from midnight; -167 h to 167 h */
};

/* The zone after its table. */
struct zone_future {
    int32_t standard_s, summer_s; /* east of UTC */
    bool changes;                 /* else the standard time holds for ever */
    struct zone_rule begin, end;  /* of summer time */
};

/* Zero-initialised is UTC. */
struct zone {
    const uint8_t
        *times; /* of the changes, unix seconds as big-endian i64, ascending */
    const uint8_t *kinds; /* of what follows each change: a place in `types` */
    const uint8_t *types; /* of six bytes, the first four of which are the offset */
    size_t time_count;
    int32_t before_s; /* the offset before the first change */
    struct zone_future future;
};

/* Read one file's bytes; `zone` borrows them.  NULL, or what is wrong with them.  Takes
 * time in proportion to the size. */
const char *zone_read(struct bytes tzif, struct zone *zone);

/* The time around a moment in which the clock does not change: unix seconds, the end
 * excluded; INT64_MIN and INT64_MAX are no limit. */
struct zone_span {
    int64_t begin_s, end_s;
    int32_t offset_s; /* east of UTC */
};

/* The span of `unix_s`.  The next span may have the same offset. */
struct zone_span zone_span(const struct zone *zone, int64_t unix_s);

/* When does the wall clock show `wall_s`, counted as if it were UTC?  Ascending; the
 * count is 0 for a time that the clock leaps over, 2 for one that it repeats. */
size_t zone_moments(const struct zone *zone, int64_t wall_s, int64_t unix_s[2]);
#endif
