/* stillness - all processes of an engine stand still for a moment.
 *
 * What their journals hold then is what they would hold had all been killed at once: a
 * state that the engine goes on from (docs/decisions/0015).  A process of its own stops
 * them and lets them go on, whatever becomes of us; after STILL_MS in any case.
 */
#ifndef ACTORS_BACKUP_STILLNESS_H
#define ACTORS_BACKUP_STILLNESS_H
#include "base/bytes.h"
#include "base/err.h"

#include <sys/types.h>

enum { STILL_MS = 2000 };

struct stillness {
    pid_t engine, guard;
    int end; /* of a socket to the guard */
    uint64_t begin_ms;
};

/* When this returns, none of the processes that `engine`, its supervisor, has started
 * does anything.
 *
 * ERR_IO       they could not be stopped: they go on
 * ERR_TIMEOUT  one of them would not stand still
 */
MUST_CHECK enum err
stillness_begin(pid_t engine, struct stillness *stillness, struct fault *fault);

/* Let them go on.  False: it was not quite still; what was read meanwhile may not fit.
 * `*ms` is how long it took. */
bool stillness_end(struct stillness *stillness, uint64_t *ms);
#endif
