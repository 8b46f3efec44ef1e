/* clock - the doors to time and chance.  Only shells open them; machines are told. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include "base/id.h"

/* Wall time, which jumps; in a process of the engine, from clock_begin on, the engine's
 * time, which does not. */
uint64_t clock_unix_ms(void);
uint64_t clock_monotonic_ms(void); /* since boot, suspend included: never jumps */
uint64_t clock_monotonic_us(void);
/* The engine's time is so far from the monotonic clock, whatever befalls wall time. */
void clock_begin(int64_t from_monotonic_ms);
/* It is at least `unix_ms` now: somebody has recorded that already.  Returns how far it
 * was behind. */
uint64_t clock_reach(uint64_t unix_ms);
/* How far it is from the monotonic clock now. */
int64_t clock_offset_ms(void);
/* What poll waits until the monotonic clock says `due_ms`: a minute at most, and -1,
 * for ever, until UINT64_MAX. */
int clock_patience(uint64_t due_ms);
/* Fill with unguessable bytes. */
void chance_fill(void *out, size_t size);
/* A fresh id in `partition`, later than any id made before by this process. */
struct id id_fresh(unsigned partition);
#endif
