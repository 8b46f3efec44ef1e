/* clock - the doors to time and chance.  Only shells open them; machines are told. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include "base/id.h"

uint64_t clock_unix_ms(void);      /* wall time: jumps */
uint64_t clock_monotonic_ms(void); /* since boot, suspend included: never jumps */
uint64_t clock_monotonic_us(void);
/* What poll waits until the monotonic clock says `due_ms`: a minute at most, and -1,
 * for ever, until UINT64_MAX. */
int clock_patience(uint64_t due_ms);
/* Fill with unguessable bytes. */
void chance_fill(void *out, size_t size);
/* A fresh id in `partition`, later than any id made before by this process. */
struct id id_fresh(unsigned partition);
#endif
