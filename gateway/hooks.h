/* hooks - of which project the URLs of webhooks are, as far as it was answered: pure.
 *
 * Who calls one has no key, so only the trigger actor knows.  What it took once takes
 * its turn with its project from then on; what was never taken shares the turn of
 * strangers.
 */
#ifndef GATEWAY_HOOKS_H
#define GATEWAY_HOOKS_H
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"

enum { HOOKS_MAX = 4096 }; /* the others are strangers until they are taken again */

/* Zero-initialised and opened. */
struct hooks {
    struct map by_handle;
    struct list all; /* the last learned last */
};

void hooks_open(struct hooks *hooks);
void hooks_close(struct hooks *hooks);

/* Zero: it is not known. */
struct id hooks_project(const struct hooks *hooks, struct bytes handle);
/* A call of it was taken.  Copies the handle. */
void hooks_learn(struct hooks *hooks, struct bytes handle, const struct id *project);
#endif
