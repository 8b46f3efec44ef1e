/* guardian - the process that stands over one managed worker.
 *
 * It runs the scripts, each in a process group of its own, keeps what they print, and
 * ends only when no process of the worker's is left, not even one that went into the
 * background: SIGTERM first, SIGKILL when patience ends.  It does the same when the
 * keeper dies, however: so nothing that was started here outlives the engine.  It holds
 * the lock of the data folder meanwhile.
 *
 * It says what happens on a pipe, a line each, at most once and in this order:
 *
 *   installed        setup and install scripts, if they were to run, have
 *   began PID        the start script runs
 *   refused WHY      a script before it failed
 *   ended HOW        the start script ended by itself, such as "exit=3: its last words"
 */
#ifndef ACTORS_KEEPER_GUARDIAN_H
#define ACTORS_KEEPER_GUARDIAN_H
#include "actors/keeper/manifest.h"

#include <sys/types.h>

/* What a worker may take to end after SIGTERM when nobody waits for it. */
enum { GUARDIAN_REMAINS_MS = 2000, GUARDIAN_INSTALL_MS = 600000 };

struct errand {
    const struct manifest *manifest;
    const char *project;      /* folder: where scripts run */
    const char *log;          /* path */
    const char *lock;         /* path: one guardian of a worker at a time */
    char *const *environment; /* as execve takes it */
    bool install;             /* setup and install scripts first */
    unsigned grace_ms;        /* from SIGTERM to SIGKILL */
};

/* Start one.  `*say_fd` is where it says what happens; does not block.  SIGTERM asks it
 * to end. */
MUST_CHECK enum err guardian_start(
    const struct errand *errand, pid_t *pid, int *say_fd, struct fault *fault);
#endif
