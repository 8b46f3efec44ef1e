/* chance - values that cannot be guessed, without bias. */
#ifndef WORKERS_STOCK_CHANCE_H
#define WORKERS_STOCK_CHANCE_H
#include <stdint.h>

/* From min to max, both included; min may not be above max. */
int64_t chance_between(int64_t min, int64_t max);
double chance_part(void); /* from 0, less than 1 */
/* Version 4, 36 characters and NUL. */
const char *chance_uuid(char out[37]);
#endif
