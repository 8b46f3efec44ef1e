/* logbook - what all processes of an engine print, stamped, in one file.
 *
 *   2026-01-31T12:04:05.123Z unusual lease.0 worker_silent session=…
 *
 * When the file is full it becomes capstan.log.1 and a new one begins.  A device that
 * is full costs lines, never time. */
#ifndef ACTORS_SUPERVISOR_LOGBOOK_H
#define ACTORS_SUPERVISOR_LOGBOOK_H
#include "base/buffer.h"
#include "base/err.h"
#include "base/rotated.h"

enum { LOGBOOK_SIZE_MAX = 16 * 1024 * 1024, LOGBOOK_LINE_MAX = 4096 };

struct logbook {
    struct rotated file; /* of LOGBOOK_SIZE_MAX */
    bool echo;           /* to stderr as well */
    bool owns_stderr;    /* stderr is the file: it must follow to the next one */
    struct buffer page;
};

/* What one process has printed and not yet ended with a newline. */
struct logstream {
    const char *name; /* such as "lease.0"; borrowed */
    char line[LOGBOOK_LINE_MAX];
    size_t size;
    char last[200]; /* its last line, for a report of its death */
};

MUST_CHECK enum err
logbook_open(struct logbook *book, const char *data, bool echo, struct fault *fault);

/* Keep the whole lines of `in`, and the rest for later.  A line that does not follow
 * base/log.h, such as a library's, is quoted as an unusual one. */
void logbook_take(
    struct logbook *book, struct logstream *stream, uint64_t unix_ms, struct bytes in);

/* Keep what a dead process did not end. */
void logbook_end(struct logbook *book, struct logstream *stream, uint64_t unix_ms);
#endif
