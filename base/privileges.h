/* privileges - what a process may because of who runs it: users and capabilities. */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H
#include "base/bytes.h"
#include "base/err.h"

/* Give up every capability, for this process and all that it will start, but that to
 * listen on ports below 1024, and that too unless `low_ports`.  False: the kernel
 * refused, and something is left. */
bool privileges_drop(bool low_ports);

/* Root only, and before any thread: go on as the owner of `folder`, with its group and
 * no other; `*changed` says whether that is somebody else than root.  The capability
 * for ports below 1024 stays.  Others do nothing.
 *
 * ERR_IO  the folder cannot be looked at, or the kernel refused
 */
MUST_CHECK enum err
privileges_of_owner(const char *folder, bool *changed, struct fault *fault);
#endif
