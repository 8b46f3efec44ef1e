/* log - one line per event, logfmt, to stderr; the supervisor stamps and keeps it.
 *
 *   unusual lease worker_silent session=wsess_… silent_ms=31000
 *
 * Levels say who must act.  Give values that may hold spaces in quotes.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_BROKEN,  /* us, now */
    LOG_UNUSUAL, /* a peer */
    LOG_INFO,    /* an operator may care */
    LOG_DEBUG
};

/* Set once at start: who speaks, and what is the last level to be printed. */
void log_open(const char *process, enum log_level last);
/* From now on lines, each with its newline, go to `take` and not to stderr. */
void log_divert(void (*take)(void *taker, const char *line, size_t size), void *taker);
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum log_level log_level_named(const char *name); /* LOG_INFO if unknown */
bool log_level_known(const char *name);
#endif
