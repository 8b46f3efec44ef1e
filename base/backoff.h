/* backoff - how long to wait before what failed is tried again. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H
#include <stdint.h>

enum { BACKOFF_MIN_MS = 100 };

/* Nothing after the first failure, then BACKOFF_MIN_MS doubling to `max_ms`. */
uint64_t backoff_ms(unsigned failures, uint64_t max_ms);
#endif
