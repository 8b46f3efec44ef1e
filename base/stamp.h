/* stamp - a moment as people and JSON read it: RFC 3339, UTC, milliseconds. */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H
#include <stdint.h>

/* "2026-11-23T22:17:06.123Z" and a NUL */
enum { STAMP_SIZE = 25 };

/* Pure: asks no clock and no time zone.  Moments after the year 9999 are printed as the
 * last one of it.  Returns `out`. */
const char *stamp_print(uint64_t unix_ms, char out[STAMP_SIZE]);
#endif
