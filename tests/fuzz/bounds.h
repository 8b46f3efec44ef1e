/* bounds - what an input of a stranger may cost: CPU time and memory.
 *
 * An input of at most 256 KiB is answered in 50 ms of CPU time, with at most 16 bytes
 * of memory for each byte of it and 512 KiB for whatever it is.  Sanitizers count what
 * they cost: eight times the time and twice the memory.  A harness says where the call
 * of what it tests begins and ends; who is too slow three times running is too slow.
 */
#ifndef TESTS_FUZZ_BOUNDS_H
#define TESTS_FUZZ_BOUNDS_H
#include "base/bytes.h"

enum { BOUNDED_INPUT_MAX = 256 * 1024 };

/* One input, by the target: whatever is wrong with the answer is a WRONG(). */
void fuzz_one(struct bytes in);

/* Around each call, in fuzz_one(). */
void bounds_begin(void);
void bounds_end(void);

/* Was this bug asked for (CAPSTAN_PLANTED=name)?  A target that does not find it proves
 * nothing. */
bool planted(const char *name);

/* What the calls of one input cost; NULL: within the bounds.  For bounds_main.c. */
const char *bounds_verdict(size_t input_size);
void bounds_forget(void);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
#endif
