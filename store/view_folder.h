/* view_folder - where RocksDB keeps a view's own log, beside the journal it looks at.
 *
 * views/JOURNAL.view-1, -2, …: one for each view that is open, so that who looks need
 * not write where the journals are.  What a killed view leaves behind is taken over by
 * the next.
 */
#ifndef STORE_VIEW_FOLDER_H
#define STORE_VIEW_FOLDER_H
#include "base/err.h"

#include <limits.h>

struct view_folder {
    int lock; /* file descriptor; -1: not open */
    char path[PATH_MAX];
};

/* ERR_BUSY  as many views are open as there may be
 * ERR_IO, ERR_NO_SPACE */
MUST_CHECK enum err
view_folder_open(const char *journal, struct view_folder *folder, struct fault *fault);
/* Remove it and what is in it. */
void view_folder_close(struct view_folder *folder);
#endif
