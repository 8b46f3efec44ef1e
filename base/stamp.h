/* stamp - a moment as people and JSON read it: RFC 3339, milliseconds. */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H
#include <stdint.h>

/* "2026-11-23T22:17:06.123Z" and a NUL */
enum { STAMP_SIZE = 25 };

/* Pure: asks no clock and no time zone.  Moments after the year 9999 are printed as the
 * last one of it.  Returns `out`. */
const char *stamp_print(uint64_t unix_ms, char out[STAMP_SIZE]);

/* "2026-11-23T23:17:06.123+01:00" and a NUL */
enum { STAMP_LOCAL_SIZE = STAMP_SIZE + 5 };

/* The same on a clock that is `offset_s` east of UTC, at most a day; from 1970 on
 * there, too. */
const char *
stamp_print_local(uint64_t unix_ms, int32_t offset_s, char out[STAMP_LOCAL_SIZE]);
#endif
