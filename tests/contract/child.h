/* child - processes that a test starts, and that end. */
#ifndef TESTS_CONTRACT_CHILD_H
#define TESTS_CONTRACT_CHILD_H
#include "base/buffer.h"
#include "tests/contract/place.h"

/* Run `child` in a process of its own and return how that ended; what it wrote to its
 * standard error is in `said`. */
int
in_child(void (*child)(struct place *place), struct place *place, struct buffer *said);

/* Where children say what is durable: the write end of a pipe. */
extern int report_to;

/* Open the journal and commit, reporting the number of each commit, until killed.  Each
 * has one record and the row "count" that counts them, so that half a batch shows. */
_Noreturn void write_for_ever(struct place *place);

/* Let a child write until it has reported `reports` commits, then kill it.  The last
 * number it reported. */
uint64_t write_and_kill(struct place *place, int reports);
#endif
