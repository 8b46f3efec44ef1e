/* human - times, sizes and words as people read them.  Pure. */
#ifndef WORKERS_CLI_HUMAN_H
#define WORKERS_CLI_HUMAN_H
#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { HUMAN_MAX = 40 };

/* "12 ms", "1.25 s", "2 min 5 s", "3 h 4 min", "5 d 2 h" */
const char *human_span(uint64_t ms, char out[HUMAN_MAX]);
/* "just now", "3 s ago", "2 h ago", "in 5 min"; the largest unit only */
const char *human_ago(uint64_t now_ms, uint64_t then_ms, char out[HUMAN_MAX]);
/* Read what stamp_print wrote; also with other fractions, and "+02:00". */
bool human_read_time(const char *text, uint64_t *unix_ms);
/* "512 B", "12.3 MiB" */
const char *human_bytes(uint64_t size, char out[HUMAN_MAX]);

/* Append `text` fit for one cell or line: no control characters, so that nothing an
 * engine says can move the cursor. */
void human_clean(struct buffer *out, struct bytes text);
/* The same, in quotes when it is empty or holds spaces, quotes or "=". */
void human_word(struct buffer *out, struct bytes text);
#endif
