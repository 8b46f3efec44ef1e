/* variables - the environment of a command: the worker's, and what its job gives. */
#ifndef WORKERS_STOCK_VARIABLES_H
#define WORKERS_STOCK_VARIABLES_H
#include "base/arena.h"
#include "base/bytes.h"

/* `given` is msgpack: a map of at most 64 names to values, nil or nothing.  A text is
 * as it is, nil is empty, anything else is JSON.  Ends in NULL; lies in `arena`, but
 * for the worker's own, which are borrowed.  NULL: that is no such map. */
char **variables_read(struct bytes given, struct arena *arena);
#endif
