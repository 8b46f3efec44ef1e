/* child - how a process of the engine begins and ends: its side of the supervisor.
 *
 *   argv    PROGRAM INSTANCE
 *   fd 2    log lines, see base/log.h
 *   fd 3    "secret=HEX\n", "life=HEX\n", "clock=MS\n" and then the settings, see
 *           config_write; read to its end
 *   fd 4    one line back: "ready DETAIL\n" or "failed SENTENCE\n"
 *   fd 5    the lock of the data folder, kept open until the process ends
 *
 * `clock` is how far the engine's time is from the monotonic clock; the detail has it
 * again if a journal was ahead of that.
 *
 * SIGTERM asks to end: finish the turn, exit 0.  When the supervisor dies, so do we.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H
#include "base/folder.h"
#include "base/hash.h"
#include "base/sandbox.h"

/* Who starts processes of its own that must not be outlived leaves it open for them. */
enum { CHILD_LOCK_FD = 5 };

struct child {
    struct config config; /* `data` is absolute */
    uint8_t secret[SECRET_SIZE];
    uint8_t life[MAC_SIZE]; /* of the engine: another one with each start */
    int64_t clock_ms; /* as the supervisor said: from the monotonic clock to its time */
    unsigned instance;
    char name[32];                        /* such as "scheduler.0" */
    char run_folder[FOLDER_PATH_MAX];     /* sockets */
    char journal_folder[FOLDER_PATH_MAX]; /* there if the actor has a journal */
    int stop_fd;                          /* readable once SIGTERM came */
    char sandbox[SANDBOX_SAID_MAX];       /* what sandbox_enter said; empty: not yet */
};

/* Read the settings, open log and counters, block SIGTERM, ignore SIGINT and SIGPIPE.
 * Call it before any thread starts; `child` must live as long as the process.  A
 * program that was started by hand says so and exits 2. */
void child_start(int argc, char **argv, const char *actor, struct child *child);

/* Give up what this process does not need: all files but its own are out of reach from
 * here on.  After child_start, before any thread starts. */
void child_shut_in(struct child *child, bool owns_journal);

/* The supervisor starts the next process: every door must be open.  `format` may be
 * empty; the gateway says "http=PORT worker=PORT".  What the sandbox is follows. */
void child_ready(struct child *child, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Say why this process cannot begin and exit 1: the engine does not start then. */
_Noreturn void child_fail(struct child *child, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Has the supervisor told us to end? */
bool child_stopping(const struct child *child);
#endif
