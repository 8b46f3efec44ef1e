/* duration - 1h, 1m30s, 250ms. */
#ifndef WORKERS_STOCK_DURATION_H
#define WORKERS_STOCK_DURATION_H
#include <stdbool.h>
#include <stdint.h>

/* false: it is none, or longer than a year */
bool duration_read(const char *from, uint64_t *ms);
/* false: negative, not a number, or longer than a year */
bool duration_seconds(double seconds, uint64_t *ms);
#endif
