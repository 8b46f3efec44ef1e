/* counters - what a process has done, in a small shared file that others may read.
 *
 * One writer per file, plain 64-bit stores; readers see each value whole.  The file is
 * `<run folder>/<process>.counters`: a line of text that names the format, then one u64
 * per row of counters.def, in order.  It lives as long as the process.
 */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H
#include "base/err.h"

#include <stdint.h>

enum counter {
#define COUNTER(name, kind, sentence) COUNTER_##name,
#include "base/counters.def"
    COUNTER_COUNT
};

/* Before counters_open, counting goes to private memory: tests need no file. */
MUST_CHECK enum err counters_open(const char *folder, const char *process);
extern uint64_t *counters_table; /* COUNTER_COUNT values */

static inline void
count(enum counter counter, uint64_t more)
{
    counters_table[counter] += more;
}

static inline void
gauge(enum counter counter, uint64_t value)
{
    counters_table[counter] = value;
}

/* Read another process's values.
 *
 * ERR_NOT_FOUND  there is no such file
 * ERR_MALFORMED  it is of another format
 */
MUST_CHECK enum err
counters_read(const char *folder, const char *process, uint64_t values[COUNTER_COUNT]);

const char *counter_name(enum counter counter);
const char *counter_sentence(enum counter counter);
int counter_is_gauge(enum counter counter);
#endif
