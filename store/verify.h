/* verify - read all that a backend keeps and find what was changed or lost. */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H
#include "store/backend.h"

/* Records 1 to `last` must be there, and whole.
 *
 * ERR_CORRUPT  `fault` says what is wrong with which
 * ERR_IO
 */
MUST_CHECK enum err
verify(const struct backend *backend, void *self, uint64_t last, struct fault *fault);
#endif
