/* duration - spans of time as people write them: "30s", "5m", "1h30m", "500ms". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H
#include "base/bytes.h"

enum { DURATION_TEXT_SIZE = 48 };

/* Numbers with units h, m, s and ms, each with an optional fraction; their sum must be
 * whole milliseconds.  False if `in` is none or is longer than 2^53 ms. */
bool duration_read(struct bytes in, uint64_t *ms);
/* The shortest text that reads as `ms`. */
void duration_print(uint64_t ms, char out[DURATION_TEXT_SIZE]);
#endif
