/* overlay - the rows of a backend with changes laid over them, in order. */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H
#include "store/backend.h"
#include "store/sorted.h"

/* Call `each` until it returns false; `changed` holds the nodes of struct row and does
 * not change meanwhile.
 *
 * ERR_CORRUPT, ERR_IO
 */
MUST_CHECK enum err overlay_scan(const struct sorted *changed,
    const struct backend *backend, void *backend_self, const struct range *range,
    each_fn *each, void *each_self, struct fault *fault);
#endif
