/* engine - the shell of the supervisor: it waits for what happens, tells the machine of
 * supervisor.h, and obeys. */
#ifndef ACTORS_SUPERVISOR_ENGINE_H
#define ACTORS_SUPERVISOR_ENGINE_H
#include "base/config.h"

struct engine_wish {
    struct config config;
    bool foreground; /* print what is logged */
    int say_fds[2]; /* hear "ready http=PORT worker=PORT" or "failed SENTENCE"; or -1 */
};

enum { ENGINE_EXIT_REFUSED = 2 };

/* Run an engine until it is told to stop.  Returns the exit code: 0 after SIGTERM,
 * ENGINE_EXIT_REFUSED when settings or another engine forbid it, and those of
 * supervisor.h.  Shuts `say_fds`. */
int engine_run(const struct engine_wish *wish);
#endif
