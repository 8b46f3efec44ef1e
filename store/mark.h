/* mark - how far a store was durable, written beside its log after each sync.
 *
 * The mark itself is not synced: it may be too old, but never ahead of the log.  A log
 * that ends before its mark was shortened.  The file is also the owner's lock.
 */
#ifndef STORE_MARK_H
#define STORE_MARK_H
#include "base/err.h"

#include <stdint.h>

/* Open or create `folder`/mark and lock it; -1 if it fails.
 *
 * ERR_CONFLICT  another holds it
 * ERR_NO_SPACE, ERR_IO
 */
MUST_CHECK enum err mark_open(const char *folder, int *mark, struct fault *fault);
/* What was written last; 0 if nothing that can be read was. */
uint64_t mark_read(int mark);
MUST_CHECK enum err mark_write(int mark, uint64_t sequence, struct fault *fault);
#endif
