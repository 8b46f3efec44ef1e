/* worker_log - what a managed worker prints, stamped, and what became of it.
 *
 *   2026-01-31T12:04:05.123Z -- began pid=71
 *   2026-01-31T12:04:05.311Z listening
 */
#ifndef ACTORS_KEEPER_WORKER_LOG_H
#define ACTORS_KEEPER_WORKER_LOG_H
#include "base/buffer.h"
#include "base/rotated.h"

enum { WORKER_LOG_MAX = 4 * 1024 * 1024, WORKER_LINE_MAX = 4096 };

struct worker_log {
    struct rotated file; /* of WORKER_LOG_MAX */
    struct buffer page;
    char line[WORKER_LINE_MAX]; /* not yet ended by the worker */
    size_t size;
    char last[160]; /* its last line, for a report of its end */
};

MUST_CHECK enum err
worker_log_open(struct worker_log *log, const char *path, struct fault *fault);

/* Keep the whole lines of `in`, and the rest for later. */
void worker_log_take(struct worker_log *log, struct bytes in);
/* Keep the line that was not ended. */
void worker_log_end(struct worker_log *log);
/* A remark of ours. */
void worker_log_note(struct worker_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#endif
