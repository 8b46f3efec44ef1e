/* spawn - the only place that forks, execs and waits.  See base/child.h for what a
 * started process finds. */
#ifndef ACTORS_SUPERVISOR_SPAWN_H
#define ACTORS_SUPERVISOR_SPAWN_H
#include "base/bytes.h"
#include "base/err.h"

#include <sys/types.h>

struct spawn {
    const char *program; /* path */
    unsigned instance;
    struct bytes settings; /* what the process reads on descriptor 3 */
    int lock_fd;           /* it keeps a copy */
};

struct spawned {
    pid_t pid;
    int log_fd;   /* what it prints; does not block */
    int ready_fd; /* what it says of its beginning; does not block */
};

/* Start a process of an own group that dies when this one does.  That the program
 * could not be run is said on ready_fd. */
MUST_CHECK enum err
spawn(const struct spawn *what, struct spawned *out, struct fault *fault);

/* The next process that has died, 0 when none has.  What it left running in its group
 * is killed. `how` says how it died, such as "exit=3" or "signal=9". */
pid_t spawn_reap(char how[32]);

/* The process may have died already. */
void spawn_terminate(pid_t pid);
void spawn_kill(pid_t pid);

/* Go on in the background, without terminal.  The caller's process prints what the
 * other writes to `*say_fd` and then exits: 0 when that begins with "ready", else as it
 * does. */
MUST_CHECK enum err spawn_background(int *say_fd, struct fault *fault);
#endif
